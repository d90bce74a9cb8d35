import { expect, test } from 'vitest';
import { startShop, useShop } from './fixture.ts';

const shop = useShop();
const get = (path: string): Promise<unknown> => shop.get(encodeURI(path));

test.each<[string, string, unknown]>([
  [
    'many-to-one',
    '/books?select=id,publishers(name)&id=in.(1,6)&order=id',
    [
      { id: 1, publishers: { name: 'Nordwind' } },
      { id: 6, publishers: null },
    ],
  ],
  [
    'one-to-many',
    '/publishers?select=name,books(id)&id=in.(1,4)&order=id&books.order=id',
    [
      { name: 'Nordwind', books: [{ id: 1 }, { id: 2 }] },
      { name: 'Leer', books: [] },
    ],
  ],
  [
    'one-to-one from the referenced end',
    '/authors?select=name,author_profiles(bio)&id=in.(1,3)&order=id',
    [
      { name: 'Ida Berg', author_profiles: { bio: 'Lives by the sea.' } },
      { name: "O'Neil, Pat", author_profiles: null },
    ],
  ],
  [
    'one-to-one from the referencing end',
    '/author_profiles?select=website,authors(name)&author_id=eq.2',
    [{ website: 'https://roux.example', authors: { name: 'Émile Roux' } }],
  ],
  [
    'many-to-many',
    '/books?select=id,authors!book_authors(name)&id=in.(1,4)&order=id&authors.order=id',
    [
      { id: 1, authors: [{ name: 'Ida Berg' }, { name: "O'Neil, Pat" }] },
      { id: 4, authors: [] },
    ],
  ],
  [
    'a junction as a table of its own',
    '/books?select=id,book_authors(position,authors(id))&id=eq.1&book_authors.order=position',
    [
      {
        id: 1,
        book_authors: [
          { position: 1, authors: { id: 1 } },
          { position: 2, authors: { id: 3 } },
        ],
      },
    ],
  ],
  [
    'a key of two columns',
    '/copies?select=id,editions(number,format)&id=in.(1,2)&order=id',
    [
      { id: 1, editions: { number: 1, format: 'cloth' } },
      { id: 2, editions: { number: 2, format: 'paper' } },
    ],
  ],
  [
    'a key of two columns, backwards',
    '/editions?select=number,copies(id)&book_id=eq.1&order=number&copies.order=id',
    [
      { number: 1, copies: [{ id: 1 }] },
      { number: 2, copies: [{ id: 2 }, { id: 3 }] },
    ],
  ],
  [
    'a table’s own children',
    '/publishers?select=id,publishers(id)&id=eq.1&publishers.order=id',
    [{ id: 1, publishers: [{ id: 2 }, { id: 3 }] }],
  ],
  [
    'a table’s own parent, by the column',
    '/publishers?select=id,parent_id(name)&id=eq.2',
    [{ id: 2, parent_id: { name: 'Nordwind' } }],
  ],
  [
    'by the column of the foreign key',
    '/books?select=id,editor_id(name)&id=eq.2',
    [{ id: 2, editor_id: { name: 'Émile Roux' } }],
  ],
  [
    'by the name of the constraint',
    '/books?select=id,books_editor_id_fkey(name)&id=eq.2',
    [{ id: 2, books_editor_id_fkey: { name: 'Émile Roux' } }],
  ],
  [
    'with a column as hint',
    '/books?select=id,editor:authors!editor_id(name),translator:authors!translator_id(name)&id=eq.1',
    [{ id: 1, editor: { name: 'Ida Berg' }, translator: { name: 'Émile Roux' } }],
  ],
  [
    'with a constraint as hint, backwards',
    '/authors?select=id,edited:books!books_editor_id_fkey(id)&id=eq.1&edited.order=id',
    [{ id: 1, edited: [{ id: 1 }, { id: 5 }] }],
  ],
  [
    'with a junction as hint',
    '/authors?select=id,books!book_authors(id)&id=eq.3&books.order=id',
    [{ id: 3, books: [{ id: 1 }, { id: 5 }] }],
  ],
  [
    'through a view',
    '/book_list?select=id,publishers(name)&id=eq.1',
    [{ id: 1, publishers: { name: 'Nordwind' } }],
  ],
  [
    'to a view',
    '/publishers?select=id,book_list(id)&id=eq.2&book_list.order=id',
    [{ id: 2, book_list: [{ id: 3 }, { id: 4 }] }],
  ],
  [
    'a computed relationship to one',
    '/books?select=id,best_review(stars)&id=in.(1,4)&order=id',
    [
      { id: 1, best_review: { stars: 5 } },
      { id: 4, best_review: null },
    ],
  ],
  [
    'a computed relationship to many',
    '/publishers?select=id,cheap_books(id,title)&id=eq.1',
    [{ id: 1, cheap_books: [{ id: 1, title: 'The Quiet Harbour' }] }],
  ],
  [
    'inside of a computed relationship',
    '/publishers?select=id,cheap_books(id,reviews(id))&id=eq.1&cheap_books.reviews.order=id',
    [{ id: 1, cheap_books: [{ id: 1, reviews: [{ id: 1 }, { id: 2 }, { id: 5 }] }] }],
  ],
  [
    'nested, four levels deep',
    '/reviews?select=id,books(id,publishers(name,publishers(name,books(id))))&id=eq.1&books.publishers.publishers.order=id&books.publishers.publishers.books.order=id',
    [
      {
        id: 1,
        books: {
          id: 1,
          publishers: {
            name: 'Nordwind',
            publishers: [
              { name: 'Südhang', books: [{ id: 3 }, { id: 4 }] },
              { name: 'Quay "7"', books: [{ id: 5 }] },
            ],
          },
        },
      },
    ],
  ],
  [
    'with all columns of both',
    '/author_profiles?select=*,authors(*)&author_id=eq.1',
    [
      {
        author_id: 1,
        bio: 'Lives by the sea.',
        website: 'https://berg.example',
        authors: { id: 1, name: 'Ida Berg', born: '1950-02-03', country: 'NO' },
      },
    ],
  ],
  [
    'without its own columns',
    '/books?select=publishers(name)&id=eq.1',
    [{ publishers: { name: 'Nordwind' } }],
  ],
  [
    'the same table twice under two names',
    '/publishers?select=id,cheap:books(id),dear:books(id)&id=eq.1&cheap.price=lt.20&dear.price=gte.20',
    [{ id: 1, cheap: [{ id: 1 }], dear: [{ id: 2 }] }],
  ],
])('embeds: %s', async (_what, path, expected) => {
  expect(await get(path)).toEqual(expected);
});

