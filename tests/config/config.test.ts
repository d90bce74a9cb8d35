import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { propertyOf } from '../../server/config/setting.ts';
import {
  type Config,
  ConfigError,
  type ConfigSources,
  dumpConfig,
  loadConfig,
  settings,
} from '../../server/config.ts';

const SECRET = 'a-secret-for-tests-of-the-settings-0123';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aura-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const load = (sources: Partial<ConfigSources>): Config => loadConfig({ env: {}, ...sources });
const problemsOf = (sources: Partial<ConfigSources>): ConfigError => {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
};

describe('defaults', () => {
  test('without any source every setting has its default', () => {
    const config = load({}) as unknown as Record<string, unknown>;
    for (const [name, setting] of Object.entries(settings))
      expect(config[propertyOf(name)]).toEqual(setting.default);
  });

  test("PostgREST's settings have PostgREST's defaults, but for the pool and the admin server's host", () => {
    expect(load({})).toMatchObject({
      adminServerHost: '127.0.0.1',
      adminServerPort: null,
      dbAnonRole: null,
      dbChannel: 'pgrst',
      dbExtraSearchPath: ['public'],
      dbMaxRows: null,
      dbPool: 8,
      dbPoolAcquisitionTimeout: 10,
      dbPoolMaxIdletime: 30,
      dbPoolMaxLifetime: 1800,
      dbSchemas: ['public'],
      dbTxEnd: 'commit',
      dbUri: 'postgresql://',
      jwtCacheMaxEntries: 1000,
      jwtRoleClaimKey: '$.role',
      logLevel: 'error',
      openapiMode: 'follow-privileges',
      serverHost: '!4',
      serverPort: 3000,
      serverUnixSocketMode: 0o660,
      urlUseLegacyTargetNames: true,
    });
  });

  test('the API is mounted at /rest/v1 and unprotected relations are refused', () => {
    expect(load({})).toMatchObject({ restPrefix: '/rest/v1', requireRls: 'enforce', openapiVersion: '3.1' });
  });

  test('a configuration cannot be changed', () => {
    expect(() => Object.assign(load({}), { dbPool: 1 })).toThrow(TypeError);
  });

  test('properties are typed by their settings', () => {
    expectTypeOf<Config['dbSchemas']>().toEqualTypeOf<readonly string[]>();
    expectTypeOf<Config['dbMaxRows']>().toEqualTypeOf<number | null>();
    expectTypeOf<Config['logLevel']>().toEqualTypeOf<'crit' | 'error' | 'warn' | 'info' | 'debug'>();
    expectTypeOf<Config['dbConfig']>().toEqualTypeOf<boolean>();
    expectTypeOf<Config['jwtSecret']>().toEqualTypeOf<string | null>();
  });
});

describe('precedence', () => {
  const path = () =>
    file(
      'precedence.conf',
      'db-schemas = "from_file"\ndb-anon-role = "from_file"\ndb-max-rows = 1\njwt-aud = "from_file"',
    );

  test('flags win over the database, the database over the environment, the environment over the file', () => {
    const config = load({
      file: path(),
      env: { PGRST_DB_ANON_ROLE: 'from_env', PGRST_DB_MAX_ROWS: '2', PGRST_JWT_AUD: 'from_env' },
      database: [
        { name: 'pgrst.db_max_rows', value: '3' },
        { name: 'pgrst.jwt_aud', value: 'from_database' },
      ],
      flags: { 'jwt-aud': 'from_flag' },
    });
    expect(config).toMatchObject({
      dbSchemas: ['from_file'],
      dbAnonRole: 'from_env',
      dbMaxRows: 3,
      jwtAud: 'from_flag',
    });
  });

  test('AURA_ wins over PGRST_, whatever their order', () => {
    expect(load({ env: { AURA_DB_POOL: '3', PGRST_DB_POOL: '4' } }).dbPool).toBe(3);
    expect(load({ env: { PGRST_DB_POOL: '4', AURA_DB_POOL: '3' } }).dbPool).toBe(3);
  });

  test('aura. wins over pgrst. in the database', () => {
    const database = [
      { name: 'aura.db_max_rows', value: '5' },
      { name: 'pgrst.db_max_rows', value: '6' },
    ];
    expect(load({ database }).dbMaxRows).toBe(5);
  });

  test('an empty value means the default, also where a lower source has another', () => {
    expect(load({ file: path(), env: { PGRST_DB_SCHEMAS: '' } }).dbSchemas).toEqual(['public']);
  });

  test('an empty extra search path is a value', () => {
    expect(load({ env: { PGRST_DB_EXTRA_SEARCH_PATH: '' } }).dbExtraSearchPath).toEqual([]);
  });

  test('the database cannot set what only the operator may', () => {
    const database = [
      { name: 'pgrst.server_port', value: '1' },
      { name: 'pgrst.db_uri', value: 'postgres://elsewhere' },
      { name: 'aura.require_rls', value: 'off' },
      { name: 'pgrst.not_existing', value: 'x' },
    ];
    expect(load({ database })).toMatchObject({
      serverPort: 3000,
      dbUri: 'postgresql://',
      requireRls: 'enforce',
    });
  });
});

