import { describe, expect, test } from 'vitest';
import { type Credentials, createAuthenticate } from '../../server/identity/authenticate.ts';
import { createVerifier } from '../../server/identity/verify.ts';
import { keyPairs, token, tokenConfig } from './tokens.ts';

const authenticate = (credentials: Credentials, settings: Record<string, unknown> = {}) => {
  const config = tokenConfig(settings);
  return createAuthenticate(config, createVerifier(config))(credentials);
};

describe('without a token', () => {
  test('a request runs as the anonymous role', () => {
    expect(authenticate({})).toEqual({ role: 'anon', claims: {}, claimsText: '{"role":"anon"}' });
  });

  test('a request is refused where there is no anonymous role', () => {
    expect(() => authenticate({}, { 'db-anon-role': undefined })).toThrowError(
      expect.objectContaining({
        code: 'PGRST302',
        message: 'Anonymous access is disabled',
        status: 401,
        headers: { 'WWW-Authenticate': 'Bearer' },
      }),
    );
  });

  test.each(['Basic dXNlcjpwYXNz', 'Digest a', 'bearertoken', 'Bearerx y', ''])(
    'the header %j is none of ours: the request is anonymous',
    (authorization) => {
      expect(authenticate({ authorization })).toMatchObject({ role: 'anon' });
    },
  );

  test('an apikey that is no JWT is somebody else’s', () => {
    for (const apikey of ['', 'some-gateway-key', 'sb_publishable_abc', 'a.b.c']) {
      expect(authenticate({ apikey })).toMatchObject({ role: 'anon' });
    }
  });
});

describe('Authorization', () => {
  test.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('takes the scheme %s', async (scheme) => {
    const text = await token({ role: 'author' });
    expect(authenticate({ authorization: `${scheme} ${text}` })).toMatchObject({ role: 'author' });
    expect(authenticate({ authorization: `${scheme}  \t${text}` })).toMatchObject({ role: 'author' });
  });

  test.each(['Bearer', 'Bearer ', 'bearer   '])('%j is an empty token and refused', (authorization) => {
    expect(() => authenticate({ authorization })).toThrowError(
      expect.objectContaining({
        code: 'PGRST301',
        message: 'Empty JWT is sent in Authorization header',
        status: 401,
        headers: {
          'WWW-Authenticate':
            'Bearer error="invalid_token", error_description="Empty JWT is sent in Authorization header"',
        },
      }),
    );
  });

  test('with a token is refused with 500 where there is no secret, even an empty one', () => {
    for (const authorization of ['Bearer', 'Bearer a.b.c']) {
      expect(() => authenticate({ authorization }, { 'jwt-secret': undefined })).toThrowError(
        expect.objectContaining({ code: 'PGRST300', status: 500 }),
      );
    }
  });

  test('wins over apikey, also when it is wrong', async () => {
    const apikey = await token({ role: 'service_role' });
    const user = await token({ role: 'author' });
    expect(authenticate({ authorization: `Bearer ${user}`, apikey })).toMatchObject({ role: 'author' });
    expect(() => authenticate({ authorization: 'Bearer x', apikey })).toThrowError('Expected 3 parts');
  });
});

describe('apikey', () => {
  test('is taken where it is a JWT and no Authorization is there', async () => {
    expect(authenticate({ apikey: await token({ role: 'author' }) })).toMatchObject({ role: 'author' });
  });

  test('that is a forged JWT is refused', async () => {
    const apikey = `${await token({ role: 'author' })}x`;
    expect(() => authenticate({ apikey })).toThrowError(expect.objectContaining({ status: 401 }));
  });
});

describe('a token without a role', () => {
  test('runs as the anonymous role, with its claims', async () => {
    expect(authenticate({ authorization: `Bearer ${await token({ sub: 'x' })}` })).toEqual({
      role: 'anon',
      claims: { sub: 'x' },
      claimsText: '{"sub":"x","role":"anon"}',
    });
  });

  test('is refused where there is no anonymous role, at once or by a promise', async () => {
    const refusal = expect.objectContaining({ code: 'PGRST302', status: 401 });
    const authorization = `Bearer ${await token({ sub: 'x' })}`;
    expect(() => authenticate({ authorization }, { 'db-anon-role': undefined })).toThrowError(refusal);
    const [pair] = keyPairs();
    if (pair === undefined) throw new Error('no pair');
    const signed = await token({ sub: 'x' }, { alg: pair.algorithm }, pair.privateKey);
    const settings = { 'db-anon-role': undefined, 'jwt-secret': JSON.stringify(pair.jwk) };
    await expect(authenticate({ authorization: `Bearer ${signed}` }, settings)).rejects.toThrowError(refusal);
  });
});

describe('keys that are no tokens', () => {
  const PUBLISHABLE = 'sb_publishable_0123456789abcdef';
  const SECRET_KEY = 'sb_secret_0123456789abcdef';
  const settings = { 'api-keys': [`${PUBLISHABLE}=visitor`, `${SECRET_KEY}=service_role`] };
  const roleOf = async (credentials: Credentials) => (await authenticate(credentials, settings)).role;

  test('a key runs as its role, in either header or in both', async () => {
    expect(await roleOf({ apikey: PUBLISHABLE })).toBe('visitor');
    expect(await roleOf({ authorization: `Bearer ${SECRET_KEY}` })).toBe('service_role');
    expect(await roleOf({ apikey: PUBLISHABLE, authorization: `Bearer ${PUBLISHABLE}` })).toBe('visitor');
    expect(authenticate({ apikey: PUBLISHABLE }, settings)).toEqual({
      role: 'visitor',
      claims: {},
      claimsText: '{"role":"visitor"}',
    });
  });

  test('a token beside a key says who asks', async () => {
    const authorization = `Bearer ${await token({ role: 'author' })}`;
    expect(await roleOf({ apikey: SECRET_KEY, authorization })).toBe('author');
  });

  test.each(['sb_secret_of-another-project', `${SECRET_KEY}x`])('the key %s is refused', async (key) => {
    for (const credentials of [{ apikey: key }, { authorization: `Bearer ${key}` }]) {
      expect(() => authenticate(credentials, settings)).toThrowError(
        expect.objectContaining({ code: 'PGRST301', message: 'The API key is none of this server' }),
      );
    }
  });

  test('what is neither a key nor a token is somebody else’s', async () => {
    expect(await roleOf({ apikey: 'some-gateway-key' })).toBe('anon');
    expect(await roleOf({ apikey: SECRET_KEY, authorization: 'Basic dXNlcjpwYXNz' })).toBe('anon');
  });

  test('a key that could be guessed at once is no setting', () => {
    expect(() => tokenConfig({ 'api-keys': ['short=anon'] })).toThrow('api-keys');
  });
});
