// Server-sent events: what a stream brings, where it goes on, and how it ends.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { ask, closeStreams, LINES, Stream, told } from '../harness/http.mjs';
import { now, token, tokenOf } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
let last = 0;
const next = () => (last += 1);
before(async () => {
  world = await World.open('http_events', ['--pool-size', '4']);
});
after(() => {
  closeStreams();
  return world?.close();
});

const red = tokenOf('red');
const notes = { table: 'notes' };
const open = (query, options = {}) => Stream.open(world.gateway.httpUrl, query, { token: red, ...options });
const insert = (id, tenant = 'red') => world.query('INSERT INTO notes (id, tenant) VALUES ($1, $2)', [id, tenant]);
const cursorNow = async () => (await world.query('SELECT pgrealtime.current_cursor() AS cursor'))[0].cursor;

describe('a stream', () => {
  it('begins with a cursor, and brings each change with its cursor as id', async () => {
    const stream = await open(notes);
    assert.equal(stream.status, 200);
    assert.equal(stream.answer.headers['content-type'], 'text/event-stream');
    const first = await stream.event('cursor');
    assert.equal(first.id, first.data.cursor);
    assert.ok(stream.retry >= 1000 && stream.retry <= 3000, 'clients come back at different times');
    const id = next();
    await insert(next(), 'blue');
    await insert(id);
    await world.query("UPDATE notes SET title = E'two\\nlines' WHERE id = $1", [id]);
    await world.query('DELETE FROM notes WHERE id = $1', [id]);
    const changes = await stream.count(3);
    assert.deepEqual(told(changes), [`INSERT ${id}`, `UPDATE ${id}`, `DELETE ${id}`]);
    assert.equal(changes[1].record.title, 'two\nlines');
    assert.equal(changes[2].old_record.title, 'two\nlines');
    assert.ok(stream.of('message').every((event) => event.id));
    stream.close();
  });

  it('is what curl shows', async () => {
    const curl = spawn('curl', ['-sN', '-H', `Authorization: Bearer ${red}`, `${world.gateway.httpUrl}/realtime/v1/changes?table=notes`]);
    let text = '';
    curl.stdout.on('data', (part) => (text += part));
    await until('the first cursor', () => text.includes('event: cursor\nid: '));
    const id = next();
    await insert(id);
    await until(() => `the change; there was ${text}`, () => text.includes(`"record":{"id":${id},"tenant":"red"`));
    assert.match(text, /\n\nid: [\w-]+\ndata: \{"type":"INSERT",.*\}\n\n$/);
    curl.kill();
  });

  it('keeps the white space of json, which cannot begin an event of its own', async () => {
    await world.query('CREATE TABLE documents (id bigint PRIMARY KEY, body json)');
    await world.query("GRANT SELECT ON documents TO authenticated; SELECT pgrealtime.enable('documents')");
    const streams = [await open({ table: 'documents' }), await open({ table: 'documents' }, { accept: LINES })];
    const body = '{"a":\n\n \r\n\t\r\r\n\n1}';
    await world.query('INSERT INTO documents VALUES (1, $1)', [body]);
    for (const stream of streams) {
      const change = await stream.change('the document', ({ record }) => record.id === 1);
      assert.deepEqual(change.record.body, { a: 1 });
      assert.deepEqual(new Set(stream.events.map(({ event }) => event)), new Set(['cursor', 'message']));
    }
    const copy = await open({ table: 'documents', snapshot: '1' });
    await copy.event('snapshot');
    assert.deepEqual(copy.rows, [{ id: 1, body: { a: 1 } }]);
  });

  it('has filters, columns and events', async () => {
    const [one, two] = [next(), next()];
    const filtered = await open({ ...notes, filter: `status=eq.open,id=in.(${one},${two})`, select: 'title', events: 'INSERT,DELETE' });
    await filtered.event('cursor');
    for (const id of [one, two]) await insert(id);
    await world.query("UPDATE notes SET status = 'open', title = 'x' WHERE id = $1", [one]);
    await world.query("UPDATE notes SET title = 'y' WHERE id = $1", [one]);
    await world.query("UPDATE notes SET status = 'done' WHERE id = $1", [one]);
    const changes = await filtered.count(2);
    assert.deepEqual(told(changes), [`INSERT ${one}`, `DELETE ${one}`]);
    assert.deepEqual(changes[0].record, { id: one, title: 'x' });
  });

  it('of names that need quotes', async () => {
    const query = { schema: 'Other, schema', table: 'Tab"le ünd_%', select: '"a,b"' };
    const stream = await open(query);
    await stream.event('cursor');
    await world.query(`INSERT INTO "Other, schema"."Tab""le ünd_%" VALUES (1, 'x')`);
    const [change] = await stream.count(1);
    assert.deepEqual(change.record, { Id: 1, 'a,b': 'x' });
  });

  it('as lines of JSON', async () => {
    const stream = await open(notes, { accept: LINES });
    assert.equal(stream.answer.headers['content-type'], 'application/x-ndjson');
    await stream.event('cursor');
    const id = next();
    await insert(id);
    assert.deepEqual(told(await stream.count(1)), [`INSERT ${id}`]);
    assert.ok(stream.lastId);
  });

  it('shows nobody what another may see', async () => {
    const tenants = ['red', 'blue', 'green'];
    const cursor = await cursorNow();
    const live = await Promise.all(tenants.map((tenant) => open(notes, { token: tokenOf(tenant) })));
    const own = {};
    for (let n = 0; n < 30; n += 1) {
      const tenant = tenants[n % 3];
      (own[tenant] ??= []).push(next());
      await insert(last, tenant);
    }
    const late = await Promise.all(tenants.map((tenant) => open({ ...notes, cursor }, { token: tokenOf(tenant) })));
    for (const [place, tenant] of tenants.entries()) {
      for (const stream of [live[place], late[place]]) {
        const changes = await stream.count(10);
        assert.deepEqual(changes.map(({ record }) => record.id), own[tenant]);
      }
    }
    const letters = await open({ table: 'letters' }, { token: token({ sub: 'ann' }) });
    await letters.event('cursor');
    await world.query("INSERT INTO letters VALUES (1, 'bob', 's', 'h'), (2, 'ann', 's', 'h')");
    const [letter] = await letters.count(1);
    assert.deepEqual(letter.record, { id: 2, owner: 'ann', subject: 's' });
  });
});

