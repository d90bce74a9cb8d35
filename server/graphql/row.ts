/**
 * Rows and connections: selections on a table's type as plans.
 */
import type { GraphQLObjectType, SelectionSetNode } from 'graphql';
import type {
  ConnectionPlan,
  ConnectionValue,
  CountedRows,
  EdgeValue,
  RecordPlan,
  RowMembers,
  RowSource,
  RowsPlan,
  RowValue,
} from '../plan/document.ts';
import { planAggregates } from './aggregate.ts';
import { formOf } from './column-type.ts';
import { planDistinct } from './distinct.ts';
import { planFilter } from './filter.ts';
import { planGroups } from './groups.ts';
import type { Input } from './input.ts';
import type { Table } from './model.ts';
import { planOrder, planPosition } from './order.ts';
import { planPage } from './page-arguments.ts';
import { planPageInfo } from './page-info.ts';
import { type Planner, slotOf } from './planner.ts';
import type { Reference } from './reference.ts';
import type { ComputedField } from './routine.ts';
import { below, inputsOf, objectTypeOf, planMembers, type Selected, unexpected } from './selected.ts';
import { selectionsOf } from './selection.ts';

/** What is shown of the rows of a table. */
export function planRow(
  planner: Planner,
  table: Table,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
): RowMembers {
  planner.touch(table.relation);
  return planMembers(planner, type, sets, (selected) => rowValue(planner, selected));
}

function rowValue(planner: Planner, selected: Selected): RowValue {
  const { meaning } = selected;
  switch (meaning.kind) {
    case 'column': {
      const { column, type } = meaning.column;
      return { kind: 'column', name: column.name, form: formOf(type) };
    }
    case 'node id': {
      const { relation, key } = meaning.table;
      return { kind: 'node id', relation: relation.name, columns: key.map(({ column }) => column.name) };
    }
    case 'reference':
      return referenceValue(planner, selected, meaning.reference);
    case 'computed':
      return computedValue(planner, selected, meaning.computed);
    default:
      throw unexpected(selected);
  }
}

function referenceValue(
  planner: Planner,
  selected: Selected,
  { target, toOne, columns }: Reference,
): RowValue {
  const rows: RowsPlan = {
    source: { kind: 'relation', name: target.relation.name },
    joins: columns.map(([own, other]) => [other, own]),
    where: [],
  };
  return toOne
    ? { kind: 'record', record: planRecord(planner, target, selected, rows) }
    : { kind: 'connection', connection: planConnection(planner, target, selected, rows) };
}

function computedValue(planner: Planner, selected: Selected, { routine, result }: ComputedField): RowValue {
  if (result.kind === 'value') return { kind: 'computed', routine, form: formOf(result.type) };
  const source: RowSource = { kind: 'computed', routine, rowType: result.table.relation.name };
  const rows: RowsPlan = { source, joins: [], where: [] };
  return result.kind === 'record'
    ? { kind: 'record', record: planRecord(planner, result.table, selected, rows) }
    : { kind: 'connection', connection: planConnection(planner, result.table, selected, rows) };
}

/** One row of a table. */
export const planRecord = (
  planner: Planner,
  table: Table,
  selected: Selected,
  rows: RowsPlan,
): RecordPlan => ({
  ...rows,
  members: planRow(planner, table, objectTypeOf(selected), selectionsOf(selected.nodes)),
});

function edgeValue(planner: Planner, table: Table, selected: Selected): EdgeValue {
  if (selected.meaning.kind === 'cursor') return { kind: 'cursor' };
  if (selected.meaning.kind !== 'node') throw unexpected(selected);
  const members = planRow(planner, table, objectTypeOf(selected), selectionsOf(selected.nodes));
  return { kind: 'node', members };
}

function connectionValue(
  planner: Planner,
  table: Table,
  rows: CountedRows,
  selected: Selected,
): ConnectionValue {
  switch (selected.meaning.kind) {
    case 'edges':
      return {
        kind: 'edges',
        members: below(planner, selected, (inner) => edgeValue(planner, table, inner)),
      };
    case 'page info':
      return { kind: 'page info', members: below(planner, selected, planPageInfo) };
    case 'total count':
      return { kind: 'total count' };
    case 'groups':
      return { kind: 'groups', groups: planGroups(planner, table, rows, selected) };
    case 'aggregate':
      return { kind: 'aggregate', members: planAggregates(planner, selected) };
    default:
      throw unexpected(selected);
  }
}

/** A page of rows. */
export function planConnection(
  planner: Planner,
  table: Table,
  selected: Selected,
  rows: RowsPlan,
): ConnectionPlan {
  planner.touch(table.relation);
  const inputs = inputsOf(planner, selected);
  const typeOf = (wanted: string) => selected.definition.args.find(({ name }) => name === wanted)?.type;
  const [filterType, orderType] = [typeOf('filter'), typeOf('orderBy')];
  if (!filterType || !orderType) throw new Error(`${selected.definition.name} is no collection`);
  const order = planOrder(planner, table, orderType, inputs.get('orderBy'));
  const counted: CountedRows = {
    ...rows,
    where: [...rows.where, ...planFilter(planner, table, filterType, inputs.get('filter'))],
    orderJoins: order.joins,
    distinct: planDistinct(table, typeOf('distinctOn'), inputs.get('distinctOn'), order),
  };
  const page = planPage(planner, table, inputs, (cursor, direction) =>
    planPosition(planner, order, cursor, direction),
  );
  return {
    ...counted,
    ...page,
    keys: order.keys,
    members: below(planner, selected, (inner) => connectionValue(planner, table, counted, inner)),
  };
}

/** Arguments of a function, those that were given; `null` is given. */
export const planArguments = (
  planner: Planner,
  parameters: readonly {
    readonly name: string;
    readonly parameter: { readonly name: string; readonly castType: string };
  }[],
  inputs: ReadonlyMap<string, Input>,
) =>
  parameters.flatMap(({ name, parameter }) => {
    const input = inputs.get(name);
    if (input === undefined) return [];
    const operands = [slotOf(planner, input)];
    return [{ name: parameter.name, type: parameter.castType, variadic: false, operands }];
  });
