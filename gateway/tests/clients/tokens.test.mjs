// Tokens over a channel's life: at the join, renewed in place, expired, and wrong in every way.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, told, versions } from '../harness/clients.mjs';
import { anonymous, now, token, tokenOf } from '../harness/token.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
let last = 0;
const next = () => (last += 1);
const notes = [{ event: '*', schema: 'public', table: 'notes' }];

before(async () => {
  world = await World.open('tokens', ['--api-key', 'sb_publishable_tests=anon']);
});
after(() => world?.close());

const insert = (id, tenant) => world.query('INSERT INTO notes (id, tenant) VALUES ($1, $2)', [id, tenant]);

for (const version of versions) {
  describe(version.name, () => {
    it('connects with the anonymous key and joins with the token of a user', async () => {
      const own = client(version, world.wire.url, anonymous());
      await own.setAuth(tokenOf('red'));
      const heard = await Heard.on(own, 'signed in', notes);
      const id = next();
      await insert(id, 'red');
      assert.deepEqual(told(await heard.count(1)), [`INSERT ${id}`]);
      own.disconnect();
    });

    it('renews a token in place: no change is lost, none comes twice', async () => {
      const own = client(version, world.wire.url, anonymous());
      await own.setAuth(tokenOf('red'));
      const heard = await Heard.on(own, 'renewed', notes);
      const ids = Array.from({ length: 120 }, next);
      for (const [place, id] of ids.entries()) {
        await insert(id, 'red');
        if (place % 20 === 10) await own.setAuth(tokenOf('red', 'red-1', { renewal: place }));
      }
      await heard.change('the last row', ({ new: record }) => record.id === ids.at(-1));
      assert.deepEqual(heard.changes.map((change) => change.new.id), ids);
      assert.deepEqual(heard.statuses, ['SUBSCRIBED'], 'the channel has not been joined again');
      own.disconnect();
    });

    it('sees what its new user sees, and no more what the old one saw', async () => {
      const own = client(version, world.wire.url, anonymous());
      await own.setAuth(tokenOf('red'));
      const heard = await Heard.on(own, 'other user', notes);
      await own.setAuth(tokenOf('blue'));
      // A renewal is not answered; it is in force once a row of the new user comes.
      let first;
      await until('rows of the new user', async () => {
        first = next();
        await insert(first, 'blue');
        return heard.changes.some((change) => change.new.tenant === 'blue');
      });
      const [red, blue] = [next(), next()];
      await insert(red, 'red');
      await insert(blue, 'blue');
      await heard.change('a row of the new user', ({ new: record }) => record.id === blue);
      assert.ok(!heard.changes.some((change) => change.new.tenant === 'red'), 'no row of the old user');
      own.disconnect();
    });
  });
}

describe('a token that expires', () => {
  it('ends the channel of every version, with a message that says so', async () => {
    await Promise.all(versions.map(async (version) => {
      const own = client(version, world.wire.url, anonymous());
      await own.setAuth(token({ sub: 'red-1', tenant: 'red', exp: now() + 3 }));
      const heard = await Heard.on(own, 'short', notes);
      const { extension, status, channel } = await heard.message(
        `that the token of ${version.name} has expired`,
        ({ message }) => /^Token has expired \d+ seconds ago$/.test(message),
      );
      assert.deepEqual({ extension, status, channel }, { extension: 'system', status: 'error', channel: 'short' });
      await until(() => `CLOSED for ${version.name}; there was ${heard.story()}`, () => heard.status === 'CLOSED');
      own.disconnect();
    }));
  });
});

describe('a token callback of the newest client', () => {
  it('is asked for each join, and its new tokens are taken over', async () => {
    let tenant = 'red';
    const accessToken = async () => tokenOf(tenant);
    const own = client(newest, world.wire.url, anonymous(), { accessToken, heartbeatIntervalMs: 200 });
    const heard = await Heard.on(own, 'callback', notes);
    // The first join may have been faster than the callback: its own push follows.
    await until('rows of the callback’s user', async () => {
      await insert(next(), tenant);
      return heard.changes.some((change) => change.new.tenant === 'red');
    });
    tenant = 'blue';
    await until('rows of the callback’s next user, after a heartbeat', async () => {
      await insert(next(), tenant);
      return heard.changes.some((change) => change.new.tenant === 'blue');
    });
    own.disconnect();
  });
});

