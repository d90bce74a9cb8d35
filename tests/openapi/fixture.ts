/** A depot with a server over it, and its documents. */
import { readFileSync } from 'node:fs';
import type { OpenAPIObject } from 'openapi3-ts/oas31';
import { afterAll, beforeAll } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const DEPOT_SQL = readFileSync(new URL('fixture.sql', import.meta.url), 'utf8');

export interface Served {
  readonly api: Api;
  readonly database: TestDatabase;
  /** GET of the root. */
  readonly root: (options?: ApiRequest) => Promise<ApiAnswer>;
  /** The document of version 3.1. */
  readonly document: (as?: ApiRequest['as']) => Promise<OpenAPIObject>;
}

/** Starts a server over a database made by `setup` before the file's tests, and stops it after them. */
export function useServer(
  setup: () => string | Promise<string>,
  settings: Readonly<Record<string, unknown>> = {},
): Served {
  let database: TestDatabase | undefined;
  let api: Api | undefined;
  const running = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the server runs only inside of tests');
    return value;
  };
  beforeAll(async () => {
    database = await createDatabase(await setup());
    api = await startApi(database, settings);
  });
  afterAll(async () => {
    await api?.close();
    await database?.close();
  });
  const root: Served['root'] = (options) => running(api).request('GET', '/', options);
  return {
    get api() {
      return running(api);
    },
    get database() {
      return running(database);
    },
    root,
    document: async (as) => (await root(as === undefined ? {} : { as })).json,
  };
}

export const useDepot = (settings: Readonly<Record<string, unknown>> = {}): Served =>
  useServer(() => DEPOT_SQL, { 'db-schemas': 'depot', ...settings });
