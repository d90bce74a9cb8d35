/**
 * Those who wait for something, in their order, each for the same time. One timer watches over all of them.
 */

interface Waiter<T> {
  /** By `performance.now()`. */
  readonly until: number;
  readonly resolve: (found: T) => void;
  readonly reject: (error: Error) => void;
}

export class WaitingLine<T> {
  readonly #waiting: Waiter<T>[] = [];
  readonly #milliseconds: number;
  readonly #tooLate: () => Error;
  #timer: NodeJS.Timeout | null = null;

  /** `tooLate` makes what is said to who has waited in vain. */
  constructor(milliseconds: number, tooLate: () => Error) {
    this.#milliseconds = milliseconds;
    this.#tooLate = tooLate;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Waits at the end of the line. */
  join(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ until: performance.now() + this.#milliseconds, resolve, reject });
      this.#watch();
    });
  }

  /** Gives who has waited longest what it waits for. */
  serve(found: T): void {
    this.#waiting.shift()?.resolve(found);
  }

  /** Refuses who has waited longest. */
  refuse(error: Error): void {
    this.#waiting.shift()?.reject(error);
  }

  /** Refuses all, and watches no longer. */
  close(error: Error): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  /** They are in the order in which their patience ends. */
  #watch(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#timer !== null) return;
    const left = Math.max(0, first.until - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#refuseLate();
      this.#watch();
    }, Math.ceil(left));
    this.#timer.unref();
  }

  #refuseLate(): void {
    const now = performance.now();
    for (let [first] = this.#waiting; first !== undefined && first.until <= now; [first] = this.#waiting) {
      this.#waiting.shift();
      first.reject(this.#tooLate());
    }
  }
}
