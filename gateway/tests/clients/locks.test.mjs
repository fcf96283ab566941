// Tables that somebody has locked: who does not read them does not notice, and who does gets everything afterwards.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
before(async () => {
  world = await World.open('locks', ['--pool-size', '2']);
});
after(() => world?.close());

const cursorNow = async () => (await world.query('SELECT pgrealtime.current_cursor() AS cursor'))[0].cursor;
const binding = (table, more = {}) => ({ event: '*', schema: 'public', table, ...more });
const errors = (socket) => socket.messages.filter(({ event, payload }) => event === 'system' && payload.status === 'error');

// Holds a lock while `happens` runs.
async function locked(table, happens) {
  const locker = await world.database.session();
  await locker.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  try {
    await happens(locker);
    await locker.query('COMMIT');
  } finally {
    await locker.end();
  }
}

describe('a lock', () => {
  it('of a table that a policy reads does not keep others from what they have missed', async () => {
    const count = 60;
    const cursor = await cursorNow();
    const users = Array.from({ length: count }, (_, n) => `user ${n}`);
    await world.query("INSERT INTO members SELECT 1, 'user ' || n FROM generate_series(0, $1::int - 1) AS n", [count]);
    const sockets = await Promise.all(users.map((user) => Socket.open(world.gateway.url, tokenOf('red', user))));
    await Promise.all(sockets.map((socket) => socket.join('talks', [binding('talks')])));
    await world.query("INSERT INTO notes (id, tenant) VALUES (1, 'red')");
    await locked('members', async () => {
      await world.query("INSERT INTO talks VALUES (1, 1, 'said while the members are locked')");
      await until('all of them read by themselves', async () => (await world.gateway.metric('pgrealtime_gateway_subscription_errors_total')) >= count);
      const began = performance.now();
      for (let n = 0; n < 3; n += 1) {
        const other = await Socket.open(world.gateway.url, tokenOf('red'));
        await other.join('missed', [binding('notes', { since: cursor })]);
        await until('what another client has missed', () => other.changes('missed').length > 0, 40);
        other.close();
      }
      const took = performance.now() - began;
      assert.ok(took < 10_000, `it took ${took} ms`);
    });
    await Promise.all(sockets.map((socket) => until('the change of the locked table', () => socket.changes('talks').length > 0, 40)));
    for (const socket of sockets) {
      assert.equal(socket.changes('talks').length, 1);
      assert.deepEqual(errors(socket), []);
      socket.close();
    }
  });

  it('leaves clients who shared a subscription on one', async () => {
    const subscriptions = () => world.gateway.metric('pgrealtime_gateway_subscriptions');
    const token = tokenOf('red', 'user 0');
    const sockets = await Promise.all(Array.from({ length: 100 }, () => Socket.open(world.gateway.url, token)));
    for (const socket of sockets) await socket.join('talks', [binding('talks')]);
    await until('one subscription', async () => (await subscriptions()) === 1);
    await locked('members', async () => {
      const before = await world.gateway.metric('pgrealtime_gateway_subscription_errors_total');
      await world.query("INSERT INTO talks VALUES (2, 1, 'said while the members are locked')");
      await until('the lock is met', async () => (await world.gateway.metric('pgrealtime_gateway_subscription_errors_total')) > before);
    });
    await Promise.all(sockets.map((socket) => until('the change of the locked table', () => socket.changes('talks').length > 0, 40)));
    let written = 2;
    await until('one subscription again', async () => {
      written += 1;
      await world.query("INSERT INTO talks VALUES ($1, 1, 'more')", [written]);
      return (await subscriptions()) === 1;
    });
    for (const socket of sockets) {
      await until('all that was said', () => socket.changes('talks').length >= written - 1);
      assert.deepEqual(socket.changes('talks').map(({ payload }) => payload.data.record.id), Array.from({ length: written - 1 }, (_, n) => n + 2));
      socket.close();
    }
  });

  it('of a table that comes back without a column ends the binding that names it, and holds up no cursor', async () => {
    await world.query("CREATE TABLE changed (id bigint PRIMARY KEY, v int); GRANT SELECT ON changed TO anon; SELECT pgrealtime.enable('changed')");
    const socket = await Socket.open(world.gateway.url, anonymous());
    await locked('changed', async (locker) => {
      await socket.join('changed', [binding('board', { since: null }), binding('changed', { filter: 'v=eq.1', since: null })]);
      await locker.query('ALTER TABLE changed DROP COLUMN v');
    });
    await until('the refusal', () => errors(socket).some(({ payload }) => /\[.*changed.*42703|column/.test(payload.message)), 60);
    await world.query('INSERT INTO board VALUES (1)');
    await socket.message('a cursor', ({ event }) => event === 'pgrealtime');
    socket.close();
  });
});
