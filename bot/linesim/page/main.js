// The phone page: a chat with an official account on a simulated LINE.
//
//   state.js    the server's API, its events, the clock
//   chat.js     the chat; message.js what is in a bubble: flex.js, template.js, sticker.js; entrymenu.js its menu
//   composer.js the bar one writes in; menu.js the rich menu below it
//   people.js   whose phone it is; tools.js the clock beside it; faults.js the trouble LINE makes
//   action.js   what a tap does; dom.js building elements
//
// This file holds the state they share: who there is, and whose phone is shown. ?person= chooses the phone, ?text=
// begins a message, as LINE's links to a chat do.

import { api, clock, follow } from './state.js';
import { byId, toast } from './dom.js';
import { makeAct } from './action.js';
import { makeChat } from './chat.js';
import { makeComposer } from './composer.js';
import { makeFaults } from './faults.js';
import { makeMenu } from './menu.js';
import { makePeople } from './people.js';
import { makeTools } from './tools.js';

const query = new URLSearchParams(location.search);
const readDelay = 300; // milliseconds; several messages at once are one read

let bot = { name: '', basicId: '' };
const people = new Map(); // id → person, in the order they were added
let current = query.get('person'); // id of the person whose phone is shown
let wantedText = query.get('text');
const loading = new Map(); // person's id → when the animation ends, of performance.now()

const phone = () => current;
const showMenu = (open) => menu.open(open);
const composer = makeComposer({ phone, showMenu });
const act = makeAct({ phone, compose: composer.compose, showMenu });
const menu = makeMenu({ act, onOpen: composer.closeTray });
const chat = makeChat({ phone, bot: () => bot, act });
const list = makePeople({ choose });
const { closePanels } = makeTools();
const faults = makeFaults();

let chatOf = null; // whose chat is in the log

/** choose shows a person's phone. */
function choose(person) {
  if (!people.has(person.id)) people.set(person.id, person); // else the events know better
  current = person.id;
  closePanels();
  show();
  loadChat().catch((error) => toast(error.message));
}

/** loadChat gets the current person's chat, which also marks it read. */
async function loadChat() {
  const id = current;
  if (!id) return;
  const { entries } = await api.chat(id);
  if (id === current) chat.sync(entries);
}

/** show brings everything but the chat's entries in line with the state. */
function show() {
  const person = people.get(current);
  list.show([...people.values()], current);
  byId('bot-name').textContent = bot.name;
  byId('bot-id').textContent = bot.basicId;
  byId('welcome-name').textContent = bot.name;
  byId('head-person').textContent = person ? `${person.name}の画面` : '';
  document.title = person ? `${person.name} – ${bot.name}` : bot.name;

  if (chatOf !== (person?.id ?? null)) {
    chatOf = person?.id ?? null;
    chat.clear();
    const left = (loading.get(chatOf) ?? 0) - performance.now();
    chat.loading(Math.max(0, left / 1000));
    history.replaceState(null, '', person ? `/phone?person=${encodeURIComponent(person.id)}` : '/phone');
  }
  composer.show(chatOf);
  menu.show(person);
  showNotice(person);
}

/** showNotice says why one cannot write, and offers the way out. */
function showNotice(person) {
  const what = person?.blocked ? 'unblock' : person && !person.friend ? 'follow' : '';
  byId('notice').hidden = !what;
  byId('chat').inert = !person; // behind the welcome
  byId('composer').hidden = what === 'unblock' || !person;
  byId('notice-text').textContent = what === 'unblock' ? 'ブロックしています。' : '友だちに追加していません。';
  const button = byId('notice-button');
  button.textContent = what === 'unblock' ? 'ブロック解除' : '友だち追加';
  button.onclick = () => list.become(person, what);
}

async function refresh() {
  const state = await api.state();
  bot = state.bot;
  clock.set(state.now);
  await faults.refresh();
  people.clear();
  for (const person of state.people) people.set(person.id, person);
  if (!people.has(current)) current = state.people[0]?.id ?? null;
  show();
  await loadChat();
  if (wantedText !== null && current) {
    composer.compose(wantedText);
    wantedText = null;
  }
}

let readTimer;

/** read tells the server that the person saw what came. */
function read() {
  clearTimeout(readTimer);
  if (document.hidden) return;
  readTimer = setTimeout(() => current && api.chat(current, chat.lastSeq()).catch(() => {}), readDelay);
}
document.addEventListener('visibilitychange', read);

const on = {
  entry({ person: id, entry }) {
    if (entry.from === 'bot') loading.delete(id);
    if (id === current) {
      chat.add(entry);
      if (entry.from === 'bot' || entry.from === 'friend') read();
      return;
    }
    const person = people.get(id);
    if (!person || entry.from === 'system') return;
    person.unread = entry.from === 'person' ? 0 : person.unread + 1;
    list.show([...people.values()], current);
  },
  update({ person: id, entry }) {
    if (id === current) chat.add(entry);
  },
  person(person) {
    people.set(person.id, person);
    if (!current) choose(person);
    else show();
  },
  menu({ person: id, menu: shown }) {
    const person = people.get(id);
    if (!person) return;
    person.menu = shown;
    if (id === current) menu.show(person);
  },
  loading({ person: id, seconds }) {
    loading.set(id, performance.now() + 1000 * seconds);
    if (id === current) chat.loading(seconds);
  },
  clock: ({ now }) => clock.set(now),
  faults: () => faults.refresh().catch(() => {}),
};

/** online shows whether the server is there. */
function online(yes) {
  const node = byId('connection');
  node.dataset.online = String(yes);
  node.textContent = yes ? '接続中' : '接続しています…';
}

online(false);
follow({ on, refresh, online });
