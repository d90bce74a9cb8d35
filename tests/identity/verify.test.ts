import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../server/errors/error.ts';
import { signToken } from '../../server/identity/sign.ts';
import { createVerifier } from '../../server/identity/verify.ts';
import type { Observation } from '../../server/observe/observation.ts';
import { bytesOf, encode, keyPairs, rawToken, SECRET, token, tokenConfig } from './tokens.ts';

const NOW = 1_800_000_000;
const verifier = (settings: Record<string, unknown> = {}) =>
  createVerifier(tokenConfig(settings), { clock: () => NOW * 1000 });
/** The refusal of a token, as a client gets it. */
const refusalOf = async (text: string, settings: Record<string, unknown> = {}) => {
  try {
    await verifier(settings)(text);
  } catch (error) {
    if (error instanceof ApiError) return { status: error.status, headers: error.headers, ...error.fields() };
    throw error;
  }
  throw new Error('the token was accepted');
};
const invalid = (code: string, message: string, details: string | null = null) => ({
  status: 401,
  headers: { 'WWW-Authenticate': `Bearer error="invalid_token", error_description="${message}"` },
  code,
  message,
  details,
  hint: null,
});
const NO_KEY = invalid(
  'PGRST301',
  'No suitable key or wrong key type',
  'No suitable key was found to decode the JWT',
);
const NO_MATCH = invalid(
  'PGRST301',
  'No suitable key or wrong key type',
  'None of the keys was able to decode the JWT',
);
const UNDECODABLE = invalid('PGRST301', 'JWT cryptographic operation failed');

describe('a shared secret', () => {
  test('verifies an HS256 token at once, without a promise', async () => {
    const verified = verifier()(await token({ role: 'author', sub: 'x' }));
    expect(verified).not.toBeInstanceOf(Promise);
    expect(verified).toEqual({
      role: 'author',
      claims: { role: 'author', sub: 'x' },
      claimsText: '{"role":"author","sub":"x"}',
    });
  });

  test('in base64 verifies what its bytes signed', async () => {
    const bytes = Buffer.alloc(32, 0xfe);
    const text = await token({ role: 'author' }, {}, bytes);
    const settings = { 'jwt-secret': bytes.toString('base64'), 'jwt-secret-is-base64': true };
    expect(await verifier(settings)(text)).toMatchObject({ role: 'author' });
  });

  test.each(['HS384', 'HS512'])('does not verify %s, as in PostgREST', async (alg) => {
    expect(await refusalOf(await token({}, { alg }))).toEqual(NO_KEY);
  });

  test.each(['HS256', 'HS384', 'HS512'])('as a JWK verifies %s', async (alg) => {
    const secret = Buffer.alloc(64, 3);
    const text = await token({ role: 'author' }, { alg }, secret);
    const jwk = JSON.stringify({ kty: 'oct', k: secret.toString('base64url') });
    expect(await verifier({ 'jwt-secret': jwk })(text)).toMatchObject({ role: 'author' });
    const other = JSON.stringify({ kty: 'oct', k: Buffer.alloc(64, 4).toString('base64url') });
    expect(await refusalOf(text, { 'jwt-secret': other })).toEqual(NO_MATCH);
  });

  test('signed by our own signer verifies here', async () => {
    expect(await verifier()(signToken(SECRET, { role: 'anon', iss: 'aura' }))).toMatchObject({
      role: 'anon',
    });
  });

  test('that is another refuses the token', async () => {
    expect(await refusalOf(await token({}, {}, bytesOf('another-secret-of-at-least-32-bytes')))).toEqual(
      NO_MATCH,
    );
  });

  test('is needed', async () => {
    expect(await refusalOf(await token({}), { 'jwt-secret': undefined })).toEqual({
      status: 500,
      headers: {},
      code: 'PGRST300',
      message: 'Server lacks JWT secret',
      details: null,
      hint: null,
    });
  });
});

