// The small menu of an own message: take it back, copy it.

import { api } from './state.js';
import { byId, element, icon, toast } from './dom.js';
import { spoken } from './message.js';

const longPress = 500; // milliseconds

/**
 * makeEntryMenu returns the function that gives a message its menu: by a "…" button it adds to row, by a long press on
 * bubble, by the context menu.
 */
export function makeEntryMenu({ phone, act }) {
  const menu = byId('entry-menu');
  let opener = null; // gets the focus back

  menu.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      close();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...menu.children];
    items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
  });
  document.addEventListener('pointerdown', (event) => {
    if (isOpen() && !menu.contains(event.target)) menu.hidePopover();
  });

  const isOpen = () => menu.matches(':popover-open');

  function close() {
    menu.hidePopover();
    opener.focus();
  }

  function open(anchor, entry) {
    const text = spoken(entry.message);
    const item = (name, label, test, chosen) => element('button', {
      type: 'button', role: 'menuitem', data: { test },
      onclick: () => {
        close();
        chosen();
      },
    }, icon(name), label);
    menu.replaceChildren(
      item('undo', '送信取消', 'unsend', () => api.unsend(phone(), entry.id).catch((error) => toast(error.message))),
      ...(text ? [item('copy', 'コピー', 'copy', () => act({ type: 'clipboard', clipboardText: text }))] : []));
    if (!isOpen()) menu.showPopover();
    const at = anchor.getBoundingClientRect();
    const { width, height } = menu.getBoundingClientRect();
    const below = at.bottom + 6;
    menu.style.top = `${below + height < innerHeight ? below : Math.max(8, at.top - 6 - height)}px`;
    menu.style.left = `${Math.min(Math.max(8, at.right - width), innerWidth - width - 8)}px`;
    menu.firstElementChild.focus();
  }

  return (row, bubble, entry) => {
    const more = element('button', { type: 'button', class: 'more', 'aria-label': 'メッセージの操作', 'aria-haspopup': 'menu', data: { test: 'entry-more' } }, icon('more'));
    const openAt = (anchor) => {
      opener = more;
      open(anchor, entry);
    };
    more.addEventListener('click', () => openAt(more));
    row.append(more);

    bubble.addEventListener('contextmenu', (event) => {
      event.preventDefault();
      openAt(bubble);
    });
    let timer;
    let pressed = false;
    bubble.addEventListener('pointerdown', (event) => {
      pressed = false;
      if (event.pointerType === 'mouse') return;
      timer = setTimeout(() => {
        pressed = true;
        openAt(bubble);
      }, longPress);
    });
    for (const kind of ['pointerup', 'pointercancel', 'pointerleave']) bubble.addEventListener(kind, () => clearTimeout(timer));
    // Lifting the finger after a long press is no tap on a link or picture in the bubble.
    bubble.addEventListener('click', (event) => {
      if (!pressed) return;
      event.preventDefault();
      event.stopPropagation();
    }, true);
  };
}
