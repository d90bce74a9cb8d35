/**
 * Enums of a table's fields, for arguments that name some of them. Their values are the columns' own names.
 */
import { GraphQLEnumType } from 'graphql';
import { isName } from './inflection.ts';
import type { Table, TableColumn } from './model.ts';

/** What such enums are for: the ends of their names. */
export type FieldEnumUse = 'Conflict' | 'Distinct' | 'AggregateGroup';

/** GraphQL's own words cannot be values of enums. */
const RESERVED: ReadonlySet<string> = new Set(['true', 'false', 'null']);

/** Which fields are listed decides over the plan, unlike the items of other lists. */
export const isFieldEnum = (name: string): boolean => /(?:Conflict|Distinct|AggregateGroup)Field$/.test(name);

/** Whether rows can be told apart, grouped and ordered by the column. */
const isComparable = ({ type }: TableColumn): boolean =>
  type.kind !== 'list' && !(type.kind === 'scalar' && type.scalar === 'JSON');

/** The readable columns that the enum names; conflicts can be of any. */
export const fieldEnumColumns = (table: Table, use: FieldEnumUse): readonly TableColumn[] =>
  table.columns.filter(
    (column) =>
      column.selectable &&
      isName(column.field) &&
      !RESERVED.has(column.field) &&
      (use === 'Conflict' || isComparable(column)),
  );

/** The enum; null where there is no field to name. */
export function createFieldEnum(table: Table, use: FieldEnumUse): GraphQLEnumType | null {
  const columns = fieldEnumColumns(table, use);
  if (columns.length === 0) return null;
  return new GraphQLEnumType({
    name: `${table.name}${use}Field`,
    values: Object.fromEntries(columns.map(({ field, column }) => [field, { value: column.name }])),
  });
}
