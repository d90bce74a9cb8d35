import { beforeEach, expect, test } from 'vitest';
import type { ApiAnswer, ApiRequest } from '../support/api.ts';
import { useShop } from './fixture.ts';

const shop = useShop();
const get = (path: string): Promise<unknown> => shop.get(`/rpc/${path}`);
const post = (path: string, body?: unknown, headers: ApiRequest['headers'] = {}): Promise<ApiAnswer> =>
  shop.request('POST', `/rpc/${path}`, { body, headers });

beforeEach(() => shop.database.query('truncate shop.log, shop.notes restart identity'));

test('a function is called by GET and POST, with defaults for what is not given', async () => {
  expect(await get('add?a=1&b=2')).toBe(3);
  expect(await get('add?a=1')).toBe(11);
  const answer = await post('add', { a: 1, b: 2 });
  expect([answer.status, answer.body]).toEqual([200, '3']);
  expect(answer.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-length': '1',
    'content-range': '0-0/*',
  });
  expect((await post('add', { b: 2, a: 5 })).json).toBe(7);
  expect((await post('add', { a: 5 })).json).toBe(15);
});

test('HEAD calls a function and answers no body', async () => {
  const answer = await shop.request('HEAD', '/rpc/add?a=1');
  expect([answer.status, answer.body]).toEqual([200, '']);
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
});

test('an argument given twice counts once, the last time', async () => {
  expect(await get('add?a=1&a=5')).toBe(15);
});

test('a body that is an array of objects calls with the first', async () => {
  expect((await post('add', [{ a: 1 }, { a: 100 }])).json).toBe(11);
});

test('columns says which members of the body are arguments', async () => {
  expect((await post('add?columns=a', { a: 1, b: 5, more: 'x' })).json).toBe(11);
});

test('an empty body is no arguments', async () => {
  expect((await post('titles')).json).toHaveLength(3);
  expect((await post('titles', '', { 'Content-Type': 'application/json' })).status).toBe(200);
  expect((await post('titles', {})).json).toHaveLength(3);
});

test('a variadic argument takes all of its name', async () => {
  expect(await get('join_words?separator=-&words=a&words=b,c&words=%22')).toBe('a-b,c-"');
  expect(await get('join_words?separator=-&words=only')).toBe('only');
  expect((await post('join_words', { separator: '+', words: ['x', 'y'] })).json).toBe('x+y');
  const form = await post('join_words', 'separator=%2B&words=a&words=%C3%BC', {
    'Content-Type': 'application/x-www-form-urlencoded',
  });
  expect(form.json).toBe('a+ü');
  for (const round of [1, 2, 3]) {
    const words = Array.from({ length: round }, (_, index) => `w${index}`);
    expect(await get(`join_words?separator=.&${words.map((word) => `words=${word}`).join('&')}`)).toBe(
      words.join('.'),
    );
  }
});

test.each<[string, unknown]>([
  ['i=5', { i: 5 }],
  ['t=it%27s+%22x%22%20%5C', { t: `it's "x" \\` }],
  ['t=', { t: '' }],
  ['b=true', { b: true }],
  ['j={"a":[1,2]}', { j: { a: [1, 2] } }],
  ['jb=[1,null]', { jb: [1, null] }],
  ['d=2024-02-29', { d: '2024-02-29' }],
  ['l={a,"b,c"}', { l: ['a', 'b,c'] }],
  ['n=123456789012345678901234567890.123', { n: '123456789012345678901234567890.123' }],
  ['g=crime, true', { g: 'crime, true' }],
  ['', {}],
])('arguments of GET are read as the parameter’s type: %s', async (query, expected) => {
  expect(await get(`args?${encodeURI(query).replaceAll('%25', '%')}`)).toEqual(expected);
});

