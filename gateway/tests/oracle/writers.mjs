// Writers: sessions that change everything at random, in transactions that commit or not. They outlive restarts.
import { pause } from '../harness/wait.mjs';
import { names, ROOMS, STATES, TENANTS, USERS } from './views.mjs';

const KEYS = 150;
const key = (random) => random.between(1, KEYS);
const maybe = (random, value) => (random.chance(0.15) ? null : value);

// Values of a row, by table; the key apart.
const values = {
  board: (random) => ({ label: maybe(random, `label ${random.below(50)}`), value: maybe(random, random.below(100)) }),
  notes: (random) => ({
    tenant: random.of(TENANTS),
    title: maybe(random, `${random.of(['a', 'b', 'ünï'])}${random.below(100)}`),
    status: maybe(random, random.of(STATES)),
    score: maybe(random, random.below(12)),
    body: maybe(random, 'x'.repeat(random.chance(0.05) ? 5000 : random.below(60))),
  }),
  letters: (random) => ({ owner: random.of(USERS), subject: maybe(random, `"s" ${random.below(99)}`), hidden: `${random.below(99)}` }),
  talks: (random) => ({ room: random.below(ROOMS), line: maybe(random, `line ${random.below(99)}`) }),
};

// A statement with its parameters.
function statement(random) {
  const table = random.of(names);
  const row = values[table](random);
  const columns = Object.keys(row);
  const dice = random.fraction();
  if (dice < 0.45) {
    const marks = columns.map((_, place) => `$${place + 2}`);
    const set = columns.map((column) => `${column} = excluded.${column}`);
    return [`INSERT INTO ${table} (id, ${columns.join(', ')}) VALUES ($1, ${marks.join(', ')}) ON CONFLICT (id) DO UPDATE SET ${set.join(', ')}`, [key(random), ...Object.values(row)]];
  }
  if (dice < 0.75) {
    const some = columns.filter(() => random.chance(0.5));
    const list = some.length > 0 ? some : columns;
    const set = list.map((column, place) => `${column} = $${place + 3}`);
    const low = key(random);
    return [`UPDATE ${table} SET ${set.join(', ')} WHERE id BETWEEN $1 AND $2`, [low, low + random.below(5), ...list.map((column) => row[column])]];
  }
  if (dice < 0.85) {
    const low = key(random);
    return [`DELETE FROM ${table} WHERE id BETWEEN $1 AND $2`, [low, low + random.below(8)]];
  }
  if (dice < 0.95) {
    return [`UPDATE ${table} SET id = $2 WHERE id = $1 AND NOT EXISTS (SELECT FROM ${table} WHERE id = $2)`, [key(random), key(random)]];
  }
  if (dice < 0.96) return [`TRUNCATE ${table}`, []];
  return [`DELETE FROM ${table} WHERE id = $1`, [key(random)]];
}

export class Writer {
  constructor(database, random) {
    Object.assign(this, { database, random, statements: 0, transactions: 0 });
    this.done = this.work();
  }

  async work() {
    while (!this.isOver) {
      try {
        this.session ??= await this.database.session();
        await this.transaction();
        // The machine also runs the clients: a rhythm that it can keep.
        await pause(this.random.below(12));
      } catch {
        // A deadlock, a key that is taken, a server that goes away: what was not committed has not happened.
        await this.session?.query('ROLLBACK').catch(() => this.drop());
      }
    }
    await this.session?.end().catch(() => {});
  }

  drop() {
    this.session.end().catch(() => {});
    this.session = undefined;
  }

  async transaction() {
    const { random, session } = this;
    await session.query('BEGIN');
    const count = random.chance(0.1) ? random.between(10, 40) : random.between(1, 4);
    for (let n = 0; n < count; n += 1) {
      const hasSavepoint = random.chance(0.1);
      if (hasSavepoint) await session.query('SAVEPOINT s');
      await session.query(...statement(random));
      if (hasSavepoint && random.chance(0.5)) await session.query('ROLLBACK TO SAVEPOINT s');
      this.statements += 1;
    }
    await session.query(random.chance(0.12) ? 'ROLLBACK' : 'COMMIT');
    this.transactions += 1;
  }

  end() {
    this.isOver = true;
    return this.done;
  }
}
