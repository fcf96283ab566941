// Tokens that were signed with public keys: the key decides the algorithm, never the token's header.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { client, Heard, newest, told } from '../harness/clients.mjs';
import { anonymous, now, signed } from '../harness/token.mjs';
import { Socket } from '../harness/socket.mjs';
import { until } from '../harness/wait.mjs';
import { World } from '../harness/world.mjs';

const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RS512: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EdDSA: generateKeyPairSync('ed25519'),
};
const later = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const octets = 'a shared key of its own, which also has 32 characters';
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

const claims = { role: 'authenticated', sub: 'ann', tenant: 'red', exp: now() + 3600 };

function tokenBy(alg, { privateKey }, kid = alg, payload = claims) {
  const text = `${encode({ alg, typ: 'JWT', kid })}.${encode(payload)}`;
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  const signature = sign(hash, Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

const jwk = (kid, { publicKey }, alg) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' });

let world;
let directory;
let keys;
before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'gateway-keys-'));
  keys = join(directory, 'jwks.json');
  write([]);
  world = await World.open('keys', ['--jwks', keys, '--jwks-min-seconds', '0.1']);
});
after(async () => {
  await world?.close();
  if (directory) rmSync(directory, { recursive: true });
});

function write(more) {
  const list = Object.entries(pairs).map(([alg, pair]) => jwk(alg, pair, alg));
  list.push({ kty: 'oct', kid: 'octets', alg: 'HS256', k: encode(octets) }, ...more);
  writeFileSync(keys, JSON.stringify({ keys: list }));
}

describe('a token signed with a key of the JWKS', () => {
  for (const alg of Object.keys(pairs)) {
    it(`is taken: ${alg}`, async () => {
      const own = client(newest, world.wire.url, tokenBy(alg, pairs[alg]));
      const heard = await Heard.on(own, 'signed', [{ event: '*', schema: 'public', table: 'notes' }]);
      const id = Object.keys(pairs).indexOf(alg) + 1;
      await world.query("INSERT INTO notes (id, tenant) VALUES ($1, 'red')", [id]);
      assert.deepEqual(told(await heard.count(1)), [`INSERT ${id}`]);
      own.disconnect();
    });
  }

  it('is taken for a shared key of the list, and the secret serves the others', async () => {
    for (const key of [signed({ alg: 'HS256', kid: 'octets' }, claims, octets), anonymous(), signed({ alg: 'HS512', kid: 'unknown' }, claims)]) {
      const socket = await Socket.open(world.gateway.url, key);
      assert.equal((await socket.join('shared', [])).status, 'ok');
      socket.close();
    }
  });

  it('is refused where it was signed with another key, or names another', async () => {
    const pem = pairs.RS256.publicKey.export({ type: 'spki', format: 'pem' });
    const der = pairs.RS256.publicKey.export({ type: 'spki', format: 'der' });
    const text = JSON.stringify(jwk('RS256', pairs.RS256, 'RS256'));
    const wrong = {
      'another key of the list': tokenBy('RS512', pairs.RS512, 'RS256'),
      'an unknown key': tokenBy('ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ES256'),
      'an unknown kid': tokenBy('ES256', pairs.ES256, 'nobody'),
      'no kid': tokenBy('ES256', pairs.ES256, null),
      'HMAC with the public key as PEM': signed({ alg: 'HS256', kid: 'RS256' }, claims, pem),
      'HMAC with the public key as DER': signed({ alg: 'HS256', kid: 'RS256' }, claims, der),
      'HMAC with the public key as JSON': signed({ alg: 'HS256', kid: 'RS256' }, claims, text),
      'HMAC with the secret under the kid of a public key': signed({ alg: 'HS256', kid: 'RS256' }, claims),
      'the secret under the kid of another shared key': signed({ alg: 'HS256', kid: 'octets' }, claims),
      'alg none with a kid': `${encode({ alg: 'none', kid: 'RS256' })}.${encode(claims)}.`,
      'another algorithm of the same key': tokenBy('RS512', pairs.RS256, 'RS256').replace(/^[^.]*/, encode({ alg: 'ES256', kid: 'RS256' })),
      'expired': tokenBy('ES256', pairs.ES256, 'ES256', { ...claims, exp: now() - 10 }),
    };
    await Promise.all(Object.entries(wrong).map(async ([name, key]) => {
      const answer = await Socket.open(world.gateway.url, key).catch((error) => error);
      assert.equal(answer.status, 401, `expected a refusal of ${name}`);
    }));
  });

  it('is taken once its key has come into the file, and not before', async () => {
    const key = tokenBy('ES256', later, 'later');
    const first = await Socket.open(world.gateway.url, key).catch((error) => error);
    assert.equal(first.status, 401);
    write([jwk('later', later, 'ES256')]);
    let socket;
    await until('the new key is known', async () => {
      socket = await Socket.open(world.gateway.url, key).catch(() => undefined);
      return socket;
    }, 60);
    socket.close();
  });
});
