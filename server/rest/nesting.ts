/**
 * PostgreSQL runs out of stack while it reads a deeply nested value (JSON, a text search query), and when a
 * function calls itself without end. The first is the request's doing, the second is not; both have one SQLSTATE.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import type { Transaction } from '../execute/transaction.ts';

const STACK_DEPTH_EXCEEDED = '54001';
/** Values that nest less deeply have never been too much. */
const DEEP = 500;

function nestsDeeply(value: string | Buffer | null): boolean {
  if (value === null || value.length < DEEP) return false;
  let depth = 0;
  for (const found of value.toString()) {
    if (found === '[' || found === '{' || found === '(') depth += 1;
    else if (found === ']' || found === '}' || found === ')') depth -= 1;
    if (depth > DEEP) return true;
  }
  return false;
}

/** AURA103 in the place of an error that a value of the request brought about; else the error as it is. */
export function blameNesting(error: unknown, values: readonly (string | Buffer | null)[]): unknown {
  if (!(error instanceof ApiError) || error.code !== STACK_DEPTH_EXCEEDED || !values.some(nestsDeeply)) {
    return error;
  }
  return apiError('AURA103', 'A value nests too deeply', {
    details: 'PostgreSQL ran out of stack while it read it.',
    hint: 'Send a flatter value.',
    cause: error,
  });
}

/** Runs tasks, each with the blame for its own values. */
export const blaming =
  (run: Transaction['run']): Transaction['run'] =>
  (task) =>
    run(task).catch((error: unknown) => {
      throw blameNesting(error, task.values);
    });
