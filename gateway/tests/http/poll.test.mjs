// Long polls: each answer goes on where the one before it ended, and waiting costs the database nothing.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, closeStreams, Stream } from '../harness/http.mjs';
import { tokenOf } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const SECONDS = Number(process.env.GATEWAY_SECONDS ?? 5);

let world;
let last = 0;
const next = () => (last += 1);
before(async () => {
  world = await World.open('http_poll', ['--pool-size', '2', '--outbox-bytes', '100000']);
});
after(() => {
  closeStreams();
  return world?.close();
});

const red = tokenOf('red');
const poll = (query, options) => ask(world.gateway.httpUrl, { table: 'notes', ...query }, { token: red, ...options });
const insert = (id, tenant = 'red', body = null) =>
  world.query('INSERT INTO notes (id, tenant, body) VALUES ($1, $2, $3)', [id, tenant, body]);
const cursorNow = async () => (await poll({})).value.cursor;
const ids = ({ value }) => value.changes.map(({ record, old_record: old }) => (record ?? old).id);
const subscriptions = () => world.gateway.metric('pgrealtime_gateway_subscriptions');

describe('a poll', () => {
  it('without a cursor gets one, and no changes', async () => {
    await insert(next());
    const { status, headers, value } = await poll({});
    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/json');
    assert.equal(headers.get('cache-control'), 'no-store, no-transform');
    assert.deepEqual(value.changes, []);
    const id = next();
    await insert(id);
    assert.deepEqual(ids(await poll({ cursor: value.cursor })), [id]);
  });

  it('is answered as soon as there is something', async () => {
    const cursor = await cursorNow();
    const waiting = poll({ cursor, wait: '50' });
    await until('the poll waits', async () => (await subscriptions()) > 0);
    await insert(next(), 'blue');
    const id = next();
    await insert(id);
    const answer = await waiting;
    assert.deepEqual(ids(answer), [id]);
    assert.deepEqual(ids(await poll({ cursor: answer.value.cursor })), [], 'nothing comes again');
  });

  it('is answered after its time, with a cursor to go on from', async () => {
    const cursor = await cursorNow();
    const { value } = await poll({ cursor, wait: '0.5' });
    assert.deepEqual(value.changes, []);
    const id = next();
    await insert(id);
    assert.deepEqual(ids(await poll({ cursor: value.cursor, wait: '50' })), [id]);
  });

  it('has a bound in changes and in bytes', async () => {
    const cursor = await cursorNow();
    const from = last + 1;
    for (let n = 0; n < 10; n += 1) await insert(next());
    const few = await poll({ cursor, max: '3' });
    assert.deepEqual(ids(few), [from, from + 1, from + 2]);
    assert.deepEqual(ids(await poll({ cursor: few.value.cursor, max: '2' })), [from + 3, from + 4]);
    const large = await cursorNow();
    const first = last + 1;
    for (let n = 0; n < 6; n += 1) await insert(next(), 'red', 'x'.repeat(30_000));
    await insert(next(), 'red', 'x'.repeat(300_000));
    const read = [];
    for (let at = large, answer; read.length < 7; at = answer.value.cursor) {
      answer = await poll({ cursor: at });
      assert.ok(answer.text.length < 110_000 || answer.value.changes.length === 1, 'one change may be larger');
      assert.ok(answer.value.changes.length > 0);
      read.push(...ids(answer));
    }
    assert.deepEqual(read, Array.from({ length: 7 }, (_, n) => first + n));
  });

  it('with a cursor that is too old is gone', async () => {
    const cursor = await cursorNow();
    await world.query('SELECT pgrealtime.invalidate_cursors()');
    for (const wait of ['0', '5']) {
      const { status, value } = await poll({ cursor, wait });
      assert.equal(status, 410);
      assert.equal(value.code, '72000');
    }
  });
});

