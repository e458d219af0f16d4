// Building elements. What others wrote goes in as text, never as markup.

const svgSpace = 'http://www.w3.org/2000/svg';

/** element makes <name>; props are attributes, besides `class`, `text`, `data` (dataset) and `on…` (listeners). */
export function element(name, props = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'class') node.className = value;
    else if (key === 'text') node.textContent = value;
    else if (key === 'data') Object.assign(node.dataset, value);
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** shape makes an SVG element. */
export function shape(name, props = {}, ...children) {
  const node = document.createElementNS(svgSpace, name);
  for (const [key, value] of Object.entries(props)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

/** imageURL is the address of a picture that may be shown, or "": http(s) only. */
export function imageURL(address) {
  try {
    const url = new URL(address, location.origin);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : '';
  } catch {
    return '';
  }
}

/** picture shows an image, or a placeholder where it cannot be had. */
export function picture(address, alt = '') {
  const missing = () => element('span', { class: 'no-picture', role: alt ? 'img' : undefined, 'aria-label': alt || undefined }, icon('image'));
  const src = imageURL(address);
  if (!src) return missing();
  const img = element('img', { src, alt, draggable: 'false', decoding: 'async' });
  img.addEventListener('error', () => img.replaceWith(missing()), { once: true });
  return img;
}

/** avatar is a round picture with a name's first character. */
export function avatar(name, color) {
  const first = [...new Intl.Segmenter('ja').segment(name.trim() || '？')][0].segment;
  const node = element('span', { class: 'avatar', 'aria-hidden': 'true', text: first });
  node.style.backgroundColor = color;
  return node;
}

const iconPaths = {
  people: ['M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z', 'M2.5 20c0-3.6 2.9-6 6.5-6s6.5 2.4 6.5 6', 'M16 4.6a3.2 3.2 0 0 1 0 5.9', 'M18 14.4c2.2.8 3.5 2.8 3.5 5.6'],
  clock: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z', 'M12 7v5.3l3.3 2'],
  plus: ['M12 5v14', 'M5 12h14'],
  smile: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z', 'M8.5 14.2c.8 1.3 2 2 3.5 2s2.7-.7 3.5-2', 'M9 9.6v.6', 'M15 9.6v.6'],
  send: ['M4 12 20.5 4.5 16 20l-4.2-6.3L4 12Z', 'M11.8 13.7 20.5 4.5'],
  close: ['M6 6l12 12', 'M18 6 6 18'],
  chevron: ['M6 9.5l6 6 6-6'],
  more: ['M6 12h.01', 'M12 12h.01', 'M18 12h.01'],
  image: ['M4.5 5h15a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1h-15a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z', 'M3.8 16.5 9 11.5l4 4 2.5-2.3 4.7 4.3', 'M15.5 9.2h.01'],
  camera: ['M4 8h3.5L9 5.5h6L16.5 8H20a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1Z', 'M12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4Z'],
  pin: ['M12 21s6.5-6 6.5-11a6.5 6.5 0 0 0-13 0c0 5 6.5 11 6.5 11Z', 'M12 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6Z'],
  play: ['M8 5.5v13l11-6.5L8 5.5Z'],
  down: ['M12 5v14', 'M6 13l6 6 6-6'],
  undo: ['M8 5 4 9l4 4', 'M4.5 9H14a5.5 5.5 0 0 1 0 11h-3'],
  copy: ['M9 8.5h9.5V20H9V8.5Z', 'M15 8.5V4H5.5v11.5H9'],
};

/** icon draws one of the page's line icons. */
export function icon(name) {
  return shape('svg', { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', focusable: 'false' },
    ...iconPaths[name].map((d) => shape('path', { d })));
}

let toastTimer;

/** toast says something short at the bottom of the screen. */
export function toast(text) {
  const node = byId('toast');
  node.textContent = text;
  node.classList.add('shown');
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => node.classList.remove('shown'), 3200);
}

/** dialog shows what build returns in a modal dialog and resolves with its return value, "" when dismissed. */
export function dialog(label, kind, build) {
  return new Promise((resolve) => {
    const box = element('dialog', { class: `dialog ${kind}`, 'aria-label': label });
    box.append(build(box));
    box.addEventListener('click', (event) => {
      if (event.target === box) box.close('');
    });
    box.addEventListener('close', () => {
      box.remove();
      resolve(box.returnValue);
    });
    document.body.append(box);
    box.showModal();
  });
}
