/**
 * The embedded PostgreSQL 18: from a folder to a running server in one call. It listens on a socket in a private
 * folder, and on loopback TCP if a port is given; both ask for a password. Whatever an earlier process left
 * behind when it was killed (a half-made folder, a stale pid file, a server that still runs) is put in order
 * first. Signals are the caller's business: the server runs in a session of its own.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, findServerAccount } from './embedded/account.ts';
import { findBinaries } from './embedded/binaries.ts';
import { diskFull, isDiskFull } from './embedded/failure.ts';
import { makePrivate, openHome, placeHome } from './embedded/folder.ts';
import { initialise, PASSWORD_FILE, SUPERUSER_FILE } from './embedded/initialise.ts';
import { holdLock } from './embedded/lock.ts';
import {
  findPostmaster,
  type PostmasterOptions,
  runsWith,
  startPostmaster,
  stopPostmaster,
} from './embedded/postmaster.ts';
import { StartError, systemCode } from './errors/start.ts';
import { freeLoopback } from './host/port.ts';
import { isAlive } from './host/process.ts';

export interface EmbeddedOptions {
  /** The folder of the server: data, password, log. Made if absent. */
  readonly dataDir: string;
  /** The TCP port on the loopback addresses; `null`: by socket only. */
  readonly port: number | null;
  /** The superuser's name, which a folder keeps from its first start on; `postgres` where none is given. */
  readonly superuser?: string | undefined;
  /** For tests: nothing is made durable, and `stop` deletes the folder. */
  readonly throwaway?: boolean;
  /** Told of each step that takes time, and of anything put elsewhere than asked. */
  readonly onStep?: (text: string) => void;
  /** Told if the server ends without having been stopped. */
  readonly onExit?: () => void;
}

export interface EmbeddedServer {
  /** Where the folder really is: `dataDir`, unless PostgreSQL's account could not reach that. */
  readonly home: string;
  readonly socketDir: string;
  readonly port: number | null;
  readonly pid: number;
  /** Connects the superuser by the socket. Holds the password. */
  readonly superuserUri: string;
  /** The same by TCP, for other programs; null without a port. */
  readonly tcpUri: string | null;
  /** Stops the server and gives the folder back. May be called again. */
  stop(): Promise<void>;
}

/** The number in the socket's name when there is no TCP port. */
const SOCKET_PORT = 5432;
/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, the final NUL included. */
const SOCKET_PATH_MAX = 103;
const WATCH_EVERY = 500;

const DURABLE = { cluster_name: 'aura', max_connections: '100' };
const THROWAWAY = {
  cluster_name: 'aura-throwaway',
  max_connections: '200',
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
};

/** A private folder for the socket: in the home, or in the system's temporary folder where that path is too long. */
const placeSocket = async (home: string, port: number, account: Account | null): Promise<string> => {
  const inHome = join(home, 'socket');
  const fits = Buffer.byteLength(`${inHome}/.s.PGSQL.${port}.lock`) <= SOCKET_PATH_MAX;
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 12);
  // the same at every start: a server started again must be where connections look for it
  const folder = fits ? inHome : join(tmpdir(), `aura-${hash}`);
  await makePrivate(folder, account);
  return folder;
};

/** Tells when a process that may not be our child ends. Gives a function that stops watching. */
const watchExit = (pid: number, onExit: () => void): (() => void) => {
  let timer: NodeJS.Timeout | null = null;
  let watching = true;
  const look = async (): Promise<void> => {
    if (!(await isAlive(pid)) && watching) onExit();
    else if (watching) timer = setTimeout(() => void look(), WATCH_EVERY).unref();
  };
  void look();
  return () => {
    watching = false;
    if (timer !== null) clearTimeout(timer);
  };
};