test('arguments of POST keep their JSON types', async () => {
  const all = {
    i: 5,
    t: 'x',
    b: false,
    j: { a: 1 },
    jb: [1],
    d: '2024-02-29',
    l: ['a', 'b,c'],
    g: 'crime, true',
  };
  expect((await post('args', all)).json).toEqual(all);
  const digits = await post('args', '{"n": 123456789012345678901234567890.123}', {
    'Content-Type': 'application/json',
  });
  expect(digits.json).toEqual({ n: '123456789012345678901234567890.123' });
  expect((await post('args', { i: null, t: null })).json).toEqual({});
});

test('a form and CSV are arguments, too', async () => {
  const form = await post('add', 'a=1&b=2', { 'Content-Type': 'application/x-www-form-urlencoded' });
  expect([form.status, form.json]).toEqual([200, 3]);
  const csv = await post('add', 'a,b\n3,4\n', { 'Content-Type': 'text/csv' });
  expect([csv.status, csv.json]).toEqual([200, 7]);
});

test('of overloads the one with these names is called', async () => {
  expect(await get('describe?id=5')).toBe('id 5');
  expect(await get('describe?title=x')).toBe('title x');
  expect((await post('describe', { title: 'y' })).json).toBe('title y');
});

test('overloads that cannot be told apart are refused', async () => {
  const answer = await shop.request('GET', '/rpc/same?a=1');
  expect(answer.status).toBe(300);
  expect(answer.json.code).toBe('PGRST203');
  expect(answer.json.message).toContain('shop.same(a => integer)');
  expect(answer.json.message).toContain('shop.same(a => text)');
});

test('a single unnamed parameter takes the body as it is', async () => {
  const json = await post('echo_json', '{"b": 1, "a": 1.10}', { 'Content-Type': 'application/json' });
  expect(json.body).toBe('{"b": 1, "a": 1.10}');
  const text = await post('echo_text', 'grüß "dich"\n', { 'Content-Type': 'text/plain' });
  expect(text.json).toBe('grüß "dich"\n');
  const xml = await post('echo_xml', '<a>ö</a>', { 'Content-Type': 'text/xml' });
  expect(xml.json).toBe('<a>ö</a>');
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const binary = { 'Content-Type': 'application/octet-stream' };
  expect((await post('byte_count', bytes, binary)).json).toBe(256);
  expect((await post('byte_hex', bytes, binary)).json).toBe(bytes.toString('hex'));
  expect((await post('byte_count', Buffer.alloc(0), binary)).json).toBe(0);
  expect((await post('byte_hex', Buffer.from('\\x00'), binary)).json).toBe('5c783030');
});

test('a function with these names comes before one that takes the body', async () => {
  expect((await post('overloaded', { a: 1 })).json).toBe('named');
  expect((await post('overloaded', { b: 1 })).json).toBe('unnamed');
});

test('a body that no parameter takes is refused', async () => {
  const answer = await post('add', 'text', { 'Content-Type': 'text/plain' });
  expect(answer.status).toBe(404);
  expect(answer.json).toMatchObject({ code: 'PGRST202' });
  expect(answer.json.details).toContain('with a single unnamed text parameter');
  const type = await post('add', 'x', { 'Content-Type': 'application/x-unknown' });
  expect([type.status, type.json.code]).toEqual([400, 'PGRST102']);
});

test.each<[string, unknown]>([
  ['titles', ['The Quiet Harbour', 'Harbours and Ships', 'Night, "Rain"']],
  [
    'table_out',
    [
      { a: 1, b: 'x' },
      { a: 2, b: null },
    ],
  ],
  ['record_out', { a: 1, b: 'x' }],
  ['null_scalar', null],
  ['array_out', [1, 2]],
  ['array_out?list={5,6}', [5, 6]],
  ['one_book?id=2&select=id,title', { id: 2, title: 'Harbours and Ships' }],
  ['books_of?author=1&select=id', [{ id: 1 }, { id: 2 }]],
  ['books_of?author=99', []],
])('results have their shape: %s', async (path, expected) => {
  expect(await get(path)).toEqual(expected);
});

test('a composite that is null is null', async () => {
  const answer = await shop.request('GET', '/rpc/no_row');
  expect(answer.status).toBe(200);
  expect([null, expect.objectContaining({ id: null })]).toContainEqual(answer.json);
});

