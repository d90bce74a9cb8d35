import { beforeEach, expect, test } from 'vitest';
import type { ApiAnswer, ApiRequest } from '../support/api.ts';
import { useShop } from './fixture.ts';

const shop = useShop();
const FULL = { Prefer: 'return=representation' };
const write = (
  method: string,
  path: string,
  body?: unknown,
  headers: ApiRequest['headers'] = {},
): Promise<ApiAnswer> => shop.request(method, path, { body, headers });
const rows = async (query: string): Promise<unknown[]> => (await shop.database.query(query)).rows;

beforeEach(async () => {
  await shop.database.query(
    `truncate shop.notes, shop.parts, shop.log, shop.always restart identity cascade;
     insert into shop.parts values ('bolt', 1, 'b1', 5), ('bolt', 2, 'b2', 6), ('nut', 1, 'n1', 7)`,
  );
});

// insert ---------------------------------------------------------------------------------------------------------

test('an insert answers 201 without a body', async () => {
  const answer = await write('POST', '/notes', { title: 'one', amount: 3 });
  expect([answer.status, answer.body]).toEqual([201, '']);
  expect(answer.headers['content-range']).toBe('*/*');
  expect(answer.headers).not.toHaveProperty('content-type');
  expect(answer.headers).not.toHaveProperty('location');
  expect(await rows('select id, title, amount, body from shop.notes')).toEqual([
    { id: 1, title: 'one', amount: 3, body: null },
  ]);
});

test('return=representation answers the row, with defaults and generated columns filled in', async () => {
  const answer = await write('POST', '/notes', { title: 'über' }, FULL);
  expect(answer.status).toBe(201);
  expect(answer.headers['preference-applied']).toBe('return=representation');
  expect(answer.json).toEqual([
    {
      id: 1,
      title: 'über',
      body: null,
      amount: 7,
      price: null,
      genre: 'essay',
      tags: null,
      extra: null,
      length: 4,
    },
  ]);
});

test('the answer’s select has columns, casts, paths and embeds', async () => {
  const answer = await write(
    'POST',
    '/reviews?select=id,five:stars::text,books(title,publishers(name))',
    { id: 50, book_id: 1, stars: 5 },
    FULL,
  );
  expect(answer.json).toEqual([
    { id: 50, five: '5', books: { title: 'The Quiet Harbour', publishers: { name: 'Nordwind' } } },
  ]);
});

test('return=headers-only answers the new row’s address', async () => {
  const answer = await write(
    'POST',
    '/parts',
    { kind: 'wing nut/ö', number: 3 },
    { Prefer: 'return=headers-only' },
  );
  expect([answer.status, answer.body]).toEqual([201, '']);
  expect(answer.headers['location']).toBe('/parts?kind=eq.wing%20nut%2F%C3%B6&number=eq.3');
  const found = await shop.request('GET', answer.headers['location'] ?? '');
  expect(found.json).toEqual([{ kind: 'wing nut/ö', number: 3, label: null, quantity: 1 }]);
  const many = await write(
    'POST',
    '/parts',
    [
      { kind: 'a', number: 1 },
      { kind: 'a', number: 2 },
    ],
    { Prefer: 'return=headers-only' },
  );
  expect(many.headers).not.toHaveProperty('location');
  const keyless = await write('POST', '/log', { entry: 'x' }, { Prefer: 'return=headers-only' });
  expect(keyless.status).toBe(201);
  expect(keyless.headers).not.toHaveProperty('location');
});

test('an array inserts many rows, in their order', async () => {
  const answer = await write(
    'POST',
    '/notes?select=id,title',
    [{ title: 'a' }, { title: 'b' }, { title: 'c' }],
    {
      Prefer: 'return=representation, count=exact',
    },
  );
  expect(answer.status).toBe(201);
  expect(answer.json).toEqual([
    { id: 1, title: 'a' },
    { id: 2, title: 'b' },
    { id: 3, title: 'c' },
  ]);
  expect(answer.headers['content-range']).toBe('*/3');
});

