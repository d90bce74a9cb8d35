/**
 * A small parser-combinator kernel for the grammar of the query string. Its replies and the way errors of
 * alternatives merge follow "Parsec: Direct Style Monadic Parser Combinators for the Real World" (Leijen and
 * Meijer, 2001), so that a malformed parameter gets a message with the farthest position and everything that
 * was expected there, as PostgREST's clients know it. It runs only for requests whose shape is not cached.
 */

type MessageKind = 'found' | 'unexpected' | 'expected';
interface Message {
  readonly kind: MessageKind;
  readonly text: string;
}

/** Where parsing stopped, and what is known about why. No messages = nothing known. */
interface Failure {
  readonly at: number;
  readonly messages: readonly Message[];
}

/** The outcome of a parser: whether it consumed input decides whether an alternative is tried. */
type Reply<T> =
  | {
      readonly ok: true;
      readonly consumed: boolean;
      readonly value: T;
      readonly at: number;
      readonly failure: Failure;
    }
  | { readonly ok: false; readonly consumed: boolean; readonly failure: Failure };

/** A parser reads `input` from index `at`. */
export type Parser<T> = (input: string, at: number) => Reply<T>;

const nothingKnown = (at: number): Failure => ({ at, messages: [] });

function merge(first: Failure, second: Failure): Failure {
  if (second.messages.length === 0 && first.messages.length > 0) return first;
  if (first.messages.length === 0 && second.messages.length > 0) return second;
  if (first.at !== second.at) return first.at > second.at ? first : second;
  return { at: first.at, messages: [...first.messages, ...second.messages] };
}

/** Text in double quotes, as messages show it. */
const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** A character in single quotes, as messages show what must not follow. */
const quotedOnce = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;

const characterAt = (input: string, at: number): string | undefined => {
  const point = input.codePointAt(at);
  return point === undefined ? undefined : String.fromCodePoint(point);
};

/** Succeeds without reading. */
export const succeed =
  <T>(value: T): Parser<T> =>
  (_input, at) => ({ ok: true, consumed: false, value, at, failure: nothingKnown(at) });

/** Fails without reading and without a word. */
export const fail: Parser<never> = (_input, at) => ({
  ok: false,
  consumed: false,
  failure: nothingKnown(at),
});

/** One character that the predicate accepts. */
export const satisfy =
  (accepts: (character: string) => boolean): Parser<string> =>
  (input, at) => {
    const character = characterAt(input, at);
    if (character !== undefined && accepts(character)) {
      const next = at + character.length;
      return { ok: true, consumed: true, value: character, at: next, failure: nothingKnown(next) };
    }
    const text = character === undefined ? '' : quoted(character);
    return { ok: false, consumed: false, failure: { at, messages: [{ kind: 'found', text }] } };
  };

/** Replaces what the parser says it expected, where it failed without reading. */
export const label =
  <T>(parser: Parser<T>, expected: string): Parser<T> =>
  (input, at) => {
    const reply = parser(input, at);
    if (reply.consumed || (reply.ok && reply.failure.messages.length === 0)) return reply;
    const others = reply.failure.messages.filter((message) => message.kind !== 'expected');
    const failure: Failure = {
      at: reply.failure.at,
      messages: [{ kind: 'expected', text: expected }, ...others],
    };
    return { ...reply, failure };
  };

/** Exactly this character. */
export const character = (wanted: string): Parser<string> =>
  label(
    satisfy((found) => found === wanted),
    quoted(wanted),
  );

/** Exactly this text; a partial match counts as read. */
export const literal =
  (wanted: string): Parser<string> =>
  (input, at) => {
    if (input.startsWith(wanted, at)) {
      const next = at + wanted.length;
      return { ok: true, consumed: wanted.length > 0, value: wanted, at: next, failure: nothingKnown(next) };
    }
    let matched = 0;
    while (input[at + matched] === wanted[matched]) matched++;
    const found = characterAt(input, at + matched);
    const failure: Failure = {
      at,
      messages: [
        { kind: 'expected', text: quoted(wanted) },
        { kind: 'found', text: found === undefined ? '' : quoted(found) },
      ],
    };
    return { ok: false, consumed: matched > 0, failure };
  };

