import { expect, test } from 'vitest';
import type { ApiAnswer } from '../support/api.ts';
import { startShop, useShop } from './fixture.ts';

const shop = useShop();
const accept = (type: string, path: string): Promise<ApiAnswer> =>
  shop.request('GET', path, { headers: { Accept: type } });

const OBJECT = 'application/vnd.pgrst.object+json';

test.each<[string, string]>([
  ['application/json', 'application/json; charset=utf-8'],
  ['*/*', 'application/json; charset=utf-8'],
  ['application/vnd.pgrst.array+json', 'application/json; charset=utf-8'],
  ['text/html, application/json;q=0.5', 'application/json; charset=utf-8'],
  ['text/csv;q=0.2, application/json;q=0.1', 'text/csv; charset=utf-8'],
  ['application/unknown, text/csv', 'text/csv; charset=utf-8'],
  ['text/csv, */*', 'text/csv; charset=utf-8'],
  ['text/csv', 'text/csv; charset=utf-8'],
  [OBJECT, `${OBJECT}; charset=utf-8`],
])('Accept: %s is answered as %s', async (type, expected) => {
  const answer = await accept(type, '/numbers?n=eq.1');
  expect([answer.status, answer.headers['content-type']]).toEqual([200, expected]);
});

test('what cannot be produced is refused, and says what was asked for', async () => {
  const answer = await accept('image/png, application/x-what', '/numbers');
  expect(answer.status).toBe(406);
  expect(answer.json).toEqual({
    code: 'PGRST107',
    details: null,
    hint: null,
    message: 'None of these media types are available: image/png, application/x-what',
  });
});

test('one object is answered as an object; none or several are refused', async () => {
  const one = await accept(OBJECT, '/numbers?n=eq.1');
  expect([one.status, one.body]).toEqual([200, '{"n":1,"word":"w1"}']);
  for (const [query, count] of [
    ['n=eq.0', 0],
    ['n=lt.4', 3],
  ] as const) {
    const answer = await accept(OBJECT, `/numbers?${query}`);
    expect(answer.status).toBe(406);
    expect(answer.json).toEqual({
      code: 'PGRST116',
      details: `The result contains ${count} rows`,
      hint: null,
      message: 'Cannot coerce the result to a single JSON object',
    });
  }
  expect((await accept(OBJECT, '/numbers?order=n&limit=1')).json).toEqual({ n: 1, word: 'w1' });
  expect((await accept(OBJECT, '/rpc/books_of?author=2&select=id')).json).toEqual({ id: 3 });
  expect((await accept(OBJECT, '/rpc/titles')).status).toBe(406);
});

test('nulls=stripped leaves out what is null, in arrays, objects and embeds', async () => {
  const select = 'select=id,pages,publishers(name,city)&id=in.(4,5)&order=id';
  const array = await accept('application/vnd.pgrst.array+json;nulls=stripped', `/books?${select}`);
  expect(array.headers['content-type']).toBe(
    'application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8',
  );
  expect(array.body.replaceAll(/\s/g, '')).toBe(
    '[{"id":4,"publishers":{"name":"Südhang","city":"Graz"}},{"id":5,"pages":210,"publishers":{"name":"Quay\\"7\\""}}]',
  );
  const object = await accept(`${OBJECT};nulls=stripped`, '/books?id=eq.4&select=id,pages');
  expect(object.json).toEqual({ id: 4 });
  const call = await accept('application/vnd.pgrst.array+json;nulls=stripped', '/rpc/table_out');
  expect(call.body.replaceAll(/\s/g, '')).toBe('[{"a":1,"b":"x"},{"a":2}]');
});

/** RFC 4180, read by hand: fields, quotes, doubled quotes, line breaks inside of quotes. */
function readCsv(text: string): (string | null)[][] {
  const lines: (string | null)[][] = [[]];
  const field = /("(?:[^"]|"")*"|[^",\n]*)(,|\n|$)/gy;
  for (let match = field.exec(text); match; match = field.exec(text)) {
    const raw = match[1] ?? '';
    lines
      .at(-1)
      ?.push(raw === '' ? null : raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (match[2] === '\n') lines.push([]);
    if (match[2] === '') break;
  }
  return lines;
}

test('CSV has a header line, and whatever is in a value comes out as it went in', async () => {
  const answer = await accept('text/csv', '/csv_rows?order=id');
  expect(answer.status).toBe(200);
  expect(answer.headers['content-length']).toBe(String(answer.bytes.length));
  expect(readCsv(answer.body)).toEqual([
    ['id', 'a,b', 'q"t', 'plain'],
    ['1', 'a,b', 'say "hi"', 'plain'],
    ['2', 'two\nlines', 'cr\r\nlf', 'tab\there'],
    ['3', 'back\\slash', null, ''],
    ['4', '(parens)', ' spaces ', 'NULL'],
    ['5', 'ünï', '"', '\\"'],
  ]);
  expect(answer.body.split('\n')[0]).toBe('id,"a,b","q""t",plain');
});

