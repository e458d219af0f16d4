// The middle pane: one conversation, with the bot's part, notes and events in between, and the composer.

import { byId, dialog, el, toast } from './dom.js';
import { api, attempt, clock, day, desk, displayOf, hear, length, nameOf, now, say, select, supervises } from './state.js';
import { avatar } from './lists.js';
import { makePerson } from './person.js';

// Stickers that LINE lets official accounts send, by LINE's numbers, with what they say.
const stickers = { 1988: '了解', 1989: 'ありがとう', 1990: 'こんにちは', 1993: 'ごめんなさい', 2000: 'いいね', 2001: 'おねがい', 2002: 'おつかれさま' };
const stickerPackage = '446';

let shown = null; // { row, entries: Map, history, links, earlier, quota }
let pending = new Map(); // messages on their way, by id
let note = false;
let warned = false; // the customer wrote while the draft was being written
let lastTyping = 0;
let lastRead = '';
let loads = 0;
let atEnd = true; // the newest is in view, and stays so when more comes or a picture is loaded

const draftKey = () => `draft:${shown?.row.id}`;
const mine = () => shown?.row.phase !== 'closed' && shown?.row.operator === desk.me.name;
const waits = () => ['queued', 'left'].includes(shown?.row.phase) && !shown.row.operator;
const customerEntries = () => [...shown.entries.values()].filter((e) => e.by === 'customer' && e.message);

async function load(id) {
  const turn = ++loads;
  const data = await attempt(() => api(`sessions/${encodeURIComponent(id)}`));
  if (turn !== loads || desk.selected !== id) return;
  if (!data) {
    shown = null;
    draw();
    return;
  }
  shown = { ...data, entries: new Map(data.entries.map((entry) => [entry.id, entry])) };
  warned = false;
  note = false;
  atEnd = true;
  draw();
  byId('draft')?.focus();
}

let fetching = false;
let again = false;

/** refresh gets what is new in the conversation. */
async function refresh() {
  if (!shown) return;
  if (fetching) { again = true; return; }
  fetching = true;
  const id = shown.row.id;
  try {
    const after = Math.max(0, ...[...shown.entries.values()].map((entry) => entry.version));
    const data = await api(`sessions/${encodeURIComponent(id)}/entries?after=${after}`);
    if (shown?.row.id === id) {
      for (const entry of data.entries) {
        if (entry.by === 'customer' && !shown.entries.has(entry.id) && byId('draft')?.value.trim()) warned = true;
        shown.entries.set(entry.id, entry);
        pending.delete(entry.id);
      }
      drawLog();
      drawComposer();
    }
  } catch (error) {
    if (error.status === 403) { shown = null; draw(); }
  }
  fetching = false;
  if (again) { again = false; refresh(); }
}

function eventText(text) {
  const at = text.indexOf(':');
  const [kind, rest] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
  const values = { connected: displayOf, transferred: displayOf, returned: displayOf, silent: displayOf, ended: (x) => say(`ended.${x}`), survey: (x) => say(`score.${x}`) };
  return say(`event.${kind}`, { x: (values[kind] ?? ((x) => x))(rest) });
}

function content(entry) {
  const id = encodeURIComponent(shown?.row.id ?? '');
  const url = entry.by === 'operator' ? `/media/${entry.attachment.file}` : `/console/api/sessions/${id}/content/${entry.message}`;
  switch (entry.kind) {
    case 'text': return el('p', { className: 'words' }, linked(entry.text));
    case 'sticker': return el('p', { className: 'words sticker' }, `${say('sticker')}：${stickers[entry.attachment.sticker] ?? ''} ${entry.text}`.trim());
    case 'image': return el('button', { className: 'thumb', onclick: () => view(url), 'aria-label': `${say('picture')} ${say('open')}` },
      el('img', { src: entry.by === 'operator' ? `${url}-s` : url, alt: say('picture'), onload: keepEnd }));
    case 'video': return el('video', { src: url, controls: true, preload: 'none' });
    case 'audio': return el('audio', { src: url, controls: true, preload: 'none' });
    case 'file': return el('a', { href: url, download: entry.attachment.name ?? '', className: 'file' }, `${say('file')}：${entry.attachment.name ?? ''}`);
    case 'location': return el('p', { className: 'words' }, `${say('location')}：${entry.text}`, el('br'), el('span', { className: 'small' }, `${entry.attachment.latitude}, ${entry.attachment.longitude}`));
    default: return el('p', { className: 'words' }, entry.kind);
  }
}

