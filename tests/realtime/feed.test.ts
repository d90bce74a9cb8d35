/** The feed: who watches is told everything that is committed, once, up to a snapshot, whatever breaks in between. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ApiError } from '../../server/errors/error.ts';
import { createPool, type Pool } from '../../server/execute/pool.ts';
import type { Task } from '../../server/execute/transaction.ts';
import type { Observation } from '../../server/observe/observation.ts';
import {
  createFeed,
  type Feed,
  type FeedOptions,
  type Round,
  type Watcher,
} from '../../server/realtime/feed.ts';
import type { Change } from '../../server/realtime/log.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const sqlFile = (name: string): string =>
  readFileSync(new URL(`../../sql/realtime/${name}`, import.meta.url), 'utf8');
const FIXTURE = `
  ${sqlFile('capture.sql')};
  ${sqlFile('grants.sql')};
  create table items (id int primary key, title text);
  create table others (id int primary key);
  alter publication aura add table items, others;
  grant select on items to anon;
`;

let database: TestDatabase;
let pool: Pool;
let feed: Feed;
let options: FeedOptions;
let observations: Observation[];
let tables: { items: number; others: number };

beforeEach(async () => {
  database = await createDatabase(FIXTURE);
  observations = [];
  const observe = (observation: Observation): void => void observations.push(observation);
  const dbUri = database.authenticatorUri;
  pool = createPool(
    {
      ...{ dbUri, dbPool: 3, dbPoolMaxIdletime: 0, dbPoolMaxLifetime: 0, dbPoolAcquisitionTimeout: 5 },
      ...{ dbMaxStatements: 100 },
    },
    observe,
  );
  options = { dbUri, prepared: true, anonymous: 'anon', most: 1000, readTimeout: 5 };
  feed = createFeed(pool, () => options, observe);
  const { rows } = await database.query(
    `select 'items'::regclass::int as items, 'others'::regclass::int as others`,
  );
  tables = rows[0] as typeof tables;
});
afterEach(async () => {
  await feed.stop();
  await pool.close();
  await database.close();
});

interface Following extends Watcher {
  readonly told: Round[];
  readonly changes: () => readonly Change[];
  error: ApiError | null;
}

const follower = (
  relations: readonly number[],
  more: Partial<Watcher> & { before?: (round: Round) => Promise<unknown> } = {},
): Following => {
  const told: Round[] = [];
  const following: Following = {
    ...{ relations: new Set(relations), wantsImages: false, told, error: null },
    changes: () => told.flatMap(({ changes }) => changes),
    follow: async (round) => {
      await more.before?.(round);
      return () => void told.push(round);
    },
    fail: (error) => {
      following.error = error;
    },
    ...more,
  };
  return following;
};

const watch = async (watcher: Watcher): Promise<void> =>
  feed.watch(watcher, await feed.read(async ({ position }) => position));

const keys = (changes: readonly Change[]): readonly string[] =>
  changes.map(({ operation, key }) => `${operation} ${key}`);

/** A statement as a role, whose rows come as they are. */
const taskAs = (role: string, text: string): Task => ({
  session: { key: 'role', text: "select set_config('role', $1, true)", values: [role] },
  ...{ role, preRequest: null, key: `${role} ${text}`, values: [], estimateValues: [], binary: new Set() },
  statements: { main: { text, parameters: [], columns: [] }, estimate: null, cost: null },
  ...{ readOnly: true, looks: false },
});

