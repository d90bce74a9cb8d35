/** The server under test, started as its users start it: `aura start`, with settings from the environment. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { signToken } from '../server/identity/sign.ts';
import type { Call } from './workloads.ts';

const LAUNCHER = join(import.meta.dirname, '../bin/aura.mjs');
export const SECRET = 'Kq3vZ8xR2mN7pW4tY9bC6hJ1fD5gL0sA';
const PREFIX = '/rest/v1';
const PATIENCE = 20_000;

export interface ServerOptions {
  readonly dbUri: string;
  /** Where its output is kept. */
  readonly log: string;
  /** The folder for V8's profile; null = none is taken. */
  readonly profileDir: string | null;
  /** Environment variables beside those of all benches. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface TestedServer {
  readonly pid: number;
  readonly origin: string;
  /** Stops it in order. */
  stop(): Promise<void>;
}

/** A request as it goes over the wire: with the path from the root, and with its token. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** A loopback port that nothing listens on. */
export const findFreePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/** Adds what is the same for all calls. */
export const wireRequest = ({ method, target, headers, body, person }: Call): WireRequest => ({
  method,
  path: PREFIX + target,
  headers: {
    ...headers,
    Authorization: `Bearer ${signToken(SECRET, { role: 'authenticated', sub: person, aud: 'authenticated', exp: 4_102_444_800 })}`,
  },
  body,
});

/** Sends one request with no other headers than the load generators send. */
export const send = (origin: string, { method, path, headers, body }: WireRequest): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { host } = new URL(origin);
    const length = body === null ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const outgoing = request(
      origin + path,
      { method, headers: { Host: host, ...headers, ...length }, setDefaultHeaders: false },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => void chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) }),
        );
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body ?? undefined);
  });

const answers = async (origin: string): Promise<boolean> => {
  try {
    const { status } = await send(origin, { method: 'GET', path: '/health', headers: {}, body: null });
    return status === 200;
  } catch {
    // not listening yet
    return false;
  }
};

const awaitAnswer = async (child: ChildProcess, origin: string, log: string): Promise<void> => {
  const deadline = Date.now() + PATIENCE;
  while (!(await answers(origin))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`The server does not answer. It said:\n${await readFile(log, 'utf8')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

const stopChild = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
  await ended;
  clearTimeout(timer);
};

/** Starts the server and waits until it answers. */
export const startServer = async ({
  dbUri,
  log,
  profileDir,
  settings = {},
}: ServerOptions): Promise<TestedServer> => {
  const port = await findFreePort();
  const profiling = profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const child = spawn(process.execPath, [...profiling, LAUNCHER, 'start'], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_ENV: 'production',
      AURA_DB_URI: dbUri,
      AURA_DB_POOL: '8',
      AURA_DB_SCHEMAS: 'public',
      AURA_DB_EXTRA_SEARCH_PATH: 'public, extensions',
      AURA_DB_MAX_ROWS: '1000',
      AURA_DB_ANON_ROLE: 'anon',
      AURA_JWT_SECRET: SECRET,
      AURA_SERVER_HOST: '127.0.0.1',
      AURA_SERVER_PORT: String(port),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = createWriteStream(log, { flags: 'a' });
  child.stdout?.pipe(output, { end: false });
  child.stderr?.pipe(output, { end: false });
  const origin = `http://127.0.0.1:${port}`;
  try {
    await awaitAnswer(child, origin, log);
  } catch (error) {
    await stopChild(child);
    throw error;
  }
  return { pid: child.pid ?? 0, origin, stop: () => stopChild(child) };
};
