/** Collections, records and their relations, as queries read them. */
import { describe, expect, test } from 'vitest';
import { useLibrary } from './fixture.ts';

const library = useLibrary();
const dear = useLibrary({ 'db-max-aggregate-cost': 1 });
const wide = useLibrary({ 'graphql-max-aliases': 500 });
const ids = (connection: { edges: { node: { id: unknown } }[] }) =>
  connection.edges.map(({ node }) => node.id);

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

describe('collections', () => {
  test('come in the order of their key, by pages of the directive', async () => {
    const { bookCollection } = await library.data('{ bookCollection { edges { node { id } } } }');
    expect(ids(bookCollection)).toEqual(['1', '2', '3', '4', '5']);
  });

  test('are walked forwards by cursor', async () => {
    const query = `query Page($after: Cursor) {
      bookCollection(first: 3, after: $after) {
        edges { cursor node { id } }
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
        totalCount
      }
    }`;
    const first = (await library.data(query)).bookCollection;
    expect(ids(first)).toEqual(['1', '2', '3']);
    expect(first.totalCount).toBe(7);
    expect(first.pageInfo).toEqual({
      startCursor: first.edges[0].cursor,
      endCursor: first.edges[2].cursor,
      hasNextPage: true,
      hasPreviousPage: false,
    });
    const second = (await library.data(query, { variables: { after: first.pageInfo.endCursor } }))
      .bookCollection;
    expect([ids(second), second.pageInfo.hasNextPage, second.pageInfo.hasPreviousPage]).toEqual([
      ['4', '5', '7'],
      true,
      true,
    ]);
    const third = (await library.data(query, { variables: { after: second.pageInfo.endCursor } }))
      .bookCollection;
    expect([ids(third), third.pageInfo.hasNextPage]).toEqual([['9007199254740993'], false]);
  });

  test('are walked backwards, from the end or from a cursor', async () => {
    const query = `query Page($before: Cursor) {
      bookCollection(last: 3, before: $before) { edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor } }
    }`;
    const last = (await library.data(query)).bookCollection;
    expect(ids(last)).toEqual(['5', '7', '9007199254740993']);
    expect(last.pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: true,
      startCursor: last.edges[0].cursor,
    });
    const before = (await library.data(query, { variables: { before: last.pageInfo.startCursor } }))
      .bookCollection;
    expect([ids(before), before.pageInfo.hasNextPage]).toEqual([['2', '3', '4'], true]);
  });

  test('are walked whole along an order with nulls, each row once', async () => {
    for (const direction of ['AscNullsFirst', 'AscNullsLast', 'DescNullsFirst', 'DescNullsLast']) {
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const query = `query Page($after: Cursor, $direction: OrderByDirection) {
          bookCollection(first: 2, after: $after, orderBy: [{ price: $direction }]) {
            edges { node { id price } } pageInfo { endCursor hasNextPage }
          }
        }`;
        const { bookCollection } = await library.data(query, { variables: { after, direction } });
        seen.push(...ids(bookCollection).map(String));
        after = bookCollection.pageInfo.hasNextPage ? bookCollection.pageInfo.endCursor : null;
      } while (after !== null);
      const all = await library.database.query(
        `select id::text from lib.book order by price ${direction.startsWith('Asc') ? 'asc' : 'desc'}
         nulls ${direction.endsWith('First') ? 'first' : 'last'}, id`,
      );
      expect(seen).toEqual(all.rows.map(({ id }) => id));
    }
  });

  test('are skipped by offset', async () => {
    const { bookCollection } = await library.data(
      '{ bookCollection(first: 2, offset: 2) { edges { node { id } } pageInfo { hasPreviousPage } } }',
    );
    expect([ids(bookCollection), bookCollection.pageInfo.hasPreviousPage]).toEqual([['3', '4'], true]);
  });

  test.each([
    ['first: 1, last: 1', 'only one of "first" and "last" may be provided'],
    ['first: -1', '`first` must be an unsigned integer'],
    ['after: "x"', 'Failed to decode cursor'],
    [`after: "${base64([1, 2, 3])}"`, 'orderBy clause incompatible with pagination cursor'],
    ['orderBy: [{ id: AscNullsLast, title: AscNullsLast }]', 'Each element of orderBy names one field'],
  ])('refuse %s', async (args, message) => {
    const [error] = await library.errors(`{ bookCollection(${args}) { edges { node { id } } } }`);
    expect(error.message).toBe(message);
  });

  test('are aggregated as a whole, without losing digits', async () => {
    const answer = await library.post(
      '{ bookCollection(first: 1, filter: { price: { gt: "3" } }) { aggregate { count sum { price } avg { authorId } min { title } max { id } } } }',
    );
    expect(answer.body.replaceAll(' ', '')).toBe(
      '{"data":{"bookCollection":{"aggregate":{"count":4,"sum":{"price":12345711.5234},"avg":{"authorId":1.7500000000000000},"min":{"title":"More"},"max":{"id":7}}}}}',
    );
  });
});

