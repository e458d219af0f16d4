// The rich menu: a picture with areas to tap, and the bar that opens and closes it.

import { byId, element, icon } from './dom.js';
import { actionName } from './action.js';
import { areaButton } from './template.js';

/** makeMenu returns the menu's view: show(person) and open(yes). onOpen is called when the person opens it. */
export function makeMenu({ act, onOpen }) {
  const section = byId('menu');
  const toggle = byId('menu-toggle');
  const place = byId('menu-picture');
  const wish = new Map(); // person's id → open or not, once they chose
  let owner = null;
  let shown = null; // the menu last asked for

  toggle.append(icon('chevron'));
  toggle.addEventListener('click', () => open(place.hidden));

  function open(yes) {
    if (!shown) return;
    wish.set(owner, yes);
    apply();
    if (yes) onOpen();
  }

  function apply() {
    const opened = Boolean(shown) && (wish.get(owner) ?? shown.selected);
    section.hidden = !shown;
    place.hidden = !opened;
    toggle.setAttribute('aria-expanded', String(opened));
  }

  async function show(person) {
    const menu = person?.menu ?? null;
    const samePerson = owner === (person?.id ?? null);
    owner = person?.id ?? null;
    if (samePerson && shown?.id === menu?.id) return;
    shown = menu;
    if (!menu) {
      place.replaceChildren();
      apply();
      return;
    }
    if (!samePerson) place.replaceChildren();
    const picture = element('img', { src: menu.image, alt: '', draggable: 'false' });
    // The old picture stays until the new one is there, so that switching tabs does not flicker.
    await picture.decode().catch(() => {});
    if (shown !== menu) return;
    const focused = [...place.querySelectorAll('.area')].indexOf(document.activeElement);
    const areas = menu.areas.map(({ bounds, action }, i) =>
      areaButton(bounds, menu.size, actionName(action) || `メニュー ${i + 1}`, 'menu-area', () => act(action)));
    place.style.aspectRatio = `${menu.size.width} / ${menu.size.height}`;
    place.replaceChildren(picture, ...areas);
    byId('menu-text').textContent = menu.chatBarText;
    apply();
    if (focused >= 0) (areas[focused] ?? toggle).focus();
  }

  return { show, open };
}
