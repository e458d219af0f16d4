// What is inside a bubble: one function for each type of message object.

import { dialog, element, icon, imageURL, picture } from './dom.js';
import { open } from './action.js';
import { flexMessage } from './flex.js';
import { imagemapMessage, templateMessage } from './template.js';
import { sticker } from './sticker.js';

/**
 * content shows a message object. It returns the element and whether a bubble is drawn around it; phone() is the id of
 * the person who looks at it, act performs an action.
 */
export function content(message, { phone, act }) {
  const show = kinds[message?.type];
  if (!show) return { node: element('p', { text: `この形式（${message?.type ?? '不明'}）は表示できません。` }), plain: true };
  return show(message, { phone, act });
}

const bare = (node) => ({ node, plain: false });
const plain = (node) => ({ node, plain: true });

const kinds = {
  text: (message, { phone }) => plain(words(withEmojis(message), phone)),
  textV2: (message, { phone }) => plain(words(withSubstitutions(message), phone)),
  sticker: (message) => bare(sticker(message.stickerId)),
  image: (message) => bare(photo(message.url ?? message.previewImageUrl ?? message.originalContentUrl, message.url ?? message.originalContentUrl)),
  video: (message, { phone }) => bare(video(message, phone)),
  audio: (message, { phone }) => plain(audio(message, phone)),
  location: (message) => bare(place(message)),
  flex: (message, { act }) => bare(flexMessage(message, act)),
  template: (message, { act }) => bare(templateMessage(message, act)),
  imagemap: (message, { act }) => bare(imagemapMessage(message, act)),
  file: (message) => plain(element('p', { text: message.fileName ?? 'ファイル' })),
};

/** words is text with its links made clickable. */
function words(text, phone) {
  const node = element('p', { class: 'words' });
  // Only what may stand unescaped in an address: Japanese text right after it is not part of it.
  const links = /https?:\/\/[\w\-.~:/?#[\]@!$&'()*+,;=%]+/gi;
  let done = 0;
  for (const match of text.matchAll(links)) {
    const address = match[0].replace(/[.,;:!?')\]]+$/, '');
    node.append(text.slice(done, match.index), element('a', {
      href: address, target: '_blank', rel: 'noreferrer noopener', text: address,
      onclick: (event) => {
        event.preventDefault();
        open(phone(), address);
      },
    }));
    done = match.index + address.length;
  }
  node.append(text.slice(done));
  return node;
}

/** withEmojis puts a sign where LINE's own emoji would be drawn. */
function withEmojis({ text = '', emojis = [] }) {
  const at = new Set(emojis.map(({ index }) => index));
  return [...text.split('')].map((unit, i) => (at.has(i) && unit === '$' ? '🙂' : unit)).join('');
}

function withSubstitutions({ text = '', substitution = {} }) {
  return text.replace(/\{\{|\}\}|\{([0-9A-Za-z_]{1,20})\}/g, (found, key) => {
    if (!key) return found[0];
    const kind = substitution[key]?.type;
    if (kind === 'emoji') return '🙂';
    return kind === 'mention' ? '@メンバー' : found;
  });
}

function photo(small, full) {
  return element('button', {
    type: 'button', class: 'photo', 'aria-label': '写真を大きく表示', data: { test: 'image' },
    onclick: () => view(full),
  }, picture(small));
}

/** view shows a picture as large as the screen allows. */
function view(address) {
  dialog('写真', 'viewer', (box) => element('figure', {},
    picture(address, '写真'),
    element('button', { type: 'button', class: 'icon-button', 'aria-label': '閉じる', onclick: () => box.close('') }, icon('close'))));
}

/** video shows the preview; the film itself opens in a tab. */
function video(message, phone) {
  return element('button', {
    type: 'button', class: 'photo film', 'aria-label': '動画を再生',
    onclick: () => open(phone(), message.originalContentUrl),
  }, picture(message.previewImageUrl), element('span', { class: 'play' }, icon('play')));
}

function audio(message, phone) {
  const seconds = Math.round((message.duration ?? 0) / 1000);
  const bars = Array.from({ length: 18 }, (_, i) => {
    const bar = element('i');
    bar.style.height = `${5 + Math.round(11 * Math.abs(Math.sin(i * 1.7) * Math.cos(i * 0.6)))}px`;
    return bar;
  });
  return element('button', {
    type: 'button', class: 'audio', 'aria-label': `音声を再生（${seconds}秒）`,
    onclick: () => open(phone(), message.originalContentUrl),
  },
  element('span', { class: 'audio-play' }, icon('play')),
  element('span', { class: 'audio-bars', 'aria-hidden': 'true' }, ...bars),
  element('span', { text: `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}` }));
}

function place(message) {
  return element('div', { class: 'place' },
    element('div', { class: 'place-map', 'aria-hidden': 'true' }, icon('pin')),
    element('strong', { text: message.title || '位置情報' }),
    message.address ? element('span', { text: message.address }) : null,
    element('span', { class: 'place-numbers', text: `${Number(message.latitude).toFixed(4)}, ${Number(message.longitude).toFixed(4)}` }));
}

/** spoken is a message in few words, for lists and copies. */
export function spoken(message) {
  return message?.text ?? message?.altText ?? '';
}

/** senderIcon is the picture a message's sender asked for, or null. */
export function senderIcon(sender) {
  const src = sender?.iconUrl && imageURL(sender.iconUrl);
  return src ? element('img', { class: 'avatar', src, alt: '' }) : null;
}
