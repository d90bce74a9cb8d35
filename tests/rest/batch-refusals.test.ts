/** What is no batch, and what is too much for one. */
import { describe, expect, test } from 'vitest';
import { ada, get, post, TYPE, useBatchFixture } from './batch-fixture.ts';

const fixture = useBatchFixture();
const { batch, countOf, serveWith } = fixture;

describe('the document', () => {
  const wrong: [what: string, document: string, step: object | null][] = [
    ['that is no JSON', '{"requests": [', null],
    ['that is empty', '', null],
    ['that is an array', '[]', null],
    ['without requests', '{}', null],
    ['with requests that are no array', '{"requests": {}}', null],
    ['with a key that means nothing', '{"requests": [], "stopOnError": true}', null],
    ['with a request that is none', '{"requests": [1]}', { index: 0, name: null }],
    [
      'with a key of a request that means nothing',
      '{"requests": [{"name": "a", "method": "GET", "path": "/", "query": ""}]}',
      { index: 0, name: 'a' },
    ],
    ['without a method', '{"requests": [{"path": "/"}]}', { index: 0, name: null }],
    ['without a path', '{"requests": [{"method": "GET"}]}', { index: 0, name: null }],
    [
      'with a path to somewhere else',
      '{"requests": [{"method": "GET", "path": "https://example.com/"}]}',
      { index: 0, name: null },
    ],
    [
      'with a name twice',
      '{"requests": [{"name": "a", "method": "GET", "path": "/x"}, {"name": "a", "method": "GET", "path": "/x"}]}',
      { index: 1, name: 'a' },
    ],
    [
      'with a number for a name',
      '{"requests": [{"name": "0", "method": "GET", "path": "/x"}]}',
      { index: 0, name: null },
    ],
    [
      'with a name that is no text',
      '{"requests": [{"name": 1, "method": "GET", "path": "/x"}]}',
      { index: 0, name: null },
    ],
    [
      'with headers that are none',
      '{"requests": [{"method": "GET", "path": "/x", "headers": []}]}',
      { index: 0, name: null },
    ],
    [
      'with a header that is no text',
      '{"requests": [{"method": "GET", "path": "/x", "headers": {"Prefer": 1}}]}',
      { index: 0, name: null },
    ],
    [
      'with a header that has lines',
      '{"requests": [{"method": "GET", "path": "/x", "headers": {"Prefer": "a\\nb"}}]}',
      { index: 0, name: null },
    ],
    [
      'with a header twice',
      '{"requests": [{"method": "GET", "path": "/x", "headers": {"Prefer": "a", "prefer": "b"}}]}',
      { index: 0, name: null },
    ],
    [
      'with a body for a GET',
      '{"requests": [{"method": "GET", "path": "/x", "body": {}}]}',
      { index: 0, name: null },
    ],
    [
      'with a literal that is no boolean',
      '{"requests": [{"method": "POST", "path": "/x", "body": {}, "literal": 1}]}',
      { index: 0, name: null },
    ],
  ];
  test.each(wrong)('one %s is refused', async (_, document, step) => {
    const answer = await batch(document);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'AURA120', step });
  });

  test('a batch cannot hold a batch', async () => {
    const inner = post(
      '/',
      { requests: [] },
      { headers: { 'content-type': 'Application/vnd.aura.batch+json; charset=utf-8' } },
    );
    expect((await batch([inner])).json).toMatchObject({ code: 'AURA125', step: { index: 0 } });
    expect((await batch([post('/', {})])).json).toMatchObject({ code: 'PGRST117', step: { index: 0 } });
  });

  test('it takes no parameters in the URL', async () => {
    const answer = await fixture.api.request('POST', '/?select=id', {
      as: ada,
      headers: TYPE,
      body: '{"requests":[]}',
    });
    expect(answer.json).toMatchObject({ code: 'AURA120', step: null });
  });

  test('the answer is plain JSON for those who accept nothing else, and nothing for those who accept neither', async () => {
    const json = await batch([], { headers: { Accept: 'application/json' } });
    expect(json.headers['content-type']).toBe('application/json; charset=utf-8');
    const csv = await batch([post('/customer', { name: 'a' })], { headers: { Accept: 'text/csv' } });
    expect(csv.status).toBe(406);
    expect(csv.json).toMatchObject({ code: 'PGRST107', step: null });
    expect(await countOf('customer')).toBe(0);
  });

  test('minimal errors tell the request, too', async () => {
    const own = await serveWith({ 'client-error-verbosity': 'minimal' });
    const answer = await batch([get('/nowhere')], { to: own });
    expect(Object.keys(answer.json)).toEqual(['code', 'message', 'step']);
  });

  test('a token that is no good is refused before anything is read', async () => {
    const answer = await fixture.api.request('POST', '/', {
      headers: { ...TYPE, Authorization: 'Bearer eyJ.eyJ.x' },
      body: '{',
    });
    expect(answer.status).toBe(401);
  });
});

describe('limits', () => {
  test('it has at most so many requests', async () => {
    const many = Array.from({ length: 61 }, () => get('/customer'));
    expect((await batch(many)).json).toMatchObject({ code: 'AURA121', step: null });
    expect((await batch(many.slice(1))).status).toBe(200);
  });

  test('it is no larger than any body', async () => {
    const own = await serveWith({ 'server-max-body-size': 1000 });
    const large = [post('/customer', { name: 'x'.repeat(1000) })];
    expect((await batch(large, { to: own })).status).toBe(413);
  });

  test('all requests together have a time, and nothing stays of those that go beyond it', async () => {
    const own = await serveWith({ 'server-batch-timeout': 1 });
    const send = (requests: readonly unknown[]) => batch(requests, { to: own });
    const slow = post('/rpc/slow', { seconds: 0.7 });
    expect((await send([slow])).status).toBe(200);
    const answer = await send([post('/customer', { name: 'a' }), slow, { ...slow, name: 'late' }]);
    expect(answer.status).toBe(504);
    expect(answer.json).toMatchObject({ code: 'AURA127', step: { index: 2, name: 'late' } });
    expect(await countOf('customer')).toBe(0);
    expect((await send([get('/customer')])).status).toBe(200);
  });

  test('the results together have a size, and nothing stays of those that go beyond it', async () => {
    const own = await serveWith({ 'server-max-batch-result-size': 1500 });
    const send = (requests: readonly unknown[]) => batch(requests, { to: own });
    const long = (name: string) => ({
      ...post(`/customer`, { name, phone: '1'.repeat(500) }),
      headers: { Prefer: 'return=representation' },
      name,
    });
    const answer = await send([long('a'), long('b'), long('c')]);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'AURA128', step: { index: 2, name: 'c' } });
    expect(await countOf('customer')).toBe(0);
    expect((await send([long('a'), long('b')])).status).toBe(200);
    expect(await countOf('customer')).toBe(2);
  });

  test('each statement keeps its own time', async () => {
    const own = await serveWith({ 'db-statement-timeout': 1 });
    const answer = await batch([post('/rpc/slow', { seconds: 5 })], { to: own });
    expect(answer.json).toMatchObject({ code: '57014', step: { index: 0 } });
  });
});