describe('names', () => {
  test.each([
    ['db-schema', 'a, b', 'dbSchemas', ['a', 'b']],
    ['max-rows', '7', 'dbMaxRows', 7],
    ['db-pool-timeout', '5', 'dbPoolMaxIdletime', 5],
    ['pre-request', 'check', 'dbPreRequest', { schema: '', name: 'check' }],
    ['root-spec', 'api.spec', 'dbRootSpec', { schema: 'api', name: 'spec' }],
    ['role-claim-key', '$.other', 'jwtRoleClaimKey', '$.other'],
    ['secret-is-base64', 'true', 'jwtSecretIsBase64', true],
  ])('%s still works as another name', (alias, value, property, expected) => {
    const env = { [`PGRST_${alias.toUpperCase().replaceAll('-', '_')}`]: value };
    expect((load({ env }) as unknown as Record<string, unknown>)[property]).toEqual(expected);
  });

  test('the name itself wins over another name, even from a lower source', () => {
    const path = file('alias.conf', 'db-schemas = "by_name"');
    expect(load({ file: path, env: { PGRST_DB_SCHEMA: 'by_alias' } }).dbSchemas).toEqual(['by_name']);
  });

  test('an unknown AURA_ name is warned of, with the nearest name', () => {
    expect(load({ env: { AURA_DB_SCHEMAZ: 'x' } }).warnings).toEqual([
      'environment variable AURA_DB_SCHEMAZ: there is no setting db-schemaz; did you mean db-schemas?',
    ]);
  });

  test('an unknown name in a file or a flag is warned of', () => {
    const path = file('unknown.conf', 'log-levl = "info"');
    const { warnings } = load({ file: path, flags: { 'server-prot': 1 } });
    expect(warnings).toHaveLength(2);
    expect(warnings.join()).toMatch(/did you mean server-port\?.*did you mean log-level\?/);
  });

  test('an unknown PGRST_ name passes: other versions of PostgREST have other settings', () => {
    expect(load({ env: { PGRST_DB_USE_LEGACY_GUCS: 'true' } }).warnings).toEqual([]);
  });
});

