/** Batches: what their users see. */
import { describe, expect, test } from 'vitest';
import { ada, get, post, RETURN, useBatchFixture } from './batch-fixture.ts';

const fixture = useBatchFixture();
const { batch, countOf, serveWith } = fixture;

describe('several requests are one', () => {
  test('they run in their order and are answered in it, each with status, headers and body', async () => {
    const answer = await batch([
      post('/customer?select=name', { name: 'Kai' }, { name: 'made', headers: RETURN }),
      get('/customer?select=name,owner', { headers: { Prefer: 'count=exact' } }),
      { method: 'PATCH', path: '/customer?name=eq.Kai', body: { name: 'Kim' } },
      { method: 'HEAD', path: '/customer' },
      { method: 'DELETE', path: '/customer?name=eq.Kim&select=name', headers: RETURN },
      get('/customer'),
    ]);
    expect(answer.status, answer.body).toBe(200);
    expect(answer.headers['content-type']).toBe('application/vnd.aura.batch+json; charset=utf-8');
    const { results } = answer.json;
    expect(results.map((result: { status: number }) => result.status)).toEqual([
      201, 200, 204, 200, 200, 200,
    ]);
    expect(results.map((result: { body: unknown }) => result.body)).toEqual([
      [{ name: 'Kai' }],
      [{ name: 'Kai', owner: 'ada' }],
      null,
      null,
      [{ name: 'Kim' }],
      [],
    ]);
    expect(results[0].name).toBe('made');
    expect(results[1].name).toBe(null);
    expect(results[1].headers).toMatchObject({
      'content-range': '0-0/1',
      'content-type': 'application/json; charset=utf-8',
      'preference-applied': 'count=exact',
    });
  });

  test('an answer in a batch is the answer that the request gets by itself, byte for byte', async () => {
    await fixture.database.query(`
      insert into customer (owner, name) values ('ada', 'Zoë'), ('ada', 'x');
      insert into orders (customer_id, total, document) values
        (1, 12345678901234567890.1200, '{"b" : 1.000,  "a": 9007199254740993, "b":2}'), (2, 1e20, 'null')`);
    const requests = [
      get('/orders?select=*,customer(*)&order=id'),
      get('/orders?select=total,b:document->b,customer!inner(name)&customer.name=eq.Zoë'),
      get('/customer?name=eq.Zo%C3%AB', { headers: { Accept: 'application/vnd.pgrst.object+json' } }),
      get('/customer?order=id', { headers: { Accept: 'text/csv' } }),
      get('/customer?order=id', { headers: { Range: '1-1', 'Range-Unit': 'items' } }),
      get('/rpc/identity'),
      post('/rpc/setting', { name: 'request.method' }),
      get('/thing', { headers: { 'Accept-Profile': 'other' } }),
      { method: 'OPTIONS', path: '/customer' },
    ];
    const { body, json } = await batch(requests);
    for (const [index, request] of requests.entries()) {
      const { method, path, headers, body: sent } = request as ReturnType<typeof post> & { headers?: object };
      const alone = await fixture.api.request(method, encodeURI(decodeURI(path)), {
        as: ada,
        headers: { ...headers },
        ...(sent === undefined ? {} : { body: sent }),
      });
      const result = json.results[index];
      expect(result.status).toBe(alone.status);
      if (alone.json !== undefined) expect(body).toContain(`"body":${alone.body}}`);
      else expect(result.body ?? '').toBe(alone.body);
      for (const name of ['content-type', 'content-range', 'content-location', 'etag', 'content-profile']) {
        expect(result.headers[name], `${path} ${name}`).toBe(alone.headers[name]);
      }
    }
  });

  test('no request at all is no result', async () => {
    expect((await batch([])).json).toEqual({ results: [] });
  });

  test('an error is the answer to all, names the request and leaves nothing behind', async () => {
    const answer = await batch([
      post('/customer', { name: 'Kai' }),
      post('/customer', { name: 'Kai' }, { name: 'again' }),
      post('/customer', { name: 'Kim' }),
    ]);
    expect(answer.status).toBe(409);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.json).toMatchObject({ code: '23505', step: { index: 1, name: 'again' } });
    expect(Object.keys(answer.json)).toEqual(['code', 'details', 'hint', 'message', 'step']);
    expect(await countOf('customer')).toBe(0);
  });

  test('what is wrong with a later request is said before an earlier one is run', async () => {
    const answer = await batch([post('/rpc/climb', {}), get('/nowhere')]);
    expect(answer.status).toBe(404);
    expect(answer.json).toMatchObject({ code: 'PGRST205', step: { index: 1, name: null } });
  });

  test('an error of the commit belongs to no request', async () => {
    const made = post('/receipt', { order_id: 12345 });
    const answer = await batch([made, get('/receipt')]);
    expect(answer.status).toBe(409);
    expect(answer.json).toMatchObject({ code: '23503', step: null });
    expect(await countOf('receipt')).toBe(0);
  });

  test('a constraint that is deferred may be broken in between', async () => {
    const answer = await batch([
      post('/receipt', { order_id: 77 }),
      post('/customer', { name: 'Kai' }, { name: 'kai', headers: RETURN }),
      post('/orders', { id: 77, customer_id: { $ref: '#/kai/body/0/id' } }),
    ]);
    expect(answer.status, answer.body).toBe(200);
    expect(await countOf('receipt')).toBe(1);
  });

  test('a range that has no rows is an error like any other', async () => {
    const answer = await batch([
      post('/customer', { name: 'Kai' }),
      get('/customer?offset=5', { headers: { Prefer: 'count=exact' } }),
    ]);
    expect(answer.status).toBe(416);
    expect(answer.json).toMatchObject({ code: 'PGRST103', step: { index: 1, name: null } });
    expect(await countOf('customer')).toBe(0);
  });

  test('each request has its own preferences', async () => {
    await fixture.database.query(`insert into customer (owner, name) values ('ada', 'a'), ('ada', 'b')`);
    const merged = await batch([
      post('/customer?on_conflict=owner,name', [{ name: 'a' }, { name: 'c' }], {
        headers: { Prefer: 'resolution=ignore-duplicates, return=representation' },
      }),
      post('/customer', { name: 'd' }, { headers: { Prefer: 'return=headers-only' } }),
      get('/customer', { headers: { Prefer: 'count=exact' } }),
    ]);
    expect(merged.status, merged.body).toBe(200);
    expect(merged.json.results[0].body).toMatchObject([{ name: 'c' }]);
    expect(merged.json.results[1].headers['location']).toMatch(/^\/customer\?id=eq\.\d+$/);
    expect(merged.json.results[2].headers['content-range']).toBe('0-3/4');
    const limited = await batch([
      post('/customer', { name: 'e' }),
      {
        method: 'DELETE',
        path: '/customer?name=in.(a,b,c)',
        headers: { Prefer: 'max-affected=2, handling=strict' },
      },
    ]);
    expect(limited.json).toMatchObject({ code: 'PGRST124', step: { index: 1 } });
    expect(await countOf('customer')).toBe(4);
  });

  test('a function chooses the status and the headers of its own result', async () => {
    const { status, json } = await batch([post('/rpc/teapot', {}), get('/customer')]);
    expect(status).toBe(200);
    expect(json.results[0]).toMatchObject({ status: 418, body: 'short and stout' });
    expect(json.results[0].headers).toMatchObject({ 'x-pot': ['one', 'two'], 'x-lid': 'three' });
    expect(json.results[1].status).toBe(200);
    expect(json.results[1].headers).not.toHaveProperty('x-pot');
  });

  test('what a function raises for HTTP reaches the client', async () => {
    const answer = await batch([get('/customer'), post('/rpc/refuse', {}, { name: 'gate' })]);
    expect(answer.status).toBe(432);
    expect(answer.headers['x-why']).toBe('because');
    expect(answer.json).toEqual({
      code: 'T1',
      message: 'no',
      details: 'd',
      hint: 'h',
      step: { index: 1, name: 'gate' },
    });
  });
});

