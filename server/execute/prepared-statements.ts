/**
 * The prepared statements of one connection, by key and bounded in number. A statement is the server's as well: it is
 * gone only when its Close is confirmed, and after an error the server skips what it was told.
 */

interface PreparedStatement {
  readonly name: string;
  /** The greater, the later. */
  lastUse: number;
}

export class PreparedStatements {
  readonly #most: number;
  readonly #byKey = new Map<string, PreparedStatement>();
  /** Statements that the server shall close with the next exchange. */
  #unwanted: string[] = [];
  /** Statements whose Close was sent and is not confirmed. */
  #closing: string[] = [];
  #uses = 0;
  #serial = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** The name of what is prepared under a key, which is used now. */
  use(key: string): string | undefined {
    const known = this.#byKey.get(key);
    if (known === undefined) return undefined;
    known.lastUse = ++this.#uses;
    return known.name;
  }

  /** A name never used before on this connection. `close` is told of the least used one where there are too many. */
  add(key: string, close: (name: string) => void): string {
    while (this.#byKey.size > 0 && this.#byKey.size >= this.#most) close(this.#dropOldest());
    const name = `a${this.#serial++}`;
    this.#byKey.set(key, { name, lastUse: ++this.#uses });
    return name;
  }

  /** To look for the least recently used one here is cheaper than to keep all in their order. */
  #dropOldest(): string {
    let oldest = '';
    let least = Number.POSITIVE_INFINITY;
    for (const [key, { lastUse }] of this.#byKey) {
      if (lastUse >= least) continue;
      least = lastUse;
      oldest = key;
    }
    const name = this.#byKey.get(oldest)?.name ?? '';
    this.#byKey.delete(oldest);
    this.#closing.push(name);
    return name;
  }

  /** Forgets what is prepared under a key, so that it is parsed anew at its next use. */
  forget(key: string): void {
    const known = this.#byKey.get(key);
    if (known === undefined) return;
    this.#byKey.delete(key);
    this.#unwanted.push(known.name);
  }

  /** What the server has to close before anything else. */
  closeUnwanted(): readonly string[] {
    this.#closing = this.#unwanted;
    this.#unwanted = [];
    return this.#closing;
  }

  /** The server has closed the next one of those it was told to. */
  closed(): void {
    this.#closing.shift();
  }

  /** The server was not told, or has not listened: it has to be told again. */
  closeAgain(): void {
    this.#unwanted.push(...this.#closing.splice(0));
  }
}
