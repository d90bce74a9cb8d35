/**
 * The input types of orders (pg_graphql's documentation, "Ordering").
 */
import { GraphQLEnumType, GraphQLInputObjectType } from 'graphql';
import type { ColumnType } from './column-type.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table } from './model.ts';
import type { Reference } from './reference.ts';

/** The order types of one schema. */
export interface OrderTypes {
  readonly direction: GraphQLEnumType;
  readonly ofTable: (table: Table) => GraphQLInputObjectType;
}

const createDirectionType = (): GraphQLEnumType =>
  new GraphQLEnumType({
    name: 'OrderByDirection',
    description: 'Defines a per-field sorting order',
    values: {
      AscNullsFirst: { description: 'Ascending order, nulls first' },
      AscNullsLast: { description: 'Ascending order, nulls last' },
      DescNullsFirst: { description: 'Descending order, nulls first' },
      DescNullsLast: { description: 'Descending order, nulls last' },
    },
  });

const isOrdered = ({ type }: { readonly type: ColumnType }): boolean =>
  type.kind !== 'list' && !(type.kind === 'scalar' && type.scalar === 'JSON');

/** The references of a table that it can be ordered by. */
type ReferencesOf = (table: Table) => readonly Reference[];

function orderType(
  table: Table,
  direction: GraphQLEnumType,
  referencesOf: ReferencesOf,
  orderOf: (table: Table) => GraphQLInputObjectType,
): GraphQLInputObjectType {
  const columns = table.columns.filter(
    (column) => column.selectable && isOrdered(column) && isName(column.field),
  );
  return new GraphQLInputObjectType({
    name: `${table.name}OrderBy`,
    fields: () =>
      Object.fromEntries([
        ...referencesOf(table)
          .filter(({ field, toOne }) => toOne && isName(field))
          .map((reference) => [
            reference.field,
            { type: orderOf(reference.target), extensions: means({ kind: 'related', reference }) },
          ]),
        ...columns.map((column) => [
          column.field,
          { type: direction, extensions: means({ kind: 'column', column }) },
        ]),
      ]),
  });
}

/** Makes the order types of a schema. */
export function createOrderTypes(referencesOf: ReferencesOf): OrderTypes {
  const direction = createDirectionType();
  const orders = new Map<Table, GraphQLInputObjectType>();
  const ofTable = (table: Table): GraphQLInputObjectType => {
    const known = orders.get(table) ?? orderType(table, direction, referencesOf, ofTable);
    orders.set(table, known);
    return known;
  };
  return { direction, ofTable };
}
