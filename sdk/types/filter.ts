/** Which filters a column has, and with which values: by its kind, which generated types tell. */
import type { AnyRelation, Json, KindsOf } from './database.ts';

type Same = 'eq' | 'neq' | 'in' | 'is' | 'isdistinct';
type Compared = Same | 'gt' | 'gte' | 'lt' | 'lte';
type Search = 'fts' | 'plfts' | 'phfts' | 'wfts';
type Pattern = 'like' | 'ilike' | 'match' | 'imatch';
type Contained = 'cs' | 'cd';
type Placed = 'ov' | 'sl' | 'sr' | 'nxl' | 'nxr' | 'adj';

/** Operators by the kind of a column. */
export interface OperatorsOf {
  number: Compared;
  text: Compared | Pattern | Search;
  boolean: Same;
  time: Compared;
  uuid: Compared;
  enum: Compared;
  json: Same | Contained;
  array: Compared | Contained | 'ov';
  range: Compared | Contained | Placed;
  tsvector: Search | 'is';
  network: Compared;
  other: Same;
  unknown: Operator;
}

export type Operator = Compared | Search | Pattern | Contained | Placed;

/** `column->>path` is text, `column->path` JSON. */
export type ColumnName<Relation extends AnyRelation> =
  | (keyof Relation['Row'] & string)
  | `${keyof Relation['Row'] & string}->${string}`;

type KindOf<Relation extends AnyRelation, Column extends string> = Column extends `${string}->>${string}`
  ? 'text'
  : Column extends `${string}->${string}`
    ? 'json'
    : Column extends keyof KindsOf<Relation>
      ? KindsOf<Relation>[Column]
      : 'unknown';

export type OperatorFor<Relation extends AnyRelation, Column extends string> =
  KindOf<Relation, Column> extends infer Kind extends keyof OperatorsOf ? OperatorsOf[Kind] : Operator;

/** The columns that know an operator. */
export type ColumnWith<Relation extends AnyRelation, Op extends Operator> =
  | {
      [K in keyof Relation['Row'] & string]: Op extends OperatorFor<Relation, K> ? K : never;
    }[keyof Relation['Row'] & string]
  | (Op extends OperatorsOf['text'] ? `${keyof Relation['Row'] & string}->>${string}` : never)
  | (Op extends OperatorsOf['json'] ? `${keyof Relation['Row'] & string}->${string}` : never);

type Value<Relation extends AnyRelation, Column extends string> = Column extends keyof Relation['Row']
  ? NonNullable<Relation['Row'][Column]>
  : Column extends `${string}->>${string}`
    ? string
    : Json;

export interface TextSearch {
  readonly query: string;
  /** The text search configuration: `english`. */
  readonly config: string;
}

/** What an operator compares a column with. */
export type ValueFor<Relation extends AnyRelation, Column extends string, Op> = Op extends 'in'
  ? readonly Value<Relation, Column>[]
  : Op extends 'is'
    ?
        | null
        | 'not_null'
        | (KindOf<Relation, Column> extends 'boolean' | 'unknown' ? boolean | 'unknown' : never)
    : Op extends 'isdistinct'
      ? Value<Relation, Column> | null
      : Op extends Pattern
        ? string
        : Op extends Search
          ? string | TextSearch
          : Op extends Contained | Placed
            ? KindOf<Relation, Column> extends 'json'
              ? Json
              : Value<Relation, Column>
            : Value<Relation, Column>;
