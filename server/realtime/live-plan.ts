/**
 * A live query, planned: what it reads, of whom, on what that depends, and with whom it is shared. It is planned anew
 * when the catalog or the settings are others.
 */
import { createHash } from 'node:crypto';
import type { Task } from '../execute/transaction.ts';
import type { Credentials } from '../identity/authenticate.ts';
import type { Identity } from '../identity/role.ts';
import type { RelationPlan } from '../plan/types.ts';
import { type LiveStatements, renderLive } from '../query/live.ts';
import type { Statement } from '../query/statement.ts';
import type { RawRequest } from '../request/raw.ts';
import type { RequestShape } from '../request/shape.ts';
import { bind } from '../rest/bind.ts';
import type { RestContext, Scene } from '../rest/context.ts';
import { plannedOf, sessionFor, shapeOf, taskOf, unknownCost } from '../rest/task.ts';
import { noCatalog } from '../rest/unforeseen.ts';
import { cannotFollow, dependenceOf } from './dependence.ts';
import type { FollowedPlan, FollowedQuery } from './keeper.ts';
import type { Ask, TableHolder } from './tables.ts';

/** A read to be followed, and who asks. */
export interface LiveQuery extends FollowedQuery {
  /** GET on a table. Of its headers only those count that say which schema and which time zone. */
  readonly raw: RawRequest;
}

/** Its group sees the same rows of the same query. */
export interface LivePlan extends FollowedPlan<LiveQuery> {
  /** The group as far as it outlives a token, and with the policies: for bookmarks. */
  readonly name: string;
  /** The order of the rows matters. */
  readonly isOrdered: boolean;
  /** A row may come or go because of another one: there is a limit, an offset or an order. */
  readonly isWindow: boolean;
  /** Rows are skipped: one that nobody knows may make the others move up. */
  readonly skips: boolean;
  /** Rows at most. */
  readonly most: number;
  /** The task of one of the statements; keys are a JSON array. */
  readonly task: (statement: keyof LiveStatements, keys?: string) => Task;
}

/** Headers that change what is read; what a client else says would make each a group of its own. */
const COUNTING = ['accept-profile', 'prefer', 'range'] as const;

/** The part of a request that a live query is: the session shows no other. */
export function queryOf(raw: RawRequest, identity: Identity): LiveQuery {
  const headers: Record<string, string | string[]> = { accept: 'application/json' };
  for (const name of COUNTING) {
    const value = raw.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  const { authorization, apikey } = raw.headers as Credentials;
  return { raw: { ...raw, headers }, identity, credentials: { authorization, apikey } };
}

/** Claims that are others in each token of the same person. */
const FLEETING: ReadonlySet<string> = new Set(['exp', 'iat', 'nbf', 'jti']);

const lasting = ({ claims }: Identity): string =>
  JSON.stringify(Object.entries(claims).filter(([name]) => !FLEETING.has(name)));

const digest = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);

/** The plan as of an ordinary read, its range as it was asked for. */
function planOf(
  scene: Scene,
  { raw }: LiveQuery,
): { shape: RequestShape; plan: RelationPlan; cost: CostPlan } {
  const shape = shapeOf(scene, raw);
  const planned = plannedOf(scene, raw, shape);
  if (planned.kind !== 'database' || planned.plan.kind !== 'read') {
    throw cannotFollow('Only reads of tables can be followed.', 'Ask by GET on the path of a table.');
  }
  const { plan } = planned;
  if (plan.page !== null) {
    throw cannotFollow(
      'It is a page by cursor.',
      'Use limit and order, which are followed, in place of a page.',
    );
  }
  const ready = { raw, shape, planned, fill: null };
  const cost = unknownCost(ready);
  return {
    shape,
    plan: { ...plan, read: { ...plan.read, range: shape.range } },
    cost: cost && {
      check: cost.check,
      task: { ...taskOf(scene, ready, null), statements: only(cost.explain), key: null },
    },
  };
}

type CostPlan = LivePlan['cost'];

const only = (main: Statement): Task['statements'] => ({ main, estimate: null, cost: null });

/**
 * Plans a live query under the catalog and the settings of the moment. Throws ApiError for what cannot be read or
 * cannot be followed.
 * @param refresh what stands for the moment from which on what is known of the tables must be; null = as it is known
 */
export async function planLive(
  context: RestContext,
  tables: TableHolder,
  query: LiveQuery,
  ask: Ask,
  refresh: object | null,
): Promise<LivePlan> {
  const settings = context.settings();
  const catalog = context.catalog();
  if (catalog === null) throw noCatalog();
  const { identity, raw } = query;
  const scene: Scene = { context, settings, catalog, identity, departure: null };
  const { shape, plan, cost } = planOf(scene, query);
  const known = await (refresh === null ? tables.of(catalog, ask) : tables.refresh(catalog, ask, refresh));
  const dependence = dependenceOf(catalog, known, identity.role, plan.read);
  const { config, preRequest } = settings;
  const most = Math.min(config.realtimeMaxRows, config.dbMaxRows ?? Number.POSITIVE_INFINITY);
  const statements = renderLive(plan.read, dependence.root.key, most);
  // where nobody's claims matter nobody's are told, so that none can come to matter unnoticed
  const isShared = dependence.isClaimsFree && preRequest === null;
  const seen = isShared ? { ...identity, claimsText: JSON.stringify({ role: identity.role }) } : identity;
  const session = sessionFor(
    { ...scene, identity: seen },
    { ...raw, headers: {} },
    plan,
    config.realtimeReadTimeout * 1000,
  );
  const given = { slots: shape.slots, offset: shape.range.offset, fill: null };
  const values = bind(statements.whole.parameters, { ...given, body: null });
  const { range, order } = plan.read;
  return {
    query,
    under: { catalog, settings },
    group: digest(statements.whole.text, values.map(String), session),
    name: digest(
      [statements.whole.text, values.map(String), plan.schema, plan.preferences.timezone],
      [identity.role, isShared ? null : lasting(identity)],
      [known.database, dependence.policies],
    ),
    dependence,
    isOrdered: order.length > 0,
    skips: range.offset !== 0,
    isWindow: order.length > 0 || range.limit !== null || range.offset !== 0,
    most,
    task: (statement, keys) => ({
      session,
      role: identity.role,
      preRequest,
      statements: only(statements[statement]),
      key: `${identity.role} live ${digest(statements[statement].text)}`,
      values: bind(statements[statement].parameters, { ...given, body: keys ?? null }),
      estimateValues: [],
      binary: new Set(),
      readOnly: true,
      looks: false,
    }),
    cost,
  };
}
