/** What policies allow is what requests get, on every verb and through every embed. */
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const FIXTURE = readFileSync(new URL('fixture.sql', import.meta.url), 'utf8');
const SETTINGS = { 'db-schemas': 'api,backstage', 'db-aggregates-enabled': true, 'db-pool': 2 };

const one = { role: 'authenticated', tenant: 1 } as const;
const two = { role: 'authenticated', tenant: 2 } as const;
const service = { role: 'service_role' } as const;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
  api = await startApi(database, SETTINGS);
});
afterAll(async () => {
  await api.close();
  await database.close();
});

/** The body of a request that must succeed; as nobody, or with claims. */
const get = async (path: string, as?: ApiRequest['as'], headers = {}): Promise<unknown> => {
  const answer = await api.request('GET', path, { headers, ...(as === undefined ? {} : { as }) });
  expect(answer.status, answer.body).toBeLessThan(300);
  return answer.json;
};
const send = (method: string, path: string, body: unknown, as?: ApiRequest['as'], prefer?: string) =>
  api.request(method, path, {
    body,
    ...(as === undefined ? {} : { as }),
    headers: prefer === undefined ? {} : { Prefer: prefer },
  });
const titles = (rows: unknown): string[] => (rows as { title: string }[]).map(({ title }) => title);
/** The whole table, as nobody but the superuser sees it. */
const stored = async (table: string): Promise<unknown[]> =>
  (await database.query(`select * from ${table} order by 1, 2`)).rows;
const refused = ({ status, json }: ApiAnswer): unknown => [status, json?.code];

describe('reading', () => {
  test.each([
    ['a user of the first tenant', one, ['Engines', 'Notes', 'Machines']],
    ['a user of the second tenant', two, ['Substitution', 'Abstraction', 'Translations']],
    ['nobody', undefined, ['Engines', 'Substitution']],
    ['a user without a tenant', 'authenticated', []],
    [
      'service_role',
      service,
      ['Engines', 'Notes', 'Machines', 'Substitution', 'Abstraction', 'Translations'],
    ],
  ])('%s sees the rows that the policies show', async (_who, as, expected) => {
    expect(titles(await get('/books?order=id', as))).toEqual(expected);
    expect(titles(await get('/own_books?order=id', as))).toEqual(expected);
    expect(titles(await get('/rpc/books_over?price=0&order=id', as))).toEqual(expected);
    expect(await get('/rpc/titles', as)).toEqual(expected);
    expect((await send('POST', '/rpc/titles', {}, as)).json).toEqual(expected);
    const counted = await api.request('HEAD', '/books', {
      headers: { Prefer: 'count=exact' },
      ...(as === undefined ? {} : { as }),
    });
    expect(counted.headers['content-range']?.split('/')[1]).toBe(String(expected.length));
  });

  test('a row of another tenant cannot be reached by its key, or by any filter on it', async () => {
    for (const path of [
      '/books?id=eq.211',
      '/books?or=(id.eq.211,title.eq.Substitution)',
      '/books?tenant_id=neq.1',
    ]) {
      expect(await get(path, one), path).toEqual([]);
    }
    const single = await api.request('GET', '/books?id=eq.211', {
      as: one,
      headers: { Accept: 'application/vnd.pgrst.object+json' },
    });
    expect(refused(single)).toEqual([406, 'PGRST116']);
  });

  test('counts of every kind count visible rows only', async () => {
    const count = async (prefer: string, path = '/books?limit=1') =>
      (await api.request('GET', path, { as: one, headers: { Prefer: prefer } })).headers['content-range'];
    expect(await count('count=exact')).toBe('0-0/3');
    expect(await count('count=exact', '/books?select=id,authors!inner(id)&limit=1')).toBe('0-0/3');
    expect(await count('count=exact', '/authors?select=id,books!inner(id)&books.price=gt.25&limit=1')).toBe(
      '0-0/1',
    );
  });

  test('aggregates are of visible rows', async () => {
    expect(await get('/books?select=total:price.sum(),count()', one)).toEqual([{ total: 60, count: 3 }]);
    expect(await get('/books?select=total:price.sum(),count()', two)).toEqual([{ total: 150, count: 3 }]);
    expect(await get('/books?select=total:price.sum(),count()')).toEqual([{ total: 50, count: 2 }]);
    expect(await get('/authors?select=name,books(price.sum())&order=id', one)).toEqual([
      { name: 'Ada', books: [{ sum: 30 }] },
      { name: 'Alan', books: [{ sum: 30 }] },
    ]);
  });

  test('CSV, plain rows and one object show the same', async () => {
    const csv = await api.request('GET', '/books?select=title&order=id', {
      as: two,
      headers: { Accept: 'text/csv' },
    });
    expect(csv.body).toBe('title\nSubstitution\nAbstraction\nTranslations');
    const object = await api.request('GET', '/books?select=title&limit=1&order=id', {
      as: two,
      headers: { Accept: 'application/vnd.pgrst.object+json' },
    });
    expect(object.json).toEqual({ title: 'Substitution' });
  });
});

