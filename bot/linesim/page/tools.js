// The clock that can be moved, and the panels beside the phone.

import { api, clock, words } from './state.js';
import { byId, icon, toast } from './dom.js';

const still = 1500; // milliseconds the two clocks may differ before we say that one was moved

/** makeTools wires up the clock and the panels. It returns closePanels. */
export function makeTools() {
  const at = byId('clock-at');
  let edited = false;

  function draw() {
    const now = clock.now();
    byId('clock-date').textContent = words.date(now);
    byId('clock-time').textContent = words.seconds(now);
    byId('status-time').textContent = words.time(now);
    byId('clock-moved').hidden = Math.abs(clock.ahead) < still;
    if (!edited && document.activeElement !== at) at.value = words.input(now);
  }
  function tick() {
    draw();
    setTimeout(tick, 1000 - clock.now().getMilliseconds());
  }
  clock.onset = draw;
  tick();

  async function move(change) {
    try {
      const { now } = await api.setClock(change);
      edited = false;
      clock.set(now);
      at.value = words.input(clock.now());
    } catch (error) {
      toast(error.message);
    }
  }
  at.addEventListener('input', () => { edited = true; });
  byId('clock-form').addEventListener('submit', (event) => {
    event.preventDefault();
    move({ now: words.fromInput(at.value) });
  });
  for (const button of document.querySelectorAll('[data-advance]')) {
    button.addEventListener('click', () => move({ advance: button.dataset.advance }));
  }
  byId('clock-reset').addEventListener('click', () => move({ reset: true }));

  return panels();
}

/** panels makes the columns open over the phone where the screen has no room beside it. */
function panels() {
  const backdrop = byId('backdrop');
  const pairs = [['open-people', 'people-panel', 'people'], ['open-tools', 'tools-panel', 'clock']].map(([button, panel, name]) => {
    byId(button).append(icon(name));
    return { button: byId(button), panel: byId(panel) };
  });

  function show(wanted) {
    for (const { button, panel } of pairs) {
      const opened = panel === wanted;
      panel.classList.toggle('opened', opened);
      button.setAttribute('aria-expanded', String(opened));
    }
    backdrop.hidden = !wanted;
    byId('device').inert = Boolean(wanted);
    wanted?.querySelector('[data-close]').focus();
  }
  function close() {
    const opened = pairs.find(({ panel }) => panel.classList.contains('opened'));
    if (!opened) return;
    show(null);
    opened.button.focus();
  }
  for (const { button, panel } of pairs) {
    button.addEventListener('click', () => show(panel));
    const cross = panel.querySelector('[data-close]');
    cross.append(icon('close'));
    cross.addEventListener('click', close);
  }
  backdrop.addEventListener('click', close);
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close();
  });
  // Wide enough for columns: nothing lies over the phone any more.
  matchMedia('(min-width: 720px)').addEventListener('change', (event) => event.matches && close());
  return { closePanels: close };
}
