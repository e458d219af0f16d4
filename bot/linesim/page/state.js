// What the page knows of the server: its JSON API, its stream of events, its clock.

async function call(method, path, body) {
  const request = { method, headers: {} };
  if (body instanceof FormData) request.body = body;
  else if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers['Content-Type'] = 'application/json';
  }
  let response;
  try {
    response = await fetch(`/phone/api${path}`, request);
  } catch {
    throw new Error('サーバーに接続できません。');
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.message || `エラーが発生しました（${response.status}）。`);
  return answer;
}

const of = (person) => `/people/${encodeURIComponent(person)}`;

/** api has a function for each request. All reject with an Error whose message can be shown. */
export const api = {
  state: () => call('GET', '/state'),
  chat: (person, after = 0) => call('GET', `${of(person)}/chat?after=${after}`),
  addPerson: (name) => call('POST', '/people', { name }),
  /** become is one of "block", "unblock" and "follow". */
  become: (person, what) => call('POST', `${of(person)}/${what}`),
  send: (person, message) => call('POST', `${of(person)}/messages`, message),
  postback: (person, postback) => call('POST', `${of(person)}/postback`, postback),
  unsend: (person, id) => call('POST', `${of(person)}/unsend`, { id }),
  switchMenu: (person, richMenuAliasId, data) => call('POST', `${of(person)}/richmenuswitch`, { richMenuAliasId, data }),
  open: (person, uri) => call('POST', '/open', { person, uri }),
  /** setClock takes {now}, {advance} or {reset}. */
  setClock: (change) => call('PUT', '/clock', change),
  faults: () => call('GET', '/faults'),
  /** setFaults takes {seed, faults} and replaces all. */
  setFaults: (change) => call('PUT', '/faults', change),
};

/** upload makes a picture the person chose into a body for api.send. */
export function upload(file) {
  const form = new FormData();
  form.append('image', file, file.name);
  return form;
}

const kinds = ['entry', 'update', 'person', 'menu', 'loading', 'clock', 'faults'];
const retryMilliseconds = 2000;

/**
 * follow listens to the server's events for as long as the page lives. refresh is called whenever events may have been
 * missed: at the start, after a break, on "reset". Events that come while it runs wait until it is done, so that none
 * is lost between its answer and the stream. online is told true and false. A page that nobody sees does not listen:
 * browsers keep no more than six connections to a server, over all tabs.
 */
export function follow({ on, refresh, online }) {
  let waiting = null;
  const catchUp = async () => {
    if (waiting) return;
    waiting = [];
    try {
      await refresh();
      online(true);
    } catch {
      online(false);
      setTimeout(catchUp, retryMilliseconds);
    }
    const held = waiting;
    waiting = null;
    for (const [kind, data] of held) on[kind](data);
  };
  let listening = null;
  const connect = () => {
    if (listening || document.hidden) return;
    const stream = new EventSource('/phone/api/events');
    listening = stream;
    stream.addEventListener('open', catchUp);
    stream.addEventListener('reset', catchUp);
    stream.addEventListener('error', () => {
      online(false);
      if (stream.readyState !== EventSource.CLOSED || stream !== listening) return; // it reconnects by itself, or need not
      listening = null;
      setTimeout(connect, retryMilliseconds);
    });
    for (const kind of kinds) {
      stream.addEventListener(kind, (event) => {
        const data = JSON.parse(event.data);
        if (waiting) waiting.push([kind, data]);
        else on[kind](data);
      });
    }
  };
  const pause = () => {
    listening?.close();
    listening = null;
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? pause() : connect()));
  addEventListener('pagehide', pause);
  addEventListener('pageshow', connect);
  connect();
}

/** clock is the simulated time: set from the server, running on with this machine's. onset is called when it was moved. */
export const clock = {
  ahead: 0, // milliseconds
  onset() {},
  set(now) {
    this.ahead = Date.parse(now) - Date.now();
    this.onset();
  },
  now() { return new Date(Date.now() + this.ahead); },
};

// All of the product's time rules are Japanese time, wherever the browser is.
const zone = { timeZone: 'Asia/Tokyo' };
const dayFormat = new Intl.DateTimeFormat('ja-JP', { ...zone, month: 'long', day: 'numeric', weekday: 'short' });
const dateFormat = new Intl.DateTimeFormat('ja-JP', { ...zone, year: 'numeric', month: 'long', day: 'numeric', weekday: 'short' });
const timeFormat = new Intl.DateTimeFormat('ja-JP', { ...zone, hour: 'numeric', minute: '2-digit' });
const secondsFormat = new Intl.DateTimeFormat('ja-JP', { ...zone, hour: 'numeric', minute: '2-digit', second: '2-digit' });
const inputFormat = new Intl.DateTimeFormat('sv-SE', { ...zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' });

export const words = {
  day: (at) => dayFormat.format(at), // 11月24日(火)
  date: (at) => dateFormat.format(at), // 2026年11月24日(火)
  time: (at) => timeFormat.format(at), // 9:05
  seconds: (at) => secondsFormat.format(at), // 9:05:07
  input: (at) => inputFormat.format(at).replace(' ', 'T'), // 2026-11-24T09:05, as datetime-local wants it
  fromInput: (value) => `${value.length === 16 ? `${value}:00` : value}+09:00`,
};
