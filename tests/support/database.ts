/**
 * A fresh database for a test file or a test. Equal setup SQL is run once in a run of the suite: it makes a
 * template, of which every further database is a copy.
 */
import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { AUTHENTICATOR_PASSWORD } from './server.ts';

export interface TestDatabase {
  /** Connects the superuser to this database. */
  readonly uri: string;
  /** Connects `authenticator`: NOINHERIT, member of anon, authenticated and service_role. */
  readonly authenticatorUri: string;
  /** Runs SQL as the superuser; without values it may be several statements, and the last one's rows count. */
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  /** Drops the database, open connections or not. */
  close(): Promise<void>;
}

const withClient = async <T>(uri: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client(uri);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

/** The same server, another database. */
const databaseUri = (uri: string, database: string): string => {
  const url = new URL(uri);
  url.pathname = `/${database}`;
  return url.href;
};

const authenticatorUri = (uri: string): string => {
  const url = new URL(uri);
  url.username = 'authenticator';
  url.password = AUTHENTICATOR_PASSWORD;
  return url.href;
};

/** Makes the template for some setup SQL if no test file of this run has made it yet. Gives its name. */
const makeTemplate = (superuserUri: string, prefix: string, setupSql: string): Promise<string> =>
  withClient(superuserUri, async (admin) => {
    const template = `${prefix}t_${createHash('sha256').update(setupSql).digest('hex').slice(0, 16)}`;

    // test files run side by side: the first one makes it, the others wait here (the lock ends with the session)
    await admin.query('select pg_advisory_lock(hashtext($1))', [template]);
    const { rows } = await admin.query('select from pg_database where datname = $1', [template]);
    if (rows.length > 0) return template;
    const unfinished = `${template}_new`;
    await admin.query(`drop database if exists ${unfinished} with (force)`);
    await admin.query(`create database ${unfinished} template template0`);
    await withClient(databaseUri(superuserUri, unfinished), (client) => client.query(setupSql));
    await admin.query(`alter database ${unfinished} rename to ${template}`);
    return template;
  });

/**
 * Makes a database of its own for the caller.
 * @param setupSql statements to run in it as the superuser, such as a fixture's whole text
 */
export const createDatabase = async (setupSql = ''): Promise<TestDatabase> => {
  const superuserUri = inject('superuserUri');
  const prefix = inject('databasePrefix');
  const template = setupSql === '' ? 'template0' : await makeTemplate(superuserUri, prefix, setupSql);
  const name = `${prefix}${randomBytes(5).toString('hex')}`;
  await withClient(superuserUri, (admin) => admin.query(`create database ${name} template ${template}`));
  const uri = databaseUri(superuserUri, name);
  const client = new pg.Client(uri);
  await client.connect();
  return {
    uri,
    authenticatorUri: authenticatorUri(uri),
    query: async (text, values) => {
      const result: pg.QueryResult | pg.QueryResult[] = await client.query(text, values);
      const last = Array.isArray(result) ? result.at(-1) : result;
      return { rows: last?.rows ?? [] };
    },
    close: async () => {
      await client.end();
      await withClient(superuserUri, (admin) => admin.query(`drop database if exists ${name} with (force)`));
    },
  };
};
