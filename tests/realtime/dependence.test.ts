/** On what live queries depend is found out from PostgreSQL's own catalog: who may share one, and what has to be watched. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../../server/catalog/load.ts';
import type { Catalog } from '../../server/catalog/types.ts';
import { type Dependence, dependenceOf } from '../../server/realtime/dependence.ts';
import { createTableHolder, type Tables } from '../../server/realtime/tables.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const sqlFile = (name: string): string => readFileSync(new URL(`../../sql/${name}`, import.meta.url), 'utf8');

/** Conditions, and what they make of a live query: who asks does not matter, something unseen may change it. */
const CONDITIONS: readonly (readonly [condition: string, isClaimsFree: boolean, isOpaque: boolean])[] = [
  ['true', true, false],
  ['owner is not null and id between 3 and 7', true, false],
  [`owner in ('a', 'b') or lower(owner) = 'c'`, true, false],
  [`case when id = 1 then true else coalesce(owner = 'x', false) end`, true, false],
  ['id = any (array[1, 2])', true, false],
  [`owner = current_setting('request.jwt.claims', true)::json ->> 'sub'`, false, false],
  ['owner = current_user', false, false],
  ['at > now()', false, true],
  ['at > current_timestamp', false, true],
  ['owner = public.who()', false, true],
  ['public.same(owner) is not null', false, true],
  ['random() < 0.5', false, true],
  [`exists (select from member where who = current_setting('request.jwt.claims', true))`, false, false],
  ['exists (select from unwatched u where u.id = notes.id)', false, true],
  ['exists (select from members_view v where v.id = notes.id)', false, true],
  [`":funcid 1" is null and "{SUBLINK" is null and ":relid 5" is null`, true, false],
];

let database: TestDatabase;
let catalog: Catalog;
let tables: Tables;
let oids: Readonly<Record<string, number>>;
beforeAll(async () => {
  database = await createDatabase(`
    ${sqlFile('realtime/capture.sql')};
    create function who() returns text stable language sql as 'select null::text';
    create function same(text) returns text immutable language sql as 'select $1';
    create type mood as enum ('good', 'bad');
    create domain email as text;
    create table member (id int primary key, who text);
    create table secret (id int primary key, note_id int);
    create table unwatched (id int primary key);
    create view members_view as select * from member;
    create table notes (
      id int primary key, owner text, at timestamptz, mood mood, moods mood[],
      ":funcid 1" int, "{SUBLINK" int, ":relid 5" int
    );
    create table addressed (id int primary key, address email);
    create type shape as (a int);
    create table drawn (id int primary key, shape shape);
    alter table notes enable row level security;
    create role reader; create role writer in role reader;
    alter publication aura add table member, secret, notes, addressed, drawn;
  `);
  const client = new pg.Client(database.uri);
  await client.connect();
  catalog = await loadCatalog(
    async ({ text, values, settings }) => {
      for (const [name, value] of Object.entries(settings)) {
        await client.query('select set_config($1, $2, false)', [name, value]);
      }
      return (await client.query({ text, values: [...values], rowMode: 'array' })).rows;
    },
    { schemas: ['public'], extraSearchPath: [], hoistedSettings: [] },
  );
  await client.end();
  const { rows } = await database.query(`select json_object_agg(relname, oid::bigint) as oids from pg_class`);
  oids = rows[0]?.['oids'] as typeof oids;
});
afterAll(async () => {
  await database.close();
  const admin = await createDatabase('drop role writer; drop role reader');
  await admin.close();
});

const load = async (): Promise<void> => {
  const client = new pg.Client(database.uri);
  await client.connect();
  tables = await createTableHolder().of(catalog, async (...questions) => {
    let answer: (string | null)[][] = [];
    await client.query('begin');
    for (const { text, values } of questions) {
      answer = (await client.query({ text, values: [...(values ?? [])], rowMode: 'array' })).rows;
    }
    await client.query('commit');
    return answer;
  });
  await client.end();
};

const read = (name: string, role = 'anon'): Dependence =>
  dependenceOf(catalog, tables, role, {
    source: { kind: 'relation', name: { schema: 'public', name }, alias: null },
    ...{ select: [], where: [], order: [], outputs: [], children: [], attachment: null },
    range: { offset: 0, limit: null },
  });

const withPolicy = async (sql: string, work: () => void): Promise<void> => {
  await database.query(sql);
  await load();
  work();
  await database.query(`do $$ declare p record; begin
    for p in select * from pg_policies where schemaname = 'public' loop
      execute format('drop policy %I on %I', p.policyname, p.tablename);
    end loop;
  end $$`);
};

describe('a policy that says', () => {
  test.each(CONDITIONS)('%s', async (condition, isClaimsFree, isOpaque) => {
    await withPolicy(`create policy p on notes using (${condition})`, () => {
      expect(read('notes')).toMatchObject({ isClaimsFree, isOpaque });
    });
  });
});

test('policies of other roles and for writing do not count, those of roles above do', async () => {
  const policies = `
    create policy a on notes for insert with check (owner = who());
    create policy b on notes for select to reader using (owner = who());
  `;
  await withPolicy(policies, () => {
    expect(read('notes', 'anon')).toMatchObject({ isClaimsFree: true, isOpaque: false });
    expect(read('notes', 'reader')).toMatchObject({ isClaimsFree: false, isOpaque: true });
    expect(read('notes', 'writer')).toMatchObject({ isClaimsFree: false, isOpaque: true });
    expect(read('notes', 'service_role')).toMatchObject({ isClaimsFree: true, isOpaque: false });
  });
});

test('what policies read is watched, and what the policies of that read, too', async () => {
  const policies = `
    create policy a on notes using (exists (select from secret where note_id = notes.id));
    alter table secret enable row level security;
    create policy b on secret using (exists (select from member where member.id = secret.id));
    create policy c on member using (false);
  `;
  await withPolicy(policies, () => {
    const { relations, isSelfDependent } = read('notes');
    expect(relations).toEqual(new Set([oids['notes'], oids['secret'], oids['member']]));
    expect(isSelfDependent).toBe(false);
  });
});

test('what functions and views read is watched as far as their text tells, and is not trusted to be all', async () => {
  const policies = `
    create function is_member() returns bool stable language plpgsql as $$ begin return inner_one(); end $$;
    create function inner_one() returns bool stable language sql security definer as 'select exists (select from Member)';
    create function parsed() returns bool stable begin atomic select exists (select from secret); end;
    create policy a on notes using (is_member());
    create policy b on notes using ((select parsed()));
    create policy c on addressed using (exists (select from members_view));
    alter table addressed enable row level security;
  `;
  await withPolicy(policies, () => {
    const notes = read('notes');
    expect(notes.relations).toEqual(new Set([oids['notes'], oids['member'], oids['secret']]));
    expect(notes).toMatchObject({ isOpaque: true, isClaimsFree: false });
    expect(read('addressed').relations).toEqual(new Set([oids['addressed'], oids['member']]));
  });
});

test('types that others have made may look different to everyone, enums and domains of text do not', async () => {
  await load();
  expect(read('notes').isClaimsFree).toBe(true);
  expect(read('addressed').isClaimsFree).toBe(true);
  expect(read('drawn').isClaimsFree).toBe(false);
});