test('void answers 204 without a body', async () => {
  const answer = await post('write_entry', { entry: 'x' });
  expect([answer.status, answer.body]).toEqual([204, '']);
  expect(answer.headers).not.toHaveProperty('content-length');
  expect((await shop.database.query('select entry from shop.log')).rows).toEqual([{ entry: 'x' }]);
});

test('rows of a function are selected, filtered, ordered, limited and embedded like a table’s', async () => {
  expect(await get('books_of?author=1&select=id,publishers(name)&id=gt.1')).toEqual([
    { id: 2, publishers: { name: 'Nordwind' } },
  ]);
  expect(await get('books_of?author=1&select=id&order=id.desc&limit=1')).toEqual([{ id: 2 }]);
  expect(await get('books_of?author=1&select=id&or=(pages.gt.300,title.eq.x)')).toEqual([{ id: 1 }]);
  expect(await get('books_of?author=1&select=title&pages=gt.300')).toEqual([{ title: 'The Quiet Harbour' }]);
  expect(await get('table_out?select=b&a=eq.1')).toEqual([{ b: 'x' }]);
  const posted = await post('books_of?select=id,reviews(id)&reviews.stars=eq.4&order=id.desc', { author: 1 });
  expect(posted.json).toEqual([
    { id: 2, reviews: [{ id: 3 }] },
    { id: 1, reviews: [{ id: 5 }] },
  ]);
  expect(await get('books_of?author=1&select=count()')).toEqual([{ count: 2 }]);
  expect(await get('books_of?author=1&select=id,label&order=id&limit=1')).toEqual([
    { id: 1, label: 'The Quiet Harbour #1' },
  ]);
});

test('the rows of a function are counted', async () => {
  const answer = await shop.request('GET', '/rpc/books_of?author=1&limit=1', {
    headers: { Prefer: 'count=exact' },
  });
  expect([answer.status, answer.headers['content-range']]).toEqual([206, '0-0/2']);
});

test('a parameter and a filter of one name are told apart by the operator', async () => {
  expect(await get('one_book?id=2&select=id')).toEqual({ id: 2 });
  expect(await get('books_of?author=1&id=eq.2&select=id')).toEqual([{ id: 2 }]);
  expect(await get('args?t=x')).toEqual({ t: 'x' });
  expect(await get('args?t=x.y')).toEqual({ t: 'x.y' });
});

test('names that need quotes are called', async () => {
  const path = encodeURIComponent('Größe von');
  expect((await post(path, { 'der Text': 'abc' })).json).toBe(3);
  expect(await get(`${path}?${encodeURIComponent('"der Text"')}=abcd`)).toBe(4);
});

test('a volatile function cannot be called by GET or HEAD; one that lies about it cannot write', async () => {
  for (const method of ['GET', 'HEAD']) {
    const answer = await shop.request(method, '/rpc/write_and_count?entry=x');
    expect(answer.status).toBe(405);
  }
  const answer = await shop.request('GET', '/rpc/write_and_count?entry=x');
  expect(answer.json.code).toBe('25006');
  for (const method of ['GET', 'POST']) {
    const sneaky = await shop.request(method, '/rpc/sneaky_write');
    expect([sneaky.status, sneaky.json.code]).toEqual([400, '0A000']);
  }
  expect((await post('write_and_count', { entry: 'x' })).json).toBe(1);
  expect((await shop.database.query('select entry from shop.log')).rows).toEqual([{ entry: 'x' }]);
});

test('a write by a function is rolled back with tx=rollback', async () => {
  const answer = await post('write_and_count', { entry: 'x' }, { Prefer: 'tx=rollback' });
  expect(answer.json).toBe(1);
  expect((await shop.database.query('select from shop.log')).rows).toEqual([]);
});

