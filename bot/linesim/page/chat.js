// The chat itself: bubbles, dates, read marks, quick replies, the loading animation.

import { words } from './state.js';
import { avatar, byId, element, icon } from './dom.js';
import { makeEntryMenu } from './entrymenu.js';
import { content, senderIcon, spoken } from './message.js';

const nearEnd = 48; // pixels from the end that still count as being there

/** makeChat returns the chat's view. phone() is the person's id, bot() the account, act performs an action. */
export function makeChat({ phone, bot, act }) {
  const log = byId('chat');
  const list = byId('entries');
  const quick = byId('quick');
  const newer = byId('newer');
  const addMenu = makeEntryMenu({ phone, act });
  let entries = []; // oldest first
  const shown = new Map(); // seq → { node, written }
  let quickDone = 0; // seq of the message whose quick replies were used
  let atEnd = true;
  let top = 0; // where the log was last scrolled to
  let loadingTimer;

  newer.prepend(icon('down'));
  newer.addEventListener('click', toEnd);
  log.addEventListener('scroll', () => {
    const near = log.scrollHeight - log.scrollTop - log.clientHeight < nearEnd;
    // Growing content moves the end away from the reader; only scrolling up moves the reader away from the end.
    if (near || log.scrollTop < top) atEnd = near;
    top = log.scrollTop;
    if (atEnd) newer.hidden = true;
  }, { passive: true });
  // Pictures that load, the menu and the keyboard change sizes: who was at the end stays there.
  const stay = new ResizeObserver(() => atEnd && toEnd());
  stay.observe(log);
  stay.observe(list);

  function toEnd() {
    log.scrollTop = log.scrollHeight;
    newer.hidden = true;
    atEnd = true;
  }

  /** clear empties the chat for another person. */
  function clear() {
    entries = [];
    shown.clear();
    quickDone = 0;
    atEnd = true;
    list.replaceChildren();
    loading(0);
    showQuick();
  }

  /** sync shows a whole chat as the server has it. */
  function sync(all) {
    log.setAttribute('aria-busy', 'true'); // not to be read aloud from the start
    const known = entries.length > 0;
    for (const entry of all) put(entry, !known);
    log.setAttribute('aria-busy', 'false');
    showQuick();
    if (!known) toEnd();
  }

  /** add shows a new entry, or an old one's new state. */
  function add(entry) {
    if (entry.from === 'bot') loading(0);
    put(entry, false);
    showQuick();
  }

  function put(entry, silent) {
    const written = JSON.stringify(entry);
    const old = shown.get(entry.seq);
    if (old?.written === written) return;
    if (old) {
      const i = entries.findIndex(({ seq }) => seq === entry.seq);
      entries[i] = entry;
      const node = draw(entry);
      old.node.replaceWith(node);
      shown.set(entry.seq, { node, written });
      join(entries[i - 1], entry);
      join(entry, entries[i + 1]);
      return;
    }
    const i = entries.findLastIndex(({ seq }) => seq < entry.seq) + 1;
    const node = draw(entry);
    entries.splice(i, 0, entry);
    const after = shown.get(entries[i + 1]?.seq)?.node ?? null;
    list.insertBefore(node, after);
    shown.set(entry.seq, { node, written });
    if (i === 0 || words.day(new Date(entries[i - 1].at)) !== words.day(new Date(entry.at))) {
      list.insertBefore(element('li', { class: 'day' }, element('time', { datetime: entry.at, text: words.day(new Date(entry.at)) })), node);
    }
    join(entries[i - 1], entry);
    join(entry, entries[i + 1]);
    if (silent) return;
    node.classList.add('fresh');
    if (atEnd || entry.from === 'person') toEnd();
    else newer.hidden = false;
  }

  /** join draws two neighbours as one group where they are from one sender and minute. */
  function join(first, second) {
    const together = Boolean(first && second) && first.from === second.from && first.from !== 'system' && !first.unsent && !second.unsent
      && (first.sender?.name ?? '') === (second.sender?.name ?? '')
      && words.day(new Date(first.at)) === words.day(new Date(second.at))
      && words.time(new Date(first.at)) === words.time(new Date(second.at));
    if (first) shown.get(first.seq).node.classList.toggle('goes-on', together);
    if (second) shown.get(second.seq).node.classList.toggle('follows', together);
  }

  function draw(entry) {
    const { message, from } = entry;
    const node = element('li', {
      class: `entry from-${from}`,
      data: { test: 'entry', from, seq: entry.seq, type: message?.type ?? '', via: entry.via ?? '' },
    });
    if (from === 'system' || entry.unsent || message?.type === 'system') {
      node.classList.add('note');
      node.append(element('p', { text: spoken(message) }));
      return node;
    }
    const { node: inside, plain } = content(message, { phone, act });
    const bubble = element('div', { class: plain ? 'bubble' : `bare bare-${message.type}` }, inside);
    const at = new Date(entry.at);
    const meta = element('div', { class: 'meta' },
      entry.read && from === 'person' ? element('span', { class: 'read', text: '既読' }) : null,
      element('time', { datetime: entry.at, text: words.time(at) }));
    const row = element('div', { class: 'row' }, bubble, meta);
    if (from === 'person') {
      if (entry.id) addMenu(row, bubble, entry);
      node.append(element('span', { class: 'unseen', text: '自分：' }), row);
    } else {
      node.append(face(entry), element('div', { class: 'stack' }, sender(entry), row));
    }
    return node;
  }

  function face(entry) {
    if (entry.from === 'friend') return avatar(entry.sender?.name ?? '友', '#5c6f82');
    if (!entry.sender?.name && !entry.sender?.iconUrl) return element('img', { class: 'avatar', src: '/phone/assets/bot.svg', alt: '' });
    return senderIcon(entry.sender) ?? avatar(entry.sender.name, '#2d6a8f');
  }

  function sender({ from, sender: as }) {
    if (from === 'friend') return element('span', { class: 'who' }, as?.name ?? '友だち', element('small', { text: '友だちから' }));
    if (!as?.name) return element('span', { class: 'who', text: bot().name });
    return element('span', { class: 'who' }, as.name, element('small', { text: `from ${bot().name}` }));
  }

  /** showQuick shows the quick replies of the last message, as long as nothing came after it. */
  function showQuick() {
    const last = entries.findLast(({ from }) => from === 'bot' || from === 'person');
    const items = last?.from === 'bot' && last.seq !== quickDone ? last.message?.quickReply?.items ?? [] : [];
    quick.hidden = items.length === 0;
    quick.replaceChildren(...items.map(({ action, imageUrl }) => element('button', {
      type: 'button', class: 'quick-reply', data: { test: 'quick-reply' },
      onclick: async () => {
        if (!(await act(action))) return;
        quickDone = last.seq;
        showQuick();
      },
    }, quickIcon(action, imageUrl), element('span', { text: action?.label ?? '' }))));
    quick.scrollLeft = 0;
  }

  function quickIcon(action, imageUrl) {
    const own = senderIcon({ iconUrl: imageUrl });
    if (own) own.className = 'quick-icon';
    const name = { camera: 'camera', cameraRoll: 'image', location: 'pin', datetimepicker: 'clock' }[action?.type];
    return own ?? (name ? icon(name) : null);
  }

  /** loading shows the three dots for some seconds, or takes them away (0). */
  function loading(seconds) {
    clearTimeout(loadingTimer);
    byId('loading').hidden = !(seconds > 0);
    if (!(seconds > 0)) return;
    loadingTimer = setTimeout(() => loading(0), 1000 * seconds);
    if (atEnd) toEnd();
  }

  return { clear, sync, add, loading, lastSeq: () => entries.at(-1)?.seq ?? 0 };
}
