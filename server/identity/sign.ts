/**
 * Signs tokens with a shared secret, for the keys of a development project.
 */
import { createHmac } from 'node:crypto';

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
