// Tokens: what they say, and making one. Signing happens in this page; the secret goes nowhere.

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

function fromBase64(text) {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return decoder.decode(Uint8Array.from(binary, (one) => one.charCodeAt(0)));
}

function toBase64(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

// A token as it may have been copied: quotes, white space and a scheme in front are not part of it.
export const cleaned = (text) => text.trim().replace(/^Bearer\s+/i, '').replaceAll(/[\s"']/g, '');

// The claims of a token, which nobody has verified here; null for what is no token, such as an API key.
export function claimsOf(token) {
  const parts = token.split('.');
  if (parts.length !== 3) return null;
  try {
    const claims = JSON.parse(fromBase64(parts[1]));
    return claims && typeof claims === 'object' && !Array.isArray(claims) ? claims : null;
  } catch {
    return null;
  }
}

// What a token says of itself, in a sentence, and whether it has expired.
export function describe(token, now = Date.now() / 1000) {
  const claims = claimsOf(token);
  if (!claims) return { text: token.includes('.') ? 'This is not a token.' : 'An API key: the gateway knows its role.' };
  const who = [claims.role && `role ${claims.role}`, claims.sub && `user ${claims.sub}`].filter(Boolean).join(', ');
  if (typeof claims.exp !== 'number') return { claims, text: `${who || 'No role'}; exp is missing` };
  const left = claims.exp - now;
  const when = left > 0 ? `expires in ${span(left)}` : `expired ${span(-left)} ago`;
  return { claims, expired: left <= 0, text: [who || 'no role', when].join('; ') };
}

function span(seconds) {
  for (const [unit, size] of [['days', 86400], ['hours', 3600], ['minutes', 60]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.floor(seconds)} s`;
}

// Whether this page may sign: browsers offer it on https and on this machine only.
export const canSign = () => globalThis.isSecureContext && Boolean(globalThis.crypto?.subtle);

// A token with these claims, signed with HS256.
export async function sign(claims, secret) {
  const part = (value) => toBase64(encoder.encode(JSON.stringify(value)));
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  const key = await crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', key, encoder.encode(text));
  return `${text}.${toBase64(new Uint8Array(signature))}`;
}
