/**
 * From process to process, through PostgreSQL: what one tells, all hear, in the order in which it was told. Contents
 * are notified, the long ones by their name, and kept for some minutes in `realtime.relay` (sql/realtime/channels.sql),
 * so that a lost connection loses nothing: what was not visible in the last snapshot of which everything has been heard
 * is read when the connection is back. A mark that this process sends itself now and then tells how far that is.
 */
import type { Config } from '../config.ts';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { type Listener, startListening } from '../execute/listen.ts';
import type { Pool } from '../execute/pool.ts';
import { ask, type TextRow } from '../execute/query.ts';
import type { Observe } from '../observe/observation.ts';

export interface Bus {
  /** Resolves when everything that is told from now on is heard. Rejects with AURA451, and with what `ask` rejects. */
  readonly ready: () => Promise<void>;
  /** Tells all other processes a JSON value. Rejects where that fails. */
  readonly tell: (entry: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface BusOptions {
  readonly pool: Pool;
  readonly config: () => Pick<Config, 'dbUri'>;
  /** Names this process. */
  readonly node: string;
  /** Called for each entry that others tell. */
  readonly onEntry: (entry: unknown) => void;
  /** Called each time the connection is back, when all that was missed has been handed over, as far as it is there. */
  readonly onReturn: (isComplete: boolean) => void;
  readonly observe: Observe;
}

const CHANNEL = 'aura_relay';
/** Several small entries are one content. */
const CONTENT_BYTES = 7500;
/** Of one statement. */
const MOST_ENTRIES = 500;
/** Waiting to be told; beyond, the database does not keep up. */
const MOST_WAITING = 20_000;
const MARK_MS = 20_000;
/** A mark that does not come back in this time says that the connection is dead. */
const DEAF_MS = 10_000;
const RETRY_MS = 1000;
/** Less than the time for which contents are kept. */
const KEPT_MS = 240_000;

interface Waiting {
  readonly entry: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A moment of the database. */
interface Moment {
  readonly snapshot: string;
  /** A point in time. */
  readonly clock: string;
}

interface Mark {
  readonly text: string;
  /** Taken before it was told; null = not known yet. */
  moment: Moment | null;
  /** It has been heard. */
  isBack: boolean;
  /** Contents that have been heard since it was made. */
  readonly seen: Set<string>;
}

const NOW = 'select pg_current_snapshot(), clock_timestamp()';

/** The answer to `NOW`. */
function momentOf(row: TextRow | undefined): Moment | null {
  const [snapshot, clock] = row ?? [];
  return typeof snapshot === 'string' && typeof clock === 'string' ? { snapshot, clock } : null;
}

/** Joins entries to contents. */
export function joinEntries(entries: readonly string[]): string[] {
  const contents: string[] = [];
  let batch: string[] = [];
  let size = 0;
  const flush = (): void => {
    if (batch.length > 0) contents.push(batch.length === 1 ? (batch[0] ?? '') : `[${batch.join(',')}]`);
    batch = [];
    size = 0;
  };
  for (const entry of entries) {
    const bytes = Buffer.byteLength(entry) + 1;
    if (size + bytes > CONTENT_BYTES) flush();
    batch.push(entry);
    size += bytes;
  }
  flush();
  return contents;
}

/** Makes the bus; nothing happens before somebody asks whether it is ready. */
export const createBus = (options: BusOptions): Bus => new RelayBus(options);

class RelayBus implements Bus {
  readonly #options: BusOptions;
  #listener: Listener | null = null;
  #closed = false;
  readonly #awaiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #isReady = false;
  readonly #queue: Waiting[] = [];
  #telling: Promise<void> | null = null;
  /** Everything that was visible then has been heard. */
  #heard: Moment | null = null;
  #heardAt = 0;
  /** Contents that have been heard since. */
  #seen = new Set<string>();
  #mark: Mark | null = null;
  #marks = 0;
  #timer: NodeJS.Timeout | null = null;
  /** Long contents are read in the order of their notifications, and what follows waits for them. */
  #reading: Promise<void> = Promise.resolve();
  #unread = 0;

  constructor(options: BusOptions) {
    this.#options = options;
  }

  ready(): Promise<void> {
    if (this.#closed) return Promise.reject(new Error('the bus is closed'));
    if (this.#isReady) return Promise.resolve();
    this.#listener ??= this.#listen();
    return new Promise((resolve, reject) => this.#awaiting.push({ resolve, reject }));
  }

  tell(entry: string): Promise<void> {
    if (this.#queue.length >= MOST_WAITING) {
      return Promise.reject(apiError('AURA452', 'The database does not keep up with the messages'));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, resolve, reject });
      this.#telling ??= this.#tellAll();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#telling;
    await this.#listener?.close();
    this.#settle(new Error('the server is being stopped'));
  }

  async #tellAll(): Promise<void> {
    // what is said in the same moment goes together
    await Promise.resolve();
    for (let batch = this.#queue.splice(0, MOST_ENTRIES); batch.length > 0; ) {
      const contents = joinEntries(batch.map(({ entry }) => entry));
      try {
        const text = 'select realtime.publish($1::uuid, $2::text[])';
        await ask(this.#options.pool, [{ text, values: [this.#options.node, contents] }]);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.#options.observe({ kind: 'relay failed', error });
        for (const { reject } of batch) reject(error);
      }
      batch = this.#queue.splice(0, MOST_ENTRIES);
    }
    this.#telling = null;
  }

  #listen(): Listener {
    const { dbUri } = this.#options.config();
    return startListening(
      {
        dbUri,
        channels: [CHANNEL],
        onNotification: (_channel, payload) => this.#hear(payload),
        onListening: () => void this.#catchUp(),
      },
      this.#options.observe,
    );
  }

  /** Reads what nobody told this process. */
  async #catchUp(): Promise<void> {
    const since = this.#heard;
    const isComplete = Date.now() - this.#heardAt < KEPT_MS;
    try {
      const missed = {
        text: 'select name, sender, content from realtime.relayed_since($1::pg_snapshot, $2::timestamptz)',
        values: [since?.snapshot ?? '', since?.clock ?? ''],
      };
      const now = { text: `${NOW}, to_regprocedure('realtime.publish(uuid, text[])')` };
      // the snapshot first: what comes between is told, too, and known then
      const [[snapshot], rows] = (await ask(this.#options.pool, since === null ? [now] : [now, missed])) as [
        TextRow[],
        TextRow[]?,
      ];
      if (snapshot?.[2] === null) throw notInstalled();
      await this.#reading;
      for (const [name, sender, content] of rows ?? []) this.#take(name ?? '', sender ?? '', content ?? '');
      this.#heard = momentOf(snapshot);
      this.#heardAt = Date.now();
      this.#mark = null;
    } catch (error) {
      // who waits for the first time is told why, and the log with it
      if (since !== null) this.#options.observe({ kind: 'relay failed', error });
      if (since === null)
        await this.#giveUp(error instanceof ApiError && error.code === '42501' ? notInstalled(error) : error);
      else setTimeout(() => this.#restart(), RETRY_MS).unref();
      return;
    }
    this.#isReady = true;
    this.#settle(null);
    if (since !== null) this.#options.onReturn(isComplete);
    this.#schedule();
  }

  /** Whoever asks next finds it as it was in the beginning. */
  async #giveUp(error: unknown): Promise<void> {
    const listener = this.#listener;
    this.#listener = null;
    this.#settle(error);
    await listener?.close();
  }

  #settle(error: unknown): void {
    for (const { resolve, reject } of this.#awaiting.splice(0)) {
      if (error === null) resolve();
      else reject(error);
    }
  }

  #schedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#sendMark(), MARK_MS);
    this.#timer.unref();
  }

  async #sendMark(): Promise<void> {
    this.#marks += 1;
    const mark: Mark = {
      text: `mark ${this.#options.node} ${this.#marks}`,
      moment: null,
      isBack: false,
      seen: new Set(),
    };
    // contents that are heard from now on may be of later transactions than the snapshot
    this.#mark = mark;
    try {
      const [rows] = await ask(this.#options.pool, [
        { text: NOW },
        { text: 'select pg_notify($1, $2)', values: [CHANNEL, mark.text] },
      ]);
      mark.moment = momentOf(rows?.[0]);
    } catch (error) {
      this.#options.observe({ kind: 'relay failed', error });
      this.#schedule();
      return;
    }
    if (mark.isBack) {
      this.#reach(mark);
      return;
    }
    this.#timer = setTimeout(() => this.#restart(), DEAF_MS);
    this.#timer.unref();
  }