test('an empty array inserts nothing, an empty object a row of defaults', async () => {
  const nothing = await write('POST', '/notes', [], FULL);
  expect([nothing.status, nothing.body]).toEqual([201, '[]']);
  const defaults = await write('POST', '/notes?select=title,amount', {}, FULL);
  expect([defaults.status, defaults.json]).toEqual([201, [{ title: 'untitled', amount: 7 }]]);
  const both = await write('POST', '/notes?select=title', [{}, {}], FULL);
  expect(both.json).toEqual([{ title: 'untitled' }, { title: 'untitled' }]);
});

test('a null is a null, and what is missing in one object only is refused', async () => {
  const answer = await write('POST', '/notes?select=genre,amount', { title: 'x', genre: null }, FULL);
  expect(answer.json).toEqual([{ genre: null, amount: 7 }]);
  const uneven = await write('POST', '/notes', [{ title: 'x', amount: 1 }, { title: 'y' }]);
  expect(uneven.status).toBe(400);
  expect(uneven.json).toEqual({
    code: 'PGRST102',
    details: null,
    hint: null,
    message: 'All object keys must match',
  });
  expect(await rows('select from shop.notes')).toHaveLength(1);
});

test('columns says what is written: other keys are ignored, and missing ones null', async () => {
  const answer = await write(
    'POST',
    '/notes?columns=title,body&select=title,body,amount',
    [
      { title: 'a', amount: 100, nonsense: true },
      { title: 'b', body: 'x' },
    ],
    FULL,
  );
  expect(answer.json).toEqual([
    { title: 'a', body: null, amount: 7 },
    { title: 'b', body: 'x', amount: 7 },
  ]);
  const unknown = await write('POST', '/notes?columns=title,nonsense', { title: 'a' });
  expect(unknown.status).toBe(400);
  expect(unknown.json).toMatchObject({
    code: 'PGRST204',
    message: "Could not find the 'nonsense' column of 'notes' in the schema cache",
  });
});

test('missing=default fills what is missing with the column’s default', async () => {
  const answer = await write(
    'POST',
    '/notes?columns=id,title,amount,genre,body&select=id,title,amount,genre,body',
    [{ title: 'a' }, { amount: 1, genre: null, body: 'x' }],
    { Prefer: 'return=representation, missing=default' },
  );
  expect(answer.status).toBe(201);
  expect(answer.headers['preference-applied']).toBe('missing=default, return=representation');
  expect(answer.json).toEqual([
    { id: 1, title: 'a', amount: 7, genre: 'essay', body: null },
    { id: 2, title: 'untitled', amount: 1, genre: null, body: 'x' },
  ]);
  const without = await write('POST', '/notes?columns=title,amount', [{ title: 'a' }], {
    Prefer: 'missing=null',
  });
  expect([without.status, without.json.code]).toEqual([400, '23502']);
});

test('a table of 150 columns with defaults is written with missing=default', async () => {
  const columns = Array.from({ length: 149 }, (_, index) => `c${index + 1}`);
  const answer = await write('POST', `/wide?columns=id,${columns.join(',')}`, [{ id: 1, c7: 'seven' }], {
    Prefer: 'return=representation, missing=default',
  });
  expect(answer.status).toBe(201);
  expect(answer.json[0]).toMatchObject({ id: 1, c1: 'd1', c7: 'seven', c149: 'd149' });
  const all = Object.fromEntries(columns.map((column) => [column, 'x']));
  expect((await write('POST', '/wide', { id: 2, ...all })).status).toBe(201);
  expect((await write('PATCH', '/wide?id=eq.2', all, FULL)).json[0].c149).toBe('x');
});

test('CSV inserts rows; NULL is null, quotes and line breaks are the format’s', async () => {
  const csv = 'title,body,amount\n"a, ""quoted""","two\nlines",1\nb,NULL,2\n"ü\r\n",,3\n';
  const answer = await write('POST', '/notes?select=title,body,amount', csv, {
    ...FULL,
    'Content-Type': 'text/csv',
  });
  expect(answer.status).toBe(201);
  expect(answer.json).toEqual([
    { title: 'a, "quoted"', body: 'two\nlines', amount: 1 },
    { title: 'b', body: null, amount: 2 },
    { title: 'ü\r\n', body: '', amount: 3 },
  ]);
});

