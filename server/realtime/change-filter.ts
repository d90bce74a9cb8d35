/**
 * Filters as Supabase's clients write them for changes (`id=gt.1,status=in.(a,b)`) → the query string of REST.
 */
import { apiError } from '../errors/codes.ts';
import { isFilter } from '../request/parameter.ts';

/** AURA462. */
const malformed = (filter: string, details: string): Error =>
  apiError('AURA462', 'The filter cannot be read', {
    details: `${details} It is ${JSON.stringify(filter.slice(0, 200))}.`,
    hint: 'Write column=operator.value, several of them with commas between; quote values that have commas.',
  });

/** Parts between commas that stand outside of quotes and parentheses. */
function split(filter: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let isQuoted = false;
  let part = '';
  for (let at = 0; at < filter.length; at += 1) {
    const sign = filter[at] ?? '';
    if (isQuoted && sign === '\\') {
      part += sign + (filter[at + 1] ?? '');
      at += 1;
      continue;
    }
    if (sign === '"') isQuoted = !isQuoted;
    else if (!isQuoted && sign === '(') depth += 1;
    else if (!isQuoted && sign === ')') depth -= 1;
    if (sign === ',' && !isQuoted && depth <= 0) {
      parts.push(part);
      part = '';
    } else {
      part += sign;
    }
  }
  parts.push(part);
  if (isQuoted || depth !== 0) throw malformed(filter, 'A quote or a parenthesis is not closed.');
  return parts;
}

const NAME = /^[^=."(),]+$/;

/** The query string of a filter. Throws ApiError AURA462; what operators mean is REST's to say. */
export function filterQuery(filter: string): string {
  const pairs = split(filter).map((part) => {
    const at = part.indexOf('=');
    const column = part.slice(0, at).trim();
    const condition = part.slice(at + 1);
    if (at < 0 || column === '' || condition === '')
      throw malformed(filter, 'A part has no column or no operator.');
    // quotes belong to the grammar of lists only; a name of the query string's own can be told apart in one, too
    const isInList = /(?:^|\.)"/.test(condition) || !isFilter(column);
    if (!isInList) return `${encodeURIComponent(column)}=${encodeURIComponent(condition)}`;
    if (!NAME.test(column)) throw malformed(filter, 'The name of a column cannot be read.');
    return `and=${encodeURIComponent(`(${column}.${condition})`)}`;
  });
  return pairs.join('&');
}
