// The trouble this LINE can be told to make: a row for each kind with its share in percent and how often it struck, and
// once it is on, how often it may strike at most, how long it waits, and which calls it concerns.

import { api } from './state.js';
import { byId, element, toast } from './dom.js';

// Each kind's name and what it does; kinds that wait have their usual seconds besides.
const webhooks = {
  duplicate: ['重複', '同じ配信が二度、同時に届く'],
  redeliver: ['再送', '応答が失われ、もう一度届く'],
  reorder: ['順序の入れ替わり', '後の出来事が先に届く', 0.3],
  batch: ['まとめて配信', '数人分が一つの本文で届く', 0.05],
  signature: ['署名の誤り', '誤った署名で届き、正しく届き直す'],
  standby: ['待機モード', 'ほかのチャネルが応対し、返信できない'],
  'hang up': ['切断（配信）', '応答を待たずに切れ、届き直す', 0.002],
};
const calls = {
  429: ['回数の制限（429）', '呼び出しが多すぎると断られる'],
  '429 monthly': ['月間の上限（429）', '今月の上限に達したと断られる'],
  500: ['失敗（500）', '失敗し、何も起きない'],
  '500 done': ['失敗（500、実行済み）', '実行されたのに失敗と答える'],
  slow: ['遅い応答', '待ってから実行される', 1],
  lost: ['応答なし（実行済み）', '実行されたあと接続が切れる'],
  dropped: ['応答なし', '実行される前に接続が切れる'],
  expired: ['トークン切れ（401）', 'アクセストークンが使えない'],
  blocked: ['ブロック', 'その瞬間に相手がブロックする'],
};
const usualShare = 20; // percent
const lookEvery = 2000; // milliseconds, while the card is open

/** makeFaults wires up the card of faults. It returns refresh. */
export function makeFaults() {
  const card = byId('faults');
  const form = byId('fault-form');
  const seed = byId('fault-seed');
  const rows = new Map(); // kind → row, in the server's order
  let others = []; // faults beside the first of their kind, which only the API can set

  function draw(state) {
    for (const kind of state.kinds) {
      if (rows.has(kind)) continue;
      const row = makeRow(kind, apply);
      rows.set(kind, row);
      byId(kind in webhooks ? 'fault-webhooks' : 'fault-calls').append(row.node);
    }
    others = [...state.faults];
    for (const [kind, row] of rows) {
      const first = others.findIndex((fault) => fault.kind === kind);
      const [fault] = first < 0 ? [] : others.splice(first, 1);
      row.show(fault, others.filter((other) => other.kind === kind));
    }
    if (state.faults.length) fill(seed, state.seed);
    const count = new Set(state.faults.map((fault) => fault.kind)).size;
    byId('fault-count').textContent = count ? `${count}種類` : 'なし';
    byId('fault-none').disabled = !count;
  }

  function apply() {
    if (!form.reportValidity()) return;
    const firsts = [...rows.values()].filter((row) => row.on()).map((row) => row.fault());
    const kept = others.filter((fault) => rows.get(fault.kind).on());
    put({ seed: Number(seed.value), faults: [...firsts, ...kept] });
  }
  // Changes go out one after the other, and what the server says is drawn only while it is about the last of them: an
  // earlier answer would take back what somebody asked for meanwhile.
  let changes = 0;
  let sent = Promise.resolve();
  function put(change) {
    const mine = ++changes;
    sent = sent.then(() => api.setFaults(change)).then((state) => mine === changes && draw(state), async (error) => {
      toast(error.message);
      await load().catch(() => {}); // the server is not there: the stream tells
    });
  }
  async function load() {
    const before = changes;
    const state = await api.faults();
    if (before === changes) draw(state);
  }
  async function refresh() {
    await sent;
    await load();
  }

  let timer;
  async function look() {
    clearTimeout(timer);
    if (!card.open) return;
    await refresh().catch(() => {}); // as above
    clearTimeout(timer);
    timer = setTimeout(look, lookEvery);
  }

  seed.addEventListener('change', apply);
  form.addEventListener('submit', (event) => event.preventDefault());
  byId('fault-none').addEventListener('click', () => put({ seed: Number(seed.value), faults: [] }));
  card.addEventListener('toggle', look);
  return { refresh };
}

