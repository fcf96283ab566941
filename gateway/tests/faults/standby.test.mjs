// A gateway beside a standby, and one whose primary is lost: what follows comes from the standby that was promoted.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, versions } from '../harness/clients.mjs';
import { cluster, Database } from '../harness/database.mjs';
import { tokenOf } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const STANDBY = 'gwstand';
const notes = { event: '*', schema: 'public', table: 'notes' };

let host;
let last = 0;
before(async () => {
  host = await cluster.standby(STANDBY);
});
after(() => cluster.remove(STANDBY));

const insert = (database, count) => {
  const from = last + 1;
  last += count;
  return database.query("INSERT INTO notes (id, tenant) SELECT n, 'red' FROM generate_series($1::int, $2::int) AS n", [from, last]);
};

// The standby has what was committed on the primary.
async function replayed(world, standby) {
  const [{ lsn }] = await world.query('SELECT pg_current_wal_insert_lsn()::text AS lsn');
  await until('the standby has come as far as its primary', async () => {
    // At first it does not even have the database.
    const rows = await standby.query('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS is_there', [lsn]).catch(() => []);
    return rows[0]?.is_there;
  });
}

const everybody = (world, binding) =>
  Promise.all(versions.map(async (version) => {
    const own = client(version, world.wire.url, tokenOf('red'));
    return { version, own, heard: await Heard.on(own, 'standby', [{ ...binding }]) };
  }));

async function gotAll(clients, from) {
  for (const { version, own, heard } of clients) {
    await until(
      () => `the last row for ${version.name}; there were ${heard.changes.length} and ${heard.story()}`,
      () => heard.changes.some((change) => change.new.id === last),
      60,
    );
    const ids = new Set(heard.changes.map((change) => change.new.id));
    const missing = Array.from({ length: last - from + 1 }, (_, place) => from + place).filter((id) => !ids.has(id));
    assert.deepEqual(missing, [], `rows that ${version.name} misses`);
    own.disconnect();
  }
}

describe('a gateway that knows only a standby', () => {
  let world;
  before(async () => {
    world = await World.open('on_standby', [], [host]);
  });
  after(() => world?.close());

  it('serves what is written on the primary, also from a cursor of the primary', async () => {
    const from = last + 1;
    const [{ cursor }] = await world.query('SELECT pgrealtime.current_cursor() AS cursor');
    await insert(world.database, 50);
    await replayed(world, new Database(world.database.name, host));
    const clients = await everybody(world, { ...notes, since: cursor });
    await insert(world.database, 50);
    await world.query("INSERT INTO notes (id, tenant) VALUES (-1, 'blue')");
    await gotAll(clients, from);
    assert.ok(clients.every(({ heard }) => heard.changes.every((change) => change.new.tenant === 'red')), 'nothing of another tenant');
  });
});

describe('a gateway whose primary is lost', () => {
  let world;
  let standby;
  before(async () => {
    world = await World.open('failover', [], [process.env.PGHOST, host]);
    standby = new Database(world.database.name, host);
    await replayed(world, standby);
  });
  after(async () => {
    await standby.close();
    // The next suite finds a server again.
    await cluster.restart();
    await cluster.answers();
    await world?.close();
  });

  it('goes on with the standby: clients notice a pause, not a gap', async () => {
    const from = last + 1;
    const clients = await everybody(world, notes);
    await insert(world.database, 20);
    await replayed(world, standby);
    await cluster.kill();
    await cluster.promote(STANDBY);
    await until('the standby has become the primary', async () => !(await standby.query('SELECT pg_is_in_recovery() AS is'))[0].is);
    await insert(standby, 20);
    await gotAll(clients, from);
    for (const { version, heard } of clients) assert.deepEqual(heard.statuses.slice(0, 1), ['SUBSCRIBED'], version.name);
  });
});
