/** Mutations: writes, functions, and what they answer. */
import { describe, expect, test } from 'vitest';
import { useLibrary } from './fixture.ts';

const library = useLibrary();
const kept = useLibrary({ 'db-tx-end': 'commit' });
const editor = { as: 'authenticated' };

describe('inserts', () => {
  test('answer what was written, with its relations and computed fields', async () => {
    const { insertIntoBookCollection } = await library.data(
      `mutation New($objects: [BookInsertInput!]!) {
        insertIntoBookCollection(objects: $objects) {
          affectedCount
          records { title state price tags data author { fullName initials } }
        }
      }`,
      {
        ...editor,
        variables: {
          objects: [
            {
              title: 'One',
              authorId: 1,
              price: '0.1000',
              tags: ['x', 'y"z'],
              data: '{"n": 12345678901234567890}',
            },
            { title: 'Two', authorId: 2, state: 'SOLD_OUT', price: null },
          ],
        },
      },
    );
    expect(insertIntoBookCollection).toEqual({
      affectedCount: 2,
      records: [
        {
          title: 'One',
          state: 'IN_PRINT',
          price: '0.1000',
          tags: ['x', 'y"z'],
          data: '{"n": 12345678901234567890}',
          author: { fullName: 'Ida Berg', initials: 'IB' },
        },
        {
          title: 'Two',
          state: 'SOLD_OUT',
          price: null,
          tags: [],
          data: null,
          author: { fullName: 'Émile Roux', initials: 'ÉR' },
        },
      ],
    });
  });

  test('take literals, variables within them, and one object for a list', async () => {
    const { insertIntoAuthorCollection } = await library.data(
      'mutation A($name: String!) { insertIntoAuthorCollection(objects: { id: 10, fullName: $name }) { records { id fullName born } } }',
      { ...editor, variables: { name: 'New "Name"' } },
    );
    expect(insertIntoAuthorCollection.records).toEqual([{ id: 10, fullName: 'New "Name"', born: null }]);
  });

  test.each([
    ['no objects', '[]', 'At least one record must be provided to objects'],
    ['JSON that is none', '[{ title: "x", authorId: 1, data: "{" }]', 'The value of `data` is not JSON'],
  ])('refuse %s', async (_, objects, message) => {
    const [error] = await library.errors(
      `mutation { insertIntoBookCollection(objects: ${objects}) { affectedCount } }`,
      editor,
    );
    expect(error.message).toBe(message);
  });

  test('what PostgreSQL refuses has its code, details and hint', async () => {
    const [error] = await library.errors(
      'mutation { insertIntoAuthorCollection(objects: [{ id: 1, fullName: "x" }]) { affectedCount } }',
      editor,
    );
    expect(error).toEqual({
      message: 'duplicate key value violates unique constraint "author_pkey"',
      extensions: { code: '23505', details: 'Key (id)=(1) already exists.' },
    });
  });
});

describe('updates and deletes', () => {
  const update = (atMost: number) =>
    `mutation { updateBookCollection(set: { title: "X", price: null }, filter: { state: { eq: SOLD_OUT } }, atMost: ${atMost}) { affectedCount records { id title price } } }`;

  test('change what the filter finds', async () => {
    const { updateBookCollection } = await library.data(update(2), editor);
    expect(updateBookCollection).toEqual({
      affectedCount: 2,
      records: [
        { id: '2', title: 'X', price: null },
        { id: '5', title: 'X', price: null },
      ],
    });
  });

  test('change nothing where that would be too many', async () => {
    const [error] = await kept.errors(update(1), editor);
    expect(error.message).toBe('update impacts too many records');
    const { rows } = await kept.database.query(`select count(*)::int as n from lib.book where title = 'X'`);
    expect(rows).toEqual([{ n: 0 }]);
  });

  test('delete at most one row where nothing is said', async () => {
    const remove = (filter: string) =>
      `mutation { deleteFromBookCollection(filter: ${filter}) { affectedCount records { title author { fullName } } } }`;
    expect((await library.data(remove('{ id: { eq: 1 } }'), editor)).deleteFromBookCollection).toEqual({
      affectedCount: 1,
      records: [{ title: 'Quiet Harbour', author: { fullName: 'Ida Berg' } }],
    });
    expect((await library.errors(remove('{ id: { gt: 1 } }'), editor))[0].message).toBe(
      'delete impacts too many records',
    );
  });

  test('an empty set is refused', async () => {
    const [error] = await library.errors(
      'mutation { updateBookCollection(set: {}) { affectedCount } }',
      editor,
    );
    expect(error.message).toBe('At least one mapping must be provided to set argument');
  });
});

describe('several mutations', () => {
  const two = (second: string) =>
    `mutation { a: insertIntoAuthorCollection(objects: [{ id: 20, fullName: "A" }]) { affectedCount } b: ${second} { affectedCount records { id } } }`;

  test('run one after the other, each seeing what came before', async () => {
    const data = await library.data(
      two('updateAuthorCollection(set: { fullName: "B" }, filter: { id: { eq: 20 } })'),
      editor,
    );
    expect(data).toEqual({ a: { affectedCount: 1 }, b: { affectedCount: 1, records: [{ id: 20 }] } });
  });

  test('are one transaction', async () => {
    await kept.errors(two('insertIntoAuthorCollection(objects: [{ id: 1, fullName: "C" }])'), editor);
    const { rows } = await kept.database.query('select from lib.author where id = 20');
    expect(rows).toEqual([]);
  });
});

describe('functions', () => {
  test('that only read are queries, with defaults, arrays and rows', async () => {
    const data = await library.data(
      '{ add(a: 1) sum: add(a: 1, b: 5) echoAll(items: ["9007199254740993", 2]) booksBy(author: 1, first: 1) { edges { node { title } } pageInfo { hasNextPage } } }',
      editor,
    );
    expect(data).toEqual({
      add: 2,
      sum: 6,
      echoAll: ['9007199254740993', '2'],
      booksBy: { edges: [{ node: { title: 'Quiet Harbour' } }], pageInfo: { hasNextPage: true } },
    });
  });

  test('that write are mutations', async () => {
    expect(await library.data('mutation { renameAuthor(id: 3, name: "P") { id fullName } }', editor)).toEqual(
      {
        renameAuthor: { id: 3, fullName: 'P' },
      },
    );
    expect(await library.data('mutation { renameAuthor(id: 99, name: "P") { id } }', editor)).toEqual({
      renameAuthor: null,
    });
  });

  test('fail with what they raise', async () => {
    const answer = await library.post('mutation { fail }', editor);
    expect(answer.json).toEqual({
      data: null,
      errors: [{ message: 'no', extensions: { code: 'P0001', details: 'the detail', hint: 'the hint' } }],
    });
  });
});
