/**
 * Links from a page to its neighbours (RFC 8288). They are references to the request's own URL, only the query of
 * which is given: whatever hosts and paths stand before the server, a client resolves them against what it asked.
 */
import { apiError } from '../errors/codes.ts';
import type { ResultSet } from '../execute/result.ts';
import type { PagePlan } from '../plan/types.ts';
import type { Cursor, Cursors } from '../request/cursor.ts';
import { withCursor } from '../request/parameter.ts';

/** What of the request the links repeat. */
export interface AskedPage {
  /** Null = the first page. */
  readonly cursor: Cursor | null;
  /** The URL's query string as it came. */
  readonly query: string;
  readonly cursors: Cursors;
  /** Characters of a query string that would still be served. */
  readonly longest: number;
}

type Keys = readonly (string | null)[];

interface Neighbours {
  readonly next: Cursor | null;
  readonly prev: Cursor | null;
}

/** Where the pages before and after this one begin; null where there are no rows. */
function neighbours(page: PagePlan, asked: Cursor | null, result: ResultSet): Neighbours {
  const { order, size } = page;
  const rows = result.page;
  const at = (direction: Cursor['direction'], values: Keys, inclusive = false): Cursor => ({
    direction,
    inclusive,
    order,
    values,
  });
  if (rows === 0) {
    // what was beyond the cursor has gone: back to the row that it was made at, if it was not on this page
    if (asked === null || size === 0) return { next: null, prev: null };
    const back = (direction: Cursor['direction']): Cursor => at(direction, asked.values, !asked.inclusive);
    return asked.direction === 'after'
      ? { next: null, prev: back('before') }
      : { next: back('after'), prev: null };
  }
  // rows are numbered as they were walked, away from the cursor
  const nearest = keysOf(result, 1);
  const farthest = keysOf(result, rows);
  const more = result.keys?.[size + 1] !== undefined;
  if (more) refuseTie(farthest, keysOf(result, size + 1));
  return asked?.direction === 'before'
    ? { next: at('after', nearest), prev: more ? at('before', farthest) : null }
    : { next: more ? at('after', farthest) : null, prev: asked === null ? null : at('before', nearest) };
}

function keysOf({ keys }: ResultSet, row: number): Keys {
  const found = keys?.[row];
  if (!found) throw new Error(`the statement gave no keys for row ${row} of the page`);
  return found;
}

function refuseTie(last: Keys, behind: Keys): void {
  if (last.some((value, index) => value !== behind[index])) return;
  throw apiError('AURA164', 'The order does not tell the rows at the end of the page apart', {
    details: 'Two rows have the same values in all of its keys; the next page would lose one of them.',
    hint: 'Add columns to order that tell the rows apart.',
  });
}

function reference(asked: AskedPage, cursor: Cursor): string {
  const query = withCursor(asked.query, asked.cursors.seal(cursor));
  if (query.length <= asked.longest) return `?${query}`;
  throw apiError('AURA165', 'The cursor of the next page would be too long', {
    details: 'The values that the rows are ordered by are too long for a URL.',
    hint: 'Order by shorter columns, or raise server-max-url-length.',
  });
}

/**
 * The Link header of a page; null where it has no neighbours. Throws ApiError AURA164 where the keys do not tell
 * the rows apart, AURA165 where a link would be longer than what is served.
 */
export function linkHeader(page: PagePlan, asked: AskedPage, result: ResultSet): string | null {
  const { next, prev } = neighbours(page, asked.cursor, result);
  const links = [
    ...(next === null ? [] : [`<${reference(asked, next)}>; rel="next"`]),
    ...(prev === null ? [] : [`<${reference(asked, prev)}>; rel="prev"`]),
  ];
  return links.length === 0 ? null : links.join(', ');
}
