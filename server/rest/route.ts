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
import { type Executed, runWork, type TransactionMode } from '../execute/transaction.ts';
import type { Authenticate } from '../identity/authenticate.ts';
import type { Identity } from '../identity/role.ts';
import type { Observe } from '../observe/observation.ts';
import { planRequest } from '../plan/plan.ts';
import type { DatabasePlan } from '../plan/types.ts';
import type { PreRequest } from '../query/pre-request.ts';
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
import { decodeText } from '../request/payload.ts';
import { type Answer, respond, respondAllow, respondError } from '../response/respond.ts';
import { bind } from './bind.ts';
import { answerPreflight, withCors } from './cors.ts';
import { discreet } from './discreet.ts';
import { readIncoming } from './incoming.ts';
import { runNested } from './nested.ts';
import { blameNesting } from './nesting.ts';
import type { PlanCache, Planned, Prepared, PreparedNested } from './planned.ts';
import { respondRoot } from './root.ts';
import type { SessionOf } from './session.ts';
import { createTiming } from './timing.ts';

/** What requests run under until the configuration is reloaded. */
export interface RestSettings {
  readonly config: Config;
  readonly options: RequestOptions;
  readonly authenticate: Authenticate;
  readonly sessionOf: SessionOf;
  /** The call of `db-pre-request`. */
  readonly preRequest: PreRequest | null;
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
    const refusal = discreet(
      asApiError(context, error, requestId),
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
  const request = { identity, raw, shape, catalog, signal, trace };
  const executed =
    planned.kind === 'nested'
      ? await writeNested(context, settings, request, planned)
      : await run(context, settings, request, planned);
  timing.mark('transaction');
  const plan = planned.kind === 'nested' ? planned.plan.write : planned.plan;
  if (planned.kind === 'database' && plan.readOnly) planned.verify?.(executed.result);
  const asked = {
    range: shape.range,
    canonicalQuery: plan.kind === 'read' ? canonicalQuery(shape.pairs) : '',
  };
  const answer = respond(plan, asked, executed, config.clientErrorVerbosity);
  timing.mark('response');
  return timing.onto(answer);
}

/** A request that is being served. */
interface Serving {
  readonly identity: Identity;
  readonly raw: RawRequest;
  readonly shape: RequestShape;
  /** The one that the request was planned under. */
  readonly catalog: Catalog;
  readonly signal: AbortSignal | null;
  readonly trace: Trace;
}

function run(
  context: RestContext,
  settings: RestSettings,
  { identity, raw, shape, signal, trace }: Serving,
  planned: Prepared,
): Promise<Executed> {
  trace.sql = planned.statements.main.text;
  const work = workOf(context, settings, identity, raw, shape, planned, signal);
  return runWork(context.pool, work).catch((error: unknown) => {
    throw blameNesting(error, work.values);
  });
}

async function writeNested(
  context: RestContext,
  settings: RestSettings,
  { identity, raw, catalog, signal, trace }: Serving,
  planned: PreparedNested,
): Promise<Executed> {
  const { write } = planned.plan;
  const body = decodeText(raw.body);
  return runNested(
    {
      pool: context.pool,
      mode: modeOf(settings, identity, write, signal),
      session: context.renderSession(settings.sessionOf(identity, raw, write)),
      preRequest: settings.preRequest,
      context: { catalog, role: identity.role, options: settings.config },
      statements: context.plans.levels,
      onSql: (text) => {
        trace.sql = trace.sql === null ? text : `${trace.sql}; ${text}`;
      },
    },
    planned,
    body,
  ).catch((error: unknown) => {
    throw blameNesting(error, [body]);
  });
}

const modeOf = (
  settings: RestSettings,
  identity: Identity,
  plan: DatabasePlan,
  signal: AbortSignal | null,
): TransactionMode => ({
  isolation: plan.isolation ?? settings.isolationOf(identity.role),
  readOnly: plan.readOnly,
  rollback: rollsBack(settings.config.dbTxEnd, plan.preferences.transaction),
  authenticated: identity.role !== settings.config.dbAnonRole,
  prepared: settings.config.dbPreparedStatements,
  taints: plan.kind !== 'read' || settings.preRequest !== null,
  signal,
});

function workOf(
  context: RestContext,
  settings: RestSettings,
  identity: Identity,
  raw: RawRequest,
  shape: RequestShape,
  { plan, statements, id, binary, verify }: Prepared,
  signal: AbortSignal | null,
) {
  const values = { slots: shape.slots, body: shape.body?.content ?? null, offset: shape.range.offset };
  return {
    session: context.renderSession(settings.sessionOf(identity, raw, plan)),
    role: identity.role,
    preRequest: settings.preRequest,
    statements,
    key: id === null ? null : `${identity.role} ${id}`,
    values: bind(statements.main.parameters, values),
    estimateValues: statements.estimate ? bind(statements.estimate.parameters, values) : [],
    binary,
    ...modeOf(settings, identity, plan, signal),
    // what only read has nothing to undo: it is looked at after the trip
    verify: plan.readOnly ? null : verify,
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