describe('a public key', () => {
  const pairs = keyPairs();

  test.each(pairs)('verifies $algorithm', async ({ algorithm, privateKey, jwk }) => {
    const text = await token({ role: 'author' }, { alg: algorithm }, privateKey);
    expect(await verifier({ 'jwt-secret': JSON.stringify(jwk) })(text)).toMatchObject({ role: 'author' });
    expect(await verifier({ 'jwt-secret': JSON.stringify({ keys: [jwk] }) })(text)).toMatchObject({
      role: 'author',
    });
  });

  test.each(pairs)('refuses a tampered $algorithm token', async ({ algorithm, privateKey, jwk }) => {
    const text = await token({ role: 'author' }, { alg: algorithm }, privateKey);
    const [header, , signature] = text.split('.');
    const forged = `${header}.${encode({ role: 'admin' })}.${signature}`;
    expect(await refusalOf(forged, { 'jwt-secret': JSON.stringify(jwk) })).toEqual(NO_MATCH);
  });

  test.each(pairs)('of $algorithm never serves as a shared secret', async ({ jwk, publicKey }) => {
    const guesses = [
      JSON.stringify(jwk),
      publicKey.export({ format: 'pem', type: 'spki' }),
      publicKey.export({ format: 'der', type: 'spki' }),
      Buffer.from(jwk.n ?? jwk.x ?? '', 'base64url'),
      jwk.n ?? jwk.x ?? '',
    ];
    for (const guess of guesses) {
      for (const alg of ['HS256', 'HS384', 'HS512'] as const) {
        const signed = `${encode({ alg })}.${encode({ role: 'admin' })}`;
        const mac = createHmac(alg.replace('HS', 'sha'), guess).update(signed).digest('base64url');
        expect(await refusalOf(`${signed}.${mac}`, { 'jwt-secret': JSON.stringify(jwk) })).toEqual(NO_KEY);
      }
    }
  });

  test('with an alg verifies no other algorithm of its kind', async () => {
    const rsa = pairs[0];
    if (rsa === undefined) throw new Error('no RSA pair');
    const jwk = JSON.stringify({ ...rsa.jwk, alg: 'RS256' });
    expect(await refusalOf(await token({}, { alg: 'RS512' }, rsa.privateKey), { 'jwt-secret': jwk })).toEqual(
      NO_KEY,
    );
  });

  test('on another curve than the algorithm says is not tried', async () => {
    const [es256, es384] = pairs.filter(({ algorithm }) => algorithm === 'ES256' || algorithm === 'ES384');
    if (es256 === undefined || es384 === undefined) throw new Error('no EC pairs');
    const text = await token({}, { alg: 'ES384' }, es384.privateKey);
    expect(await refusalOf(text, { 'jwt-secret': JSON.stringify(es256.jwk) })).toEqual(NO_KEY);
  });
});

describe('a key set', () => {
  const [first, second] = keyPairs().filter(
    ({ algorithm }) => algorithm === 'ES256' || algorithm === 'RS256',
  );
  if (first === undefined || second === undefined) throw new Error('no pairs');
  const secret = { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'shared' };
  const set = JSON.stringify({
    keys: [
      { ...first.jwk, kid: 'one' },
      { ...first.jwk, kid: 'again' },
      { ...second.jwk, kid: 'two' },
      secret,
    ],
  });

  test('is tried key by key for a token without kid', async () => {
    for (const { algorithm, privateKey } of [first, second]) {
      const text = await token({ role: 'author' }, { alg: algorithm }, privateKey);
      expect(await verifier({ 'jwt-secret': set })(text)).toMatchObject({ role: 'author' });
    }
    expect(await verifier({ 'jwt-secret': set })(await token({ role: 'author' }))).toMatchObject({
      role: 'author',
    });
  });

  test('gives only the key of its kid to a token that names one', async () => {
    const settings = { 'jwt-secret': set };
    const signed = (kid: unknown) =>
      token({ role: 'author' }, { alg: second.algorithm, kid }, second.privateKey);
    expect(await verifier(settings)(await signed('two'))).toMatchObject({ role: 'author' });
    expect(await refusalOf(await signed('one'), settings)).toEqual(NO_KEY);
    expect(await refusalOf(await signed('three'), settings)).toEqual(NO_KEY);
    expect(await refusalOf(rawToken({ alg: 'HS256', kid: 7 }, '{}'), settings)).toEqual(UNDECODABLE);
    expect(
      await verifier(settings)(rawToken({ alg: 'HS256', kid: null }, '{"role":"author"}')),
    ).toMatchObject({
      role: 'author',
    });
  });

  test('without kids refuses a token that names one, as a plain secret does', async () => {
    expect(await refusalOf(await token({}, { kid: 'one' }))).toEqual(NO_KEY);
  });
});

