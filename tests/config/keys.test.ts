import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseKeys } from '../../server/config/keys.ts';

const bytes = (count: number): string => Buffer.alloc(count, 7).toString('base64url');
const jwk = (kind: 'rsa' | 'ec' | 'ed25519', extra: JsonWebKey = {}): JsonWebKey => {
  const pair =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519');
  return { ...pair.publicKey.export({ format: 'jwk' }), ...extra };
};
const parse = (value: unknown) => parseKeys(JSON.stringify(value), false);

describe('a plain text', () => {
  test('is a shared secret for HS256 alone', () => {
    const { keys, problems } = parseKeys('x'.repeat(32), false);
    expect(problems).toEqual([]);
    expect(keys).toMatchObject([{ id: null, algorithms: ['HS256'] }]);
    expect(keys[0]?.secret?.toString()).toBe('x'.repeat(32));
  });

  test('counts in bytes, not in characters', () => {
    expect(parseKeys('é'.repeat(16), false).problems).toEqual([]);
    expect(parseKeys('x'.repeat(31), false).problems).toEqual([
      'the secret has 31 bytes; it must have at least 32',
    ]);
  });

  test.each([
    ['standard', Buffer.alloc(33, 0xfb).toString('base64')],
    ['URL-safe', Buffer.alloc(33, 0xfb).toString('base64url')],
    ['with white space around it', ` ${Buffer.alloc(32, 0xfb).toString('base64')}\n`],
    ['with dots for padding', Buffer.alloc(32, 0xfb).toString('base64').replaceAll('=', '.')],
  ])('is decoded from base64 (%s)', (_, text) => {
    const { keys, problems } = parseKeys(text, true);
    expect(problems).toEqual([]);
    expect(keys[0]?.secret?.every((byte) => byte === 0xfb)).toBe(true);
  });

  test.each(['no base-64!', 'abcde', 'ab=cdefg'])('%j is no base64', (text) => {
    expect(parseKeys(text, true).problems).toHaveLength(1);
  });

  test.each(['PUBLIC KEY', 'RSA PUBLIC KEY', 'CERTIFICATE', 'PRIVATE KEY'])(
    'a PEM file (%s) is refused: as a shared secret everyone would know it',
    (kind) => {
      const text = `-----BEGIN ${kind}-----\n${bytes(64)}\n-----END ${kind}-----`;
      const { keys, problems } = parseKeys(text, false);
      expect(keys).toEqual([]);
      expect(problems[0]).toContain('PEM');
    },
  );
});

describe('a JWK', () => {
  test.each([
    ['oct', { kty: 'oct', k: bytes(32) }, ['HS256', 'HS384', 'HS512']],
    ['oct with alg', { kty: 'oct', k: bytes(64), alg: 'HS512' }, ['HS512']],
    ['RSA', jwk('rsa'), ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
    ['RSA with alg', jwk('rsa', { alg: 'PS256' }), ['PS256']],
    ['EC', jwk('ec'), ['ES256']],
    ['OKP', jwk('ed25519'), ['EdDSA', 'Ed25519']],
  ])('(%s) verifies only what its kind can', (_, key, algorithms) => {
    expect(parse(key)).toMatchObject({ problems: [], keys: [{ algorithms }] });
  });

  test('that is private is kept without its private part', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { keys } = parse(privateKey.export({ format: 'jwk' }));
    expect(keys[0]?.key.type).toBe('public');
  });

  test.each([
    ['a short oct', { kty: 'oct', k: bytes(31) }, /31 bytes/],
    ['an oct without k', { kty: 'oct' }, /no "k"/],
    ['a broken RSA', { kty: 'RSA', n: 'AQAB' }, /not a valid RSA key/],
    ['a broken EC', { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }, /not a valid EC key/],
    [
      'a small RSA',
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }),
      /1024 bits/,
    ],
    ['an object that is none', { hello: 'world' }, /not a JWK/],
    ['a kind nobody knows', { kty: 'XYZ' }, /none of its keys/],
    ['a curve that is not served', { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA' }, /none of its keys/],
    ['one for encryption', jwk('rsa', { use: 'enc' }), /none of its keys/],
    ['an empty set', { keys: [] }, /none of its keys/],
    ['a set that is no list', { keys: 'x' }, /not a list/],
  ])('%s is refused', (_, value, message) => {
    expect(parse(value).problems.join()).toMatch(message);
  });
});

describe('a JWK set', () => {
  test('keeps what can verify and passes over the rest', () => {
    const set = {
      keys: [
        jwk('rsa', { kid: 'sign', use: 'sig' }),
        jwk('rsa', { kid: 'encrypt', use: 'enc', alg: 'RSA-OAEP' }),
        jwk('rsa', { kid: 'wrap', key_ops: ['wrapKey'] }),
        { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA', kid: 'curve' },
        jwk('ed25519', { kid: 'ed' }),
      ],
    };
    const { keys, problems } = parse(set);
    expect(problems).toEqual([]);
    expect(keys.map(({ id }) => id)).toEqual(['sign', 'ed']);
  });

  test('names the key that is broken, and nothing of it', () => {
    const { problems } = parse({ keys: [jwk('ec'), { kty: 'oct', k: 'c2VjcmV0' }] });
    expect(problems).toEqual(['key 2 of the set has 6 bytes; a shared secret must have at least 32']);
  });
});
