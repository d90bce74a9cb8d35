/**
 * What must hold of a result before it may be answered, and for a write before it may be committed.
 */
import { apiError } from '../errors/codes.ts';
import type { ResultSet } from '../execute/result.ts';
import type { DatabasePlan } from '../plan/types.ts';

/** The conditions of a plan on its result; null where it has none. */
export function verificationOf(plan: DatabasePlan): ((result: ResultSet) => void) | null {
  const checks: ((result: ResultSet) => void)[] = [];
  if (plan.mediaType.kind === 'object') checks.push(refuseUnlessOne);
  if (plan.kind === 'write' && plan.mutation === 'upsert') checks.push(refuseUnlessKeyMatches);
  const { maxAffected, handling } = plan.preferences;
  const limits =
    plan.kind === 'call' ||
    (plan.kind === 'write' && (plan.mutation === 'update' || plan.mutation === 'delete'));
  if (limits && maxAffected !== null && handling === 'strict') {
    checks.push(({ page }) => refuseMoreThan(maxAffected, page));
  }
  if (checks.length === 0) return null;
  return (result) => {
    for (const check of checks) check(result);
  };
}

function refuseUnlessOne({ page }: ResultSet): void {
  if (page === 1) return;
  throw apiError('PGRST116', 'Cannot coerce the result to a single JSON object', {
    details: `The result contains ${page} rows`,
  });
}

function refuseUnlessKeyMatches({ page }: ResultSet): void {
  if (page === 1) return;
  throw apiError('PGRST115', 'Payload values do not match URL in primary key column(s)');
}

function refuseMoreThan(most: number, page: number): void {
  if (page <= most) return;
  throw apiError('PGRST124', 'Query result exceeds max-affected preference constraint', {
    details: `The query affects ${page} rows`,
  });
}
