// Two lines in the application make reconnects gapless; without them a gap is announced.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, told, versions } from '../harness/clients.mjs';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
let old;
let last = 0;
const next = () => (last += 1);
before(async () => {
  world = await World.open('resume', ['--pool-size', '2']);
  // A cursor of before the log was made invalid. The gateway's own would be, too: it begins behind that.
  old = await cursorNow();
  await world.query('SELECT pgrealtime.invalidate_cursors()');
  await world.gateway.stop();
  await world.gateway.run();
});
after(() => world?.close());

const insert = (id, tenant = 'red') => world.query('INSERT INTO notes (id, tenant) VALUES ($1, $2)', [id, tenant]);
const cursorNow = async () => (await world.query('SELECT pgrealtime.current_cursor() AS cursor'))[0].cursor;

// A channel of an application with the two lines.
async function following(own, topic, since = null, more = {}) {
  const binding = { event: '*', schema: 'public', table: 'notes', since, ...more };
  const heard = Heard.join(own, topic, [binding]);
  heard.channel.on('pgrealtime', { event: '*' }, ({ cursor }) => {
    binding.since = cursor;
  });
  await heard.subscribed();
  return { heard, binding };
}

// What a client keeps: each row once, however often it was told of it.
const distinct = (changes) => [...new Set(changes.map((change) => change.new.id))];

describe('a client of every version', () => {
  it('receives what happened while its socket was cut, and what happens then', async () => {
    const all = await Promise.all(versions.map(async (version) => {
      const own = client(version, world.wire.url, tokenOf('red'));
      return { version, own, ...(await following(own, 'cut')) };
    }));
    const ids = [];
    const write = async () => {
      ids.push(next());
      await insert(ids.at(-1));
    };
    await write();
    await Promise.all(all.map(({ version, binding }) => until(`a cursor for ${version.name}`, () => binding.since !== null)));
    for (let round = 1; round <= 3; round += 1) {
      world.wire.cut();
      for (let n = 0; n < 5; n += 1) {
        await write();
        await insert(next(), 'blue');
      }
      await Promise.all(all.map(({ heard }) => heard.subscribed(round + 1)));
    }
    await write();
    for (const { version, own, heard } of all) {
      await heard.change(`the last row for ${version.name}`, ({ new: record }) => record.id === ids.at(-1));
      assert.deepEqual(distinct(heard.changes), ids, `rows that ${version.name} received`);
      own.disconnect();
    }
  });

  for (const version of versions) {
    it(`goes on from the cursor of its own SELECT: ${version.name}`, async () => {
      const cursor = await cursorNow();
      const ids = Array.from({ length: 50 }, next);
      for (const id of ids) await insert(id);
      const own = client(version, world.wire.url, tokenOf('red'));
      const { heard } = await following(own, 'select', cursor);
      await heard.change('the last row', ({ new: record }) => record.id === ids.at(-1));
      assert.deepEqual(told(heard.changes), ids.map((id) => `INSERT ${id}`));
      own.disconnect();
    });

    it(`is told once that its cursor is too old, and is live all the same: ${version.name}`, async () => {
      const own = client(version, world.wire.url, tokenOf('red'));
      const { heard } = await following(own, 'old', old);
      await heard.message('that the table must be read again', ({ status, message }) => status === 'error' && /read .* again/i.test(message));
      const id = next();
      await insert(id);
      await heard.change('a change after the message', ({ new: record }) => record.id === id);
      assert.equal(heard.system.filter(({ status }) => status === 'error').length, 1, 'one message');
      assert.deepEqual(heard.statuses, ['SUBSCRIBED']);
      own.disconnect();
    });
  }
});

