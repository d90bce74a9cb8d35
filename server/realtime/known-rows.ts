/**
 * What the followers of a live query have: the keys of its rows and a hash of each, and what has to be told them when
 * the rows are others. Pure but for the state that it keeps.
 */
import { createHash, hash } from 'node:crypto';

/** A row as JSON, under its key as JSON. */
export interface LiveRow {
  readonly key: string;
  readonly row: string;
}

/** A row that was asked for by its key; null = it is not (or no longer) there for the caller. */
export interface FoundRow {
  readonly key: string;
  readonly row: string | null;
}

export type LiveEvent =
  /** All rows: at the beginning, or in place of all that was told before. */
  | { readonly kind: 'snapshot' | 'reset'; readonly rows: readonly LiveRow[] }
  | {
      readonly kind: 'insert' | 'update';
      readonly key: string;
      readonly row: string;
      /** The key of the row before it, null = it is the first; absent where rows have no order. */
      readonly after?: string | null;
    }
  | { readonly kind: 'delete'; readonly key: string };

/** What is told, and what is known once it has been told. */
export interface Difference {
  readonly events: readonly LiveEvent[];
  readonly accept: () => void;
}

/** The same, where all rows were read. */
export interface WholeDifference extends Difference {
  /** What `state` will be. */
  readonly state: () => string;
  /** What it would be without some of the rows; null where rows have an order. */
  readonly stateWithout: (rows: readonly LiveRow[]) => string | null;
}

/** 128 bits: no two rows of a key will share one. */
const hashOf = ({ key, row }: LiveRow): string => hash('sha256', `${key}\0${row}`, 'hex').slice(0, 32);

const ALL_BITS = 2n ** 128n - 1n;
const numberOf = (hashed: string): bigint => BigInt(`0x${hashed}`);

const sumOf = (hashes: ReadonlyMap<string, string>): bigint => {
  let sum = 0n;
  for (const hashed of hashes.values()) sum += numberOf(hashed);
  return sum & ALL_BITS;
};

function orderedState(hashes: ReadonlyMap<string, string>): string {
  const all = createHash('sha256');
  for (const hashed of hashes.values()) all.update(hashed);
  return all.digest('hex').slice(0, 32);
}

/**
 * The places of a longest ascending part of the numbers: what stays where it is while all else moves (patience
 * sorting, https://en.wikipedia.org/wiki/Longest_increasing_subsequence).
 */
export function longestAscent(numbers: readonly number[]): ReadonlySet<number> {
  /** The place of the smallest number that ends an ascent of each length. */
  const ends: number[] = [];
  const before: number[] = [];
  numbers.forEach((number, place) => {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[ends[middle] ?? 0] ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    before[place] = low === 0 ? -1 : (ends[low - 1] ?? -1);
    ends[low] = place;
  });
  const found = new Set<number>();
  for (let place = ends.at(-1) ?? -1; place >= 0; place = before[place] ?? -1) found.add(place);
  return found;
}

/** The rows of one live query as its followers know them. */
export class KnownRows {
  readonly #isOrdered: boolean;
  /** Hashes by key; in the order of the rows, where they have one. */
  #hashes = new Map<string, string>();
  /** Of the hashes as numbers: the same for the same rows, in whatever order they came. */
  #sum = 0n;

  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  get size(): number {
    return this.#hashes.size;
  }

  has(key: string): boolean {
    return this.#hashes.has(key);
  }

  /** Equal for those who know the same rows in the same order (where there is one). */
  state(): string {
    return this.#isOrdered ? orderedState(this.#hashes) : this.#sum.toString(16);
  }

  /** What has to be told when these are now all rows. */
  compareAll(rows: readonly LiveRow[]): WholeDifference {
    const before = this.#hashes;
    const after = new Map(rows.map((row) => [row.key, hashOf(row)] as const));
    const events: LiveEvent[] = [];
    for (const key of before.keys()) if (!after.has(key)) events.push({ kind: 'delete', key });
    const staying = this.#isOrdered ? this.#staying(rows) : null;
    rows.forEach(({ key, row }, index) => {
      const known = before.get(key);
      if (known === after.get(key) && staying?.has(key) !== false) return;
      const kind = known === undefined ? 'insert' : 'update';
      events.push({ kind, key, row, ...(staying ? { after: rows[index - 1]?.key ?? null } : {}) });
    });
    return {
      events,
      state: () => (this.#isOrdered ? orderedState(after) : sumOf(after).toString(16)),
      stateWithout: (some) => {
        if (this.#isOrdered) return null;
        let sum = sumOf(after);
        for (const row of some) sum -= numberOf(hashOf(row));
        return (sum & ALL_BITS).toString(16);
      },
      accept: () => {
        this.#hashes = after;
        this.#sum = sumOf(after);
      },
    };
  }

  /** What has to be told when these rows are now so, and all others as they were. Not where rows have an order. */
  compareSome(found: readonly FoundRow[]): Difference {
    const events: LiveEvent[] = [];
    const changes: (readonly [key: string, hashed: string | null])[] = [];
    for (const { key, row } of found) {
      const known = this.#hashes.get(key);
      if (row === null) {
        if (known === undefined) continue;
        events.push({ kind: 'delete', key });
        changes.push([key, null]);
        continue;
      }
      const hashed = hashOf({ key, row });
      if (known === hashed) continue;
      events.push({ kind: known === undefined ? 'insert' : 'update', key, row });
      changes.push([key, hashed]);
    }
    return {
      events,
      accept: () => {
        for (const [key, hashed] of changes) this.#change(key, hashed);
      },
    };
  }

  /** The keys of rows that need not move for the others to find their places. */
  #staying(rows: readonly LiveRow[]): ReadonlySet<string> {
    const places = new Map(Array.from(this.#hashes.keys(), (key, index) => [key, index] as const));
    const those = rows.filter(({ key }) => places.has(key));
    const ascent = longestAscent(those.map(({ key }) => places.get(key) ?? 0));
    return new Set(those.filter((_, index) => ascent.has(index)).map(({ key }) => key));
  }

  #change(key: string, hashed: string | null): void {
    const known = this.#hashes.get(key);
    if (known !== undefined) this.#sum -= numberOf(known);
    if (hashed === null) this.#hashes.delete(key);
    else {
      this.#hashes.set(key, hashed);
      this.#sum += numberOf(hashed);
    }
    this.#sum = BigInt.asUintN(128, this.#sum);
  }
}
