/**
 * JSON as text: where its values begin and end, without turning any of them into JavaScript's. A value that is
 * found this way keeps every digit and every space that it was written with. The text must be JSON already: it was
 * accepted by JSON.parse, or PostgreSQL made it.
 */

/** The part of a text that is one value. */
export interface Span {
  readonly start: number;
  /** Behind its last character. */
  readonly end: number;
}

const code = (letter: string): number => letter.charCodeAt(0);
const QUOTE = code('"');
const BACKSLASH = code('\\');
const OPEN_OBJECT = code('{');
const CLOSE_OBJECT = code('}');
const OPEN_ARRAY = code('[');
const CLOSE_ARRAY = code(']');
const COMMA = code(',');
const LETTER_N = code('n');

/** What a JSON text is, by its first character. */
export type JsonKind = 'object' | 'array' | 'null' | 'scalar';

/** The kind of the value that begins at `at`. */
export function kindOf(text: string, at = 0): JsonKind {
  switch (text.charCodeAt(at)) {
    case OPEN_OBJECT:
      return 'object';
    case OPEN_ARRAY:
      return 'array';
    case LETTER_N:
      return 'null';
    default:
      return 'scalar';
  }
}

const isSpace = (character: number): boolean =>
  character === 0x20 || character === 0x0a || character === 0x0d || character === 0x09;

function skipSpace(text: string, at: number): number {
  let next = at;
  while (isSpace(text.charCodeAt(next))) next += 1;
  return next;
}

/** Behind the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
    if ((quote - first) % 2 === 0) return quote + 1;
  }
  throw new Error('a string of the JSON has no end');
}

/** Behind the value that begins at `start`. */
function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  let at = start;
  if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) {
    for (; at < text.length; at += 1) {
      const next = text.charCodeAt(at);
      if (next === COMMA || next === CLOSE_OBJECT || next === CLOSE_ARRAY || isSpace(next)) break;
    }
    return at;
  }
  for (let depth = 0; at < text.length; ) {
    const next = text.charCodeAt(at);
    if (next === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    at += 1;
    if (next === OPEN_OBJECT || next === OPEN_ARRAY) depth += 1;
    else if (next === CLOSE_OBJECT || next === CLOSE_ARRAY) depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error('a value of the JSON has no end');
}

/** The members of the object that begins at `start`, in their order. */
export function* membersOf(text: string, start: number): Generator<{ key: string; value: Span }> {
  let at = skipSpace(text, start + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const end = endOfString(text, at);
    const key: string = JSON.parse(text.slice(at, end));
    const from = skipSpace(text, skipSpace(text, end) + 1);
    const value = { start: from, end: endOfValue(text, from) };
    yield { key, value };
    at = skipSpace(text, value.end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
}

/** The elements of the array that begins at `start`. */
export function* elementsOf(text: string, start: number): Generator<Span> {
  let at = skipSpace(text, start + 1);
  while (text.charCodeAt(at) !== CLOSE_ARRAY) {
    const element = { start: at, end: endOfValue(text, at) };
    yield element;
    at = skipSpace(text, element.end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
}

/** Values of a text, by the names and numbers that lead to them; what was passed on the way is remembered. */
export interface JsonIndex {
  readonly text: string;
  readonly root: Span;
  /** The member or element; null = there is none. Of several members of one name the last counts. */
  readonly step: (from: Span, token: string) => Span | null;
}

type Container =
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, Span> }
  | { readonly kind: 'array'; readonly elements: Span[]; readonly rest: Generator<Span> };

const INDEX = /^(?:0|[1-9]\d*)$/;

function elementAt(container: Extract<Container, { kind: 'array' }>, index: number): Span | null {
  const { elements, rest } = container;
  while (elements.length <= index) {
    const next = rest.next();
    if (next.done) return null;
    elements.push(next.value);
  }
  return elements[index] ?? null;
}

/** The index of a text that is one value. */
export function createJsonIndex(text: string): JsonIndex {
  const containers = new Map<number, Container>();
  const containerAt = (start: number): Container | null => {
    const known = containers.get(start);
    if (known) return known;
    const first = text.charCodeAt(start);
    let container: Container;
    if (first === OPEN_OBJECT) {
      const members = new Map<string, Span>();
      for (const { key, value } of membersOf(text, start)) members.set(key, value);
      container = { kind: 'object', members };
    } else if (first === OPEN_ARRAY) {
      container = { kind: 'array', elements: [], rest: elementsOf(text, start) };
    } else {
      return null;
    }
    containers.set(start, container);
    return container;
  };
  const start = skipSpace(text, 0);
  return {
    text,
    root: { start, end: endOfValue(text, start) },
    step: (from, token) => {
      const container = containerAt(from.start);
      if (container === null) return null;
      if (container.kind === 'object') return container.members.get(token) ?? null;
      return INDEX.test(token) ? elementAt(container, Number(token)) : null;
    },
  };
}

/** An object whose only member is a string: `{"key": "value"}`. */
export interface TextMember extends Span {
  readonly key: string;
  readonly value: string;
}

/** The object that begins at `start`, if it is such a one. Looks at nothing behind its first member. */
function textMemberAt(text: string, start: number): TextMember | null {
  const key = skipSpace(text, start + 1);
  if (text.charCodeAt(key) !== QUOTE) return null;
  const keyEnd = endOfString(text, key);
  const value = skipSpace(text, skipSpace(text, keyEnd) + 1);
  if (text.charCodeAt(value) !== QUOTE) return null;
  const valueEnd = endOfString(text, value);
  const close = skipSpace(text, valueEnd);
  if (text.charCodeAt(close) !== CLOSE_OBJECT) return null;
  const parse = (from: number, to: number): string => JSON.parse(text.slice(from, to));
  return { start, end: close + 1, key: parse(key, keyEnd), value: parse(value, valueEnd) };
}

/** All objects of the text, wherever they are, whose only member is a string. */
export function* textMembersOf(text: string): Generator<TextMember> {
  for (let at = 0; at < text.length; ) {
    const next = text.charCodeAt(at);
    if (next === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    const found = next === OPEN_OBJECT ? textMemberAt(text, at) : null;
    if (found) yield found;
    at = found ? found.end : at + 1;
  }
}
