/**
 * What a read may cost. Writes and functions have no limit: what a function does the planner does not know, and
 * what a write costs is mostly not in its estimate (triggers, indexes, foreign keys).
 */
import { isGrouped } from './aggregate.ts';
import type { PlanOptions } from './context.ts';
import type { CostLimit, ReadPlan } from './types.ts';

const aggregates = (read: ReadPlan): boolean => isGrouped(read) || read.children.some(aggregates);

/** The limit that holds for a read: of two the lower one. Null = none. */
export function costLimitOf(
  { dbMaxCost, dbMaxAggregateCost }: Pick<PlanOptions, 'dbMaxCost' | 'dbMaxAggregateCost'>,
  read: ReadPlan,
): CostLimit | null {
  const forAll: CostLimit | null = dbMaxCost > 0 ? { most: dbMaxCost, setting: 'db-max-cost' } : null;
  if (dbMaxAggregateCost === 0 || !aggregates(read)) return forAll;
  return forAll !== null && forAll.most <= dbMaxAggregateCost
    ? forAll
    : { most: dbMaxAggregateCost, setting: 'db-max-aggregate-cost' };
}
