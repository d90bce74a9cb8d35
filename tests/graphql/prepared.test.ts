/** What is remembered: one plan for each structure of the variables, and none for each of their values. */
import { getVariableValues } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCatalog } from '../../server/catalog/load.ts';
import type { Catalog } from '../../server/catalog/types.ts';
import { loadConfig } from '../../server/config.ts';
import { createRoleSchemas } from '../../server/graphql/prepared.ts';
import { connectCatalog } from '../catalog/connect.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { FIXTURE_SQL } from './fixture.ts';

let database: TestDatabase;
let catalog: Catalog;
beforeAll(async () => {
  database = await createDatabase(FIXTURE_SQL);
  const connection = await connectCatalog(database.uri);
  catalog = await loadCatalog(connection.query, {
    schemas: ['lib', 'annex'],
    extraSearchPath: [],
    hoistedSettings: [],
  });
  await connection.close();
});
afterAll(() => database.close());

const config = loadConfig({ env: {}, flags: { 'require-rls': 'off', 'db-uri': 'postgresql://x' } });

const QUERY = `query Q($filter: BookFilter, $first: Int, $after: Cursor, $orderBy: [BookOrderBy!], $with: Boolean = false) {
  bookCollection(filter: $filter, first: $first, after: $after, orderBy: $orderBy) {
    edges { node { id title @include(if: $with) } }
  }
}`;

const prepare = (
  schemas: ReturnType<typeof createRoleSchemas>,
  role: string,
  values: Record<string, unknown>,
) => {
  const roleSchema = schemas.of(catalog, config, role);
  const operation = roleSchema.operationOf(QUERY, null);
  const { coerced, errors } = getVariableValues(
    roleSchema.schema,
    operation.definition.variableDefinitions ?? [],
    values,
  );
  if (!coerced) throw new Error(errors?.join());
  return roleSchema.preparedOf(operation, coerced);
};

const cursor = (...values: unknown[]) => Buffer.from(JSON.stringify(values)).toString('base64');

test('values differ, plans do not', () => {
  const schemas = createRoleSchemas();
  const of = (values: Record<string, unknown>) => prepare(schemas, 'anon', values);
  const first = of({ filter: { id: { eq: 1 } }, first: 5, after: cursor(1) });
  expect(of({ filter: { id: { eq: '2' } }, first: 7, after: cursor(9) })).toBe(first);
  expect(of({ filter: { id: { eq: 1 } }, first: 5, after: null })).not.toBe(first);
  const several = of({ filter: { id: { in: [1] } } });
  expect(of({ filter: { id: { in: [1, 2, 3] } } })).toBe(several);
});

test.each([
  ['which members a filter has', { filter: { id: { eq: 1 } } }, { filter: { id: { gt: 1 } } }],
  [
    'how many alternatives',
    { filter: { or: [{ id: { eq: 1 } }] } },
    { filter: { or: [{ id: { eq: 1 } }, { id: { eq: 2 } }] } },
  ],
  ['tests for null', { filter: { id: { is: 'NULL' } } }, { filter: { id: { is: 'NOT_NULL' } } }],
  ['an order', { orderBy: [{ id: 'AscNullsLast' }] }, { orderBy: [{ id: 'DescNullsLast' }] }],
  ['fields that are there', { with: true }, { with: false }],
  [
    'nulls of a cursor',
    { orderBy: [{ price: 'AscNullsLast' }], after: cursor(1, 2) },
    { orderBy: [{ price: 'AscNullsLast' }], after: cursor(null, 2) },
  ],
])('%s belong to the structure', (_, one, other) => {
  const schemas = createRoleSchemas();
  expect(prepare(schemas, 'anon', one)).not.toBe(prepare(schemas, 'anon', other));
});

test('no role uses what was made for another one, nor any after the settings have changed', () => {
  const schemas = createRoleSchemas();
  const anon = prepare(schemas, 'anon', {});
  expect(prepare(schemas, 'authenticated', {})).not.toBe(anon);
  expect(schemas.of(catalog, { ...config }, 'anon')).not.toBe(schemas.of(catalog, config, 'anon'));
});

test('nothing that a client sends stands in the SQL', () => {
  const evil = `x'; drop table lib.book; --`;
  const { steps } = prepare(createRoleSchemas(), 'anon', {
    filter: { title: { eq: evil, like: evil, in: [evil] }, tags: { contains: [evil] } },
    after: cursor(evil),
  });
  expect(steps.map(({ statement }) => statement.text).join()).not.toContain('drop');
  const values = steps.flatMap(({ slots }) =>
    slots.map((read) =>
      read({
        filter: { title: { eq: evil, like: evil, in: [evil] }, tags: { contains: [evil] } },
        after: cursor(evil),
      }),
    ),
  );
  const list = `{"${evil}"}`;
  expect(values.toSorted()).toEqual([evil, evil, evil, list, list]);
});
