import { expect, test } from 'vitest';
import type { ApiAnswer } from '../support/api.ts';
import { startShop, useShop } from './fixture.ts';

const shop = useShop({ 'server-trace-header': 'X-Trace' });

// what SQL says of the answer ------------------------------------------------------------------------------------

const set = (headers: unknown, status = ''): Promise<ApiAnswer> =>
  shop.request('POST', '/rpc/set_answer', {
    body: { headers: typeof headers === 'string' ? headers : JSON.stringify(headers), status },
  });

test('response.headers sets headers, several of one name, and takes the place of ours', async () => {
  const answer = await set([
    { 'X-One': '1' },
    { 'Set-Cookie': 'a=1' },
    { 'Set-Cookie': 'b=2; Path=/' },
    { 'content-type': 'application/vnd.mine+json' },
    { Vary: 'Accept' },
  ]);
  expect(answer.status).toBe(200);
  expect(answer.headers).toMatchObject({
    'x-one': '1',
    'set-cookie': ['a=1', 'b=2; Path=/'],
    'content-type': 'application/vnd.mine+json',
    vary: 'Accept',
  });
});

test('a header’s text beyond ASCII is sent in UTF-8', async () => {
  const answer = await set([{ 'X-Name': 'grüße 名前' }]);
  expect(Buffer.from(String(answer.headers['x-name']), 'latin1').toString()).toBe('grüße 名前');
});

test.each([
  ['no JSON', 'X: y'],
  ['an object', '{"X": "y"}'],
  ['two keys in one', '[{"X": "y", "Z": "y"}]'],
  ['no key', '[{}]'],
  ['a number', '[{"X": 1}]'],
  ['a null', 'null'],
  ['a list in the list', '[["X", "y"]]'],
  ['a space in the name', '[{"X Y": "z"}]'],
  ['an empty name', '[{"": "z"}]'],
  ['a letter beyond ASCII in the name', '[{"Ü": "z"}]'],
  ['a line break in the value', '[{"X": "y\\r\\nSet-Cookie: stolen"}]'],
  ['a length of its own', '[{"Content-Length": "1"}]'],
  ['an encoding of its own', '[{"transfer-encoding": "chunked"}]'],
  ['the connection', '[{"Connection": "upgrade"}]'],
])('response.headers with %s is the function’s fault', async (_what, headers) => {
  const answer = await set(headers);
  expect(answer.status).toBe(500);
  expect(answer.json.code).toBe('PGRST111');
  // and the connection still knows where the next answer begins
  expect((await shop.request('GET', '/numbers?n=eq.1')).json).toEqual([{ n: 1, word: 'w1' }]);
});

test.each([201, 204, 205, 299, 304, 418, 503, 599])('response.status sets the status: %i', async (status) => {
  const answer = await set('', String(status));
  expect(answer.status).toBe(status);
  expect(answer.body).toBe([204, 205, 304].includes(status) ? '' : '"done"');
  if (status === 204) expect(answer.headers).not.toHaveProperty('content-length');
});

test.each(['abc', '99', '600', '100', '-200', '99999999999'])(
  'response.status %s is the function’s fault',
  async (status) => {
    const answer = await set('', status);
    expect([answer.status, answer.json.code]).toEqual([500, 'PGRST112']);
  },
);

test('what one request sets is gone for the next', async () => {
  await set([{ 'X-One': '1' }], '418');
  for (let round = 0; round < 8; round++) {
    const answer = await shop.request('GET', '/numbers?n=eq.1');
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('x-one');
  }
});

// what SQL raises ------------------------------------------------------------------------------------------------

const fail = (body: Record<string, unknown>, as?: string): Promise<ApiAnswer> =>
  shop.request('POST', '/rpc/fail', { body, ...(as === undefined ? {} : { as }) });

