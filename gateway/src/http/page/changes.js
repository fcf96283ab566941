// The list of changes: what happened, to which row, what is new in it, and what the gateway said in between.

import { byId, clock, coloured, element, shown, stringify } from './dom.js';

// Entries that are kept.
const KEPT = 500;

// Values of a new or deleted row that are shown at once, and letters of one value.
const FEW = 6;
const SHORT = 160;

// The columns whose values differ.
export function differences({ record, old_record: old }) {
  const same = (name) => name in old && stringify(old[name]) === stringify(record[name]);
  return Object.keys(record).filter((name) => !same(name));
}

// How much a value says to a person: words before numbers, and keys and times last.
function weight(value) {
  if (typeof value !== 'string') return typeof value === 'object' ? 2 : 1;
  return /^[0-9a-f]{8}-[0-9a-f]{4}-|^\d{4}-\d\d-\d\d/.test(value) ? 3 : 0;
}

// The change as the callback of supabase-js gets it.
export const payload = ({ schema, table, commit_timestamp, type, record, old_record, errors }) =>
  ({ schema, table, commit_timestamp, eventType: type, new: record ?? {}, old: old_record ?? {}, errors });

function value(one, kind = '') {
  const isNone = one === null || one === undefined;
  const text = shown(one);
  const short = text.length > SHORT ? `${text.slice(0, SHORT)}…` : text;
  return element('span', { class: `value ${kind} ${isNone ? 'none' : ''}` }, short);
}

function updated(change) {
  const { record, old_record: old } = change;
  const lines = differences(change).flatMap((name) => [
    element('dt', {}, name),
    element('dd', {}, value(old[name], 'old'), element('span', { class: 'arrow', 'aria-label': 'is now' }, '→'), value(record[name], 'new')),
  ]);
  if (!lines.length) return element('p', { class: 'hint' }, 'No value differs.');
  return element('dl', { class: 'values' }, ...lines);
}

// Of a new or deleted row, what says most.
function summary(row, keys) {
  const named = Object.entries(row).filter(([name, one]) => one !== null && !keys.includes(name));
  if (!named.length) return element('p', { class: 'hint' }, 'Only the key is delivered.');
  const first = [...named].sort(([, one], [, other]) => weight(one) - weight(other)).slice(0, FEW).map(([name]) => name);
  const few = named.filter(([name]) => first.includes(name));
  return element('dl', { class: 'values flow' }, ...few.map(([name, one]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, value(one)))));
}

function rows(change, keys) {
  const { type, record, old_record: old } = change;
  if (type === 'TRUNCATE') return element('p', { class: 'hint' }, 'All rows are gone.');
  return record && old ? updated(change) : summary(record ?? old ?? {}, keys);
}

function details(change) {
  const columns = (change.columns ?? []).map(({ name, type }) => `${name} ${type}`).join(', ');
  const box = element('details', { class: 'more' }, element('summary', {}, 'The whole change'));
  box.addEventListener('toggle', () => {
    if (!box.open || box.childElementCount > 1) return;
    box.append(
      element('h3', {}, 'What the callback of supabase-js gets'),
      element('pre', { class: 'json' }, coloured(stringify(payload(change), 2))),
      element('p', { class: 'hint' }, `Columns: ${columns}`),
    );
  });
  return box;
}

// Milliseconds from commit_timestamp to now, as far as the clocks agree.
export const latencyOf = (change, now = Date.now()) => now - Date.parse(change.commit_timestamp);

function keyOf(change, keys) {
  const row = change.record ?? change.old_record ?? {};
  return keys.filter((name) => name in row).map((name) => `${name} ${shown(row[name])}`).join(', ');
}

export class Changes {
  // keysOf(schema, table) are the names of the key's columns.
  constructor(keysOf, ask) {
    this.keysOf = keysOf;
    this.ask = ask;
    this.list = byId('changes');
    this.waiting = [];
    this.isPaused = false;
    this.count = 0;
  }

  add(change, isLate) {
    this.count += 1;
    const latency = latencyOf(change);
    const at = clock(new Date());
    const late = isLate ? 'from the log' : Number.isFinite(latency) && `${Math.round(latency).toLocaleString('en')} ms`;
    this.put(() => {
      const keys = this.keysOf(change.schema, change.table);
      const when = element('span', { class: 'when' }, at, late && ` · ${late}`);
      const faults = Array.isArray(change.errors) ? change.errors.join('; ') : change.errors;
      return element('li', { class: 'change', 'data-type': change.type },
        element('div', { class: 'head' },
          element('span', { class: 'badge' }, change.type),
          element('span', { class: 'name' }, `${change.schema}.${change.table}`),
          element('span', { class: 'key' }, keyOf(change, keys)),
          when),
        rows(change, keys),
        faults && element('p', { class: 'faults' }, faults),
        details(change));
    });
  }

  // Something to know between the changes. `why` adds the button that asks for the reason.
  notice(text, { kind = '', why = false } = {}) {
    const at = clock(new Date());
    this.put(() => element('li', { class: 'notice', 'data-kind': kind },
      element('p', {}, text),
      why && element('button', { type: 'button', class: 'small', onclick: this.ask }, 'Why?'),
      element('time', {}, at)));
  }

  // Many changes at once are put into the page together.
  put(make) {
    this.waiting.push(make);
    if (this.waiting.length > KEPT) this.waiting.shift();
    if (this.isPaused) this.onheld?.(this.waiting.length);
    else this.due ??= setTimeout(() => this.flush(), 30);
  }

  flush() {
    this.due = undefined;
    if (this.isPaused || !this.waiting.length) return;
    const made = this.waiting.splice(0).map((make) => make()).reverse();
    this.list.prepend(...made);
    while (this.list.childElementCount > KEPT) this.list.lastElementChild.remove();
    this.onshown?.();
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    if (!isPaused) this.flush();
  }

  clear() {
    this.waiting = [];
    this.count = 0;
    this.list.replaceChildren();
    this.onshown?.();
  }

  get isEmpty() {
    return !this.list.querySelector('.change');
  }
}
