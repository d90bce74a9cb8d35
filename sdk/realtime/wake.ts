/** When to try again: after pauses that grow, or as soon as there is a reason to think that it may work. */

export interface Pauses {
  /** Milliseconds: the first pause at most, and the longest. */
  readonly pause: number;
  readonly longest: number;
}

/** Milliseconds before a try, the first one having number 0 ("full jitter", but never at once). */
export const pauseBefore = (attempt: number, { pause, longest }: Pauses): number =>
  Math.min(longest, pause * 2 ** Math.min(attempt, 20)) * (0.1 + 0.9 * Math.random());

/** How often it is looked whether this machine has slept. */
const TICK = 5000;

/** What browsers have of it; elsewhere there is no such thing. */
interface World {
  readonly addEventListener?: (name: string, listener: () => void) => void;
  readonly removeEventListener?: (name: string, listener: () => void) => void;
  readonly document?: World & { readonly visibilityState?: string };
}

/**
 * Calls back when the network is back, when the page is looked at again, and when this machine has slept. Gives what
 * ends it. A timer that waits for nothing else keeps no program alive.
 */
export const onWake = (listener: () => void): (() => void) => {
  const world = globalThis as World;
  const look = (): void => {
    if (world.document?.visibilityState === 'visible') listener();
  };
  let last = Date.now();
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - last > 3 * TICK) listener();
    last = now;
  }, TICK);
  (timer as { unref?: () => void }).unref?.();
  world.addEventListener?.('online', listener);
  world.document?.addEventListener?.('visibilitychange', look);
  return () => {
    clearInterval(timer);
    world.removeEventListener?.('online', listener);
    world.document?.removeEventListener?.('visibilitychange', look);
  };
};

/** A pause that can be cut short. */
export class Pause {
  #end: (() => void) | null = null;

  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end(), milliseconds);
      this.#end = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  end(): void {
    const end = this.#end;
    this.#end = null;
    end?.();
  }
}
