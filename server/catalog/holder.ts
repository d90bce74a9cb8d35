/**
 * Holds the current catalog and swaps it whole. Requests read `current()` and never wait for a reload; only before
 * the first load is there nothing to read. A reload that fails leaves the catalog that stands, is remembered in
 * `state()`, and is tried again with growing pauses until one succeeds.
 */
import type { Observe } from '../observe/observation.ts';
import type { Catalog } from './types.ts';

/** `empty`: nothing loaded yet. `ready`: the last load succeeded. `stale`: an older catalog serves, the last load failed. */
export type CatalogState =
  | { readonly kind: 'empty'; readonly error?: unknown }
  | { readonly kind: 'ready' }
  | { readonly kind: 'stale'; readonly error: unknown };

type Listener = (next: Catalog, previous: Catalog | null) => void;

export interface CatalogHolder {
  /** The catalog that serves now, null before the first load. */
  readonly current: () => Catalog | null;
  /**
   * The current catalog; before the first load, waits for the load that runs. Rejects with that load's error, so
   * that nobody waits for longer than one try, and at once when the last try failed and the next is not due.
   */
  readonly first: () => Promise<Catalog>;
  /**
   * Loads anew. Resolves when a load that began after the call has ended: true when its catalog serves now, false
   * when it failed (see `state`) or the holder was stopped. However many call, one load runs and one waits.
   */
  readonly reload: () => Promise<boolean>;
  readonly state: () => CatalogState;
  /** Calls back after each swap, with the new catalog and the one before; answers how to end it. */
  readonly subscribe: (listener: Listener) => () => void;
  /** Begins the first load, and from now on tries again after a failure. Does not wait. */
  readonly start: () => void;
  /** No load begins any more, and one that runs has no effect. Resolves when it has ended. */
  readonly stop: () => Promise<void>;
}

export interface CatalogHolderOptions {
  readonly load: () => Promise<Catalog>;
  readonly observe: Observe;
}

/** Seconds. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 32;

/**
 * A holder that has loaded nothing yet.
 *
 * @example
 * const holder = createCatalogHolder({ load: createCatalogLoader(query, options), observe });
 * holder.start();
 * const catalog = await holder.first();
 */
export const createCatalogHolder = ({ load, observe }: CatalogHolderOptions): CatalogHolder => {
  const listeners = new Set<Listener>();
  let catalog: Catalog | null = null;
  let failure: { readonly error: unknown } | null = null;
  let running: Promise<boolean> | null = null;
  let queued: Promise<boolean> | null = null;
  let retries = false;
  let stopped = false;
  let pause = FIRST_PAUSE;
  let timer: NodeJS.Timeout | undefined;

  const succeed = (next: Catalog, seconds: number): void => {
    const previous = catalog;
    catalog = next;
    failure = null;
    pause = FIRST_PAUSE;
    observe({
      kind: 'catalog loaded',
      seconds,
      relations: next.relations.size,
      routines: count(next.routines),
    });
    for (const listener of listeners) {
      try {
        listener(next, previous);
      } catch (error) {
        observe({ kind: 'defect', error, requestId: null });
      }
    }
  };

  const fail = (error: unknown): void => {
    failure = { error };
    observe({ kind: 'catalog failed', error });
    if (!retries) return;
    observe({ kind: 'database retry', delaySeconds: pause });
    timer = setTimeout(() => void reload(), pause * 1000);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
  };

  const run = async (): Promise<boolean> => {
    clearTimeout(timer);
    const start = performance.now();
    let next: Catalog;
    try {
      next = await load();
    } catch (error) {
      if (!stopped) fail(error);
      return false;
    }
    if (stopped) return false;
    succeed(next, (performance.now() - start) / 1000);
    return true;
  };

  const reload = (): Promise<boolean> => {
    if (stopped) return Promise.resolve(false);
    if (running === null) {
      running = run().finally(() => {
        running = null;
      });
      return running;
    }
    // The one that runs may have read the database before what the caller wants to see.
    queued ??= running.then(again, again);
    return queued;
  };

  const again = (): Promise<boolean> => {
    queued = null;
    return reload();
  };

  return {
    current: () => catalog,
    first: async () => {
      if (catalog === null && running !== null) await running;
      if (catalog !== null) return catalog;
      throw failure?.error ?? new Error('No catalog has been loaded.');
    },
    reload,
    state: () => {
      if (catalog === null)
        return failure === null ? { kind: 'empty' } : { kind: 'empty', error: failure.error };
      return failure === null ? { kind: 'ready' } : { kind: 'stale', error: failure.error };
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    start: () => {
      retries = true;
      void reload();
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
};

const count = (lists: ReadonlyMap<string, readonly unknown[]>): number => {
  let sum = 0;
  for (const list of lists.values()) sum += list.length;
  return sum;
};
