/**
 * Streamed answers: one statement through a portal that is fetched batch after batch in one transaction, while the
 * client takes what is there. Nothing is fetched that would only lie in memory: a slow client slows PostgreSQL
 * down. Between two batches the statement rests, so that its timeout bounds the work on each batch and not the
 * time that the client takes.
 */
import { Readable } from 'node:stream';
import { apiError } from '../errors/codes.ts';
import { fromPostgres } from '../errors/postgres.ts';
import { answerSettings } from '../query/stream.ts';
import { csvHeader, LineBuffer, type LineFormat } from './lines.ts';
import type { Lease, Pool } from './pool.ts';
import { decodeCost, decodeEstimate, decodePlan } from './result.ts';
import { ConnectionLostError, type Outcome, type Portal, type Row, type Step } from './step.ts';
import {
  abandoned,
  begin,
  cleanUp,
  command,
  ending,
  isFarewell,
  lost,
  MOST_FAREWELLS,
  mayDoAnew,
  type Preliminaries,
  preludeOf,
  rollBack,
  type TransactionMode,
} from './transaction.ts';
import { ALL_AS_TEXT, type WireValue } from './wire.ts';

/** A statement and its values. */
export interface Query {
  readonly text: string;
  readonly values: readonly WireValue[];
}

/** How the cost of a stream's rows is found and judged. */
export interface StreamCost {
  /** EXPLAIN (FORMAT JSON) of the rows. */
  readonly explain: Query;
  /** Throws where the cost, in units of the planner, is too much. */
  readonly check: (cost: number) => void;
}

/** Everything that a streamed answer runs. */
export interface StreamWork extends TransactionMode, Preliminaries {
  readonly format: LineFormat;
  readonly rows: Query;
  /** Has the columns of the lines; null where they need no header line. */
  readonly columns: Query | null;
  readonly total: Query | null;
  readonly estimate: Query | null;
  /** Judges what the rows will cost before they are asked for; null = nobody wants to know. */
  readonly cost: StreamCost | null;
  /** How long the stream may take in all. */
  readonly seconds: number;
  /** How long its reader may take nothing. */
  readonly idleSeconds: number;
}

/** What is known when the first rows are there. */
export interface StreamFacts {
  readonly total: number | null;
  readonly estimate: number | null;
  /** `response.headers` and `response.status`, as they were set. */
  readonly headers: string | null;
  readonly status: string | null;
}

export interface OpenStream {
  readonly facts: StreamFacts;
  /**
   * The lines. It ends when the transaction has, and is destroyed with an ApiError where that fails; to destroy it
   * cancels the statement. Either way the connection is given back.
   */
  readonly lines: Readable;
  /** Ends a stream of which nothing was read; resolves when the connection has been given back. */
  readonly close: () => Promise<void>;
}

/** These rows are made before the status is sent: an error in them is an ordinary answer. */
const FIRST_ROWS = 50;
const MOST_ROWS = 10_000;
/** A batch grows to this size, unless it takes longer than the time beside it. */
const BATCH_BYTES = 256 * 1024;
const BATCH_MS = 500;
/** Rows may become larger all at once: with so much in memory the rest of the batch stays on its way. */
const MOST_HELD_BYTES = 2 * BATCH_BYTES;

/** How many rows to fetch after a batch of so many, which were so large and took so long. */
export function nextBatch(rows: number, bytes: number, ms: number): number {
  const fit = Math.min((rows * BATCH_BYTES) / Math.max(bytes, 1), (rows * BATCH_MS) / Math.max(ms, 1));
  return Math.max(1, Math.min(Math.floor(fit), rows * 8, MOST_ROWS));
}

const tooSlow = (details: string): Error =>
  apiError('AURA003', 'The stream was given up', {
    details,
    hint: 'Take it faster, ask for less, or raise db-stream-timeout or server-stream-idle-timeout.',
  });

/** The first trip of a transaction, and what may have to be done anew of it. */
interface Trip {
  readonly steps: readonly Step[];
  /** The call of the pre-request function that fails where it changes the role; -1 = none. */
  readonly guard: number;
}

