// The form: what the developer wants to follow, what may be chosen, and the same in the address, to be passed on.

import { byId } from './dom.js';
import { canSign, cleaned, describe, sign } from './token.js';
import { coloured, stringify } from './dom.js';
import { tables } from './api.js';

const EVENTS = ['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'];
const PLACE = 'pgrealtime-token';

const boxes = () => [...document.querySelectorAll('input[name="event"]')];
const say = (id, text, kind = '') => {
  byId(id).textContent = text;
  byId(id).dataset.kind = kind;
};

export class Form {
  // changed() is called when a choice changes, tokenChanged(token) when the token is another one.
  constructor({ changed, tokenChanged }) {
    this.catalog = [];
    this.changed = changed;
    this.tokenChanged = tokenChanged;
    for (const id of ['schema', 'table', 'filter', 'select', 'events', 'resume']) {
      byId(id).addEventListener('input', () => this.offer());
    }
    byId('token').addEventListener('input', () => this.tookToken());
    // Not at every letter: what is followed would be asked to go on with half a token.
    byId('token').addEventListener('change', () => this.tokenChanged(this.token));
    byId('make').addEventListener('click', () => this.make());
    if (!canSign()) {
      byId('make').disabled = true;
      say('maker-says', 'Browsers sign only in pages of https or of this machine (localhost).', 'bad');
    }
  }

  get token() {
    return cleaned(byId('token').value);
  }

  // What was chosen, with names as they are in the catalog.
  get choice() {
    const events = boxes().filter((box) => box.checked).map((box) => box.value);
    return {
      schema: byId('schema').value.trim() || 'public',
      table: byId('table').value.trim() || '*',
      events: events.length === 0 || events.length === EVENTS.length ? ['*'] : events,
      filter: byId('filter').value.trim(),
      select: byId('select').value.trim(),
      resume: byId('resume').checked,
    };
  }

  // The bindings, as an application would write them: one for each event, or one for all.
  get bindings() {
    const { schema, table, events, filter, select } = this.choice;
    return events.map((event) => ({ event, schema, table, ...(filter && { filter }), ...(select && { select }) }));
  }

  // Takes what is behind the # of the address. The token is then removed from it, and lives as long as this tab.
  // Returns whether there was a token.
  read() {
    const given = new URLSearchParams(location.hash.slice(1));
    const token = given.get('token');
    for (const name of ['schema', 'table', 'filter', 'select']) {
      if (given.has(name)) byId(name).value = given.get(name);
    }
    const events = (given.get('events') ?? '').toUpperCase().split(',').filter((event) => EVENTS.includes(event));
    if (events.length) boxes().forEach((box) => (box.checked = events.includes(box.value)));
    if (given.has('resume')) byId('resume').checked = given.get('resume') !== '0';
    this.title = given.get('title') ?? '';
    byId('title').textContent = this.title;
    document.title = this.title ? `${this.title} – pgrealtime` : 'pgrealtime';
    byId('token').value = token ?? sessionStorage.getItem(PLACE) ?? '';
    if (this.token) this.tookToken();
    if (token) this.write();
    return Boolean(token);
  }

  // Puts the choice into the address, without the token.
  write() {
    const { schema, table, events, filter, select, resume } = this.choice;
    const all = { title: this.title, schema, table, events: events[0] === '*' ? '' : events.join(), filter, select, resume: resume ? '' : '0' };
    const parameters = new URLSearchParams(Object.entries(all).filter(([, value]) => value));
    history.replaceState(null, '', `#${parameters}`);
  }

  tookToken() {
    const { token } = this;
    sessionStorage.setItem(PLACE, token);
    this.refusal = '';
    this.describeToken();
    clearTimeout(this.due);
    this.due = setTimeout(() => this.load(token), 300);
    this.changed();
  }

  describeToken() {
    const { token } = this;
    const { claims, text, expired } = token ? describe(token) : { text: 'It stays in this page, and goes to this gateway only.' };
    say('token-says', this.refusal || text, this.refusal || expired ? 'bad' : '');
    byId('claims-box').hidden = !claims;
    byId('claims').replaceChildren(claims ? coloured(stringify(claims, 2)) : '');
  }

  // Asks what the token's role may read.
  async load(token) {
    if (!token) return;
    try {
      const catalog = await tables(token);
      if (token !== this.token) return;
      this.catalog = catalog;
      const count = catalog.length === 1 ? 'One realtime table' : `${catalog.length} realtime tables`;
      say('tables-say', catalog.length ? `${count} that you may read; * is all of them.` : 'There is no realtime table that you may read.', catalog.length ? '' : 'bad');
    } catch (refused) {
      if (token !== this.token) return;
      this.catalog = [];
      const isToken = refused.status === 401 || refused.status === 403;
      if (isToken) this.refusal = `${refused.message}.`;
      else say('tables-say', `${refused.message}.`, 'bad');
      this.describeToken();
    }
    this.offer();
  }

  // Fills the lists of what may be chosen.
  offer() {
    const { schema, table } = this.choice;
    const schemas = [...new Set(this.catalog.map((known) => known.schema))];
    const names = this.catalog.filter((known) => known.schema === schema || schema === '*').map((known) => known.table);
    const columns = this.columns(schema, table);
    fill('schemas', [...schemas, '*']);
    fill('tables', ['*', ...names]);
    fill('columns', columns.map(({ name, type }) => [name, type]));
    fill('filters', columns.map(({ name, type }) => [`${name}=eq.`, type]));
    this.changed();
  }

  columns(schema, table) {
    return this.catalog.find((known) => known.schema === schema && known.table === table)?.columns ?? [];
  }

  keysOf(schema, table) {
    return this.columns(schema, table).filter(({ key }) => key).map(({ name }) => name);
  }

  async make() {
    const secret = byId('secret').value;
    if (!secret) return say('maker-says', 'The secret is missing.', 'bad');
    const now = Math.floor(Date.now() / 1000);
    const sub = byId('sub').value.trim();
    let more;
    try {
      more = JSON.parse(byId('more').value.trim() || '{}');
    } catch {
      return say('maker-says', 'The claims are not JSON.', 'bad');
    }
    const claims = { role: byId('role').value.trim(), ...(sub && { sub }), iat: now, exp: now + Number(byId('lifetime').value), ...more };
    byId('token').value = await sign(claims, secret);
    say('maker-says', 'Made; it is above.', 'good');
    this.tookToken();
    return this.tokenChanged(this.token);
  }
}

function fill(id, values) {
  const options = values.map((value) => {
    const option = document.createElement('option');
    [option.value, option.label] = Array.isArray(value) ? value : [value, ''];
    return option;
  });
  byId(id).replaceChildren(...options);
}
