import { describe, expect, test } from 'vitest';
import type { Relation, Role } from '../server/catalog/types.ts';
import { type Config, loadConfig } from '../server/config.ts';
import { checkCompiling, checkConfig, checkLoginRole, isGuessable } from '../server/start-checks.ts';

const config = (flags: Record<string, unknown> = {}): Config => loadConfig({ env: {}, flags });
const RANDOM = 'kS8v2Jq0wZb7nXc4LmT9pRyE6hUgDfA1';

describe('the secret', () => {
  test.each([
    'super-secret-jwt-token-with-at-least-32-characters-long',
    'SUPER-SECRET-JWT-TOKEN-WITH-AT-LEAST-32-CHARACTERS-LONG',
    'your-super-secret-jwt-token-with-at-least-32-characters-long',
    'reallyreallyreallyreallyverysafe',
    'secret_with_at_least_32_characters',
    'a-string-secret-at-least-256-bits-long',
    'secretsecretsecretsecretsecretsecret',
    'changeme-changeme-changeme-changeme',
    'password12345678password12345678',
    'my-secret-my-secret-my-secret-my-secret',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    '01010101010101010101010101010101',
  ])('%s is refused', (secret) => {
    expect(checkConfig(config({ 'jwt-secret': secret }))).toMatchObject([
      {
        kind: 'refusal',
        why: expect.stringContaining('jwt-secret'),
        remedy: expect.stringContaining('openssl rand'),
      },
    ]);
  });

  test.each(['secret', 'password', 'changeme', ''])('%j is guessable', (secret) => {
    expect(isGuessable(secret)).toBe(true);
  });

  test.each([
    RANDOM,
    'dZJ0y5m1b3k8fT2rQ9wXcV7nH4sL6pA=',
    '5f4dcc3b5aa765d61d8327deb882cf99e0c1a2b3',
    'correct horse battery staple walks home',
  ])('%s is accepted', (secret) => {
    expect(checkConfig(config({ 'jwt-secret': secret }))).toEqual([]);
  });

  test('is looked at behind base64 and inside a JWK, too', () => {
    const known = Buffer.from('reallyreallyreallyreallyverysafe');
    expect(
      checkConfig(config({ 'jwt-secret': known.toString('base64'), 'jwt-secret-is-base64': true })),
    ).toHaveLength(1);
    const jwk = JSON.stringify({ keys: [{ kty: 'oct', k: known.toString('base64url') }] });
    expect(checkConfig(config({ 'jwt-secret': jwk }))).toHaveLength(1);
  });

  test('that begins with a brace and is no JSON is a secret like others', () => {
    expect(checkConfig(config({ 'jwt-secret': `{${RANDOM}` }))).toEqual([]);
  });

  test('is never part of what is said', () => {
    const secret = 'secretsecretsecretsecretsecretsecret';
    expect(JSON.stringify(checkConfig(config({ 'jwt-secret': secret })))).not.toContain('secretsecret');
  });

  test('may be absent', () => {
    expect(checkConfig(config())).toEqual([]);
  });
});

describe('the admin server', () => {
  const admin = (flags: Record<string, unknown>) =>
    checkConfig(config({ 'admin-server-port': 3001, ...flags }));

  test.each(['0.0.0.0', '!4', '*', '*6', '::', '192.168.1.1', 'example.com', '127.0.0.1.example.com'])(
    'at %s without a token is refused',
    (host) => {
      expect(admin({ 'admin-server-host': host })).toMatchObject([
        {
          kind: 'refusal',
          why: expect.stringContaining(`${host}:3001`),
          remedy: expect.stringContaining('admin-server-token'),
        },
      ]);
    },
  );

  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1', '[::1]'])('at %s is accepted', (host) => {
    expect(admin({ 'admin-server-host': host })).toEqual([]);
  });

  test('is accepted where it is off, on a socket, or asks for a token', () => {
    expect(checkConfig(config({ 'admin-server-host': '0.0.0.0' }))).toEqual([]);
    expect(admin({ 'admin-server-host': '0.0.0.0', 'admin-server-unix-socket': '/tmp/admin.sock' })).toEqual(
      [],
    );
    expect(admin({ 'admin-server-host': '0.0.0.0', 'admin-server-token': `token-${RANDOM}` })).toEqual([]);
  });
});