describe('a client that comes back', () => {
  it('goes on behind its last id, whatever the URL says', async () => {
    const first = await cursorNow();
    const [one, two, three] = [next(), next(), next()];
    await insert(one);
    await insert(two);
    const stream = await open({ ...notes, cursor: first });
    await stream.count(2);
    const behindOne = stream.of('message')[0].id;
    stream.close();
    await insert(three);
    const again = await open({ ...notes, cursor: first }, { headers: { 'last-event-id': behindOne } });
    await again.change('the last row', ({ record }) => record.id === three);
    assert.deepEqual(told(again.changes), [`INSERT ${two}`, `INSERT ${three}`]);
  });

  it('loses nothing over restarts and crashes of the gateway while others write', async () => {
    const ids = [];
    let isWriting = true;
    const writer = (async () => {
      while (isWriting) {
        ids.push(next());
        await insert(ids.at(-1));
      }
    })();
    const seen = [];
    let cursor = await cursorNow();
    const from = ids.length;
    for (let round = 0; round < 6; round += 1) {
      const stream = await open(notes, { headers: { 'last-event-id': cursor } });
      assert.equal(stream.status, 200);
      await stream.count(20);
      if (round % 2) await world.gateway.kill();
      else await world.gateway.stop();
      const { isWhole } = await stream.ended;
      assert.equal(isWhole, round % 2 === 0, 'an orderly stop ends streams in an orderly way');
      cursor = stream.lastId;
      seen.push(...stream.changes.map(({ record }) => record.id));
      await world.gateway.run();
    }
    isWriting = false;
    await writer;
    const stream = await open({ ...notes, cursor });
    await stream.change('the last row', ({ record }) => record.id === ids.at(-1));
    seen.push(...stream.changes.map(({ record }) => record.id));
    const distinct = [...new Set(seen)];
    assert.deepEqual(distinct, ids.slice(ids.indexOf(distinct[0])), 'each row, in order');
    assert.ok(ids.indexOf(distinct[0]) <= from + 1, 'from the beginning');
    assert.ok(seen.length - distinct.length <= 6, `at most one change again for each time, not ${seen.length - distinct.length}`);
  });

  it('with a cursor that is too old is told before a stream begins', async () => {
    const cursor = await cursorNow();
    await world.query('SELECT pgrealtime.invalidate_cursors()');
    const answer = await ask(world.gateway.httpUrl, { ...notes, cursor }, { token: red, accept: 'text/event-stream' });
    assert.equal(answer.status, 410);
    assert.equal(answer.value.code, '72000');
    assert.match(answer.value.hint, /snapshot=1/);
  });

  it('is told within a stream, too, that it must read again', async () => {
    const streams = [await open(notes), await open(notes, { accept: LINES })];
    for (const stream of streams) await stream.event('cursor');
    await world.query('SELECT pgrealtime.invalidate_cursors()');
    // Something has to be read with the old cursor.
    await insert(next());
    for (const stream of streams) {
      const { data } = await stream.event('error', 60);
      assert.equal(data.code, '72000');
      assert.match(data.hint, /Read the table again/);
      assert.deepEqual(await stream.ended, { isWhole: true });
    }
  });
});

describe('a stream ends', () => {
  it('with the token, and says so', async () => {
    const stream = await open(notes, { token: tokenOf('red', 'red-1', { exp: now() + 3 }) });
    const { data } = await stream.event('error');
    assert.equal(data.code, 'token_expired');
    assert.match(data.message, /^Token has expired \d+ seconds ago$/);
    assert.deepEqual(await stream.ended, { isWhole: true });
    const again = await ask(world.gateway.httpUrl, notes, { token: tokenOf('red', 'red-1', { exp: now() - 1 }) });
    assert.equal(again.status, 401);
  });

  it('with the table', async () => {
    await world.query('CREATE TABLE passing (id bigint PRIMARY KEY)');
    await world.query("GRANT SELECT ON passing TO authenticated; SELECT pgrealtime.enable('passing')");
    const stream = await open({ table: 'passing' });
    await stream.event('cursor');
    await world.query("SELECT pgrealtime.disable('passing'); DROP TABLE passing");
    const { data } = await stream.event('error', 30);
    assert.equal(data.code, 'no_table');
    assert.deepEqual(await stream.ended, { isWhole: true });
  });

  it('with the gateway: the client is told when to come back', async () => {
    const streams = await Promise.all([open(notes), open(notes, { accept: LINES })]);
    for (const stream of streams) await stream.event('cursor');
    await world.gateway.stop();
    for (const stream of streams) assert.deepEqual(await stream.ended, { isWhole: true });
    assert.equal(streams[0].of('error').length, 0);
    assert.ok(streams[0].retry >= 1000);
    assert.ok(streams[1].of('retry')[0].data >= 1000);
    await world.gateway.run();
  });
});
