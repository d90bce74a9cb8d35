/**
 * Runs a request's statements as one transaction: its settings, the pre-request function, the main statement.
 * Ordinarily that is one trip and PostgreSQL's implicit transaction, which ends with it. An isolation level or
 * a rollback take a BEGIN in the same trip; only what must look at the result before deciding takes a second.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { fromPostgres } from '../errors/postgres.ts';
import type { SessionStatement } from '../query/session.ts';
import type { Statement, Statements } from '../query/statement.ts';
import { ConnectionLostError, type Outcome, type Row, type Step } from './exchange.ts';
import type { Lease, Pool } from './pool.ts';
import { decodeEstimate, decodePlan, decodeResult, type ResultSet } from './result.ts';
import { ALL_AS_TEXT, type WireValue } from './wire.ts';

/** Everything that a request runs. */
export interface Work {
  readonly session: SessionStatement;
  /** SQL of the pre-request function's call. */
  readonly preRequest: string | null;
  readonly statements: Statements;
  /** Names the statements' shape and role: what is prepared for one role never serves another. */
  readonly key: string;
  readonly values: readonly WireValue[];
  readonly estimateValues: readonly WireValue[];
  /** Indexes of the main statement's values that go in binary form. */
  readonly binary: ReadonlySet<number>;
  /** Null = the database's own. */
  readonly isolation: string | null;
  readonly readOnly: boolean;
  readonly rollback: boolean;
  /** Throws where the transaction must not be committed. */
  readonly verify: ((result: ResultSet) => void) | null;
  /** The role is not the anonymous one. */
  readonly authenticated: boolean;
  readonly prepared: boolean;
  /** What runs may leave settings to the session: functions that were called, triggers. */
  readonly taints: boolean;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal | null;
}

export interface Executed {
  readonly result: ResultSet;
  /** Rows that the planner expects; null = not asked. */
  readonly estimate: number | null;
}

const NO_BINARY: ReadonlySet<number> = new Set();

const command = (text: string): Step => ({
  key: text,
  text,
  values: [],
  formats: ALL_AS_TEXT,
  binary: NO_BINARY,
});

/** Not prepared: it must work whatever became of prepared statements. */
const ROLLBACK: Step = { ...command('rollback'), key: null };
const COMMIT = command('commit');
const CHECK_CONSTRAINTS = command('set constraints all immediate');

function stepOf(work: Work, statement: Statement, name: string, values: readonly WireValue[]): Step {
  return {
    key: work.prepared ? `${work.key} ${name}` : null,
    text: statement.text,
    values,
    formats: statement.columns
      ? { columns: statement.columns.length, binary: statement.columns.indexOf('body') }
      : ALL_AS_TEXT,
    binary: name === 'main' ? work.binary : NO_BINARY,
  };
}

interface Trip {
  readonly steps: readonly Step[];
  readonly main: number;
  readonly estimate: number | null;
  /** A transaction was begun and is still open after the trip. */
  readonly stays: boolean;
}

function planTrip(work: Work): Trip {
  const begins = work.isolation !== null || work.rollback || work.verify !== null;
  const steps: Step[] = [];
  if (begins) {
    const level = work.isolation === null ? '' : ` isolation level ${work.isolation}`;
    steps.push(command(`begin${level}${work.readOnly ? ' read only' : ''}`));
  }
  const { key, text, values } = work.session;
  steps.push({ key: work.prepared ? key : null, text, values, formats: ALL_AS_TEXT, binary: NO_BINARY });
  if (work.preRequest !== null)
    steps.push({ ...command(work.preRequest), key: work.prepared ? `${work.key} pre` : null });
  const main = steps.push(stepOf(work, work.statements.main, 'main', work.values)) - 1;
  let estimate: number | null = null;
  if (work.statements.estimate) {
    estimate = steps.push(stepOf(work, work.statements.estimate, 'estimate', work.estimateValues)) - 1;
  }
  const stays = work.verify !== null;
  if (begins && !stays) steps.push(...(work.rollback ? [CHECK_CONSTRAINTS, ROLLBACK] : [COMMIT]));
  return {
    steps: work.prepared ? steps : steps.map((step) => ({ ...step, key: null })),
    main,
    estimate,
    stays,
  };
}

