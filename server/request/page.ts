/**
 * Pages by cursor: what a request says of the page that it wants, and where the cursor's values go.
 */
import { apiError } from '../errors/codes.ts';
import type { Operand, PageRequest } from './ast.ts';
import type { Cursor, Cursors } from './cursor.ts';

/** What of a request bears on its page. */
export interface PageParts {
  /** The parameter `cursor`; null = not given. */
  readonly text: string | null;
  /** `offset` or a Range header, which say otherwise where the page begins. */
  readonly skipsRows: boolean;
}

export interface AskedPage {
  readonly page: PageRequest;
  /** Null = the first page. */
  readonly cursor: Cursor | null;
}

/** Whether a Prefer header asks for pages by cursor. */
export const prefersPages = (prefer: string | undefined): boolean =>
  prefer?.includes('pagination=cursor') === true && PAGINATION.test(prefer);
const PAGINATION = /(?:^|,)\s*pagination=cursor\s*(?:,|$)/;

/**
 * Opens the cursor and puts its values behind the request's other slots.
 * Throws ApiError AURA160 for a cursor that was not made here, AURA162 where something else says which rows are
 * wanted, AURA166 without a secret.
 */
export function readPage(
  { text, skipsRows }: PageParts,
  slots: string[],
  cursors: Cursors | null,
): AskedPage {
  if (cursors === null) {
    throw apiError('AURA166', 'Pages by cursor are not available', {
      details: 'There is no secret to sign cursors with.',
      hint: 'Set cursor-secret; a shared jwt-secret serves as well.',
    });
  }
  if (skipsRows) {
    throw apiError('AURA162', 'Pages by cursor cannot be combined with offset or Range', {
      hint: 'Leave offset and Range out; limit is the size of a page.',
    });
  }
  if (text === null) return { page: { position: null }, cursor: null };
  const cursor = cursors.open(text);
  const { direction, inclusive, order } = cursor;
  const values = cursor.values.map((value): Operand | null => {
    if (value === null) return null;
    slots.push(value);
    return { kind: 'slot', index: slots.length - 1 };
  });
  return { page: { position: { direction, inclusive, order, values } }, cursor };
}