test('max-affected bounds functions that return sets, and no others', async () => {
  await shop.database.query('insert into shop.notes (amount) values (1), (20), (30)');
  const Prefer = 'handling=strict, max-affected=1';
  const refused = await post('delete_notes', { above: 10 }, { Prefer });
  expect([refused.status, refused.json.code]).toEqual([400, 'PGRST124']);
  expect((await shop.database.query('select from shop.notes')).rows).toHaveLength(3);
  const allowed = await post('delete_notes', { above: 25 }, { Prefer });
  expect([allowed.status, allowed.json]).toEqual([200, [expect.objectContaining({ amount: 30 })]]);
  const scalar = await post('add', { a: 1 }, { Prefer });
  expect([scalar.status, scalar.json.code]).toEqual([400, 'PGRST128']);
});

test('a function that is not there is an error with the nearest one', async () => {
  const answer = await shop.request('GET', '/rpc/addd?a=1&b=2');
  expect(answer.status).toBe(404);
  expect(answer.json).toEqual({
    code: 'PGRST202',
    details:
      'Searched for the function shop.addd with parameters a, b, but no matches were found in the schema cache.',
    hint: 'Perhaps you meant to call the function shop.add',
    message: 'Could not find the function shop.addd(a, b) in the schema cache',
  });
});

test.each([
  ['GET', 'add', undefined],
  ['GET', 'add?b=1', undefined],
  ['GET', 'add?a=1&c=1', undefined],
  ['POST', 'add', { a: 1, c: 1 }],
  ['POST', 'add', {}],
  ['POST', 'titles', { x: 1 }],
  ['GET', 'books', undefined],
])('arguments that no overload has: %s %s %j', async (method, path, body) => {
  const answer = await shop.request(method, `/rpc/${path}`, { body });
  expect(answer.status).toBe(404);
  expect(answer.json.code).toBe('PGRST202');
});

test('an argument of the wrong type is the request’s fault', async () => {
  expect((await shop.request('GET', '/rpc/add?a=x')).json).toMatchObject({ code: '22P02' });
  const posted = await post('add', { a: 'x' });
  expect([posted.status, posted.json.code]).toEqual([400, '22P02']);
});

test.each(['PUT', 'PATCH', 'DELETE'])('%s is no way to call a function', async (method) => {
  const answer = await shop.request(method, '/rpc/add?a=1', { body: {} });
  expect(answer.status).toBe(405);
  expect(answer.json).toEqual({
    code: 'PGRST101',
    details: null,
    hint: null,
    message: `Cannot use the ${method} method on RPC`,
  });
});

test('a function sees who asks, how, and with which claims', async () => {
  const answer = await shop.request('GET', '/rpc/request_context', {
    as: { role: 'authenticated', sub: 'u1', nested: { a: [1] } },
    headers: { 'X-Custom': 'grüße', Cookie: 'session=abc; theme="dark"', Prefer: 'timezone=Asia/Tokyo' },
  });
  expect(answer.json).toMatchObject({
    method: 'GET',
    path: '/rpc/request_context',
    cookies: { session: 'abc', theme: '"dark"' },
    claims: { role: 'authenticated', sub: 'u1', nested: { a: [1] } },
    role: 'authenticated',
    search_path: '"shop"',
    timezone: 'Asia/Tokyo',
    read_only: 'on',
  });
  expect(answer.json.headers).toMatchObject({ prefer: 'timezone=Asia/Tokyo' });
  expect(answer.json.headers).not.toHaveProperty('cookie');
  expect(answer.headers['preference-applied']).toBe('timezone=Asia/Tokyo');
  const anonymous = await shop.request('POST', '/rpc/request_context');
  expect(anonymous.json).toMatchObject({
    method: 'POST',
    role: 'anon',
    claims: { role: 'anon' },
    cookies: {},
    read_only: 'on',
  });
});

test('a header in UTF-8 reaches SQL as it was written', async () => {
  const value = Buffer.from('grüße 名').toString('latin1');
  const answer = await shop.request('GET', '/rpc/request_context', { headers: { 'X-Custom': value } });
  expect(answer.json.headers['x-custom']).toBe('grüße 名');
});
