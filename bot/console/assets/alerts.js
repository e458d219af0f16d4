// Notifications and a sound, once the operator has agreed to them.

import { desk, displayOf, hear, nameOf, say, select } from './state.js';
import { toast } from './dom.js';

let audio = null;

export const alerts = {
  on: () => localStorage.getItem('alerts') === 'on',
  /** ask switches them on or off; browsers want a click for both. */
  async ask() {
    if (alerts.on()) {
      localStorage.removeItem('alerts');
      return;
    }
    audio ??= new AudioContext();
    if ('Notification' in window && Notification.permission === 'default') await Notification.requestPermission();
    localStorage.setItem('alerts', 'on');
    beep();
  },
};

function beep() {
  try {
    audio ??= new AudioContext();
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.setValueAtTime(0.08, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.4);
    tone.frequency.value = 880;
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.4);
  } catch { /* without a sound card there is no sound */ }
}

function alertOf(text, row) {
  if (!alerts.on()) return;
  beep();
  if (document.hidden && 'Notification' in window && Notification.permission === 'granted') {
    const notice = new Notification(text, { body: nameOf(row), tag: row.id });
    notice.onclick = () => { window.focus(); select(row.id); };
  }
}

/** makeAlerts tells of people who begin to wait, of new messages to oneself, and of chats that are handed over. */
export function makeAlerts() {
  hear((what, changed) => {
    if (what === 'mentions') {
      for (const { by, session } of changed) {
        const text = say('mentioned', { name: displayOf(by) });
        toast(text, 'info', () => select(session));
        alertOf(text, desk.rows.get(session) ?? { id: session, name: displayOf(by) });
      }
    }
    if (what !== 'rows') return;
    for (const { id, before } of changed) {
      const row = desk.rows.get(id);
      if (!row) continue;
      const me = desk.operators.find((o) => o.name === desk.me.name);
      if (row.phase === 'queued' && before?.phase !== 'queued' && me?.presence === 'on') alertOf(say('newChat'), row);
      if (row.operator === desk.me.name && before && row.lastBy === 'customer' && row.last > before.last) alertOf(say('newMessage'), row);
      if (row.operator === desk.me.name && before?.operator && before.operator !== desk.me.name) toast(`${displayOf(before.operator)} → ${nameOf(row)}`);
    }
    const waiting = [...desk.rows.values()].filter((row) => row.phase === 'queued' && !row.operator).length;
    document.title = `${waiting > 0 ? `(${waiting}) ` : ''}${say('title')}｜${desk.brand}`;
  });
}
