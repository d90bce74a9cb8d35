/**
 * What the values of a document need of its rows: which columns, and whether all rows are read for a few numbers.
 */
import type {
  AggregateValue,
  ConnectionPlan,
  ConnectionValue,
  Member,
  RootValue,
  RowMembers,
  RowSource,
  RowsPlan,
  RowValue,
} from './document.ts';

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
    case 'object':
      return columnsNeeded(value.members);
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
    // they read the rows themselves
    case 'groups':
      return [];
    case 'edges':
      return value.members.flatMap((edge) =>
        edge.value.kind === 'node' ? columnsNeeded(edge.value.members) : [],
      );
    case 'aggregate':
      return columnsAggregated(value.members);
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

/** The columns of its rows that groups are made of. */
export const columnsOfGroups = ({
  by,
  aggregates: all,
}: Extract<RowSource, { kind: 'groups' }>): readonly string[] => [
  ...new Set([...by, ...all.flatMap(({ column }) => column ?? [])]),
];
