/**
 * Reads in the terms of this test: what is asked for, with every name already resolved. `url.ts` writes one in the
 * grammar of REST, `sql.ts` as plain SQL; neither knows of the other.
 */

export type ColumnKind =
  | 'text'
  | 'integer'
  | 'numeric'
  | 'float'
  | 'boolean'
  | 'enum'
  | 'date'
  | 'timestamp'
  | 'texts'
  | 'integers'
  | 'range'
  | 'json'
  | 'lexemes';

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** A function of the row, which `*` does not select. */
  readonly computed: boolean;
}

export interface Table {
  readonly name: string;
  /** Columns that tell its rows apart. */
  readonly key: readonly string[];
  readonly columns: readonly Column[];
}

export interface Relationship {
  /** What the embed is called: a relation, a computed relationship, a foreign key or its column. */
  readonly name: string;
  readonly hint: string | null;
  readonly from: string;
  readonly to: string;
  readonly toOne: boolean;
  /** The condition between a row of `from` and one of `to`, given the names that they have in the query. */
  readonly on: (parent: string, child: string) => string;
}

export interface Step {
  readonly to: string | number;
  readonly asText: boolean;
}

export interface Field {
  readonly column: Column;
  readonly path: readonly Step[];
}

export type Aggregate = 'sum' | 'avg' | 'min' | 'max' | 'count';

export interface FieldItem {
  readonly kind: 'field';
  readonly field: Field;
  readonly alias: string | null;
  readonly cast: string | null;
  readonly aggregate: Aggregate | null;
  readonly aggregateCast: string | null;
}

export interface EmbedItem {
  readonly kind: 'embed';
  readonly relationship: Relationship;
  readonly alias: string | null;
  readonly spread: boolean;
  readonly inner: boolean;
  /** `rel()`: embedded for its filters alone. */
  readonly empty: boolean;
  readonly read: Read;
}

export type Item =
  | { readonly kind: 'star' }
  | { readonly kind: 'count'; readonly alias: string | null; readonly cast: string | null }
  | FieldItem
  | EmbedItem;

export interface Condition {
  readonly kind: 'condition';
  readonly field: Field;
  readonly negated: boolean;
  /** As the grammar calls it. */
  readonly operator: string;
  readonly modifier: 'any' | 'all' | null;
  readonly language: string | null;
  /** Several for `in` and for `any` and `all`. */
  readonly value: string | readonly string[];
}

export type Logic =
  | Condition
  /** `embed=is.null`: the embed has no rows. */
  | { readonly kind: 'null embed'; readonly embed: number; readonly negated: boolean; readonly word: boolean }
  | {
      readonly kind: 'tree';
      readonly operator: 'and' | 'or';
      readonly negated: boolean;
      readonly children: readonly Logic[];
    };

export interface Term {
  /** The position among the items of the to-one embed whose column it is; null = a column of its own. */
  readonly embed: number | null;
  readonly field: Field;
  readonly direction: 'asc' | 'desc' | null;
  readonly nulls: 'first' | 'last' | null;
}

export interface Read {
  readonly table: Table;
  readonly items: readonly Item[];
  readonly where: readonly Logic[];
  readonly order: readonly Term[];
  /** The order leaves no two rows without one. */
  readonly isTotal: boolean;
  readonly limit: number | null;
  readonly offset: number;
}

export type Format = 'array' | 'object' | 'stripped array' | 'stripped object';

/** A read and how it is asked for. */
export interface Question {
  readonly read: Read;
  /** The user whose token comes with it; null = anonymous. */
  readonly user: string | null;
  readonly format: Format;
  readonly counts: boolean;
  readonly isHead: boolean;
  /** Limit and offset come as a Range header, where one can say them. */
  readonly byRange: boolean;
}

export const isEmbed = (item: Item): item is EmbedItem => item.kind === 'embed';

/** What an embed is called in filters, orders and answers. */
export const nameOf = ({ alias, relationship }: EmbedItem): string => alias ?? relationship.name;

/** The key of a selected value in the answer. */
export function keyOf(item: Exclude<Item, EmbedItem | { kind: 'star' }>): string {
  if (item.alias !== null) return item.alias;
  if (item.kind === 'count') return 'count';
  if (item.aggregate !== null) return item.aggregate;
  const key = item.field.path.findLast(({ to }) => typeof to === 'string')?.to;
  return typeof key === 'string' ? key : item.field.column.name;
}

/** Whether the rows of a read are groups: it, or a to-one spread of it, has aggregates. */
export const isGrouped = (read: Read): boolean =>
  read.items.some(
    (item) =>
      item.kind === 'count' ||
      (item.kind === 'field' && item.aggregate !== null) ||
      (item.kind === 'embed' && item.spread && item.relationship.toOne && isGrouped(item.read)),
  );
