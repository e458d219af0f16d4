// The people whose phones these are: choosing, adding, blocking.

import { api } from './state.js';
import { avatar, byId, element, icon, toast } from './dom.js';

const suggestions = ['花子', '太郎', 'さくら', '健一', '美咲'];
const suggested = 2; // at a time

/** makePeople returns the list's view; choose(id) is called when one is chosen or was added. */
export function makePeople({ choose }) {
  const form = byId('person-form');
  const name = form.elements.namedItem('name');

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    add(name.value.trim());
  });

  async function add(wanted) {
    if (!wanted) return;
    try {
      const person = await api.addPerson(wanted);
      form.reset();
      choose(person);
    } catch (error) {
      toast(error.message);
    }
  }

  /** become blocks, unblocks or adds the account for a person. */
  function become(person, what) {
    return api.become(person.id, what).catch((error) => toast(error.message));
  }

  /** show draws everybody; current is the id of the one whose phone is shown. */
  function show(all, current) {
    byId('person-list').replaceChildren(...all.map((person) => row(person, person.id === current)));
    const empty = all.length === 0;
    const place = byId(empty ? 'welcome-form-place' : 'person-form-place');
    if (form.parentElement !== place) place.append(form);
    byId('welcome').hidden = !empty;
    byId('nobody').hidden = !empty;
    const free = suggestions.filter((one) => !all.some((person) => person.name === one));
    byId('person-names').replaceChildren(...free.slice(0, suggested).map((one) => element('button', {
      type: 'button', class: 'chip', data: { test: 'suggestion' }, onclick: () => add(one),
    }, icon('plus'), `${one}を追加`)));
  }

  function row(person, current) {
    const unread = !current && person.unread > 0;
    const choice = element('button', {
      type: 'button', class: 'person', 'aria-current': current ? 'true' : undefined, data: { test: 'person', id: person.id },
      onclick: () => choose(person),
    },
    avatar(person.name, person.color),
    element('span', { class: 'person-name' }, element('strong', { text: person.name }), element('small', { text: standing(person) })),
    unread ? element('span', { class: 'badge', 'aria-label': `未読${person.unread}件`, text: person.unread > 99 ? '99+' : person.unread }) : null);
    return element('li', { class: current ? 'current' : '' }, choice, current ? change(person) : null);
  }

  function change(person) {
    const what = person.blocked ? 'unblock' : person.friend ? 'block' : 'follow';
    return element('button', { type: 'button', class: 'plain small', data: { test: what }, text: changes[what], onclick: () => become(person, what) });
  }

  return { show, become };
}

const changes = { block: 'ブロック', unblock: 'ブロック解除', follow: '友だち追加' };

function standing({ friend, blocked }) {
  if (blocked) return 'ブロック中';
  return friend ? '友だち' : '友だちではありません';
}
