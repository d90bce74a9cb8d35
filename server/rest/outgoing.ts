/**
 * Answer → Node's response, and what the log and the metrics are told of it. All that is served on Node's own objects
 * leaves the house here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Departure } from '../execute/departure.ts';
import type { Pool } from '../execute/pool.ts';
import { LEAST_RECYCLED_BYTES } from '../execute/recycler.ts';
import type { RequestObservation } from '../observe/observation.ts';
import type { RequestId } from '../observe/request-id.ts';
import type { Answer } from '../response/respond.ts';
import type { RestContext } from './context.ts';
import { sendLines } from './stream.ts';

/** An answer and what the log wants to know of how it came about. */
export interface Served {
  readonly answer: Answer;
  readonly role: string | null;
  readonly errorCode: string | null;
  readonly sql: string | null;
}

/** Serves one request; what goes wrong with it is an answer, too. Rejects for defects alone. */
export type Serve = (incoming: IncomingMessage, departure: Departure, id: string) => Promise<Served>;

/** Statuses that have no body (RFC 9110). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

const PLAIN = /^[\t\x20-\x7e]*$/;

/** Headers are bytes: UTF-8 is sent as it is, and what could end a line is left out. */
const headerText = (text: string): string =>
  PLAIN.test(text)
    ? text
    : Buffer.from(text.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, ''), 'utf8').toString('latin1');

/** Names and values in turn. */
type HeaderList = (string | string[])[];

/** The headers as they may be sent. */
function headerList({ headers }: Answer, without: boolean): HeaderList {
  const list: HeaderList = [];
  for (const name in headers) {
    const value = headers[name];
    // a length without a body would let the connection wait for one
    if (value === undefined || (without && name === 'Content-Length')) continue;
    list.push(name, typeof value === 'string' ? headerText(value) : value.map(headerText));
  }
  return list;
}

const writeHead = (outgoing: ServerResponse, status: number, headers: HeaderList): void =>
  // Node takes several values of a name in this form, too; its types do not say so
  void outgoing.writeHead(status, headers as string[]);

/** Writes an answer whose body is there, which is recycled when the system has all of it. */
export function send(outgoing: ServerResponse, answer: Answer, pool: Pick<Pool, 'recycle'>): void {
  const { status, body } = answer;
  const without = WITHOUT_BODY.has(status);
  const headers = headerList(answer, without);
  if (body === null || without) {
    // Node would send a body of no chunks
    if (!without && outgoing.req.method !== 'HEAD' && answer.headers['Content-Length'] === undefined) {
      headers.push('Content-Length', '0');
    }
    writeHead(outgoing, status, headers);
    outgoing.end();
    return;
  }
  writeHead(outgoing, status, headers);
  if (body.length < LEAST_RECYCLED_BYTES) outgoing.end(body);
  else outgoing.end(body, () => pool.recycle(body));
}

/** How a request was answered. */
export interface Facts {
  readonly id: string;
  /** By `performance.now()`. */
  readonly started: number;
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  readonly role: string | null;
  readonly errorCode: string | null;
  readonly sql: string | null;
  /** It was answered as long as the client stayed. */
  readonly isFollowed?: boolean;
}

/** What the log and the metrics are told of a request that was answered. */
export function observationOf(incoming: IncomingMessage, facts: Facts): RequestObservation {
  const url = incoming.url ?? '/';
  const at = url.indexOf('?');
  return {
    kind: 'request',
    id: facts.id,
    method: incoming.method ?? '',
    path: at < 0 ? url : url.slice(0, at),
    query: at < 0 ? '' : url.slice(at + 1),
    status: facts.status,
    seconds: (performance.now() - facts.started) / 1000,
    isFollowed: facts.isFollowed === true,
    bytes: facts.bytes,
    role: facts.role,
    clientAddress: incoming.socket.remoteAddress ?? null,
    userAgent: incoming.headers['user-agent'] ?? null,
    errorCode: facts.errorCode,
    sql: facts.sql,
  };
}

export interface OutgoingContext extends Pick<RestContext, 'settings' | 'pool' | 'observe'> {
  readonly requestId: RequestId;
}

/** Answers one request with what `serve` makes of it, and tells of it. Rejects for defects alone. */
export async function answerOn(
  { settings, pool, observe, requestId }: OutgoingContext,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  serve: Serve,
): Promise<void> {
  const started = performance.now();
  const trace = settings().config.serverTraceHeader;
  const sent = incoming.headers[trace?.toLowerCase() ?? 'x-request-id'];
  const id = requestId(typeof sent === 'string' ? sent : undefined);
  const departure = new Departure();
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) departure.announce();
  });
  const { answer, role, sql, errorCode } = await serve(incoming, departure, id);
  const { status, body, lines } = answer;
  if (lines === undefined) {
    const bytes = body === null ? 0 : body.length;
    observe(observationOf(incoming, { id, started, status, bytes, role, errorCode, sql }));
    send(outgoing, answer, pool);
    return;
  }
  const found = await sendLines(lines, outgoing, () =>
    writeHead(outgoing, status, headerList(answer, false)),
  );
  const facts = { ...found, errorCode: answer.endedBy?.() ?? found.errorCode };
  const isFollowed = answer.endedBy !== undefined;
  observe(observationOf(incoming, { ...facts, id, started, role, sql, isFollowed }));
}
