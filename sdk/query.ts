/**
 * A request that is put together step by step. Each step gives a new query and leaves the old one as it was, so that
 * queries can be kept, shared and refined; a query is sent when it is awaited.
 */
import { AuraError, errorFrom, ownError, type Result } from './error.ts';
import { type Call, send, type Transport } from './transport.ts';
import type { AnyRelation, AnySchema, RelationName, RelationOf, StarOf } from './types/database.ts';
import type { ColumnName, ColumnWith, Operator, OperatorFor, ValueFor } from './types/filter.ts';
import type { EmbeddedRelation, SelectRow, ValidSelect } from './types/select.ts';
import { condition } from './value.ts';

/** How a client speaks for somebody. */
export interface Connection extends Transport {
  /** Of the REST API, without a slash at its end. */
  readonly url: string;
  /** Headers for everything: key, token, the user's own. */
  readonly headers: () => Promise<Headers>;
  /** Tells clients apart, for caches. */
  readonly scope: string;
}

export interface State {
  readonly connection: Connection;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE';
  /** `/tasks` */
  readonly path: string;
  /** Names and values, percent-encoded. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly schema: string;
  readonly prefer: readonly string[];
  readonly accept: string;
  /** What the body is made of; undefined = there is none. */
  readonly body: unknown;
  readonly shape: 'rows' | 'one' | 'maybe' | 'text' | 'nothing';
  readonly signal: AbortSignal | undefined;
  readonly timeout: number | undefined;
  readonly retries: number | undefined;
}

export interface OrderOptions {
  readonly ascending?: boolean;
  readonly nulls?: 'first' | 'last';
}

export type Count = 'exact' | 'planned' | 'estimated';

export interface ExplainOptions {
  readonly analyze?: boolean;
  readonly verbose?: boolean;
  readonly buffers?: boolean;
  readonly settings?: boolean;
}

/** A condition within `or` and `and`. */
export interface Condition {
  readonly text: string;
}

/** Makes conditions: `c('estimate', 'gt', 8)`. */
export interface Conditions<Relation extends AnyRelation> {
  <Column extends ColumnName<Relation>, Op extends OperatorFor<Relation, Column>>(
    column: Column,
    operator: Op,
    value: ValueFor<Relation, Column, Op>,
  ): Condition;
  and(...conditions: readonly Condition[]): Condition;
  or(...conditions: readonly Condition[]): Condition;
  not(condition: Condition): Condition;
}

