/**
 * The server under test, as its users meet it: HTTP on a free port, one database behind it. Requests go through
 * node:http and not through fetch, which would tidy up what these tests mean to send.
 */
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { loadConfig } from '../../server/config.ts';
import { signToken } from '../../server/identity/sign.ts';
import { serve } from '../../server/main.ts';
import type { TestDatabase } from './database.ts';

export const SECRET = 'a-secret-of-the-tests-0123456789-abcdefgh';

/** An answer. */
export interface ApiAnswer {
  readonly status: number;
  /** Names in lower case, as Node gives them. */
  readonly headers: IncomingHttpHeaders;
  /** The body as text; its bytes are in `bytes`. */
  readonly body: string;
  readonly bytes: Buffer;
  /** The parsed body where its type is JSON's; otherwise undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly json: any;
}

export interface ApiRequest {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Text or bytes are sent as they are; anything else as JSON, with its Content-Type. */
  readonly body?: unknown;
  /** A role, or claims, to sign a token for; without it the request is anonymous. */
  readonly as?: string | Readonly<Record<string, unknown>>;
}

export type RequestApi = (method: string, path: string, options?: ApiRequest) => Promise<ApiAnswer>;

export interface Api {
  /** `http://127.0.0.1:PORT`, without the prefix of REST. */
  readonly origin: string;
  readonly port: number;
  /** Sends a request; the path, with its query string, is below `rest-prefix` and sent as it is written. */
  readonly request: RequestApi;
  /** Writes bytes to a connection of its own and gives everything that comes back until the server closes it. */
  readonly raw: (...parts: readonly (string | Buffer)[]) => Promise<string>;
  /** A connection of one's own. */
  readonly socket: () => Socket;
  readonly close: () => Promise<void>;
}

/** A token of the tests' secret. */
export const tokenFor = (as: string | Readonly<Record<string, unknown>>): string =>
  signToken(SECRET, typeof as === 'string' ? { role: as } : as);

const isJson = (type: string | undefined): boolean => /^application\/(?:[\w.-]+\+)?json\b/.test(type ?? '');

/** Bytes in any case: with a text for a body Node would write the headers in the body's encoding. */
function encodeBody(body: unknown): { content: Buffer | undefined; type: string | null } {
  if (body === undefined || Buffer.isBuffer(body)) return { content: body, type: null };
  if (typeof body === 'string') return { content: Buffer.from(body), type: null };
  return { content: Buffer.from(JSON.stringify(body)), type: 'application/json' };
}

function createRequest(port: number, prefix: string, agent: Agent): RequestApi {
  return (method, path, { headers = {}, body, as } = {}) => {
    const { content, type } = encodeBody(body);
    const sent: Record<string, string | string[]> = {};
    if (type !== null) sent['Content-Type'] = type;
    if (content !== undefined) sent['Content-Length'] = String(content.length);
    if (as !== undefined) sent['Authorization'] = `Bearer ${tokenFor(as)}`;
    for (const [name, value] of Object.entries(headers)) {
      const before = Object.keys(sent).find((other) => other.toLowerCase() === name.toLowerCase()) ?? name;
      sent[before] = typeof value === 'string' ? value : [...value];
    }
    const send = (): Promise<ApiAnswer> =>
      new Promise((resolve, reject) => {
        const outgoing = httpRequest(
          { host: '127.0.0.1', port, agent, method, path: prefix + path, headers: sent },
          (incoming) => void readAnswer(incoming).then(resolve, reject),
        );
        outgoing.once('error', (error) => {
          // a kept connection that the server had closed for its idleness: nothing was read of the request
          const wasIdle = outgoing.reusedSocket && 'code' in error && error.code === 'ECONNRESET';
          if (wasIdle) send().then(resolve, reject);
          else reject(error);
        });
        outgoing.end(content);
      });
    return send();
  };
}

async function readAnswer(incoming: IncomingMessage): Promise<ApiAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const body = bytes.toString();
  const { headers, statusCode: status = 0 } = incoming;
  const json = isJson(headers['content-type']) && body !== '' ? JSON.parse(body) : undefined;
  return { status, headers, body, bytes, json };
}

const writeRaw = (port: number, parts: readonly (string | Buffer)[]): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // the server may answer and close while there is more to write
    socket.once('error', (error) => chunks.length === 0 && reject(error));
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
    for (const part of parts) socket.write(part);
  });

/**
 * Starts a server over a database.
 * @param settings by their names, over: anonymous role `anon`, the tests' secret, 4 connections, `require-rls`
 * off, and no log but of the gravest
 */
export async function startApi(
  database: Pick<TestDatabase, 'authenticatorUri'>,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Api> {
  const flags: Readonly<Record<string, unknown>> = {
    'db-uri': database.authenticatorUri,
    'db-anon-role': 'anon',
    'db-pool': 4,
    'jwt-secret': SECRET,
    'require-rls': 'off',
    'server-host': '127.0.0.1',
    'server-port': 0,
    'log-level': 'crit',
    ...settings,
  };
  const load: Parameters<typeof serve>[0] = (fromDatabase) =>
    loadConfig({ env: {}, flags, database: fromDatabase });
  const { restPrefix } = load([]);
  const running = await serve(load, { checked: false, version: 'test', quiet: true });
  const port = Number(running.addresses[0]?.split(':').at(-1));
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  return {
    origin: `http://127.0.0.1:${port}`,
    port,
    request: createRequest(port, restPrefix === '/' ? '' : restPrefix, agent),
    raw: (...parts) => writeRaw(port, parts),
    socket: () => connect(port, '127.0.0.1'),
    close: async () => {
      agent.destroy();
      await running.close();
    },
  };
}