interface Opening extends Trip {
  /** Where in the steps; -1 = not among them. */
  readonly at: Readonly<Record<'columns' | 'total' | 'estimate' | 'settings', number>>;
}

const queryStep = (key: string | null, { text, values }: Query): Step => ({
  key,
  text,
  values,
  formats: ALL_AS_TEXT,
  binary: new Set(),
});

const asPrepared = ({ prepared }: StreamWork, steps: readonly Step[]): readonly Step[] =>
  prepared ? steps : steps.map((step) => ({ ...step, key: null }));

/** The beginning of the transaction, its session and pre-request function, and a statement behind them. */
function planBeginning(work: StreamWork, ...behind: readonly Step[]): Trip {
  const prelude = preludeOf(work);
  // what is counted shall be what is sent
  const isolation = work.isolation ?? (work.total === null ? null : 'repeatable read');
  const steps = [begin({ isolation, readOnly: true }), ...prelude.steps, ...behind];
  return { steps: asPrepared(work, steps), guard: prelude.guard < 0 ? prelude.guard : prelude.guard + 1 };
}

/** A transaction that has begun needs no beginning. */
const BEGUN: Trip = { steps: [], guard: -1 };

/** What is asked before the answer begins, the first rows among it. */
function planOpening(work: StreamWork, portal: Portal, { steps: before, guard }: Trip): Opening {
  const { columns, total, estimate, rows } = work;
  // a transaction that had begun cannot be begun anew for a prepared statement that is outdated
  const key = before.length === 0 ? null : preludeOf(work).key;
  const keyOf = (name: string): string | null => (key === null ? null : `${key} ${name}`);
  const steps: Step[] = [...before];
  const add = (step: Step | null): number => (step === null ? -1 : steps.push(step) - 1);
  const at = {
    columns: add(columns && { ...queryStep(null, columns), answers: 'columns' }),
    total: add(total && queryStep(keyOf('total'), total)),
    estimate: add(estimate && queryStep(keyOf('estimate'), estimate)),
    // functions set headers while they make the rows
    settings: add({ ...queryStep(keyOf('lines'), rows), portal }) + 1,
  };
  steps.push({ ...command(answerSettings), key: null });
  return { steps: asPrepared(work, steps), guard, at };
}

const textOf = (row: Row | undefined, column: number): string | null => row?.[column]?.toString() ?? null;

function readFacts({ at }: Opening, { rows }: Outcome): StreamFacts {
  const total = textOf(rows[at.total]?.[0], 0);
  const settings = rows[at.settings]?.[0];
  return {
    total: total === null ? null : Number(total),
    estimate: at.estimate < 0 ? null : decodeEstimate(rows[at.estimate] ?? []),
    headers: textOf(settings, 0),
    status: textOf(settings, 1),
  };
}

/** The lines of a stream on their way from the portal to the reader. */
class RowStream extends Readable {
  readonly #lease: Lease;
  readonly #work: StreamWork;
  readonly #onReleased: () => void;
  readonly #lines: LineBuffer;
  readonly #overall: NodeJS.Timeout;
  readonly #idle: NodeJS.Timeout;
  /** Rows of the next batch; of the one that is fetched, how many came, and how many bytes. */
  #most = FIRST_ROWS;
  #rows = 0;
  #bytes = 0;
  /** The reader waits for more. */
  #wanted = false;
  /** The server works for this stream, or will in a moment. */
  #busy = false;
  /** The server has to wait until the reader has taken more. */
  #paused = false;
  #isOpen = false;
  #released = false;
  #isOver = false;
  #ended: Promise<void> = Promise.resolve();

  constructor(lease: Lease, work: StreamWork, onReleased: () => void) {
    super();
    this.#lease = lease;
    this.#work = work;
    this.#onReleased = onReleased;
    this.#lines = new LineBuffer(work.format);
    const { seconds, idleSeconds } = work;
    this.#overall = setTimeout(() => this.destroy(tooSlow(`It took ${seconds} seconds.`)), seconds * 1000);
    this.#idle = setTimeout(() => this.#rest(), idleSeconds * 1000);
    // whoever reads is told of an error by the stream's state; nobody may read yet
    this.on('error', () => undefined);
  }

