/**
 * Runs a request's statements as one transaction: its settings, the pre-request function, the main statement.
 * Ordinarily that is one trip and PostgreSQL's implicit transaction, which ends with it. An isolation level or
 * a rollback take a BEGIN in the same trip; only what must look at a result before going on takes more.
 */
import { setImmediate } from 'node:timers/promises';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { fromPostgres } from '../errors/postgres.ts';
import { type PreRequest, ROLE_CHANGED } from '../query/pre-request.ts';
import type { SessionStatement } from '../query/session.ts';
import type { Statement, Statements } from '../query/statement.ts';
import type { Departure } from './departure.ts';
import type { Lease, Pool } from './pool.ts';
import { decodeEstimate, decodePlan, decodeResult, formatsOf, type ResultSet } from './result.ts';
import { ConnectionLostError, type DatabaseError, type Outcome, type Row, type Step } from './step.ts';
import { ALL_AS_TEXT, type WireValue } from './wire.ts';

/** One main statement with everything that it runs under. */
export interface Task {
  /** Null = what an earlier task of the transaction has set still holds. */
  readonly session: SessionStatement | null;
  readonly role: string;
  readonly preRequest: PreRequest | null;
  readonly statements: Statements;
  /** Names the statements' shape and role: what is prepared for one role never serves another. Null = not kept. */
  readonly key: string | null;
  readonly values: readonly WireValue[];
  readonly estimateValues: readonly WireValue[];
  /** Indexes of the main statement's values that go in binary form. */
  readonly binary: ReadonlySet<number>;
  /** It may only read, also where the transaction may write. */
  readonly readOnly: boolean;
  /** Its statement only looks: all that functions in it have set or changed is undone when its result is there. */
  readonly looks: boolean;
}

/** How a transaction begins and ends. */
export interface TransactionMode {
  /** Null = the database's own. */
  readonly isolation: string | null;
  readonly readOnly: boolean;
  readonly rollback: boolean;
  /** The role is not the anonymous one. */
  readonly authenticated: boolean;
  /** Whether statements are prepared at all. */
  readonly prepared: boolean;
  /** What runs may leave settings to the session: functions that are called, triggers. */
  readonly taints: boolean;
  /** Tells when nobody waits for the answer any more. */
  readonly departure: Departure | null;
}

/** Everything that an ordinary request runs. */
export interface Work {
  readonly task: Task;
  readonly mode: TransactionMode;
  /** Throws where the transaction must not be committed. */
  readonly verify: ((result: ResultSet) => void) | null;
}

export interface Executed {
  readonly result: ResultSet;
  /** The main statement's rows as they came. */
  readonly rows: readonly Row[];
  /** Rows that the planner expects; null = not asked. */
  readonly estimate: number | null;
}

/** An open transaction. */
export interface Transaction {
  /**
   * Runs a task in it. A task with a session of its own finds nothing of what earlier tasks, or the functions that
   * they called, have set. Rejects with ApiError; the transaction is then over, whatever follows.
   */
  readonly run: (task: Task) => Promise<Executed>;
}

const NO_BINARY: ReadonlySet<number> = new Set();

/** A statement without values, prepared under its own text. */
export const command = (text: string): Step => ({
  key: text,
  text,
  values: [],
  formats: ALL_AS_TEXT,
  binary: NO_BINARY,
});

// not prepared: they must work whatever became of prepared statements
export const ROLLBACK: Step = { ...command('rollback'), key: null };
export const COMMIT: Step = { ...command('commit'), key: null };
const CHECK_CONSTRAINTS = command('set constraints all immediate');

/** Undoes all settings but those of the transaction itself, and goes back to the login role, which may set more. */
export const ANEW = [command('reset all'), command('set local role none')];

const ONLY_READING = command('set transaction read only');

/** PostgreSQL forgets with a subtransaction that it was read only, and lets no transaction be made writable again. */
const BEFORE_READING = [command('savepoint reading'), ONLY_READING];
const AFTER_READING = [command('release savepoint reading')];

