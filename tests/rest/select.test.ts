import { expect, test } from 'vitest';
import { useShop } from './fixture.ts';

const shop = useShop();

test('without select every column comes back, computed columns excluded, in the order of the table', async () => {
  const [row] = (await shop.get('/numbers?n=eq.3')) as object[];
  expect(row).toEqual({ n: 3, word: 'w3' });
  const [book] = (await shop.get('/books?id=eq.1')) as object[];
  expect(Object.keys(book ?? {}).slice(0, 4)).toEqual(['id', 'title', 'isbn', 'publisher_id']);
  expect(book).not.toHaveProperty('label');
});

test('an answer says what it is: type, length, range, location and schema', async () => {
  const answer = await shop.request('GET', '/numbers?select=n&n=lt.3&order=n');
  expect(answer.status).toBe(200);
  expect(answer.json).toEqual([{ n: 1 }, { n: 2 }]);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(answer.bytes.length),
    'content-range': '0-1/*',
    'content-location': '/numbers?n=lt.3&order=n&select=n',
    'content-profile': 'shop',
    vary: 'Accept, Prefer, Range',
  });
});

test.each<[string, string, unknown]>([
  ['a column', 'select=title', { title: 'The Quiet Harbour' }],
  ['columns in the order of the request', 'select=pages,id', { pages: 320, id: 1 }],
  ['white space around items', 'select= id , title ', { id: 1, title: 'The Quiet Harbour' }],
  ['an alias', 'select=name:title', { name: 'The Quiet Harbour' }],
  ['an alias with a dash', 'select=my-title:title', { 'my-title': 'The Quiet Harbour' }],
  ['a quoted alias', 'select="a,b":id', { 'a,b': 1 }],
  ['one column under two names', 'select=a:id,b:id', { a: 1, b: 1 }],
  ['a cast', 'select=id::text', { id: '1' }],
  ['an alias and a cast', 'select=x:price::text', { x: '19.90' }],
  ['a cast to a type of two words', 'select=pages::double precision', { pages: 320 }],
  ['a computed column', 'select=id,label', { id: 1, label: 'The Quiet Harbour #1' }],
  ['a computed column under an alias', 'select=l:label', { l: 'The Quiet Harbour #1' }],
  [
    'the star beside a computed column',
    'select=*,label',
    { label: 'The Quiet Harbour #1', id: 1, pages: 320 },
  ],
  ['a key of a JSON column', 'select=attributes->cover', { cover: 'hard' }],
  ['a key as text', 'select=attributes->>cover', { cover: 'hard' }],
  ['a nested key', 'select=attributes->size->w', { w: 12 }],
  ['a nested key as text', 'select=attributes->size->>w', { w: '12' }],
  ['an index into a JSON array', 'select=attributes->langs->1', { langs: 'no' }],
  ['an index from the end', 'select=attributes->langs->>-1', { langs: 'no' }],
  ['an alias for a path', 'select=w:attributes->size->w', { w: 12 }],
  ['a cast of a path', 'select=attributes->size->>w::int', { w: 12 }],
  ['a quoted key', 'select=attributes->"size"->"w"', { w: 12 }],
  ['a key that is not there', 'select=attributes->nothing', { nothing: null }],
  ['a path into an array column', 'select=tags->0', { tags: 'sea' }],
  ['a path into a composite value', 'select=stock_range', { stock_range: '[1,10)' }],
])('select takes %s', async (_what, query, expected) => {
  const [row] = (await shop.get(`/books?id=eq.1&${query.replaceAll(' ', '%20')}`)) as object[];
  if (query.includes('*')) expect(row).toMatchObject(expected as object);
  else expect(row).toEqual(expected);
});

test('an empty select and a select of nothing but an alias of an embed are grammar, not errors', async () => {
  expect(await shop.get('/numbers?select=&n=eq.1')).toEqual([{ n: 1, word: 'w1' }]);
  expect(await shop.get('/books?select=id,reviews()&id=eq.1')).toEqual([{ id: 1 }]);
});

test('one column twice under one name keeps both in the document', async () => {
  const { body } = await shop.request('GET', '/numbers?select=n,n&n=eq.1');
  expect(body).toBe('[{"n":1,"n":1}]');
});

test('names with quotes, dots, commas, spaces and letters beyond ASCII are reached by quoting and encoding', async () => {
  const table = `/${encodeURIComponent('Bücher & "Regale"')}`;
  const columns = ['Regal Nr.', 'größe, cm', 'select', 'a\\"b', 'with.dot', 'book id'];
  const select = encodeURIComponent(columns.map((column) => `"${column}"`).join(','));
  const answer = await shop.request('GET', `${table}?select=${select}&"Regal%20Nr."=eq.1`);
  expect(answer.json).toEqual([
    { 'Regal Nr.': 1, 'größe, cm': 10.5, select: 'one', 'a"b': 'q', 'with.dot': 'd', 'book id': 1 },
  ]);
  expect(answer.headers['content-location']).toMatch(/^\/B%C3%BCcher%20%26%20%22Regale%22\?/);
  const filtered = await shop.get(
    `${table}?select="Regal%20Nr."&"with.dot"=eq.d&"größe,%20cm"=gt.10`
      .replace('ö', '%C3%B6')
      .replace('ß', '%C3%9F'),
  );
  expect(filtered).toEqual([{ 'Regal Nr.': 1 }]);
  const ordered = await shop.get(
    `${table}?select=select&order=${encodeURIComponent('"größe, cm".desc.nullslast,"a\\"b"')}`,
  );
  expect(ordered).toEqual([{ select: 'one' }, { select: 'two' }]);
});

