/**
 * The field `groups` of connections: aggregates of the rows that have the same values in some fields.
 */
import { type GraphQLFieldConfigMap, GraphQLList, GraphQLNonNull, GraphQLObjectType } from 'graphql';
import { createFieldEnum, fieldEnumColumns } from './field-enum.ts';
import { means } from './meaning.ts';
import type { Table } from './model.ts';
import { SCALARS } from './scalar.ts';
import type { SchemaParts } from './schema-parts.ts';

/** `groups` of a table's connection, where its rows can be grouped; `aggregate` is the type of its aggregates. */
export function createGroupsField(
  parts: SchemaParts,
  table: Table,
  aggregate: GraphQLObjectType,
): GraphQLFieldConfigMap<unknown, unknown> {
  const field = createFieldEnum(table, 'AggregateGroup');
  if (field === null) return {};
  const key = new GraphQLObjectType({
    name: `${table.name}AggregateGroupKey`,
    description: `What the \`${table.name}\` records of a group have in common`,
    fields: () =>
      Object.fromEntries(
        fieldEnumColumns(table, 'AggregateGroup').map((column) => [
          column.field,
          { type: parts.valueType(column.type), extensions: means({ kind: 'column', column }) },
        ]),
      ),
  });
  const group = new GraphQLObjectType({
    name: `${table.name}AggregateGroup`,
    description: `\`${table.name}\` records with the same values`,
    fields: {
      key: { type: new GraphQLNonNull(key), extensions: means({ kind: 'group key' }) },
      aggregate: { type: new GraphQLNonNull(aggregate), extensions: means({ kind: 'aggregate' }) },
    },
  });
  return {
    groups: {
      type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(group))),
      args: {
        by: {
          type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(field))),
          description: 'The fields whose values make a group',
        },
        first: { type: SCALARS.Int, description: 'The first `n` groups, in the order of their keys' },
        offset: { type: SCALARS.Int, description: 'Skip `n` groups' },
      },
      description: 'Aggregates of the records matching the `filter`, by their values in some fields',
      extensions: means({ kind: 'groups', table }),
    },
  };
}