  /** All that came before the mark has been heard. */
  #reach(mark: Mark): void {
    mark.isBack = true;
    if (this.#mark !== mark || mark.moment === null) return;
    this.#mark = null;
    this.#heard = mark.moment;
    this.#heardAt = Date.now();
    this.#seen = mark.seen;
    this.#schedule();
  }

  /** Listens anew, since the connection does not tell what it should. */
  #restart(): void {
    if (this.#closed) return;
    const before = this.#listener;
    void before?.close();
    this.#listener = this.#listen();
  }

  #hear(payload: string): void {
    const mark = this.#mark;
    if (payload === mark?.text) {
      this.#reach(mark);
      return;
    }
    const [, name, sender, content] = /^(\S{36}) (\S+)(?: (.*))?$/s.exec(payload) ?? [];
    // whoever logs in to the database can notify
    if (name === undefined || sender === undefined) return;
    if (sender === this.#options.node) this.#remember(name);
    else if (content === undefined) this.#inOrder(() => this.#readLong(name, sender));
    else if (this.#unread > 0) this.#inOrder(() => this.#take(name, sender, content));
    else this.#take(name, sender, content);
  }

  #inOrder(work: () => void | Promise<void>): void {
    this.#unread += 1;
    this.#reading = this.#reading.then(work).finally(() => {
      this.#unread -= 1;
    });
  }

  async #readLong(name: string, sender: string): Promise<void> {
    try {
      const text = 'select name, content from realtime.relayed($1::uuid[])';
      const [rows] = await ask(this.#options.pool, [{ text, values: [[name]] }]);
      const content = rows?.[0]?.[1];
      if (typeof content === 'string') this.#take(name, sender, content);
    } catch (error) {
      this.#options.observe({ kind: 'relay failed', error });
    }
  }

  #remember(name: string): boolean {
    if (this.#seen.has(name)) return false;
    this.#seen.add(name);
    this.#mark?.seen.add(name);
    return true;
  }

  #take(name: string, sender: string, content: string): void {
    if (!this.#remember(name) || sender === this.#options.node) return;
    let value: unknown;
    try {
      value = JSON.parse(content);
    } catch {
      return;
    }
    for (const entry of Array.isArray(value) ? value : [value]) this.#options.onEntry(entry);
  }
}

/** AURA451. */
const notInstalled = (cause?: unknown): Error =>
  apiError('AURA451', 'Channels are not installed in this database', {
    cause,
    hint: 'Have sql/realtime/messages.sql, channels.sql and channel-grants.sql run by whoever may.',
  });
