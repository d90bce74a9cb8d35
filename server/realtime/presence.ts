/**
 * Who is present where. The truth is a table (sql/realtime/channels.sql); each process writes its own members there,
 * and in the same transaction tells all processes, itself included, what has changed. For channels with a member of
 * its own that wants to know, a process keeps a copy, which those messages keep up; it is compared with the table
 * again whenever messages may have been missed.
 *
 * A process that gives no sign of life is buried by the others. If it was only slow it finds out by its next sign,
 * and tells of all its members anew.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Pool } from '../execute/pool.ts';
import { ask } from '../execute/query.ts';
import type { Observe } from '../observe/observation.ts';
import { keyOf } from './hub.ts';
import {
  type Place,
  type PresenceChange,
  PresenceCopy,
  type PresenceState,
  put,
  type Watching,
} from './presence-copy.ts';

/** One member of this process. */
interface Own extends Place {
  readonly key: string;
  ref: string;
  payload: string;
}

const BEAT_MS = 2000;
const PATIENCE = '6 seconds';
const RETRY_MS = 1000;
/** Of one statement. */
const MOST_CHANGES = 500;

const refOf = (): string => randomBytes(9).toString('base64url');

export interface PresenceOptions {
  readonly pool: Pool;
  /** Names this process. */
  readonly node: string;
  readonly observe: Observe;
}

