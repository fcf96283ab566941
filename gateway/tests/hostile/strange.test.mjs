// SQL, strange characters and strange shapes in every place of a message, from clients whom no limit slows down.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { World } from '../harness/world.mjs';
import { Random, seed } from '../oracle/random.mjs';
import { randomMessage } from './fuzz.mjs';
import { Honest } from './honest.mjs';

const MESSAGES = Number(process.env.GATEWAY_HOSTILE_MESSAGES ?? 4000);
const BOUND = 150;
const NO_LIMIT = ['--max-joins-per-second', '1000000', '--max-messages-per-second', '1000000'];
const board = { event: '*', schema: 'public', table: 'board' };

let world;
let honest;
before(async () => {
  world = await World.open('strange', NO_LIMIT);
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
  it(`during ${MESSAGES} messages with SQL, strange names and shapes everywhere (PGREALTIME_SEED=${seed})`, () =>
    bounded('strange messages', async () => {
      const random = new Random(seed);
      for (const vsn of [V1, V2]) {
        const socket = await Socket.open(world.gateway.url, tokenOf('red'), { vsn });
        for (let n = 0; n < MESSAGES / 2; n += 1) {
          socket.raw.send(randomMessage(random, vsn, tokenOf));
          // What is answered is read in between.
          if (n % 50 === 0) await new Promise(setImmediate);
        }
        socket.next = 1_000_000;
        // All of it was read, and nothing of it ends a connection.
        assert.deepEqual(await socket.heartbeat(120), { status: 'ok', response: {} });
        socket.close();
      }
      const [{ n }] = await world.query("SELECT count(*)::int AS n FROM pg_class WHERE relname IN ('board', 'notes', 'letters')");
      assert.equal(n, 3, 'no statement was made of what clients sent');
      const fresh = await Socket.open(world.gateway.url, tokenOf('red'));
      assert.equal((await fresh.join('after', [board])).status, 'ok');
      fresh.close();
    }));

  it('during names with every character', () =>
    bounded('names', async () => {
      const socket = await Socket.open(world.gateway.url, anonymous());
      for (let from = 0; from < 0x3000; from += 256) {
        const name = String.fromCharCode(...Array.from({ length: 256 }, (_, n) => from + n));
        const topic = `t${from} ${name}`;
        const { status } = await socket.join(topic, [{ event: '*', schema: name, table: name }, { ...board, filter: `${name}=eq.${name}` }]);
        assert.equal(status, 'ok', `a join with the characters from ${from}`);
        assert.equal(socket.messages.at(-1).topic.startsWith('realtime:'), true);
        await socket.ask(`realtime:${topic}`, 'phx_leave', {});
      }
      socket.close();
    }));
});
