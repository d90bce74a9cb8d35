/**
 * The order of a collection, and the position in it that a cursor names.
 */
import { planField } from '../plan/fields.ts';
import type { PageKey } from '../plan/types.ts';
import type { Position } from '../request/ast.ts';
import { type Input, itemsOf, membersOf } from './input.ts';
import { fieldColumn, type Table, type TableColumn } from './model.ts';
import { parseCursor } from './node-id.ts';
import { type Planner, refusal } from './planner.ts';

interface Term {
  readonly column: TableColumn;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** The terms of `orderBy`, and the primary key after them, so that no two rows are equal in all. */
export function orderTerms(table: Table, input: Input | undefined): readonly Term[] {
  const asked = (input ? itemsOf(input) : []).flatMap((item): Term[] => {
    const members = membersOf(item).filter(([, direction]) => direction.value !== null);
    if (members.length > 1) {
      throw refusal(
        'Each element of orderBy names one field',
        'Put each of them into an element of its own, in the order in which they count.',
      );
    }
    return members.flatMap(([field, direction]) => {
      const column = fieldColumn(table, field);
      const name = String(direction.value);
      return column
        ? [{ column, descending: name.startsWith('Desc'), nullsFirst: name.endsWith('First') }]
        : [];
    });
  });
  return [...asked, ...table.key.map((column) => ({ column, descending: false, nullsFirst: false }))];
}

/** Of several terms of one column only the first orders anything. */
const isFirst = (term: Term, index: number, terms: readonly Term[]): boolean =>
  terms.findIndex(({ column }) => column === term.column) === index;

const isStored = ({ relation }: Table): boolean =>
  relation.kind === 'table' || relation.kind === 'partitioned table';

/** The keys that rows are ordered by. */
export const planKeys = (table: Table, terms: readonly Term[]): PageKey[] =>
  terms.filter(isFirst).map(({ column, descending, nullsFirst }) => {
    const nullable = column.column.nullable || !isStored(table);
    return {
      embedAlias: null,
      field: planField(table.relation, { name: column.column.name, path: [] }),
      descending,
      // an index serves only the place that its direction has by default: without nulls none other is needed
      nullsFirst: nullable ? nullsFirst : descending,
      nullable,
      needsType: false,
    };
  });

/** The position that a cursor names, by as many of the first terms as it has values. */
export function planPosition(
  planner: Planner,
  terms: readonly Term[],
  input: Input,
  direction: 'before' | 'after',
): Position {
  const counting = terms.flatMap((term, index) => (isFirst(term, index, terms) ? [index] : []));
  const given = parseCursor(input.value);
  if (given.length > terms.length) {
    throw refusal(
      'orderBy clause incompatible with pagination cursor',
      'Send a cursor with the orderBy that it came from.',
    );
  }
  // pg_graphql repeats the key where the order names it already
  const isRepeating = given.length === terms.length;
  const places = counting.map((place, index) => (isRepeating ? place : index));
  const values = places
    .slice(0, isRepeating ? places.length : given.length)
    .map((place) =>
      given[place] === null || given[place] === undefined
        ? null
        : planner.slot((variables) => parseCursor(input.read(variables))[place] ?? null),
    );
  return { direction, inclusive: false, order: '', values };
}
