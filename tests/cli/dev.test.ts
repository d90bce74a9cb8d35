/** `aura dev` without the server behind it: what it prepares, prints, applies while it runs, and undoes. */
import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type DevContext, type DevOptions, runDev } from '../../server/cli/dev.ts';
import type { Config } from '../../server/config.ts';
import { openConnection } from '../../server/execute/connection.ts';
import { isAlive } from '../../server/host/process.ts';
import { createDatabase } from '../support/database.ts';
import { findFreePort, makeFolder, writeFiles } from '../support/folder.ts';
import { AUTHENTICATOR_PASSWORD } from '../support/server.ts';

const PROJECT = {
  'aura.toml': 'db-schemas = ["public"]\n',
  'sql/0001_things.sql': `
    create table things (id int primary key, name text);
    alter table things enable row level security;
    create table hidden (id int)`,
  'policies/things.sql': `
    grant usage on schema public to anon;
    grant select on things to anon;
    drop policy if exists everybody on things;
    create policy everybody on things for select using (true)`,
  'seed.sql': "insert into things values (1, 'one')",
};

interface Session {
  readonly options: DevOptions;
  readonly printed: () => string;
  readonly config: () => Config;
  readonly docsKey: () => string | null;
  /** Resolves once the banner is printed; rejects with what ended it before. */
  readonly up: Promise<void>;
  stop(): Promise<void>;
}

/** Runs `dev` with an API that answers every read with one row. */
const run = async (files: Record<string, string>, given: Partial<DevOptions> = {}): Promise<Session> => {
  const folder = given.projectDir ?? (await makeFolder());
  await writeFiles(folder, files);
  const [port, dbPort] = await Promise.all([findFreePort(), findFreePort()]);
  const options: DevOptions = { projectDir: folder, port, dbPort, dbUri: null, dataDir: null, ...given };
  const output: string[] = [];
  const print = (text: string): void => void output.push(text);
  const abort = new AbortController();
  const seen: Config[] = [];
  const banner = Promise.withResolvers<void>();
  let docsKey: string | null = null;
  const context: DevContext = {
    version: '1.2.3',
    steps: {
      begin: (text) => print(`${text}\n`),
      note: (text) => print(`${text}\n`),
      finish: () => undefined,
      fail: () => undefined,
    },
    print: (text) => {
      print(text);
      if (text.includes('Try it:')) banner.resolve();
    },
    bold: (text) => text,
    signal: abort.signal,
    serve: async (load, options) => {
      docsKey = options.docsKey;
      const config = load([]);
      seen.push(config);
      const server: Server = createServer((_request, response) => void response.end('[{"id":1}]'));
      await new Promise<void>((resolve) => void server.listen(config.serverPort, '127.0.0.1', resolve));
      return { close: async () => void (await promisify(server.close.bind(server))()) };
    },
  };
  const done = runDev(options, context);
  done.catch(banner.reject);
  const stop = async (): Promise<void> => {
    abort.abort();
    await done;
  };
  onTestFinished(() => stop().catch(() => undefined));
  return {
    options,
    printed: () => output.join(''),
    config: () => seen[0] as Config,
    docsKey: () => docsKey,
    up: banner.promise,
    stop,
  };
};

/** A database of the test server in place of an embedded one, and the folder that knows its password. */
const onTestDatabase = async (): Promise<Partial<DevOptions> & { dbUri: string; projectDir: string }> => {
  const [folder, database] = await Promise.all([makeFolder(), createDatabase()]);
  onTestFinished(() => database.close());
  await writeFiles(folder, {
    '.aura/secrets.json': JSON.stringify({
      jwtSecret: 'x'.repeat(64),
      authenticatorPassword: AUTHENTICATOR_PASSWORD,
      madeAt: 1_700_000_000,
    }),
  });
  return { dbUri: database.uri, projectDir: folder };
};

const rows = async (uri: string, text: string): Promise<readonly unknown[]> => {
  const connection = await openConnection(uri);
  try {
    return await connection.query(text);
  } finally {
    await connection.close();
  }
};

