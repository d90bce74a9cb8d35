import { expect, test } from 'vitest';
import {
  castType,
  compile,
  constant,
  type Fragment,
  integer,
  join,
  list,
  literal,
  name,
  nothing,
  parameter,
  qualified,
  quoteIdentifier,
  sql,
} from '../../server/query/sql.ts';

const text = (fragment: Fragment): string => compile(fragment).text;

test('fragments are text, names and parameters, numbered in the order of the text', () => {
  const slot = parameter({ kind: 'slot', index: 0, form: 'text' });
  const { text: compiled, parameters } = compile(
    sql`select ${list([name('a'), constant('x'), slot])} from ${qualified({ schema: 's', name: 't' })}${nothing}`,
  );
  expect(compiled).toBe('select "a", $1, $2 from "s"."t"');
  expect(parameters).toEqual([
    { kind: 'constant', value: 'x' },
    { kind: 'slot', index: 0, form: 'text' },
  ]);
  expect(text(join([name('a'), name('b')], sql` and `))).toBe('"a" and "b"');
  expect(text(list([]))).toBe('');
});

test.each<[string, unknown]>([
  ['a text', 'drop table t'],
  ['a number', 1],
  ['nothing', undefined],
  ['null', null],
  ['an object that looks like one', { kind: 'fragment' }],
  ['a copy of one', { ...sql`x` }],
  ['one that was sent as JSON', JSON.parse(JSON.stringify(sql`x`))],
  ['an object that inherits from one', Object.create(sql`x`)],
  ['a text object', new String('x')],
  ['an array of them', [sql`x`]],
])('%s passes for no fragment', (_what, forged) => {
  expect(() => sql`select ${forged as Fragment}`).toThrow(TypeError);
  expect(() => list([forged as Fragment])).toThrow(TypeError);
  expect(() => compile(forged as Fragment)).toThrow(TypeError);
});

test('a fragment cannot be changed after it was made', () => {
  const fragment = sql`select 1`;
  expect(Object.isFrozen(fragment)).toBe(true);
  expect(text(sql`${fragment}${fragment}`)).toBe('select 1select 1');
});

test.each([
  ['plain', '"plain"'],
  ['With Space', '"With Space"'],
  ['a"b', '"a""b"'],
  ['"', '""""'],
  ['', '""'],
  ["'; drop table t; --", `"'; drop table t; --"`],
  ['名前', '"名前"'],
])('the identifier %j is quoted as %s', (identifier, quoted) => {
  expect(quoteIdentifier(identifier)).toBe(quoted);
  expect(text(name(identifier))).toBe(quoted);
});

test.each([
  ['plain', "'plain'"],
  ["it's", "'it''s'"],
  ['back\\slash', "E'back\\\\slash'"],
  ["\\'", "E'\\\\'''"],
  ['', "''"],
])('the literal %j is quoted as %s', (value, quoted) => {
  expect(text(literal(value))).toBe(quoted);
});

test('what PostgreSQL’s protocol would cut at a NUL is refused', () => {
  expect(() => name('a\0b')).toThrow('NUL');
  expect(() => qualified({ schema: 's', name: 'a\0' })).toThrow('NUL');
  expect(() => literal('\0')).toThrow('NUL');
});

test('a cast takes letters, digits, spaces, underscores and dollar signs, and nothing that could end it', () => {
  expect(text(castType('double precision'))).toBe('double precision');
  expect(text(castType('größe_1$'))).toBe('größe_1$');
  for (const type of [
    '',
    'int)',
    'int;',
    'int--',
    'int/*',
    "int'",
    'int"',
    'a.b',
    'int[]',
    'numeric(1,2)',
    'a\nb',
    'a\0b',
  ]) {
    expect(() => castType(type), type).toThrow(TypeError);
  }
});

test('a number is a whole one that JavaScript holds exactly', () => {
  expect(text(integer(-5))).toBe('-5');
  for (const value of [1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    expect(() => integer(value), String(value)).toThrow(TypeError);
  }
});
