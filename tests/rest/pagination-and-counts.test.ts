import { expect, test } from 'vitest';
import type { ApiAnswer } from '../support/api.ts';
import { startShop, useShop } from './fixture.ts';

const shop = useShop();

const page = (query: string, headers: Record<string, string> = {}): Promise<ApiAnswer> =>
  shop.request('GET', `/numbers?select=n&order=n${query}`, { headers });
const numbers = ({ json }: ApiAnswer): unknown[] => (json as { n: number }[]).map(({ n }) => n);

test.each<[string, number[], string]>([
  ['&limit=3', [1, 2, 3], '0-2/*'],
  ['&limit=3&offset=5', [6, 7, 8], '5-7/*'],
  ['&offset=98', [99, 100], '98-99/*'],
  ['&limit=0', [], '*/*'],
  ['&limit=3&offset=100', [], '*/*'],
  ['&limit=3&offset=1000', [], '*/*'],
  ['&limit=9999&offset=99', [100], '99-99/*'],
  ['&limit=x&offset=98', [99, 100], '98-99/*'],
  ['&limit=2&offset=x', [1, 2], '0-1/*'],
  ['&limit=2&limit=5', [1, 2], '0-1/*'],
  ['&limit=99999999999999999999999&offset=99', [100], '99-99/*'],
  ['&offset=99999999999999999999999', [], '*/*'],
])('limit and offset: %s', async (query, expected, range) => {
  const answer = await page(query);
  expect(answer.status).toBe(200);
  expect(numbers(answer)).toEqual(expected);
  expect(answer.headers['content-range']).toBe(range);
});

test.each<[string, number[], string]>([
  ['0-2', [1, 2, 3], '0-2/*'],
  ['5-7', [6, 7, 8], '5-7/*'],
  ['98-', [99, 100], '98-99/*'],
  ['7-7', [8], '7-7/*'],
  ['95-1000', [96, 97, 98, 99, 100], '95-99/*'],
  ['99-99999999999999999999', [100], '99-99/*'],
])('the Range header: %s', async (range, expected, content) => {
  const answer = await page('', { Range: range });
  expect(answer.status).toBe(200);
  expect(numbers(answer)).toEqual(expected);
  expect(answer.headers['content-range']).toBe(content);
});

test('a Range header of another form is as if it were not there', async () => {
  for (const range of ['bytes=0-9', '-5', 'x', '', '1-2,4-5', ' 0-1']) {
    const answer = await page('&limit=2', { Range: range });
    expect(answer.status, range).toBe(200);
  }
});

test('the Range header and limit and offset hold together', async () => {
  expect(numbers(await page('&limit=5&offset=2', { Range: '4-100' }))).toEqual([5, 6, 7]);
  expect(numbers(await page('&limit=0', { Range: '4-100' }))).toEqual([]);
});

test('the Range header is for GET alone', async () => {
  const answer = await shop.request('HEAD', '/numbers?order=n', { headers: { Range: '0-2' } });
  expect(answer.headers['content-range']).toBe('0-99/*');
});

test.each([
  ['&limit=-1', {}, 'Limit should be greater than or equal to zero.'],
  [
    '',
    { Range: '5-3' },
    'The lower boundary must be lower than or equal to the upper boundary in the Range header.',
  ],
  ['&offset=10', { Range: '0-3' }, 'Limit should be greater than or equal to zero.'],
])('a range that no row can be in is refused: %s %j', async (query, headers, details) => {
  const answer = await page(query, headers);
  expect(answer.status).toBe(416);
  expect(answer.json).toEqual({
    code: 'PGRST103',
    details,
    hint: null,
    message: 'Requested range not satisfiable',
  });
});

test('a negative offset is PostgreSQL’s error', async () => {
  for (const offset of ['-1', '-99999999999999999999999']) {
    const answer = await page(`&offset=${offset}`);
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('2201X');
    const embedded = await shop.request('GET', `/publishers?select=books(id)&books.offset=${offset}`);
    expect(embedded.status).toBe(400);
    expect(embedded.json.code).toBe('2201X');
  }
});

