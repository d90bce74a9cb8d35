/**
 * A transaction that reads for several callers at one snapshot: what they ask for in the same moment goes out in one
 * trip, each task under its own session. What PostgreSQL refuses to one of them ends the transaction for all; the
 * others are told so, and can ask again in another one.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { fromPostgres } from '../errors/postgres.ts';
import type { Lease, Pool } from './pool.ts';
import { type Question, questionStep, type TextRow } from './query.ts';
import { ConnectionLostError, type Outcome, type Step } from './step.ts';
import {
  ANEW,
  begin,
  COMMIT,
  cleanUp,
  command,
  decodeTrip,
  type Executed,
  mayDoAnew,
  planTrip,
  rollBack,
  type Task,
  type Trip,
} from './transaction.ts';

/** The transaction has ended for another one's sake: what was asked of it was neither answered nor refused. */
export class TransactionEndedError extends Error {
  override readonly name = 'TransactionEndedError';

  constructor(cause: unknown) {
    super('the transaction was ended by something else', { cause });
  }
}

/** How a gathered transaction runs. */
export interface GatheredMode {
  /** Whether statements are prepared at all. */
  readonly prepared: boolean;
  /** The role of those who bring no token; null = there is none. */
  readonly anonymous: string | null;
  /** Seconds that a statement may take; it is the tasks' sessions that say so to the database. */
  readonly readTimeout: number;
  /** Milliseconds that a task may wait for a lock, unless its session says otherwise; null = as the database has it. */
  readonly lockTimeout: number | null;
}

export interface Gathered {
  /**
   * Runs a task, in the next trip. Rejects with ApiError where it is refused, with TransactionEndedError where
   * something else was, with ConnectionLostError where the connection is lost.
   */
  readonly run: (task: Task) => Promise<Executed>;
  /**
   * Asks questions one after another as the login role, in the next trip; gives the rows of the last one. What the
   * others set with `set_config(..., true)` holds for it. Rejects likewise.
   */
  readonly ask: (...questions: readonly Question[]) => Promise<readonly TextRow[]>;
}

/** Tasks of a trip, at most. */
const MOST = 100;
/** Seconds for a trip's answer to arrive, beyond those that its statements may take. */
const GRACE = 15;

interface Job {
  /** Made when it is sent: what it runs may be prepared differently by then. */
  readonly plan: () => Trip;
  readonly task: Task | null;
  readonly settle: (trip: Trip, rows: Outcome['rows']) => void;
  readonly reject: (error: unknown) => void;
}

const textRows = (rows: Outcome['rows'][number]): TextRow[] =>
  rows.map((row) => row.map((value) => value?.toString() ?? null));

/** One snapshot, on one connection. */
class GatheredTransaction implements Gathered {
  readonly #lease: Lease;
  readonly #mode: GatheredMode;
  #waiting: Job[] = [];
  #isBusy = false;
  #isOpen = false;
  #ended: unknown = null;

  constructor(lease: Lease, mode: GatheredMode) {
    this.#lease = lease;
    this.#mode = mode;
  }