describe('values', () => {
  test.each([
    ['true', true],
    ['TRUE', true],
    ['"true"', true],
    ['False', false],
    ['1', true],
    ['2', true],
    ['0', false],
    ['-1', false],
  ])('the boolean %s reads as %s', (value, expected) => {
    expect(load({ env: { PGRST_DB_CHANNEL_ENABLED: value } }).dbChannelEnabled).toBe(expected);
  });

  test.each([
    ['PGRST_DB_CHANNEL_ENABLED', 'maybe', /db-channel-enabled .*got "maybe"; expected true or false/],
    ['PGRST_DB_MAX_ROWS', 'many', /db-max-rows .*got "many"; expected a whole number/],
    ['PGRST_DB_MAX_ROWS', '1.5', /db-max-rows/],
    ['PGRST_DB_MAX_ROWS', '-1', /db-max-rows/],
    ['PGRST_DB_MAX_ROWS', '99999999999999999999', /db-max-rows/],
    ['PGRST_DB_POOL', '0', /db-pool .*from 1 to 1000/],
    ['PGRST_SERVER_PORT', '65536', /server-port .*from 0 to 65535/],
    ['PGRST_LOG_LEVEL', 'never', /log-level .*one of crit, error, warn, info, debug/],
    ['PGRST_DB_TX_END', 'random', /db-tx-end/],
    ['PGRST_OPENAPI_MODE', 'follow-', /openapi-mode/],
    ['PGRST_CLIENT_ERROR_VERBOSITY', 'loud', /client-error-verbosity/],
    ['PGRST_SERVER_UNIX_SOCKET_MODE', '800', /server-unix-socket-mode .*octal/],
    ['PGRST_SERVER_UNIX_SOCKET_MODE', '599', /server-unix-socket-mode/],
    ['PGRST_ADMIN_SERVER_UNIX_SOCKET_MODE', '778', /admin-server-unix-socket-mode/],
    ['PGRST_DB_SCHEMAS', 'public, pg_catalog', /db-schemas .*pg_catalog/],
    ['PGRST_DB_SCHEMAS', 'information_schema', /db-schemas/],
    ['PGRST_DB_SCHEMAS', 'a,,b', /db-schemas/],
    ['PGRST_JWT_AUD', 'http://%%localhorst.invalid', /jwt-aud .*URI/],
    ['PGRST_JWT_AUD', 'foo://%%$$^^.com', /jwt-aud/],
    ['PGRST_JWT_ROLE_CLAIM_KEY', '$.my_role;;domain', /jwt-role-claim-key/],
    ['PGRST_JWT_ROLE_CLAIM_KEY', 'role.other', /jwt-role-claim-key/],
    ['PGRST_OPENAPI_SERVER_PROXY_URI', 'htp:/@@localhorst.invalid', /openapi-server-proxy-uri/],
    ['PGRST_OPENAPI_SERVER_PROXY_URI', 'https://user@example.com', /openapi-server-proxy-uri/],
    ['PGRST_OPENAPI_SERVER_PROXY_URI', 'https://example.com/?a=b', /openapi-server-proxy-uri/],
    ['PGRST_OPENAPI_SERVER_PROXY_URI', 'https://example.com:70000', /openapi-server-proxy-uri/],
    ['AURA_REST_PREFIX', 'rest/v1', /rest-prefix/],
    ['AURA_REST_PREFIX', '/rest/v1/', /rest-prefix/],
    ['AURA_REQUIRE_RLS', 'no', /require-rls .*one of enforce, warn, off/],
    ['AURA_SERVER_TRACE_HEADER', 'X Request', /server-trace-header/],
    ['AURA_ADMIN_SERVER_TOKEN', 'short', /admin-server-token/],
  ])('%s=%s is refused', (variable, value, message) => {
    const { problems, message: text } = problemsOf({ env: { [variable]: value } });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.source).toBe(`environment variable ${variable}`);
    expect(text).toMatch(message);
  });

  test.each([
    ['PGRST_JWT_AUD', 'any text', 'jwtAud', 'any text'],
    ['PGRST_JWT_AUD', 'https://example.org/a?b=c', 'jwtAud', 'https://example.org/a?b=c'],
    [
      'PGRST_OPENAPI_SERVER_PROXY_URI',
      'https://example.com:8443/base',
      'openapiServerProxyUri',
      'https://example.com:8443/base',
    ],
    ['PGRST_OPENAPI_SERVER_PROXY_URI', 'HTTP://[::1]/', 'openapiServerProxyUri', 'HTTP://[::1]/'],
    ['PGRST_DB_SCHEMAS', ' a ,  b,c', 'dbSchemas', ['a', 'b', 'c']],
    ['PGRST_SERVER_UNIX_SOCKET_MODE', '777', 'serverUnixSocketMode', 0o777],
    ['AURA_REST_PREFIX', '/', 'restPrefix', '/'],
    ['AURA_OPENAPI_VERSION', '2.0', 'openapiVersion', '2.0'],
    ['PGRST_DB_PRE_REQUEST', 'a.b.c', 'dbPreRequest', { schema: 'a', name: 'b.c' }],
    [
      'PGRST_SERVER_CORS_ALLOWED_ORIGINS',
      'http://a.com, http://b.com',
      'serverCorsAllowedOrigins',
      ['http://a.com', 'http://b.com'],
    ],
  ])('%s=%s is accepted', (variable, value, property, expected) => {
    expect((load({ env: { [variable]: value } }) as unknown as Record<string, unknown>)[property]).toEqual(
      expected,
    );
  });
});

