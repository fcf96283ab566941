// Snapshots: a table as its reader sees it, and from then on its changes.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { apply, ask, closeStreams, DOCUMENT, LINES, Stream } from '../harness/http.mjs';
import { anonymous, token, tokenOf } from '../harness/token.mjs';
import { pause, until } from '../harness/wait.mjs';
import { Gateway } from '../harness/gateway.mjs';
import { World } from '../harness/world.mjs';

const SECONDS = Number(process.env.GATEWAY_SECONDS ?? 5);
const ROWS = Number(process.env.GATEWAY_ROWS ?? 100_000);

let world;
before(async () => {
  world = await World.open('http_snapshot', ['--pool-size', '4']);
});
after(() => {
  closeStreams();
  return world?.close();
});

const red = tokenOf('red');
const open = (query, options = {}) =>
  Stream.open(world.gateway.httpUrl, { snapshot: '1', ...query }, { token: red, ...options });
const cursorNow = async () => (await world.query('SELECT pgrealtime.current_cursor() AS cursor'))[0].cursor;
const insert = (id, tenant = 'red') => world.query('INSERT INTO notes (id, tenant) VALUES ($1, $2)', [id, tenant]);
const keys = (rows) => rows.map(({ id }) => id).sort((a, b) => a - b);

// What the reader's own SELECT shows, by id.
async function selected(tenant, select = 'SELECT * FROM notes') {
  const { tables } = await world.database.seenBy({ role: 'authenticated', claims: { tenant, sub: `${tenant}-1` } }, [select]);
  return new Map(tables[0].map((row) => [row.id, row]));
}

// Rows as text: the order of members counts.
const texts = (rows) => [...rows.values()].sort((a, b) => a.id - b.id).map((row) => JSON.stringify(row));

