/**
 * An HTTP server for a fetch handler. What never reaches the handler, because it is no HTTP that can be read, is
 * refused here, with a body that says why like every other refusal.
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';
import { apiError, type Code } from '../errors/codes.ts';
import type { ApiError } from '../errors/error.ts';
import { systemCode } from '../errors/start.ts';
import { keepWith } from './kept.ts';

/** What answers requests. */
export type Fetch = Parameters<typeof getRequestListener>[0];

/** What answers some requests on Node's own objects, before the fetch handler is asked. */
export interface Direct {
  readonly owns: (target: string) => boolean;
  readonly serve: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;
}

/** Finds who answers a target; null = the fetch handler does. */
export type FindDirect = (target: string) => Direct | null;

/** What makes other connections of requests than those of HTTP. */
export interface Upgrade {
  readonly upgrades: (request: Pick<IncomingMessage, 'url' | 'headers'>) => boolean;
  /** Takes the connection over; resolves with the refusal where it does not. */
  readonly accept: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => Promise<ApiError | null>;
}

export interface HttpServerOptions {
  readonly direct?: FindDirect;
  readonly upgrade?: Upgrade | null;
  /** Bytes. */
  readonly maxUrlLength: number;
  /** How long a request may take to arrive; five minutes unless given. */
  readonly requestSeconds?: number;
  /** Told of what the handler throws, which it should not. */
  readonly onDefect: (error: unknown) => void;
}

/** Room for headers beside the longest URL: Node counts both together. */
const HEADER_BYTES = 64 * 1024;

const LINGER_MILLISECONDS = 2000;

const TYPE = 'application/json; charset=utf-8';

/** What Node's parser says, by its codes; anything else is no HTTP. */
const REFUSALS: ReadonlyMap<string, readonly [code: Code, message: string]> = new Map([
  ['HPE_INVALID_EOF_STATE', ['AURA105', 'The request ended early']],
  ['HPE_HEADER_OVERFLOW', ['AURA011', 'The URL and the headers are too long']],
  ['ERR_HTTP_REQUEST_TIMEOUT', ['AURA012', 'The request did not arrive in time']],
]);

const NOT_HTTP = 'The request is not valid HTTP';

function refusalOf(error: unknown): ApiError {
  const [code, message] = REFUSALS.get(systemCode(error) ?? '') ?? ['AURA010', NOT_HTTP];
  const reason = error instanceof Error && 'reason' in error ? String(error.reason) : null;
  return apiError(code, message, { details: code === 'AURA010' ? reason : null });
}

