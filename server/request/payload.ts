/**
 * Bodies of writes and calls. JSON goes to PostgreSQL as it came: here only its keys are read, since they
 * decide which columns are written. CSV and forms become JSON first.
 */
import { CsvError, parse as parseCsv } from 'csv-parse/sync';
import { apiError } from '../errors/codes.ts';
import type { Payload } from './ast.ts';
import { decodeForm } from './percent.ts';

/** A body: what of it belongs to the request's shape, and the bytes or text that PostgreSQL gets. */
export interface Body {
  readonly payload: Payload;
  readonly content: Buffer | string;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

const unreadable = (message: string, details?: string, hint: string | null = null): Error =>
  apiError('PGRST102', message, details === undefined ? {} : { details, hint });

/** The text of a body; refuses what is not UTF-8. */
export function decodeText(body: Buffer): string {
  try {
    return UTF8.decode(body);
  } catch (cause) {
    throw apiError('AURA104', 'The body is not valid UTF-8', {
      hint: 'Send the body encoded as UTF-8.',
      cause,
    });
  }
}

const looksLikeObject = (body: Buffer): boolean => {
  for (const byte of body) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return byte === 0x7b;
  }
  return false;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const sameKeys = (keys: ReadonlySet<string>, item: unknown): boolean => {
  if (!isObject(item)) return false;
  const others = Object.keys(item);
  return others.length === keys.size && others.every((key) => keys.has(key));
};

/**
 * JSON whose keys name the columns or arguments; they must be the same in all objects of an array. `mayNest`: but
 * for embeds, which can only be told from columns where the catalog is known.
 */
export function readJson(body: Buffer, emptyIsObject: boolean, mayNest: boolean): Body {
  if (body.length === 0 && emptyIsObject) {
    return { payload: { kind: 'json', keys: [], isObject: true }, content: '{}' };
  }
  return jsonBody(parseJson(decodeText(body)), body, mayNest);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable('Empty or invalid json');
  }
}

/** The keys of rows that may differ by their embeds; null where no value could be one. */
function mixedKeys(rows: readonly unknown[]): readonly string[] | null {
  const keys = new Set<string>();
  let nests = false;
  for (const row of rows) {
    if (!isObject(row)) return null;
    for (const [key, value] of Object.entries(row)) {
      keys.add(key);
      nests ||= typeof value === 'object' && value !== null;
    }
  }
  return nests ? [...keys].sort() : null;
}

/** PGRST102 for objects whose keys differ; `where`: the place in a nested body and the first that differs. */
export const keysDiffer = (where?: { readonly place: string; readonly object: string }): Error =>
  unreadable(
    'All object keys must match',
    where &&
      `The objects at ${where.place} have different columns: ${where.object} differs from those before it.`,
    where &&
      'Give all of them the same columns, or say with Prefer: missing=default (or null) what the others are.',
  );

/** Refuses a text that is neither an object nor an array of objects. Throws PGRST102. */
export function refuseUnlessObjects(text: string): void {
  const value = parseJson(text);
  if (!isObject(value) && !(Array.isArray(value) && value.every(isObject))) throw keysDiffer();
}

function jsonBody(value: unknown, content: Buffer | string, mayNest = false): Body {
  if (isObject(value)) {
    return { payload: { kind: 'json', keys: Object.keys(value).sort(), isObject: true }, content };
  }
  const rows: readonly unknown[] = Array.isArray(value) ? value : [];
  if (rows.length === 0) return { payload: { kind: 'json', keys: [], isObject: false }, content: '[]' };
  const keys = isObject(rows[0]) ? new Set(Object.keys(rows[0])) : null;
  if (keys === null || !rows.every((row) => sameKeys(keys, row))) {
    const mixed = mayNest ? mixedKeys(rows) : null;
    if (mixed === null) throw keysDiffer();
    return { payload: { kind: 'mixed json', keys: mixed }, content };
  }
  return { payload: { kind: 'json', keys: [...keys].sort(), isObject: false }, content };
}

/** JSON whose columns are named by `columns`: not read here at all. */
export const unreadJson = (body: Buffer): Body => ({
  payload: { kind: 'unread json', isObject: looksLikeObject(body) },
  content: body,
});

/** Equal for values that PostgreSQL surely takes for the same; of others each is its own. */
const sameAs = (value: unknown, index: number): unknown => {
  const isOwn = typeof value === 'object' || (Number.isInteger(value) && !Number.isSafeInteger(value));
  return isOwn ? [index] : String(value);
};