test('a table of 150 columns comes back whole', async () => {
  await shop.database.query('insert into shop.wide (id) values (1)');
  const [row] = (await shop.get('/wide?id=eq.1')) as Record<string, unknown>[];
  expect(Object.keys(row ?? {})).toHaveLength(150);
  expect(row?.['c149']).toBe('d149');
});

test('views and materialized views are read like tables', async () => {
  expect(await shop.get('/book_list?select=id&order=id')).toEqual([
    { id: 1 },
    { id: 3 },
    { id: 4 },
    { id: 6 },
  ]);
  expect(await shop.get('/price_list?select=id,price&id=eq.2')).toEqual([{ id: 2, price: 25 }]);
});

test('HEAD answers the headers of GET and no body', async () => {
  const [get, head] = await Promise.all(
    ['GET', 'HEAD'].map((method) =>
      shop.request(method, '/numbers?n=lt.4', { headers: { Prefer: 'count=exact' } }),
    ),
  );
  expect(head?.status).toBe(200);
  expect(head?.body).toBe('');
  for (const name of ['content-range', 'content-type', 'content-location', 'preference-applied']) {
    expect(head?.headers[name], name).toBe(get?.headers[name]);
  }
  expect(head?.headers['content-range']).toBe('0-2/3');
});

test('every digit of bigint and numeric arrives, since no JavaScript number is in between', async () => {
  const { body } = await shop.request('GET', '/traps?select=big,num&id=eq.1');
  expect(body).toBe(
    '[{"big":9223372036854775807,"num":12345678901234567890.123456789012345678901234567890}]',
  );
  const { body: lowest } = await shop.request('GET', '/traps?select=big&big=eq.-9223372036854775808');
  expect(lowest).toBe('[{"big":-9223372036854775808}]');
  const { body: found } = await shop.request('GET', '/traps?select=id&big=in.(9223372036854775807,1)');
  expect(found).toBe('[{"id":1}]');
  const equal = 'num=eq.12345678901234567890.123456789012345678901234567890';
  expect(await shop.get(`/traps?select=id&${equal}`)).toEqual([{ id: 1 }]);
});

test('types keep their form in JSON', async () => {
  const [row] = (await shop.get('/traps?id=eq.1')) as Record<string, unknown>[];
  expect(row).toMatchObject({
    code: 'ab   ',
    bits: '1010',
    varbits: '10101',
    short: 'äöü',
    list: [1, 2, 3],
    genre: 'poetry',
    genres: ['novel', 'crime, true'],
    ts: '2024-02-29T12:34:56.789012',
    tstz: '2024-02-29T12:34:56.789012+00:00',
    day: '2024-02-29',
    tod: '23:59:59.999999',
    span: '[1,5)',
    spans: '{[1,3),[5,7)}',
    stretch: '1 year 2 mons 3 days 04:05:06.789',
    bytes: '\\xdeadbeef',
    address: '192.168.0.1/24',
    tree: '<a b="c">d</a>',
    document_b: { a: 1, b: 1 },
    single: 1.1,
    double: 0.1,
    uid: '123e4567-e89b-12d3-a456-426614174000',
    matrix: [
      [1, 2],
      [3, 4],
    ],
    point: '(1,2)',
  });
});

test('a json column keeps its text, a jsonb column its numbers', async () => {
  const { body } = await shop.request('GET', '/traps?select=document,document_b&id=eq.1');
  expect(body).toBe('[{"document":{"b":1, "a":1.0, "b":2},"document_b":{"a": 1.0, "b": 1}}]');
});

test('what JSON has no number for is text, and infinite times are words', async () => {
  expect(await shop.get('/traps?select=num,single,double,ts,tstz,day&id=eq.3')).toEqual([
    {
      num: 'NaN',
      single: 'Infinity',
      double: '-Infinity',
      ts: 'infinity',
      tstz: '-infinity',
      day: 'infinity',
    },
  ]);
});

test('nulls are nulls in every type', async () => {
  const [row] = (await shop.get('/traps?id=eq.2')) as Record<string, unknown>[];
  const { id, ...others } = row ?? {};
  expect(id).toBe(2);
  expect(Object.values(others).every((value) => value === null)).toBe(true);
  expect(Object.keys(others)).toHaveLength(26);
});

test('a cast to a type that does not fit is the request’s fault', async () => {
  const answer = await shop.request('GET', '/books?select=title::int');
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('22P02');
});

test('a cast to a type that is not there, or is no type, is the request’s fault', async () => {
  for (const type of ['nothing_of_this_name', 'int int', '$1', '$$', 'text $$ text']) {
    const answer = await shop.request('GET', `/books?select=${encodeURIComponent(`id::${type}`)}`);
    expect(answer.status, type).toBe(400);
    expect(answer.json.code, type).toMatch(/^42/);
  }
});

test('a column that is not there is an error that names it', async () => {
  const answer = await shop.request('GET', '/books?select=nothing');
  expect(answer.status).toBe(400);
  expect(answer.json).toMatchObject({ code: '42703', message: 'column books.nothing does not exist' });
});

test('a table that is not there is an error with the nearest name', async () => {
  const answer = await shop.request('GET', '/bookss');
  expect(answer.status).toBe(404);
  expect(answer.json).toEqual({
    code: 'PGRST205',
    details: null,
    hint: "Perhaps you meant the table 'shop.books'",
    message: "Could not find the table 'shop.bookss' in the schema cache",
  });
});
