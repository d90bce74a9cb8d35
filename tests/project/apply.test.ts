import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { type Connection, openConnection } from '../../server/execute/connection.ts';
import { type ApplyOutcome, applyProject } from '../../server/project/apply.ts';
import { loadProject } from '../../server/project/folder.ts';
import { withLogin } from '../../server/project/roles.ts';
import { createDatabase } from '../support/database.ts';
import { makeFolder, writeFiles } from '../support/folder.ts';

interface Bench {
  readonly folder: string;
  readonly uri: string;
  readonly connection: Connection;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  apply(): Promise<ApplyOutcome>;
  rows(text: string): Promise<readonly unknown[]>;
}

/** A project folder beside an empty database. */
const setUp = async (files: Readonly<Record<string, string>>): Promise<Bench> => {
  const [folder, database] = await Promise.all([makeFolder(), createDatabase()]);
  const connection = await openConnection(database.uri);
  onTestFinished(async () => {
    await connection.close();
    await database.close();
  });
  await mkdir(join(folder, 'sql'));
  await writeFiles(folder, files);
  return {
    folder,
    uri: database.uri,
    connection,
    write: (more) => writeFiles(folder, more),
    apply: async () => applyProject(connection, await loadProject(folder)),
    rows: (text) => connection.query(text),
  };
};

test('migrations run once, in the order of their names, and each is recorded', async () => {
  const { apply, rows } = await setUp({
    'sql/0002_second.sql': 'insert into log values (2)',
    'sql/0001_first.sql': 'create table log (n int); insert into log values (1)',
    'sql/0010_third.sql': 'insert into log values (10)',
    'sql/README.md': 'not SQL',
  });
  expect((await apply()).ran).toEqual(['sql/0001_first.sql', 'sql/0002_second.sql', 'sql/0010_third.sql']);
  expect((await apply()).ran).toEqual([]);
  expect(await rows('select array_agg(n order by n) as ran from log')).toEqual([{ ran: [1, 2, 10] }]);
  expect(
    await rows(
      "select name, length(checksum) as hex from aura.migrations where name like 'sql/%' order by name",
    ),
  ).toEqual([
    { name: 'sql/0001_first.sql', hex: 64 },
    { name: 'sql/0002_second.sql', hex: 64 },
    { name: 'sql/0010_third.sql', hex: 64 },
  ]);
});

test('a migration that fails names its file, line and place, and leaves nothing of itself', async () => {
  const bench = await setUp({
    'sql/0001_good.sql': 'create table good (id int)',
    'sql/0002_bad.sql': 'create table bad (id int);\n-- ümlaut 🙂\ninsert into bad (idd) values (1);\n',
  });
  await expect(bench.apply()).rejects.toThrow(
    [
      'sql/0002_bad.sql, line 3: column "idd" of relation "bad" does not exist (42703)',
      '  insert into bad (idd) values (1);',
      '                   ^',
      '  Nothing of this file was applied.',
    ].join('\n'),
  );
  expect(
    await bench.rows("select to_regclass('good')::text as good, to_regclass('bad')::text as bad"),
  ).toEqual([{ good: 'good', bad: null }]);
  await bench.write({ 'sql/0002_bad.sql': 'create table bad (id int)' });
  expect((await bench.apply()).ran).toEqual(['sql/0002_bad.sql']);
});

test('a migration that was changed after it ran is refused with what to do', async () => {
  const bench = await setUp({ 'sql/0001_first.sql': 'create table a (id int)' });
  await bench.apply();
  await bench.write({
    'sql/0001_first.sql': 'create table a (id bigint)',
    'sql/0002_second.sql': 'create table b ()',
  });
  await expect(bench.apply()).rejects.toMatchObject({
    message: expect.stringContaining('sql/0001_first.sql was changed after it had been applied (on '),
    hint: expect.stringContaining('as a new file'),
  });
  expect(await bench.rows("select to_regclass('b')::text as b")).toEqual([{ b: null }]);
});

test('policies run again when one of them changed or a migration came, and only then', async () => {
  const bench = await setUp({
    'sql/0001_log.sql': 'create table log (n int)',
    'policies/10_a.sql': 'insert into log values (1)',
    'policies/20_b.sql': 'insert into log values (2)',
  });
  const both = ['policies/10_a.sql', 'policies/20_b.sql'];
  expect((await bench.apply()).ran).toEqual(['sql/0001_log.sql', ...both]);
  expect((await bench.apply()).ran).toEqual([]);
  await bench.write({ 'policies/20_b.sql': 'insert into log values (3)' });
  expect((await bench.apply()).ran).toEqual(both);
  await bench.write({ 'sql/0002_table.sql': 'create table other ()' });
  expect((await bench.apply()).ran).toEqual(['sql/0002_table.sql', ...both]);
});

