// The log cannot serve anybody's cursor any more, the gateway's own neither: every client is told, and can read again.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { client, Heard, versions } from '../harness/clients.mjs';
import { tokenOf } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

let world;
let last = 0;
before(async () => {
  world = await World.open('invalid');
});
after(() => world?.close());

const insert = () => {
  last += 1;
  return world.query("INSERT INTO notes (id, tenant) VALUES ($1, 'red')", [last]);
};

describe('after cursors were made invalid', () => {
  it('every channel breaks off and is joined again, within half a minute and not at the same moment', async () => {
    const all = await Promise.all(versions.map(async (version) => {
      const own = client(version, world.wire.url, tokenOf('red'));
      return { version, own, heard: await Heard.on(own, 'invalid', [{ event: '*', schema: 'public', table: 'notes' }]) };
    }));
    await insert();
    await Promise.all(all.map(({ heard }) => heard.count(1)));
    await world.query('SELECT pgrealtime.invalidate_cursors()');
    await insert();
    await Promise.all(all.map(({ version, heard }) => until(
      () => `CHANNEL_ERROR, then SUBSCRIBED, for ${version.name}; there was ${heard.story()}`,
      () => heard.statuses.join().includes('CHANNEL_ERROR,SUBSCRIBED'),
      60,
    )));
    await insert();
    for (const { version, own, heard } of all) {
      await heard.change(`a change after the rejoin of ${version.name}`, ({ new: record }) => record.id === last);
      own.disconnect();
    }
    assert.ok(all.every(({ heard }) => !heard.statuses.includes('CLOSED')), 'no channel was closed for good');
  });
});
