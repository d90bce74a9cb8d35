/**
 * Bookmarks: what a client sends as Last-Event-ID to go on where it was. They hold no secret and are believed nothing
 * that matters: whatever one says, a client is told no more than rows that it may read.
 */
import { type Position, parsePosition, printPosition } from './position.ts';

/** Where a follower of a live query is, and what it has. */
export interface Bookmark {
  /** Names the query, who asks, and by which policies. */
  readonly query: string;
  /** The state of the known rows. */
  readonly state: string;
  readonly position: Position;
}

const FORM = /^([\w-]{22})\.([0-9a-f]{1,32})\.([\d:,]+)$/;

/** Reads a bookmark; null for anything else. */
export function parseBookmark(text: string): Bookmark | null {
  const [, query, state, place] = FORM.exec(text) ?? [];
  const position = parsePosition(place ?? '');
  if (query === undefined || state === undefined || position === null) return null;
  return { query, state, position };
}

/** A bookmark as text without blanks. */
export const printBookmark = ({ query, state, position }: Bookmark): string =>
  `${query}.${state}.${printPosition(position)}`;