/** linked shows addresses as links; LINE's own emoji stay the words LINE sends for them. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s、。]+)/).map((part, i) => (i % 2 ? el('a', { href: part, target: '_blank', rel: 'noreferrer noopener' }, part) : part));
}

function view(url) {
  const box = el('dialog', { className: 'viewer', onclose: () => box.remove() }, el('img', { src: url, alt: say('picture') }),
    el('form', { method: 'dialog' }, el('button', { className: 'primary', autofocus: true }, say('shut'))));
  document.body.append(box);
  box.showModal();
}

const deliveries = { sending: 'sending', planned: 'sending', unknown: 'sending', done: 'sent', failed: 'failed', 'in doubt': 'inDoubt', 'not sent': 'notSent' };

function delivery(entry) {
  if (entry.by !== 'operator') return null;
  const state = entry.lost ? 'failed' : deliveries[entry.delivery] ?? 'sending';
  const parts = [el('span', { className: `delivery ${state}`, title: entry.error || null }, say(state))];
  if (state === 'failed' || state === 'inDoubt') {
    parts.push(el('button', { className: 'link', title: state === 'inDoubt' ? say('inDoubtHint') : null, onclick: () => sendAgain(entry) }, say('again')));
  }
  return parts;
}

/** sendAgain repeats a message: one that never reached the desk under its own id, which cannot double it; any other as a new one. */
function sendAgain(entry) {
  if (entry.lost) {
    post(entry);
    return;
  }
  if (entry.delivery === 'in doubt') toast(say('inDoubtHint'));
  if (entry.kind === 'text') byId('draft').value = entry.text;
  if (entry.kind === 'sticker') sendSticker(entry.attachment.sticker);
  byId('draft').focus();
}

function bubble(entry) {
  if (entry.kind === 'event') return el('li', { className: 'event' }, el('span', {}, eventText(entry.text)), el('time', {}, clock(entry.at)));
  const side = entry.by === 'customer' ? 'in' : 'out';
  const who = { customer: nameOf(shown?.row ?? {}), operator: displayOf(entry.name), bot: say('bot'), note: `${say('note')}・${displayOf(entry.name)}` }[entry.by];
  const mention = entry.by === 'note' && entry.text?.includes(`@${desk.me.name}`);
  return el('li', { className: `bubble ${side} ${entry.by}${mention ? ' mention' : ''}`, data: { entry: entry.id } },
    el('p', { className: 'who' }, who),
    entry.erased ? el('p', { className: 'words tombstone' }, say('unsent')) : content(entry),
    el('p', { className: 'foot' }, el('time', {}, clock(entry.at)), delivery(entry)));
}

function keepEnd() {
  const log = byId('log');
  if (log && atEnd) log.scrollTop = log.scrollHeight;
}

/** makeLog is where the conversation is drawn. */
const makeLog = (...children) => el('ol', {
  id: 'log', tabIndex: 0, 'aria-label': say('message'),
  onscroll: ({ target }) => { atEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 60; },
}, ...children);

function drawLog() {
  const log = byId('log');
  if (!log || !shown) return;
  const entries = [...shown.entries.values()].sort((a, b) => a.pos - b.pos);
  const items = [];
  let today = '';
  const add = (entry) => {
    if (day(entry.at) !== today) {
      today = day(entry.at);
      items.push(el('li', { className: 'day' }, today));
    }
    items.push(bubble(entry));
  };
  if (shown.history.length > 0) {
    items.push(el('li', { className: 'divider' }, say('beforeSession')));
    shown.history.forEach(add);
    items.push(el('li', { className: 'divider' }, `#${shown.row.id.slice(-6)}`));
  }
  entries.forEach(add);
  for (const entry of pending.values()) if (entry.session === shown.row.id) add(entry);
  const { scrollTop } = log;
  log.replaceChildren(...items);
  log.scrollTop = atEnd ? log.scrollHeight : scrollTop;
  markRead();
}

function markRead() {
  const last = customerEntries().at(-1)?.message;
  if (!mine() || !last || last === lastRead || document.hidden) return;
  lastRead = last;
  api(`sessions/${encodeURIComponent(shown.row.id)}/read`, { Message: last }).catch(() => {});
}

async function act(path, body = {}) {
  return attempt(() => api(`sessions/${encodeURIComponent(shown.row.id)}/${path}`, body));
}

