/**
 * An error that PostgreSQL raised in a file of the project, as a person can use it: the file, the line, the line's
 * text with a mark under the place, and PostgreSQL's own words.
 */
import { StartError } from '../errors/start.ts';
import type { Script } from './folder.ts';
import type { Statement } from './statements.ts';

export interface DatabaseError extends Error {
  readonly code: string;
  readonly position?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly where?: string;
}

/** Whether PostgreSQL raised it. */
export const isDatabaseError = (error: unknown): error is DatabaseError =>
  error instanceof Error && 'severity' in error && 'code' in error;

/** Line and column, both from 1, of a position that counts characters (not UTF-16 units) from 1. */
const placeOf = (text: string, position: number): { line: number; column: number; content: string } => {
  const before = Array.from(text)
    .slice(0, position - 1)
    .join('');
  const line = before.split('\n').length;
  return {
    line,
    column: before.length - before.lastIndexOf('\n'),
    content: text.split('\n')[line - 1] ?? '',
  };
};

interface Place {
  readonly line: number;
  /** From 1; null where only the line is known. */
  readonly column: number | null;
  readonly content: string;
}

const WIDEST = 100;

/** The part of a long line that a place is in, and the place in it. */
const crop = ({ content, column }: Place): string[] => {
  const from = Math.max((column ?? 1) - WIDEST / 2, 0);
  const before = from > 0 ? '...' : '';
  const after = content.length > from + WIDEST ? '...' : '';
  const shown = `  ${before}${content.slice(from, from + WIDEST)}${after}`;
  return column === null ? [shown] : [shown, `  ${' '.repeat(before.length + column - 1 - from)}^`];
};

const render = (
  name: string,
  place: Place | null,
  error: DatabaseError,
  stays: string,
  hint: string | null = null,
): StartError => {
  const lines = [`${name}${place === null ? '' : `, line ${place.line}`}: ${error.message} (${error.code})`];
  if (place !== null) lines.push(...crop(place));
  if (error.detail !== undefined) lines.push(`  ${error.detail}`);
  if (error.where !== undefined) lines.push(`  ${error.where.split('\n')[0]}`);
  lines.push(`  ${stays}`);
  return new StartError(lines.join('\n'), error.hint ?? hint, error);
};

const NOTHING_STAYS = 'Nothing of this file was applied.';

/** The same error for the terminal; one that PostgreSQL did not raise comes back as it is. */
export const explainScriptError = (script: Script, error: unknown): unknown => {
  if (!isDatabaseError(error)) return error;
  const place = error.position === undefined ? null : placeOf(script.text, Number(error.position));
  return render(script.name, place, error, NOTHING_STAYS);
};

/** How a statement was run. */
export interface StatementContext {
  /** The line before which all was committed; null if nothing was. */
  readonly committedAt: number | null;
  /** What was sent in front of it, which PostgreSQL's position counts. */
  readonly prefix: string;
}

/** What to do about statements that only psql understands. */
const psqlHint = (content: string, error: DatabaseError): string | null => {
  if (content.startsWith('\\')) return 'Commands of psql cannot run here; take the line out.';
  return error.message.startsWith('COPY from stdin failed')
    ? 'Data behind COPY ... FROM stdin is for psql to read; write it as insert statements.'
    : null;
};

/**
 * The same where the statement is known that failed: its first line stands for a place that PostgreSQL does not name.
 */
export const explainStatementError = (
  script: Script,
  statement: Statement,
  error: unknown,
  { committedAt, prefix }: StatementContext,
): unknown => {
  if (!isDatabaseError(error)) return error;
  const stays = committedAt === null ? NOTHING_STAYS : `What stands before line ${committedAt} was applied.`;
  const before = Array.from(script.text.slice(0, statement.start)).length;
  const within = error.position === undefined ? 1 : Number(error.position) - prefix.length;
  const found = placeOf(script.text, before + within);
  const place = error.position === undefined ? { ...found, column: null } : found;
  return render(script.name, place, error, stays, psqlHint(place.content, error));
};