describe('embedding', () => {
  test('to-one: what the policies hide is null, and with !inner hides its parent', async () => {
    expect(await get('/books?select=title,authors(name)&order=id', two)).toEqual([
      { title: 'Substitution', authors: { name: 'Barbara' } },
      { title: 'Abstraction', authors: { name: 'Barbara' } },
      // Ada is the other tenant's
      { title: 'Translations', authors: null },
    ]);
    expect(titles(await get('/books?select=title,authors!inner(name)&order=id', two))).toEqual([
      'Substitution',
      'Abstraction',
    ]);
    expect(await get('/books?select=title,...authors(author:name)&id=eq.213', two)).toEqual([
      { title: 'Translations', author: null },
    ]);
  });

  test('to-many: only visible children are there', async () => {
    expect(await get('/authors?select=name,books(title)&order=id&books.order=id', one)).toEqual([
      { name: 'Ada', books: [{ title: 'Engines' }, { title: 'Notes' }] },
      { name: 'Alan', books: [{ title: 'Machines' }] },
    ]);
    expect(await get('/tenants?select=name,authors(name,books(title))', two)).toEqual([
      {
        name: 'Two',
        authors: [{ name: 'Barbara', books: [{ title: 'Substitution' }, { title: 'Abstraction' }] }],
      },
    ]);
  });

  test('many-to-many: the junction and its far end are bound, too', async () => {
    expect(await get('/books?select=title,tags(name)&order=id&tags.order=id', two)).toEqual([
      { title: 'Substitution', tags: [{ name: 'maths' }, { name: 'types' }] },
      { title: 'Abstraction', tags: [{ name: 'types' }] },
      { title: 'Translations', tags: [{ name: 'types' }] },
    ]);
    expect(await get('/tags?select=name,books(title)&name=eq.maths&books.order=id', one)).toEqual([
      { name: 'maths', books: [{ title: 'Engines' }, { title: 'Machines' }] },
    ]);
    // anon sees books, but was granted neither the junction nor the tags
    const denied = await api.request('GET', '/books?select=title,tags(name)');
    expect(refused(denied)).toEqual([401, '42501']);
  });

  test('computed relationships run under the policies', async () => {
    expect(await get('/tenants?select=name,dearest(title)', one)).toEqual([
      { name: 'One', dearest: { title: 'Machines' } },
    ]);
    expect(await get('/tenants?select=name,dearest(title)', two)).toEqual([
      { name: 'Two', dearest: { title: 'Translations' } },
    ]);
  });

  test('a view of its owner shows all rows, but what is embedded in it is bound again', async () => {
    const rows = await get('/every_book?select=title,authors(name)&order=id', one);
    expect(rows).toEqual([
      { title: 'Engines', authors: { name: 'Ada' } },
      { title: 'Notes', authors: { name: 'Ada' } },
      { title: 'Machines', authors: { name: 'Alan' } },
      { title: 'Substitution', authors: null },
      { title: 'Abstraction', authors: null },
      { title: 'Translations', authors: { name: 'Ada' } },
    ]);
  });

  test('order and null filters by an embed tell nothing of hidden rows', async () => {
    expect(
      titles(await get('/books?select=title,authors(name)&order=authors(name).desc.nullslast,id', two)),
    ).toEqual(['Substitution', 'Abstraction', 'Translations']);
    expect(titles(await get('/books?select=title,authors(id)&authors=is.null', two))).toEqual([
      'Translations',
    ]);
    expect(titles(await get('/books?select=title,authors(id)&authors=not.is.null&order=id', two))).toEqual([
      'Substitution',
      'Abstraction',
    ]);
    expect(
      titles(await get('/books?select=title,authors(id)&authors.name=eq.Ada&authors=not.is.null', two)),
    ).toEqual([]);
    const hidden = await api.request('HEAD', '/books?select=title,authors(id)&authors=not.is.null', {
      as: two,
      headers: { Prefer: 'count=exact' },
    });
    expect(hidden.headers['content-range']).toBe('0-1/2');
  });

  test("a function's rows are embedded in under the policies", async () => {
    expect(await get('/rpc/books_over?price=35&select=title,authors(name)&order=id', two)).toEqual([
      { title: 'Substitution', authors: { name: 'Barbara' } },
      { title: 'Abstraction', authors: { name: 'Barbara' } },
      { title: 'Translations', authors: null },
    ]);
  });
});

