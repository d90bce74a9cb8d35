/** From the catalog to the model: pure, and the same for every target. */
import type { Catalog, Column, Relation, Relationship } from '../server/catalog/types.ts';
import { nameKey } from '../server/names.ts';
import { buildEmbeds } from './embeds.ts';
import { buildFunctions } from './functions.ts';
import { shapeInCheck } from './json-schema.ts';
import { mergeLimits, readLimits } from './limits.ts';
import type { Field, ForeignKey, Model, ModelRelation, Schema, TypeReference } from './model.ts';
import { readableComment, shapeInComment } from './type-expression.ts';
import { createTypeReader, isView, type TypeReader, typeLimits } from './type-reference.ts';

export interface ModelOptions {
  /** The schemas to describe, of those that the catalog exposes; all where there is none. */
  readonly schemas: readonly string[];
  /** A row behind a foreign key that is not null counts as there, although policies may hide it. */
  readonly trustForeignKeys: boolean;
}

/** What is wrong with the schema as a source of types; for people. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}

export const byName = <T extends { readonly name: string }>(items: Iterable<T>): readonly T[] =>
  [...items].sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));

/**
 * @throws ModelError where a comment's type cannot be read, or a schema is not exposed
 */
export const buildModel = (catalog: Catalog, options: ModelOptions): Model => {
  for (const schema of options.schemas) {
    if (catalog.schemas.includes(schema)) continue;
    throw new ModelError(
      `The schema "${schema}" is not one of those that are exposed: ${catalog.schemas.join(', ')}.`,
    );
  }
  const names = catalog.schemas.filter(
    (name) => options.schemas.length === 0 || options.schemas.includes(name),
  );
  const read = createTypeReader(catalog, names);
  return { schemas: names.map((name) => buildSchema(catalog, name, read, options)) };
};

const buildSchema = (catalog: Catalog, schema: string, read: TypeReader, options: ModelOptions): Schema => {
  const types = [...catalog.types].filter(([, type]) => type.schema === schema).map(([text]) => read(text));
  const relations = [...catalog.relations.values()].filter(({ name }) => name.schema === schema);
  const built = byName(relations.map((relation) => buildRelation(catalog, relation, read, options)));
  return {
    name: schema,
    comment: readableComment(catalog.schemaComments.get(schema) ?? null),
    relations: [
      ...built.filter(({ kind }) => kind === 'table'),
      ...built.filter(({ kind }) => kind === 'view'),
    ],
    functions: buildFunctions(catalog, schema, read),
    enums: byName(types.flatMap((one) => (one.kind === 'enum' ? [one.type] : []))),
    composites: byName(types.flatMap((one) => (one.kind === 'composite' ? [one.type] : []))),
    domains: byName(types.flatMap((one) => (one.kind === 'domain' ? [one.type] : []))),
  };
};

const buildRelation = (
  catalog: Catalog,
  relation: Relation,
  read: TypeReader,
  options: ModelOptions,
): ModelRelation => {
  const { schema, name } = relation.name;
  const relationships = catalog.relationships.get(nameKey(schema, name)) ?? [];
  const computed = [...relation.computedColumns.values()].map((column) => ({
    name: column.name,
    comment: readableComment(column.comment),
    type: read(column.type),
  }));
  return {
    schema,
    name,
    kind: isView(relation.kind) ? 'view' : 'table',
    comment: readableComment(relation.comment),
    insertable: relation.insertable,
    updatable: relation.updatable,
    primaryKey: relation.primaryKey,
    uniqueKeys: relation.uniqueKeys,
    fields: byName([...relation.columns.values()].map((column) => buildField(relation, column, read))),
    // a function that returns rows is a relationship
    computed: byName(computed.filter(({ type }) => type.kind !== 'row')),
    foreignKeys: buildForeignKeys(relationships),
    embeds: buildEmbeds(catalog, relation, options.trustForeignKeys),
  };
};

const buildField = (relation: Relation, column: Column, read: TypeReader): Field => {
  const declared = read(column.declaredType);
  const type = withShape(declared, relation, column);
  const isComputed = column.generated !== null || column.identity === 'always';
  const acceptsNull = column.nullable && !column.neverNull;
  const isOptional =
    acceptsNull ||
    column.default !== null ||
    relation.fillsRows ||
    // the defaults of the tables below count, which a view does not show
    isView(relation.kind);
  // a char(n) is as long as it is filled up to, and stored shorter
  const maxLength = column.type.startsWith('character varying') ? column.maxLength : null;
  return {
    name: column.name,
    comment: readableComment(column.comment),
    position: column.position,
    declaredType: column.declaredType,
    type,
    nullable: !column.neverNull,
    acceptsNull,
    insert: isComputed ? 'never' : isOptional ? 'optional' : 'required',
    limits: mergeLimits(typeLimits(type), readLimits(column.checks, column.name, maxLength)),
  };
};

/** JSON has the shape that its comment says, or else a check. */
const withShape = (type: TypeReference, relation: Relation, column: Column): TypeReference => {
  if (type.kind !== 'json') return type;
  try {
    const shape =
      shapeInComment(column.comment) ??
      column.checks.map(shapeInCheck).find((found) => found !== null) ??
      type.shape;
    return { kind: 'json', shape };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { schema, name } = relation.name;
    throw new ModelError(`The type of ${schema}.${name}.${column.name} cannot be read: ${error.message}.`);
  }
};

/** Those whose key the relation holds; ends in other schemas cannot be embedded, and are left out. */
const buildForeignKeys = (relationships: readonly Relationship[]): readonly ForeignKey[] => {
  const keys = relationships.flatMap((relationship): ForeignKey[] => {
    if (relationship.kind === 'computed' || relationship.kind === 'many-to-many') return [];
    if (!relationship.sourceHoldsKey || relationship.source.schema !== relationship.target.schema) return [];
    return [
      {
        name: relationship.constraint,
        columns: relationship.columns.map(([column]) => column),
        target: relationship.target,
        targetColumns: relationship.columns.map(([, column]) => column),
        isOneToOne: relationship.kind === 'one-to-one',
        throughView: relationship.sourceIsView || relationship.targetIsView,
      },
    ];
  });
  const rank = (key: ForeignKey): string =>
    JSON.stringify([key.name, key.target.name, key.columns, key.targetColumns]);
  return keys.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
};