interface Writing {
  readonly member: number;
  readonly row: Own | null;
  readonly change: PresenceChange;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Presence {
  readonly #options: PresenceOptions;
  readonly #copies = new Map<string, PresenceCopy>();
  readonly #own = new Map<number, Own>();
  readonly #queue: Writing[] = [];
  #writing: Promise<void> | null = null;
  #beating: NodeJS.Timeout | null = null;
  #closed = false;
  /** What the table has of this process may be wrong. */
  #isDoubtful = false;
  /** All members have to be told of again. */
  #mustTellAll = false;
  #hasWritten = false;
  /** Members of this process of whose going it knows already, and the others are being told. */
  readonly #gone = new Set<string>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Begins to watch a channel; resolves when the copy is there. Rejects as `ask` does. */
  async watch(place: Place, watching: Watching): Promise<void> {
    const key = keyOf(place);
    let copy = this.#copies.get(key);
    if (!copy) {
      copy = new PresenceCopy(place);
      this.#copies.set(key, copy);
      copy.loaded = this.#load([copy]);
    }
    copy.watching.add(watching);
    this.#beat();
    try {
      await copy.loaded;
    } catch (error) {
      this.unwatch(place, watching);
      throw error;
    }
  }

  unwatch(place: Place, watching: Watching): void {
    const key = keyOf(place);
    const copy = this.#copies.get(key);
    copy?.watching.delete(watching);
    if (copy?.watching.size === 0) this.#copies.delete(key);
  }

  /** The text of the state of a channel that is watched. */
  stateOf(place: Place): string {
    return this.#copies.get(keyOf(place))?.render() ?? '{}';
  }

  /** A member says something of itself, the text of a JSON object; resolves when everybody is told. */
  track(member: number, place: Place, key: string, payload: string): Promise<void> {
    const before = this.#own.get(member);
    if (before?.payload === payload) return Promise.resolve();
    const row: Own = { topic: place.topic, private: place.private, key, ref: refOf(), payload };
    this.#own.set(member, row);
    this.#beat();
    return this.#write(member, row, {
      topic: place.topic,
      private: place.private,
      key,
      ref: row.ref,
      payload,
      ...(before === undefined ? {} : { left: before.ref }),
    });
  }

  /** A member goes, if it is there. */
  untrack(member: number): Promise<void> {
    const before = this.#own.get(member);
    if (!before) return Promise.resolve();
    this.#own.delete(member);
    const { topic, private: isPrivate, key, ref } = before;
    return this.#write(member, null, { topic, private: isPrivate, key, left: ref });
  }

  /** Takes what processes tell. */
  hear(changes: readonly PresenceChange[]): void {
    for (const { left } of changes) if (left !== undefined) this.#gone.delete(left);
    this.#take(changes);
  }

  #take(changes: readonly PresenceChange[]): void {
    const byCopy = new Map<PresenceCopy, PresenceChange[]>();
    for (const change of changes) {
      const copy = this.#copies.get(keyOf(change));
      if (!copy) continue;
      const list = byCopy.get(copy);
      if (list) list.push(change);
      else byCopy.set(copy, [change]);
    }
    for (const [copy, list] of byCopy) copy.apply(list, this.#gone);
  }

  /** Compares all copies with the table, since messages may have been missed. */
  async reload(): Promise<void> {
    const copies = [...this.#copies.values()];
    this.#gone.clear();
    for (const copy of copies) copy.hold();
    while (!this.#closed) {
      try {
        await this.#load(copies);
        return;
      } catch (error) {
        this.#options.observe({ kind: 'relay failed', error });
        await setTimeout(RETRY_MS, undefined, { ref: false });
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#beating !== null) clearInterval(this.#beating);
    await this.#writing;
    if (this.#hasWritten) await this.#depart();
  }

  async #depart(): Promise<void> {
    const text = 'select realtime.depart($1::uuid)';
    await ask(this.#options.pool, [{ text, values: [this.#options.node] }]);
  }

  async #load(copies: readonly PresenceCopy[]): Promise<void> {
    if (copies.length === 0) return;
    const text =
      'select topic, private, key, ref, payload from realtime.present_in($1::text[], $2::boolean[])';
    const values = [copies.map(({ topic }) => topic), copies.map((copy) => String(copy.private))];
    // what waits until it is read stays in its order behind it
    const [rows = []] = await ask(this.#options.pool, [{ text, values }]);
    const states = new Map<string, PresenceState>(copies.map((copy) => [keyOf(copy), new Map()]));
    for (const [topic, isPrivate, key, ref, payload] of rows) {
      const state = states.get(keyOf({ topic: topic ?? '', private: isPrivate === 't' }));
      if (state) put(state, key ?? '', ref ?? '', payload ?? '{}');
    }
    for (const copy of copies) copy.replace(states.get(keyOf(copy)) ?? new Map(), this.#gone);
  }

  #write(member: number, row: Own | null, change: PresenceChange): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#queue.push({ member, row, change, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    // what is said in the same moment goes together
    await Promise.resolve();
    while (this.#queue.length > 0 || this.#mustTellAll) {
      if (this.#mustTellAll) await this.#tellOfAll();
      const batch = this.#queue.splice(0, MOST_CHANGES);
      if (batch.length === 0) continue;
      try {
        await this.#writeBatch(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.#failed(error);
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = null;
  }

  /** What has been written is not known: the next sign of life sets it right. */
  #failed(error: unknown): void {
    this.#options.observe({ kind: 'relay failed', error });
    this.#isDoubtful = true;
  }

  async #writeBatch(batch: readonly Pick<Writing, 'member' | 'row' | 'change'>[]): Promise<void> {
    // of several changes of one member the last one counts
    const rows = [...new Map(batch.map((one) => [one.member, one])).values()];
    const content = JSON.stringify({ presences: batch.map(({ change }) => change) });
    this.#hasWritten = true;
    const [answer] = await ask(this.#options.pool, [
      {
        text: 'select realtime.present($1, $2, $3, $4, $5, $6, $7, $8)',
        values: [
          this.#options.node,
          rows.map(({ member }) => String(member)),
          rows.map(({ change }) => change.topic),
          rows.map(({ change }) => String(change.private)),
          rows.map(({ change }) => change.key),
          rows.map(({ row }) => row?.ref ?? ''),
          rows.map(({ row }) => row?.payload ?? ''),
          [content],
        ],
      },
    ]);
    const isNew = answer?.[0]?.[0] === 't';
    if (isNew && this.#own.size > rows.length) this.#mustTellAll = true;
    // here it is known before whoever asked is answered; what is heard of it later says nothing new
    for (const { change } of batch) if (change.left !== undefined) this.#gone.add(change.left);
    this.#take(batch.map(({ change }) => change));
  }

  /** Tells of all members of this process, who were taken for dead. */
  async #tellOfAll(): Promise<void> {
    this.#mustTellAll = false;
    const batch = [...this.#own].map(([member, row]) => {
      const { topic, private: isPrivate, key, ref, payload } = row;
      return { member, row, change: { topic, private: isPrivate, key, ref, payload } };
    });
    try {
      if (this.#isDoubtful) await this.#depart();
      this.#isDoubtful = false;
      for (let at = 0; at < batch.length; at += MOST_CHANGES) {
        await this.#writeBatch(batch.slice(at, at + MOST_CHANGES));
      }
      // the first part was of a process that nobody knew, the others were told with it
      this.#mustTellAll = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Gives signs of life as long as there is somebody to be buried or to be told of burials. */
  #beat(): void {
    if (this.#beating !== null || this.#closed) return;
    this.#beating = setInterval(() => void this.#beatOnce(), BEAT_MS);
    this.#beating.unref();
  }

  async #beatOnce(): Promise<void> {
    try {
      const [answer] = await ask(this.#options.pool, [
        { text: 'select realtime.beat($1::uuid, $2::interval)', values: [this.#options.node, PATIENCE] },
      ]);
      const isNew = answer?.[0]?.[0] === 't';
      if (!this.#isDoubtful && (!isNew || this.#own.size === 0)) return;
      this.#mustTellAll = true;
      this.#writing ??= this.#writeAll();
    } catch (error) {
      this.#options.observe({ kind: 'relay failed', error });
    }
  }
}
