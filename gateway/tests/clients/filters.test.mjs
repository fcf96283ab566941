// Every filter operator, and column lists, over the wire: who receives which rows.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createRequire } from 'node:module';
import { client, Heard, newest, versions } from '../harness/clients.mjs';
import { anonymous } from '../harness/token.mjs';
import { World } from '../harness/world.mjs';

const { postgresChangesFilter } = createRequire(import.meta.url)('@supabase/supabase-js');
const KEY = '00000000-0000-4000-8000-00000000000';

// id, small, exact, flag, name, short, mood, key, moment, document, list
const rows = [
  [1, 1, '1.5', true, 'Alpha', 'a,b', 'calm', `${KEY}1`, '2024-01-01T00:00:00Z', '{"plan":"pro"}', '{a,b}'],
  [2, 2, '2.5', false, 'beta', 'x"y', 'glad', `${KEY}2`, '2024-06-01T00:00:00Z', '{"plan":"free"}', '{b}'],
  [3, 3, null, null, null, 'p(q)', null, null, null, null, null],
  [4, 4, '10', true, 'Alphabet', '', 'calm', `${KEY}4`, '2025-01-01T00:00:00Z', '{"plan":"pro"}', '{}'],
];

// Filter, and the rows that it lets pass.
const cases = [
  ['small=eq.2', [2]],
  ['small=neq.2', [1, 3, 4]],
  ['small=lt.2', [1]],
  ['small=lte.2', [1, 2]],
  ['small=gt.3', [4]],
  ['small=gte.3', [3, 4]],
  ['small=in.(1,4)', [1, 4]],
  ['name=like.Alpha%', [1, 4]],
  ['name=ilike.ALPHA%', [1, 4]],
  ['name=is.null', [3]],
  ['flag=is.true', [1, 4]],
  ['flag=is.unknown', [3]],
  ['name=match.^A.*t$', [4]],
  ['name=imatch.^a', [1, 4]],
  ['name=isdistinct.beta', [1, 3, 4]],
  ['small=not.eq.2', [1, 3, 4]],
  ['small=not.gt.2', [1, 2]],
  ['small=not.in.(1,4)', [2, 3]],
  ['name=not.is.null', [1, 2, 4]],
  ['name=not.like.Alpha%', [2]],
  ['name=not.ilike.ALPHA%', [2]],
  ['name=not.match.^A', [2]],
  ['name=not.imatch.^a', [2]],
  ['name=not.isdistinct.beta', [2]],
  ['small=gt.1,flag=is.true', [4]],
  ['small=gte.1,small=lte.3,name=not.is.null', [1, 2]],
  ['short=eq."a,b"', [1]],
  ['short=eq."x\\"y"', [2]],
  ['short=eq.p(q)', [3]],
  ['short=eq.', [4]],
  ['short=in.("a,b",p(q))', [1, 3]],
  ['mood=eq.glad', [2]],
  ['exact=eq.1.50', [1]],
  ['exact=gt.9', [4]],
  [`key=eq.${KEY}2`, [2]],
  ['moment=lt.2024-12-31T18:59:00-05:00', [1, 2]],
  ['or=(small.eq.1,name.eq.beta)', [1, 2]],
  ['document->>plan=eq.pro', [1, 4]],
  ['list=cs."{b}"', [1, 2]],
];

let world;
before(async () => {
  world = await World.open('filters');
});
after(() => world?.close());