describe('a request may be a nested write', () => {
  const nested = (note: unknown, more: object = {}) =>
    post(
      '/customer',
      { name: 'Kai', orders: [{ note, total: 1.5 }] },
      { name: 'made', headers: RETURN, ...more },
    );

  test('values flow into it and out of it', async () => {
    const answer = await batch([
      post('/customer', { name: 'Ann', phone: '12345678901234567890' }, { name: 'first', headers: RETURN }),
      nested({ $ref: '#/first/body/0/phone' }),
      post('/orders', { customer_id: { $ref: '#/made/body/0/orders/0/customer_id' }, note: 'next' }),
      get('/customer?select=name,orders(note)&order=id&orders.order=id'),
    ]);
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json.results[1]).toMatchObject({
      status: 201,
      body: [{ id: 2, owner: 'ada', orders: [{ customer_id: 2, note: '12345678901234567890', total: 1.5 }] }],
    });
    expect(answer.json.results[3].body).toEqual([
      { name: 'Ann', orders: [] },
      { name: 'Kai', orders: [{ note: '12345678901234567890' }, { note: 'next' }] },
    ]);
  });

  test('values flow into its filters', async () => {
    const answer = await batch([
      post('/customer', { name: 'Ann', phone: 'b' }, { name: 'first', headers: RETURN }),
      post(
        '/customer?select=name,orders(note)&orders.note=eq.{#/first/body/0/phone}',
        { name: 'Kai', orders: [{ note: 'a' }, { note: 'b' }] },
        { headers: RETURN },
      ),
    ]);
    expect(answer.json.results[1].body).toEqual([{ name: 'Kai', orders: [{ note: 'b' }] }]);
  });

  test('what goes wrong in it undoes the batch, and is said to be its own', async () => {
    const own = await serveWith({ 'db-tx-end': 'commit-allow-override' });
    for (const wrong of [
      post('/customer', { name: 'Kai', orders: [{ total: 'much' }] }),
      post('/customer', { name: 'Kai', orders: 5 }),
      post('/customer', { name: 'Kai', orders: [{ nothing: 1 }] }),
      nested('x', { headers: { Prefer: 'tx=rollback' } }),
      nested('x', { headers: { 'If-None-Match': '*' } }),
    ]) {
      const answer = await batch([post('/customer', { name: 'Ann' }), wrong], { to: own });
      expect(answer.status, answer.body).toBe(400);
      expect(answer.json.step).toMatchObject({ index: 1 });
      expect(await countOf('customer')).toBe(0);
    }
  });

  test('a nested write is a request like any other, with values of earlier answers and for later ones', async () => {
    const nested = post(
      '/customer?select=name,orders(id,note)',
      {
        name: 'Nested',
        phone: { $ref: '#/0/status' },
        orders: [
          { note: 'x', total: 1 },
          { note: 'y', total: 2 },
        ],
      },
      { name: 'nested', headers: RETURN },
    );
    const orders = get('/orders?select=note&id=eq.{#/nested/body/0/orders/1/id}');
    const done = await batch([get('/customer'), nested, orders]);
    expect(done.status, done.body).toBe(200);
    expect(done.json.results[1].body).toMatchObject([
      { name: 'Nested', orders: [{ note: 'x' }, { note: 'y' }] },
    ]);
    expect(done.json.results[2].body).toEqual([{ note: 'y' }]);
    expect((await fixture.database.query('select phone from customer')).rows).toEqual([{ phone: '200' }]);
    const undone = await batch([
      post('/customer', { name: 'Other', orders: [{ note: 'z' }] }),
      post('/rpc/refuse', {}),
    ]);
    expect(undone.json).toMatchObject({ code: 'T1', step: { index: 1 } });
    const refused = await batch([
      post('/customer', { name: 'Other', owner: 'bob', orders: [{ note: 'z' }] }),
    ]);
    expect(refused.json).toMatchObject({ code: '42501', step: { index: 0 } });
    const conditional = await batch([get('/customer'), { ...nested, headers: { 'If-None-Match': '*' } }]);
    expect(conditional.json).toMatchObject({ code: 'AURA132', step: { index: 1 } });
    expect([await countOf('customer'), await countOf('orders')]).toEqual([1, 2]);
  });
});

