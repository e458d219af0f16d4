// Keyboard shortcuts, with a sheet that lists them.

import { byId, el } from './dom.js';
import { say } from './state.js';
import { moveList, moveRow, takeNext } from './lists.js';
import { closeChat, transferChat, write } from './talk.js';

const keys = {
  n: ['key.next', takeNext], r: ['key.reply', () => write(false)], m: ['key.note', () => write(true)],
  j: ['key.move', () => moveRow(1)], k: ['key.move', () => moveRow(-1)], l: ['key.lists', () => moveList(1)],
  t: ['key.transfer', transferChat], e: ['key.close', closeChat],
  s: ['key.search', () => byId('search').querySelector('input').focus()], '?': ['key.help', () => showKeys()],
};

/** showKeys is the sheet. */
export function showKeys() {
  const rows = Object.entries(keys).map(([key, [word]]) => el('div', {}, el('dt', {}, el('kbd', {}, key)), el('dd', {}, say(word))));
  const box = el('dialog', { id: 'keys', onclose: () => box.remove() }, el('h2', {}, say('shortcuts')), el('dl', { className: 'keys' }, rows),
    el('form', { method: 'dialog' }, el('button', { className: 'primary', autofocus: true }, say('shut'))));
  document.body.append(box);
  box.showModal();
}

/** makeKeys listens, but not while somebody writes or a dialog is open. */
export function makeKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return;
    if (event.target.closest('input, textarea, select')) return;
    const key = keys[event.key];
    if (!key) return;
    event.preventDefault();
    key[1]();
  });
}
