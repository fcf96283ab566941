// What clients of plain HTTP cannot do: ask for what is not theirs, take room from others, or stay when they have gone.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { ask, closeStreams, EVENTS, LINES, Stream } from '../harness/http.mjs';
import { anonymous, now, signed, token, tokenOf } from '../harness/token.mjs';
import { until, within } from '../harness/wait.mjs';
import { Gateway } from '../harness/gateway.mjs';
import { World } from '../harness/world.mjs';

const STREAMS = Number(process.env.GATEWAY_STREAMS ?? 300);
const MEGABYTES = Number(process.env.GATEWAY_SLOW_MEGABYTES ?? 15);

let world;
let last = 0;
const next = () => (last += 1);
before(async () => {
  world = await World.open('http_limits', ['--max-sockets', String(STREAMS + 20), '--outbox-bytes', '200000', '--lag-seconds', '300']);
});
after(() => world?.close());

// What a test that failed has left open.
afterEach(closeStreams);

const red = tokenOf('red');
const notes = { table: 'notes' };
const open = (query, options = {}) => Stream.open(world.gateway.httpUrl, query, { token: red, ...options });
const get = (query, options = {}) => ask(world.gateway.httpUrl, query, { token: red, accept: EVENTS, ...options });
const insert = (id, tenant = 'red', body = null) =>
  world.query('INSERT INTO notes (id, tenant, body) VALUES ($1, $2, $3)', [id, tenant, body]);
const metric = (name, gateway = world.gateway) => gateway.metric(`pgrealtime_gateway_${name}`);

// Nothing is left of clients that have gone: no stream, no subscription, no permit.
async function nothingIsLeft(gateway = world.gateway) {
  for (const name of ['http_streams', 'subscriptions']) {
    let value;
    await until(() => `no ${name}; there are ${value}`, async () => (value = await metric(name, gateway)) === 0, 40);
  }
}