describe('resuming', () => {
  it('without the two lines, the application is told that its channel was away', async () => {
    const own = client(newest, world.wire.url, tokenOf('red'));
    const heard = await Heard.on(own, 'plain', [{ event: '*', schema: 'public', table: 'notes' }]);
    world.wire.cut();
    await heard.subscribed(2);
    assert.deepEqual(heard.statuses.filter((status, place, all) => status !== all[place - 1]), ['SUBSCRIBED', 'CHANNEL_ERROR', 'SUBSCRIBED']);
    assert.deepEqual(heard.cursors, [], 'no events that it did not ask for');
    own.disconnect();
  });

  it('tells of each table that a cursor is too old for, also where it was locked at first', async () => {
    const socket = await Socket.open(world.gateway.url, tokenOf('red'));
    const told = () => socket.messages.filter(({ event, payload }) => event === 'system' && /read the table again/i.test(payload.message)).length;
    const locker = await world.database.session();
    await locker.query('BEGIN; LOCK TABLE board IN ACCESS EXCLUSIVE MODE');
    await socket.join('old', ['notes', 'board'].map((table) => ({ event: '*', schema: 'public', table, since: old })));
    await until('that the cursor is too old for the one', () => told() === 1);
    await locker.query('COMMIT');
    await locker.end();
    await until('that it is for the other', () => told() === 2, 60);
    socket.close();
  });

  it('brings more than a socket may hold, in order', async () => {
    const cursor = await cursorNow();
    const count = 20_000;
    const from = last + 1;
    last += count;
    await world.query(`INSERT INTO notes (id, tenant, body) SELECT n, 'red', repeat('x', 200) FROM generate_series($1::int, $2::int) AS n`, [from, last]);
    const own = client(newest, world.wire.url, tokenOf('red'));
    const { heard } = await following(own, 'many', cursor);
    const during = next();
    await insert(during);
    await heard.change('the row that was written during the catch-up', ({ new: record }) => record.id === during);
    const ids = heard.changes.map((change) => change.new.id);
    assert.equal(ids.length, count + 1, 'each row once');
    assert.ok(ids.every((id, place) => id === from + place), 'in order');
    own.disconnect();
  });

  it('keeps filters, column lists and events', async () => {
    const cursor = await cursorNow();
    const [one, two] = [next(), next()];
    await insert(one);
    await insert(two);
    await world.query("UPDATE notes SET title = 'new' WHERE id IN ($1, $2)", [one, two]);
    const own = client(newest, world.wire.url, tokenOf('red'));
    const { heard } = await following(own, 'filtered', cursor, { event: 'UPDATE', filter: `id=eq.${two}`, select: ['title'] });
    const [change] = await heard.count(1);
    assert.deepEqual([change.eventType, change.new], ['UPDATE', { id: two, title: 'new' }]);
    own.disconnect();
  });

  it('of several bindings with different cursors loses nothing for either', async () => {
    const first = await cursorNow();
    const [one, two] = [next(), next()];
    await insert(one);
    const second = await cursorNow();
    await insert(two);
    const socket = await Socket.open(world.gateway.url, tokenOf('red'));
    const binding = { event: '*', schema: 'public', table: 'notes' };
    const { response } = await socket.join('both', [{ ...binding, filter: 'id=gt.0', since: first }, { ...binding, filter: 'id=gt.-1', since: second }]);
    const [a, b] = response.postgres_changes.map(({ id }) => id);
    const three = next();
    await insert(three);
    const of = (id) => socket.changes('both').filter(({ payload }) => payload.ids.includes(id)).map(({ payload }) => payload.data.record.id);
    await until('the last row for both', () => of(a).includes(three) && of(b).includes(three));
    assert.deepEqual(new Set(of(a)), new Set([one, two, three]));
    assert.ok(of(b).includes(two) && of(b).includes(three));
    socket.close();
  });

  for (const vsn of [V1, V2]) {
    it(`with a cursor that is none is answered, and the channel is live (protocol ${vsn})`, async () => {
      const socket = await Socket.open(world.gateway.url, tokenOf('red'), { vsn });
      for (const since of ['', 'nonsense', '0', "'; DROP TABLE notes; --", 'x'.repeat(5000), '\u0000', 7, {}, [], true, -1]) {
        const topic = `since ${JSON.stringify(since).slice(0, 40)}`;
        const { status } = await socket.join(topic, [{ event: '*', schema: 'public', table: 'notes', since }]);
        assert.equal(status, 'ok', topic);
        const id = next();
        await insert(id);
        await until(`a change on ${topic}`, () => socket.changes(topic).some(({ payload }) => payload.data.record.id === id));
      }
      socket.close();
    });
  }

  it('never shows one user what another’s catch-up reads', async () => {
    const cursor = await cursorNow();
    const from = last + 1;
    for (let n = 0; n < 20; n += 1) {
      await insert(next(), 'red');
      await insert(next(), 'blue');
    }
    const sockets = await Promise.all(['red', 'blue', 'red', 'blue'].map(async (tenant) => ({ tenant, socket: await Socket.open(world.gateway.url, tokenOf(tenant)) })));
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(sockets.map(async ({ tenant, socket }) => {
        const topic = `round ${round}`;
        await socket.join(topic, [{ event: '*', schema: 'public', table: 'notes', since: cursor }]);
        await until(`20 rows of ${tenant}`, () => socket.changes(topic).length >= 20);
        const tenants = new Set(socket.changes(topic).map(({ payload }) => payload.data.record.tenant));
        assert.deepEqual([...tenants], [tenant]);
        assert.ok(socket.changes(topic).every(({ payload }) => payload.data.record.id >= from));
      }));
    }
    for (const { socket } of sockets) socket.close();
  });
});