describe('a snapshot', () => {
  it('has the rows that its reader sees, then a cursor, then changes', async () => {
    for (const [id, tenant] of [[1, 'red'], [2, 'blue'], [3, 'red']]) await insert(id, tenant);
    const stream = await open({ table: 'notes' });
    const { id, data } = await stream.event('snapshot');
    assert.deepEqual(keys(stream.rows), [1, 3]);
    assert.equal(data.rows, 2);
    assert.equal(id, data.cursor);
    assert.ok(stream.of('row').every((row) => row.id === undefined), 'who loses the connection before its end begins again');
    await insert(4, 'blue');
    await insert(5);
    const [change] = await stream.count(1);
    assert.equal(change.record.id, 5);
    const again = await open({ table: 'notes' }, { headers: { 'last-event-id': id } });
    assert.deepEqual((await again.count(1)).map(({ record }) => record.id), [5]);
    assert.equal(again.of('row').length, 0, 'who comes back needs no rows');
  });

  it('has filters and columns', async () => {
    await world.query("UPDATE notes SET status = 'it''s, \"so\"', title = 't' WHERE id = 1");
    const stream = await open({ table: 'notes', filter: 'status=eq."it\'s, \\"so\\""', select: 'title' });
    await stream.event('snapshot');
    assert.deepEqual(stream.of('row').map(({ raw }) => raw), ['{"id":1,"title":"t"}']);
  });

  it('writes each row as its change does', async () => {
    const cursor = await cursorNow();
    await world.query(`INSERT INTO kinds VALUES
      (1, 1, 9007199254740993, 1.5, 0.1, true, E'a"\\n\\u00e9', 's', 'f', 'glad', '00000000-0000-0000-0000-000000000001', '2024-02-29',
       '2024-03-31 02:30:00.123456+02', '0044-03-15 BC', '{"b": [1, 2.50], "a": null}', '{"x,y",NULL}', '{{1,2},{3,4}}', '\\xdeadbeef', '[1,5)'),
      (2, NULL, -1, 'NaN', '-Infinity', NULL, '', NULL, NULL, NULL, NULL, 'infinity', 'infinity', NULL, '"text"', '{}', NULL, '', 'empty')`);
    const since = await Stream.open(world.gateway.httpUrl, { table: 'kinds', cursor }, { token: anonymous() });
    await since.count(2);
    const copy = await open({ table: 'kinds' }, { token: anonymous() });
    await copy.event('snapshot');
    const raw = (event) => event.raw.match(/"record":(\{.*\}),"errors":null\}$/)[1];
    assert.deepEqual(copy.of('row').map((row) => row.raw), since.of('message').map(raw));
  });

  it('lacks the columns that its reader may not SELECT', async () => {
    await world.query("INSERT INTO letters VALUES (1, 'ann', 's', 'hidden'), (2, 'bob', 's', 'hidden')");
    const stream = await open({ table: 'letters' }, { token: token({ sub: 'ann' }) });
    await stream.event('snapshot');
    assert.deepEqual(stream.of('row').map(({ raw }) => raw), ['{"id":1,"owner":"ann","subject":"s"}']);
    for (const query of [{ select: 'hidden' }, { filter: 'hidden=eq.hidden' }]) {
      const refused = await ask(world.gateway.httpUrl, { table: 'letters', snapshot: '1', ...query }, { token: token({ sub: 'ann' }) });
      assert.equal(refused.status, 404, refused.text);
      assert.doesNotMatch(refused.text, /permission|denied/);
    }
  });

  it('of a table whose hidden column may not be NULL, and that lost a column', async () => {
    await world.query(`CREATE DOMAIN filled AS text NOT NULL CHECK (value <> '');
      CREATE TABLE strange ("row" bigint PRIMARY KEY, gone int, secret filled, "a "" b" text, r int);
      ALTER TABLE strange DROP COLUMN gone;
      GRANT SELECT ("row", "a "" b", r) ON strange TO authenticated;
      SELECT pgrealtime.enable('strange');
      INSERT INTO strange VALUES (1, 'secret', 'x', 7)`);
    const stream = await open({ table: 'strange' });
    await stream.event('snapshot');
    assert.deepEqual(stream.rows, [{ row: 1, 'a " b': 'x', r: 7 }]);
  });

  it('leaves out what the table’s own filter leaves out', async () => {
    await world.query(`CREATE TABLE partly (id bigint PRIMARY KEY, state text);
      GRANT SELECT ON partly TO authenticated;
      SELECT pgrealtime.enable('partly', row_filter => 'state=eq.public');
      INSERT INTO partly VALUES (1, 'public'), (2, 'draft')`);
    const stream = await open({ table: 'partly' });
    await stream.event('snapshot');
    assert.deepEqual(keys(stream.rows), [1]);
  });

  it('as lines of JSON, and as one document', async () => {
    const expected = texts(await selected('red'));
    const lines = await open({ table: 'notes' }, { accept: LINES });
    await lines.event('snapshot');
    assert.deepEqual(lines.of('row').map(({ data }) => JSON.stringify(data)).sort(), [...expected].sort());
    const document = await ask(world.gateway.httpUrl, { table: 'notes', snapshot: '1' }, { token: red });
    assert.equal(document.headers.get('content-type'), 'application/json');
    assert.deepEqual(document.value.rows.map((row) => JSON.stringify(row)).sort(), [...expected].sort());
    await insert(100);
    const { value } = await ask(world.gateway.httpUrl, { table: 'notes', cursor: document.value.cursor }, { token: red });
    assert.deepEqual(value.changes.map(({ record }) => record.id), [100]);
    const none = await ask(world.gateway.httpUrl, { table: 'notes', snapshot: '1', filter: 'id=eq.-1' }, { token: red });
    assert.deepEqual(none.value.rows, []);
  });

  it('that cannot be read ends with an event, or breaks off', async () => {
    await world.query(`CREATE TABLE sums (id bigint PRIMARY KEY, n int);
      ALTER TABLE sums ENABLE ROW LEVEL SECURITY;
      CREATE POLICY p ON sums FOR SELECT TO authenticated USING (1000 / n > 0);
      GRANT SELECT ON sums TO authenticated;
      SELECT pgrealtime.enable('sums');
      INSERT INTO sums SELECT n, CASE n WHEN 2000 THEN 0 ELSE 1 END FROM generate_series(1, 3000) AS n`);
    const stream = await open({ table: 'sums' });
    const { data } = await stream.event('error');
    assert.equal(data.code, '22012');
    assert.equal(stream.of('snapshot').length, 0);
    assert.deepEqual(await stream.ended, { isWhole: true });
    const document = await open({ table: 'sums' }, { accept: DOCUMENT });
    assert.deepEqual(await document.ended, { isWhole: false });
  });
});

