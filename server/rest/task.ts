/**
 * A raw request on its way to the database: its shape, its plan (from the cache where the shape was seen before),
 * and the task that runs it. Whoever has a scene and a raw request gets the same task of it: the route, a step of
 * a batch, the check of a precondition.
 */
import type { Config } from '../config.ts';
import type { CostCheck } from '../execute/cost.ts';
import type { Executed, Task, TransactionMode } from '../execute/transaction.ts';
import { planRequest } from '../plan/plan.ts';
import type { DatabasePlan, InfoPlan } from '../plan/types.ts';
import type { Session, SessionStatement } from '../query/session.ts';
import { type CanonicalQuery, canonicalQueryOf } from '../request/parameter.ts';
import { parseRequest } from '../request/parse.ts';
import type { Body } from '../request/payload.ts';
import type { Preconditions } from '../request/precondition.ts';
import type { RawRequest } from '../request/raw.ts';
import { type RequestShape, readShape } from '../request/shape.ts';
import { withEntityTag } from '../response/entity-tag.ts';
import type { AskedPage } from '../response/page.ts';
import { type Answer, respond, respondAllow } from '../response/respond.ts';
import { bind } from './bind.ts';
import type { Scene } from './context.ts';
import type { Planned, Prepared } from './planned.ts';

/** A request that the database has to answer. */
export interface Ready {
  readonly raw: RawRequest;
  readonly shape: RequestShape;
  readonly planned: Prepared;
  /** Puts values in the place of the marks in its slots; null = it has none. */
  readonly fill: ((text: string) => string) | null;
}

/** Reads the shape of a request, or of one whose body is given. Throws ApiError for what no plan can serve. */
export const shapeOf = ({ settings }: Scene, raw: RawRequest, body: Body | null = null): RequestShape =>
  readShape(raw, settings.options, body);

/** Finds or makes the plan of a shape. Throws ApiError for what grammar and catalog refuse. */
export function plannedOf(scene: Scene, raw: RawRequest, shape: RequestShape): Planned {
  const { context, settings, catalog, identity } = scene;
  const { role } = identity;
  return context.plans.get({ catalog, settings }, role, shape.key, () =>
    planRequest({ catalog, role, options: settings.config }, parseRequest(raw, shape, settings.options)),
  );
}

/** What the database runs for a request. `mostMs` is the time that it has, whatever else may bound it. */
export function taskOf(scene: Scene, { raw, shape, planned, fill }: Ready, mostMs: number | null): Task {
  const { settings, identity } = scene;
  const { plan, statements, key, binary } = planned;
  const values = { slots: shape.slots, body: shape.body?.content ?? null, offset: shape.range.offset, fill };
  return {
    session: sessionFor(scene, raw, plan, mostMs),
    role: identity.role,
    preRequest: settings.preRequest,
    statements,
    key,
    values: bind(statements.main.parameters, values),
    estimateValues: statements.estimate ? bind(statements.estimate.parameters, values) : [],
    binary,
    readOnly: plan.readOnly,
    looks: false,
  };
}

/** The session of a request; `mostMs` is the time that each of its statements has, whatever else may bound it. */
export function sessionFor(
  { context, settings, identity }: Scene,
  raw: RawRequest,
  plan: DatabasePlan,
  mostMs: number | null,
): SessionStatement {
  const session = settings.sessionOf(identity, raw, plan);
  return context.renderSession(mostMs === null ? session : within(session, mostMs));
}

/** Under what an earlier task of the transaction has set: nothing prepared where that may be another role. */
export const afterFirst = (task: Task): Task => ({
  ...task,
  session: null,
  preRequest: null,
  key: task.preRequest?.changesRole() === true ? null : task.key,
});

/** A session whose statements have so much time, whatever else may bound it. */
export function within(session: Session, mostMs: number): Session {
  const { statementTimeout } = session;
  return {
    ...session,
    statementTimeout: statementTimeout === 0 ? mostMs : Math.min(statementTimeout, mostMs),
    repeats: false,
  };
}

