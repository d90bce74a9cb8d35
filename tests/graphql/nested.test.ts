/** Inserts of several tables at once: objects hold those of related tables, and keys flow both ways. */
import { buildClientSchema, getIntrospectionQuery, validateSchema } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const SQL = `
create schema works;
comment on schema works is '@graphql({"inflect_names": true})';
create type works.job_state as enum ('to-do', 'done');
comment on type works.job_state is '@graphql({"mappings": {"to-do": "TODO", "done": "DONE"}})';
create table works.team (
  id bigint generated always as identity (start with 9007199254740993) primary key,
  name text not null unique,
  motto text default 'work'
);
create table works.budget (team_id bigint primary key references works.team, amount numeric not null);
create table works.job (
  id uuid primary key default gen_random_uuid(),
  team_id bigint not null references works.team,
  parent_id uuid references works.job,
  title text not null check (title <> ''),
  rank int not null default 7,
  state works.job_state not null default 'to-do',
  tags text[],
  meta jsonb,
  "#note" text,
  job text,
  secret text
);
create function works.shout(works.job) returns text language sql immutable as $$ select upper($1.title) $$;
create table works.step (
  job_id uuid not null references works.job,
  number int not null,
  note text default 'none',
  unique (job_id, number),
  id serial primary key
);
create table works.label (name text primary key, color text not null default 'grey');
create table works.job_label (
  job_id uuid references works.job,
  label_name text references works.label,
  primary key (job_id, label_name)
);
create table works.closed (id int primary key, team_id bigint references works.team);
alter table works.team enable row level security;
alter table works.job enable row level security;
create policy seen on works.team for select using (true);
create policy made on works.team for insert with check (name not like 'forbidden%');
create policy changed on works.team for update using (true) with check (name not like 'forbidden%');
create policy seen on works.job for select using (true);
create policy made on works.job for insert
  with check (exists (select 1 from works.team t where t.id = team_id and t.name not like 'locked%'));
create policy changed on works.job for update using (true);
grant usage on schema works to authenticated;
grant select, insert, update on all tables in schema works to authenticated;
grant usage on all sequences in schema works to authenticated;
revoke insert on works.closed from authenticated;
revoke insert on works.job from authenticated;
grant insert (id, team_id, parent_id, title, rank, state, tags, meta, "#note", job) on works.job to authenticated;
insert into works.label values ('known', 'red');
`;

let database: TestDatabase;
let api: Api;
let committing: Api;
let strict: Api;
beforeAll(async () => {
  database = await createDatabase(SQL);
  const settings = { 'db-schemas': 'works', 'rest-prefix': '/', 'graphql-extensions': true };
  const rolledBack = { ...settings, 'db-tx-end': 'rollback' };
  api = await startApi(database, {
    ...rolledBack,
    'db-max-embed-depth': 5,
    'db-max-nested-objects': 50,
    'graphql-introspection': '*',
  });
  committing = await startApi(database, settings);
  strict = await startApi(database, { ...rolledBack, 'require-rls': 'enforce' });
});
afterAll(async () => {
  await api.close();
  await committing.close();
  await strict.close();
  await database.close();
});

const send = async (query: string, variables: unknown = {}, to: Api = api) =>
  to.request('POST', '/graphql/v1', { as: 'authenticated', body: { query, variables } });
const data = async (query: string, variables: unknown = {}, to: Api = api) => {
  const { json } = await send(query, variables, to);
  expect(json.errors).toBeUndefined();
  return json.data;
};
const refusal = async (query: string, variables: unknown = {}, to: Api = api) => {
  const { json, status } = await send(query, variables, to);
  expect(status).toBe(200);
  expect(json.data ?? null).toBeNull();
  return json.errors[0];
};

const TEAMS = (shown: string, more = '') =>
  `mutation T($objects: [TeamInsertInput!]!) { insertIntoTeamCollection(objects: $objects${more}) { affectedCount records { ${shown} } } }`;
const JOBS = (shown: string, more = '') =>
  `mutation J($objects: [JobInsertInput!]!) { insertIntoJobCollection(objects: $objects${more}) { affectedCount records { ${shown} } } }`;

const nodes = (connection: { edges: { node: unknown }[] }) => connection.edges.map(({ node }) => node);

