// The trouble this LINE can be told to make: one row a kind, its share in percent, how often it struck.

import { api } from './state.js';
import { byId, element, toast } from './dom.js';

const kinds = {
  duplicate: ['重複', '同じ配信が二度、同時に届く'],
  redeliver: ['再送', '応答が失われ、もう一度届く'],
  reorder: ['順序の入れ替わり', '後の出来事が先に届く'],
  batch: ['まとめて配信', '数人分が一つの本文で届く'],
  signature: ['署名の誤り', '誤った署名で届いてから届き直す'],
  standby: ['待機モード', 'ほかのチャネルが応対中になる'],
  'hang up': ['切断（配信）', '応答を待たずに切れ、届き直す'],
  429: ['429', '回数の制限で断られる'],
  '429 monthly': ['429（月間上限）', '今月の上限で断られる'],
  500: ['500', '失敗し、何も起きない'],
  '500 done': ['500（実行済み）', '実行されたのに失敗と答える'],
  slow: ['遅い応答', '1秒たってから実行される'],
  lost: ['応答なし（実行済み）', '実行されたあと接続が切れる'],
  dropped: ['応答なし', '実行される前に接続が切れる'],
  expired: ['トークン切れ', '401で断られる'],
  blocked: ['ブロック', 'その瞬間に相手がブロックする'],
};
const usualShare = 20; // percent
const lookEvery = 2000; // milliseconds, while the card is open

/** makeFaults wires up the card of faults. It returns refresh. */
export function makeFaults() {
  const card = byId('faults');
  const list = byId('fault-list');
  const seed = byId('fault-seed');
  const path = byId('fault-path');
  const rows = new Map(); // kind → {share, struck}

  function draw(state) {
    for (const kind of state.kinds) {
      if (rows.has(kind)) continue;
      const [name, about] = kinds[kind] ?? [kind, ''];
      const id = `fault-${rows.size}`;
      const share = element('input', { id, type: 'number', min: 0, max: 100, step: 1, value: 0, data: { fault: kind }, onchange: apply });
      const struck = element('span', { class: 'fault-struck' });
      const toggle = element('button', {
        type: 'button', class: 'fault-name', 'aria-pressed': 'false',
        onclick: () => { share.value = Number(share.value) > 0 ? 0 : usualShare; apply(); },
      }, element('strong', { text: name }), element('small', { text: about }));
      rows.set(kind, { share, struck, toggle });
      list.append(element('li', {}, toggle, struck, element('label', { for: id, class: 'unseen', text: `${name}の割合` }), share, element('span', { text: '%' })));
    }
    for (const [kind, row] of rows) {
      const fault = state.faults.find((f) => f.kind === kind);
      if (document.activeElement !== row.share) row.share.value = fault ? Math.round(100 * fault.share) : 0;
      row.toggle.setAttribute('aria-pressed', String(Boolean(fault)));
      row.struck.textContent = fault ? `${fault.struck}回` : '';
    }
    if (document.activeElement !== seed && state.faults.length) seed.value = state.seed;
    byId('fault-count').textContent = state.faults.length ? `${state.faults.length}種類` : 'なし';
  }

  async function apply() {
    const faults = [...rows].filter(([, row]) => Number(row.share.value) > 0).map(([kind, row]) => ({
      kind,
      share: Math.min(100, Number(row.share.value)) / 100,
      path: ofCalls(kind) && path.value.trim() ? path.value.trim() : undefined,
    }));
    await put({ seed: Math.max(0, Math.trunc(Number(seed.value)) || 1), faults });
  }
  const ofCalls = (kind) => [...rows.keys()].indexOf(kind) >= [...rows.keys()].indexOf('429');

  async function put(change) {
    try {
      draw(await api.setFaults(change));
    } catch (error) {
      toast(error.message);
      await refresh();
    }
  }
  async function refresh() {
    draw(await api.faults());
  }
  async function look() {
    if (!card.open) return;
    await refresh().catch(() => {});
    setTimeout(look, lookEvery);
  }

  seed.addEventListener('change', apply);
  path.addEventListener('change', apply);
  byId('fault-none').addEventListener('click', () => put({ seed: 0, faults: [] }));
  card.addEventListener('toggle', look);
  return { refresh };
}
