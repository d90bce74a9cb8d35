/**
 * One connection of the pool: the driver opens and authenticates it, exchanges run beside the driver on its socket.
 */
import net from 'node:net';
import pg from 'pg';
import { parseConnectionString } from './connection-string.ts';
import { type DriverConnection, Exchanger } from './exchange.ts';
import { createReusingSocket } from './socket.ts';

export interface BackendOptions {
  readonly dbUri: string;
  /** Seconds. */
  readonly dbPoolAcquisitionTimeout: number;
  /** Prepared statements that are kept. */
  readonly dbMaxStatements: number;
}

/** An open connection to a backend of PostgreSQL. */
export interface Backend {
  readonly exchanger: Exchanger;
  /** Asks the server to stop what runs on the connection. */
  readonly cancel: () => void;
  /** Says goodbye. */
  readonly end: () => Promise<void>;
  /** Closes it here and now: to say goodbye needs a server that listens. */
  readonly destroy: () => void;
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

/**
 * Connects. `allocate` makes the buffers of large answers. `onClosed` is told once when the connection has ended, by whomever, with the error if there was one.
 * Rejects with the driver's error.
 */
export async function openBackend(
  options: BackendOptions,
  allocate: (bytes: number) => Buffer,
  onClosed: (error: unknown) => void,
): Promise<Backend> {
  const client = new pg.Client({
    ...parseConnectionString(options.dbUri),
    connectionTimeoutMillis: options.dbPoolAcquisitionTimeout * 1000,
    application_name: 'aura',
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    // the driver gives its settings, whatever its types say; TLS goes through a socket of its own making
    stream: (settings?: pg.ClientConfig) => (settings?.ssl ? new net.Socket() : createReusingSocket()),
  } as pg.ClientConfig);
  let error: unknown = null;
  // also while it connects: what broke it is told by the promise, too, and must not end the process
  client.on('error', (cause) => {
    error ??= cause;
  });
  await client.connect();
  const session = client as unknown as Session;
  const { stream } = session.connection;
  stream.once('close', () => onClosed(error));
  return {
    exchanger: new Exchanger(session.connection, options.dbMaxStatements, allocate),
    cancel: () => sendCancel(session),
    end: () => client.end(),
    destroy: () => void stream.destroy(),
  };
}
