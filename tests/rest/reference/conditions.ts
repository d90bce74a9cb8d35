/** Conditions on columns: the operators that a type has, with values that PostgreSQL takes for it. */
import fc from 'fast-check';
import type { Column, ColumnKind, Condition, Field, Step } from './ast.ts';

const AWKWARD = [
  '',
  'The Quiet Harbour',
  'Night, "Rain"',
  'a_b\\c (d)',
  '100% Silence',
  'Ünïcode 名前 😀',
  'null',
  'a.b:c',
  '*',
  '(',
  '"',
  '\\',
  "'",
  ' x ',
  'not.eq.1',
  '{a,b}',
  'ada',
  'bob',
  'Ada',
  'author',
  'x',
  'a,b',
  '50%',
  '1',
  '{}',
  ')',
  '&select=id',
  '+',
  '->',
];

const words = fc.constantFrom(...AWKWARD);
const text = fc.oneof(
  { weight: 4, arbitrary: words },
  {
    weight: 1,
    arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }).filter((found) => !found.includes('\0')),
  },
);
/** Ends in nothing that a pattern could not end in: a lone backslash is refused. */
const pattern = fc
  .tuple(fc.constantFrom('', '*', '%', '_'), words, fc.constantFrom('', '*', '%'))
  .map((parts) => parts.join(''))
  .filter((found) => !/(?:^|[^\\])(?:\\\\)*\\$/.test(found));
const expression = fc.constantFrom(
  '^The',
  'r$',
  '[a-c]',
  'a.b',
  '\\(',
  '"',
  'quiet|rain',
  '',
  '\\\\',
  'ü',
  'x*',
  '(a|b)',
);
const search = fc.constantFrom(
  'quiet',
  'harbours',
  'The Quiet',
  'fat cats',
  '"quiet sea"',
  "o'hara",
  'a or b',
  '-sea',
  'x, (y)',
  '',
);
const query = fc.constantFrom(
  'quiet',
  'quiet & sea',
  'cat | harbour',
  '!sea',
  "'fat':*",
  'amusant',
  '(a | b) & !c',
  'chat <-> amusant',
);

const integers = fc.oneof(
  fc.integer({ min: -1, max: 10 }).map(String),
  fc.constantFrom('120', '2147483647', '-5'),
);
const array = (items: readonly string[]): string =>
  `{${items.map((item) => (item === 'null' ? 'NULL' : `"${item.replace(/[\\"]/g, '\\$&')}"`)).join(',')}}`;

/** Values of a kind, which any operator of it takes. */
const VALUES: Readonly<Record<ColumnKind, fc.Arbitrary<string>>> = {
  text,
  integer: integers,
  numeric: fc.constantFrom('8.5', '8.50', '19.9', '0', '-1', '25', '123456789012345.6789', 'NaN', '0.25'),
  float: fc.constantFrom('0.5', '-1', '2.25', 'NaN', 'Infinity', '4'),
  boolean: fc.constantFrom('true', 'false', 't', '0'),
  enum: fc.constantFrom('novel', 'essay', 'poetry', 'crime, true'),
  date: fc.constantFrom('2001-05-01', '1999-12-31', '2020-02-29', 'infinity', '1990-05-05'),
  timestamp: fc.constantFrom(
    '2024-01-02 03:04:05.678+00',
    '2024-01-02T05:04:05.678+02:00',
    '2000-01-01',
    '-infinity',
  ),
  texts: fc
    .array(fc.constantFrom('sea', 'a b', 'x,y', '"', '{}', '', '名前', 'null', 'a'), { maxLength: 3 })
    .map(array),
  integers: fc.array(fc.constantFrom('1', '2', '3', '7', '-1', 'null'), { maxLength: 3 }).map(array),
  range: fc.constantFrom('[1,5)', '(,3]', '[5,)', 'empty', '[2,2]', '(10,20]', '[0,100)', '(,)'),
  json: fc.constantFrom(
    '{"n": 1}',
    '{}',
    '[]',
    '1',
    '"x"',
    'null',
    '[1]',
    '{"a": [1]}',
    '{"w": 10}',
    '10',
    '"a,b"',
  ),
  lexemes: fc.constantFrom('', "'quiet':2", "'cat' 'fat'"),
};

