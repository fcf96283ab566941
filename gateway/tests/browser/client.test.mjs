// The newest client in a real browser, with the browser's own WebSocket: changes, tokens, a lost network.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { Browser, isMissing } from '../harness/browser.mjs';
import { anonymous, tokenOf } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const library = createRequire(import.meta.url).resolve('@supabase/supabase-js/dist/umd/supabase.js');

describe('supabase-js in Chromium', { skip: isMissing }, () => {
  let world;
  let browser;
  let page;
  before(async () => {
    world = await World.open('browser');
    browser = await Browser.start();
    // A page of the gateway’s own origin: from elsewhere a browser may not reach this machine.
    page = await browser.page(`${world.wire.httpUrl}/no-such-page`);
    await page.addScriptTag({ path: library });
    await page.evaluate(start, { url: world.wire.httpUrl, key: anonymous() });
  });
  after(async () => {
    await browser?.close();
    await world?.close();
  });

  const heard = () => page.evaluate(() => window.heard);
  const insert = (id, tenant) => world.query('INSERT INTO notes (id, tenant) VALUES ($1, $2)', [id, tenant]);
  const reached = (what, test) => {
    let there;
    const state = () => `${what}; there was ${JSON.stringify(there)}, and the errors ${JSON.stringify(page.errors.slice(-2))}`;
    return until(state, async () => test((there = await heard())));
  };

  it('receives what its user sees', async () => {
    await page.evaluate(join, tokenOf('red'));
    await reached('SUBSCRIBED', ({ statuses }) => statuses.includes('SUBSCRIBED'));
    await insert(1, 'blue');
    await insert(2, 'red');
    await reached('a change', ({ ids }) => ids.includes(2));
    assert.deepEqual((await heard()).ids, [2]);
  });

  it('goes on without a gap after the network was lost', async () => {
    await reached('a cursor', ({ cursors }) => cursors > 0);
    world.wire.cut();
    for (let id = 3; id <= 12; id += 1) await insert(id, id % 2 ? 'red' : 'blue');
    await reached('the last row', ({ ids }) => ids.includes(11));
    assert.deepEqual([...new Set((await heard()).ids)], [2, 3, 5, 7, 9, 11]);
    await reached('SUBSCRIBED again', ({ statuses }) => statuses.lastIndexOf('SUBSCRIBED') > 0);
  });

  it('takes a new token over in place', async () => {
    await page.evaluate((token) => {
      window.token = token;
      return window.supabase_client.realtime.setAuth();
    }, tokenOf('blue'));
    let id = 100;
    await until('rows of the new user', async () => {
      id += 1;
      await insert(id, 'blue');
      return (await heard()).ids.some((seen) => seen > 100);
    });
    assert.deepEqual(page.errors.filter((error) => !/WebSocket connection|404/.test(error)), []);
  });
});

// These run in the page.
/* eslint-env browser */
function start({ url, key }) {
  const soon = () => 100;
  // As an application does that signs its users in elsewhere.
  const options = { accessToken: async () => window.token, realtime: { reconnectAfterMs: soon } };
  window.supabase_client = window.supabase.createClient(url, key, options);
  window.heard = { ids: [], statuses: [], cursors: 0 };
}

async function join(token) {
  const { supabase_client: client, heard } = window;
  window.token = token;
  await client.realtime.setAuth();
  const binding = { event: 'INSERT', schema: 'public', table: 'notes', since: null };
  client
    .channel('page')
    .on('postgres_changes', binding, (change) => heard.ids.push(change.new.id))
    .on('pgrealtime', { event: '*' }, ({ cursor }) => {
      binding.since = cursor;
      heard.cursors += 1;
    })
    .subscribe((status) => heard.statuses.push(status));
}
