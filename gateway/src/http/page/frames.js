// The list of frames: what goes over the WebSocket, word by word.

import { byId, clock, coloured, element } from './dom.js';

const KEPT = 200;
const LONG = 4000;

// A token in a picture of this page would be a token for everybody who sees it.
const TOKEN = /("access_token":)"[^"]*"/g;

const isHeartbeat = (text) => text.includes('"phoenix","heartbeat"') || text.includes('"phoenix","phx_reply"');

export class Frames {
  constructor() {
    this.list = byId('frames');
    this.panel = byId('panel-frames');
    this.kept = [];
    byId('heartbeats').addEventListener('change', () => this.show());
  }

  add(way, text) {
    this.kept.push({ way, at: new Date(), text: text.replaceAll(TOKEN, '$1"…"') });
    if (this.kept.length > KEPT) this.kept.shift();
    if (!this.panel.hidden && !this.isPaused) this.due ??= setTimeout(() => this.show(), 100);
  }

  show() {
    this.due = undefined;
    if (this.isPaused) return;
    const all = byId('heartbeats').checked;
    const wanted = this.kept.filter(({ text }) => all || !isHeartbeat(text));
    this.list.replaceChildren(...wanted.reverse().map(({ way, at, text }) => {
      const short = text.length > LONG ? `${text.slice(0, LONG)}… (${text.length} letters)` : text;
      return element('li', { class: 'frame', 'data-way': way },
        element('span', { class: 'way', 'aria-label': way === 'in' ? 'received' : 'sent' }, way === 'in' ? '↓' : '↑'),
        element('time', {}, clock(at)),
        element('pre', {}, coloured(short)));
    }));
  }

  clear() {
    this.kept = [];
    this.show();
  }
}
