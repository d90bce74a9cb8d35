/** What a request of a batch takes of the answers before it. */
import { describe, expect, test } from 'vitest';
import { get, post, RETURN, useBatchFixture } from './batch-fixture.ts';

const fixture = useBatchFixture();
const { batch, countOf } = fixture;

describe('references', () => {
  test('a body takes values of earlier answers, at any depth, by name or by number', async () => {
    const answer = await batch([
      post('/customer?select=id', { name: 'Kai' }, { name: 'kai', headers: RETURN }),
      post(
        '/orders?select=customer_id,note,document',
        [
          {
            customer_id: { $ref: '#/kai/body/0/id' },
            note: { $ref: '#/0/name' },
            document: { s: [{ $ref: '#/kai/status' }] },
          },
          { customer_id: { $ref: '#/0/body/0/id' }, note: null, document: { $ref: '#/kai/body' } },
        ],
        { headers: RETURN },
      ),
    ]);
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json.results[1].body).toEqual([
      { customer_id: 1, note: 'kai', document: { s: [201] } },
      { customer_id: 1, note: null, document: [{ id: 1 }] },
    ]);
  });

  test('numbers keep their digits, in bodies and in paths', async () => {
    // JavaScript cannot write such numbers: the document is text
    const text = `{"requests": [
      {"method": "POST", "path": "/customer", "body": {"id": 1, "name": "Kai"}},
      {"name": "big", "method": "POST", "path": "/orders?select=id,total", "headers": {"Prefer": "return=representation"},
       "body": {"id": 9223372036854775807, "customer_id": 1, "total": 123456789012345678901234567890.1230}},
      {"name": "same", "method": "GET", "path": "/orders?select=id,total&id=eq.{#/big/body/0/id}"},
      {"method": "POST", "path": "/orders?select=total", "headers": {"Prefer": "return=representation"},
       "body": {"customer_id": 1, "total": {"$ref": "#/same/body/0/total"}}}]}`;
    const exact = await batch(text);
    expect(exact.status, exact.body).toBe(200);
    expect(exact.body).toContain(
      '"body":[{"id":9223372036854775807,"total":123456789012345678901234567890.1230}]',
    );
    expect(exact.body).toContain('"body":[{"total":123456789012345678901234567890.1230}]');
  });

  test('a body that needs no value reaches PostgreSQL as it is written', async () => {
    const exact = await batch(`{"requests": [
      {"method": "POST", "path": "/customer", "body": {"name": "Kai"}},
      {"method": "POST", "path": "/orders?select=document", "headers": {"Prefer": "return=representation"},
       "body": {"customer_id": 1, "document": {"x" :  1.50, "\\u0061": "\\u00e9"}}}]}`);
    expect(exact.body).toContain('"document":{"x" :  1.50, "\\u0061": "\\u00e9"}');
  });

  test('a value in a path is a value, whatever is in it', async () => {
    await fixture.database.query(`
      insert into customer (owner, name) values
        ('ada', 'a,b) or (c&select=owner%'), ('ada', 'a'), ('ada', 'not.is.null'), ('ada', 'say "x"')`);
    const answer = await batch([
      get('/customer?select=name&order=id', { name: 'all' }),
      get('/customer?select=name&name=eq.{#/all/body/0/name}'),
      get('/customer?select=name&name=in.({#/all/body/0/name},{#/all/body/3/name})&order=id'),
      get('/customer?select=name&name=eq.{#/all/body/2/name}'),
      get('/customer?select=name&name=like.{#/all/body/1/name}*&order=id'),
    ]);
    expect(answer.status, answer.body).toBe(200);
    const bodies = answer.json.results.map((result: { body: { name: string }[] }) =>
      result.body.map(({ name }) => name),
    );
    expect(bodies.slice(1)).toEqual([
      ['a,b) or (c&select=owner%'],
      ['a,b) or (c&select=owner%', 'say "x"'],
      ['not.is.null'],
      ['a,b) or (c&select=owner%', 'a'],
    ]);
    expect(answer.json.results[1].headers['content-location']).toBe(
      `/customer?name=${encodeURIComponent('eq.a,b) or (c&select=owner%').replace(/[()]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}&select=name`,
    );
  });

  test('an argument of a function takes a value, even one that looks like a filter', async () => {
    await fixture.database.query(`insert into customer (owner, name) values ('ada', 'eq.5')`);
    const answer = await batch([get('/customer?select=name'), get('/rpc/setting?name={#/0/body/0/name}')]);
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json.results[1].body).toBe(null);
  });

  test('PostgreSQL checks the type of what is referred to', async () => {
    const answer = await batch([
      post('/customer?select=name', { name: 'Kai' }, { headers: RETURN }),
      post('/orders', { customer_id: { $ref: '#/0/body/0/name' } }, { name: 'typed' }),
    ]);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: '22P02', step: { index: 1, name: 'typed' } });
    const filter = await batch([
      post('/customer?select=name', { name: 'Kai' }, { headers: RETURN }),
      get('/orders?id=eq.{#/0/body/0/name}'),
    ]);
    expect(filter.json).toMatchObject({ code: '22P02', step: { index: 1 } });
    expect(await countOf('customer')).toBe(0);
  });

  test('names with any characters are reached by the rules of JSON Pointer in a fragment', async () => {
    const answer = await batch([
      post('/customer?select=name', { name: 'Kai' }, { name: 'a/b~c %é', headers: RETURN }),
      post(
        '/customer?select=name',
        { name: { $ref: '#/a~1b~0c%20%25%C3%A9/headers/content-type' } },
        { headers: RETURN },
      ),
    ]);
    expect(answer.status, answer.body).toBe(200);
    expect(answer.json.results[1].body).toEqual([{ name: 'application/json; charset=utf-8' }]);
  });

  test('a literal body keeps what looks like a reference', async () => {
    const document = { $ref: '#/definitions/address' };
    const answer = await batch([
      post('/customer', { id: 1, name: 'Kai' }),
      post('/orders?select=document', { customer_id: 1, document }, { literal: true, headers: RETURN }),
    ]);
    expect(answer.json.results[1].body).toEqual([{ document }]);
  });

  test('an object with further members is no reference', async () => {
    const document = { $ref: '#/definitions/address', title: 'x', in: { $ref: 1 } };
    const answer = await batch([
      post('/customer', { id: 1, name: 'Kai' }),
      post('/orders?select=document', { customer_id: 1, document }, { headers: RETURN }),
    ]);
    expect(answer.json.results[1].body).toEqual([{ document }]);
  });

  const refused: [what: string, request: object, code: string][] = [
    ['to an unknown name', post('/customer', { name: { $ref: '#/who/body/0/name' } }), 'AURA122'],
    ['to itself', post('/customer', { name: { $ref: '#/1/body' } }), 'AURA122'],
    ['to a later request', post('/customer', { name: { $ref: '#/last/body' } }), 'AURA122'],
    ['that is no pointer', post('/customer', { name: { $ref: 'first/body' } }), 'AURA122'],
    ['with a wrong escape', post('/customer', { name: { $ref: '#/first/bo~2dy' } }), 'AURA122'],
    ['with broken percent-encoding', get('/customer?name=eq.{#/first/%C3}'), 'AURA122'],
    [
      'that goes deeper than anybody needs',
      post('/customer', { name: { $ref: `#/first${'/0'.repeat(40)}` } }),
      'AURA122',
    ],
    ['in place of a table', get('/{#/first/body/0/name}'), 'AURA122'],
    ['in place of a column', get('/customer?{#/first/body/0/name}=eq.1'), 'AURA122'],
    ['in place of an operator', get('/customer?name={#/first/body/0/name}'), 'AURA122'],
    ['in a select', get('/customer?select={#/first/body/0/name}'), 'AURA122'],
    ['in an order', get('/customer?order={#/first/body/0/name}'), 'AURA122'],
    ['in a limit', get('/customer?limit={#/first/body/0/id}'), 'AURA122'],
    ['in an offset', get('/customer?offset={#/first/body/0/id}'), 'AURA122'],
    ['in an encoded offset', get('/customer?%6Fffset={#/first/body/0/id}'), 'AURA122'],
    ['in a logic tree', get('/customer?or=(name.eq.{#/first/body/0/name},id.eq.1)'), 'AURA122'],
    ['with is', get('/customer?name=is.{#/first/body/0/name}'), 'AURA122'],
    ['that begins nothing', get('/customer?name=eq.x#/first'), 'AURA122'],
    ['to a row that is not there', post('/customer', { name: { $ref: '#/first/body/1/name' } }), 'AURA123'],
    ['to a column that is not there', get('/customer?name=eq.{#/first/body/0/nam}'), 'AURA123'],
    ['into a text', post('/customer', { name: { $ref: '#/first/body/0/name/0' } }), 'AURA123'],
    ['to a part that answers have not', post('/customer', { name: { $ref: '#/first/boddy' } }), 'AURA123'],
    ['to null in a path', get('/customer?name=eq.{#/first/body/0/nothing}'), 'AURA123'],
  ];
  test.each(refused)('one %s is refused, and nothing is done', async (_, request, code) => {
    const answer = await batch([
      post('/customer?select=id,name,nothing:phone', { name: 'Kai' }, { name: 'first', headers: RETURN }),
      request,
      get('/customer', { name: 'last' }),
    ]);
    expect(answer.status, answer.body).toBe(400);
    expect(answer.json).toMatchObject({ code, step: { index: 1, name: null } });
    expect(answer.json.hint).toEqual(expect.any(String));
    expect(answer.body).not.toMatch(/r[0-9a-f]{18}x/);
    expect(await countOf('customer')).toBe(0);
  });

  test('errors show references as they were written', async () => {
    const answer = await batch([
      get('/customer', { name: 'first' }),
      get('/customer?id=in.{#/first/status}'),
    ]);
    expect(answer.status).toBe(400);
    expect(answer.body).not.toMatch(/r[0-9a-f]{18}x/);
    expect(answer.body).toContain('{#/first/status}');
  });

  test('a small batch cannot make a large one of itself', async () => {
    const many = Array.from({ length: 20 }, () => ({ $ref: '#/long/body' }));
    const long = post('/rpc/long', { length: 1_000_000 }, { name: 'long' });
    const inBody = await batch([long, post('/rpc/setting', many)]);
    expect(inBody.status).toBe(413);
    expect(inBody.json).toMatchObject({ code: 'AURA101', step: { index: 1 } });
    const inPath = await batch([long, get(`/customer?name=in.(${'{#/long/body},'.repeat(20)}x)`)]);
    expect(inPath.json).toMatchObject({ code: 'AURA101', step: { index: 1 } });
  });

  test('a document of nothing but nesting is read in no time to speak of', async () => {
    const nested = `${'{"a":'.repeat(200_000)}{"$ref":"#/0/status"}${'}'.repeat(200_000)}`;
    const answer = await batch(`{"requests": [
      {"method": "GET", "path": "/customer"},
      {"method": "POST", "path": "/rpc/setting", "body": ${nested}}]}`);
    expect(answer.json).toMatchObject({ step: { index: 1 } });
    expect(answer.status).toBeLessThan(500);
  });
});
