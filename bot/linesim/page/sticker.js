// Stickers, drawn here: a rice cake with a sprout, one mood each. The ids are ids LINE has stickers for.

import { element, shape } from './dom.js';

const packageId = '446';
const ink = '#33423b';

/** moods by sticker id, in the order the picker shows them. */
const moods = {
  1988: { name: '了解', body: '#fffdf6', eyes: 'smile', mouth: 'open', extra: 'sparkle', says: '了解！' },
  1989: { name: 'ありがとう', body: '#fff3f4', eyes: 'smile', mouth: 'small', extra: 'hearts', says: 'ありがとう' },
  1990: { name: 'こんにちは', body: '#f1fbff', eyes: 'dots', mouth: 'open', extra: 'wave', says: 'やあ' },
  1991: { name: '大好き', body: '#fff3f4', eyes: 'hearts', mouth: 'open', extra: 'hearts' },
  1992: { name: '大笑い', body: '#fffbe9', eyes: 'squeeze', mouth: 'wide' },
  1993: { name: 'ごめんなさい', body: '#f3f6ff', eyes: 'worry', mouth: 'wavy', extra: 'sweat', says: 'ごめん…' },
  1994: { name: '泣く', body: '#f1fbff', eyes: 'worry', mouth: 'frown', extra: 'tears' },
  1995: { name: 'びっくり', body: '#fffbe9', eyes: 'wide', mouth: 'round', extra: 'exclaim' },
  1996: { name: 'うーん', body: '#f6f3ff', eyes: 'aside', mouth: 'flat', extra: 'question' },
  1997: { name: 'おやすみ', body: '#f3f6ff', eyes: 'closed', mouth: 'small', extra: 'sleep' },
  1998: { name: 'ぷんぷん', body: '#fff1ec', eyes: 'angry', mouth: 'frown', extra: 'steam' },
  1999: { name: 'やった', body: '#fffdf6', eyes: 'smile', mouth: 'wide', extra: 'sparkle', says: 'やった！' },
  2000: { name: 'いいね', body: '#f2fdf4', eyes: 'wink', mouth: 'open', extra: 'sparkle', says: 'いいね' },
  2001: { name: 'おねがい', body: '#fff3f4', eyes: 'wide', mouth: 'small', extra: 'flowers', says: 'おねがい' },
  2002: { name: 'おつかれさま', body: '#f2fdf4', eyes: 'closed', mouth: 'open', extra: 'flowers', says: 'おつかれ！' },
  2003: { name: 'ほっとする', body: '#fffbe9', eyes: 'closed', mouth: 'small', extra: 'steam' },
};

const line = (d, props = {}) => shape('path', { d, fill: 'none', stroke: ink, 'stroke-width': 4, 'stroke-linecap': 'round', 'stroke-linejoin': 'round', ...props });
const dot = (cx, cy, r, fill = ink) => shape('circle', { cx, cy, r, fill });
const heart = (x, y, size, fill = '#f0587a') => shape('path', {
  d: 'M0 9C-12 1-9-9-3.5-9-1.2-9 0-6.8 0-6s1.2-3 3.5-3C9-9 12 1 0 9Z', fill, transform: `translate(${x} ${y}) scale(${size})`,
});

const eyes = {
  dots: () => [dot(61, 84, 5), dot(99, 84, 5)],
  smile: () => [line('M53 86q8-10 16 0'), line('M91 86q8-10 16 0')],
  closed: () => [line('M53 83q8 8 16 0'), line('M91 83q8 8 16 0')],
  squeeze: () => [line('M54 77l13 7-13 7'), line('M106 77l-13 7 13 7')],
  hearts: () => [heart(61, 84, 1), heart(99, 84, 1)],
  worry: () => [dot(61, 87, 5), dot(99, 87, 5), line('M52 76l14-5'), line('M108 76l-14-5')],
  wide: () => [dot(61, 84, 9), dot(99, 84, 9), dot(64, 81, 3, '#fff'), dot(102, 81, 3, '#fff')],
  aside: () => [dot(66, 82, 5), dot(104, 82, 5), line('M55 72l14 1'), line('M94 70l14-4')],
  angry: () => [dot(61, 87, 5), dot(99, 87, 5), line('M52 73l15 6'), line('M108 73l-15 6')],
  wink: () => [dot(61, 84, 5), line('M91 84q8-7 16 0')],
};

const mouths = {
  small: () => [line('M73 97q7 6 14 0')],
  open: () => [shape('path', { d: 'M70 95q10 4 20 0-1 14-10 14T70 95Z', fill: '#e2596b', stroke: ink, 'stroke-width': 4, 'stroke-linejoin': 'round' })],
  wide: () => [shape('path', { d: 'M63 94q17 6 34 0-2 21-17 21T63 94Z', fill: '#e2596b', stroke: ink, 'stroke-width': 4, 'stroke-linejoin': 'round' })],
  round: () => [shape('ellipse', { cx: 80, cy: 103, rx: 8, ry: 10, fill: '#e2596b', stroke: ink, 'stroke-width': 4 })],
  frown: () => [line('M71 104q9-9 18 0')],
  flat: () => [line('M72 100h16')],
  wavy: () => [line('M68 101q4-6 8 0t8 0 8 0')],
};

