// Bindings for whole schemas, and names that are not what they look like.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, oldest, versions } from '../harness/clients.mjs';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket } from '../harness/socket.mjs';
import { pause, until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
before(async () => {
  world = await World.open('wildcards');
});
after(() => world?.close());

const tables = (changes) => changes.map(({ schema, table }) => `${schema}.${table}`);

describe('a binding for a schema', () => {
  for (const version of versions) {
    it(`brings the tables that the role may read, to ${version.name}`, async () => {
      const own = client(version, world.wire.url, tokenOf('red'));
      const heard = await Heard.on(own, 'schema', [{ event: '*', schema: 'hr' }]);
      await world.query('TRUNCATE hr.pay');
      await world.query("INSERT INTO hr.pay VALUES (1, 1000)");
      await world.query("INSERT INTO board VALUES (1, 'elsewhere') ON CONFLICT DO NOTHING");
      await world.query("INSERT INTO hr.people VALUES (1, 'Ada')");
      await world.query('DELETE FROM hr.people');
      await heard.count(2);
      assert.deepEqual(tables(heard.changes), ['hr.people', 'hr.people'], 'nothing of hr.pay, of which the role may read nothing');
      own.disconnect();
    });
  }

  it('brings a table that is enabled later', async () => {
    const clients = [oldest, newest].map((version) => client(version, world.wire.url, tokenOf('red')));
    const heard = await Promise.all(clients.map((own) => Heard.on(own, 'later', [{ event: 'INSERT', schema: 'hr' }])));
    await world.query('CREATE TABLE hr.later (id bigint PRIMARY KEY)');
    await world.query('GRANT SELECT ON hr.later TO authenticated');
    await world.query("SELECT pgrealtime.enable('hr.later')");
    // When the gateway has noticed the table is its own affair; from then on nothing is missed.
    let written = 0;
    const came = () => heard.every(({ changes }) => changes.some(({ table }) => table === 'later'));
    await until('rows of a table that was enabled after the join', async () => {
      written += 1;
      await world.query('INSERT INTO hr.later VALUES ($1)', [written]);
      await pause(50);
      return came();
    }, 60);
    for (const { changes } of heard) {
      const ids = changes.filter(({ table }) => table === 'later').map((change) => change.new.id);
      assert.deepEqual(ids, Array.from(ids, (_, place) => ids[0] + place), 'no row is missed after the first that came');
    }
    for (const own of clients) own.disconnect();
  });

  it('of all schemas brings all that the role may read', async () => {
    const own = client(newest, world.wire.url, anonymous());
    const heard = await Heard.on(own, 'all', [{ event: 'INSERT', schema: '*' }]);
    await world.query("INSERT INTO hr.people VALUES (50, 'hidden from the anonymous')");
    await world.query('INSERT INTO kinds (id) VALUES (50)');
    await world.query("INSERT INTO board VALUES (50, 'seen')");
    await heard.count(2);
    assert.deepEqual(tables(heard.changes), ['public.kinds', 'public.board']);
    own.disconnect();
  });

  it('takes `*` as a table for no table', async () => {
    const own = client(newest, world.wire.url, anonymous());
    const heard = await Heard.on(own, 'star', [{ event: 'INSERT', schema: 'public', table: '*' }]);
    await world.query('INSERT INTO kinds (id) VALUES (60)');
    await world.query("INSERT INTO board VALUES (60, 'seen')");
    await heard.count(2);
    assert.deepEqual(tables(heard.changes), ['public.kinds', 'public.board']);
    own.disconnect();
  });
});

describe('names', () => {
  it('are compared exactly, not as patterns', async () => {
    await world.query('CREATE TABLE user_data (id bigint PRIMARY KEY); CREATE TABLE "userXdata" (id bigint PRIMARY KEY)');
    await world.query("GRANT SELECT ON user_data, \"userXdata\" TO anon; SELECT pgrealtime.enable('user_data'), pgrealtime.enable('\"userXdata\"')");
    const own = client(newest, world.wire.url, anonymous());
    const heard = await Heard.on(own, 'pattern', [{ event: '*', schema: 'public', table: 'user_data' }]);
    await world.query('INSERT INTO "userXdata" VALUES (1); INSERT INTO user_data VALUES (1)');
    await heard.count(1);
    assert.deepEqual(tables(heard.changes), ['public.user_data']);
    own.disconnect();
  });

  it('may have every character', async () => {
    const own = client(newest, world.wire.url, tokenOf('red'));
    const binding = { event: '*', schema: 'Other, schema', table: 'Tab"le ünd_%', filter: 'a,b=eq.x' };
    const whole = { event: '*', schema: 'Other, schema', table: 'Tab"le ünd_%' };
    const heard = await Heard.on(own, 'room "with" \\ quotes, и слова 🙂', [whole]);
    await world.query('INSERT INTO "Other, schema"."Tab""le ünd_%" VALUES (1, \'x\')');
    const [change] = await heard.count(1);
    assert.deepEqual(change.new, { Id: 1, 'a,b': 'x' });
    // A column's name with a comma cannot be written in a filter; that is said, and nothing else happens.
    const refused = await Heard.on(own, 'comma', [binding]);
    await refused.message('a system message', ({ status }) => status === 'error');
    own.disconnect();
  });

  it('of what is not there, is not enabled or may not be read end their binding alike', async () => {
    const own = client(newest, world.wire.url, anonymous());
    await Heard.anchor(own);
    for (const [schema, table] of [['public', 'no_such_table'], ['no_such_schema', 'x'], ['public', 'plain'], ['hr', 'pay']]) {
      const heard = await Heard.on(own, `binding ${schema} ${table}`, [{ event: '*', schema, table }]);
      const { message } = await heard.message(`a system message for ${schema}.${table}`, ({ status }) => status === 'error');
      assert.match(message, new RegExp(table), 'the message names the table');
      await own.removeChannel(heard.channel);
    }
    own.disconnect();
  });
});

describe('tables of a schema that come and go', () => {
  const cursorNow = async () => (await world.query('SELECT pgrealtime.current_cursor() AS cursor'))[0].cursor;
  const make = (name) =>
    world.query(`CREATE TABLE ${name} (id bigint PRIMARY KEY, v int); GRANT SELECT ON ${name} TO anon; SELECT pgrealtime.enable('${name}')`);
  const schemaOf = async (name, tables) => {
    await world.query(`CREATE SCHEMA ${name}; GRANT USAGE ON SCHEMA ${name} TO anon`);
    for (const table of tables) await make(`${name}.${table}`);
  };
  const cursors = (socket) => socket.messages.filter(({ event }) => event === 'pgrealtime').length;
  const isOver = (socket) => socket.messages.some(({ event }) => event === 'phx_error');

  it('one that is dropped is told, and holds up no cursor; one that is new ends nothing', async () => {
    await schemaOf('drops', ['stays', 'goes']);
    const socket = await Socket.open(world.gateway.url, anonymous());
    await socket.join('drops', [{ event: '*', schema: 'drops', since: null }]);
    await until('the first cursor', () => cursors(socket) > 0);
    await world.query('DROP TABLE drops.goes');
    await socket.message('that it is gone', ({ event, payload }) => event === 'system' && payload.status === 'error' && payload.message.includes('drops.goes'));
    const before = cursors(socket);
    await world.query('INSERT INTO drops.stays VALUES (1, 1)');
    await until('a cursor', () => cursors(socket) > before);
    await make('drops.new');
    let written = 0;
    await until('changes of the new table', async () => {
      written += 1;
      await world.query('INSERT INTO drops.new VALUES ($1, 1)', [written]);
      await pause(50);
      return socket.changes('drops').some(({ payload }) => payload.data.table === 'new');
    });
    assert.ok(!isOver(socket), 'the channel goes on');
    await make('drops.goes');
    await socket.message('the end of the channel: what was in the table of that name may be elsewhere', ({ event }) => event === 'phx_error');
    socket.close();
  });

  it('one that is locked brings all of them later, once', async () => {
    await schemaOf('locks', ['one', 'two']);
    await world.query('INSERT INTO locks.one VALUES (1, 0)');
    const cursor = await cursorNow();
    for (let v = 1; v <= 3; v += 1) await world.query('UPDATE locks.one SET v = $1', [v]);
    const locker = await world.database.session();
    await locker.query('BEGIN; LOCK TABLE locks.two IN ACCESS EXCLUSIVE MODE');
    const socket = await Socket.open(world.gateway.url, anonymous());
    await socket.join('locks', [{ event: '*', schema: 'locks', since: cursor }]);
    // Longer than until the tables of a schema are looked at.
    await pause(6000);
    await world.query('UPDATE locks.one SET v = 4');
    await pause(500);
    await locker.query('COMMIT');
    await locker.end();
    const values = () => socket.changes('locks').map(({ payload }) => payload.data.record.v);
    await until(() => `the changes that were missed; there were ${values()}`, () => values().includes(3) && values().includes(4), 40);
    await world.query('UPDATE locks.one SET v = 5');
    await until('a change that comes live', () => values().includes(5));
    assert.deepEqual(values(), [1, 2, 3, 4, 5]);
    socket.close();
  });
});
