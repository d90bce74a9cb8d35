/**
 * Broadcasts on their way to a member: those that come before its join has been answered are kept for after the
 * answer, and those that it was told again are not told once more.
 */
import type { Frames } from '../frames.ts';

/** What may come between a join and its answer. */
const MOST_WAITING = 1000;

interface Waiting {
  readonly frames: Frames;
  readonly id: string | null;
}

export class Inbox {
  readonly #take: (frames: Frames) => void;
  #waiting: Waiting[] | null = [];
  #replayed: ReadonlySet<string> | null = null;

  constructor(take: (frames: Frames) => void) {
    this.#take = take;
  }

  /** Takes a broadcast; `id` is of one that is kept. Gives whether there was room for it. */
  receive(frames: Frames, id: string | null): boolean {
    if (this.#waiting === null) {
      if (id === null || this.#replayed?.has(id) !== true) this.#take(frames);
      return true;
    }
    if (this.#waiting.length >= MOST_WAITING) return false;
    this.#waiting.push({ frames, id });
    return true;
  }

  /** Hands over what has come, and from now on what comes; ids are of those that were told again. */
  open(replayed: readonly string[]): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    if (replayed.length > 0) this.#replayed = new Set(replayed);
    for (const { frames, id } of waiting) this.receive(frames, id);
  }
}
