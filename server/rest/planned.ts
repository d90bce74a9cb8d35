/**
 * Plans by shape: a request whose shape was seen before, for this role and under this catalog and these settings,
 * finds its plan and its SQL ready. A new catalog or new settings are new keys, so that a swap forgets everything
 * that was planned before it.
 */
import { LRUCache } from 'lru-cache';
import type { Catalog } from '../catalog/types.ts';
import type { ResultSet } from '../execute/result.ts';
import type { DatabasePlan, InfoPlan, NestedPlan, Plan } from '../plan/types.ts';
import { renderStatements, type Statements } from '../query/statement.ts';
import { renderStream, type StreamStatements } from '../query/stream.ts';
import { type PlanHeaders, planHeaders } from '../response/respond.ts';
import { verificationOf } from '../response/verify.ts';
import { type CostGuard, createCostGuard } from './cost.ts';
import { createLevelStatements, type LevelStatements } from './level-statements.ts';

/** What a streamed answer runs. */
export interface PreparedStream {
  readonly statements: StreamStatements;
  /** Names the statements' texts; null = too long to be kept prepared. */
  readonly id: number | null;
}

/** A plan with everything that can be made of it before the values are known. */
export interface Prepared {
  readonly kind: 'database';
  readonly plan: DatabasePlan;
  readonly statements: Statements;
  /** Null = the answer is made whole. */
  readonly stream: PreparedStream | null;
  /** Names the main statement's text under its role; equal for equal texts. Null = too long to be kept prepared. */
  readonly key: string | null;
  readonly binary: ReadonlySet<number>;
  readonly verify: ((result: ResultSet) => void) | null;
  readonly headers: PlanHeaders;
  /** What the statement may cost, and whether that is known; null = there is no limit. */
  readonly cost: CostGuard | null;
}

/** A nested write, whose own statements depend on the body; its answer's do not. */
export interface PreparedNested {
  readonly kind: 'nested';
  readonly plan: NestedPlan;
  readonly statements: Statements;
  readonly id: number | null;
  readonly headers: PlanHeaders;
}

export type Planned = Prepared | PreparedNested | { readonly kind: 'info'; readonly plan: InfoPlan };

/** What plans hold for. */
export interface PlannedUnder {
  readonly catalog: Catalog;
  /** Any object that stays the same as long as the settings do. */
  readonly settings: object;
}

export interface PlanCache {
  /** A role's plan of a shape, made by `make` where it is not there yet. What `make` throws is not kept. */
  readonly get: (under: PlannedUnder, role: string, shape: string, make: () => Plan) => Planned;
  /** Statements of nested writes. */
  readonly levels: LevelStatements;
}

/** Bytes for a function's bytea parameter are sent as they are. */
function binaryValues(plan: DatabasePlan, { main }: Statements): ReadonlySet<number> {
  const isBytes =
    plan.kind === 'call' && plan.call.arguments.kind === 'body' && plan.call.arguments.type === 'bytea';
  if (!isBytes) return new Set();
  return new Set(main.parameters.flatMap(({ kind }, index) => (kind === 'body' ? [index] : [])));
}

/** A longer key or statement costs more to keep than to make again; it is hardly asked for twice. */
const LONGEST_KEPT = 64 * 1024;

/**
 * A cache of at most `size` plans for a catalog and settings, and as many statements of levels; 0 keeps none. `now`
 * tells milliseconds.
 */
export function createPlanCache(size: number, now: () => number = Date.now): PlanCache {
  const caches = new WeakMap<Catalog, WeakMap<object, LRUCache<string, Planned>>>();
  const ids = new LRUCache<string, number>({ max: Math.max(size, 1) });
  let lastId = 0;

  /** Shapes that differ in what SQL does not see share one prepared statement. */
  const idOf = (text: string): number | null => {
    if (text.length > LONGEST_KEPT) return null;
    const known = ids.get(text);
    if (known !== undefined) return known;
    lastId += 1;
    ids.set(text, lastId);
    return lastId;
  };

  const prepare = (plan: Plan, role: string): Planned => {
    if (plan.kind === 'allow' || plan.kind === 'root') return { kind: 'info', plan };
    if (plan.kind === 'nested') {
      const answer = renderStatements(plan.answer);
      const headers = planHeaders(plan.write);
      return { kind: 'nested', plan, statements: answer, id: idOf(answer.main.text), headers };
    }
    const statements = renderStatements(plan);
    const id = idOf(statements.main.text);
    const stream = plan.kind === 'write' || plan.stream === null ? null : renderStream(plan, plan.stream);
    return {
      kind: 'database',
      plan,
      statements,
      // its rows have a limit of their own
      stream: stream && { statements: stream, id: idOf(`${stream.rows.text}\0${stream.total?.text}`) },
      key: id === null ? null : `${role} ${id}`,
      binary: binaryValues(plan, statements),
      verify: verificationOf(plan),
      headers: planHeaders(plan),
      cost:
        plan.kind === 'read' && (statements.cost ?? stream?.cost ?? null) !== null
          ? createCostGuard(plan.costLimit, now)
          : null,
    };
  };

  const cacheOf = ({ catalog, settings }: PlannedUnder): LRUCache<string, Planned> => {
    let bySettings = caches.get(catalog);
    if (!bySettings) {
      bySettings = new WeakMap();
      caches.set(catalog, bySettings);
    }
    let cache = bySettings.get(settings);
    if (!cache) {
      cache = new LRUCache({ max: size });
      bySettings.set(settings, cache);
    }
    return cache;
  };

  return {
    levels: createLevelStatements(size),
    get: (under, role, shape, make) => {
      if (size === 0 || shape.length > LONGEST_KEPT) return prepare(make(), role);
      const key = `${role}\0${shape}`;
      const cache = cacheOf(under);
      let planned = cache.get(key);
      if (!planned) {
        planned = prepare(make(), role);
        cache.set(key, planned);
      }
      return planned;
    },
  };
}
