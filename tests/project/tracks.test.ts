/** The example project: what its documentation promises holds in the database itself. */
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadTracks, people } from '../support/tracks.ts';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createDatabase(await loadTracks());
  client = new pg.Client(database.authenticatorUri);
  await client.connect();
});

afterAll(async () => {
  await client.end();
  await database.close();
});

/** Runs SQL as a person, or as anon, and takes it back. */
const as = async (person: keyof typeof people | 'anon', text: string): Promise<Record<string, unknown>[]> => {
  await client.query('begin');
  try {
    if (person === 'anon') {
      await client.query('set local role anon');
    } else {
      const claims = JSON.stringify({ role: 'authenticated', sub: people[person] });
      await client.query("select set_config('request.jwt.claims', $1, true)", [claims]);
      await client.query('set local role authenticated');
    }
    return (await client.query(text)).rows;
  } finally {
    await client.query('rollback');
  }
};

const none = async (text: string): Promise<void> => expect((await database.query(text)).rows).toEqual([]);

test('every table has Row-Level Security, and every view asks as the caller', () =>
  none(`
    select relname from pg_class
    where relnamespace = 'public'::regnamespace
      and not (
        relkind in ('r', 'p') and relrowsecurity
        or relkind = 'v' and coalesce('security_invoker=true' = any (reloptions), false)
        or relkind in ('i', 'S')
      )`));

test('everything public carries a comment', () =>
  none(`
    select 'relation ' || relname as missing from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and obj_description(oid, 'pg_class') is null
    union all
    select 'column ' || attrelid::regclass || '.' || attname from pg_attribute
    where attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v'))
      and attnum > 0 and not attisdropped and attname <> 'id' and col_description(attrelid, attnum) is null
    union all
    select 'function ' || oid::regprocedure from pg_proc
    where pronamespace = 'public'::regnamespace and obj_description(oid, 'pg_proc') is null
    union all
    select 'type ' || oid::regtype from pg_type
    where typnamespace = 'public'::regnamespace and typtype in ('e', 'd') and obj_description(oid, 'pg_type') is null`));

test("every foreign key's first column begins an index", () =>
  none(`
    select conname from pg_constraint as key
    where contype = 'f' and connamespace = 'public'::regnamespace
      and not exists (
        select from pg_index as index
        where index.indrelid = key.conrelid and index.indkey[0] = key.conkey[1]
      )`));

test('every organization_id that policies compare has an index that begins with it', () =>
  none(`
    select attrelid::regclass::text as relation from pg_attribute
    join pg_class on pg_class.oid = attrelid
    where relnamespace = 'public'::regnamespace and relkind = 'r' and attname = 'organization_id'
      and not exists (select from pg_index where indrelid = attrelid and indkey[0] = attnum)`));

test('nobody but the roles of the API may run its functions', () =>
  none(`
    select oid::regprocedure::text as routine from pg_proc
    where pronamespace in ('public'::regnamespace, 'app'::regnamespace)
      and exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)`));

test('tens of thousands of rows, the same every time', async () => {
  const { rows } = await database.query(`
    select
      (select count(*)::int from tasks) as tasks,
      (select count(*)::int from comments) as comments,
      (select md5(string_agg(title || status || coalesce(due_on::text, ''), '' order by id)) from tasks) as titles`);
  expect(rows).toMatchInlineSnapshot(`
    [
      {
        "comments": 25250,
        "tasks": 12499,
        "titles": "91b24651309e845b359274100ca790e8",
      },
    ]
  `);
});

test('a visitor sees what is published and nothing else', async () => {
  expect(await as('anon', 'select slug from organizations')).toEqual([{ slug: 'lighthouse' }]);
  expect(await as('anon', "select count(*)::int as n from projects where visibility <> 'public'")).toEqual([
    { n: 0 },
  ]);
  const [row] = await as(
    'anon',
    'select count(*)::int as n, count(*) filter (where published_at is null)::int as drafts from updates',
  );
  expect(row?.['n']).toBeGreaterThan(10);
  expect(row?.['drafts']).toBe(0);
  for (const table of ['tasks', 'people', 'memberships', 'comments', 'preferences']) {
    await expect(as('anon', `select from ${table}`)).rejects.toThrow('permission denied');
  }
  await expect(
    as('anon', "insert into projects (organization_id, key, name) values (1, 'XX', 'x')"),
  ).rejects.toThrow('permission denied');
});

