/**
 * Reads the type of a JSON column where its comment has one:
 *
 *   comment on column teams.settings is 'Preferences. @aura(type: "{ week_starts?: ''monday'' | ''sunday'' }")';
 *
 * The notation is that part of TypeScript's which says what JSON looks like: string, number, integer, boolean, null,
 * any, literals, `T[]`, `A | B`, `{ key: T; other?: T }`, `Record<string, T>` and parentheses. It is read into a
 * JsonShape and printed anew for every target; no text of a comment reaches a generated file.
 */
import type { JsonProperty, JsonShape } from './model.ts';

const DIRECTIVE = /@aura\(\s*type\s*:\s*"((?:[^"\\]|\\.)*)"\s*\)/;
const ANY_DIRECTIVE = /@aura\((?:[^"()]|"(?:[^"\\]|\\.)*")*\)/g;

const TOKEN =
  /\s*(?:([A-Za-z_$][\w$-]*)|(-?\d+(?:\.\d+)?)|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([{}()[\]<>|:;,?]))/y;

const WORDS: ReadonlyMap<string, JsonShape> = new Map<string, JsonShape>([
  ['string', { kind: 'string' }],
  ['number', { kind: 'number' }],
  ['integer', { kind: 'integer' }],
  ['boolean', { kind: 'boolean' }],
  ['null', { kind: 'null' }],
  ['any', { kind: 'any' }],
  ['unknown', { kind: 'any' }],
  ['true', { kind: 'literal', value: true }],
  ['false', { kind: 'literal', value: false }],
]);

const DEEPEST = 32;

type Token =
  | { readonly kind: 'word' | 'sign' | 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly text: string };

const END: Token = { kind: 'sign', text: '' };

const withoutEscapes = (text: string): string => text.replaceAll(/\\(.)/gs, '$1');

const tokenize = (text: string): readonly Token[] => {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  const { length } = text.trimEnd();
  while (pattern.lastIndex < length) {
    const at = pattern.lastIndex;
    const found = pattern.exec(text);
    if (found === null)
      throw new SyntaxError(`nothing is known to begin with ${JSON.stringify(text.slice(at, at + 10))}`);
    const [, word, number, single, double, sign] = found;
    if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else tokens.push({ kind: 'text', text: withoutEscapes(single ?? double ?? '') });
  }
  return tokens;
};

/** Tokens, taken one after another. */
class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** What comes next; it is not taken. */
  get next(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  /** What comes next, as errors name it. */
  get found(): string {
    return this.next === END ? 'the end' : `'${this.next.text}'`;
  }

  take(): Token {
    const token = this.next;
    this.#at += 1;
    return token;
  }

  isNext(sign: string): boolean {
    return this.next.kind === 'sign' && this.next.text === sign;
  }

  /** Takes a sign if it comes next, and says whether it did. */
  accept(sign: string): boolean {
    if (!this.isNext(sign)) return false;
    this.#at += 1;
    return true;
  }

  expect(sign: string): void {
    if (!this.accept(sign)) throw new SyntaxError(`'${sign}' is expected, and ${this.found} is there`);
  }
}

/**
 * Reads a type.
 * @throws SyntaxError that says what is wrong
 */
export const parseTypeExpression = (text: string): JsonShape => {
  const reader = new TokenReader(tokenize(text));
  const shape = parseUnion(reader, 0);
  if (reader.next !== END) throw new SyntaxError(`${reader.found} is too much`);
  return shape;
};

/** `A | B`, below so many levels. */
const parseUnion = (reader: TokenReader, above: number): JsonShape => {
  if (above > DEEPEST) throw new SyntaxError(`it is deeper than ${DEEPEST} levels`);
  reader.accept('|');
  const first = parseArray(reader, above + 1);
  if (!reader.isNext('|')) return first;
  const of = [first];
  while (reader.accept('|')) of.push(parseArray(reader, above + 1));
  return { kind: 'union', of };
};

/** `T`, `T[]`, `T[][]` ... */
const parseArray = (reader: TokenReader, depth: number): JsonShape => {
  let shape = parseSingle(reader, depth);
  while (reader.accept('[')) {
    reader.expect(']');
    shape = { kind: 'array', of: shape };
  }
  return shape;
};

const parseSingle = (reader: TokenReader, depth: number): JsonShape => {
  const token = reader.take();
  if (token === END) throw new SyntaxError('it ends where a type is expected');
  if (token.kind === 'text') return { kind: 'literal', value: token.text };
  if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
  if (token.kind === 'word') return parseWord(reader, token.text, depth);
  if (token.text === '{') return parseObject(reader, depth);
  if (token.text === '(') {
    const inner = parseUnion(reader, depth);
    reader.expect(')');
    return inner;
  }
  throw new SyntaxError(`'${token.text}' stands where a type is expected`);
};

/** What begins with a word: `string`, `Array<T>`, `Record<string, T>`. */
const parseWord = (reader: TokenReader, word: string, depth: number): JsonShape => {
  if (word === 'Array') return parseGenericArray(reader, depth);
  if (word === 'Record') return parseRecord(reader, depth);
  const shape = WORDS.get(word);
  if (shape === undefined) throw new SyntaxError(`'${word}' is no type of JSON`);
  return shape;
};

/** The rest of `Array<T>`. */
const parseGenericArray = (reader: TokenReader, depth: number): JsonShape => {
  reader.expect('<');
  const of = parseUnion(reader, depth);
  reader.expect('>');
  return { kind: 'array', of };
};

/** The rest of `Record<string, T>`. */
const parseRecord = (reader: TokenReader, depth: number): JsonShape => {
  reader.expect('<');
  const key = parseUnion(reader, depth);
  if (key.kind !== 'string') throw new SyntaxError('the keys of a Record are string');
  reader.expect(',');
  const rest = parseUnion(reader, depth);
  reader.expect('>');
  return { kind: 'object', properties: [], rest };
};

/** The rest of `{ key: T; other?: T }`. */
const parseObject = (reader: TokenReader, depth: number): JsonShape => {
  const properties: JsonProperty[] = [];
  while (!reader.accept('}')) {
    properties.push(parseProperty(reader, depth));
    if (!reader.accept(';') && !reader.accept(',') && !reader.isNext('}'))
      throw new SyntaxError(`';' or '}' is expected, and ${reader.found} is there`);
  }
  return { kind: 'object', properties, rest: null };
};

const parseProperty = (reader: TokenReader, depth: number): JsonProperty => {
  if (reader.next.kind === 'sign') throw new SyntaxError(`a key is expected, and ${reader.found} is there`);
  const { text: name } = reader.take();
  const required = !reader.accept('?');
  reader.expect(':');
  return { name, required, shape: parseUnion(reader, depth) };
};

/** The type in a column's comment; null where there is none. @throws SyntaxError */
export const shapeInComment = (comment: string | null): JsonShape | null => {
  const text = DIRECTIVE.exec(comment ?? '')?.[1];
  return text === undefined ? null : parseTypeExpression(withoutEscapes(text));
};

/** A comment as people should read it, without what it says to Aura; null where nothing else is left. */
export const readableComment = (comment: string | null): string | null => {
  const text = comment?.replaceAll(ANY_DIRECTIVE, '').trim() ?? '';
  return text === '' ? null : text;
};
