/**
 * PostgreSQL's types in PostgREST's Swagger 2.0: `format` is the type's name, but for integers.
 */

const TYPES: ReadonlyMap<string, 'boolean' | 'integer' | 'number' | null> = new Map([
  ['boolean', 'boolean'],
  ['smallint', 'integer'],
  ['integer', 'integer'],
  ['bigint', 'integer'],
  ['real', 'number'],
  ['double precision', 'number'],
  ['numeric', 'number'],
  // any value
  ['json', null],
  ['jsonb', null],
]);

const FORMATS: ReadonlyMap<string, string> = new Map([
  ['smallint', 'int32'],
  ['integer', 'int32'],
  ['bigint', 'int64'],
]);

export interface SwaggerType {
  readonly type?: 'boolean' | 'integer' | 'number' | 'string' | 'array';
  readonly format?: string;
  readonly items?: SwaggerType;
}

export const formatOf = (type: string): string => FORMATS.get(type) ?? type;

function nameOf(type: string): Pick<SwaggerType, 'type'> {
  const known = TYPES.get(type);
  return known === null ? {} : { type: known ?? 'string' };
}

/** A type in a body. */
export const bodyType = (type: string): SwaggerType =>
  type.endsWith('[]')
    ? { format: type, type: 'array', items: nameOf(type.slice(0, -2)) }
    : { format: formatOf(type), ...nameOf(type) };

/** A type in a query string, where arrays and JSON are text. */
export function queryType(type: string): SwaggerType {
  const { type: name } = bodyType(type);
  return { format: formatOf(type), type: name === undefined || name === 'array' ? 'string' : name };
}
