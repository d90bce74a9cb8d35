/**
 * Live queries: the rows of a read, kept as they are in the database. The server sends them once and then what changes
 * (docs/live-queries.md); where the connection breaks it is made again, and goes on where it was.
 */
import { AuraError, errorFrom, ownError } from '../error.ts';
import { headersOf, pathOf, type State } from '../request.ts';
import { isPassing, through } from '../transport.ts';
import { readEvents, type ServerEvent } from './events.ts';
import { onWake, Pause, pauseBefore } from './wake.ts';

export interface LiveState<Row> {
  /** In the order of the query; undefined until they have come. */
  readonly rows: readonly Row[] | undefined;
  /** `live`: the rows are those of the database, but for what is on its way. */
  readonly status: 'connecting' | 'live' | 'reconnecting' | 'closed';
  /** Why it is being connected again, or was closed. */
  readonly error: AuraError | null;
}

/** What became of the rows; `reset`: they are all new. */
export type LiveChange<Row> =
  | { readonly kind: 'insert' | 'delete'; readonly row: Row }
  | { readonly kind: 'update'; readonly row: Row; readonly before: Row }
  | { readonly kind: 'reset' };

export type LiveListener<Row> = (state: LiveState<Row>, changes: readonly LiveChange<Row>[]) => void;

/** Milliseconds without a byte after which a connection is taken for dead; the server sends a heartbeat. */
const SILENCE = 45_000;
/** How often in a row a token may be refused: where it comes from a function the next one may be better. */
const MOST_REFUSALS = 5;

interface Entry<Row> {
  readonly id: string;
  row: Row;
}

const idOf = (key: unknown): string => JSON.stringify(key);

/** The rows of a live query. It runs from the start, until `close`. */
export class Live<Row> implements AsyncIterable<LiveState<Row>> {
  readonly #query: State;
  readonly #listeners = new Set<LiveListener<Row>>();
  readonly #pause = new Pause();
  readonly #endWake: () => void;
  #state: LiveState<Row> = { rows: undefined, status: 'connecting', error: null };
  #entries: Entry<Row>[] = [];
  #known = new Map<string, Entry<Row>>();
  /** Since the last position. */
  #changes: LiveChange<Row>[] = [];
  #position: string | undefined;
  #connection = new AbortController();
  #lastByte = Date.now();
  #isClosed = false;

  constructor(query: State) {
    this.#query = query;
    this.#endWake = onWake(() => this.#wake());
    query.signal?.addEventListener('abort', () => this.close(), { once: true });
    void this.#run();
  }

  get state(): LiveState<Row> {
    return this.#state;
  }

