/** What pg_graphql does not have, and a setting adds. */
import { buildClientSchema, getIntrospectionQuery, validateSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import { useLibrary } from './fixture.ts';

const library = useLibrary({ 'graphql-extensions': true, 'graphql-introspection': '*' });
const strict = useLibrary({ 'graphql-extensions': true, 'require-rls': 'enforce' });
const plain = useLibrary();

const books = async (args: string) => {
  const { bookCollection } = await library.data(`{ bookCollection(${args}) { edges { node { id } } } }`);
  return bookCollection.edges.map(({ node }: { node: { id: string } }) => node.id);
};
const authors = async (filter: string) => {
  const { authorCollection } = await library.data(
    `{ authorCollection(filter: { ${filter} }) { edges { node { id } } totalCount } }`,
  );
  expect(authorCollection.totalCount).toBe(authorCollection.edges.length);
  return authorCollection.edges.map(({ node }: { node: { id: number } }) => node.id);
};

test('the schema with them is a valid one', async () => {
  const data = await library.data(getIntrospectionQuery(), { as: 'authenticated' });
  expect(validateSchema(buildClientSchema(data))).toEqual([]);
});

test('without the setting there are none', async () => {
  const [error] = await plain.errors(
    '{ bookCollection(filter: { author: { id: { eq: 1 } } }) { edges { cursor } } }',
  );
  expect(error.message).toContain('Field "author" is not defined by type "BookFilter"');
});

describe('filters by related tables', () => {
  test.each([
    ['filter: { author: { fullName: { startsWith: "Pat" } } }', ['5', '7', '9007199254740993']],
    ['filter: { author: { profile: { bio: { ilike: "%sea%" } } } }', ['1', '2']],
    ['filter: { editor: {} }', ['1', '3', '4']],
    ['filter: { not: { editor: {} }, id: { lt: 6 } }', ['2', '5']],
    ['filter: { or: [{ editor: { id: { eq: 2 } } }, { id: { eq: 5 } }] }', ['1', '5']],
  ])('to one: %s', async (args, expected) => {
    expect(await books(args)).toEqual(expected);
  });

  test.each([
    ['bookCollection: { some: { state: { eq: SOLD_OUT } } }', [1, 3]],
    ['bookCollection: { every: { state: { eq: IN_PRINT } } }', [2]],
    ['bookCollection: { none: { price: { gt: "100" } } }', [1, 3]],
    ['bookCollection: { every: { price: { gt: "5" } } }', [1]],
    ['edited: { none: {} }', [3]],
    ['bookCollection: { some: { price: { lt: "10" } }, none: { state: { eq: IN_PRINT } } }', []],
    ['bookCollection: { some: { editor: { bookCollection: { some: { id: { eq: 4 } } } } } }', [1]],
  ])('to many: %s', async (filter, expected) => {
    expect(await authors(filter)).toEqual(expected);
  });

  test('as variables', async () => {
    const query =
      'query Q($filter: AuthorFilter) { authorCollection(filter: $filter) { edges { node { id } } } }';
    const find = async (filter: unknown) =>
      (await library.data(query, { variables: { filter } })).authorCollection.edges.length;
    expect(await find({ bookCollection: { some: { title: { eq: 'Rain' } } } })).toBe(1);
    expect(await find({ bookCollection: { some: { title: { eq: 'Nothing' } } } })).toBe(0);
  });

  test('need the protection of the tables that they look at', async () => {
    const [error] = await strict.errors(
      '{ hintCollection(filter: { secret: { id: { eq: 1 } } }) { edges { cursor } } }',
    );
    expect(error.extensions.code).toBe('AURA200');
  });

  test('see of them what the policies show', async () => {
    const query = '{ hintCollection(filter: { secret: {} }) { edges { node { id } } } }';
    const data = await library.data(query, { as: { role: 'authenticated', sub: 'bob' } });
    expect(data.hintCollection.edges).toEqual([{ node: { id: 2 } }]);
  });

  test('hold for writes, too', async () => {
    const { updateBookCollection } = await library.data(
      'mutation { updateBookCollection(set: { price: "1" }, filter: { author: { fullName: { eq: "Pat Neil" } } }, atMost: 9) { affectedCount } }',
      { as: 'authenticated' },
    );
    expect(updateBookCollection.affectedCount).toBe(3);
  });
});

describe('orders by related tables', () => {
  test('a column of the one row', async () => {
    const args = 'orderBy: [{ author: { fullName: DescNullsLast } }, { id: DescNullsLast }], first: 4';
    expect(await books(args)).toEqual(['4', '3', '9007199254740993', '7']);
  });

  test('are walked by cursor, each row once, those without a row among them', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const query = `query Page($after: Cursor) {
        bookCollection(first: 2, after: $after, orderBy: [{ editor: { fullName: AscNullsFirst } }]) {
          edges { node { id } } pageInfo { endCursor hasNextPage hasPreviousPage }
        }
      }`;
      const { bookCollection } = await library.data(query, { variables: { after } });
      expect(bookCollection.pageInfo.hasPreviousPage).toBe(after !== null);
      seen.push(...bookCollection.edges.map(({ node }: { node: { id: string } }) => node.id));
      after = bookCollection.pageInfo.hasNextPage ? bookCollection.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen).toEqual(['2', '5', '7', '9007199254740993', '3', '4', '1']);
  });
});

