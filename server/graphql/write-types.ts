/** The types that tables are written with: what is put in, and what comes back. */
import { GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLObjectType } from 'graphql';
import { nestedFields } from './extension-types.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table, TableColumn } from './model.ts';
import { SCALARS } from './scalar.ts';
import { required, type SchemaParts } from './schema-parts.ts';

/** What comes back of a write. */
export function responseType(name: string, node: GraphQLObjectType): GraphQLObjectType {
  return new GraphQLObjectType({
    name,
    fields: {
      affectedCount: {
        type: required(SCALARS.Int),
        description: 'Count of the records impacted by the mutation',
        extensions: means({ kind: 'affected count' }),
      },
      records: {
        type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(node))),
        description: 'Array of records impacted by the mutation',
        extensions: means({ kind: 'records' }),
      },
    },
  });
}

/** Keys that sequences make can be given where there are upserts, and references to rows that exist already. */
const isWritten = (
  { isExtended }: SchemaParts,
  { insertable, assignable, updatable }: TableColumn,
  use: 'insert' | 'update',
): boolean => (use === 'update' ? updatable : insertable || (isExtended && assignable));

/** The values of a row that is written. */
export function inputType(
  parts: SchemaParts,
  table: Table,
  use: 'insert' | 'update',
): GraphQLInputObjectType {
  return new GraphQLInputObjectType({
    name: `${table.name}${use === 'insert' ? 'Insert' : 'Update'}Input`,
    fields: () => ({
      ...Object.fromEntries(
        table.columns
          .filter((column) => isWritten(parts, column, use) && isName(column.field))
          .map((column) => [
            column.field,
            { type: parts.valueType(column.type), extensions: means({ kind: 'column', column }) },
          ]),
      ),
      ...(use === 'insert' && parts.isExtended ? nestedFields(parts, table) : {}),
    }),
  });
}
