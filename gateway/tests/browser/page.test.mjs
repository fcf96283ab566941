// The page at `/` in a real browser, as a developer uses it: nothing is known of its code but what it shows.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Browser, isMissing } from '../harness/browser.mjs';
import { SECRET, now, token, tokenOf } from '../harness/token.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

describe('the page', { skip: isMissing }, () => {
  let world;
  let browser;
  let page;
  const requests = [];
  before(async () => {
    world = await World.open('page');
    browser = await Browser.start();
    page = await browser.page();
    page.on('request', (request) => requests.push(request.url()));
    page.on('websocket', (socket) => requests.push(socket.url()));
    await follow({ token: tokenOf('red'), table: 'notes', title: 'red tenant' });
  });
  after(async () => {
    await browser?.close();
    await world?.close();
  });

  const insert = (id, tenant, title) =>
    world.query('INSERT INTO notes (id, tenant, title) VALUES ($1, $2, $3)', [id, tenant, title]);
  const texts = (selector) => page.locator(selector).allInnerTexts();
  const shows = (selector, text) =>
    until(
      async () => `${text} in ${selector}; there is ${JSON.stringify(await texts(selector))}, and the errors ${page.errors}`,
      async () => (await texts(selector)).some((shown) => shown.includes(text)),
    );
  // As a link is opened: a page that is there already would only be scrolled.
  async function follow(parameters) {
    await page.goto('about:blank');
    await page.goto(`${world.wire.httpUrl}/#${new URLSearchParams(parameters)}`);
    if (parameters.token) await shows('#status', `Live: public.${parameters.table}`);
  }

  it('connects as the user of the link, and takes the token out of the address', async () => {
    assert.match(await page.title(), /^red tenant/);
    assert.match(await page.locator('#token-says').innerText(), /role authenticated, user red-1; expires in 59 minutes/);
    assert.doesNotMatch(page.url(), /token/);
    assert.match(page.url(), /table=notes/);
  });

  it('offers the tables that the role may read, and their columns', async () => {
    await shows('#tables-say', 'realtime tables that you may read');
    const offered = (list) => page.locator(`#${list} option`).evaluateAll((options) => options.map((option) => option.value));
    assert.deepEqual(await offered('tables'), ['*', 'board', 'kinds', 'letters', 'notes', 'talks']);
    assert.deepEqual(await offered('columns'), ['id', 'tenant', 'title', 'status', 'score', 'body']);
  });

  it('shows a row of its tenant, and none of another', async () => {
    await insert(1, 'blue', 'not for red');
    await insert(2, 'red', 'for red');
    await shows('.change', 'for red');
    const shown = await texts('.change');
    assert.equal(shown.length, 1, `expected one change, there is ${JSON.stringify(shown)}`);
    assert.match(shown[0], /INSERT\s+public\.notes\s+id 2/);
  });

  it('shows what an update changed', async () => {
    await world.query(`UPDATE notes SET status = 'done' WHERE id = 2`);
    await shows('.change', 'UPDATE');
    const latest = page.locator('.change').first();
    assert.deepEqual(await latest.locator('dt').allInnerTexts(), ['status']);
    assert.deepEqual(await latest.locator('.value').allInnerTexts(), ['null', 'done']);
    await latest.locator('summary').click();
    assert.match(await latest.locator('pre').innerText(), /"eventType": "UPDATE"[^]*"new": \{[^]*"status": "done"/);
  });

  it('keeps the digits of numbers that JavaScript rounds', async () => {
    await insert('9007199254740993', 'red', 'a large id');
    await shows('.change', 'id 9007199254740993');
  });

  it('shows markup of the database as text', async () => {
    const markup = '<img src=x onerror="window.wasRun = true"><script>window.wasRun = true</script>';
    await insert(3, 'red', markup);
    await shows('.change', markup);
    assert.equal(await page.evaluate(() => document.querySelectorAll('#changes img, #changes script').length), 0);
    assert.equal(await page.evaluate(() => window.wasRun), undefined);
  });

  it('holds changes back while it is paused', async () => {
    await page.click('#pause');
    await insert(4, 'red', 'held back');
    await shows('#pause', 'Go on (1)');
    assert.doesNotMatch((await texts('.change')).join(), /held back/);
    await page.click('#pause');
    await shows('.change', 'held back');
    await page.click('#clear');
    assert.deepEqual(await texts('.change'), []);
  });

  it('goes on without a gap when the network was lost', async () => {
    world.wire.cut();
    for (let id = 10; id < 20; id += 1) await insert(id, id % 2 ? 'red' : 'blue', `number ${id}`);
    await shows('.notice', 'nothing lost');
    assert.deepEqual((await texts('.change')).map((text) => /number \d+/.exec(text)[0]).sort(), [11, 13, 15, 17, 19].map((id) => `number ${id}`));
  });

  it('shows the frames, without tokens', async () => {
    await page.click('#tab-frames');
    await shows('.frame', '"phx_join"');
    const frames = (await texts('.frame')).join('\n');
    assert.match(frames, /"postgres_changes",\{"ids":\[\d+\],"data":/);
    assert.match(frames, /"access_token":"…"/);
    assert.doesNotMatch(frames, /eyJ/);
  });

  it('shows why a filter is refused', async () => {
    await page.fill('#filter', 'nope=eq.1');
    await page.click('#connect');
    await shows('.notice', 'column "nope" of relation "notes" does not exist');
    await shows('#status', 'refused: public.notes, nope=eq.1');
    await page.locator('.notice').first().getByRole('button', { name: 'Why?' }).click();
    await shows('#why-says', 'public.notes, nope=eq.1: One problem');
    assert.match(await page.locator('.finding[data-status="problem"]').innerText(), /filter[^]*"nope"/);
    assert.ok((await texts('.finding[data-status="ok"]')).length > 5, 'expected the checks that are in order, too');
  });

  it('does not say whether a table exists that the role may not read', async () => {
    for (const [schema, table] of [['hr', 'pay'], ['hr', 'nothing']]) {
      await page.fill('#schema', schema);
      await page.fill('#table', table);
      await page.fill('#filter', '');
      await page.click('#ask');
      await shows('#why-says', `${schema}.${table}: the question was refused`);
      assert.match(await page.locator('.finding').innerText(), /no table of this name that the role may SELECT from/);
    }
  });

  it('says why a token is refused', async () => {
    await page.goto('about:blank');
    await page.goto(`${world.wire.httpUrl}/#token=${token({}, 'another secret that is long enough for it')}&table=notes`);
    await shows('#status', 'Refused: Failed to validate JWT signature');
    await shows('#token-says', 'Failed to validate JWT signature');
  });

  it('makes a token that the gateway takes', async () => {
    await page.click('#maker > summary');
    await page.fill('#secret', SECRET);
    await page.fill('#sub', 'blue-1');
    await page.fill('#more', '{"tenant": "blue"}');
    await page.click('#make');
    await shows('#maker-says', 'Made');
    await page.click('#connect');
    await shows('#status', 'Live: public.notes');
    await insert(30, 'red', 'not for blue');
    await insert(31, 'blue', 'for blue');
    await shows('.change', 'for blue');
    assert.equal((await texts('.change')).length, 1);
  });

  it('goes on with another token in its place', async () => {
    await page.fill('#token', tokenOf('red', 'red-2'));
    await page.locator('#token').blur();
    await insert(40, 'blue', 'not for red');
    await shows('.notice', 'Subscribed to PostgreSQL');
    // The new claims count from some moment on: the first row that red may see shows that they do.
    let id = 41;
    await until('a row of red', async () => {
      await insert(id, 'red', 'for red again');
      id += 1;
      return (await texts('.change')).some((text) => text.includes('for red again'));
    });
    await insert(id, 'blue', 'for blue no more');
    await insert(id + 1, 'red', 'the last one');
    await shows('.change', 'the last one');
    assert.doesNotMatch((await texts('.change')).join(), /for blue no more/);
  });

  it('says that a token has expired', async () => {
    await follow({ token: token({ tenant: 'red', exp: now() + 6 }), table: 'notes' });
    await shows('.notice', 'Token has expired');
    await shows('#status', 'Refused: closed by the gateway');
  });

  it('fits a phone', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await follow({ token: tokenOf('red'), table: 'notes' });
    assert.equal(await page.locator('#filter').isVisible(), false, 'expected the form to make room');
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `expected nothing beyond the edge; the page is ${width} wide`);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator('#filter').waitFor({ state: 'visible' });
  });

  it('asks nobody but the gateway, and fails nowhere', () => {
    const { host } = new URL(world.wire.httpUrl);
    const elsewhere = requests.filter((url) => url !== 'about:blank' && new URL(url).host !== host);
    assert.deepEqual(elsewhere, []);
    // The browser notes refused requests by itself.
    const own = page.errors.filter((error) => !/Failed to load resource|WebSocket connection to/.test(error));
    assert.deepEqual(own, []);
  });
});
