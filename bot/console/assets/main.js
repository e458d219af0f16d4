// The desk: three panes over what the server tells.
//
//   state.js   what is known, the server's API and its events
//   lists.js   the left pane: who waits and whom one has
//   talk.js    the middle: a conversation and the composer
//   person.js  the right pane: who the customer is
//   bar.js     presence, hours, search, menu; keys.js shortcuts; alerts.js notifications and sound
//   dom.js     building elements

import { toast } from './dom.js';
import { begin } from './state.js';
import { makeBar } from './bar.js';
import { makeLists } from './lists.js';
import { makeTalk } from './talk.js';
import { makeAlerts } from './alerts.js';
import { makeKeys } from './keys.js';

try {
  await begin();
  makeBar();
  makeLists();
  makeTalk();
  makeAlerts();
  makeKeys();
  document.documentElement.dataset.ready = 'true';
} catch (error) {
  toast(error.message, 'bad');
}
