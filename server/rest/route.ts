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
import { type Preconditions, parsePreconditions } from '../request/precondition.ts';
import type { RawRequest } from '../request/raw.ts';
import { type Answer, respondError } from '../response/respond.ts';
import { serveBatch } from './batch.ts';
import { isBatch } from './batch-document.ts';
import { answerUnder, guardedOf, inFull, insertHasNone, serveGuarded } from './conditional.ts';
import type { RestContext, Scene } from './context.ts';
import { answerPreflight, withCors } from './cors.ts';
import { discreet } from './discreet.ts';
import { serveImport } from './import.ts';
import { type IncomingRequest, readIncoming } from './incoming.ts';
import { answerToNested, type ReadyNested, writeNested } from './nested.ts';
import { blameFor, mayNest } from './nesting.ts';
import type { Served } from './outgoing.ts';
import { serveStream } from './stream.ts';
import {
  answerInfo,
  answerTo,
  type InfoRequest,
  modeOf,
  plannedOf,
  type Ready,
  shapeOf,
  taskOf,
  unknownCost,
} from './task.ts';
import { createTiming, type Timing } from './timing.ts';
import { asApiError, noCatalog } from './unforeseen.ts';

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
  const timing = createTiming(config.serverTimingEnabled);
  let answer: Answer;
  let errorCode: string | null = null;
  try {
    const authenticated = settings.authenticate(
      incoming.headers as { authorization?: string; apikey?: string },
    );
    // most are known at once: to wait would be a turn of the event loop's queue
    const identity = authenticated instanceof Promise ? await authenticated : authenticated;
    trace.identity = identity;
    timing.mark('jwt');
    const catalog = context.catalog();
    if (!catalog) throw noCatalog();
    const reading = readIncoming(incoming, config.restPrefix, config, context.patience);
    const raw = reading instanceof Promise ? await reading : reading;
    const scene: Scene = { context, settings, catalog, identity, departure };
    const served = serve(scene, raw, timing, trace);
    if (served instanceof Promise) answer = await served;
    else answer = answerOrdinary(scene, served, await run(scene, served.ready), timing);
    answer = timing.onto(answer);
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

/** What one statement answers, in a transaction of its own. */
interface Ordinary {
  readonly ready: Ready;
  readonly preconditions: Preconditions | null;
}

/** Finds out what a request asks for, and serves it, but for what is ordinary. Throws or rejects with ApiError. */
function serve(scene: Scene, raw: IncomingRequest, timing: Timing, trace: Trace): Ordinary | Promise<Answer> {
  if (isBatch(raw)) return serveBatch(scene, raw, timing, trace);
  if (wantsEvents(raw)) return timed(scene.context.serveLive(scene, raw), timing);
  if (raw.upload !== null) return timed(serveImport(scene, raw, raw.upload), timing);
  const preconditions = parsePreconditions(raw);
  const asked = preconditions === null ? raw : inFull(raw);
  const shape = shapeOf(scene, asked);
  timing.mark('parse');
  const planned = plannedOf(scene, asked, shape);
  timing.mark('plan');
  if (planned.kind === 'info') {
    return serveInfo(scene, { plan: planned.plan, head: raw.method === 'HEAD', preconditions }, timing);
  }
  if (planned.kind === 'nested') {
    if (preconditions !== null) throw insertHasNone();
    return serveNested(scene, { raw, shape, planned, fill: null }, timing, trace);
  }
  trace.sql = (planned.stream?.statements.rows ?? planned.statements.main).text;
  const ready: Ready = { raw, shape, planned, fill: null };
  const guarded = preconditions && guardedOf(scene, ready, preconditions);
  if (guarded) return timed(serveGuarded(scene, guarded), timing);
  if (planned.stream !== null) return timed(serveStream(scene, ready, planned.stream), timing);
  return { ready, preconditions };
}

/** What the stopwatch has nothing more to tell of. */
async function timed(answering: Promise<Answer>, timing: Timing): Promise<Answer> {
  const answer = await answering;
  timing.mark('transaction');
  return answer;
}

async function serveInfo(scene: Scene, asked: InfoRequest, timing: Timing): Promise<Answer> {
  const answer = await answerInfo(scene, asked);
  if (asked.plan.kind === 'root') timing.mark('transaction');
  timing.mark('response');
  return answer;
}

async function serveNested(scene: Scene, nested: ReadyNested, timing: Timing, trace: Trace): Promise<Answer> {
  const executed = await writeNested(scene, nested, (text) => {
    trace.sql = trace.sql === null ? text : `${trace.sql}; ${text}`;
  });
  timing.mark('transaction');
  const answer = answerToNested(scene, nested, executed);
  timing.mark('response');
  return answer;
}

/** Runs what is ordinary. Rejects with ApiError. */
function run(scene: Scene, ready: Ready): Promise<Executed> {
  const { planned } = ready;
  const { pool } = scene.context;
  const task = taskOf(scene, ready, null);
  const mode = modeOf(scene, planned.plan);
  // what only read has nothing to undo: it is looked at after the trip
  const work = { task, mode, verify: planned.plan.readOnly ? null : planned.verify };
  const cost = unknownCost(ready);
  const running = cost === null ? runWork(pool, work) : runWithinCost(pool, work, cost);
  // values that are short nest nothing deeply
  return task.values.some(mayNest) ? running.catch(blameFor(task.values)) : running;
}

function answerOrdinary(
  scene: Scene,
  { ready, preconditions }: Ordinary,
  executed: Executed,
  timing: Timing,
): Answer {
  timing.mark('transaction');
  const { plan, verify } = ready.planned;
  if (plan.readOnly) verify?.(executed.result);
  const answer = answerUnder(scene, ready, answerTo(scene, ready, executed), preconditions);
  timing.mark('response');
  return answer;
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