  readonly run = (task: Task): Promise<Executed> =>
    new Promise((resolve, reject) => {
      this.#add({
        task,
        plan: () => planTrip(task, this.#before(), [], this.#mode.prepared),
        settle: (trip, rows) => resolve(decodeTrip(task, trip, { rows })),
        reject,
      });
    });

  readonly ask = (...questions: readonly Question[]): Promise<readonly TextRow[]> =>
    new Promise((resolve, reject) => {
      const asked = questions.map((question) => questionStep(question, this.#mode.prepared));
      this.#add({
        task: null,
        plan: () => {
          const before = this.#isOpen ? ANEW : [];
          const steps = [...before, ...asked];
          return { steps, guard: -1, main: steps.length - 1, estimate: null };
        },
        settle: ({ main }, rows) => resolve(textRows(rows[main] ?? [])),
        reject,
      });
    });

  /** What undoes the settings of the task before, and makes those of all. */
  #before(): readonly Step[] {
    const { lockTimeout } = this.#mode;
    const anew = this.#isOpen ? ANEW : [];
    return lockTimeout === null
      ? anew
      : [...anew, command(`set local lock_timeout = ${Math.ceil(lockTimeout)}`)];
  }

  /** Ends it. Nothing may be asked of it any more. */
  async end(): Promise<void> {
    this.#ended ??= new Error('the transaction is over');
    if (!this.#isOpen) return;
    const outcome = await this.#withPatience(this.#lease.run([COMMIT]), 1);
    await cleanUp(this.#lease, outcome);
  }

  /** Ends it where something else has failed. */
  async abandon(): Promise<void> {
    const isOpen = this.#isOpen && !this.#isBusy;
    this.#ended ??= new Error('the transaction is over');
    if (isOpen) await rollBack(this.#lease);
  }

  #add(job: Job): void {
    if (this.#ended !== null) {
      job.reject(new TransactionEndedError(this.#ended));
      return;
    }
    this.#waiting.push(job);
    // what others ask for in this moment goes along
    if (!this.#isBusy && this.#waiting.length === 1) setImmediate(() => void this.#send());
  }

  async #send(): Promise<void> {
    const jobs = this.#waiting.splice(0, MOST);
    if (jobs.length === 0 || this.#ended !== null) {
      for (const job of jobs) job.reject(new TransactionEndedError(this.#ended));
      return;
    }
    this.#isBusy = true;
    try {
      await this.#exchange(jobs);
    } catch (error) {
      this.#endFor(error, jobs);
    } finally {
      this.#isBusy = false;
    }
    // those who were answered ask on before the next trip begins
    if (this.#waiting.length > 0) setImmediate(() => void this.#send());
  }

  async #exchange(jobs: readonly Job[]): Promise<void> {
    const steps: Step[] = this.#isOpen ? [] : [begin({ isolation: 'repeatable read', readOnly: true })];
    const trips = jobs.map(({ plan, task }) => {
      if (task?.preRequest) this.#lease.taint();
      const trip = plan();
      const from = steps.length;
      steps.push(...trip.steps);
      this.#isOpen = true;
      return { trip, from, to: steps.length };
    });
    const outcome = await this.#withPatience(this.#lease.run(steps), jobs.length);
    const { error, rows, failedAt } = outcome;
    if (error === null) {
      jobs.forEach((job, index) => {
        const place = trips[index];
        if (place) job.settle(place.trip, rows.slice(place.from, place.to));
      });
      return;
    }
    await cleanUp(this.#lease, outcome);
    this.#isOpen = false;
    const at = trips.findIndex(({ to }) => failedAt < to);
    const job = jobs[at];
    const place = trips[at];
    // a transaction that cannot be begun, and what is mended by asking again, is nobody's fault
    if (job === undefined || place === undefined || failedAt < place.from) throw outcome.error;
    const own = { ...outcome, failedAt: failedAt - place.from };
    if (mayDoAnew(this.#lease, job.task, place.trip, own)) throw error;
    const authenticated = job.task === null || job.task.role !== this.#mode.anonymous;
    const refusal = fromPostgres(error, authenticated);
    job.reject(refusal);
    this.#endFor(
      refusal,
      jobs.filter((other) => other !== job),
    );
  }

  #endFor(cause: unknown, jobs: readonly Job[]): void {
    this.#ended ??= cause;
    const error = cause instanceof ConnectionLostError ? cause : new TransactionEndedError(cause);
    for (const job of [...jobs, ...this.#waiting.splice(0)]) job.reject(error);
  }

  /** A peer that is gone without a word would be waited for until the system gives it up. */
  async #withPatience(answer: Promise<Outcome>, statements: number): Promise<Outcome> {
    const timer = new AbortController();
    const patience = GRACE + this.#mode.readTimeout * statements;
    const late = pause(patience * 1000, null, { signal: timer.signal, ref: false });
    try {
      const first = await Promise.race([answer, late]);
      if (first !== null) return first;
    } finally {
      timer.abort();
      late.catch(() => undefined);
    }
    // who waits for it is told below, and the connection is closed
    answer.catch(() => undefined);
    this.#lease.cancel();
    throw new ConnectionLostError('the database did not answer in time', 'begun');
  }
}

/**
 * Runs `body` over one snapshot of the database, read only. Rejects with what `body` rejects with; with ApiError
 * PGRST000 and 003 where there is no connection; with ConnectionLostError.
 */
export async function runGathered<T>(
  pool: Pool,
  mode: GatheredMode,
  body: (gathered: Gathered) => Promise<T>,
): Promise<T> {
  const lease = await pool.acquire();
  const transaction = new GatheredTransaction(lease, mode);
  let broken: Error | undefined;
  try {
    const { run, ask } = transaction;
    const value = await body({ run, ask });
    await transaction.end();
    return value;
  } catch (error) {
    if (error instanceof ConnectionLostError) broken = error;
    else {
      await transaction.abandon().catch((failure: unknown) => {
        broken = failure instanceof Error ? failure : new Error(String(failure));
      });
    }
    throw error;
  } finally {
    lease.release(broken);
  }
}