describe('bodies of other types', () => {
  test('CSV and text come and go as strings', async () => {
    const answer = await batch([
      post('/customer', 'name,phone\n"Kai, K.",1\nKim,NULL\n', { headers: { 'Content-Type': 'text/csv' } }),
      get('/customer?select=name,phone&order=id', { headers: { Accept: 'text/csv' } }),
      get('/rpc/page', { headers: { Accept: 'text/html' } }),
    ]);
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json.results[1].body).toBe('name,phone\n"Kai, K.",1\nKim,');
    expect(answer.json.results[2]).toMatchObject({ body: '<p>"hi" é</p>' });
    expect(answer.json.results[2]).not.toHaveProperty('encoding');
  });

  test('lines that would be streamed are one string', async () => {
    await fixture.database.query(`insert into customer (owner, name) values ('ada', 'a'), ('ada', 'b')`);
    const lines = get('/customer?select=name&order=id', { headers: { Accept: 'application/x-ndjson' } });
    const answer = await batch([lines]);
    expect(answer.json.results[0].body).toBe('{"name":"a"}\n{"name":"b"}\n');
  });

  test('bytes come and go as base64, and say so', async () => {
    const bytes = Buffer.from([0, 255, 34, 92, 10, 200]).toString('base64');
    const own = await serveWith({});
    const answer = await batch(
      [
        post('/image', { id: 1, content: '\\x00ff' }),
        post('/rpc/raw', { content: '\\x00ff225c0ac8' }, { headers: { Accept: 'application/octet-stream' } }),
      ],
      { to: own },
    );
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json.results[1]).toMatchObject({ encoding: 'base64', body: bytes });
  });

  test.each([
    ['a text that is none', post('/customer', { name: 'a' }, { headers: { 'Content-Type': 'text/csv' } })],
    [
      'base64 that is none',
      post('/customer', 'ä', { headers: { 'Content-Type': 'text/csv' }, encoding: 'base64' }),
    ],
    ['another encoding', post('/customer', '', { encoding: 'rot13' })],
  ])('%s is refused', async (_, request) => {
    expect((await batch([request])).json).toMatchObject({ code: 'AURA120', step: { index: 0 } });
  });
});

describe('the root', () => {
  test('the root itself is as it was', async () => {
    expect((await fixture.api.request('OPTIONS', '/')).headers['allow']).toBe('OPTIONS,GET,HEAD');
    expect((await fixture.api.request('POST', '/', { as: ada, body: {} })).json).toMatchObject({
      code: 'PGRST117',
    });
    expect((await fixture.api.request('GET', '/', { as: ada })).status).toBe(200);
  });

  test('it is there where the root is closed, or is a function', async () => {
    for (const settings of [
      { 'openapi-mode': 'disabled' },
      { 'db-root-spec': 'identity' },
      { 'rest-prefix': '/' },
    ]) {
      const answer = await batch([get('/rpc/identity')], { to: await serveWith(settings) });
      expect(answer.json.results[0].body).toMatchObject({ sub: 'ada' });
    }
  });
});
