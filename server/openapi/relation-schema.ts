/**
 * A relation's rows as JSON Schema: as they are read, with what `select` embeds, and as they are written.
 */
import type { SchemaObject } from 'openapi3-ts/oas31';
import { readableComment } from '../catalog/protection.ts';
import type { Column } from '../catalog/types.ts';
import type { QualifiedName } from '../names.ts';
import { constantBoolean, constantNumber, constantText } from './default-value.ts';
import type { DescribedColumn, DescribedRelation, Embed } from './model.ts';
import {
  describedAs,
  orNull,
  refTo,
  requiredOf,
  type Schema,
  type TypeSchemas,
  withChecks,
} from './type-schema.ts';

/** The names of a relation's schemas; null = there is none. */
export interface RelationNames {
  readonly row: string;
  /** A row with its embeds, or the row where nothing can be embedded. */
  readonly item: string;
  readonly insert: string | null;
  readonly update: string | null;
}

const isComputed = (column: Column): boolean => column.generated !== null || column.identity === 'always';

/** Constants whose text in PostgreSQL is the one in JSON. */
const SAME_TEXT: ReadonlyMap<string | undefined, RegExp> = new Map([
  [undefined, /^/],
  ['date', /^\d{4}-\d\d-\d\d$/],
  ['uuid', /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/],
]);

function constantOf(expression: string, format: string | undefined): string | undefined {
  const text = constantText(expression);
  return text !== null && SAME_TEXT.get(format)?.test(text) === true ? text : undefined;
}

/** The value of a default, as far as it is one of the schema's type; undefined for anything else. */
function defaultOf(column: Column, schema: Schema, labels: readonly string[]): unknown {
  const { default: expression } = column;
  if (expression === null) return undefined;
  if (labels.length > 0) return constantText(expression) ?? undefined;
  if ('$ref' in schema) return undefined;
  switch (schema.type) {
    case 'boolean':
      return constantBoolean(expression) ?? undefined;
    case 'integer':
    case 'number':
      return constantNumber(expression) ?? undefined;
    case 'string':
      return constantOf(expression, schema.format);
    default:
      return undefined;
  }
}

const valueSchema = ({ declaredType, checks }: Column, types: TypeSchemas): Schema =>
  withChecks(types.of(declaredType), declaredType, checks);

/** A column as it is read. */
function readProperty({ column, nullable }: DescribedColumn, types: TypeSchemas): Schema {
  const value = valueSchema(column, types);
  const initial = defaultOf(column, value, column.enumLabels);
  const schema = describedAs(nullable ? orNull(value) : value, readableComment(column.comment));
  return {
    ...schema,
    ...(initial === undefined ? {} : { default: initial }),
    ...(isComputed(column) ? { readOnly: true } : {}),
  };
}

/** A column as it is written. */
function writeProperty(
  { column, nullable }: DescribedColumn,
  types: TypeSchemas,
  note: string | null,
): Schema {
  const value = valueSchema(column, types);
  const description = [readableComment(column.comment), note].filter((part) => part !== null).join(' ');
  return describedAs(nullable ? orNull(value) : value, description === '' ? null : description);
}

/**
 * What stands in where the column is left out. Said in words: generators take the keyword `default` for a promise
 * that the property is there.
 */
const defaultNote = ({ default: expression }: Column): string | null =>
  expression === null ? null : `Default: \`${expression}\`.`;

/** All that a role reads of a row by `select=*`. */
export function rowSchema({ relation, columns }: DescribedRelation, types: TypeSchemas): SchemaObject {
  const read = columns.filter(({ access }) => access.select);
  const comment = readableComment(relation.comment);
  return {
    type: 'object',
    ...(comment === null ? {} : { description: comment }),
    properties: Object.fromEntries(read.map((one) => [one.column.name, readProperty(one, types)])),
    ...requiredOf(read.map(({ column }) => column.name)),
  };
}

/**
 * A row with what only `select` puts into it: computed columns, and rows of other relations, by reference to what
 * those are without embeds of their own, so that no schema leads back to itself.
 */
export function itemSchema(
  { computedColumns, embeds }: DescribedRelation,
  row: string,
  types: TypeSchemas,
  rowOf: (name: QualifiedName) => string | null,
): SchemaObject {
  const computed = computedColumns.map(({ name, type, comment }): [string, Schema] => [
    name,
    { ...describedAs(orNull(types.of(type)), readableComment(comment)), readOnly: true },
  ]);
  const embedded = embeds.flatMap((embed): [string, Schema][] => {
    const target = rowOf(embed.target);
    return target === null ? [] : [[embed.name, embedSchema(embed, target)]];
  });
  return {
    allOf: [refTo('schemas', row)],
    type: 'object',
    properties: Object.fromEntries([...computed, ...embedded]),
  };
}

function embedSchema({ name, toOne, hints }: Embed, target: string): Schema {
  const ref = refTo('schemas', target);
  const many: SchemaObject = { type: 'array', items: ref };
  const one: SchemaObject = { anyOf: [ref, { type: 'null' }] };
  const schema =
    toOne === null ? { anyOf: [ref, many, { type: 'null' }] satisfies Schema[] } : toOne ? one : many;
  const choice =
    hints.length === 0 ? '' : ` Say which: ${hints.map((hint) => `\`${name}!${hint}(*)\``).join(', ')}.`;
  return { ...schema, description: `With \`select=*,${name}(*)\`.${choice}`, readOnly: true };
}

const writable = (
  { columns }: DescribedRelation,
  privilege: 'insert' | 'update',
): readonly DescribedColumn[] =>
  columns.filter(({ column, access }) => access[privilege] && !isComputed(column));

/** What must be given: what can neither be null nor is filled in. A view tells nothing of what it is made of. */
export const mustBeGiven = (
  { relation }: DescribedRelation,
  { column, nullable }: DescribedColumn,
): boolean => !nullable && column.default === null && column.identity === null && !relation.fillsRows;

export function insertSchema(described: DescribedRelation, types: TypeSchemas): SchemaObject {
  const columns = writable(described, 'insert');
  const required = columns.filter((one) => mustBeGiven(described, one));
  return {
    type: 'object',
    properties: Object.fromEntries(
      columns.map((one) => [one.column.name, writeProperty(one, types, defaultNote(one.column))]),
    ),
    ...requiredOf(required.map(({ column }) => column.name)),
  };
}

export function updateSchema(described: DescribedRelation, types: TypeSchemas): SchemaObject {
  const columns = writable(described, 'update');
  return {
    type: 'object',
    properties: Object.fromEntries(columns.map((one) => [one.column.name, writeProperty(one, types, null)])),
  };
}