test('filters and orders of two embeds of one table belong to their aliases', async () => {
  const path =
    '/publishers?select=id,a:books(id),b:books(id)&id=eq.1&a.order=id.desc&b.order=id.asc&a.limit=1&b.id=neq.2';
  expect(await get(path)).toEqual([{ id: 1, a: [{ id: 2 }], b: [{ id: 1 }] }]);
});

test('an inner embed leaves out parents without rows, a left one keeps them', async () => {
  expect(await get('/publishers?select=id,books!inner(id)&books.price=gt.20&order=id')).toEqual([
    { id: 1, books: [{ id: 2 }] },
  ]);
  expect(await get('/publishers?select=id,books!left(id)&books.price=gt.20&id=lt.3&order=id')).toEqual([
    { id: 1, books: [{ id: 2 }] },
    { id: 2, books: [] },
  ]);
  expect(await get('/books?select=id,publishers!inner(name)&publishers.city=eq.Graz&order=id')).toEqual([
    { id: 3, publishers: { name: 'Südhang' } },
    { id: 4, publishers: { name: 'Südhang' } },
  ]);
  expect(
    await get('/books?select=id,authors!book_authors!inner(name)&authors.country=eq.IE&order=id'),
  ).toEqual([
    { id: 1, authors: [{ name: "O'Neil, Pat" }] },
    { id: 5, authors: [{ name: "O'Neil, Pat" }] },
  ]);
  expect(
    await get('/publishers?select=id,books!inner(id,reviews!inner(id))&books.reviews.stars=eq.1'),
  ).toEqual([{ id: 3, books: [{ id: 5, reviews: [{ id: 4 }] }] }]);
  expect(await get('/books?select=id,best_review!inner(stars)&order=id')).toEqual([
    { id: 1, best_review: { stars: 5 } },
    { id: 2, best_review: { stars: 4 } },
    { id: 5, best_review: { stars: 1 } },
  ]);
  expect(await get('/publishers?select=id,b:books!inner()&b.id=eq.3')).toEqual([{ id: 2 }]);
});

