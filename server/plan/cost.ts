/**
 * What a read may cost. Writes and functions have no limit: what a function does the planner does not know, and
 * what a write costs is mostly not in its estimate (triggers, indexes, foreign keys).
 */
import { isGrouped } from './aggregate.ts';
import type { PlanContext } from './context.ts';
import { relationOf } from './fields.ts';
import type { CostLimit, ReadPlan } from './types.ts';

/** `relation.count` is `count(relation)` to PostgreSQL, so that what is no column may be an aggregate. */
function selectsUnknown(context: PlanContext, { source, select }: ReadPlan): boolean {
  if (source.kind !== 'relation') return false;
  const relation = relationOf(context, source.name);
  return select.some(
    ({ field: { name } }) =>
      name !== '*' && !relation?.columns.has(name) && !relation?.computedColumns.has(name),
  );
}

const aggregates = (context: PlanContext, read: ReadPlan): boolean =>
  isGrouped(read) ||
  selectsUnknown(context, read) ||
  read.children.some((child) => aggregates(context, child));

/** The limit that holds for a read: of two the lower one. Null = none. */
export const costLimitOf = (context: PlanContext, read: ReadPlan): CostLimit | null =>
  costLimitWhere(context, aggregates(context, read));

/** The limit of a read that aggregates, or does not. */
export function costLimitWhere({ options }: PlanContext, isAggregating: boolean): CostLimit | null {
  const { dbMaxCost, dbMaxAggregateCost } = options;
  const forAll: CostLimit | null = dbMaxCost > 0 ? { most: dbMaxCost, setting: 'db-max-cost' } : null;
  if (dbMaxAggregateCost === 0 || !isAggregating) return forAll;
  return forAll !== null && forAll.most <= dbMaxAggregateCost
    ? forAll
    : { most: dbMaxAggregateCost, setting: 'db-max-aggregate-cost' };
}
