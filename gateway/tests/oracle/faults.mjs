// What goes wrong meanwhile: one thing after the other, at random.
import { cluster } from '../harness/database.mjs';
import { pause, until } from '../harness/wait.mjs';
import { TENANTS } from './views.mjs';

// The cluster of the second gateway.
export const STANDBY = 'gwstand';

// Each with how often it is chosen.
const kinds = [
  [6, 'a socket is cut', async ({ followers, random }) => random.of(followers).wire.cut()],
  [2, 'all sockets are cut', async ({ followers }) => followers.forEach(({ wire }) => wire.cut())],
  [4, 'a client stops reading for seconds', async ({ followers, random }) => {
    const { wire } = random.of(followers);
    wire.hold();
    await pause(random.between(500, 3000));
    wire.release();
  }],
  [4, 'a token is renewed', async ({ followers, random }) => random.of(followers).renew()],
  [3, 'a channel is left and joined again', async ({ followers, random }) => random.of(followers).rejoin()],
  [4, 'a client comes to another gateway', async ({ followers, random }) => random.of(followers).move()],
  [3, 'thousands of changes while all are away', burst],
  [2, 'a gateway’s sessions are ended', async ({ world, random }) => random.of(world.databases).terminateGateway()],
  [3, 'a gateway is killed', async ({ world, random }) => {
    const gateway = random.of(world.gateways);
    await gateway.kill();
    await pause(random.between(0, 500));
    await gateway.run();
  }],
  [1, 'the standby is restarted', async () => cluster.restart('fast', STANDBY)],
  [1, 'the database is restarted', async () => cluster.restart('fast')],
  [1, 'the database is shut down at once', async () => cluster.restart('immediate')],
  [1, 'the database crashes', async () => cluster.crash()],
];

// More than a reader takes at once, of rows that many see, in a transaction that commits when all sockets have just been cut.
async function burst({ world, followers, random }) {
  const session = await world.database.session();
  const attempt = async () => {
    await session.query('BEGIN');
    await session.query('LOCK TABLE board, notes IN EXCLUSIVE MODE');
    for (let n = 0; n < 12; n += 1) {
      await session.query(`INSERT INTO notes (id, tenant, score) SELECT n, $1, $2 FROM generate_series(1, 150) AS n
        ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, score = excluded.score`, [random.of(TENANTS), random.below(12)]);
      await session.query(`INSERT INTO board (id, value) SELECT n, $1 FROM generate_series(1, 150) AS n
        ON CONFLICT (id) DO UPDATE SET value = excluded.value`, [random.below(100)]);
    }
    for (const { wire } of followers) wire.cut();
    await session.query('COMMIT');
    return true;
  };
  // Where it and a writer wait for each other, one of them has to begin again.
  const again = () => session.query('ROLLBACK').then(() => false);
  await until('a burst is committed', () => attempt().catch(again));
  await session.end();
}

const all = kinds.flatMap(([times, name, happen]) => Array.from({ length: times }, () => ({ name, happen })));

// Until `end`; returns how often each thing happened.
export async function trouble(place, end) {
  const counts = new Map();
  while (Date.now() < end) {
    const { name, happen } = place.random.of(all);
    for (const follower of place.followers) follower.note(name);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    await happen(place);
    await cluster.answers();
    await pause(place.random.between(50, 1200));
  }
  return counts;
}
