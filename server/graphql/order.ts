/**
 * The order of a collection, and the position in it that a cursor names.
 */
import { type GraphQLInputType, isInputObjectType, isListType, isNonNullType } from 'graphql';
import type { OrderJoin } from '../plan/document.ts';
import { planField } from '../plan/fields.ts';
import type { PageKey } from '../plan/types.ts';
import type { Position } from '../request/ast.ts';
import { type Input, itemsOf, membersOf } from './input.ts';
import { inputMeaningOf } from './meaning.ts';
import { columnOf, type Table, type TableColumn } from './model.ts';
import { parseCursor } from './node-id.ts';
import { type Planner, refusal } from './planner.ts';
import type { Reference } from './reference.ts';

/** A column that orders rows, of the rows themselves or of one that they refer to. */
interface Term {
  readonly table: Table;
  readonly column: TableColumn;
  /** The references that lead to the column's table; none = the rows' own. */
  readonly through: readonly Reference[];
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** An order, ready to be walked. */
export interface PlannedOrder {
  readonly terms: readonly Term[];
  readonly keys: readonly PageKey[];
  readonly joins: readonly OrderJoin[];
}

const inner = (type: GraphQLInputType): GraphQLInputType =>
  isNonNullType(type) || isListType(type) ? inner(type.ofType) : type;

function termOf(
  table: Table,
  type: GraphQLInputType,
  input: Input,
  through: readonly Reference[],
): Term | null {
  const named = inner(type);
  const members = membersOf(input).filter(([, direction]) => direction.value !== null);
  const [only, ...others] = members;
  if (others.length > 0) {
    throw refusal(
      'Each element of orderBy names one field',
      'Put each of them into an element of its own, in the order in which they count.',
    );
  }
  if (only === undefined || !isInputObjectType(named)) return null;
  const [name, direction] = only;
  const field = named.getFields()[name];
  const meaning = field && inputMeaningOf(field);
  if (meaning?.kind === 'related') {
    const { reference } = meaning;
    return termOf(reference.target, field?.type ?? named, direction, [...through, reference]);
  }
  if (meaning?.kind !== 'column') return null;
  const way = String(direction.value);
  return {
    table,
    column: meaning.column,
    through,
    descending: way.startsWith('Desc'),
    nullsFirst: way.endsWith('First'),
  };
}

/** The key of one of the table's columns, ascending. */
export function keyOfColumn(table: Table, name: string): PageKey {
  const nullable = columnOf(table, name)?.column.nullable !== false || !isStored(table);
  return {
    embedAlias: null,
    field: planField(table.relation, { name, path: [] }),
    descending: false,
    nullsFirst: false,
    nullable,
    needsType: false,
  };
}

/** The terms of `orderBy`, and the primary key after them, so that no two rows are equal in all. */
function orderTerms(table: Table, type: GraphQLInputType, input: Input | undefined): readonly Term[] {
  const asked = (input ? itemsOf(input) : []).flatMap((item) => termOf(table, type, item, []) ?? []);
  const key = table.key.map((column) => ({
    table,
    column,
    through: [],
    descending: false,
    nullsFirst: false,
  }));
  return [...asked, ...key];
}

const isSame = (a: Term, b: Term): boolean =>
  a.column === b.column &&
  a.through.length === b.through.length &&
  a.through.every((reference, index) => reference === b.through[index]);

/** Of several terms of one column only the first orders anything. */
const isFirst = (term: Term, index: number, terms: readonly Term[]): boolean =>
  terms.findIndex((other) => isSame(other, term)) === index;

const isStored = ({ relation }: Table): boolean =>
  relation.kind === 'table' || relation.kind === 'partitioned table';

/** Joins the rows that references lead to, each once. */
function createJoins(planner: Planner) {
  const joins: (OrderJoin & { readonly reference: Reference })[] = [];
  const aliasOf = (through: readonly Reference[], column: TableColumn): string | null => {
    let parent: string | null = null;
    for (const [index, reference] of through.entries()) {
      const next = through[index + 1];
      const needed: readonly string[] = next ? next.columns.map(([own]) => own) : [column.column.name];
      const known = joins.findIndex((join) => join.reference === reference && join.parent === parent);
      const found: (typeof joins)[number] = joins[known] ?? {
        reference,
        parent,
        alias: planner.alias(),
        relation: reference.target.relation.name,
        joins: reference.columns.map(([own, other]) => [other, own]),
        columns: [],
      };
      planner.touch(reference.target.relation);
      const joined = { ...found, columns: [...new Set([...found.columns, ...needed])] };
      if (known < 0) joins.push(joined);
      else joins[known] = joined;
      parent = found.alias;
    }
    return parent;
  };
  return { joins, aliasOf };
}

/** Plans the order of a collection. */
export function planOrder(
  planner: Planner,
  table: Table,
  type: GraphQLInputType,
  input: Input | undefined,
): PlannedOrder {
  const terms = orderTerms(table, type, input);
  const { joins, aliasOf } = createJoins(planner);
  const keys = terms.filter(isFirst).map((term): PageKey => {
    const { column, descending, nullsFirst, through } = term;
    const nullable = through.length > 0 || column.column.nullable || !isStored(table);
    return {
      embedAlias: aliasOf(through, column),
      field: planField(term.table.relation, { name: column.column.name, path: [] }),
      descending,
      // an index serves only the place that its direction has by default: without nulls none other is needed
      nullsFirst: nullable ? nullsFirst : descending,
      nullable,
      needsType: false,
    };
  });
  return { terms, keys, joins: joins.map(({ reference: _, ...join }) => join) };
}

const doesNotFit = (): Error =>
  refusal(
    'orderBy clause incompatible with pagination cursor',
    'Send a cursor with the orderBy that it came from.',
  );

/** A position by those values of a cursor that stand at these places. */
function positionOf(
  planner: Planner,
  input: Input,
  places: readonly number[],
  direction: 'before' | 'after',
): Position {
  const given = parseCursor(input.value);
  const values = places.map((place) =>
    given[place] === null || given[place] === undefined
      ? null
      : planner.slot((variables) => parseCursor(input.read(variables))[place] ?? null),
  );
  return { direction, inclusive: false, order: '', values };
}

/** The position that a cursor names, by as many of the first terms as it has values. */
export function planPosition(
  planner: Planner,
  { terms }: PlannedOrder,
  input: Input,
  direction: 'before' | 'after',
): Position {
  const counting = terms.flatMap((term, index) => (isFirst(term, index, terms) ? [index] : []));
  const given = parseCursor(input.value);
  if (given.length > terms.length) throw doesNotFit();
  // pg_graphql repeats the key where the order names it already
  const isRepeating = given.length === terms.length;
  const places = counting.map((place, index) => (isRepeating ? place : index));
  return positionOf(planner, input, places.slice(0, isRepeating ? places.length : given.length), direction);
}

/** The position that a cursor of ours names in an order of so many keys. */
export function planCursor(
  planner: Planner,
  keys: number,
  input: Input,
  direction: 'before' | 'after',
): Position {
  if (parseCursor(input.value).length !== keys) throw doesNotFit();
  return positionOf(
    planner,
    input,
    Array.from({ length: keys }, (_, index) => index),
    direction,
  );
}
