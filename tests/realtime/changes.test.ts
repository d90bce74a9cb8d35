/** Changes of tables over channels: what is told to whom, and that nothing is missed or told twice. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { aMoment, type Client, connect, type Heard, INSTALL } from './channels.ts';

const FIXTURE = `
  create schema app;
  grant usage on schema app to anon, authenticated;
  create function app.me() returns text language sql stable as
    $$ select current_setting('request.jwt.claims', true)::json->>'sub' $$;
  create table app.tasks (
    id int primary key, owner text, title text, secret text default 'hidden', done boolean default false,
    tags text[], at timestamptz, big bigint, price numeric
  );
  alter table app.tasks enable row level security;
  create policy own on app.tasks for select to authenticated using (owner = app.me());
  create policy shared on app.tasks for select using (owner = 'all');
  grant select (id, owner, title, done, tags, at, big, price) on app.tasks to anon, authenticated;
  create table app.parts (kind text, number int, note text, primary key (kind, number));
  alter table app.parts enable row level security;
  alter table app.parts replica identity full;
  create policy everyone on app.parts for select to authenticated using (true);
  create policy no_secrets on app.parts as restrictive for select using (note is distinct from 'secret');
  grant select on app.parts to authenticated;
  create table app.bare (id int primary key);
  grant select on app.bare to authenticated;
  create table app.unpublished (id int primary key);
  grant select on app.unpublished to authenticated;
  create table app.hidden (id int primary key);
  alter publication aura add table app.tasks, app.parts, app.bare, app.hidden;
`;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(`${INSTALL}; ${FIXTURE}`);
  api = await startApi(database, { 'db-schemas': 'app' });
  return async () => {
    await api.close();
    await database.close();
  };
});
beforeEach(async () => void (await database.query('delete from app.tasks; delete from app.parts')));

const TOPIC = 'realtime:db';
const ANN = { role: 'authenticated', sub: 'ann' };
const BOB = { role: 'authenticated', sub: 'bob' };
const run = (text: string) => database.query(text);
const following = (...bindings: readonly Record<string, unknown>[]) => ({
  postgres_changes: bindings.map((binding) => ({ event: '*', schema: 'app', table: 'tasks', ...binding })),
});
const isChange = ({ event }: Heard): boolean => event === 'postgres_changes';
const changes = ({ heard }: Client): Record<string, unknown>[] =>
  heard.filter(isChange).map(({ payload }) => payload.data);
/** Changes in short: type, and the key of the row. */
const brief = (client: Client): string[] =>
  changes(client).map(({ type, record, old_record }) => {
    const row = (record ?? old_record) as Record<string, unknown>;
    return `${type} ${row['id'] ?? `${row['kind']}${row['number']}`}`;
  });

/** Writes a last row that everyone hears of, and waits for it: what should not have come would be there. */
async function settle(...clients: readonly Client[]): Promise<void> {
  await run(`insert into app.tasks (id, owner) values (999, 'all')`);
  for (const client of clients) await client.until(({ payload }) => payload.data?.record?.id === 999);
}