describe('problems', () => {
  test('all come at once, each with its setting, its source and what is allowed', () => {
    const path = file('bad.toml', 'db-pool = "x"\n[server]\nport = 70000');
    const { problems, message } = problemsOf({
      file: path,
      env: { AURA_LOG_LEVEL: 'loud' },
      flags: { 'db-max-rows': 'all' },
      database: [{ name: 'pgrst.db_tx_end', value: 'maybe' }],
    });
    expect(problems.map(({ setting, source }) => [setting, source])).toEqual([
      ['db-tx-end', 'database setting pgrst.db_tx_end'],
      ['db-pool', `file ${path}`],
      ['db-max-rows', 'flag --db-max-rows'],
      ['server-port', `file ${path}`],
      ['log-level', 'environment variable AURA_LOG_LEVEL'],
    ]);
    expect(message.split('\n')).toHaveLength(6);
  });

  test('a file that cannot be read is one problem beside the others', () => {
    const { problems } = problemsOf({ file: join(folder, 'absent.conf'), env: { AURA_DB_POOL: 'x' } });
    expect(problems.map(({ setting }) => setting)).toEqual(['configuration file', 'db-pool']);
  });

  test('a secret is never in a message', () => {
    const { message } = problemsOf({
      env: { AURA_JWT_SECRET: 'tooshort-xyzzy', AURA_ADMIN_SERVER_TOKEN: 'plugh' },
    });
    expect(message).toContain('the secret has 14 bytes');
    expect(message).not.toMatch(/xyzzy|plugh/);
  });

  test('the admin port must differ from the port', () => {
    const { message } = problemsOf({ env: { PGRST_SERVER_PORT: '3000', PGRST_ADMIN_SERVER_PORT: '3000' } });
    expect(message).toContain('admin-server-port');
  });

  test('a secret that is no base64 although it should be is refused', () => {
    const { message } = problemsOf({
      env: { PGRST_JWT_SECRET: 'no base-64!', PGRST_JWT_SECRET_IS_BASE64: 'true' },
    });
    expect(message).toContain('not valid base64');
  });
});