/** Runs a parser that the first one's value chooses. */
export const chain =
  <A, B>(first: Parser<A>, next: (value: A) => Parser<B>): Parser<B> =>
  (input, at) => {
    const before = first(input, at);
    if (!before.ok) return before;
    const after = next(before.value)(input, before.at);
    if (after.consumed) return after;
    return { ...after, consumed: before.consumed, failure: merge(before.failure, after.failure) };
  };

/** Changes a parser's value. */
export const map =
  <A, B>(parser: Parser<A>, change: (value: A) => B): Parser<B> =>
  (input, at) => {
    const reply = parser(input, at);
    return reply.ok ? { ...reply, value: change(reply.value) } : reply;
  };

/** The parsers one after the other; the value is the tuple of theirs. */
export function sequence<T extends readonly unknown[]>(
  ...parsers: { readonly [K in keyof T]: Parser<T[K]> }
): Parser<T> {
  const step = (index: number, values: readonly unknown[]): Parser<T> => {
    const parser = parsers[index];
    if (parser === undefined) return succeed(values as unknown as T);
    return chain(parser as Parser<unknown>, (value) => step(index + 1, [...values, value]));
  };
  return step(0, []);
}

/** The first parser that succeeds; a later one is tried only where the earlier read nothing. */
export const either =
  <T>(...parsers: readonly Parser<T>[]): Parser<T> =>
  (input, at) => {
    let failure = nothingKnown(at);
    for (const parser of parsers) {
      const reply = parser(input, at);
      if (reply.consumed) return reply;
      failure = merge(failure, reply.failure);
      if (reply.ok) return { ...reply, failure };
    }
    return { ok: false, consumed: false, failure };
  };

/** A parser that, failing, has read nothing: the next alternative gets its turn. */
export const attempt =
  <T>(parser: Parser<T>): Parser<T> =>
  (input, at) => {
    const reply = parser(input, at);
    return reply.ok ? reply : { ...reply, consumed: false };
  };

/** Looks ahead without reading. */
export const peek =
  <T>(parser: Parser<T>): Parser<T> =>
  (input, at) => {
    const reply = parser(input, at);
    return reply.ok ? { ...reply, consumed: false, at, failure: nothingKnown(at) } : reply;
  };

/** Succeeds, reading nothing, where the parser fails. */
export const notFollowedBy =
  (parser: Parser<string>): Parser<null> =>
  (input, at) => {
    const reply = parser(input, at);
    if (!reply.ok) return { ok: true, consumed: false, value: null, at, failure: nothingKnown(at) };
    const failure: Failure = {
      at: reply.at,
      messages: [{ kind: 'unexpected', text: quotedOnce(reply.value) }],
    };
    return { ok: false, consumed: false, failure };
  };

/** Any number of times, zero included. The parser must read something when it succeeds. */
export const many =
  <T>(parser: Parser<T>): Parser<T[]> =>
  (input, at) => {
    const values: T[] = [];
    let position = at;
    for (;;) {
      const reply = parser(input, position);
      if (reply.ok) {
        if (!reply.consumed) throw new Error('many: the parser succeeded without reading');
        values.push(reply.value);
        position = reply.at;
      } else if (reply.consumed) {
        return reply;
      } else {
        return { ok: true, consumed: values.length > 0, value: values, at: position, failure: reply.failure };
      }
    }
  };

/** At least once. */
export const many1 = <T>(parser: Parser<T>): Parser<T[]> =>
  chain(parser, (first) => map(many(parser), (rest) => [first, ...rest]));

/** At least one, with separators between. */
export const separatedBy1 = <T>(parser: Parser<T>, separator: Parser<unknown>): Parser<T[]> =>
  chain(parser, (first) => map(many(after(separator, parser)), (rest) => [first, ...rest]));

