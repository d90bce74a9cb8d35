/**
 * The field `groups` of connections: a connection of groups, each of the rows that have the same values in some fields.
 */
import {
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
} from 'graphql';
import { aggregateName, aggregatesOf } from './aggregate-type.ts';
import { createFieldEnum, fieldEnumColumns } from './field-enum.ts';
import { means } from './meaning.ts';
import type { Table } from './model.ts';
import { SCALARS } from './scalar.ts';
import { required, type SchemaParts } from './schema-parts.ts';

const listOf = <T extends GraphQLObjectType | GraphQLInputObjectType>(type: T) =>
  new GraphQLList(new GraphQLNonNull(type));

/** What the rows of a group have in common, and what there is to say of them. */
function groupType(parts: SchemaParts, table: Table, aggregate: GraphQLObjectType): GraphQLObjectType {
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
  return new GraphQLObjectType({
    name: `${table.name}AggregateGroup`,
    description: `\`${table.name}\` records with the same values`,
    fields: {
      key: { type: new GraphQLNonNull(key), extensions: means({ kind: 'group key' }) },
      aggregate: { type: new GraphQLNonNull(aggregate), extensions: means({ kind: 'aggregate' }) },
    },
  });
}

function connectionType(
  { pageInfo }: SchemaParts,
  table: Table,
  group: GraphQLObjectType,
): GraphQLObjectType {
  const edge = new GraphQLObjectType({
    name: `${table.name}AggregateGroupEdge`,
    fields: {
      cursor: { type: required(SCALARS.String), extensions: means({ kind: 'cursor' }) },
      node: { type: new GraphQLNonNull(group), extensions: means({ kind: 'node' }) },
    },
  });
  return new GraphQLObjectType({
    name: `${table.name}AggregateGroupConnection`,
    fields: {
      edges: { type: new GraphQLNonNull(listOf(edge)), extensions: means({ kind: 'edges' }) },
      pageInfo: { type: new GraphQLNonNull(pageInfo), extensions: means({ kind: 'page info' }) },
      totalCount: {
        type: required(SCALARS.Int),
        description: 'The number of groups',
        extensions: means({ kind: 'total count' }),
      },
    },
  });
}

/** Conditions on what there is to say of a group. */
function havingType({ filters }: SchemaParts, table: Table): GraphQLInputObjectType {
  const columnsType = (name: string, fields: GraphQLInputFieldConfigMap) =>
    new GraphQLInputObjectType({ name: `${table.name}${name}AggregateHaving`, fields });
  const made: GraphQLInputObjectType = new GraphQLInputObjectType({
    name: `${table.name}AggregateHaving`,
    description: `Conditions on the aggregates of groups of \`${table.name}\` records`,
    fields: () => {
      const fields: GraphQLInputFieldConfigMap = {};
      const count = filters.ofScalar('Int');
      if (count) fields['count'] = { type: count, extensions: means({ kind: 'count' }) };
      for (const [aggregate, columns] of aggregatesOf(table)) {
        const members = columns.flatMap(({ column, scalar }) => {
          const type = filters.ofScalar(scalar);
          return type
            ? [[column.field, { type, extensions: means({ kind: 'column', column }) }] as const]
            : [];
        });
        fields[aggregate] = {
          type: columnsType(aggregateName(aggregate), Object.fromEntries(members)),
          extensions: means({ kind: 'aggregated columns', aggregate }),
        };
      }
      fields['and'] = { type: listOf(made), extensions: means({ kind: 'and' }) };
      fields['or'] = { type: listOf(made), extensions: means({ kind: 'or' }) };
      fields['not'] = { type: made, extensions: means({ kind: 'not' }) };
      return fields;
    },
  });
  return made;
}

function orderType({ orders }: SchemaParts, table: Table): GraphQLInputObjectType {
  const type = orders.direction;
  const columnsType = (name: string, columns: ReturnType<typeof fieldEnumColumns>) =>
    new GraphQLInputObjectType({
      name: `${table.name}${name}OrderBy`,
      fields: Object.fromEntries(
        columns.map((column) => [column.field, { type, extensions: means({ kind: 'column', column }) }]),
      ),
    });
  const aggregates = aggregatesOf(table).map(([aggregate, columns]) => [
    aggregate,
    {
      type: columnsType(
        `${aggregateName(aggregate)}Aggregate`,
        columns.map(({ column }) => column),
      ),
      extensions: means({ kind: 'aggregated columns', aggregate }),
    },
  ]);
  return new GraphQLInputObjectType({
    name: `${table.name}AggregateGroupOrderBy`,
    fields: {
      key: {
        type: columnsType('AggregateGroupKey', fieldEnumColumns(table, 'AggregateGroup')),
        extensions: means({ kind: 'group key' }),
      },
      aggregate: {
        type: new GraphQLInputObjectType({
          name: `${table.name}AggregateOrderBy`,
          fields: {
            count: { type, extensions: means({ kind: 'count' }) },
            ...Object.fromEntries(aggregates),
          },
        }),
        extensions: means({ kind: 'aggregate' }),
      },
    },
  });
}

/** `groups` of a table's connection, where its rows can be grouped; `aggregate` is the type of its aggregates. */
export function createGroupsField(
  parts: SchemaParts,
  table: Table,
  aggregate: GraphQLObjectType,
): GraphQLFieldConfigMap<unknown, unknown> {
  const field = createFieldEnum(table, 'AggregateGroup');
  if (field === null) return {};
  const args: GraphQLFieldConfigArgumentMap = {
    by: {
      type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(field))),
      description: 'The fields whose values make a group',
    },
    having: { type: havingType(parts, table), description: 'Conditions that the groups meet' },
    orderBy: {
      type: listOf(orderType(parts, table)),
      description: 'The order of the groups; that of their keys comes last, or first where nothing is said',
    },
    first: { type: SCALARS.Int, description: 'The first `n` groups' },
    last: { type: SCALARS.Int, description: 'The last `n` groups' },
    before: { type: SCALARS.Cursor, description: 'The groups before the provided cursor' },
    after: { type: SCALARS.Cursor, description: 'The groups after the provided cursor' },
    offset: { type: SCALARS.Int, description: 'Skip `n` groups' },
  };
  return {
    groups: {
      type: new GraphQLNonNull(connectionType(parts, table, groupType(parts, table, aggregate))),
      args,
      description: 'Aggregates of the records matching the `filter`, by their values in some fields',
      extensions: means({ kind: 'groups', table }),
    },
  };
}