test('what would cost too much is not run', async () => {
  const [error] = await dear.errors('{ bookCollection { aggregate { count } } }');
  expect(error.extensions.code).toBe('AURA150');
  expect(await dear.data('{ bookByPk(id: 1) { title } }')).toEqual({ bookByPk: { title: 'Quiet Harbour' } });
});

describe('filters', () => {
  test.each([
    ['id: { eq: "9007199254740993" }', ['9007199254740993']],
    ['id: { in: ["1", 2] }', ['1', '2']],
    ['id: { gt: 4, lte: "7" }', ['5', '7']],
    ['title: { startsWith: "S" }', ['2', '5']],
    ['title: { like: "%a%", neq: "Rain" }', ['1', '9007199254740993']],
    ['title: { ilike: "n%" }', ['3']],
    ['title: { regex: "^.{4}$" }', ['4', '5', '7']],
    ['title: { iregex: "^S" }', ['2', '5']],
    ['price: { is: NULL }', ['3']],
    ['state: { eq: SOLD_OUT }', ['2', '5']],
    ['state: { in: ["IN_PRINT"] }, price: { lt: "5" }', ['7', '9007199254740993']],
    ['tags: { contains: ["sea"] }', ['1', '2']],
    ['tags: { contains: "quiet" }', ['1']],
    ['tags: { containedBy: ["sea", "quiet"] }, id: { lt: 5 }', ['1', '2', '3']],
    ['tags: { overlaps: ["b c", "sea"] }', ['1', '2', '4']],
    ['added: { gt: "2021-01-01" }', []],
    ['or: [{ id: { eq: 1 } }, { title: { eq: "Rain" } }]', ['1', '4']],
    ['not: { id: { gt: 2 }, state: { eq: IN_PRINT } }', ['1', '2', '5']],
    ['and: [], or: [], not: {}, id: { lt: 2 }', ['1']],
    ['id: { eq: null }', []],
    [`nodeId: { eq: "${base64(['lib', 'book', 2])}" }`, ['2']],
  ])('%s', async (filter, expected) => {
    const { bookCollection } = await library.data(
      `{ bookCollection(filter: { ${filter} }) { edges { node { id } } } }`,
    );
    expect(ids(bookCollection)).toEqual(expected);
  });

  test('come as variables of any structure', async () => {
    const query =
      'query Books($filter: BookFilter) { bookCollection(filter: $filter) { edges { node { id } } } }';
    const find = async (filter: unknown) =>
      ids((await library.data(query, { variables: { filter } })).bookCollection);
    expect(await find({ id: { eq: 1 } })).toEqual(['1']);
    expect(await find({ id: { eq: 2 } })).toEqual(['2']);
    expect(await find({ or: [{ id: { eq: 2 } }, { state: { eq: 'SOLD_OUT' } }] })).toEqual(['2', '5']);
    expect(await find({ price: { is: 'NULL' } })).toEqual(['3']);
    expect(await find({ price: { is: 'NOT_NULL' }, id: { lt: 3 } })).toEqual(['1', '2']);
    expect((await find(null)).length).toBe(5);
  });

  test('that name the node of another collection are refused', async () => {
    const filter = `nodeId: { eq: "${base64(['lib', 'author', 2])}" }`;
    const [error] = await library.errors(
      `{ bookCollection(filter: { ${filter} }) { edges { node { id } } } }`,
    );
    expect(error.message).toBe('nodeId belongs to a different collection');
  });
});

describe('records', () => {
  test('are found by key', async () => {
    const data = await library.data(
      'query B($id: BigInt!) { bookByPk(id: $id) { title } other: bookByPk(id: 99) { title } }',
      {
        variables: { id: '9007199254740993' },
      },
    );
    expect(data).toEqual({ bookByPk: { title: 'Large' }, other: null });
  });

  test('a number in a variable keeps its digits', async () => {
    const answer = await library.api.request('POST', '/graphql/v1', {
      headers: { 'Content-Type': 'application/json' },
      body: '{"query":"query B($id: BigInt!) { bookByPk(id: $id) { title } }","variables":{"id":9007199254740993}}',
    });
    expect(answer.json).toEqual({ data: { bookByPk: { title: 'Large' } } });
  });

  test('are found by node id, whatever they are', async () => {
    const { bookByPk } = await library.data('{ bookByPk(id: 1) { nodeId } }');
    expect(Buffer.from(bookByPk.nodeId, 'base64').toString()).toBe('["lib", "book", 1]');
    const query =
      'query N($id: ID!) { node(nodeId: $id) { __typename nodeId ... on Book { title } ... on Author { fullName } } }';
    const book = await library.data(query, { variables: { id: bookByPk.nodeId } });
    expect(book.node).toEqual({ __typename: 'Book', nodeId: bookByPk.nodeId, title: 'Quiet Harbour' });
    const author = await library.data(query, { variables: { id: base64(['lib', 'author', 2]) } });
    expect(author.node).toMatchObject({ __typename: 'Author', fullName: 'Émile Roux' });
    const [error] = await library.errors(query, { variables: { id: base64(['lib', 'hidden', 2]) } });
    expect(error.message).toContain('did not match any known collection');
  });

  test('show every type without losing any of it', async () => {
    const { bookCollection } = await library.data(
      '{ bookCollection(first: 4) { edges { node { id price data tags state added code slug } } } }',
    );
    const [first, , third, fourth] = bookCollection.edges;
    expect(first.node).toEqual({
      id: '1',
      price: '19.9000',
      data: '{"a": [1, 2]}',
      tags: ['sea', 'quiet'],
      state: 'IN_PRINT',
      added: '2020-01-01T00:00:00+00:00',
      code: 'ab  ',
      slug: 'quiet-harbour',
    });
    expect(third.node.data).toBe('"text"');
    expect(fourth.node).toMatchObject({
      price: '12345678.1234',
      data: '12345678901234567890',
      tags: ['a', 'b c'],
    });
  });
});

