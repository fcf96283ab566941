// Clients of plain HTTP: what they are sent is read as its standard says, and they stop reading when they are told to.
import { request } from 'node:http';
import { until } from './wait.mjs';

// All streams that were opened, so that none outlives its suite.
const opened = new Set();

export function closeStreams() {
  for (const stream of opened) stream.close();
  opened.clear();
}

export const EVENTS = 'text/event-stream';
export const LINES = 'application/x-ndjson';
export const DOCUMENT = 'application/json';

const path = (query) => `/realtime/v1/changes?${new URLSearchParams(query)}`;
const bearer = (token) => (token === undefined ? {} : { authorization: `Bearer ${token}` });

// One answer: its status, its headers, its text and, where that is JSON, its value.
export async function ask(base, query, { token, headers, method = 'GET', accept = DOCUMENT, signal } = {}) {
  const answer = await fetch(base + path(query), { method, signal, headers: { accept, ...bearer(token), ...headers } });
  const text = await answer.text();
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  return { status: answer.status, headers: answer.headers, text, value };
}

export class Stream {
  events = [];
  comments = 0;
  text = '';

  // Resolves when the answer has begun; its status may be a refusal, whose text is in `text` at the end.
  static open(base, query, { token, headers, accept = EVENTS, isPaused = false } = {}) {
    const stream = new Stream();
    opened.add(stream);
    stream.accept = accept;
    stream.isPaused = isPaused;
    return new Promise((resolve, reject) => {
      const options = { agent: false, headers: { accept, ...bearer(token), ...headers } };
      stream.request = request(base + path(query), options, (answer) => {
        stream.take(answer);
        resolve(stream);
      });
      stream.request.on('error', reject).end();
    });
  }

  take(answer) {
    this.answer = answer;
    this.status = answer.statusCode;
    answer.setEncoding('utf8');
    answer.on('error', () => {});
    // Whether the answer came to its end, or broke off.
    this.ended = new Promise((resolve) => {
      answer.on('close', () => resolve({ isWhole: answer.complete }));
    });
    this.ended.then(() => (this.isOver = true));
    if (this.isPaused) answer.pause();
    answer.on('data', (text) => this.hear(text));
    if (this.isPaused) answer.pause();
  }

  hear(text) {
    if (this.status !== 200 || this.accept === DOCUMENT) {
      this.text += text;
      return;
    }
    this.rest = (this.rest ?? '') + text;
    // CR, LF and CRLF end a line; what comes behind a CR at the end of a part is not known yet.
    const lines = this.rest.replace(/\r$/, '\r\uFFFF').split(/\r\n|\n|\r/);
    this.rest = lines.pop().replace('\uFFFF', '\r');
    for (const line of lines) this.accept === LINES ? this.hearJson(line) : this.hearLine(line);
  }

  hearJson(line) {
    const value = JSON.parse(line);
    const event = ['row', 'change', 'snapshot', 'error', 'retry'].find((name) => name in value) ?? 'cursor';
    this.put({ event: event === 'change' ? 'message' : event, id: value.cursor, data: value[event] ?? value, raw: line });
  }

  hearLine(line) {
    if (line === '') {
      const { event = 'message', id, data } = this.fields ?? {};
      this.fields = undefined;
      if (data !== undefined) this.put({ event, id, data: JSON.parse(data), raw: data });
      return;
    }
    const [, field, value] = /^([^:]*):? ?([^]*)$/.exec(line);
    this.fields ??= {};
    if (line.startsWith(':')) this.comments += 1;
    else if (field === 'data') this.fields.data = this.fields.data === undefined ? value : `${this.fields.data}\n${value}`;
    else if (field === 'retry') this.retry = Number(value);
    else this.fields[field] = value;
  }

  put(event) {
    this.lastId = event.id ?? this.lastId;
    this.events.push(event);
    this.onevent?.(event);
  }

  pause() {
    this.answer.pause();
  }

  resume() {
    this.answer.resume();
  }

  // The connection is lost.
  close() {
    this.request.destroy();
    opened.delete(this);
  }

  of(name) {
    return this.events.filter(({ event }) => event === name);
  }

  get changes() {
    return this.of('message').map(({ data }) => data);
  }

  get rows() {
    return this.of('row').map(({ data }) => data);
  }

  story() {
    return JSON.stringify(this.events.slice(-3)).slice(0, 1500) + (this.isOver ? ' and the end' : '');
  }

  event(name, seconds) {
    return until(() => `an event ${name}; the last were ${this.story()}`, () => this.of(name)[0], seconds);
  }

  // Waits for a change for which the test holds.
  change(what, test, seconds) {
    return until(() => `${what}; the last were ${this.story()}`, () => this.changes.find(test), seconds);
  }

  async count(count, seconds) {
    await until(() => `${count} changes; there were ${this.changes.length}, the last ${this.story()}`, () => this.changes.length >= count, seconds);
    return this.changes;
  }
}

// The rows that changes are about, with what happened: `INSERT 1`.
export const told = (changes) => changes.map(({ type, record, old_record }) => `${type} ${record?.id ?? old_record?.id ?? ''}`.trim());

// A copy of a table, kept as a client keeps it.
export function apply(rows, { type, record, old_record: old }) {
  if (type === 'TRUNCATE') rows.clear();
  if (old) rows.delete(old.id);
  if (record) rows.set(record.id, record);
}