/** Any number, with separators between. */
export const separatedBy = <T>(parser: Parser<T>, separator: Parser<unknown>): Parser<T[]> =>
  either<T[]>(separatedBy1(parser, separator), succeed([]));

/** The second parser's value. */
export const after = <T>(first: Parser<unknown>, second: Parser<T>): Parser<T> => chain(first, () => second);

/** The first parser's value. */
export const before = <T>(first: Parser<T>, second: Parser<unknown>): Parser<T> =>
  chain(first, (value) => map(second, () => value));

/** What stands between two others. */
export const between = <T>(open: Parser<unknown>, close: Parser<unknown>, parser: Parser<T>): Parser<T> =>
  after(open, before(parser, close));

/** The parser's value, or the fallback where it reads nothing. */
export const option = <T, F>(parser: Parser<T>, fallback: F): Parser<T | F> =>
  either<T | F>(parser, succeed(fallback));

/** For grammars that refer to themselves. */
export const lazy =
  <T>(make: () => Parser<T>): Parser<T> =>
  (input, at) =>
    make()(input, at);

/** Any character. */
export const anyCharacter: Parser<string> = satisfy(() => true);

/** A character that is not one of these. */
export const noneOf = (characters: string): Parser<string> => satisfy((found) => !characters.includes(found));

/** A character that is one of these. */
export const oneOf = (characters: string): Parser<string> => satisfy((found) => characters.includes(found));

export const digit: Parser<string> = label(
  satisfy((found) => found >= '0' && found <= '9'),
  'digit',
);

export const letter: Parser<string> = label(
  satisfy((found) => /^\p{L}$/u.test(found)),
  'letter',
);

export const endOfInput: Parser<null> = label((input, at) => {
  const found = characterAt(input, at);
  if (found === undefined) return succeed(null)(input, at);
  const messages: Message[] = [{ kind: 'unexpected', text: quotedOnce(found) }];
  return { ok: false, consumed: false, failure: { at, messages } };
}, 'end of input');

/** Why a text could not be parsed: where, and what was found and expected. */
export interface ParseProblem {
  /** For instance `(line 1, column 4)`. */
  readonly position: string;
  /** For instance `unexpected "x" expecting digit`. */
  readonly explanation: string;
}

/** The value, or the problem. */
export type ParseResult<T> = { readonly value: T } | { readonly problem: ParseProblem };

/** Runs a parser on a text; what follows the parsed part is the parser's to refuse. */
export function run<T>(parser: Parser<T>, input: string): ParseResult<T> {
  const reply = parser(input, 0);
  if (reply.ok) return { value: reply.value };
  return {
    problem: {
      position: position(input, reply.failure.at),
      explanation: explanation(reply.failure.messages),
    },
  };
}

function position(input: string, at: number): string {
  let line = 1;
  let column = 1;
  for (const found of input.slice(0, at)) {
    if (found === '\n') {
      line += 1;
      column = 1;
    } else if (found === '\t') {
      column += 8 - ((column - 1) % 8);
    } else {
      column += 1;
    }
  }
  return `(line ${line}, column ${column})`;
}

function explanation(messages: readonly Message[]): string {
  if (messages.length === 0) return 'unknown parse error';
  const texts = (kind: MessageKind): string[] => [
    ...new Set(messages.filter((message) => message.kind === kind).map((message) => message.text)),
  ];
  const list = (items: readonly string[]): string =>
    items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`;
  const parts: string[] = [];
  const unexpected = texts('unexpected').filter((text) => text !== '');
  const found = messages.find((message) => message.kind === 'found');
  if (unexpected.length > 0) parts.push(`unexpected ${list(unexpected)}`);
  else if (found) parts.push(`unexpected ${found.text === '' ? 'end of input' : found.text}`);
  const expected = texts('expected').filter((text) => text !== '');
  if (expected.length > 0) parts.push(`expecting ${list(expected)}`);
  return parts.join(' ');
}