describe('what is told', () => {
  test('rows are as REST shows them, of the columns that may be read', async () => {
    const client = await connect(api, { as: ANN });
    const answer = await client.join(TOPIC, following({}));
    const id = answer.response.postgres_changes[0].id;
    expect(answer).toEqual({
      status: 'ok',
      response: {
        postgres_changes: [{ id, event: '*', schema: 'app', table: 'tasks', filter: null, select: null }],
      },
    });
    const system = await client.until(({ event }) => event === 'system');
    expect(system.payload).toEqual({
      extension: 'postgres_changes',
      status: 'ok',
      message: 'Subscribed to PostgreSQL',
      channel: 'db',
    });
    await run(`
      insert into app.tasks (id, owner, title, tags, at, big, price)
      values (1, 'ann', 'a "b"', '{x,"y,z"}', '2026-01-02 03:04:05+00', 9007199254740993, 1.50)`);
    await run('update app.tasks set done = true where id = 1');
    await run('delete from app.tasks where id = 1');
    await client.until(({ payload }) => payload.data?.type === 'DELETE');
    const [inserted, updated, deleted] = client.heard.filter(isChange);
    expect(inserted?.payload).toEqual({
      ids: [id],
      data: {
        schema: 'app',
        table: 'tasks',
        commit_timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        type: 'INSERT',
        columns: [
          { name: 'id', type: 'int4' },
          { name: 'owner', type: 'text' },
          { name: 'title', type: 'text' },
          { name: 'done', type: 'bool' },
          { name: 'tags', type: '_text' },
          { name: 'at', type: 'timestamptz' },
          { name: 'big', type: 'int8' },
          { name: 'price', type: 'numeric' },
        ],
        record: expect.objectContaining({ id: 1, title: 'a "b"', tags: ['x', 'y,z'], done: false }),
        errors: null,
      },
    });
    expect(client.frames.some((frame) => frame.toString().includes('9007199254740993,"price":1.50'))).toBe(
      true,
    );
    expect(JSON.stringify(changes(client))).not.toContain('hidden');
    expect(updated?.payload.data).toMatchObject({
      type: 'UPDATE',
      record: { id: 1, done: true },
      old_record: { id: 1 },
    });
    expect(deleted?.payload.data).toMatchObject({ type: 'DELETE', old_record: { id: 1 } });
    expect(Object.keys(deleted?.payload.data.old_record)).toEqual(['id']);
  });

  test('under REPLICA IDENTITY FULL old rows are told as a whole', async () => {
    const client = await connect(api, { as: ANN });
    await client.join(TOPIC, following({ table: 'parts' }, { table: 'tasks' }));
    await run(
      `insert into app.parts values ('a', 1, 'x'); update app.parts set note = 'y'; delete from app.parts`,
    );
    await client.until(({ payload }) => payload.data?.type === 'DELETE');
    const [, updated, deleted] = changes(client);
    expect(updated).toMatchObject({ old_record: { kind: 'a', number: 1, note: 'x' }, record: { note: 'y' } });
    expect(deleted).toMatchObject({ old_record: { kind: 'a', number: 1, note: 'y' } });
  });

  test('columns can be chosen, and events', async () => {
    const client = await connect(api, { as: ANN });
    const answer = await client.join(
      TOPIC,
      following(
        { event: 'UPDATE', select: ['id', 'title'] },
        { event: 'INSERT', select: ['id', 'title'] },
        { event: 'insert' },
      ),
    );
    const [update, insert, all] = answer.response.postgres_changes.map(({ id }: { id: number }) => id);
    await run(`insert into app.tasks values (1, 'ann', 'a')`);
    await client.until(() => changes(client).length === 2);
    await run(`update app.tasks set title = 'b'`);
    await client.until(({ payload }) => payload.data?.type === 'UPDATE');
    await run('delete from app.tasks');
    await settle(client);
    const heard = client.heard
      .filter(isChange)
      .map(({ payload }) => [payload.ids, payload.data.type, payload.data.record]);
    // the two first go to groups of their own, in no order
    expect(heard.slice(0, 2)).toEqual(
      expect.arrayContaining([
        [[insert], 'INSERT', { id: 1, title: 'a' }],
        [[all], 'INSERT', expect.objectContaining({ id: 1, owner: 'ann' })],
      ]),
    );
    expect(heard[2]).toEqual([[update], 'UPDATE', { id: 1, title: 'b' }]);
    expect(heard.slice(3).map(([, type]) => type)).toEqual(['INSERT', 'INSERT']);
  });

  test('all tables of the schema can be followed at once, but for those that cannot be seen', async () => {
    const client = await connect(api, { as: ANN });
    expect(await client.join(TOPIC, following({ table: undefined }))).toMatchObject({ status: 'ok' });
    await run(
      `insert into app.parts values ('a', 1); insert into app.bare values (1); insert into app.hidden values (1); insert into app.tasks values (1, 'ann')`,
    );
    await settle(client);
    expect(
      changes(client)
        .map(({ table }) => table)
        .toSorted(),
    ).toEqual(['bare', 'parts', 'tasks', 'tasks']);
  });

  test('many rows of one statement, in the order in which they were written', async () => {
    const client = await connect(api, { as: ANN });
    await client.join(TOPIC, following({ event: 'INSERT' }));
    await run(`insert into app.tasks (id, owner) select n, 'ann' from generate_series(2001, 4500) n`);
    await settle(client);
    const ids = changes(client).map(({ record }) => (record as { id: number }).id);
    expect(ids).toEqual([...Array.from({ length: 2500 }, (_, index) => 2001 + index), 999]);
  });

  test('TRUNCATE is told as what it is', async () => {
    const client = await connect(api, { as: ANN });
    await client.join(TOPIC, following({}));
    await run('truncate app.tasks');
    const { payload } = await client.until(
      ({ event, payload }) => event === 'system' && payload.status === 'error',
    );
    expect(payload.message).toMatch(/^Rows of app.tasks may have changed/);
  });
});

