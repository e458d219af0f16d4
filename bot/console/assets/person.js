// The right pane: who the customer is, as far as an operator may know.

import { byId, el, some } from './dom.js';
import { api, attempt, clock, day, displayOf, nameOf, say, select } from './state.js';
import { avatar, previewOf } from './lists.js';

function linkCard(shown, link) {
  const box = el('div', { className: 'balance' });
  const read = async () => {
    const b = await attempt(() => api(`sessions/${encodeURIComponent(shown.row.id)}/balance?line=${encodeURIComponent(link.ref)}`));
    if (!b) return;
    box.replaceChildren(el('p', { className: 'figure' }, b.left), el('dl', {}, b.rows.map((r) => el('div', {}, el('dt', {}, r.bucket), el('dd', {}, r.left))),
      el('div', {}, el('dt', {}, say('used')), el('dd', {}, `${b.used} / ${b.quota}`))), el('p', { className: 'small' }, `${day(b.at)} ${clock(b.at)}`));
  };
  return el('li', { className: 'link-card' }, el('p', {}, el('b', {}, say(link.kind)), ` ${link.nickname ? `${link.nickname}（${link.label}）` : link.label}`),
    link.plan && el('p', { className: 'small' }, `${say('plan')} ${link.plan}`),
    link.kind === 'user' && el('p', {}, el('button', { data: { act: 'balance' }, onclick: read }, say('balance'))), box);
}

function identity(shown) {
  if (shown.row.checked) return el('p', { className: 'good' }, say('checked'));
  const left = 3 - shown.row.checks;
  if (left <= 0) return el('p', { className: 'wrong' }, say('checksSpent'));
  const result = el('p', { role: 'status', className: 'small' }, shown.row.checks > 0 ? say('unchecked', { n: left }) : say('identityHint'));
  const form = el('form', {
    className: 'identity', onsubmit: async (event) => {
      event.preventDefault();
      const data = Object.fromEntries(new FormData(form));
      const answer = await attempt(() => api(`sessions/${encodeURIComponent(shown.row.id)}/check`, { Kana: data.kana, Birthdate: data.birthdate, Last4: data.last4 }));
      form.reset();
      if (answer) result.textContent = answer.ok ? say('checked') : say('unchecked', { n: answer.left });
    },
  }, el('label', {}, say('kana'), el('input', { name: 'kana', required: true, autocomplete: 'off' })),
  el('label', {}, say('birthdate'), el('input', { name: 'birthdate', type: 'date', required: true })),
  el('label', {}, say('last4'), el('input', { name: 'last4', inputMode: 'numeric', pattern: '[0-9]{4}', maxLength: 4, required: true, autocomplete: 'off' })),
  el('button', {}, say('checkIt')), result);
  return form;
}

/** makePerson draws the pane anew, unless somebody is filling in its form. */
export function makePerson(shown, mine) {
  const pane = byId('person');
  if (pane.dataset.session === shown.row.id && pane.querySelector('form input:focus') && !shown.row.checked) return;
  pane.dataset.session = shown.row.id;
  const open = [...pane.querySelectorAll('.balance')].map((box) => box.childNodes.length > 0 ? [...box.childNodes] : null);
  const links = shown.links.map((link) => linkCard(shown, link));
  links.forEach((card, i) => { if (open[i]) card.querySelector('.balance').replaceChildren(...open[i]); });
  pane.replaceChildren(...some([
    el('button', { className: 'back', onclick: () => document.body.classList.remove('in-person') }, say('shut')),
    el('div', { className: 'person-head' }, avatar(shown.row, 'large'), el('h2', {}, nameOf(shown.row))),
    el('h3', {}, say('links')), links.length > 0 ? el('ul', { className: 'plain' }, links) : el('p', { className: 'small' }, say('noLinks')),
    shown.row.phase !== 'closed' && mine && el('section', {}, el('h3', {}, say('identity')), identity(shown)),
    shown.row.score > 0 && el('section', {}, el('h3', {}, say('score')), el('p', {}, `${'★'.repeat(shown.row.score)} ${say(`score.${shown.row.score}`)}`), shown.row.comment && el('p', {}, shown.row.comment)),
    shown.history.length > 0 && el('section', {}, el('h3', {}, say('steps')), el('ol', { className: 'steps' },
      shown.history.filter((e) => e.by === 'customer').slice(-8).map((e) => el('li', {}, `${clock(e.at)} ${e.kind === 'event' ? `「${e.text.slice(e.text.indexOf(':') + 1)}」` : e.text || e.kind}`)))),
    el('h3', {}, say('earlier')), shown.earlier.length === 0 ? el('p', { className: 'small' }, say('nothingHere'))
      : el('ul', { className: 'plain' }, shown.earlier.map((row) => el('li', {}, el('button', { className: 'row', onclick: () => select(row.id) },
        el('span', { className: 'row-main' }, el('span', { className: 'row-top' }, el('span', {}, `${day(row.began)} ${clock(row.began)}`), el('span', {}, row.operator ? displayOf(row.operator) : '')),
          el('span', { className: 'row-preview' }, previewOf(row)))))))]));
}