const conditions = <Relation extends AnyRelation>(): Conditions<Relation> => {
  const make = (column: string, operator: string, value: unknown): Condition => ({
    text: `${encodeURIComponent(column)}.${condition(operator, value, true)}`,
  });
  const group =
    (name: string) =>
    (...parts: readonly Condition[]): Condition => ({
      text: `${name}(${parts.map(({ text }) => text).join()})`,
    });
  const not = ({ text }: Condition): Condition => ({
    text: /^(?:and|or)\(/.test(text) ? `not.${text}` : text.replace('.', '.not.'),
  });
  return Object.assign(make, { and: group('and'), or: group('or'), not });
};

/** Without spaces and line breaks, but for those in quotes. */
const compact = (select: string): string => select.replace(/("[^"]*")|\s+/g, '$1');

/**
 * Filters, order and limits of the rows of a relation.
 * Type parameters: the schema, the relation, the select's text, and what is answered.
 */
export class Query<Schema extends AnySchema, Relation extends AnyRelation, Text extends string, Row, Data>
  implements PromiseLike<Result<Data>>
{
  readonly state: State;
  /** What stands before the names of parameters: the path of an embed. */
  protected readonly place: string;

  constructor(state: State, place = '') {
    this.state = state;
    this.place = place;
  }

  protected with(change: Partial<State>): this {
    return new Query({ ...this.state, ...change }, this.place) as never;
  }

  protected add(name: string, value: string): this {
    return this.with({
      parameters: [...this.state.parameters, [encodeURIComponent(this.place + name), value]],
    });
  }

  protected set(name: string, value: string): this {
    const key = encodeURIComponent(this.place + name);
    const others = this.state.parameters.filter(([other]) => other !== key);
    return this.with({ parameters: [...others, [key, value]] });
  }

  // Filters ----------------------------------------------------------------------------------------------------------

  /** Any operator that the column knows: `where('tags', 'cs', ['urgent'])`. */
  where<Column extends ColumnName<Relation>, Op extends OperatorFor<Relation, Column>>(
    column: Column,
    operator: Op,
    value: ValueFor<Relation, Column, Op>,
  ): this {
    return this.add(column, condition(operator, value, false));
  }
  /** The opposite of `where`. */
  not<Column extends ColumnName<Relation>, Op extends OperatorFor<Relation, Column>>(
    column: Column,
    operator: Op,
    value: ValueFor<Relation, Column, Op>,
  ): this {
    return this.add(column, `not.${condition(operator, value, false)}`);
  }
  protected filter(column: string, operator: Operator, value: unknown): this {
    return this.add(column, condition(operator, value, false));
  }
  eq<Column extends ColumnWith<Relation, 'eq'>>(
    column: Column,
    value: ValueFor<Relation, Column, 'eq'>,
  ): this {
    return this.filter(column, 'eq', value);
  }
  neq<Column extends ColumnWith<Relation, 'neq'>>(
    column: Column,
    value: ValueFor<Relation, Column, 'neq'>,
  ): this {
    return this.filter(column, 'neq', value);
  }
  gt<Column extends ColumnWith<Relation, 'gt'>>(
    column: Column,
    value: ValueFor<Relation, Column, 'gt'>,
  ): this {
    return this.filter(column, 'gt', value);
  }
  gte<Column extends ColumnWith<Relation, 'gte'>>(
    column: Column,
    value: ValueFor<Relation, Column, 'gte'>,
  ): this {
    return this.filter(column, 'gte', value);
  }
  lt<Column extends ColumnWith<Relation, 'lt'>>(
    column: Column,
    value: ValueFor<Relation, Column, 'lt'>,
  ): this {
    return this.filter(column, 'lt', value);
  }
  lte<Column extends ColumnWith<Relation, 'lte'>>(
    column: Column,
    value: ValueFor<Relation, Column, 'lte'>,
  ): this {
    return this.filter(column, 'lte', value);
  }
  like<Column extends ColumnWith<Relation, 'like'>>(column: Column, pattern: string): this {
    return this.filter(column, 'like', pattern);
  }
  ilike<Column extends ColumnWith<Relation, 'ilike'>>(column: Column, pattern: string): this {
    return this.filter(column, 'ilike', pattern);
  }
  in<Column extends ColumnWith<Relation, 'in'>>(
    column: Column,
    values: ValueFor<Relation, Column, 'in'>,
  ): this {
    return this.filter(column, 'in', values);
  }
  is<Column extends ColumnWith<Relation, 'is'>>(
    column: Column,
    value: ValueFor<Relation, Column, 'is'>,
  ): this {
    return this.filter(column, 'is', value);
  }
  /** One of several: `or((c) => [c('priority', 'eq', 'urgent'), c.and(c('estimate', 'gt', 8), ...)])`. */
  or(build: (c: Conditions<Relation>) => readonly Condition[]): this {
    return this.add(
      'or',
      `(${build(conditions<Relation>())
        .map(({ text }) => text)
        .join()})`,
    );
  }

  // Order and pages --------------------------------------------------------------------------------------------------

  /** Further calls order what is equal so far. */
  order(column: ColumnName<Relation>, { ascending = true, nulls }: OrderOptions = {}): this {
    const key = encodeURIComponent(`${this.place}order`);
    const before = this.state.parameters.find(([name]) => name === key)?.[1];
    const term = `${encodeURIComponent(column)}${ascending ? '' : '.desc'}${nulls === undefined ? '' : `.nulls${nulls}`}`;
    return this.set('order', before === undefined ? term : `${before},${term}`);
  }
  limit(rows: number): this {
    return this.set('limit', String(rows));
  }
  offset(rows: number): this {
    return this.set('offset', String(rows));
  }
  /** Filters, order and limit of the rows of an embed, by its name in the select. */
  embed<Name extends string>(
    name: Name,
    build: (
      rows: Rows<
        Schema,
        [EmbeddedRelation<Schema, Relation, Text, Name>] extends [never]
          ? { readonly Row: Record<string, unknown> }
          : EmbeddedRelation<Schema, Relation, Text, Name>
      >,
    ) => { readonly state: State },
  ): this {
    return this.with(build(new Query(this.state, `${this.place}${name}.`) as never).state);
  }

  // How --------------------------------------------------------------------------------------------------------------

  protected preferring(preference: string): this {
    return this.with({ prefer: [...this.state.prefer, preference] });
  }
  /** Counts all rows that fit the filters, into the result's `count`. */
  count(how: Count = 'exact'): this {
    return this.preferring(`count=${how}`);
  }
  /** Milliseconds; 0 = no limit. */
  timeout(milliseconds: number): this {
    return this.with({ timeout: milliseconds });
  }
  signal(signal: AbortSignal): this {
    return this.with({ signal });
  }
  /** How often to try at most; only reads are sent again. */
  attempts(attempts: number): this {
    return this.with({ retries: attempts });
  }
  /** Refuses, and changes nothing, where more rows would be written. */
  maxAffected(rows: number): this {
    return this.with({ prefer: [...this.state.prefer, 'handling=strict', `max-affected=${rows}`] });
  }

  // What comes back --------------------------------------------------------------------------------------------------

  /** What to answer of the rows; of a write without it nothing comes back. */
  select(): Query<Schema, Relation, '*', StarOf<Relation>, StarOf<Relation>[]>;
  select<const T extends string>(
    columns: ValidSelect<T, SelectRow<Schema, Relation, T>>,
  ): Query<Schema, Relation, T, SelectRow<Schema, Relation, T>, SelectRow<Schema, Relation, T>[]>;
  select(columns?: unknown): unknown {
    const selected = this.set('select', encodeURIComponent(compact(String(columns ?? '*'))));
    const isWrite = this.state.method !== 'GET' && this.state.shape === 'nothing';
    return isWrite
      ? selected.with({ prefer: [...this.state.prefer, 'return=representation'], shape: 'rows' })
      : selected;
  }
  /** The one row; an error where there is none, or more. */
  single(): Query<Schema, Relation, Text, Row, Row> {
    return this.with({ accept: 'application/vnd.pgrst.object+json', shape: 'one' }) as never;
  }
  /** The one row, or null where there is none; an error where there are more. */
  maybeSingle(): Query<Schema, Relation, Text, Row, Row | null> {
    const { method, parameters } = this.state;
    const isBounded = method !== 'GET' || parameters.some(([name]) => name === 'limit');
    // two are enough to know that there are more
    return (isBounded ? this : this.limit(2)).with({ shape: 'maybe' }) as never;
  }
  /** The count alone. */
  head(): Query<Schema, Relation, Text, Row, null> {
    return this.with({ method: 'HEAD', shape: 'nothing' }) as never;
  }
  csv(): Query<Schema, Relation, Text, Row, string> {
    return this.with({ accept: 'text/csv', shape: 'text' }) as never;
  }
  /** The execution plan, where the server tells it (`db-plan-enabled`). */
  explain(options: ExplainOptions = {}): Query<Schema, Relation, Text, Row, unknown> {
    const wished = Object.entries(options).flatMap(([name, is]) => (is === true ? [name] : []));
    const accept = `application/vnd.pgrst.plan+json; for="application/json"; options=${wished.join('|')}`;
    return this.with({ accept, shape: 'rows' }) as never;
  }

  // Sending ----------------------------------------------------------------------------------------------------------

  // biome-ignore lint/suspicious/noThenProperty: a query is sent when it is awaited
  then<A = Result<Data>, B = never>(
    resolve?: ((result: Result<Data>) => A | PromiseLike<A>) | null,
    reject?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return run<Data>(this.state).then(resolve, reject);
  }
  /** The data alone. @throws AuraError */
  async orThrow(): Promise<Data> {
    const result = await run<Data>(this.state);
    if (!result.ok) throw result.error;
    return result.data;
  }
}

/** Rows of a relation, as filters see them. */
export type Rows<Schema extends AnySchema, Relation extends AnyRelation> = Query<
  Schema,
  Relation,
  '*',
  StarOf<Relation>,
  StarOf<Relation>[]
>;

/** The relation of a name, where a client knows it. */
export type Named<Schema extends AnySchema, Name extends RelationName<Schema>> = RelationOf<Schema, Name>;

/** The path with its query, as batches write it, too. */
export const pathOf = ({ path, parameters }: State): string =>
  parameters.length === 0
    ? path
    : `${path}?${parameters.map(([name, value]) => `${name}=${value}`).join('&')}`;

/** The headers that a query needs beside those of its client. */
export const headersOf = ({ method, schema, prefer, accept, body }: State): Record<string, string> => ({
  accept,
  ...(schema === ''
    ? {}
    : { [method === 'GET' || method === 'HEAD' ? 'accept-profile' : 'content-profile']: schema }),
  ...(prefer.length === 0 ? {} : { prefer: prefer.join(', ') }),
  ...(body === undefined ? {} : { 'content-type': 'application/json' }),
});

/** Sends a query as it is described; `more` headers come on top. */
export const request = async (
  state: State,
  more: Readonly<Record<string, string>> = {},
  url = state.connection.url + pathOf(state),
): Promise<{ response: Response; body: string }> => {
  const headers = await state.connection.headers();
  for (const [name, value] of Object.entries({ ...headersOf(state), ...more })) headers.set(name, value);
  const call: Call = {
    url,
    method: state.method,
    headers,
    body: state.body === undefined ? undefined : JSON.stringify(state.body),
    signal: state.signal,
    timeout: state.timeout,
    retries: state.retries,
  };
  return send(state.connection, call);
};

/** What the body of an answer means. @throws AuraError */
export const read = (shape: State['shape'], status: number, body: string): unknown => {
  if (shape === 'text') return body;
  if (shape === 'nothing' || body === '') return null;
  const data: unknown = parse(status, body);
  if (shape !== 'maybe') return data;
  if (!Array.isArray(data)) return data;
  if (data.length > 1) throw ownError('PGRST116', 'There is more than one row', 406);
  return data[0] ?? null;
};

const parse = (status: number, body: string): unknown => {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw ownError('ANSWER', 'The answer is no JSON', status, error);
  }
};

const countOf = (headers: Headers): number | null => {
  const total = headers.get('content-range')?.split('/')[1];
  return total === undefined || total === '*' ? null : Number(total);
};

export const run = async <Data>(state: State): Promise<Result<Data>> => {
  let headers = new Headers();
  try {
    const { response, body } = await request(state);
    headers = response.headers;
    const { status } = response;
    if (!response.ok) throw errorFrom(status, body, headers);
    const data = read(state.shape, status, body) as Data;
    return { ok: true, data, error: null, status, count: countOf(headers), headers };
  } catch (error) {
    if (!(error instanceof AuraError)) throw error;
    return { ok: false, data: null, error, status: error.status, count: null, headers };
  }
};
