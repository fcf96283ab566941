// Clients of every kind keep copies while everything fails; in the end each copy is what its own SELECT shows.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { cluster, Database } from '../harness/database.mjs';
import { Gateway } from '../harness/gateway.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';
import { STANDBY, trouble } from './faults.mjs';
import { Follower } from './follower.mjs';
import { Stream } from './stream.mjs';
import { Random, seed } from './random.mjs';
import { memberships } from './views.mjs';
import { Writer } from './writers.mjs';

const CLIENTS = Number(process.env.GATEWAY_CLIENTS ?? 20);
const SECONDS = Number(process.env.GATEWAY_SECONDS ?? 20);
const WRITERS = 2;

let world;
// One gateway beside the primary, one beside a standby: a client may come to either.
before(async () => {
  const host = await cluster.standby(STANDBY);
  world = await World.open('oracle');
  const copy = new Database(world.database.name, host);
  const beside = await Gateway.start('oracle-standby', copy.uri(), ['--drain-seconds', '0']);
  world.databases = [world.database, copy];
  world.gateways = [world.gateway, beside];
  for (const { room, user } of memberships) await world.query('INSERT INTO members VALUES ($1, $2)', [room, user]);
});
after(async () => {
  await world?.gateways[1].stop();
  await world?.databases[1].close();
  await world?.close();
  await cluster.remove(STANDBY);
});

// A third is without a WebSocket.
function start(number) {
  const random = new Random(seed * 1000 + number);
  return (random.chance(0.33) ? Stream : Follower).start(number, world, random);
}

// Waits until each copy equals what its client sees now. Nobody writes meanwhile.
async function compare(followers, when) {
  for (const follower of followers) await follower.look();
  for (const follower of followers) {
    await until(
      () => `${when}, the copy of ${follower.name} to equal its SELECT:\n  ${follower.last}\n  ${follower.story}`,
      async () => {
        follower.last = follower.difference();
        follower.isBehind = follower.last !== undefined;
        return !follower.isBehind;
      },
      60,
    );
  }
}

describe(`the oracle (PGREALTIME_SEED=${seed})`, () => {
  it(`${CLIENTS} clients for ${SECONDS} s: each copy is its SELECT, and nobody received what it may not see`, async () => {
    const random = new Random(seed);
    const followers = [];
    const writers = Array.from({ length: WRITERS }, (_, n) => new Writer(world.database, new Random(seed + 1 + n)));
    for (let n = 0; n < CLIENTS; n += 1) followers.push(await start(n));
    const counts = await trouble({ world, followers, random }, Date.now() + SECONDS * 1000);
    await Promise.all(writers.map((writer) => writer.end()));
    await compare(followers, 'after the faults');

    // Once more without faults: what is left over from them would show now.
    const calm = new Writer(world.database, new Random(seed + 99));
    await until('200 transactions more', () => calm.transactions >= 200, 60);
    await calm.end();
    await compare(followers, 'after the calm');

    tell(followers, writers, counts);
    for (const follower of followers) assert.deepEqual(follower.faults.slice(0, 5), [], `what ${follower.name} should not have received`);
    const lost = followers.filter(({ hasCursor, messages }) => hasCursor && messages.length > 0);
    assert.deepEqual(lost.map(({ name, messages }) => [name, messages]), [], 'clients with a cursor that were told to read again');
    const stuck = followers.filter(({ stuck, isSteady }) => stuck > 0 && isSteady);
    assert.deepEqual(stuck.map(({ name, story }) => [name, story]), [], 'clients that waited too long for their channel');
    const idle = followers.filter(({ changes }) => changes === 0);
    assert.ok(idle.length < CLIENTS / 3, `most clients received something; these did not: ${idle.map(({ name }) => name).join('\n')}`);
    for (const follower of followers) follower.end();
  });
});

function tell(followers, writers, counts) {
  const sum = (list, of) => list.reduce((total, one) => total + of(one), 0);
  console.log(`seed ${seed}: ${sum(writers, (writer) => writer.transactions)} transactions, ${sum(writers, (writer) => writer.statements)} statements`);
  console.log(`${sum(followers, ({ changes }) => changes)} changes received, ${sum(followers, ({ losses }) => losses)} losses announced, ${sum(followers, ({ reads }) => reads)} times read, ${sum(followers, ({ stuck }) => stuck)} times begun anew`);
  for (const [name, count] of counts) console.log(`  ${count} times: ${name}`);
}