/**
 * Refuses rows that do not have a key of their own: which of two changes to one row holds would be left to
 * chance. Throws AURA107.
 */
export function refuseUnlessKeyed(content: Body['content'], keys: readonly string[]): void {
  const rows: unknown = parseJson(typeof content === 'string' ? content : decodeText(content));
  const wrong = (details: string): Error =>
    apiError('AURA107', 'The objects cannot be told apart by their keys', {
      details,
      hint: `Send an array of objects, each with its own ${keys.join(', ')}.`,
    });
  if (!Array.isArray(rows)) throw wrong('The body is not an array.');
  const seen = new Set<string>();
  for (const [index, row] of rows.entries()) {
    if (!isObject(row) || keys.some((key) => row[key] === undefined || row[key] === null)) {
      throw wrong(`Object ${index + 1} does not have them all.`);
    }
    const key = JSON.stringify(keys.map((name) => sameAs(row[name], index)));
    if (seen.has(key)) throw wrong(`Object ${index + 1} has a key that an earlier one has, too.`);
    seen.add(key);
  }
}

/** The names in the header line of CSV. */
export function readCsvHeader(line: Buffer): string[] {
  const text = decodeText(line);
  // PostgreSQL's COPY knows such lines, but the whole body has to be of them
  if (/\r(?!\n)/.test(text)) {
    throw unreadable('The CSV could not be read', 'Lines must end with a line feed, or with CR and LF.');
  }
  try {
    const [names] = parseCsv(text) as string[][];
    if (names && new Set(names).size < names.length) {
      throw unreadable('The CSV could not be read', 'Two columns of the header line have one name.');
    }
    return names ?? [];
  } catch (error) {
    if (error instanceof CsvError) throw unreadable('The CSV could not be read', error.message);
    throw error;
  }
}

/** The keys of a line of NDJSON. Throws ApiError PGRST102 where it is no JSON object. */
export function readJsonLine(record: Buffer, line: number): string[] {
  let value: unknown;
  try {
    value = JSON.parse(record.toString());
  } catch {
    throw unreadable('Empty or invalid json', `Line ${line} is no JSON.`);
  }
  if (!isObject(value)) throw unreadable('Empty or invalid json', `Line ${line} is not a JSON object.`);
  return Object.keys(value);
}

/** Refuses a line of NDJSON that has other keys than the first one. */
export function createKeysCheck(): (record: Buffer, line: number) => void {
  let expected: ReadonlySet<string> | null = null;
  return (record, line) => {
    const keys = readJsonLine(record, line);
    expected ??= new Set(keys);
    const known = expected;
    if (keys.length !== known.size || !keys.every((key) => known.has(key))) {
      throw unreadable('All object keys must match', `Those of line ${line} differ from the first line's.`);
    }
  };
}

/** NDJSON as an array of its objects, for bodies that are read whole. */
export function ndjsonAsArray(body: Buffer): Buffer {
  const lines = decodeText(body)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return Buffer.from(`[${lines.join(',')}]`);
}

/** CSV with a header line; `NULL` is null, everything else text. */
export function readCsv(body: Buffer): Body {
  let lines: string[][];
  try {
    lines = parseCsv(decodeText(body), { relax_column_count: true, skip_empty_lines: true, bom: true });
  } catch (error) {
    if (error instanceof CsvError) throw unreadable('The CSV could not be read', error.message);
    throw error;
  }
  const [header, ...rows] = lines;
  if (header === undefined) throw unreadable('The CSV has no header line');
  if (rows.some((row) => row.length !== header.length)) {
    throw unreadable('All lines must have same number of fields');
  }
  const objects = rows.map((row) =>
    Object.fromEntries(row.map((text, index) => [header[index] ?? '', text === 'NULL' ? null : text])),
  );
  return jsonBody(objects, JSON.stringify(objects));
}

/** The names and values of a form, in its order. */
export const readForm = (body: Buffer): [name: string, value: string][] =>
  decodeText(body)
    .split('&')
    .filter((item) => item !== '')
    .map((item) => {
      const at = item.indexOf('=');
      return at < 0
        ? [decodeForm(item), '']
        : [decodeForm(item.slice(0, at)), decodeForm(item.slice(at + 1))];
    });

/** A form as one row to write. */
export function readFormAsRow(body: Buffer): Body {
  const row = Object.fromEntries(readForm(body));
  return jsonBody(row, JSON.stringify(row));
}
