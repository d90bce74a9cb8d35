/**
 * JSON as text: cuts objects and arrays into the texts of their members, so that values reach PostgreSQL as they
 * were written and no number ever passes through JavaScript's. The text must be known to be JSON (JSON.parse
 * accepts it): nothing is checked here.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;
const SPACE = 0x20;

/** What a JSON text is, by its first character. */
export type JsonKind = 'object' | 'array' | 'null' | 'scalar';

/** The kind of a value whose text has no white space before it. */
export function kindOf(text: string): JsonKind {
  switch (text.charCodeAt(0)) {
    case OPEN_BRACE:
      return 'object';
    case OPEN_BRACKET:
      return 'array';
    case 0x6e:
      return 'null';
    default:
      return 'scalar';
  }
}

/** JSON's white space is all that is not above a space. */
function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= SPACE) at++;
  return at;
}

/** The index behind a string that opens at `at`. */
function endOfString(text: string, at: number): number {
  let end = text.indexOf('"', at + 1);
  for (;;) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end + 1;
    end = text.indexOf('"', end + 1);
  }
}

function endOfContainer(text: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const found = text.charCodeAt(at);
    if (found === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    if (found === OPEN_BRACE || found === OPEN_BRACKET) depth++;
    else if (found === CLOSE_BRACE || found === CLOSE_BRACKET) depth--;
    at++;
  } while (depth > 0);
  return at;
}

/** The index behind the value that begins at `at`. */
function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return endOfContainer(text, start);
  let at = start;
  while (at < text.length) {
    const found = text.charCodeAt(at);
    if (found === COMMA || found === CLOSE_BRACE || found === CLOSE_BRACKET || found <= SPACE) break;
    at++;
  }
  return at;
}

/** The members of an object, names decoded and values as text; of two with one name the last counts. */
export function membersOf(object: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipSpace(object, object.indexOf('{') + 1);
  while (object.charCodeAt(at) === QUOTE) {
    const end = endOfString(object, at);
    const name: string = JSON.parse(object.slice(at, end));
    const start = skipSpace(object, skipSpace(object, end) + 1);
    const valueEnd = endOfValue(object, start);
    members.set(name, object.slice(start, valueEnd));
    at = skipSpace(object, valueEnd);
    if (object.charCodeAt(at) === COMMA) at = skipSpace(object, at + 1);
  }
  return members;
}

/** The texts of an array's elements. */
export function elementsOf(array: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(array, array.indexOf('[') + 1);
  while (at < array.length && array.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = endOfValue(array, at);
    elements.push(array.slice(at, end));
    at = skipSpace(array, end);
    if (array.charCodeAt(at) === COMMA) at = skipSpace(array, at + 1);
  }
  return elements;
}
