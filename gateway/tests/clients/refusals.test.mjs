// What is refused, with the status and the text that applications know.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { client, Heard, oldest, versions } from '../harness/clients.mjs';
import { anonymous, now, SECRET, signed, token, tokenOf } from '../harness/token.mjs';
import { Socket, V1, V2 } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const NOT_A_TOKEN = /^The token provided is not a valid JWT$/;
const SIGNATURE = /^Failed to validate JWT signature$/;
const SIGNER = /^Failed to generate JWT signer/;
const FIELDS = /^Fields `role` and `exp` are required in JWT$/;
const EXPIRED = /^Token has expired( \d+ seconds ago)?$/;

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = publicKey.export({ type: 'spki', format: 'pem' });
const claims = { role: 'authenticated', exp: now() + 3600 };

// Name, token, the text, and the code in front of it where a join is refused.
const wrong = [
  ['nonsense', 'nonsense', NOT_A_TOKEN, 'MalformedJWT'],
  ['three parts of nonsense', 'a.b.c', NOT_A_TOKEN, 'MalformedJWT'],
  ['two parts', anonymous().split('.').slice(0, 2).join('.'), NOT_A_TOKEN, 'MalformedJWT'],
  ['a payload that is no object', signed({ alg: 'HS256' }, [1]), NOT_A_TOKEN, 'MalformedJWT'],
  ['a payload that is no JSON', signed({ alg: 'HS256' }, 'text'), NOT_A_TOKEN, 'MalformedJWT'],
  ['20,000 bytes', token({ filler: 'x'.repeat(20_000) }), NOT_A_TOKEN, 'MalformedJWT'],
  ['nested JSON', signed({ alg: 'HS256' }, `${'['.repeat(5000)}${']'.repeat(5000)}`), NOT_A_TOKEN, 'MalformedJWT'],
  ['another secret', token({}, `${SECRET}x`), SIGNATURE, 'JwtSignatureError'],
  ['a cut signature', token().slice(0, -3), SIGNATURE, 'JwtSignatureError'],
  ['no signature', token().replace(/[^.]*$/, ''), /./, /./],
  ['alg none', signed({ alg: 'HS256' }, claims).replace(/^[^.]*/, Buffer.from('{"alg":"none"}').toString('base64url')), /./, /./],
  ['alg none, and nothing behind it', `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`, SIGNER, 'JwtSignerError'],
  ['an RSA public key as the secret', signed({ alg: 'HS256' }, claims, pem), SIGNATURE, 'JwtSignatureError'],
  ['RS256 without such a key', signed({ alg: 'HS256' }, claims).replace(/^[^.]*/, Buffer.from('{"alg":"RS256","kid":"x"}').toString('base64url')), SIGNER, 'JwtSignerError'],
  ['no role', token({ role: undefined }), FIELDS, 'InvalidJWTToken'],
  ['a role that is no text', token({ role: 7 }), FIELDS, 'InvalidJWTToken'],
  ['no exp', token({ exp: undefined }), FIELDS, 'InvalidJWTToken'],
  ['an exp that is no number', token({ exp: 'tomorrow' }), FIELDS, 'InvalidJWTToken'],
  ['expired a minute ago', token({ exp: now() - 60 }), EXPIRED, 'InvalidJWTToken'],
  ['an iat that is no number', token({ iat: 'yesterday' }), NOT_A_TOKEN, 'MalformedJWT'],
];

let world;
before(async () => {
  world = await World.open('refusals');
});
after(() => world?.close());

// The answer to a handshake that must be refused.
async function refusal(what, key, options) {
  const error = await Socket.open(world.gateway.url, key, options).then(
    (socket) => {
      socket.close();
      return assert.fail(`expected a refusal of ${what}`);
    },
    (error) => error,
  );
  assert.ok(error.status, `expected an HTTP answer for ${what}: ${error.message}`);
  return error;
}

