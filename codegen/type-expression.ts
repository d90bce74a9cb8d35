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

/**
 * Reads a type.
 * @throws SyntaxError that says what is wrong
 */
export const parseTypeExpression = (text: string): JsonShape => {
  const tokens = tokenize(text);
  let at = 0;
  const peek = (): Token => tokens[at] ?? END;
  const isNext = (sign: string): boolean => peek().kind === 'sign' && peek().text === sign && peek() !== END;
  const accept = (sign: string): boolean => {
    if (!isNext(sign)) return false;
    at += 1;
    return true;
  };
  const found = (): string => (peek() === END ? 'the end' : `'${peek().text}'`);
  const expect = (sign: string): void => {
    if (!accept(sign)) throw new SyntaxError(`'${sign}' is expected, and ${found()} is there`);
  };

  const property = (depth: number): JsonProperty => {
    const token = peek();
    if (token === END || token.kind === 'sign')
      throw new SyntaxError(`a key is expected, and ${found()} is there`);
    at += 1;
    const required = !accept('?');
    expect(':');
    return { name: token.text, required, shape: union(depth) };
  };
  const object = (depth: number): JsonShape => {
    const properties: JsonProperty[] = [];
    while (!accept('}')) {
      properties.push(property(depth));
      if (!accept(';') && !accept(',') && !isNext('}'))
        throw new SyntaxError(`';' or '}' is expected, and ${found()} is there`);
    }
    return { kind: 'object', properties, rest: null };
  };
  const generic = (word: string, depth: number): JsonShape => {
    expect('<');
    if (word === 'Array') {
      const of = union(depth);
      expect('>');
      return { kind: 'array', of };
    }
    const key = union(depth);
    if (key.kind !== 'string') throw new SyntaxError('the keys of a Record are string');
    expect(',');
    const rest = union(depth);
    expect('>');
    return { kind: 'object', properties: [], rest };
  };
  const single = (depth: number): JsonShape => {
    const token = peek();
    at += 1;
    if (token === END) throw new SyntaxError('it ends where a type is expected');
    if (token.kind === 'text') return { kind: 'literal', value: token.text };
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'word') {
      if (token.text === 'Array' || token.text === 'Record') return generic(token.text, depth);
      const shape = WORDS.get(token.text);
      if (shape === undefined) throw new SyntaxError(`'${token.text}' is no type of JSON`);
      return shape;
    }
    if (token.text === '{') return object(depth);
    if (token.text === '(') {
      const inner = union(depth);
      expect(')');
      return inner;
    }
    throw new SyntaxError(`'${token.text}' stands where a type is expected`);
  };
  const postfix = (depth: number): JsonShape => {
    let shape = single(depth);
    while (accept('[')) {
      expect(']');
      shape = { kind: 'array', of: shape };
    }
    return shape;
  };
  const union = (above: number): JsonShape => {
    if (above > DEEPEST) throw new SyntaxError(`it is deeper than ${DEEPEST} levels`);
    accept('|');
    const first = postfix(above + 1);
    if (!isNext('|')) return first;
    const of = [first];
    while (accept('|')) of.push(postfix(above + 1));
    return { kind: 'union', of };
  };

  const shape = union(0);
  if (peek() !== END) throw new SyntaxError(`${found()} is too much`);
  return shape;
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