test('members see their own organization only', async () => {
  const count = async (person: 'jonas' | 'priya') =>
    (
      await as(person, 'select array_agg(distinct organization_id) as tenants, count(*)::int as n from tasks')
    )[0];
  expect(await count('jonas')).toMatchObject({ tenants: ['1'] });
  expect(await count('priya')).toMatchObject({ tenants: ['2'] });
  expect(await as('priya', "select from people where handle = 'jonas'")).toEqual([]);
  expect(await as('jonas', 'select person_id from preferences')).toEqual([{ person_id: people.jonas }]);
});

test('what a member writes carries organization, number and author by itself', async () => {
  expect(
    await as(
      'jonas',
      "insert into tasks (project_id, title) values (1, 'Say hello') returning organization_id, reporter_id, reference(tasks)",
    ),
  ).toEqual([
    { organization_id: '1', reporter_id: people.jonas, reference: expect.stringMatching(/^WEB-\d+$/) },
  ]);
  expect(
    await as(
      'jonas',
      "insert into comments (task_id, body) values (1, 'Hello') returning organization_id, author_id",
    ),
  ).toEqual([{ organization_id: '1', author_id: people.jonas }]);
});

test.each([
  ["insert into tasks (project_id, title) values (15, 'in another organization')", 'row-level security'],
  [
    "insert into comments (task_id, body, author_id) values (1, 'as Mira', '00000000-0000-4000-8000-000000000001')",
    'row-level security',
  ],
  [
    "insert into memberships (organization_id, person_id, role) values (2, '00000000-0000-4000-8000-000000000002', 'owner')",
    'row-level security',
  ],
  [
    "insert into projects (organization_id, key, name) values (1, 'XX', 'as a mere member')",
    'row-level security',
  ],
  ['update tasks set reporter_id = null where id = 1', 'permission denied'],
  ["select move_task(9999999, 'done')", 'There is no task 9999999 that you may move'],
])('a member may not: %s', async (text, message) => {
  await expect(as('jonas', text)).rejects.toThrow(message);
});

test('an owner may do what a member may not', async () => {
  const text = "insert into projects (organization_id, key, name) values (1, 'XX', 'New') returning key";
  expect(await as('mira', text)).toEqual([{ key: 'XX' }]);
  const role =
    "update memberships set role = 'admin' where organization_id = 1 and person_id = '00000000-0000-4000-8000-000000000002' returning role";
  expect(await as('mira', role)).toEqual([{ role: 'admin' }]);
  expect(await as('jonas', role)).toEqual([]);
});

test('functions, computed columns and computed relationships answer as the caller', async () => {
  const [found] = await as(
    'jonas',
    'select count(*)::int as n, bool_and(organization_id = 1) as own from search_tasks(\'"login form" -fix\')',
  );
  expect(found).toEqual({ n: expect.any(Number), own: true });
  expect(found?.['n']).toBeGreaterThan(10);
  expect(await as('priya', 'select * from workload(1)')).toEqual([]);
  expect((await as('jonas', 'select * from workload(1)')).length).toBeGreaterThan(20);
  const [task] = await as(
    'jonas',
    'select is_overdue(tasks) as overdue, (latest_comment(tasks)).body from tasks where id = 1',
  );
  expect(task).toEqual({ overdue: expect.any(Boolean), body: expect.any(String) });
  expect(
    (await as('jonas', "select teammates(people) from people where handle = 'jonas'")).length,
  ).toBeGreaterThan(20);
  expect(
    await as('priya', 'select project_id from project_progress where organization_id = 1 and tasks > 0'),
  ).toEqual([]);
});

test('who makes an organization owns it', async () => {
  const made = "with made as (select * from create_organization('mine', 'Mine')) select slug, plan from made";
  expect(await as('jonas', made)).toEqual([{ slug: 'mine', plan: 'free' }]);
});