describe('a handshake', { concurrency: true }, () => {
  it('without a key or with a bad token is refused with 401 and the text', async () => {
    const missing = await refusal('no key', undefined);
    assert.deepEqual([missing.status, JSON.parse(missing.body)], [401, { error: 'API key is missing' }]);
    await Promise.all(wrong.map(async ([name, key, text]) => {
      const { status, body } = await refusal(name, key);
      assert.equal(status, 401, `status for ${name}`);
      const { error } = JSON.parse(body);
      assert.match(error, text, `text for ${name}`);
    }));
  });

  it('may carry its token in a header instead', async () => {
    const socket = await Socket.open(world.gateway.url, undefined, { headers: { 'x-api-key': tokenOf('red') } });
    assert.equal((await socket.join('header', [{ event: '*', schema: 'public', table: 'notes' }])).status, 'ok');
    socket.close();
    const wins = await refusal('a wrong header beside a good parameter', anonymous(), { headers: { 'x-api-key': 'nonsense' } });
    assert.equal(wins.status, 401);
  });

  it('may have a token with blanks and percent signs, or one that was made in the future', async () => {
    const own = tokenOf('red');
    for (const key of [` ${own}\n`, encodeURIComponent(`${own.slice(0, 40)} ${own.slice(40)}`), token({ iat: now() + 86_400 })]) {
      const socket = await Socket.open(world.gateway.url, key);
      assert.deepEqual(await socket.heartbeat(), { status: 'ok', response: {} });
      socket.close();
    }
  });

  it('of another version of the protocol is refused', async () => {
    for (const vsn of ['0.9.0', '3.0.0', '2.1.0', 'x', '2']) {
      const { status } = await refusal(`version ${vsn}`, anonymous(), { vsn });
      assert.ok(status >= 400 && status < 500, `status for version ${vsn}: ${status}`);
    }
  });

  it('is taken at the address behind the usual proxy, too, and nowhere else', async () => {
    const base = `ws://127.0.0.1:${world.gateway.port}`;
    const socket = await Socket.open(`${base}/socket`, anonymous());
    socket.close();
    const elsewhere = await Socket.open(`${base}/elsewhere`, anonymous()).catch((error) => error);
    assert.equal(elsewhere.status, 404);
  });

  it('that is plain HTTP is answered as such', async () => {
    const answer = await fetch(`${world.gateway.httpUrl}/realtime/v1/websocket?apikey=${anonymous()}`);
    assert.ok(answer.status >= 400 && answer.status < 500, `status ${answer.status}`);
  });
});

describe('a join', { concurrency: true }, () => {
  for (const vsn of [V1, V2]) {
    it(`with a bad token is refused with the code and the text (protocol ${vsn})`, async () => {
      const socket = await Socket.open(world.gateway.url, anonymous(), { vsn });
      await Promise.all(wrong.map(async ([name, bad, text, code]) => {
        const { status, response } = await socket.join(`bad ${name}`, [], { token: bad });
        assert.equal(status, 'error', `status for ${name}`);
        const [, before, after] = /^(\w+): (.*)$/s.exec(response.reason) ?? assert.fail(`reason for ${name}: ${response.reason}`);
        assert.match(before, new RegExp(code), `code for ${name}`);
        assert.match(after, text, `text for ${name}`);
      }));
      socket.close();
    });
  }

  it('as a role that the gateway does not serve is refused', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    await Promise.all(['stranger', 'postgres', 'pgrealtime_gateway', 'no such role', 'anon"; DROP TABLE board; --', 'NONE', 'ANON'].map(async (role) => {
      const { status, response } = await socket.join(`role ${role}`, [{ event: '*', schema: 'public', table: 'board' }], { token: token({ role }) });
      assert.equal(status, 'error', `status for the role ${role}`);
      assert.equal(typeof response.reason, 'string');
    }));
    assert.equal((await world.query('SELECT count(*)::int AS n FROM board'))[0].n, 0, 'the table is there');
    socket.close();
  });

  it('does not hold up the others on its socket while it is being refused', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    const bad = socket.join('refused', [], { token: 'nonsense' });
    const good = await socket.join('good', [{ event: '*', schema: 'public', table: 'board' }]);
    assert.equal(good.status, 'ok');
    assert.ok(!socket.messages.some(({ payload }) => payload.status === 'error'), 'the other answer came first');
    assert.equal((await bad).status, 'error');
    socket.close();
  });

  it('without a name is refused', async () => {
    const socket = await Socket.open(world.gateway.url, anonymous());
    for (const topic of ['realtime:', 'realtime', '', 'other:room']) {
      const ref = socket.send(topic, 'phx_join', { config: {} });
      const { payload } = await socket.reply(ref, `the join of "${topic}"`);
      assert.equal(payload.status, 'error', `status for the topic "${topic}"`);
    }
    const ref = socket.send('realtime:', 'phx_join', { config: {} });
    const { payload } = await socket.reply(ref, 'the join of nothing');
    assert.equal(payload.response.reason, 'TopicNameRequired: You must provide a topic name');
    socket.close();
  });

  for (const version of versions) {
    it(`reaches the application as CHANNEL_ERROR and succeeds with a better token: ${version.name}`, async () => {
      const own = client(version, world.wire.url, anonymous());
      await own.setAuth(token({ tenant: 'red' }, 'another secret that has more than 32 characters'));
      const heard = Heard.join(own, 'better later', [{ event: '*', schema: 'public', table: 'notes' }]);
      await until(() => `CHANNEL_ERROR with its reason; there was ${heard.story()}`, () =>
        heard.status === 'CHANNEL_ERROR' && heard.errors.some((error) => /JwtSignatureError: Failed to validate JWT signature/.test(error)));
      await own.setAuth(tokenOf('red'));
      // The oldest does not join again after a refusal: its application has to.
      if (version === oldest) await Heard.on(own, 'another', [{ event: '*', schema: 'public', table: 'notes' }]);
      else await heard.subscribed();
      own.disconnect();
    });
  }
});
