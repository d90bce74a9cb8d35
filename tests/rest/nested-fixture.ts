/** The database of the tests of nested writes, and requests to a server over it. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const setup = readFileSync(new URL('nested-fixture.sql', import.meta.url), 'utf8');

/** Empties every table and begins every sequence anew, without looking at foreign keys. */
const EMPTY = `
  begin;
  set local session_replication_role = replica;
  do $$
  declare one record;
  begin
    for one in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') loop
      execute format('delete from %I', one.relname);
    end loop;
    perform setval(oid, 1, false) from pg_class where relnamespace = 'public'::regnamespace and relkind = 'S';
  end $$;
  commit`;

/** Asks for a representation, and for whatever else. */
export const prefer = (...words: string[]): Pick<ApiRequest, 'headers'> => ({
  headers: { Prefer: ['return=representation', ...words].join(', ') },
});

export interface NestedFixture {
  readonly api: Api;
  readonly database: TestDatabase;
  /** Posts a body, by default as anon and asking for a representation. */
  readonly post: (path: string, body: unknown, options?: ApiRequest) => Promise<ApiAnswer>;
  /** The rows of a query as JSON, as the API would show them. */
  readonly json: (query: string) => Promise<unknown>;
  /** The number of rows of a query. */
  readonly count: (query: string) => Promise<number>;
  /** Empties all tables. */
  readonly empty: () => Promise<unknown>;
  /** A server with other settings, closed after the test. */
  readonly serveWith: (settings: Readonly<Record<string, unknown>>) => Promise<Api>;
}

/** A database and a server for the tests of a file; before each test all tables are empty. */
export function useNestedFixture(): NestedFixture {
  let database: TestDatabase;
  let api: Api;
  let others: Api[] = [];
  beforeAll(async () => {
    database = await createDatabase(setup);
    api = await startApi(database);
  });
  beforeEach(async () => {
    await database.query(EMPTY);
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
    post: (path, body, options = {}) => api.request('POST', path, { body, ...prefer(), ...options }),
    json: async (query) => {
      const text = `select coalesce(json_agg(t), '[]') as found from (${query}) t`;
      return (await database.query(text)).rows[0]?.['found'];
    },
    count: async (query) => (await database.query(query)).rows.length,
    empty: () => database.query(EMPTY),
    serveWith: async (settings) => {
      const other = await startApi(database, settings);
      others.push(other);
      return other;
    },
  };
}
