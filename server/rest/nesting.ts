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

type Value = string | Buffer | null;

/** Whether a value is long enough to nest deeply. */
export const mayNest = (value: Value): boolean => value !== null && value.length >= DEEP;

function nestsDeeply(value: Value): boolean {
  if (value === null || !mayNest(value)) return false;
  let depth = 0;
  for (const found of value.toString()) {
    if (found === '[' || found === '{' || found === '(') depth += 1;
    else if (found === ']' || found === '}' || found === ')') depth -= 1;
    if (depth > DEEP) return true;
  }
  return false;
}

/** AURA103 in the place of an error that a value of the request brought about; else the error as it is. */
export function blameNesting(error: unknown, values: readonly Value[]): unknown {
  if (!(error instanceof ApiError) || error.code !== STACK_DEPTH_EXCEEDED || !values.some(nestsDeeply)) {
    return error;
  }
  return apiError('AURA103', 'A value nests too deeply', {
    details: 'PostgreSQL ran out of stack while it read it.',
    hint: 'Send a flatter value.',
    cause: error,
  });
}

/** Passes an error on with the blame for these values. */
export const blameFor =
  (values: readonly Value[]) =>
  (error: unknown): never => {
    throw blameNesting(error, values);
  };

/** Runs tasks, each with the blame for its own values. */
export const blaming =
  (run: Transaction['run']): Transaction['run'] =>
  (task) =>
    run(task).catch(blameFor(task.values));