describe('a text that is no signed token', () => {
  test.each([
    ['', invalid('PGRST301', 'Empty JWT is sent in Authorization header')],
    ['abc', invalid('PGRST301', 'Expected 3 parts in JWT; got 1')],
    ['a.b', invalid('PGRST301', 'Expected 3 parts in JWT; got 2')],
    ['a.b.c.d.e', invalid('PGRST301', 'Expected 3 parts in JWT; got 5')],
    ['..', UNDECODABLE],
    ['a.b.c', UNDECODABLE],
    [`${encode('{"alg":"HS256"')}.e30.AA`, UNDECODABLE],
    [`${encode('[]')}.e30.AA`, UNDECODABLE],
    [`${encode('null')}.e30.AA`, UNDECODABLE],
    [`${encode({})}.e30.AA`, UNDECODABLE],
    [`${encode({ alg: 7 })}.e30.AA`, UNDECODABLE],
    [`${encode({ alg: 'hs256' })}.e30.AA`, UNDECODABLE],
    [`${encode({ alg: 'RS999' })}.e30.AA`, UNDECODABLE],
    [`${encode({ alg: 'dir', enc: 'A128GCM' })}.e30.AA`, UNDECODABLE],
    [`${encode({ alg: 'constructor' })}.e30.AA`, UNDECODABLE],
  ])('%j is refused', async (text, expected) => {
    expect(await refusalOf(text)).toEqual(expected);
  });

  test('that is unsecured is refused, with or without a signature', async () => {
    const unsecured = invalid(
      'PGRST301',
      'Wrong or unsupported encoding algorithm',
      "JWT is unsecured but expected 'alg' was not 'none'",
    );
    const signed = `${encode({ alg: 'none' })}.${encode({ role: 'admin' })}`;
    expect(await refusalOf(`${signed}.`)).toEqual(unsecured);
    expect(await refusalOf(rawToken({ alg: 'none' }, '{"role":"admin"}'))).toEqual(unsecured);
    for (const alg of ['None', 'NONE', 'nOnE', '']) {
      expect(await refusalOf(`${encode({ alg })}.${encode({ role: 'admin' })}.`)).toEqual(UNDECODABLE);
    }
  });

  test('with an extension that must be understood is refused', async () => {
    expect(await refusalOf(rawToken({ alg: 'HS256', crit: ['exp'], exp: 1 }, '{}'))).toEqual(UNDECODABLE);
    expect(await refusalOf(rawToken({ alg: 'HS256', crit: ['b64'], b64: false }, '{}'))).toEqual(UNDECODABLE);
  });

  test('that brings its own key is verified with ours all the same', async () => {
    const own = Buffer.from('the-attackers-own-secret-of-32-bytes');
    const header = {
      alg: 'HS256',
      jwk: { kty: 'oct', k: own.toString('base64url') },
      jku: 'http://127.0.0.1:1/',
    };
    expect(await refusalOf(rawToken(header, '{"role":"admin"}', own))).toEqual(NO_MATCH);
  });

  test('that spells a genuine token in another way is refused', async () => {
    const genuine = await token({ role: 'author' });
    const last = genuine.at(-1) ?? '';
    // the last character of 32 bytes in base64 has two bits that mean nothing
    const twin = String.fromCharCode(last.charCodeAt(0) + 1);
    for (const text of [
      `${genuine}=`,
      ` ${genuine}`,
      `${genuine}\n`,
      genuine.replaceAll('.', '. '),
      genuine.slice(0, -1) + twin,
    ]) {
      expect((await refusalOf(text)).status).toBe(401);
    }
  });

  test('that is longer than jwt-max-length is refused before it is looked at', async () => {
    const text = await token({ role: 'author', ballast: 'x'.repeat(1000) });
    expect(await refusalOf(text, { 'jwt-max-length': 1000 })).toMatchObject({
      status: 401,
      code: 'PGRST301',
      message: 'The JWT is longer than 1000 characters',
      hint: 'The setting jwt-max-length is the limit.',
    });
    expect(await verifier({ 'jwt-max-length': text.length })(text)).toMatchObject({ role: 'author' });
  });
});

