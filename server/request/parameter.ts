/**
 * The parameters of a query string: taken apart, told apart (filters, arguments, keys, pages, options of embeds),
 * and written again. What they say is for the grammar.
 */
import type { Action } from './ast.ts';
import { splitOperator } from './filter.ts';
import { decodeForm, encodeStrictly } from './percent.ts';

export type Pair = readonly [key: string, value: string];

const RESERVED = new Set(['select', 'columns', 'on_conflict']);

const RESERVED_LAST = new Set(['order', 'limit', 'offset', 'and', 'or']);

export const lastWord = (key: string): string => key.slice(key.lastIndexOf('.') + 1);

export const isFilter = (key: string): boolean => !RESERVED.has(key) && !RESERVED_LAST.has(lastWord(key));

/** The parameters of a query string, in their order. */
export function readPairs(query: string): Pair[] {
  const pairs: Pair[] = [];
  if (query === '') return pairs;
  for (const item of query.split('&')) {
    const at = item.indexOf('=');
    // a parameter without a value says nothing
    if (at > 0) pairs.push([decodeForm(item.slice(0, at)), decodeForm(item.slice(at + 1))]);
  }
  return pairs;
}

export const find = (pairs: readonly Pair[], key: string): string | undefined =>
  pairs.find((pair) => pair[0] === key)?.[1];

/** Whether `columns` names what is written. */
export const hasColumns = (pairs: readonly Pair[]): boolean => pairs.some(([key]) => key === 'columns');

export const readsArguments = (action: Action): boolean => action.kind === 'call' && action.method !== 'POST';

/** How a function's GET parameter is taken: with an operator it is a filter, else an argument. */
const MUST_BE_CONDITION = /^(?:not|in|is|isdistinct)\./;

/** `on` with a list of columns, which no filter looks like, is the key of a PATCH's objects. */
export const namesKey = ([key, value]: Pair, action: Action): boolean =>
  key === 'on' &&
  action.kind === 'mutate' &&
  action.mutation === 'update' &&
  splitOperator(value) === null &&
  !MUST_BE_CONDITION.test(value);

export const EMBED_RESOLUTIONS = {
  'merge-duplicates': 'merge-duplicates',
  'ignore-duplicates': 'ignore-duplicates',
  none: null,
} as const;

/** `embed.on_conflict` and `embed.resolution` with values that no filter looks like belong to a nested body. */
export const setsEmbed = ([key, value]: Pair, action: Action): boolean => {
  if (action.kind !== 'mutate' || action.mutation !== 'insert') return false;
  const last = lastWord(key);
  if (last === key) return false;
  if (last === 'resolution') return Object.hasOwn(EMBED_RESOLUTIONS, value);
  return last === 'on_conflict' && splitOperator(value) === null && !MUST_BE_CONDITION.test(value);
};

/** `cursor` names a page unless it is a condition on a column of that name. */
const isCursor = ([key, value]: Pair): boolean =>
  key === 'cursor' && splitOperator(value) === null && !MUST_BE_CONDITION.test(value);

export const namesPage = (pair: Pair, action: Action): boolean => action.kind === 'read' && isCursor(pair);

/** The part of a pair that belongs to the shape, and the value that does not. */
export function splitPair([key, value]: Pair, asArguments: boolean): { fixed: string; slot: string | null } {
  if (key === 'offset') return { fixed: '', slot: null };
  if (isFilter(key)) {
    const split = splitOperator(value);
    if (split) return { fixed: split.prefix, slot: split.operand };
    if (asArguments && !MUST_BE_CONDITION.test(value)) return { fixed: '', slot: value };
  }
  return { fixed: value, slot: null };
}

/** What cannot stand in a reference, or not between the angle brackets of a Link header. */
const UNSAFE = /[^\x21-\x7e]|[<>"]/gu;

/** A query string of a read as it was written, with another cursor. */
export function withCursor(query: string, cursor: string): string {
  const others = query
    .split('&')
    .filter((item) => item !== '' && readPairs(item).every((pair) => !isCursor(pair)));
  return [
    ...others.map((item) => item.toWellFormed().replace(UNSAFE, encodeURIComponent)),
    `cursor=${cursor}`,
  ].join('&');
}

/** The query string with its parameters in alphabetical order, for Content-Location. */
export function canonicalQuery(pairs: readonly Pair[]): string {
  let text = '';
  let before: string | null = null;
  for (const [key, value] of pairs.toSorted(byKey)) {
    // several of one key are one list
    if (key === before) text += `,${encodeStrictly(value)}`;
    else text += `${text === '' ? '' : '&'}${encodeStrictly(key)}=${encodeStrictly(value)}`;
    before = key;
  }
  return text;
}

const byKey = ([a]: Pair, [b]: Pair): number => (a < b ? -1 : a > b ? 1 : 0);
