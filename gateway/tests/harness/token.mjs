// Tokens as an application's sign-in would make them, and as nobody should.
import { createHmac } from 'node:crypto';

export const SECRET = 'a-secret-of-the-tests-that-has-more-than-32-characters';

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export const now = () => Math.floor(Date.now() / 1000);

// A token of any header and payload; `secret` may be any key of HMAC.
export function signed(header, payload, secret = SECRET) {
  const text = `${encode(header)}.${encode(payload)}`;
  const hash = `sha${(header.alg ?? 'HS256').slice(2)}`;
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

// A valid token for an hour unless the claims say otherwise.
export function token(claims = {}, secret = SECRET) {
  const payload = { role: 'authenticated', exp: now() + 3600, iat: now(), ...claims };
  return signed({ alg: 'HS256', typ: 'JWT' }, payload, secret);
}

// The token of a user of a tenant.
export const tokenOf = (tenant, user = `${tenant}-1`, more = {}) => token({ sub: user, tenant, ...more });

export const anonymous = (more = {}) => token({ role: 'anon', ...more });
