import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type EmbeddedOptions, type EmbeddedServer, startEmbedded } from '../../server/embedded.ts';
import { isAlive, waitForExit } from '../../server/host/process.ts';
import { findFreePort, makeFolder, writeFiles } from '../support/folder.ts';

const isRoot = process.getuid?.() === 0;
const running: EmbeddedServer[] = [];

/** A folder that was started and stopped once: making one takes longer than copying it. */
const template = await mkdtemp(join(tmpdir(), 'aura-test-'));

beforeAll(async () => {
  await chmod(template, 0o755);
  await (await startEmbedded({ dataDir: join(template, 'pg'), port: null })).stop();
});

afterAll(() => rm(template, { recursive: true, force: true }));

const copyTemplate = async (): Promise<string> => {
  const folder = await makeFolder();
  await promisify(execFile)('cp', ['-a', join(template, 'pg'), folder]);
  return join(folder, 'pg');
};

afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

const start = async (options: Partial<EmbeddedOptions> & { dataDir: string }): Promise<EmbeddedServer> => {
  const server = await startEmbedded({ port: null, ...options });
  running.push(server);
  return server;
};

const query = async (uri: string, text: string): Promise<unknown[]> => {
  const client = new pg.Client(uri);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
};

/** A process that has the server running, to be killed. */
const hold = async (
  folder: string,
  port: number,
): Promise<{ pid: number; postgres: number; kill(): Promise<void> }> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hold.ts'), folder, String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    postgres: Number(String(line)),
    kill: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
};

