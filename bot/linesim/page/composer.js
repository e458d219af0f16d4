// The bar one writes in, with its trays of stickers and attachments.

import { api, upload } from './state.js';
import { byId, element, icon, toast } from './dom.js';
import { station } from './action.js';
import { stickerPicker } from './sticker.js';

const tallest = 120; // pixels the input grows to

/** makeComposer returns the bar's view; phone() is the person's id, showMenu(open) opens or closes the rich menu. */
export function makeComposer({ phone, showMenu }) {
  const form = byId('composer');
  const input = byId('input');
  const tray = byId('tray');
  const buttons = { stickers: byId('stickers'), attach: byId('attach') };
  const drafts = new Map(); // person's id → text not sent yet
  let owner = null;
  let open = null; // key of buttons

  buttons.attach.append(icon('plus'));
  buttons.stickers.append(icon('smile'));
  byId('send').append(icon('send'));

  const grow = () => {
    input.style.height = '';
    if (input.scrollHeight > input.clientHeight) input.style.height = `${Math.min(input.scrollHeight, tallest)}px`;
    byId('send').disabled = input.value.trim() === '';
  };
  input.addEventListener('input', grow);
  input.addEventListener('focus', () => {
    showTray(null);
    if (matchMedia('(pointer: coarse)').matches) showMenu(false); // the keyboard needs the room
  });
  input.addEventListener('keydown', (event) => {
    // Enter also ends the choice of a word while one is composed; 229 is what Safari says then.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    form.requestSubmit();
  });

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const text = input.value;
    if (!text.trim()) return;
    input.value = '';
    grow();
    if (!(await send({ type: 'text', text })) && !input.value) {
      input.value = text;
      grow();
    }
  });

  async function send(message) {
    try {
      await api.send(phone(), message);
      return true;
    } catch (error) {
      toast(error.message);
      return false;
    }
  }

  const file = element('input', { type: 'file', accept: 'image/png,image/jpeg', hidden: true, 'aria-label': '写真のファイル' });
  file.addEventListener('change', () => {
    if (file.files.length) send(upload(file.files[0]));
    file.value = '';
    showTray(null);
  });
  form.append(file);

  const tile = (name, text, test, onclick) => element('button', { type: 'button', class: 'tile', data: { test }, onclick },
    element('span', { class: 'tile-icon' }, icon(name)), text);
  const trays = {
    stickers: () => stickerPicker((message) => {
      showTray(null);
      send(message);
    }),
    attach: () => element('div', { class: 'tiles' },
      tile('image', '写真を選ぶ', 'send-file', () => file.click()),
      tile('camera', '見本の写真', 'send-image', () => { showTray(null); send({ type: 'image' }); }),
      tile('pin', '位置情報', 'send-location', () => { showTray(null); send(station); })),
  };
  for (const [name, button] of Object.entries(buttons)) {
    button.addEventListener('click', () => showTray(open === name ? null : name));
  }

  function showTray(name) {
    open = name;
    if (name) showMenu(false);
    tray.hidden = !name;
    tray.replaceChildren(...(name ? [trays[name]()] : []));
    for (const [other, button] of Object.entries(buttons)) button.setAttribute('aria-expanded', String(other === name));
  }

  /** compose begins a message with a text. */
  function compose(text) {
    input.value = text;
    grow();
    input.focus();
    input.setSelectionRange(text.length, text.length);
  }

  /** show changes to a person's draft. */
  function show(person) {
    if (person === owner) return;
    if (owner) drafts.set(owner, input.value);
    owner = person;
    input.value = drafts.get(person) ?? '';
    showTray(null);
    grow();
  }

  return { compose, show, closeTray: () => showTray(null) };
}
