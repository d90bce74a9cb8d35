/**
 * Holds back what is written to sockets until what is being told now has been told: several messages to one client
 * then go to the system as one.
 */
import type { Duplex } from 'node:stream';

export class Outbox {
  readonly #held = new Set<Duplex>();

  /** Holds a socket's writes back for the moment. Gives whether it was not held before. */
  hold(socket: Duplex): boolean {
    if (this.#held.has(socket)) return false;
    if (this.#held.size === 0) process.nextTick(this.#release);
    this.#held.add(socket);
    socket.cork();
    return true;
  }

  readonly #release = (): void => {
    for (const socket of this.#held) socket.uncork();
    this.#held.clear();
  };
}