function rawAnswer(refusal: ApiError): string {
  const body = JSON.stringify(refusal.fields());
  return [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    ...Object.entries(refusal.headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Type: ${TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Proxy-Status: PostgREST; error=${refusal.code}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}

/** RFC 3986 section 3.2.2, and a port. */
const HOST = /^[\w.~%!$&'()*+,;=:[\]-]*$/;

/** What Node lets pass, or would refuse without a word (RFC 9112 section 3.2); null = nothing. */
const wrongHost = ({ host }: IncomingHttpHeaders): string | null =>
  host === undefined || HOST.test(host) ? null : 'The Host header is no host.';

function wrongLine({ url = '', httpVersion, headers: { host } }: IncomingMessage): string | null {
  if (host === undefined) return httpVersion === '1.1' ? 'The Host header is missing.' : null;
  const backslash = url.indexOf('\\');
  if (backslash < 0) return null;
  const query = url.indexOf('?');
  return query < 0 || backslash < query ? 'There is a backslash in the path.' : null;
}

const headersOf = ({ code }: ApiError) => ({
  'Content-Type': TYPE,
  'Proxy-Status': `PostgREST; error=${code}`,
});

/** Node leaves the body out where the method is HEAD. */
function refuse(outgoing: ServerResponse, error: ApiError): void {
  outgoing.writeHead(error.status, { ...headersOf(error), Connection: 'close' });
  outgoing.end(JSON.stringify(error.fields()));
}

const asResponse = (error: ApiError): Response =>
  new Response(JSON.stringify(error.fields()), {
    status: error.status,
    headers: headersOf(error),
  });

/** A request that asks for another protocol than it can have is one like all others. */
function serveOrdinarily(server: Server, incoming: IncomingMessage, socket: Duplex): void {
  const outgoing = new ServerResponse(incoming);
  outgoing.shouldKeepAlive = false;
  if (socket instanceof Socket) outgoing.assignSocket(socket);
  outgoing.once('finish', () => socket.end());
  server.emit('request', incoming, outgoing);
}

/** Leads requests that become other connections to whom they are for. */
function listenForUpgrades(
  server: Server,
  { upgrades, accept }: Upgrade,
  onDefect: HttpServerOptions['onDefect'],
): void {
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    // of a server that cannot be told beforehand which requests these are
    if (!upgrades(incoming)) {
      serveOrdinarily(server, incoming, socket);
      return;
    }
    // whoever goes while it is decided, or does not wait for the refusal, must not end the process
    socket.on('error', () => socket.destroy());
    accept(incoming, socket, head).then(
      (refusal) => {
        if (refusal !== null && socket.writable) socket.end(rawAnswer(refusal));
      },
      (error: unknown) => {
        onDefect(error);
        socket.destroy();
      },
    );
  });
}

/** The last request of a connection. */
interface LastRequest {
  rawHeaders: readonly string[];
  headers: IncomingHttpHeaders;
  /** They have come again, and what is made of them is kept. */
  isKept: boolean;
  /** What is wrong with them; null = nothing. */
  wrong: string | null;
  answer: ServerResponse;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}

/** What each connection has asked last, and how that is answered. */
class LastRequests {
  readonly #bySocket = new WeakMap<Duplex, LastRequest>();

  answerOf(socket: Duplex): ServerResponse | undefined {
    return this.#bySocket.get(socket)?.answer;
  }

  /**
   * Takes a request for the last one, and gives what is wrong with its head; null = nothing. Clients send the same
   * headers again and again: what was made of them stays with the object that holds them.
   */
  read(incoming: IncomingMessage, answer: ServerResponse): string | null {
    const { rawHeaders, socket } = incoming;
    const last = this.#bySocket.get(socket);
    if (last !== undefined && isSame(last.rawHeaders, rawHeaders)) {
      if (!last.isKept) keepWith(last.headers);
      last.isKept = true;
      last.answer = answer;
      incoming.headers = last.headers;
      return last.wrong ?? wrongLine(incoming);
    }
    const { headers } = incoming;
    const wrong = wrongHost(headers);
    const request = { rawHeaders, headers, isKept: false, wrong, answer };
    if (last === undefined) this.#bySocket.set(socket, request);
    else Object.assign(last, request);
    return wrong ?? wrongLine(incoming);
  }
}

/** Answers what the parser refuses. */
function listenForErrors(server: Server, lastRequests: LastRequests): void {
  const refused = new WeakSet<Duplex>();
  server.on('clientError', (error, socket) => {
    // more of what was refused already
    if (refused.has(socket)) return;
    const answer = lastRequests.answerOf(socket);
    const isAnswering = answer?.headersSent === true && !answer.writableFinished;
    if (!socket.writable || isAnswering) {
      socket.destroy();
      return;
    }
    refused.add(socket);
    socket.end(rawAnswer(refusalOf(error)));
    // who is still sending would lose the answer if the connection broke off at once
    const linger = setTimeout(() => socket.destroy(), LINGER_MILLISECONDS);
    socket.once('close', () => clearTimeout(linger));
  });
}

/** Makes a server; it does not listen yet. */
export function createHttpServer(fetch: Fetch, options: HttpServerOptions): Server {
  const { direct = () => null, upgrade = null, maxUrlLength, requestSeconds = 300, onDefect } = options;
  const listener = getRequestListener(fetch, {
    // HTTP/1.0 knows requests without a host
    hostname: 'localhost',
    errorHandler: (error) => {
      if (error instanceof RequestError) {
        return asResponse(apiError('AURA010', NOT_HTTP, { details: error.message }));
      }
      onDefect(error);
      return asResponse(apiError('PGRSTX00', 'Internal server error'));
    },
  });
  const serverOptions = {
    maxHeaderSize: maxUrlLength * 2 + HEADER_BYTES,
    requireHostHeader: false,
    requestTimeout: requestSeconds * 1000,
    ...(upgrade && {
      shouldUpgradeCallback: (incoming: IncomingMessage) => upgrade.upgrades(incoming),
    }),
  };
  const lastRequests = new LastRequests();
  const server = createServer(serverOptions, (incoming, outgoing) => {
    const wrong = lastRequests.read(incoming, outgoing);
    if (wrong !== null) {
      refuse(outgoing, apiError('AURA010', NOT_HTTP, { details: wrong }));
      return;
    }
    const owner = direct(incoming.url ?? '');
    if (owner === null) {
      void listener(incoming, outgoing);
      return;
    }
    owner.serve(incoming, outgoing).catch((error: unknown) => {
      onDefect(error);
      outgoing.destroy();
    });
  });
  if (upgrade) listenForUpgrades(server, upgrade, onDefect);
  // their size is bounded; beyond a number Node would leave headers out without a word
  server.maxHeadersCount = 0;
  listenForErrors(server, lastRequests);
  return server;
}