const BEFORE_LOOK = [command('savepoint looking'), ONLY_READING];
const AFTER_LOOK = [command('rollback to savepoint looking'), command('release savepoint looking')];

/** What begins a transaction. */
export function begin({ isolation, readOnly }: Pick<TransactionMode, 'isolation' | 'readOnly'>): Step {
  const level = isolation === null ? '' : ` isolation level ${isolation}`;
  return { ...command(`begin${level}${readOnly ? ' read only' : ''}`), begins: true };
}

/** What ends a transaction that went well; a rollback must not hide what a commit would have refused. */
export const ending = ({ rollback }: Pick<TransactionMode, 'rollback'>): readonly Step[] =>
  rollback ? [CHECK_CONSTRAINTS, ROLLBACK] : [COMMIT];

function stepOf(task: Task, statement: Statement, name: string, values: readonly WireValue[]): Step {
  return {
    key: task.key === null || name === 'main' ? task.key : `${task.key} ${name}`,
    text: statement.text,
    values,
    formats: statement.columns ? formatsOf(statement.columns) : ALL_AS_TEXT,
    binary: name === 'main' ? task.binary : NO_BINARY,
  };
}

/** The steps of a task. */
export interface Trip {
  readonly steps: readonly Step[];
  /** The call of the pre-request function that fails where it changes the role; -1 = none. */
  readonly guard: number;
  readonly main: number;
  readonly estimate: number | null;
}

/** Who runs a statement, and what comes before it. */
export type Preliminaries = Pick<Task, 'session' | 'role' | 'preRequest' | 'key'>;

/** What a task begins with. */
export interface Prelude {
  readonly steps: Step[];
  /** The call of the pre-request function that fails where it changes the role; -1 = none. */
  readonly guard: number;
  /** Names what is prepared behind it; null = nothing may be. */
  readonly key: string | null;
}

const sessionStep = ({ key, text, values, repeats }: SessionStatement): Step => ({
  key,
  text,
  values,
  formats: ALL_AS_TEXT,
  binary: NO_BINARY,
  repeats: repeats === true,
  answers: 'nothing',
});

/** The session, and the call of the pre-request function. */
export function preludeOf({ session, role, preRequest, key }: Preliminaries): Prelude {
  const steps: Step[] = [];
  if (session !== null) steps.push(sessionStep(session));
  if (preRequest === null) return { steps, guard: -1, key };
  const guarded = !preRequest.changesRole();
  const text = guarded ? preRequest.guarded : preRequest.plain;
  // the text is in the key: another function may be configured later
  steps.push({ ...command(text), values: guarded ? [role] : [], key: `${role} ${text}` });
  // under which role it would be prepared is known only where the function is seen to keep it
  return guarded ? { steps, guard: steps.length - 1, key } : { steps, guard: -1, key: null };
}

/** Puts a task's steps between others. */
export function planTrip(
  task: Task,
  before: readonly Step[],
  after: readonly Step[],
  prepared: boolean,
): Trip {
  const { steps: prelude, guard, key } = preludeOf(task);
  const kept: Task = key === task.key ? task : { ...task, key };
  const { main: statement, estimate: estimating } = task.statements;
  const steps = before.length === 0 ? prelude : [...before, ...prelude];
  if (task.looks) steps.push(...BEFORE_LOOK);
  const main = steps.push(stepOf(kept, statement, 'main', task.values)) - 1;
  let estimate: number | null = null;
  if (estimating) estimate = steps.push(stepOf(kept, estimating, 'estimate', task.estimateValues)) - 1;
  if (task.looks) steps.push(...AFTER_LOOK);
  for (const step of after) steps.push(step);
  return {
    steps: prepared ? steps : steps.map((step) => ({ ...step, key: null })),
    guard: guard < 0 ? guard : before.length + guard,
    main,
    estimate,
  };
}

/**
 * Whether a prepared statement was refused that might do if it were prepared now: it is gone (26000), its result
 * has changed (0A000), or after DDL its parameters or names mean something else (class 42, permissions apart).
 */
const isOutdated = ({ error, stale }: Outcome): boolean =>
  stale && error !== null && error.code !== '42501' && /^(?:26000|0A000|42...)$/.test(error.code);

