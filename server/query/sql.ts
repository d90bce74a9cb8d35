/**
 * SQL as a value that only this file can make. A fragment is text that the program wrote, quoted names and
 * parameters; user data can become a parameter or a quoted name and nothing else. Putting a plain string into
 * a template throws, so that a forgotten quotation cannot reach the database.
 *
 * A parameter does not hold a value: it says where, in the request at hand, the value is found. A rendered
 * statement therefore serves every request of its shape.
 */
import type { QualifiedName } from '../names.ts';

/** Where a parameter's value comes from. */
export type Parameter =
  | { readonly kind: 'constant'; readonly value: string | null }
  /** A slot of the request: as it is, with `*` for `%`, or as an array of the listed items. */
  | { readonly kind: 'slot'; readonly index: number; readonly form: 'text' | 'pattern' | 'list' }
  /** All the slots as one array, for a variadic argument. */
  | { readonly kind: 'slots'; readonly indexes: readonly number[] }
  /** The body of the request. */
  | { readonly kind: 'body' }
  /** The number of rows to skip at the root. */
  | { readonly kind: 'offset' };

type Piece = string | Parameter;

/** A part of a statement. Made by `sql` and the functions of this file; nothing else passes for one. */
export interface Fragment {
  readonly kind: 'fragment';
}

/** The pieces of the fragments made here: what is not in this map is a forgery. */
const made = new WeakMap<Fragment, readonly Piece[]>();

function make(pieces: readonly Piece[]): Fragment {
  const fragment: Fragment = Object.freeze({ kind: 'fragment' });
  made.set(fragment, pieces);
  return fragment;
}

function piecesOf(value: Fragment | undefined): readonly Piece[] {
  const pieces = typeof value === 'object' ? made.get(value) : undefined;
  if (pieces) return pieces;
  const shown = typeof value === 'string' ? `the string ${JSON.stringify(value)}` : `a ${typeof value}`;
  throw new TypeError(
    `sql: ${shown} is not a fragment; use name() for identifiers and parameter() for values`,
  );
}

/** SQL text with fragments in it. */
export function sql(texts: TemplateStringsArray, ...fragments: readonly Fragment[]): Fragment {
  const pieces: Piece[] = [];
  texts.forEach((text, index) => {
    if (text !== '') pieces.push(text);
    if (index < fragments.length) pieces.push(...piecesOf(fragments[index]));
  });
  return make(pieces);
}

/** No SQL at all. */
export const nothing: Fragment = make([]);

/** Quotes an identifier: the one function that does. */
export function quoteIdentifier(identifier: string): string {
  if (identifier.includes('\0')) throw new TypeError('an identifier cannot contain NUL');
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** An identifier. */
export const name = (identifier: string): Fragment => make([quoteIdentifier(identifier)]);

/** A schema-qualified identifier; with an empty schema one that the search path finds. */
export const qualified = ({ schema, name: identifier }: QualifiedName): Fragment =>
  make([`${schema === '' ? '' : `${quoteIdentifier(schema)}.`}${quoteIdentifier(identifier)}`]);

/** A value of the request. */
export const parameter = (source: Parameter): Fragment => make([source]);

/** A value that belongs to the statement's shape. */
export const constant = (value: string | null): Fragment => parameter({ kind: 'constant', value });

/**
 * A string literal, for names that SQL wants as strings (JSON keys, text search configurations): as literals
 * they match the expressions of indexes, as parameters they would not.
 */
export function literal(text: string): Fragment {
  if (text.includes('\0')) throw new TypeError('a literal cannot contain NUL');
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return make([text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted]);
}

/** A whole number. */
export function integer(value: number): Fragment {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is not a safe integer`);
  return make([String(value)]);
}

const TYPE_NAME = /^[\p{L}\d_ $]+$/u;

/** The type of a cast that a request asks for: the grammar lets only these characters through. */
export function castType(text: string): Fragment {
  if (!TYPE_NAME.test(text)) throw new TypeError('a cast needs the name of a type');
  return make([text]);
}

/** A type, a function or an expression as PostgreSQL's catalog prints it. */
export const fromCatalog = (text: string): Fragment => make([text]);

/** Fragments with a separator between. */
export function join(fragments: readonly Fragment[], separator: Fragment): Fragment {
  const between = piecesOf(separator);
  return make(fragments.flatMap((item, index) => [...(index > 0 ? between : []), ...piecesOf(item)]));
}

const COMMA = make([', ']);

/** Fragments with commas between. */
export const list = (fragments: readonly Fragment[]): Fragment => join(fragments, COMMA);

/** The text with `$1`, `$2` ... and where their values come from. */
export function compile(fragment: Fragment): { text: string; parameters: Parameter[] } {
  const parameters: Parameter[] = [];
  let text = '';
  for (const piece of piecesOf(fragment)) {
    if (typeof piece === 'string') {
      text += piece;
    } else {
      parameters.push(piece);
      text += `$${parameters.length}`;
    }
  }
  return { text, parameters };
}