describe('a copy', () => {
  it(`made while others write is the reader's own SELECT (${SECONDS} s)`, async () => {
    let isWriting = true;
    const writers = [0, 1, 2].map(async (number) => {
      const session = await world.database.session();
      for (let n = 0; isWriting; n += 1) {
        const id = 1000 + ((number * 7 + n * 13) % 300);
        const tenant = ['red', 'blue'][n % 2];
        await session.query('BEGIN');
        await session.query(
          `INSERT INTO notes (id, tenant, status, score) VALUES ($1, $2, $3, $4)
           ON CONFLICT (id) DO UPDATE SET tenant = excluded.tenant, status = excluded.status, score = excluded.score`,
          [id, tenant, ['open', 'done'][n % 3 && 1], n],
        );
        if (n % 5 === 0) await session.query('DELETE FROM notes WHERE id = $1', [1000 + ((n * 31) % 300)]);
        await session.query(n % 7 ? 'COMMIT' : 'ROLLBACK');
      }
      await session.end();
    });
    const copies = [];
    const end = Date.now() + SECONDS * 1000;
    while (Date.now() < end) {
      for (const [tenant, filter] of [['red', ''], ['blue', 'status=eq.open']]) {
        const stream = await open({ table: 'notes', filter }, { token: tokenOf(tenant), accept: copies.length % 3 ? undefined : LINES });
        await stream.event('snapshot');
        copies.push({ stream, tenant, filter });
      }
      await pause(100);
    }
    isWriting = false;
    await Promise.all(writers);
    for (const { stream, tenant, filter } of copies) {
      const expected = texts(await selected(tenant, `SELECT * FROM notes ${filter && "WHERE status = 'open'"}`));
      let copy;
      await until(
        () => `the copy of ${tenant} ${filter} to be its SELECT: ${copy.length} of ${expected.length} rows; ${stream.story()}`,
        () => {
          const rows = new Map(stream.rows.map((row) => [row.id, row]));
          for (const change of stream.changes) apply(rows, change);
          copy = texts(rows);
          return JSON.stringify(copy) === JSON.stringify(expected);
        },
      );
      stream.close();
    }
  });
});

describe('a large table', () => {
  let gateway;
  const openHere = (query, options) => Stream.open(gateway.httpUrl, query, { token: red, ...options });
  before(async () => {
    gateway = await Gateway.start('http_snapshot_short', world.database.uri(), ['--pool-size', '2', '--snapshot-seconds', '4', '--join-seconds', '2']);
    await world.query(`CREATE TABLE large (id bigint PRIMARY KEY, body text);
      GRANT SELECT ON large TO authenticated;
      SELECT pgrealtime.enable('large', sinks => '{}');
      INSERT INTO large SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, ${ROWS}) AS n;
      SELECT pgrealtime.enable('large', sinks => '{log}')`);
  });
  after(() => gateway?.stop());

  const sessions = async () =>
    (await world.query(`SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE usename = 'pgrealtime_gateway' AND datname = current_database() AND xact_start IS NOT NULL AND query NOT LIKE '%pgrealtime.wait%'`))[0].n;

  it(`does not need memory (${ROWS} rows)`, async () => {
    const before = world.gateway.memory();
    let highest = before;
    let rows = 0;
    const stream = await open({ table: 'large' });
    stream.onevent = () => {
      if ((rows += 1) % 1000 === 0) highest = Math.max(highest, world.gateway.memory());
      if (stream.events.length > 10) stream.events.splice(0, 5);
    };
    const { data } = await stream.event('snapshot', 60);
    assert.equal(data.rows, ROWS);
    console.log(`resident memory: ${before.toFixed(1)} MB before, at most ${highest.toFixed(1)} MB`);
    assert.ok(highest - before < 12, `${before} MB before, ${highest} MB while ${ROWS} rows of 350 bytes went through`);
    stream.close();
  });

  it('that nobody reads holds its snapshot for a time only, and nobody up', async () => {
    const slow = await openHere({ table: 'large', snapshot: '1' }, { isPaused: true });
    await until('the snapshot waits for its client', async () => (await sessions()) === 1);
    const cursor = await cursorNow();
    await insert(10_000);
    const other = await openHere({ table: 'notes', cursor });
    await other.change('a change for somebody who catches up', ({ record }) => record.id === 10_000);
    const refused = await ask(gateway.httpUrl, { table: 'notes', snapshot: '1' }, { token: red });
    assert.equal(refused.status, 429, 'one snapshot at a time with two sessions');
    assert.equal(refused.value.code, 'too_many_snapshots');
    await until('the snapshot ends', async () => (await sessions()) === 0, 30);
    slow.resume();
    await slow.ended;
    assert.equal(slow.of('snapshot').length, 0);
    const next = await openHere({ table: 'notes', snapshot: '1' });
    await next.event('snapshot');
  });

  it('whose reader has gone is read no further', async () => {
    const streams = () => gateway.metric('pgrealtime_gateway_http_streams');
    const before = await streams();
    const gone = await openHere({ table: 'large', snapshot: '1' }, { isPaused: true });
    await until('the snapshot waits for its client', async () => (await sessions()) === 1);
    gone.close();
    await until('the session is free', async () => (await sessions()) === 0, 5);
    await until('no stream is left', async () => (await streams()) === before);
  });
});