/** Ends a transaction that failed or must not stay. */
async function rollBack(lease: Lease): Promise<void> {
  const { status } = await lease.run([ROLLBACK]);
  if (status !== 'I') throw new ConnectionLostError('the transaction cannot be ended');
}

/**
 * Whether a prepared statement was refused that might do if it were prepared now: it is gone (26000), its result
 * has changed (0A000), or after DDL its parameters or names mean something else (class 42, permissions apart).
 */
const isOutdated = ({ error, stale }: Outcome): boolean =>
  stale && error !== null && error.code !== '42501' && /^(?:26000|0A000|42...)$/.test(error.code);

/** Runs the trip; once more where a prepared statement turns out to be gone or outdated by DDL. */
async function runTrip(lease: Lease, steps: readonly Step[]): Promise<Outcome> {
  const first = await lease.run(steps);
  if (!isOutdated(first)) return first;
  if (first.status !== 'I') await rollBack(lease);
  lease.forget(steps);
  return lease.run(steps);
}

const lost = (cause: unknown): Error =>
  apiError('PGRST001', 'Database client error. Retrying the connection.', {
    headers: { 'Retry-After': '1' },
    cause,
  });

function decode(work: Work, rows: readonly Row[]): ResultSet {
  const { columns } = work.statements.main;
  if (columns) return decodeResult(rows, columns);
  return { ...decodeResult([], []), body: decodePlan(rows) };
}

async function transact(lease: Lease, work: Work): Promise<Executed> {
  const trip = planTrip(work);
  const outcome = await runTrip(lease, trip.steps);
  if (outcome.error) {
    if (outcome.status !== 'I') await rollBack(lease);
    throw fromPostgres(outcome.error, work.authenticated);
  }
  const result = decode(work, outcome.rows[trip.main] ?? []);
  const estimate = trip.estimate === null ? null : decodeEstimate(outcome.rows[trip.estimate] ?? []);
  if (trip.stays) await decide(lease, work, result);
  return { result, estimate };
}

/** Ends a transaction whose result had to be looked at first. */
async function decide(lease: Lease, work: Work, result: ResultSet): Promise<void> {
  try {
    work.verify?.(result);
  } catch (refusal) {
    await rollBack(lease);
    throw refusal;
  }
  const end = await lease.run(work.rollback ? [CHECK_CONSTRAINTS, ROLLBACK] : [COMMIT]);
  if (!end.error) return;
  if (end.status !== 'I') await rollBack(lease);
  throw fromPostgres(end.error, work.authenticated);
}

/** Nobody reads this answer; the log tells it from what went wrong. */
const abandoned = (cause?: unknown): Error =>
  apiError('AURA001', 'The client went away before its answer', { cause });

/**
 * Runs the work on a connection of the pool. Rejects with ApiError: what PostgreSQL refused, what `verify`
 * threw, PGRST000, 001 and 003, AURA001. Whatever happens, the connection goes back without a trace of the
 * request.
 */
export async function runWork(pool: Pool, work: Work): Promise<Executed> {
  const { signal } = work;
  if (signal?.aborted) throw abandoned();
  const lease = await pool.acquire();
  let broken: Error | undefined;
  const cancel = (): void => {
    // it may arrive late and hit whatever runs then: such a connection is not lent again
    broken = new Error('the request was cancelled');
    lease.cancel();
  };
  signal?.addEventListener('abort', cancel);
  try {
    if (signal?.aborted) throw abandoned();
    if (work.taints) lease.taint();
    return await transact(lease, work);
  } catch (error) {
    const isLost = error instanceof ConnectionLostError;
    if (isLost) broken ??= error;
    if (signal?.aborted && (isLost || error instanceof ApiError)) throw abandoned(error);
    throw isLost ? lost(error) : error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    lease.release(broken);
  }
}