/** The transaction that a request by itself runs in. */
export function modeOf(scene: Scene, plan: DatabasePlan): TransactionMode {
  const { config, isolationOf, preRequest } = scene.settings;
  return modeIn(scene, {
    isolation: plan.isolation ?? isolationOf(scene.identity.role),
    readOnly: plan.readOnly,
    rollback: rollsBack(config.dbTxEnd, plan.preferences.transaction),
    // functions that are called, triggers: they may leave settings to the session
    taints: plan.kind !== 'read' || preRequest !== null,
  });
}

/** A transaction with what all of a scene have in common. */
export const modeIn = (
  { settings: { config }, identity, departure }: Scene,
  {
    isolation,
    readOnly,
    rollback,
    taints,
  }: Pick<TransactionMode, 'isolation' | 'readOnly' | 'rollback' | 'taints'>,
): TransactionMode => ({
  isolation,
  readOnly,
  rollback,
  authenticated: identity.role !== config.dbAnonRole,
  prepared: config.dbPreparedStatements,
  taints,
  departure,
});

export const rollsBack = (end: Config['dbTxEnd'], preferred: 'commit' | 'rollback' | null): boolean =>
  preferred === null ? end.startsWith('rollback') : preferred === 'rollback';

const queryOf = (pairs: RequestShape['pairs']): string =>
  pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join('&');

/** What the links of a page are made of; null = no page by cursor. */
function pageOf(
  { settings: { config, options } }: Scene,
  { raw, shape, fill }: Ready,
  pairs: RequestShape['pairs'],
): AskedPage | null {
  const { page, cursor } = shape;
  if (page === null || options.cursors === null) return null;
  const query = fill === null ? (raw.ownQuery ?? raw.query) : queryOf(pairs);
  const path = config.restPrefix.length + raw.path.length + 1;
  return { cursor, query, cursors: options.cursors, longest: config.serverMaxUrlLength - path };
}

/** How the cost of a request is found out; null where it is known, or has no limit. */
export const unknownCost = ({ planned: { cost, statements } }: Ready): CostCheck | null =>
  cost !== null && statements.cost !== null && cost.isUnknown()
    ? { explain: statements.cost, check: cost.check }
    : null;

/** By the plan, of which each has one shape. */
const canonicalQueries = new WeakMap<DatabasePlan, CanonicalQuery>();

function canonicalQuery(plan: DatabasePlan, { pairs, action }: RequestShape): CanonicalQuery {
  let found = canonicalQueries.get(plan);
  if (found === undefined) {
    found = canonicalQueryOf(pairs, action);
    canonicalQueries.set(plan, found);
  }
  return found;
}

/** The answer to what was run. Throws PGRST111 and 112 for settings that SQL set wrongly. */
export function answerTo(scene: Scene, ready: Ready, executed: Executed): Answer {
  const { shape, planned, fill } = ready;
  const { plan } = planned;
  const pairs = fill === null ? shape.pairs : shape.pairs.map(([key, value]) => [key, fill(value)] as const);
  const asked = {
    range: shape.range,
    canonicalQuery: plan.kind === 'read' ? canonicalQuery(plan, shape)(pairs) : '',
    page: pageOf(scene, ready, pairs),
  };
  return respond(plan, planned.headers, asked, executed, scene.settings.config.clientErrorVerbosity);
}

/** A request that the catalog alone answers. */
export interface InfoRequest {
  readonly plan: InfoPlan;
  readonly head: boolean;
  readonly preconditions: Preconditions | null;
}

/** The answer that the catalog alone gives, under the preconditions of its request. Rejects with AURA130. */
export async function answerInfo(
  { context, catalog, identity, settings }: Scene,
  { plan, head, preconditions }: InfoRequest,
): Promise<Answer> {
  if (plan.kind === 'allow') return respondAllow(plan.allow);
  const described = await context.describe({
    plan,
    catalog,
    role: identity.role,
    config: settings.config,
  });
  const answer = withEntityTag(described, preconditions, true);
  return head ? { ...answer, body: null } : answer;
}
