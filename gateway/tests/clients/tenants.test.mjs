// No client receives a row, a column or a fact that its own SELECT would not show.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, oldest, told } from '../harness/clients.mjs';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { Socket } from '../harness/socket.mjs';
import { World } from '../harness/world.mjs';

let world;
let last = 0;
const next = () => (last += 1);
before(async () => {
  world = await World.open('tenants');
});
after(() => world?.close());

const letters = { event: '*', schema: 'public', table: 'letters' };
const board = { event: '*', schema: 'public', table: 'board' };

// Writes a row that every channel with a binding of the board receives after all that came before.
async function end(...all) {
  const id = next();
  await world.query('INSERT INTO board VALUES ($1)', [id]);
  await Promise.all(all.map((heard) => heard.change('the row that everybody sees', ({ table, new: record }) => table === 'board' && record.id === id)));
}

const withoutEnd = (heard) => heard.changes.filter(({ table }) => table !== 'board');

for (const version of [oldest, newest]) {
  describe(version.name, () => {
    it('never gets a column that its role may not read, nor learns that only that has changed', async () => {
      const own = client(version, world.wire.url, tokenOf('red', 'ann'));
      const heard = await Heard.on(own, 'letters', [letters, board]);
      const id = next();
      await world.query("INSERT INTO letters VALUES ($1, 'ann', 'hello', 'for nobody')", [id]);
      await world.query("UPDATE letters SET hidden = 'still for nobody' WHERE id = $1", [id]);
      await world.query("UPDATE letters SET subject = 'bye', hidden = 'x' WHERE id = $1", [id]);
      await world.query('DELETE FROM letters WHERE id = $1', [id]);
      await end(heard);
      const changes = withoutEnd(heard);
      assert.deepEqual(told(changes), [`INSERT ${id}`, `UPDATE ${id}`, `DELETE ${id}`]);
      for (const { new: record, old } of changes) {
        assert.deepEqual([record, old].map((row) => Object.keys(row).filter((name) => !['id', 'owner', 'subject'].includes(name))), [[], []]);
      }
      own.disconnect();
    });

    it('cannot ask about such a column by a filter or a column list', async () => {
      const own = client(version, world.wire.url, tokenOf('red', 'ann'));
      for (const more of [{ filter: 'hidden=eq.x' }, { filter: 'hidden=not.is.null' }, { select: ['hidden'] }, { filter: 'or=(hidden.eq.x,id.gt.0)' }]) {
        const heard = await Heard.on(own, JSON.stringify(more), [{ ...letters, ...more }, board]);
        await heard.message('a system message', ({ extension, status }) => extension === 'postgres_changes' && status === 'error');
        await world.query("INSERT INTO letters VALUES ($1, 'ann', 'hello', 'x')", [next()]);
        await end(heard);
        assert.deepEqual(withoutEnd(heard), []);
      }
      own.disconnect();
    });

    it('gets what a membership shows', async () => {
      const [room, other] = [next(), next()];
      await world.query("INSERT INTO members VALUES ($1, 'ann'), ($2, 'bob')", [room, other]);
      const all = await Promise.all(['ann', 'bob', 'cyd'].map(async (user) => {
        const own = client(version, world.wire.url, tokenOf('red', user));
        return { own, heard: await Heard.on(own, 'talks', [{ event: '*', schema: 'public', table: 'talks' }, board]) };
      }));
      const [one, two] = [next(), next()];
      await world.query("INSERT INTO talks VALUES ($1, $2, 'in one'), ($3, $4, 'in the other')", [one, room, two, other]);
      await end(...all.map(({ heard }) => heard));
      assert.deepEqual(all.map(({ heard }) => told(withoutEnd(heard))), [[`INSERT ${one}`], [`INSERT ${two}`], []]);
      for (const { own } of all) own.disconnect();
    });
  });
}

