/**
 * Something that ends at a time, by the second: many of them need no timer each.
 */
export interface Ending {
  readonly end: () => void;
}

export class Deadlines {
  readonly #bySecond = new Map<number, Set<Ending>>();
  readonly #seconds = new Map<Ending, number>();
  #looked = Math.floor(Date.now() / 1000);

  /** Ends it at that second since the epoch; null = never, whatever was said before. */
  set(ending: Ending, second: number | null): void {
    this.#forget(ending);
    if (second === null) return;
    const at = Math.max(Math.ceil(second), this.#looked + 1);
    this.#seconds.set(ending, at);
    const those = this.#bySecond.get(at);
    if (those) those.add(ending);
    else this.#bySecond.set(at, new Set([ending]));
  }

  #forget(ending: Ending): void {
    const at = this.#seconds.get(ending);
    if (at === undefined) return;
    this.#seconds.delete(ending);
    const those = this.#bySecond.get(at);
    those?.delete(ending);
    if (those?.size === 0) this.#bySecond.delete(at);
  }

  /** Ends what is due; to be called about every second. */
  look(now: number = Math.floor(Date.now() / 1000)): void {
    // after a long sleep of the machine it is quicker to ask who is there
    const due =
      now - this.#looked > this.#bySecond.size
        ? [...this.#bySecond.keys()].filter((second) => second <= now)
        : Array.from({ length: Math.max(now - this.#looked, 0) }, (_, index) => this.#looked + index + 1);
    this.#looked = Math.max(now, this.#looked);
    for (const second of due) {
      for (const ending of [...(this.#bySecond.get(second) ?? [])]) {
        this.#forget(ending);
        ending.end();
      }
    }
  }
}