test('parents are filtered by whether an embed has rows', async () => {
  expect(await get('/books?select=id,reviews()&reviews=is.null&order=id')).toEqual([
    { id: 3 },
    { id: 4 },
    { id: 6 },
  ]);
  expect(await get('/books?select=id,reviews()&reviews=not.is.null&order=id')).toEqual([
    { id: 1 },
    { id: 2 },
    { id: 5 },
  ]);
  expect(await get('/books?select=id,publishers()&publishers=is.null')).toEqual([{ id: 6 }]);
  expect(await get('/books?select=id,publishers()&publishers=is.not_null&id=gt.4')).toEqual([{ id: 5 }]);
  expect(
    await get('/books?select=id,reviews(),publishers()&or=(reviews.not.is.null,publishers.is.null)&order=id'),
  ).toEqual([{ id: 1 }, { id: 2 }, { id: 5 }, { id: 6 }]);
  expect(await get('/books?select=id,r:reviews()&r.stars=gt.4&r=not.is.null')).toEqual([{ id: 1 }]);
});

test('only null filters apply to an embed as a whole', async () => {
  for (const filter of ['reviews=eq.1', 'reviews=is.true', 'or=(reviews.eq.x,id.eq.1)']) {
    const answer = await shop.request('GET', `/books?select=id,reviews()&${filter}`);
    expect(answer.status, filter).toBe(400);
    expect(answer.json.code, filter).toBe('PGRST120');
  }
});

