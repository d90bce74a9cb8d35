/**
 * Generated tokens: nothing but a genuine one passes, nothing but an ApiError is thrown, and the quick way
 * for HS256 gives jose's own answers.
 */
import fc from 'fast-check';
import { compactVerify, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { ApiError } from '../../server/errors/error.ts';
import { createVerifier } from '../../server/identity/verify.ts';
import { bytesOf, encode, keyPairs, rawToken, SECRET, tokenConfig } from './tokens.ts';

/** Claims of a token that passes, or null for a refusal; anything else that is thrown fails the test. */
const outcome = async (verify: ReturnType<typeof createVerifier>, text: string): Promise<unknown> => {
  try {
    return (await verify(text)).claims;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
};

const pairs = keyPairs().filter(({ algorithm }) => ['RS256', 'PS256', 'ES256', 'EdDSA'].includes(algorithm));
const keys = [...pairs.map(({ jwk }) => jwk), { kty: 'oct', k: Buffer.from(SECRET).toString('base64url') }];
const verify = createVerifier(tokenConfig({ 'jwt-secret': JSON.stringify({ keys }) }));
const claims = { role: 'author', sub: 'someone', list: [1, { a: 'b' }] };
const genuine = await Promise.all([
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(bytesOf(SECRET)),
  ...pairs.map(({ algorithm, privateKey }) =>
    new SignJWT(claims).setProtectedHeader({ alg: algorithm }).sign(privateKey),
  ),
]);

describe('generated tokens', () => {
  test('the genuine ones pass, or the tests below would prove nothing', async () => {
    for (const text of genuine) expect(await outcome(verify, text)).toEqual(claims);
  });

  test('a genuine token with changed bytes never passes', async () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...genuine),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        async (text, changes) => {
          const bytes = Buffer.from(text, 'latin1');
          for (const [at, by] of changes) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by;
          const mutated = bytes.toString('latin1');
          fc.pre(mutated !== text);
          expect(await outcome(verify, mutated)).toBeNull();
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('a genuine token with something inserted, removed or swapped never passes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...genuine),
        fc.nat(),
        fc.nat({ max: 3 }),
        fc.oneof(fc.constantFrom('=', '.', ' ', '\n', '\0', '-', 'A'), fc.string()),
        async (text, at, removed, inserted) => {
          const place = at % (text.length + 1);
          const mutated = text.slice(0, place) + inserted + text.slice(place + removed);
          fc.pre(mutated !== text);
          expect(await outcome(verify, mutated)).toBeNull();
        },
      ),
      { numRuns: 1500 },
    );
  });

  test('parts of genuine tokens put together never pass', async () => {
    const parts = genuine.map((text) => text.split('.'));
    const part = fc.nat({ max: genuine.length - 1 });
    await fc.assert(
      fc.asyncProperty(part, part, part, async (a, b, c) => {
        const text = `${parts[a]?.[0]}.${parts[b]?.[1]}.${parts[c]?.[2]}`;
        fc.pre(!genuine.includes(text));
        expect(await outcome(verify, text)).toBeNull();
      }),
    );
  });

  test('any text at all is refused or passes, and nothing else happens', async () => {
    const header = fc.record(
      {
        alg: fc.oneof(fc.constantFrom('HS256', 'RS256', 'ES256', 'none'), fc.jsonValue()),
        kid: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .tuple(fc.oneof(header, fc.jsonValue()), fc.jsonValue(), fc.uint8Array())
        .map(
          ([head, body, signature]) =>
            `${encode(head)}.${encode(JSON.stringify(body))}.${Buffer.from(signature).toString('base64url')}`,
        ),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        expect(await outcome(verify, text)).toBeNull();
      }),
      { numRuns: 1500 },
    );
  });

  test('any JSON as the payload of a signed token is read as claims or refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 8 }), async (payload) => {
        const value: unknown = JSON.parse(payload);
        const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
        const got = await outcome(verify, rawToken({ alg: 'HS256' }, payload));
        expect(got).toEqual(isObject ? value : null);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the quick way for HS256', () => {
  const quick = createVerifier(tokenConfig());
  const byJose = async (text: string): Promise<boolean> => {
    try {
      await compactVerify(text, bytesOf(SECRET), { algorithms: ['HS256'] });
      return true;
    } catch {
      return false;
    }
  };

  test('passes what jose passes and refuses what jose refuses', async () => {
    const secrets = fc.constantFrom(SECRET, 'another-secret-of-at-least-32-bytes');
    const payloads = fc
      .dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }))
      .map((object) => JSON.stringify({ ...object, exp: null, nbf: null, iat: null, aud: null, role: 'a' }));
    const headers = fc.record(
      { alg: fc.constantFrom('HS256', 'HS256', 'HS512', 'none'), typ: fc.string(), x: fc.jsonValue() },
      { requiredKeys: ['alg'] },
    );
    const cut = fc.constantFrom(0, 0, 0, 1, 4);
    await fc.assert(
      fc.asyncProperty(headers, payloads, secrets, cut, async (header, payload, secret, dropped) => {
        const whole = rawToken(header, payload, secret);
        const text = whole.slice(0, whole.length - dropped);
        expect((await outcome(quick, text)) !== null).toBe(await byJose(text));
      }),
      { numRuns: 1000 },
    );
  });
});
