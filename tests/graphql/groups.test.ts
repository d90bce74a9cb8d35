/** Groups: aggregates of the rows with the same values in some fields, as a connection of their own. */
import { describe, expect, test } from 'vitest';
import { useLibrary } from './fixture.ts';

const library = useLibrary(
  { 'graphql-extensions': true },
  `comment on table lib.secret is '@graphql({"aggregate": {"enabled": true}})';`,
);

interface Group {
  readonly key: Record<string, unknown>;
  readonly aggregate: Record<string, unknown>;
}

/** The groups of all books, as key and count. */
const groups = async (
  args: string,
  shown = 'key { state editorId } aggregate { count }',
): Promise<Group[]> => {
  const { bookCollection } = await library.data(
    `{ bookCollection { groups(${args}) { edges { node { ${shown} } } } } }`,
  );
  return bookCollection.groups.edges.map(({ node }: { node: Group }) => node);
};
const authorsOf = async (args: string): Promise<unknown[]> =>
  (await groups(`by: [authorId], ${args}`, 'key { authorId }')).map(({ key }) => key['authorId']);

test('have aggregates by the values of fields, of all rows that the filter leaves', async () => {
  const query = `query Groups($by: [BookAggregateGroupField!]!) {
    bookCollection(first: 1, filter: { id: { lt: 7 } }) {
      edges { node { id } }
      groups(by: $by) {
        edges { kind: __typename node { kind: __typename key { authorId state @include(if: false) } aggregate { count max { price } } } }
        totalCount
      }
    }
  }`;
  const { bookCollection } = await library.data(query, { variables: { by: ['authorId'] } });
  const edge = (authorId: number, count: number, price: number) => ({
    kind: 'BookAggregateGroupEdge',
    node: { kind: 'BookAggregateGroup', key: { authorId }, aggregate: { count, max: { price } } },
  });
  expect(bookCollection).toEqual({
    edges: [{ node: { id: '1' } }],
    groups: { edges: [edge(1, 2, 19.9), edge(2, 2, 12345678.1234), edge(3, 1, 3)], totalCount: 3 },
  });
  const finer = await library.data(query, { variables: { by: ['authorId', 'state'] } });
  expect(finer.bookCollection.groups.totalCount).toBe(4);
});

test('have enums by their names, nulls as a group, and the order of their keys', async () => {
  const all = await groups('by: [state, editorId]');
  expect(all).toEqual([
    { key: { state: 'IN_PRINT', editorId: 1 }, aggregate: { count: 2 } },
    { key: { state: 'IN_PRINT', editorId: 2 }, aggregate: { count: 1 } },
    { key: { state: 'IN_PRINT', editorId: null }, aggregate: { count: 2 } },
    { key: { state: 'SOLD_OUT', editorId: null }, aggregate: { count: 2 } },
  ]);
  expect(await groups('by: [state, editorId], first: 2, offset: 1')).toEqual(all.slice(1, 3));
});

test('of what belongs to a row, and of distinct rows', async () => {
  const { authorByPk } = await library.data(
    '{ authorByPk(id: 3) { bookCollection(distinctOn: [price]) { groups(by: [state]) { edges { node { key { state } aggregate { count } } } } } } }',
  );
  expect(authorByPk.bookCollection.groups.edges).toEqual([
    { node: { key: { state: 'IN_PRINT' }, aggregate: { count: 1 } } },
    { node: { key: { state: 'SOLD_OUT' }, aggregate: { count: 1 } } },
  ]);
});

describe('are chosen by their aggregates', () => {
  test.each([
    ['count: { gt: 2 }', [3]],
    ['sum: { price: { gt: "29" } }', [1, 2]],
    ['count: { eq: 2 }, max: { price: { lt: "100" } }', [1]],
    ['or: [{ count: { gt: 2 } }, { min: { price: { eq: "9.5" } } }]', [1, 3]],
    ['not: { count: { in: [3] } }', [1, 2]],
    ['and: [{ avg: { price: { is: NOT_NULL } } }, { max: { title: { startsWith: "S" } } }]', [1, 3]],
    ['max: { title: { search: "ships" } }', [1]],
    ['', [1, 2, 3]],
    ['count: null', [1, 2, 3]],
  ])('having: { %s }', async (having, expected) => {
    expect(await authorsOf(`having: { ${having} }`)).toEqual(expected);
  });

  test('which variables may hold', async () => {
    const query = `query Q($having: BookAggregateHaving, $orderBy: [BookAggregateGroupOrderBy!]) {
      bookCollection { groups(by: [authorId], having: $having, orderBy: $orderBy) { edges { node { key { authorId } } } totalCount } }
    }`;
    const ask = async (variables: Record<string, unknown>) => {
      const { bookCollection } = await library.data(query, { variables });
      const { edges, totalCount } = bookCollection.groups;
      expect(totalCount).toBe(edges.length);
      return edges.map(({ node }: { node: Group }) => node.key['authorId']);
    };
    expect(await ask({ having: { count: { gt: 2 } } })).toEqual([3]);
    expect(await ask({ having: { count: { gt: 1 } } })).toEqual([1, 2, 3]);
    expect(await ask({ orderBy: [{ aggregate: { count: 'DescNullsLast' } }] })).toEqual([3, 1, 2]);
    expect(await ask({ orderBy: [{ key: { authorId: 'DescNullsLast' } }] })).toEqual([3, 2, 1]);
  });
});