test.each<[string, string, unknown]>([
  [
    'to-one',
    '/books?select=id,...publishers(name,city)&id=in.(1,6)&order=id',
    [
      { id: 1, name: 'Nordwind', city: 'Oslo' },
      { id: 6, name: null, city: null },
    ],
  ],
  [
    'to-one with aliases',
    '/books?select=id,...publishers(house:name)&id=eq.1',
    [{ id: 1, house: 'Nordwind' }],
  ],
  [
    'to-one, all columns',
    '/author_profiles?select=website,...authors(*)&author_id=eq.1',
    [{ website: 'https://berg.example', id: 1, name: 'Ida Berg', born: '1950-02-03', country: 'NO' }],
  ],
  [
    'to-one with an embed inside',
    '/reviews?select=id,...books(title,publishers(name))&id=eq.4',
    [{ id: 4, title: 'a_b\\c', publishers: { name: 'Quay "7"' } }],
  ],
  [
    'to-one in to-one',
    '/reviews?select=id,...books(title,...publishers(house:name))&id=eq.4',
    [{ id: 4, title: 'a_b\\c', house: 'Quay "7"' }],
  ],
  [
    'to-one with a hint',
    '/books?select=id,...authors!editor_id(name)&id=eq.2',
    [{ id: 2, name: 'Émile Roux' }],
  ],
  [
    'to-many gives arrays',
    '/publishers?select=id,...books(ids:id,titles:title)&id=in.(1,4)&order=id&books.order=id',
    [
      { id: 1, ids: [1, 2], titles: ['The Quiet Harbour', 'Harbours and Ships'] },
      { id: 4, ids: [], titles: [] },
    ],
  ],
  [
    'to-many, ordered by what is not selected',
    '/publishers?select=id,...books(ids:id)&id=eq.1&books.order=price.desc',
    [{ id: 1, ids: [2, 1] }],
  ],
  [
    'many-to-many',
    '/books?select=id,...authors!book_authors(names:name)&id=eq.1&authors.order=id',
    [{ id: 1, names: ['Ida Berg', "O'Neil, Pat"] }],
  ],
  [
    'to-many inside of to-one',
    '/reviews?select=id,...books(...authors!book_authors(names:name))&id=eq.1&books.authors.order=id',
    [{ id: 1, names: ['Ida Berg', "O'Neil, Pat"] }],
  ],
  [
    'to-one inside of to-many',
    '/authors?select=id,...book_authors(position,...books(title))&id=eq.1&book_authors.order=book_id',
    [{ id: 1, position: [1, 1], title: ['The Quiet Harbour', 'Harbours and Ships'] }],
  ],
  [
    'all columns beside others, in to-one in to-one',
    '/reviews?select=stars,...books(title,...publishers(*,house:name))&id=eq.4',
    [
      {
        stars: 1,
        title: 'a_b\\c',
        id: 3,
        name: 'Quay "7"',
        city: null,
        parent_id: 1,
        house: 'Quay "7"',
      },
    ],
  ],
  [
    'to-many, the first of an order',
    '/publishers?select=id,...books(ids:id)&id=eq.1&books.order=id.desc&books.limit=1',
    [{ id: 1, ids: [2] }],
  ],
])('spreads: %s', async (_what, path, expected) => {
  expect(await get(path)).toEqual(expected);
});

test('a spread gives each key once, all columns or not', async () => {
  const path = '/books?select=price,...publishers(*,house:name)&id=eq.1';
  expect((await shop.request('GET', path)).body.match(/"house"/g)).toHaveLength(1);
});

test('a computed relationship is of the row, whatever an embed beside it is called', async () => {
  expect(await get('/books?select=publishers(books(id)),best_review(id)&id=eq.3')).toEqual([
    { publishers: { books: [{ id: 3 }, { id: 4 }] }, best_review: null },
  ]);
});

test('a relationship that is not there is an error with the nearest one', async () => {
  const answer = await shop.request('GET', '/books?select=id,revews(id)');
  expect(answer.status).toBe(400);
  expect(answer.json).toEqual({
    code: 'PGRST200',
    details:
      "Searched for a foreign key relationship between 'books' and 'revews' in the schema 'shop', but no matches were found.",
    hint: "Perhaps you meant 'reviews' instead of 'revews'.",
    message: "Could not find a relationship between 'books' and 'revews' in the schema cache",
  });
  const hinted = await shop.request('GET', '/books?select=id,authors!nothing(id)');
  expect(hinted.status).toBe(400);
  expect(hinted.json.code).toBe('PGRST200');
  expect(hinted.json.details).toContain("using the hint 'nothing'");
});

test('what is in no exposed schema cannot be embedded', async () => {
  const answer = await shop.request('GET', '/books?select=id,secrets(id)');
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('PGRST200');
  expect(answer.body).not.toContain('internal');
});

