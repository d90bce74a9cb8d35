/**
 * The cost of a shape's statement: asked of the planner before the statement is run for the first time, with the
 * values of that request, and remembered with the plan. Tables grow, so that what is remembered ages.
 */
import { apiError } from '../errors/codes.ts';
import type { CostLimit } from '../plan/types.ts';

/** What one statement may cost, and what is known of it. */
export interface CostGuard {
  /** Whether the planner has to be asked before the statement is run. */
  readonly isUnknown: () => boolean;
  /** Takes what the planner expects. Throws ApiError AURA150 where it is too much; that is not remembered. */
  readonly check: (cost: number) => void;
}

/** Milliseconds for which an estimate counts. */
const LIFETIME = 10 * 60 * 1000;

/** A guard that knows nothing yet; null without a limit. */
export function createCostGuard(limit: CostLimit | null, now: () => number): CostGuard | null {
  if (limit === null) return null;
  const { most, setting } = limit;
  let knownUntil = Number.NEGATIVE_INFINITY;
  return {
    isUnknown: () => now() >= knownUntil,
    check: (cost) => {
      if (cost <= most) {
        knownUntil = now() + LIFETIME;
        return;
      }
      throw apiError('AURA150', 'The request would be too expensive', {
        details: `PostgreSQL expects it to cost ${Math.round(cost)} units; ${setting} allows ${most}.`,
        hint: 'Filter by columns that have an index, or ask for fewer rows or embeds.',
      });
    },
  };
}
