/**
 * Whether the client still waits for its answer. An AbortController would tell the same, and costs more than all
 * else that a request which nobody aborts does about it.
 */
export class Departure {
  #gone = false;
  #listener: (() => void) | null = null;

  get gone(): boolean {
    return this.#gone;
  }

  /** Calls the listener when the client goes away, until it is taken back by null. There is one at a time. */
  watch(listener: (() => void) | null): void {
    if (listener !== null && this.#listener !== null) throw new Error('the departure is watched already');
    this.#listener = listener;
  }

  /** The client has gone. */
  announce(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#listener?.();
  }
}
