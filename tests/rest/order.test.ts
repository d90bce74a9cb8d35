import { expect, test } from 'vitest';
import { useShop } from './fixture.ts';

const shop = useShop();
const ids = async (order: string, select = 'id'): Promise<unknown[]> => {
  const rows = await shop.get(`/books?select=${select}&order=${encodeURIComponent(order)}`);
  return (rows as { id: number }[]).map(({ id }) => id);
};

test.each<[string, number[]]>([
  ['id', [1, 2, 3, 4, 5, 6]],
  ['id.asc', [1, 2, 3, 4, 5, 6]],
  ['id.desc', [6, 5, 4, 3, 2, 1]],
  ['"id".desc', [6, 5, 4, 3, 2, 1]],
  ['pages,id', [6, 3, 2, 5, 1, 4]],
  ['pages.desc,id.desc', [4, 1, 5, 2, 3, 6]],
  ['pages.asc.nullsfirst,id', [4, 6, 3, 2, 5, 1]],
  ['pages.desc.nullslast,id', [1, 2, 5, 3, 6, 4]],
  ['pages.nullsfirst,id.desc', [4, 6, 3, 5, 2, 1]],
  [' pages , id ', [6, 3, 2, 5, 1, 4]],
  ['genre,id.desc', [6, 5, 1, 2, 3, 4]],
  ['in_print.desc.nullslast,rating.desc.nullslast', [1, 6, 3, 2, 5, 4]],
])('order=%s', async (order, expected) => {
  expect(await ids(order)).toEqual(expected);
});

test('a computed column orders', async () => {
  await shop.database.query(
    'create function shop.rest_of_id(shop.books) returns int language sql stable as $$ select $1.id % 3 $$',
  );
  await shop.database.query(`notify pgrst, 'reload schema'`);
  expect(await ids('rest_of_id.desc,id')).toEqual([2, 5, 1, 4, 3, 6]);
});

test('a column that is not selected orders', async () => {
  expect(await shop.get('/books?select=title&order=pages.desc.nullslast&limit=1')).toEqual([
    { title: 'The Quiet Harbour' },
  ]);
});

test('rows are ordered by a column of a to-one embed', async () => {
  expect(await ids('publishers(name).desc.nullslast,id.desc', 'id,publishers(name)')).toEqual([
    4, 3, 5, 2, 1, 6,
  ]);
  expect(await ids('p(name),id', 'id,p:publishers(name)')).toEqual([1, 2, 5, 3, 4, 6]);
  expect(await ids('editor(born).desc.nullslast,id', 'id,editor:authors!editor_id(born)')).toEqual([
    3, 2, 1, 5, 4, 6,
  ]);
});

test('an embed orders its own rows', async () => {
  expect(await shop.get('/publishers?select=id,books(id)&id=lt.3&order=id&books.order=price.desc')).toEqual([
    { id: 1, books: [{ id: 2 }, { id: 1 }] },
    { id: 2, books: [{ id: 4 }, { id: 3 }] },
  ]);
  const nested = await shop.get(
    '/publishers?select=id,books(id,reviews(stars))&id=eq.1&books.order=id&books.reviews.order=stars.desc',
  );
  expect(nested).toEqual([
    {
      id: 1,
      books: [
        { id: 1, reviews: [{ stars: 5 }, { stars: 4 }, { stars: 3 }] },
        { id: 2, reviews: [{ stars: 4 }] },
      ],
    },
  ]);
});

test('a to-many embed cannot order its parents', async () => {
  const answer = await shop.request('GET', '/publishers?select=id,books(id)&order=books(price)');
  expect(answer.status).toBe(400);
  expect(answer.json).toEqual({
    code: 'PGRST118',
    details: "'publishers' and 'books' do not form a many-to-one or one-to-one relationship",
    hint: null,
    message: "A related order on 'books' is not possible",
  });
});

test('an order by what is not embedded is refused', async () => {
  for (const order of ['publishers(name)', 'reviews(stars)']) {
    const answer = await shop.request('GET', `/books?select=id&order=${order}`);
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('PGRST108');
  }
  const located = await shop.request('GET', '/books?select=id&reviews.order=stars');
  expect(located.json.code).toBe('PGRST108');
});

test('an order by a column that is not there is PostgreSQL’s error', async () => {
  const answer = await shop.request('GET', '/books?order=nothing');
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('42703');
});

test.each([
  '',
  'id.up',
  'id.asc.desc',
  'id,',
  ',id',
  'id.nullsmiddle',
  'id.asc.nullsfirst.nullslast',

  '(id)',
])('an order that is none says what was expected: order=%s', async (order) => {
  const answer = await shop.request('GET', `/books?order=${encodeURIComponent(order)}`);
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('PGRST100');
  expect(answer.json.message).toMatch(/^"failed to parse order \(.*\)" \(line 1, column \d+\)$/);
});