test('CSV of a header alone inserts nothing', async () => {
  const answer = await write('POST', '/notes', 'title,amount\n', { ...FULL, 'Content-Type': 'text/csv' });
  expect([answer.status, answer.json]).toEqual([201, []]);
});

test.each([
  ['lines of different length', 'title,amount\na\n', 'All lines must have same number of fields'],
  ['an open quote', 'title\n"a\n', 'The CSV could not be read'],
  ['nothing at all', '', 'The CSV has no header line'],
])('CSV with %s is refused', async (_what, csv, message) => {
  const answer = await write('POST', '/notes', csv, { 'Content-Type': 'text/csv' });
  expect(answer.status).toBe(400);
  expect(answer.json).toMatchObject({ code: 'PGRST102', message });
});

test('a form inserts one row', async () => {
  const answer = await write('POST', '/notes?select=title,amount', 'title=a+b%20%C3%BC&amount=12', {
    ...FULL,
    'Content-Type': 'application/x-www-form-urlencoded',
  });
  expect([answer.status, answer.json]).toEqual([201, [{ title: 'a b ü', amount: 12 }]]);
});

test('every digit of a number is written', async () => {
  const body = '{"id": 10, "big": 9007199254740993, "num": 0.1234567890123456789012345678901234567890}';
  const answer = await write('POST', '/traps?select=big,num', body, {
    ...FULL,
    'Content-Type': 'application/json',
  });
  expect(answer.body).toBe('[{"big":9007199254740993,"num":0.1234567890123456789012345678901234567890}]');
});

test('every type is written as it is read', async () => {
  await rows('delete from shop.traps where id > 3');
  const { json } = await shop.request(
    'GET',
    '/traps?id=eq.1&select=code,bits,varbits,short,list,genre,genres,ts,tstz,day,tod,span,spans,stretch,bytes,address,tree,document,document_b,single,double,uid,matrix,point',
  );
  const [row] = json as object[];
  const written = await write('POST', '/traps', { id: 20, ...row }, FULL);
  expect(written.status).toBe(201);
  expect(written.json).toEqual([expect.objectContaining({ ...row, id: 20 })]);
  const [same] = await rows(
    `select count(distinct (code, bits, varbits, short, list, genre, genres, ts, tstz, day, span, spans, stretch, bytes, address,
      document_b, matrix, point::text, tree::text))::int as n from shop.traps where id in (1, 20)`,
  );
  expect(same).toEqual({ n: 1 });
});

test.each([
  ['a text that is too long', '/traps', { id: 30, short: 'abcd' }, '22001', 400],
  ['a bit string of another length', '/traps', { id: 30, bits: '101' }, '22026', 400],
  ['a number beyond its precision', '/notes', { price: 12345.678 }, '22003', 400],
  ['a text that is no number', '/notes', { amount: 'many' }, '22P02', 400],
  ['a label that the enum lacks', '/notes', { genre: 'cooking' }, '22P02', 400],
  ['an array for a number', '/notes', { amount: [1] }, '22P02', 400],
  ['a null where none may be', '/notes', { amount: null }, '23502', 400],
  ['a broken check', '/notes', { amount: -1 }, '23514', 400],
  ['a domain’s broken check', '/books', { id: 90, title: 'x', isbn: 'abc' }, '23514', 400],
  ['a key that is there already', '/parts', { kind: 'bolt', number: 1 }, '23505', 409],
  ['a reference to nothing', '/reviews', { id: 90, book_id: 999, stars: 1 }, '23503', 409],
  ['a value for a generated column', '/notes', { length: 1 }, '428C9', 400],
  ['a value for an identity that is always generated', '/always', { id: 1 }, '428C9', 400],
  ['a NUL in a text', '/notes', '{"title": "a\\u0000b"}', '22P05', 400],
  ['half a surrogate pair', '/notes', '{"title": "\\ud800"}', '22P02', 400],
])('%s is the request’s fault', async (_what, path, body, code, status) => {
  const answer = await write('POST', path, body, { 'Content-Type': 'application/json' });
  expect(answer.json.code).toBe(code);
  expect(answer.status).toBe(status);
});