test('a first start listens on a private socket and on loopback, and asks for the password on both', async () => {
  const port = await findFreePort();
  const server = await start({ dataDir: join(await makeFolder(), 'pg'), port });
  expect(await query(server.superuserUri, 'select current_user::text')).toEqual([
    { current_user: 'postgres' },
  ]);
  expect(await query(server.tcpUri ?? '', 'show server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  expect((await stat(server.socketDir)).mode & 0o077).toBe(0);
  for (const uri of [server.superuserUri, server.tcpUri ?? '']) {
    const wrong = uri.replace(/:[^:@]+@/, ':wrong@');
    await expect(query(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  }
  const [row] = await query(server.superuserUri, 'show listen_addresses');
  expect(['127.0.0.1,::1', '127.0.0.1']).toContain((row as { listen_addresses: string }).listen_addresses);
});

test('text sorts the same on every machine: by code point', async () => {
  const server = await start({ dataDir: await copyTemplate() });
  const sorted = await query(
    server.superuserUri,
    `select string_agg(t, '' order by t) from unnest('{b,ä,B,a}'::text[]) t`,
  );
  expect(sorted).toEqual([{ string_agg: 'Babä' }]);
});

test('a later start finds what was stored before', async () => {
  const dataDir = await copyTemplate();
  const first = await startEmbedded({ dataDir, port: null });
  await query(first.superuserUri, 'create table kept as select 7 as n');
  await first.stop();
  expect(await isAlive(first.pid)).toBe(false);
  const second = await start({ dataDir });
  expect(await query(second.superuserUri, 'select n from kept')).toEqual([{ n: 7 }]);
});

test('a throwaway server leaves no folder behind', async () => {
  const folder = await makeFolder();
  const server = await startEmbedded({ dataDir: join(folder, 'pg'), port: null, throwaway: true });
  await server.stop();
  expect(await readdir(folder)).toEqual([]);
});

test('a server whose Aura was killed goes on, and the next start takes it over', async () => {
  const dataDir = await copyTemplate();
  const port = await findFreePort();
  const held = await hold(dataDir, port);
  await held.kill();
  expect(await isAlive(held.postgres)).toBe(true);
  const server = await start({ dataDir, port });
  expect(server.pid).toBe(held.postgres);
  expect(await query(server.superuserUri, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a server left behind on another port is stopped, and a new one listens where asked', async () => {
  const dataDir = await copyTemplate();
  const held = await hold(dataDir, await findFreePort());
  await held.kill();
  const port = await findFreePort();
  const server = await start({ dataDir, port });
  expect(await isAlive(held.postgres)).toBe(false);
  expect(await query(server.tcpUri ?? '', 'show port')).toEqual([{ port: String(port) }]);
});

test('after PostgreSQL itself was killed the next start recovers all that was committed', async () => {
  const dataDir = await copyTemplate();
  const ended = Promise.withResolvers<void>();
  const first = await startEmbedded({ dataDir, port: null, onExit: ended.resolve });
  await query(first.superuserUri, 'create table kept as select 7 as n');
  process.kill(first.pid, 'SIGKILL');
  await ended.promise;
  await first.stop();
  const second = await start({ dataDir });
  expect(await query(second.superuserUri, 'select n from kept')).toEqual([{ n: 7 }]);
});

test('when both were killed at once the next start recovers too', async () => {
  const dataDir = await copyTemplate();
  const port = await findFreePort();
  const held = await hold(dataDir, port);
  process.kill(held.postgres, 'SIGKILL');
  await held.kill();
  await waitForExit(held.postgres, 5000);
  const server = await start({ dataDir, port });
  expect(await query(server.superuserUri, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a folder that a killed start left half made is made anew', async () => {
  const dataDir = join(await makeFolder(), 'pg');
  await writeFiles(dataDir, { 'data.new/PG_VERSION': '18\n', 'data.new/base/1/stray': '', lock: '1 0' });
  const server = await start({ dataDir });
  expect(await query(server.superuserUri, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a pid file that names a process of something else does not keep the server from starting', async () => {
  const dataDir = await copyTemplate();
  const lines = [process.pid, join(dataDir, 'data'), 0, 5432, join(dataDir, 'socket'), '', '', 'ready'];
  await writeFile(join(dataDir, 'data', 'postmaster.pid'), `${lines.join('\n')}\n`);
  const server = await start({ dataDir });
  expect(await query(server.superuserUri, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a folder that another Aura is using is refused, naming its process', async () => {
  const dataDir = await copyTemplate();
  await start({ dataDir });
  await expect(startEmbedded({ dataDir, port: null })).rejects.toMatchObject({
    message: expect.stringContaining(`Another Aura (process ${process.pid})`),
    hint: expect.stringContaining('--data-dir'),
  });
});

test('the server is in a process group of its own, so that Ctrl-C reaches only Aura', async () => {
  const server = await start({ dataDir: await copyTemplate() });
  // signal 0 to a group asks whether there is one of that id
  expect(() => process.kill(-server.pid, 0)).not.toThrow();
});

test.each(['127.0.0.1', '::1'])(
  'a port that is in use on %s is named, with who has it and what to set',
  async (host) => {
    const stranger = createServer();
    const listening = await new Promise<boolean>((resolve) => {
      stranger.once('error', () => resolve(false));
      stranger.listen(0, host, () => resolve(true));
    });
    if (!listening) return expect(host).toBe('::1'); // a machine without IPv6
    onTestFinished(() => void stranger.close());
    const address = stranger.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(startEmbedded({ dataDir: await copyTemplate(), port })).rejects.toMatchObject({
      message: expect.stringMatching(
        new RegExp(`Port ${port} on ${host} is in use by process ${process.pid} \\(`),
      ),
      hint: expect.stringContaining('--db-port'),
    });
  },
);

test("another version's data folder is refused, saying which", async () => {
  const dataDir = await copyTemplate();
  await writeFile(join(dataDir, 'data', 'PG_VERSION'), '15\n');
  await expect(startEmbedded({ dataDir, port: null })).rejects.toMatchObject({
    message: expect.stringContaining('was made by PostgreSQL 15; the embedded server is PostgreSQL 18'),
    hint: expect.stringContaining('--data-dir'),
  });
});

test.each([
  [{ PG_VERSION: '16\n' }, 'was made by PostgreSQL 16'],
  [{ PG_VERSION: '18\n' }, 'a PostgreSQL data folder that Aura did not make'],
  [{ 'thesis.txt': 'draft' }, 'holds other files (thesis.txt)'],
])('a folder of something else is left alone: %j', async (files, message) => {
  const dataDir = await makeFolder();
  await writeFiles(dataDir, files);
  await expect(startEmbedded({ dataDir, port: null })).rejects.toThrow(message);
  expect(await readdir(dataDir)).toEqual(Object.keys(files));
});

test('a path too long for a socket still works', async () => {
  const dataDir = join(await makeFolder(), 'a-rather-long-name-'.repeat(7), 'pg');
  const server = await start({ dataDir });
  expect(server.socketDir.length).toBeLessThan(60);
  expect(await query(server.superuserUri, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('a lost password file is named', async () => {
  const dataDir = await copyTemplate();
  await rm(join(dataDir, 'password'));
  await expect(startEmbedded({ dataDir, port: null })).rejects.toThrow('The password of the database in');
});

test.runIf(isRoot)('started by root, PostgreSQL runs as an unprivileged account', async () => {
  const server = await start({ dataDir: await copyTemplate() });
  expect((await stat(`/proc/${server.pid}`)).uid).not.toBe(0);
});

test.runIf(isRoot)(
  'data that belongs to someone else is refused, naming both, whether or not it can be reached',
  async () => {
    const dataDir = await copyTemplate();
    await chown(join(dataDir, 'data'), 4711, 4711);
    await expect(startEmbedded({ dataDir, port: null })).rejects.toMatchObject({
      message: expect.stringMatching(/data belongs to user 4711, but here it must belong to \w+/),
      hint: expect.stringContaining('chown -R'),
    });
    await chown(dataDir, 4711, 4711);
    await expect(startEmbedded({ dataDir, port: null })).rejects.toThrow(
      'belongs to user 4711, but here it must belong to root',
    );
  },
);

test.runIf(isRoot)(
  "a folder that PostgreSQL's account cannot reach is kept elsewhere, and the user is told where",
  async () => {
    const closed = join(await makeFolder(), 'closed');
    await mkdir(closed, { mode: 0o700 });
    const told: string[] = [];
    const dataDir = join(closed, '.aura', 'postgres');
    const server = await start({ dataDir, onStep: (text) => told.push(text) });
    onTestFinished(() => rm(server.home, { recursive: true, force: true }));
    expect(server.home).not.toContain(closed);
    expect(told[0]).toContain(`PostgreSQL's data is in ${server.home}, since user`);
    await server.stop();
    const again = await start({ dataDir });
    expect(again.home).toBe(server.home);
  },
);

/** A disk of some megabytes, or null where tests may not mount one. */
const mountSmallDisk = async (megabytes: number): Promise<string | null> => {
  const folder = await makeFolder();
  const options = `size=${megabytes}m,mode=755`;
  try {
    await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  } catch {
    return null;
  }
  onTestFinished(async () => void (await promisify(execFile)('umount', [folder])));
  return folder;
};

const namesFullDisk = {
  message: expect.stringContaining('The disk is full: PostgreSQL could not write to'),
  hint: expect.stringContaining('--data-dir'),
};

test.runIf(isRoot)(
  'a disk that fills up during the first start is named, and nothing half made stays',
  async ({ skip }) => {
    const small = await mountSmallDisk(8);
    if (small === null) return skip('this machine does not let tests mount a small disk');
    const dataDir = join(small, 'pg');
    await expect(startEmbedded({ dataDir, port: null })).rejects.toMatchObject(namesFullDisk);
    expect(await readdir(dataDir)).toEqual([]);
  },
);

test.runIf(isRoot)('a disk that is full at a later start is named', async ({ skip }) => {
  const small = await mountSmallDisk(64);
  if (small === null) return skip('this machine does not let tests mount a small disk');
  const dataDir = join(small, 'pg');
  await promisify(execFile)('cp', ['-a', join(template, 'pg'), dataDir]);
  await expect(writeFile(join(small, 'filler'), Buffer.alloc(64 << 20))).rejects.toMatchObject({
    code: 'ENOSPC',
  });
  await expect(startEmbedded({ dataDir, port: null })).rejects.toMatchObject(namesFullDisk);
  await rm(join(small, 'filler'));
  const server = await startEmbedded({ dataDir, port: null });
  await server.stop();
});

test('a folder keeps the superuser it was made with', async () => {
  const dataDir = await copyTemplate();
  await expect(start({ dataDir, superuser: 'supabase_admin' })).rejects.toMatchObject({
    message: expect.stringContaining('its superuser is postgres, not supabase_admin'),
    hint: expect.stringContaining('--data-dir'),
  });
  const other = join(await makeFolder(), 'pg');
  const { superuserUri } = await start({ dataDir: other, superuser: 'someone' });
  expect(await query(superuserUri, 'select current_user::text as me')).toEqual([{ me: 'someone' }]);
});