describe('columns', () => {
  test('that the role may not read are neither there nor needed', async () => {
    const query = (more: string) =>
      `{ partialCollection(orderBy: [{ open: AscNullsLast }]) { edges { cursor node { nodeId open ${more} } } pageInfo { endCursor } totalCount: __typename } }`;
    const { partialCollection } = await library.data(query(''));
    expect(partialCollection.edges[0].node.open).toBe('o');
    expect((await library.errors(query('closed')))[0].message).toContain('Cannot query field "closed"');
  });
});

describe('relations', () => {
  test('lead both ways, under the names of the directives', async () => {
    const data = await library.data(`{
      bookByPk(id: 1) {
        author { fullName profile { bio author { id } } bookCollection(orderBy: [{ id: DescNullsLast }]) { edges { node { id } } totalCount } }
        editor { fullName edited { edges { node { id } } } }
        shelves { edges { node { authorName book { id } } } }
      }
    }`);
    expect(data.bookByPk.author).toMatchObject({
      fullName: 'Ida Berg',
      profile: { bio: 'Lives by the sea', author: { id: 1 } },
      bookCollection: { edges: [{ node: { id: '2' } }, { node: { id: '1' } }], totalCount: 2 },
    });
    expect(data.bookByPk.shelves).toEqual({
      edges: [{ node: { authorName: 'Ida Berg', book: { id: '1' } } }],
    });
    expect(data.bookByPk.editor).toEqual({
      fullName: 'Émile Roux',
      edited: { edges: [{ node: { id: '1' } }] },
    });
  });

  test('a view has the key and the relations of its comment', async () => {
    const { shelfByPk } = await library.data(
      '{ shelfByPk(bookId: 3) { title authorName book { author { id } } } }',
    );
    expect(shelfByPk).toEqual({ title: 'Night', authorName: 'Émile Roux', book: { author: { id: 2 } } });
  });

  test('computed fields and relations', async () => {
    const { authorByPk } = await library.data(
      '{ authorByPk(id: 1) { initials best { title } cheap(first: 1) { edges { node { title } } pageInfo { hasNextPage } } } }',
      { as: 'authenticated' },
    );
    expect(authorByPk).toEqual({
      initials: 'IB',
      best: { title: 'Quiet Harbour' },
      cheap: { edges: [{ node: { title: 'Ships' } }], pageInfo: { hasNextPage: false } },
    });
  });
});

describe('selections', () => {
  test('keys come in the order of the request', async () => {
    const answer = await library.post(
      '{ __typename z: authorByPk(id: 1) { fullName id __typename a: id } b: add(a: 1) }',
    );
    expect(answer.body.replaceAll(' : ', ':').replaceAll(', ', ',')).toBe(
      '{"data":{"__typename":"Query","z":{"fullName":"Ida Berg","id":1,"__typename":"Author","a":1},"b":2}}',
    );
  });

  test('fields of one key are merged, fragments and directives heeded', async () => {
    const query = `query Q($with: Boolean!) {
      authorByPk(id: 1) { id ...Named }
      authorByPk(id: 1) { born @include(if: $with) profile { bio } }
    }
    fragment Named on Author { fullName @skip(if: $with) profile { authorId } ... on Node { nodeId } }`;
    const whole = await library.data(query, { variables: { with: true } });
    expect(Object.keys(whole.authorByPk)).toEqual(['id', 'profile', 'nodeId', 'born']);
    expect(whole.authorByPk.profile).toEqual({ authorId: 1, bio: 'Lives by the sea' });
    const less = await library.data(query, { variables: { with: false } });
    expect(Object.keys(less.authorByPk)).toEqual(['id', 'fullName', 'profile', 'nodeId']);
  });

  test('more than 100 fields, and long names of them, are one object', async () => {
    const names = Array.from({ length: 130 }, (_, index) => `${'n'.repeat(70)}${index}`);
    const selection = names.map((name) => `${name}: id`).join(' ');
    const { authorByPk } = await wide.data(`{ authorByPk(id: 2) { ${selection} } }`);
    expect(Object.entries(authorByPk)).toEqual(names.map((name) => [name, 2]));
  });
});
