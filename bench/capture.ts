/**
 * What Aura says to PostgreSQL for a request, read off the wire: a proxy in front of the server's socket passes
 * everything on and keeps the extended-query messages
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html). So the floor runs what Aura runs,
 * whatever that comes to be.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** A statement as it was bound and executed; null = NULL. */
export interface SentStatement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

export interface Capture {
  /** The folder to connect to in place of the server's own. */
  readonly socketDir: string;
  /**
   * What was executed since the last call.
   * @throws Error if that was nothing, or more than one trip
   */
  take(): readonly SentStatement[];
  /** Forgets what was executed until now. */
  forget(): void;
  close(): Promise<void>;
}

const HEADER = 5;

const cstring = (payload: Buffer, at: number): { text: string; end: number } => {
  const end = payload.indexOf(0, at);
  return { text: payload.toString('utf8', at, end), end: end + 1 };
};

/** Bind's parameters: behind portal, statement and format codes. */
const parseBind = (payload: Buffer): { statement: string; values: (string | null)[] } => {
  const portal = cstring(payload, 0);
  const statement = cstring(payload, portal.end);
  let at = statement.end;
  at += 2 + payload.readInt16BE(at) * 2;
  const count = payload.readInt16BE(at);
  at += 2;
  const values: (string | null)[] = [];
  for (let index = 0; index < count; index++) {
    const length = payload.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : payload.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return { statement: statement.text, values };
};

/** Reads one connection's messages to the server; gives each batch of executed statements at its Sync. */
export const createReader = (
  onSync: (statements: readonly SentStatement[]) => void,
): ((chunk: Buffer) => void) => {
  const texts = new Map<string, string>();
  let pending = Buffer.alloc(0);
  let started = false;
  let batch: SentStatement[] = [];
  let bound: SentStatement | null = null;
  const receive = (type: string, payload: Buffer): void => {
    if (type === 'P') {
      const name = cstring(payload, 0);
      texts.set(name.text, cstring(payload, name.end).text);
    } else if (type === 'B') {
      const { statement, values } = parseBind(payload);
      bound = { text: texts.get(statement) ?? '', values };
    } else if (type === 'E' && bound !== null) {
      batch.push(bound);
    } else if (type === 'S') {
      onSync(batch);
      batch = [];
    }
  };
  return (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      // the first message has no type
      const header = started ? HEADER : HEADER - 1;
      if (pending.length < header) return;
      const end = pending.readInt32BE(header - 4) + header - 4;
      if (pending.length < end) return;
      if (started) receive(String.fromCharCode(pending[0] ?? 0), pending.subarray(HEADER, end));
      started = true;
      pending = pending.subarray(end);
    }
  };
};

/** Listens in a folder, in front of the server whose socket is in another one. */
export const startCapture = async (folder: string, server: string, port: number): Promise<Capture> => {
  let batches: (readonly SentStatement[])[] = [];
  const open = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = createConnection(join(server, `.s.PGSQL.${port}`));
    const read = createReader((statements) => void batches.push(statements));
    client.on('data', read);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      open.add(socket);
      // an end that hangs up takes the other one with it
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    proxy.once('error', reject);
    proxy.listen(join(folder, `.s.PGSQL.${port}`), resolve);
  });
  return {
    socketDir: folder,
    take: () => {
      const [batch, ...others] = batches.splice(0).filter((statements) => statements.length > 0);
      if (batch === undefined) throw new Error('nothing was executed');
      if (others.length > 0)
        throw new Error('a request took more than one trip, which the floor cannot copy');
      return batch;
    },
    forget: () => {
      batches = [];
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => void proxy.close(() => resolve()));
    },
  };
};
