/**
 * A request that is put together step by step. Each step gives a new query and leaves the old one as it was, so that
 * queries can be kept, shared and refined; a query is sent when it is awaited.
 */
import { type Condition, type Conditions, conditions } from './condition.ts';
import type { Result } from './error.ts';
import type { Live } from './realtime/live.ts';
import { run, type State } from './request.ts';
import type { AnyRelation, AnySchema, StarOf } from './types/database.ts';
import type { ColumnName, ColumnWith, Operator, OperatorFor, ValueFor } from './types/filter.ts';
import type { EmbeddedRelation, SelectRow, ValidSelect } from './types/select.ts';
import { condition } from './value.ts';

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
  /**
   * The rows, kept as they are in the database until the live query is closed.
   *
   * @throws AuraError where they are refused
   * @example
   * const tasks = await aura.from('tasks').select('id, title').eq('project_id', 1).live();
   * tasks.subscribe(({ rows }) => draw(rows));
   */
  async live(): Promise<Live<Row>> {
    // what most programs do without is loaded by those that need it
    const { Live } = await import('./realtime/live.ts');
    return new Live<Row>(this.state).ready();
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
