// Messages from somebody who knows the protocol: floods, huge joins, bad tokens by the hundred.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { randomBytes } from 'node:crypto';
import { anonymous, signed } from '../harness/token.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';
import { Random } from '../oracle/random.mjs';
import { Honest } from './honest.mjs';
import { hostileText } from './fuzz.mjs';

const BOUND = 150;
const board = { event: '*', schema: 'public', table: 'board' };

let world;
let honest;
before(async () => {
  world = await World.open('messages');
  honest = await Honest.start(world);
});
after(async () => {
  await honest?.end();
  await world?.close();
});

async function bounded(what, hostile) {
  const { before, after } = await honest.during(what, hostile);
  assert.ok(after - before < BOUND, `memory grew from ${before} to ${after} MB during ${what}; expected less than ${BOUND} MB`);
}

describe('the others are served, and memory is bounded,', () => {
  it('during 10,000 joins at once on a socket, which ends that socket', () =>
    bounded('a join flood', async () => {
      for (const vsn of [V1, V2]) {
        const socket = await Socket.open(world.gateway.url, anonymous(), { vsn });
        for (let n = 0; n < 10_000; n += 1) socket.send(`realtime:flood ${n}`, 'phx_join', { config: { postgres_changes: [board] } });
        const { code } = await socket.closed;
        assert.equal(code, 1001, 'the code of the end');
        const told = socket.messages.some(({ payload }) => payload?.response?.reason === 'ClientJoinRateLimitReached: Too many joins per second');
        assert.ok(told, 'the reason was said before');
      }
    }));

  it('during joins beyond the channels of a socket', () =>
    bounded('too many channels', async () => {
      const socket = await Socket.open(world.gateway.url, anonymous());
      let refused;
      for (let n = 0; n < 150 && !refused; n += 1) {
        const { status, response } = await socket.join(`channel ${n}`, [board]);
        if (status === 'error') refused = { n, reason: response.reason };
      }
      assert.deepEqual(refused, { n: 100, reason: 'ChannelRateLimitReached: Too many channels' });
      assert.deepEqual(await socket.heartbeat(), { status: 'ok', response: {} }, 'the socket goes on');
      socket.close();
    }));

  it('during a join with 100,000 bindings', () =>
    bounded('100,000 bindings', async () => {
      const socket = await Socket.open(world.gateway.url, anonymous());
      const bindings = Array.from({ length: 100_000 }, (_, n) => ({ table: 'board', filter: `id=eq.${n}` }));
      const { status, response } = await socket.join('many', bindings, { seconds: 60 });
      assert.equal(status, 'error');
      assert.equal(typeof response.reason, 'string');
      assert.equal((await socket.join('few', [board])).status, 'ok', 'the socket goes on');
      socket.close();
    }));

  it('during large joins of many channels, of which one socket may have some', () =>
    bounded('large joins', async () => {
      const socket = await Socket.open(world.gateway.url, anonymous());
      const large = [{ ...board, own: 'x'.repeat(400_000) }];
      const reasons = [];
      for (let n = 0; n < 8; n += 1) {
        const { status, response } = await socket.join(`large ${n}`, large);
        if (status === 'error') reasons.push(response.reason);
      }
      assert.deepEqual(reasons, Array(3).fill('ChannelRateLimitReached: The join is too large'));
      socket.close();
    }));

  it('during a flood of messages on a channel, which ends that channel', () =>
    bounded('a message flood', async () => {
      const socket = await Socket.open(world.gateway.url, anonymous());
      const { ref } = await socket.join('flood', [board]);
      const said = () => socket.messages.some(({ event, payload }) => event === 'system' && payload.message === 'Too many messages per second');
      const isEnd = ({ topic, event }) => topic === 'realtime:flood' && event === 'phx_close';
      for (let n = 0; n < 20_000; n += 1) socket.send('realtime:flood', 'broadcast', { type: 'broadcast', event: 'x', payload: {} }, ref);
      await until('the system message and the end of the channel', () => said() && socket.messages.some(isEnd));
      socket.close();
    }));

  it('during bad tokens of every kind, thousands of them', () =>
    bounded('bad tokens', async () => {
      const socket = await Socket.open(world.gateway.url, anonymous());
      const { ref } = await socket.join('tokens', [board]);
      for (let n = 0; n < 50; n += 1) {
        const bad = [randomBytes(300).toString('latin1'), `${'a'.repeat(n)}.${'b'.repeat(n)}.${'c'.repeat(n)}`, signed({ alg: `HS${n}`.replace(/.*/, 'HS256'), kid: hostileText(new Random(n)) }, { role: hostileText(new Random(n)), exp: n })];
        for (const access_token of bad) socket.send('realtime:tokens', 'access_token', { access_token }, ref);
      }
      await socket.message('the end of the channel', ({ topic, event }) => topic === 'realtime:tokens' && event === 'phx_close');
      assert.deepEqual(await socket.heartbeat(), { status: 'ok', response: {} }, 'the socket goes on');
      socket.close();
    }));
});