test.each<[string, number]>([
  ['P0001', 400],
  ['PT418', 418],
  ['PT404', 404],
  ['PT503', 503],
  ['23505', 409],
  ['23503', 409],
  ['23514', 400],
  ['22023', 400],
  ['42883', 404],
  ['42P01', 404],
  ['25006', 405],
  ['0L000', 403],
  ['28000', 403],
  ['08000', 503],
  ['53300', 503],
  ['53400', 500],
  ['54001', 500],
  ['55000', 500],
  ['57014', 500],
  ['58000', 500],
  ['XX000', 500],
  ['P0002', 500],
  ['40001', 500],
  ['HV000', 500],
  ['99999', 400],
])('an error that SQL raises with %s is answered %i, with its four fields', async (code, status) => {
  const answer = await fail({ code, message: 'no "way"', detail: 'because\nof ü', hint: 'try again' });
  expect(answer.status).toBe(status);
  expect(answer.json).toEqual({ code, message: 'no "way"', details: 'because\nof ü', hint: 'try again' });
  expect(answer.headers['proxy-status']).toBe(`PostgREST; error=${code}`);
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
});

test('a missing permission is 401 for who has no token and 403 for who has', async () => {
  const anonymous = await fail({ code: '42501' });
  expect([anonymous.status, anonymous.headers['www-authenticate']]).toEqual([401, 'Bearer']);
  const known = await fail({ code: '42501' }, 'authenticated');
  expect([known.status, known.headers['www-authenticate']]).toEqual([403, undefined]);
});

test('RAISE SQLSTATE PGRST makes the whole answer', async () => {
  const answer = await fail({
    code: 'PGRST',
    message: JSON.stringify({ code: '123', message: 'Päyment', details: 'D', hint: 'H' }),
    detail: JSON.stringify({ status: 402, headers: { 'X-Price': '5 €', Vary: 'X' } }),
  });
  expect(answer.status).toBe(402);
  expect(answer.json).toEqual({ code: '123', message: 'Päyment', details: 'D', hint: 'H' });
  expect(Buffer.from(String(answer.headers['x-price']), 'latin1').toString()).toBe('5 €');
  expect(answer.headers['vary']).toBe('X');
});

test('RAISE SQLSTATE PGRST may choose a status without a body, and a code that no header could hold', async () => {
  const empty = await fail({
    code: 'PGRST',
    message: JSON.stringify({ code: '1', message: 'm' }),
    detail: JSON.stringify({ status: 204, headers: {} }),
  });
  expect([empty.status, empty.body, empty.headers['content-length']]).toEqual([204, '', undefined]);
  const odd = await fail({
    code: 'PGRST',
    message: JSON.stringify({ code: 'a\r\nX-Evil: 1', message: 'm' }),
    detail: JSON.stringify({ status: 400, headers: {} }),
  });
  expect(odd.status).toBe(400);
  expect(odd.headers).not.toHaveProperty('x-evil');
});

const MESSAGE = JSON.stringify({ code: '1', message: 'm' });
test.each<[string, string, string | null]>([
  ['a message that is no JSON', 'plain', '{"status": 400, "headers": {}}'],
  ['a message without a code', '{"message": "m"}', '{"status": 400, "headers": {}}'],
  ['a message that is a list', '[]', '{"status": 400, "headers": {}}'],
  ['a message with a number for a code', '{"code": 1, "message": "m"}', '{"status": 400, "headers": {}}'],
  [
    'a message with an object for details',
    '{"code": "1", "message": "m", "details": {}}',
    '{"status": 400, "headers": {}}',
  ],
  ['no detail', MESSAGE, null],
  ['a detail that is no JSON', MESSAGE, 'x'],
  ['a detail without headers', MESSAGE, '{"status": 400}'],
  ['a status that is a text', MESSAGE, '{"status": "400", "headers": {}}'],
  ['a status that is none', MESSAGE, '{"status": 99, "headers": {}}'],
  ['a status with a fraction', MESSAGE, '{"status": 400.5, "headers": {}}'],
  ['a header that is a number', MESSAGE, '{"status": 400, "headers": {"X": 1}}'],
  ['a header with a bad name', MESSAGE, '{"status": 400, "headers": {"X Y": "1"}}'],
  ['a header of the connection', MESSAGE, '{"status": 400, "headers": {"Content-Length": "1"}}'],
])('RAISE SQLSTATE PGRST with %s is the function’s fault', async (_what, message, detail) => {
  const answer = await fail({ code: 'PGRST', message, detail });
  expect(answer.status).toBe(500);
  expect(answer.json).toMatchObject({
    code: 'PGRST121',
    message: 'Could not parse JSON in the "RAISE SQLSTATE \'PGRST\'" error',
    hint: expect.stringMatching(/^(MESSAGE|DETAIL) must be a JSON object/),
  });
  expect((await shop.request('GET', '/numbers?n=eq.1')).status).toBe(200);
});

