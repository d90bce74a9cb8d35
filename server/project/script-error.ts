/**
 * An error that PostgreSQL raised in a file of the project, as a person can use it: the file, the line, the line's
 * text with a mark under the place, and PostgreSQL's own words.
 */
import { StartError } from '../errors/start.ts';
import type { Script } from './folder.ts';

interface DatabaseError extends Error {
  readonly code: string;
  readonly position?: string;
  readonly detail?: string;
  readonly hint?: string;
  readonly where?: string;
}

const isDatabaseError = (error: unknown): error is DatabaseError =>
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

/** The same error for the terminal; one that PostgreSQL did not raise comes back as it is. */
export const explainScriptError = (script: Script, error: unknown): unknown => {
  if (!isDatabaseError(error)) return error;
  const place = error.position === undefined ? null : placeOf(script.text, Number(error.position));
  const lines = [
    `${script.name}${place === null ? '' : `, line ${place.line}`}: ${error.message} (${error.code})`,
  ];
  if (place !== null) lines.push(`  ${place.content}`, `  ${' '.repeat(place.column - 1)}^`);
  if (error.detail !== undefined) lines.push(`  ${error.detail}`);
  if (error.where !== undefined) lines.push(`  ${error.where.split('\n')[0]}`);
  lines.push('  Nothing of this file was applied.');
  return new StartError(lines.join('\n'), error.hint ?? null, error);
};
