/**
 * Mounts REST on the HTTP server: every method and path below the prefix, observed when answered.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import { apiError } from '../errors/codes.ts';
import { Departure } from '../execute/departure.ts';
import type { RequestObservation } from '../observe/observation.ts';
import type { RequestId } from '../observe/request-id.ts';
import { type Answer, respondError } from '../response/respond.ts';
import type { RestContext } from './context.ts';
import { serveRest } from './route.ts';
import { type Sent, sendLines } from './stream.ts';

/** Statuses that have no body (RFC 9110). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Headers are bytes: UTF-8 is sent as it is, and what could end a line is left out. */
const headerText = (text: string): string =>
  PLAIN.test(text)
    ? text
    : Buffer.from(text.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, ''), 'utf8').toString('latin1');
const PLAIN = /^[\t\x20-\x7e]*$/;

/** The headers as they may be sent. */
export function headersOf({ headers: unsafe }: Answer, without: boolean): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const name in unsafe) {
    const value = unsafe[name];
    // a length without a body would let the connection wait for one
    if (value === undefined || (without && name === 'Content-Length')) continue;
    headers[name] = typeof value === 'string' ? headerText(value) : value.map(headerText);
  }
  return headers;
}

/** Writes an answer whose body is there, which is recycled when the system has all of it. */
export function send(outgoing: ServerResponse, answer: Answer, recycle: (body: Buffer) => void): void {
  const { status, body } = answer;
  const without = WITHOUT_BODY.has(status);
  const headers = headersOf(answer, without);
  // Node would send a body of no chunks
  if (body === null && !without && outgoing.req.method !== 'HEAD') headers['Content-Length'] ??= '0';
  outgoing.writeHead(status, headers);
  if (body === null || without) outgoing.end();
  else outgoing.end(body, () => recycle(body));
}

/** What the log and the metrics are told of a request that was answered. */
export function observationOf(
  incoming: IncomingMessage,
  { started, ...rest }: Sent & { id: string; started: number; role: string | null; sql: string | null },
): RequestObservation {
  const url = incoming.url ?? '/';
  const at = url.indexOf('?');
  return {
    kind: 'request',
    ...rest,
    method: incoming.method ?? '',
    path: at < 0 ? url : url.slice(0, at),
    query: at < 0 ? '' : url.slice(at + 1),
    seconds: (performance.now() - started) / 1000,
    clientAddress: incoming.socket.remoteAddress ?? null,
    userAgent: incoming.headers['user-agent'] ?? null,
  };
}

/** REST on HTTP. */
export interface RestServer {
  /** Whether a request target is below the prefix, and so nobody else's. */
  readonly owns: (target: string) => boolean;
  /** Answers a request. Rejects for defects alone. */
  readonly serve: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;
  /** Answers what is below no prefix. */
  readonly refuse: (outgoing: ServerResponse) => void;
}

/**
 * REST under the prefix (`/` = everywhere). It writes to Node's response itself: the detour by way of a fetch
 * handler's Request and Response would be a tenth of the time that a small read takes of the processor.
 */
export function createRestServer(
  prefix: string,
  context: RestContext & { readonly requestId: RequestId },
): RestServer {
  const recycle = (body: Buffer): void => context.pool.recycle(body);
  const serve: RestServer['serve'] = async (incoming, outgoing) => {
    const started = performance.now();
    const trace = context.settings().config.serverTraceHeader;
    const sent = incoming.headers[trace?.toLowerCase() ?? 'x-request-id'];
    const id = context.requestId(typeof sent === 'string' ? sent : undefined);
    const departure = new Departure();
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) departure.announce();
    });
    const { answer, role, sql, errorCode } = await serveRest(context, incoming, departure, id);
    const isFollowed = answer.endedBy !== undefined;
    const tell = (sent: Sent): void =>
      context.observe({ ...observationOf(incoming, { ...sent, id, started, role, sql }), isFollowed });
    if (answer.lines) {
      const headers = headersOf(answer, false);
      const sent = await sendLines(
        answer.lines,
        outgoing,
        (): void => void outgoing.writeHead(answer.status, headers),
      );
      tell({ ...sent, errorCode: answer.endedBy?.() ?? sent.errorCode });
      return;
    }
    tell({ bytes: answer.body?.length ?? 0, errorCode, status: answer.status });
    send(outgoing, answer, recycle);
  };
  return {
    owns: (target) =>
      target.startsWith(prefix) &&
      prefix !== '/' &&
      (target.length === prefix.length || target[prefix.length] === '/' || target[prefix.length] === '?'),
    serve,
    refuse: (outgoing) => {
      const error = apiError('PGRST125', 'Invalid path specified in request URL', {
        hint: `REST is served under ${prefix}.`,
      });
      send(outgoing, respondError(error, context.settings().config.clientErrorVerbosity), recycle);
    },
  };
}

/** Leads what reaches the application to REST: all paths below the prefix, and what nobody else serves. */
export function mountRest(
  app: Hono<{ Bindings: HttpBindings }>,
  prefix: string,
  { serve, refuse }: RestServer,
): void {
  app.notFound(({ env: { outgoing } }) => {
    refuse(outgoing as ServerResponse);
    return RESPONSE_ALREADY_SENT;
  });
  const paths = prefix === '/' ? ['*'] : [prefix, `${prefix}/*`];
  for (const path of paths) {
    app.all(path, async ({ env: { incoming, outgoing } }) => {
      await serve(incoming as IncomingMessage, outgoing as ServerResponse);
      return RESPONSE_ALREADY_SENT;
    });
  }
}
