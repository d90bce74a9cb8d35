/**
 * The input types of writes that pg_graphql does not have: upserts, and changes of several rows by their keys.
 */
import {
  GraphQLEnumType,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
} from 'graphql';
import { createFieldEnum } from './field-enum.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table } from './model.ts';
import type { SchemaParts } from './schema-parts.ts';

/** What becomes of rows that exist already. Its values are those of the plan. */
export const createConflictActionType = (): GraphQLEnumType =>
  new GraphQLEnumType({
    name: 'OnConflictAction',
    description: 'What becomes of records that exist already',
    values: {
      UPDATE: { value: 'merge', description: 'They get the values of the objects' },
      IGNORE: { value: 'ignore', description: 'They stay as they are, and are not answered' },
    },
  });

/** `onConflict` of an insert. */
export function conflictArgument(
  { conflictAction }: SchemaParts,
  table: Table,
): GraphQLFieldConfigArgumentMap {
  const field = createFieldEnum(table, 'Conflict');
  if (field === null) return {};
  const type = new GraphQLInputObjectType({
    name: `${table.name}OnConflict`,
    fields: {
      fields: {
        type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(field))),
        description: 'The fields by which a record is found to exist: those of a unique constraint',
      },
      action: { type: new GraphQLNonNull(conflictAction), defaultValue: 'merge' },
    },
  });
  return { onConflict: { type, description: 'What becomes of records that exist already' } };
}

/** `update...CollectionByPk`, where the key's columns are fields. */
export function updateByKey(parts: SchemaParts, table: Table): GraphQLFieldConfigMap<unknown, unknown> {
  const isServed = table.key.every(({ field }) => isName(field));
  const changed = table.columns.filter(
    (column) => column.updatable && isName(column.field) && !table.key.includes(column),
  );
  if (!isServed || changed.length === 0) return {};
  const input = new GraphQLInputObjectType({
    name: `${table.name}UpdateByPkInput`,
    fields: Object.fromEntries([
      ...table.key.map((column) => [
        column.field,
        {
          type: new GraphQLNonNull(parts.valueType(column.type)),
          extensions: means({ kind: 'column', column }),
        },
      ]),
      ...changed.map((column) => [
        column.field,
        { type: parts.valueType(column.type), extensions: means({ kind: 'column', column }) },
      ]),
    ]),
  });
  return {
    [`update${table.name}CollectionByPk`]: {
      type: new GraphQLNonNull(parts.typesOf(table).updateResponse),
      args: {
        objects: {
          type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(input))),
          description: 'Each object has the key of a record, and what is to become of it',
        },
      },
      description: `Updates the records of the \`${table.name}\` collection that have the keys of the objects`,
      extensions: means({ kind: 'update by key', table }),
    },
  };
}
