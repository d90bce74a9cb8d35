/** PostgreSQL goes away and comes back, under load: the server says so meanwhile, and goes on by itself. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../server/embedded.ts';
import { type Api, type ApiAnswer, startApi } from '../support/api.ts';
import { findFreePort } from '../support/folder.ts';

const SETUP = `
  create role anon nologin;
  create role authenticator login noinherit password 'authenticator';
  grant anon to authenticator;
  create schema api;
  grant usage on schema api to anon;
  alter default privileges in schema api grant all on tables to anon;
  create table api.items (id int primary key);
  insert into api.items values (1);
  create table api.written (id int primary key);
`;

/** A PostgreSQL that the test may stop and start again at the same place. */
interface Postgres {
  readonly authenticatorUri: string;
  readonly query: (text: string) => Promise<pg.QueryResult>;
  readonly stop: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

const startPostgres = async (): Promise<Postgres> => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  // as root: for PostgreSQL's account to pass through
  await chmod(folder, 0o755);
  const dataDir = join(folder, 'pg');
  const start = (): Promise<EmbeddedServer> => startEmbedded({ dataDir, port: null });
  let server = await start();
  const url = new URL(server.superuserUri);
  url.username = 'authenticator';
  url.password = 'authenticator';
  const query = async (text: string): Promise<pg.QueryResult> => {
    const client = new pg.Client(server.superuserUri);
    await client.connect();
    try {
      return await client.query(text);
    } finally {
      await client.end();
    }
  };
  await query(SETUP);
  return {
    authenticatorUri: url.href,
    query,
    stop: () => server.stop(),
    kill: async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.stop();
    },
    start: async () => {
      server = await start();
    },
    remove: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

let postgres: Postgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.remove());

/** Clients that never rest; what they were answered, by kind. */
const load = (api: Api, clients: number) => {
  const seen = new Map<string, number>();
  const written: number[] = [];
  let running = true;
  let next = 0;
  const note = ({ status, json, headers }: ApiAnswer): void => {
    const retry = status === 503 ? ` retry after ${headers['retry-after']}` : '';
    const kind = `${status}${status < 300 ? '' : ` ${json?.code}`}${retry}`;
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
  };
  const client = async (): Promise<void> => {
    while (running) {
      note(await api.request('GET', '/items?select=id'));
      const id = next++;
      const answer = await api.request('POST', '/written', { body: { id } });
      note(answer);
      if (answer.status === 201) written.push(id);
    }
  };
  const all = Array.from({ length: clients }, client);
  return {
    seen,
    written,
    stop: async () => {
      running = false;
      await Promise.all(all);
    },
  };
};

test.each([['stop'], ['kill']] as const)('after a %s of PostgreSQL under load', async (how) => {
  await postgres.query('drop table if exists api.meanwhile; delete from api.written');
  const adminPort = await findFreePort();
  const api = await startApi(postgres, {
    'db-schemas': 'api',
    'db-pool': 4,
    'db-pool-acquisition-timeout': 2,
    'admin-server-port': adminPort,
  });
  onTestFinished(() => api.close());
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).status;
  const status = async (path: string): Promise<number> => (await api.request('GET', path)).status;
  expect(await ready()).toBe(200);

  const clients = load(api, 8);
  await expect.poll(() => clients.seen.get('201') ?? 0).toBeGreaterThan(20);
  await postgres[how]();
  // while it is away: a refusal that says when to come back, and a server that lives
  await expect.poll(() => status('/items')).toBe(503);
  await expect.poll(ready).toBe(503);
  expect((await fetch(`${api.origin}/health`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${adminPort}/live`)).status).toBe(200);

  await postgres.start();
  // nobody hears of this, since nobody can listen yet
  await postgres.query("create table api.meanwhile (id int); notify pgrst, 'reload schema'");
  await expect.poll(() => status('/items')).toBe(200);
  await expect.poll(() => status('/meanwhile')).toBe(200);
  await expect.poll(ready).toBe(200);
  const before = clients.seen.get('201') ?? 0;
  await expect.poll(() => clients.seen.get('201') ?? 0).toBeGreaterThan(before + 20);
  await clients.stop();

  // every other answer was one of these
  const others = [...clients.seen.keys()].filter((kind) => !/^20[01]$/.test(kind));
  for (const kind of others) expect(kind).toMatch(/^503 PGRST00[013] retry after 1$/);
  expect(others.length).toBeGreaterThan(0);
  // what was answered 201 is there
  const { rows } = await postgres.query('select id from api.written');
  const stored = new Set(rows.map(({ id }) => id));
  expect(clients.written.filter((id) => !stored.has(id))).toEqual([]);
});