/** makeRow is one kind of fault; apply is called when somebody changed it. */
function makeRow(kind, apply) {
  const [name, about, usualDelay] = webhooks[kind] ?? calls[kind] ?? [kind, ''];
  const id = `fault-${kind.replace(' ', '-')}`;
  const share = element('input', { id, type: 'number', min: 0, max: 100, step: 'any', value: 0, required: true, data: { fault: kind }, onchange: apply });
  const count = element('input', { type: 'number', min: 0, step: 1, placeholder: '無制限', onchange: apply });
  const delay = element('input', { type: 'number', min: 0, step: 'any', placeholder: usualDelay, onchange: apply });
  const path = element('input', { type: 'text', placeholder: '/v2/bot/message/push', pattern: '/(v2|oauth2)/.*', title: '/v2/ または /oauth2/ で始まるパス', autocomplete: 'off', spellcheck: 'false', onchange: apply });
  const struck = element('span', { class: 'fault-struck' });
  const toggle = element('button', {
    type: 'button', class: 'fault-name', 'aria-pressed': 'false',
    onclick: () => { share.value = on() ? 0 : usualShare; apply(); },
  }, element('strong', { text: name }), element('small', { text: about }));
  const more = element('fieldset', { class: 'fault-more', disabled: true, hidden: true },
    element('legend', { class: 'unseen', text: `${name}の設定` }),
    field('上限（回）', count),
    usualDelay === undefined ? null : field('待ち時間（秒）', delay),
    kind in webhooks ? null : field('呼び出し先（前方一致）', path, 'wide'));
  const node = element('li', {}, toggle, struck,
    element('label', { for: id, class: 'unseen', text: `${name}の割合（%）` }), share, element('span', { 'aria-hidden': 'true', text: '%' }), more);
  const on = () => Number(share.value) > 0;

  /** show draws the fault that is set, or none, and how often it and the others of its kind struck. */
  function show(fault, others) {
    fill(share, fault ? Number((100 * fault.share).toPrecision(6)) : 0);
    fill(count, fault?.count || '');
    fill(delay, seconds(fault?.delay));
    fill(path, fault?.path ?? '');
    toggle.setAttribute('aria-pressed', String(Boolean(fault)));
    more.disabled = more.hidden = !fault;
    struck.textContent = fault ? `${[fault, ...others].reduce((sum, one) => sum + one.struck, 0)}回` : '';
  }
  /** fault is what the row asks for. What is left empty is absent: the server's default. */
  function fault() {
    return {
      kind,
      share: Number(share.value) / 100,
      count: Number(count.value) || undefined,
      delay: Number(delay.value) ? `${delay.value}s` : undefined,
      path: path.value.trim() || undefined,
    };
  }
  return { node, show, on, fault };
}

function field(text, input, kind = '') {
  return element('label', { class: kind }, text, input);
}

/** fill sets an input's value unless somebody is writing there. */
function fill(input, value) {
  if (document.activeElement !== input) input.value = value;
}

const unitSeconds = { h: 3600, m: 60, s: 1, ms: 1e-3, 'µs': 1e-6, ns: 1e-9 };

/** seconds reads a duration as the server writes it, "1m1.5s"; "" stays "". */
function seconds(duration = '') {
  const parts = [...duration.matchAll(/([\d.]+)(h|ms|m|s|µs|ns)/g)];
  return parts.length ? Number(parts.reduce((sum, [, n, unit]) => sum + n * unitSeconds[unit], 0).toPrecision(6)) : '';
}
