/**
 * Comment directives: settings that stand in the comments of schemas, relations, columns, functions, types and
 * constraints, as `@graphql({...})` with JSON inside (pg_graphql's documentation, "Configuration"). A directive that
 * is no JSON object counts as none, and so does a setting in it that has another type than it should.
 */

/** A directive's JSON object. */
export type Directive = Readonly<Record<string, unknown>>;

const NONE: Directive = Object.freeze({});
const DIRECTIVE = /@graphql\(\s*(\{[\s\S]*\})\s*\)/;

const isObject = (value: unknown): value is Directive =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The directive in a comment. */
export function directiveOf(comment: string | null): Directive {
  const text = comment?.includes('@graphql') ? DIRECTIVE.exec(comment)?.[1] : undefined;
  if (text === undefined) return NONE;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : NONE;
  } catch {
    // a comment may hold anything, and is often older than this server
    return NONE;
  }
}

/** A text in a directive. */
export const textIn = (directive: Directive, key: string): string | null => {
  const value = directive[key];
  return typeof value === 'string' ? value : null;
};

/** A truth value in a directive. */
export const flagIn = (directive: Directive, key: string): boolean | null => {
  const value = directive[key];
  return typeof value === 'boolean' ? value : null;
};

/** `{"key": {"enabled": true}}`. */
export const isEnabledIn = (directive: Directive, key: string): boolean => {
  const value = directive[key];
  return isObject(value) && value['enabled'] === true;
};

/** A number of rows in a directive. */
export const countIn = (directive: Directive, key: string): number | null => {
  const value = directive[key];
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
};

/** A list of texts in a directive. */
export const textsIn = (directive: Directive, key: string): readonly string[] | null => {
  const value = directive[key];
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null;
};

/** A list of objects in a directive. */
export const objectsIn = (directive: Directive, key: string): readonly Directive[] => {
  const value = directive[key];
  return Array.isArray(value) ? value.filter(isObject) : [];
};

/** Texts by text in a directive. */
export const textMapIn = (directive: Directive, key: string): ReadonlyMap<string, string> => {
  const value = directive[key];
  if (!isObject(value)) return new Map();
  return new Map(
    Object.entries(value).flatMap(([from, to]) => (typeof to === 'string' ? [[from, to] as const] : [])),
  );
};