describe('who is told', () => {
  test('each hears of the rows that are shown, deleted ones included', async () => {
    const [ann, bob, anon] = await Promise.all([
      connect(api, { as: ANN }),
      connect(api, { as: BOB }),
      connect(api, { as: 'anon' }),
    ]);
    for (const client of [ann, bob, anon]) await client.join(TOPIC, following({}));
    await run(`
      insert into app.tasks (id, owner) values (1, 'ann'), (2, 'bob'), (3, 'all'), (4, null);
      update app.tasks set title = 'x';
      delete from app.tasks`);
    await settle(ann, bob, anon);
    const told = (...ids: number[]): string[] =>
      ['INSERT', 'UPDATE', 'DELETE'].flatMap((type) => ids.map((id) => `${type} ${id}`));
    const without = (client: Client): string[] => brief(client).filter((text) => !text.endsWith('999'));
    expect(without(ann)).toEqual(told(1, 3));
    expect(without(bob)).toEqual(told(2, 3));
    expect(without(anon)).toEqual(told(3));
  });

  test('a row that changes hands is an update for who sees it now, and nothing for who sees it no more', async () => {
    const [ann, bob] = await Promise.all([connect(api, { as: ANN }), connect(api, { as: BOB })]);
    await run(`insert into app.tasks (id, owner) values (1, 'ann')`);
    for (const client of [ann, bob]) await client.join(TOPIC, following({}));
    await run(`update app.tasks set owner = 'bob'`);
    await bob.until(isChange);
    await run(`delete from app.tasks`);
    await settle(ann, bob);
    expect(brief(ann)).toEqual(['INSERT 999']);
    expect(brief(bob)).toEqual(['UPDATE 1', 'DELETE 1', 'INSERT 999']);
  });

  test('each change is told with the row as it left it, however soon the next one came', async () => {
    const client = await connect(api, { as: ANN });
    await client.join(TOPIC, following({}));
    await run(`
      insert into app.tasks (id, owner, title) values (1, 'ann', 'a');
      update app.tasks set title = 'b';
      update app.tasks set owner = 'bob', title = 'not for ann';
      update app.tasks set owner = 'ann', title = 'c';
      delete from app.tasks`);
    await settle(client);
    expect(brief(client)).toEqual(['INSERT 1', 'UPDATE 1', 'UPDATE 1', 'DELETE 1', 'INSERT 999']);
    const titles = changes(client).map(({ record }) => (record as { title?: string } | undefined)?.title);
    expect(titles).toEqual(['a', 'b', 'c', undefined, null]);
  });

  test('restrictive policies hold for old rows, too', async () => {
    const client = await connect(api, { as: ANN });
    await client.join(TOPIC, following({ table: 'parts' }, {}));
    await run(`insert into app.parts values ('a', 1, 'secret'), ('b', 2, 'x')`);
    await client.until(({ payload }) => payload.data?.record?.kind === 'b');
    await run(`update app.parts set note = 'open' where kind = 'a'`);
    await client.until(({ payload }) => payload.data?.type === 'UPDATE');
    await run(`update app.parts set note = 'secret'`);
    await run('delete from app.parts');
    await settle(client);
    expect(brief(client)).toEqual(['INSERT b2', 'UPDATE a1', 'INSERT 999']);
    // what it was before was not shown
    expect(changes(client)[1]?.['old_record']).toEqual({ kind: 'a', number: 1 });
  });

  test('a policy or a grant that is taken away counts from then on', async () => {
    const own = await createDatabase(`${INSTALL}; ${FIXTURE}`);
    const server = await startApi(own, { 'db-schemas': 'app' });
    try {
      const client = await connect(server, { as: ANN });
      await client.join(TOPIC, following({ table: 'parts' }));
      await own.query(`insert into app.parts values ('a', 1)`);
      await client.until(isChange);
      await own.query(
        `drop policy everyone on app.parts; insert into app.parts values ('b', 1); delete from app.parts`,
      );
      await own.query(`notify pgrst, 'reload schema'`);
      await aMoment(300);
      expect(brief(client).filter((text) => !text.startsWith('INSERT a'))).not.toContain('INSERT b1');
      await own.query(`revoke select on app.parts from authenticated; insert into app.parts values ('c', 1)`);
      await client.until(({ event }) => event === 'phx_error');
      expect(JSON.stringify(client.heard)).toContain('42501');
      expect(JSON.stringify(changes(client))).not.toContain('"c"');
    } finally {
      await server.close();
      await own.close();
    }
  });
});

