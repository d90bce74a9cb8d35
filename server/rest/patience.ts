/**
 * Who waits for something that nearly always comes at once. A timer for each would cost more than the waiting: here
 * one looks about every second, as long as there is somebody to look after.
 */

const LOOK_MS = 1000;

export class Patience {
  /** What to call, and from when on, by `performance.now()`. */
  readonly #until = new Map<() => void, number>();
  #looking: NodeJS.Timeout | null = null;

  /** Calls it once, after these seconds and up to a second more, unless it is deleted before. */
  add(late: () => void, seconds: number): void {
    this.#until.set(late, performance.now() + seconds * 1000);
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  delete(late: () => void): void {
    this.#until.delete(late);
  }

  #look(): void {
    const now = performance.now();
    for (const [late, until] of this.#until) {
      if (until > now) continue;
      this.#until.delete(late);
      late();
    }
    if (this.#until.size > 0 || this.#looking === null) return;
    clearInterval(this.#looking);
    this.#looking = null;
  }
}
