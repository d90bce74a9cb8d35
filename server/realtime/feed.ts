/**
 * The feed of changes of one process: a doorbell (NOTIFY), the log behind it, and the watchers to whom it is told.
 *
 * A doorbell leads to a round: one transaction with one snapshot, in which the log is read from the oldest position of
 * the watchers on, and in which those that are concerned read what they need. A watcher has then been told everything
 * up to that snapshot, and nothing of what came later. Positions make this safe: a notification that is lost, a round
 * that fails, a connection that breaks only delay what is told.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { type Gathered, type GatheredMode, runGathered, TransactionEndedError } from '../execute/gathered.ts';
import { type Listener, startListening } from '../execute/listen.ts';
import type { Pool } from '../execute/pool.ts';
import type { TextRow } from '../execute/query.ts';
import { ConnectionLostError } from '../execute/step.ts';
import { lost } from '../execute/transaction.ts';
import type { Observe } from '../observe/observation.ts';
import {
  type Change,
  changesSince,
  type LogReading,
  newsSince,
  type Oid,
  POSITION,
  readLog,
  readPosition,
} from './log.ts';
import type { Position } from './position.ts';
import { type Entry, WatchList } from './watch-list.ts';

/** What a watcher is given in a round. */
export interface Round {
  /** What was committed to its relations since its position, as far as it is known. */
  readonly changes: readonly Change[];
  /** Whether that is all. If not, anything may have changed: rows, policies, roles, columns. */
  readonly isComplete: boolean;
  /** Where the watcher was before. */
  readonly from: Position;
  /** Of the round: where the watcher is when it has been told. */
  readonly position: Position;
  /** Runs a task at that position. Rejects with ApiError and others; let all of it through. */
  readonly run: Gathered['run'];
  /** Asks a question as the login role. Likewise. */
  readonly ask: Gathered['ask'];
  readonly since: Since;
}

/** The log behind an older position, up to the one at hand. */
export type Since = (older: Position, relations: ReadonlySet<Oid>) => Promise<LogReading>;

/** Somebody who follows tables. */
export interface Watcher {
  /** Of partitioned tables the root. They stay the same as long as it watches. */
  readonly relations: ReadonlySet<Oid>;
  /** Whether it needs rows, and not only keys. */
  readonly wantsImages: boolean;
  /**
   * Reads what it needs to know of the changes, and changes nothing; resolves with what tells its subscribers, which is
   * called when the round counts for it, and must not throw. May be called for one stretch of the log several times,
   * as long as it has not been told. Waits for nothing but `run` and `ask`.
   */
  readonly follow: (round: Round) => Promise<() => void>;
  /** What it reads was refused: it watches no longer. */
  readonly fail: (error: ApiError) => void;
}

/** A snapshot at which a caller reads, to begin there. */
export interface Beginning extends Gathered {
  readonly position: Position;
  readonly since: Since;
}

export interface Feed {
  /**
   * Reads at a snapshot of its own; `work` may be called several times. Rejects with what `work` rejects with, and with ApiError: what PostgreSQL refused,
   * PGRST000, 001 and 003.
   */
  readonly read: <T>(work: (beginning: Beginning) => Promise<T>) => Promise<T>;
  /**
   * Adds a watcher, which has been told everything up to the position. Resolves when what comes after it will arrive.
   */
  readonly watch: (watcher: Watcher, position: Position) => Promise<void>;
  readonly unwatch: (watcher: Watcher) => void;
  /** Calls a watcher in the next round, whether anything concerns it or not. */
  readonly attend: (watcher: Watcher) => void;
  /** Has watchers read anew; without a list all of them. */
  readonly resync: (watchers?: Iterable<Watcher>) => void;
  readonly state: () => FeedState;
  /** Ends rounds and listening; watchers are forgotten. */
  readonly stop: () => Promise<void>;
}