export async function closeChat() {
  if (!mine()) return;
  const form = await dialog(say('confirmClose'), [el('label', {}, say('reason'), el('input', { name: 'tags', placeholder: say('tagsHint'), maxLength: 200 }))], { ok: say('close'), cancel: say('cancel') });
  if (form) await act('close', { Tags: form.tags.split(/[,、]/) });
}

export async function transferChat() {
  if (!shown || !(mine() || supervises())) return;
  const others = desk.operators.filter((o) => o.name !== shown.row.operator);
  const choices = others.map((o) => el('option', { value: o.name, disabled: o.presence !== 'on' && o.presence !== 'away' }, `${o.display}（${say(o.presence)} ${o.taken}/${o.seats}）`));
  const form = await dialog(say('transfer'), [el('label', {}, say('transferTo'), el('select', { name: 'to', required: true }, choices))], { ok: say('transfer'), cancel: say('cancel') });
  if (form?.to) await act(mine() ? 'transfer' : 'assign', { To: form.to });
}

function header() {
  const { row } = shown;
  const buttons = [];
  const button = (word, action, kind = '') => buttons.push(el('button', { className: kind, data: { act: word }, onclick: action }, say(word)));
  if (waits()) button('take', async () => { if (await act('take')) select(row.id); }, 'primary');
  if (waits() && supervises()) button('assign', transferChat);
  if (mine()) {
    button('transfer', transferChat);
    button('return', () => act('return'));
    button('close', closeChat, 'primary');
  }
  if (!mine() && row.operator && row.phase !== 'closed' && supervises()) {
    button('takeOver', () => act('takeover'));
    button('assign', transferChat);
  }
  const state = row.phase === 'closed' ? `${say('closed')}・${say(`ended.${row.ended}`)}` : row.operator ? displayOf(row.operator) : say(row.phase === 'queued' ? 'waiting' : row.phase);
  return el('header', { className: 'talk-head' },
    el('button', { className: 'back', onclick: () => document.body.classList.remove('in-talk') }, say('backToList')),
    avatar(row), el('div', { className: 'talk-title' }, el('h1', {}, nameOf(row)), el('p', { className: 'small' }, [state, ...(row.tags ?? [])].join('・'))),
    el('div', { className: 'buttons' }, buttons), el('button', { className: 'back', onclick: () => document.body.classList.toggle('in-person') }, say('details')));
}

/** sendingState says how the next message will go out: free while the customer's last message can be replied to. */
function sendingState() {
  const answered = Math.max(0, ...[...shown.entries.values()].filter((e) => e.by === 'operator' && e.delivery !== 'not sent').map((e) => e.at));
  const connectedAt = Math.max(0, ...[...shown.entries.values()].filter((e) => e.kind === 'event' && /^(connected|transferred)/.test(e.text)).map((e) => e.at));
  const last = Math.max(0, ...customerEntries().filter((e) => e.at > connectedAt).map((e) => e.at));
  const left = Math.ceil((last + desk.limits.reply - now()) / 1000);
  if (last > answered && left > 0) return say('freeReply', { n: left });
  const { limit, used } = shown.quota;
  const quota = used === undefined ? '' : limit < 0 ? say('quotaFree', { used }) : say('quota', { used, limit });
  return [say('push'), quota].filter(Boolean).join('・');
}

function filled(text) {
  const line = shown.links.find((l) => l.kind === 'user');
  return text.replaceAll('{customer}', shown.row.name || say('customer')).replaceAll('{line}', line ? line.nickname || line.label : '').replaceAll('{brand}', desk.brand);
}

function insertCanned(reply) {
  const draft = byId('draft');
  draft.value = draft.value.startsWith('/') ? filled(reply.text) : draft.value + filled(reply.text);
  keepDraft();
  drawPalette();
  draft.focus();
}

/** drawPalette shows canned replies while the draft begins with a slash. */
function drawPalette(all = false) {
  const palette = byId('palette');
  const draft = byId('draft').value;
  const q = draft.startsWith('/') ? draft.slice(1).toLowerCase() : '';
  const open = all || draft.startsWith('/');
  const fits = open ? desk.canned.filter((r) => `${r.title} ${r.text}`.toLowerCase().includes(q)) : [];
  palette.replaceChildren(...fits.map((r) => el('li', {}, el('button', { onclick: () => insertCanned(r) }, el('b', {}, r.title), el('span', {}, filled(r.text))))),
    ...(open && supervises() ? [el('li', {}, el('button', { onclick: editCanned }, `＋ ${say('cannedNew')}`))] : []));
  palette.hidden = !open;
}