test('a conflict says which key it is about', async () => {
  const answer = await write('POST', '/parts', { kind: 'bolt', number: 1 });
  expect(answer.json).toEqual({
    code: '23505',
    details: 'Key (kind, number)=(bolt, 1) already exists.',
    hint: null,
    message: 'duplicate key value violates unique constraint "parts_pkey"',
  });
});

test('a key of the body that is no column is refused, with or without rows', async () => {
  const answer = await write('POST', '/notes', { title: 'x', nonsense: 1 });
  expect([answer.status, answer.json.code]).toEqual([400, 'PGRST204']);
});

test('one failing row fails all', async () => {
  const answer = await write('POST', '/notes', [{ amount: 1 }, { amount: -1 }]);
  expect(answer.status).toBe(400);
  expect(await rows('select from shop.notes')).toEqual([]);
});

test('names that need quotes are written', async () => {
  const path = `/${encodeURIComponent('Bücher & "Regale"')}`;
  const body = { 'Regal Nr.': 9, 'größe, cm': 1.5, select: 's', 'a"b': 'q', 'with.dot': 'd' };
  const answer = await write('POST', path, body, { Prefer: 'return=headers-only' });
  expect(answer.status).toBe(201);
  expect(answer.headers['location']).toBe('/B%C3%BCcher%20%26%20%22Regale%22?Regal%20Nr.=eq.9');
  const patched = await write(
    'PATCH',
    `${path}?%22Regal%20Nr.%22=eq.9&select=%22with.dot%22`,
    { 'with.dot': 'e' },
    FULL,
  );
  expect(patched.json).toEqual([{ 'with.dot': 'e' }]);
  const deleted = await write('DELETE', `${path}?%22with.dot%22=eq.e`);
  expect(deleted.status).toBe(204);
});

// upsert ---------------------------------------------------------------------------------------------------------

const MERGE = { Prefer: 'resolution=merge-duplicates, return=representation' };

test('merge-duplicates inserts what is new, 201, and updates what is there, 200', async () => {
  const both = await write(
    'POST',
    '/parts?select=kind,number,label,quantity',
    [
      { kind: 'bolt', number: 1, label: 'new' },
      { kind: 'bolt', number: 9, label: 'nine' },
    ],
    MERGE,
  );
  expect(both.status).toBe(201);
  expect(both.headers['preference-applied']).toBe('resolution=merge-duplicates, return=representation');
  expect(both.json).toEqual([
    { kind: 'bolt', number: 1, label: 'new', quantity: 5 },
    { kind: 'bolt', number: 9, label: 'nine', quantity: 1 },
  ]);
  const updated = await write('POST', '/parts', { kind: 'bolt', number: 1, label: 'newer' }, MERGE);
  expect(updated.status).toBe(200);
  expect(await rows(`select label from shop.parts where kind = 'bolt' and number = 1`)).toEqual([
    { label: 'newer' },
  ]);
});

test('ignore-duplicates leaves what is there, and answers only what is new', async () => {
  const answer = await write(
    'POST',
    '/parts?select=number',
    [
      { kind: 'bolt', number: 1, label: 'new' },
      { kind: 'bolt', number: 9, label: 'nine' },
    ],
    { Prefer: 'resolution=ignore-duplicates, return=representation' },
  );
  expect([answer.status, answer.json]).toEqual([201, [{ number: 9 }]]);
  expect(await rows(`select label from shop.parts where kind = 'bolt' and number = 1`)).toEqual([
    { label: 'b1' },
  ]);
});

test('on_conflict names another key', async () => {
  const answer = await write(
    'POST',
    '/parts?on_conflict=label&select=kind,number,quantity',
    { kind: 'bolt', number: 1, label: 'b1', quantity: 50 },
    MERGE,
  );
  expect([answer.status, answer.json]).toEqual([200, [{ kind: 'bolt', number: 1, quantity: 50 }]]);
  const wrong = await write('POST', '/parts?on_conflict=quantity', { kind: 'a', number: 1 }, MERGE);
  expect([wrong.status, wrong.json.code]).toEqual([400, '42P10']);
  const unknown = await write('POST', '/parts?on_conflict=nothing', { kind: 'a', number: 1 }, MERGE);
  expect([unknown.status, unknown.json.code]).toEqual([400, '42703']);
});

