/**
 * Types of PostgreSQL as types of GraphQL (pg_graphql's documentation, "Custom Scalars"): which scalar or enum a
 * column, parameter or result has, and the form in which its value becomes JSON.
 */
import type { Catalog, NamedType } from '../catalog/types.ts';
import { nameKey } from '../names.ts';
import type { ValueForm } from '../plan/document.ts';
import { directiveOf, flagIn, textIn, textMapIn } from './directive.ts';
import { isName, typeName } from './inflection.ts';

export type ScalarName =
  | 'ID'
  | 'Int'
  | 'Float'
  | 'String'
  | 'Boolean'
  | 'Date'
  | 'Time'
  | 'Datetime'
  | 'BigInt'
  | 'BigFloat'
  | 'UUID'
  | 'JSON'
  | 'Cursor'
  | 'Opaque';

/** An enum of an exposed schema. */
export interface EnumModel {
  readonly schema: string;
  readonly name: string;
  /** In order: the name in GraphQL, and the label in PostgreSQL. */
  readonly values: readonly (readonly [name: string, label: string])[];
}

export type ColumnType =
  | { readonly kind: 'scalar'; readonly scalar: ScalarName }
  | { readonly kind: 'enum'; readonly enum: EnumModel }
  | { readonly kind: 'list'; readonly of: ColumnType };

/** Names as `format_type` prints them. */
const SCALARS: ReadonlyMap<string, ScalarName> = new Map([
  ['bigint', 'BigInt'],
  ['boolean', 'Boolean'],
  ['date', 'Date'],
  ['timestamp with time zone', 'Datetime'],
  ['timestamp without time zone', 'Datetime'],
  ['double precision', 'Float'],
  ['real', 'Float'],
  ['integer', 'Int'],
  ['smallint', 'Int'],
  ['json', 'JSON'],
  ['jsonb', 'JSON'],
  ['time without time zone', 'Time'],
  ['uuid', 'UUID'],
  ['numeric', 'BigFloat'],
  ['text', 'String'],
  ['"char"', 'String'],
  ['character', 'String'],
  ['character varying', 'String'],
]);

/** Types that have no form in GraphQL at all. */
const NONE: ReadonlySet<string> = new Set(['void', 'record', 'trigger', 'event_trigger', 'internal']);

/** A type's name without its length: `character varying(20)`, `timestamp(3) with time zone`. */
export const withoutLength = (type: string): string => type.replace(/\([\d,\s-]+\)/, '');

/** Gives the type of a column, parameter or result by its name in PostgreSQL; null where GraphQL has none for it. */
export type TypeOf = (type: string) => ColumnType | null;

/** Whether a schema's names are inflected. */
export const inflects = (catalog: Catalog, schema: string): boolean =>
  flagIn(directiveOf(catalog.schemaComments.get(schema) ?? null), 'inflect_names') === true;

type EnumType = Extract<NamedType, { kind: 'enum' }>;

function enumModel(catalog: Catalog, type: EnumType): EnumModel {
  const { schema, name, labels } = type;
  const directive = directiveOf(type.comment);
  const mappings = textMapIn(directive, 'mappings');
  return {
    schema,
    name: textIn(directive, 'name') ?? typeName(name, inflects(catalog, schema)),
    values: labels.map((label) => [mappings.get(label) ?? label, label]),
  };
}

/** An enum whose labels GraphQL cannot name, without a mapping, is opaque. */
const isNameable = ({ name, values }: EnumModel): boolean =>
  isName(name) && values.length > 0 && values.every(([value]) => isName(value));

/** Types under a catalog; one and the same enum is always the same object. */
export function createTypeOf(catalog: Catalog): TypeOf {
  const enums = new Map<string, EnumModel>();
  const relationTypes = new Set(
    [...catalog.relations.values()].map(({ name: { schema, name } }) => nameKey(schema, name)),
  );
  const isRow = (type: string): boolean => {
    const parts = /^(?:"((?:[^"]|"")+)"|([^".]+))\.(?:"((?:[^"]|"")+)"|([^".]+))$/.exec(type);
    const schema = parts?.[1]?.replaceAll('""', '"') ?? parts?.[2] ?? '';
    const name = parts?.[3]?.replaceAll('""', '"') ?? parts?.[4] ?? '';
    return relationTypes.has(nameKey(schema, name));
  };
  const ofUser = (key: string, type: NamedType): ColumnType | null => {
    if (type.kind === 'composite') return null;
    if (type.kind === 'domain' && type.base.endsWith('[]')) return null;
    if (type.kind === 'enum' && catalog.schemas.includes(type.schema)) {
      const known = enums.get(key) ?? enumModel(catalog, type);
      enums.set(key, known);
      if (isNameable(known)) return { kind: 'enum', enum: known };
    }
    return { kind: 'scalar', scalar: 'Opaque' };
  };
  const typeOf: TypeOf = (declared) => {
    const type = withoutLength(declared);
    if (type.endsWith('[]')) {
      const of = typeOf(type.slice(0, -2));
      return of && { kind: 'list', of };
    }
    if (NONE.has(type)) return null;
    const scalar = SCALARS.get(type);
    if (scalar !== undefined) return { kind: 'scalar', scalar };
    const user = catalog.types.get(type);
    if (user) return ofUser(type, user);
    if (isRow(type)) return null;
    return { kind: 'scalar', scalar: /(?:^|\.)citext$/.test(type) ? 'String' : 'Opaque' };
  };
  return typeOf;
}

/** How a value of the type becomes JSON. */
export function formOf(type: ColumnType): ValueForm {
  switch (type.kind) {
    case 'scalar':
      return isText(type.scalar) ? { kind: 'text' } : { kind: 'plain' };
    case 'enum': {
      const renamed = type.enum.values.filter(([name, label]) => name !== label);
      return renamed.length === 0 ? { kind: 'plain' } : { kind: 'renamed', names: renamed };
    }
    case 'list': {
      const of = formOf(type.of);
      if (of.kind === 'plain') return of;
      return of.kind === 'renamed' ? { kind: 'renamed list', names: of.names } : { kind: 'text list' };
    }
  }
}

/** Scalars whose values JSON's numbers and objects would not keep as they are. */
const isText = (scalar: ScalarName): boolean =>
  scalar === 'BigInt' || scalar === 'BigFloat' || scalar === 'JSON';
