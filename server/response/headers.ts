/**
 * Headers of answers: ranges, locations, and what SQL asks for in `response.headers` and `response.status`.
 */
import { isAnswerHeader } from '../errors/answer-header.ts';
import { apiError } from '../errors/codes.ts';
import type { Range } from '../request/ast.ts';

/** Names as they are sent. */
export type Headers = Record<string, string | string[]>;

/** `0-9/100`, `*` for what is not known or empty (RFC 9110 section 14.4, with rows as the unit). */
export function contentRange(first: number, last: number, total: number | null): string {
  const rows = total !== 0 && first <= last ? `${first}-${last}` : '*';
  return `${rows}/${total ?? '*'}`;
}

/** The status of a read by what was asked for and what there is. */
export function rangeStatus(range: Range, page: number, total: number | null): 200 | 206 | 416 {
  if (total === null) return 200;
  if (range.offset > total) return 416;
  return page < total ? 206 : 200;
}

const malformedHeaders = (): Error =>
  apiError(
    'PGRST111',
    'response.headers guc must be a JSON array composed of objects with a single key and a string value',
  );

/** The pairs of `response.headers`, a JSON array of objects with one key each. */
export function parseHeadersSetting(text: string | null): [name: string, value: string][] {
  if (text === null) return [];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformedHeaders();
  }
  if (!Array.isArray(value)) throw malformedHeaders();
  return value.map((item: unknown) => {
    const pairs =
      typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.entries(item) : [];
    const [pair] = pairs;
    if (pairs.length !== 1 || !pair || typeof pair[1] !== 'string') throw malformedHeaders();
    // a line break would let a value write headers of its own
    if (!isAnswerHeader(pair[0]) || /[\r\n\0]/.test(pair[1])) throw malformedHeaders();
    return [pair[0], pair[1]];
  });
}

/** The status of `response.status`; null = not set. */
export function parseStatusSetting(text: string | null): number | null {
  if (text === null) return null;
  const status = /^\d+/.exec(text)?.[0];
  if (status === undefined || Number(status) < 200 || Number(status) > 599) {
    throw apiError('PGRST112', 'response.status guc must be a valid status code');
  }
  return Number(status);
}

/** Adds SQL's headers: they take the place of ours, and of one name several may be set. */
export function mergeHeaders(
  ours: Headers,
  sqls: readonly (readonly [name: string, value: string])[],
): Headers {
  if (sqls.length === 0) return ours;
  const named = new Set(sqls.map(([name]) => name.toLowerCase()));
  const merged: Headers = Object.fromEntries(
    Object.entries(ours).filter(([name]) => !named.has(name.toLowerCase())),
  );
  for (const [name, value] of sqls) {
    const before = Object.keys(merged).find((other) => other.toLowerCase() === name.toLowerCase()) ?? name;
    const present = merged[before];
    merged[before] = present === undefined ? value : [present, value].flat();
  }
  return merged;
}
