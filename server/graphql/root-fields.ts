/**
 * The fields of the roots: what can be queried, and what can be written or called.
 */
import {
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  GraphQLList,
  GraphQLNonNull,
} from 'graphql';
import { withoutLength } from './column-type.ts';
import { updateByKey } from './extension-types.ts';
import { isName, lowerFirst } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table } from './model.ts';
import type { RoutineArgument, RoutineField } from './routine.ts';
import { SCALARS } from './scalar.ts';
import { required, type SchemaParts } from './schema-parts.ts';

type Fields = GraphQLFieldConfigMap<unknown, unknown>;

/** Types of keys by which a record can be asked for; others have no text that is surely the same. */
const KEY_TYPES: ReadonlySet<string> = new Set([
  'smallint',
  'integer',
  'bigint',
  'text',
  'character varying',
  'character',
  'uuid',
]);

const isKeyType = (type: string): boolean => KEY_TYPES.has(type) || /(?:^|\.)citext$/.test(type);

function byKey(parts: SchemaParts, table: Table): Fields {
  const isServed = table.key.every(
    ({ column, field }) => isKeyType(withoutLength(column.declaredType)) && isName(field),
  );
  if (!isServed) return {};
  const args: GraphQLFieldConfigArgumentMap = Object.fromEntries(
    table.key.map(({ field, column, type }) => [
      field,
      { type: required(parts.valueType(type)), description: `The record's \`${column.name}\` value` },
    ]),
  );
  return {
    [`${lowerFirst(table.name)}ByPk`]: {
      type: parts.typesOf(table).node,
      args,
      description: `Retrieve a record of type \`${table.name}\` by its primary key`,
      extensions: means({ kind: 'by key', table }),
    },
  };
}

const collection = (parts: SchemaParts, table: Table): Fields => ({
  [`${lowerFirst(table.name)}Collection`]: {
    type: new GraphQLNonNull(parts.typesOf(table).connection),
    args: parts.collectionArguments(table),
    description: `A pagable collection of type \`${table.name}\``,
    extensions: means({ kind: 'collection', table }),
  },
});

const atMost = {
  type: new GraphQLNonNull(SCALARS.Int),
  description: 'The maximum number of records in the collection permitted to be affected',
  defaultValue: 1,
};

function writes(parts: SchemaParts, table: Table): Fields {
  const types = parts.typesOf(table);
  const filter = {
    type: parts.filters.ofTable(table),
    description: "Restricts the mutation's impact to records matching the criteria",
  };
  const fields: Fields = {};
  if (table.insertable) {
    const objects = new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(types.insertInput)));
    fields[`insertInto${table.name}Collection`] = {
      type: types.insertResponse,
      args: {
        objects: { type: objects },
        ...(parts.isExtended
          ? {
              onConflict: {
                type: parts.conflictOf(table),
                description: 'What becomes of records that exist already',
              },
            }
          : {}),
      },
      description: `Adds one or more \`${table.name}\` records to the collection`,
      extensions: means({ kind: 'insert', table }),
    };
  }
  if (table.updatable) {
    fields[`update${table.name}Collection`] = {
      type: new GraphQLNonNull(types.updateResponse),
      args: {
        set: {
          type: new GraphQLNonNull(types.updateInput),
          description: 'Fields that are set will be updated for all records matching the `filter`',
        },
        filter,
        atMost,
      },
      description: `Updates zero or more records in the \`${table.name}\` collection`,
      extensions: means({ kind: 'update', table }),
    };
  }
  if (table.updatable && parts.isExtended) Object.assign(fields, updateByKey(parts, table));
  if (table.deletable) {
    fields[`deleteFrom${table.name}Collection`] = {
      type: new GraphQLNonNull(types.deleteResponse),
      args: { filter, atMost },
      description: `Deletes zero or more records from the \`${table.name}\` collection`,
      extensions: means({ kind: 'delete', table }),
    };
  }
  return fields;
}

/** A default that GraphQL can show; others are PostgreSQL's alone. */
function shownDefault({ parameter, type }: RoutineArgument): unknown {
  const text = parameter.default;
  if (text === null || type.kind !== 'scalar') return undefined;
  switch (type.scalar) {
    case 'Int':
      return /^-?\d+$/.test(text) ? Number(text) : undefined;
    case 'Float':
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
    case 'Boolean':
      return text === 'true' || text === 'false' ? text === 'true' : undefined;
    case 'String':
      return parameter.type === 'text'
        ? /^'((?:[^'\\]|'')*)'::text$/.exec(text)?.[1]?.replaceAll("''", "'")
        : undefined;
    default:
      return undefined;
  }
}

function call(parts: SchemaParts, routine: RoutineField): GraphQLFieldConfig<unknown, unknown> {
  const args: GraphQLFieldConfigArgumentMap = {};
  for (const argument of routine.arguments) {
    const type = parts.valueType(argument.type);
    const shown = shownDefault(argument);
    args[argument.name] = {
      type: argument.parameter.required ? required(type) : type,
      ...(shown === undefined ? {} : { defaultValue: shown }),
    };
  }
  const { result } = routine;
  return {
    type: parts.resultType(result),
    args:
      result.kind === 'connection' ? { ...args, ...parts.collectionArguments(result.table), ...args } : args,
    description: routine.description,
    extensions: means({ kind: 'call', routine }),
  };
}

/** By name; the default order of strings, without a comparison of ours, is the fast one for thousands of them. */
function sorted(fields: Fields): Fields {
  const inOrder: Fields = {};
  for (const name of Object.keys(fields).sort()) {
    const field = fields[name];
    if (field !== undefined) inOrder[name] = field;
  }
  return inOrder;
}

/** Changes of what is behind a view are not known. */
const isFollowed = ({ relation: { kind } }: Table): boolean =>
  kind === 'table' || kind === 'partitioned table';

/** The fields of the roots, by name. */
export interface RootFields {
  readonly query: Fields;
  readonly mutation: Fields;
  /** Queries of tables, which can be followed. */
  readonly subscription: Fields;
}

/** Makes the fields of the roots. A function never takes the place of a table's field. */
export function createRootFields(parts: SchemaParts, routines: readonly RoutineField[]): RootFields {
  const query: Fields = {
    node: {
      type: parts.node,
      args: { nodeId: { type: required(SCALARS.ID), description: "The record's `ID`" } },
      description: 'Retrieve a record by its `ID`',
      extensions: means({ kind: 'by node id' }),
    },
  };
  const mutation: Fields = {};
  const subscription: Fields = {};
  for (const table of parts.model.tables.values()) {
    const reads = { ...collection(parts, table), ...byKey(parts, table) };
    Object.assign(query, reads);
    if (parts.isExtended && isFollowed(table)) Object.assign(subscription, reads);
    Object.assign(mutation, writes(parts, table));
  }
  for (const routine of routines) {
    const root = routine.routine.volatility === 'volatile' ? mutation : query;
    root[routine.field] ??= call(parts, routine);
  }
  return { query: sorted(query), mutation: sorted(mutation), subscription: sorted(subscription) };
}
