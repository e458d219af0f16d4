// What the browser knows of the desk, and its line to the server.
//
// rows are sessions by id, as the server last told; a change comes with a version, and an older one never replaces a newer.

import { toast } from './dom.js';

export const desk = {
  me: null, brand: '', rows: new Map(), operators: [], state: {}, canned: [], limits: {}, version: 0,
  selected: null, // id of the session that is shown
  list: 'waiting',
};

let words = {};
let offset = 0; // the server's clock minus this one
const hearers = new Set();

/** say is a sentence with {name} replaced. */
export function say(key, values = {}) {
  let text = words[key] ?? key;
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`{${name}}`, value);
  return text;
}

export const now = () => Date.now() + offset;

/** hear calls back with what changed: 'rows' with ids, 'desk', 'select', 'connection', 'beat'. */
export const hear = (f) => hearers.add(f);
export const tell = (what, detail) => { for (const f of hearers) f(what, detail); };

export class Refused extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

/** api calls the server; refusals carry its words. Without an answer the error's status is 0. */
export async function api(path, body, { raw = false } = {}) {
  const options = body === undefined ? {} : { method: 'POST', body: raw ? body : JSON.stringify(body) };
  let response;
  try {
    response = await fetch(`/console/api/${path}`, options);
  } catch {
    throw new Refused(0, say('connection.off'));
  }
  if (response.status === 401) {
    location.assign('/console/login');
    throw new Refused(401, say('signInAgain'));
  }
  if (response.status === 204) return null;
  const data = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, data.error || say('broken'));
  return data;
}

/** attempt runs an action and shows why it was refused; it resolves to null then. */
export async function attempt(action) {
  try {
    return (await action()) ?? {};
  } catch (error) {
    toast(error.message, 'bad');
    return null;
  }
}

function take(news) {
  offset = news.now - Date.now();
  desk.version = Math.max(desk.version, news.version);
  desk.operators = news.operators;
  desk.state = news.state;
  const changed = [];
  for (const row of news.rows) {
    const known = desk.rows.get(row.id);
    if (known && known.version > row.version) continue;
    changed.push({ id: row.id, before: known });
    desk.rows.set(row.id, row);
  }
  if (changed.length > 0) tell('rows', changed);
  tell('desk');
  const forMe = news.mentions.filter(({ to }) => to === desk.me.name);
  if (forMe.length > 0) tell('mentions', forMe);
}

/** begin loads the desk and listens to its changes from then on. */
export async function begin() {
  const start = await api('start');
  words = start.words;
  Object.assign(desk, { me: start.me, brand: start.brand, canned: start.canned, limits: start.limits });
  take(start.desk);
  listen();
}

export let connected = false;
let source = null;

// A page that is left may live on for the way back, and would keep one of the six connections that a browser has to a server.
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', (event) => { if (event.persisted && source) listen(); });

function listen() {
  source = new EventSource(`/console/events?since=${desk.version}`);
  source.addEventListener('open', () => { connected = true; tell('connection'); });
  source.addEventListener('desk', (event) => take(JSON.parse(event.data)));
  source.addEventListener('beat', (event) => { offset = JSON.parse(event.data).now - Date.now(); tell('beat'); });
  source.addEventListener('over', () => location.assign('/console/login'));
  source.addEventListener('error', () => {
    connected = false;
    tell('connection');
    if (source.readyState !== EventSource.CLOSED) return; // it comes back by itself, with the last version it had
    setTimeout(async () => {
      await api('start').then((start) => take(start.desk)).catch(() => {});
      listen();
    }, 2000);
  });
}

/** select shows a session. */
export function select(id) {
  if (desk.selected === id) return;
  desk.selected = id;
  tell('select');
}

/** length is a time in words, coarse. */
export function length(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return say('seconds', { n: seconds });
  if (seconds < 3600) return say('minutes', { n: Math.floor(seconds / 60) });
  return say('hoursLong', { n: Math.floor(seconds / 3600) });
}

const zone = 'Asia/Tokyo';
const clockForm = new Intl.DateTimeFormat('ja-JP', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dayForm = new Intl.DateTimeFormat('ja-JP', { timeZone: zone, month: 'numeric', day: 'numeric' });
export const clock = (ms) => clockForm.format(new Date(ms));
export const day = (ms) => dayForm.format(new Date(ms));

export const supervises = () => desk.me.role !== 'operator';
export const displayOf = (name) => desk.operators.find((o) => o.name === name)?.display || name;
export const nameOf = (row) => row.name || say('unnamed');
