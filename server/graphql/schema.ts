/**
 * The GraphQL schema of a role: types of its tables, their connections, filters and writes, and the functions it may
 * call, in pg_graphql's shape. It is built of graphql-js objects, whose fields are made when they are first asked
 * for, and which carry what they mean.
 */
import {
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  type GraphQLInputType,
  GraphQLInterfaceType,
  GraphQLList,
  type GraphQLNamedType,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLSchema,
} from 'graphql';
import { createAggregateType } from './aggregate-type.ts';
import type { ColumnType } from './column-type.ts';
import { createEnumTypes } from './enum-type.ts';
import { createConflictTypes } from './extension-types.ts';
import { createFieldEnum } from './field-enum.ts';
import { createFilterTypes } from './filter-types.ts';
import { createGroupsField } from './group-type.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Model, Table } from './model.ts';
import { createOrderTypes } from './order-types.ts';
import { buildReferences } from './reference.ts';
import { createRootFields } from './root-fields.ts';
import { buildComputedFields, buildRoutineFields } from './routine.ts';
import { SCALARS } from './scalar.ts';
import { required, type SchemaParts, type TableTypes } from './schema-parts.ts';
import { inputType, responseType } from './write-types.ts';

type Fields = GraphQLFieldConfigMap<unknown, unknown>;

const listOf = (type: GraphQLOutputType): GraphQLOutputType =>
  new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(type)));

const PAGE_INFO = (): GraphQLObjectType =>
  new GraphQLObjectType({
    name: 'PageInfo',
    fields: {
      endCursor: { type: SCALARS.String, extensions: means({ kind: 'end cursor' }) },
      hasNextPage: { type: required(SCALARS.Boolean), extensions: means({ kind: 'has next page' }) },
      hasPreviousPage: { type: required(SCALARS.Boolean), extensions: means({ kind: 'has previous page' }) },
      startCursor: { type: SCALARS.String, extensions: means({ kind: 'start cursor' }) },
    },
  });

function collectionArguments(
  { filters, orders, isExtended }: SchemaParts,
  table: Table,
): GraphQLFieldConfigArgumentMap {
  const distinct = isExtended ? createFieldEnum(table, 'Distinct') : null;
  return {
    first: { type: SCALARS.Int, description: 'Query the first `n` records in the collection' },
    last: { type: SCALARS.Int, description: 'Query the last `n` records in the collection' },
    before: {
      type: SCALARS.Cursor,
      description: 'Query values in the collection before the provided cursor',
    },
    after: { type: SCALARS.Cursor, description: 'Query values in the collection after the provided cursor' },
    offset: {
      type: SCALARS.Int,
      description:
        'Skip n values from the after cursor. Alternative to cursor pagination. Backward pagination not supported.',
    },
    filter: {
      type: filters.ofTable(table),
      description: 'Filters to apply to the results set when querying from the collection',
    },
    orderBy: {
      type: new GraphQLList(new GraphQLNonNull(orders.ofTable(table))),
      description: 'Sort order to apply to the collection',
    },
    ...(distinct === null
      ? {}
      : {
          distinctOn: {
            type: new GraphQLList(new GraphQLNonNull(distinct)),
            description: 'Of the records with the same values in these fields only the first one',
          },
        }),
  };
}

function rowFields(parts: SchemaParts, table: Table): Fields {
  const fields: Fields = {};
  if (table.key.length > 0) {
    fields['nodeId'] = {
      type: required(SCALARS.ID),
      description: 'Globally Unique Record Identifier',
      extensions: means({ kind: 'node id', table }),
    };
  }
  for (const column of table.columns) {
    if (!column.selectable || !isName(column.field)) continue;
    const type = parts.valueType(column.type);
    fields[column.field] = {
      type: column.column.nullable ? type : required(type),
      description: column.description,
      extensions: means({ kind: 'column', column }),
    };
  }
  for (const reference of parts.referencesOf(table)) {
    if (!isName(reference.field)) continue;
    const { node, connection } = parts.typesOf(reference.target);
    const type = reference.toOne ? node : connection;
    fields[reference.field] = {
      type: reference.nullable ? type : new GraphQLNonNull(type),
      ...(reference.toOne ? {} : { args: parts.collectionArguments(reference.target) }),
      extensions: means({ kind: 'reference', reference }),
    };
  }
  for (const computed of buildComputedFields(parts.model, table)) {
    const { result, field, description } = computed;
    fields[field] = {
      type: parts.resultType(result),
      description,
      ...(result.kind === 'connection' ? { args: parts.collectionArguments(result.table) } : {}),
      extensions: means({ kind: 'computed', computed }),
    };
  }
  return fields;
}