describe('writing', () => {
  afterEach(async () => {
    await database.query(`
      delete from api.books where id > 900; delete from api.messages; delete from api.suggestions;
      delete from api.authors where id > 900;
      update api.books set price = case id when 111 then 10 when 112 then 20 when 113 then 30 when 211 then 40
        when 212 then 50 else 60 end;`);
  });

  test('POST: rows for another tenant are refused, and none of the request is kept', async () => {
    const before = await stored('api.books');
    for (const body of [
      { id: 901, tenant_id: 2, title: 'Theirs' },
      [
        { id: 902, tenant_id: 1, title: 'Mine' },
        { id: 903, tenant_id: 2, title: 'Theirs' },
      ],
    ]) {
      expect(refused(await send('POST', '/books', body, one, 'return=representation'))).toEqual([
        403,
        '42501',
      ]);
    }
    expect(refused(await send('POST', '/books', { id: 904, title: 'Nobody' }))).toEqual([401, '42501']);
    expect(refused(await send('POST', '/own_books', { id: 905, title: 'Nobody' }))).toEqual([401, '42501']);
    expect(await stored('api.books')).toEqual(before);
    const own = await send(
      'POST',
      '/books?select=id,tenant_id',
      { id: 906, title: 'Mine' },
      one,
      'return=representation',
    );
    expect([own.status, own.json]).toEqual([201, [{ id: 906, tenant_id: 1 }]]);
  });

  test('PATCH: only visible rows change, and none can be given away', async () => {
    const all = await send(
      'PATCH',
      '/books?price=gt.0&select=id',
      { price: 1 },
      one,
      'return=representation',
    );
    expect(all.json).toEqual([{ id: 111 }, { id: 112 }, { id: 113 }]);
    const theirs = await send(
      'PATCH',
      '/books?id=eq.211',
      { price: 1 },
      one,
      'return=representation,count=exact',
    );
    expect([theirs.status, theirs.json, theirs.headers['content-range']]).toEqual([200, [], '*/0']);
    expect(refused(await send('PATCH', '/books?id=eq.111', { tenant_id: 2 }, one))).toEqual([403, '42501']);
    expect(refused(await send('PATCH', '/books?id=eq.111', { price: 1 }))).toEqual([401, '42501']);
    const prices = await database.query('select id, price from api.books order by id');
    expect(prices.rows.map(({ price }) => price)).toEqual([1, 1, 1, 40, 50, 60]);
  });

  test('PATCH through an updatable view is bound as the table is', async () => {
    const answer = await send(
      'PATCH',
      '/own_books?price=gt.0&select=id',
      { price: 2 },
      two,
      'return=representation',
    );
    expect(answer.json).toEqual([{ id: 211 }, { id: 212 }, { id: 213 }]);
    expect(refused(await send('PATCH', '/every_book?price=gt.0', { price: 2 }, two))).toEqual([403, '42501']);
  });

  test('PUT: a key that another tenant has taken is a refusal, not a change', async () => {
    const before = await stored('api.books');
    const taken = await send(
      'PUT',
      '/books?id=eq.211',
      { id: 211, tenant_id: 1, title: 'Mine', price: 1, author_id: null, is_public: false },
      one,
    );
    expect(refused(taken)).toEqual([403, '42501']);
    expect(await stored('api.books')).toEqual(before);
    const own = await send(
      'PUT',
      '/books?id=eq.111',
      { id: 111, tenant_id: 1, title: 'Engines', price: 11, author_id: 11, is_public: true },
      one,
      'return=representation',
    );
    expect([own.status, (own.json as { price: number }[])[0]?.price]).toEqual([200, 11]);
  });

  test('upserts neither change nor reveal rows of another tenant', async () => {
    const before = await stored('api.books');
    const body = [{ id: 211, tenant_id: 1, title: 'Mine', price: 1 }];
    const merged = await send(
      'POST',
      '/books',
      body,
      one,
      'resolution=merge-duplicates,return=representation',
    );
    expect(refused(merged)).toEqual([403, '42501']);
    const ignored = await send(
      'POST',
      '/books',
      body,
      one,
      'resolution=ignore-duplicates,return=representation',
    );
    expect([ignored.status, ignored.json]).toEqual([201, []]);
    expect(await stored('api.books')).toEqual(before);
  });

  test('DELETE: only visible rows go', async () => {
    await database.query("insert into api.books (id, tenant_id, title) values (911, 1, 'a'), (921, 2, 'b')");
    const gone = await send('DELETE', '/books?id=gt.900&select=id', undefined, one, 'return=representation');
    expect(gone.json).toEqual([{ id: 911 }]);
    expect(refused(await send('DELETE', '/books?id=gt.900', undefined))).toEqual([401, '42501']);
    expect((await database.query('select id from api.books where id > 900')).rows).toEqual([{ id: 921 }]);
  });

  test('a function writes as its caller, and one that is not granted is refused', async () => {
    expect((await send('POST', '/rpc/reprice', { factor: 2 }, one)).json).toBe(3);
    const prices = await database.query('select price from api.books order by id');
    expect(prices.rows.map(({ price }) => price)).toEqual([20, 40, 60, 40, 50, 60]);
    expect(refused(await send('POST', '/rpc/reprice', { factor: 2 }))).toEqual([401, '42501']);
    expect(refused(await send('POST', '/rpc/secret_total', {}, one))).toEqual([403, '42501']);
    expect((await send('POST', '/rpc/secret_total', {}, service)).json).toBe(270);
  });

  test('what SELECT policies hide is in no representation', async () => {
    // sent to the other tenant: the sender may write it and not read it
    const message = { to_tenant: 2, body: 'hello' };
    const shown = await send('POST', '/messages?select=body', message, one, 'return=representation');
    expect(refused(shown)).toEqual([403, '42501']);
    const located = await send('POST', '/messages', message, one, 'return=headers-only');
    expect(refused(located)).toEqual([403, '42501']);
    expect(await stored('api.messages')).toEqual([]);
    const silent = await send('POST', '/messages', message, one, 'return=minimal');
    expect([silent.status, silent.body, silent.headers['location']]).toEqual([201, '', undefined]);
    expect(await get('/messages?select=body', one)).toEqual([]);
    expect(await get('/messages?select=body', two)).toEqual([{ body: 'hello' }]);
  });

  test('what is embedded in a representation is bound, too', async () => {
    const answer = await send(
      'PATCH',
      '/books?id=eq.213&select=title,authors(name),tags(name)',
      { price: 61 },
      two,
      'return=representation',
    );
    expect(answer.json).toEqual([{ title: 'Translations', authors: null, tags: [{ name: 'types' }] }]);
  });
});

