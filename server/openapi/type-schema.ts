/**
 * PostgreSQL's types as JSON Schema: what `to_json` makes of their values.
 * Formats are those of the OpenAPI registry (https://spec.openapis.org/registry/format/).
 */
import type { ReferenceObject, SchemaObject } from 'openapi3-ts/oas31';
import { readableComment } from '../catalog/protection.ts';
import type { NamedType } from '../catalog/types.ts';
import type { QualifiedName } from '../names.ts';
import { type Checked, schemaOfChecks, tighten } from './check.ts';
import type { ApiModel } from './model.ts';
import type { Namer } from './namer.ts';

export type Schema = SchemaObject | ReferenceObject;

const TEXT: SchemaObject = { type: 'string' };
const formatted = (format: string): SchemaObject => ({ type: 'string', format });

/** Built-in types whose values are not simply text; what is in no list here is. */
const BUILT_IN: ReadonlyMap<string, SchemaObject> = new Map([
  ['boolean', { type: 'boolean' }],
  ['smallint', { type: 'integer', format: 'int16' }],
  ['integer', { type: 'integer', format: 'int32' }],
  ['bigint', { type: 'integer', format: 'int64' }],
  ['real', { type: 'number', format: 'float' }],
  ['double precision', { type: 'number', format: 'double' }],
  ['numeric', { type: 'number' }],
  ['uuid', formatted('uuid')],
  ['date', formatted('date')],
  ['timestamp with time zone', formatted('date-time')],
  ['timestamp without time zone', formatted('date-time-local')],
  ['time without time zone', formatted('time-local')],
  ['json', {}],
  ['jsonb', {}],
  ['record', { type: 'object' }],
  ['bytea', { type: 'string', pattern: '^\\\\x(?:[0-9a-f]{2})*$' }],
]);

const LENGTHS = /^(?:character varying|character)\((\d+)\)$/;
const NAME = /^("(?:[^"]|"")+"|[a-z_][\w$]*)\.("(?:[^"]|"")+"|[a-z_][\w$]*)$/;

const unquoted = (name: string): string =>
  name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;

/** `public.tasks`, as PostgreSQL prints it, taken apart; null for built-in types. */
export function parseTypeName(type: string): QualifiedName | null {
  const found = NAME.exec(type);
  return found ? { schema: unquoted(found[1] ?? ''), name: unquoted(found[2] ?? '') } : null;
}

export const refTo = (section: string, name: string): ReferenceObject => ({
  $ref: `#/components/${section}/${name}`,
});

/** A schema that also takes null. */
export function orNull(schema: Schema): Schema {
  if ('$ref' in schema) return { anyOf: [schema, { type: 'null' }] };
  const { type, enum: values } = schema;
  if (type === undefined) return schema;
  return {
    ...schema,
    type: Array.isArray(type) ? [...type, 'null'] : [type, 'null'],
    ...(values === undefined ? {} : { enum: [...values, null] }),
  };
}

export const describedAs = (schema: Schema, description: string | null): Schema =>
  description === null ? schema : { ...schema, description };

/** Functions like `length` mean something else for other types: of `character(n)` they leave out the padding. */
const CHECKED: ReadonlyMap<string, Checked> = new Map([
  ['text', 'text'],
  ['character varying', 'text'],
  ['smallint', 'number'],
  ['integer', 'number'],
  ['bigint', 'number'],
  ['numeric', 'number'],
  ['real', 'number'],
  ['double precision', 'number'],
  ['json', 'json'],
  ['jsonb', 'json'],
]);

const withoutLength = (type: string): string => type.replace(/\(\d+(?:,-?\d+)?\)/, '');

/** The schema of a type with what checks say of its values. */
export function withChecks(schema: Schema, type: string, checks: readonly string[]): Schema {
  const checked = CHECKED.get(withoutLength(type));
  return checked === undefined || '$ref' in schema
    ? schema
    : tighten(schema, schemaOfChecks(checks, checked));
}

export interface TypeSchemas {
  /** The schema of a type by its printed name; types that users defined become components. */
  readonly of: (type: string) => Schema;
  /** The components that were asked for so far, by name. */
  readonly components: () => ReadonlyMap<string, Schema>;
}

/**
 * Makes schemas of a model's types.
 * @param rowOf the name of the schema of a relation's rows; null where it is not described
 */
export function createTypeSchemas(
  model: ApiModel,
  namer: Namer,
  rowOf: (name: QualifiedName) => string | null,
): TypeSchemas {
  const components = new Map<string, Schema>();

  const nameOf = (type: string): string => {
    const parsed = parseTypeName(type);
    return namer(parsed?.schema === model.schema ? parsed.name : type.replaceAll('"', ''));
  };

  const builtIn = (type: string): SchemaObject => {
    const length = LENGTHS.exec(type)?.[1];
    if (length !== undefined) return { type: 'string', maxLength: Number(length) };
    return BUILT_IN.get(withoutLength(type)) ?? TEXT;
  };

  const define = (named: NamedType): Schema => {
    const description = readableComment(named.comment);
    switch (named.kind) {
      case 'enum':
        return describedAs({ type: 'string', enum: [...named.labels] }, description);
      case 'domain':
        return describedAs(withChecks(of(named.base), named.base, named.checks), description);
      case 'composite':
        return describedAs(
          {
            type: 'object',
            properties: Object.fromEntries(
              named.attributes.map(({ name, type, comment }) => [
                name,
                describedAs(orNull(of(type)), readableComment(comment)),
              ]),
            ),
            ...requiredOf(named.attributes.map(({ name }) => name)),
          },
          description,
        );
    }
  };

  const of = (type: string): Schema => {
    if (type.endsWith('[]')) return { type: 'array', items: of(type.slice(0, -2)) };
    const named = model.types.get(type);
    if (named === undefined) {
      const parsed = parseTypeName(type);
      if (parsed === null) return builtIn(type);
      const row = rowOf(parsed);
      // the type of an extension: it may have a cast to json, as PostGIS's have
      return row === null ? {} : refTo('schemas', row);
    }
    if (named.kind === 'domain' && model.hasOwnJson(type)) return {};
    const name = nameOf(type);
    if (!components.has(name)) {
      // no type of PostgreSQL contains itself
      components.set(name, define(named));
    }
    return refTo('schemas', name);
  };

  return { of, components: () => components };
}

/** `required`, where there is something to require. */
export const requiredOf = (names: readonly string[]): { required?: string[] } =>
  names.length === 0 ? {} : { required: [...names] };