function connectionFields(parts: SchemaParts, table: Table, node: GraphQLObjectType): Fields {
  const edge = new GraphQLObjectType({
    name: `${table.name}Edge`,
    fields: {
      cursor: { type: required(SCALARS.String), extensions: means({ kind: 'cursor' }) },
      node: { type: new GraphQLNonNull(node), extensions: means({ kind: 'node' }) },
    },
  });
  const aggregate = table.aggregates ? createAggregateType(table) : null;
  return {
    edges: { type: listOf(edge), extensions: means({ kind: 'edges' }) },
    pageInfo: { type: new GraphQLNonNull(parts.pageInfo), extensions: means({ kind: 'page info' }) },
    ...(table.counts
      ? {
          totalCount: {
            type: required(SCALARS.Int),
            description: 'The total number of records matching the `filter` criteria',
            extensions: means({ kind: 'total count' }),
          },
        }
      : {}),
    ...(aggregate
      ? {
          aggregate: {
            type: aggregate,
            description: `Aggregate functions calculated on the collection of \`${table.name}\``,
            extensions: means({ kind: 'aggregate' }),
          },
          ...(parts.isExtended ? createGroupsField(parts, table, aggregate) : {}),
        }
      : {}),
  };
}

function createParts(model: Model, isExtended: boolean): SchemaParts {
  const enumOf = createEnumTypes();
  const references = buildReferences(model);
  const referencesOf = (table: Table) => (isExtended ? (references.get(table) ?? []) : []);
  const filters = createFilterTypes({ enumOf, isExtended, referencesOf });
  const orders = createOrderTypes(referencesOf);
  const node = new GraphQLInterfaceType({
    name: 'Node',
    fields: { nodeId: { type: required(SCALARS.ID), description: 'Retrieves a record by `ID`' } },
  });
  const pageInfo = PAGE_INFO();
  const types = new Map<Table, TableTypes>();
  const valueType = (type: ColumnType): GraphQLInputType & GraphQLOutputType => {
    if (type.kind === 'list') return new GraphQLList(valueType(type.of));
    return type.kind === 'enum' ? enumOf(type.enum) : SCALARS[type.scalar];
  };
  const typesOf = (table: Table): TableTypes => {
    const known = types.get(table);
    if (known) return known;
    const own = new GraphQLObjectType({
      name: table.name,
      description: table.description,
      interfaces: table.key.length > 0 ? [node] : [],
      fields: () => rowFields(parts, table),
    });
    const made: TableTypes = {
      node: own,
      connection: new GraphQLObjectType({
        name: `${table.name}Connection`,
        fields: () => connectionFields(parts, table, own),
      }),
      insertInput: inputType(parts, table, 'insert'),
      updateInput: inputType(parts, table, 'update'),
      insertResponse: responseType(`${table.name}InsertResponse`, own),
      updateResponse: responseType(`${table.name}UpdateResponse`, own),
      deleteResponse: responseType(`${table.name}DeleteResponse`, own),
    };
    types.set(table, made);
    return made;
  };
  const argumentMaps = new Map<Table, GraphQLFieldConfigArgumentMap>();
  const parts: SchemaParts = {
    model,
    filters,
    orders,
    typesOf,
    enumOf,
    isExtended,
    conflictOf: createConflictTypes(referencesOf),
    referencesOf: (table) => references.get(table) ?? [],
    node,
    pageInfo,
    valueType,
    collectionArguments: (table) => {
      const known = argumentMaps.get(table) ?? collectionArguments(parts, table);
      argumentMaps.set(table, known);
      return known;
    },
    resultType: (result) => {
      if (result.kind === 'value') return valueType(result.type);
      const { node: record, connection } = typesOf(result.table);
      return result.kind === 'record' ? record : connection;
    },
  };
  return parts;
}

/** Enums of the exposed schemas, whether a column has them or not. */
function enumTypes({ model, enumOf, filters }: SchemaParts): GraphQLNamedType[] {
  return [...model.catalog.types].flatMap(([key, type]) => {
    const { may, mayUse } = model.judge;
    if (type.kind !== 'enum' || !mayUse(type.schema) || !may(type.grants, 'USAGE')) return [];
    const found = model.typeOf(key);
    if (found?.kind !== 'enum') return [];
    return [enumOf(found.enum), filters.ofEnum(found.enum)];
  });
}

/** Builds the schema of a model; extended, it has what pg_graphql has not. */
export function buildSchema(model: Model, isExtended: boolean): GraphQLSchema {
  const parts = createParts(model, isExtended);
  const roots = createRootFields(parts, buildRoutineFields(model));
  const query = new GraphQLObjectType({
    name: 'Query',
    description: 'The root type for querying data',
    fields: roots.query,
  });
  const hasMutations = Object.keys(roots.mutation).length > 0;
  const mutation = new GraphQLObjectType({
    name: 'Mutation',
    description: 'The root type for creating and mutating data',
    fields: roots.mutation,
  });
  const subscription = new GraphQLObjectType({
    name: 'Subscription',
    description: 'The root type for following data: each result is the whole answer, whenever it has changed',
    fields: roots.subscription,
  });
  const hasSubscriptions = Object.keys(roots.subscription).length > 0;
  return new GraphQLSchema({
    query,
    ...(hasMutations ? { mutation } : {}),
    ...(hasSubscriptions ? { subscription } : {}),
    types: [
      ...Object.values(SCALARS),
      ...parts.filters.all,
      parts.pageInfo,
      parts.filters.filterIs,
      parts.orders.direction,
      ...[...model.tables.values()].map((table) => parts.typesOf(table).node),
      ...enumTypes(parts),
    ],
    // its names and their uniqueness are the model's to see to, and to look at all of it again takes long
    assumeValid: true,
  });
}