describe('claims', () => {
  test.each([
    [{ exp: NOW - 31 }, 'JWT expired'],
    [{ exp: 0 }, 'JWT expired'],
    [{ nbf: NOW + 31 }, 'JWT not yet valid'],
    [{ iat: NOW + 31 }, 'JWT issued at future'],
    [{ exp: 'invalid' }, "The JWT 'exp' claim must be a number"],
    [{ nbf: true }, "The JWT 'nbf' claim must be a number"],
    [{ iat: [] }, "The JWT 'iat' claim must be a number"],
    [{ aud: 7 }, "The JWT 'aud' claim must be a string or an array of strings"],
    [{ aud: { invalid: 'value' } }, "The JWT 'aud' claim must be a string or an array of strings"],
    [{ aud: [{ invalid: 'value' }, 'test'] }, "The JWT 'aud' claim must be a string or an array of strings"],
    [{ exp: NOW - 31, nbf: NOW + 31, aud: 7 }, 'JWT expired'],
  ])('%j are refused', async (claims, message) => {
    expect(await refusalOf(rawToken({ alg: 'HS256' }, JSON.stringify(claims)))).toEqual(
      invalid('PGRST303', message),
    );
  });

  test.each([
    [{ exp: NOW - 30 }],
    [{ exp: NOW + 0.5 }],
    [{ exp: 1e300 }],
    [{ exp: null, nbf: null, iat: null, aud: null }],
    [{ nbf: NOW + 30 }],
    [{ iat: NOW + 30 }],
    [{ aud: 'anyone' }],
    [{ aud: '' }],
    [{}],
  ])('%j are accepted', async (claims) => {
    expect(await verifier()(rawToken({ alg: 'HS256' }, JSON.stringify(claims)))).toMatchObject({ claims });
  });

  test.each([
    ['a list', '[1]'],
    ['a text', '"x"'],
    ['null', 'null'],
    ['no JSON', '{'],
    ['nothing', ''],
    ['a byte order mark', '\ufeff{}'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['nesting without end', `{"a":${'['.repeat(5000)}${']'.repeat(5000)}}`],
  ])('that are %s are refused', async (_, payload) => {
    expect(await refusalOf(rawToken({ alg: 'HS256' }, payload))).toEqual(
      invalid('PGRST303', 'Parsing claims failed'),
    );
  });

  test('cannot be changed by one request for the next', async () => {
    const { claims } = await verifier()(await token({ app: { list: [1] } }));
    expect(() => Object.assign(claims, { role: 'admin' })).toThrow(TypeError);
    expect(() => Object.assign(claims['app'] as object, { list: [] })).toThrow(TypeError);
  });

  test('named __proto__ are claims like others', async () => {
    const verified = await verifier()(rawToken({ alg: 'HS256' }, '{"__proto__":{"role":"admin"}}'));
    expect(verified.role).toBe('anon');
  });

  describe('with jwt-aud', () => {
    const settings = { 'jwt-aud': 'us' };
    test.each([
      [{ aud: 'us' }],
      [{ aud: ['us'] }],
      [{ aud: ['them', 'us'] }],
      [{ aud: [] }],
      [{ aud: null }],
      [{}],
    ])('%j are accepted', async (claims) => {
      expect(await verifier(settings)(await token(claims as Record<string, unknown>))).toMatchObject({
        claims,
      });
    });
    test.each([
      [{ aud: 'them' }],
      [{ aud: '' }],
      [{ aud: 'US' }],
      [{ aud: ['them'] }],
      [{ aud: ['them', 'others'] }],
    ])('%j are refused', async (claims) => {
      expect(await refusalOf(await token(claims), settings)).toEqual(
        invalid('PGRST303', 'JWT not in audience'),
      );
    });
  });
});

describe('the role', () => {
  test.each([
    [{ role: 'author' }, 'author'],
    [{}, 'anon'],
    [{ role: 7 }, '7'],
    [{ role: ['a'] }, '["a"]'],
    [{ role: { a: 1 } }, '{"a":1}'],
    [{ role: null }, 'null'],
    [{ role: 'with "quotes"; drop' }, 'with "quotes"; drop'],
  ])('of %j is %j', async (claims, role) => {
    expect(await verifier()(await token(claims as Record<string, unknown>))).toMatchObject({ role });
  });

  test.each(['none', '', 'a\0b'])('%j is no role, whatever PostgreSQL would make of it', async (role) => {
    expect(await refusalOf(await token({ role }))).toMatchObject({
      status: 401,
      code: '22023',
      message: `role ${JSON.stringify(role)} does not exist`,
    });
  });

  test('is found where jwt-role-claim-key says', async () => {
    const text = await token({ role: 'no', realm: { roles: ['other', 'author'] } });
    expect(await verifier({ 'jwt-role-claim-key': '$.realm.roles[1]' })(text)).toMatchObject({
      role: 'author',
    });
    expect(await verifier({ 'jwt-role-claim-key': '.realm.roles[1]' })(text)).toMatchObject({
      role: 'author',
    });
    expect(await verifier({ 'jwt-role-claim-key': '$.realm.roles[5]' })(text)).toMatchObject({
      role: 'anon',
    });
  });

  test('is null where neither claims nor settings name one', async () => {
    expect(await verifier({ 'db-anon-role': undefined })(await token({ sub: 'x' }))).toMatchObject({
      role: null,
    });
  });
});

describe("the claims' text", () => {
  const textOf = async (payload: string, settings: Record<string, unknown> = {}) =>
    (await verifier(settings)(rawToken({ alg: 'HS256' }, payload))).claimsText;

  test('is the payload as it was signed, digits and all', async () => {
    const payload = '{ "role": "author", "id": 12345678901234567890.10 }';
    expect(await textOf(payload)).toBe(payload);
  });

  test.each([
    ['{}', '{"role":"anon"}'],
    [' { } ', ' { "role":"anon"}'],
    ['{"id":12345678901234567890}', '{"id":12345678901234567890,"role":"anon"}'],
    ['{"role":7}', '{"role":7,"role":"7"}'],
    ['{"role":"a","role":"b"}', '{"role":"a","role":"b"}'],
  ])('of %s is %s: the role is there, and the last one counts', async (payload, expected) => {
    expect(await textOf(payload)).toBe(expected);
  });

  test('carries the role that was found elsewhere', async () => {
    const text = await textOf('{"role":"no","r":"a\\"b"}', { 'jwt-role-claim-key': '$.r' });
    expect(JSON.parse(text)).toEqual({ role: 'a"b', r: 'a"b' });
  });
});

describe('the cache', () => {
  const setUp = (settings: Record<string, unknown> = {}) => {
    let now = NOW;
    const seen: Observation[] = [];
    const verify = createVerifier(tokenConfig(settings), {
      clock: () => now * 1000,
      observe: (observation) => seen.push(observation),
    });
    return {
      verify,
      seen,
      sleep: (seconds: number) => {
        now += seconds;
      },
    };
  };
  const HIT = { kind: 'token lookup', hit: true };
  const MISS = { kind: 'token lookup', hit: false };
  const [pair] = keyPairs().filter(({ algorithm }) => algorithm === 'ES256');
  if (pair === undefined) throw new Error('no pair');
  const es256 = { 'jwt-secret': JSON.stringify(pair.jwk) };
  const es256Token = (claims: Record<string, unknown>) => token(claims, { alg: 'ES256' }, pair.privateKey);

  test('answers the same token with the same identity, at once for any algorithm', async () => {
    const { verify, seen } = setUp(es256);
    const text = await es256Token({ role: 'author' });
    const first = await verify(text);
    const second = verify(text);
    expect(second).toBe(first);
    expect(seen).toEqual([MISS, HIT]);
  });

  test('refuses a token that expired since, by the clock of the moment', async () => {
    const { verify, sleep } = setUp();
    const text = await token({ exp: NOW + 60 });
    await verify(text);
    sleep(90);
    await verify(text);
    sleep(1);
    expect(() => verify(text)).toThrow('JWT expired');
    expect(() => verify(text)).toThrow('JWT expired');
  });

  test('refuses a token again when the clock was set back before its nbf or iat', async () => {
    for (const claims of [{ nbf: NOW }, { iat: NOW }]) {
      const { verify, sleep } = setUp();
      const text = await token(claims);
      await verify(text);
      sleep(-31);
      expect(() => verify(text)).toThrow(ApiError);
    }
  });

  test('accepts a token when its time comes, although it was refused before', async () => {
    const { verify, sleep } = setUp();
    const text = await token({ nbf: NOW + 60, role: 'author' });
    expect(() => verify(text)).toThrow('JWT not yet valid');
    sleep(30);
    expect(verify(text)).toMatchObject({ role: 'author' });
  });

  test('keeps no refused token', async () => {
    const { verify, seen } = setUp();
    const text = await token({}, {}, bytesOf('another-secret-of-at-least-32-bytes'));
    for (let i = 0; i < 3; i++) expect(() => verify(text)).toThrow(ApiError);
    expect(seen).toEqual([MISS, MISS, MISS]);
  });

  test('does not outlive its keys: with new ones the old token is refused', async () => {
    const text = await token({ role: 'author' });
    await setUp().verify(text);
    expect(() => setUp({ 'jwt-secret': 'a-rotated-secret-of-at-least-32-bytes' }).verify(text)).toThrow(
      ApiError,
    );
  });

  test('holds at most jwt-cache-max-entries tokens, and tells what it drops', async () => {
    const { verify, seen } = setUp({ 'jwt-cache-max-entries': 2 });
    const texts = await Promise.all([1, 2, 3].map((id) => token({ id })));
    for (const text of texts) await verify(text);
    expect(seen).toEqual([MISS, MISS, MISS, { kind: 'token evicted' }]);
    seen.length = 0;
    for (const text of texts.toReversed()) await verify(text);
    expect(seen.map(({ kind, ...rest }) => ('hit' in rest ? rest.hit : kind))).toEqual([
      true,
      true,
      false,
      'token evicted',
    ]);
  });

  test('is off with 0 entries', async () => {
    const { verify, seen } = setUp({ 'jwt-cache-max-entries': 0 });
    const text = await token({ role: 'author' });
    expect(await verify(text)).toEqual(await verify(text));
    expect(seen).toEqual([]);
  });
});
