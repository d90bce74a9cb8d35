/** Migrations and seeds of a Supabase project: order, record, what is said when something is wrong or missing. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { useSupabaseServer } from './server.ts';

const setUp = useSupabaseServer();

const exists = (name: string): string => `select to_regclass('${name}') is not null as there`;

test('migrations, then seeds, each once, recorded where the command line of Supabase looks', async () => {
  const { apply, rows } = await setUp({
    'roles.sql': 'create role reporter',
    'migrations/20240102_second.sql':
      "insert into log values ('second'); -- done\ngrant select on log to reporter;",
    'migrations/20240101_first.sql': "create table log (entry text);\n\ninsert into log values ('first');\n",
    'seed.sql': "insert into log values ('seed')",
  });
  expect(await apply()).toEqual({
    ran: [
      'supabase/roles.sql',
      'supabase/migrations/20240101_first.sql',
      'supabase/migrations/20240102_second.sql',
      'supabase/seed.sql',
    ],
    warnings: [],
  });
  expect(await apply()).toEqual({ ran: [], warnings: [] });
  expect(await rows('select array_agg(entry) as entries from log')).toEqual([
    { entries: ['first', 'second', 'seed'] },
  ]);
  expect(
    await rows('select version, name, statements from supabase_migrations.schema_migrations order by 1'),
  ).toEqual([
    {
      version: '20240101',
      name: 'first',
      statements: ['create table log (entry text)', "insert into log values ('first')"],
    },
    {
      version: '20240102',
      name: 'second',
      statements: ["insert into log values ('second')", 'grant select on log to reporter'],
    },
  ]);
  expect(await rows('select path, length(hash) as hex from supabase_migrations.seed_files')).toEqual([
    { path: 'supabase/seed.sql', hex: 64 },
  ]);
  await rows('drop owned by reporter; drop role reporter');
});

test('what Supabase’s command line has applied is not applied again', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_a.sql': 'create table a ()',
    'migrations/2_b.sql': 'create table b ()',
  });
  await rows("insert into supabase_migrations.schema_migrations (version, name) values ('1', 'a')");
  expect((await apply()).ran).toEqual(['supabase/migrations/2_b.sql']);
});

test('changes of what has run are said, and hinder nothing', async () => {
  const { apply, write, folder } = await setUp({
    'migrations/2_a.sql': 'create table a ();',
    'migrations/3_b.sql': 'create table b ();',
    'migrations/4_c.sql': 'create table c ();',
    'seed.sql': 'select 1',
  });
  await apply();
  await write({
    'migrations/1_late.sql': 'create table late ()',
    'migrations/2_a.sql': '-- a comment more\ncreate  table a ()\n;',
    'migrations/3_b.sql': 'create table b (id int);',
    'seed.sql': 'select 2',
  });
  await rm(join(folder, 'supabase/migrations/4_c.sql'));
  expect(await apply()).toEqual({
    ran: ['supabase/migrations/1_late.sql'],
    warnings: [
      expect.stringContaining('The migration 4 was applied to this database but is no longer in the folder'),
      expect.stringContaining('supabase/migrations/3_b.sql was changed after it had been applied'),
      'supabase/migrations/1_late.sql is older than migrations that were applied before it.',
      expect.stringContaining('supabase/seed.sql was changed after it had been applied'),
    ],
  });
});

test('a file that is still empty waits until something is in it', async () => {
  const { apply, write } = await setUp({ 'migrations/1_new.sql': '-- to be written\n' });
  expect((await apply()).ran).toEqual([]);
  await write({ 'migrations/1_new.sql': 'create table a ()' });
  expect((await apply()).ran).toEqual(['supabase/migrations/1_new.sql']);
});

test('each file begins as postgres would, whatever the one before it has set', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_a.sql': `
      select pg_catalog.set_config('search_path', '', false);
      set statement_timeout = 5000;
      set session_replication_role = replica;
      set role service_role;`,
    'migrations/2_b.sql': `
      create table seen as select current_user::text as who, session_user::text as session,
        current_setting('search_path') as path, current_setting('statement_timeout') as timeout,
        current_setting('session_replication_role') as replication`,
  });
  await apply();
  expect(await rows('select * from seen')).toEqual([
    {
      who: 'postgres',
      session: 'postgres',
      path: '"$user",public,extensions',
      timeout: '0',
      replication: 'origin',
    },
  ]);
});

test.each([
  [
    'a column that is not there',
    'create table a (id int);\n-- ümlaut 🙂\n\ninsert into a (idd)\n  values (1);\n',
    'supabase/migrations/1_bad.sql, line 4: column "idd" of relation "a" does not exist (42703)\n  insert into a (idd)\n                 ^\n  Nothing of this file was applied.',
  ],
  [
    'a rule that is broken, for which PostgreSQL names no place',
    'create table a (id int check (id > 0));\n\ninsert into a\nvalues (0);',
    'line 3: new row for relation "a" violates check constraint "a_id_check" (23514)\n  insert into a\n  Failing row contains (0).',
  ],
  [
    'an error in a function',
    "create table a ();\ndo $$\nbegin\n  raise exception 'no';\nend $$;",
    'line 2: no (P0001)\n  do $$\n  PL/pgSQL function inline_code_block line 3 at RAISE',
  ],
  [
    'a long line',
    `create table a (id int);\nselect '${'x'.repeat(500)}', nothing from a;`,
    `${'x'.repeat(30)}', nothing from a;\n`,
  ],
  [
    'a syntax error',
    'create table a ();\ncreate tabel b ();',
    'line 2: syntax error at or near "tabel" (42601)',
  ],
  ['a quote that nothing closes', "create table a ();\nselect 'x;\n", 'line 2: unterminated quoted string'],
])('%s is named with its line, and nothing of the file stays', async (_name, text, message) => {
  const { apply, rows } = await setUp({ 'migrations/1_bad.sql': text }, 'shared');
  await expect(apply()).rejects.toThrow(message);
  expect(await rows(exists('a'))).toEqual([{ there: false }]);
});

test('a file that has failed is tried again', async () => {
  const { apply, write } = await setUp({ 'migrations/1_a.sql': 'create tabel a ()' });
  await expect(apply()).rejects.toThrow('syntax error');
  await write({ 'migrations/1_a.sql': 'create table a ()' });
  expect((await apply()).ran).toEqual(['supabase/migrations/1_a.sql']);
});

test.each([
  ['\\restrict abc\nselect 1;', 'Commands of psql cannot run here; take the line out.'],
  [
    'create table a (n int);\ncopy a from stdin;\n1\n\\.\n',
    expect.stringContaining('write it as insert statements'),
  ],
])('what only psql can read is said to be so', async (text, hint) => {
  const { apply } = await setUp({ 'seed.sql': text }, 'shared');
  await expect(apply()).rejects.toMatchObject({
    message: expect.stringContaining('supabase/seed.sql, line '),
    hint,
  });
});

test('a file may begin and commit by itself; what it has committed stays', async () => {
  const { apply, rows, write } = await setUp({
    'migrations/1_a.sql': 'begin;\ncreate table a ();\ncommit;\n\ncreate table b ();\nselect nothing;',
  });
  await expect(apply()).rejects.toThrow('What stands before line 4 was applied.');
  expect(await rows(exists('a'))).toEqual([{ there: true }]);
  expect(await rows(exists('b'))).toEqual([{ there: false }]);
  await write({
    'migrations/1_a.sql': 'create table c ();\nrollback;\ncreate table d ();',
  });
  await apply();
  expect(await rows("select tablename, tableowner from pg_tables where tablename in ('c', 'd')")).toEqual([
    { tablename: 'd', tableowner: 'postgres' },
  ]);
});

test('a new value of an enum is used behind a commit', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_a.sql': "create type mood as enum ('good'); create table a (mood mood);",
    'migrations/2_b.sql': "alter type mood add value 'better'; commit; insert into a values ('better');",
  });
  await apply();
  expect(await rows('select mood from a')).toEqual([{ mood: 'better' }]);
});

test('an index is made concurrently, outside of a transaction', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_a.sql': 'create table a (id int);',
    'migrations/2_b.sql':
      'create unique index concurrently a_id on a (id);\nvacuum a;\ncreate table b ();\ndrop index concurrently a_id;\nselect 1/0',
  });
  await expect(apply()).rejects.toThrow(
    'line 5: division by zero (22012)\n  select 1/0\n  What stands before line 5 was applied.',
  );
  expect(await rows(exists('b'))).toEqual([{ there: true }]);
});

test('what Supabase lets postgres do beyond its rights is done; what it does not is refused', async () => {
  const { apply, rows, write } = await setUp({
    'migrations/1_a.sql': `
      create extension if not exists postgres_fdw with schema extensions;
      create extension "fuzzystrmatch" schema extensions;
      comment on extension postgres_fdw is 'x';
      create server elsewhere foreign data wrapper postgres_fdw;
      create function noop() returns event_trigger language plpgsql as 'begin end';
      create event trigger noop on ddl_command_end execute function noop();
      create publication everything for all tables;
      drop publication everything;
      drop event trigger noop;
      drop extension fuzzystrmatch;
      create policy open on storage.objects for select using (true);
      alter table auth.users add column nickname text;
      create role app with login; grant anon to app; grant app to authenticator;
      comment on schema public is 'standard public schema'`,
  });
  await apply();
  expect(
    await rows('select extname from pg_extension where extname in ($$postgres_fdw$$, $$fuzzystrmatch$$)'),
  ).toEqual([{ extname: 'postgres_fdw' }]);
  await write({ 'migrations/2_b.sql': "copy pg_class to program 'cat'" });
  await expect(apply()).rejects.toThrow(/permission denied to COPY to or from an external program/);
  await rows('drop owned by app; drop role app');
});

const VECTORS = `
create extension if not exists vector with schema extensions;
create table documents (id bigserial primary key, embedding extensions.vector(3));
create table notes (id int primary key, body text);
alter table notes add column embedding vector(3);
create index on documents using hnsw (embedding vector_cosine_ops);
create index on notes using ivfflat (embedding vector_cosine_ops);
alter table documents enable row level security;
create policy "Everyone" on documents using (true);
create table chunks (id int primary key, document_id bigint references documents);
create function match(query vector(3)) returns setof documents language sql as 'select * from documents';
grant execute on function match(vector) to anon;
create view overview as select documents.id from documents;
alter publication supabase_realtime add table documents;
select setval('documents_id_seq', 10);
insert into notes (id, body) values (1, 'kept');
`;

test('what needs a missing extension is left out and listed; what does not goes on', async () => {
  const { apply, rows, write } = await setUp({
    'migrations/1_a.sql': VECTORS,
    'seed.sql': 'insert into documents default values',
  });
  const warning =
    'This PostgreSQL has no extension vector; what needs it was left out: supabase/migrations/1_a.sql, lines 2, 3, 5, 6, 7 and 8 more; supabase/seed.sql, line 1.';
  expect(await apply()).toEqual({
    ran: ['supabase/migrations/1_a.sql', 'supabase/seed.sql'],
    warnings: [warning],
  });
  expect(await rows('select * from notes')).toEqual([{ id: 1, body: 'kept' }]);
  expect(await rows('select line, makes from aura.left_out order by id limit 5')).toEqual([
    { line: 2, makes: [] },
    { line: 3, makes: ['documents'] },
    { line: 5, makes: ['embedding'] },
    { line: 6, makes: [] },
    { line: 7, makes: [] },
  ]);
  // a later start knows of it still, and so does a later file
  expect((await apply()).warnings).toEqual([warning]);
  await write({
    'migrations/2_b.sql': 'create table votes (document bigint references documents); create table kept ()',
  });
  expect((await apply()).warnings).toEqual([
    warning.replace(/\.$/, '; supabase/migrations/2_b.sql, line 1.'),
  ]);
  expect(await rows(exists('kept'))).toEqual([{ there: true }]);
});

test('a mistake is still an error where an extension is missing', async () => {
  const { apply, write } = await setUp(
    { 'migrations/1_a.sql': `${VECTORS}\nselect * from documnets;` },
    'shared',
  );
  await expect(apply()).rejects.toThrow(
    /1_a\.sql, line 18: relation "documnets" does not exist \(42P01\).*This PostgreSQL has no extension vector; what needs it was left out/s,
  );
  await write({ 'migrations/1_a.sql': `${VECTORS}\ninsert into notes (id) values (1);` });
  await expect(apply()).rejects.toThrow('duplicate key value violates unique constraint "notes_pkey"');
});

test('an extension is known by what it provides, or by its own name', async () => {
  const cases: readonly (readonly [extension: string, statement: string])[] = [
    ['pg_net', 'select net.http_post(url := $$http://localhost$$)'],
    [
      'pg_net',
      'create trigger hook after insert on kept for each row execute function supabase_functions.http_request($$x$$)',
    ],
    ['pg_cron', "select cron.schedule('x', '* * * * *', 'select 1')"],
    ['pg_cron', 'grant usage on schema cron to postgres'],
    ['pg_graphql', 'drop extension pg_graphql'],
    ['pg_graphql', "comment on extension pg_graphql is 'x'"],
    ['pgmq', "select pgmq.create('jobs')"],
    ['postgis', 'create table places (at geography(point, 4326))'],
    ['postgis', 'create table places (at extensions.geometry)'],
    ['pg_jsonschema', "alter table kept add constraint c check (jsonb_matches_schema('{}', '{}'))"],
    ['plv8', 'create function f() returns int language plv8 as $$ return 1 $$'],
    ['pgaudit', 'create extension pgaudit; grant execute on function pgaudit_ddl_command_end() to anon'],
    ['my-own', 'create extension if not exists "my-own"; drop extension if exists another'],
  ];
  const scripts = cases.map(([, statement], index) => [
    `migrations/${10 + index}_case.sql`,
    `${statement}; create table after_${10 + index} ()`,
  ]);
  const { apply, rows } = await setUp({
    'migrations/00_kept.sql': 'create table kept ()',
    ...Object.fromEntries(scripts),
  });
  await apply();
  expect(
    await rows('select script, extension from aura.left_out group by script, extension order by script'),
  ).toEqual(
    cases.map(([extension], index) => ({ script: `supabase/migrations/${10 + index}_case.sql`, extension })),
  );
  expect(await rows("select count(*)::int as n from pg_class where relname ~ '^after_[0-9]+$'")).toEqual([
    { n: cases.length },
  ]);
});

test('an extension that has come since is said to be there', async () => {
  const { apply, rows } = await setUp({ 'migrations/1_a.sql': 'select 1' });
  await apply();
  await rows(
    "insert into aura.left_out (script, line, extension, statement, makes) values ('supabase/migrations/1_a.sql', 1, 'hstore', 'create extension hstore', '{}')",
  );
  expect((await apply()).warnings).toEqual([
    'The extension hstore is there now; what was left out when it was not is still missing (supabase/migrations/1_a.sql, line 1). Start with an empty database to have it run.',
  ]);
});

test('a statement that is left out moves no sequence', async () => {
  const { apply, rows } = await setUp({
    'migrations/1_a.sql':
      'create table a (id serial primary key); create table b (a int references a); create table documents (v vector(3))',
    'seed.sql':
      'insert into a default values; insert into documents values (null); insert into a default values; insert into b values (1), (2)',
  });
  await apply();
  expect(await rows('select a from b order by a')).toEqual([{ a: 1 }, { a: 2 }]);
});