test('the embedded database comes up with the project applied, and stops with it', async () => {
  const session = await run(PROJECT);
  await session.up;
  const databaseUri = /database +(postgresql:\S+)/.exec(session.printed())?.[1] ?? '';
  expect(await rows(databaseUri, 'select name from things')).toEqual([{ name: 'one' }]);
  const login = session.config().dbUri;
  expect(await rows(login, 'select session_user::text as login')).toEqual([{ login: 'authenticator' }]);
  await expect(rows(login, 'select name from things')).rejects.toThrow('permission denied');
  const [{ pid }] = (await rows(
    databaseUri,
    "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid",
  )) as [{ pid: number }];
  await session.stop();
  expect(await isAlive(pid)).toBe(false);
});

test('the server is configured for the project: its secret, the anonymous role, loopback', async () => {
  const session = await run(PROJECT, await onTestDatabase());
  await session.up;
  expect(session.config()).toMatchObject({
    dbSchemas: ['public'],
    dbAnonRole: 'anon',
    jwtSecret: 'x'.repeat(64),
    serverHost: 'localhost',
    serverPort: session.options.port,
  });
});

test('the banner shows where everything is, both keys, and a line that works when pasted', async () => {
  const database = await onTestDatabase();
  const session = await run(PROJECT, database);
  await session.up;
  const text = session.printed();
  const { port } = session.options;
  expect(text).toContain(`http://127.0.0.1:${port}/rest/v1\n`);
  expect(text).toContain(`http://127.0.0.1:${port}/health\n`);
  const [anon, service] = ['anon', 'service'].map(
    (name) => new RegExp(`${name} key +(\\S+)`).exec(text)?.[1] ?? '',
  );
  const roleOf = (key = ''): unknown =>
    JSON.parse(Buffer.from(key.split('.')[1] ?? '', 'base64url').toString()).role;
  expect([roleOf(anon), roleOf(service)]).toEqual(['anon', 'service_role']);
  const { host, password } = new URL(database.dbUri);
  expect(/database +(postgresql:\S+)/.exec(text)?.[1]).toContain(host);
  if (password !== '') expect(text).not.toContain(password);
  const line = /^ {2}(curl .*)$/m.exec(text)?.[1] ?? '';
  expect(line).toBe(`curl 'http://127.0.0.1:${port}/rest/v1/things?limit=3' -H 'apikey: ${anon}'`);
  const { stdout } = await promisify(execFile)('sh', ['-c', line]);
  expect(JSON.parse(stdout)).toEqual([{ id: 1 }]);
});

test('the reference is served with the anonymous key filled in, unless it is turned off', async () => {
  const session = await run(PROJECT, await onTestDatabase());
  await session.up;
  const text = session.printed();
  expect(text).toContain(`http://127.0.0.1:${session.options.port}/docs\n`);
  expect(session.config().docsEnabled).toBe(true);
  expect(session.docsKey()).toBe(/anon key +(\S+)/.exec(text)?.[1]);
  await session.stop();

  const off = await run({ ...PROJECT, 'aura.toml': 'docs-enabled = false' }, await onTestDatabase());
  await off.up;
  expect(off.config().docsEnabled).toBe(false);
  expect(off.printed()).not.toContain('/docs');
});

test('without anything for visitors, the line uses the service key', async () => {
  const session = await run(
    {
      'sql/0001_things.sql':
        'create table private (id int); grant usage on schema public to service_role; grant select on private to service_role',
    },
    await onTestDatabase(),
  );
  await session.up;
  const service = /service key +(\S+)/.exec(session.printed())?.[1];
  expect(session.printed()).toContain(`/rest/v1/private?limit=3' -H 'apikey: ${service}'`);
});

