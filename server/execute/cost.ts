/**
 * A statement that is run only if the planner finds it cheap enough: EXPLAIN and the statement in one transaction,
 * with the same values and under the same session, which the pre-request function may have changed.
 */
import type { Statement } from '../query/statement.ts';
import type { Pool } from './pool.ts';
import { decodeCost } from './result.ts';
import { type Executed, runTransaction, type Task, type Transaction, type Work } from './transaction.ts';

/** How the cost of a main statement is found and judged. */
export interface CostCheck {
  /** EXPLAIN (FORMAT JSON) of the main statement, with its parameters. */
  readonly explain: Statement;
  /** Throws where the cost, in units of the planner, is too much. */
  readonly check: (cost: number) => void;
}

/** Runs a task of an open transaction after a look at its cost. Rejects with what `check` throws, too. */
export async function runTaskWithinCost(
  run: Transaction['run'],
  task: Task,
  { explain, check }: CostCheck,
): Promise<Executed> {
  const { result } = await run({
    ...task,
    statements: { main: explain, estimate: null, cost: null },
    key: null,
  });
  check(decodeCost(result.body));
  // a pre-request function that changes the role: nothing is prepared under the one that was asked for
  const key = task.preRequest?.changesRole() ? null : task.key;
  return run({ ...task, session: null, preRequest: null, key });
}

/** Runs the work as `runWork` does, after a look at its cost. Rejects with what the check throws, too. */
export const runWithinCost = (pool: Pool, { task, mode, verify }: Work, cost: CostCheck): Promise<Executed> =>
  runTransaction(pool, mode, async ({ run }) => {
    const executed = await runTaskWithinCost(run, task, cost);
    verify?.(executed.result);
    return executed;
  });