/** Whether the trip may do when it is planned anew; if so, sees to it that it is planned differently. */
export function mayDoAnew(
  lease: Lease,
  task: Pick<Task, 'preRequest'> | null,
  trip: Pick<Trip, 'steps' | 'guard'>,
  outcome: Outcome,
): boolean {
  if (isOutdated(outcome)) {
    lease.forget(trip.steps);
    return true;
  }
  if (outcome.error?.code !== ROLE_CHANGED || outcome.failedAt !== trip.guard) return false;
  task?.preRequest?.sawChange();
  return true;
}

/** Ends a transaction that failed or must not stay. */
export async function rollBack(lease: Lease): Promise<void> {
  const { status } = await lease.run([ROLLBACK]);
  if (status !== 'I') throw new ConnectionLostError('the transaction cannot be ended', 'begun');
}

/** Ends a failed transaction, so that the connection can be used again. */
export async function cleanUp(lease: Lease, { status }: Outcome): Promise<void> {
  if (status !== 'I') await rollBack(lease);
}

/** Reads what a trip without an error came to. */
export function decodeTrip(task: Task, trip: Trip, { rows }: Pick<Outcome, 'rows'>): Executed {
  const { columns } = task.statements.main;
  const own: readonly Row[] = rows[trip.main] ?? [];
  return {
    result: columns ? decodeResult(own, columns) : { ...decodeResult([], []), body: decodePlan(own) },
    rows: own,
    estimate: trip.estimate === null ? null : decodeEstimate(rows[trip.estimate] ?? []),
  };
}

const tripOf = ({ task, mode }: Work): Trip =>
  mode.isolation === null && !mode.rollback
    ? planTrip(task, NO_STEPS, NO_STEPS, mode.prepared)
    : planTrip(task, [begin(mode)], ending(mode), mode.prepared);

const NO_STEPS: readonly Step[] = [];

/** Everything in one trip. */
function runAtOnce(lease: Lease, work: Work): Promise<Executed> {
  const trip = tripOf(work);
  return lease
    .run(trip.steps)
    .then((outcome) =>
      outcome.error === null ? decodeTrip(work.task, trip, outcome) : runAnew(lease, work, trip, outcome),
    );
}

/** Everything in another trip, where that may do. */
async function runAnew(lease: Lease, work: Work, failed: Trip, refused: Outcome): Promise<Executed> {
  let trip = failed;
  let outcome = refused;
  if (mayDoAnew(lease, work.task, trip, outcome)) {
    await cleanUp(lease, outcome);
    trip = tripOf(work);
    outcome = await lease.run(trip.steps);
  }
  if (!outcome.error) return decodeTrip(work.task, trip, outcome);
  await cleanUp(lease, outcome);
  throw fromPostgres(outcome.error, work.mode.authenticated);
}

/** What made a trip fail is mended, but the transaction that it was part of can only be begun again. */
class StaleStatementError extends Error {
  override readonly name = 'StaleStatementError';
  readonly refusal: ApiError;

  constructor(refusal: ApiError) {
    super(refusal.message, { cause: refusal });
    this.refusal = refusal;
  }
}

async function runInTrips<T>(
  lease: Lease,
  mode: TransactionMode,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  let isOpen = false;
  const fail = async (
    outcome: Outcome,
    error: DatabaseError,
    task: Task | null,
    trip: Pick<Trip, 'steps' | 'guard'>,
  ): Promise<never> => {
    await cleanUp(lease, outcome);
    isOpen = false;
    const refusal = fromPostgres(error, mode.authenticated);
    throw mayDoAnew(lease, task, trip, outcome) ? new StaleStatementError(refusal) : refusal;
  };
  let failed = false;
  const run = async (task: Task): Promise<Executed> => {
    if (failed) throw new Error('the transaction has failed already');
    // what only looks has nothing to fear from what is set, and what comes after it goes on with that
    const anew = task.session === null || task.looks ? [] : ANEW;
    const first = isOpen ? anew : [begin(mode)];
    const apart = task.readOnly && !mode.readOnly && !task.looks;
    const before = apart ? [...first, ...BEFORE_READING] : first;
    const trip = planTrip(task, before, apart ? AFTER_READING : [], mode.prepared);
    isOpen = true;
    const outcome = await lease.run(trip.steps);
    if (!outcome.error) return decodeTrip(task, trip, outcome);
    failed = true;
    return fail(outcome, outcome.error, task, trip);
  };
  let value: T;
  try {
    value = await body({ run });
  } catch (error) {
    if (isOpen && !(error instanceof ConnectionLostError)) await rollBack(lease);
    throw error;
  }
  if (!isOpen) return value;
  const end = await lease.run(ending(mode));
  return end.error ? fail(end, end.error, null, { steps: [], guard: -1 }) : value;
}

