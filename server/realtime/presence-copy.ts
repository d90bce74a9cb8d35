/**
 * A copy of who is present in one channel, for those of this process who want to know: it is compared with the table,
 * and kept up by what processes tell.
 */
import { type Frames, pushFrames } from './frames.ts';

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

/** Keys, references, what they say: the text of an object. */
export type PresenceState = Map<string, Map<string, string>>;

/** An object of metas, as Phoenix has them: the reference last, since of two members of one name the last counts. */
function metaOf(ref: string, payload: string): string {
  const own = `"phx_ref":${JSON.stringify(ref)}}`;
  const text = payload.trimEnd();
  return /^\{\s*\}$/.test(text) ? `{${own}` : `${text.slice(0, -1)},${own}`;
}

/** The text of `{key: {metas: [...]}}`. */
function renderState(state: PresenceState): string {
  const parts = [...state].map(([key, metas]) => {
    const list = [...metas].map(([ref, payload]) => metaOf(ref, payload));
    return `${JSON.stringify(key)}:{"metas":[${list.join(',')}]}`;
  });
  return `{${parts.join(',')}}`;
}

export function put(state: PresenceState, key: string, ref: string, payload: string): void {
  const metas = state.get(key);
  if (metas) metas.set(ref, payload);
  else state.set(key, new Map([[ref, payload]]));
}

/** Gives what the one that went had said; undefined = there was none. */
function take(state: PresenceState, key: string, ref: string): string | undefined {
  const metas = state.get(key);
  const payload = metas?.get(ref);
  if (payload === undefined || !metas) return undefined;
  metas.delete(ref);
  if (metas.size === 0) state.delete(key);
  return payload;
}

const differenceFrames = (topic: string, joins: PresenceState, leaves: PresenceState): Frames =>
  pushFrames(topic, 'presence_diff', `{"joins":${renderState(joins)},"leaves":${renderState(leaves)}}`);

export class PresenceCopy implements Place {
  readonly topic: string;
  readonly private: boolean;
  readonly watching = new Set<Watching>();
  /** Resolves when it has been read for the first time. */
  loaded: Promise<void> = Promise.resolve();
  #state: PresenceState = new Map();
  /** Until the table has been read; what comes meanwhile is told after it. */
  #waiting: PresenceChange[] | null = [];

  constructor({ topic, private: isPrivate }: Place) {
    this.topic = topic;
    this.private = isPrivate;
  }

  /** The text of `{key: {metas: [...]}}`. */
  render(): string {
    return renderState(this.#state);
  }

  /** The table is about to be read. */
  hold(): void {
    this.#waiting ??= [];
  }

  /** Takes what the table has, and what has come meanwhile; tells the difference. */
  replace(state: PresenceState, gone: ReadonlySet<string>): void {
    const [joins, leaves]: [PresenceState, PresenceState] = [new Map(), new Map()];
    for (const [key, metas] of state) {
      for (const [ref, payload] of metas) {
        if (this.#state.get(key)?.get(ref) === undefined) put(joins, key, ref, payload);
      }
    }
    for (const [key, metas] of this.#state) {
      for (const [ref, payload] of metas) {
        if (state.get(key)?.get(ref) === undefined) put(leaves, key, ref, payload);
      }
    }
    this.#state = state;
    this.#tell(joins, leaves);
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    this.apply(waiting, gone);
  }

  /** Takes changes and tells of them; members who are gone do not come again. */
  apply(changes: readonly PresenceChange[], gone: ReadonlySet<string>): void {
    if (this.#waiting !== null) {
      this.#waiting.push(...changes);
      return;
    }
    const [joins, leaves]: [PresenceState, PresenceState] = [new Map(), new Map()];
    for (const { key, ref, payload, left } of changes) {
      if (left !== undefined) {
        const said = take(this.#state, key, left);
        // who came and went within one message is not spoken of
        if (said !== undefined && take(joins, key, left) === undefined) put(leaves, key, left, said);
      }
      if (ref === undefined || payload === undefined) continue;
      if (this.#state.get(key)?.get(ref) !== undefined || gone.has(ref)) continue;
      put(this.#state, key, ref, payload);
      put(joins, key, ref, payload);
    }
    this.#tell(joins, leaves);
  }

  #tell(joins: PresenceState, leaves: PresenceState): void {
    if (joins.size + leaves.size === 0) return;
    const frames = differenceFrames(this.topic, joins, leaves);
    for (const watching of this.watching) watching.receivePresence(frames);
  }
}
