/**
 * What is made of the headers of a request is kept with them, once they have come a second time: a connection that
 * sends the same ones again and again has one object for them. Of headers that come once nothing is kept.
 */

const KEPT: unique symbol = Symbol('kept');

interface Keeper {
  readonly [KEPT]?: Map<object, unknown>;
}

/** These headers have come again. */
export function keepWith(headers: object): void {
  // not to be copied with them: other headers would make something else
  Object.defineProperty(headers, KEPT, { value: new Map(), enumerable: false });
}

/** One thing that is made of headers. */
export class Kept<T> {
  /** Undefined = not made yet, or not kept. */
  get(headers: object): T | undefined {
    return (headers as Keeper)[KEPT]?.get(this) as T | undefined;
  }

  /** Keeps it, if anything is. */
  set(headers: object, made: T): void {
    (headers as Keeper)[KEPT]?.set(this, made);
  }

  /** Whether anything is kept. */
  keeps(headers: object): boolean {
    return (headers as Keeper)[KEPT] !== undefined;
  }
}