describe('what is written', () => {
  test('rows below rows below rows, with the keys and defaults that PostgreSQL makes', async () => {
    const { insertIntoTeamCollection } = await data(
      TEAMS(`id name motto budget { amount }
        jobCollection(orderBy: [{ title: AscNullsLast }]) { edges { node { teamId title rank state shout tags meta
          stepCollection(orderBy: [{ number: AscNullsLast }]) { edges { node { number note job { title } } } } } } }`),
      {
        objects: [
          {
            name: 'a',
            budget: { amount: '12345678901234567890.5' },
            jobCollection: [
              {
                title: 'one',
                tags: ['x', 'y "z"'],
                meta: '{"a": [1.10]}',
                stepCollection: [{ number: 1 }, { number: 2, note: null }],
              },
              { title: 'two', rank: 1, state: 'DONE', stepCollection: [] },
            ],
          },
          { name: 'b', motto: null, jobCollection: [] },
        ],
      },
    );
    const [first, second] = insertIntoTeamCollection.records;
    expect(insertIntoTeamCollection.affectedCount).toBe(2);
    expect(BigInt(first.id)).toBeGreaterThanOrEqual(9007199254740993n);
    expect(first).toMatchObject({ name: 'a', motto: 'work', budget: { amount: '12345678901234567890.5' } });
    expect(nodes(first.jobCollection)).toMatchObject([
      {
        teamId: first.id,
        title: 'one',
        rank: 7,
        state: 'TODO',
        shout: 'ONE',
        tags: ['x', 'y "z"'],
        meta: '{"a": [1.10]}',
      },
      { title: 'two', rank: 1, state: 'DONE', tags: null },
    ]);
    const [one] = nodes(first.jobCollection) as [{ stepCollection: { edges: { node: unknown }[] } }];
    expect(nodes(one.stepCollection)).toEqual([
      { number: 1, note: 'none', job: { title: 'one' } },
      { number: 2, note: null, job: { title: 'one' } },
    ]);
    expect(second).toMatchObject({ name: 'b', motto: null, budget: null, jobCollection: { edges: [] } });
  });

  test('rows that a row refers to before it, its own kind among them', async () => {
    const { insertIntoJobCollection } = await data(
      JOBS('title team { name } parent { title team { name } parent { title } } shout'),
      {
        objects: [
          {
            title: 'child',
            team: { name: 'x' },
            parent: { title: 'above', team: { name: 'y' }, parent: null },
          },
          { title: 'alone', team: { name: 'z' } },
        ],
      },
    );
    expect(insertIntoJobCollection.records).toEqual([
      {
        title: 'child',
        team: { name: 'x' },
        parent: { title: 'above', team: { name: 'y' }, parent: null },
        shout: 'CHILD',
      },
      { title: 'alone', team: { name: 'z' }, parent: null, shout: 'ALONE' },
    ]);
  });

  test('through a junction, to rows that are there and rows that are not', async () => {
    const { insertIntoJobCollection } = await data(
      JOBS('jobLabelCollection { edges { node { label { name color } } } }'),
      {
        objects: [
          {
            title: 'labelled',
            team: { name: 'x' },
            jobLabelCollection: [{ label: { name: 'known' } }, { label: { name: 'new' } }],
          },
        ],
      },
    );
    expect(nodes(insertIntoJobCollection.records[0].jobLabelCollection)).toEqual([
      { label: { name: 'known', color: 'red' } },
      { label: { name: 'new', color: 'grey' } },
    ]);
  });

  test('the values of a document as those of variables, and a list of one as its item', async () => {
    const query = `mutation N($title: String!, $steps: [StepInsertInput!], $team: TeamInsertInput) {
      insertIntoJobCollection(objects: [{ title: $title, stepCollection: $steps, team: $team, jobLabelCollection: { label: { name: "known" } } }]) {
        records { title team { name } stepCollection { edges { node { number } } } jobLabelCollection { edges { node { labelName } } } }
      }
    }`;
    const made = await data(query, { title: 't', steps: [{ number: 3 }], team: { name: 'q' } });
    const [record] = made.insertIntoJobCollection.records;
    expect(record.team).toEqual({ name: 'q' });
    expect(nodes(record.stepCollection)).toEqual([{ number: 3 }]);
    expect(nodes(record.jobLabelCollection)).toEqual([{ labelName: 'known' }]);
    const other = await data(query, { title: 'u', steps: null, team: { name: 'r' } });
    expect(other.insertIntoJobCollection.records[0].stepCollection.edges).toEqual([]);
  });

  test('columns whose names look like embeds, or are called like tables', async () => {
    const { insertIntoTeamCollection } = await data(
      TEAMS('jobCollection { edges { node { job jobCollection { edges { node { title job } } } } } }'),
      {
        objects: [
          {
            name: 'a',
            jobCollection: [{ title: 'up', job: 'a column', jobCollection: [] }],
          },
        ],
      },
    );
    expect(nodes(insertIntoTeamCollection.records[0].jobCollection)).toEqual([
      { job: 'a column', jobCollection: { edges: [] } },
    ]);
  });

  test('everything or nothing, also of several mutations', async () => {
    const { json } = await send(
      `mutation { a: insertIntoTeamCollection(objects: [{ name: "kept?", budget: { amount: 1 } }]) { affectedCount }
        b: insertIntoTeamCollection(objects: [{ name: "c", jobCollection: [{ title: "" }] }]) { affectedCount } }`,
      {},
      committing,
    );
    expect(json.data).toBeNull();
    expect(json.errors[0].extensions).toMatchObject({
      code: '23514',
      hint: "This happened while 'jobCollection' was written.",
    });
    const { rows } = await database.query('select from works.team');
    expect(rows).toEqual([]);
  });

  test('is committed, and seen by the next mutation of the operation', async () => {
    const done = await data(
      `mutation {
        insertIntoTeamCollection(objects: [{ name: "committed", jobCollection: [{ title: "j" }] }]) { affectedCount }
        updateJobCollection(set: { rank: 2 }, filter: { title: { eq: "j" } }) { records { rank team { name } } }
      }`,
      {},
      committing,
    );
    expect(done.updateJobCollection.records).toEqual([{ rank: 2, team: { name: 'committed' } }]);
    const { rows } = await database.query(
      'select name, title from works.team join works.job on team_id = team.id',
    );
    expect(rows).toEqual([{ name: 'committed', title: 'j' }]);
    await database.query('delete from works.job; delete from works.team');
  });
});

