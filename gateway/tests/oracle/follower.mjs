// A client that keeps copies over a WebSocket: it reads its tables, joins with a real client of some version, and follows.
import { client, versions } from '../harness/clients.mjs';
import { Reader } from './reader.mjs';
import { readable, whole } from './views.mjs';

const EVENTS = ['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'];
const HOW = ['every event', 'every event', 'each event by itself', 'the whole schema'];

// How long a client may be without its channel before its application loses patience, in milliseconds.
const STUCK = 15_000;

export class Follower extends Reader {
  // Everything about it is chosen at random: version, role, tables, filters, how it binds, whether it has the two lines.
  static async start(number, world, random) {
    const follower = new Follower(number, world, random);
    await follower.connected();
    follower.version = random.of(versions);
    follower.isSteady = follower.version.isSteady;
    follower.hasCursor = random.chance(0.6);
    follower.how = random.of(HOW);
    const views = follower.how === 'the whole schema' ? readable(follower.role).map(whole) : follower.someViews(random.between(1, 3));
    follower.follow(views);
    await follower.begin();
    follower.watching = setInterval(() => follower.watch(), 1000);
    return follower;
  }

  get kind() {
    return `${this.version.name}, ${this.hasCursor ? 'with' : 'without'} since, ${this.how}`;
  }

  get isReading() {
    return this.waiting !== undefined;
  }

  async begin() {
    // With a cursor the first SELECT comes before the join, without one after each.
    if (this.hasCursor) await this.read();
    this.since = Date.now();
    this.connect();
  }

  connect() {
    this.own = client(this.version, this.wire.url, this.token());
    // Most versions close their socket with their last channel, and do not open it again for a join right then.
    this.own.channel('anchor').subscribe();
    this.join();
  }

  join() {
    this.bindings = [];
    this.hasJoined = false;
    const channel = this.own.channel(`oracle ${this.number}`);
    this.channel = channel;
    const isCurrent = () => this.channel === channel;
    const bind = (binding, hear) => {
      if (this.hasCursor) binding.since = this.cursor;
      this.bindings.push(binding);
      // Before its join is answered a binding has no id yet, and would take what is for the channel that was left.
      channel.on('postgres_changes', binding, (change) => isCurrent() && this.hasJoined && hear(change));
    };
    if (this.how === 'the whole schema') {
      bind({ event: '*', schema: 'public' }, (change) => this.hear(this.copies.find((copy) => copy.view.table === change.table), change));
    } else {
      for (const copy of this.copies) this.bindView(copy, bind);
    }
    channel.on('pgrealtime', { event: '*' }, ({ cursor }) => isCurrent() && this.goOnFrom(cursor));
    channel.on('system', {}, (message) => isCurrent() && this.told(message));
    channel.subscribe((status, error) => isCurrent() && this.became(status, error));
  }

  bindView(copy, bind) {
    const { table, filter, select } = copy.view;
    for (const event of this.how === 'each event by itself' ? EVENTS : ['*']) {
      const binding = { event, schema: 'public', table };
      if (filter) binding.filter = filter;
      if (select) binding.select = select;
      bind(binding, (change) => this.hear(copy, change));
    }
  }

  goOnFrom(cursor) {
    if (!this.hasCursor) this.faults.push('a cursor that it did not ask for');
    this.cursor = cursor;
    this.note(`cursor ${cursor}`);
    for (const binding of this.bindings) binding.since = cursor;
  }

  hear(copy, { eventType, new: record, old, errors, table }) {
    if (!copy) {
      this.faults.push(`a change of ${table}, which it does not follow`);
      return;
    }
    this.changes += 1;
    this.note(() => `${eventType} ${table} ${JSON.stringify(record)} ${JSON.stringify(old)}`);
    const isThere = (row) => (Object.keys(row).length > 0 ? row : undefined);
    const change = { type: eventType, record: isThere(record), old: isThere(old), errors };
    // While the tables are being read, changes wait.
    if (this.waiting) this.waiting.push([copy, change]);
    else this.faults.push(...copy.apply(change));
  }

  became(status, error) {
    this.status = status;
    this.note(status);
    if (status === 'SUBSCRIBED') this.hasJoined = true;
    if (status === 'CHANNEL_ERROR') this.losses += 1;
    if (status === 'CHANNEL_ERROR' && /mismatch/.test(error?.message)) this.faults.push(error.message);
    if (status === 'SUBSCRIBED' && !this.hasCursor) this.read();
  }

  told({ extension, status, message }) {
    if (extension !== 'postgres_changes') return;
    this.note(`system ${status}: ${message}`);
    // A table that is locked for long is subscribed to later: from the cursor, if there is one.
    if (status === 'error' && this.hasCursor && !/read .* again/i.test(message)) return;
    if (status === 'error') {
      this.messages.push(message);
      this.isTold = true;
      this.losses += 1;
      this.read();
    } else if (this.isTold) {
      this.isTold = false;
      this.read();
    }
  }

  // Replaces the copies by what a SELECT shows; a later call takes over from one that is still at it.
  async read() {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    this.reads += 1;
    this.waiting = [];
    const selects = this.copies.map((copy) => copy.view.query);
    for (;;) {
      const seen = await this.world.database.seenBy(this, selects).catch(() => undefined);
      if (turn !== this.turn || this.isOver) return;
      if (!seen) continue;
      this.copies.forEach((copy, place) => copy.replace(seen.tables[place]));
      if (this.hasCursor && !this.cursor) this.cursor = seen.cursor;
      const { waiting } = this;
      this.waiting = undefined;
      for (const [copy, change] of waiting) this.faults.push(...copy.apply(change));
      return;
    }
  }

  async renew() {
    await this.own.setAuth(this.token());
  }

  // Leaves its channel and joins again: with the cursor that it has.
  async rejoin() {
    const { channel: left, own } = this;
    if (!left) return;
    this.channel = undefined;
    await own.removeChannel(left);
    // Meanwhile it may have begun anew.
    if (!this.isOver && !this.channel) this.join();
  }

  // Clients up to 2.99 never join again where their socket was lost during a join: the push that they send again has no
  // reference. One of them was seen to believe that it has its channel, and to receive nothing. An application that notices begins
  // anew, with the cursor that it has.
  watch() {
    const hasNothing = this.isBehind && !this.isSteady;
    if (this.status === 'SUBSCRIBED' && !hasNothing) {
      this.since = Date.now();
      return;
    }
    if (Date.now() - this.since < STUCK) return;
    this.stuck += 1;
    if (hasNothing) console.log(`${this.name} received nothing for ${STUCK} ms, as ${this.status}: ${this.story}`);
    this.note('begins anew');
    this.since = Date.now();
    this.channel = undefined;
    this.own.disconnect();
    this.connect();
  }

  end() {
    this.isOver = true;
    clearInterval(this.watching);
    this.own.disconnect();
    this.wire.close();
  }
}