test('an error undoes what the request had done', async () => {
  await shop.database.query(`create function shop.write_and_fail() returns void language plpgsql as
    $$ begin insert into shop.log values ('undone', 1); raise exception 'no'; end $$; notify pgrst, 'reload schema'`);
  const code = async (): Promise<unknown> => (await shop.request('POST', '/rpc/write_and_fail')).json?.code;
  await expect.poll(code, { timeout: 10_000 }).toBe('P0001');
  expect((await shop.database.query(`select from shop.log where entry = 'undone'`)).rows).toEqual([]);
});

// errors ---------------------------------------------------------------------------------------------------------

test('client-error-verbosity=minimal leaves code and message', async () => {
  const api = await startShop(shop.database, { 'client-error-verbosity': 'minimal' });
  const bad = await api.request('GET', '/bookss');
  expect(bad.json).toEqual({
    code: 'PGRST205',
    message: "Could not find the table 'shop.bookss' in the schema cache",
  });
  const beyond = await api.request('GET', '/numbers?offset=1000', { headers: { Prefer: 'count=exact' } });
  expect([beyond.status, Object.keys(beyond.json)]).toEqual([416, ['code', 'message']]);
  await api.close();
});

test('HEAD answers an error without a body, but with its code', async () => {
  const answer = await shop.request('HEAD', '/bookss');
  expect([answer.status, answer.body, answer.headers['proxy-status']]).toEqual([
    404,
    '',
    'PostgREST; error=PGRST205',
  ]);
});

test('the trace header comes back as it was sent, on errors, too', async () => {
  const trace = Buffer.from('spur-ü').toString('latin1');
  for (const path of ['/numbers?n=eq.1', '/nothing']) {
    const answer = await shop.request('GET', path, { headers: { 'X-Trace': trace } });
    expect(answer.headers['x-trace']).toBe(trace);
  }
});

test('Server-Timing names the stages where it is switched on', async () => {
  const api = await startShop(shop.database, { 'server-timing-enabled': true });
  const answer = await api.request('GET', '/numbers?n=eq.1');
  expect(answer.headers['server-timing']).toMatch(
    /^jwt;dur=[\d.]+, parse;dur=[\d.]+, plan;dur=[\d.]+, transaction;dur=[\d.]+, response;dur=[\d.]+$/,
  );
  expect((await shop.request('GET', '/numbers?n=eq.1')).headers).not.toHaveProperty('server-timing');
  await api.close();
});

test('answers are the same without prepared statements, without a plan cache, and with a single connection', async () => {
  const others = await Promise.all(
    [
      { 'db-prepared-statements': false },
      { 'db-plan-cache-size': 0 },
      { 'db-pool': 1, 'db-max-statements': 1 },
    ].map((settings) => startShop(shop.database, settings)),
  );
  const requests = [
    ['GET', '/books?select=id,title,reviews(id),publishers(name)&id=in.(1,2)&order=id&reviews.order=id'],
    ['GET', '/books?select=id&or=(title.like.*a*,id.eq.1)&order=id&limit=2&offset=1'],
    ['GET', '/rpc/add?a=1&b=2'],
    ['GET', '/rpc/join_words?separator=-&words=a&words=b'],
    ['GET', '/bookss'],
    ['GET', '/books?id=eq.x'],
    ['POST', '/rpc/books_of?select=id&order=id', { author: 1 }],
    ['POST', '/notes?select=title,amount', { title: 'x' }],
    ['PATCH', '/parts?kind=eq.x', { quantity: 1 }],
    ['DELETE', '/parts?kind=eq.x'],
  ] as const;
  const headers = { Prefer: 'return=representation, count=exact, tx=rollback' };
  for (let round = 0; round < 2; round++) {
    for (const [method, path, body] of requests) {
      const expected = await shop.request(method, path, { body, headers });
      for (const other of others) {
        const found = await other.request(method, path, { body, headers });
        expect([found.status, found.body, found.headers['content-range']], `${method} ${path}`).toEqual([
          expected.status,
          expected.body,
          expected.headers['content-range'],
        ]);
      }
    }
  }
  await Promise.all(others.map((other) => other.close()));
});