test('policies are applied together or not at all', async () => {
  const bench = await setUp({
    'sql/0001_log.sql': 'create table log (n int)',
    'policies/10_a.sql': 'insert into log values (1)',
    'policies/20_b.sql': 'insert into nowhere values (2)',
  });
  await expect(bench.apply()).rejects.toThrow('policies/20_b.sql, line 1: relation "nowhere" does not exist');
  expect(await bench.rows('select n from log')).toEqual([]);
});

test('the seed runs once, after everything else, and a later change is mentioned', async () => {
  const bench = await setUp({
    'sql/0001_log.sql': 'create table log (n int)',
    'policies/10_a.sql': 'alter table log add column if not exists late int default 5',
    'seed.sql': 'insert into log values (1)',
  });
  expect((await bench.apply()).ran.at(-1)).toBe('seed.sql');
  await bench.write({ 'seed.sql': 'insert into log values (2)' });
  expect(await bench.apply()).toEqual({
    ran: [],
    warnings: [expect.stringContaining('seed.sql changed, but it runs only once')],
  });
  expect(await bench.rows('select n, late from log')).toEqual([{ n: 1, late: 5 }]);
});

test('a file that was applied and is gone is mentioned, and hinders nothing', async () => {
  const bench = await setUp({ 'sql/0001_a.sql': 'create table a ()', 'sql/0002_b.sql': 'create table b ()' });
  await bench.apply();
  await rm(join(bench.folder, 'sql/0002_b.sql'));
  expect((await bench.apply()).warnings).toEqual([
    expect.stringContaining('sql/0002_b.sql was applied to this database'),
  ]);
});

test('a script that changes role or search path does not change those of the next one', async () => {
  const bench = await setUp({
    'sql/0001_a.sql': 'create schema other; set search_path = other; set role pg_read_all_data',
    'sql/0002_b.sql': 'create table here ()',
  });
  await bench.apply();
  expect(await bench.rows("select to_regclass('public.here')::text as here")).toEqual([{ here: 'here' }]);
});

test('two processes that start at once apply each migration once', async () => {
  const bench = await setUp({
    'sql/0001_log.sql': 'create table log (n int)',
    'sql/0002_slow.sql': 'select pg_sleep(0.2); insert into log values (1)',
  });
  const project = await loadProject(bench.folder);
  const other = await openConnection(bench.uri);
  try {
    const outcomes = await Promise.all([
      applyProject(bench.connection, project),
      applyProject(other, project),
    ]);
    expect(outcomes.map(({ ran }) => ran.length).sort()).toEqual([0, 2]);
  } finally {
    await other.close();
  }
  expect(await bench.rows('select count(*)::int as n from log')).toEqual([{ n: 1 }]);
});

test('a folder without aura.toml and sql/ is no project, and the message says how to name one', async () => {
  const folder = await makeFolder();
  await writeFile(join(folder, 'notes.txt'), '');
  await expect(loadProject(folder)).rejects.toMatchObject({
    message: expect.stringContaining(`There is no project in ${folder}`),
    hint: expect.stringContaining('--project-dir'),
  });
});

test('what runs a project is out of reach for the roles of the API', async () => {
  const bench = await setUp({ 'sql/0001_a.sql': 'create table a ()' });
  await bench.apply();
  await bench.rows('set role service_role');
  await expect(bench.rows('select * from aura.migrations')).rejects.toThrow(
    'permission denied for schema aura',
  );
});

test('a change of the schema by anybody is announced; temporary tables and data are not', async () => {
  const bench = await setUp({ 'sql/0001_a.sql': 'create table a (id int)' });
  await bench.apply();
  const listener = new pg.Client(bench.uri);
  await listener.connect();
  onTestFinished(() => listener.end());
  const told: string[] = [];
  listener.on('notification', ({ channel, payload }) => told.push(`${channel}: ${payload}`));
  await listener.query('listen aura');
  await listener.query('create temporary table t (id int); insert into a values (1)');
  expect(told).toEqual([]);
  for (const change of [
    'create table b ()',
    'comment on table a is $$x$$',
    'grant select on a to anon',
    'drop table b',
  ]) {
    await listener.query(change);
  }
  await listener.query('select 1');
  expect(told).toEqual(Array(4).fill('aura: reload schema'));
});

test('a login that may not make event triggers applies projects all the same', async () => {
  const bench = await setUp({ 'sql/0001_a.sql': 'create table a (id int)' });
  const name = `aura_test_owner_${process.pid}`;
  await bench.rows(`create role ${name} login password 'pw'`);
  // before the database goes: what the role owns is in there
  onTestFinished(async () => void (await bench.rows(`drop owned by ${name}; drop role ${name}`)));
  await bench.rows(
    `do $$ begin execute format('grant all on database %I to ${name}', current_database()); end $$; grant all on schema public to ${name}`,
  );
  const owner = await openConnection(withLogin(bench.uri, name, 'pw'));
  onTestFinished(() => owner.close());
  expect((await applyProject(owner, await loadProject(bench.folder))).ran).toEqual(['sql/0001_a.sql']);
  expect(await owner.query('select evtname from pg_event_trigger')).toEqual([]);
});
