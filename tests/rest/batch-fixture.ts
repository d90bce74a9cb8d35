/** The database of the tests of batches, and batches sent to a server over it. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const setup = readFileSync(new URL('batch-fixture.sql', import.meta.url), 'utf8');

export const ada = { role: 'authenticated', sub: 'ada' };
export const bob = { role: 'authenticated', sub: 'bob' };
export const TYPE = { 'Content-Type': 'application/vnd.aura.batch+json' };
export const RETURN = { Prefer: 'return=representation' };

/** Requests of a batch. */
export const post = (path: string, body: unknown, more: object = {}) => ({
  method: 'POST',
  path,
  body,
  ...more,
});
export const get = (path: string, more: object = {}) => ({ method: 'GET', path, ...more });

export interface BatchOptions extends Omit<ApiRequest, 'body'> {
  readonly isolation?: string;
  /** Another server than the fixture's. */
  readonly to?: Api;
}

export interface BatchFixture {
  /** With 60 requests in a batch at most. */
  readonly api: Api;
  readonly database: TestDatabase;
  /** Sends requests as a batch, by default as ada; text is sent as it is. */
  readonly batch: (requests: readonly unknown[] | string, options?: BatchOptions) => Promise<ApiAnswer>;
  /** The number of rows of a table. */
  readonly countOf: (table: string) => Promise<number>;
  /** A server with other settings, closed after the test. */
  readonly serveWith: (settings: Readonly<Record<string, unknown>>) => Promise<Api>;
}

/** A database and a server for the tests of a file; before each test all tables but `other.thing` are empty. */
export function useBatchFixture(): BatchFixture {
  let database: TestDatabase;
  let api: Api;
  let others: Api[] = [];
  beforeAll(async () => {
    database = await createDatabase(setup);
    api = await startApi(database, { 'db-schemas': 'public, other', 'server-max-batch-steps': 60 });
  });
  beforeEach(async () => {
    await database.query('truncate customer, orders, receipt, image, open_log restart identity cascade');
    return async () => {
      await Promise.all(others.map((other) => other.close()));
      others = [];
    };
  });
  afterAll(async () => {
    await api.close();
    await database.close();
  });
  return {
    get api() {
      return api;
    },
    get database() {
      return database;
    },
    batch: (requests, { to = api, as = ada, headers = {}, isolation } = {}) => {
      const body =
        typeof requests === 'string'
          ? requests
          : JSON.stringify({ requests, ...(isolation && { isolation }) });
      return to.request('POST', '/', { as, headers: { ...TYPE, ...headers }, body });
    },
    countOf: async (table) =>
      Number((await database.query(`select count(*)::int as n from ${table}`)).rows[0]?.['n']),
    serveWith: async (settings) => {
      const other = await startApi(database, settings);
      others.push(other);
      return other;
    },
  };
}
