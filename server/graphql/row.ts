/**
 * Rows and connections: selections on a table's type as plans.
 */
import type { FieldNode, GraphQLField, GraphQLObjectType, SelectionSetNode } from 'graphql';
import { getNamedType, isObjectType } from 'graphql';
import type {
  AggregateValue,
  Amount,
  ConnectionPlan,
  ConnectionValue,
  EdgeValue,
  GroupsPlan,
  GroupValue,
  Member,
  PageInfoValue,
  RecordPlan,
  RowMembers,
  RowSource,
  RowsPlan,
  RowValue,
  TextValue,
} from '../plan/document.ts';
import { formOf } from './column-type.ts';
import { planDistinct } from './distinct.ts';
import { planFilter } from './filter.ts';
import { argumentsOf, type Input } from './input.ts';
import { type FieldMeaning, meaningOf } from './meaning.ts';
import type { Table } from './model.ts';
import { planOrder, planPosition } from './order.ts';
import { type Planner, refusal, slotOf } from './planner.ts';
import type { Reference } from './reference.ts';
import type { ComputedField } from './routine.ts';
import { collectFields, selectionsOf } from './selection.ts';

/** A field that was selected: its nodes, its definition, and what it means. */
export interface Selected {
  readonly nodes: readonly FieldNode[];
  readonly definition: GraphQLField<unknown, unknown>;
  readonly meaning: FieldMeaning;
}

/** The members of an object, `__typename` among them. */
export function planMembers<T>(
  planner: Planner,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
  plan: (selected: Selected) => T,
): Member<T | TextValue>[] {
  const fields = type.getFields();
  return [...collectFields(planner.scope, type, sets)].map(([key, nodes]) => {
    const name = nodes[0]?.name.value ?? '';
    const definition = fields[name];
    if (!definition) return { key, value: { kind: 'text', text: type.name } };
    return { key, value: plan({ nodes, definition, meaning: meaningOf(definition) }) };
  });
}

/** The object type of a field. */
export function objectTypeOf({ definition }: Selected): GraphQLObjectType {
  const type = getNamedType(definition.type);
  if (!isObjectType(type)) throw new Error(`the field ${definition.name} has no object type`);
  return type;
}

const unexpected = ({ definition, meaning }: Selected): Error =>
  new Error(`the field ${definition.name} (${meaning.kind}) is out of its place`);

/** The members of what a field's objects show. */
const below = <T>(
  planner: Planner,
  selected: Selected,
  plan: (inner: Selected) => T,
): Member<T | TextValue>[] =>
  planMembers(planner, objectTypeOf(selected), selectionsOf(selected.nodes), plan);

export const inputsOf = (planner: Planner, { nodes, definition }: Selected): ReadonlyMap<string, Input> =>
  argumentsOf(nodes[0]?.arguments ?? [], definition.args, planner.scope.variables);

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

function pageInfoValue(selected: Selected): PageInfoValue {
  switch (selected.meaning.kind) {
    case 'start cursor':
    case 'end cursor':
    case 'has next page':
    case 'has previous page':
      return { kind: selected.meaning.kind };
    default:
      throw unexpected(selected);
  }
}

function aggregateValue(planner: Planner, selected: Selected): AggregateValue {
  const { meaning } = selected;
  if (meaning.kind === 'count') return { kind: 'count' };
  if (meaning.kind !== 'aggregated columns') throw unexpected(selected);
  const members = below(planner, selected, (inner) => {
    if (inner.meaning.kind !== 'aggregated') throw unexpected(inner);
    return { kind: 'aggregated' as const, column: inner.meaning.column.column.name };
  });
  return { kind: 'columns', aggregate: meaning.aggregate, members };
}

/** Aggregates of the rows with the same values in some fields. */
function planGroups(planner: Planner, table: Table, selected: Selected): GroupsPlan {
  const inputs = inputsOf(planner, selected);
  const by = [...new Set((inputs.get('by')?.value ?? []) as readonly string[])];
  if (by.length === 0) throw refusal('`by` must name at least one field');
  const [first, offset] = [inputs.get('first'), inputs.get('offset')];
  const most = mostRows(planner, table);
  return {
    by,
    limit: isGiven(first) ? amountOf(planner, 'first', first, most) : { kind: 'number', value: most },
    offset: isGiven(offset) ? amountOf(planner, 'offset', offset, null) : null,
    members: below(planner, selected, (inner): GroupValue => {
      if (inner.meaning.kind !== 'group key') {
        return { kind: 'aggregate', members: below(planner, inner, (item) => aggregateValue(planner, item)) };
      }
      return { kind: 'key', members: below(planner, inner, (item) => groupKey(item, by)) };
    }),
  };
}

