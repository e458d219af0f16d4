// The left pane: who waits, whom one has, who left a message, and what is over.

import { byId, el } from './dom.js';
import { api, attempt, clock, day, desk, displayOf, hear, length, nameOf, now, say, select, supervises, tell } from './state.js';

const names = ['waiting', 'mine', 'all', 'left', 'talking', 'closed'];
let closed = { rows: [], next: {} };
let talking = [];
let found = null; // { q, hits }

/** previewOf is what was said last in words; what is not text comes as its kind in brackets. */
export const previewOf = (row) => row.preview.replace(/^<(\w+)>$/, (_, kind) => `（${say(kind === 'image' ? 'picture' : kind)}）`) || (row.ended ? say(`ended.${row.ended}`) : '　');

const open = (row) => row.phase !== 'closed';
const filters = {
  waiting: (row) => row.phase === 'queued' && !row.operator,
  mine: (row) => open(row) && row.operator === desk.me.name,
  all: (row) => open(row) && row.phase !== 'left',
  left: (row) => row.phase === 'left' && !row.operator,
};
const byWaiting = (a, b) => (b.front - a.front) || (a.since - b.since) || (a.id < b.id ? -1 : 1);
const byLast = (a, b) => (b.last - a.last) || (a.id < b.id ? -1 : 1);

/** rowsOf are the sessions of a list, in its order. */
export function rowsOf(list) {
  if (list === 'closed') return closed.rows;
  if (!filters[list]) return [];
  const rows = [...desk.rows.values()].filter(filters[list]);
  return rows.sort(list === 'waiting' || list === 'left' ? byWaiting : byLast);
}

/** setList shows a list, and loads what is not kept. */
export async function setList(list) {
  desk.list = list;
  found = null;
  draw();
  if (list === 'closed') {
    const page = await attempt(() => api('closed'));
    if (page) closed = page;
  }
  if (list === 'talking') {
    const page = await attempt(() => api('talking'));
    talking = page?.people ?? [];
  }
  draw();
}

export const moveList = (step) => {
  const shown = names.filter((name) => name !== 'talking' || supervises());
  setList(shown[(shown.indexOf(desk.list) + step + shown.length) % shown.length]);
};

/** moveRow selects the row above or below. */
export function moveRow(step) {
  const rows = rowsOf(desk.list);
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row.id === desk.selected);
  select(rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))].id);
}

export async function takeNext() {
  const taken = await attempt(() => api('next', {}));
  if (!taken) return;
  desk.list = 'mine';
  select(taken.session);
  draw();
}

export async function search(q) {
  if (!q) {
    found = null;
  } else {
    const result = await attempt(() => api(`search?q=${encodeURIComponent(q)}`));
    if (!result) return;
    found = { q, hits: result.hits };
  }
  draw();
}

/** avatar is a picture, or the first character of a name on a colour that stays the same. */
export function avatar(row, size = '') {
  if (row.picture) return el('img', { className: `avatar ${size}`, src: row.picture, alt: '' });
  let hash = 0;
  for (const c of row.lane || row.name || '') hash = (hash * 31 + c.codePointAt(0)) % 6;
  return el('span', { className: `avatar tone${hash} ${size}`, 'aria-hidden': 'true' }, [...(row.name || '？')][0]);
}

function rowButton(row) {
  const waits = row.phase === 'queued' || row.phase === 'left';
  const time = el('time', { data: waits ? { since: row.since } : {} }, waits ? length(now() - row.since) : row.phase === 'closed' ? `${day(row.endedAt)} ${clock(row.endedAt)}` : clock(row.last));
  const meta = [];
  if (row.front && waits) meta.push(el('b', { className: 'badge first' }, say('front')));
  if (row.operator && (desk.list !== 'mine')) meta.push(el('span', { className: 'badge' }, displayOf(row.operator)));
  if (row.phase === 'writing') meta.push(el('span', { className: 'badge' }, say('writing')));
  if (row.score) meta.push(el('span', { className: 'badge' }, '★'.repeat(row.score)));
  const unread = row.phase === 'connected' && row.operator === desk.me.name && row.lastBy === 'customer';
  return el('li', {}, el('button', {
    className: `row${unread ? ' unread' : ''}`, 'aria-current': row.id === desk.selected ? 'true' : null, data: { id: row.id },
    onclick: () => { select(row.id); document.body.classList.add('in-talk'); },
  }, avatar(row), el('span', { className: 'row-main' },
    el('span', { className: 'row-top' }, el('span', { className: 'row-name' }, nameOf(row)), time),
    el('span', { className: 'row-preview' }, previewOf(row)),
    meta.length > 0 && el('span', { className: 'row-meta' }, meta))));
}

