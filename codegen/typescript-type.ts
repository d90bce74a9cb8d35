/** How TypeScript spells what a value is. */
import type { ComputedField, JsonShape, Reference, Scalar, TypeReference } from './model.ts';
import { quote } from './text.ts';

/** What JSON has of each; numbers of more than 53 bits lose digits in JavaScript, as in any JSON.parse. */
const SCALARS: Readonly<Record<Scalar, string>> = {
  boolean: 'boolean',
  smallint: 'number',
  integer: 'number',
  bigint: 'number',
  numeric: 'number',
  real: 'number',
  double: 'number',
  text: 'string',
  uuid: 'string',
  date: 'string',
  time: 'string',
  timetz: 'string',
  timestamp: 'string',
  timestamptz: 'string',
  interval: 'string',
  bytea: 'string',
  range: 'string',
  tsvector: 'string',
  network: 'string',
  bits: 'string',
  void: 'undefined',
  unknown: 'unknown',
};

/** What filters a column has, in the words of Aura's client. */
export type Kind =
  | 'number'
  | 'text'
  | 'boolean'
  | 'time'
  | 'uuid'
  | 'enum'
  | 'json'
  | 'array'
  | 'range'
  | 'tsvector'
  | 'network'
  | 'other';

const KINDS: Readonly<Record<Scalar, Kind>> = {
  boolean: 'boolean',
  smallint: 'number',
  integer: 'number',
  bigint: 'number',
  numeric: 'number',
  real: 'number',
  double: 'number',
  text: 'text',
  uuid: 'uuid',
  date: 'time',
  time: 'time',
  timetz: 'time',
  timestamp: 'time',
  timestamptz: 'time',
  interval: 'time',
  bytea: 'other',
  range: 'range',
  tsvector: 'tsvector',
  network: 'network',
  bits: 'other',
  void: 'other',
  unknown: 'other',
};

export const kindOf = (type: TypeReference): Kind => {
  switch (type.kind) {
    case 'scalar':
      return KINDS[type.scalar];
    case 'domain':
      return kindOf(type.type.base);
    case 'json':
    case 'array':
    case 'enum':
      return type.kind;
    default:
      return 'other';
  }
};

/** A key as it stands in an object: quoted where it has to be. */
export const key = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name));

const at = (schema: string, section: string, name: string): string =>
  `Database[${quote(schema)}][${quote(section)}][${quote(name)}]`;

const isPlain = (text: string): boolean => /^[\w."[\]$]+$/.test(text);
const arrayOf = (item: string): string => (isPlain(item) ? `${item}[]` : `(${item})[]`);

/** A JSON value. */
export const printShape = (shape: JsonShape): string => {
  switch (shape.kind) {
    case 'any':
      return 'Json';
    case 'integer':
      return 'number';
    case 'literal':
      return typeof shape.value === 'string' ? quote(shape.value) : String(shape.value);
    case 'array':
      return arrayOf(printShape(shape.of));
    case 'union':
      return [...new Set(shape.of.map(printShape))].join(' | ');
    case 'object':
      return printObject(shape);
    default:
      return shape.kind;
  }
};

const printObject = ({ properties, rest }: Extract<JsonShape, { kind: 'object' }>): string => {
  const members = properties.map(
    ({ name, required, shape }) => `${key(name)}${required ? '' : '?'}: ${printShape(shape)}`,
  );
  // the properties have to fit what the other keys hold
  if (rest !== null)
    members.push(`[key: string]: ${properties.length === 0 ? printShape(rest) : 'Json | undefined'}`);
  return members.length === 0 ? 'Record<string, never>' : `{ ${members.join('; ')} }`;
};

export type TypePrinter = (type: TypeReference) => string;

/** Null is not part of what it prints, but of what lies inside: attributes and elements may be null. */
export const createTypePrinter = ({ brandDomains }: { readonly brandDomains: boolean }): TypePrinter => {
  const member = ({ name, type }: ComputedField): string => {
    const text = print(type);
    return `${key(name)}: ${text === 'unknown' || text === 'Json' ? text : `${text} | null`}`;
  };
  const record = (fields: readonly ComputedField[]): string =>
    fields.length === 0 ? 'Record<string, never>' : `{ ${fields.map(member).join('; ')} }`;
  const row = (relation: Reference, of: 'table' | 'view'): string =>
    `${at(relation.schema, of === 'table' ? 'Tables' : 'Views', relation.name)}["Row"]`;
  const print: TypePrinter = (type) => {
    switch (type.kind) {
      case 'scalar':
        return SCALARS[type.scalar];
      case 'json':
        return printShape(type.shape);
      case 'array':
        return arrayOf(print(type.of));
      case 'enum':
        if (type.isExposed) return at(type.type.schema, 'Enums', type.type.name);
        return type.type.labels.map(quote).join(' | ') || 'never';
      case 'composite':
        if (type.isExposed) return at(type.type.schema, 'CompositeTypes', type.type.name);
        return record(type.type.attributes);
      case 'domain':
        if (brandDomains && type.isExposed) return at(type.type.schema, 'Domains', type.type.name);
        return print(type.type.base);
      case 'row':
        return row(type.relation, type.of);
      case 'record':
        return record(type.fields);
    }
  };
  return print;
};
