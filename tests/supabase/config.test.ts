/** What of a folder's `config.toml` counts, and how what cannot count is said. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { tokenOf as jwtOf } from '../../server/identity/authenticate.ts';
import { createVerifier } from '../../server/identity/verify.ts';
import { openProject } from '../../server/project/development.ts';
import { findSupabaseFolder, loadSupabaseFolder } from '../../server/project/supabase-folder.ts';
import { makeFolder, writeFiles } from '../support/folder.ts';

afterEach(() => vi.unstubAllEnvs());

const load = async (files: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) => {
  const folder = await makeFolder();
  await writeFiles(folder, files);
  const found = await findSupabaseFolder(folder);
  if (found === null) throw new Error('no project');
  return loadSupabaseFolder(found, env);
};

const config = (text: string) => ({ 'supabase/config.toml': text });

test('a folder that says nothing has the defaults of Supabase', async () => {
  const project = await load(config('project_id = "shop"'));
  expect(project.title).toBe('shop');
  expect(project.config).toEqual({
    projectId: 'shop',
    api: {
      port: 54_321,
      schemas: ['public', 'graphql_public'],
      extraSearchPath: ['public', 'extensions'],
      maxRows: 1000,
      autoExposeNewTables: true,
    },
    db: { port: 54_322, migrationsEnabled: true, seedPatterns: ['seed.sql'], seedIsExplicit: false },
    auth: {
      jwtExpiry: 3600,
      jwtSecret: 'super-secret-jwt-token-with-at-least-32-characters-long',
      anonKey: null,
      serviceRoleKey: null,
      publishableKey: expect.stringMatching(/^sb_publishable_/),
      secretKey: expect.stringMatching(/^sb_secret_/),
      signingKeysPath: null,
    },
    warnings: [],
  });
});

test('what config.toml says counts', async () => {
  const text = `
    [api]
    port = 6001
    schemas = ["app", "public"]
    extra_search_path = ["extensions"]
    max_rows = 50
    auto_expose_new_tables = false
    [db]
    port = 6002
    [db.migrations]
    enabled = false
    [auth]
    jwt_expiry = 600
    jwt_secret = "another-secret-that-is-long-enough-0123456789"
    signing_keys_path = "./keys.json"`;
  const project = await load({ ...config(text), 'supabase/migrations/1_a.sql': 'select 1' });
  expect(project.config).toMatchObject({
    api: {
      port: 6001,
      schemas: ['app', 'public'],
      extraSearchPath: ['extensions'],
      maxRows: 50,
      autoExposeNewTables: false,
    },
    db: { port: 6002 },
    auth: {
      jwtExpiry: 600,
      jwtSecret: 'another-secret-that-is-long-enough-0123456789',
      signingKeysPath: join(project.folder, 'keys.json'),
    },
  });
  expect(project.migrations).toEqual([]);
});

test('the project is the folder itself or its supabase/, and needs no config.toml there', async () => {
  const folder = await makeFolder();
  await writeFiles(folder, {
    'supabase/migrations/1_a.sql': 'select 1',
    'other/config.toml': '# settings\n[api]\n',
    'more/config.toml': '',
    'more/migrations/1_a.sql': '',
    'site/config.toml': 'title = "A site"',
  });
  expect(await findSupabaseFolder(folder)).toMatchObject({ prefix: 'supabase/' });
  expect(await findSupabaseFolder(join(folder, 'supabase'))).toMatchObject({ prefix: '' });
  expect(await findSupabaseFolder(join(folder, 'other'))).toMatchObject({ prefix: '' });
  expect(await findSupabaseFolder(join(folder, 'more'))).toMatchObject({ prefix: '' });
  expect(await findSupabaseFolder(join(folder, 'site'))).toBeNull();
  expect((await openProject(folder)).title).toBe(folder.split('/').at(-1));
  await mkdir(join(folder, 'sql'));
  expect(await findSupabaseFolder(folder)).toBeNull();
});

test('variables: env(...), .env files, and SUPABASE_... over the file', async () => {
  const files = {
    ...config(
      '[api]\nport = "env(API_PORT)"\nmax_rows = 5\n[auth]\njwt_secret = "env(JWT)"\nanon_key = "env(NEAR)"',
    ),
    'supabase/.env': 'JWT=from-the-env-file-beside-config-toml\nNEAR=near\n',
    '.env.local': 'JWT=further-away\nAPI_PORT=7001\nNEAR=far\n',
  };
  const project = await load(files, { SUPABASE_API_MAX_ROWS: '9', NEAR: 'process' });
  expect(project.config).toMatchObject({
    api: { port: 7001, maxRows: 9 },
    auth: { jwtSecret: 'from-the-env-file-beside-config-toml', anonKey: 'process' },
  });
});

test.each([
  [
    'a mistake in TOML',
    'project_id = "x"\n[api]\nport = = 3\n',
    /^supabase\/config\.toml, line 3: Invalid TOML document.*port = = 3/s,
  ],
  [
    'a value that is none',
    '[api]\nenabled = true\nport = 700000\n[db]\n  port = "many"\n',
    /^supabase\/config\.toml, line 3: api\.port: got 700000; expected a whole number from 1 to 65535\nsupabase\/config\.toml, line 5: db\.port: got "many"/,
  ],
  [
    'a variable that is not set',
    '[auth]\njwt_secret = "env(NOT_SET)"\n',
    /^supabase\/config\.toml, line 2: auth\.jwt_secret: the variable NOT_SET is not set$/,
  ],
  [
    'an API that is turned off',
    '[api]\nenabled = false\n',
    /^supabase\/config\.toml, line 2: api\.enabled is false, so there is no API to serve$/,
  ],
])('%s is named with its line', async (_name, text, message) => {
  await expect(load(config(text))).rejects.toThrow(message);
});

test('what the file asks for and does not get is said', async () => {
  const { warnings } = await load(
    config(
      '[api.tls]\nenabled = true\n[auth.third_party.clerk]\nenabled = true\n[auth.third_party.auth0]\nenabled = false',
    ),
  );
  expect(warnings).toEqual([
    'config.toml asks for HTTPS ([api.tls]); the API is served over HTTP.',
    'Tokens of clerk ([auth.third_party.clerk]) are not accepted yet.',
  ]);
});

test('seeds are found by patterns, in their order, each once', async () => {
  const { seeds, warnings } = await load({
    ...config('[db.seed]\nsql_paths = ["./seeds/[0-9]*.sql", "seed.sql", "seeds/*.sql", "./none/*.sql"]'),
    'supabase/seed.sql': 'select 0',
    'supabase/seeds/b.sql': 'select 3',
    'supabase/seeds/20.sql': 'select 2',
    'supabase/seeds/10.sql': 'select 1',
    'supabase/seeds/notes.md': '',
  });
  expect(seeds.map(({ name }) => name)).toEqual([
    'supabase/seeds/10.sql',
    'supabase/seeds/20.sql',
    'supabase/seed.sql',
    'supabase/seeds/b.sql',
  ]);
  expect(warnings).toEqual(['No file matches ./none/*.sql, which [db.seed] sql_paths names.']);
  const off = await load({ ...config('[db.seed]\nenabled = false'), 'supabase/seed.sql': 'select 0' });
  expect(off.seeds).toEqual([]);
});

test('migrations: only names with a timestamp, in the order of their names', async () => {
  const { migrations, warnings } = await load({
    ...config(''),
    'supabase/migrations/20211101000000_init.sql': 'the platform of 2021',
    'supabase/migrations/20240102000000_second.sql': 'select 2',
    'supabase/migrations/20240101000000_first.sql': 'select 1',
    'supabase/migrations/README.md': '',
    'supabase/migrations/notes.sql': 'select 3',
    'supabase/migrations/.hidden.sql': 'select 4',
  });
  expect(migrations.map(({ version, label }) => [version, label])).toEqual([
    ['20240101000000', 'first'],
    ['20240102000000', 'second'],
  ]);
  expect(warnings).toEqual([
    expect.stringContaining(
      "20211101000000_init.sql is not applied: in this place it is the platform's own schema",
    ),
    expect.stringContaining('notes.sql is not applied: its name is not <timestamp>_<name>.sql'),
  ]);
});

test('two migrations of one version are refused', async () => {
  const files = { ...config(''), 'supabase/migrations/1_a.sql': '', 'supabase/migrations/1_b.sql': '' };
  await expect(load(files)).rejects.toThrow(
    'supabase/migrations/1_b.sql and supabase/migrations/1_a.sql have the same version 1.',
  );
});

const settingsOf = async (files: Readonly<Record<string, string>>) => {
  const folder = await makeFolder();
  await writeFiles(folder, files);
  return (await openProject(folder)).loadSettings('postgresql://', 6001);
};

test('the keys are those that everyone knows, on loopback', async () => {
  const { config: settings, keys } = await settingsOf(config('project_id = "x"'));
  // as printed by Supabase's command line everywhere
  expect(keys).toEqual({
    anon: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6ImFub24iLCJleHAiOjE5ODM4MTI5OTZ9.CRXP1A7WOeoJeXxjNni43kdQwgnWNReilDMblYTn_I0',
    service:
      'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6InNlcnZpY2Vfcm9sZSIsImV4cCI6MTk4MzgxMjk5Nn0.EGIM96RAZx35lJzdJsyH-qQwv8Hdp7fsn3W0YpN81IU',
    publishable: 'sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH',
    secret: 'sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz',
  });
  expect(settings).toMatchObject({
    serverHost: 'localhost',
    serverPort: 6001,
    dbSchemas: ['public', 'graphql_public'],
    dbExtraSearchPath: ['public', 'extensions'],
    dbMaxRows: 1000,
    dbAnonRole: 'anon',
    requireRls: 'warn',
  });
});

test('another secret signs other keys; keys that are written down stay', async () => {
  const own = await settingsOf(
    config(
      '[auth]\njwt_secret = "another-secret-that-is-long-enough-0123456789"\nservice_role_key = "as-written"',
    ),
  );
  expect(own.keys?.service).toBe('as-written');
  expect(createVerifier(own.config)(own.keys?.anon ?? '')).toMatchObject({ role: 'anon' });
});

test('keys of a file sign with ES256, and its private part is not needed to verify', async () => {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const key = { ...jwk, kid: 'one', alg: 'ES256', use: 'sig', key_ops: ['sign', 'verify'] };
  const { config: settings, keys } = await settingsOf({
    ...config('[auth]\nsigning_keys_path = "./signing_keys.json"'),
    'supabase/signing_keys.json': JSON.stringify([key]),
  });
  const token = jwtOf({ apikey: keys?.service }) ?? '';
  expect(await createVerifier(settings)(token)).toMatchObject({ role: 'service_role' });
  await expect(settingsOf({ ...config('[auth]\nsigning_keys_path = "./none.json"') })).rejects.toThrow(
    /signing keys in .*none\.json cannot be read/,
  );
  await expect(
    settingsOf({ ...config('[auth]\nsigning_keys_path = "./k.json"'), 'supabase/k.json': '[{"kty":"oct"}]' }),
  ).rejects.toThrow('does not hold a list of private JSON Web Keys');
});

test('an aura.toml beside it wins over config.toml, the environment over both, the database over all', async () => {
  const files = {
    ...config('[api]\nmax_rows = 1'),
    'aura.toml': 'db-max-rows = 2\nrequire-rls = "enforce"\n',
  };
  const settings = await settingsOf(files);
  expect(settings.config).toMatchObject({ dbMaxRows: 2, requireRls: 'enforce' });
  vi.stubEnv('PGRST_DB_MAX_ROWS', '3');
  expect((await settingsOf(files)).config.dbMaxRows).toBe(3);
  expect(settings.load([{ name: 'pgrst.db_max_rows', value: '4' }]).dbMaxRows).toBe(4);
});

test('keys are signed with the secret that counts', async () => {
  vi.stubEnv('AURA_JWT_SECRET', 'secret-of-the-environment-0123456789-0123');
  const { config: settings, keys } = await settingsOf(config(''));
  expect(createVerifier(settings)(keys?.service ?? '')).toMatchObject({ role: 'service_role' });
});

test('ports are those of config.toml', async () => {
  const folder = await makeFolder();
  await writeFiles(folder, config('[api]\nport = 6001\n[db]\nport = 6002'));
  expect((await openProject(folder)).ports).toEqual({ api: 6001, database: 6002 });
});

test('a folder that is gone is named', async () => {
  const folder = await makeFolder();
  await rm(folder, { recursive: true });
  await expect(openProject(folder)).rejects.toThrow(`There is no project in ${folder}`);
});
