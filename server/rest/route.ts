/**
 * REST, the pipeline on one screen:
 *
 *   HTTP → identity → shape → plan → statements and session → transaction → answer
 */
import type { IncomingMessage } from 'node:http';
import type { Catalog } from '../catalog/types.ts';
import type { Config } from '../config.ts';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import type { Pool } from '../execute/pool.ts';
import { runWork } from '../execute/transaction.ts';
import type { Authenticate } from '../identity/authenticate.ts';
import type { Identity } from '../identity/role.ts';
import type { Observe } from '../observe/observation.ts';
import { planRequest } from '../plan/plan.ts';
import type { Session, SessionStatement } from '../query/session.ts';
import { decodeHeader } from '../request/header.ts';
import {
  canonicalQuery,
  parseRequest,
  type RawRequest,
  type RequestOptions,
  type RequestShape,
  readShape,
} from '../request/http.ts';
import { type Answer, respond, respondAllow, respondError } from '../response/respond.ts';
import { bind } from './bind.ts';
import { answerPreflight, withCors } from './cors.ts';
import { readIncoming } from './incoming.ts';
import type { PlanCache, Planned, Prepared } from './planned.ts';
import { respondRoot } from './root.ts';
import type { SessionOf } from './session.ts';
import { createTiming } from './timing.ts';

/** What requests run under until the configuration is reloaded. */
export interface RestSettings {
  readonly config: Config;
  readonly options: RequestOptions;
  readonly authenticate: Authenticate;
  readonly sessionOf: SessionOf;
  /** SQL that calls `db-pre-request`. */
  readonly preRequest: string | null;
  readonly isolationOf: (role: string) => string | null;
}

export interface RestContext {
  readonly settings: () => RestSettings;
  /** Null before the first load. */
  readonly catalog: () => Catalog | null;
  readonly pool: Pool;
  readonly plans: PlanCache;
  readonly renderSession: (session: Session) => SessionStatement;
  readonly observe: Observe;
}

/** An answer and what the log wants to know of how it came about. */
export interface Served {
  readonly answer: Answer;
  readonly role: string | null;
  readonly errorCode: string | null;
  readonly sql: string | null;
}

const noCatalog = (): Error =>
  apiError('PGRST002', 'Could not query the database for the schema cache. Retrying.', {
    headers: { 'Retry-After': '1' },
  });

interface Trace {
  identity: Identity | null;
  sql: string | null;
}

/** Serves one request. Never rejects: what goes wrong is an answer, too. */
export async function serveRest(
  context: RestContext,
  incoming: IncomingMessage,
  signal: AbortSignal | null,
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
    answer = await serve(context, settings, incoming, signal, trace);
  } catch (error) {
    const refusal = asApiError(context, error, requestId);
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
  signal: AbortSignal | null,
  trace: Trace,
): Promise<Answer> {
  const { config, options } = settings;
  const timing = createTiming(config.serverTimingEnabled);
  const authenticated = settings.authenticate(
    incoming.headers as { authorization?: string; apikey?: string },
  );
  const identity = authenticated instanceof Promise ? await authenticated : authenticated;
  trace.identity = identity;
  timing.mark('jwt');
  const catalog = context.catalog();
  if (!catalog) throw noCatalog();
  const raw = await readIncoming(incoming, config.restPrefix, config);
  const shape = readShape(raw, options);
  timing.mark('parse');
  const { role } = identity;
  const planned = context.plans.get({ catalog, settings }, `${role}\0${shape.key}`, () =>
    planRequest({ catalog, role, options: config }, parseRequest(raw, shape, options)),
  );
  timing.mark('plan');
  if (planned.kind === 'info') {
    const info = answerInfo(planned.plan, catalog, role, config);
    if (planned.plan.kind === 'root') timing.mark('transaction');
    timing.mark('response');
    return timing.onto(info);
  }
  trace.sql = planned.statements.main.text;
  const executed = await runWork(
    context.pool,
    workOf(context, settings, identity, raw, shape, planned, signal),
  );
  timing.mark('transaction');
  if (planned.plan.readOnly) planned.verify?.(executed.result);
  const asked = { range: shape.range, canonicalQuery: canonicalOf(planned, shape) };
  const answer = respond(planned.plan, asked, executed, config.clientErrorVerbosity);
  timing.mark('response');
  return timing.onto(answer);
}

const canonicalOf = ({ plan }: Prepared, { pairs }: RequestShape): string =>
  plan.kind === 'read' ? canonicalQuery(pairs) : '';

function workOf(
  context: RestContext,
  settings: RestSettings,
  identity: Identity,
  raw: RawRequest,
  shape: RequestShape,
  { plan, statements, id, binary, verify }: Prepared,
  signal: AbortSignal | null,
) {
  const { config } = settings;
  const values = { slots: shape.slots, body: shape.body?.content ?? null, offset: shape.range.offset };
  return {
    session: context.renderSession(settings.sessionOf(identity, raw, plan)),
    preRequest: settings.preRequest,
    statements,
    key: id === null ? null : `${identity.role} ${id}`,
    values: bind(statements.main.parameters, values),
    estimateValues: statements.estimate ? bind(statements.estimate.parameters, values) : [],
    binary,
    isolation: plan.isolation ?? settings.isolationOf(identity.role),
    readOnly: plan.readOnly,
    rollback: rollsBack(config.dbTxEnd, plan.preferences.transaction),
    // what only read has nothing to undo: it is looked at after the trip
    verify: plan.readOnly ? null : verify,
    authenticated: identity.role !== config.dbAnonRole,
    prepared: config.dbPreparedStatements,
    taints: plan.kind !== 'read' || settings.preRequest !== null,
    signal,
  };
}

const rollsBack = (end: Config['dbTxEnd'], preferred: 'commit' | 'rollback' | null): boolean =>
  preferred === null ? end.startsWith('rollback') : preferred === 'rollback';

function answerInfo(
  plan: Extract<Planned, { kind: 'info' }>['plan'],
  catalog: Catalog,
  role: string,
  config: Config,
): Answer {
  return plan.kind === 'allow'
    ? respondAllow(plan.allow)
    : respondRoot(plan, catalog, role, config.openapiMode);
}

/** The trace header comes back as it was sent. */
function withTrace(answer: Answer, incoming: IncomingMessage, header: string | null): Answer {
  if (header === null) return answer;
  const sent = incoming.headers[header.toLowerCase()];
  const text = [sent ?? ''].flat().join(', ');
  return { ...answer, headers: { ...answer.headers, [header]: decodeHeader(text) } };
}

/** What nobody foresaw is logged with the request's id and answered without details. */
function asApiError(context: RestContext, error: unknown, requestId: string): ApiError {
  if (error instanceof ApiError) return error;
  context.observe({ kind: 'defect', error, requestId });
  return apiError('PGRSTX00', 'Internal server error', {
    details: `The log has more under the request id ${requestId}.`,
    hint: 'This is a defect of the server; please report it.',
  });
}
