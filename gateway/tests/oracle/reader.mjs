// What all clients of the oracle have in common: who they are, their copies, and what they went through.
import { appendFileSync } from 'node:fs';
import { now, token } from '../harness/token.mjs';
import { Wire } from '../harness/wire.mjs';
import { Copy } from './copy.mjs';
import { readable, TENANTS, USERS, view } from './views.mjs';

// A directory for what each client heard.
const TRACE = process.env.GATEWAY_TRACE;

export class Reader {
  // What it received and should not have.
  faults = [];
  // What it was told beside changes.
  messages = [];
  // How often changes came, losses were announced, tables were read, and it had to begin anew.
  changes = 0;
  losses = 0;
  reads = 0;
  stuck = 0;
  // Whether it never has to begin anew.
  isSteady = true;
  // Whether its copy was not its SELECT when it was last compared, while nobody wrote.
  isBehind = false;

  constructor(number, world, random) {
    Object.assign(this, { number, world, random });
    this.role = random.chance(0.15) ? 'anon' : 'authenticated';
    this.claims = { role: this.role, tenant: random.of(TENANTS), sub: random.of(USERS) };
  }

  async connected() {
    this.wire = await Wire.to(this.random.of(this.world.gateways).port);
  }

  // As a load balancer sends it.
  move() {
    this.wire.lead(this.random.of(this.world.gateways).port);
  }

  // Some views of tables that it may read; two are never equal, since the newest clients drop the second of equal bindings.
  someViews(count) {
    const { random } = this;
    const views = Array.from({ length: count }, () => view(random.of(readable(this.role)), random));
    return [...new Map(views.map((one) => [JSON.stringify([one.table, one.filter, one.select]), one])).values()];
  }

  follow(views) {
    this.copies = views.map((one) => new Copy(one, this.claims));
  }

  get name() {
    const views = this.copies.map(({ view: { table, filter, select } }) => [table, filter, select].filter(Boolean).join(' '));
    return `client ${this.number}, ${this.kind}, ${JSON.stringify(this.claims)}: ${views.join(' | ')}`;
  }

  // For who looks for a fault.
  get story() {
    const { status, losses, reads, stuck, changes, messages, faults } = this;
    return JSON.stringify({ status, losses, reads, stuck, changes, messages, faults: faults.slice(0, 5) });
  }

  token() {
    return token({ ...this.claims, exp: now() + this.random.between(3600, 90_000) });
  }

  // A line in its own file, with the time, where they are asked for.
  note(text) {
    if (!TRACE) return;
    const line = typeof text === 'function' ? text() : text;
    appendFileSync(`${TRACE}/client-${this.number}`, `${new Date().toISOString()} ${line}\n`);
  }

  // What it may see now.
  async look() {
    this.expected = await this.world.database.seenBy(this, this.copies.map((copy) => copy.view.query));
  }

  // How its copies differ from that; undefined where they do not.
  difference() {
    if (this.isReading) return 'it is still reading its tables';
    const all = this.copies.map((copy, place) => copy.difference(this.expected.tables[place]));
    const text = all.map((one, place) => one && `${this.copies[place].view.query}: ${one}`).filter(Boolean);
    return text.length > 0 ? text.join('\n  ') : undefined;
  }
}
