// Every version of the client receives every kind of change, from the moment that it reports SUBSCRIBED.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, told, versions } from '../harness/clients.mjs';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { World } from '../harness/world.mjs';

let world;
let last = 0;
const next = () => (last += 1);
const JOINS = Number(process.env.GATEWAY_JOINS ?? 100);
const AT_ONCE = 20;

before(async () => {
  world = await World.open('changes', ['--max-joins-per-second', '1000', '--max-messages-per-second', '5000']);
});
after(() => world?.close());

const insert = (id, label = `row ${id}`) =>
  world.query('INSERT INTO board VALUES ($1, $2, $3)', [id, label, '1.50']);

for (const version of versions) {
  describe(version.name, () => {
    let own;
    before(async () => {
      own = client(version, world.wire.url, anonymous());
      await Heard.anchor(own);
    });
    after(() => own.disconnect());

    it('gets INSERT, UPDATE, DELETE and TRUNCATE with what was and what is', async () => {
      const heard = await Heard.on(own, 'kinds of changes', [{ event: '*', schema: 'public', table: 'board' }]);
      const id = next();
      await insert(id, 'one');
      await world.query('UPDATE board SET label = $2 WHERE id = $1', [id, 'two']);
      await world.query('DELETE FROM board WHERE id = $1', [id]);
      await world.query('TRUNCATE board');
      const changes = await heard.count(4);
      const row = (label) => ({ id, label, value: 1.5 });
      const expected = [
        { eventType: 'INSERT', new: row('one'), old: {} },
        { eventType: 'UPDATE', new: row('two'), old: row('one') },
        { eventType: 'DELETE', new: {}, old: row('two') },
        { eventType: 'TRUNCATE', new: {}, old: {} },
      ];
      for (const [place, change] of changes.entries()) {
        const { commit_timestamp, ...rest } = change;
        assert.match(commit_timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.deepEqual(rest, { place: 0, schema: 'public', table: 'board', errors: null, ...expected[place] });
      }
      assert.equal(changes.length, 4);
      await own.removeChannel(heard.channel);
    });

    it('gives each binding its changes, and each channel its own', async () => {
      const [low, high] = [next(), next()];
      const other = next();
      const both = await Heard.on(own, 'several bindings', [
        { event: 'INSERT', schema: 'public', table: 'board' },
        { event: 'UPDATE', schema: 'public', table: 'board', filter: `id=eq.${low}` },
        { event: '*', schema: 'public', table: 'board', filter: `id=gte.${high}` },
        { event: 'DELETE', schema: 'public', table: 'board', filter: `id=in.(${low},${high})` },
      ]);
      const alone = await Heard.on(own, 'alone', [{ event: 'DELETE', schema: 'public', table: 'board' }]);
      await insert(low);
      await insert(high);
      await world.query('UPDATE board SET label = $3 WHERE id IN ($1, $2)', [low, high, 'changed']);
      await world.query('DELETE FROM board WHERE id = $1', [high]);
      await world.query('DELETE FROM board WHERE id = $1', [low]);
      await insert(other);
      await world.query('DELETE FROM board WHERE id = $1', [other]);
      await alone.change('the last DELETE', ({ old }) => old.id === other);
      await both.change('the last DELETE', ({ old }) => old.id === other);
      const of = (place) => told(both.changes.filter((change) => change.place === place));
      assert.deepEqual(of(0), [`INSERT ${low}`, `INSERT ${high}`, `INSERT ${other}`]);
      assert.deepEqual(of(1), [`UPDATE ${low}`]);
      const third = [`INSERT ${high}`, `UPDATE ${high}`, `DELETE ${high}`, `INSERT ${other}`, `DELETE ${other}`];
      assert.deepEqual(of(2), third);
      assert.deepEqual(of(3), [`DELETE ${high}`, `DELETE ${low}`]);
      assert.deepEqual(told(alone.changes), [`DELETE ${high}`, `DELETE ${low}`, `DELETE ${other}`]);
      await own.removeChannel(both.channel);
      await own.removeChannel(alone.channel);
    });

    it(`misses no row that is written once it is SUBSCRIBED, ${JOINS} times`, async () => {
      for (let done = 0; done < JOINS; done += AT_ONCE) {
        await Promise.all(Array.from({ length: Math.min(AT_ONCE, JOINS - done) }, () => joinAndWrite(own)));
      }
    });

    it('receives what its user sees, and nothing else', async () => {
      const mine = client(version, world.wire.url, tokenOf('red'));
      const theirs = client(version, world.wire.url, tokenOf('blue'));
      const binding = [{ event: '*', schema: 'public', table: 'notes' }];
      const [red, blue] = [await Heard.on(mine, 'notes', binding), await Heard.on(theirs, 'notes', binding)];
      const ids = [next(), next(), next()];
      await world.query(`INSERT INTO notes (id, tenant) VALUES (${ids[0]}, 'red'), (${ids[1]}, 'blue'), (${ids[2]}, 'red')`);
      await world.query(`UPDATE notes SET tenant = 'blue' WHERE id = ${ids[0]}`);
      await world.query(`UPDATE notes SET title = 'last' WHERE id IN (${ids[1]}, ${ids[2]})`);
      const isLast = ({ new: record }) => record.title === 'last';
      await Promise.all([red, blue].map((heard) => heard.change('the last UPDATE', isLast)));
      // A row that leaves what the user sees is a DELETE, one that enters it an INSERT.
      assert.deepEqual(told(red.changes), [`INSERT ${ids[0]}`, `INSERT ${ids[2]}`, `DELETE ${ids[0]}`, `UPDATE ${ids[2]}`]);
      assert.deepEqual(told(blue.changes), [`INSERT ${ids[1]}`, `INSERT ${ids[0]}`, `UPDATE ${ids[1]}`]);
      assert.deepEqual(blue.changes[1].old, {}, 'nothing of a row that was another tenant’s');
      mine.disconnect();
      theirs.disconnect();
    });
  });
}

async function joinAndWrite(own) {
  const id = next();
  const binding = { event: 'INSERT', schema: 'public', table: 'board', filter: `id=eq.${id}` };
  const heard = await Heard.on(own, `row ${id}`, [binding]);
  await insert(id);
  await heard.change(`the row ${id}, written after SUBSCRIBED`, ({ new: record }) => record.id === id);
  await own.removeChannel(heard.channel);
}