function groupKey(selected: Selected, by: readonly string[]) {
  const { meaning, definition } = selected;
  if (meaning.kind !== 'column') throw unexpected(selected);
  const { column, type } = meaning.column;
  if (!by.includes(column.name)) {
    throw refusal(`\`${definition.name}\` is not grouped by`, 'Name it in the argument `by`, too.');
  }
  return { kind: 'column' as const, name: column.name, form: formOf(type) };
}

function connectionValue(planner: Planner, table: Table, selected: Selected): ConnectionValue {
  switch (selected.meaning.kind) {
    case 'edges':
      return {
        kind: 'edges',
        members: below(planner, selected, (inner) => edgeValue(planner, table, inner)),
      };
    case 'page info':
      return { kind: 'page info', members: below(planner, selected, pageInfoValue) };
    case 'total count':
      return { kind: 'total count' };
    case 'groups':
      return { kind: 'groups', groups: planGroups(planner, table, selected) };
    case 'aggregate':
      return {
        kind: 'aggregate',
        members: below(planner, selected, (inner) => aggregateValue(planner, inner)),
      };
    default:
      throw unexpected(selected);
  }
}

const isGiven = (input: Input | undefined): input is Input => input !== undefined && input.value !== null;

function refuseContradictions(given: (name: string) => boolean): void {
  const both = (a: string, b: string): boolean => given(a) && given(b);
  if (both('first', 'last')) throw refusal('only one of "first" and "last" may be provided');
  if (both('before', 'after')) throw refusal('only one of "before" and "after" may be provided');
  if (both('first', 'before')) throw refusal('"first" may only be used with "after"');
  if (both('last', 'after')) throw refusal('"last" may only be used with "before"');
  if (given('offset') && (given('last') || given('before'))) {
    throw refusal('"offset" may only be used with "first" and "after"');
  }
}

/** A number of rows, at most so many. */
function amountOf(planner: Planner, name: string, input: Input, most: number | null): Amount {
  const check = (value: unknown): number => {
    if (typeof value !== 'number' || value < 0) throw refusal(`\`${name}\` must be an unsigned integer`);
    return most === null ? value : Math.min(value, most);
  };
  const value = check(input.value);
  if (input.isFixed) return { kind: 'number', value };
  return { kind: 'slot', index: planner.slot((variables) => String(check(input.read(variables)))).index };
}

/** The most rows that a page of the table has, by its own directive and the server's setting. */
const mostRows = ({ context }: Planner, { maxRows }: Table): number =>
  Math.min(maxRows, context.options.dbMaxRows ?? Number.POSITIVE_INFINITY);

/** A page of rows. */
export function planConnection(
  planner: Planner,
  table: Table,
  selected: Selected,
  rows: RowsPlan,
): ConnectionPlan {
  const inputs = inputsOf(planner, selected);
  const input = (name: string): Input | undefined => inputs.get(name);
  refuseContradictions((name) => isGiven(input(name)));
  planner.touch(table.relation);
  const [before, after, first, last, offset] = ['before', 'after', 'first', 'last', 'offset'].map(input);
  const cursor = isGiven(before) ? before : after;
  const amount = isGiven(first) ? first : last;
  const most = mostRows(planner, table);
  const typeOf = (wanted: string) => selected.definition.args.find(({ name }) => name === wanted)?.type;
  const [filterType, orderType] = [typeOf('filter'), typeOf('orderBy')];
  if (!filterType || !orderType) throw new Error(`${selected.definition.name} is no collection`);
  const order = planOrder(planner, table, orderType, input('orderBy'));
  return {
    ...rows,
    where: [...rows.where, ...planFilter(planner, table, filterType, input('filter'))],
    keys: order.keys,
    orderJoins: order.joins,
    distinct: planDistinct(table, typeOf('distinctOn'), input('distinctOn'), order),
    backwards: isGiven(last) || isGiven(before),
    position: isGiven(cursor)
      ? planPosition(planner, order, cursor, isGiven(before) ? 'before' : 'after')
      : null,
    limit: isGiven(amount)
      ? amountOf(planner, isGiven(first) ? 'first' : 'last', amount, most)
      : { kind: 'number', value: most },
    offset: isGiven(offset) ? amountOf(planner, 'offset', offset, null) : null,
    members: below(planner, selected, (inner) => connectionValue(planner, table, inner)),
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