/** PGRST001. */
export const lost = (cause: unknown): Error =>
  apiError('PGRST001', 'Database client error. Retrying the connection.', {
    headers: { 'Retry-After': '1' },
    cause,
  });

/** Nobody reads this answer; the log tells it from what went wrong. */
export const abandoned = (cause?: unknown): ApiError =>
  apiError('AURA001', 'The client went away before its answer', { cause });

/** How often a request may come upon a connection that the server had closed while it lay idle. */
export const MOST_FAREWELLS = 3;

/** Whether nothing had begun when the connection was found closed: what only reads may be done twice. */
export const isFarewell = (error: ConnectionLostError, lease: Lease, readOnly: boolean): boolean =>
  lease.trips() <= 1 && (error.progress === 'unsent' || (error.progress === 'unanswered' && readOnly));

/** Lends a connection to a request; whatever happens, it goes back without a trace of the request. */
export async function withLease<T>(
  pool: Pool,
  mode: Pick<TransactionMode, 'departure' | 'taints' | 'readOnly'>,
  use: (lease: Lease) => Promise<T>,
  farewells = 0,
): Promise<T> {
  const { departure, taints } = mode;
  if (departure?.gone) throw abandoned();
  const lending = pool.acquire();
  const lease = lending instanceof Promise ? await lending : lending;
  let broken: Error | undefined;
  departure?.watch(lease);
  try {
    if (departure?.gone) throw abandoned();
    if (taints) lease.taint();
    return await use(lease);
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) {
      throw departure?.gone && error instanceof ApiError ? abandoned(error) : error;
    }
    broken = error;
    if (departure?.gone) throw abandoned(error);
    if (!isFarewell(error, lease, mode.readOnly) || farewells === MOST_FAREWELLS) throw lost(error);
  } finally {
    departure?.watch(null);
    lease.release(broken);
  }
  // the others may have been closed with this one: let the pool hear of it
  await setImmediate();
  return withLease(pool, mode, use, farewells + 1);
}

/**
 * Runs several tasks in one transaction, which is committed (or, by its mode, rolled back) when `body` resolves
 * and rolled back when it rejects. `body` may be called again, after a rollback, where a prepared statement had
 * become stale, or where nothing had begun yet. Rejects with what `body` rejects with, and with ApiError as `runWork` does.
 */
export async function runTransaction<T>(
  pool: Pool,
  mode: TransactionMode,
  body: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return withLease(pool, mode, async (lease) => {
    try {
      return await runInTrips(lease, mode, body);
    } catch (error) {
      if (!(error instanceof StaleStatementError)) throw error;
    }
    try {
      return await runInTrips(lease, mode, body);
    } catch (error) {
      throw error instanceof StaleStatementError ? error.refusal : error;
    }
  });
}

/**
 * Runs the work on a connection of the pool. Rejects with ApiError: what PostgreSQL refused, what `verify`
 * threw, PGRST000, 001 and 003, AURA001.
 */
export function runWork(pool: Pool, work: Work): Promise<Executed> {
  const { task, mode, verify } = work;
  if (verify === null) return withLease(pool, mode, (lease) => runAtOnce(lease, work));
  return runTransaction(pool, mode, async ({ run }) => {
    const executed = await run(task);
    verify(executed.result);
    return executed;
  });
}
