/**
 * From the text with which PostgreSQL prints a type (`character varying(20)`, `public.email`, `bigint[]`) to what it
 * is: the catalog lists users' types by that text, everything else is built in or unknown.
 */
import type { Catalog, NamedType } from '../server/catalog/types.ts';
import { nameKey, type QualifiedName } from '../server/names.ts';
import { mergeLimits, readLimits } from './limits.ts';
import type { JsonShape, Limits, Scalar, TypeReference } from './model.ts';
import { readableComment } from './type-expression.ts';

const SCALARS: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ['boolean', 'boolean'],
  ['smallint', 'smallint'],
  ['integer', 'integer'],
  ['bigint', 'bigint'],
  ['oid', 'bigint'],
  ['numeric', 'numeric'],
  ['real', 'real'],
  ['double precision', 'double'],
  ['text', 'text'],
  ['character varying', 'text'],
  ['character', 'text'],
  ['bpchar', 'text'],
  ['"char"', 'text'],
  ['name', 'text'],
  ['xml', 'text'],
  ['money', 'text'],
  ['uuid', 'uuid'],
  ['date', 'date'],
  ['time without time zone', 'time'],
  ['time with time zone', 'timetz'],
  ['timestamp without time zone', 'timestamp'],
  ['timestamp with time zone', 'timestamptz'],
  ['interval', 'interval'],
  ['bytea', 'bytea'],
  ['tsvector', 'tsvector'],
  ['tsquery', 'text'],
  ['inet', 'network'],
  ['cidr', 'network'],
  ['macaddr', 'network'],
  ['macaddr8', 'network'],
  ['bit', 'bits'],
  ['bit varying', 'bits'],
  ['int4range', 'range'],
  ['int8range', 'range'],
  ['numrange', 'range'],
  ['daterange', 'range'],
  ['tsrange', 'range'],
  ['tstzrange', 'range'],
  ['int4multirange', 'range'],
  ['int8multirange', 'range'],
  ['nummultirange', 'range'],
  ['datemultirange', 'range'],
  ['tsmultirange', 'range'],
  ['tstzmultirange', 'range'],
  ['point', 'text'],
  ['line', 'text'],
  ['lseg', 'text'],
  ['box', 'text'],
  ['path', 'text'],
  ['polygon', 'text'],
  ['circle', 'text'],
  ['jsonpath', 'text'],
  ['regclass', 'text'],
  ['regtype', 'text'],
  ['regproc', 'text'],
  ['regrole', 'text'],
  ['regnamespace', 'text'],
  ['pg_lsn', 'text'],
  ['void', 'void'],
]);

const JSON_TYPES: ReadonlySet<string> = new Set(['json', 'jsonb']);
const ANY: JsonShape = { kind: 'any' };
const UNKNOWN: TypeReference = { kind: 'scalar', scalar: 'unknown' };

/** Takes `"Odd name".type` apart. */
export const parseTypeName = (text: string): QualifiedName | null => {
  const found = /^(?:"((?:[^"]|"")+)"|([^".]+))\.(?:"((?:[^"]|"")+)"|([^".]+))$/.exec(text);
  if (found === null) return null;
  const [, quotedSchema, schema, quotedName, name] = found;
  return {
    schema: quotedSchema?.replaceAll('""', '"') ?? schema ?? '',
    name: quotedName?.replaceAll('""', '"') ?? name ?? '',
  };
};

/** `numeric(8,2)` → `numeric`, `timestamp(3) with time zone` → `timestamp with time zone`. */
const withoutLength = (text: string): string => text.replace(/\(\d+(?:,-?\d+)?\)(?=$| with)/, '');

/** Makes of a type's text what it refers to. */
export type TypeReader = (text: string) => TypeReference;

/**
 * @param catalog whose types and relations the texts may name
 * @param schemas those of the model: what lies in them is referred to by name, other users' types are spelled out
 */
export const createTypeReader = (catalog: Catalog, schemas: readonly string[]): TypeReader => {
  const exposed = new Set(schemas);
  // a domain that users show as JSON or text in their own way
  const shown = new Set([...catalog.representations.values()].map(({ sourceType }) => sourceType));
  const known = new Map<string, TypeReference>();

  const readNamed = (text: string, type: NamedType): TypeReference => {
    const name = parseTypeName(text);
    if (name === null) return UNKNOWN;
    const isExposed = exposed.has(name.schema);
    const comment = readableComment(type.comment);
    switch (type.kind) {
      case 'enum':
        return { kind: 'enum', type: { ...name, comment, labels: type.labels }, isExposed };
      case 'composite': {
        const attributes = type.attributes.map((attribute) => ({
          name: attribute.name,
          comment: readableComment(attribute.comment),
          type: read(attribute.type),
        }));
        return { kind: 'composite', type: { ...name, comment, attributes }, isExposed };
      }
      case 'domain': {
        if (shown.has(text)) return UNKNOWN;
        const base = read(type.base);
        const inner = base.kind === 'domain' ? base.type.limits : {};
        const limits = mergeLimits(inner, readLimits(type.checks, 'VALUE', lengthOf(type.base)));
        return { kind: 'domain', type: { ...name, comment, base, limits }, isExposed };
      }
    }
  };
  const readRow = (text: string): TypeReference | null => {
    const name = parseTypeName(text);
    const relation = name === null ? undefined : catalog.relations.get(nameKey(name.schema, name.name));
    if (relation === undefined || !exposed.has(relation.name.schema)) return null;
    return { kind: 'row', relation: relation.name, of: isView(relation.kind) ? 'view' : 'table' };
  };
  const find = (text: string): TypeReference => {
    if (text.endsWith('[]')) return { kind: 'array', of: read(text.slice(0, -2)) };
    const plain = withoutLength(text);
    const scalar = SCALARS.get(plain);
    if (scalar !== undefined) return { kind: 'scalar', scalar };
    if (JSON_TYPES.has(plain)) return { kind: 'json', shape: ANY };
    const named = catalog.types.get(plain);
    return named === undefined ? (readRow(plain) ?? UNKNOWN) : readNamed(plain, named);
  };
  const read: TypeReader = (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const found = find(text);
    known.set(text, found);
    return found;
  };
  return read;
};

export const isView = (kind: string): boolean => kind === 'view' || kind === 'materialized view';

/** The length in `character varying(20)`. A `character(20)` is filled up with blanks, and cut where these are more. */
const lengthOf = (text: string): number | null => {
  const length = /^character varying\((\d+)\)$/.exec(text)?.[1];
  return length === undefined ? null : Number(length);
};

/** The limits that a type brings with it. */
export const typeLimits = (type: TypeReference): Limits => (type.kind === 'domain' ? type.type.limits : {});
