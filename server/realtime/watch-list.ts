/**
 * Who watches what, and from where on: most watchers are where the feed is, so that a round looks only at those whose
 * tables have changed and at those that stand apart.
 */
import type { LogReading, Oid } from './log.ts';
import { comparePositions, type Position } from './position.ts';

/** What the list has to know of somebody who watches. */
export interface Watching {
  readonly relations: ReadonlySet<Oid>;
  /** It wants rows, and not only keys. */
  readonly wantsImages: boolean;
}

export interface Entry<W extends Watching> {
  readonly watcher: W;
  /** In the order in which they came. */
  readonly serial: number;
  /** Where it is; null = where the feed is. */
  position: Position | null;
  /** It has to read anew. */
  isStale: boolean;
  /** It wants to be called. */
  isAttending: boolean;
  /** How often in a row its statement was refused. */
  refusals: number;
}

export class WatchList<W extends Watching> {
  readonly #entries = new Map<W, Entry<W>>();
  readonly #byRelation = new Map<Oid, Set<Entry<W>>>();
  /** Entries that are not where the feed is, or have to be called. */
  readonly #apart = new Set<Entry<W>>();
  /** How many want rows, by relation. */
  readonly #images = new Map<Oid, number>();
  #serial = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Of the one that came last. */
  get lastSerial(): number {
    return this.#serial;
  }

  add(watcher: W, position: Position): void {
    this.#serial += 1;
    const entry: Entry<W> = {
      ...{ watcher, serial: this.#serial, position },
      ...{ isStale: false, isAttending: false, refusals: 0 },
    };
    this.#entries.set(watcher, entry);
    this.#apart.add(entry);
    for (const relation of watcher.relations) {
      const those = this.#byRelation.get(relation);
      if (those) those.add(entry);
      else this.#byRelation.set(relation, new Set([entry]));
      if (watcher.wantsImages) this.#images.set(relation, (this.#images.get(relation) ?? 0) + 1);
    }
  }

  /** Gives whether it was there. */
  remove(watcher: W): boolean {
    const entry = this.#entries.get(watcher);
    if (!entry) return false;
    this.#entries.delete(watcher);
    this.#apart.delete(entry);
    for (const relation of watcher.relations) {
      const those = this.#byRelation.get(relation);
      those?.delete(entry);
      if (those?.size === 0) this.#byRelation.delete(relation);
      if (!watcher.wantsImages) continue;
      const left = (this.#images.get(relation) ?? 1) - 1;
      if (left === 0) this.#images.delete(relation);
      else this.#images.set(relation, left);
    }
    return true;
  }

  clear(): void {
    for (const watcher of [...this.#entries.keys()]) this.remove(watcher);
  }

  watchers(): readonly W[] {
    return [...this.#entries.keys()];
  }

  get(watcher: W): Entry<W> | undefined {
    return this.#entries.get(watcher);
  }

  /** Whether the entry is still its watcher's. */
  has(entry: Entry<W>): boolean {
    return this.#entries.get(entry.watcher) === entry;
  }

  /** It has to be looked at in the next round, whatever that finds. */
  setApart(entry: Entry<W>): void {
    this.#apart.add(entry);
  }

  /** It is where the feed is. */
  arrive(entry: Entry<W>): void {
    entry.position = null;
    entry.refusals = 0;
    this.#apart.delete(entry);
  }

  apart(): readonly Entry<W>[] {
    return [...this.#apart];
  }

  relations(): Iterable<Oid> {
    return this.#byRelation.keys();
  }

  /** Relations of which rows are wanted. */
  images(): Iterable<Oid> {
    return this.#images.keys();
  }

  /** The position from which on the log is news to somebody, who may be where the feed is; null = nobody is there. */
  oldest(common: Position | null): Position | null {
    const own = this.apart().flatMap(({ position }) => position ?? []);
    const areSomeThere = own.length < this.#entries.size;
    const positions = areSomeThere && common !== null ? [...own, common] : own;
    return positions.toSorted(comparePositions)[0] ?? null;
  }

  /**
   * Those among the ones who came up to `last` whose relations have changed, and those who cannot know that they have
   * not; with them those who stand apart.
   */
  concerned(
    log: LogReading,
    common: Position | null,
    apart: readonly Entry<W>[],
    last: number,
  ): ReadonlySet<Entry<W>> {
    const concerned = new Set(apart);
    if (common !== null && !log.isCompleteSince(common)) {
      for (const entry of this.#entries.values()) if (entry.serial <= last) concerned.add(entry);
      return concerned;
    }
    for (const relation of new Set(log.changes.map((change) => change.relation))) {
      for (const entry of this.#byRelation.get(relation) ?? []) {
        if (entry.serial <= last) concerned.add(entry);
      }
    }
    return concerned;
  }
}
