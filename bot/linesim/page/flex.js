// Flex Messages: boxes in boxes. Sizes are those LINE's own app uses, in CSS pixels.

import { element, imageURL, picture } from './dom.js';
import { actionName, tappable } from './action.js';

const spaces = { none: 0, xs: 2, sm: 4, md: 8, lg: 12, xl: 16, xxl: 20 };
const borders = { none: 0, light: 0.5, normal: 1, medium: 2, 'semi-bold': 3, bold: 4 };
const textSizes = { xxs: 11, xs: 13, sm: 14, md: 16, lg: 19, xl: 22, xxl: 29, '3xl': 35, '4xl': 48, '5xl': 74 };
const imageSizes = { xxs: 40, xs: 60, sm: 80, md: 100, lg: 120, xl: 140, xxl: 160, '3xl': 180, '4xl': 200, '5xl': 220, full: '100%' };
const sides = { Top: 'BlockStart', Bottom: 'BlockEnd', Start: 'InlineStart', End: 'InlineEnd' };
const alignments = { start: 'flex-start', center: 'center', end: 'flex-end' };
const gravities = { top: 'flex-start', center: 'center', bottom: 'flex-end' };

/** length is a keyword of the table, pixels or percent as CSS; undefined for anything else. */
function length(value, keywords = {}) {
  if (typeof value !== 'string') return undefined;
  if (Object.hasOwn(keywords, value)) return typeof keywords[value] === 'number' ? `${keywords[value]}px` : keywords[value];
  return /^-?\d+(\.\d+)?(px|%)$/.test(value) ? value : undefined;
}

const color = (value) => (/^#([0-9a-f]{6}|[0-9a-f]{8})$/i.test(value ?? '') ? value : undefined);

/** style sets the CSS properties that have a value. */
function style(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined) node.style[name] = value;
  }
  return node;
}

/** flexMessage shows a Flex Message's contents: a bubble or a carousel of bubbles. */
export function flexMessage(message, act) {
  const contents = message.contents ?? {};
  if (contents.type !== 'carousel') return bubble(contents, act, message.altText);
  return carousel((contents.contents ?? []).map((one) => bubble(one, act)), message.altText);
}

/** carousel puts cards in a row one can scroll, with buttons for those who cannot swipe. */
export function carousel(cards, label) {
  const row = element('div', { class: 'carousel-row', role: 'group', 'aria-label': label, tabindex: '0' }, ...cards);
  const step = (direction) => () => {
    const width = cards[0].getBoundingClientRect().width + 8;
    row.scrollBy({ left: direction * width, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'instant' : 'smooth' });
  };
  const arrow = (name, text, direction) => element('button', { type: 'button', class: `carousel-arrow ${name}`, 'aria-label': text, onclick: step(direction) });
  const back = arrow('back', '前のカード', -1);
  const next = arrow('next', '次のカード', 1);
  const ends = () => {
    back.hidden = row.scrollLeft < 4;
    next.hidden = row.scrollLeft + row.clientWidth > row.scrollWidth - 4;
  };
  row.addEventListener('scroll', ends, { passive: true });
  new ResizeObserver(ends).observe(row);
  return element('div', { class: 'carousel' }, row, back, next);
}

function bubble(data, act, label) {
  const size = /^[a-z]+$/.test(data.size ?? '') ? data.size : 'mega';
  const node = element('div', { class: `fx-bubble fx-size-${size}`, dir: data.direction === 'rtl' ? 'rtl' : 'ltr', role: 'group', 'aria-label': label });
  for (const name of ['header', 'hero', 'body', 'footer']) {
    if (!data[name]) continue;
    const looks = data.styles?.[name] ?? {};
    const block = element('div', { class: `fx-block fx-${name}` }, component(data[name], 'vertical', act));
    if (looks.separator) block.prepend(separator({ color: looks.separatorColor }));
    node.append(style(block, { backgroundColor: color(looks.backgroundColor) }));
  }
  return tappable(node, data.action, act);
}

const components = { box, text, button, image, icon, video, separator, filler };

/** component makes one component that stands in a box of the layout. */
function component(data, layout, act) {
  const make = components[data?.type];
  if (!make) return element('span');
  const node = make(data, act, layout);
  node.classList.add('fx');
  const across = layout !== 'vertical';
  // Across, room is divided by flex and every component asks for a share; downwards only what is left over is.
  const share = Number.isInteger(data.flex) ? data.flex : defaultShare(data, across);
  style(node, {
    flex: share > 0 ? (across ? `${share} 1 0px` : `${share} 0 auto`) : '0 0 auto',
    [across ? 'marginInlineStart' : 'marginBlockStart']: length(data.margin, spaces),
    position: data.position === 'absolute' ? 'absolute' : undefined,
  });
  for (const [side, logical] of Object.entries(sides)) {
    style(node, { [`inset${logical}`]: length(data[`offset${side}`], spaces) });
  }
  return node;
}

function defaultShare(data, across) {
  if (data.type === 'filler') return 1;
  if (!across || data.type === 'icon' || data.type === 'separator') return 0;
  return data.type === 'box' && data.width ? 0 : 1;
}

