/**
 * PostgREST's configuration files: `key = value` lines, groups `key { ... }`, `import "file"`, comments from
 * `#` to the end of the line, and `#;` before a directive that is switched off. Values are strings with
 * escapes, numbers, booleans and lists. In strings `$(NAME)` stands for an earlier key or an environment
 * variable, and `$$` for `$`.
 */

export type ConfValue = string | number | boolean | readonly ConfValue[];

/** A file that cannot be read as configuration, with the place. */
export class ConfFileError extends Error {
  override readonly name = 'ConfFileError';
}

interface Source {
  readonly text: string;
  readonly path: string;
  /** What `$(NAME)` may name beside earlier keys. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads an imported file, whose name is relative to the importing one. */
  readonly load: (name: string, importer: string) => { readonly text: string; readonly path: string };
}

interface Cursor extends Source {
  at: number;
  readonly values: Map<string, ConfValue>;
}

/** Keys, with their groups in front (`app.settings.name`), and values; later ones win. */
export function parseConfFile(source: Source): Map<string, ConfValue> {
  const values = new Map<string, ConfValue>();
  parseSource(source, '', values);
  return values;
}

function parseSource(source: Source, prefix: string, values: Map<string, ConfValue>): void {
  const cursor: Cursor = { ...source, at: 0, values };
  parseDirectives(cursor, prefix, true);
  skipSpace(cursor);
  if (cursor.at < cursor.text.length) fail(cursor, 'expected a setting: name = value');
}

function fail(cursor: Cursor, message: string): never {
  const line = cursor.text.slice(0, cursor.at).split('\n').length;
  throw new ConfFileError(`${cursor.path}, line ${line}: ${message}`);
}

/** Takes what `pattern` (sticky) matches at the cursor, or answers null. */
function take(cursor: Cursor, pattern: RegExp): string | null {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text);
  if (match === null) return null;
  cursor.at += match[0].length;
  return match[0];
}

const skipSpace = (cursor: Cursor): void => {
  take(cursor, /(?:\s+|#(?!;)[^\r\n]*)*/y);
};

function parseDirectives(cursor: Cursor, prefix: string, live: boolean): void {
  skipSpace(cursor);
  while (parseDirective(cursor, prefix, live)) {
    take(cursor, /[ \t]*(?:#[^\r\n]*)?/y);
    if (take(cursor, /\r?\n/y) === null) break;
    skipSpace(cursor);
  }
  skipSpace(cursor);
}

function parseDirective(cursor: Cursor, prefix: string, live: boolean): boolean {
  if (take(cursor, /#;[ \t]*/y) !== null) return parseDirective(cursor, prefix, false);
  if (take(cursor, /import(?![\w.-])/y) !== null) {
    skipSpace(cursor);
    const name = parseString(cursor);
    if (live) {
      const file = cursor.load(name, cursor.path);
      parseSource({ ...cursor, ...file }, prefix, cursor.values);
    }
    return true;
  }
  const key = take(cursor, /\p{L}[\p{L}\p{N}_-]*(?:\.\p{L}[\p{L}\p{N}_-]*)*/uy);
  if (key === null) return false;
  skipSpace(cursor);
  if (take(cursor, /\{/y) !== null) {
    parseDirectives(cursor, `${prefix}${key}.`, live);
    if (take(cursor, /\}/y) === null) fail(cursor, `the group ${key} is not closed with }`);
    return true;
  }
  if (take(cursor, /=/y) === null) fail(cursor, `expected = after ${key}`);
  skipSpace(cursor);
  const value = parseValue(cursor);
  if (live) {
    cursor.values.set(prefix + key, typeof value === 'string' ? interpolate(cursor, prefix, value) : value);
  }
  return true;
}

function parseValue(cursor: Cursor): ConfValue {
  if (cursor.text[cursor.at] === '"') return parseString(cursor);
  const word = take(cursor, /(?:on|off|true|false)(?![\w-])/y);
  if (word !== null) return word === 'on' || word === 'true';
  const number = take(cursor, /[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
  if (number !== null) return Number(number);
  if (take(cursor, /\[/y) === null) {
    fail(cursor, 'expected a string in double quotes, a number, true, false or a list');
  }
  const items: ConfValue[] = [];
  skipSpace(cursor);
  while (take(cursor, /\]/y) === null) {
    if (items.length > 0) {
      if (take(cursor, /,/y) === null) fail(cursor, 'expected , or ] in the list');
      skipSpace(cursor);
    }
    items.push(parseValue(cursor));
    skipSpace(cursor);
  }
  return items;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\' };

function parseString(cursor: Cursor): string {
  const literal = take(cursor, /"(?:[^"\\]|\\[\s\S])*"/y);
  if (literal === null) fail(cursor, 'expected a string in double quotes');
  return literal
    .slice(1, -1)
    .replaceAll(/\\(?:u([0-9A-Fa-f]{4})|([\s\S]))/g, (_, code?: string, letter?: string) => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      const character = ESCAPES[letter ?? ''];
      if (character === undefined) fail(cursor, `unknown escape \\${letter} in a string`);
      return character;
    });
}

function interpolate(cursor: Cursor, prefix: string, text: string): string {
  return text.replaceAll(/\$(?:(\$)|\(([^)]+)\))?/g, (whole, dollar?: string, name?: string) => {
    if (dollar !== undefined) return '$';
    if (name === undefined) fail(cursor, `a $ stands alone in "${whole}": write $$ for the character`);
    return lookUp(cursor, prefix, name);
  });
}

/** An earlier key, from the innermost group outwards, else an environment variable. */
function lookUp(cursor: Cursor, prefix: string, name: string): string {
  const groups = prefix.split('.').filter((group) => group !== '');
  for (let depth = groups.length; depth >= 0; depth--) {
    const value = cursor.values.get([...groups.slice(0, depth), name].join('.'));
    if (typeof value === 'string' || typeof value === 'number') return String(value);
    if (value !== undefined) fail(cursor, `$(${name}) is neither text nor number`);
  }
  const variable = cursor.env[name];
  if (variable === undefined)
    fail(cursor, `$(${name}) names neither an earlier key nor an environment variable`);
  return variable;
}
