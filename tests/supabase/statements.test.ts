import { expect, test } from 'vitest';
import { lineOf, splitStatements, tokensOf } from '../../server/project/statements.ts';

const texts = (text: string): readonly string[] => splitStatements(text).map((statement) => statement.text);

test.each<[string, string, string[]]>([
  ['semicolons', 'select 1; select 2;; ;select 3', ['select 1', 'select 2', 'select 3']],
  ['a semicolon in a literal', "select ';', 'it''s; me'; select 2", ["select ';', 'it''s; me'", 'select 2']],
  ['an escaped literal', "select e'\\';', E'a''b;'; select 2", ["select e'\\';', E'a''b;'", 'select 2']],
  ['a backslash in a plain literal', "select '\\'; select 2", ["select '\\'", 'select 2']],
  ['a quoted name', 'select 1 as "a;""b;"; select 2', ['select 1 as "a;""b;"', 'select 2']],
  ['dollar quotes', 'do $$ a; b; $$; select $x$ $$; $x$', ['do $$ a; b; $$', 'select $x$ $$; $x$']],
  ['parameters are no dollar quotes', 'select $1; select $2', ['select $1', 'select $2']],
  ['a dollar within a name', 'select a$b$; select c$b$', ['select a$b$', 'select c$b$']],
  ['line comments', "-- one;\nselect 1 -- two; '\n; -- three", ['select 1']],
  [
    'nested block comments',
    '/* a; /* b; */ c; */ select /* ; */ 1; select 2',
    ['select /* ; */ 1', 'select 2'],
  ],
  ['a comment between words', 'select--x\n1;select 2', ['select--x\n1', 'select 2']],
  [
    'rules with several actions',
    'create rule r as on insert to t do also (select 1; select 2); select 3',
    ['create rule r as on insert to t do also (select 1; select 2)', 'select 3'],
  ],
  [
    'SQL-standard function bodies',
    'create function f() returns int begin atomic select case when true then 1 end; select 2; end; select 3',
    [
      'create function f() returns int begin atomic select case when true then 1 end; select 2; end',
      'select 3',
    ],
  ],
  [
    'begin and end of a transaction',
    'begin; select 1; end; select 2',
    ['begin', 'select 1', 'end', 'select 2'],
  ],
  ['what nothing closes', "select 1; select 'a; b", ['select 1', "select 'a; b"]],
  ['a comment that nothing closes', 'select 1; /* a; b', ['select 1']],
  [
    'letters of every script',
    'select "ü;"; select größe; select 名',
    ['select "ü;"', 'select größe', 'select 名'],
  ],
  ['nothing', ' \n-- nothing\n', []],
])('%s', (_name, text, expected) => {
  expect(texts(text)).toEqual(expected);
});

test('each statement knows its place', () => {
  const text = '-- 🙂\n\nselect 1;\n  select\n    2;\n';
  expect(
    splitStatements(text).map(({ start, end }) => [lineOf(text, start), text.slice(start, end)]),
  ).toEqual([
    [3, 'select 1'],
    [4, 'select\n    2'],
  ]);
});

test('a literal of megabytes is one token', () => {
  const long = 'x'.repeat(4 << 20);
  expect(texts(`select '${long}'; select $$${long}$$; select "${long}"`)).toHaveLength(3);
});

test('tokens: words in lower case, names as they are', () => {
  expect(
    [...tokensOf('CREATE Table "My;Table" (a INT)')].map(({ kind, value }) => `${kind} ${value}`),
  ).toEqual(['word create', 'word table', 'name My;Table', 'symbol (', 'word a', 'word int', 'symbol )']);
});
