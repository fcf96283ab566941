// Values of every type: as the database writes them on the wire, and as each version of the client gives them to its application.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, versions } from '../harness/clients.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { anonymous } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const kinds = { event: '*', schema: 'public', table: 'kinds' };

// A row in SQL, and what an application gets for it.
const ROW = `(1, -32768, 9007199254740991, 1234.5, 0.1, true, E'line\\n"quotes" \\\\ ünïcödé 🙂', '', 'abc', 'glad',
  'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29', '2024-02-29 12:34:56.789+02', '2024-02-29 12:34:56',
  '{"a": [1, null, {"b": "c"}], "d": 1e3}', '{a,"b,c",NULL,""}', '{{1,2},{3,4}}', '\\xdeadbeef', '[1,5)')`;
const VALUES = {
  id: 1,
  small: -32768,
  large: 9007199254740991,
  exact: 1234.5,
  ratio: 0.1,
  flag: true,
  name: 'line\n"quotes" \\ ünïcödé 🙂',
  short: '',
  fixed: 'abc  ',
  mood: 'glad',
  key: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
  day: '2024-02-29',
  moment: '2024-02-29T10:34:56.789+00:00',
  local: '2024-02-29T12:34:56',
  document: { a: [1, null, { b: 'c' }], d: 1000 },
  list: ['a', 'b,c', null, ''],
  numbers: [[1, 2], [3, 4]],
  bytes: '\\xdeadbeef',
  span: '[1,5)',
};
const NOTHING = Object.fromEntries(Object.keys(VALUES).map((name) => [name, name === 'id' ? 2 : null]));

let world;
before(async () => {
  world = await World.open('values');
});
after(() => world?.close());

const insert = async () => {
  await world.query('DELETE FROM kinds');
  await world.query(`INSERT INTO kinds VALUES ${ROW}`);
  await world.query('INSERT INTO kinds (id) VALUES (2)');
};
const isInsert = ({ payload }) => payload.data.type === 'INSERT';

describe('values', () => {
  it('are on the wire what row_to_json makes of them, whatever the settings of the writer', async () => {
    const sockets = await Promise.all([V1, V2].map((vsn) => Socket.open(world.gateway.url, anonymous(), { vsn })));
    for (const socket of sockets) await socket.join('values', [kinds]);
    const writer = await world.database.session();
    await writer.query("SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET bytea_output = 'escape'; SET extra_float_digits = -5");
    await writer.query(`INSERT INTO kinds VALUES ${ROW}`);
    await writer.query('INSERT INTO kinds (id) VALUES (2)');
    await writer.end();
    const session = await world.database.session();
    const { rows } = await session.query("SET TimeZone = 'UTC'; SELECT row_to_json(k) AS row FROM kinds AS k ORDER BY id").then((results) => results.at(-1));
    await session.end();
    for (const socket of sockets) {
      await until('both rows', () => socket.changes('values').filter(isInsert).length === 2);
      const records = socket.changes('values').filter(isInsert).map(({ payload }) => payload.data.record);
      assert.deepEqual(records, rows.map(({ row }) => row));
      assert.deepEqual(records.map((record) => Object.keys(record)), rows.map(({ row }) => Object.keys(row)), 'in the order of the columns');
      socket.close();
    }
  });

  it('larger than JavaScript counts keep their digits on the wire', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    let text;
    socket.raw.on('message', (data) => {
      if (String(data).includes('"postgres_changes",{"ids"')) text = String(data);
    });
    await socket.join('digits', [kinds]);
    await world.query("INSERT INTO kinds (id, large, exact) VALUES (9223372036854775807, -9223372036854775808, '99999999.9999')");
    await until('the change', () => text);
    assert.match(text, /"id":9223372036854775807,.*"large":-9223372036854775808,"exact":99999999.9999/);
    socket.close();
  });

  for (const version of versions) {
    it(`reach the application: ${version.name}`, async () => {
      const own = client(version, world.wire.url, anonymous());
      const heard = await Heard.on(own, 'values', [{ ...kinds, event: 'INSERT' }]);
      await insert();
      const [first, second] = await heard.count(2);
      assert.deepEqual(first.new, VALUES);
      assert.deepEqual(second.new, NOTHING);
      own.disconnect();
    });
  }
});
