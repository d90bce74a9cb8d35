/**
 * Plans of documents: trees of JSON objects whose keys the request chose, each read from rows. What rows are read
 * by which conditions is planned as it is for any other request (`types.ts`); these types say what their columns,
 * related rows and counts are called in the answer.
 */
import type { QualifiedName } from '../names.ts';
import type { Position } from '../request/ast.ts';
import type { CallPlan, MutatePlan, PageKey, PlannedLogic } from './types.ts';

/** How a value becomes JSON. */
export type ValueForm =
  /** As PostgreSQL makes JSON of its type. */
  | { readonly kind: 'plain' }
  /** As a string, so that nothing of it is lost. */
  | { readonly kind: 'text' }
  | { readonly kind: 'text list' }
  /** An enum with other names than its labels. */
  | { readonly kind: 'renamed'; readonly names: readonly (readonly [name: string, label: string])[] }
  | { readonly kind: 'renamed list'; readonly names: readonly (readonly [name: string, label: string])[] };

/** A key of an object and what stands under it. */
export interface Member<T> {
  readonly key: string;
  readonly value: T;
}

/** A text that does not depend on any row. */
export interface TextValue {
  readonly kind: 'text';
  readonly text: string;
}

/** What a member of a row's object shows. */
export type RowValue =
  | TextValue
  | { readonly kind: 'column'; readonly name: string; readonly form: ValueForm }
  /** A function over the row. */
  | { readonly kind: 'computed'; readonly routine: QualifiedName; readonly form: ValueForm }
  /** Schema, relation and key, by which the row can be found again. */
  | { readonly kind: 'node id'; readonly relation: QualifiedName; readonly columns: readonly string[] }
  | { readonly kind: 'record'; readonly record: RecordPlan }
  | { readonly kind: 'connection'; readonly connection: ConnectionPlan }
  /** Values of the same row in an object of their own. */
  | { readonly kind: 'object'; readonly members: RowMembers };

/** The object of a row. */
export type RowMembers = readonly Member<RowValue>[];

/** What rows are read from. */
export type RowSource =
  | { readonly kind: 'relation'; readonly name: QualifiedName }
  /** Rows of a relation's type, from a function over the parent's row. */
  | { readonly kind: 'computed'; readonly routine: QualifiedName; readonly rowType: QualifiedName }
  /** Rows of a relation's type, from a function. */
  | {
      readonly kind: 'call';
      readonly call: Pick<CallPlan, 'routine' | 'arguments'>;
      readonly rowType: QualifiedName;
    }
  /** Of other rows one for each combination of the values of some columns. */
  | {
      readonly kind: 'groups';
      readonly of: CountedRows;
      readonly by: readonly string[];
      readonly aggregates: readonly GroupAggregate[];
    };

/** Something that is said of all rows of a group, as a column under a name that no column of the rows has. */
export interface GroupAggregate {
  readonly name: string;
  readonly function: AggregateFunction | 'count';
  /** Null = the rows themselves are counted. */
  readonly column: string | null;
}

/** Rows: where they come from and which of them. */
export interface RowsPlan {
  readonly source: RowSource;
  /** Pairs [own column, column of the parent's row]. */
  readonly joins: readonly (readonly [own: string, parent: string])[];
  readonly where: readonly PlannedLogic[];
}

/** At most one row, as an object or null. */
export interface RecordPlan extends RowsPlan {
  readonly members: RowMembers;
}

/** A number that belongs to the shape, or that a slot of the request holds. */
export type Amount =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'slot'; readonly index: number };

export type EdgeValue =
  | TextValue
  | { readonly kind: 'cursor' }
  | { readonly kind: 'node'; readonly members: RowMembers };

export type PageInfoValue =
  | TextValue
  | { readonly kind: 'start cursor' | 'end cursor' | 'has next page' | 'has previous page' };

export type AggregateFunction = 'sum' | 'avg' | 'min' | 'max';

export type AggregateValue =
  | TextValue
  | { readonly kind: 'count' }
  | {
      readonly kind: 'columns';
      readonly aggregate: AggregateFunction;
      readonly members: readonly Member<
        TextValue | { readonly kind: 'aggregated'; readonly column: string }
      >[];
    };

export type ConnectionValue =
  | TextValue
  | { readonly kind: 'edges'; readonly members: readonly Member<EdgeValue>[] }
  | { readonly kind: 'page info'; readonly members: readonly Member<PageInfoValue>[] }
  | { readonly kind: 'total count' }
  /** All rows of the connection by their values in some columns; its source is of groups. */
  | { readonly kind: 'groups'; readonly groups: ConnectionPlan }
  | { readonly kind: 'aggregate'; readonly members: readonly Member<AggregateValue>[] };

/** Rows of another relation, at most one a row, whose columns order the rows. */
export interface OrderJoin {
  /** As the keys of the order name it. */
  readonly alias: string;
  readonly relation: QualifiedName;
  /** The join whose rows it belongs to; null = the rows themselves. */
  readonly parent: string | null;
  /** Pairs [own column, column of the parent's row]. */
  readonly joins: readonly (readonly [own: string, parent: string])[];
  /** Those that are needed. */
  readonly columns: readonly string[];
}

/** Of the rows that are equal in some columns only the first one. */
export interface DistinctRows {
  readonly columns: readonly string[];
  /** What is first: the order, begun with the columns. */
  readonly keys: readonly PageKey[];
}

/** All rows of a connection, whatever its page. */
export interface CountedRows extends RowsPlan {
  readonly orderJoins: readonly OrderJoin[];
  /** Null = every row. */
  readonly distinct: DistinctRows | null;
}

/** A page of rows, and what there is to say of all of them. */
export interface ConnectionPlan extends CountedRows {
  /** The order of the rows; no two rows are equal in all keys. */
  readonly keys: readonly PageKey[];
  /** The page ends with the last row, or before the position, instead of beginning there. */
  readonly backwards: boolean;
  readonly position: Position | null;
  readonly limit: Amount;
  readonly offset: Amount | null;
  readonly members: readonly Member<ConnectionValue>[];
}

/** A function's result that is no row. */
export interface ScalarCall {
  readonly call: Pick<CallPlan, 'routine' | 'arguments'>;
  readonly form: ValueForm;
}

/** A field of the document's root that the database answers. */
export type RootValue =
  | { readonly kind: 'connection'; readonly connection: ConnectionPlan }
  | { readonly kind: 'record'; readonly record: RecordPlan }
  | { readonly kind: 'scalar'; readonly scalar: ScalarCall };

export type WrittenValue =
  | TextValue
  | { readonly kind: 'affected count' }
  | { readonly kind: 'records'; readonly members: RowMembers };

/** A write and what is answered of its rows. */
export interface DocumentWrite {
  readonly mutate: MutatePlan;
  readonly members: readonly Member<WrittenValue>[];
}

/** One statement of a document: several reads at once, each a column of its answer, or one write. */
export type DocumentStep =
  | { readonly kind: 'read'; readonly values: readonly RootValue[] }
  | { readonly kind: 'write'; readonly write: DocumentWrite };
