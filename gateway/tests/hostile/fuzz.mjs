// Messages of the protocol's shape with hostile texts in every place, and some of no shape at all.

const texts = [
  "'; DROP TABLE board; --", "' OR '1'='1", '"; DROP TABLE notes; --', '$1', '$$; DROP TABLE letters; $$', '\\', '\\x00', "E'\\''",
  '{}', '[]', 'null', '%s%n', '../../etc/passwd', '\u0000', '\ud800', '\u202e', '🙂', 'ﬀ', 'İ', 'a'.repeat(300), 'x'.repeat(20_000),
  '*', '%', '_', '-', '0', '-1', '1e309', '99999999999999999999', 'pg_catalog', 'pg_authid', 'information_schema', 'pgrealtime', 'log',
  'realtime', 'realtime:', 'phoenix', 'public', 'board', 'notes', 'notes"', 'id', 'id=eq.1', 'tenant=eq.blue', 'or=(', 'or=()', 'in.(((((',
  `${'('.repeat(200)}`, 'not.not.not', 'id=not.in.()', 'body=match.(a+)+$', 'INSERT', 'TRUNCATE', 'SELECT', 'true', 'authenticated',
];

export const hostileText = (random) => random.of(texts) + (random.chance(0.2) ? random.of(texts) : '');

function anything(random, depth = 0) {
  const dice = random.below(depth > 3 ? 5 : 8);
  switch (dice) {
    case 0: return null;
    case 1: return random.chance(0.5);
    case 2: return random.of([0, -1, 1e308, 2 ** 53, 0.1, -0]);
    case 3:
    case 4: return hostileText(random);
    case 5: return Array.from({ length: random.below(4) }, () => anything(random, depth + 1));
    default: return Object.fromEntries(Array.from({ length: random.below(4) }, () => [hostileText(random), anything(random, depth + 1)]));
  }
}

const mostly = (random, value) => (random.chance(0.8) ? value : anything(random));

function binding(random) {
  const all = {
    event: mostly(random, random.of(['*', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'])),
    schema: mostly(random, random.of(['public', 'hr', '*', hostileText(random)])),
    table: mostly(random, random.of(['board', 'notes', 'letters', '*', hostileText(random)])),
    filter: mostly(random, `${random.of(['id', 'tenant', hostileText(random)])}=${random.of(['eq', 'in', 'match', hostileText(random)])}.${hostileText(random)}`),
    select: mostly(random, [random.of(['id', 'title', hostileText(random)])]),
    since: anything(random),
    [hostileText(random)]: anything(random),
  };
  return Object.fromEntries(Object.entries(all).filter(() => random.chance(0.7)));
}

function payload(random, event, tokenOf) {
  if (event === 'access_token') return { access_token: mostly(random, tokenOf(hostileText(random))) };
  if (event !== 'phx_join') return anything(random);
  const config = {
    postgres_changes: mostly(random, Array.from({ length: random.below(4) }, () => mostly(random, binding(random)))),
    broadcast: mostly(random, { self: anything(random), ack: anything(random) }),
    presence: mostly(random, { key: hostileText(random), enabled: anything(random) }),
    private: random.chance(0.1) ? anything(random) : false,
    postgres_changes_options: random.chance(0.2) ? { wait: true, timeout: anything(random) } : undefined,
  };
  return { config: mostly(random, config), access_token: random.chance(0.8) ? tokenOf('red') : anything(random) };
}

// A frame: the text, or bytes.
export function randomMessage(random, vsn, tokenOf) {
  if (random.chance(0.05)) return Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
  const event = random.of(['phx_join', 'phx_join', 'phx_leave', 'access_token', 'broadcast', 'presence', 'heartbeat', hostileText(random)]);
  const topic = random.of(['phoenix', `realtime:${random.below(20)}`, `realtime:${hostileText(random)}`, hostileText(random)]);
  const [join_ref, ref] = [mostly(random, String(random.below(50))), mostly(random, String(random.below(1000)))];
  const body = payload(random, event, tokenOf);
  const text = JSON.stringify(vsn === '1.0.0' ? { topic, event, payload: body, ref, join_ref } : [join_ref, ref, topic, event, body]);
  if (random.chance(0.03)) return text.slice(0, random.below(text.length));
  return text;
}
