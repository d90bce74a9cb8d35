/**
 * The publisher of fixture.sql with a server over it: one database and one server for a whole test file.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

export const FIXTURE_SQL = readFileSync(new URL('fixture.sql', import.meta.url), 'utf8');

/** REST at the root lets requests name whole paths. */
export const SETTINGS = { 'db-schemas': 'lib,annex', 'rest-prefix': '/', 'db-tx-end': 'rollback' } as const;

export const PATH = '/graphql/v1';

export interface Asked extends Pick<ApiRequest, 'as' | 'headers'> {
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly operationName?: string;
}

export interface Library {
  readonly api: Api;
  readonly database: TestDatabase;
  /** The answer to an operation sent by POST. */
  readonly post: (query: string, asked?: Asked) => Promise<ApiAnswer>;
  /** The data of an operation that must have no errors. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly data: (query: string, asked?: Asked) => Promise<any>;
  /** The errors of an operation that must have some. */
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  readonly errors: (query: string, asked?: Asked) => Promise<any[]>;
}

/** Starts the publisher before the file's tests and stops it after them; what is written is rolled back. */
export function useLibrary(settings: Readonly<Record<string, unknown>> = {}, more = ''): Library {
  let database: TestDatabase | undefined;
  let api: Api | undefined;
  const running = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the library is open only inside of tests');
    return value;
  };
  beforeAll(async () => {
    database = await createDatabase(`${FIXTURE_SQL}\n${more}`);
    api = await startApi(database, { ...SETTINGS, ...settings });
  });
  afterAll(async () => {
    await api?.close();
    await database?.close();
  });
  const post: Library['post'] = (query, { as, headers, variables, operationName } = {}) =>
    running(api).request('POST', PATH, {
      body: { query, variables, operationName },
      ...(as === undefined ? {} : { as }),
      ...(headers === undefined ? {} : { headers }),
    });
  return {
    get api() {
      return running(api);
    },
    get database() {
      return running(database);
    },
    post,
    data: async (query, asked) => {
      const { json } = await post(query, asked);
      expect(json.errors).toBeUndefined();
      return json.data;
    },
    errors: async (query, asked) => {
      const { json } = await post(query, asked);
      expect(json.errors?.length).toBeGreaterThan(0);
      return json.errors;
    },
  };
}
