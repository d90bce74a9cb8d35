/**
 * REST, the pipeline on one screen:
 *
 *   HTTP → identity → shape → plan → statements and session → transaction → answer
 */

import type { IncomingMessage } from 'node:http';
import { runWithinCost } from '../execute/cost.ts';
import type { Departure } from '../execute/departure.ts';
import { type Executed, runWork } from '../execute/transaction.ts';
import type { Identity } from '../identity/role.ts';
import { decodeHeader } from '../request/header.ts';
import { parseAccept } from '../request/media-type.ts';
import { parsePreconditions } from '../request/precondition.ts';
import type { RawRequest } from '../request/raw.ts';
import { type Answer, respondError } from '../response/respond.ts';
import { serveBatch } from './batch.ts';
import { isBatch } from './batch-document.ts';
import { answerUnder, guardedOf, inFull, insertHasNone, serveGuarded } from './conditional.ts';
import type { RestContext, RestSettings, Scene } from './context.ts';
import { answerPreflight, withCors } from './cors.ts';
import { discreet } from './discreet.ts';
import { serveImport } from './import.ts';
import { readIncoming } from './incoming.ts';
import { answerToNested, writeNested } from './nested.ts';
import { blameNesting } from './nesting.ts';
import { serveStream } from './stream.ts';
import { answerInfo, answerTo, modeOf, plannedOf, type Ready, shapeOf, taskOf, unknownCost } from './task.ts';
import { createTiming } from './timing.ts';
import { asApiError, noCatalog } from './unforeseen.ts';

/** An answer and what the log wants to know of how it came about. */
export interface Served {
  readonly answer: Answer;
  readonly role: string | null;
  readonly errorCode: string | null;
  readonly sql: string | null;
}

interface Trace {
  identity: Identity | null;
  sql: string | null;
}

/** Serves one request. Never rejects: what goes wrong is an answer, too. */
export async function serveRest(
  context: RestContext,
  incoming: IncomingMessage,
  departure: Departure | null,
  requestId: string,
): Promise<Served> {
  const settings = context.settings();
  const { config } = settings;
  const allowed = config.serverCorsAllowedOrigins;
  const preflight = answerPreflight(incoming.method ?? '', incoming.headers, allowed);
  if (preflight) return { answer: preflight, role: null, errorCode: null, sql: null };
  const trace: Trace = { identity: null, sql: null };
  let answer: Answer;
  let errorCode: string | null = null;
  try {
    answer = await serve(context, settings, incoming, departure, trace);
  } catch (error) {
    const refusal = discreet(
      asApiError(context.observe, error, requestId),
      context.catalog(),
      trace.identity?.role ?? null,
    );
    errorCode = refusal.code;
    answer = respondError(refusal, config.clientErrorVerbosity);
  }
  const traced = withTrace(answer, incoming, config.serverTraceHeader);
  return {
    answer: withCors(traced, incoming.headers.origin, allowed),
    role: trace.identity?.role ?? null,
    errorCode,
    sql: trace.sql,
  };
}

async function serve(
  context: RestContext,
  settings: RestSettings,
  incoming: IncomingMessage,
  departure: Departure | null,
  trace: Trace,
): Promise<Answer> {
  const { config } = settings;
  const timing = createTiming(config.serverTimingEnabled);
  const authenticated = settings.authenticate(
    incoming.headers as { authorization?: string; apikey?: string },
  );
  const identity = authenticated instanceof Promise ? await authenticated : authenticated;
  trace.identity = identity;
  timing.mark('jwt');
  const catalog = context.catalog();
  if (!catalog) throw noCatalog();
  const reading = readIncoming(incoming, config.restPrefix, config);
  const raw = reading instanceof Promise ? await reading : reading;
  const scene: Scene = { context, settings, catalog, identity, departure };
  if (isBatch(raw)) return timing.onto(await serveBatch(scene, raw, timing, trace));
  if (wantsEvents(raw)) {
    const followed = await context.serveLive(scene, raw);
    timing.mark('transaction');
    return timing.onto(followed);
  }
  if (raw.upload !== null) {
    const imported = await serveImport(scene, raw, raw.upload);
    timing.mark('transaction');
    return timing.onto(imported);
  }
  const preconditions = parsePreconditions(raw);
  const asked = preconditions === null ? raw : inFull(raw);
  const shape = shapeOf(scene, asked);
  timing.mark('parse');
  const planned = plannedOf(scene, asked, shape);
  timing.mark('plan');
  if (planned.kind === 'info') {
    const info = await answerInfo(scene, { plan: planned.plan, head: raw.method === 'HEAD', preconditions });
    if (planned.plan.kind === 'root') timing.mark('transaction');
    timing.mark('response');
    return timing.onto(info);
  }
  const traceSql = (text: string): void => {
    trace.sql = trace.sql === null ? text : `${trace.sql}; ${text}`;
  };
  if (planned.kind === 'nested') {
    if (preconditions !== null) throw insertHasNone();
    const nested = { raw, shape, planned, fill: null };
    const executed = await writeNested(scene, nested, traceSql);
    timing.mark('transaction');
    const answer = answerToNested(scene, nested, executed);
    timing.mark('response');
    return timing.onto(answer);
  }
  traceSql((planned.stream?.statements.rows ?? planned.statements.main).text);
  const ready: Ready = { raw, shape, planned, fill: null };
  const guarded = preconditions && guardedOf(scene, ready, preconditions);
  if (guarded) {
    const answer = await serveGuarded(scene, guarded);
    timing.mark('transaction');
    return timing.onto(answer);
  }
  if (planned.stream !== null) {
    const streamed = await serveStream(scene, ready, planned.stream);
    timing.mark('transaction');
    return timing.onto(streamed);
  }
  const task = taskOf(scene, ready, null);
  const work = {
    ...task,
    ...modeOf(scene, planned.plan),
    // what only read has nothing to undo: it is looked at after the trip
    verify: planned.plan.readOnly ? null : planned.verify,
  };
  const cost = unknownCost(ready);
  let executed: Executed;
  try {
    executed = await (cost === null ? runWork(context.pool, work) : runWithinCost(context.pool, work, cost));
  } catch (error) {
    throw blameNesting(error, task.values);
  }
  timing.mark('transaction');
  if (planned.plan.readOnly) planned.verify?.(executed.result);
  const answer = answerUnder(scene, ready, answerTo(scene, ready, executed), preconditions);
  timing.mark('response');
  return timing.onto(answer);
}

const EVENTS = 'text/event-stream';

/** Whether a read is to be followed: there is nothing that the client would rather have. */
function wantsEvents({ method, headers: { accept } }: RawRequest): boolean {
  if (method !== 'GET' || accept === undefined || !String(accept).includes(EVENTS)) return false;
  return parseAccept(String(accept))[0]?.kind === 'event stream';
}

/** The trace header comes back as it was sent. */
function withTrace(answer: Answer, incoming: IncomingMessage, header: string | null): Answer {
  if (header === null) return answer;
  const sent = incoming.headers[header.toLowerCase()];
  const text = [sent ?? ''].flat().join(', ');
  return { ...answer, headers: { ...answer.headers, [header]: decodeHeader(text) } };
}
