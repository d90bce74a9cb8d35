/**
 * Names of the database as names of GraphQL (pg_graphql's documentation, "Inflection"): as they are, or, where the
 * schema's comment asks for it, `snake_case` as `PascalCase` for types and `camelCase` for fields.
 */

const NAME = /^[_A-Za-z][_0-9A-Za-z]*$/;

/** Whether GraphQL can call something by this name. Names that begin with two underscores are GraphQL's own. */
export const isName = (text: string): boolean => NAME.test(text) && !text.startsWith('__');

/** With its first letter in lower case. */
export const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** A type's name: letters at the start of a word become capitals, underscores go. */
export function typeName(name: string, inflect: boolean): string {
  if (!inflect) return name;
  return name.replaceAll(/(?<![\p{L}\p{N}])./gu, (first) => first.toUpperCase()).replaceAll('_', '');
}

/** A column's name as a field. */
export const columnField = (name: string, inflect: boolean): string =>
  inflect ? lowerFirst(typeName(name, true)) : name;

/** A function's or an argument's name as a field; an underscore in front marks functions that are only fields. */
export const functionField = (name: string, inflect: boolean): string =>
  lowerFirst(typeName(name.replace(/^_/, ''), inflect));

/** What of a foreign key's column names what it refers to: `owner` of `owner_id`, or of `ownerId`; null = nothing. */
export function referentOf(column: string, inflect: boolean): string | null {
  const suffix = inflect ? '_id' : 'Id';
  if (!column.endsWith(suffix)) return null;
  return lowerFirst(typeName(column.slice(0, -suffix.length), inflect));
}
