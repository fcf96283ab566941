// A browser's own EventSource: no library, the token in the URL, and no gap after the network was lost.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Browser, isMissing } from '../harness/browser.mjs';
import { tokenOf } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

describe('EventSource in Chromium', { skip: isMissing }, () => {
  let world;
  let browser;
  let page;
  before(async () => {
    world = await World.open('eventsource');
    browser = await Browser.start();
    page = await browser.page(`${world.wire.httpUrl}/no-such-page`);
    await insert(1, 'red');
    await insert(2, 'blue');
    await page.evaluate(listen, `/realtime/v1/changes?table=notes&snapshot=1&apikey=${tokenOf('red')}`);
  });
  after(async () => {
    await browser?.close();
    await world?.close();
  });

  const insert = (id, tenant) => world.query('INSERT INTO notes (id, tenant) VALUES ($1, $2)', [id, tenant]);
  const heard = () => page.evaluate(() => window.heard);
  const reached = (what, test) => {
    let there;
    return until(() => `${what}; there was ${JSON.stringify(there)}`, async () => test((there = await heard())));
  };

  it('gets the rows of its user, then the changes', async () => {
    await reached('the end of the snapshot', ({ snapshots }) => snapshots === 1);
    assert.deepEqual((await heard()).rows, [1]);
    await insert(3, 'blue');
    await insert(4, 'red');
    await reached('a change', ({ changes }) => changes.length > 0);
    assert.deepEqual((await heard()).changes, [4]);
  });

  it('goes on where it was, by itself', async () => {
    for (let round = 1; round <= 2; round += 1) {
      world.wire.cut();
      for (let n = 0; n < 5; n += 1) await insert(10 * round + n, n % 2 ? 'blue' : 'red');
      await reached('the last row', ({ changes }) => changes.includes(10 * round + 4));
    }
    const { rows, changes, snapshots, opened } = await heard();
    assert.deepEqual(changes, [4, 10, 12, 14, 20, 22, 24]);
    assert.deepEqual([rows, snapshots], [[1], 1], 'the rows were not sent again');
    assert.equal(opened, 3, 'it was connected once, and twice again');
  });
});

// Runs in the page.
function listen(url) {
  const heard = { rows: [], changes: [], snapshots: 0, opened: 0 };
  window.heard = heard;
  const source = new EventSource(url);
  source.onopen = () => {
    heard.opened += 1;
  };
  source.addEventListener('row', ({ data }) => heard.rows.push(JSON.parse(data).id));
  source.addEventListener('snapshot', () => {
    heard.snapshots += 1;
  });
  source.onmessage = ({ data }) => heard.changes.push(JSON.parse(data).record.id);
}
