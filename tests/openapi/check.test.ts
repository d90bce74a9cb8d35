/**
 * Checks as JSON Schema, held against PostgreSQL: what it accepts, the schema accepts. Of the checks that are
 * understood, the schema refuses what it refuses; of the others it says nothing.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../../server/catalog/load.ts';
import { nameKey } from '../../server/names.ts';
import { isCommonPattern } from '../../server/openapi/check.ts';
import { type Schema, withChecks } from '../../server/openapi/type-schema.ts';
import { connectCatalog } from '../catalog/connect.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const TEXTS = [
  '',
  'a',
  'ab',
  'abc',
  'A-1',
  'a\nc',
  'a b',
  "it's",
  'ä',
  '👍',
  '👍👍',
  'x'.repeat(30),
  '2026',
  'a.c',
  'ab\n',
];
const NUMBERS = ['-5', '-0.5', '0', '0.5', '1', '5', '99', '100', '100.5', '101'];

/** Type, check, and whether it is understood. */
const UNDERSTOOD: readonly (readonly [type: string, check: string])[] = [
  ['text', 'length(c) >= 2'],
  ['text', 'length(c) between 1 and 3'],
  ['text', 'char_length(c) < 4 and char_length(c) > 0'],
  ['text', 'character_length(c) = 3'],
  ['text', "c <> ''"],
  ['text', "c in ('a', 'ab', 'it''s')"],
  ['text', "c = any (array['a', 'abc'])"],
  ['text', "c ~ '^[a-z]+$'"],
  ['text', "c ~ '^[A-Z]-[0-9]{1,3}$'"],
  ['text', "c ~ 'b'"],
  ['text', "c ~ '^(ab|abc)?$'"],
  ['text', "c ~ '^[^a]*$'"],
  ['text', "c ~ '^a\\.c$'"],
  ['text', "length(c) > 1 and c ~ '^[a-z]' and c <> ''"],
  ['character varying(40)', 'length(c) <= 2'],
  ['character varying(40)', "c in ('a', 'abc')"],
  ['character varying(40)', "c ~ '^[a-z]+$'"],
  ['integer', 'c > 0'],
  ['integer', 'c >= -5 and c < 100'],
  ['bigint', 'c between 0 and 99'],
  ['numeric', 'c > 0.5 and c <= 100'],
  ['numeric(6,2)', 'c >= -0.5'],
  ['real', 'c > -1'],
  ['double precision', 'c < 100.5 and c > -0.5'],
];
const NOT_UNDERSTOOD: readonly (readonly [type: string, check: string])[] = [
  ['text', "length(c) > 2 or c = 'a'"],
  ['text', 'not (length(c) > 2)'],
  ['text', "c ~ '^.$'"],
  ['text', "c ~ '\\w'"],
  ['text', "c ~* '^A'"],
  ['text', "c ~ '[[:alpha:]]'"],
  ['text', "c ~ '^a\\y'"],
  ['text', "c ~ '(?i)AB'"],
  ['text', "c ~ '***=a.c'"],
  ['text', "c !~ 'a'"],
  ['text', "c like 'a%'"],
  ['text', 'octet_length(c) < 4'],
  ['text', 'length(trim(c)) > 1'],
  ['text', "c in ('a', 'b, c')"],
  ['text', "lower(c) in ('a')"],
  ['text', "c > 'b'"],
  ['character(3)', 'length(c) = 1'],
  ['integer', 'c % 2 = 0'],
  ['integer', 'c <> 5'],
  ['integer', 'c + 1 > 5'],
  ['integer', 'abs(c) > 5'],
  ['numeric', 'c > 1e400'],
];

let database: TestDatabase;
/** Printed forms by type and check. */
const printed = new Map<string, readonly string[]>();

beforeAll(async () => {
  const all = [...UNDERSTOOD, ...NOT_UNDERSTOOD];
  const tables = all.map(
    ([type, check], index) => `create table checks.t${index} (c ${type} check (${check}))`,
  );
  database = await createDatabase(`create schema checks; ${tables.join(';')}`);
  const connection = await connectCatalog(database.uri);
  const options = { schemas: ['checks'], extraSearchPath: [], hoistedSettings: [] };
  const catalog = await loadCatalog(connection.query, options).finally(connection.close);
  for (const [index, [type, check]] of all.entries()) {
    const column = catalog.relations.get(nameKey('checks', `t${index}`))?.columns.get('c');
    printed.set(`${type} ${check}`, column?.checks ?? []);
  }
});
afterAll(() => database.close());

const isNumeric = (type: string): boolean => /^(?:integer|bigint|numeric|double|real)/.test(type);

function schemaOf(type: string, check: string): { base: Schema; schema: Schema } {
  const base: Schema = { type: isNumeric(type) ? 'number' : 'string' };
  const checks = printed.get(`${type} ${check}`) ?? [];
  expect(checks).toHaveLength(1);
  return { base, schema: withChecks(base, type, checks) };
}

/** What PostgreSQL says of a value; null = it is none of the type. */
async function verdictOf(
  type: string,
  check: string,
  value: string,
): Promise<{ json: unknown; ok: boolean } | null> {
  const text = `select to_json(c) as json, (${check}) as ok from (select $1::text::${type} as c) v`;
  const whole = /^(?:integer|bigint)/.test(type) && value.includes('.');
  if (whole) return null;
  const { rows } = await database.query(text, [value]);
  return { json: rows[0]?.['json'], ok: rows[0]?.['ok'] === true };
}

describe('a check that is understood', () => {
  test.each(UNDERSTOOD)('%s: %s', async (type, check) => {
    const { base, schema } = schemaOf(type, check);
    expect(schema).not.toEqual(base);
    const accepts = new Ajv2020({ strict: false }).compile(schema);
    for (const value of isNumeric(type) ? NUMBERS : TEXTS) {
      const verdict = await verdictOf(type, check, value);
      if (verdict !== null) expect([value, accepts(verdict.json)]).toEqual([value, verdict.ok]);
    }
  });
});

describe('a check that is not', () => {
  test.each(NOT_UNDERSTOOD)('%s: %s', async (type, check) => {
    const { schema } = schemaOf(type, check);
    const accepts = new Ajv2020({ strict: false }).compile(schema);
    for (const value of isNumeric(type) ? NUMBERS : TEXTS) {
      const verdict = await verdictOf(type, check, value);
      if (verdict?.ok === true) expect([value, accepts(verdict.json)]).toEqual([value, true]);
    }
    expect(Object.keys(schema)).toEqual(['type']);
  });
});

test('a pattern is common where both languages read it alike', () => {
  for (const common of ['^[a-z][a-z0-9-]{1,38}$', '^[^@]+@[^@]+$', '^\\+?[0-9 ]+$', '^(a|b)*$']) {
    expect([common, isCommonPattern(common)]).toEqual([common, true]);
  }
  for (const other of [
    '.',
    '\\d',
    '\\w+',
    '[[:digit:]]',
    '(?i)a',
    '***:a',
    '\\mword',
    'a(?!b)',
    '[a',
    'a{2',
    '\\1',
  ]) {
    expect([other, isCommonPattern(other)]).toEqual([other, false]);
  }
});
