/**
 * The parameters of a query string: taken apart, told apart (filters, arguments, keys, pages, options of embeds),
 * and written again. What they say is for the grammar.
 */
import type { Action } from './ast.ts';
import { splitOperator } from './filter.ts';
import { decodeForm, encodeStrictly } from './percent.ts';

export type Pair = readonly [key: string, value: string];

export function lastWord(key: string): string {
  const at = key.lastIndexOf('.');
  return at < 0 ? key : key.slice(at + 1);
}

/** Whether a parameter is a filter by its name. Compared one by one, which for a new text is faster than any set. */
export function isFilter(key: string): boolean {
  if (key === 'select' || key === 'columns' || key === 'on_conflict') return false;
  const last = lastWord(key);
  return last !== 'order' && last !== 'limit' && last !== 'offset' && last !== 'and' && last !== 'or';
}

const ENCODED = /[%+]/;

/** The parameters of a query string, in their order. Throws AURA104. */
export function readPairs(query: string): Pair[] {
  const pairs: Pair[] = [];
  const isPlain = !ENCODED.test(query);
  let end: number;
  for (let start = 0; start < query.length; start = end + 1) {
    end = query.indexOf('&', start);
    if (end < 0) end = query.length;
    const at = query.indexOf('=', start);
    // a parameter without a value says nothing
    if (at <= start || at >= end) continue;
    const key = query.slice(start, at);
    const value = query.slice(at + 1, end);
    pairs.push(isPlain ? [key, value] : [decodeForm(key), decodeForm(value)]);
  }
  return pairs;
}

export function find(pairs: readonly Pair[], key: string): string | undefined {
  for (const pair of pairs) if (pair[0] === key) return pair[1];
  return undefined;
}

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
export type CanonicalQuery = (pairs: readonly Pair[]) => string;

/** What differs between requests of one shape: the value of a parameter from a place on, and the text before it. */
interface Varying {
  readonly before: string;
  readonly index: number;
  readonly from: number;
}

/** Writes the query strings of reads of one shape, of which `pairs` are an example. */
export function canonicalQueryOf(pairs: readonly Pair[], action: Action): CanonicalQuery {
  const asArguments = readsArguments(action);
  const varying: Varying[] = [];
  let text = '';
  let previous: string | null = null;
  for (const [index, pair] of [...pairs.entries()].toSorted(byKey)) {
    const [key, value] = pair;
    // several of one key are one list
    if (key === previous) text += ',';
    else text += `${previous === null ? '' : '&'}${encodeStrictly(key)}=`;
    previous = key;
    const { fixed, slot } = splitPair(pair, asArguments);
    const isWhole = key === 'offset' || namesPage(pair, action);
    if (slot === null && !isWhole) {
      text += encodeStrictly(value);
      continue;
    }
    const known = isWhole ? '' : fixed;
    varying.push({ before: text + encodeStrictly(known), index, from: known.length });
    text = '';
  }
  return (own) => {
    let whole = '';
    for (const { before, index, from } of varying) {
      whole += before + encodeStrictly(own[index]?.[1].slice(from) ?? '');
    }
    return whole + text;
  };
}

type Entry = readonly [index: number, pair: Pair];

const byKey = ([, [a]]: Entry, [, [b]]: Entry): number => (a < b ? -1 : a > b ? 1 : 0);