test('an ambiguous embed lists the choices, and each of them works', async () => {
  const answer = await shop.request('GET', '/books?select=id,authors(name)');
  expect(answer.status).toBe(300);
  expect(answer.json.code).toBe('PGRST201');
  expect(answer.json.message).toBe(
    "Could not embed because more than one relationship was found for 'books' and 'authors'",
  );
  expect(answer.json.details).toEqual(
    expect.arrayContaining([
      {
        cardinality: 'many-to-one',
        embedding: 'books with authors',
        relationship: 'books_editor_id_fkey using books(editor_id) and authors(id)',
      },
      {
        cardinality: 'many-to-many',
        embedding: 'books with authors',
        relationship:
          'book_authors using book_authors_book_id_fkey(book_id) and book_authors_author_id_fkey(author_id)',
      },
    ]),
  );
  const choices = [...answer.json.hint.matchAll(/'(authors![^']+)'/g)].map(([, choice]) => choice as string);
  expect(choices.toSorted()).toEqual([
    'authors!book_authors',
    'authors!books_editor_id_fkey',
    'authors!books_translator_id_fkey',
  ]);
  for (const choice of choices) await get(`/books?select=id,${choice}(name)`);
});

test('an alias names an embed in filters, and its table’s name still does unless that is switched off', async () => {
  const path = '/publishers?select=id,works:books(id)&id=eq.1&books.id=eq.2';
  const answer = await shop.request('GET', path);
  expect(answer.json).toEqual([{ id: 1, works: [{ id: 2 }] }]);
  expect(answer.headers['warning']).toMatch(/^299 .*`books` to `works`/);
  const strict = await startShop(shop.database, { 'url-use-legacy-target-names': false });
  const refused = await strict.request('GET', path);
  expect(refused.status).toBe(400);
  expect(refused.json).toMatchObject({
    code: 'PGRST108',
    hint: "Change 'books' to 'works' in filters, orders or limits.",
  });
  expect((await strict.request('GET', path.replace('books.id', 'works.id'))).json).toEqual([
    { id: 1, works: [{ id: 2 }] },
  ]);
  await strict.close();
});

test('a filter on an embed that the select does not have is refused', async () => {
  for (const filter of [
    'reviews.stars=eq.5',
    'reviews.books.id=eq.1',
    'reviews.or=(stars.eq.5)',
    'nothing.x=eq.1',
  ]) {
    const answer = await shop.request('GET', `/books?select=id&${filter}`);
    expect(answer.status, filter).toBe(400);
    expect(answer.json.code, filter).toBe('PGRST108');
  }
});

test('tables whose names a program may want for itself embed like others', async () => {
  expect(await get('/junction?select=id,pgrst_source(id)&order=id&pgrst_source.order=id')).toEqual([
    { id: 1, pgrst_source: [{ id: 1 }, { id: 2 }] },
    { id: 2, pgrst_source: [{ id: 2 }] },
  ]);
  const written = await shop.request(
    'PATCH',
    '/junction?id=eq.1&select=id,pgrst_source(id)&pgrst_source.order=id',
    {
      body: { label: 'x' },
      headers: { Prefer: 'return=representation' },
    },
  );
  expect(written.json).toEqual([{ id: 1, pgrst_source: [{ id: 1 }, { id: 2 }] }]);
});

test('long aliases that PostgreSQL would cut to the same name stay apart', async () => {
  const long = 'a'.repeat(59);
  const path = `/publishers?select=id,${long}1:books(id),${long}2:books(id)&id=eq.1&${long}1.id=eq.1&${long}2.id=eq.2`;
  const answer = await shop.request('GET', path);
  expect(answer.status).toBe(200);
  const [row] = answer.json as Record<string, unknown>[];
  expect(Object.values(row ?? {})).toEqual([1, [{ id: 1 }], [{ id: 2 }]]);
});

test('embeds nest as deep as db-max-embed-depth allows', async () => {
  const nested = (depth: number): string =>
    depth === 0 ? 'id' : `id,${depth % 2 === 0 ? 'books' : 'publishers'}(${nested(depth - 1)})`;
  expect((await shop.request('GET', `/publishers?select=${nested(10)}`)).status).toBe(200);
  const answer = await shop.request('GET', `/books?select=${nested(11)}`);
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('AURA103');
  expect(answer.json.details).toBe('Embeds nest deeper than 10 levels.');
});
