// A table whose changes are not all there: whoever follows it is told so, before any cursor lies behind the gap.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, versions } from '../harness/clients.mjs';
import { anonymous } from '../harness/token.mjs';
import { Socket } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

// More than are told at once.
const MANY = 150;

let world;
let last = 0;
before(async () => {
  world = await World.open('gaps');
});
after(() => world?.close());

// Changes of two tables, and between them one that is not captured.
const gap = () => {
  last += 3;
  return world.query(`BEGIN; INSERT INTO board VALUES (${last - 2});
    SET LOCAL pgrealtime.enabled = off; INSERT INTO board VALUES (${last - 1});
    SET LOCAL pgrealtime.enabled = on; INSERT INTO kinds (id) VALUES (${last}); COMMIT`);
};
const since = (cursor) => ['board', 'kinds'].map((table) => ({ event: '*', schema: 'public', table, since: cursor }));
const isCall = ({ event, payload }) => event === 'system' && payload.status === 'error' && /read the table again/i.test(payload.message);

describe('a gap', () => {
  it(`is told to each of ${MANY} clients that share a subscription, and no cursor passes over it`, async () => {
    const sockets = await Promise.all(Array.from({ length: MANY }, () => Socket.open(world.gateway.url, anonymous())));
    await Promise.all(sockets.map((socket) => socket.join('gap', since(null))));
    const cursors = (socket) => socket.messages.filter(({ event }) => event === 'pgrealtime').map(({ payload }) => payload.cursor);
    await Promise.all(sockets.map((socket) => until('a cursor', () => cursors(socket).length > 0)));
    await gap();
    await Promise.all(sockets.map(async (socket) => {
      await socket.message('the end of the channel', ({ event }) => event === 'phx_error');
      const events = socket.messages.map(({ event }) => event);
      assert.ok(isCall(socket.messages[events.indexOf('phx_error') - 1]), 'right before it, the application is told');
      // What it would have missed with the cursor that it has.
      const cursor = cursors(socket).at(-1);
      socket.messages = [];
      await socket.join('gap', since(cursor));
      await socket.message('the gap again, behind the last cursor', isCall);
      socket.close();
    }));
  });

  it('does not bring clients back at one moment who have a subscription each', async () => {
    const times = [];
    const sockets = await Promise.all(Array.from({ length: 2 * MANY }, (_, n) => Socket.open(world.gateway.url, anonymous({ sub: `user ${n}` }))));
    await Promise.all(sockets.map((socket) => socket.join('gap', since(null))));
    for (const socket of sockets) {
      socket.onmessage = ({ event }) => event === 'phx_error' && times.push(performance.now());
    }
    await gap();
    await until('the end of every channel', () => times.length === sockets.length);
    const took = Math.max(...times) - Math.min(...times);
    assert.ok(took > 150, `all of them within ${took} ms`);
    sockets.forEach((socket) => socket.close());
  });

  for (const version of versions) {
    it(`is heard by the handler of the documentation, and the channel is joined again: ${version.name}`, async () => {
      const own = client(version, world.wire.url, anonymous());
      const heard = await Heard.on(own, 'gap', [{ event: '*', schema: 'public', table: 'board' }]);
      await gap();
      await heard.message('the call to read again', ({ status, message }) => status === 'error' && /read the table again/i.test(message));
      await heard.subscribed(2);
      last += 1;
      await world.query('INSERT INTO board VALUES ($1)', [last]);
      await heard.change('a change after that', ({ new: record }) => record.id === last);
      assert.deepEqual(heard.statuses, ['SUBSCRIBED', 'CHANNEL_ERROR', 'SUBSCRIBED']);
      own.disconnect();
    });
  }
});