function personRow(person) {
  return el('li', {}, el('button', {
    className: 'row', onclick: () => { desk.selected = null; tell('peek', person); document.body.classList.add('in-talk'); },
  }, avatar(person), el('span', { className: 'row-main' }, el('span', { className: 'row-top' }, el('span', { className: 'row-name' }, nameOf(person)), el('time', {}, clock(person.last))),
    el('span', { className: 'row-preview' }, person.entries.filter((e) => e.by === 'customer').at(-1)?.text ?? ''))));
}

function foundList() {
  return el('section', {}, el('h2', { className: 'list-title' }, `${say('found')}：${found.q}（${found.hits.length}）`),
    el('ul', { className: 'rows' }, found.hits.map((hit) => el('li', {}, el('button', { className: 'row', onclick: () => { select(hit.session); document.body.classList.add('in-talk'); } },
      el('span', { className: 'row-main' }, el('span', { className: 'row-top' }, el('span', { className: 'row-name' }, nameOf(hit)), el('time', {}, `${day(hit.at)} ${clock(hit.at)}`)),
        el('span', { className: 'row-preview' }, hit.text)))))));
}

let drawn = '';

/** draw brings the pane up to date; the focus stays where it is. */
export function draw() {
  const pane = byId('lists');
  const focus = document.activeElement?.dataset?.id ?? document.activeElement?.dataset?.list;
  const waiting = rowsOf('waiting').length + rowsOf('left').length;
  const tabs = names.filter((name) => name !== 'talking' || supervises()).map((name) => {
    const count = filters[name] ? rowsOf(name).length : null;
    return el('button', { className: 'tab', data: { list: name }, 'aria-pressed': String(!found && desk.list === name), onclick: () => setList(name) },
      el('span', {}, say(name)), count !== null && el('span', { className: count > 0 && (name === 'waiting' || name === 'left') ? 'count hot' : 'count' }, String(count)));
  });
  const rows = rowsOf(desk.list);
  const list = found ? foundList() : el('section', { 'aria-label': say(desk.list) },
    el('ul', { className: 'rows' }, desk.list === 'talking' ? talking.map(personRow) : rows.map(rowButton)),
    rows.length === 0 && (desk.list !== 'talking' || talking.length === 0) && el('p', { className: 'empty' }, say('nothingHere')),
    desk.list === 'closed' && closed.next.before && el('p', { className: 'more' }, el('button', { onclick: olderClosed }, say('older'))));
  const scroll = pane.querySelector('.list-body')?.scrollTop ?? 0;
  pane.replaceChildren(
    el('button', { className: 'primary next', onclick: takeNext, disabled: waiting === 0 }, `${say('next')}${waiting > 0 ? `（${waiting}）` : ''}`),
    el('div', { className: 'tabs' }, tabs), el('div', { className: 'list-body' }, list));
  if (drawn === desk.list) pane.querySelector('.list-body').scrollTop = scroll;
  drawn = desk.list;
  if (focus) pane.querySelector(`[data-id="${CSS.escape(focus)}"],[data-list="${CSS.escape(focus)}"]`)?.focus();
}

async function olderClosed() {
  const page = await attempt(() => api(`closed?before=${closed.next.before}&id=${encodeURIComponent(closed.next.id)}`));
  if (page) closed = { rows: [...closed.rows, ...page.rows], next: page.next };
  draw();
}

/** makeLists draws the pane and keeps it live. Many changes within a frame are drawn once. */
export function makeLists() {
  let due = false;
  const soon = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => { due = false; draw(); });
    setTimeout(() => { if (due) { due = false; draw(); } }, 100); // a hidden tab has no frames
  };
  hear((what, changed) => {
    if (what === 'rows') {
      for (const { id } of changed) {
        const row = desk.rows.get(id);
        if (row.phase !== 'closed') continue;
        desk.rows.delete(id);
        desk.lastClosed = row;
        if (desk.list === 'closed' && !closed.rows.some((known) => known.id === id)) closed.rows = [row, ...closed.rows];
      }
      soon();
    }
    if (what === 'select' || what === 'desk') soon();
  });
  setInterval(() => {
    for (const time of document.querySelectorAll('#lists time[data-since]')) time.textContent = length(now() - Number(time.dataset.since));
  }, 1000);
  draw();
}
