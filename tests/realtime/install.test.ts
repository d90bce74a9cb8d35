/** Capture comes with a project: its migrations may publish tables, and what is written to those is logged. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Connection, openConnection } from '../../server/execute/connection.ts';
import { type ApplyOutcome, applyProject } from '../../server/project/apply.ts';
import { loadProject } from '../../server/project/folder.ts';
import { withLogin } from '../../server/project/roles.ts';
import { createDatabase } from '../support/database.ts';
import { makeFolder, writeFiles } from '../support/folder.ts';

const MIGRATIONS = {
  'sql/0001_notes.sql': 'create table notes (id int primary key); alter publication aura add table notes',
  'seed.sql': 'insert into notes values (1)',
};

interface Bench {
  readonly connection: Connection;
  readonly uri: string;
  readonly apply: (connection: Connection) => Promise<ApplyOutcome>;
}

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
    connection,
    uri: database.uri,
    apply: async (as) => applyProject(as, await loadProject(folder)),
  };
};

const logged = (connection: Connection): Promise<readonly unknown[]> =>
  connection.query(
    'select relation::regclass::text, operation, key from realtime.changes where key is not null',
  );

test('what a migration publishes is captured, the seed included', async () => {
  const { connection, apply } = await setUp(MIGRATIONS);
  expect((await apply(connection)).warnings).toEqual([]);
  expect(await logged(connection)).toEqual([{ relation: 'notes', operation: 'insert', key: { id: 1 } }]);
  expect(await apply(connection)).toEqual({ ran: [], warnings: [] });
  expect(
    await connection.query(
      `select has_function_privilege('authenticator', 'realtime.changes_since(pg_snapshot, oid[], oid[])', 'execute') as reads,
         has_table_privilege('authenticator', 'realtime.changes', 'select') as selects,
         has_table_privilege('anon', 'realtime.changes', 'select') as anon`,
    ),
  ).toEqual([{ reads: true, selects: false, anon: false }]);
});

test('without event triggers the publication is followed after the migrations', async () => {
  const { connection, apply } = await setUp(MIGRATIONS);
  await apply(connection);
  await connection.query(
    'drop event trigger aura_capture; drop table notes; delete from aura.migrations where name !~ $$^aura:$$',
  );
  await apply(connection);
  await connection.query('insert into notes values (2)');
  expect((await logged(connection)).at(-1)).toEqual({
    relation: 'notes',
    operation: 'insert',
    key: { id: 2 },
  });
});

test('a login that may not install it is told so, and its project is applied', async () => {
  const bench = await setUp({ 'sql/0001_a.sql': 'create table a (id int primary key)' });
  const name = `aura_test_capture_${process.pid}`;
  await bench.connection.query(`create role ${name} login password 'pw'`);
  onTestFinished(async () => void (await bench.connection.query(`drop owned by ${name}; drop role ${name}`)));
  await bench.connection.query(
    `do $$ begin execute format('grant all on database %I to ${name}', current_database()); end $$; grant all on schema public to ${name}`,
  );
  const owner = await openConnection(withLogin(bench.uri, name, 'pw'));
  onTestFinished(() => owner.close());
  const outcome = await bench.apply(owner);
  expect(outcome.ran).toEqual(['sql/0001_a.sql']);
  expect(outcome.warnings).toEqual([
    expect.stringMatching(
      /^Changes of tables are not captured, since .* (?:permission denied|must have admin option) .*capture\.sql/,
    ),
  ]);
  expect(await owner.query("select from pg_namespace where nspname = 'realtime'")).toEqual([]);
});
