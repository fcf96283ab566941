// The database goes away and comes back: clients notice a pause, not a gap. Restarts the cluster: nothing runs beside it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, versions } from '../harness/clients.mjs';
import { cluster, LOGIN } from '../harness/database.mjs';
import { ask } from '../harness/http.mjs';
import { tokenOf } from '../harness/token.mjs';
import { pause, until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
let last = 0;
before(async () => {
  // Less than the database is away: only a client that has no room is slow.
  world = await World.open('database', ['--lag-seconds', '1']);
});
after(() => world?.close());

// A client of every version; its binding carries no cursor.
const everybody = () =>
  Promise.all(versions.map(async (version) => {
    const own = client(version, world.wire.url, tokenOf('red'));
    const heard = await Heard.on(own, 'pause', [{ event: '*', schema: 'public', table: 'notes' }]);
    return { own, heard, name: version.name };
  }));

const insert = (count) => {
  const from = last + 1;
  last += count;
  return world.query("INSERT INTO notes (id, tenant) SELECT n, 'red' FROM generate_series($1::int, $2::int) AS n", [from, last]);
};

// Writes before, during and after what happens to the database; nothing may be missing, and no channel may be joined again.
async function through(what, happens) {
  const clients = await everybody();
  const from = last + 1;
  await insert(10);
  await happens();
  await cluster.answers();
  await insert(10);
  for (const { own, heard, name } of clients) {
    const final = last;
    await until(
      () => `the last row after ${what} for ${name}; there were ${heard.changes.length} and ${heard.story()}`,
      () => heard.changes.some((change) => change.new.id === final),
      60,
    );
    const ids = new Set(heard.changes.map((change) => change.new.id));
    const expected = Array.from({ length: last - from + 1 }, (_, place) => from + place);
    assert.deepEqual(expected.filter((id) => !ids.has(id)), [], `rows that ${name} misses after ${what}`);
    assert.deepEqual(heard.statuses, ['SUBSCRIBED'], `${name} keeps its channel through ${what}`);
    own.disconnect();
  }
}

describe('nothing is lost, and nobody has to join again,', () => {
  it('when the relay’s session is ended', () =>
    through('pg_terminate_backend', async () => {
      assert.ok((await world.database.terminateGateway()) > 0);
      await insert(10);
    }));

  it('when its sessions are ended again and again', () =>
    through('ten times pg_terminate_backend', async () => {
      for (let n = 0; n < 10; n += 1) {
        await until('sessions of the gateway', async () => (await world.database.terminateGateway()) > 0);
        await insert(2);
      }
    }));

  it('when the server is restarted', () => through('a restart', () => cluster.restart('fast')));

  it('when the server is shut down in the middle of everything', () => through('an immediate restart', () => cluster.restart('immediate')));

  it('when the server crashes', () => through('a crash', () => cluster.crash()));
});

const ready = () => until('ready again', async () => (await world.gateway.status('/ready')) === 200, 60);

describe('while the database is away', () => {
  it('a client whose token is renewed is not told that it is slow', async () => {
    const own = client(newest, world.wire.url, tokenOf('red'));
    const heard = await Heard.on(own, 'renewed', [{ event: '*', schema: 'public', table: 'notes' }]);
    await cluster.kill();
    await until('not ready', async () => (await world.gateway.status('/ready')) === 503);
    own.setAuth(tokenOf('red', 'somebody else'));
    await pause(3000);
    await cluster.restart();
    await cluster.answers();
    await insert(1);
    await until(() => `a change; there was ${heard.story()}`, () => heard.changes.some((change) => change.new.id === last), 60);
    assert.deepEqual(heard.statuses, ['SUBSCRIBED']);
    own.disconnect();
    // The change may have come before the relay was back.
    await ready();
  });

  it('the gateway lives, says that it is not ready, and is ready again', async () => {
    assert.equal(await world.gateway.status('/live'), 200);
    assert.equal(await world.gateway.status('/ready'), 200);
    // For the gateway, a database that it may not log in to is one that is away.
    await world.database.admitGateway(false);
    await world.database.terminateGateway();
    await until('not ready', async () => (await world.gateway.status('/ready')) === 503);
    assert.equal(await world.gateway.status('/live'), 200);
    const own = client(versions.at(-1), world.wire.url, tokenOf('red'));
    const heard = Heard.join(own, 'waits', [{ event: '*', schema: 'public', table: 'notes' }]);
    await world.database.admitGateway(true);
    await ready();
    await heard.subscribed();
    await insert(1);
    await heard.change('a change', ({ new: record }) => record.id === last);
    own.disconnect();
  });
});

describe('while new sessions are refused, and the relay has its own,', () => {
  it('who reads from the log waits, and is told nothing of the database', async () => {
    const of = `FROM pg_stat_activity WHERE usename = '${LOGIN}' AND datname = current_database()`;
    // Before the change, which the relay reads with another statement.
    let relay;
    await until('the relay waits', async () => {
      [relay] = await world.query(`SELECT pid ${of} AND query ~ 'pgrealtime.wait'`);
      return relay !== undefined;
    });
    const [{ cursor }] = await world.query('SELECT pgrealtime.current_cursor() AS cursor');
    await insert(1);
    const missed = last;
    await world.database.admitGateway(false);
    await world.query(`SELECT pg_terminate_backend(pid) ${of} AND pid <> ${relay.pid}`);
    const own = client(newest, world.wire.url, tokenOf('red'));
    const heard = await Heard.on(own, 'refused', [{ event: '*', schema: 'public', table: 'notes', since: cursor }]);
    const { status, text } = await ask(world.gateway.httpUrl, { table: 'notes', cursor }, { token: tokenOf('red') });
    assert.equal(status, 503, text);
    assert.doesNotMatch(text, /role|log in/);
    await world.database.admitGateway(true);
    await heard.change('the change that was missed', ({ new: record }) => record.id === missed);
    await insert(1);
    await heard.change('a change that comes live', ({ new: record }) => record.id === last);
    assert.deepEqual(heard.system.filter(({ status: said }) => said === 'error'), []);
    assert.ok((await world.gateway.metric('pgrealtime_gateway_database_connect_errors_total')) > 0);
    own.disconnect();
  });
});
