/** Columns of a select, with their paths and casts, and aggregates. */
import type { AnyRelation, Json, StarOf } from './database.ts';
import type { Nothing, SelectError, Trim, Unquoted } from './text.ts';

/** `alias:column->path::type` */
export type FieldOf<H extends string, Relation extends AnyRelation> = H extends ''
  ? Nothing
  : H extends '*'
    ? StarOf<Relation>
    : H extends `${infer Alias}:${infer Expression}`
      ? Expression extends `:${string}`
        ? Plain<H, Relation>
        : Rename<Plain<Expression, Relation>, Unquoted<Alias>>
      : Plain<H, Relation>;

type Rename<Field, Name extends string> =
  Field extends SelectError<string> ? Field : { [K in Name]: Field[keyof Field] };

type Plain<E extends string, Relation extends AnyRelation> = E extends `${infer Path}::${infer Type}`
  ? Cast<PathOf<Path, Relation>, Type>
  : PathOf<E, Relation>;

type PathOf<E extends string, Relation extends AnyRelation> = E extends `${infer Column}->${infer Path}`
  ? Unquoted<Column> extends infer C extends keyof Relation['Row']
    ? { [K in LastKey<Path, C & string>]: Walk<Relation['Row'][C], Path> }
    : NoColumn<Column>
  : Unquoted<E> extends infer C extends keyof Relation['Row'] & string
    ? { [K in C]: Relation['Row'][C] }
    : // how many there are, as it was written before aggregates had parentheses
      E extends 'count'
      ? { count: number }
      : NoColumn<E>;

type NoColumn<Name extends string> = SelectError<`There is no column '${Trim<Name>}'`>;

/** A path is called by its last key; numbers are none. */
type LastKey<Path extends string, Otherwise extends string> = Path extends `${infer Key}->${infer Rest}`
  ? LastKey<Rest, KeyOr<Key, Otherwise>>
  : KeyOr<Path, Otherwise>;
type KeyOr<Key extends string, Otherwise extends string> =
  Bare<Key> extends `${number}` ? Otherwise : Bare<Key>;
/** `->>key` is cut into `>key`. */
type Bare<Key extends string> = Key extends `>${infer Rest}` ? Unquoted<Rest> : Unquoted<Key>;

type Walk<T, Path extends string> = Path extends `>${string}`
  ? string | null
  : Path extends `${infer Key}->${infer Rest}`
    ? Walk<At<T, Unquoted<Key>>, Rest>
    : At<T, Unquoted<Path>>;

/** What JSON has at a key; nothing is null. */
type At<T, Key extends string> = unknown extends T
  ? unknown
  : NonNullable<T> extends infer Value
    ? Value extends readonly (infer Item)[]
      ? Key extends `${number}`
        ? Item | null
        : null
      : Value extends object
        ? Key extends keyof Value
          ?
              | Exclude<Value[Key], undefined>
              | (undefined extends Value[Key] ? null : never)
              | (null extends T ? null : never)
          : string extends keyof Value
            ? Json
            : null
        : null
    : never;

interface Casts {
  text: string;
  varchar: string;
  uuid: string;
  date: string;
  time: string;
  timestamp: string;
  timestamptz: string;
  interval: string;
  int: number;
  int2: number;
  int4: number;
  int8: number;
  integer: number;
  smallint: number;
  bigint: number;
  numeric: number;
  real: number;
  float4: number;
  float8: number;
  bool: boolean;
  boolean: boolean;
  json: Json;
  jsonb: Json;
}

type Cast<Field, Type extends string> =
  Field extends SelectError<string> ? Field : { [K in keyof Field]: CastValue<Field[K], Trim<Type>> };
type CastValue<T, Type extends string> = Type extends keyof Casts
  ? null extends T
    ? Casts[Type] | null
    : Casts[Type]
  : unknown;

type AggregateName = 'sum' | 'avg' | 'min' | 'max' | 'count';

interface Aggregate {
  readonly alias: string;
  /** Empty: all rows. */
  readonly column: string;
  readonly name: string;
}

export type AggregateOf<H extends string> = H extends `${infer Alias}:${infer Rest}`
  ? Rest extends `:${string}`
    ? AggregateExpression<H, never>
    : AggregateExpression<Rest, Unquoted<Alias>>
  : AggregateExpression<H, never>;

type AggregateExpression<E extends string, Alias extends string> = E extends 'count'
  ? { alias: [Alias] extends [never] ? 'count' : Alias; column: ''; name: 'count' }
  : E extends `${infer Column}.${infer Name extends AggregateName}`
    ? { alias: [Alias] extends [never] ? Name : Alias; column: Column; name: Name }
    : never;

export type AggregateField<A extends Aggregate, AfterCast extends string, Relation extends AnyRelation> =
  AggregateValue<A, Relation> extends infer Value
    ? [Value] extends [SelectError<string>]
      ? Value
      : { [K in A['alias']]: AfterCast extends `::${infer Type}` ? CastValue<Value, Trim<Type>> : Value }
    : never;

type AggregateValue<A extends Aggregate, Relation extends AnyRelation> = A['name'] extends 'count'
  ? A['column'] extends ''
    ? number
    : CheckColumn<A['column'], Relation, number>
  : A['name'] extends 'sum' | 'avg'
    ? CheckColumn<A['column'], Relation, number | null>
    : Plain<A['column'], Relation> extends infer Field
      ? Field extends SelectError<string>
        ? Field
        : Field[keyof Field] | null
      : never;

type CheckColumn<Column extends string, Relation extends AnyRelation, Value> =
  Plain<Column, Relation> extends infer Field ? (Field extends SelectError<string> ? Field : Value) : never;
