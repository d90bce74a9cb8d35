/**
 * Several queries in one transaction: all of them happen, or none. Later ones can use what earlier ones answered:
 * a value that is not there yet is a reference, which the server fills in.
 */
import { AuraError, errorFrom, type Result } from './error.ts';
import { headersOf, pathOf, read, request, type State } from './request.ts';
import { pointerOf, REFERENCE } from './value.ts';

export interface BatchOptions {
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

/** What will be answered: every value in it can be used in place of the value itself. */
type Ahead<T> = T extends readonly (infer Item)[]
  ? readonly [Ahead<Item>, ...Ahead<Item>[]]
  : T extends object
    ? { readonly [K in keyof T]: Ahead<T[K]> }
    : T;
type AheadOf<Answers extends readonly unknown[]> = { readonly [K in keyof Answers]: Ahead<Answers[K]> };

/** A query, of whatever relation. */
interface Sendable<Data> extends PromiseLike<Result<Data>> {
  readonly state: State;
}

/** A place in an answer, which writes itself as a reference in a body (`toJSON`) and in a filter. */
const ahead = (pointer: string): object =>
  new Proxy(() => undefined, {
    has: (_target, key) => key === REFERENCE,
    get: (_target, key) => {
      if (key === REFERENCE) return pointer;
      if (key === 'toJSON') return () => ({ $ref: pointer });
      if (typeof key === 'symbol') return undefined;
      return ahead(`${pointer}/${encodeURIComponent(key.replace(/~/g, '~0').replace(/\//g, '~1'))}`);
    },
  });

/** Whether there is a reference in a body. */
const refers = (value: unknown): boolean =>
  pointerOf(value) !== undefined ||
  (typeof value === 'object' && value !== null && Object.values(value).some((inner) => refers(inner)));

/** Data that looks like a reference, beside some that are. */
const looksLike = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.hasOwn(value, '$ref') || Object.values(value).some((inner) => looksLike(inner)));

const bodyOf = ({ body }: State): object => {
  if (body === undefined) return {};
  if (!refers(body)) return { body, literal: true };
  if (looksLike(body)) throw new TypeError('A body with references must not have keys that are called $ref.');
  return { body };
};

export class Batched<Answers extends readonly unknown[]> {
  readonly #queries: readonly Sendable<unknown>[];
  readonly #options: BatchOptions;

  constructor(queries: readonly Sendable<unknown>[], options: BatchOptions) {
    this.#queries = queries;
    this.#options = options;
  }

  /** One more query, or what makes it of the answers before it. */
  add<Data>(
    query: Sendable<Data> | ((before: AheadOf<Answers>) => Sendable<Data>),
  ): Batched<[...Answers, Data]> {
    const before = this.#queries.map((_query, i) => ahead(`#/${i}/body`));
    const made = typeof query === 'function' ? query(before as never) : query;
    return new Batched<[...Answers, Data]>([...this.#queries, made], this.#options);
  }

  /** Sends it. The error of a query is the error of all; `error.details` and so on are that one's. */
  async run(): Promise<Result<Answers>> {
    const [first] = this.#queries;
    if (first === undefined) throw new TypeError('A batch has no queries.');
    const requests = this.#queries.map(({ state }) => ({
      method: state.method,
      path: pathOf(state),
      headers: headersOf(state),
      ...bodyOf(state),
    }));
    const state: State = {
      ...first.state,
      method: 'POST',
      path: '/',
      parameters: [],
      prefer: [],
      schema: '',
      accept: 'application/json',
      body: { requests, ...this.#options },
    };
    let headers = new Headers();
    try {
      const { response, body } = await request(state, { 'content-type': 'application/vnd.aura.batch+json' });
      headers = response.headers;
      const { status } = response;
      if (!response.ok) throw errorFrom(status, body);
      const { results }: { results: readonly { status: number; body: unknown }[] } = JSON.parse(body);
      const data = results.map((result, i) => this.#answer(i, result)) as readonly unknown[] as Answers;
      return { ok: true, data, error: null, status, count: null, headers };
    } catch (error) {
      if (!(error instanceof AuraError)) throw error;
      return { ok: false, data: null, error, status: error.status, count: null, headers };
    }
  }

  #answer(index: number, { status, body }: { readonly status: number; readonly body: unknown }): unknown {
    const shape = this.#queries[index]?.state.shape ?? 'rows';
    // text comes as a string, JSON as it is
    return shape === 'text' ? body : read(shape, status, JSON.stringify(body));
  }
}

/**
 * @example
 * const { data } = await batch()
 *   .add(aura.from('tasks').insert({ project_id: 1, title: 'Write' }).select('id'))
 *   .add(([tasks]) => aura.from('comments').insert({ task_id: tasks[0].id, body: 'Who has an idea?' }))
 *   .run();
 */
export const batch = (options: BatchOptions = {}): Batched<[]> => new Batched<[]>([], options);
