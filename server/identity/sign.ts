/**
 * Signs tokens with a shared secret, for the keys of a development project.
 */
import { createHmac, createPrivateKey, type JsonWebKey, sign } from 'node:crypto';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value), 'utf8').toString('base64url');

/**
 * An HS256 token with these claims, which must be what JSON can hold.
 *
 * @example signToken('a secret of at least thirty-two bytes', { role: 'anon' })
 */
export function signToken(secret: string | Uint8Array, claims: Readonly<Record<string, unknown>>): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** A private key as a JWK (RFC 7517). */
export type PrivateJwk = JsonWebKey & { readonly kid?: string; readonly alg?: string };

/** The algorithms that a private key may sign with here. */
export const isSigningKey = (jwk: PrivateJwk): boolean =>
  typeof jwk['d'] === 'string' && (jwk.alg === 'ES256' || jwk.alg === 'RS256');

/**
 * A token signed with a private key, by ES256 or RS256 as the key says. Throws where it is no such key.
 */
export function signTokenWithKey(jwk: PrivateJwk, claims: Readonly<Record<string, unknown>>): string {
  if (!isSigningKey(jwk)) throw new Error('not a private key for ES256 or RS256');
  const header = { alg: jwk.alg, typ: 'JWT', ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) };
  const signed = `${encode(header)}.${encode(claims)}`;
  const key = createPrivateKey({ key: jwk, format: 'jwk' });
  // RFC 7518, 3.4: an ECDSA signature is R and S one after the other
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