export interface FeedState {
  readonly watchers: number;
  /** Whether notifications arrive; if not, the log is looked at every few seconds. */
  readonly isListening: boolean;
}

/** What of the configuration concerns the feed. */
export interface FeedOptions {
  readonly dbUri: string;
  readonly prepared: boolean;
  readonly anonymous: string | null;
  /** Changes that one round tells row by row. */
  readonly most: number;
  /** Seconds that a statement of a round may take. */
  readonly readTimeout: number;
}

const CHANNEL = 'aura_changes';
/** Between two looks at the log while nobody is heard. */
const DEAF_MS = 2000;
/** The listener outlives the last watcher by so much: the next one may be near. */
const LINGER_MS = 30_000;
/** For a lock in a round, where others wait, too. */
const LOCK_MS = 500;
/** For what holds the lock to be done, each time for longer. */
const LOCKED_MS = 1000;
/** For the round that runs when all is over. */
const FAREWELL_MS = 2000;
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5000;

/** There is no connection at this moment. */
const isCutOff = (error: unknown): boolean =>
  isBroken(error) || (error instanceof ApiError && /^PGRST00[013]$/.test(error.code));

/** Deadlocks with DDL, and locks that were not to be had in time: perhaps they are the next time. */
const mayPass = (error: unknown): boolean =>
  isLocked(error) || (error instanceof ApiError && error.code.startsWith('40'));

const isLocked = (error: unknown): boolean => error instanceof ApiError && error.code === '55P03';

/** The transaction was ended, and nothing of it refused. */
const isBroken = (error: unknown): boolean =>
  error instanceof ConnectionLostError || error instanceof TransactionEndedError;

/** Of a reading. */
const MOST_ATTEMPTS = 3;
/** Of one that finds a table locked: half a minute. */
const MOST_WAITS = 8;

/** Makes a feed, which sleeps until somebody watches. */
export function createFeed(pool: Pool, options: () => FeedOptions, observe: Observe): Feed {
  return new ChangeFeed(pool, options, observe);
}

class ChangeFeed implements Feed {
  readonly #pool: Pool;
  readonly #options: () => FeedOptions;
  readonly #observe: Observe;
  readonly #list = new WatchList<Watcher>();
  /** Of the last round that counted. */
  #position: Position | null = null;
  /** Relations that are locked, and until when they are left alone; milliseconds of the clock. */
  readonly #locked = new Map<Oid, number>();
  #listener: Listener | null = null;
  #isRinging = false;
  #rounds: Promise<void> | null = null;
  #poll: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  readonly #stopping = new AbortController();

  constructor(pool: Pool, options: () => FeedOptions, observe: Observe) {
    this.#pool = pool;
    this.#options = options;
    this.#observe = observe;
  }