describe('upserts', () => {
  const upsert = (action: string) => `mutation U($objects: [AuthorInsertInput!]!) {
    insertIntoAuthorCollection(objects: $objects, onConflict: { fields: [id]${action} }) { affectedCount records { id fullName } }
  }`;
  const variables = {
    objects: [
      { id: 1, fullName: 'Changed' },
      { id: 30, fullName: 'New' },
    ],
  };
  const asked = { as: 'authenticated', variables };

  test('change what is there, or leave it', async () => {
    expect((await library.data(upsert(''), asked)).insertIntoAuthorCollection).toEqual({
      affectedCount: 2,
      records: [
        { id: 1, fullName: 'Changed' },
        { id: 30, fullName: 'New' },
      ],
    });
    expect((await library.data(upsert(' action: IGNORE'), asked)).insertIntoAuthorCollection).toEqual({
      affectedCount: 1,
      records: [{ id: 30, fullName: 'New' }],
    });
  });

  test('fields without a unique constraint are refused by PostgreSQL', async () => {
    const [error] = await library.errors(
      'mutation { insertIntoAuthorCollection(objects: [{ id: 1, fullName: "x" }], onConflict: { fields: [born] }) { affectedCount } }',
      { as: 'authenticated' },
    );
    expect(error.extensions.code).toBe('42P10');
  });
});

describe('updates by key', () => {
  const query =
    'mutation U($objects: [BookUpdateByPkInput!]!) { updateBookCollectionByPk(objects: $objects) { affectedCount records { id title price } } }';
  const send = (objects: unknown) => library.post(query, { as: 'authenticated', variables: { objects } });

  test('change each record by its own object', async () => {
    const { json } = await send([
      { id: '1', price: '1.5' },
      { id: '9007199254740993', price: null },
      { id: '99', price: '2' },
    ]);
    expect(json.data.updateBookCollectionByPk.affectedCount).toBe(2);
    expect(json.data.updateBookCollectionByPk.records).toEqual(
      expect.arrayContaining([
        { id: '1', title: 'Quiet Harbour', price: '1.5000' },
        { id: '9007199254740993', title: 'Large', price: null },
      ]),
    );
  });

  test('refuse objects of different fields', async () => {
    const { json } = await send([
      { id: '1', price: '1' },
      { id: '2', title: 'x' },
    ]);
    expect(json.errors[0].message).toBe('The objects have different fields');
  });
});

test.each([
  ['period: { contains: "[2020-01-15,2020-01-16)" }', [1]],
  ['period: { overlaps: "[2020-01-20,2020-02-10)" }', [1, 2]],
  ['period: { adjacent: "[2020-03-01,2020-04-01)" }', [2]],
  ['period: { strictlyLeft: "[2020-02-15,2020-04-01)" }', [1]],
  ['words: { search: "harbour -rain" }', [1]],
  ['meta: { contains: "{\\"a\\": {}}" }', [1]],
  ['meta: { jsonPath: "$.a.b ? (@ >= 1)" }', [1]],
  ['meta: { jsonPath: "$.a" }', [1, 2]],
  ['meta: { containedBy: "{\\"a\\": 2, \\"c\\": 3}" }', [2]],
])('operators of further types: %s', async (filter, expected) => {
  const { stockCollection } = await library.data(
    `{ stockCollection(filter: { ${filter} }) { edges { node { id } } } }`,
  );
  expect(stockCollection.edges.map(({ node }: { node: { id: number } }) => node.id)).toEqual(expected);
});

