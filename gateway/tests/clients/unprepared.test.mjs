// A database that is not prepared, or not for a role: the gateway lives, says what is wrong, and serves as soon as it can.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, disconnectAll, Heard, newest } from '../harness/clients.mjs';
import { Database } from '../harness/database.mjs';
import { Gateway } from '../harness/gateway.mjs';
import { closeAll, Socket } from '../harness/socket.mjs';
import { anonymous, token } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const board = { event: '*', schema: 'public', table: 'board' };

describe('a database without the extension', () => {
  let database;
  let gateway;
  before(async () => {
    // Another suite may be the first to make the login role: without it there would be no session at all.
    const other = await Database.createEmpty('gateway_unprepared');
    await other.prepare();
    await other.drop();
    database = await Database.createEmpty('gateway_unprepared');
    gateway = Gateway.prepared('unprepared', database.uri(), ['--drain-seconds', '0']);
    await gateway.choosePorts();
    gateway.launch();
  });
  after(async () => {
    disconnectAll();
    closeAll();
    try {
      await gateway?.stop();
    } finally {
      await database?.drop();
    }
  });

  it('makes the gateway say so; it serves once the extension is there', async () => {
    await until('the gateway lives', async () => (await gateway.status('/live')) === 200);
    assert.equal(await gateway.status('/ready'), 503);
    await until(() => `a log line that names the extension; there is ${gateway.output()}`, () => /pgrealtime.*(extension|schema)|(extension|schema).*pgrealtime/i.test(gateway.output().replaceAll('pgrealtime_gateway', '')));
    const own = client(newest, gateway.url, anonymous());
    const heard = Heard.join(own, 'early', [board]);
    await until(() => `an answer; there was ${heard.story()}`, () => heard.statuses.length > 0, 30);
    assert.equal(heard.status, 'CHANNEL_ERROR');

    await database.prepare();
    await database.query("CREATE TABLE board (id bigint PRIMARY KEY); GRANT SELECT ON board TO anon; SELECT pgrealtime.enable('board')");
    await until('the gateway is ready', async () => (await gateway.status('/ready')) === 200, 60);
    await heard.subscribed();
    await database.query('INSERT INTO board VALUES (1)');
    await heard.change('a change', ({ new: record }) => record.id === 1);
  });
});

describe('a role that the gateway is to serve, and was not granted', () => {
  let world;
  before(async () => {
    world = await World.open('ungranted', ['--roles', 'anon,stranger'], undefined);
  });
  after(() => world?.close());

  it('is refused its bindings, and nobody else', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    const { status, ref } = await socket.join('stranger', [board], { token: token({ role: 'stranger' }) });
    assert.equal(status, 'ok', 'the channel itself');
    const told = await socket.message('a system message', ({ topic, event, payload }) =>
      topic === 'realtime:stranger' && event === 'system' && payload.status === 'error');
    assert.equal(told.payload.extension, 'postgres_changes');
    assert.equal((await socket.join('anon', [board])).status, 'ok');
    await world.query('INSERT INTO board VALUES (1)');
    await until('a change for the other', () => socket.changes('anon').length === 1);
    assert.deepEqual(socket.changes('stranger'), []);
    // With a token of a role that was granted, it is served.
    socket.send('realtime:stranger', 'access_token', { access_token: anonymous({ sub: 'x' }) }, ref);
    await until('a change after the renewal', async () => {
      await world.query('INSERT INTO board SELECT max(id) + 1 FROM board');
      return socket.changes('stranger').length > 0;
    });
    socket.close();
  });
});