async function editCanned() {
  const form = await dialog(say('cannedNew'), [el('label', {}, say('cannedTitle'), el('input', { name: 'title', required: true, maxLength: 40 })),
    el('label', {}, say('cannedText'), el('textarea', { name: 'text', rows: 5, required: true, maxLength: 2000 }))], { ok: say('save'), cancel: say('cancel') });
  if (!form) return;
  const kept = await attempt(() => api('canned', { Title: form.title, Text: form.text }));
  if (kept) desk.canned = kept.canned;
}

function keepDraft() {
  const draft = byId('draft');
  if (draft.value) localStorage.setItem(draftKey(), draft.value);
  else localStorage.removeItem(draftKey());
}

function typed() {
  keepDraft();
  drawPalette();
  if (note || !byId('draft').value || Date.now() - lastTyping < 8000) return;
  lastTyping = Date.now();
  api(`sessions/${encodeURIComponent(shown.row.id)}/typing`, {}).catch(() => {});
}

/** post sends a message that is shown at once; without an answer it can be sent again under the same id. */
async function post(entry) {
  entry.lost = false;
  pending.set(entry.id, entry);
  drawLog();
  try {
    if (entry.picture) await api(`sessions/${encodeURIComponent(entry.session)}/image?message=${entry.id}`, entry.picture, { raw: true });
    else await api(`sessions/${encodeURIComponent(entry.session)}/say`, { ID: entry.id, Kind: entry.kind, Text: entry.text, Package: entry.attachment.package, Sticker: entry.attachment.sticker });
  } catch (error) {
    entry.lost = true;
    toast(error.message, 'bad');
  }
  drawLog();
}

const message = (kind, text, attachment = {}) => ({
  id: crypto.randomUUID(), session: shown.row.id, pos: Infinity, at: now(), by: 'operator', name: desk.me.name, kind, text, attachment, delivery: 'sending',
});

async function send() {
  const draft = byId('draft');
  const text = draft.value.trim();
  if (!text) return;
  if (note) {
    if (!await act('note', { ID: crypto.randomUUID(), Text: text })) return;
  } else {
    post(message('text', text));
  }
  draft.value = '';
  warned = false;
  keepDraft();
  drawComposer();
}

const sendSticker = (id) => post(message('sticker', '', { package: stickerPackage, sticker: id }));

function sendPicture(file) {
  if (file) post({ ...message('image', '', {}), kind: 'text', text: `（${say('picture')}）`, picture: file });
}

async function pickSticker() {
  const form = await dialog(say('sticker'), [el('div', { className: 'stickers', role: 'radiogroup' }, Object.entries(stickers).map(([id, name], i) =>
    el('label', {}, el('input', { type: 'radio', name: 'sticker', value: id, checked: i === 0 }), name)))], { ok: say('send'), cancel: say('cancel') });
  if (form) sendSticker(form.sticker);
}

/** write puts the cursor where one writes, a note or a message. */
export function write(asNote) {
  if (!shown || !byId('composer')) return;
  note = asNote;
  drawComposer();
  byId('draft').focus();
}

function composer() {
  const picture = el('input', { type: 'file', accept: 'image/jpeg,image/png', hidden: true, onchange: (event) => { sendPicture(event.target.files[0]); event.target.value = ''; } });
  return el('form', { id: 'composer', onsubmit: (event) => { event.preventDefault(); send(); } },
    el('p', { id: 'warning', className: 'warning', role: 'alert', hidden: true }, say('wrote')),
    el('ul', { id: 'palette', hidden: true }),
    el('textarea', {
      id: 'draft', rows: 3, 'aria-label': say('message'), value: localStorage.getItem(draftKey()) ?? '', oninput: typed,
      onkeydown: (event) => {
        if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); send(); }
        if (event.key === 'Escape') { byId('draft').blur(); }
      },
    }),
    el('div', { className: 'tools' },
      el('label', { className: 'toggle' }, el('input', { type: 'checkbox', id: 'as-note', onchange: (event) => { note = event.target.checked; drawComposer(); } }), say('note')),
      el('button', { type: 'button', data: { tool: 'picture' }, onclick: () => picture.click() }, say('picture')),
      el('button', { type: 'button', data: { tool: 'sticker' }, onclick: pickSticker }, say('sticker')),
      el('button', { type: 'button', data: { tool: 'canned' }, onclick: () => drawPalette(byId('palette').hidden) }, say('canned')),
      picture, el('p', { id: 'how', className: 'small' }), el('button', { className: 'primary', id: 'send' }, say('send'))));
}

