/** The generated Zod schemas against rows of the real database: what one accepts and refuses, the other does. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  customersInsert,
  customersRow,
  linesInsert,
  openOrdersRow,
  priceArgs,
} from '../golden/codegen/shop.zod.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { SHOP_SQL } from './fixture.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase(SHOP_SQL);
});
afterAll(() => database.close());

const insert = async (row: Readonly<Record<string, unknown>>): Promise<void> => {
  await database.query(
    `insert into shop.customers (${Object.keys(row).map((name) => `"${name}"`)})
     select ${Object.keys(row).map((name) => `r."${name}"`)} from json_populate_record(null::shop.customers, $1) r`,
    [JSON.stringify(row)],
  );
};

const BASE = { work: 'ada@example.org', born: '1980-01-01' };

describe('a row to insert', () => {
  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['the least', {}],
    [
      'all kinds',
      {
        kind: 'company',
        level: 2,
        discount: 12.5,
        tint: 'sky blue',
        tints: ['red'],
        '9 lives': 9,
        'a b': 'x',
      },
    ],
    ['nulls', { level: null, tint: null, place: null, email: null }],
    [
      'types within types',
      { place: { x: 1.5, 'y y': null, tint: 'red' }, internal: { a: 1, b: ['x', 'y'] } },
    ],
    [
      'a text as long as may be, of characters of two units',
      { email: `${'\u{1F600}'.repeat(50)}@${'x'.repeat(49)}` },
    ],
  ])('%s: both accept', async (_title, row) => {
    expect(customersInsert.safeParse({ ...BASE, ...row }).error).toBeUndefined();
    await insert({ ...BASE, ...row });
    await database.query('delete from shop.customers');
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['no value of the list', { kind: 'robot' }],
    ['a number that is not of the list', { level: 4 }],
    ['an enum', { tint: 'blue' }],
    ['below the bound', { discount: 0 }],
    ['the bound itself', { discount: 100 }],
    ["a domain's pattern", { email: 'nobody' }],
    ["a domain's length", { work: 'a@b.c' }],
    ["the length of the domain's base", { work: `${'x'.repeat(100)}@example.org` }],
    ['null where there is none', { kind: null }],
    ['too large a number', { '9 lives': 2 ** 31 }],
  ])('%s: both refuse', async (_title, row) => {
    expect(customersInsert.safeParse({ ...BASE, ...row }).success).toBe(false);
    await expect(insert({ ...BASE, ...row })).rejects.toThrow();
  });

  test('what has no default is asked for', () => {
    expect(customersInsert.safeParse({ born: '1980-01-01' }).success).toBe(false);
    expect(
      linesInsert.safeParse({ sku: 'a', order_id: '00000000-0000-4000-8000-000000000001' }).success,
    ).toBe(false);
  });

  test('the shape that a comment or a check gives to JSON holds', () => {
    const settings = { sizes: [1, 2], more: { a: true, b: null } };
    expect(customersInsert.safeParse({ ...BASE, settings }).success).toBe(true);
    expect(customersInsert.safeParse({ ...BASE, settings: { ...settings, theme: 'pink' } }).success).toBe(
      false,
    );
    const address = { city: 'Porto', "it's": { parts: [], more: 1 } };
    expect(customersInsert.safeParse({ ...BASE, address }).success).toBe(true);
    expect(customersInsert.safeParse({ ...BASE, address: { ...address, street: '' } }).success).toBe(false);
    expect(customersInsert.safeParse({ ...BASE, address: { city: 'Porto' } }).success).toBe(false);
  });
});

test('a row as PostgreSQL writes it is one', async () => {
  await insert({
    ...BASE,
    tints: ['it\'s "odd" \\'],
    places: [{ x: 1, 'y y': 2, tint: null }],
    during: '[2026-01-01,)',
  });
  const { rows } = await database.query('select to_json(c) as row from shop.customers c');
  const settings = { sizes: [], more: {} };
  expect(customersRow.safeParse({ ...Object(rows[0]?.['row']), settings }).error).toBeUndefined();
  await database.query('delete from shop.customers');
});

test('columns of a view have nulls only where they can', () => {
  const row = {
    id: '00000000-0000-4000-8000-000000000001',
    customer_id: 1,
    email: null,
    born: '2020-02-02',
    lines: 0,
  };
  expect(openOrdersRow.safeParse(row).success).toBe(true);
  expect(openOrdersRow.safeParse({ ...row, born: null }).success).toBe(false);
});

test('arguments are those of one of the overloads', () => {
  expect(priceArgs.safeParse({ sku: 'a' }).success).toBe(true);
  expect(priceArgs.safeParse({ sku: 'a', amount: 2, day: '2026-01-01' }).success).toBe(true);
  expect(priceArgs.safeParse({ amount: 2 }).success).toBe(false);
});
