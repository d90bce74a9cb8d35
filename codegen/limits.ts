/**
 * Reads what check constraints say of one value, from the text in which PostgreSQL prints them: lists of values,
 * bounds, lengths, regular expressions. Only a whole condition, or all parts of a conjunction, count; of anything
 * else nothing is said, so that what these limits refuse PostgreSQL would refuse, too.
 */
import type { Limits } from './model.ts';

type Draft = { -readonly [K in keyof Limits]: Limits[K] };

/** The parts of `((a) AND (b))`, without their parentheses; quoted text is skipped. */
const conjuncts = (expression: string): readonly string[] => {
  const text = stripParentheses(expression);
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "'") quoted = !quoted;
    if (quoted) continue;
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
    if (depth === 0 && text.startsWith(' OR ', i)) return [];
    if (depth === 0 && text.startsWith(' AND ', i)) {
      parts.push(text.slice(start, i));
      start = i + 5;
    }
  }
  parts.push(text.slice(start));
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? [only] : parts.flatMap(conjuncts);
};

/** Without parentheses around all of it. */
const stripParentheses = (text: string): string => {
  if (!text.startsWith('(') || !text.endsWith(')')) return text;
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === "'") quoted = !quoted;
    if (quoted) continue;
    if (text[i] === '(') depth += 1;
    if (text[i] === ')') depth -= 1;
    if (depth === 0) return text;
  }
  return stripParentheses(text.slice(1, -1));
};

const NUMERIC = '(?:smallint|integer|bigint|numeric|real|double precision)';
const TEXT = `'((?:[^']|'')*)'::(?:text|character varying)`;
const NUMBER = String.raw`\(?'?(-?\d+(?:\.\d+)?)'?(?:::${NUMERIC})?\)?(?:::${NUMERIC})?`;
const quoteText = (text: string): string => text.replaceAll("''", "'");

/** Those that PostgreSQL and JavaScript read alike: no classes by name, no `.`, which differs in line breaks. */
const isPortable = (pattern: string): boolean =>
  /^(?:[\w @:/,;=<>!%&#~"'-]|\\[.\-+*?^$()[\]{}|/]|\[\^?(?:[\w.@:/,;+*?()#!$%&=~ -]|\\[\]\\.-])+\]|[$^|()?*+]|\{\d+(?:,\d*)?\})*$/.test(
    pattern,
  ) && !/\(\?|\*\*\*/.test(pattern);

const escapePattern = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** The ways in which PostgreSQL names the value: `VALUE`, `(code)::text`, `"Code"`. */
const valuePattern = (name: string): string => {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  const plain = name === 'VALUE' ? 'VALUE' : `(?:${escapePattern(name)}|${escapePattern(quoted)})`;
  return String.raw`\(?${plain}\)?(?:::(?:text|numeric|double precision|bigint|integer))?`;
};

const readList = (items: string): readonly (string | number)[] | null => {
  const values: (string | number)[] = [];
  const pattern = new RegExp(`\\(?(?:${TEXT}|${NUMBER})\\)?(?:::text)?(?:, |$)`, 'y');
  while (pattern.lastIndex < items.length) {
    const found = pattern.exec(items);
    if (found === null) return null;
    values.push(found[1] === undefined ? Number(found[2]) : quoteText(found[1]));
  }
  return values;
};

const readBound = (draft: Draft, operator: string, limit: number): void => {
  if (operator === '>=') draft.min = Math.max(limit, draft.min ?? limit);
  if (operator === '<=') draft.max = Math.min(limit, draft.max ?? limit);
  if (operator === '>') draft.exclusiveMin = Math.max(limit, draft.exclusiveMin ?? limit);
  if (operator === '<') draft.exclusiveMax = Math.min(limit, draft.exclusiveMax ?? limit);
  if (operator === '=') draft.oneOf ??= [limit];
};

const readLength = (draft: Draft, operator: string, limit: number): void => {
  const low = operator === '>' ? limit + 1 : limit;
  const high = operator === '<' ? limit - 1 : limit;
  if (/^[>=]/.test(operator)) draft.minLength = Math.max(low, draft.minLength ?? low);
  if (/^[<=]/.test(operator)) draft.maxLength = Math.min(high, draft.maxLength ?? high);
};

const readCondition = (draft: Draft, condition: string, value: string): void => {
  const match = (pattern: string): RegExpExecArray | null => new RegExp(`^${pattern}$`, 's').exec(condition);
  const list = match(String.raw`${value} = ANY \(\(?ARRAY\[(.*?)\]\)?(?:::[\w ]+\[\])?\)`)?.[1];
  const same = match(`${value} = ${TEXT}`)?.[1];
  const bound = match(`${value} (>=|<=|>|<|=) ${NUMBER}`);
  const length = match(String.raw`(?:char_length|character_length|length)\(${value}\) (>=|<=|>|<|=) (\d+)`);
  const pattern = match(`${value} ~ ${TEXT}`)?.[1];
  const oneOf = same === undefined ? list && readList(list) : [quoteText(same)];
  if (oneOf) draft.oneOf ??= oneOf;
  else if (bound !== null) readBound(draft, bound[1] ?? '', Number(bound[2]));
  else if (length !== null) readLength(draft, length[1] ?? '', Number(length[2]));
  else if (pattern !== undefined && isPortable(quoteText(pattern))) draft.pattern ??= quoteText(pattern);
};

/**
 * @param name the column's name, or `VALUE` for a domain
 */
export const readLimits = (
  expressions: readonly string[],
  name: string,
  maxLength: number | null,
): Limits => {
  const draft: Draft = {};
  if (maxLength !== null) draft.maxLength = maxLength;
  const value = valuePattern(name);
  for (const expression of expressions) {
    for (const condition of conjuncts(expression)) readCondition(draft, stripParentheses(condition), value);
  }
  return draft;
};

/** Both hold. */
export const mergeLimits = (inner: Limits, outer: Limits): Limits => {
  const draft: Draft = { ...inner, ...outer };
  for (const key of ['min', 'exclusiveMin', 'minLength'] as const) {
    const values = [inner[key], outer[key]].filter((limit) => limit !== undefined);
    if (values.length > 0) draft[key] = Math.max(...values);
  }
  for (const key of ['max', 'exclusiveMax', 'maxLength'] as const) {
    const values = [inner[key], outer[key]].filter((limit) => limit !== undefined);
    if (values.length > 0) draft[key] = Math.min(...values);
  }
  if (inner.oneOf !== undefined && outer.oneOf !== undefined) {
    const allowed = new Set(outer.oneOf);
    draft.oneOf = inner.oneOf.filter((one) => allowed.has(one));
  }
  return draft;
};
