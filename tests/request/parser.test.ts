/**
 * The parser kernel by its laws: what is read, when an alternative is tried, and what a failure says.
 */
import { expect, test } from 'vitest';
import {
  attempt,
  between,
  character,
  digit,
  either,
  endOfInput,
  label,
  letter,
  literal,
  many,
  many1,
  map,
  noneOf,
  notFollowedBy,
  option,
  type Parser,
  peek,
  run,
  separatedBy,
  separatedBy1,
  sequence,
  succeed,
} from '../../server/request/parser.ts';

const word = map(many1(letter), (letters) => letters.join(''));
const value = <T>(parser: Parser<T>, input: string): T => {
  const result = run(parser, input);
  if ('problem' in result) throw new Error(`${result.problem.position} ${result.problem.explanation}`);
  return result.value;
};
const problem = <T>(parser: Parser<T>, input: string): string => {
  const result = run(parser, input);
  if ('value' in result) throw new Error(`read ${JSON.stringify(result.value)}`);
  return `${result.problem.position} ${result.problem.explanation}`;
};

test('values are built in the order of the input', () => {
  expect(value(sequence<[string, string]>(word, many(digit) as unknown as Parser<string>), 'ab12')).toEqual([
    'ab',
    ['1', '2'],
  ]);
  expect(
    value(between(character('('), character(')'), separatedBy1(word, character(','))), '(a,b,c)'),
  ).toEqual(['a', 'b', 'c']);
  expect(value(separatedBy(word, character(',')), '1')).toEqual([]);
  expect(value(option(digit, 'none'), 'x')).toBe('none');
  expect(value(succeed(5), '')).toBe(5);
});

test('letters and characters are code points, not halves of them', () => {
  expect(value(many(noneOf(',')), '😀名,x')).toEqual(['😀', '名']);
  expect(value(word, 'éÀ名ß1')).toBe('éÀ名ß');
});

test('an alternative is tried only where the one before read nothing', () => {
  const both = either(literal('abc'), literal('abd'));
  expect(problem(both, 'abd')).toBe('(line 1, column 1) unexpected "d" expecting "abc"');
  expect(value(either(attempt(literal('abc')), literal('abd')), 'abd')).toBe('abd');
  expect(value(either(digit, letter), 'x')).toBe('x');
});

test('looking ahead reads nothing', () => {
  expect(value(sequence<[string, string]>(peek(literal('a')), word), 'ab')).toEqual(['a', 'ab']);
  expect(value(sequence<[string, null]>(word, notFollowedBy(digit)), 'ab-')).toEqual(['ab', null]);
  expect(problem(sequence<[string, null]>(word, notFollowedBy(digit)), 'ab1')).toContain(`unexpected '1'`);
});

test('a failure says where, what was found and everything that was expected there', () => {
  expect(problem(either(digit, letter), '-')).toBe(
    '(line 1, column 1) unexpected "-" expecting digit or letter',
  );
  expect(problem(either<unknown>(digit, letter, character('_')), '')).toBe(
    '(line 1, column 1) unexpected end of input expecting digit, letter or "_"',
  );
  expect(problem(sequence<[string, null]>(word, endOfInput), 'ab1')).toBe(
    `(line 1, column 3) unexpected '1' expecting letter or end of input`,
  );
});

test('the farthest failure is the one that is told', () => {
  const parser = either<unknown>(
    attempt(sequence<[string, string, string]>(literal('a'), literal('b'), literal('c'))),
    attempt(sequence<[string, string]>(literal('a'), literal('x'))),
  );
  expect(problem(parser, 'abd')).toBe('(line 1, column 3) unexpected "d" expecting "c"');
});

test('a label names what a parser expects, unless it had begun to read', () => {
  const named = label(word, 'a word');
  expect(problem(named, '1')).toBe('(line 1, column 1) unexpected "1" expecting a word');
  expect(problem(label(sequence<[string, string]>(word, character('!')), 'an outcry'), 'ab?')).toContain(
    'expecting letter or "!"',
  );
});

test('positions count lines and tabs', () => {
  const lines = many(noneOf('!'));
  expect(problem(sequence<[string[], null]>(lines, endOfInput), 'a\nbc!')).toMatch(/^\(line 2, column 3\)/);
  expect(problem(sequence<[string[], null]>(lines, endOfInput), '\ta!')).toMatch(/^\(line 1, column 10\)/);
});

test('quotes and backslashes are shown escaped', () => {
  expect(problem(digit, '"')).toContain('unexpected "\\""');
  expect(problem(digit, '\\')).toContain('unexpected "\\\\"');
});

test('a repetition of what reads nothing is a defect and not an endless loop', () => {
  expect(() => run(many(succeed(1)), 'x')).toThrow('succeeded without reading');
});

test('a repetition of a million is no recursion', () => {
  expect(value(many(digit), '1'.repeat(1_000_000))).toHaveLength(1_000_000);
});
