// The gateway goes away: killed, ended in order, behind a slow network. What clients lose, and what they are told.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, versions } from '../harness/clients.mjs';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
let last = 0;
before(async () => {
  world = await World.open('gateway');
});
after(() => world?.close());

const insert = (count, size = 0) => {
  const from = last + 1;
  last += count;
  return world.query("INSERT INTO notes (id, tenant, body) SELECT n, 'red', repeat('x', $3) FROM generate_series($1::int, $2::int) AS n", [from, last, size]);
};

async function following(version) {
  const own = client(version, world.wire.url, tokenOf('red'));
  const binding = { event: '*', schema: 'public', table: 'notes', since: null };
  const heard = Heard.join(own, 'since', [binding]);
  heard.channel.on('pgrealtime', { event: '*' }, ({ cursor }) => {
    binding.since = cursor;
  });
  await heard.subscribed();
  await until('a cursor', () => binding.since !== null);
  return { own, heard, name: version.name };
}

async function gotAll(clients, from) {
  for (const { own, heard, name } of clients) {
    await heard.change(`the last row for ${name}`, ({ new: record }) => record.id === last);
    const ids = new Set(heard.changes.map((change) => change.new.id));
    const missing = Array.from({ length: last - from + 1 }, (_, place) => from + place).filter((id) => !ids.has(id));
    assert.deepEqual(missing, [], `rows that ${name} misses`);
    own.disconnect();
  }
}

describe('with cursors nothing is lost', () => {
  it('when the gateway is killed while rows are written', async () => {
    const from = last + 1;
    const clients = await Promise.all(versions.map(following));
    for (let round = 1; round <= 2; round += 1) {
      await insert(20);
      await world.gateway.kill();
      await insert(20);
      await world.gateway.run();
      await insert(20);
      await Promise.all(clients.map(({ heard }) => heard.subscribed(round + 1)));
    }
    await gotAll(clients, from);
  });

  it('when the gateway is ended in order', async () => {
    const from = last + 1;
    const clients = await Promise.all(versions.map(following));
    await insert(20);
    await world.gateway.stop();
    await insert(20);
    await world.gateway.run();
    await Promise.all(clients.map(({ heard }) => heard.subscribed(2)));
    await gotAll(clients, from);
  });
});

describe('an orderly end', () => {
  it('is announced to every channel, and closes sockets with 1012', async () => {
    const sockets = await Promise.all([V1, V2].map((vsn) => Socket.open(world.gateway.url, anonymous(), { vsn })));
    for (const socket of sockets) await socket.join('drained', [{ event: '*', schema: 'public', table: 'board' }]);
    await world.gateway.stop();
    for (const socket of sockets) {
      const { payload } = await socket.message('the announcement', ({ event, payload }) => event === 'system' && payload.extension === 'system');
      assert.deepEqual(payload, { extension: 'system', status: 'ok', message: 'Server requested disconnect', channel: 'drained' });
      assert.equal((await socket.closed).code, 1012);
    }
    await world.gateway.run();
  });
});

describe('a client that stops reading', () => {
  it('misses nothing, holds up nobody, and costs no memory', async () => {
    const megabytes = Number(process.env.GATEWAY_SLOW_MEGABYTES ?? 60);
    const slow = client(newest, world.wire.url, tokenOf('red'));
    const quick = client(newest, world.gateway.url, tokenOf('red'));
    const bindings = [{ event: '*', schema: 'public', table: 'notes', since: null }];
    const [one, two] = [await Heard.on(slow, 'slow', bindings), await Heard.on(quick, 'quick', bindings)];
    const before = world.gateway.memory();
    const from = last + 1;
    world.wire.hold();
    for (let done = 0; done < megabytes; done += 1) await insert(500, 2000);
    await two.change('the last row for who reads', ({ new: record }) => record.id === last);
    const held = world.gateway.memory();
    const already = one.changes.length;
    assert.ok(already < 500 * megabytes, 'the slow client did not get everything while it did not read');
    world.wire.release();
    await gotAll([{ own: slow, heard: one, name: 'the slow client' }, { own: quick, heard: two, name: 'the quick client' }], from);
    assert.deepEqual(one.statuses, ['SUBSCRIBED'], 'the slow client was not disconnected');
    console.log(`memory before ${before.toFixed(1)} MB, with ${megabytes} MB unread ${held.toFixed(1)} MB, afterwards ${world.gateway.memory().toFixed(1)} MB`);
    assert.ok(held - before < 32, `expected less than 32 MB more: memory grew from ${before} MB to ${held} MB`);
  });
});