test('a JSON path that cannot be read is refused by PostgreSQL', async () => {
  const [error] = await library.errors(
    '{ stockCollection(filter: { meta: { jsonPath: "$.a ? (" } }) { edges { cursor } } }',
  );
  expect(error.extensions.code).toBe('42601');
});

describe('distinct rows', () => {
  test.each([
    ['distinctOn: [authorId], orderBy: [{ price: DescNullsLast }]', ['4', '1', '7']],
    [
      'distinctOn: [authorId], orderBy: [{ authorId: DescNullsLast }, { title: AscNullsLast }]',
      ['9007199254740993', '3', '1'],
    ],
    ['distinctOn: [state, authorId], filter: { authorId: { gt: 1 } }', ['3', '5', '7']],
    ['distinctOn: [editorId], last: 2', ['2', '3']],
    ['distinctOn: [authorId], orderBy: [{ author: { fullName: AscNullsLast } }]', ['1', '5', '3']],
    ['distinctOn: []', ['1', '2', '3', '4', '5']],
  ])('%s', async (args, expected) => {
    expect(await books(args)).toEqual(expected);
  });

  test('are what pages, cursors, counts and aggregates are of, with all that rows show', async () => {
    const query = `query Page($by: [BookDistinctField!], $after: Cursor) {
      bookCollection(distinctOn: $by, first: 2, after: $after, orderBy: [{ price: DescNullsLast }]) {
        edges { node { id author { fullName _x: __typename } } }
        totalCount
        aggregate { count sum { price } }
        pageInfo { endCursor hasNextPage hasPreviousPage }
      }
    }`;
    const first = await library.data(query, { variables: { by: ['authorId'] } });
    expect(first.bookCollection).toMatchObject({
      edges: [{ node: { id: '4' } }, { node: { id: '1', author: { fullName: 'Ida Berg' } } }],
      totalCount: 3,
      aggregate: { count: 3, sum: { price: 12345702.0234 } },
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
    });
    const after = first.bookCollection.pageInfo.endCursor;
    const second = await library.data(query, { variables: { by: ['authorId'], after } });
    expect(second.bookCollection).toMatchObject({
      edges: [{ node: { id: '7' } }],
      pageInfo: { hasNextPage: false, hasPreviousPage: true },
    });
    // the same document, other fields
    const other = await library.data(query, { variables: { by: ['state'] } });
    expect(other.bookCollection.totalCount).toBe(2);
    const none = await library.data(query, { variables: { by: null } });
    expect(none.bookCollection.totalCount).toBe(7);
  });

  test('of related rows, and of rows with computed fields', async () => {
    const { authorCollection } = await library.data(
      '{ authorCollection(distinctOn: [fullName], first: 2) { edges { node { id initials bookCollection(distinctOn: [authorId]) { edges { node { id } } } } } } }',
    );
    expect(authorCollection.edges.map(({ node }: { node: unknown }) => node)).toEqual([
      { id: 1, initials: 'IB', bookCollection: { edges: [{ node: { id: '1' } }] } },
      { id: 2, initials: 'ÉR', bookCollection: { edges: [{ node: { id: '3' } }] } },
    ]);
  });

  test('of what functions give, of the root and of rows', async () => {
    const data = await library.data(
      `query F($field: BookDistinctField!, $first: Int!) {
        booksBy(author: 3, distinctOn: [$field], first: $first) { edges { node { id nodeId } } totalCount }
        authorByPk(id: 3) { cheap(distinctOn: [price], orderBy: [{ price: DescNullsLast }]) { edges { node { id } } } }
      }`,
      { as: 'authenticated', variables: { field: 'state', first: 1 } },
    );
    expect(data.booksBy).toEqual({
      edges: [{ node: { id: '5', nodeId: expect.any(String) } }],
      totalCount: 2,
    });
    expect(data.authorByPk.cheap.edges).toEqual([{ node: { id: '7' } }, { node: { id: '5' } }]);
  });

  test('need no more columns than are granted', async () => {
    const { partialCollection } = await library.data(
      '{ partialCollection(distinctOn: [open]) { edges { node { open } } } }',
    );
    expect(partialCollection.edges).toEqual([{ node: { open: 'o' } }]);
  });
});

test('text is searched by words', async () => {
  expect(await books('filter: { title: { search: "harbour" } }')).toEqual(['1']);
});
