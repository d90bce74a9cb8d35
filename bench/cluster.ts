/**
 * The PostgreSQL of a bench: an embedded server with its durable settings in a temporary folder, holding the
 * example project as `aura dev` would make it.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbedded } from '../server/embedded.ts';
import { type Connection, openConnection } from '../server/execute/connection.ts';
import { applyProject } from '../server/project/apply.ts';
import { loadProject } from '../server/project/folder.ts';
import { prepareRoles } from '../server/project/roles.ts';

export const EXAMPLE = join(import.meta.dirname, '../examples/tracks');

const PASSWORD = 'authenticator';

export interface Cluster {
  /** Where the socket is, and the number in its name. */
  readonly socketDir: string;
  readonly port: number;
  /** Connects `authenticator` by the socket, as the API does. */
  readonly loginUri: string;
  readonly login: { readonly user: string; readonly password: string; readonly database: string };
  /** The postmaster's process. */
  readonly pid: number;
  /** Such as `18.4`. */
  readonly version: string;
  /** Connects the superuser. */
  readonly adminUri: string;
  /** The superuser. */
  readonly admin: Connection;
  /** Makes commits wait so many microseconds longer for the disk. */
  slowDown(microseconds: number): Promise<void>;
  /** Switches `synchronous_commit` for all sessions, also those that are open. */
  setSynchronousCommit(on: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** A folder of its own under the system's temporary one, which PostgreSQL's account can pass through. */
export const makeFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-bench-'));
  await chmod(folder, 0o755);
  return folder;
};

const fill = async (admin: Connection, superuserUri: string): Promise<string> => {
  const loginUri = await prepareRoles(admin, superuserUri, PASSWORD, true);
  await applyProject(admin, await loadProject(EXAMPLE));
  // what capture costs is measured by itself (realtime.ts)
  await admin.query('alter publication aura set table labels');
  // settled before anything is measured: hint bits, visibility map, statistics
  await admin.query('vacuum (analyze, freeze)');
  await admin.query('checkpoint');
  return loginUri;
};

/** Starts and fills the server; `stop` deletes it. */
export const startCluster = async (): Promise<Cluster> => {
  const folder = await makeFolder();
  const server = await startEmbedded({ dataDir: join(folder, 'postgres'), port: null });
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(server.home, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const admin = await openConnection(server.superuserUri);
    const loginUri = await fill(admin, server.superuserUri);
    const [row] = await admin.query("select current_setting('server_version') as version");
    return {
      socketDir: server.socketDir,
      port: Number(new URL(server.superuserUri).port),
      loginUri,
      login: { user: 'authenticator', password: PASSWORD, database: 'postgres' },
      pid: server.pid,
      version: String(row?.['version']),
      adminUri: server.superuserUri,
      admin,
      slowDown: async (microseconds) => {
        await admin.query(`alter system set commit_delay = ${microseconds}`);
        await admin.query('alter system set commit_siblings = 0');
        await admin.query('select pg_reload_conf()');
      },
      setSynchronousCommit: async (on) => {
        await admin.query(`alter system set synchronous_commit = ${on ? 'on' : 'off'}`);
        await admin.query('select pg_reload_conf()');
      },
      stop: async () => {
        await admin.close();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
};