describe('the login role', () => {
  const role = (name: string, facts: Partial<Role> = {}): Role => ({
    name,
    superuser: false,
    bypassRls: false,
    inherit: false,
    canLogin: true,
    memberOf: [],
    inheritsFrom: [],
    ...facts,
  });
  const table = (name: string, owner: string): Relation => ({
    name: { schema: 'public', name },
    kind: 'table',
    comment: null,
    owner,
    rowSecurity: { enabled: true, forced: false },
    securityInvoker: false,
    insertable: true,
    updatable: true,
    deletable: true,
    fillsRows: false,
    primaryKey: [],
    ownKey: [],
    uniqueIndexes: [],
    uniqueKeys: [],
    columns: new Map(),
    computedColumns: new Map(),
    grants: [],
    policies: [],
  });
  const catalog = (roles: readonly Role[], tables: readonly Relation[] = []) => ({
    roles: new Map(roles.map((item) => [item.name, item])),
    relations: new Map(tables.map((item) => [item.name.name, item])),
  });
  const check = (login: Role, others: readonly Role[] = [], tables: readonly Relation[] = [], flags = {}) =>
    checkLoginRole(config(flags), catalog([login, ...others], tables), login.name);

  test('that may do nothing by itself is accepted', () => {
    expect(
      check(role('authenticator', { memberOf: ['anon'] }), [role('anon')], [table('a', 'owner')]),
    ).toEqual([]);
  });

  test('that is a superuser is refused', () => {
    expect(
      check(role('postgres', { superuser: true, bypassRls: true }), [], [table('a', 'postgres')]),
    ).toMatchObject([
      {
        kind: 'refusal',
        why: expect.stringContaining('superuser'),
        remedy: expect.stringContaining('create role'),
      },
    ]);
  });

  test('that bypasses Row-Level Security is refused', () => {
    expect(check(role('odd"role', { bypassRls: true }))).toMatchObject([
      { kind: 'refusal', remedy: 'Take it away with: alter role "odd""role" nobypassrls.' },
    ]);
  });

  test('that owns exposed tables is refused, and they are named', () => {
    const tables = ['a', 'b', 'c', 'd', 'e'].map((name) => table(name, 'app'));
    expect(check(role('app'), [], tables)).toMatchObject([
      { kind: 'refusal', why: expect.stringContaining('(public.a, public.b, public.c and 2 more)') },
    ]);
  });

  test('that inherits from an owner, however far, is refused; one that may only become it is not', () => {
    const others = [
      role('middle', { memberOf: ['owner', 'middle2'], inheritsFrom: ['owner', 'middle2'] }),
      role('middle2', { memberOf: ['middle'], inheritsFrom: ['middle'] }),
      role('owner'),
    ];
    const inheriting = role('app', { memberOf: ['middle2'], inheritsFrom: ['middle2'] });
    expect(check(inheriting, others, [table('a', 'owner')])).toHaveLength(1);
    expect(check({ ...inheriting, inheritsFrom: [] }, others, [table('a', 'owner')])).toEqual([]);
  });

  test('with require-rls off is warned of only: the server then stands in for PostgREST', () => {
    const flags = { 'require-rls': 'off' };
    expect(check(role('postgres', { superuser: true }), [], [], flags)).toMatchObject([{ kind: 'warning' }]);
    expect(check(role('app'), [], [table('a', 'app')], flags)).toMatchObject([{ kind: 'warning' }]);
  });

  test('that the catalog does not know is a defect', () => {
    expect(() => checkLoginRole(config(), catalog([]), 'nobody')).toThrow('nobody');
  });
});

describe('require-rls', () => {
  test.each([
    ['enforce', 'refusal'],
    ['warn', 'refusal'],
    ['off', 'warning'],
  ])('= %s makes of a weak start a %s', (mode, kind) => {
    const flags = {
      'require-rls': mode,
      'jwt-secret': 'reallyreallyreallyreallyverysafe',
      'admin-server-port': 1,
      'admin-server-host': '*',
    };
    expect(checkConfig(config(flags)).map((finding) => finding.kind)).toEqual([kind, kind]);
  });
});

test('a login whose statements are compiled is warned of, with the remedy for its name', () => {
  expect(checkCompiling(false, 'authenticator')).toEqual([]);
  expect(checkCompiling(true, 'an "odd" one')).toMatchObject([
    { kind: 'warning', remedy: expect.stringContaining('alter role "an ""odd"" one" set jit = off') },
  ]);
});