describe('polls', () => {
  it(`one after the other lose and repeat nothing while others write (${SECONDS} s)`, async () => {
    const cursor = await cursorNow();
    let isWriting = true;
    const written = { red: 0, blue: 0 };
    const writers = [0, 1, 2].map(async () => {
      const session = await world.database.session();
      while (isWriting) {
        const tenant = last % 2 ? 'red' : 'blue';
        const id = next();
        await session.query('BEGIN');
        await session.query('INSERT INTO notes (id, tenant, score) VALUES ($1, $2, 0)', [id, tenant]);
        for (let n = 0; n < id % 4; n += 1) await session.query('UPDATE notes SET score = score + 1 WHERE id = $1', [id]);
        const isKept = id % 5 > 0;
        await session.query(isKept ? 'COMMIT' : 'ROLLBACK');
        if (isKept) written[tenant] += 1 + (id % 4);
      }
      await session.end();
    });
    const follow = async (tenant, query) => {
      const changes = [];
      let at = cursor;
      let isLast = false;
      for (;;) {
        const was = isWriting;
        const { status, value, text } = await poll({ cursor: at, ...query }, { token: tokenOf(tenant) });
        assert.equal(status, 200, text);
        changes.push(...value.changes);
        at = value.cursor;
        if (value.changes.length > 0 || was) isLast = false;
        else if (isLast) return changes;
        else isLast = true;
      }
    };
    const following = [
      follow('red', { wait: '2', max: '7' }),
      follow('red', { wait: '2' }),
      follow('red', {}),
      follow('blue', { wait: '1', max: '25' }),
      follow('blue', { wait: '5', max: '100' }),
    ];
    const end = Date.now() + SECONDS * 1000;
    await until('the end', () => Date.now() > end, SECONDS + 5);
    isWriting = false;
    await Promise.all(writers);
    for (const [place, changes] of (await Promise.all(following)).entries()) {
      const tenant = place < 3 ? 'red' : 'blue';
      assert.ok(changes.every(({ record }) => record.tenant === tenant));
      assert.equal(changes.length, written[tenant], `client ${place}`);
      const scores = new Map();
      for (const { type, record } of changes) {
        const before = scores.get(record.id);
        assert.equal(type, before === undefined ? 'INSERT' : 'UPDATE');
        assert.equal(record.score, before === undefined ? 0 : before + 1, `the changes of ${record.id} in their order`);
        scores.set(record.id, record.score);
      }
    }
  });

  it('hold no session while they wait, and leave nothing behind when they are given up', async () => {
    const cursor = await cursorNow();
    const giving = new AbortController();
    const waiting = Array.from({ length: 100 }, (_, n) =>
      poll({ cursor, wait: '50', filter: `id=gt.${1e9 + n}` }, { signal: giving.signal }).then(() => 'answered', () => 'given up'));
    await until('100 subscriptions', async () => (await subscriptions()) === 100);
    const busy = async () =>
      (await world.query(`SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE usename = 'pgrealtime_gateway' AND datname = current_database() AND state <> 'idle' AND query NOT LIKE '%pgrealtime.wait%'`))[0].n;
    await until('no session is in use', async () => (await busy()) === 0);
    // Somebody else is served meanwhile.
    const stream = await Stream.open(world.gateway.httpUrl, { table: 'notes', cursor }, { token: red });
    const id = next();
    await insert(id);
    await stream.change('a change', ({ record }) => record.id === id);
    stream.close();
    giving.abort();
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['given up']));
    await until('no subscription is left', async () => (await subscriptions()) === 0);
  });

  it('are answered when the gateway stops', async () => {
    const cursor = await cursorNow();
    const waiting = poll({ cursor, wait: '50' });
    await until('the poll waits', async () => (await subscriptions()) > 0);
    await world.gateway.stop();
    const { status, value } = await waiting;
    assert.equal(status, 200);
    await world.gateway.run();
    const id = next();
    await insert(id);
    assert.deepEqual(ids(await poll({ cursor: value.cursor })), [id]);
  });
});