test('where columns are computed when they are read, rows are read by their keys', async () => {
  // before PostgreSQL 18 they are all stored
  const { rows } = await run("select current_setting('server_version_num')::int >= 180000 as virtual");
  const kind = rows[0]?.['virtual'] === true ? 'virtual' : 'stored';
  await run(`
    create table app.sums (id int primary key, n int, twice int generated always as (n * 2) ${kind});
    alter table app.sums enable row level security;
    create policy small on app.sums for select using (twice < 10);
    grant select on app.sums to authenticated;
    alter publication aura add table app.sums;
    notify pgrst, 'reload schema'`);
  const client = await connect(api, { as: ANN });
  await expect
    .poll(async () => (await client.join(TOPIC, following({ table: 'sums' }, {}))).status)
    .toBe('ok');
  await run('insert into app.sums values (1, 1), (2, 100)');
  await client.until(isChange);
  expect(changes(client).map(({ record }) => record)).toEqual([{ id: 1, n: 1, twice: 2 }]);
  await run('delete from app.sums');
  await settle(client);
  const deleted = kind === 'virtual' ? [] : ['DELETE 1'];
  expect(brief(client)).toEqual(['INSERT 1', ...deleted, 'INSERT 999']);
  await run('drop table app.sums');
});

describe('filters', () => {
  test.each([
    ['id=eq.2', [2]],
    ['id=neq.2', [1, 3, 4]],
    ['id=gt.2', [3, 4]],
    ['id=lte.2', [1, 2]],
    ['id=in.(1,3)', [1, 3]],
    ['title=in.("a,b",c)', [1, 2]],
    ['title=eq."a,b"', [1]],
    ['title=like.c%', [2, 3]],
    ['title=is.null', [4]],
    ['id=not.in.(1,2)', [3, 4]],
    ['id=gt.1,id=lt.4', [2, 3]],
    ['id=gt.1,title=neq."a,b"', [2, 3]],
    ['done=is.true', []],
  ])('%s', async (filter, expected) => {
    const client = await connect(api, { as: ANN });
    const answer = await client.join(TOPIC, following({ filter }, { filter: 'id=eq.999' }));
    expect(answer).toMatchObject({ status: 'ok', response: { postgres_changes: [{ filter }, {}] } });
    const rows = `(1, 'ann', 'a,b'), (2, 'ann', 'c'), (3, 'ann', 'cd'), (4, 'ann', null)`;
    await run(`insert into app.tasks (id, owner, title) values ${rows}`);
    await client.until(() => changes(client).length >= expected.length);
    await run('delete from app.tasks');
    await settle(client);
    const ids = expected.map(String);
    const told = brief(client).filter((text) => !text.endsWith('999'));
    expect(told).toEqual([...ids.map((id) => `INSERT ${id}`), ...ids.map((id) => `DELETE ${id}`)]);
  });

  test.each([
    ['a column that is not there', { filter: 'nothing=eq.1' }, /^42703: /],
    ['a column that may not be read', { filter: 'secret=eq.x' }, /^42501: /],
    ['a value of another type', { filter: 'id=eq.x' }, /^22P02: /],
    ['an operator that is none', { filter: 'id=foo.1' }, /^PGRST100: /],
    ['no operator', { filter: 'id' }, /^AURA462: /],
    ['a quote that is open', { filter: 'title=eq."a' }, /^AURA462: /],
    ['a column to be told that is not there', { select: ['nothing'] }, /^42703: /],
    ['a column to be told that may not be read', { select: ['secret'] }, /^42501: /],
    ['a table that is not there', { table: 'task' }, /^PGRST205: .*app\.tasks/],
    ['a table that is not published', { table: 'unpublished' }, /^AURA401: /],
    ['a schema that is not exposed', { schema: 'pg_catalog' }, /^PGRST106: /],
    ['a schema that is not exposed, as a whole', { schema: 'pg_catalog', table: '*' }, /^AURA462: /],
    ['a table that may not be read', { table: 'hidden' }, /^42501: /],
  ])('%s is refused at the join', async (_what, binding, reason) => {
    const client = await connect(api, { as: ANN });
    expect(await client.join(TOPIC, following(binding))).toEqual({
      status: 'error',
      response: { reason: expect.stringMatching(reason) },
    });
  });

  test('what a filter says of rows that are not shown is not heard', async () => {
    const client = await connect(api, { as: BOB });
    // reading text as JSON fails where it is none: an error would end the channel
    await run(`insert into app.tasks (id, owner, title) values (1, 'ann', '{')`);
    await client.join(TOPIC, following({ filter: 'title=match.^a' }, {}));
    await run('update app.tasks set done = true where id = 1; delete from app.tasks');
    await settle(client);
    expect(brief(client)).toEqual(['INSERT 999']);
  });
});

