// Connections that are never finished, never read, or full of what is no WebSocket.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket } from '../harness/socket.mjs';
import { pause, until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';
import { BINARY, Bytes, frame, handshake, PING, TEXT } from './bytes.mjs';
import { Honest } from './honest.mjs';

const MANY = Number(process.env.GATEWAY_HOSTILE_SOCKETS ?? 300);
// What many open connections may cost, in MB.
const BOUND = 100;

let world;
let honest;
let port;
before(async () => {
  world = await World.open('connections');
  port = world.gateway.port;
  honest = await Honest.start(world);
});
after(async () => {
  await honest?.end();
  await world?.close();
});

const open = (count) => Promise.all(Array.from({ length: count }, () => Bytes.to(port)));
const upgraded = (count) => Promise.all(Array.from({ length: count }, () => Bytes.upgraded(port, anonymous())));
const descriptors = () => readdirSync(`/proc/${world.gateway.pid}/fd`).length;

async function bounded(what, hostile) {
  const { before, after } = await honest.during(what, hostile);
  assert.ok(after - before < BOUND, `memory grew from ${before} to ${after} MB during ${what}; expected less than ${BOUND} MB`);
}

describe('the others are served, and memory is bounded,', () => {
  it('during handshakes that stop half-way', () =>
    bounded(`${MANY} half handshakes`, async () => {
      const all = await open(MANY);
      const whole = handshake(anonymous());
      all.forEach((one, n) => one.send(whole.slice(0, (n * 7) % (whole.length - 1))));
      await pause(500);
      all.forEach((one) => one.end());
    }));

  it('during senders of a byte at a time', () =>
    bounded(`${MANY} slow senders`, async () => {
      const all = await upgraded(MANY);
      const large = frame(TEXT, 'x'.repeat(4_000_000));
      for (let n = 0; n < 20; n += 1) {
        all.forEach((one) => one.send(large.subarray(n, n + 1)));
        await pause(10);
      }
      all.forEach((one) => one.end());
    }));

  it('during frames that are announced larger than any may be', () =>
    bounded('giant frames', async () => {
      const lengths = [5_000_001n, 2n ** 31n, 2n ** 32n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 64n - 1n];
      await Promise.all(lengths.map(async (length) => {
        const one = await Bytes.upgraded(port, anonymous());
        one.send(frame(TEXT, '[', { length }));
        one.send(Buffer.alloc(6_000_000, 'x'));
        await one.closed(`a frame of ${length} bytes`);
      }));
    }));

  it('during messages of endless fragments', () =>
    bounded('endless fragments', async () => {
      const one = await Bytes.upgraded(port, anonymous());
      one.send(frame(TEXT, 'x'.repeat(100_000), { isLast: false }));
      for (let n = 0; n < 80 && !one.isClosed; n += 1) {
        one.send(frame(0, 'x'.repeat(100_000), { isLast: false }));
        await pause(1);
      }
      await one.closed('8 MB of fragments');
    }));

  it('during frames that break the rules', () =>
    bounded('frames that break the rules', async () => {
      const bad = [
        frame(TEXT, 'unmasked', { isMasked: false }),
        frame(TEXT, 'reserved bits', { reserved: 7 }),
        frame(3, 'an unknown opcode'),
        frame(PING, 'x'.repeat(200)),
        frame(PING, 'split', { isLast: false }),
        frame(0, 'a continuation of nothing'),
        frame(TEXT, Buffer.from([0xc3, 0x28, 0xff])),
        frame(8, Buffer.from([0xff])),
        Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      ];
      await Promise.all(bad.map(async (data, n) => {
        const one = await Bytes.upgraded(port, anonymous());
        one.send(data);
        await one.closed(`bad frame number ${n}`);
      }));
    }));

  it('during floods of pings and of frames that mean nothing', () =>
    bounded('floods', async () => {
      const all = await upgraded(4);
      const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(PING, 'x'.repeat(125))));
      const nothing = Buffer.concat(Array.from({ length: 1000 }, () => frame(BINARY, Buffer.from([9, 9, 9]))));
      for (let n = 0; n < 20; n += 1) {
        all.forEach((one, place) => one.send(place % 2 ? pings : nothing));
        await pause(5);
      }
      all.forEach((one) => one.end());
    }));

  it('during requests that are no requests', () =>
    bounded('bad requests', async () => {
      const bad = [
        Buffer.alloc(100_000, 'A'),
        `GET /realtime/v1/websocket?apikey=${'x'.repeat(300_000)} HTTP/1.1\r\n\r\n`,
        `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}\r\n`,
        'GET / HTTP/9.9\r\n\r\n',
        Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]),
        `POST /realtime/v1/websocket HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n`,
        'GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n',
      ];
      const all = await Promise.all(bad.map(async (data) => {
        const one = await Bytes.to(port);
        one.send(data);
        return one;
      }));
      await pause(300);
      all.forEach((one) => one.end());
    }));

  it('during connections that come and go', () =>
    bounded(`${MANY * 4} short connections`, async () => {
      const already = descriptors();
      for (let n = 0; n < 4; n += 1) {
        const all = await upgraded(MANY);
        all.forEach((one) => one.end());
      }
      await until(() => `the descriptors of before (${already}); there are ${descriptors()}`, () => descriptors() <= already + 5, 60);
    }));

  it('during clients that join and never read', () =>
    bounded('clients that never read', async () => {
      const count = 30;
      const sockets = await Promise.all(Array.from({ length: count }, () => Socket.open(world.gateway.url, tokenOf('red'))));
      for (const socket of sockets) {
        await socket.join('unread', [{ event: '*', schema: 'public', table: 'notes' }]);
        socket.raw.pause();
      }
      for (let n = 0; n < 20; n += 1) {
        await world.query("INSERT INTO notes (id, tenant, body) SELECT n, 'red', repeat('x', 5000) FROM generate_series($1::int, $2::int) AS n", [n * 200, n * 200 + 199]);
      }
      sockets.forEach((socket) => socket.close());
    }));

  it('during clients that ask for what was long ago, on many channels, and never read', () =>
    bounded('catch-ups that are never read', async () => {
      const [{ cursor }] = await world.query('SELECT pgrealtime.current_cursor() AS cursor');
      await world.query("INSERT INTO notes (id, tenant, body) SELECT n, 'red', repeat(md5(n::text), 1000) FROM generate_series(10001, 10500) AS n");
      const socket = await Socket.open(world.gateway.url, tokenOf('red'));
      for (let n = 0; n < 60; n += 1) {
        socket.send(`realtime:old ${n}`, 'phx_join', { config: { postgres_changes: [{ event: '*', schema: 'public', table: 'notes', since: cursor }] } });
      }
      await pause(100);
      socket.raw.pause();
      await pause(3000);
      // While it is connected: what it holds is freed when it goes.
      const held = world.gateway.memory();
      socket.close();
      assert.ok(held < BOUND, `the gateway has ${held} MB`);
    }));

  it('during thousands of catch-ups of one client, and who has missed something gets it', async () => {
    const [{ cursor }] = await world.query('SELECT pgrealtime.current_cursor() AS cursor');
    await world.query("INSERT INTO notes (id, tenant) SELECT n, 'red' FROM generate_series(20001, 30000) AS n");
    const many = await Socket.open(world.gateway.url, tokenOf('red'));
    for (let n = 0; n < 20; n += 1) {
      const bindings = Array.from({ length: 100 }, (_, m) => ({ event: '*', schema: 'public', table: 'notes', filter: `title=eq.${n * 100 + m}`, since: cursor }));
      await many.join(`many ${n}`, bindings);
    }
    const one = await Socket.open(world.gateway.url, tokenOf('blue'));
    await world.query("INSERT INTO notes (id, tenant) VALUES (30001, 'blue')");
    await one.join('one', [{ event: '*', schema: 'public', table: 'notes', since: cursor }]);
    await until('what the other client has missed', () => one.changes('one').length > 0);
    const waiting = await world.gateway.metric('pgrealtime_gateway_pool_waiting');
    assert.ok(waiting < 10, `${waiting} wait for the pool`);
    for (const socket of [many, one]) socket.close();
  });
});