describe('a tenant', () => {
  it('is whoever the claims say, with every character, and never SQL', async () => {
    const names = ["O'Brien", '"quoted"', 'back\\slash', '{"tenant":"blue"}', "'; DROP TABLE notes; --", '$1', '%s', 'ünïcödé 🙂', ' ', 'a\nb', "\\'", 'null'];
    const all = await Promise.all(names.map(async (tenant) => {
      const own = client(newest, world.wire.url, tokenOf(tenant, tenant, { extra: { deep: [tenant] } }));
      return { tenant, own, heard: await Heard.on(own, 'names', [{ event: '*', schema: 'public', table: 'notes' }, board]) };
    }));
    for (const name of names) await world.query('INSERT INTO notes (id, tenant) VALUES ($1, $2)', [next(), name]);
    await end(...all.map(({ heard }) => heard));
    for (const { tenant, own, heard } of all) {
      assert.deepEqual(withoutEnd(heard).map((change) => change.new.tenant), [tenant]);
      own.disconnect();
    }
  });

  it('without the claim sees nothing; one that may not read the table is told so', async () => {
    const nobody = client(newest, world.wire.url, tokenOf(undefined, 'nobody'));
    const anyone = client(newest, world.wire.url, anonymous());
    const notes = { event: '*', schema: 'public', table: 'notes' };
    const [one, two] = [await Heard.on(nobody, 'notes', [notes, board]), await Heard.on(anyone, 'notes', [notes, board])];
    await two.message('a system message', ({ status, message }) => status === 'error' && /notes/.test(message));
    await world.query("INSERT INTO notes (id, tenant) VALUES ($1, 'red')", [next()]);
    await end(one, two);
    assert.deepEqual([withoutEnd(one), withoutEnd(two)], [[], []]);
    for (const own of [nobody, anyone]) own.disconnect();
  });

  it('that loses its right is told so; the others go on', async () => {
    await world.query('CREATE TABLE lent (id bigint PRIMARY KEY); GRANT SELECT ON lent TO anon, authenticated');
    await world.query("SELECT pgrealtime.enable('lent')");
    const binding = { event: '*', schema: 'public', table: 'lent' };
    const [left, right] = [client(newest, world.wire.url, anonymous()), client(newest, world.wire.url, tokenOf('red'))];
    const [one, two] = [await Heard.on(left, 'lent', [binding, board]), await Heard.on(right, 'lent', [binding, board])];
    await world.query('INSERT INTO lent VALUES (1)');
    await one.count(1);
    await world.query('REVOKE SELECT ON lent FROM anon');
    await world.query('INSERT INTO lent VALUES (2)');
    await one.message('a system message that names the table', ({ status, message }) => status === 'error' && /lent/.test(message));
    await end(one, two);
    assert.deepEqual(told(withoutEnd(one)), ['INSERT 1']);
    assert.deepEqual(told(withoutEnd(two)), ['INSERT 1', 'INSERT 2']);
    for (const own of [left, right]) own.disconnect();
  });

  it('whose policy fails for a row is told so without its message; the others go on', async () => {
    await world.query(`CREATE TABLE shares (id bigint PRIMARY KEY, part integer); ALTER TABLE shares ENABLE ROW LEVEL SECURITY;
      CREATE POLICY p ON shares FOR SELECT TO authenticated USING (100 / part > 0 OR claim('never') = 'x');
      CREATE POLICY q ON shares FOR SELECT TO anon USING (true); GRANT SELECT ON shares TO anon, authenticated`);
    await world.query("SELECT pgrealtime.enable('shares')");
    const binding = { event: '*', schema: 'public', table: 'shares' };
    const [left, right] = [client(newest, world.wire.url, tokenOf('red')), client(newest, world.wire.url, anonymous())];
    const [one, two] = [await Heard.on(left, 'shares', [binding, board]), await Heard.on(right, 'shares', [binding, board])];
    await world.query('INSERT INTO shares VALUES (1, 4), (2, 0), (3, 5)');
    await end(two);
    assert.deepEqual(told(withoutEnd(two)), ['INSERT 1', 'INSERT 2', 'INSERT 3']);
    const { message } = await one.message('a system message', ({ status }) => status === 'error');
    assert.match(message, /shares/);
    assert.doesNotMatch(message, /division/, 'nothing of what the policy said');
    for (const own of [left, right]) own.disconnect();
  });

  it('finds nothing of others in what two users alternate over one pooled session', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    const cursor = (await world.query('SELECT pgrealtime.current_cursor() AS cursor'))[0].cursor;
    await world.query("INSERT INTO letters VALUES ($1, 'ann', 'a', 'h'), ($2, 'bob', 'b', 'h')", [next(), next()]);
    for (let round = 0; round < 20; round += 1) {
      const user = round % 2 ? 'ann' : 'bob';
      const topic = `alternating ${round}`;
      await socket.join(topic, [{ ...letters, since: cursor }], { token: tokenOf('red', user) });
      await socket.message(`the letter of ${user}`, (message) => message.topic === `realtime:${topic}` && message.event === 'postgres_changes');
      assert.deepEqual(new Set(socket.changes(topic).map(({ payload }) => payload.data.record.owner)), new Set([user]));
    }
    socket.close();
  });
});