test('an upsert of a table without a key is an insert', async () => {
  const answer = await write('POST', '/log', { entry: 'x' }, MERGE);
  expect(answer.status).toBe(201);
  expect(answer.headers['preference-applied']).toBe('return=representation');
});

test('one key twice in one upsert is the request’s fault', async () => {
  const answer = await write(
    'POST',
    '/parts',
    [
      { kind: 'bolt', number: 1, label: 'x' },
      { kind: 'bolt', number: 1, label: 'y' },
    ],
    MERGE,
  );
  expect([answer.status, answer.json.code]).toEqual([400, '21000']);
});

test('PUT makes the row that the URL names, or replaces it', async () => {
  const url = '/parts?kind=eq.screw&number=eq.4';
  const created = await write('PUT', url, { kind: 'screw', number: 4, label: 's', quantity: 2 }, FULL);
  expect([created.status, created.json]).toEqual([
    201,
    [{ kind: 'screw', number: 4, label: 's', quantity: 2 }],
  ]);
  const replaced = await write('PUT', url, { kind: 'screw', number: 4, label: 't', quantity: 3 }, FULL);
  expect([replaced.status, replaced.json]).toEqual([
    200,
    [{ kind: 'screw', number: 4, label: 't', quantity: 3 }],
  ]);
  const silent = await write('PUT', url, { kind: 'screw', number: 4, label: 'u', quantity: 3 });
  expect([silent.status, silent.body]).toEqual([204, '']);
  expect(silent.headers).not.toHaveProperty('content-range');
});

test.each([
  ['/parts', 'PGRST105', 405],
  ['/parts?kind=eq.bolt', 'PGRST105', 405],
  ['/parts?kind=eq.bolt&number=gt.1', 'PGRST105', 405],
  ['/parts?kind=eq.bolt&number=not.eq.1', 'PGRST105', 405],
  ['/parts?kind=eq.bolt&number=eq.1&label=eq.b1', 'PGRST105', 405],
  ['/parts?kind=eq.bolt&or=(number.eq.1)', 'PGRST105', 405],
  ['/parts?kind=eq.bolt&number=in.(1)', 'PGRST105', 405],
  ['/log?entry=eq.x', 'PGRST105', 405],
  ['/parts?kind=eq.bolt&number=eq.1&limit=1', 'PGRST114', 400],
  ['/parts?kind=eq.bolt&number=eq.1&offset=1', 'PGRST114', 400],
  ['/parts?kind=eq.bolt&number=eq.2', 'PGRST115', 400],
])('PUT %s is refused: %s', async (path, code, status) => {
  const answer = await write('PUT', path, { kind: 'bolt', number: 1, label: 'b1', quantity: 99 });
  expect([answer.status, answer.json.code]).toEqual([status, code]);
  expect(await rows('select from shop.parts where quantity = 99')).toEqual([]);
});

// update ---------------------------------------------------------------------------------------------------------

test('PATCH changes the filtered rows and answers 204', async () => {
  const answer = await write('PATCH', '/parts?kind=eq.bolt', { quantity: 50 }, { Prefer: 'count=exact' });
  expect([answer.status, answer.body, answer.headers['content-range']]).toEqual([204, '', '0-1/2']);
  expect(answer.headers).not.toHaveProperty('content-length');
  expect(await rows('select kind, number, quantity from shop.parts order by 1, 2')).toEqual([
    { kind: 'bolt', number: 1, quantity: 50 },
    { kind: 'bolt', number: 2, quantity: 50 },
    { kind: 'nut', number: 1, quantity: 7 },
  ]);
});

test('PATCH answers the changed rows, as they are after it: the filter is not applied again', async () => {
  const answer = await write('PATCH', '/parts?quantity=eq.5&select=number,quantity', { quantity: 1 }, FULL);
  expect([answer.status, answer.json]).toEqual([200, [{ number: 1, quantity: 1 }]]);
});

