/**
 * The input types of writes that pg_graphql does not have: rows of several tables in one insert, upserts, and changes
 * of several rows by their keys.
 */
import {
  GraphQLEnumType,
  type GraphQLFieldConfigMap,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
} from 'graphql';
import { createFieldEnum } from './field-enum.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table } from './model.ts';
import type { Reference } from './reference.ts';
import type { SchemaParts } from './schema-parts.ts';

/** What becomes of rows that exist already. Its values are those of the plan. */
const createConflictActionType = (): GraphQLEnumType =>
  new GraphQLEnumType({
    name: 'OnConflictAction',
    description: 'What becomes of records that exist already',
    values: {
      UPDATE: { value: 'merge', description: 'They get the values of the objects' },
      IGNORE: {
        value: 'ignore',
        description: 'They stay as they are, and are answered only where objects nest',
      },
    },
  });

/** The references along which rows can be inserted together with those of the table. */
export const nestedReferences = (table: Table, references: readonly Reference[]): readonly Reference[] =>
  references.filter(
    ({ field, target }) =>
      target.insertable &&
      isName(field) &&
      !table.columns.some((item) => (item.insertable || item.assignable) && item.field === field),
  );

/** The fields by which an insert's objects hold those of other tables. */
export const nestedFields = (
  { typesOf, referencesOf }: SchemaParts,
  table: Table,
): GraphQLInputFieldConfigMap =>
  Object.fromEntries(
    nestedReferences(table, referencesOf(table)).map((reference) => {
      const { insertInput } = typesOf(reference.target);
      const type = reference.toOne ? insertInput : new GraphQLList(new GraphQLNonNull(insertInput));
      return [reference.field, { type, extensions: means({ kind: 'related', reference }) }];
    }),
  );

/** Makes the types of `onConflict`. */
export function createConflictTypes(
  referencesOf: (table: Table) => readonly Reference[],
): (table: Table) => GraphQLInputObjectType {
  const action = createConflictActionType();
  const known = new Map<Table, GraphQLInputObjectType>();
  const make = (table: Table): GraphQLInputObjectType => {
    const field = createFieldEnum(table, 'Conflict');
    const nested = nestedReferences(table, referencesOf(table));
    const related = new GraphQLInputObjectType({
      name: `${table.name}RelatedOnConflict`,
      description: `What becomes of records that exist already, below \`${table.name}\` records`,
      fields: () =>
        Object.fromEntries(
          nested.map((reference) => [
            reference.field,
            { type: ofTable(reference.target), extensions: means({ kind: 'related', reference }) },
          ]),
        ),
    });
    return new GraphQLInputObjectType({
      name: `${table.name}OnConflict`,
      fields: {
        ...(field === null
          ? {}
          : {
              fields: {
                type: new GraphQLList(new GraphQLNonNull(field)),
                description: 'The fields by which a record is found to exist: those of a unique constraint',
              },
            }),
        action: { type: action, description: 'UPDATE where nothing is said' },
        ...(nested.length === 0
          ? {}
          : { related: { type: related, description: 'The same for records that are inserted along' } }),
      },
    });
  };
  const ofTable = (table: Table): GraphQLInputObjectType => {
    const found = known.get(table) ?? make(table);
    known.set(table, found);
    return found;
  };
  return ofTable;
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