  /** Has the listener called after each change, with everything that one commit or several brought at once. */
  subscribe(listener: LiveListener<Row>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the rows are there. @throws AuraError where they are refused */
  ready(): Promise<this> {
    return new Promise((resolve, reject) => {
      const look = ({ rows, status, error }: LiveState<Row>): boolean => {
        if (rows !== undefined) resolve(this);
        else if (status === 'closed') reject(error ?? ownError('ABORTED', 'The live query was closed'));
        return rows !== undefined || status === 'closed';
      };
      if (look(this.#state)) return;
      const end = this.subscribe((state) => {
        if (look(state)) end();
      });
    });
  }

  /** The states from now on, the latest where they come faster than they are taken; ends when it is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveState<Row>> {
    let wake: () => void = () => undefined;
    let isNew = this.#state.rows !== undefined;
    const end = this.subscribe(() => {
      isNew = true;
      wake();
    });
    try {
      while (!this.#isClosed || isNew) {
        if (!isNew) await new Promise<void>((resolve) => (wake = resolve));
        isNew = false;
        yield this.#state;
      }
    } finally {
      end();
    }
  }

  close(): void {
    this.#close(null);
  }

  #close(error: AuraError | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endWake();
    this.#connection.abort();
    this.#pause.end();
    this.#tell({ status: 'closed', error });
  }

  #tell(change: Partial<LiveState<Row>>, changes: readonly LiveChange<Row>[] = []): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of [...this.#listeners]) listener(this.#state, changes);
  }

  /** The world has changed: what is silent may be dead, and what waits need not. */
  #wake(): void {
    if (Date.now() - this.#lastByte > SILENCE / 2) this.#connection.abort();
    this.#pause.end();
  }

  async #run(): Promise<void> {
    const { retries } = this.#query.connection;
    let refusals = 0;
    for (let attempt = 0; !this.#isClosed; attempt++) {
      let error: AuraError;
      try {
        await this.#follow(() => {
          attempt = 0;
          refusals = 0;
        });
        error = ownError('NETWORK', 'The connection ended');
      } catch (cause) {
        error =
          cause instanceof AuraError
            ? cause
            : ownError('NETWORK', `The connection broke: ${cause}`, 0, cause);
      }
      if (this.#isClosed) return;
      refusals += error.status === 401 ? 1 : 0;
      // a token that was good before may have been renewed too late
      const wasGood = this.#state.rows !== undefined && refusals < MOST_REFUSALS;
      const mayPass = error.status === 401 ? wasGood : isPassing(error.status);
      if (!mayPass) {
        this.#close(error);
        return;
      }
      const status = this.#state.rows === undefined ? 'connecting' : 'reconnecting';
      this.#tell({ status, error });
      await this.#pause.wait(pauseBefore(attempt, retries));
    }
  }

  /** One connection, to its end. */
  async #follow(onEvent: () => void): Promise<void> {
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    const { connection } = this.#query;
    const headers = await connection.headers();
    for (const [name, value] of Object.entries(headersOf(this.#query))) headers.set(name, value);
    headers.set('accept', 'text/event-stream');
    if (this.#position !== undefined) headers.set('last-event-id', this.#position);
    const request = new Request(connection.url + pathOf(this.#query), { headers, signal, cache: 'no-store' });
    this.#lastByte = Date.now();
    const watch = setInterval(() => {
      if (Date.now() - this.#lastByte > SILENCE) this.#connection.abort();
    }, SILENCE / 9);
    try {
      const response = await through(connection)(request);
      if (!response.ok || response.body === null) {
        throw errorFrom(response.status, await response.text(), response.headers);
      }
      const heard = (): void => {
        this.#lastByte = Date.now();
      };
      for await (const events of readEvents(response.body, heard)) {
        for (const event of events) this.#take(event);
        onEvent();
      }
    } finally {
      clearInterval(watch);
    }
  }

  #take({ event, data, id }: ServerEvent): void {
    const content = data === '' ? null : parse(data);
    if (event === 'end') throw errorFrom(0, data);
    if (event === 'snapshot' || event === 'reset') this.#reset(content as Whole<Row>);
    else if (event === 'insert' || event === 'update') this.#put(content as Put<Row>);
    else if (event === 'delete') this.#remove(idOf((content as Put<Row>).key));
    if (id === undefined) return;
    this.#position = id;
    const changes = this.#changes;
    this.#changes = [];
    if (changes.length === 0 && this.#state.status === 'live') return;
    const rows = changes.length === 0 ? this.#state.rows : this.#entries.map(({ row }) => row);
    this.#tell({ rows, status: 'live', error: null }, changes);
  }

  #reset({ keys, rows }: Whole<Row>): void {
    this.#entries = rows.map((row, index) => ({ id: idOf(keys[index]), row }));
    this.#known = new Map(this.#entries.map((entry) => [entry.id, entry]));
    this.#changes = [{ kind: 'reset' }];
  }

  #put({ key, row, after }: Put<Row>): void {
    const id = idOf(key);
    const known = this.#known.get(id);
    if (known) {
      this.#changes.push({ kind: 'update', row, before: known.row });
      known.row = row;
      if (after === undefined) return;
      this.#entries.splice(this.#entries.indexOf(known), 1);
    } else {
      this.#changes.push({ kind: 'insert', row });
    }
    const entry = known ?? { id, row };
    this.#known.set(id, entry);
    this.#entries.splice(after === undefined ? this.#entries.length : this.#placeAfter(after), 0, entry);
  }

  #placeAfter(key: unknown): number {
    const before = key === null ? undefined : this.#known.get(idOf(key));
    return before === undefined ? 0 : this.#entries.indexOf(before) + 1;
  }

  #remove(id: string): void {
    const known = this.#known.get(id);
    if (!known) return;
    this.#known.delete(id);
    this.#entries.splice(this.#entries.indexOf(known), 1);
    this.#changes.push({ kind: 'delete', row: known.row });
  }
}

interface Whole<Row> {
  readonly keys: readonly unknown[];
  readonly rows: readonly Row[];
}

interface Put<Row> {
  readonly key: unknown;
  readonly row: Row;
  /** The key of the row before it; null = it is the first; undefined = the order does not matter. */
  readonly after?: unknown;
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw ownError('ANSWER', 'What came is no JSON', 0, error);
  }
};
