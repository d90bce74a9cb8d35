/**
 * Defaults: the value of an expression that is a constant.
 */

/** `'text'::type`, as PostgreSQL prints a constant of a type that has no syntax of its own. */
const QUOTED = /^'((?:[^']|'')*)'(?:::[^']+)?$/;
/** `42`, `42.5`, `'-1'::integer`, `(0)::numeric`, `('-0.5'::numeric)::double precision`. */
const NUMBER = /^(?:(\d+(?:\.\d+)?)|'(-?\d+(?:\.\d+)?)'::[a-z ]+|\((.+)\)::[a-z ]+)$/;

/** The text of a constant; null where the expression is something else. */
export function constantText(expression: string): string | null {
  const text = QUOTED.exec(expression)?.[1];
  return text === undefined ? null : text.replaceAll("''", "'");
}

/** The value of a constant number; null where the expression is something else, or has more digits than a number. */
export function constantNumber(expression: string): number | null {
  const [, plain, quoted, inner] = NUMBER.exec(expression) ?? [];
  if (inner !== undefined) return constantNumber(inner);
  const digits = plain ?? quoted;
  if (digits === undefined) return null;
  const value = Number(digits);
  return Number.isSafeInteger(value) || digits.includes('.') ? value : null;
}

/** The value of a constant boolean; null where the expression is something else. */
export function constantBoolean(expression: string): boolean | null {
  if (expression === 'true' || expression === 'false') return expression === 'true';
  return null;
}