describe('grants', () => {
  test('writing without an answer needs no SELECT', async () => {
    for (const prefer of [undefined, 'return=minimal']) {
      const answer = await send('POST', '/suggestions', { body: 'more cats' }, undefined, prefer);
      expect([answer.status, answer.body]).toEqual([201, '']);
    }
    expect(
      refused(await send('POST', '/suggestions', { body: 'x' }, undefined, 'return=representation')),
    ).toEqual([401, '42501']);
    expect(
      refused(await send('POST', '/suggestions', { body: 'x' }, undefined, 'return=headers-only')),
    ).toEqual([401, '42501']);
    expect(refused(await api.request('GET', '/suggestions'))).toEqual([401, '42501']);
    await database.query('delete from api.suggestions');
  });

  test('columns that are not granted can be read in no way', async () => {
    expect(await get('/authors?select=id,name&order=id', one)).toEqual([
      { id: 11, name: 'Ada' },
      { id: 12, name: 'Alan' },
    ]);
    for (const path of [
      '/authors',
      '/authors?select=income',
      '/authors?select=name&income=gt.0',
      '/authors?select=name&order=income',
      '/authors?select=name&or=(name.eq.x,income.gt.0)',
      '/authors?select=income.sum()',
      '/books?select=title,authors(income)',
      '/books?select=title,authors(name)&authors.income=gt.0',
      '/books?select=title,authors(name,income)&order=authors(income)',
      '/books?select=title,...authors(income)',
      '/books?select=title,authors(*)',
    ]) {
      expect(refused(await api.request('GET', path, { as: one })), path).toEqual([403, '42501']);
    }
    expect(await get('/books?select=title,authors(name)&limit=1&order=id', one)).toEqual([
      { title: 'Engines', authors: { name: 'Ada' } },
    ]);
  });

  test('columns that are not granted can be written in no way, and are in no representation', async () => {
    expect(refused(await send('PATCH', '/authors?id=eq.11', { income: 1 }, one))).toEqual([403, '42501']);
    const renamed = await send(
      'PATCH',
      '/authors?id=eq.11&select=id,name',
      { name: 'Ada' },
      one,
      'return=representation',
    );
    expect([renamed.status, renamed.json]).toEqual([200, [{ id: 11, name: 'Ada' }]]);
    expect(
      refused(await send('PATCH', '/authors?id=eq.11', { name: 'Ada' }, one, 'return=representation')),
    ).toEqual([403, '42501']);
    expect((await send('PATCH', '/authors?id=eq.11', { name: 'Ada' }, one)).status).toBe(204);
    const minimal = await send('POST', '/authors', { id: 901, tenant_id: 1, name: 'New', income: 5 }, one);
    expect(minimal.status).toBe(201);
    await database.query('delete from api.authors where id = 901');
  });

  test('a schema without USAGE is closed, whatever its tables grant', async () => {
    await database.query('grant all on backstage.plans to authenticated, anon');
    const headers = { 'Accept-Profile': 'backstage' };
    expect(await get('/plans', service, headers)).toEqual([{ id: 1, title: 'expand' }]);
    expect(refused(await api.request('GET', '/plans', { as: one, headers }))).toEqual([403, '42501']);
    expect(refused(await api.request('GET', '/plans', { headers }))).toEqual([401, '42501']);
    const write = { headers: { 'Content-Profile': 'backstage' }, body: { id: 2, title: 'x' } };
    expect(refused(await api.request('POST', '/plans', { as: one, ...write }))).toEqual([403, '42501']);
  });
});

