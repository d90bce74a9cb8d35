/**
 * The statements of nested writes by what they are made from: a level that looks like one seen before finds its
 * SQL ready. What a level's plan says is all that its SQL depends on, so that no catalog is part of the key.
 */
import { LRUCache } from 'lru-cache';
import type { LevelPlan } from '../plan/types.ts';
import { renderContradictions, renderLevel, renderLookup } from '../query/nested.ts';
import type { Statement } from '../query/statement.ts';

export interface LevelStatement {
  readonly statement: Statement;
  /** Equal for equal texts; null = not kept. */
  readonly id: string | null;
}

/** Statements that write rows, find those that exist already, and compare what two sources say of a column. */
export interface LevelStatements {
  readonly write: (plan: LevelPlan) => LevelStatement;
  readonly lookup: (plan: LevelPlan, by: readonly string[]) => LevelStatement;
  readonly contradictions: (plan: LevelPlan) => LevelStatement;
}

/** What is longer costs more to keep than to make again. */
const LONGEST_KEPT = 64 * 1024;

/** Keeps the statements of at most `size` levels; 0 keeps none. */
export function createLevelStatements(size: number): LevelStatements {
  const known = new LRUCache<string, LevelStatement>({ max: Math.max(size, 1) });
  let last = 0;
  const get = (key: string, render: () => Statement): LevelStatement => {
    if (size === 0 || key.length > LONGEST_KEPT) return { statement: render(), id: null };
    let found = known.get(key);
    if (!found) {
      last += 1;
      found = { statement: render(), id: `nested ${last}` };
      known.set(key, found);
    }
    return found;
  };
  return {
    write: (plan) => get(`write ${JSON.stringify(plan)}`, () => renderLevel(plan)),
    lookup: (plan, by) => get(`lookup ${JSON.stringify([plan, by])}`, () => renderLookup(plan, by)),
    contradictions: (plan) => get(`compare ${JSON.stringify(plan)}`, () => renderContradictions(plan)),
  };
}