test('a migration that is saved while it runs is applied, and the server is told', async () => {
  const database = await onTestDatabase();
  const session = await run(PROJECT, database);
  await session.up;
  const listener = new pg.Client(database.dbUri);
  await listener.connect();
  onTestFinished(() => listener.end());
  const told: unknown[] = [];
  listener.on('notification', ({ channel, payload }) => told.push([channel, payload]));
  await listener.query('listen aura');
  await writeFiles(database.projectDir, { 'sql/0002_more.sql': 'create table more (id int)' });
  await vi.waitFor(() => expect(session.printed()).toContain('Applied 2 files; the API follows.'), 5000);
  expect(await rows(database.dbUri, "select to_regclass('more')::text as more")).toEqual([{ more: 'more' }]);
  await vi.waitFor(() => expect(told).toContainEqual(['aura', 'reload schema']));
  await writeFiles(database.projectDir, { 'policies/things.sql': `${PROJECT['policies/things.sql']};` });
  await vi.waitFor(
    () => expect(session.printed()).toContain('Applied policies/things.sql; the API follows.'),
    5000,
  );
});

test('one that fails is explained once, the server goes on, and the next save counts', async () => {
  const database = await onTestDatabase();
  const session = await run(PROJECT, database);
  await session.up;
  await writeFiles(database.projectDir, { 'sql/0002_more.sql': 'create tabel more (id int)' });
  await vi.waitFor(
    () => expect(session.printed()).toContain('The API goes on with what was there before.'),
    5000,
  );
  expect(session.printed()).toContain('sql/0002_more.sql, line 1: syntax error at or near "tabel" (42601)');
  expect(session.printed().match(/syntax error/g)).toHaveLength(1);
  await writeFiles(database.projectDir, { 'sql/0002_more.sql': 'create table more (id int)' });
  await vi.waitFor(() => expect(session.printed()).toContain('Applied 2 files; the API follows.'), 5000);
});

test('a changed aura.toml asks for a new start', async () => {
  const database = await onTestDatabase();
  const session = await run(PROJECT, database);
  await session.up;
  await writeFile(join(database.projectDir, 'aura.toml'), 'db-max-rows = 5\n');
  await vi.waitFor(
    () => expect(session.printed()).toContain('aura.toml changed: start again for it to count.'),
    5000,
  );
});

test('a project that does not apply ends the start with its reason, and leaves no server behind', async () => {
  const session = await run({ ...PROJECT, 'sql/0002_bad.sql': 'select 1/0' });
  await expect(session.up).rejects.toThrow('sql/0002_bad.sql: division by zero (22012)');
  await expect(
    rows(`postgresql://postgres@127.0.0.1:${session.options.dbPort}/postgres`, 'select 1'),
  ).rejects.toThrow('cannot be reached');
});

test('an API port in use is named before anything is made, with what to set', async () => {
  const port = await findFreePort();
  const stranger = createServer();
  await new Promise<void>((resolve) => void stranger.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void stranger.close());
  const session = await run(PROJECT, { port });
  await expect(session.up).rejects.toMatchObject({
    message: expect.stringContaining(`Port ${port} on 127.0.0.1 is in use by process ${process.pid}`),
    hint: expect.stringContaining('--port'),
  });
  await expect(rm(join(session.options.projectDir, '.aura'), { recursive: true })).rejects.toMatchObject({
    code: 'ENOENT',
  });
});

test('PostgreSQL killed under a running Aura is started again', async () => {
  const session = await run(PROJECT);
  await session.up;
  const databaseUri = /database +(postgresql:\S+)/.exec(session.printed())?.[1] ?? '';
  const [{ pid }] = (await rows(
    databaseUri,
    "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int as pid",
  )) as [{ pid: number }];
  process.kill(pid, 'SIGKILL');
  await vi.waitFor(
    async () => expect(await rows(databaseUri, 'select name from things')).toEqual([{ name: 'one' }]),
    {
      timeout: 15_000,
      interval: 100,
    },
  );
  expect(session.printed()).toContain('PostgreSQL ended without being asked to; starting it again.');
  expect(await rows(session.config().dbUri, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a database that cannot be reached is said to be so, without its password', async () => {
  const port = await findFreePort();
  const session = await run(PROJECT, { dbUri: `postgresql://me:hush@127.0.0.1:${port}/db` });
  await expect(session.up).rejects.toMatchObject({
    message: expect.stringContaining('The database cannot be reached: connect ECONNREFUSED'),
    hint: expect.stringContaining('--db-uri'),
  });
  await expect(session.up).rejects.not.toThrow('hush');
});
