// The life of sockets and channels, message by message: joins, heartbeats, leaving, joining again, and what is not there.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, told, versions } from '../harness/clients.mjs';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { until, within } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const OK = { status: 'ok', response: {} };
const board = { event: '*', schema: 'public', table: 'board' };

let world;
let last = 0;
const next = () => (last += 1);
before(async () => {
  world = await World.open('lifecycle');
});
after(() => world?.close());

const insert = (id) => world.query('INSERT INTO board VALUES ($1)', [id]);

for (const vsn of [V1, V2]) {
  describe(`protocol ${vsn}`, () => {
    let socket;
    before(async () => {
      socket = await Socket.open(world.gateway.url, anonymous(), { vsn });
    });
    after(() => socket.close());

    it('answers heartbeats', async () => {
      const ref = socket.send('phoenix', 'heartbeat');
      const reply = await socket.reply(ref, 'the heartbeat');
      const join_ref = vsn === V2 ? null : undefined;
      assert.deepEqual(reply, { join_ref, ref, topic: 'phoenix', event: 'phx_reply', payload: OK });
    });

    it('gives back each binding as it came, in order, with an id', async () => {
      const bindings = [
        { event: '*', schema: 'public', table: 'board', filter: 'id=eq.1' },
        { event: 'INSERT', schema: 'public', table: 'board', select: ['label'], own: { any: ['thing', null] } },
        { event: 'update', schema: 'public' },
        { event: '*', schema: 'public', table: 'board', filter: null },
      ];
      const { status, response } = await socket.join('bindings', bindings);
      assert.equal(status, 'ok');
      const given = response.postgres_changes;
      assert.deepEqual(given.map(({ id, ...rest }) => rest), bindings);
      const ids = given.map(({ id }) => id);
      assert.ok(ids.every((id) => Number.isInteger(id) && id > 0 && id < 2 ** 32), `numbers that are not 0: ${ids}`);
      assert.equal(new Set(ids).size, ids.length, `distinct ids: ${ids}`);
      const { response: empty } = await socket.join('no bindings', []);
      assert.deepEqual(empty, { postgres_changes: [] });
      const { response: bare } = await socket.ask('realtime:bare', 'phx_join', {});
      assert.deepEqual(bare, { postgres_changes: [] });
    });

    it('gives equal bindings of different channels equal ids, and says Subscribed to PostgreSQL', async () => {
      const [one, two] = [await socket.join('one', [board]), await socket.join('two', [board])];
      assert.equal(one.response.postgres_changes[0].id, two.response.postgres_changes[0].id);
      for (const channel of ['one', 'two']) {
        const { payload } = await socket.message(`the system message of ${channel}`, ({ topic, event }) => topic === `realtime:${channel}` && event === 'system');
        assert.deepEqual(payload, { extension: 'postgres_changes', status: 'ok', message: 'Subscribed to PostgreSQL', channel });
      }
    });

    it('sends a change once to a channel, with the ids of all its bindings that match', async () => {
      const id = next();
      const bindings = [board, { ...board, filter: `id=eq.${id}` }, { ...board, event: 'DELETE' }, { ...board, filter: 'id=lt.0' }];
      const { response } = await socket.join('ids', bindings);
      const ids = response.postgres_changes.map((binding) => binding.id);
      await insert(id);
      await until('the change', () => socket.changes('ids').length > 0);
      const [change] = socket.changes('ids');
      assert.deepEqual([...change.payload.ids].sort(), [ids[0], ids[1]].sort());
      const { type, schema, table, columns, record, errors } = change.payload.data;
      assert.deepEqual({ type, schema, table, record, errors }, { type: 'INSERT', schema: 'public', table: 'board', record: { id, label: null, value: null }, errors: null });
      assert.deepEqual(columns, [{ name: 'id', type: 'int8' }, { name: 'label', type: 'text' }, { name: 'value', type: 'numeric' }]);
      assert.equal(change.ref, null);
    });

    it('leaves a channel: the reply, then its end; nothing comes any more', async () => {
      const { ref } = await socket.join('left', [board]);
      const leave = socket.send('realtime:left', 'phx_leave', {}, ref);
      const reply = await socket.reply(leave, 'phx_leave');
      assert.deepEqual(reply.payload, OK);
      const close = await socket.message('the end of the channel', ({ topic, event }) => topic === 'realtime:left' && event === 'phx_close');
      assert.equal(close.ref, ref);
      assert.deepEqual(close.payload, {});
      const already = socket.changes('left').length;
      await socket.join('after', [board]);
      const id = next();
      await insert(id);
      await until('the change on another channel', () => socket.changes('after').length > 0);
      assert.equal(socket.changes('left').length, already, 'no change for the channel that was left');
      assert.deepEqual(await socket.ask('realtime:left', 'phx_leave', {}, ref), OK, 'leaving again');
    });

    it('ends the old channel at a second join of its topic', async () => {
      const first = await socket.join('twice', [board]);
      const second = await socket.join('twice', [{ ...board, event: 'INSERT' }]);
      assert.equal(second.status, 'ok');
      await socket.message('the end of the first', ({ topic, event, ref }) => topic === 'realtime:twice' && event === 'phx_close' && ref === first.ref);
      const already = socket.changes('twice').length;
      await insert(next());
      await until('a change', () => socket.changes('twice').length > already);
      assert.deepEqual(socket.changes('twice')[already].payload.ids, [second.response.postgres_changes[0].id]);
    });

    it('answers messages for topics that are not joined', async () => {
      const reply = await socket.ask('realtime:unknown', 'anything', {});
      assert.deepEqual(reply, { status: 'error', response: { reason: 'unmatched topic' } });
    });

    it('ignores what is malformed; the socket stays', async () => {
      const broken = ['', '{', 'null', '[]', '7', '"text"', '[1,2,3]', '{"topic":7}', '[null,null,null,null,null]', '[{},{},"a","b",{}]', '\u0000', '[null,"1","realtime:x","phx_join"]'];
      for (const frame of broken) socket.raw.send(frame);
      for (const bytes of [[], [3], [3, 255, 255, 255], [4, 0], [0, 1, 2, 3], [9, 9]]) socket.raw.send(Buffer.from(bytes));
      assert.deepEqual(await socket.heartbeat(), OK);
    });

    it('takes joins of a wrong shape for joins without it', async () => {
      for (const config of [7, [], null, { postgres_changes: 7 }, { postgres_changes: [null] }, { broadcast: 'x', presence: 7, private: {} }]) {
        const { status, response } = await socket.ask('realtime:shapes', 'phx_join', { config });
        assert.deepEqual({ status, response }, { status: 'ok', response: { postgres_changes: [] } }, JSON.stringify(config));
      }
    });

    it('answers a join only when its subscriptions exist, with `wait` as without', async () => {
      for (const options of [{}, { postgres_changes_options: { wait: true } }, { postgres_changes_options: { wait: true, timeout: 5000 } }]) {
        const id = next();
        const topic = `wait ${id}`;
        const { status } = await socket.join(topic, [{ ...board, filter: `id=eq.${id}` }], options);
        assert.equal(status, 'ok');
        await insert(id);
        await until('the row that was written after the reply', () => socket.changes(topic).length === 1);
      }
    });
  });
}

