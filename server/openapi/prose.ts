/**
 * Comments of database objects as the text of a description.
 */
import { readableComment } from '../catalog/protection.ts';

export interface Prose {
  readonly summary: string | null;
  readonly description: string | null;
}

/** The first line of a comment, and what follows it without the lines left empty between the two. */
export function proseOf(comment: string | null): Prose {
  const text = readableComment(comment);
  if (text === null) return { summary: null, description: null };
  const end = text.indexOf('\n');
  if (end < 0) return { summary: text, description: null };
  const rest = text.slice(end).replace(/^\n+/, '');
  return { summary: text.slice(0, end), description: rest === '' ? null : rest };
}