describe('nothing is missed', () => {
  test('of more changes than are told at once clients are told to join again', async () => {
    const server = await startApi(database, { 'db-schemas': 'app', 'realtime-max-changes': 50 });
    try {
      const client = await connect(server, { as: ANN });
      await client.join(TOPIC, following({}));
      await run(`insert into app.tasks (id, owner) select n, 'ann' from generate_series(1, 50) n`);
      await client.until(() => changes(client).length === 50);
      await run(`insert into app.tasks (id, owner) select n, 'ann' from generate_series(51, 101) n`);
      const { payload } = await client.until(
        ({ event, payload }) => event === 'system' && payload.status === 'error',
      );
      expect(payload).toMatchObject({
        extension: 'postgres_changes',
        message: expect.stringMatching(/^AURA463: /),
      });
      await client.until(({ event }) => event === 'phx_error');
      expect(await client.join(TOPIC, following({}))).toMatchObject({ status: 'ok' });
    } finally {
      await server.close();
    }
  });

  test('what is committed right after the answer is told', async () => {
    for (let round = 0; round < 10; round += 1) {
      const client = await connect(api, { as: ANN });
      await client.join(TOPIC, following({ event: 'INSERT' }));
      await run(`insert into app.tasks (id, owner) values (${100 + round}, 'ann')`);
      await client.until(({ payload }) => payload.data?.record?.id === 100 + round);
      client.close();
    }
  });

  test('writers, listeners that die, and new tokens: each change once', async () => {
    const client = await connect(api, { as: ANN });
    await client.join(TOPIC, following({ event: 'INSERT' }));
    const total = 120;
    const refresh = async (): Promise<void> => {
      for (let count = 0; count < 8; count += 1) {
        client.push(TOPIC, 'access_token', { access_token: tokenFor({ ...ANN, count }) });
        await aMoment(60);
      }
    };
    const write = async (): Promise<void> => {
      for (let id = 1; id <= total; id += 1) {
        await run(`insert into app.tasks (id, owner) values (${id}, 'ann'), (${10_000 + id}, 'bob')`);
        if (id % 40 === 20) {
          await run(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'aura listener' and datname = current_database()",
          );
        }
      }
    };
    await Promise.all([refresh(), write()]);
    await settle(client);
    const ids = changes(client).map(({ record }) => (record as { id: number }).id);
    expect(ids).toEqual([...Array.from({ length: total }, (_, index) => index + 1), 999]);
  });

  test('at random: each is told what its rows and its filter say, in their order', async () => {
    const filters = [null, 'id=lt.6', 'title=in.(x,y)', 'done=is.true'] as const;
    const holds: Readonly<Record<string, (row: Row) => boolean>> = {
      null: () => true,
      'id=lt.6': ({ id }) => id < 6,
      'title=in.(x,y)': ({ title }) => title === 'x' || title === 'y',
      'done=is.true': ({ done }) => done,
    };
    interface Row {
      readonly id: number;
      readonly owner: string;
      readonly title: string;
      readonly done: boolean;
    }
    const people = [ANN, BOB, { role: 'authenticated', sub: 'eve' }];
    const followers = await Promise.all(
      people.flatMap((as) =>
        filters.map(async (filter) => {
          const client = await connect(api, { as });
          await client.join(TOPIC, following({ filter }, { filter: 'id=eq.999' }));
          return { client, filter, sub: as.sub, expected: [] as string[] };
        }),
      ),
    );
    const rows = new Map<number, Row>();
    const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
    const note = (type: string, row: Row): void => {
      for (const { sub, filter, expected } of followers) {
        const isSeen = row.owner === sub || row.owner === 'all';
        if (isSeen && holds[String(filter)]?.(row)) expected.push(`${type} ${row.id}`);
      }
    };
    for (let transaction = 0; transaction < 60; transaction += 1) {
      const statements: string[] = [];
      const notes: (() => void)[] = [];
      for (let count = 0; count <= transaction % 3; count += 1) {
        const id = 1 + Math.floor(Math.random() * 10);
        const row = {
          id,
          owner: pick(['ann', 'bob', 'all', 'none']),
          title: pick(['x', 'y', 'z']),
          done: pick([true, false]),
        };
        const before = rows.get(id);
        if (!before) {
          statements.push(
            `insert into app.tasks (id, owner, title, done) values (${id}, '${row.owner}', '${row.title}', ${row.done})`,
          );
          notes.push(() => note('INSERT', row));
          rows.set(id, row);
        } else if (Math.random() < 0.3) {
          statements.push(`delete from app.tasks where id = ${id}`);
          notes.push(() => note('DELETE', before));
          rows.delete(id);
        } else {
          statements.push(
            `update app.tasks set owner = '${row.owner}', title = '${row.title}', done = ${row.done} where id = ${id}`,
          );
          notes.push(() => note('UPDATE', row));
          rows.set(id, row);
        }
      }
      await run(statements.join('; '));
      for (const tell of notes) tell();
      if (transaction % 20 === 10) {
        await run(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'aura%' and datname = current_database()",
        );
      }
    }
    await settle(...followers.map(({ client }) => client));
    for (const { client, expected, sub, filter } of followers) {
      // the last row is told by the other filter's group, too, and all of them are there by then
      await expect
        .poll(() => brief(client).filter((text) => !text.endsWith('999')).length)
        .toBe(expected.length);
      expect(
        brief(client).filter((text) => !text.endsWith('999')),
        `${sub} ${filter}`,
      ).toEqual(expected);
    }
  });

  test('another token tells of what it shows, and no more of what the one before showed', async () => {
    const client = await connect(api, { as: ANN });
    await client.join(TOPIC, following({ event: 'INSERT' }));
    client.push(TOPIC, 'access_token', { access_token: tokenFor(BOB) });
    await expect
      .poll(async () => {
        await run(`delete from app.tasks where id = 5; insert into app.tasks (id, owner) values (5, 'bob')`);
        return brief(client);
      })
      .toContain('INSERT 5');
    await run(`insert into app.tasks (id, owner) values (6, 'ann'), (7, 'bob')`);
    await client.until(({ payload }) => payload.data?.record?.id === 7);
    expect(brief(client)).not.toContain('INSERT 6');
  });

  test('who is told the same shares one reading', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(api, { as: 'anon' })));
    await Promise.all(clients.map((client) => client.join(TOPIC, following({}))));
    await run(`insert into app.tasks (id, owner) values (1, 'all')`);
    await Promise.all(clients.map((client) => client.until(isChange)));
    const [first] = clients[0]?.frames.filter((frame) => frame.includes('postgres_changes')).slice(-1) ?? [];
    for (const client of clients) expect(client.frames.at(-1)).toEqual(first);
  });
});
