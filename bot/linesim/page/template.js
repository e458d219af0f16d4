// Template messages and imagemaps.

import { element, imageURL, picture } from './dom.js';
import { actionName, tappable } from './action.js';
import { carousel } from './flex.js';

/** templateMessage shows a template message. */
export function templateMessage(message, act) {
  const template = message.template ?? {};
  switch (template.type) {
    case 'confirm':
      return confirm(template, act, message.altText);
    case 'buttons':
      return card(template, template, act, message.altText);
    case 'carousel':
      return carousel((template.columns ?? []).map((column) => card(column, template, act)), message.altText);
    case 'image_carousel':
      return carousel((template.columns ?? []).map((column) => poster(column, act)), message.altText);
    default:
      return element('div', { class: 'tp-card' }, element('p', { class: 'tp-text', text: message.altText ?? '' }));
  }
}

function button(action, act) {
  return element('button', { type: 'button', class: 'tp-button', data: { test: 'template-button' }, text: action.label ?? '', onclick: () => act(action) });
}

function confirm(template, act, label) {
  return element('div', { class: 'tp-card tp-confirm', role: 'group', 'aria-label': label },
    element('p', { class: 'tp-text', text: template.text ?? '' }),
    element('div', { class: 'tp-pair' }, ...(template.actions ?? []).map((action) => button(action, act))));
}

/** card is a buttons template or one column of a carousel; look says how its picture is shown. */
function card(column, look, act, label) {
  const top = element('div', { class: 'tp-top' });
  if (column.thumbnailImageUrl) {
    const frame = element('div', { class: 'tp-picture' }, picture(column.thumbnailImageUrl));
    frame.classList.toggle('tp-square', look.imageAspectRatio === 'square');
    frame.classList.toggle('tp-contain', look.imageSize === 'contain');
    if (/^#[0-9a-f]{6}$/i.test(column.imageBackgroundColor ?? '')) frame.style.backgroundColor = column.imageBackgroundColor;
    top.append(frame);
  }
  if (column.title) top.append(element('h3', { class: 'tp-title', text: column.title }));
  top.append(element('p', { class: 'tp-text', text: column.text ?? '' }));
  return element('div', { class: 'tp-card', role: 'group', 'aria-label': label },
    tappable(top, column.defaultAction, act),
    element('div', { class: 'tp-list' }, ...(column.actions ?? []).map((action) => button(action, act))));
}

function poster(column, act) {
  return element('button', {
    type: 'button', class: 'tp-poster', 'aria-label': actionName(column.action), data: { test: 'template-button' },
    onclick: () => act(column.action),
  }, picture(column.imageUrl), column.action?.label ? element('span', { text: column.action.label }) : null);
}

/** imagemapMessage is a picture with areas to tap. */
export function imagemapMessage(message, act) {
  const { width = 1040, height = 1040 } = message.baseSize ?? {};
  const map = element('div', { class: 'tp-map', role: 'group', 'aria-label': message.altText },
    picture(imageURL(message.baseUrl) && `${message.baseUrl}/1040`, message.altText));
  map.style.aspectRatio = `${width} / ${height}`;
  for (const action of message.actions ?? []) {
    map.append(areaButton(action.area, { width, height }, actionName(action), 'template-button', () => act(action)));
  }
  return map;
}

/** areaButton is an invisible button over the part of a picture that area says, in the picture's pixels. */
export function areaButton(area, size, label, test, onclick) {
  const node = element('button', { type: 'button', class: 'area', 'aria-label': label, data: { test }, onclick });
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  node.style.left = percent(area.x, size.width);
  node.style.top = percent(area.y, size.height);
  node.style.width = percent(area.width, size.width);
  node.style.height = percent(area.height, size.height);
  return node;
}
