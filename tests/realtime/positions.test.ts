/**
 * The log held against the table: whoever begins with a read and adds what `changes_since` gives for each position
 * has what a read gives, at every moment, while several sessions write transactions of any order and length.
 */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const CAPTURE = readFileSync(new URL('../../sql/realtime/capture.sql', import.meta.url), 'utf8');
const FIXTURE = `
  ${CAPTURE};
  create table items (id int primary key, region int, title text);
  create table parted (id int, region int, title text, primary key (id, region)) partition by list (region);
  create table parted_0 partition of parted for values in (0);
  create table parted_1 partition of parted for values in (1);
  alter publication aura add table items, parted;
`;
const WRITERS = 4;
const TRANSACTIONS = 60;
const EXPECTED: ReadonlySet<string> = new Set(['40P01', '40001', '23505']);

/** Numbers from 0 to below 1 that are the same in every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of the statements that change rows; `below` gives a number. */
function statement(table: string, below: (most: number) => number): string {
  // each writer may wait for another one's row, and orders of locks differ: deadlocks are rolled back
  const id = below(30);
  const region = below(2);
  switch (below(5)) {
    case 0:
      return `insert into ${table} select n, ${region}, 'new' from generate_series(${id}, ${id + below(5)}) n on conflict do nothing`;
    case 1:
      return `update ${table} set title = 'v${below(1000)}' where id % 7 = ${id % 7}`;
    case 2:
      return `delete from ${table} where id = ${id}`;
    case 3:
      return `update ${table} set id = id + 100 + ${below(10_000)} where id = ${id}`;
    default:
      return `update ${table} set region = ${region} where id = ${id}
        and not exists (select from ${table} other where other.id = ${id} and other.region = ${region})`;
  }
}

async function write(client: pg.Client, seed: number): Promise<void> {
  const random = createRandom(seed);
  const below = (most: number): number => Math.floor(random() * most);
  for (let times = 0; times < TRANSACTIONS; times += 1) {
    await client.query('begin');
    try {
      for (let steps = below(4); steps >= 0; steps -= 1) {
        const table = below(2) === 0 ? 'items' : 'parted';
        const undone = below(6) === 0;
        if (undone) await client.query('savepoint one');
        await client.query(statement(table, below));
        if (undone) await client.query('rollback to one');
        if (below(3) === 0) await client.query(`select pg_sleep(${below(10) / 1000})`);
      }
      if (below(40) === 0) await client.query('truncate items');
      await client.query(below(8) === 0 ? 'rollback' : 'commit');
    } catch (error) {
      await client.query('rollback');
      // deadlocks, rows that moved to another partition meanwhile, and keys that are taken
      const isExpected = error instanceof pg.DatabaseError && EXPECTED.has(error.code ?? '');
      if (!isExpected) throw error;
    }
  }
}

interface Follower {
  /** Reads on, and compares. Gives how many changes came. */
  readonly follow: () => Promise<number>;
}

function createFollower(client: pg.Client, table: string): Follower {
  let position: string | null = null;
  let state = new Map<string, string>();
  const seen = new Set<string>();
  const keyOf = (row: Record<string, unknown>): string =>
    table === 'items' ? `${row['id']}` : `${row['id']} ${row['region']}`;
  return {
    follow: async () => {
      await client.query('begin isolation level repeatable read');
      // TRUNCATE empties a table for snapshots that were taken before it, too: none may come between
      await client.query(`lock table ${table} in access share mode`);
      const now = await client.query('select pg_current_snapshot()::text as position');
      const read = await client.query(`select * from ${table}`);
      const { rows: changes } = await client.query(
        "select * from realtime.changes_since($1, array[$2::regclass::oid], '{}')",
        [position ?? now.rows[0].position, table],
      );
      await client.query('commit');
      const actual = new Map(read.rows.map((row) => [keyOf(row), JSON.stringify(row)]));
      const isReset = changes.some(({ operation }) => operation === 'reset');
      if (position === null || isReset) state = new Map(actual);
      else {
        // a key may have left and come again, in transactions that ended in an order which ids do not tell: the
        // table itself says which of its changes was the last
        for (const { key } of changes) {
          const row = actual.get(keyOf(key));
          if (row === undefined) state.delete(keyOf(key));
          else state.set(keyOf(key), row);
        }
      }
      for (const { id } of changes) {
        expect(seen.has(id), `change ${id} came twice`).toBe(false);
        seen.add(id);
      }
      position = now.rows[0].position;
      expect(new Map([...state].toSorted())).toEqual(new Map([...actual].toSorted()));
      return changes.length;
    },
  };
}

async function withClients<T>(
  database: TestDatabase,
  count: number,
  work: (clients: pg.Client[]) => Promise<T>,
): Promise<T> {
  const clients = Array.from({ length: count }, () => new pg.Client(database.uri));
  try {
    await Promise.all(clients.map((client) => client.connect()));
    return await work(clients);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

test.each([1, 2])('nothing is lost and nothing comes twice (seed %i)', async (seed) => {
  const database = await createDatabase(FIXTURE);
  try {
    await withClients(database, WRITERS + 2, async ([one, other, ...writers]) => {
      if (one === undefined || other === undefined) throw new Error('there are clients');
      const followers = [createFollower(one, 'items'), createFollower(other, 'parted')];
      let isOver = false;
      const writing = Promise.all(writers.map((client, index) => write(client, seed * 100 + index))).finally(
        () => {
          isOver = true;
        },
      );
      writing.catch(() => undefined); // awaited below
      let changes = 0;
      while (!isOver) for (const { follow } of followers) changes += await follow();
      await writing;
      for (const { follow } of followers) changes += await follow();
      expect(changes).toBeGreaterThan(100);
      for (const { follow } of followers) expect(await follow()).toBe(0);
    });
  } finally {
    await database.close();
  }
});
