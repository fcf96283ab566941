// A client that keeps a copy over plain HTTP: server-sent events, lines of JSON or long polls, without any library.
import { get } from 'node:http';
import { pause } from '../harness/wait.mjs';
import { Reader } from './reader.mjs';

const FORMS = { 'server-sent events': 'text/event-stream', lines: 'application/x-ndjson', 'long polls': 'application/json' };

// Pause before a request that failed is made again, in milliseconds.
const AGAIN = 50;

// Changes since this cursor are not there any more.
const GONE = '72000';

export class Stream extends Reader {
  hasCursor = true;

  static async start(number, world, random) {
    const stream = new Stream(number, world, random);
    await stream.connected();
    stream.kind = random.of(Object.keys(FORMS));
    stream.follow(stream.someViews(1));
    stream.done = stream.work();
    return stream;
  }

  get copy() {
    return this.copies[0];
  }

  // Until the first rows are complete, the copy is no copy.
  get isReading() {
    return this.cursor === undefined;
  }

  get url() {
    const { table, filter, select } = this.copy.view;
    const query = new URLSearchParams({ table });
    if (filter) query.set('filter', filter);
    if (select) query.set('select', select.join(','));
    if (this.cursor === undefined) query.set('snapshot', '1');
    else if (this.kind !== 'server-sent events') query.set('cursor', this.cursor);
    if (this.kind === 'long polls' && this.cursor !== undefined) query.set('wait', '20');
    return `${this.wire.httpUrl}/realtime/v1/changes?${query}`;
  }

  get headers() {
    const headers = { accept: FORMS[this.kind], authorization: `Bearer ${this.token()}` };
    // The header wins over the parameter, as with an EventSource that connects again to the same URL.
    if (this.kind === 'server-sent events' && this.cursor !== undefined) headers['last-event-id'] = this.cursor;
    return headers;
  }

  async work() {
    while (!this.isOver) {
      if (this.cursor === undefined) this.begin();
      await this.request().catch((error) => {
        // A connection that was cut, an answer that was not whole.
        this.losses += 1;
        this.note(String(error));
      });
      if (!this.isOver) await pause(AGAIN);
    }
  }

  begin() {
    this.reads += 1;
    this.rows = [];
  }

  async request() {
    const answer = await new Promise((resolve, reject) => {
      this.open = get(this.url, { headers: this.headers, agent: false }, resolve).on('error', reject);
    });
    this.note(`status ${answer.statusCode}`);
    answer.setEncoding('utf8');
    if (answer.statusCode !== 200) return this.refused(answer.statusCode, JSON.parse(await whole(answer)));
    if (this.kind === 'long polls') return this.document(JSON.parse(await whole(answer)));
    const part = this.kind === 'lines' ? '\n' : '\n\n';
    let text = '';
    for await (const more of answer) {
      text += more;
      const parts = text.split(part);
      text = parts.pop();
      for (const one of parts) this.kind === 'lines' ? this.line(JSON.parse(one)) : this.event(one);
    }
    return undefined;
  }

  refused(status, problem) {
    this.note(JSON.stringify(problem));
    if (problem.code === GONE) this.gone(problem);
    // The database is away, or the gateway is: it says so, and the request is made again.
    else if (![429, 503].includes(status)) this.faults.push(`the answer ${status}: ${JSON.stringify(problem)}`);
  }

  gone({ message }) {
    this.messages.push(message);
    this.cursor = undefined;
  }

  document({ rows, cursor, changes }) {
    if (rows) this.replace(rows, cursor);
    for (const change of changes ?? []) this.hear(change);
    this.goOnFrom(cursor);
  }

  line({ row, cursor, snapshot, change, error }) {
    if (error) this.failed(error);
    else if (row) this.rows.push(row);
    else if (snapshot) this.replace(this.rows, cursor);
    else if (change) this.hear(change);
    if (cursor && (change || !row)) this.goOnFrom(cursor);
  }

  event(text) {
    const fields = Object.fromEntries(text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
    const data = fields.data === undefined ? undefined : JSON.parse(fields.data);
    switch (fields.event) {
      case 'row':
        this.rows.push(data);
        break;
      case 'snapshot':
        this.replace(this.rows, fields.id);
        break;
      case 'error':
        this.failed(data);
        break;
      case 'cursor':
        break;
      default:
        if (data) this.hear(data);
    }
    if (fields.id) this.goOnFrom(fields.id);
  }

  failed(problem) {
    this.note(JSON.stringify(problem));
    if (problem.code === GONE) this.gone(problem);
    // The rows were not complete: nothing of them counts.
    else if (this.cursor === undefined) this.rows = [];
  }

  replace(rows, cursor) {
    for (const row of rows) {
      const fault = this.copy.view.fault(row, this.claims);
      if (fault) this.faults.push(`a snapshot with ${fault}: ${JSON.stringify(row)}`);
    }
    this.copy.replace(rows);
    this.goOnFrom(cursor);
  }

  goOnFrom(cursor) {
    if (!this.isOver && this.cursor !== cursor) this.note(`cursor ${cursor}`);
    this.cursor = cursor;
  }

  hear({ type, record, old_record: old, errors }) {
    this.changes += 1;
    this.note(() => `${type} ${JSON.stringify(record)} ${JSON.stringify(old)}`);
    this.faults.push(...this.copy.apply({ type, record, old, errors }));
  }

  // A new token is for the next request.
  async renew() {
    this.open?.destroy();
  }

  async rejoin() {
    this.open?.destroy();
  }

  end() {
    this.isOver = true;
    this.open?.destroy();
    this.wire.close();
  }
}

async function whole(answer) {
  let text = '';
  for await (const part of answer) text += part;
  return text;
}