const counted = (query: string, count: string): Promise<ApiAnswer> =>
  page(query, { Prefer: `count=${count}` });

test('count=exact tells the total, and 206 that there is more', async () => {
  const whole = await counted('', 'exact');
  expect([whole.status, whole.headers['content-range'], whole.headers['preference-applied']]).toEqual([
    200,
    '0-99/100',
    'count=exact',
  ]);
  const part = await counted('&limit=10&offset=20', 'exact');
  expect([part.status, part.headers['content-range']]).toEqual([206, '20-29/100']);
  const last = await counted('&offset=90', 'exact');
  expect([last.status, last.headers['content-range']]).toEqual([206, '90-99/100']);
  const none = await counted('&n=gt.1000', 'exact');
  expect([none.status, none.headers['content-range'], none.body]).toEqual([200, '*/0', '[]']);
  const zero = await counted('&limit=0', 'exact');
  expect([zero.status, zero.headers['content-range']]).toEqual([206, '*/100']);
});

test('an offset beyond a known total is not satisfiable', async () => {
  const answer = await counted('&offset=101', 'exact');
  expect(answer.status).toBe(416);
  expect(answer.headers['content-range']).toBe('*/100');
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.json).toEqual({
    code: 'PGRST103',
    details: 'An offset of 101 was requested, but there are only 100 rows.',
    hint: null,
    message: 'Requested range not satisfiable',
  });
  expect((await counted('&offset=100', 'exact')).status).toBe(206);
});

test('count=planned and count=estimated tell what the planner expects', async () => {
  const planned = await counted('&limit=10', 'planned');
  expect([planned.status, planned.headers['content-range']]).toEqual([206, '0-9/100']);
  expect(planned.headers['preference-applied']).toBe('count=planned');
  const estimated = await counted('&limit=10', 'estimated');
  expect([estimated.status, estimated.headers['content-range']]).toEqual([206, '0-9/100']);
  const shapes = await Promise.all([3, 5, 7].map((n) => counted(`&n=eq.${n}&limit=1`, 'planned')));
  expect(shapes.map(({ headers }) => headers['content-range'])).toEqual(['0-0/1', '0-0/1', '0-0/1']);
});

test('the count of a read that groups is of its groups', async () => {
  for (const [select, total] of [
    ['genre,count()', 4],
    ['count()', 1],
    ['...publishers(id.max())', 1],
  ]) {
    const answer = await shop.request('HEAD', `/books?select=${select}&limit=1`, {
      headers: { Prefer: 'count=exact' },
    });
    expect(answer.headers['content-range'], `${select}`).toBe(`0-0/${total}`);
  }
});

test('the count is of the filtered rows, embeds taken into account, and counts nothing twice', async () => {
  const total = async (path: string): Promise<string | undefined> => {
    const answer = await shop.request('HEAD', path, { headers: { Prefer: 'count=exact' } });
    expect(answer.status).toBeLessThan(300);
    return answer.headers['content-range']?.split('/')[1];
  };
  expect(await total('/numbers?n=lte.30&limit=5')).toBe('30');
  expect(await total('/numbers?word=eq.w1&limit=1')).toBe('15');
  expect(await total('/books?select=id,reviews(id)&limit=1')).toBe('6');
  expect(await total('/books?select=id,reviews!inner(id)&limit=1')).toBe('3');
  expect(await total('/books?select=id,reviews!inner(id)&reviews.offset=1&limit=1')).toBe('1');
  expect(await total('/books?select=id,reviews!inner(count())&limit=1')).toBe('6');
  expect(await total('/books?select=id,reviews!inner(id)&reviews.stars=gte.4&limit=1')).toBe('2');
  expect(await total('/books?select=id,reviews(id)&reviews=is.null&limit=1')).toBe('3');
  expect(await total('/books?select=id,reviews(id)&reviews=not.is.null&limit=1')).toBe('3');
  expect(await total('/publishers?select=id,books!inner(id,reviews!inner(id))&limit=1')).toBe('2');
});