  /** Begins the transaction and fetches the first rows. */
  async open(): Promise<StreamFacts> {
    const { cost, taints } = this.#work;
    if (taints) this.#lease.taint();
    const portal = this.#portal(false);
    return this.#whileBusy(async () => {
      if (cost !== null) cost.check(await this.#explain(cost));
      const [opening, outcome] = await this.#runFirst(() =>
        planOpening(this.#work, portal, cost === null ? planBeginning(this.#work) : BEGUN),
      );
      if (opening.at.columns >= 0) {
        const names = outcome.rows[opening.at.columns]?.[0] ?? [];
        this.#lines.prepend(csvHeader(names.map((name) => name?.toString() ?? '')));
      }
      await this.#proceed(outcome, 0);
      this.#isOpen = true;
      return readFacts(opening, outcome);
    });
  }

  override _read(): void {
    this.#wanted = true;
    this.#idle.refresh();
    this.#give();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#ended = this.#release();
    callback(error);
  }

  /** Destroys it, and resolves when the connection has been given back. */
  async close(): Promise<void> {
    this.destroy();
    await this.#ended;
  }

  #portal(isOpen: boolean): Portal {
    return { name: 'rows', most: this.#most, isOpen, take: (row) => this.#take(row) };
  }

  async #explain({ explain }: StreamCost): Promise<number> {
    const [{ steps }, { rows }] = await this.#runFirst(() =>
      planBeginning(this.#work, queryStep(null, explain)),
    );
    return decodeCost(decodePlan(rows[steps.length - 1] ?? []));
  }

  /** Runs a trip, and once more where what made it fail is mended by planning it anew. */
  async #runFirst<T extends Trip>(plan: () => T): Promise<[T, Outcome]> {
    let trip = plan();
    let outcome = await this.#lease.run(trip.steps);
    if (mayDoAnew(this.#lease, this.#work, trip, outcome)) {
      await cleanUp(this.#lease, outcome);
      this.#lines.clear();
      trip = plan();
      outcome = await this.#lease.run(trip.steps);
    }
    if (outcome.error) throw fromPostgres(outcome.error, this.#work.authenticated);
    return [trip, outcome];
  }

  async #whileBusy<T>(work: () => Promise<T>): Promise<T> {
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  #take(row: Buffer): void {
    this.#lines.add(row);
    this.#rows += 1;
    this.#bytes += row.length;
    // before it is open nobody takes anything: its few rows must all come
    if (!this.#isOpen) return;
    if (this.#wanted && this.#lines.isFull) this.#give();
    if (!this.#paused && this.#lines.bytes > MOST_HELD_BYTES) this.#pause(true);
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    this.#lease.pause(paused);
  }

  /** Hands on what is there, and sees to it that more comes. */
  #give(): void {
    while (this.#wanted && !this.destroyed) {
      const chunk = this.#lines.take(!this.#busy);
      if (chunk === null) break;
      this.#wanted = this.push(chunk);
    }
    if (this.destroyed || this.#lines.bytes >= BATCH_BYTES) return;
    if (this.#paused) this.#pause(false);
    if (this.#busy) return;
    if (!this.#released) this.#fetch().catch((error) => this.destroy(asRefusal(error)));
    else if (this.#lines.bytes === 0 && !this.#isOver) {
      this.#isOver = true;
      this.push(null);
    }
  }

  async #fetch(): Promise<void> {
    const started = performance.now();
    this.#rows = 0;
    this.#bytes = 0;
    await this.#whileBusy(async () => {
      const step = { ...queryStep(null, this.#work.rows), portal: this.#portal(true) };
      const outcome = await this.#lease.run([step]);
      if (outcome.error) throw fromPostgres(outcome.error, this.#work.authenticated);
      await this.#proceed(outcome, performance.now() - started);
    });
    this.#give();
  }

  /** After a batch: makes ready for the next one, or ends the transaction. */
  async #proceed({ suspended }: Outcome, ms: number): Promise<void> {
    if (suspended) {
      this.#most = nextBatch(this.#rows, this.#bytes, ms);
      return;
    }
    const { error } = await this.#lease.run(ending(this.#work));
    if (error) throw fromPostgres(error, this.#work.authenticated);
    this.#released = true;
    this.#giveBack();
  }

  /** A reader that has not asked for more since the last time does not read. */
  #rest(): void {
    if (this.#wanted) this.#idle.refresh();
    else this.destroy(tooSlow(`For ${this.#work.idleSeconds} seconds nothing of it was taken.`));
  }

  /** Ends what has not ended by itself. */
  async #release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    if (this.#busy) {
      // the cancellation may arrive late and hit whatever runs then: the connection is not lent again
      this.#lease.cancel();
      this.#giveBack(new Error('the stream was cancelled'));
      return;
    }
    try {
      if (this.#paused) this.#pause(false);
      await rollBack(this.#lease);
      this.#giveBack();
    } catch (error) {
      this.#giveBack(error instanceof Error ? error : new Error('the stream could not be ended'));
    }
  }

  #giveBack(broken?: Error): void {
    clearTimeout(this.#overall);
    clearTimeout(this.#idle);
    this.#lease.release(broken);
    this.#onReleased();
  }
}

const asRefusal = (error: unknown): Error =>
  error instanceof ConnectionLostError || !(error instanceof Error) ? lost(error) : error;

/**
 * Opens a stream on a connection of the pool, which it holds until it ends; `onReleased` is called then, or when it
 * could not be opened. Rejects with ApiError: what PostgreSQL refused, PGRST000, 001 and 003, AURA001.
 */
export async function openStream(pool: Pool, work: StreamWork, onReleased: () => void): Promise<OpenStream> {
  for (let farewells = 0; ; farewells += 1) {
    const opened = await tryToOpen(pool, work, onReleased, farewells < MOST_FAREWELLS);
    if (opened !== null) return opened;
  }
}

/** One attempt; null where the connection had been closed while it lay idle, and `mayFail`. */
async function tryToOpen(
  pool: Pool,
  work: StreamWork,
  onReleased: () => void,
  mayFail: boolean,
): Promise<OpenStream | null> {
  const { departure } = work;
  let lease: Lease;
  try {
    if (departure?.gone) throw abandoned();
    lease = await pool.acquire();
  } catch (error) {
    onReleased();
    throw error;
  }
  let goesOn = false;
  const lines = new RowStream(lease, work, () => {
    if (!goesOn) onReleased();
  });
  departure?.watch({ cancel: () => void lines.destroy() });
  try {
    if (departure?.gone) throw abandoned();
    return { facts: await lines.open(), lines, close: () => lines.close() };
  } catch (error) {
    const isLost = error instanceof ConnectionLostError && !lines.destroyed;
    goesOn = mayFail && isLost && isFarewell(error, lease, true);
    await lines.close();
    if (goesOn) return null;
    if (departure?.gone) throw abandoned(error);
    // it was given up, which the connection's end came of
    throw lines.errored ?? asRefusal(error);
  } finally {
    departure?.watch(null);
  }
}

/** Bounds how many streams and imports run at a time. */
export interface StreamSlots {
  /** Takes one of at most so many; gives what returns it. Throws ApiError AURA002 where all are taken. */
  readonly take: (most: number) => () => void;
}

export function createStreamSlots(): StreamSlots {
  let taken = 0;
  return {
    take: (most) => {
      if (taken >= most) {
        throw apiError('AURA002', 'Too many streams are running', {
          details: `At most ${most} run at a time.`,
          hint: 'Try again later, ask for fewer rows at a time in an ordinary answer, or raise db-max-streams.',
          headers: { 'Retry-After': '1' },
        });
      }
      taken += 1;
      let returned = false;
      return () => {
        if (!returned) taken -= 1;
        returned = true;
      };
    },
  };
}