describe('on few connections', () => {
  const BACKSTAGE = { 'Accept-Profile': 'backstage' };
  const MOODS = '/moods?select=name,colours(name)';

  /** Requests with the one right answer to each, whoever else asks at the same time. */
  const casesOn = (
    target: Api,
  ): readonly (readonly [name: string, send: () => Promise<ApiAnswer>, expected: unknown])[] => [
    ...[
      { as: one, name: 'one', books: ['Engines', 'Notes', 'Machines'], total: 60, author: 'Ada' },
      {
        as: two,
        name: 'two',
        books: ['Substitution', 'Abstraction', 'Translations'],
        total: 150,
        author: null,
      },
    ].flatMap(({ as, name, books, total, author }) => [
      [
        `${name} reads a list`,
        () => target.request('GET', '/books?select=title&order=id', { as }),
        [200, books.map((title) => ({ title }))],
      ] as const,
      [
        `${name} embeds`,
        () => target.request('GET', '/books?select=title,authors(name)&id=in.(111,213)', { as }),
        [
          200,
          [
            name === 'one'
              ? { title: 'Engines', authors: { name: author } }
              : { title: 'Translations', authors: null },
          ],
        ],
      ] as const,
      [
        `${name} counts`,
        () => target.request('GET', '/books?select=price.sum()', { as }),
        [200, [{ sum: total }]],
      ] as const,
      [`${name} calls`, () => target.request('POST', '/rpc/titles', { as, body: {} }), [200, books]] as const,
      [
        `${name} writes and takes it back`,
        () =>
          target.request('PATCH', '/books?select=title&order=id', {
            as,
            body: { price: 1 },
            headers: { Prefer: 'return=representation, tx=rollback' },
          }),
        [200, books.map((title) => ({ title }))],
      ] as const,
      [
        `${name} breaks a rule`,
        () =>
          target.request('POST', '/books', {
            as,
            body: { id: 950, tenant_id: as.tenant === 1 ? 2 : 1, title: 'x' },
          }),
        [403, '42501'],
      ] as const,
      [
        `${name} may not look backstage`,
        () => target.request('GET', '/notes', { as, headers: BACKSTAGE }),
        [403, '42501'],
      ] as const,
    ]),
    [
      'nobody reads a list',
      () => target.request('GET', '/books?select=title&order=id'),
      [200, [{ title: 'Engines' }, { title: 'Substitution' }]],
    ],
    [
      'nobody calls',
      () => target.request('POST', '/rpc/titles', { body: {} }),
      [200, ['Engines', 'Substitution']],
    ],
    [
      'nobody may not look backstage',
      () => target.request('GET', '/notes', { headers: BACKSTAGE }),
      [401, '42501'],
    ],
    ['nobody divides by zero', () => target.request('GET', '/books?price=eq.x'), [400, '22P02']],
    [
      'service_role looks backstage',
      () => target.request('GET', '/notes?select=title', { as: service, headers: BACKSTAGE }),
      [200, [{ title: 'hush' }]],
    ],
  ];
  const shown = ({ status, json }: ApiAnswer): unknown => [status, status < 300 ? json : json?.code];

  test('hundreds of interleaved requests of all roles each get their own answer', async () => {
    const open = await startApi(database, { ...SETTINGS, 'db-tx-end': 'commit-allow-override' });
    const cases = casesOn(open);
    try {
      // every case meets every other, in an order that looks like none
      const rounds = Array.from(
        { length: 600 },
        (_, index) => cases[Math.floor(((Math.imul(index, 2_654_435_761) >>> 0) / 2 ** 32) * cases.length)],
      );
      const answers = await Promise.all(
        rounds.map(async (found) =>
          found ? { name: found[0], got: shown(await found[1]()), want: found[2] } : null,
        ),
      );
      for (const answer of answers) expect(answer?.got, answer?.name).toEqual(answer?.want);
      expect(new Set(answers.map((answer) => answer?.name)).size).toBe(cases.length);
    } finally {
      await open.close();
    }
    expect((await database.query('select sum(price)::int as sum from api.books')).rows).toEqual([
      { sum: 210 },
    ]);
  });

  test.each([[true], [false]])(
    'what was prepared for one role never serves another (prepared statements: %s)',
    async (preparedStatements) => {
      const single = await startApi(database, {
        ...SETTINGS,
        'db-pool': 1,
        'db-prepared-statements': preparedStatements,
      });
      const read = async (as?: ApiRequest['as']): Promise<unknown> => [
        shown(
          await single.request('GET', '/notes?select=title', { headers: BACKSTAGE, ...(as ? { as } : {}) }),
        ),
        shown(await single.request('GET', MOODS, as ? { as } : {})),
      ];
      try {
        for (let round = 0; round < 10; round++) {
          expect(await read(service)).toEqual([
            [200, [{ title: 'hush' }]],
            [200, [{ name: 'calm', colours: [{ name: 'blue' }] }]],
          ]);
          expect(await read()).toEqual([
            [401, '42501'],
            [401, '42501'],
          ]);
          expect(await read(one)).toEqual([
            [403, '42501'],
            [403, '42501'],
          ]);
        }
      } finally {
        await single.close();
      }
    },
  );

  test('a grant, a policy or a schema that is taken away counts for prepared statements at once', async () => {
    const single = await startApi(database, { ...SETTINGS, 'db-pool': 1 });
    const books = async (): Promise<unknown> =>
      shown(await single.request('GET', '/books?select=title&order=id'));
    const plans = async (): Promise<unknown> =>
      shown(await single.request('GET', '/notes?select=title', { as: service, headers: BACKSTAGE }));
    const seen = [200, [{ title: 'Engines' }, { title: 'Substitution' }]];
    try {
      expect([await books(), await plans()]).toEqual([seen, [200, [{ title: 'hush' }]]]);
      await database.query('revoke select on api.books from anon');
      expect(await books()).toEqual([401, '42501']);
      await database.query(
        'grant select on api.books to anon; alter policy shown on api.books using (price < 15)',
      );
      expect(await books()).toEqual([200, [{ title: 'Engines' }]]);
      await database.query(
        'alter policy shown on api.books using (is_public); revoke usage on schema backstage from service_role',
      );
      expect([await books(), await plans()]).toEqual([seen, [403, '42501']]);
    } finally {
      await database.query('grant usage on schema backstage to service_role');
      await single.close();
    }
  });

  test('a pre-request function that changes the role changes what may be seen, for its request alone', async () => {
    const single = await startApi(database, {
      ...SETTINGS,
      'db-pool': 1,
      'db-pre-request': 'guard.switch_role',
    });
    const read = async (as: string | null): Promise<unknown> =>
      shown(await single.request('GET', MOODS, { headers: as === null ? {} : { 'X-As': as } }));
    try {
      for (let round = 0; round < 5; round++) {
        expect(await read('service_role')).toEqual([200, [{ name: 'calm', colours: [{ name: 'blue' }] }]]);
        expect(await read(null)).toEqual([401, '42501']);
        expect(await read('authenticated')).toEqual([401, '42501']);
      }
    } finally {
      await single.close();
    }
  });
});