function drawComposer() {
  const box = byId('composer');
  if (!box) return;
  if (!mine() && !note) note = true; // whoever does not have the person can still leave a note
  byId('as-note').checked = note;
  byId('as-note').disabled = !mine();
  box.classList.toggle('noting', note);
  for (const tool of box.querySelectorAll('[data-tool]')) tool.hidden = note;
  byId('draft').placeholder = say(note ? 'noteHint' : 'messageHint');
  byId('warning').hidden = !warned || note;
  byId('how').textContent = note ? '' : sendingState();
}

function draw() {
  const pane = byId('talk');
  if (!shown) {
    pane.replaceChildren(overview());
    byId('person').replaceChildren();
    return;
  }
  pane.replaceChildren(header(), makeLog(), composer());
  drawLog();
  drawComposer();
  makePerson(shown, mine());
  keepEnd();
}

/** drawHead brings everything but the composer's text in line with the session. */
function drawHead() {
  if (!shown) return;
  byId('talk').querySelector('.talk-head').replaceWith(header());
  if (mine() && note && !byId('draft').value) note = false;
  drawComposer();
  makePerson(shown, mine());
}

/** overview is what is shown while no chat is: how long people wait, and who has how many. */
function overview() {
  const waiting = [...desk.rows.values()].filter((row) => ['queued', 'left'].includes(row.phase) && !row.operator);
  const longest = Math.max(0, ...waiting.filter((row) => row.phase === 'queued').map((row) => now() - row.since));
  const figure = (word, value) => el('div', {}, el('dt', {}, say(word)), el('dd', {}, value));
  return el('section', { className: 'overview', id: 'overview' }, el('h1', {}, say('chooseChat')),
    el('dl', { className: 'figures' }, figure('waiting', String(waiting.filter((row) => row.phase === 'queued').length)), figure('left', String(waiting.filter((row) => row.phase === 'left').length)),
      figure('waited', length(longest)), figure('connected', String([...desk.rows.values()].filter((row) => row.phase === 'connected').length))),
    el('table', {}, el('thead', {}, el('tr', {}, ['operators', 'presence', 'seats'].map((word) => el('th', { scope: 'col' }, say(word))))),
      el('tbody', {}, desk.operators.map((o) => el('tr', {}, el('th', { scope: 'row' }, `${o.display}（${o.name}）`), el('td', {}, say(o.presence)), el('td', {}, `${o.taken} / ${o.seats}`))))));
}

/** peek shows what somebody and the bot say to each other, without a session. */
function peek(person) {
  shown = null;
  byId('person').replaceChildren();
  const row = { ...person, phase: 'ai' };
  byId('talk').replaceChildren(el('header', { className: 'talk-head' }, el('button', { className: 'back', onclick: () => document.body.classList.remove('in-talk') }, say('backToList')),
    avatar(row), el('div', { className: 'talk-title' }, el('h1', {}, nameOf(row)), el('p', { className: 'small' }, say('talking')))),
  makeLog(person.entries.map(bubble)));
}

/** makeTalk draws the pane and keeps it live. */
export function makeTalk() {
  hear((what, detail) => {
    if (what === 'select' && desk.selected) load(desk.selected);
    if (what === 'peek') peek(detail);
    if (what === 'rows' && shown) {
      const change = detail.find(({ id }) => id === shown.row.id);
      if (!change) return;
      const row = desk.rows.get(shown.row.id) ?? (desk.lastClosed?.id === shown.row.id ? desk.lastClosed : null);
      if (row) {
        const head = ['phase', 'operator', 'name', 'picture', 'checked', 'checks', 'score', 'comment', 'ended'].some((key) => row[key] !== shown.row[key]);
        shown.row = row;
        if (head) drawHead();
      }
      refresh();
    }
    if ((what === 'desk' || what === 'rows') && !shown && byId('overview')) draw();
    if (what === 'connection' || what === 'beat') refresh();
  });
  setInterval(() => { if (shown && byId('how') && !note) byId('how').textContent = sendingState(); }, 1000);
  document.addEventListener('visibilitychange', () => { if (shown) markRead(); });
  draw();
}
