/**
 * Mounts REST on the HTTP server: every method and path below the prefix, observed when answered.
 */
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import { apiError } from '../errors/codes.ts';
import type { Observation } from '../observe/observation.ts';
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

/** The headers as they may be sent, and whether one is there several times. */
function headersOf({ headers: unsafe }: Answer, without: boolean) {
  const headers: Record<string, string | string[]> = {};
  let several = false;
  for (const name in unsafe) {
    const value = unsafe[name];
    // a length without a body would let the connection wait for one
    if (value === undefined || (without && name === 'Content-Length')) continue;
    several ||= typeof value !== 'string';
    headers[name] = typeof value === 'string' ? headerText(value) : value.map(headerText);
  }
  return { headers, several };
}

/** An answer as a Response. */
export function toResponse(answer: Answer): Response {
  const { status, body } = answer;
  const without = WITHOUT_BODY.has(status);
  const content = body === null || without ? null : (body as Buffer<ArrayBuffer>);
  const { headers, several } = headersOf(answer, without);
  if (!several) return new Response(content, { status, headers: headers as Record<string, string> });
  const list = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one): [string, string] => [name, one]),
  );
  return new Response(content, { status, headers: list });
}

/** What the log and the metrics are told of a request that was answered. */
export function observationOf(
  incoming: HttpBindings['incoming'],
  { started, ...rest }: Sent & { id: string; started: number; role: string | null; sql: string | null },
): Observation {
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

/** Serves REST under the prefix (`/` = everywhere). */
export function mountRest(
  app: Hono<{ Bindings: HttpBindings }>,
  prefix: string,
  context: RestContext & { readonly requestId: RequestId },
): void {
  const handle = async (
    incoming: HttpBindings['incoming'],
    outgoing: HttpBindings['outgoing'],
  ): Promise<Response> => {
    const started = performance.now();
    const trace = context.settings().config.serverTraceHeader;
    const sent = incoming.headers[trace?.toLowerCase() ?? 'x-request-id'];
    const id = context.requestId(typeof sent === 'string' ? sent : undefined);
    const gone = new AbortController();
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) gone.abort();
    });
    const served = await serveRest(context, incoming, gone.signal, id);
    const { answer, role, sql } = served;
    const tell = (sent: Sent): void =>
      context.observe(observationOf(incoming, { ...sent, id, started, role, sql }));
    if (answer.lines) {
      const { headers } = headersOf(answer, false);
      tell(
        await sendLines(answer.lines, outgoing, (): void => void outgoing.writeHead(answer.status, headers)),
      );
      return RESPONSE_ALREADY_SENT;
    }
    tell({ bytes: answer.body?.length ?? 0, errorCode: served.errorCode, status: answer.status });
    return toResponse(answer);
  };
  app.notFound(() => {
    const error = apiError('PGRST125', 'Invalid path specified in request URL', {
      hint: `REST is served under ${prefix}.`,
    });
    return toResponse(respondError(error, context.settings().config.clientErrorVerbosity));
  });
  const paths = prefix === '/' ? ['*'] : [prefix, `${prefix}/*`];
  for (const path of paths) app.all(path, (c) => handle(c.env.incoming, c.env.outgoing));
}
