/**
 * Questions that the server itself asks, as its login role: the catalog, settings. They run on the pool, each
 * batch as one transaction and one trip.
 */

import { fromPostgres } from '../errors/postgres.ts';
import { arrayLiteral } from '../query/filter.ts';
import type { Pool } from './pool.ts';
import { ConnectionLostError, type Step } from './step.ts';
import { ALL_AS_TEXT } from './wire.ts';

/** A statement with text values or lists of text. */
export interface Question {
  readonly text: string;
  readonly values?: readonly (string | readonly string[])[];
}

/** A row's values as text; null = NULL. */
export type TextRow = readonly (string | null)[];

/** The step that asks; `kept`: its statement stays prepared. */
export const questionStep = ({ text, values = [] }: Question, kept: boolean): Step => ({
  key: kept ? text : null,
  text,
  values: values.map((value) => (typeof value === 'string' ? value : arrayLiteral(value))),
  formats: ALL_AS_TEXT,
  binary: new Set(),
});

/**
 * Asks the questions in one transaction; gives the rows of each. Rejects with ApiError: what PostgreSQL
 * refused, PGRST000 and 003 from the pool; with ConnectionLostError when the connection breaks.
 */
export async function ask(pool: Pool, questions: readonly Question[]): Promise<TextRow[][]> {
  const lease = await pool.acquire();
  let broken: Error | undefined;
  try {
    // the function of db-pre-config is the user's
    lease.taint();
    const { rows, error } = await lease.run(questions.map((question) => questionStep(question, false)));
    if (error) throw fromPostgres(error, true);
    return rows.map((list) => list.map((row) => row.map((value) => value?.toString() ?? null)));
  } catch (error) {
    if (error instanceof ConnectionLostError) broken = error;
    throw error;
  } finally {
    lease.release(broken);
  }
}
