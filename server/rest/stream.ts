/**
 * Streamed answers over HTTP: status and headers are those of the ordinary answer, as far as they are known when the
 * first rows are there; the body follows line by line.
 */

import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../config.ts';
import { ApiError } from '../errors/error.ts';
import { openStream, type StreamFacts, type StreamWork } from '../execute/stream.ts';
import { abandoned } from '../execute/transaction.ts';
import type { DatabasePlan } from '../plan/types.ts';
import type { PlainStatement } from '../query/stream.ts';
import type { Answer } from '../response/respond.ts';
import { bind } from './bind.ts';
import type { Scene } from './context.ts';
import type { PreparedStream } from './planned.ts';
import { answerTo, modeOf, type Ready, taskOf } from './task.ts';

const NOTHING = Buffer.alloc(0);

/** How many streams and imports may run at a time. */
const mostStreams = ({ dbMaxStreams, dbPool }: Config): number =>
  dbMaxStreams ?? Math.max(1, Math.floor(dbPool / 2));

/** Answers without a body (RFC 9110), whatever there were to send. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** Takes a place for a stream or an import; gives what returns it. Throws ApiError AURA002. */
export const takePlace = ({ context, settings }: Scene): (() => void) =>
  context.streams.take(mostStreams(settings.config));

function workOf(scene: Scene, ready: Ready, { statements, id }: PreparedStream): StreamWork {
  const { config } = scene.settings;
  const { shape, planned, fill } = ready;
  const { session, role, preRequest, estimateValues } = taskOf(scene, ready, null);
  const values = { slots: shape.slots, body: shape.body?.content ?? null, offset: shape.range.offset, fill };
  const query = ({ text, parameters }: PlainStatement) => ({ text, values: bind(parameters, values) });
  const { estimate } = planned.statements;
  const { cost } = planned;
  return {
    ...modeOf(scene, planned.plan),
    session,
    role,
    preRequest,
    key: id === null ? null : `${role} ${id} stream`,
    format: planned.plan.stream?.format ?? 'json',
    rows: query(statements.rows),
    columns: statements.columns && query(statements.columns),
    total: statements.total && query(statements.total),
    estimate: estimate && { text: estimate.text, values: estimateValues },
    cost:
      cost !== null && statements.cost !== null && cost.isUnknown()
        ? { explain: query(statements.cost), check: cost.check }
        : null,
    seconds: config.dbStreamTimeout,
    idleSeconds: config.serverStreamIdleTimeout,
  };
}

/** The rows that an answer of which only the total is known will have. */
function expectedRows(plan: DatabasePlan, offset: number, total: number | null): number {
  const limit = plan.stream?.range.limit ?? Number.POSITIVE_INFINITY;
  return total === null ? 0 : Math.min(limit, Math.max(0, total - offset));
}

function answerOf(scene: Scene, ready: Ready, facts: StreamFacts): Answer {
  const { plan } = ready.planned;
  const { total, estimate, headers, status } = facts;
  const page = expectedRows(plan, ready.shape.range.offset, total ?? estimate);
  const result = { total, page, headers, status, location: null, inserted: null, keys: null, body: NOTHING };
  const answer = answerTo(scene, ready, { result, rows: [], estimate });
  if (answer.body === null || answer.body.length > 0) return answer;
  const { 'Content-Length': _length, ...known } = answer.headers;
  // where the last row is not known the header says only what is
  if (plan.preferences.count !== 'exact' && known['Content-Range'] !== undefined) {
    known['Content-Range'] = `*/${String(known['Content-Range']).split('/')[1] ?? '*'}`;
  }
  return { ...answer, headers: known };
}

/** Whether there is anything to stream: not where the body is none, or says what is wrong with the range. */
const hasLines = ({ status, body }: Answer): boolean =>
  body !== null && body.length === 0 && !WITHOUT_BODY.has(status);

/**
 * Serves a read as a stream. Rejects with ApiError for everything that goes wrong before the first rows are there;
 * what goes wrong later destroys `lines` of the answer.
 */
export async function serveStream(scene: Scene, ready: Ready, stream: PreparedStream): Promise<Answer> {
  const work = workOf(scene, ready, stream);
  const { facts, lines, close } = await openStream(scene.context.pool, work, takePlace(scene));
  try {
    const answer = answerOf(scene, ready, facts);
    if (hasLines(answer) && ready.raw.method !== 'HEAD') return { ...answer, body: null, lines };
    await close();
    return answer;
  } catch (error) {
    await close();
    throw error;
  }
}

/** How the sending of an answer went. */
export interface Sent {
  /** Of the body. */
  readonly bytes: number;
  /** Of the error that broke it off; null = it is whole. */
  readonly errorCode: string | null;
  /** What the answer turned out to be, for the log: the status of the error where it was broken off. */
  readonly status: number;
}

/**
 * Sends lines as the body of an answer whose head is written. Where they break off the connection is destroyed, so
 * that the client cannot take what it has for the whole.
 */
export async function sendLines(lines: Readable, outgoing: ServerResponse): Promise<Sent> {
  let bytes = 0;
  lines.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  lines.once('error', () => {
    // without chunks the end of the connection would be the end of the body: it must not look like one
    if (!outgoing.chunkedEncoding) outgoing.socket?.resetAndDestroy();
  });
  try {
    await pipeline(lines, outgoing);
    return { bytes, errorCode: null, status: outgoing.statusCode };
  } catch (error) {
    const { code, status } = error instanceof ApiError ? error : abandoned(error);
    return { bytes, errorCode: code, status };
  }
}