test('PATCH of nothing answers an empty array', async () => {
  const answer = await write('PATCH', '/parts?kind=eq.none', { quantity: 1 }, FULL);
  expect([answer.status, answer.body, answer.headers['content-range']]).toEqual([200, '[]', '*/*']);
  const minimal = await write('PATCH', '/parts?kind=eq.none', { quantity: 1 });
  expect(minimal.status).toBe(204);
});

test('PATCH with no columns changes nothing', async () => {
  for (const body of [{}, [], [{}]]) {
    const answer = await write('PATCH', '/parts?select=number', body, FULL);
    expect([answer.status, answer.json]).toEqual([200, []]);
  }
  expect(await rows('select from shop.parts where quantity > 4')).toHaveLength(3);
});

test('PATCH takes columns and missing=default', async () => {
  const some = await write(
    'PATCH',
    '/parts?kind=eq.nut&columns=label&select=label,quantity',
    { label: 'x', quantity: 99 },
    FULL,
  );
  expect(some.json).toEqual([{ label: 'x', quantity: 7 }]);
  const defaults = await write(
    'PATCH',
    '/parts?kind=eq.nut&columns=quantity,label&select=label,quantity',
    { label: 'y' },
    { Prefer: 'return=representation, missing=default' },
  );
  expect(defaults.json).toEqual([{ label: 'y', quantity: 1 }]);
});

test('PATCH orders its answer, and a limit bounds neither the write nor the answer', async () => {
  const answer = await write(
    'PATCH',
    '/parts?order=number.desc,kind&limit=1&select=kind,number',
    { quantity: 3 },
    FULL,
  );
  expect(answer.json).toEqual([
    { kind: 'bolt', number: 2 },
    { kind: 'bolt', number: 1 },
    { kind: 'nut', number: 1 },
  ]);
});

test('PATCH with on changes each row by the object that has its key', async () => {
  const answer = await write(
    'PATCH',
    '/parts?on=kind,number&select=kind,number,quantity,label&order=kind,number',
    [
      { kind: 'bolt', number: 2, quantity: 20, label: 'two' },
      { kind: 'nut', number: 1, quantity: 10, label: null },
      { kind: 'none', number: 1, quantity: 1, label: 'x' },
    ],
    { Prefer: 'return=representation, count=exact' },
  );
  expect(answer.status).toBe(200);
  expect(answer.headers['content-range']).toBe('0-1/2');
  expect(answer.json).toEqual([
    { kind: 'bolt', number: 2, quantity: 20, label: 'two' },
    { kind: 'nut', number: 1, quantity: 10, label: null },
  ]);
  expect(await rows(`select quantity from shop.parts where kind = 'bolt' and number = 1`)).toEqual([
    { quantity: 5 },
  ]);
});

test('PATCH with on takes filters, columns and CSV besides', async () => {
  const body = [
    { kind: 'bolt', number: 1, quantity: 10, label: 'ignored' },
    { kind: 'nut', number: 1, quantity: 10, label: 'ignored' },
  ];
  const filtered = await write(
    'PATCH',
    '/parts?on=kind,number&columns=quantity&kind=eq.nut&select=label,quantity',
    body,
    FULL,
  );
  expect([filtered.status, filtered.json]).toEqual([200, [{ label: 'n1', quantity: 10 }]]);
  const csv = await write('PATCH', '/parts?on=label&select=label,quantity', 'label,quantity\nb2,77\n', {
    ...FULL,
    'Content-Type': 'text/csv',
  });
  expect([csv.status, csv.json]).toEqual([200, [{ label: 'b2', quantity: 77 }]]);
  const nothing = await write('PATCH', '/parts?on=label', [], FULL);
  expect([nothing.status, nothing.json]).toEqual([200, []]);
});

test('a filter on a column called on is a filter', async () => {
  const answer = await write('PATCH', '/parts?on=eq.1', { quantity: 1 });
  expect([answer.status, answer.json.code]).toEqual([400, '42703']);
});