describe('files', () => {
  test("PostgREST's format is read with its strings, numbers, booleans, groups, comments and interpolation", () => {
    file('part.conf', 'log-level = "info"');
    const path = file(
      'whole.conf',
      [
        '# Commènt in UTF-8',
        'db-schemas = "one,  two" # behind a value',
        'db-pool = 12',
        'db-aggregates-enabled = on',
        'db-channel-enabled = "0"',
        'import "part.conf"',
        '#;server-port = 1',
        'jwt-role-claim-key = "$$.postgrest.roles[1]"',
        'app.settings.plain = "a\\"b\\u00e9\\n"',
        'app {',
        '  settings {',
        '    from_env = "$(OUTER)-$(OUTER)"',
        '  }',
        '}',
        'db-anon-role = "anon"',
      ].join('\n'),
    );
    const config = load({ file: path, env: { OUTER: 'x' } });
    expect(config).toMatchObject({
      dbSchemas: ['one', 'two'],
      dbPool: 12,
      dbAggregatesEnabled: true,
      dbChannelEnabled: false,
      logLevel: 'info',
      serverPort: 3000,
      jwtRoleClaimKey: '$.postgrest.roles[1]',
      dbAnonRole: 'anon',
    });
    expect(config.appSettings).toEqual([
      ['app.settings.from_env', 'x-x'],
      ['app.settings.plain', 'a"bé\n'],
    ]);
    expect(config.warnings).toEqual([]);
  });

  test.each([
    ['db-pool 12', /line 1: expected = after db-pool/],
    ['\ndb-uri = postgres', /line 2: expected a string in double quotes/],
    ['db-uri = "$HOME"', /line 1: a \$ stands alone/],
    ['db-uri = "$(NOT_SET_ANYWHERE)"', /names neither an earlier key nor an environment variable/],
    ['db-uri = "a\\q"', /unknown escape/],
    ['app { settings { a = 1 }', /not closed/],
    ['yaml:\n  is: not', /expected = after yaml/],
    ['db-schemas = ["a" "b"]', /expected , or \]/],
    ['import "not-there.conf"', /ENOENT/],
  ])('the broken file %j is refused with the place', (text, message) => {
    expect(problemsOf({ file: file('broken.conf', text) }).message).toMatch(message);
  });

  test('a TOML file has settings by name or in tables, and lists as lists', () => {
    const path = file(
      'aura.toml',
      'db-schemas = ["api", "auth"]\nrest-prefix = "/"\n[db]\npool = 3\nanon-role = "anon"\n[app.settings]\nname = "value"\n',
    );
    const config = load({ file: path });
    expect(config).toMatchObject({
      dbSchemas: ['api', 'auth'],
      restPrefix: '/',
      dbPool: 3,
      dbAnonRole: 'anon',
    });
    expect(config.appSettings).toEqual([['app.settings.name', 'value']]);
    expect(config.warnings).toEqual([]);
  });

  test('a broken TOML file is refused', () => {
    expect(problemsOf({ file: file('broken.toml', 'a = = b') }).problems[0]?.setting).toBe(
      'configuration file',
    );
  });

  test('@file reads the connection string without white space around it and the secret without its last newline', () => {
    const uri = file('uri', '  postgres://from/file \n');
    const secret = file('secret', `${SECRET} \n`);
    const config = load({ env: { PGRST_DB_URI: `@${uri}`, PGRST_JWT_SECRET: `@${secret}` } });
    expect(config).toMatchObject({ dbUri: 'postgres://from/file', jwtSecret: `${SECRET} ` });
  });

  test('an @file that is not there is a problem', () => {
    const { message } = problemsOf({ env: { PGRST_JWT_SECRET: '@/not/there', PGRST_DB_URI: '@/nor/there' } });
    expect(message).toMatch(/db-uri .*ENOENT/);
    expect(message).toMatch(/jwt-secret .*ENOENT/);
  });
});

describe('app.settings', () => {
  test('come from file and environment, which wins, with names in lower case', () => {
    const path = file('app.conf', 'app.settings.a = "file"\napp.settings.b = "file"');
    const config = load({ file: path, env: { PGRST_APP_SETTINGS_B: 'env', AURA_APP_SETTINGS_C: 'env' } });
    expect(config.appSettings).toEqual([
      ['app.settings.a', 'file'],
      ['app.settings.b', 'env'],
      ['app.settings.c', 'env'],
    ]);
  });
});

