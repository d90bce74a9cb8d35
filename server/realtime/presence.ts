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
import { type Frames, pushFrames } from './frames.ts';
import { keyOf } from './hub.ts';

/** A channel's place of presence. */
export interface Place {
  readonly topic: string;
  readonly private: boolean;
}

/** Wants to know who comes and goes. */
export interface Watching {
  readonly receivePresence: (frames: Frames) => void;
}

/** Something that happened in a channel, as processes tell each other. */
export interface PresenceChange extends Place {
  readonly key: string;
  /** Who came, by a reference that nobody else has, and the text of the object that they say of themselves. */
  readonly ref?: string;
  readonly payload?: string;
  /** The reference of who went. */
  readonly left?: string;
}

/** One member of this process. */
interface Own extends Place {
  readonly key: string;
  ref: string;
  payload: string;
}

/** A copy: keys, references, what they say. */
type State = Map<string, Map<string, string>>;

interface Copy extends Place {
  state: State;
  readonly watching: Set<Watching>;
  /** Until the table has been read; what comes meanwhile is told after it. */
  waiting: PresenceChange[] | null;
  loaded: Promise<void>;
}

const BEAT_MS = 3000;
const PATIENCE = '10 seconds';
const RETRY_MS = 1000;
/** Of one statement. */
const MOST_CHANGES = 500;

const refOf = (): string => randomBytes(9).toString('base64url');

/** An object of metas, as Phoenix has them: the reference last, since of two members of one name the last counts. */
function metaOf(ref: string, payload: string): string {
  const own = `"phx_ref":${JSON.stringify(ref)}}`;
  const text = payload.trimEnd();
  return /^\{\s*\}$/.test(text) ? `{${own}` : `${text.slice(0, -1)},${own}`;
}

/** The text of `{key: {metas: [...]}}`. */
function renderState(state: State): string {
  const parts = [...state].map(([key, metas]) => {
    const list = [...metas].map(([ref, payload]) => metaOf(ref, payload));
    return `${JSON.stringify(key)}:{"metas":[${list.join(',')}]}`;
  });
  return `{${parts.join(',')}}`;
}

function put(state: State, key: string, ref: string, payload: string): void {
  const metas = state.get(key);
  if (metas) metas.set(ref, payload);
  else state.set(key, new Map([[ref, payload]]));
}

/** Gives what the one that went had said; undefined = there was none. */
function take(state: State, key: string, ref: string): string | undefined {
  const metas = state.get(key);
  const payload = metas?.get(ref);
  if (payload === undefined || !metas) return undefined;
  metas.delete(ref);
  if (metas.size === 0) state.delete(key);
  return payload;
}

const differenceFrames = (topic: string, joins: State, leaves: State): Frames =>
  pushFrames(topic, 'presence_diff', `{"joins":${renderState(joins)},"leaves":${renderState(leaves)}}`);

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
  readonly #copies = new Map<string, Copy>();
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
    const key = keyOf(place.topic, place.private);
    let copy = this.#copies.get(key);
    if (!copy) {
      const { topic, private: isPrivate } = place;
      copy = {
        topic,
        private: isPrivate,
        state: new Map(),
        watching: new Set(),
        waiting: [],
        loaded: Promise.resolve(),
      };
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

  unwatch({ topic, private: isPrivate }: Place, watching: Watching): void {
    const key = keyOf(topic, isPrivate);
    const copy = this.#copies.get(key);
    copy?.watching.delete(watching);
    if (copy?.watching.size === 0) this.#copies.delete(key);
  }

  /** The text of the state of a channel that is watched. */
  stateOf({ topic, private: isPrivate }: Place): string {
    return renderState(this.#copies.get(keyOf(topic, isPrivate))?.state ?? new Map());
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
    const byCopy = new Map<Copy, PresenceChange[]>();
    for (const change of changes) {
      const copy = this.#copies.get(keyOf(change.topic, change.private));
      if (!copy) continue;
      if (copy.waiting) copy.waiting.push(change);
      else byCopy.set(copy, [...(byCopy.get(copy) ?? []), change]);
    }
    for (const [copy, list] of byCopy) this.#apply(copy, list);
  }

  /** Compares all copies with the table, since messages may have been missed. */
  async reload(): Promise<void> {
    const copies = [...this.#copies.values()];
    this.#gone.clear();
    for (const copy of copies) copy.waiting ??= [];
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

  async #load(copies: readonly Copy[]): Promise<void> {
    if (copies.length === 0) return;
    const text =
      'select topic, private, key, ref, payload from realtime.present_in($1::text[], $2::boolean[])';
    const values = [copies.map(({ topic }) => topic), copies.map((copy) => String(copy.private))];
    // what waits until it is read stays in its order behind it
    const [rows = []] = await ask(this.#options.pool, [{ text, values }]);
    const states = new Map<string, State>(copies.map((copy) => [keyOf(copy.topic, copy.private), new Map()]));
    for (const [topic, isPrivate, key, ref, payload] of rows) {
      const state = states.get(keyOf(topic ?? '', isPrivate === 't'));
      if (state) put(state, key ?? '', ref ?? '', payload ?? '{}');
    }
    for (const copy of copies) {
      this.#replace(copy, states.get(keyOf(copy.topic, copy.private)) ?? new Map());
      const waiting = copy.waiting ?? [];
      copy.waiting = null;
      this.#apply(copy, waiting);
    }
  }

  #replace(copy: Copy, state: State): void {
    const [joins, leaves]: [State, State] = [new Map(), new Map()];
    for (const [key, metas] of state) {
      for (const [ref, payload] of metas) {
        if (copy.state.get(key)?.get(ref) === undefined) put(joins, key, ref, payload);
      }
    }
    for (const [key, metas] of copy.state) {
      for (const [ref, payload] of metas) {
        if (state.get(key)?.get(ref) === undefined) put(leaves, key, ref, payload);
      }
    }
    copy.state = state;
    this.#tell(copy, joins, leaves);
  }

  #apply(copy: Copy, changes: readonly PresenceChange[]): void {
    const [joins, leaves]: [State, State] = [new Map(), new Map()];
    for (const { key, ref, payload, left } of changes) {
      if (left !== undefined) {
        const said = take(copy.state, key, left);
        // who came and went within one message is not spoken of
        if (said !== undefined && take(joins, key, left) === undefined) put(leaves, key, left, said);
      }
      if (ref === undefined || payload === undefined) continue;
      if (copy.state.get(key)?.get(ref) !== undefined || this.#gone.has(ref)) continue;
      put(copy.state, key, ref, payload);
      put(joins, key, ref, payload);
    }
    this.#tell(copy, joins, leaves);
  }

  #tell(copy: Copy, joins: State, leaves: State): void {
    if (joins.size + leaves.size === 0) return;
    const frames = differenceFrames(copy.topic, joins, leaves);
    for (const watching of copy.watching) watching.receivePresence(frames);
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
