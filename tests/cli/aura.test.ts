/** The program `aura` itself, as a process of its own. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { findFreePort, makeFolder, writeFiles } from '../support/folder.ts';

const program = join(import.meta.dirname, '../../bin/aura.mjs');

/** Without the settings of whoever runs the tests. */
const cleanEnvironment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AURA|PGRST|PG)/.test(name))),
  ...more,
});

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const aura = (args: readonly string[], env: Record<string, string> = {}, cwd?: string): Promise<Outcome> =>
  new Promise((resolve) => {
    const options = { env: cleanEnvironment(env), cwd, maxBuffer: 64 << 20 };
    execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });

const SECRET = 'N0t-guessable-9f8e7d6c5b4a39281706f5e4d3c2b1a0';

test('--version says the version of the package, --help the verbs', async () => {
  const { version } = JSON.parse(await readFile(join(program, '../../package.json'), 'utf8'));
  expect(await aura(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  const { stdout } = await aura(['--help']);
  for (const verb of ['dev', 'start', 'inspect']) expect(stdout).toMatch(new RegExp(`^ {2}${verb} `, 'm'));
});

test('an option that does not exist ends with 1 and a hint', async () => {
  const { code, stderr } = await aura(['dev', '--prot', '1']);
  expect(code).toBe(1);
  expect(stderr).toContain("unknown option '--prot'\n(Did you mean --port?)");
});

test('a port that is none is refused', async () => {
  const { code, stderr } = await aura(['dev', '--port', '70000']);
  expect(code).toBe(1);
  expect(stderr).toContain('It must be a whole number from 1 to 65535.');
});

test('start lists everything that is wrong with the settings at once', async () => {
  const { code, stderr } = await aura(['start', '--db-pool', 'many'], {
    AURA_JWT_SECRET: 'short',
    AURA_SERVER_PORT: 'x',
  });
  expect(code).toBe(1);
  expect(stderr).toContain('The configuration has 3 problem(s):');
  expect(stderr).toContain('- db-pool (flag --db-pool)');
  expect(stderr).toContain('- jwt-secret (environment variable AURA_JWT_SECRET)');
  expect(stderr).toContain('- server-port (environment variable AURA_SERVER_PORT)');
});

test('start --dump-config prints the effective settings, without secrets', async () => {
  const folder = await makeFolder();
  await writeFiles(folder, { 'aura.toml': 'db-max-rows = 7\nserver-port = 4000\n' });
  const env = {
    AURA_JWT_SECRET: SECRET,
    PGRST_DB_URI: 'postgresql://me:hush@db/app',
    AURA_SERVER_PORT: '5000',
  };
  const { code, stdout } = await aura(['start', '--dump-config', '--db-schemas', 'one,two'], env, folder);
  expect(code).toBe(0);
  expect(stdout).toContain('db-max-rows = 7\n');
  expect(stdout).toContain('server-port = 5000\n');
  expect(stdout).toContain('db-schemas = "one,two"\n');
  expect(stdout).toContain('postgresql://me:********@db/app');
  expect(stdout).not.toMatch(/hush|N0t-guessable/);
});

test('start refuses a superuser as its login, and says what to do', async () => {
  const database = await createDatabase();
  onTestFinished(() => database.close());
  const env = {
    AURA_DB_URI: database.uri,
    AURA_JWT_SECRET: SECRET,
    AURA_SERVER_PORT: String(await findFreePort()),
  };
  const { code, stderr } = await aura(['start'], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/The login role "\w+" is a superuser/);
  expect(stderr).toContain('create role authenticator login noinherit');
});

test('start serves an existing database and writes nothing to it', async () => {
  const database = await createDatabase(`
    create table things (id int primary key);
    alter table things enable row level security;
    create policy everybody on things using (true);
    grant select on things to anon;
    insert into things values (1)`);
  onTestFinished(() => database.close());
  const port = await findFreePort();
  const child = spawn(process.execPath, [program, 'start', '--server-port', String(port)], {
    env: cleanEnvironment({
      AURA_DB_URI: database.authenticatorUri,
      AURA_DB_ANON_ROLE: 'anon',
      AURA_JWT_SECRET: SECRET,
    }),
    stdio: 'ignore',
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const answer = await vi.waitFor(
    async () => (await fetch(`http://127.0.0.1:${port}/rest/v1/things`)).json(),
    15_000,
  );
  expect(answer).toEqual([{ id: 1 }]);
  const { rows } = await database.query(`
    select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')
    union all select evtname from pg_event_trigger`);
  expect(rows).toEqual([]);
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);
});

test('inspect prints the catalog as JSON', async () => {
  const database = await createDatabase(
    "create table things (id int primary key); comment on table things is 'Things.'",
  );
  onTestFinished(() => database.close());
  const { code, stdout } = await aura(['inspect', '--db-uri', database.uri]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).relations.public.things).toMatchObject({
    comment: 'Things.',
    primaryKey: ['id'],
  });
});

test('inspect of a database that is not there says so', async () => {
  const { code, stderr } = await aura([
    'inspect',
    '--db-uri',
    `postgresql://127.0.0.1:${await findFreePort()}/none`,
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^The database cannot be reached: connect ECONNREFUSED/);
});

interface Development {
  readonly child: ChildProcess;
  readonly restUrl: string;
  readonly databaseUri: string;
  readonly anonKey: string;
}

const PROJECT = {
  'sql/0001_things.sql': `
    create table things (id int primary key);
    alter table things enable row level security;
    grant usage on schema public to anon;
    grant select on things to anon;
    create policy everybody on things using (true)`,
  'seed.sql': 'insert into things values (1), (2)',
};

/** Starts `aura dev` on a folder and waits for its banner. */
const develop = async (folder: string, port: number, dbPort: number): Promise<Development> => {
  const args = ['dev', '--project-dir', folder, '--port', String(port), '--db-port', String(dbPort)];
  const child = spawn(process.execPath, [program, ...args], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  await vi.waitFor(() => {
    if (child.exitCode !== null) return; // reported below
    expect(output).toContain('Ctrl-C stops everything.');
  }, 20_000);
  const find = (pattern: RegExp): string =>
    pattern.exec(output)?.[1] ?? expect.fail(`no banner in: ${output}`);
  return {
    child,
    restUrl: find(/REST +(\S+)/),
    databaseUri: find(/database +(postgresql:\S+)/),
    anonKey: find(/anon key +(\S+)/),
  };
};

const end = async ({ child }: Development, signal: NodeJS.Signals): Promise<unknown> => {
  const gone = once(child, 'exit');
  child.kill(signal);
  return (await gone)[0];
};

test('dev serves a project, follows its schema, stops on Ctrl-C and recovers from kill -9', async () => {
  const folder = await makeFolder();
  await writeFiles(folder, PROJECT);
  const [port, dbPort] = await Promise.all([findFreePort(), findFreePort()]);
  const first = await develop(folder, port, dbPort);
  const read = async (what: string): Promise<unknown> =>
    (await fetch(`${first.restUrl}/${what}`, { headers: { apikey: first.anonKey } })).json();
  expect(await read('things?order=id')).toEqual([{ id: 1 }, { id: 2 }]);

  const client = new pg.Client(first.databaseUri);
  await client.connect();
  await client.query(
    'create view more with (security_invoker) as select * from things; grant select on more to anon',
  );
  await client.end();
  await vi.waitFor(async () => expect(await read('more?id=eq.2')).toEqual([{ id: 2 }]), 5000);
  expect(await end(first, 'SIGINT')).toBe(0);

  const second = await develop(folder, port, dbPort);
  expect(second.anonKey).toBe(first.anonKey);
  await end(second, 'SIGKILL');

  const third = await develop(folder, port, dbPort);
  expect(await read('more?id=eq.1')).toEqual([{ id: 1 }]);
  expect(await end(third, 'SIGTERM')).toBe(0);
});
