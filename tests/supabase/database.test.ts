/** The database that the SQL of a Supabase project presumes, asked as that SQL would ask. */
import { cp } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { fixture, people } from './running.ts';
import { useSupabaseServer } from './server.ts';

const setUp = useSupabaseServer();

/** What a statement that fails says. */
const refusal = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'nothing',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

test('postgres is powerful but no superuser; the roles of the API are what they are in Supabase', async () => {
  const { apply, rows } = await setUp({}, 'shared');
  await apply();
  const roles = await rows(`
    select rolname as role, concat_ws(' ',
      case when rolsuper then 'superuser' end, case when rolbypassrls then 'bypassrls' end,
      case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end,
      case when rolreplication then 'replication' end, case when rolcanlogin then 'login' end) as attributes
    from pg_roles where rolname !~ '^pg_' order by rolname`);
  expect(
    Object.fromEntries((roles as { role: string; attributes: string }[]).map((r) => [r.role, r.attributes])),
  ).toEqual({
    anon: '',
    authenticated: '',
    service_role: 'bypassrls',
    authenticator: 'login',
    postgres: 'bypassrls createrole createdb replication login',
    supabase_admin: 'superuser bypassrls createrole createdb replication login',
    supabase_auth_admin: 'createrole',
    supabase_storage_admin: 'createrole',
    supabase_realtime_admin: '',
    supabase_functions_admin: 'createrole',
    supabase_replication_admin: 'replication',
    supabase_read_only_user: 'bypassrls',
    supabase_etl_admin: 'replication',
    dashboard_user: 'createrole createdb replication',
    pgbouncer: '',
    // not Supabase's: owns the log of changes
    aura_realtime: '',
  });
  expect(await rows('show search_path', 'postgres')).toEqual([{ search_path: expect.any(String) }]);
});

