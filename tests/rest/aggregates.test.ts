import { expect, test } from 'vitest';
import { startShop, useShop } from './fixture.ts';

const shop = useShop();

test.each<[string, string, unknown]>([
  ['count of rows', '/books?select=count()', [{ count: 6 }]],
  ['count of a column', '/books?select=pages.count()', [{ count: 5 }]],
  ['sum', '/books?select=pages.sum()', [{ sum: 837 }]],
  ['average', '/books?select=pages.avg()&pages=eq.210', [{ avg: 210 }]],
  ['maximum and minimum', '/books?select=max:pages.max(),min:pages.min()', [{ max: 320, min: 1 }]],
  ['an alias', '/books?select=total:pages.sum()', [{ total: 837 }]],
  ['a cast of the result', '/books?select=pages.sum()::text', [{ sum: '837' }]],
  ['a cast of the input', '/books?select=pages::text.max()', [{ max: '96' }]],
  ['of a JSON path', '/books?select=w:attributes->size->>w::int.sum()', [{ w: 44 }]],
  ['of nothing', '/books?select=pages.sum(),count()&id=eq.99', [{ sum: null, count: 0 }]],
  [
    'grouped',
    '/books?select=in_print,count()&order=in_print',
    [
      { in_print: false, count: 2 },
      { in_print: true, count: 3 },
      { in_print: null, count: 1 },
    ],
  ],
  [
    'grouped by a path',
    '/books?select=cover:attributes->>cover,count()&attributes->>cover=not.is.null&order=attributes->>cover',
    [
      { cover: 'hard', count: 1 },
      { cover: 'soft', count: 1 },
    ],
  ],
  [
    'grouped by an embed',
    '/books?select=publishers(name),count()&publisher_id=eq.1',
    [{ publishers: { name: 'Nordwind' }, count: 2 }],
  ],
  [
    'grouped by a spread',
    '/books?select=...publishers(name),pages.sum()&publisher_id=in.(1,2)&order=publishers(name)',
    [
      { name: 'Nordwind', sum: 530 },
      { name: 'Südhang', sum: 96 },
    ],
  ],
  [
    'inside of an embed',
    '/publishers?select=name,books(count(),pages.sum())&id=in.(1,4)&order=id',
    [
      { name: 'Nordwind', books: [{ count: 2, sum: 530 }] },
      { name: 'Leer', books: [{ count: 0, sum: null }] },
    ],
  ],
  [
    'inside of an embed, grouped',
    '/authors?select=id,books!book_authors(in_print,count())&id=eq.1&books.order=in_print',
    [
      {
        id: 1,
        books: [
          { in_print: false, count: 1 },
          { in_print: true, count: 1 },
        ],
      },
    ],
  ],
  ['of a spread column', '/reviews?select=...books(pages.max())', [{ max: 320 }]],
  [
    'of a spread column, grouped',
    '/reviews?select=reviewer,...books(most:pages.max())&order=reviewer&reviewer=not.is.null',
    [
      { reviewer: 'ann', most: 320 },
      { reviewer: 'bob', most: 320 },
      { reviewer: 'cyd', most: 320 },
    ],
  ],
  [
    'of a spread column, with a star',
    '/reviews?select=*,...books(pages.max())&id=eq.1',
    [{ id: 1, book_id: 1, stars: 5, body: 'Calm.', reviewer: 'ann', max: 320 }],
  ],
  [
    'with a star',
    '/editions?select=*,count()&book_id=eq.2',
    [{ book_id: 2, number: 1, format: 'paper', count: 1 }],
  ],
])('%s', async (_what, path, expected) => {
  expect(await shop.get(encodeURI(path))).toEqual(expected);
});

test('aggregates in a to-many spread are not implemented', async () => {
  const answer = await shop.request('GET', '/publishers?select=id,...books(pages.sum())');
  expect(answer.status).toBe(400);
  expect(answer.json).toMatchObject({ code: 'PGRST127', message: 'Feature not implemented' });
});

test('an order that is not grouped by is PostgreSQL’s error', async () => {
  const answer = await shop.request('GET', '/books?select=count()&order=id');
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('42803');
});

test.each(['pages.median()', 'pages.sum(x)', 'pages.sum', 'pages.()', 'count(pages)'])(
  'what is no aggregate is refused: %s',
  async (select) => {
    const answer = await shop.request('GET', `/books?select=${select}`);
    expect(answer.status).toBe(400);
    expect(['PGRST100', 'PGRST200']).toContain(answer.json.code);
  },
);

test('without db-aggregates-enabled every aggregate is refused, embedded ones too', async () => {
  const api = await startShop(shop.database, { 'db-aggregates-enabled': false });
  for (const select of ['count()', 'pages.sum()', 'publishers(id.max())', '...publishers(id.max())']) {
    const answer = await api.request('GET', `/books?select=${select}`);
    expect(answer.status, select).toBe(400);
    expect(answer.json, select).toEqual({
      code: 'PGRST123',
      details: null,
      hint: null,
      message: 'Use of aggregate functions is not allowed',
    });
  }
  await api.close();
});
