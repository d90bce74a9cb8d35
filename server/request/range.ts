/**
 * Ranges of rows: `limit` and `offset`, and the Range header (rows as the unit, RFC 9110 section 14).
 */
import { apiError } from '../errors/codes.ts';
import type { Range } from './ast.ts';

/** All rows. */
export const ALL_ROWS: Range = { offset: 0, limit: null };

/** No relation has more rows than this; digits beyond would be lost, and PostgreSQL refuses what is no bigint. */
const clamped = (digits: string): number =>
  Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number(digits), Number.MAX_SAFE_INTEGER));

const integer = (text: string | undefined): number | null =>
  text !== undefined && /^\s*-?\d+\s*$/.test(text) ? clamped(text) : null;

const invalidRange = (details: string): Error =>
  apiError('PGRST103', 'Requested range not satisfiable', { details });

const NEGATIVE_LIMIT = 'Limit should be greater than or equal to zero.';
const LOWER_ABOVE_UPPER =
  'The lower boundary must be lower than or equal to the upper boundary in the Range header.';

/** The range that `limit` and `offset` ask for; what is not an integer is as if it were not there. */
export function parseLimitOffset(limitText: string | undefined, offsetText: string | undefined): Range {
  const limit = integer(limitText);
  if (limit !== null && limit < 0) throw invalidRange(NEGATIVE_LIMIT);
  return { offset: integer(offsetText) ?? 0, limit };
}

const ROWS = /^(\d+)-(\d*)$/;

/** Whether a Range header is one of rows. */
export const isRangeHeader = (header: string | undefined): boolean =>
  header !== undefined && ROWS.test(header);

/** The range of a Range header (`0-9`, `10-`); what has another form is ignored. */
export function parseRangeHeader(header: string | undefined): Range {
  const match = header === undefined ? null : ROWS.exec(header);
  if (!match) return ALL_ROWS;
  const offset = clamped(match[1] ?? '');
  if (match[2] === '') return { offset, limit: null };
  const limit = clamped(match[2] ?? '') - offset + 1;
  if (limit <= 0) throw invalidRange(LOWER_ABOVE_UPPER);
  return { offset, limit };
}

const end = (range: Range): number =>
  range.limit === null ? Number.POSITIVE_INFINITY : range.offset + range.limit;

/** The rows that both ranges have. */
export function intersect(header: Range, query: Range): Range {
  if (query.limit === 0) return query;
  const offset = Math.max(header.offset, query.offset);
  const last = Math.min(end(header), end(query));
  if (last <= offset) throw invalidRange(NEGATIVE_LIMIT);
  return { offset, limit: Number.isFinite(last) ? last - offset : null };
}

/** The range with no more rows than `db-max-rows`. */
export const restrict = (range: Range, maxRows: number | null): Range =>
  maxRows === null || (range.limit !== null && range.limit <= maxRows) ? range : { ...range, limit: maxRows };