describe('the features between clients, which are not there yet', () => {
  for (const version of versions) {
    it(`do not hinder a channel that asks for them: ${version.name}`, async () => {
      const own = client(version, world.wire.url, anonymous());
      const config = { broadcast: { self: true, ack: false }, presence: { key: 'me', enabled: true } };
      const heard = Heard.join(own, 'features', [board], config);
      await heard.subscribed();
      const id = next();
      await insert(id);
      await heard.change('the change', ({ new: record }) => record.id === id);
      // Neither ends the channel.
      await heard.channel.send({ type: 'broadcast', event: 'shout', payload: { text: 'hello' } });
      await within('an answer to track()', heard.channel.track({ at: 1 }));
      const after = next();
      await insert(after);
      await heard.change('a change afterwards', ({ new: record }) => record.id === after);
      assert.deepEqual(heard.statuses, ['SUBSCRIBED']);
      own.disconnect();
    });
  }

  it('a private channel is answered', async () => {
    const socket = await Socket.open(world.gateway.url, tokenOf('red'));
    const { status, response } = await socket.join('secret', [], { private: true });
    // Nobody can have a policy for a topic yet: the answer is that of a topic that the policies do not admit.
    assert.equal(status, 'error');
    assert.match(response.reason, /^Unauthorized: You do not have permissions to read from this Channel topic: secret$/);
    socket.close();
  });
});

describe('a real client', () => {
  for (const version of versions) {
    it(`leaves and joins the same topic again: ${version.name}`, async () => {
      const own = client(version, world.wire.url, anonymous(), { heartbeatIntervalMs: 300 });
      await Heard.anchor(own);
      for (let round = 0; round < 3; round += 1) {
        const heard = await Heard.on(own, 'again', [board]);
        const id = next();
        await insert(id);
        assert.deepEqual(told(await heard.count(1)), [`INSERT ${id}`]);
        assert.equal(await own.removeChannel(heard.channel), 'ok');
      }
      own.disconnect();
    });
  }

  it('of every version joins its channels again after its socket was cut', async () => {
    const all = await Promise.all(versions.map(async (version) => {
      const own = client(version, world.wire.url, anonymous());
      const heard = await Promise.all(['a', 'b', 'c'].map((topic) => Heard.on(own, topic, [board])));
      return { version, own, heard };
    }));
    world.wire.cut();
    await Promise.all(all.flatMap(({ heard }) => heard.map((one) => one.subscribed(2))));
    const id = next();
    await insert(id);
    for (const { version, own, heard } of all) {
      for (const one of heard) await one.change(`a change after the rejoin of ${version.name}`, ({ new: record }) => record.id === id);
      assert.ok(heard.every(({ statuses }) => statuses.includes('CHANNEL_ERROR')), `the application of ${version.name} was told of the loss`);
      own.disconnect();
    }
  });

  it('keeps its socket by heartbeats that it finds answered', async () => {
    const beats = [];
    const own = client(newest, world.wire.url, anonymous(), { heartbeatIntervalMs: 50, heartbeatCallback: (status) => beats.push(status) });
    const heard = await Heard.on(own, 'beats', [board]);
    await until('answered heartbeats', () => beats.filter((status) => status === 'ok').length >= 5);
    assert.ok(!beats.includes('timeout'));
    assert.deepEqual(heard.statuses, ['SUBSCRIBED']);
    own.disconnect();
  });
});
