/**
 * The pool of connections. The driver's pool opens, lends and closes them; exchanges run beside the driver on
 * the connections that it lends.
 */
import net from 'node:net';
import pg from 'pg';
import { apiError } from '../errors/codes.ts';
import type { ConnectionEvent, Observe } from '../observe/observation.ts';
import { parseConnectionString } from './connection-string.ts';
import { type DriverConnection, Exchanger, type Outcome, type Step } from './exchange.ts';
import { createReusingSocket } from './socket.ts';

export interface PoolOptions {
  readonly dbUri: string;
  readonly dbPool: number;
  readonly dbPoolAcquisitionTimeout: number;
  readonly dbPoolMaxIdletime: number;
  readonly dbPoolMaxLifetime: number;
  readonly dbMaxStatements: number;
}

/** A connection that was lent to one request. */
export interface Lease {
  readonly run: (steps: readonly Step[]) => Promise<Outcome>;
  /** How many times `run` was called. */
  readonly trips: () => number;
  /** Parses the steps' statements anew at their next use. */
  readonly forget: (steps: readonly Step[]) => void;
  /** What runs may change settings of the session: they are undone before the connection's next use. */
  readonly taint: () => void;
  /** Stops reading what the server sends, or goes on: a server whose rows nobody takes stops making them. */
  readonly pause: (paused: boolean) => void;
  /** Asks the server to stop what runs on the connection. */
  readonly cancel: () => void;
  /** Gives the connection back; one that is broken, or in a transaction, is closed instead. */
  readonly release: (broken?: Error) => void;
}

/** Numbers of connections, and of requests that wait for one. */
export interface PoolState {
  readonly open: number;
  readonly inUse: number;
  readonly waiting: number;
  readonly max: number;
  /** The last attempt to connect succeeded. */
  readonly reachable: boolean;
}

export interface Pool {
  /**
   * Lends a connection. Rejects with ApiError PGRST003 when none becomes free in time, PGRST000 when the
   * database cannot be reached.
   */
  readonly acquire: () => Promise<Lease>;
  readonly state: () => PoolState;
  /** Closes all connections: those that are lent when they come back, or after a moment of grace. May be called again. */
  readonly close: () => Promise<void>;
}

/** What the driver knows of its session and does not declare. */
interface Session {
  readonly connection: DriverConnection;
  readonly processID: number;
  readonly secretKey: number;
  readonly host: string;
  readonly port: number;
}

const CANCEL_REQUEST = 80877102;

/** https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS */
function sendCancel({ host, port, processID, secretKey }: Session): void {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(CANCEL_REQUEST, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  const socket = host.startsWith('/') ? net.connect(`${host}/.s.PGSQL.${port}`) : net.connect(port, host);
  // a cancellation is a wish: where it cannot be delivered, the statement's timeout ends it
  socket.on('error', () => socket.destroy());
  socket.end(message);
}

/** The system's own default, two hours, is too long to wait for a server that was unplugged. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/** For statements that were cancelled to say so. */
const GRACE_MS = 2000;

const RETRY_AFTER = { 'Retry-After': '1' };

/** One use of a connection; `giveBack` closes it where it is given an error. */
function lend(
  session: Session,
  exchanger: Exchanger,
  lent: Set<Session>,
  giveBack: (broken?: Error) => void,
): Lease {
  let trips = 0;
  lent.add(session);
  return {
    run: (steps) => {
      trips += 1;
      return exchanger.run(steps);
    },
    trips: () => trips,
    forget: (steps) => exchanger.forget(steps),
    taint: () => exchanger.taint(),
    pause: (paused) => exchanger.pause(paused),
    cancel: () => sendCancel(session),
    release: (broken) => {
      lent.delete(session);
      if (!broken && exchanger.idle) {
        giveBack();
        return;
      }
      // closed here and now: to say goodbye needs a server that listens
      session.connection.stream.destroy();
      giveBack(broken ?? new Error('the connection is in the middle of something'));
    },
  };
}

/** Lends connections of `db-uri`. */
export function createPool(options: PoolOptions, observe: Observe): Pool {
  const pool = new pg.Pool({
    ...parseConnectionString(options.dbUri),
    max: options.dbPool,
    connectionTimeoutMillis: options.dbPoolAcquisitionTimeout * 1000,
    idleTimeoutMillis: options.dbPoolMaxIdletime * 1000,
    maxLifetimeSeconds: options.dbPoolMaxLifetime,
    application_name: 'aura',
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    // the driver gives its settings, whatever its types say; TLS goes through a socket of its own making
    stream: (settings?: pg.ClientConfig) => (settings?.ssl ? new net.Socket() : createReusingSocket()),
  } as pg.PoolConfig);
  const lent = new Set<Session>();
  const exchangers = new WeakMap<pg.PoolClient, Exchanger>();
  const serials = new WeakMap<pg.PoolClient, number>();
  const endings = new WeakMap<pg.PoolClient, ConnectionEvent>();
  let serial = 0;
  let reachable = true;
  const tell = (client: pg.PoolClient, event: ConnectionEvent): void =>
    observe({ kind: 'connection', event, connection: serials.get(client) ?? 0 });
  // an idle connection that breaks is replaced at the next request: nobody waits for it
  pool.on('error', (error) => observe({ kind: 'database lost', error }));
  pool.on('connect', (client) => {
    reachable = true;
    serials.set(client, ++serial);
    // pg emits further errors of a broken connection on the client: they are told by the exchange
    client.on('error', () => undefined);
    const { connection } = client as unknown as Session;
    exchangers.set(client, new Exchanger(connection, options.dbMaxStatements));
    tell(client, 'established');
  });
  pool.on('remove', (client) =>
    tell(client, endings.get(client) ?? (pool.ending ? 'closed by shutdown' : 'closed by idleness')),
  );
  observe({ kind: 'pool sized', max: options.dbPool });

  const refused = (cause: unknown): Error => {
    const full = pool.totalCount >= options.dbPool && pool.waitingCount > 0;
    const timedOut = cause instanceof Error && cause.message.startsWith('timeout exceeded');
    if (timedOut && (full || pool.idleCount === 0)) {
      observe({ kind: 'pool timeout' });
      return apiError('PGRST003', 'Timed out acquiring connection from connection pool.', {
        headers: RETRY_AFTER,
        cause,
      });
    }
    reachable = false;
    observe({ kind: 'database lost', error: cause });
    return apiError('PGRST000', 'Database connection error. Retrying the connection.', {
      headers: RETRY_AFTER,
      cause,
    });
  };

  const close = async (): Promise<void> => {
    const cut = setTimeout(() => {
      for (const { connection } of lent) connection.stream.destroy();
    }, GRACE_MS);
    await pool.end();
    clearTimeout(cut);
  };
  let closing: Promise<void> | null = null;

  return {
    acquire: async () => {
      let client: pg.PoolClient;
      try {
        client = await pool.connect();
      } catch (error) {
        throw refused(error);
      }
      const exchanger = exchangers.get(client);
      if (!exchanger) throw new Error('the pool lent a connection that it did not announce');
      const leased = client;
      return lend(client as unknown as Session, exchanger, lent, (broken) => {
        if (broken) endings.set(leased, 'closed by error');
        leased.release(broken);
      });
    },
    state: () => ({
      open: pool.totalCount,
      inUse: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
      max: options.dbPool,
      reachable,
    }),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