/** Operators of one value that a kind has. */
const COMPARISONS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte', 'isdistinct'] as const;
const OPERATORS: Readonly<Record<ColumnKind, readonly string[]>> = {
  text: COMPARISONS,
  integer: COMPARISONS,
  numeric: COMPARISONS,
  float: COMPARISONS,
  boolean: ['eq', 'neq', 'isdistinct'],
  enum: COMPARISONS,
  date: COMPARISONS,
  timestamp: COMPARISONS,
  texts: [...COMPARISONS, 'cs', 'cd', 'ov'],
  integers: ['eq', 'neq', 'isdistinct', 'cs', 'cd', 'ov'],
  range: ['eq', 'lt', 'isdistinct', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj'],
  json: ['eq', 'neq', 'isdistinct', 'gt', 'lte', 'cs', 'cd'],
  lexemes: ['eq', 'isdistinct'],
};

type Test = Pick<Condition, 'operator' | 'modifier' | 'language' | 'value'>;
const plain = { modifier: null, language: null } as const;

const modifier = fc.constantFrom('any' as const, 'all' as const);
const several = (value: fc.Arbitrary<string>): fc.Arbitrary<string[]> => fc.array(value, { maxLength: 3 });

const searches: readonly fc.Arbitrary<Test>[] = [
  fc
    .tuple(
      fc.constantFrom('plfts', 'phfts', 'wfts'),
      fc.constantFrom(null, 'english', 'simple', 'french'),
      search,
    )
    .map(([operator, language, value]) => ({ operator, language, value, modifier: null })),
  fc
    .tuple(fc.constantFrom(null, 'english', 'simple', 'french'), query)
    .map(([language, value]) => ({ operator: 'fts', language, value, modifier: null })),
];

const patterns: readonly fc.Arbitrary<Test>[] = [
  fc
    .tuple(fc.constantFrom('like', 'ilike'), pattern)
    .map(([operator, value]) => ({ ...plain, operator, value })),
  fc
    .tuple(fc.constantFrom('match', 'imatch'), expression)
    .map(([operator, value]) => ({ ...plain, operator, value })),
  fc
    .tuple(fc.constantFrom('like', 'ilike'), modifier, several(pattern))
    .map(([operator, how, value]) => ({ operator, modifier: how, language: null, value })),
  fc
    .tuple(fc.constantFrom('match', 'imatch'), modifier, several(expression))
    .map(([operator, how, value]) => ({ operator, modifier: how, language: null, value })),
];

const isList: readonly ColumnKind[] = ['texts', 'integers', 'json', 'lexemes', 'range'];

function tests(kind: ColumnKind): fc.Arbitrary<Test> {
  const value = VALUES[kind];
  const words = ['null', 'not_null', ...(kind === 'boolean' ? ['true', 'false', 'unknown'] : [])];
  const kinds: fc.Arbitrary<Test>[] = [
    fc
      .tuple(fc.constantFrom(...OPERATORS[kind]), value)
      .map(([operator, found]) => ({ ...plain, operator, value: found })),
    fc.constantFrom(...words).map((word) => ({ ...plain, operator: 'is', value: word })),
  ];
  if (!isList.includes(kind)) {
    kinds.push(
      // a list of one empty text is written like an empty list
      several(value)
        .filter((found) => !(found.length === 1 && found[0] === ''))
        .map((found) => ({ ...plain, operator: 'in', value: found })),
      fc
        .tuple(fc.constantFrom('eq', 'gt', 'gte', 'lt', 'lte'), modifier, several(value))
        .filter(([operator]) => kind !== 'boolean' || operator === 'eq')
        .map(([operator, how, found]) => ({ operator, modifier: how, language: null, value: found })),
    );
  }
  if (kind === 'text') kinds.push(...patterns, ...searches);
  if (kind === 'json') kinds.push(...searches);
  if (kind === 'lexemes') kinds.push(...searches, ...searches);
  return fc.oneof(...kinds);
}

const to = (key: string | number, asText = false): Step => ({ to: key, asText });

const JSON_PATHS: readonly (readonly Step[])[] = [
  [to('n')],
  [to('s', true)],
  [to('w')],
  [to('a'), to(0)],
  [to('a'), to(1), to('b', true)],
  [to('a', true)],
  [to(2), to('n', true)],
  [to('z')],
  [to('k.d'), to('e(f)', true)],
  [to(-1)],
];
const ARRAY_PATHS: readonly (readonly Step[])[] = [[to(0)], [to(1, true)], [to(-1, true)]];

const pathsOf = ({ kind }: Column): readonly (readonly Step[])[] => {
  if (kind === 'json') return JSON_PATHS;
  return kind === 'texts' || kind === 'integers' ? ARRAY_PATHS : [];
};

/** A column, at times with a path into it. */
export function fieldOf(column: Column): fc.Arbitrary<Field> {
  const whole = fc.constant({ column, path: [] });
  const paths = pathsOf(column);
  return paths.length === 0
    ? whole
    : fc.oneof(
        whole,
        fc.constantFrom(...paths).map((path) => ({ column, path })),
      );
}

const kindOf = ({ column, path }: Field): ColumnKind => {
  const last = path.at(-1);
  if (!last) return column.kind;
  return last.asText ? 'text' : 'json';
};

/** A condition on any of some columns. */
export function conditionOn(columns: readonly Column[]): fc.Arbitrary<Condition> {
  const fields = columns.flatMap((column) =>
    [[], ...pathsOf(column)].map((path): Field => ({ column, path })),
  );
  const byKind = new Map<ColumnKind, fc.Arbitrary<Test>>();
  for (const kind of new Set(fields.map(kindOf))) byKind.set(kind, tests(kind));
  const one = columns.map((column) => {
    const own = fields.filter((field) => field.column === column);
    return fc.oneof(
      ...own.map((field, index) => {
        const found = byKind.get(kindOf(field));
        if (!found) throw new Error('a kind without tests');
        return {
          weight: index === 0 ? own.length : 1,
          arbitrary: fc
            .tuple(fc.boolean(), found)
            .map(([negated, test]): Condition => ({ kind: 'condition', field, negated, ...test })),
        };
      }),
    );
  });
  return fc.oneof(...one);
}
