/**
 * The bookshop of fixture.sql with a server over it: one database and one server for a whole test file.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import { type Api, type RequestApi, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

export const FIXTURE_SQL = readFileSync(new URL('fixture.sql', import.meta.url), 'utf8');

/** Settings under which the bookshop is served. */
export const SHOP_SETTINGS = {
  'db-schemas': 'shop,archive,tiefe Ablage ö',
  'db-extra-search-path': '',
  'db-tx-end': 'commit-allow-override',
  'db-aggregates-enabled': true,
  'db-plan-enabled': true,
} as const;

export interface Shop {
  readonly request: RequestApi;
  readonly database: TestDatabase;
  readonly api: Api;
  /** The body of a GET that must be answered 200. */
  readonly get: (path: string, headers?: Record<string, string>) => Promise<unknown>;
}

/** Another server over a database that has the fixture, for settings that a server has for its life. */
export const startShop = (
  database: TestDatabase,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Api> => startApi(database, { ...SHOP_SETTINGS, ...settings });

/** Starts the bookshop before the file's tests and stops it after them. */
export function useShop(settings: Readonly<Record<string, unknown>> = {}): Shop {
  let database: TestDatabase | undefined;
  let api: Api | undefined;
  const running = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('the shop is open only inside of tests');
    return value;
  };
  beforeAll(async () => {
    database = await createDatabase(FIXTURE_SQL);
    api = await startShop(database, settings);
  });
  afterAll(async () => {
    await api?.close();
    await database?.close();
  });
  const request: RequestApi = (...parts) => running(api).request(...parts);
  return {
    request,
    get database() {
      return running(database);
    },
    get api() {
      return running(api);
    },
    get: async (path, headers) => {
      const answer = await request('GET', path, headers === undefined ? {} : { headers });
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`);
      return answer.json;
    },
  };
}