describe('upserts', () => {
  const both = (conflict: string) =>
    `mutation { a: insertIntoTeamCollection(objects: [{ name: "t", motto: "old", jobCollection: [{ title: "j", stepCollection: [{ number: 1, note: "old" }] }] }]) { affectedCount }
      b: insertIntoTeamCollection(objects: [{ name: "t", motto: "new", jobCollection: [{ title: "k", jobLabelCollection: [{ label: { name: "known", color: "blue" } }] }] }], onConflict: ${conflict}) {
        affectedCount records { motto jobCollection(orderBy: [{ title: AscNullsLast }]) { edges { node { title jobLabelCollection { edges { node { label { color } } } } } } } }
      } }`;

  test.each([
    ['UPDATE', 'UPDATE', 'new', 'blue'],
    ['IGNORE', 'IGNORE', 'old', 'red'],
    ['IGNORE', 'UPDATE', 'old', 'blue'],
  ])('at each place its own way: %s, below %s', async (above, below, motto, color) => {
    const { b } = await data(
      both(
        `{ fields: [name], action: ${above}, related: { jobCollection: { related: { jobLabelCollection: { related: { label: { fields: [name], action: ${below} } } } } } } }`,
      ),
    );
    expect(b.affectedCount).toBe(1);
    expect(b.records[0].motto).toBe(motto);
    expect(nodes(b.records[0].jobCollection)).toEqual([
      { title: 'j', jobLabelCollection: { edges: [] } },
      { title: 'k', jobLabelCollection: { edges: [{ node: { label: { color } } }] } },
    ]);
  });

  test('by a key that a sequence makes where nobody gives it', async () => {
    const { b } = await data(
      `mutation {
        a: insertIntoStepCollection(objects: [{ id: 900, number: 1, note: "old", job: { id: "00000000-0000-4000-8000-000000000001", title: "j", team: { name: "t" } } }]) { affectedCount }
        b: insertIntoStepCollection(objects: [{ id: 900, jobId: "00000000-0000-4000-8000-000000000001", number: 1, note: "new" }], onConflict: { fields: [id] }) {
          records { id note job { title } }
        }
      }`,
    );
    expect(b.records).toEqual([{ id: 900, note: 'new', job: { title: 'j' } }]);
    const { json } = await send(
      'mutation { insertIntoTeamCollection(objects: [{ id: "1", name: "x" }]) { affectedCount } }',
    );
    expect(json.errors[0].message).toContain('Field "id" is not defined by type "TeamInsertInput"');
  });

  test('only where it is said', async () => {
    const error = await refusal(both('{ fields: [name] }'));
    expect(error.extensions).toMatchObject({
      code: '23505',
      hint: "This happened while 'jobCollection.jobLabelCollection.label' was written.",
    });
    expect((await refusal(both('{ related: { jobCollection: { fields: [id] } } }'))).extensions.code).toBe(
      '23505',
    );
  });

  test.each([
    '{ action: IGNORE }',
    '{ related: { jobCollection: { action: UPDATE } } }',
    '{ fields: [], action: UPDATE }',
  ])('%s says too little', async (conflict) => {
    expect((await refusal(both(conflict))).message).toBe('onConflict has an action and no fields');
  });
});