  async read<T>(work: (beginning: Beginning) => Promise<T>): Promise<T> {
    const { most } = this.#options();
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await runGathered(this.#pool, this.#mode(null), async (gathered) => {
          const positions = await gathered.ask(POSITION);
          const position = readPosition(positions);
          return work({ ...gathered, position, since: sinceOf(gathered, positions, most) });
        });
      } catch (error) {
        // statements that have become stale, connections that were closed while they lay idle
        if (!isBroken(error)) throw error;
        if (attempts === MOST_ATTEMPTS) throw lost(error);
      }
    }
  }

  async watch(watcher: Watcher, position: Position): Promise<void> {
    if (this.#stopping.signal.aborted) throw new Error('the feed has been stopped');
    this.#list.add(watcher, position);
    clearTimeout(this.#linger);
    // where it cannot listen it looks from time to time: what is behind the position arrives in any case
    await this.#listen().attempted;
    this.#ring();
  }

  unwatch(watcher: Watcher): void {
    if (!this.#list.remove(watcher)) return;
    if (this.#list.size > 0 || this.#stopping.signal.aborted) return;
    this.#linger = setTimeout(() => void this.#silence(), LINGER_MS);
    this.#linger.unref();
  }

  attend(watcher: Watcher): void {
    const entry = this.#list.get(watcher);
    if (!entry) return;
    entry.isAttending = true;
    this.#list.setApart(entry);
    this.#ring();
  }

  resync(watchers: Iterable<Watcher> = this.#list.watchers()): void {
    for (const watcher of watchers) {
      const entry = this.#list.get(watcher);
      if (!entry) continue;
      entry.isStale = true;
      this.#list.setApart(entry);
    }
    this.#ring();
  }

  readonly state = (): FeedState => ({
    watchers: this.#list.size,
    isListening: this.#listener?.isListening() ?? false,
  });

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#linger);
    this.#list.clear();
    await this.#silence();
    // a database that does not answer is not waited for
    await Promise.race([this.#rounds, pause(FAREWELL_MS, null, { ref: false })]);
  }

  #listen(): Listener {
    if (this.#listener === null) {
      const { dbUri } = this.#options();
      const ring = (): void => this.#ring();
      const channels = [CHANNEL];
      this.#listener = startListening(
        { dbUri, channels, onNotification: ring, onListening: ring },
        this.#observe,
      );
      this.#poll = setInterval(() => {
        if (this.#listener?.isListening() === false) ring();
      }, DEAF_MS);
      this.#poll.unref();
    }
    return this.#listener;
  }

  async #silence(): Promise<void> {
    const listener = this.#listener;
    this.#listener = null;
    // without a listener nothing is known of what comes: whoever watches next brings a position
    this.#position = null;
    clearInterval(this.#poll);
    await listener?.close();
  }

  #ring(): void {
    this.#isRinging = true;
    if (this.#rounds !== null || this.#stopping.signal.aborted) return;
    this.#rounds = this.#answer().finally(() => {
      this.#rounds = null;
      if (this.#isRinging) this.#ring();
    });
  }

  /** Rounds, as long as there is something to tell. */
  async #answer(): Promise<void> {
    let backoff = 0;
    while (this.#isRinging && this.#list.size > 0 && !this.#stopping.signal.aborted) {
      this.#isRinging = false;
      if (await this.#round()) {
        backoff = 0;
        continue;
      }
      this.#isRinging = true;
      await pause(backoff, null, { signal: this.#stopping.signal, ref: false }).catch(() => undefined);
      // what another watcher's failure has undone is done at once, what a lost connection has only with patience
      backoff = Math.min(Math.max(backoff * 2, FIRST_BACKOFF_MS), LONGEST_BACKOFF_MS);
    }
    if (this.#list.size === 0) this.#isRinging = false;
  }

  /** One round. Gives whether it was one: if not, it has to be tried again after a pause. */
  async #round(): Promise<boolean> {
    const started = performance.now();
    const { most } = this.#options();
    // those who come amid the round are no part of it
    const last = this.#list.lastSerial;
    const apart = this.#list.apart();
    const since = this.#list.oldest(this.#position);
    if (since === null) return true;
    const question = { since, relations: this.#list.relations(), images: this.#list.images(), most };
    const asked = changesSince(question);
    let told = 0;
    let changes = 0;
    try {
      const isWhole = await runGathered(this.#pool, this.#mode(LOCK_MS), async (gathered) => {
        const [places, rows] = await Promise.all([gathered.ask(POSITION), gathered.ask(asked)]);
        const log = readLog(places, rows, question);
        changes = log.changes.length;
        const concerned = this.#list.concerned(log, this.#position, apart, last);
        told = concerned.size;
        const before = this.#position;
        const reading = { ...gathered, since: sinceOf(gathered, places, most) };
        const outcomes = await Promise.all(
          Array.from(concerned, (entry) => this.#tell(entry, log, before, reading)),
        );
        // the others are where the feed is now; those who were not told are where they were
        this.#position = log.position;
        return outcomes.every((isTold) => isTold);
      });
      this.#observe({ kind: 'changes told', changes, watchers: told, seconds: seconds(started) });
      return isWhole;
    } catch (error) {
      if (isCutOff(error) || this.#stopping.signal.aborted) return false;
      if (!(error instanceof ApiError)) {
        this.#observe({ kind: 'defect', error, requestId: null });
        return false;
      }
      // the log itself cannot be read
      for (const watcher of this.#list.watchers()) {
        this.unwatch(watcher);
        watcher.fail(error);
      }
      return true;
    }
  }

  /** Tells one watcher. Gives whether that is settled: it was told, or has failed. */
  async #tell(
    entry: Entry<Watcher>,
    log: LogReading,
    common: Position | null,
    reading: Gathered & { readonly since: Since },
  ): Promise<boolean> {
    const { watcher, isStale, isAttending } = entry;
    const since = entry.position ?? common;
    if (since === null || !this.#list.has(entry)) return true;
    if (this.#isPostponed(entry)) {
      entry.position = since;
      this.#list.setApart(entry);
      return true;
    }
    const isComplete = !isStale && log.isCompleteSince(since);
    const changes = newsSince(log.changes, since).filter(({ relation }) => watcher.relations.has(relation));
    if (isComplete && changes.length === 0 && !isAttending) {
      this.#list.arrive(entry);
      return true;
    }
    entry.isStale = false;
    entry.isAttending = false;
    try {
      const tell = await watcher.follow({
        ...reading,
        changes,
        isComplete,
        from: since,
        position: log.position,
      });
      if (this.#list.has(entry)) {
        // asked for meanwhile
        const { isStale: isStaleAgain, isAttending: isAttendingAgain } = entry;
        this.#list.arrive(entry);
        if (isStaleAgain) this.resync([watcher]);
        if (isAttendingAgain) this.attend(watcher);
        tell();
      }
      return true;
    } catch (error) {
      entry.position = since;
      entry.isStale ||= isStale;
      entry.isAttending ||= isAttending;
      this.#list.setApart(entry);
      if (isCutOff(error)) return false;
      entry.refusals += 1;
      if (isLocked(error)) this.#postpone(entry);
      const most = isLocked(error) ? MOST_WAITS : MOST_ATTEMPTS;
      if (mayPass(error) && entry.refusals < most) return false;
      this.unwatch(watcher);
      if (!(error instanceof ApiError)) this.#observe({ kind: 'defect', error, requestId: null });
      watcher.fail(error instanceof ApiError ? error : apiError('PGRSTX00', 'Something went wrong'));
      return true;
    }
  }

  /** Whoever follows a table that is locked has to wait; the others need not. */
  #postpone({ watcher, refusals }: Entry<Watcher>): void {
    const until = performance.now() + LOCKED_MS * refusals;
    for (const relation of watcher.relations) this.#locked.set(relation, until);
    setTimeout(() => this.#ring(), until - performance.now() + 20).unref();
  }

  #isPostponed({ watcher: { relations } }: Entry<Watcher>): boolean {
    if (this.#locked.size === 0) return false;
    const now = performance.now();
    for (const [relation, until] of this.#locked) if (until <= now) this.#locked.delete(relation);
    return [...relations].some((relation) => this.#locked.has(relation));
  }

  #mode(lockTimeout: number | null): GatheredMode {
    const { prepared, anonymous, readTimeout } = this.#options();
    return { prepared, anonymous, readTimeout, lockTimeout };
  }
}

/** Reads the log behind other positions in the same snapshot. */
const sinceOf =
  (gathered: Gathered, positions: readonly TextRow[], most: number): Since =>
  async (older, relations) => {
    const question = { since: older, relations, images: [], most };
    const nothing = readLog(positions, [], question);
    // what is not all is not worth reading
    if (!nothing.isCompleteSince(older)) return nothing;
    return readLog(positions, await gathered.ask(changesSince(question)), question);
  };

const seconds = (started: number): number => (performance.now() - started) / 1000;
