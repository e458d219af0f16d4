// The bar on top: presence, seats, hours, connection, search and the menu.

import { byId, dialog, el } from './dom.js';
import { api, attempt, connected, desk, hear, say, supervises } from './state.js';
import { search } from './lists.js';
import { alerts } from './alerts.js';
import { showKeys } from './keys.js';

const self = () => desk.operators.find((o) => o.name === desk.me.name) ?? { presence: 'off', seats: 3, taken: 0 };
const set = (presence, seats) => attempt(() => api('presence', { Presence: presence, Seats: seats }));

function draw() {
  const me = self();
  const focus = document.activeElement?.dataset?.presence;
  byId('presence').replaceChildren(...['on', 'away', 'off'].map((p) =>
    el('button', { role: 'radio', 'aria-checked': String(me.presence === p), data: { presence: p }, className: p, onclick: () => set(p, me.seats) }, say(p))));
  if (focus) byId('presence').querySelector(`[data-presence="${focus}"]`)?.focus();
  byId('seats').replaceChildren(el('span', { className: 'small' }, `${say('seats')} ${me.taken}/${me.seats}`),
    el('button', { 'aria-label': `${say('seats')} ${say('fewer')}`, onclick: () => set(me.presence, me.seats - 1), disabled: me.seats <= 1 }, '−'),
    el('button', { 'aria-label': `${say('seats')} ${say('more')}`, onclick: () => set(me.presence, me.seats + 1), disabled: me.seats >= 20 }, '＋'));
  const s = desk.state;
  byId('hours').textContent = s.open ? say('hoursOpen', s) : say('hoursClosed', s);
  byId('connection').textContent = say(connected ? 'connection.on' : 'connection.off');
  byId('connection').classList.toggle('off', !connected);
  document.documentElement.dataset.connected = String(connected);
}

async function today() {
  const form = await dialog(say('deskToday'), [
    el('label', { className: 'toggle' }, el('input', { type: 'radio', name: 'how', value: 'usual', checked: true }), say('usual')),
    el('label', { className: 'toggle' }, el('input', { type: 'radio', name: 'how', value: 'close' }), say('closeNow')),
    el('label', { className: 'toggle' }, el('input', { type: 'radio', name: 'how', value: 'until' }), say('until'), el('input', { type: 'time', name: 'until', value: '20:00' })),
    el('label', { className: 'toggle' }, el('input', { type: 'checkbox', name: 'auto', checked: desk.state.auto }), say('auto')),
  ], { ok: say('set'), cancel: say('cancel') });
  if (!form) return;
  if (Boolean(form.auto) !== desk.state.auto) await attempt(() => api('auto', { On: Boolean(form.auto) }));
  if (form.how !== 'usual' || desk.state.changed) await attempt(() => api('hours', { Until: form.how === 'until' ? form.until : form.how }));
}

const themes = ['', 'light', 'dark'];
function theme(next) {
  const value = next ?? localStorage.getItem('theme') ?? '';
  localStorage.setItem('theme', value);
  if (value) document.documentElement.dataset.theme = value;
  else delete document.documentElement.dataset.theme;
}

function language() {
  document.cookie = `desk-lang=${say('otherLanguageCode')}; path=/console; max-age=31536000; samesite=lax`;
  location.reload();
}

/** makeBar draws the bar and keeps it live. */
export function makeBar() {
  theme();
  const item = (text, onclick, data = {}) => el('button', { className: 'quiet', onclick, data }, text);
  byId('menu-items').prepend(
    ...(supervises() ? [item(say('deskToday'), today, { item: 'today' })] : []),
    item(say(alerts.on() ? 'notifyOn' : 'notify'), async (event) => { await alerts.ask(); event.target.textContent = say(alerts.on() ? 'notifyOn' : 'notify'); }),
    item(say('shortcuts'), showKeys, { item: 'keys' }),
    item(say('theme'), () => theme(themes[(themes.indexOf(localStorage.getItem('theme') ?? '') + 1) % 3])),
    item(say('otherLanguage'), language, { item: 'language' }),
  );
  document.addEventListener('click', (event) => { if (!byId('menu').contains(event.target)) byId('menu').open = false; });
  byId('search').addEventListener('submit', (event) => { event.preventDefault(); search(new FormData(event.target).get('q').trim()); });
  byId('search').querySelector('input').addEventListener('input', (event) => { if (!event.target.value) search(''); });
  hear((what) => { if (what === 'desk' || what === 'connection') draw(); });
  draw();
}