test('a watcher is told what is committed to its tables, and nothing else', async () => {
  const items = follower([tables.items]);
  const both = follower([tables.items, tables.others], { wantsImages: true });
  await watch(items);
  await watch(both);
  await database.query(`insert into items values (1, 'one'); insert into others values (7)`);
  await database.query(`begin; insert into items values (2, 'two'); rollback`);
  await database.query(`update items set title = 'eins'; delete from items`);
  await expect.poll(() => both.changes().length).toBe(4);
  expect(keys(items.changes())).toEqual(['insert {"id": 1}', 'update {"id": 1}', 'delete {"id": 1}']);
  expect(keys(both.changes())).toContain('insert {"id": 7}');
  const [first] = both.changes();
  expect(JSON.parse(first?.row ?? '')).toEqual({ id: 1, title: 'one' });
  expect(first?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  expect(both.changes().at(-1)?.old).toBe('{"id":1,"title":"eins"}');
});

test('what a watcher reads is of the moment that it is told of', async () => {
  const seen: number[][] = [];
  const watcher = follower([tables.items], {
    before: async ({ run, changes }) => {
      const { rows } = await run(taskAs('anon', 'select count(*) from items'));
      seen.push([Number(rows[0]?.[0]), changes.length]);
    },
  });
  await watch(watcher);
  for (let id = 0; id < 200; id += 1) await database.query(`insert into items values (${id})`);
  await expect.poll(() => watcher.changes().length).toBe(200);
  let sum = 0;
  for (const [count, changes] of seen) {
    sum += changes ?? 0;
    expect(count).toBe(sum);
  }
});

test('one whose statement is refused is over, and the others miss nothing', async () => {
  const failing = follower([tables.items], {
    before: ({ run }) => run(taskAs('anon', 'select * from others')),
  });
  const others = Array.from({ length: 60 }, () =>
    follower([tables.items], { before: ({ run }) => run(taskAs('anon', 'select id from items')) }),
  );
  for (const one of [...others.slice(0, 30), failing, ...others.slice(30)]) await watch(one);
  await database.query('insert into items values (1)');
  await expect.poll(() => others.every((other) => other.changes().length === 1)).toBe(true);
  expect(failing.error).toMatchObject({ code: '42501', status: 401 });
  expect(failing.told).toEqual([]);
  await database.query('insert into items values (2)');
  await expect.poll(() => others.every((other) => other.changes().length === 2)).toBe(true);
  expect(others.map(({ error }) => error).filter((error) => error !== null)).toEqual([]);
  expect(feed.state().watchers).toBe(60);
});

test('nothing is lost and nothing comes twice when connections are killed', async () => {
  const watchers = Array.from({ length: 5 }, () => follower([tables.items]));
  for (const watcher of watchers) await watch(watcher);
  const killer = setInterval(() => {
    void database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where usename = 'authenticator' and datname = current_database()`,
    );
  }, 40);
  for (let id = 0; id < 300; id += 1) await database.query(`insert into items values (${id})`);
  clearInterval(killer);
  await expect
    .poll(() => watchers.every((one) => one.changes().length >= 300), { timeout: 15_000 })
    .toBe(true);
  for (const watcher of watchers) {
    expect(new Set(keys(watcher.changes())).size).toBe(300);
    expect(watcher.changes()).toHaveLength(300);
  }
  expect(observations.some(({ kind }) => kind === 'listener lost')).toBe(true);
});

test('a long transaction delays nobody, and is not passed over', async () => {
  const watcher = follower([tables.items]);
  await watch(watcher);
  const late = new pg.Client(database.uri);
  await late.connect();
  await late.query('begin; insert into items values (1)');
  for (let id = 10; id < 20; id += 1) await database.query(`insert into items values (${id})`);
  await expect.poll(() => watcher.changes().length).toBe(10);
  await late.query('commit');
  await late.end();
  await expect.poll(() => keys(watcher.changes()).at(-1)).toBe('insert {"id": 1}');
});

test('a log that is too much, or cut off, is not told as if it were all', async () => {
  options = { ...options, most: 10 };
  const watcher = follower([tables.items]);
  const beginning = await feed.read(async ({ position }) => position);
  await watch(watcher);
  await database.query('insert into items select n from generate_series(1, 11) n');
  await expect.poll(() => watcher.told.at(-1)?.isComplete).toBe(false);
  await database.query('insert into items values (100)');
  await expect.poll(() => watcher.told.at(-1)?.isComplete).toBe(true);
  await database.query(
    `update realtime.changes set at = now() - interval '2 hours'; select realtime.prune(1000)`,
  );
  const late = follower([tables.items]);
  await feed.watch(late, beginning);
  await expect.poll(() => late.told.map(({ isComplete }) => isComplete)).toEqual([false]);
});

test('a catalog that was swapped has everybody read anew', async () => {
  const watcher = follower([tables.items]);
  await watch(watcher);
  feed.resync();
  await expect.poll(() => watcher.told.map(({ isComplete }) => isComplete)).toEqual([false]);
});

test('where the log is not installed, watching is refused', async () => {
  await database.query('revoke execute on function realtime.removed_up_to() from authenticator');
  await expect(watch(follower([tables.items]))).rejects.toMatchObject({ code: '42501' });
});
