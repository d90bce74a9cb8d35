/** Documents in general: what one statement answers is what plain JavaScript makes of the rows that somebody may see. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { collectionOf, orderOf, type Row, type Rows, SQL } from './naive.ts';

const PEOPLE = ['u0', 'u1', 'u2', 'nobody'] as const;

let database: TestDatabase;
let api: Api;
const seen = new Map<string, Rows>();

/** The rows of each table that the policies show to somebody. */
async function rowsSeenBy(sub: string): Promise<Rows> {
  const read = async (table: string): Promise<Row[]> => {
    const { rows } = await database.query(
      `begin; set local role authenticated; set local request.jwt.claims = '${JSON.stringify({ sub })}';
       select * from store.${table}`,
    );
    return rows as unknown as Row[];
  };
  return { box: await read('box'), item: await read('item'), mark: await read('mark') };
}

beforeAll(async () => {
  database = await createDatabase(SQL);
  api = await startApi(database, {
    'db-schemas': 'store',
    'rest-prefix': '/',
    'graphql-extensions': true,
    'graphql-max-fields': 2000,
    'graphql-max-aliases': 2000,
    'db-max-cost': 0,
    'db-max-aggregate-cost': 0,
  });
  for (const sub of PEOPLE) seen.set(sub, await rowsSeenBy(sub));
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const send = (query: string, sub: string, variables: unknown = {}) =>
  api.request('POST', '/graphql/v1', { as: { role: 'authenticated', sub }, body: { query, variables } });

test('people see different rows', () => {
  const counts = PEOPLE.map((sub) => seen.get(sub)?.mark.length ?? 0);
  expect(new Set(counts).size).toBeGreaterThan(2);
  expect(Math.min(...counts)).toBeGreaterThan(0);
});

const table = fc.constantFrom('box', 'item', 'mark');
const question = table.chain((name) => collectionOf(name, 2).map((collection) => ({ name, collection })));

test('any collection, filtered, ordered, paged, counted and nested', async () => {
  await fc.assert(
    fc.asyncProperty(question, fc.constantFrom(...PEOPLE), async ({ name, collection }, sub) => {
      const all = seen.get(sub);
      if (!all) throw new Error('unknown');
      const { json } = await send(`{ ${name}Collection${collection.text} }`, sub);
      expect(json).toEqual({ data: { [`${name}Collection`]: collection.of(all, all[name]) } });
    }),
    { numRuns: 200 },
  );
});

const walk = table.chain((name) => fc.record({ name: fc.constant(name), order: orderOf(name) }));

test('any order, walked by cursors in either direction', async () => {
  await fc.assert(
    fc.asyncProperty(
      walk,
      fc.constantFrom(...PEOPLE),
      fc.integer({ min: 4, max: 9 }),
      fc.boolean(),
      async ({ name, order }, sub, size, backwards) => {
        const all = seen.get(sub);
        if (!all) throw new Error('unknown');
        const page = backwards ? 'last: $size, before: $cursor' : 'first: $size, after: $cursor';
        const query = `query Walk($size: Int, $cursor: Cursor) { ${name}Collection(orderBy: ${order.text}, ${page}) {
          edges { cursor node { id } } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } }`;
        const ids: number[] = [];
        let cursor: string | null = null;
        do {
          const { json } = await send(query, sub, { size, cursor });
          const { edges, pageInfo } = json.data[`${name}Collection`];
          expect(edges.length).toBeGreaterThan(0);
          expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0].cursor, edges.at(-1).cursor]);
          expect(backwards ? pageInfo.hasNextPage : pageInfo.hasPreviousPage).toBe(cursor !== null);
          const found = edges.map(({ node }: { node: { id: number } }) => node.id);
          if (backwards) ids.unshift(...found);
          else ids.push(...found);
          const more = backwards ? pageInfo.hasPreviousPage : pageInfo.hasNextPage;
          cursor = more ? (backwards ? pageInfo.startCursor : pageInfo.endCursor) : null;
        } while (cursor !== null);
        const sorted = all[name].toSorted(order.compare(all));
        expect(ids).toEqual(sorted.map(({ id }) => id));
      },
    ),
    { numRuns: 60 },
  );
});

const WHOLE =
  'query Q($first: Int, $after: Cursor, $filter: ItemFilter, $ids: [Int!]) { itemCollection(first: $first, after: $after, filter: $filter, orderBy: [{ box: { a: AscNullsLast } }]) { edges { node { id box { t } markCollection(filter: { id: { in: $ids } }) { groups(by: [a], having: { sum: { a: { gt: "1" } } }) { edges { cursor node { key { a } } } } } } } } }'.replace(
    'ItemFilter',
    'itemFilter',
  );

test('a document that is broken somewhere is answered in the form of every other, and never breaks the server', async () => {
  const { json: whole } = await send(WHOLE, 'u1', { first: 2, ids: [1, 2] });
  expect(whole.errors).toBeUndefined();
  const piece = fc.constantFrom(
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    '"',
    '$first',
    'null',
    '-1',
    '...',
    '@skip(if: true)',
    ' id ',
    ':',
    '\0',
    '\ud800',
    '99999999999999',
  );
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: WHOLE.length }), fc.nat({ max: 12 }), piece, async (at, cut, put) => {
      const broken = WHOLE.slice(0, at) + put + WHOLE.slice(at + cut);
      const { json, status } = await send(broken, 'u1', { first: 2, ids: [1, 2] });
      expect(status).toBe(200);
      const isAnswer = json.errors === undefined ? 'data' in json : json.errors.length > 0;
      expect(isAnswer, broken).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('nor do variables, whatever they are', async () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const cursor = fc.oneof(
    value,
    fc
      .array(fc.jsonValue({ maxDepth: 1 }))
      .map((items) => Buffer.from(JSON.stringify(items)).toString('base64')),
  );
  const operand = fc.dictionary(fc.constantFrom('eq', 'in', 'is', 'gt'), value);
  const filter = fc.oneof(
    value,
    fc.dictionary(
      fc.constantFrom('id', 'a', 't', 'box', 'not', 'and', 'or', 'nodeId', 'markCollection'),
      fc.oneof(operand, value),
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.record({ first: fc.oneof(fc.integer(), value), after: cursor, filter, ids: value }),
      async (variables) => {
        const { json, status } = await send(WHOLE, 'u1', variables);
        expect(status).toBe(200);
        const codes = (json.errors ?? []).map(
          ({ extensions }: { extensions?: { code?: string } }) => extensions?.code ?? '',
        );
        // a defect would say XX000 or AURA000
        expect(codes.filter((code: string) => /^XX|^AURA0|^AURA9/.test(code))).toEqual([]);
      },
    ),
    { numRuns: 200 },
  );
});