test.each<[string, unknown, string]>([
  ['one object', { label: 'b1', quantity: 1 }, 'AURA107'],
  ['an object without the key', [{ quantity: 1 }], 'AURA107'],
  ['a null for a key', [{ label: null, quantity: 1 }], 'AURA107'],
  [
    'one key twice',
    [
      { label: 'b1', quantity: 1 },
      { label: 'b1', quantity: 2 },
    ],
    'AURA107',
  ],
  [
    'one key twice, once as a number',
    [
      { label: '1', quantity: 1 },
      { label: 1, quantity: 2 },
    ],
    'AURA107',
  ],
  ['uneven objects', [{ label: 'b1', quantity: 1 }, { label: 'b2' }], 'PGRST102'],
  ['no objects', [1], 'PGRST102'],
  ['no JSON', '[', 'PGRST102'],
])('PATCH with on is refused with %s', async (_what, body, code) => {
  for (const columns of ['', '&columns=label,quantity']) {
    const answer = await write('PATCH', `/parts?on=label${columns}`, body, {
      'Content-Type': 'application/json',
    });
    expect(answer.status).toBe(400);
    if (columns === '') expect(answer.json.code).toBe(code);
  }
  expect(await rows('select from shop.parts where quantity < 5')).toEqual([]);
});

test('keys beyond what JavaScript counts exactly stay apart', async () => {
  await rows(
    'delete from shop.traps where id > 3; insert into shop.traps (id, big) values (40, 9007199254740992), (41, 9007199254740993)',
  );
  const body = '[{"big": 9007199254740992, "num": 1}, {"big": 9007199254740993, "num": 2}]';
  const answer = await write('PATCH', '/traps?on=big&select=id,num&order=id', body, {
    ...FULL,
    'Content-Type': 'application/json',
  });
  expect([answer.status, answer.json]).toEqual([
    200,
    [
      { id: 40, num: 1 },
      { id: 41, num: 2 },
    ],
  ]);
});

test('tables whose names a program may want for itself are written like others', async () => {
  for (const [table, column] of [
    ['payload', 'item'],
    ['filled', 'elem'],
    ['junction', 'label'],
    ['pgrst_source', 'label'],
  ]) {
    const answer = await write(
      'PATCH',
      `/${table}?id=eq.1&select=${column}`,
      { [column ?? '']: 'changed' },
      { Prefer: 'return=representation, missing=default' },
    );
    expect([answer.status, answer.json], table).toEqual([200, [{ [column ?? '']: 'changed' }]]);
    const made = await write('POST', `/${table}?select=id`, [{ id: 70 }], {
      Prefer: 'return=representation, missing=default, resolution=merge-duplicates',
    });
    expect([made.status, made.json], table).toEqual([201, [{ id: 70 }]]);
    expect((await write('DELETE', `/${table}?id=eq.70`, undefined, FULL)).json, table).toHaveLength(1);
  }
});

// delete ---------------------------------------------------------------------------------------------------------

test('DELETE removes the filtered rows and answers 204', async () => {
  const answer = await write('DELETE', '/parts?kind=eq.bolt', undefined, { Prefer: 'count=exact' });
  expect([answer.status, answer.body, answer.headers['content-range']]).toEqual([204, '', '*/2']);
  expect(await rows('select kind from shop.parts')).toEqual([{ kind: 'nut' }]);
});

test('DELETE answers the removed rows, with what they embed', async () => {
  await shop.database.query(`insert into shop.reviews values (60, 3, 2, 'bye', null)`);
  const answer = await write('DELETE', '/reviews?id=eq.60&select=body,books(title)', undefined, FULL);
  expect([answer.status, answer.json]).toEqual([200, [{ body: 'bye', books: { title: 'Night, "Rain"' } }]]);
});

test('DELETE of nothing answers an empty array, and of a referenced row a conflict', async () => {
  const nothing = await write('DELETE', '/parts?kind=eq.none', undefined, FULL);
  expect([nothing.status, nothing.body]).toEqual([200, '[]']);
  const referenced = await write('DELETE', '/publishers?id=eq.1');
  expect([referenced.status, referenced.json.code]).toEqual([409, '23503']);
});