const insert = (row) =>
  world.query(
    `INSERT INTO kinds (id, small, exact, flag, name, short, mood, key, moment, document, list)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    row,
  );

// One channel for each case, with a second binding by which it learns that everything has been handed out.
async function join(version, list) {
  const own = client(version, world.wire.url, anonymous());
  const end = { event: 'INSERT', schema: 'public', table: 'board' };
  const channels = await Promise.all(
    list.map(([filter, expected, more]) => {
      const binding = { event: 'INSERT', schema: 'public', table: 'kinds', filter, ...more };
      return Heard.on(own, `filter ${filter} ${JSON.stringify(more ?? '')}`, [binding, end]).then((heard) => ({ filter, expected, heard }));
    }),
  );
  return { version, own, channels };
}

async function compare({ version, own, channels }) {
  for (const { filter, expected, heard } of channels) {
    await heard.change('the row after the last one', ({ table }) => table === 'board');
    const ids = heard.changes.filter(({ table }) => table === 'kinds').map((change) => change.new.id);
    assert.deepEqual(ids, expected, `rows that ${version.name} receives for the filter ${filter}`);
  }
  own.disconnect();
}

describe('filters', () => {
  it('mean the same for every version of the client', async () => {
    const all = await Promise.all(versions.map((version) => join(version, cases)));
    for (const row of rows) await insert(row);
    await world.query("INSERT INTO board VALUES (1, 'end')");
    for (const one of all) await compare(one);
  });

  it('may be made with the builder of the newest client', async () => {
    await world.query('TRUNCATE kinds, board');
    const builder = postgresChangesFilter();
    const built = [
      [builder.eq('short', 'a,b'), [1]],
      [postgresChangesFilter().in('short', ['x"y', 'p(q)']), [2, 3]],
      [postgresChangesFilter().gt('small', 1).not('flag', 'is', null), [2, 4]],
    ];
    const one = await join(newest, built);
    for (const row of rows) await insert(row);
    await world.query("INSERT INTO board VALUES (1, 'end')");
    await compare(one);
  });

  it('that are wrong end their own binding with a message that names them', async () => {
    const own = client(newest, world.wire.url, anonymous());
    await Heard.anchor(own);
    const wrong = [
      ['nothing=eq.1', /nothing/],
      ['small=foo.1', /foo/],
      ['small', /small/],
      ['small=eq.many', /many|smallint/],
      ['name=match.(', /regular expression|match/],
      ['small=in.1', /in/],
      ['flag=is.perhaps', /perhaps/],
      ['small=like.1%', /like/],
    ];
    for (const [filter, text] of wrong) {
      const good = { event: '*', schema: 'public', table: 'board' };
      const bad = { event: '*', schema: 'public', table: 'kinds', filter };
      const heard = await Heard.on(own, `wrong ${filter}`, [bad, good]);
      const { message } = await heard.message(
        `a system message for the filter ${filter}`,
        ({ extension, status }) => extension === 'postgres_changes' && status === 'error',
      );
      assert.match(message, text);
      const id = 1000 + wrong.findIndex(([one]) => one === filter);
      await world.query('INSERT INTO board VALUES ($1)', [id]);
      await heard.change('a change for the other binding', ({ new: record }) => record.id === id);
      await own.removeChannel(heard.channel);
    }
    own.disconnect();
  });
});

describe('column lists', () => {
  it('leave out what they do not name, but never the key', async () => {
    for (const version of versions) {
      await world.query('TRUNCATE kinds');
      const own = client(version, world.wire.url, anonymous());
      const binding = { event: '*', schema: 'public', table: 'kinds', filter: 'small=gt.0', select: ['name', 'exact'] };
      const heard = await Heard.on(own, 'columns', [binding]);
      await insert(rows[0]);
      await world.query("UPDATE kinds SET name = 'Omega', short = 'z' WHERE id = 1");
      const [first, second] = await heard.count(2);
      assert.deepEqual(first.new, { id: 1, exact: 1.5, name: 'Alpha' }, version.name);
      assert.deepEqual(second.new, { id: 1, exact: 1.5, name: 'Omega' }, version.name);
      assert.deepEqual(second.old, { id: 1, exact: 1.5, name: 'Alpha' }, version.name);
      own.disconnect();
    }
  });

  it('that name what is not there, or what the role may not read, end their binding', async () => {
    const own = client(newest, world.wire.url, anonymous());
    const binding = { event: '*', schema: 'public', table: 'kinds', select: ['no_such_column'] };
    const heard = await Heard.on(own, 'wrong columns', [binding]);
    const { message } = await heard.message('a system message', ({ status }) => status === 'error');
    assert.match(message, /no_such_column/);
    own.disconnect();
  });
});