test('an embed has its own limit and offset, nested ones too', async () => {
  const query =
    '/publishers?select=id,books(id,reviews(id))&id=in.(1,2)&order=id&books.order=id&books.limit=1&books.reviews.order=id&books.reviews.offset=1&books.reviews.limit=1';
  expect(await shop.get(query)).toEqual([
    { id: 1, books: [{ id: 1, reviews: [{ id: 2 }] }] },
    { id: 2, books: [{ id: 3, reviews: [] }] },
  ]);
  expect(await shop.get('/publishers?select=id,books(id)&id=eq.1&books.limit=0')).toEqual([
    { id: 1, books: [] },
  ]);
  const beyond =
    '/publishers?select=id,books(id)&id=eq.1&books.offset=99999999999999999999&books.limit=99999999999999999999';
  expect(await shop.get(beyond)).toEqual([{ id: 1, books: [] }]);
});

test('an embed’s negative limit is refused like any other', async () => {
  const answer = await shop.request('GET', '/publishers?select=id,books(id)&books.limit=-1');
  expect(answer.status).toBe(416);
  expect(answer.json.code).toBe('PGRST103');
});

test('a limit of an embed that the select does not have is refused', async () => {
  for (const key of ['books.limit', 'books.offset', 'reviews.books.limit']) {
    const answer = await shop.request('GET', `/publishers?select=id&${key}=1`);
    expect(answer.status).toBe(400);
    expect(answer.json.code).toBe('PGRST108');
  }
});

test('pages of one shape differ by their offset only', async () => {
  const pages = await Promise.all([1, 2, 3, 4].map((at) => page(`&limit=2&offset=${at * 2}`)));
  expect(pages.map(numbers)).toEqual([
    [3, 4],
    [5, 6],
    [7, 8],
    [9, 10],
  ]);
});

test('db-max-rows bounds answers and embeds, never writes', async () => {
  const api = await startShop(shop.database, { 'db-max-rows': 3 });
  const get = (path: string, headers: Record<string, string> = {}): Promise<ApiAnswer> =>
    api.request('GET', path, { headers });
  const all = await get('/numbers?order=n', { Prefer: 'count=exact' });
  expect([all.status, all.headers['content-range']]).toEqual([206, '0-2/100']);
  expect((await get('/numbers?limit=50')).json).toHaveLength(3);
  expect((await get('/numbers?limit=2')).json).toHaveLength(2);
  expect((await get('/numbers', { Range: '0-49' })).json).toHaveLength(3);
  const estimated = await get('/numbers?order=n', { Prefer: 'count=estimated' });
  expect(estimated.headers['content-range']).toBe('0-2/100');
  const few = await get('/numbers?n=lt.3', { Prefer: 'count=estimated' });
  expect([few.status, few.headers['content-range']]).toEqual([200, '0-1/2']);
  await shop.database.query('insert into shop.reviews select n, 6, 1 from generate_series(100, 109) n');
  expect((await get('/books?select=id,reviews(id)&id=eq.6')).json[0].reviews).toHaveLength(3);
  expect((await get('/rpc/titles')).json).toHaveLength(3);
  const deleted = await api.request('DELETE', '/reviews?book_id=eq.6', {
    headers: { Prefer: 'return=representation, count=exact' },
  });
  expect(deleted.json).toHaveLength(10);
  expect(deleted.headers['content-range']).toBe('*/10');
  const inserted = await api.request('POST', '/log', {
    body: [1, 2, 3, 4, 5].map((at_step) => ({ entry: 'many', at_step })),
    headers: { Prefer: 'return=representation' },
  });
  expect(inserted.json).toHaveLength(5);
  await api.close();
});
