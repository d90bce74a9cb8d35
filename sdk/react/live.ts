/** A hook for live queries. Components that ask the same of the same client share one stream. */
import { useMemo, useSyncExternalStore } from 'react';
import { Live, type LiveState } from '../realtime/live.ts';
import { headersOf, pathOf, type State } from '../request.ts';

/** A query whose rows can be live. */
export interface Livable<Row> {
  readonly state: State;
  readonly live: () => Promise<Live<Row>>;
}

interface Shared {
  readonly live: Live<unknown>;
  users: number;
}

/** Milliseconds that a stream outlives its last user, who may be back with the next rendering. */
const LINGER = 1000;

const WAITING: LiveState<never> = { rows: undefined, status: 'connecting', error: null };

/** Streams by client, who is somebody, and by what is asked. */
export class LiveStore {
  readonly #shared = new WeakMap<State['connection'], Map<string, Shared>>();

  /** What `useSyncExternalStore` needs of a query. */
  of<Row>({ state }: Livable<Row>): {
    readonly subscribe: (listener: () => void) => () => void;
    readonly get: () => LiveState<Row>;
  } {
    const key = JSON.stringify([pathOf(state), headersOf(state)]);
    const find = (): Shared | undefined => this.#shared.get(state.connection)?.get(key);
    return {
      get: () => (find()?.live.state as LiveState<Row> | undefined) ?? WAITING,
      subscribe: (listener) => {
        const shared = find() ?? this.#open(state, key);
        shared.users += 1;
        const end = shared.live.subscribe(listener);
        return () => {
          end();
          shared.users -= 1;
          if (shared.users === 0) setTimeout(() => this.#drop(state, key, shared), LINGER);
        };
      },
    };
  }

  #open(state: State, key: string): Shared {
    const shared: Shared = { live: new Live(state), users: 0 };
    const streams = this.#shared.get(state.connection) ?? new Map<string, Shared>();
    this.#shared.set(state.connection, streams.set(key, shared));
    return shared;
  }

  #drop(state: State, key: string, shared: Shared): void {
    if (shared.users > 0) return;
    shared.live.close();
    const streams = this.#shared.get(state.connection);
    if (streams?.get(key) === shared) streams.delete(key);
  }
}

const store = new LiveStore();

/**
 * The rows of a query, kept as they are in the database while the component is there.
 *
 * @example
 * const { rows, status, error } = useLiveQuery(aura.from('tasks').select('id, title').eq('status', 'todo'));
 */
export const useLiveQuery = <Row>(query: Livable<Row>): LiveState<Row> => {
  const { connection } = query.state;
  const key = pathOf(query.state) + JSON.stringify(headersOf(query.state));
  // the key says all that matters of the query
  const { subscribe, get } = useMemo(() => store.of(query), [connection, key]);
  return useSyncExternalStore(subscribe, get, () => WAITING);
};