test('what postgres makes in public is granted to the roles of the API', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_things.sql': `
      create table things (id int generated always as identity, name text);
      create function twice(n int) returns int language sql as 'select n * 2';
      create schema other; create table other.things ()`,
  });
  await apply();
  expect(
    await rows(`
      select role, has_table_privilege(role, 'things', 'select, insert, update, delete, truncate') as rows,
        has_sequence_privilege(role, 'things_id_seq', 'usage') as sequence,
        has_function_privilege(role, 'twice(int)', 'execute') as routine,
        has_table_privilege(role, 'other.things', 'select') as elsewhere,
        has_schema_privilege(role, 'public', 'create') as makes
      from unnest(array['anon', 'authenticated', 'service_role']) as role`),
  ).toEqual(
    ['anon', 'authenticated', 'service_role'].map((role) => ({
      role,
      rows: true,
      sequence: true,
      routine: true,
      elsewhere: false,
      makes: false,
    })),
  );
  expect(
    await rows("select tableowner from pg_tables where tablename = 'things' and schemaname = 'public'"),
  ).toEqual([{ tableowner: 'postgres' }]);
});

test('auto_expose_new_tables = false leaves the grants to the project', async () => {
  const { apply, rows } = await setUp({
    'config.toml': '[api]\nauto_expose_new_tables = false\n',
    'migrations/1_things.sql':
      'create table things (id int); create table open (); grant select on open to anon',
  });
  await apply();
  expect(
    await rows(
      "select has_table_privilege('anon', 'things', 'select') as things, has_table_privilege('anon', 'open', 'select') as open",
    ),
  ).toEqual([{ things: false, open: true }]);
});

test('extensions: pgcrypto and uuid-ossp are there without a schema in front', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_ids.sql':
      "create table ids (id uuid default uuid_generate_v4(), secret text default crypt('a', gen_salt('bf', 4)))",
    'seed.sql': 'insert into ids default values',
  });
  await apply();
  expect(await rows('select length(secret) as n, id is not null as id from ids', 'postgres')).toEqual([
    { n: 60, id: true },
  ]);
  expect(
    await rows(
      "select string_agg(extname, ' ' order by extname) as names from pg_extension where extnamespace = 'extensions'::regnamespace",
    ),
  ).toEqual([{ names: 'pgcrypto uuid-ossp' }]);
});

test('auth.uid() and its kind read the claims, also in the form of old settings', async () => {
  const { apply, rows } = await setUp({}, 'shared');
  await apply();
  const ask = 'select auth.uid() as uid, auth.role() as role, auth.email() as email, auth.jwt() as jwt';
  expect(await rows(ask, { role: 'authenticated', sub: people.bo, email: 'bo@example.org' })).toEqual([
    {
      uid: people.bo,
      role: 'authenticated',
      email: 'bo@example.org',
      jwt: { role: 'authenticated', sub: people.bo, email: 'bo@example.org' },
    },
  ]);
  expect(await rows(ask)).toEqual([{ uid: null, role: null, email: null, jwt: null }]);
  // a setting that was local to an earlier transaction is empty, not null
  expect(await rows(`set request.jwt.claims = ''; ${ask}`)).toEqual([
    { uid: null, role: null, email: null, jwt: null },
  ]);
  expect(await rows(`set request.jwt.claim.sub = '${people.ada}'; select auth.uid() as uid`)).toEqual([
    { uid: people.ada },
  ]);
});

test('accounts are nobody’s to read but of the services and of postgres', async () => {
  const { apply, rows } = await setUp({}, 'shared');
  await apply();
  for (const role of ['anon', 'authenticated', 'service_role']) {
    expect(await refusal(rows('select from auth.users', { role }))).toBe('permission denied for table users');
  }
  expect(await rows('select from auth.users', 'postgres')).toEqual([]);
  expect(
    await rows(
      "select relname from pg_class where relnamespace = 'auth'::regnamespace and relkind = 'r' and not relrowsecurity",
    ),
  ).toEqual([]);
});

test('the columns of auth.users are those that seeds name', async () => {
  const { apply, rows } = await setUp({
    'seed.sql': `
      insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, invited_at,
        confirmation_token, confirmation_sent_at, recovery_token, recovery_sent_at, email_change_token_new, email_change,
        email_change_sent_at, last_sign_in_at, raw_app_meta_data, raw_user_meta_data, is_super_admin, created_at,
        updated_at, phone, phone_confirmed_at, phone_change, phone_change_token, phone_change_sent_at,
        email_change_token_current, email_change_confirm_status, banned_until, reauthentication_token,
        reauthentication_sent_at, is_sso_user, deleted_at, is_anonymous)
      values ('00000000-0000-0000-0000-000000000000', '${people.ada}', 'authenticated', 'authenticated', 'ada@example.org',
        crypt('password', gen_salt('bf', 4)), '2024-01-02Z', null, '', null, '', null, '', '', null, null,
        '{"provider": "email", "providers": ["email"]}', '{}', null, now(), now(), null, null, '', '', null, '', 0, null,
        '', null, false, null, false);
      insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
      values ('${people.ada}', '${people.ada}', '{"sub": "${people.ada}", "email": "Ada@example.org"}', 'email', now(), now(), now());
      insert into auth.sessions (id, user_id, aal) values (gen_random_uuid(), '${people.ada}', 'aal1');
      insert into auth.refresh_tokens (token, user_id, session_id) select 't', user_id, id from auth.sessions;`,
  });
  await apply();
  expect(
    await rows(`
      select users.email, confirmed_at::date::text as confirmed, identities.email as identity
      from auth.users join auth.identities on user_id = users.id`),
  ).toEqual([{ email: 'ada@example.org', confirmed: '2024-01-02', identity: 'ada@example.org' }]);
  expect(
    await refusal(rows("insert into auth.users (id, email) values (gen_random_uuid(), 'ada@example.org')")),
  ).toContain('users_email_partial_key');
  await rows(`delete from auth.users where id = '${people.ada}'`, 'postgres');
  expect(await rows('select from auth.identities, auth.sessions, auth.refresh_tokens')).toEqual([]);
});

test('the parts of an object name', async () => {
  const { rows } = await setUp({}, 'shared');
  expect(
    await rows(`
      select name, storage.foldername(name) as folder, storage.filename(name) as file, storage.extension(name) as extension
      from unnest(array['a/b/photo.tar.gz', 'photo.png', 'folder/', 'plain', '', null]) as name`),
  ).toEqual([
    { name: 'a/b/photo.tar.gz', folder: ['a', 'b'], file: 'photo.tar.gz', extension: 'gz' },
    { name: 'photo.png', folder: [], file: 'photo.png', extension: 'png' },
    { name: 'folder/', folder: ['folder'], file: '', extension: '' },
    { name: 'plain', folder: [], file: 'plain', extension: 'plain' },
    { name: '', folder: [], file: '', extension: '' },
    { name: null, folder: null, file: null, extension: null },
  ]);
});

test('policies on storage.objects hold', async () => {
  const bench = await setUp({});
  await cp(fixture, bench.folder, { recursive: true });
  await bench.apply();
  const upload = (name: string) =>
    bench.rows(
      `insert into storage.objects (bucket_id, name) values ('photos', '${name}') returning path_tokens`,
      {
        role: 'authenticated',
        sub: people.bo,
      },
    );
  expect(await upload(`${people.bo}/ladder.jpg`)).toEqual([{ path_tokens: [people.bo, 'ladder.jpg'] }]);
  expect(await refusal(upload(`${people.ada}/ladder.jpg`))).toContain('row-level security');
  expect(await refusal(upload(`${people.bo}/ladder.exe`))).toContain('row-level security');
  expect(await bench.rows('select name from storage.objects', { role: 'anon' })).toHaveLength(1);
});

test('a trigger that tells a channel keeps the message; who may listen is asked by topic', async () => {
  const bench = await setUp({});
  await cp(fixture, bench.folder, { recursive: true });
  await bench.apply();
  await bench.rows("update loans set note = 'x' where tool_id = 1");
  const messages = (topic: string, sub: string) =>
    bench.rows(
      `select set_config('realtime.topic', '${topic}', false);
       select event, private, extension, payload -> 'record' ->> 'note' as note, payload ? 'id' as id
       from realtime.messages where topic = 'tool:1' and event = 'UPDATE'`,
      { role: 'authenticated', sub },
    );
  expect(await messages('tool:1', people.ada)).toEqual([
    { event: 'UPDATE', private: true, extension: 'broadcast', note: 'x', id: true },
  ]);
  expect(await messages('tool:1', people.bo)).toEqual([]);
  expect(
    await bench.rows(
      "select tablename from pg_publication_tables where pubname = 'supabase_realtime' order by 1",
    ),
  ).toEqual([{ tablename: 'loans' }, { tablename: 'tools' }]);
});

test('a message that cannot be kept undoes nothing', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_log.sql': `
      create table log (n int);
      create function tell() returns trigger language plpgsql as $$
      begin
        perform realtime.send('{"n": 1}', 'made', 'log');
        return null;
      end $$;
      create trigger tell after insert on log for each row execute function tell()`,
  });
  await apply();
  // no policy lets anon send
  await rows('insert into log values (1)', { role: 'anon' });
  expect(await rows('select n, (select count(*)::int from realtime.messages) as messages from log')).toEqual([
    { n: 1, messages: 0 },
  ]);
});

test('secrets of the vault are for postgres and the service role', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_vault.sql':
      "create extension if not exists supabase_vault with schema vault; select vault.create_secret('hush', 'api_key', 'For the API')",
  });
  expect((await apply()).warnings).toEqual([]);
  const read = 'select name, decrypted_secret from vault.decrypted_secrets';
  expect(await rows(read, { role: 'service_role' })).toEqual([{ name: 'api_key', decrypted_secret: 'hush' }]);
  expect(await refusal(rows(read, { role: 'authenticated' }))).toBe('permission denied for schema vault');
});

test('settings of the API can be set on authenticator by postgres', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_api.sql': `
      alter role authenticator set pgrst.db_max_rows = '7';
      alter role authenticator in database postgres set aura.db_max_filters = '3';
      alter role authenticated set statement_timeout = '20s'`,
  });
  await apply();
  const [{ settings }] = (await rows(
    "select rolconfig as settings from pg_roles where rolname = 'authenticator'",
  )) as [{ settings: string[] }];
  expect(settings).toContain('pgrst.db_max_rows=7');
  await rows(
    'alter role authenticator reset pgrst.db_max_rows; alter role authenticator in database postgres reset all',
  );
});

test('a database of Supabase itself is left alone', async () => {
  const { apply, rows } = await setUp({}, 'empty');
  await rows('create schema auth; create table auth.users ()');
  await expect(apply()).rejects.toMatchObject({
    message: expect.stringContaining('This database has a schema auth that Aura did not make'),
    hint: expect.stringContaining('aura start'),
  });
  expect(await rows("select to_regnamespace('aura')::text as aura")).toEqual([{ aura: null }]);
});

test('preparing again changes nothing', async () => {
  const bench = await setUp({
    'migrations/1_a.sql': "insert into storage.buckets (id, name) values ('a', 'a')",
  });
  await bench.apply();
  const project = await bench.open();
  const database = { adminUri: bench.adminUri, ownsServer: true };
  await project.prepare(database);
  expect((await project.apply(database, () => undefined)).ran).toEqual([]);
  expect(await bench.rows('select id from storage.buckets')).toEqual([{ id: 'a' }]);
});

test('what a migration adds to supabase_realtime is logged, and nobody but the server reads that', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_notes.sql': `
      create table notes (id int primary key);
      alter publication supabase_realtime add table notes;`,
    'seed.sql': 'set session_replication_role = replica; insert into notes values (1);',
  });
  await apply();
  expect(await rows('select operation, key from realtime.changes where key is not null')).toEqual([
    { operation: 'insert', key: { id: 1 } },
  ]);
  for (const reading of [
    'select from realtime.changes',
    "select realtime.changes_since('1:1:', '{}', '{}')",
  ]) {
    for (const as of [{ role: 'anon' }, { role: 'authenticated' }, { role: 'service_role' }]) {
      expect(await refusal(rows(reading, as)), reading).toContain('permission denied');
    }
  }
});
