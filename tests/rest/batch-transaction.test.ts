/** The transaction of a batch, and that nothing else is shared by its requests. */
import { describe, expect, test } from 'vitest';
import { ada, bob, get, post, RETURN, TYPE, useBatchFixture } from './batch-fixture.ts';

const fixture = useBatchFixture();
const { batch, countOf, serveWith } = fixture;

describe('nothing but the transaction is shared', () => {
  test('a batch sees and changes what its identity may, request by request', async () => {
    await fixture.database.query(`insert into customer (owner, name) values ('ada', 'hers'), ('bob', 'his')`);
    const requests = [
      get('/customer?select=name'),
      { method: 'PATCH', path: '/customer?id=gt.0&select=name', body: { phone: '1' }, headers: RETURN },
      { method: 'DELETE', path: '/customer?select=name', headers: RETURN },
    ];
    const bodies = async (as: typeof ada) =>
      (await batch(requests, { as, headers: { Prefer: 'return=minimal' } })).json.results.map(
        ({ body }: { body: unknown }) => body,
      );
    expect(await bodies(bob)).toEqual([[{ name: 'his' }], [{ name: 'his' }], [{ name: 'his' }]]);
    expect((await fixture.database.query('select name, phone from customer')).rows).toEqual([
      { name: 'hers', phone: null },
    ]);
    expect(await bodies(ada)).toEqual([[{ name: 'hers' }], [{ name: 'hers' }], [{ name: 'hers' }]]);
  });

  test('a row that the policies refuse ends the batch as it ends the request', async () => {
    const request = post('/customer', { name: 'x', owner: 'bob' });
    const alone = await fixture.api.request('POST', '/customer', {
      as: ada,
      body: { name: 'x', owner: 'bob' },
    });
    const answer = await batch([post('/customer', { name: 'mine' }), request]);
    expect(answer.status).toBe(alone.status);
    expect(answer.json).toEqual({ ...alone.json, step: { index: 1, name: null } });
    expect(await countOf('customer')).toBe(0);
  });

  test('without a token the batch is anonymous, and a table without a grant stays closed', async () => {
    const answer = await fixture.api.request('POST', '/', {
      headers: TYPE,
      body: JSON.stringify({ requests: [get('/rpc/identity'), get('/customer')] }),
    });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.json).toMatchObject({ code: '42501', step: { index: 1 } });
  });

  test('one identity: no value of an answer, and no function, makes a later request somebody else', async () => {
    const answer = await batch([
      post('/rpc/climb', {}),
      get('/rpc/identity', { name: 'who' }),
      post('/rpc/setting', { name: 'role' }),
    ]);
    expect(answer.json.results[1].body).toEqual({ role: 'authenticated', sub: 'ada' });
    expect(answer.json.results[2].body).toBe('authenticated');
  });

  test.each([
    'Authorization',
    'apikey',
    'Cookie',
    'X-Forwarded-For',
    'X-HTTP-Method-Override',
    'Content-Length',
  ])('a request in a batch cannot bring %s', async (name) => {
    const answer = await batch([get('/customer', { headers: { [name]: 'GET' } })]);
    expect(answer.status).toBe(400);
    expect(answer.json).toMatchObject({ code: 'AURA124', step: { index: 0 } });
  });

  test('functions see the headers of the batch, and those that the request has of its own', async () => {
    const answer = await batch(
      [
        get('/rpc/headers'),
        get('/rpc/headers', {
          headers: { Accept: 'application/json', Prefer: 'handling=lenient, city=Zürich' },
        }),
      ],
      {
        headers: { 'X-Forwarded-For': '10.1.2.3', Prefer: 'handling=lenient', Accept: 'application/json' },
      },
    );
    const [first, second] = answer.json.results.map(({ body }: { body: object }) => body);
    expect(first).toMatchObject({ 'x-forwarded-for': '10.1.2.3' });
    for (const name of ['prefer', 'accept', 'content-type', 'content-length'])
      expect(first).not.toHaveProperty(name);
    expect(second).toMatchObject({ accept: 'application/json', prefer: 'handling=lenient, city=Zürich' });
  });

  test('what a function sets is gone for the next request', async () => {
    const names = ['app.tenant', 'work_mem'];
    const settings = names.map((name) => get(`/rpc/setting?name=${name}`));
    const before = (await batch(settings)).json.results.map(({ body }: { body: string }) => body);
    const after = await batch([post('/rpc/enter', { tenant: 'acme' }), ...settings]);
    const [entered, ...seen] = after.json.results;
    expect(entered.status).toBe(204);
    expect(seen.map(({ body }: { body: string | null }) => body || null)).toEqual(
      before.map((value: string | null) => value || null),
    );
    expect(seen[0].body || null).toBe(null);
  });

  test('time zone, schema and timeout are those of each request', async () => {
    const zone = get('/rpc/setting?name=timezone');
    const answer = await batch([
      zone,
      { ...zone, headers: { Prefer: 'timezone=Asia/Tokyo' } },
      zone,
      get('/thing', { headers: { 'Accept-Profile': 'other' } }),
      get('/rpc/setting?name=search_path'),
      post('/rpc/timed', {}),
      get('/rpc/setting?name=statement_timeout'),
    ]);
    expect(answer.status, answer.body).toBe(200);
    const [first, tokyo, again, thing, path, timed, timeout] = answer.json.results.map(
      ({ body }: { body: unknown }) => body,
    );
    expect([tokyo, again]).toEqual(['Asia/Tokyo', first]);
    expect(thing).toEqual([{ id: 7 }]);
    expect(path).toBe('"public", "public"');
    expect(timed).toBe('7s');
    // what is left of the batch's time, which is not the function's
    expect(timeout).toMatch(/^(?:2\d{4}ms|30s)$/);
  });

  test('settings of the role are set for each request, by the login role that may set them', async () => {
    await fixture.database.query(`
      create role batch_keeper;
      grant batch_keeper to authenticator;
      grant set on parameter log_min_messages to authenticator;
      alter role batch_keeper set log_min_messages = 'error'`);
    const own = await serveWith({});
    try {
      const requests = Array.from({ length: 3 }, () => get('/rpc/setting?name=log_min_messages'));
      const answer = await batch(requests, { to: own, as: 'batch_keeper' });
      expect(answer.status, answer.body).toBe(200);
      for (const { body } of answer.json.results) expect(body).toBe('error');
    } finally {
      await fixture.database.query(`
        revoke set on parameter log_min_messages from authenticator;
        drop role batch_keeper`);
    }
  });

  test('a GET may only read, also beside requests that write', async () => {
    const sneak = get('/rpc/sneak');
    const answer = await batch([post('/customer', { name: 'a' }), sneak]);
    expect(answer.status).toBe(405);
    expect(answer.json).toMatchObject({ code: '25006', step: { index: 1 } });
    const mixed = await batch([
      get('/customer'),
      post('/customer', { name: 'a' }),
      get('/rpc/setting?name=transaction_read_only'),
      post('/customer', { name: 'b' }),
      post('/rpc/setting', { name: 'transaction_read_only' }),
      post('/rpc/sneak', {}),
    ]);
    expect(mixed.status, mixed.body).toBe(200);
    expect(mixed.json.results[2].body).toBe('on');
    expect(mixed.json.results[5].body).toBe(1);
    expect(await countOf('customer')).toBe(2);
  });

  test('a read whose cost is looked at first may only read, too', async () => {
    const own = await serveWith({ 'db-max-cost': 1_000_000 });
    const answer = await batch([post('/customer', { name: 'a' }), get('/customer?select=id,sneaky')], {
      to: own,
    });
    expect(answer.json).toMatchObject({ code: '25006', step: { index: 1 } });
    expect(await countOf('customer')).toBe(0);
  });

  test('the pre-request function is called for each request, with its path and method', async () => {
    const own = await serveWith({ 'db-pre-request': 'log_request' });
    const answer = await batch(
      [
        post('/customer', { name: 'a' }),
        { method: 'PATCH', path: '/customer?name=eq.a', body: { phone: '1' } },
      ],
      { to: own },
    );
    expect(answer.status, answer.body).toBe(200);
    expect((await fixture.database.query('select path, method from open_log')).rows).toEqual([
      { path: '/customer', method: 'POST' },
      { path: '/customer', method: 'PATCH' },
    ]);
  });

  test('a pre-request function that changes the role does so for each request, and for no other batch', async () => {
    await fixture.database.query(`insert into customer (owner, name) values ('ada', 'hers')`);
    const own = await serveWith({ 'db-pre-request': 'promote', 'db-pool': 1 });
    const requests = [
      get('/customer?select=name'),
      { method: 'PATCH', path: '/customer?name=eq.{#/0/body/0/name}', body: { phone: '1' } },
      get('/customer?select=name,phone', { headers: { 'If-Match': '*' } }),
    ];
    const send = (headers: Record<string, string>) =>
      own.request('POST', '/', { headers: { ...TYPE, ...headers }, body: JSON.stringify({ requests }) });
    for (let round = 0; round < 3; round += 1) {
      const promoted = await send({ 'X-Key': 'open' });
      expect(promoted.status, promoted.body).toBe(200);
      expect(promoted.json.results[2].body).toEqual([{ name: 'hers', phone: '1' }]);
      const anonymous = await send({});
      expect(anonymous.status).toBe(401);
      expect(anonymous.json).toMatchObject({ code: '42501', step: { index: 0 } });
    }
  });

  test('batches of different people on few connections do not mix', async () => {
    await fixture.database.query(`insert into customer (owner, name) values ('ada', 'ada'), ('bob', 'bob')`);
    const requests = [
      get('/customer?select=name'),
      post('/rpc/enter', { tenant: 'x' }),
      get('/rpc/identity'),
      get('/customer?select=name&name=eq.{#/0/body/0/name}'),
    ];
    const everybody = Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? ada : bob));
    const answers = await Promise.all(everybody.map((as) => batch(requests, { as })));
    for (const [index, { json }] of answers.entries()) {
      const { sub } = everybody[index] ?? ada;
      expect(json.results.map(({ body }: { body: unknown }) => body)).toEqual([
        [{ name: sub }],
        null,
        { role: 'authenticated', sub },
        [{ name: sub }],
      ]);
    }
  });

  test('what a batch was given is gone when it is over', async () => {
    await batch([post('/rpc/enter', { tenant: 'acme' }), post('/rpc/climb', {}), get('/nowhere')]);
    await batch([post('/rpc/enter', { tenant: 'acme' }), post('/rpc/refuse', {})]);
    const settings = await Promise.all(
      Array.from({ length: 8 }, () =>
        fixture.api.request('GET', '/rpc/setting?name=app.tenant', { as: bob }),
      ),
    );
    for (const { json } of settings) expect(json || null).toBe(null);
  });
});