describe('a token that is renewed', () => {
  for (const vsn of [V1, V2]) {
    it(`and is wrong ends the channel, and only it (protocol ${vsn})`, async () => {
      const socket = await Socket.open(world.gateway.url, anonymous(), { vsn });
      await socket.join('stays', notes, { token: tokenOf('red') });
      const wrong = [
        ['expired', token({ exp: now() - 60 }), /^Token has expired \d+ seconds ago$/],
        ['no role', token({ role: undefined }), /^Fields `role` and `exp` are required in JWT$/],
        ['nonsense', 'x.y.z', /^The token provided is not a valid JWT$/],
        ['other key', token({}, 'another secret that also has 32 characters'), /./],
      ];
      for (const [name, access_token, text] of wrong) {
        const { ref, status } = await socket.join(name, notes, { token: tokenOf('red') });
        assert.equal(status, 'ok');
        socket.send(`realtime:${name}`, 'access_token', { access_token }, ref);
        const told = await socket.message(`the system message for ${name}`, ({ topic, event, payload }) =>
          topic === `realtime:${name}` && event === 'system' && payload.status === 'error');
        assert.match(told.payload.message, text);
        const close = await socket.message(`the end of ${name}`, ({ topic, event }) => topic === `realtime:${name}` && event === 'phx_close');
        assert.equal(close.ref, ref, 'the end carries the reference of the join');
      }
      const id = next();
      await insert(id, 'red');
      await until('a change for the channel that stays', () => socket.changes('stays').some(({ payload }) => payload.data.record.id === id));
      socket.close();
    });
  }

  it('and is unchanged, null or an opaque key changes nothing', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    const own = tokenOf('red');
    const { ref } = await socket.join('same', notes, { token: own });
    for (const access_token of [own, null, 'sb_publishable_tests', 'sb_secret_x', undefined]) {
      socket.send('realtime:same', 'access_token', { access_token }, ref);
    }
    const id = next();
    await insert(id, 'red');
    await until('a change', () => socket.changes('same').some(({ payload }) => payload.data.record.id === id));
    assert.ok(!socket.messages.some(({ event }) => event === 'phx_close'));
    socket.close();
  });

  it('in the middle of a batch judges what was not handed out by the new user', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    const { ref } = await socket.join('batch', notes, { token: tokenOf('red') });
    const session = await world.database.session();
    const from = last + 1;
    const count = 3000;
    last += 2 * count;
    const batch = (tenant, first) =>
      session.query(`INSERT INTO notes (id, tenant) SELECT n, $1 FROM generate_series($2::int, $3::int) AS n`, [tenant, first, first + count - 1]);
    await batch('red', from);
    socket.send('realtime:batch', 'access_token', { access_token: tokenOf('blue') }, ref);
    await batch('blue', from + count);
    await until('the new user’s last row', () => socket.changes('batch').some(({ payload }) => payload.data.record.id === last));
    const tenants = socket.changes('batch').map(({ payload }) => payload.data.record.tenant);
    assert.equal(tenants.lastIndexOf('red') < tenants.indexOf('blue'), true, 'no row of the old user after one of the new user');
    assert.equal(tenants.filter((tenant) => tenant === 'blue').length, count, 'all rows of the new user that were written after his token was sent');
    await session.end();
    socket.close();
  });
});

describe('an opaque key', () => {
  it('stands for the role that the gateway was given for it', async () => {
    const own = client(newest, world.wire.url, 'sb_publishable_tests');
    const heard = await Heard.on(own, 'opaque', [{ event: '*', schema: 'public', table: 'board' }]);
    await world.query('INSERT INTO board VALUES (1)');
    assert.deepEqual(told(await heard.count(1)), ['INSERT 1']);
    own.disconnect();
  });

  it('in a join means the token of the connection', async () => {
    const socket = await Socket.open(world.gateway.url, tokenOf('red'));
    const { status } = await socket.join('own', notes, { token: 'sb_publishable_tests' });
    assert.equal(status, 'ok');
    const id = next();
    await insert(id, 'red');
    await until('a row of the connection’s user', () => socket.changes('own').some(({ payload }) => payload.data.record.id === id));
    socket.close();
  });
});
