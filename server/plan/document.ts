/**
 * Plans of documents: trees of JSON objects whose keys the request chose, each read from rows. What rows are read
 * by which conditions is planned as it is for any other request (`types.ts`); these types say what their columns,
 * related rows and counts are called in the answer.
 */
import type { QualifiedName } from '../names.ts';
import type { Position } from '../request/ast.ts';
import type { CallPlan, DeletePlan, InsertPlan, PageKey, PlannedLogic, UpdatePlan } from './types.ts';

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
  | { readonly kind: 'connection'; readonly connection: ConnectionPlan };

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
    };

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

export type AggregateValue =
  | TextValue
  | { readonly kind: 'count' }
  | {
      readonly kind: 'columns';
      readonly aggregate: 'sum' | 'avg' | 'min' | 'max';
      readonly members: readonly Member<
        TextValue | { readonly kind: 'aggregated'; readonly column: string }
      >[];
    };

/** A group's values, and what there is to say of its rows. */
export type GroupValue =
  | TextValue
  | {
      readonly kind: 'key';
      readonly members: readonly Member<
        TextValue | { readonly kind: 'column'; readonly name: string; readonly form: ValueForm }
      >[];
    }
  | { readonly kind: 'aggregate'; readonly members: readonly Member<AggregateValue>[] };

/** Groups of all rows of the connection by some columns, in the order of these. */
export interface GroupsPlan {
  readonly by: readonly string[];
  readonly limit: Amount;
  readonly offset: Amount | null;
  readonly members: readonly Member<GroupValue>[];
}

export type ConnectionValue =
  | TextValue
  | { readonly kind: 'edges'; readonly members: readonly Member<EdgeValue>[] }
  | { readonly kind: 'page info'; readonly members: readonly Member<PageInfoValue>[] }
  | { readonly kind: 'total count' }
  | { readonly kind: 'groups'; readonly groups: GroupsPlan }
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

/** A page of rows, and what there is to say of all of them. */
export interface ConnectionPlan extends RowsPlan {
  /** The order of the rows; no two rows are equal in all keys. */
  readonly keys: readonly PageKey[];
  readonly orderJoins: readonly OrderJoin[];
  /** Null = every row. */
  readonly distinct: DistinctRows | null;
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
  readonly mutate: InsertPlan | UpdatePlan | DeletePlan;
  readonly members: readonly Member<WrittenValue>[];
}

/** One statement of a document: several reads at once, each a column of its answer, or one write. */
export type DocumentStep =
  | { readonly kind: 'read'; readonly values: readonly RootValue[] }
  | { readonly kind: 'write'; readonly write: DocumentWrite };

const aggregatesIn = (value: RowValue): boolean =>
  (value.kind === 'connection' && aggregates(value.connection)) ||
  (value.kind === 'record' && value.record.members.some((member) => aggregatesIn(member.value)));

function aggregates({ members }: ConnectionPlan): boolean {
  return members.some(({ value }) => {
    if (value.kind === 'aggregate' || value.kind === 'groups') return true;
    if (value.kind !== 'edges') return false;
    return value.members.some(
      (edge) => edge.value.kind === 'node' && edge.value.members.some((member) => aggregatesIn(member.value)),
    );
  });
}

/** Whether any of the values reads all rows of something for a few numbers. */
export const isAggregating = (values: readonly RootValue[]): boolean =>
  values.some((value) => value.kind !== 'scalar' && aggregatesIn(value));

const joinedColumns = ({ source, joins }: RowsPlan): readonly string[] =>
  source.kind === 'computed' ? ['*'] : joins.map(([, parent]) => parent);

function columnsOfValue(value: RowValue): readonly string[] {
  switch (value.kind) {
    case 'text':
      return [];
    case 'column':
      return [value.name];
    case 'node id':
      return value.columns;
    case 'computed':
      return ['*'];
    case 'record':
      return joinedColumns(value.record);
    case 'connection':
      return joinedColumns(value.connection);
  }
}

/** The columns of a row that what is shown of it needs; with `*` the row as a whole. */
export const columnsNeeded = (members: RowMembers): readonly string[] => [
  ...new Set(members.flatMap(({ value }) => columnsOfValue(value))),
];

const columnsAggregated = (members: readonly Member<AggregateValue>[]): readonly string[] =>
  members.flatMap(({ value }) =>
    value.kind === 'columns'
      ? value.members.flatMap((item) => (item.value.kind === 'aggregated' ? [item.value.column] : []))
      : [],
  );

function columnsShown(value: ConnectionValue): readonly string[] {
  switch (value.kind) {
    case 'text':
    case 'page info':
    case 'total count':
      return [];
    case 'edges':
      return value.members.flatMap((edge) =>
        edge.value.kind === 'node' ? columnsNeeded(edge.value.members) : [],
      );
    case 'aggregate':
      return columnsAggregated(value.members);
    case 'groups': {
      const { by, members } = value.groups;
      return [
        ...by,
        ...members.flatMap((item) =>
          item.value.kind === 'aggregate' ? columnsAggregated(item.value.members) : [],
        ),
      ];
    }
  }
}

/** The columns of its rows that a connection needs: for its order and for all that it shows; with `*` all of them. */
export const columnsOfConnection = ({ keys, orderJoins, members }: ConnectionPlan): readonly string[] => [
  ...new Set([
    ...keys.flatMap(({ embedAlias, field }) => (embedAlias === null ? [field.name] : [])),
    ...orderJoins.flatMap(({ parent, joins }) => (parent === null ? joins.map(([, other]) => other) : [])),
    ...members.flatMap(({ value }) => columnsShown(value)),
  ]),
];