describe('the transaction', () => {
  test('its isolation can be chosen', async () => {
    for (const isolation of ['read committed', 'repeatable read', 'serializable']) {
      const answer = await batch([get('/rpc/level'), post('/rpc/level', {})], { isolation });
      expect(answer.json.results.map(({ body }: { body: string }) => body)).toEqual([isolation, isolation]);
    }
    const wrong = await batch([get('/rpc/level')], { isolation: 'chaos' });
    expect(wrong.json).toMatchObject({ code: 'AURA120', step: null });
  });

  test('a function that wants more isolation than the batch has is not called', async () => {
    const weak = await batch([get('/customer'), get('/rpc/strict_level')]);
    expect(weak.status).toBe(400);
    expect(weak.json).toMatchObject({
      code: 'AURA126',
      hint: 'Give the batch "isolation": "serializable".',
      step: { index: 1 },
    });
    const strong = await batch([get('/customer'), get('/rpc/strict_level')], { isolation: 'serializable' });
    expect(strong.json.results[1].body).toBe('serializable');
  });

  test('a batch of reads only reads', async () => {
    const answer = await batch([get('/customer'), { method: 'HEAD', path: '/customer' }, get('/rpc/sneak')]);
    expect(answer.json).toMatchObject({ code: '25006' });
    const stable = await batch([get('/customer'), post('/rpc/setting', { name: 'transaction_read_only' })]);
    expect(stable.json.results[1].body).toBe('on');
  });

  test('it is rolled back where the client asks for it and may', async () => {
    const requests = [
      post('/customer?select=name', { name: 'a' }, { headers: RETURN }),
      get('/customer?select=name'),
    ];
    const own = await serveWith({ 'db-tx-end': 'commit-allow-override' });
    const headers = { Prefer: 'tx=rollback' };
    const answer = await batch(requests, { to: own, headers });
    expect(answer.status, answer.body).toBe(200);
    expect(answer.headers['preference-applied']).toBe('tx=rollback');
    expect(answer.json.results[1].body).toEqual([{ name: 'a' }]);
    expect(await countOf('customer')).toBe(0);
    const inside = await batch([get('/customer', { headers })], { to: own });
    expect(inside.json).toMatchObject({ code: 'AURA126', step: { index: 0 } });
    const broken = await batch([post('/receipt', { order_id: 1 })], { to: own, headers });
    expect(broken.json).toMatchObject({ code: '23503', step: null });
    const ignored = await batch(requests, { headers });
    expect(ignored.headers).not.toHaveProperty('preference-applied');
    expect(await countOf('customer')).toBe(1);
  });

  test('a preference that nobody knows is refused under handling=strict', async () => {
    const answer = await batch([], { headers: { Prefer: 'handling=strict, magic=on' } });
    expect(answer.json).toMatchObject({ code: 'PGRST122', details: 'Invalid preferences: magic=on' });
  });

  test('statements that were prepared before a change of the schema are prepared anew, whole batch and all', async () => {
    const requests = [
      post('/customer?select=*', { name: 'a' }, { headers: RETURN }),
      get('/customer?select=*'),
      { method: 'DELETE', path: '/customer' },
    ];
    for (let round = 0; round < 8; round += 1) await batch(requests);
    await fixture.database.query('alter table customer add column extra int default 5');
    try {
      const answers = await Promise.all(Array.from({ length: 8 }, () => batch(requests)));
      for (const answer of answers) {
        expect(answer.status, answer.body).toBe(200);
        expect(answer.json.results[1].body).toMatchObject([{ name: 'a', extra: 5 }]);
      }
    } finally {
      await fixture.database.query('alter table customer drop column extra');
    }
  });
});
