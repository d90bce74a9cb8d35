/**
 * HTTP → the shape of a request: a key and the values that are not part of it. It guarantees that two requests of
 * the same key parse to the same Request; it does not know whether any name exists.
 */
import { apiError } from '../errors/codes.ts';
import { actionOf, schemaOf } from './action.ts';
import type { Action, PageRequest, Range } from './ast.ts';
import { readBody } from './body.ts';
import type { Cursor, Cursors } from './cursor.ts';
import { type AskedPage, prefersPages, readPage } from './page.ts';
import {
  find,
  isFilter,
  namesKey,
  namesPage,
  type Pair,
  readPairs,
  readsArguments,
  setsEmbed,
  splitPair,
} from './parameter.ts';
import type { Body } from './payload.ts';
import { intersect, isRangeHeader, parseLimitOffset, parseRangeHeader } from './range.ts';
import { header, type RawRequest, type RequestOptions, refuseNul } from './raw.ts';

/** The shape of a request, and its own values. */
export interface RequestShape {
  /** Equal for requests that have the same plan (under one catalog and role). */
  readonly key: string;
  /** The values of filters and arguments, by slot. */
  readonly slots: readonly string[];
  readonly action: Action;
  readonly schema: string;
  readonly profiled: boolean;
  readonly pairs: readonly Pair[];
  /** The root's range. */
  readonly range: Range;
  /** The page that is asked for by cursor; its position's values are the last slots. */
  readonly page: PageRequest | null;
  /** The cursor of that page; null = the first one. */
  readonly cursor: Cursor | null;
  readonly body: Body | null;
}

function rangeOf(raw: RawRequest, pairs: readonly Pair[]): Range {
  const query = parseLimitOffset(find(pairs, 'limit'), find(pairs, 'offset'));
  const asked = raw.method === 'GET' ? header(raw, 'range') : undefined;
  const range = asked === undefined ? query : intersect(parseRangeHeader(asked), query);
  if (raw.method === 'PUT' && (range.offset !== 0 || range.limit !== null)) {
    throw apiError('PGRST114', 'limit/offset querystring parameters are not allowed for PUT');
  }
  return range;
}

/**
 * Reads everything of a request that is needed to look up its plan; a body that is not in it may be given.
 * Throws ApiError for what no plan can serve: bad paths, methods, schemas, ranges, encodings, bodies.
 */
export function readShape(raw: RawRequest, options: RequestOptions, given: Body | null = null): RequestShape {
  const action = actionOf(raw.method, raw.path, options);
  const { schema, profiled } = schemaOf(raw, options);
  const pairs = readPairs(raw.query);
  const asArguments = readsArguments(action);
  const slots: string[] = [];
  const range = rangeOf(raw, pairs);
  let key = `${raw.method}\0${raw.path}\0${schema}\0${profiled ? 'profiled' : ''}`;
  for (const name of KEY_HEADERS) key += `\0${header(raw, name) ?? '\u0001'}`;
  key += `\0${range.limit}${range.offset === 0 ? '' : '+'}`;
  let filters = 0;
  let cursorText: string | null = null;
  for (const pair of pairs) {
    if (namesPage(pair, action)) {
      cursorText ??= pair[1];
      // its place, not its text: the pairs of two requests of one key are the same in number and order
      key += `\0${pair[0]}\0\0\u0001`;
      continue;
    }
    const [name, value] = pair;
    const { fixed, slot } = splitPair(pair, asArguments);
    refuseNul(name, value);
    key += `\0${name}\0${fixed}\0${slot === null ? '' : '\u0001'}`;
    if (slot !== null) slots.push(slot);
    if (isFilter(name) && !namesKey(pair, action) && !setsEmbed(pair, action)) filters += 1;
  }
  refuseTooMany(filters, options.dbMaxFilters);
  const body = given ?? readBody(raw, action, pairs, slots);
  if (body) key += `\0${JSON.stringify(body.payload)}`;
  const asked = pageOf(raw, action, pairs, cursorText, slots, options.cursors);
  if (asked) key += `\0${JSON.stringify(asked.page)}`;
  const { page, cursor } = asked ?? NO_PAGE;
  return { key, slots, action, schema, profiled, pairs, range, page, cursor, body };
}

/** Headers that a plan depends on. */
const KEY_HEADERS = ['accept', 'content-type', 'prefer'] as const;

const NO_PAGE = { page: null, cursor: null };

/** The page by cursor that a read asks for: by the preference, or by a cursor, so that a link needs no header. */
function pageOf(
  raw: RawRequest,
  action: Action,
  pairs: readonly Pair[],
  text: string | null,
  slots: string[],
  cursors: Cursors | null,
): AskedPage | null {
  if (action.kind !== 'read' || (text === null && !prefersPages(header(raw, 'prefer')))) return null;
  const skipsRows = pairs.some(([key]) => key === 'offset') || isRangeHeader(header(raw, 'range'));
  return readPage({ text, skipsRows }, slots, cursors);
}

export function refuseTooMany(filters: number, most: number): void {
  if (filters <= most) return;
  throw apiError('AURA102', 'The request has too many filters', {
    details: `It has ${filters} filters, at most ${most} are allowed.`,
    hint: 'Use the in operator for lists of values, or a function.',
  });
}
