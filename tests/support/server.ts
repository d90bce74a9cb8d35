/**
 * One PostgreSQL for the whole run of the suite. By default the embedded one in a throwaway folder;
 * TEST_DB=container runs the image postgres:18 with testcontainers, and TEST_DB_URI names one that runs (the
 * URI of a superuser). Every database of a run carries the run's name and is dropped at its end.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../server/embedded.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** URI of a superuser on the server under test. */
    superuserUri: string;
    /** The name that begins the names of this run's databases. */
    databasePrefix: string;
  }
}

/** The password of `authenticator` on test servers. */
export const AUTHENTICATOR_PASSWORD = 'authenticator';

interface TestServer {
  readonly uri: string;
  stop(): Promise<void>;
}

const startThrowaway = async (): Promise<TestServer> => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  // as root: for PostgreSQL's account to pass through
  await chmod(folder, 0o755);
  const server = await startEmbedded({ dataDir: join(folder, 'pg'), port: null, throwaway: true });
  return {
    uri: server.superuserUri,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const startContainer = async (): Promise<TestServer> => {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer('postgres:18')
    .withEnvironment({ POSTGRES_PASSWORD: 'postgres' })
    .withCommand(['postgres', '-c', 'fsync=off', '-c', 'max_connections=200'])
    .withExposedPorts(5432)
    // the image starts the server twice: once to set itself up
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start();
  const uri = `postgresql://postgres:postgres@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return { uri, stop: async () => void (await container.stop()) };
};

const startServer = async (): Promise<TestServer> => {
  const uri = process.env['TEST_DB_URI'];
  if (uri !== undefined && uri !== '') return { uri, stop: async () => undefined };
  return process.env['TEST_DB'] === 'container' ? startContainer() : startThrowaway();
};

/** Roles belong to the whole server: made if absent, under a lock since two runs may share one server. */
const ROLES = `
  select pg_advisory_lock(hashtext('aura test roles'));
  do $$
  declare
    wanted text;
  begin
    foreach wanted in array array['anon', 'authenticated', 'service_role', 'authenticator'] loop
      if not exists (select from pg_roles where rolname = wanted) then
        execute format('create role %I', wanted);
      end if;
    end loop;
  end $$;
  alter role anon nologin noinherit;
  alter role authenticated nologin noinherit;
  alter role service_role nologin noinherit bypassrls;
  alter role authenticator login noinherit password '${AUTHENTICATOR_PASSWORD}';
  alter role authenticator set jit = off;
  grant anon, authenticated, service_role to authenticator;
  select pg_advisory_unlock(hashtext('aura test roles'));
`;

const withSuperuser = async (uri: string, work: (client: pg.Client) => Promise<void>): Promise<void> => {
  const client = new pg.Client(uri);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
};

const dropDatabases = async (client: pg.Client, prefix: string): Promise<void> => {
  const { rows } = await client.query<{ datname: string }>(
    'select datname from pg_database where starts_with(datname, $1)',
    [prefix],
  );
  for (const { datname } of rows) {
    await client.query(`drop database if exists ${client.escapeIdentifier(datname)} with (force)`);
  }
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer();
  const prefix = `aura_test_${randomBytes(4).toString('hex')}_`;
  try {
    await withSuperuser(server.uri, async (client) => void (await client.query(ROLES)));
  } catch (error) {
    await server.stop();
    throw error;
  }
  project.provide('superuserUri', server.uri);
  project.provide('databasePrefix', prefix);
  return async () => {
    try {
      await withSuperuser(server.uri, (client) => dropDatabases(client, prefix));
    } finally {
      await server.stop();
    }
  };
}