// OPTIONS and the root -------------------------------------------------------------------------------------------

test.each<[string, string]>([
  ['/books', 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE'],
  ['/log', 'OPTIONS,GET,HEAD,POST,PATCH,DELETE'],
  ['/price_list', 'OPTIONS,GET,HEAD'],
  ['/rpc/add', 'OPTIONS,GET,HEAD,POST'],
  ['/rpc/write_entry', 'OPTIONS,POST'],
  ['/', 'OPTIONS,GET,HEAD'],
])('OPTIONS %s allows %s', async (path, allow) => {
  const answer = await shop.request('OPTIONS', path);
  expect([answer.status, answer.body, answer.headers['allow']]).toEqual([200, '', allow]);
});

test('OPTIONS of what is not there is not found', async () => {
  expect((await shop.request('OPTIONS', '/nothing')).json.code).toBe('PGRST205');
  expect((await shop.request('OPTIONS', '/rpc/nothing')).json.code).toBe('PGRST202');
});

test('a browser’s preflight is answered, and its origin may read every answer', async () => {
  const preflight = await shop.request('OPTIONS', '/books', {
    headers: {
      Origin: 'https://app.example',
      'Access-Control-Request-Method': 'PATCH',
      'Access-Control-Request-Headers': 'apikey, content-type',
    },
  });
  expect([preflight.status, preflight.body]).toEqual([200, '']);
  expect(preflight.headers).toMatchObject({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD',
    'access-control-max-age': '86400',
  });
  expect(preflight.headers['access-control-allow-headers']).toMatch(/Authorization.*apikey.*content-type/i);
  for (const path of ['/numbers?n=eq.1', '/nothing']) {
    const answer = await shop.request('GET', path, { headers: { Origin: 'https://app.example' } });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(answer.headers['access-control-expose-headers']).toContain('Content-Range');
  }
  expect((await shop.request('GET', '/numbers?n=eq.1')).headers).not.toHaveProperty(
    'access-control-allow-origin',
  );
});

test('with server-cors-allowed-origins others may not read, and caches keep origins apart', async () => {
  const api = await startShop(shop.database, {
    'server-cors-allowed-origins': 'https://a.example, https://b.example',
  });
  const from = (Origin: string, method = 'GET', more: Record<string, string> = {}): Promise<ApiAnswer> =>
    api.request(method, '/numbers?n=eq.1', { headers: { Origin, ...more } });
  const allowed = await from('https://b.example');
  expect(allowed.headers).toMatchObject({
    'access-control-allow-origin': 'https://b.example',
    'access-control-allow-credentials': 'true',
  });
  expect(allowed.headers.vary).toContain('Origin');
  const other = await from('https://evil.example');
  expect(other.status).toBe(200);
  expect(other.headers).not.toHaveProperty('access-control-allow-origin');
  expect(other.headers.vary).toContain('Origin');
  const preflight = await from('https://evil.example', 'OPTIONS', { 'Access-Control-Request-Method': 'GET' });
  expect(preflight.headers).not.toHaveProperty('access-control-allow-origin');
  expect((await from('https://a.example', 'OPTIONS')).headers['access-control-allow-origin']).toBe(
    'https://a.example',
  );
  await api.close();
});

test('db-root-spec answers the root with a function', async () => {
  const api = await startShop(shop.database, { 'db-root-spec': 'titles' });
  expect((await api.request('GET', '/')).json).toHaveLength(3);
  await api.close();
});

test('rest-prefix / serves REST at the root, another prefix only below it', async () => {
  const root = await startShop(shop.database, { 'rest-prefix': '/' });
  expect((await root.request('GET', '/numbers?n=eq.1')).json).toEqual([{ n: 1, word: 'w1' }]);
  await root.close();
  const api = await startShop(shop.database, { 'rest-prefix': '/api/data' });
  expect((await api.request('GET', '/numbers?n=eq.1')).status).toBe(200);
  const elsewhere = await api.raw('GET /numbers HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(elsewhere).toMatch(/^HTTP\/1\.1 404 /);
  await api.close();
});
