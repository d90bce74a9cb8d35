/** Values as filters write them, percent-encoded. */

/** Stands for a value of an earlier answer of a batch. */
export const REFERENCE: unique symbol = Symbol('reference');

/** The pointer of a reference; undefined for anything else. */
export const pointerOf = (value: unknown): string | undefined =>
  typeof value === 'function' && REFERENCE in value ? String(Reflect.get(value, REFERENCE)) : undefined;

const plain = (value: unknown): string => {
  if (value === undefined)
    throw new TypeError('A filter has no value: undefined is neither null nor a text.');
  if (value instanceof Date) return value.toISOString();
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
};

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

/** An array as PostgreSQL writes one: `{"a","b",NULL}`. */
const arrayText = (items: readonly unknown[]): string =>
  `{${items
    .map((item) => (item === null ? 'NULL' : Array.isArray(item) ? arrayText(item) : quoted(plain(item))))
    .join()}}`;

const textOf = (operator: string, value: unknown): string => {
  if (Array.isArray(value)) return operator === 'in' ? listText(value) : arrayText(value);
  return plain(value);
};

const listText = (items: readonly unknown[]): string =>
  `(${items.map((item) => quoted(plain(item))).join()})`;

interface Search {
  readonly query: string;
  readonly config: string;
}

const isSearch = (value: unknown): value is Search =>
  typeof value === 'object' && value !== null && 'query' in value && 'config' in value;

/**
 * `eq.value`, percent-encoded; a reference stays readable to the server.
 * @param isNested within `and=(...)`, where commas and parentheses need quotes
 */
export const condition = (operator: string, value: unknown, isNested: boolean): string => {
  const pointer = pointerOf(value);
  if (pointer !== undefined) return `${operator}.{${pointer}}`;
  const isText = /fts$/.test(operator);
  const named = isText && isSearch(value) ? `${operator}(${value.config})` : operator;
  const text = isText && isSearch(value) ? value.query : textOf(operator, value);
  const isList = operator === 'in' || operator === 'is';
  return encodeURIComponent(`${named}.${isNested && !isList ? quoted(text) : text}`);
};
