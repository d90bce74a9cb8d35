/**
 * Keys and tokens for the tests of this room.
 */
import { createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { type Config, loadConfig } from '../../server/config.ts';

export const SECRET = 'a-secret-for-tests-of-identity-0123456789';
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString(
    'base64url',
  );

/** Token settings by their names, on top of SECRET and the anonymous role `anon`. */
export const tokenConfig = (settings: Record<string, unknown> = {}): Config =>
  loadConfig({ env: {}, flags: { 'jwt-secret': SECRET, 'db-anon-role': 'anon', ...settings } });

/** A token signed by jose, as an identity provider would. */
export const token = (
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
  key: Uint8Array | KeyObject = bytesOf(SECRET),
): Promise<string> => new SignJWT(claims).setProtectedHeader({ alg: 'HS256', ...header }).sign(key);

export interface Pair {
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly jwk: JsonWebKey;
}

const pair = (algorithm: string): Pair => {
  const keys = algorithm.startsWith('ES')
    ? generateKeyPairSync('ec', {
        namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[algorithm] ?? '',
      })
    : algorithm.startsWith('Ed')
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { algorithm, ...keys, jwk: keys.publicKey.export({ format: 'jwk' }) };
};

/** A key pair for each algorithm with public keys. */
export const keyPairs = (): readonly Pair[] =>
  ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'].map(
    pair,
  );

/** A token with exactly this header and payload text, signed with HMAC-SHA256 by hand. */
export const rawToken = (
  header: unknown,
  payload: string | Buffer,
  secret: string | Buffer = SECRET,
): string => {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
};