/** Takes over the server that an earlier Aura left on this folder, or starts one. Gives its process id. */
const runServer = async (
  options: EmbeddedOptions,
  socketDir: string,
  postmaster: (listen: readonly string[]) => PostmasterOptions,
): Promise<number> => {
  const say = options.onStep ?? (() => undefined);
  const { data } = postmaster([]);
  const orphan = await findPostmaster(data);
  if (orphan !== null) {
    for (const listen of [['127.0.0.1', '::1'], ['127.0.0.1']]) {
      if (await runsWith(postmaster(options.port === null ? [] : listen))) {
        say('Taking over the PostgreSQL that still runs on this folder');
        return orphan;
      }
    }
    say('Stopping the PostgreSQL that an earlier start left behind');
    await stopPostmaster(orphan, 'SIGINT');
  }
  const remedy = 'Stop it, or choose another port for the database with --db-port.';
  const listen = options.port === null ? [] : await freeLoopback(options.port, remedy);
  // what a killed server left of its socket names a process id that may be anyone's by now
  for (const name of await readdir(socketDir)) {
    if (name.startsWith('.s.PGSQL.')) await rm(join(socketDir, name), { force: true });
  }
  say('Starting PostgreSQL');
  return startPostmaster(postmaster(listen));
};

const loadPassword = async (home: string): Promise<string> => {
  try {
    return (await readFile(join(home, PASSWORD_FILE), 'utf8')).trim();
  } catch (error) {
    throw new StartError(
      `The password of the database in ${home} cannot be read: ${String(error)}.`,
      'Put the file back, or choose another folder with --data-dir.',
      error,
    );
  }
};

/** @throws StartError if the home was made for another superuser */
const requireSuperuser = async (home: string, superuser: string): Promise<void> => {
  const made = await readFile(join(home, SUPERUSER_FILE), 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return 'postgres';
    throw error;
  });
  if (made === superuser) return;
  throw new StartError(
    `The database in ${home} belongs to a project of another kind: its superuser is ${made}, not ${superuser}.`,
    'Choose another folder with --data-dir, or delete this one with all that is in it.',
  );
};

const startIn = async (
  home: string,
  account: Account | null,
  options: EmbeddedOptions,
): Promise<EmbeddedServer> => {
  const say = options.onStep ?? (() => undefined);
  const { superuser = 'postgres' } = options;
  const binaries = await findBinaries(account, say);
  if (!(await openHome(home, account))) {
    say(`Making a PostgreSQL data folder in ${home}`);
    await initialise(home, binaries, account, superuser);
  }
  await requireSuperuser(home, superuser);
  const password = await loadPassword(home);
  const port = options.port ?? SOCKET_PORT;
  const socketDir = await placeSocket(home, port, account);
  const settings = options.throwaway === true ? THROWAWAY : DURABLE;
  const data = join(home, 'data');
  const pid = await runServer(options, socketDir, (listen) => ({
    program: binaries.postgres,
    data,
    args: [
      ...['-D', data, '-k', socketDir, '-p', String(port), '-c', `listen_addresses=${listen.join(',')}`],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    account,
    log: join(home, 'postgres.log'),
  }));
  const unwatch = watchExit(pid, options.onExit ?? (() => undefined));
  return {
    home,
    socketDir,
    port: options.port,
    pid,
    superuserUri: `postgresql://${superuser}:${password}@${encodeURIComponent(socketDir)}:${port}/postgres`,
    tcpUri: options.port === null ? null : `postgresql://${superuser}:${password}@127.0.0.1:${port}/postgres`,
    stop: async () => {
      unwatch();
      await stopPostmaster(pid, options.throwaway === true ? 'SIGQUIT' : 'SIGINT');
      if (!socketDir.startsWith(home)) await rm(socketDir, { recursive: true, force: true });
      if (options.throwaway === true) await rm(home, { recursive: true, force: true });
    },
  };
};

const startLocked = async (
  home: string,
  account: Account | null,
  options: EmbeddedOptions,
): Promise<EmbeddedServer> => {
  await openHome(home, account);
  const release = await holdLock(join(home, 'lock'));
  try {
    const server = await startIn(home, account, options);
    return {
      ...server,
      stop: async () => {
        await server.stop();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
};

/**
 * Starts the embedded PostgreSQL on a folder, or takes over the one that still runs there.
 * @throws StartError with one sentence and a remedy for everything that can be wrong with the machine: port,
 * disk, owner, version, programs, platform
 */
export const startEmbedded = async (options: EmbeddedOptions): Promise<EmbeddedServer> => {
  const account = await findServerAccount();
  const home = await placeHome(options.dataDir, account);
  if (home !== options.dataDir && account !== null) {
    options.onStep?.(
      `PostgreSQL's data is in ${home}, since user ${account.name} cannot reach ${options.dataDir}`,
    );
  }
  try {
    return await startLocked(home, account, options);
  } catch (error) {
    throw isDiskFull(error) ? diskFull(home) : error;
  }
};