test('CSV of selected columns, of no rows, of a function and of written rows', async () => {
  expect((await accept('text/csv', '/numbers?select=word,m:n&n=lt.3&order=n')).body).toBe(
    'word,m\nw1,1\nw2,2',
  );
  expect((await accept('text/csv', '/numbers?n=eq.0')).status).toBe(200);
  expect((await accept('text/csv', '/rpc/table_out')).body).toBe('a,b\n1,x\n2,');
  const written = await shop.request('POST', '/csv_rows?select=id,plain', {
    body: [{ id: 50, plain: 'x,y' }],
    headers: { Accept: 'text/csv', Prefer: 'return=representation, tx=rollback' },
  });
  expect([written.status, written.body]).toEqual([201, 'id,plain\n50,"x,y"']);
});

test('CSV shows documents, arrays and embeds as text', async () => {
  const { body } = await accept('text/csv', '/books?select=id,tags,attributes,publishers(name)&id=eq.2');
  expect(readCsv(body)).toEqual([
    ['id', 'tags', 'attributes', 'publishers'],
    [
      '2',
      '{sea,ships}',
      '{"size": {"h": 30, "w": 20}, "cover": "soft", "langs": ["en"]}',
      '{"name": "Nordwind"}',
    ],
  ]);
});

test('CSV and JSON of one request tell the same', async () => {
  const query = '/books?select=id,title,isbn&order=id';
  const [csv, json] = await Promise.all([accept('text/csv', query), accept('application/json', query)]);
  const [header, ...lines] = readCsv(csv.body);
  const rows = (json.json as Record<string, unknown>[]).map((row) =>
    (header ?? []).map((name) => (row[name ?? ''] === null ? null : String(row[name ?? '']))),
  );
  expect(lines).toEqual(rows);
});

test('the execution plan is answered in text and JSON, with options', async () => {
  const text = await accept('application/vnd.pgrst.plan', '/numbers?n=eq.1');
  expect(text.status).toBe(200);
  expect(text.headers['content-type']).toBe(
    'application/vnd.pgrst.plan+text; for="application/json"; charset=utf-8',
  );
  expect(text.body).toMatch(/^Aggregate {2}\(cost=/);
  const json = await accept(
    'application/vnd.pgrst.plan+json; for="text/csv"; options=analyze|verbose|buffers|settings|wal',
    '/numbers?n=eq.1',
  );
  expect(json.status).toBe(200);
  const [explained] = JSON.parse(json.body);
  expect(explained).toHaveProperty('Execution Time');
  expect(JSON.stringify(explained)).toContain('numbers');
  const write = await shop.request('DELETE', '/numbers?n=eq.1', {
    headers: { Accept: 'application/vnd.pgrst.plan+json' },
  });
  expect(write.status).toBe(200);
  expect(write.body).toContain('ModifyTable');
  const [left] = (await shop.database.query('select count(*)::int as n from shop.numbers')).rows;
  expect(left).toEqual({ n: 100 });
});

test('without db-plan-enabled no plan is shown', async () => {
  const api = await startShop(shop.database, { 'db-plan-enabled': false });
  const answer = await api.request('GET', '/numbers', {
    headers: { Accept: 'application/vnd.pgrst.plan+json' },
  });
  expect([answer.status, answer.json.code]).toEqual([406, 'PGRST107']);
  await api.close();
});

test('a function whose result is a domain named like a media type answers in it', async () => {
  const page = await accept('text/html', '/rpc/page?who=me');
  expect([page.status, page.headers['content-type'], page.body]).toEqual([200, 'text/html', '<p>me</p>']);
  const dot = await accept('image/x-dot', '/rpc/dot');
  expect([dot.headers['content-type'], [...dot.bytes]]).toEqual(['image/x-dot', [0, 255, 16]]);
  const plain = await accept('text/plain', '/rpc/greeting');
  expect([plain.headers['content-type'], plain.body]).toEqual(['text/plain; charset=utf-8', 'grüß dich']);
  const refused = await accept('image/png', '/rpc/page');
  expect([refused.status, refused.json.code]).toEqual([406, 'PGRST107']);
});

test('a handler for any media type answers whatever is asked for', async () => {
  const answer = await accept('application/x-chosen', '/rpc/any_bytes');
  expect([answer.status, answer.headers['content-type'], [...answer.bytes]]).toEqual([
    200,
    'application/x-chosen',
    [1, 2],
  ]);
});

test('an aggregate over a table’s rows answers in its media type, for whole rows', async () => {
  const type = 'application/vnd.shop.titles';
  const answer = await accept(type, '/books?id=lt.3&order=id');
  expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([
    200,
    type,
    'The Quiet Harbour|Harbours and Ships',
  ]);
  const call = await accept(type, '/rpc/books_of?author=1');
  expect([call.status, call.body]).toEqual([200, 'The Quiet Harbour|Harbours and Ships']);
  const part = await accept(type, '/books?select=id,title');
  expect([part.status, part.json.code]).toEqual([406, 'PGRST107']);
  const other = await accept(type, '/numbers');
  expect(other.status).toBe(406);
});
