/**
 * Check constraints as JSON Schema, as far as the two certainly mean the same. A check is a conjunction of conditions;
 * one that is not understood is left out, and the schema then allows more than the database does. A null passes any
 * check, so that what is said here is about other values.
 */
import type { SchemaObject } from 'openapi3-ts/oas31';
import { constantNumber, constantText } from './default-value.ts';

/** What a check is said of; other types have no conditions that JSON Schema knows. */
export type Checked = 'number' | 'text' | 'json';

/** Without parentheses around the whole of it. */
function bare(expression: string): string {
  let text = expression.trim();
  while (text.startsWith('(') && closingOf(text) === text.length - 1) text = text.slice(1, -1).trim();
  return text;
}

/** Where the parenthesis that opens a text is closed; outside of strings and quoted names. */
function closingOf(text: string): number {
  let depth = 0;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === "'" || character === '"') quote = character;
    else if (character === '(') depth++;
    else if (character === ')' && --depth === 0) return at;
  }
  return -1;
}

/** PostgreSQL prints `(a) AND (b)`, each operand of more than a word in parentheses. */
function conjuncts(expression: string): string[] {
  const text = bare(expression);
  const parts: string[] = [];
  let rest = text;
  while (rest.startsWith('(')) {
    const end = closingOf(rest);
    if (end < 0) return [text];
    parts.push(rest.slice(0, end + 1));
    const after = rest.slice(end + 1);
    if (after === '') return parts.flatMap(conjuncts);
    if (!after.startsWith(' AND ')) return [text];
    rest = after.slice(' AND '.length);
  }
  return [text];
}

/** `title`, `"Title"`, `VALUE`, and the same cast to text. */
const SUBJECT = String.raw`(?:[a-z_][\w$]*|VALUE|"(?:[^"]|"")+"|\((?:[a-z_][\w$]*|VALUE|"(?:[^"]|"")+")\)::text)`;
const COMPARISON = new RegExp(`^${SUBJECT} (>=|<=|>|<) (.+)$`);
const LENGTH = new RegExp(`^(?:char_length|character_length|length)\\(${SUBJECT}\\) (>=|<=|>|<|=) (\\d+)$`);
const MATCH = new RegExp(`^${SUBJECT} ~ ('(?:[^']|'')*'::text)$`);
const ONE_OF = new RegExp(`^${SUBJECT} = ANY \\((?:\\()?ARRAY\\[(.+)\\](?:\\)::text\\[\\])?\\)$`);
const KIND = new RegExp(`^jsonb?_typeof\\(${SUBJECT}\\) = '(\\w+)'::text$`);
const NOT_EMPTY = new RegExp(`^${SUBJECT} <> ''::text$`);

function ofLength(operator: string, count: number): SchemaObject {
  switch (operator) {
    case '>=':
      return { minLength: count };
    case '>':
      return { minLength: count + 1 };
    case '<=':
      return { maxLength: count };
    case '<':
      return count === 0 ? {} : { maxLength: count - 1 };
    default:
      return { minLength: count, maxLength: count };
  }
}

function ofRange(operator: string, value: number): SchemaObject {
  switch (operator) {
    case '>=':
      return { minimum: value };
    case '>':
      return { exclusiveMinimum: value };
    case '<=':
      return { maximum: value };
    default:
      return { exclusiveMaximum: value };
  }
}

function ofText(condition: string): SchemaObject {
  const length = LENGTH.exec(condition);
  if (length) return ofLength(length[1] ?? '', Number(length[2]));
  if (NOT_EMPTY.test(condition)) return { minLength: 1 };
  const match = MATCH.exec(condition);
  if (match) {
    const pattern = constantText(match[1] ?? '');
    return pattern !== null && isCommonPattern(pattern) ? { pattern } : {};
  }
  const list = ONE_OF.exec(condition);
  if (list) {
    const values = (list[1] ?? '').split(', ').map((item) => constantText(bareCast(item)));
    return values.every((value) => value !== null) ? { enum: values } : {};
  }
  return {};
}

/** `('a'::character varying)::text` as PostgreSQL prints the items of a list for a column of that type. */
const bareCast = (item: string): string => item.replace(/^\((.+)\)::text$/, '$1');

function ofJson(condition: string): SchemaObject {
  const type = KIND.exec(condition)?.[1];
  return type === 'object' || type === 'array' || type === 'string' || type === 'number' ? { type } : {};
}

function ofNumber(condition: string): SchemaObject {
  const found = COMPARISON.exec(condition);
  const value = found && constantNumber(found[2] ?? '');
  return found && value !== null ? ofRange(found[1] ?? '', value) : {};
}

/**
 * Whether PostgreSQL's regular expression means the same in JSON Schema (ECMA 262 with the flag `u`): literals,
 * classes of ASCII characters, groups, alternatives, anchors, greedy quantifiers. Left out is what differs, as `.`
 * (line feeds), `\w` (which letters), or may differ.
 */
export const isCommonPattern = (pattern: string): boolean =>
  COMMON.test(pattern) && compiles(pattern) && !/^\*\*\*|\(\?(?!:)/.test(pattern);

const COMMON =
  /^(?:[A-Za-z0-9 _@#%&=:;,!~<>'"/-]|\\[.*+?^$()[\]{}|\\/]|\[\^?(?:[A-Za-z0-9 _@.+#%&=,;!~$*()?/]|\\[-.\]])+(?:-(?:[A-Za-z0-9])(?:[A-Za-z0-9 _@.+]|\\[-.\]])*)*-?\]|[()|^$*+?]|\{\d+(?:,\d*)?\})+$/;

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    // a syntax that is PostgreSQL's alone
    return false;
  }
}

const CONDITIONS: Readonly<Record<Checked, (condition: string) => SchemaObject>> = {
  text: ofText,
  number: ofNumber,
  json: ofJson,
};

/** What every value that passes the checks fulfils. */
export function schemaOfChecks(checks: readonly string[], checked: Checked): SchemaObject {
  const all: SchemaObject[] = checks.flatMap(conjuncts).map(bare).map(CONDITIONS[checked]);
  return all.reduce<SchemaObject>(tighten, {});
}

const LOWER = ['minimum', 'exclusiveMinimum', 'minLength'] as const;
const UPPER = ['maximum', 'exclusiveMaximum', 'maxLength'] as const;

/** Both at once: the narrower bound, the first pattern or list. */
export function tighten(a: SchemaObject, b: SchemaObject): SchemaObject {
  const both: SchemaObject = { ...a, ...b, ...a };
  for (const key of LOWER) {
    const [x, y] = [a[key], b[key]];
    if (typeof x === 'number' && typeof y === 'number') both[key] = Math.max(x, y);
  }
  for (const key of UPPER) {
    const [x, y] = [a[key], b[key]];
    if (typeof x === 'number' && typeof y === 'number') both[key] = Math.min(x, y);
  }
  return both;
}
