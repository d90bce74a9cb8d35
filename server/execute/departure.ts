/**
 * Whether the client still waits for its answer. An AbortController would tell the same, and costs more than all
 * else that a request which nobody aborts does about it.
 */
export class Departure {
  #gone = false;
  #watcher: Cancelled | null = null;

  get gone(): boolean {
    return this.#gone;
  }

  /** Cancels what runs for the client when it goes away, until that is taken back by null. There is one at a time. */
  watch(watcher: Cancelled | null): void {
    if (watcher !== null && this.#watcher !== null) throw new Error('the departure is watched already');
    this.#watcher = watcher;
  }

  /** The client has gone. */
  announce(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#watcher?.cancel();
  }
}

/** What is cancelled when nobody waits for it any more. */
interface Cancelled {
  readonly cancel: () => void;
}