describe('the dump', () => {
  test('lists every setting once, sorted, as name = value', () => {
    const names = dumpConfig(load({}))
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' = ')[0]);
    expect(names).toEqual(Object.keys(settings).sort());
  });

  test('prints values as a configuration file holds them', () => {
    const dump = dumpConfig(
      load({
        env: {
          PGRST_DB_SCHEMAS: 'a, b',
          PGRST_DB_MAX_ROWS: '5',
          PGRST_LOG_QUERY: 'true',
          PGRST_DB_PRE_REQUEST: 'x.y',
        },
      }),
    );
    for (const line of [
      'db-schemas = "a,b"',
      'db-max-rows = 5',
      'log-query = true',
      'db-pre-request = "x.y"',
      'admin-server-port = ""',
      'server-unix-socket-mode = "660"',
      'jwt-role-claim-key = "$$.role"',
    ]) {
      expect(dump.split('\n')).toContain(line);
    }
  });

  test('read again gives the same dump', () => {
    const env = {
      PGRST_DB_SCHEMAS: 'a b,"c"',
      PGRST_JWT_ROLE_CLAIM_KEY: '$["https://example.com/role"].key',
      PGRST_JWT_AUD: 'back\\slash',
      PGRST_DB_EXTRA_SEARCH_PATH: '',
    };
    const dump = dumpConfig(load({ env }));
    expect(dumpConfig(load({ file: file('dump.conf', dump) }))).toBe(dump);
  });

  test.each([
    [
      'postgres://user:hunter2@host:5432/db?sslmode=require',
      'postgres://user:********@host:5432/db?sslmode=require',
    ],
    ['postgresql://user:a:b@c@host/db', 'postgresql://user:********@host/db'],
    ['postgresql:///db?user=u&password=hunter2&x=y', 'postgresql:///db?user=u&password=********&x=y'],
    ['postgres://user@host/db?password=hun@ter2', 'postgres://user@host/db?password=********'],
    ['postgres://user:pa/ss@host/db', 'postgres://user:********@host/db'],
    ['host=h password=hunter2 user=u', 'host=h password=******** user=u'],
    ["host=h password='hunter 2' user=u", 'host=h password=******** user=u'],
    ['postgres://user@host/db', 'postgres://user@host/db'],
  ])('masks the password in %s', (uri, shown) => {
    expect(dumpConfig(load({ env: { PGRST_DB_URI: uri } }))).toContain(`db-uri = "${shown}"`);
  });

  test('masks the secret, the admin token and the values of app.settings', () => {
    const dump = dumpConfig(
      load({
        env: {
          PGRST_JWT_SECRET: SECRET,
          AURA_ADMIN_SERVER_TOKEN: `admin-${SECRET}`,
          PGRST_APP_SETTINGS_KEY: 'hunter2',
        },
      }),
    );
    expect(dump).not.toMatch(/a-secret-for-tests|hunter2/);
    expect(dump).toContain('jwt-secret = "********"');
    expect(dump).toContain('app.settings.key = "********"');
  });
});

describe("the conformance suite's environment", () => {
  test('is accepted as it is', () => {
    const config = load({
      env: {
        PGRST_DB_URI: 'postgresql://Postgrest_Test_Authenticator:conformance@127.0.0.1:5432/conformance',
        PGRST_DB_SCHEMAS: 'test',
        PGRST_DB_ANON_ROLE: 'postgrest_test_anonymous',
        PGRST_DB_EXTRA_SEARCH_PATH: '',
        PGRST_DB_TX_END: 'rollback-allow-override',
        PGRST_DB_CHANNEL_ENABLED: 'false',
        PGRST_DB_CONFIG: 'false',
        PGRST_DB_PRE_REQUEST: 'test.switch_role',
        PGRST_JWT_SECRET: 'cmVhbGx5cmVhbGx5cmVhbGx5cmVhbGx5dmVyeXNhZmU=',
        PGRST_JWT_SECRET_IS_BASE64: 'true',
        PGRST_LOG_LEVEL: 'crit',
        PGRST_SERVER_HOST: '127.0.0.1',
        PGRST_SERVER_PORT: '41234',
        PGRST_SERVER_CORS_ALLOWED_ORIGINS: '',
        PGRST_APP_SETTINGS_app_host: 'localhost',
        AURA_REST_PREFIX: '/',
        AURA_REQUIRE_RLS: 'off',
        AURA_OPENAPI_VERSION: '2.0',
      },
    });
    expect(config).toMatchObject({ restPrefix: '/', requireRls: 'off', openapiVersion: '2.0', warnings: [] });
    expect(config.appSettings).toEqual([['app.settings.app_host', 'localhost']]);
  });
});
