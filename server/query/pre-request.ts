/**
 * The call of `db-pre-request`, which may change the role of its request. A statement that was prepared under the
 * one role must not serve the other (PostgreSQL checks USAGE on schemas when it parses), and what comes after the
 * call is on its way before the server knows how it ended: so the call fails where the role is another one
 * afterwards, and with it everything behind it. The request then runs anew, with nothing prepared.
 */
import type { QualifiedName } from '../names.ts';
import { compile, constant, qualified, sql } from './sql.ts';

export interface PreRequest {
  /** Calls the function; division by zero where the role is then not the one given as the only value. */
  readonly guarded: string;
  /** Calls the function. */
  readonly plain: string;
  /** Whether the function was seen to change the role: it is then called without the guard. */
  readonly changesRole: () => boolean;
  readonly sawChange: () => void;
}

/** The SQLSTATE with which the guarded call fails. */
export const ROLE_CHANGED = '22012';

/** How to call a function before each request. */
export function createPreRequest(name: QualifiedName): PreRequest {
  const call = sql`select from ${qualified(name)}()`;
  // the count is taken when the function has returned, however many rows it has
  const guarded = sql`select 1 / (current_setting('role') = ${constant(null)})::int from (select count(*) from (${call}) called) done`;
  let changes = false;
  return {
    guarded: compile(guarded).text,
    plain: compile(call).text,
    changesRole: () => changes,
    sawChange: () => {
      changes = true;
    },
  };
}
