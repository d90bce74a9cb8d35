/**
 * A file of SQL as its statements, each with its place in the file, so that one of them can be judged, left out
 * or blamed alone. Knows PostgreSQL's lexical rules (https://www.postgresql.org/docs/current/sql-syntax-lexical.html)
 * and nothing of its grammar, but for `begin atomic` bodies and parentheses, within which a semicolon ends nothing.
 */

export interface Token {
  /** `word`: an unquoted identifier or key word, in lower case. `name`: a quoted identifier, without its quotes. */
  readonly kind: 'word' | 'name' | 'literal' | 'symbol';
  readonly value: string;
}

export interface Statement {
  /** From its first token to its last, without the semicolon. */
  readonly text: string;
  /** Where that begins in the file, in UTF-16 units. */
  readonly start: number;
  /** Where that ends. */
  readonly end: number;
}

interface Found extends Token {
  readonly start: number;
  readonly end: number;
}

const BLANK = /(?:\s+|--[^\n]*)+/y;
const COMMENT_PART = /\/\*|\*\//g;
const WORD = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const NUMBER = /\d[\w.]*/y;
const DOLLAR = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
// unrolled loops: an alternation would remember every character of a long literal
const PLAIN_LITERAL = /'[^']*(?:''[^']*)*'/y;
const ESCAPED_LITERAL = /[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'/sy;
const QUOTED_NAME = /"[^"]*(?:""[^"]*)*"/y;

const matchAt = (pattern: RegExp, text: string, at: number): string | null => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? null;
};

/** Where a block comment that begins here ends; they nest. One without an end takes the rest. */
const endOfComment = (text: string, at: number): number => {
  let depth = 0;
  COMMENT_PART.lastIndex = at;
  for (let part = COMMENT_PART.exec(text); part !== null; part = COMMENT_PART.exec(text)) {
    depth += part[0] === '/*' ? 1 : -1;
    if (depth === 0) return COMMENT_PART.lastIndex;
  }
  return text.length;
};

const skipBlanks = (text: string, from: number): number => {
  let at = from;
  for (;;) {
    at += matchAt(BLANK, text, at)?.length ?? 0;
    if (!text.startsWith('/*', at)) return at;
    at = endOfComment(text, at);
  }
};

/** What begins with a quote. A quote that nothing closes takes the rest: PostgreSQL then says so. */
const quoted = (text: string, start: number): Omit<Found, 'start'> | null => {
  const first = text[start];
  if (first === '"') {
    const whole = matchAt(QUOTED_NAME, text, start) ?? text.slice(start);
    return {
      kind: 'name',
      value: whole.slice(1, -1).replaceAll('""', '"'),
      end: start + whole.length,
    };
  }
  if (first === '$') {
    const tag = matchAt(DOLLAR, text, start);
    if (tag === null) return null;
    const close = text.indexOf(tag, start + tag.length);
    return { kind: 'literal', value: '', end: close < 0 ? text.length : close + tag.length };
  }
  if (first !== "'" && text[start + 1] !== "'") return null;
  if (first !== "'" && first !== 'e' && first !== 'E') return null;
  const whole = matchAt(first === "'" ? PLAIN_LITERAL : ESCAPED_LITERAL, text, start) ?? text.slice(start);
  return { kind: 'literal', value: '', end: start + whole.length };
};

const nextToken = (text: string, from: number): Found | null => {
  const start = skipBlanks(text, from);
  if (start >= text.length) return null;
  const literal = quoted(text, start);
  if (literal !== null) return { ...literal, start };
  const word = matchAt(WORD, text, start);
  if (word !== null) return { kind: 'word', value: word.toLowerCase(), start, end: start + word.length };
  const symbol = matchAt(NUMBER, text, start) ?? text[start] ?? '';
  return { kind: 'symbol', value: symbol, start, end: start + symbol.length };
};

/** The tokens of a statement, in order. Literals come without their value. */
export function* tokensOf(text: string): Iterable<Token> {
  for (let token = nextToken(text, 0); token !== null; token = nextToken(text, token.end)) yield token;
}

/** The first words of a statement, in lower case; what is no word ends them. */
export const leadingWords = (text: string, most: number): readonly string[] => {
  const words: string[] = [];
  for (const { kind, value } of tokensOf(text)) {
    if (kind !== 'word' || words.length === most) break;
    words.push(value);
  }
  return words;
};

/**
 * How deep in parentheses and `begin atomic` bodies a statement is after a token.
 * A body's `end` is also that of its `case` expressions, so that both are counted.
 */
const createDepth = (): ((token: Token) => number) => {
  let parentheses = 0;
  let blocks = 0;
  let previous = '';
  return ({ kind, value }) => {
    if (value === '(' && kind === 'symbol') parentheses += 1;
    if (value === ')' && kind === 'symbol' && parentheses > 0) parentheses -= 1;
    if (kind === 'word') {
      if (value === 'atomic' && previous === 'begin') blocks += 1;
      else if (blocks > 0 && value === 'case') blocks += 1;
      else if (blocks > 0 && value === 'end') blocks -= 1;
    }
    previous = kind === 'word' ? value : '';
    return parentheses + blocks;
  };
};

/**
 * The statements of a text, in order; comments and empty statements are none.
 *
 * @example splitStatements("select 1; -- one\nselect ';'") // two, the second at 18
 */
export const splitStatements = (text: string): readonly Statement[] => {
  const statements: Statement[] = [];
  let start = -1;
  let end = 0;
  let depth = createDepth();
  const finish = (): void => {
    if (start >= 0) statements.push({ text: text.slice(start, end), start, end });
    start = -1;
    depth = createDepth();
  };
  for (let token = nextToken(text, 0); token !== null; token = nextToken(text, token.end)) {
    const inside = depth(token) > 0;
    if (token.kind === 'symbol' && token.value === ';' && !inside) {
      finish();
      continue;
    }
    if (start < 0) start = token.start;
    end = token.end;
  }
  finish();
  return statements;
};

/** The line of a place in a text, both counted as editors do: lines from 1, places in UTF-16 units from 0. */
export const lineOf = (text: string, place: number): number => text.slice(0, place).split('\n').length;