describe('are ordered', () => {
  test.each([
    ['[{ aggregate: { count: DescNullsLast } }]', [3, 1, 2]],
    ['[{ aggregate: { count: AscNullsLast } }, { key: { authorId: DescNullsLast } }]', [2, 1, 3]],
    ['[{ aggregate: { sum: { price: DescNullsLast } } }]', [2, 1, 3]],
    ['[{ key: { authorId: DescNullsLast } }, { key: { authorId: AscNullsLast } }]', [3, 2, 1]],
    ['[{}]', [1, 2, 3]],
  ])('by %s', async (orderBy, expected) => {
    expect(await authorsOf(`orderBy: ${orderBy}`)).toEqual(expected);
  });

  test('and walked by cursor in both directions, each group once, nulls among them', async () => {
    const orderBy = '[{ aggregate: { max: { price: DescNullsFirst } } }, { key: { state: AscNullsLast } }]';
    const all = await groups(`by: [state, editorId], orderBy: ${orderBy}`);
    expect(all.length).toBe(4);
    const page = async (args: string, cursor: string | null) => {
      const query = `query Page($cursor: Cursor) { bookCollection {
        groups(by: [state, editorId], orderBy: ${orderBy}, ${args}) {
          edges { cursor node { key { state editorId } aggregate { count } } }
          pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
        }
      } }`;
      return (await library.data(query, { variables: { cursor } })).bookCollection.groups;
    };
    for (const [args, backwards] of [
      ['first: 1, after: $cursor', false],
      ['last: 3, before: $cursor', true],
    ] as const) {
      const seen: Group[] = [];
      let cursor: string | null = null;
      do {
        const { edges, pageInfo } = await page(args, cursor);
        const nodes = edges.map(({ node }: { node: Group }) => node);
        expect([pageInfo.startCursor, pageInfo.endCursor]).toEqual([edges[0].cursor, edges.at(-1).cursor]);
        expect(backwards ? pageInfo.hasNextPage : pageInfo.hasPreviousPage).toBe(cursor !== null);
        if (backwards) seen.unshift(...nodes);
        else seen.push(...nodes);
        const more = backwards ? pageInfo.hasPreviousPage : pageInfo.hasNextPage;
        cursor = more ? (backwards ? pageInfo.startCursor : pageInfo.endCursor) : null;
      } while (cursor !== null);
      expect(seen).toEqual(all);
    }
  });
});

test('are of the rows that the policies show', async () => {
  const query =
    '{ secretCollection { groups(by: [word]) { edges { node { key { word } aggregate { count } } } totalCount } } }';
  const { secretCollection } = await library.data(query, { as: { role: 'authenticated', sub: 'ann' } });
  expect(secretCollection.groups).toEqual({
    edges: [{ node: { key: { word: 'blue' }, aggregate: { count: 1 } } }],
    totalCount: 1,
  });
});

test.each([
  ['groups(by: []) { totalCount }', '`by` must name at least one field'],
  ['groups(by: [state]) { edges { node { key { authorId } } } }', '`authorId` is not grouped by'],
  [
    'groups(by: [state], orderBy: [{ key: { authorId: AscNullsLast } }]) { totalCount }',
    '`authorId` is not grouped by',
  ],
  [
    'groups(by: [state], orderBy: [{ aggregate: { count: AscNullsLast, sum: { price: AscNullsLast } } }]) { totalCount }',
    'Each element of orderBy names one field',
  ],
  ['groups(by: [state], first: -1) { totalCount }', '`first` must be an unsigned integer'],
  ['groups(by: [state], first: 1, last: 1) { totalCount }', 'only one of "first" and "last" may be provided'],
  [
    'groups(by: [state], having: { count: { is: null } }) { totalCount }',
    'The filter `is` takes NULL or NOT_NULL',
  ],
  [
    'groups(by: [state, editorId], after: "WzFd") { edges { cursor } }',
    'orderBy clause incompatible with pagination cursor',
  ],
  ['groups(by: [state], after: "nothing") { edges { cursor } }', 'Failed to decode cursor'],
])('%s is refused', async (field, message) => {
  const [error] = await library.errors(`{ bookCollection { ${field} } }`);
  expect(error.message).toBe(message);
});
