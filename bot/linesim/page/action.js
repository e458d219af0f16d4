// What a tap does: LINE's action objects, wherever they stand.

import { api, words, clock } from './state.js';
import { dialog, element, toast } from './dom.js';

/** station is the place a person is at when asked for one. */
export const station = { type: 'location', title: '東京駅', address: '東京都千代田区丸の内1丁目', latitude: 35.681236, longitude: 139.767125 };

/** open follows a link in a new tab, as the person whose phone this is. */
export async function open(person, uri) {
  // The tab is opened before the answer is there: browsers allow it only right after the tap.
  const tab = /^tel:/i.test(uri) ? null : window.open('', '_blank');
  if (tab) tab.opener = null;
  try {
    const { url } = await api.open(person, uri);
    if (/^tel:/i.test(url)) toast(`電話をかけます：${url.slice(4)}`);
    else if (tab) tab.location.replace(url);
    else location.assign(url);
  } catch (error) {
    tab?.close();
    toast(error.message);
  }
}

/**
 * makeAct returns the function that performs an action object. phone() is the person's id; compose(text) begins a
 * message; showMenu(open) opens or closes the rich menu. The returned function resolves with true once something
 * happened: a picker that was closed without a choice did not.
 */
export function makeAct({ phone, compose, showMenu }) {
  const kinds = {
    message: (action) => api.send(phone(), { type: 'text', text: action.text }),

    async postback(action) {
      await api.postback(phone(), { data: action.data, displayText: action.displayText });
      if (action.text) await api.send(phone(), { type: 'text', text: action.text });
      if (action.inputOption === 'openKeyboard') compose(action.fillInText ?? '');
      if (action.inputOption === 'openRichMenu') showMenu(true);
      if (action.inputOption === 'closeRichMenu') showMenu(false);
      if (action.inputOption === 'openVoice') toast('この画面では音声を入力できません。');
    },

    uri: (action) => open(phone(), action.uri ?? action.linkUri),

    async datetimepicker(action) {
      const value = await pickTime(action);
      if (!value) return false;
      await api.postback(phone(), { data: action.data, params: { [action.mode]: value } });
    },

    async clipboard(action) {
      try {
        await navigator.clipboard.writeText(action.clipboardText);
        toast('コピーしました。');
      } catch {
        toast('コピーできませんでした。');
      }
    },

    richmenuswitch: (action) => api.switchMenu(phone(), action.richMenuAliasId, action.data ?? ''),
    camera: () => api.send(phone(), { type: 'image' }),
    cameraRoll: () => api.send(phone(), { type: 'image' }),
    location: () => api.send(phone(), station),
  };

  return async (action) => {
    const perform = kinds[action?.type];
    if (!perform) {
      toast('この操作は、この画面では使えません。');
      return false;
    }
    try {
      return (await perform(action)) !== false;
    } catch (error) {
      toast(error.message);
      return false;
    }
  };
}

const pickers = {
  date: { type: 'date', label: '日付を選ぶ', initial: (now) => now.slice(0, 10) },
  time: { type: 'time', label: '時刻を選ぶ', initial: (now) => now.slice(11) },
  datetime: { type: 'datetime-local', label: '日時を選ぶ', initial: (now) => now },
};

/** pickTime asks for what a datetimepicker action wants and resolves with it in LINE's form, "" when dismissed. */
function pickTime(action) {
  const picker = pickers[action.mode] ?? pickers.datetime;
  const local = (value) => value?.replace('t', 'T'); // LINE takes both
  return dialog(picker.label, 'picker', (box) => {
    const input = element('input', {
      type: picker.type, name: 'value', required: true, 'aria-label': picker.label,
      min: local(action.min), max: local(action.max),
    });
    input.value = local(action.initial) ?? picker.initial(words.input(clock.now()));
    return element('form', { onsubmit: (event) => {
      event.preventDefault();
      box.close(input.value);
    } },
      element('h2', { text: action.label || picker.label }),
      input,
      element('div', { class: 'dialog-buttons' },
        element('button', { type: 'button', class: 'plain', text: 'キャンセル', onclick: () => box.close('') }),
        element('button', { type: 'submit', class: 'primary', text: '決定', data: { test: 'picker-ok' } })));
  });
}

/** actionName is what a screen reader says for something that is only a picture. */
export function actionName(action) {
  return action?.label || action?.displayText || action?.text || action?.uri || action?.linkUri || '';
}

/** tappable makes an element that is no button perform an action. */
export function tappable(node, action, act) {
  if (!action) return node;
  const perform = (event) => {
    event.stopPropagation(); // an action inside another goes first
    event.preventDefault();
    act(action);
  };
  node.classList.add('tappable');
  node.tabIndex = 0;
  node.setAttribute('role', action.type === 'uri' ? 'link' : 'button');
  node.dataset.test = 'flex-tap';
  node.addEventListener('click', perform);
  node.addEventListener('keydown', (event) => {
    if (event.target === node && (event.key === 'Enter' || event.key === ' ')) perform(event);
  });
  return node;
}
