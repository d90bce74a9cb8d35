/**
 * A subscription, planned: the statement that gives its whole answer, of whom, on what that depends, and with whom it is
 * shared. It is planned anew when the catalog or the settings are others.
 */
import { createHash } from 'node:crypto';
import type { Row } from '../execute/step.ts';
import type { Task } from '../execute/transaction.ts';
import type { Credentials } from '../identity/authenticate.ts';
import type { Identity } from '../identity/role.ts';
import { type Dependence, dependenceOn } from '../realtime/dependence.ts';
import type { Ask, TableHolder } from '../realtime/tables.ts';
import type { Scene } from '../rest/context.ts';
import { noCatalog } from '../rest/unforeseen.ts';
import { dataOf, onOneLine } from './answer.ts';
import { refusal } from './planner.ts';
import type { GraphqlRequest } from './request.ts';
import { rowOf, type SeenRequest, taskOf } from './run.ts';
import { type GraphqlContext, operationOf, prepareOperation } from './serve-operation.ts';

/** An operation to be followed, and who asks. */
export interface SubscriptionQuery {
  readonly request: GraphqlRequest;
  readonly identity: Identity;
  /** By which that was found out. */
  readonly credentials: Credentials;
}

export interface SubscriptionPlan {
  readonly query: SubscriptionQuery;
  /** What it was planned under. */
  readonly under: Pick<Scene, 'catalog' | 'settings'>;
  /** Equal for those who can share one: they are answered the same. */
  readonly group: string;
  readonly dependence: Dependence;
  readonly task: Task;
  /** How its cost is found out, with the task that tells it; null = it is known, or has no limit. */
  readonly cost: { readonly task: Task; readonly check: (cost: number) => void } | null;
  /** The whole answer, on one line. */
  readonly answerOf: (rows: readonly Row[]) => Buffer;
}

/** What functions and policies may ask about; what a client says beside would make each a group of its own. */
const SEEN: SeenRequest = { method: 'GET', path: '/', headers: {} };

const digest = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);

/**
 * Plans a subscription under the catalog and the settings of the moment. Rejects with DocumentError, GraphQLError and
 * ApiError for what cannot be read or cannot be followed.
 * @param refresh what stands for the moment from which on what is known of the tables must be; null = as it is known
 */
export async function planSubscription(
  context: GraphqlContext,
  tables: TableHolder,
  query: SubscriptionQuery,
  ask: Ask,
  refresh: object | null,
): Promise<SubscriptionPlan> {
  const settings = context.settings();
  const catalog = context.catalog();
  if (catalog === null) throw noCatalog();
  const { identity, request } = query;
  const { role } = identity;
  const scene: Scene = { context, settings, catalog, identity, departure: null };
  const roleSchema = context.schemas.of(catalog, settings.config, role);
  const operation = operationOf(context, scene, roleSchema, request);
  const { prepared, variables } = prepareOperation(roleSchema, operation, request.variables);
  const [step] = prepared.steps;
  if (!operation.isSubscription || step === undefined) throw refusal('There is nothing to be followed');
  const known = await (refresh === null ? tables.of(catalog, ask) : tables.refresh(catalog, ask, refresh));
  const { relations, isComputed: computes } = prepared;
  const dependence = dependenceOn(catalog, known, role, { relations, computes });
  // where nobody's claims matter nobody's are told, so that none can come to matter unnoticed
  const isShared = dependence.isClaimsFree && settings.preRequest === null;
  const asked = isShared ? { ...identity, claimsText: JSON.stringify({ role }) } : identity;
  const most = settings.config.realtimeReadTimeout * 1000;
  const task = taskOf({ ...scene, identity: asked }, SEEN, operation, step, variables, null, most);
  const { statement, cost } = step;
  return {
    query,
    under: { catalog, settings },
    group: digest(task.session, statement.text, task.values, prepared.entries),
    dependence,
    task,
    cost: cost?.guard.isUnknown()
      ? {
          check: cost.guard.check,
          task: { ...task, statements: { main: cost.explain, estimate: null, cost: null }, key: null },
        }
      : null,
    answerOf: (rows) => onOneLine(dataOf(prepared.entries, [rowOf(rows, step)], new Map(), []).body),
  };
}

/** Whether the plan still holds. */
export const isCurrent = ({ under }: SubscriptionPlan, context: GraphqlContext): boolean =>
  under.catalog === context.catalog() && under.settings === context.settings();