describe('a request is refused', () => {
  it('without a token that counts', async () => {
    for (const [key, status, message] of [
      [undefined, 401, 'API key is missing'],
      ['', 401, 'API key is missing'],
      ['nonsense', 401, 'The token provided is not a valid JWT'],
      [token({}, 'another secret that has more than 32 characters'), 401, 'Failed to validate JWT signature'],
      [signed({ alg: 'ES256' }, { role: 'authenticated', exp: now() + 60 }), 401, /^Failed to/],
      [token({ role: undefined }), 401, 'Fields `role` and `exp` are required in JWT'],
      [token({ exp: now() - 5 }), 401, /^Token has expired \d+ seconds ago$/],
      [token({ role: 'postgres' }), 403, 'The role of the token may not read here'],
      [token({ role: 'pgrealtime_gateway' }), 403, 'The role of the token may not read here'],
    ]) {
      const answer = await get({ ...notes, ...(key !== undefined && { apikey: key }) }, { token: undefined });
      assert.equal(answer.status, status, answer.text);
      if (message instanceof RegExp) assert.match(answer.value.message, message);
      else assert.equal(answer.value.message, message);
    }
  });

  it('for a table that is not there, not realtime, or not for this role, with one text', async () => {
    const texts = new Set();
    for (const query of [{ table: 'nothing' }, { table: 'plain' }, { table: 'pay', schema: 'hr' }, { table: 'log', schema: 'pgrealtime' }, { table: 'pg_authid', schema: 'pg_catalog' }]) {
      for (const more of [{}, { snapshot: '1' }, { filter: 'a=eq.1' }, { select: 'a' }]) {
        for (const accept of [EVENTS, LINES]) {
          const answer = await get({ ...query, ...more }, { accept });
          assert.equal(answer.status, 404, `${JSON.stringify({ ...query, ...more })}: ${answer.text}`);
          texts.add(answer.text.replace(`${query.schema ?? 'public'}.${query.table}`, 'X'));
        }
      }
    }
    assert.equal(texts.size, 1, [...texts].join('\n'));
  });

  it('that cannot be meant, with what is wrong', async () => {
    for (const [query, message] of [
      [{}, /table/],
      [{ table: '*' }, /one table/],
      [[['table', 'a'], ['table', 'b']], /twice/],
      [{ ...notes, fitler: 'id=eq.1' }, /fitler/],
      [{ ...notes, filter: 'nothing=eq.1' }, /"nothing"/],
      [{ ...notes, filter: 'id=equals.1' }, /equals/],
      [{ ...notes, filter: 'id=eq.x' }, /bigint/],
      [{ ...notes, filter: `id=eq.1) OR (true` }, /parentheses/],
      [{ ...notes, filter: '\0' }, /zero byte/],
      [{ ...notes, filter: 'or=('.repeat(20_000) }, /./],
      [{ ...notes, select: 'nothing' }, /"nothing"/],
      [{ ...notes, select: '"' }, /quotes/],
      [{ ...notes, events: 'SELECT' }, /SELECT/],
      [{ ...notes, cursor: 'a\nb' }, /cursor/],
      [{ ...notes, wait: '30' }, /application\/json/],
      [{ ...notes, snapshot: '2' }, /snapshot/],
    ]) {
      const answer = await get(query);
      if (answer.status === 414 || answer.status === 431) continue;
      assert.equal(answer.status, 400, `${JSON.stringify(query).slice(0, 200)}: ${answer.status} ${answer.text}`);
      assert.match(answer.value.message, message);
      assert.doesNotMatch(answer.text, /\n/, 'on one line');
    }
    assert.equal((await get({ ...notes, cursor: 'nonsense' })).status, 410);
    const poll = await get({ ...notes, cursor: 'nonsense' }, { accept: 'application/json' });
    assert.equal(poll.status, 410, 'a poll, too');
    assert.match(poll.text, /read the table again/i);
    await nothingIsLeft();
  });

  it('by another method, and answered for pages of other origins', async () => {
    assert.equal((await get(notes, { method: 'POST' })).status, 405);
    const preflight = await get(notes, { method: 'OPTIONS', headers: { origin: 'https://app.example', 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' } });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get('access-control-allow-headers'), 'authorization');
    const stream = await open(notes, { headers: { origin: 'https://app.example' } });
    assert.equal(stream.answer.headers['access-control-allow-origin'], '*');
    stream.close();
    await get(notes, { method: 'HEAD' });
    await nothingIsLeft();
  });
});

describe('a filter', () => {
  it('is a value, whatever is in it', async () => {
    const values = ["'", '"', '\\', "'; DROP TABLE notes; --", '$$', '$1', 'x\r\n\r\nevent: error\ndata: {}\n\n', '\u2028', "') OR true --", '%s', '{}', 'e\u0301🙂'];
    for (const value of values) {
      await world.query("INSERT INTO notes (id, tenant, title) VALUES (1, 'red', $1), (2, 'red', 'other'), (3, 'blue', $1)", [value]);
      const filter = `title=eq."${value.replace(/["\\]/g, '\\$&')}"`;
      const stream = await open({ ...notes, snapshot: '1', filter });
      assert.equal(stream.status, 200, filter);
      await stream.event('snapshot');
      assert.deepEqual(stream.rows.map(({ id, title }) => ({ id, title })), [{ id: 1, title: value }]);
      await world.query('UPDATE notes SET score = 1');
      const [change] = await stream.count(1);
      assert.deepEqual([change.record.id, change.record.title], [1, value]);
      assert.deepEqual(new Set(stream.events.map(({ event }) => event)), new Set(['row', 'snapshot', 'message']));
      stream.close();
      await world.query('DELETE FROM notes');
    }
  });
});

describe('a client that reads slowly', () => {
  it(`is served from the log, and nothing is lost (${MEGABYTES} MB)`, async () => {
    const slow = await open(notes);
    const quick = await open(notes);
    for (const stream of [slow, quick]) await stream.event('cursor');
    slow.pause();
    const memory = world.gateway.memory();
    const ids = [];
    for (let n = 0; n < MEGABYTES; n += 1) {
      for (let part = 0; part < 10; part += 1) {
        ids.push(next());
        await insert(ids.at(-1), 'red', 'x'.repeat(100_000));
      }
      await quick.change('the last row for who reads', ({ record }) => record.id === ids.at(-1), 60);
    }
    assert.ok((await metric('lagged_total')) >= 1, 'it had no room');
    const grown = world.gateway.memory() - memory;
    assert.ok(grown < 20, `${grown} MB more while a client does not read`);
    slow.resume();
    await slow.change('the last row', ({ record }) => record.id === ids.at(-1), 60);
    for (const stream of [slow, quick]) assert.deepEqual(stream.changes.map(({ record }) => record.id), ids);
    const id = next();
    await insert(id);
    await slow.change('a row when it is live again', ({ record }) => record.id === id);
    for (const stream of [slow, quick]) stream.close();
    await nothingIsLeft();
  });

  it('for too long is told so, or loses its connection', async () => {
    const gateway = await Gateway.start('http_lag', world.database.uri(), ['--lag-seconds', '1', '--outbox-bytes', '200000']);
    try {
      // Writes until the client, which reads nothing, is not waited for any more.
      const given = async (accept) => {
        const stream = await Stream.open(gateway.httpUrl, notes, { token: red, accept });
        await stream.event('cursor');
        stream.pause();
        await until('a subscription', async () => (await metric('subscriptions', gateway)) > 0);
        while ((await metric('subscriptions', gateway)) > 0) await insert(next(), 'red', 'x'.repeat(900_000));
        // Its leg has left the relay; from then on it may be without room for a second. A client that reads before is served.
        await new Promise((then) => setTimeout(then, 4000));
        return stream;
      };
      const from = last + 1;
      const told = await given(EVENTS);
      told.resume();
      const { data } = await told.event('error');
      assert.equal(data.code, 'too_slow');
      assert.deepEqual(await told.ended, { isWhole: true });
      const again = await Stream.open(gateway.httpUrl, notes, { token: red, headers: { 'last-event-id': told.lastId } });
      await again.change('the last row', ({ record }) => record.id === last, 60);
      const seen = [...told.changes, ...again.changes].map(({ record }) => record.id);
      assert.deepEqual([...new Set(seen)], Array.from({ length: last - from + 1 }, (_, n) => from + n), 'nothing is lost');
      again.close();
      await nothingIsLeft(gateway);
      const silent = await given(LINES);
      await nothingIsLeft(gateway);
      silent.resume();
      assert.deepEqual(await silent.ended, { isWhole: false }, 'its connection was cut');
    } finally {
      await gateway.stop();
    }
  });
});

describe('a client that has gone', () => {
  const head = (query) =>
    `GET /realtime/v1/changes?${new URLSearchParams(query)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${red}\r\n\r\n`;
  const plain = async (text) => {
    const socket = connect(world.gateway.port, '127.0.0.1');
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(text);
    return socket;
  };

  it('leaves nothing behind, whenever it goes', async () => {
    const cursor = (await world.query('SELECT pgrealtime.current_cursor() AS cursor'))[0].cursor;
    const queries = [notes, { ...notes, cursor }, { ...notes, snapshot: '1' }, { ...notes, filter: 'id=gt.5' }, { table: 'nothing' }];
    for (let n = 0; n < 60; n += 1) {
      const socket = await plain(head(queries[n % queries.length]));
      // Before its answer, within it, or behind its beginning.
      if (n % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
      if (n % 3 === 2) await within('an answer', new Promise((resolve) => socket.once('data', resolve)));
      if (n % 2) socket.destroy();
      else socket.resetAndDestroy();
    }
    await nothingIsLeft();
  });

  it('by halves ends its stream', async () => {
    const socket = await plain(head(notes));
    await within('an answer', new Promise((resolve) => socket.once('data', resolve)));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume().end();
    await within('the end of the connection', closed);
    await nothingIsLeft();
  });

  // What it has sent ahead hides its end; the second sign of life that is written to it finds it gone.
  it('is not waited for behind requests that it sends ahead', async () => {
    const socket = await plain(head(notes) + head(notes) + head(notes));
    await within('an answer', new Promise((resolve) => socket.once('data', resolve)));
    socket.destroy();
    await nothingIsLeft();
  });
});

describe(`${STREAMS} streams`, () => {
  it('of one table share a subscription, and each receives what is for it', async () => {
    const before = world.gateway.memory();
    const tenants = ['red', 'blue', 'green'];
    const streams = [];
    for (let n = 0; n < STREAMS; n += 50) {
      const part = Array.from({ length: 50 }, (_, k) => open(notes, { token: tokenOf(tenants[(n + k) % 3]) }));
      streams.push(...(await Promise.all(part)));
    }
    assert.ok(streams.every(({ status }) => status === 200));
    assert.equal(await metric('http_streams'), STREAMS);
    const subscriptions = await metric('subscriptions');
    assert.ok(subscriptions < STREAMS / 4, `${subscriptions} subscriptions: of those that come at once, some do not share`);
    console.log(`${((world.gateway.memory() - before) * 1024 / STREAMS).toFixed(1)} kB for each stream`);
    const ids = {};
    for (let n = 0; n < 12; n += 1) {
      const tenant = tenants[n % 3];
      (ids[tenant] ??= []).push(next());
      await insert(last, tenant);
    }
    for (const [n, stream] of streams.entries()) {
      const changes = await stream.count(4);
      assert.deepEqual(changes.map(({ record }) => record.id), ids[tenants[n % 3]]);
    }
    const more = await Promise.all(Array.from({ length: 30 }, () => open({ table: 'board' }, { token: anonymous() })));
    const refused = more.filter(({ status }) => status === 429);
    assert.equal(refused.length, 10, 'there is room for 20 more');
    assert.equal(refused[0].answer.headers['retry-after'], '5');
    for (const stream of [...streams, ...more]) stream.close();
    await nothingIsLeft();
    assert.equal((await get(notes, { accept: 'application/json' })).status, 200, 'and there is room again');
  });
});