// both ------------------------------------------------------------------------------------------------------------

test('max-affected with handling=strict refuses writes of more rows and undoes them', async () => {
  const prefer = (most: number): { Prefer: string } => ({ Prefer: `handling=strict, max-affected=${most}` });
  for (const [method, body] of [
    ['PATCH', { quantity: 1 }],
    ['DELETE', undefined],
  ] as const) {
    const refused = await write(method, '/parts?kind=eq.bolt', body, prefer(1));
    expect(refused.status).toBe(400);
    expect(refused.json).toEqual({
      code: 'PGRST124',
      details: 'The query affects 2 rows',
      hint: null,
      message: 'Query result exceeds max-affected preference constraint',
    });
  }
  expect(await rows('select from shop.parts where quantity > 4')).toHaveLength(3);
  const allowed = await write('PATCH', '/parts?kind=eq.bolt', { quantity: 1 }, prefer(2));
  expect(allowed.status).toBe(204);
  expect(allowed.headers['preference-applied']).toBe('handling=strict, max-affected=2');
  const lenient = await write('DELETE', '/parts', undefined, { Prefer: 'max-affected=1' });
  expect(lenient.status).toBe(204);
  expect(await rows('select from shop.parts')).toEqual([]);
});

test('tx=rollback answers as if it had happened, and it has not', async () => {
  const answer = await write(
    'POST',
    '/notes?select=title',
    { title: 'ghost' },
    { Prefer: 'return=representation, tx=rollback' },
  );
  expect([answer.status, answer.json]).toEqual([201, [{ title: 'ghost' }]]);
  expect(answer.headers['preference-applied']).toBe('return=representation, tx=rollback');
  expect((await write('DELETE', '/parts', undefined, { Prefer: 'tx=rollback' })).status).toBe(204);
  expect(
    (
      await write(
        'PATCH',
        '/parts',
        { quantity: 100 },
        { Prefer: 'tx=rollback, max-affected=3, handling=strict' },
      )
    ).status,
  ).toBe(204);
  expect(await rows('select title from shop.notes')).toEqual([]);
  expect(await rows('select from shop.parts where quantity < 100')).toHaveLength(3);
  expect((await write('POST', '/notes', { title: 'real' }, { Prefer: 'tx=commit' })).status).toBe(201);
  expect(await rows('select title from shop.notes')).toEqual([{ title: 'real' }]);
});

test('one object is written and answered as one object, or not at all', async () => {
  const Accept = 'application/vnd.pgrst.object+json';
  const one = await write('POST', '/notes?select=title', { title: 'single' }, { ...FULL, Accept });
  expect([one.status, one.json]).toEqual([201, { title: 'single' }]);
  const many = await write('PATCH', '/parts?kind=eq.bolt', { quantity: 2 }, { ...FULL, Accept });
  expect([many.status, many.json.code, many.json.details]).toEqual([
    406,
    'PGRST116',
    'The result contains 2 rows',
  ]);
  const none = await write('DELETE', '/parts?kind=eq.none', undefined, { ...FULL, Accept });
  expect([none.status, none.json.code]).toEqual([406, 'PGRST116']);
  expect(await rows('select from shop.parts where quantity = 2')).toEqual([]);
});

test('a write through a view changes its table', async () => {
  const answer = await write('PATCH', '/book_list?id=eq.1&select=id,price', { price: 20.5 }, FULL);
  expect([answer.status, answer.json]).toEqual([200, [{ id: 1, price: 20.5 }]]);
  expect(await rows('select price from shop.books where id = 1')).toEqual([{ price: '20.50' }]);
  const fixed = await write('PATCH', '/price_list?id=eq.1', { price: 1 });
  expect([fixed.status, fixed.json.code]).toEqual([400, '42809']);
});

test('the same shape of write with other values writes the other values', async () => {
  for (const title of ['first', 'second', "third's"]) {
    const answer = await write('POST', '/notes?select=title', { title }, FULL);
    expect(answer.json).toEqual([{ title }]);
  }
});