function box(data, act, layout) {
  const own = ['horizontal', 'baseline'].includes(data.layout) ? data.layout : 'vertical';
  const node = element('div', { class: `fx-box fx-${own}` });
  let first = true;
  for (const child of data.contents ?? []) {
    const made = component(child, own, act);
    const flows = child.position !== 'absolute';
    if (flows && !first && child.margin === undefined) {
      style(made, { [own === 'vertical' ? 'marginBlockStart' : 'marginInlineStart']: length(data.spacing, spaces) });
    }
    if (flows) first = false;
    node.append(made);
  }
  style(node, {
    backgroundColor: color(data.backgroundColor),
    borderRadius: length(data.cornerRadius, spaces),
    overflow: data.cornerRadius ? 'hidden' : undefined,
    borderColor: color(data.borderColor),
    width: length(data.width), maxWidth: length(data.maxWidth),
    height: length(data.height), maxHeight: length(data.maxHeight),
    padding: length(data.paddingAll, spaces),
    justifyContent: data.justifyContent,
    alignItems: data.alignItems,
    backgroundImage: gradient(data.background),
  });
  const border = length(data.borderWidth, borders);
  if (border) style(node, { borderWidth: border, borderStyle: 'solid' });
  for (const [side, logical] of Object.entries(sides)) {
    style(node, { [`padding${logical}`]: length(data[`padding${side}`], spaces) });
  }
  // A box that says how wide it is keeps that where others are stretched.
  if (data.width && layout === 'vertical') node.style.alignSelf = 'flex-start';
  return tappable(node, data.action, act);
}

function gradient(data) {
  if (data?.type !== 'linearGradient' || !/^\d+(\.\d+)?deg$/.test(data.angle)) return undefined;
  const stops = [color(data.startColor), color(data.centerColor) && `${data.centerColor} ${length(data.centerPosition) ?? '50%'}`, color(data.endColor)];
  return `linear-gradient(${data.angle}, ${stops.filter(Boolean).join(', ')})`;
}

const written = (data) => ({
  fontSize: length(data.size, textSizes),
  color: color(data.color),
  fontWeight: data.weight === 'bold' ? '700' : undefined,
  fontStyle: data.style === 'italic' ? 'italic' : undefined,
  textDecorationLine: ['underline', 'line-through'].includes(data.decoration) ? data.decoration : undefined,
});

function text(data, act) {
  const line = element('span', { class: data.wrap ? 'fx-line fx-wrap' : 'fx-line' });
  if (data.contents?.length) {
    for (const span of data.contents) line.append(style(element('span', { text: span.text ?? '' }), written(span)));
  } else {
    line.textContent = data.text ?? '';
  }
  if (data.wrap && data.maxLines > 0) {
    line.classList.add('fx-clamp');
    line.style.webkitLineClamp = data.maxLines;
  }
  const spacing = /^(\d+)px$/.exec(data.lineSpacing ?? '');
  if (spacing) line.style.lineHeight = `calc(1.4em + ${spacing[1]}px)`;
  const node = element('div', { class: 'fx-text' }, line);
  style(node, { ...written({ size: 'md', ...data }), textAlign: data.align, justifyContent: gravities[data.gravity] });
  return tappable(node, data.action, act);
}

function button(data, act) {
  const kind = ['primary', 'secondary'].includes(data.style) ? data.style : 'link';
  const node = element('button', {
    type: 'button', class: `fx-button fx-${kind}`, data: { test: 'flex-button' },
    onclick: (event) => {
      event.stopPropagation();
      act(data.action);
    },
  }, element('span', { text: data.action?.label ?? '' }));
  if (data.height === 'sm') node.classList.add('fx-low');
  style(node, { [kind === 'link' ? 'color' : 'backgroundColor']: color(data.color) });
  return style(element('div', { class: 'fx-button-place' }, node), { justifyContent: gravities[data.gravity] });
}

/** ratio turns LINE's "20:13" into CSS. */
const ratio = (value) => (/^\d+(\.\d+)?:\d+(\.\d+)?$/.test(value ?? '') ? value.replace(':', ' / ') : '1 / 1');

function image(data, act) {
  const frame = element('div', { class: data.aspectMode === 'cover' ? 'fx-frame fx-cover' : 'fx-frame' }, picture(data.url, actionName(data.action)));
  style(frame, {
    width: length(data.size ?? 'md', imageSizes),
    aspectRatio: ratio(data.aspectRatio),
    backgroundColor: color(data.backgroundColor),
  });
  const node = element('div', { class: 'fx-image' }, frame);
  style(node, { alignItems: alignments[data.align] ?? 'center', justifyContent: gravities[data.gravity] });
  return tappable(node, data.action, act);
}

function icon(data) {
  const size = length(data.size ?? 'md', textSizes);
  const src = imageURL(data.url);
  const node = element('span', { class: 'fx-icon' }, src ? element('img', { src, alt: '' }) : null);
  return style(node, { fontSize: size, aspectRatio: ratio(data.aspectRatio) });
}

/** video shows the preview; the film itself opens in a tab. */
function video(data, act) {
  const frame = style(element('div', { class: 'fx-frame fx-cover fx-video' }, picture(data.previewUrl)), { aspectRatio: ratio(data.aspectRatio) });
  const play = element('button', { type: 'button', class: 'play', 'aria-label': '動画を再生', onclick: () => act({ type: 'uri', uri: data.url }) });
  const node = element('div', { class: 'fx-image' }, frame);
  frame.append(play);
  if (data.action) {
    node.append(element('button', { type: 'button', class: 'fx-button fx-link fx-low', data: { test: 'flex-button' }, text: data.action.label ?? '', onclick: () => act(data.action) }));
  }
  return node;
}

function separator(data) {
  return style(element('div', { class: 'fx-separator', role: 'separator' }), { backgroundColor: color(data.color) });
}

function filler() {
  return element('div', { class: 'fx-filler' });
}