const extras = {
  hearts: () => [heart(28, 52, 1.1), heart(134, 44, 1.5), heart(143, 74, 0.8, '#f78fa7')],
  wave: () => [line('M134 96q12-10 8-26'), line('M146 60l8-6', { 'stroke-width': 3 }), line('M150 71l9-1', { 'stroke-width': 3 })],
  sweat: () => [shape('path', { d: 'M126 46q9 12 0 17-9-5 0-17Z', fill: '#7cc8f2', stroke: ink, 'stroke-width': 3 })],
  tears: () => [shape('path', { d: 'M57 96q-9 24-1 30 9-4 7-28Z', fill: '#8fd2f6' }), shape('path', { d: 'M103 96q9 24 1 30-9-4-7-28Z', fill: '#8fd2f6' })],
  exclaim: () => [line('M137 28l-6 24', { stroke: '#f08a24', 'stroke-width': 8 }), dot(128, 65, 5, '#f08a24'), line('M24 40l12 12', { stroke: '#f08a24' }), line('M18 62l14 4', { stroke: '#f08a24' })],
  question: () => [line('M125 36q2-13 14-10 10 5 1 15-7 6-7 13', { stroke: '#7b61c9', 'stroke-width': 7 }), dot(132, 66, 5, '#7b61c9')],
  sleep: () => [line('M118 50h13l-13 15h13', { stroke: '#5d79c9' }), line('M138 26h10l-10 12h10', { stroke: '#5d79c9', 'stroke-width': 3 })],
  steam: () => [line('M28 60q-8-8 0-15t0-15', { stroke: '#a9b4af' }), line('M134 60q8-8 0-15t0-15', { stroke: '#a9b4af' })],
  sparkle: () => [[28, 48, 1], [136, 40, 1.4], [24, 100, 0.7], [143, 88, 0.8]].map(([x, y, size]) => shape('path', {
    d: 'M0-12q2 10 12 12-10 2-12 12-2-10-12-12 10-2 12-12Z', fill: '#ffc533', transform: `translate(${x} ${y}) scale(${size})`,
  })),
  flowers: () => [[28, 54], [134, 48]].flatMap(([x, y]) => [0, 72, 144, 216, 288].map((turn) => shape('circle', {
    r: 6, cx: x, cy: y - 8, fill: '#ff9db5', transform: `rotate(${turn} ${x} ${y})`,
  })).concat(dot(x, y, 4.5, '#ffd34d'))),
};

/** moodOf is the mood of any sticker id: LINE has far more than are drawn here. */
function moodOf(stickerId) {
  if (Object.hasOwn(moods, stickerId)) return moods[stickerId];
  const all = Object.values(moods);
  const sum = [...String(stickerId)].reduce((total, c) => total * 31 + c.charCodeAt(0), 7);
  return all[sum % all.length];
}

/** sticker draws a sticker. */
export function sticker(stickerId) {
  const mood = moodOf(stickerId);
  const parts = [
    shape('ellipse', { cx: 80, cy: 139, rx: 48, ry: 6, fill: '#1c2a23', opacity: 0.1 }),
    line('M80 46q-1-8 1-14'),
    shape('path', { d: 'M81 33q-4-15-21-14 2 16 21 14Z', fill: '#53c96f', stroke: ink, 'stroke-width': 3.5, 'stroke-linejoin': 'round' }),
    shape('path', { d: 'M81 33q2-13 17-14 1 15-17 14Z', fill: '#86dd8f', stroke: ink, 'stroke-width': 3.5, 'stroke-linejoin': 'round' }),
    shape('path', { d: 'M80 45c34 0 54 24 54 55 0 28-20 38-54 38S26 128 26 100c0-31 20-55 54-55Z', fill: mood.body, stroke: ink, 'stroke-width': 4.5 }),
    shape('ellipse', { cx: 47, cy: 101, rx: 8, ry: 5.5, fill: '#ffb4b9', opacity: 0.85 }),
    shape('ellipse', { cx: 113, cy: 101, rx: 8, ry: 5.5, fill: '#ffb4b9', opacity: 0.85 }),
    ...eyes[mood.eyes](), ...mouths[mood.mouth](), ...(mood.extra ? extras[mood.extra]() : []),
  ];
  if (mood.says) {
    const says = shape('text', {
      x: 80, y: 155, 'text-anchor': 'middle', 'font-size': 22, 'font-weight': 800, fill: '#0a7a3f',
      stroke: '#ffffff', 'stroke-width': 6, 'stroke-linejoin': 'round', 'paint-order': 'stroke',
    });
    says.textContent = mood.says;
    parts.push(says);
  }
  return shape('svg', { viewBox: '0 0 160 160', class: 'sticker', role: 'img', 'aria-label': `スタンプ：${mood.name}` }, ...parts);
}

/** stickerPicker is the tray of stickers; send gets the one that was chosen. */
export function stickerPicker(send) {
  return element('div', { class: 'sticker-grid', role: 'group', 'aria-label': 'スタンプ' },
    ...Object.entries(moods).map(([stickerId, mood]) => {
      const drawn = sticker(stickerId);
      drawn.setAttribute('aria-hidden', 'true');
      return element('button', {
        type: 'button', class: 'sticker-choice', 'aria-label': mood.name, data: { test: 'sticker', id: stickerId },
        onclick: () => send({ type: 'sticker', packageId, stickerId }),
      }, drawn);
    }));
}
