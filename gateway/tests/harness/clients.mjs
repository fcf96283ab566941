// The real clients, by name and version, and what a channel of theirs hears.
import { createRequire } from 'node:module';
import ws from 'ws';
import { until } from './wait.mjs';

const require = createRequire(import.meta.url);
const { createClient } = require('@supabase/supabase-js');

const V1 = '1.0.0';
const V2 = '2.0.0';

// Clients of 2.10 and 2.15 speak the first version of the protocol only.
const kinds = [
  { library: 'realtime-2.10', vsn: V1 },
  { library: 'realtime-2.15', vsn: V1 },
  { library: 'realtime-2.86', vsn: V1 },
  { library: 'realtime-2.86', vsn: V2 },
  { library: 'realtime-2.99', vsn: V2 },
  { library: 'realtime-2.119', vsn: V1 },
  { library: 'realtime-2.119', vsn: V2 },
  { library: '@supabase/supabase-js', vsn: V2 },
];

export const versions = kinds.map(({ library, vsn }) => {
  const { name, version } = require(`${library}/package.json`);
  // Those up to 2.99 do not join again where their socket was lost during a join.
  const isSteady = Number(version.split('.')[1]) >= 100;
  return { library, vsn, isSteady, name: `${name} ${version} (protocol ${vsn})` };
});

export const newest = versions.find(({ library, vsn }) => library === 'realtime-2.119' && vsn === V2);
export const oldest = versions[0];

// All that were made, so that none outlives its suite.
const made = new Set();

export function disconnectAll() {
  for (const own of made) own.disconnect();
  made.clear();
}

// Reconnects come soon: the tests wait for what follows. Clients up to 2.99 leave a channel by mistake if its join is not
// answered before they would join again: they wait as long as in applications.
const soon = (tries) => Math.min(50 * tries, 500);
const later = (tries) => [1000, 2000, 5000][tries - 1] ?? 5000;

// A client of this version. `options` go to the library's constructor.
export function client(version, url, token, options = {}) {
  const own = version.library === '@supabase/supabase-js' ? supabase(url, token, options) : realtime(version, url, token, options);
  made.add(own);
  return own;
}

function realtime(version, url, token, options) {
  const { RealtimeClient } = require(version.library);
  const params = { apikey: token, ...options.params };
  const common = { reconnectAfterMs: version.isSteady ? soon : later, ...options, params, vsn: version.vsn };
  // 2.10 finds `ws` by itself, and does nothing with one that is handed to it.
  if (version.library !== 'realtime-2.10') common.transport = ws;
  return new RealtimeClient(url, common);
}

// As an application makes it: the client of the whole, signed in by a token of its own. `realtime` is what others are.
function supabase(url, token, options) {
  const base = url.replace(/^ws/, 'http').replace('/realtime/v1', '');
  const whole = createClient(base, token, {
    auth: { persistSession: false, autoRefreshToken: false },
    realtime: { transport: ws, reconnectAfterMs: soon, ...options },
  });
  return whole.realtime;
}

// What a channel heard, and in which states it was.
export class Heard {
  changes = [];
  statuses = [];
  errors = [];
  system = [];
  cursors = [];

  // Keeps a client's socket open: most versions close it with their last channel, and a join right then times out.
  static anchor(client) {
    return Heard.on(client, 'anchor', []);
  }

  // Joins with these bindings, each `{event, schema, table?, …}`, and waits for SUBSCRIBED.
  static async on(client, topic, bindings, config = {}) {
    const heard = Heard.join(client, topic, bindings, config);
    await heard.subscribed();
    return heard;
  }

  static join(client, topic, bindings, config = {}) {
    const heard = new Heard();
    const channel = client.channel(topic, { config });
    heard.channel = channel;
    bindings.forEach((binding, place) => {
      channel.on('postgres_changes', binding, (change) => heard.changes.push({ place, ...change }));
    });
    channel.on('system', {}, (message) => heard.system.push(message));
    channel.on('pgrealtime', { event: '*' }, (message) => heard.cursors.push(message.cursor));
    channel.subscribe((status, error) => {
      heard.statuses.push(status);
      if (error) heard.errors.push(error.message);
    });
    return heard;
  }

  get status() {
    return this.statuses.at(-1);
  }

  // Waits for the `count`th SUBSCRIBED.
  subscribed(count = 1) {
    return until(
      () => `SUBSCRIBED for the ${count}. time on ${this.channel.topic}; there was ${this.story()}`,
      () => this.statuses.filter((status) => status === 'SUBSCRIBED').length >= count,
    );
  }

  story() {
    return JSON.stringify({ statuses: this.statuses, errors: this.errors, system: this.system });
  }

  // Waits until a change for which the test holds has come, and returns it.
  change(what, test) {
    return until(
      () => `${what}; there was ${this.story()} ${JSON.stringify(this.changes.slice(-5))}`,
      () => this.changes.find(test),
    );
  }

  // Waits for `count` changes, and returns all that there are.
  async count(count) {
    await until(
      () => `${count} changes; there were ${this.changes.length}: ${JSON.stringify(this.changes.slice(-5))} ${this.story()}`,
      () => this.changes.length >= count,
    );
    return this.changes;
  }

  // What came since the last call.
  take() {
    return this.changes.splice(0);
  }

  message(what, test) {
    return until(
      () => `${what}; there was ${this.story()}`,
      () => this.system.find(test),
    );
  }
}

// The keys of the rows that changes are about, with what happened: `INSERT 1`.
export const told = (changes) =>
  changes.map(({ eventType, new: record, old }) => [eventType, record?.id ?? old?.id].filter((x) => x !== undefined).join(' '));
