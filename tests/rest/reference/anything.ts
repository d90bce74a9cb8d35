/** Reads of one table with one thing that PostgreSQL may refuse: any operator on any column with any value. */
import fc from 'fast-check';
import type { Column, Condition, FieldItem, Item, Question, Table } from './ast.ts';
import { fieldOf } from './conditions.ts';
import { TABLES } from './model.ts';

const VALUES = [
  '',
  '1',
  '-1.5',
  'x',
  'true',
  'null',
  'novel',
  'infinity',
  '2024-02-30',
  '2024-02-29',
  '{1,2}',
  '{1,',
  '[1,5)',
  '[5,1]',
  '{"a": 1}',
  '{"a": }',
  '(',
  '[',
  '*a*',
  '**',
  'x{2,1}',
  'a\\',
  'a &',
  "it's",
  '99999999999999999999',
  '\\u0000',
  '\u0001',
];

const value = fc.constantFrom(...VALUES);
const list = fc
  .array(value, { minLength: 1, maxLength: 2 })
  .filter((found) => found.some((one) => one !== ''));

const OPERATORS = 'eq neq gt gte lt lte like ilike match imatch isdistinct cs cd ov sl sr nxr nxl adj'.split(
  ' ',
);
const QUANTIFIABLE = 'eq gt gte lt lte like ilike match imatch'.split(' ');
const SEARCHES = 'fts plfts phfts wfts'.split(' ');

type Test = Pick<Condition, 'operator' | 'modifier' | 'language' | 'value'>;

const anyTest: fc.Arbitrary<Test> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...OPERATORS), value)
    .map(([operator, found]) => ({ operator, modifier: null, language: null, value: found })),
  fc
    .constantFrom('null', 'not_null', 'true', 'false', 'unknown')
    .map((found) => ({ operator: 'is', modifier: null, language: null, value: found })),
  fc
    .tuple(fc.constantFrom(...SEARCHES), fc.constantFrom(null, 'english', 'klingon'), value)
    .map(([operator, language, found]) => ({ operator, modifier: null, language, value: found })),
);

const listTest: fc.Arbitrary<Test> = fc.oneof(
  list.map((found) => ({ operator: 'in', modifier: null, language: null, value: found })),
  fc
    .tuple(fc.constantFrom(...QUANTIFIABLE), fc.constantFrom('any' as const, 'all' as const), list)
    .map(([operator, modifier, found]) => ({ operator, modifier, language: null, value: found })),
);

/** What an array is compared with is an array, and a list of those has no literal of its own. */
const isArray = ({ kind }: Column): boolean => kind === 'texts' || kind === 'integers';

const conditionOn = (column: Column): fc.Arbitrary<Condition> =>
  fc
    .record({
      field: fieldOf(column),
      negated: fc.boolean(),
      test: isArray(column)
        ? anyTest
        : fc.oneof({ weight: 2, arbitrary: anyTest }, { weight: 1, arbitrary: listTest }),
    })
    .map(({ test, ...found }) => ({ kind: 'condition', ...found, ...test }));

const CASTS = ['int', 'numeric', 'date', 'boolean', 'uuid', 'genre', 'jsonb', 'inet', 'nothing', 'works'];

const itemOf = (column: Column): fc.Arbitrary<FieldItem> =>
  fc
    .record({
      field: fieldOf(column),
      cast: fc.option(fc.constantFrom(...CASTS), { nil: null }),
      aggregate: fc.constantFrom(null, 'sum', 'avg', 'min', 'max'),
    })
    .map((found): FieldItem => ({ kind: 'field', alias: null, aggregateCast: null, ...found }));

function readOf(table: Table): fc.Arbitrary<Question['read']> {
  const key: Item = {
    kind: 'field',
    field: { column: table.columns[0] as Column, path: [] },
    alias: null,
    cast: null,
    aggregate: null,
    aggregateCast: null,
  };
  const none = { table, order: [], isTotal: false, limit: null, offset: 0 };
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc
        .oneof(...table.columns.map(conditionOn))
        .map((condition) => ({ ...none, items: [key], where: [condition] })),
    },
    {
      weight: 1,
      arbitrary: fc
        .oneof(...table.columns.map(itemOf))
        .map((item) => ({ ...none, items: [item], where: [] })),
    },
  );
}

/** A read that may be refused, by PostgreSQL. */
export const anything: fc.Arbitrary<Question> = fc
  .record({ read: fc.oneof(...TABLES.map(readOf)), user: fc.constantFrom(null, 'ada', 'bob') })
  .map((found) => ({ ...found, format: 'array', counts: false, isHead: false, byRange: false }));