describe('what is refused', () => {
  const team = (object: string) =>
    `mutation { insertIntoTeamCollection(objects: [${object}]) { affectedCount } }`;

  test.each([
    ['a policy of the root', '{ name: "forbidden", jobCollection: [{ title: "x" }] }', '42501', null],
    [
      'a policy below, which sees the row above',
      '{ name: "locked", jobCollection: [{ title: "x" }] }',
      '42501',
      "This happened while 'jobCollection' was written.",
    ],
    [
      'a constraint',
      '{ name: "a", jobCollection: [{ title: "x", stepCollection: [{ number: 1 }, { number: 1 }] }] }',
      '23505',
      "This happened while 'jobCollection.stepCollection' was written.",
    ],
    [
      'another key than the one that flows',
      '{ name: "a", jobCollection: [{ title: "x", teamId: 3 }] }',
      'AURA142',
      'Leave out the columns that hold the key: they are filled from the other row.',
    ],
  ])('%s', async (_, object, code, hint) => {
    const error = await refusal(team(object));
    expect(error.extensions.code).toBe(code);
    expect(error.extensions.hint ?? null).toBe(hint);
  });

  test('too deep, too many, and never the whole batch for one of them', async () => {
    const deep = (levels: number): string =>
      levels === 0 ? '{ title: "x" }' : `{ title: "x", jobCollection: [${deep(levels - 1)}] }`;
    const tooDeep = team(`{ name: "a", jobCollection: [${deep(5)}] }`);
    expect((await refusal(tooDeep)).extensions.code).toBe('AURA103');
    const many = {
      objects: [{ name: 'a', jobCollection: Array.from({ length: 60 }, () => ({ title: 'x' })) }],
    };
    expect((await refusal(TEAMS('id'), many)).extensions.code).toBe('AURA141');
    const { json } = await api.request('POST', '/graphql/v1', {
      as: 'authenticated',
      body: [{ query: tooDeep }, { query: '{ __typename }' }],
    });
    expect(json[0].errors[0].extensions.code).toBe('AURA103');
    expect(json[1]).toEqual({ data: { __typename: 'Query' } });
  });

  test('tables without protection, and those that take no rows of the role', async () => {
    const error = await refusal(team('{ name: "a", budget: { amount: 1 } }'), {}, strict);
    expect(error.extensions.code).toBe('AURA200');
    const { json } = await send(team('{ name: "a", closedCollection: [] }'));
    expect(json.errors[0].message).toContain(
      'Field "closedCollection" is not defined by type "TeamInsertInput"',
    );
    const column = await send(team('{ name: "a", jobCollection: [{ title: "x", secret: "s" }] }'));
    expect(column.json.errors[0].message).toContain('Field "secret" is not defined by type "JobInsertInput"');
  });

  test('an object where many are meant is one of them, null is none', async () => {
    const made = await data(
      'mutation { insertIntoTeamCollection(objects: [{ name: "a", budget: null, jobCollection: null }]) { records { name budget { amount } } } }',
    );
    expect(made.insertIntoTeamCollection.records).toEqual([{ name: 'a', budget: null }]);
  });

  test('JSON that is none', async () => {
    const error = await refusal(team('{ name: "a", jobCollection: [{ title: "x", meta: "{" }] }'));
    expect(error.message).toBe('The value of `meta` is not JSON');
  });
});

test('the schema with it is a valid one', async () => {
  const { json } = await send(getIntrospectionQuery());
  expect(validateSchema(buildClientSchema(json.data))).toEqual([]);
});

test('without the extensions there is none of it', async () => {
  const plain = await startApi(database, {
    'db-schemas': 'works',
    'rest-prefix': '/',
    'db-tx-end': 'rollback',
  });
  const { json } = await send(
    'mutation { insertIntoTeamCollection(objects: [{ name: "a", jobCollection: [] }]) { affectedCount } }',
    {},
    plain,
  );
  expect(json.errors[0].message).toContain('Field "jobCollection" is not defined');
  await plain.close();
});
