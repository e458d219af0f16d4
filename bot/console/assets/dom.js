// Building elements, and short notices.

/** el makes an element: properties that begin with "on" are listeners, "data" is a map, null and false are left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'data') Object.assign(node.dataset, value);
    else if (name in node && name !== 'list' && name !== 'form') node[name] = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...some(children));
  return node;
}

/** some are the children that there are. */
export const some = (children) => children.flat().filter((child) => child !== null && child !== undefined && child !== false);

export const byId = (id) => document.getElementById(id);

/** toast says something for a few seconds, and leads somewhere when it is pressed; screen readers read it. */
export function toast(text, kind = 'info', onclick = null) {
  const note = el('p', { className: `toast ${kind}` }, onclick ? el('button', { className: 'link', onclick }, text) : text);
  byId('toasts').append(note);
  setTimeout(() => note.remove(), 6000);
}

/** dialog asks with a form and resolves to its fields, or to null when it is left. */
export function dialog(title, fields, { ok, cancel }) {
  return new Promise((resolve) => {
    const form = el('form', { method: 'dialog' }, el('h2', {}, title), ...fields,
      el('p', { className: 'buttons' }, el('button', { type: 'button', onclick: () => box.close() }, cancel),
        el('button', { className: 'primary', value: 'ok' }, ok)));
    const box = el('dialog', {}, form);
    box.addEventListener('close', () => {
      resolve(box.returnValue === 'ok' ? Object.fromEntries(new FormData(form)) : null);
      box.remove();
    });
    document.body.append(box);
    box.showModal();
  });
}
