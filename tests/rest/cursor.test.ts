import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCursors } from '../../server/request/cursor.ts';
import { type Api, type ApiAnswer, SECRET, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { cursorOf, linksOf, walk } from '../support/pages.ts';

const SETUP = `
  create schema hidden;
  create type hidden.mood as enum ('sad', 'so so', 'happy');
  create type address as (street text, number int);
  create table parent (id int primary key, name text);
  create table item (
    id bigint primary key, parent_id int references parent, due date, at timestamptz not null, rank int not null,
    price numeric, mood hidden.mood, label text, data jsonb, place address, tags text[], code uuid, raw bytea,
    flag boolean, size float8, pad char(5), span int4range, short varchar(8), tiny interval
  );
  create function shout(item) returns text language sql immutable as 'select upper($1.label)';
  create view item_view as select * from item;
  create table pair (b int, a int, note text, primary key (a, b));
  create table child (id int primary key, item_id bigint references item, text text);

  create table precise (
    at timestamptz, local timestamp, price numeric, big bigint unique not null, raw bytea, mood hidden.mood,
    code uuid, text text, pad char(6), span tstzrange, list int[], place address, json jsonb, size float8, day date
  );
  insert into precise
  select '2024-05-06 07:08:09+00'::timestamptz + n * interval '1 microsecond',
    '2024-05-06 07:08:09'::timestamp + n * interval '1 microsecond', 0.1000000000000000000000001 * n,
    9007199254740992 + n, decode(lpad(to_hex(n), 4, '0') || '00ff', 'hex'), (enum_range(null::hidden.mood))[1 + n % 3],
    ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid,
    (array['', ' ', 'a,b', '"', '\\', e'\\n', 'ß', '😀', 'null', 'A', 'a', '<>', '&', '%41', '+'])[1 + n % 15] || n % 2,
    (array['a', 'a ', 'b'])[1 + n % 3], tstzrange('2024-01-01', '2024-01-02'::timestamptz + n * interval '1 microsecond'),
    array[n % 4, null, n], row(nullif('s' || n % 3, 's0'), nullif(n % 5, 0))::address,
    jsonb_build_object('a', n % 4), 0.1 + n / 3.0, date '2024-01-01' + n
  from generate_series(1, 40) n;
  insert into precise (big, size, day) values (1, 'NaN', 'infinity'), (2, '-Infinity', '-infinity'), (3, '-0', null);

  create table secret (id int primary key, owner text not null, rank int not null);
  insert into secret select n, case when n % 2 = 0 then 'even' else 'odd' end, n % 5 from generate_series(1, 30) n;
  alter table secret enable row level security;
  create policy own on secret using (owner = current_setting('request.jwt.claims')::json->>'owner');

  create table plain (id int primary key, "cursor" text, rank int);
  insert into plain select n, 'c' || n, n % 3 from generate_series(1, 9) n;
  create table keyless (x int);
  insert into keyless values (1), (1), (2);
  create table keyed (x int, y int not null, unique (x), unique (y));
  insert into keyed select n, n from generate_series(1, 5) n;
  create view doubled as select plain.id, other.rank from plain, plain other where other.id <= 3;
  create table empty (id int primary key);
  create table partly (id int primary key, name text, secret text);
  insert into partly select n, 'n' || n, 's' from generate_series(1, 5) n;
  create view sides as select plain.id, keyed.x as other, partly.id as side from plain left join keyed on keyed.x = plain.rank left join partly on partly.id = plain.id;
  create view far_side as select partly.id, plain.rank from plain left join partly on partly.id = plain.id - 6;
  create function plains() returns setof plain language sql stable as 'select * from plain';
  create table large (id int generated always as identity primary key, at timestamptz not null, due date, status text not null);
  insert into large (at, due, status)
  select '2024-01-01'::timestamptz + n * 7919 % 20011 * interval '1 second',
    case when n % 9 = 0 then null else date '2024-01-01' + n % 700 end, 's' || n % 3
  from generate_series(1, 20000) n;
  create index on large (at, id);
  create index on large (due, id);
  create index on large (status, at, id);
  analyze large;

  grant usage on schema public to anon;
  grant select on all tables in schema public to anon, authenticated;
  revoke select on partly from anon;
  grant select (name) on partly to anon;
`;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(SETUP);
  api = await startApi(database, { 'db-plan-enabled': true });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const PAGED = { headers: { Prefer: 'pagination=cursor' } };
const first = (path: string): Promise<ApiAnswer> => api.request('GET', path, PAGED);
const keysOf = (rows: readonly Record<string, unknown>[], key = 'id'): unknown[] =>
  rows.map((row) => row[key]);

async function allRows(path: string, key = 'id'): Promise<unknown[]> {
  const pages = await walk(api.request, path, 'next');
  return pages.flatMap(({ answer }) => keysOf(answer.json, key));
}

describe('links', () => {
  test('lead to the next page and back, and are not there where nothing is', async () => {
    const one = await first('/plain?select=id&order=rank&limit=4');
    expect(one.json).toEqual([{ id: 3 }, { id: 6 }, { id: 9 }, { id: 1 }]);
    expect(one.headers['preference-applied']).toBe('pagination=cursor');
    const { next, prev } = linksOf(one, '/plain');
    expect(prev).toBeNull();
    const two = await first(next ?? '');
    expect(two.json).toEqual([{ id: 4 }, { id: 7 }, { id: 2 }, { id: 5 }]);
    const three = await first(linksOf(two, '/plain').next ?? '');
    expect(three.json).toEqual([{ id: 8 }]);
    expect(linksOf(three, '/plain').next).toBeNull();
    const again = await first(linksOf(three, '/plain').prev ?? '');
    expect(again.json).toEqual(two.json);
    const start = await first(linksOf(again, '/plain').prev ?? '');
    expect(start.json).toEqual(one.json);
    expect(linksOf(start, '/plain')).toEqual({
      next: linksOf(again, '/plain').next && expect.any(String),
      prev: null,
    });
  });

  test('repeat the parameters as they were written and work without any header', async () => {
    const written = 'select=id&cursor=in.(c1,c2,c3,c4,%22c%205%22)&order=id.desc&limit=2&rank=gte.0';
    const one = await first(`/plain?${written}`);
    const { next } = linksOf(one, '/plain');
    expect(next?.startsWith(`/plain?${written}&cursor=`)).toBe(true);
    const two = await api.request('GET', next ?? '');
    expect(two.json).toEqual([{ id: 2 }, { id: 1 }]);
    expect(two.headers['preference-applied']).toBeUndefined();
  });

  test('are references without a host, whatever proxies say', async () => {
    const answer = await api.request('GET', '/plain?limit=2', {
      headers: {
        ...PAGED.headers,
        Host: 'evil.example',
        'X-Forwarded-Host': 'evil.example',
        'X-Forwarded-Prefix': '/x',
      },
    });
    expect(answer.headers['link']).toMatch(/^<\?limit=2&cursor=[\w-]+>; rel="next"$/);
  });

  test('cannot be broken by what a URL holds', async () => {
    const socketAnswer = await api.raw(
      'GET /rest/v1/plain?limit=2&or=(cursor.neq.">,rel=") HTTP/1.1\r\nHost: x\r\nPrefer: pagination=cursor\r\nConnection: close\r\n\r\n',
    );
    const link = /^link: (.*)$/im.exec(socketAnswer)?.[1] ?? '';
    expect(link).toMatch(/^<\?limit=2&or=\(cursor\.neq\.%22%3E,rel=%22\)&cursor=[\w-]+>; rel="next"$/);
  });

  test('are shown to scripts of other origins', async () => {
    const headers = { ...PAGED.headers, Origin: 'https://app.example' };
    const answer = await api.request('GET', '/plain?limit=2', { headers });
    expect(answer.headers['access-control-expose-headers']).toMatch(/, Link$/);
  });

  test('there are none on a page that holds everything, nor without the preference', async () => {
    expect((await first('/plain?limit=9')).headers['link']).toBeUndefined();
    expect((await first('/empty')).headers['link']).toBeUndefined();
    expect((await first('/empty')).json).toEqual([]);
    expect((await first('/plain?limit=0')).headers['link']).toBeUndefined();
    expect((await api.request('GET', '/plain?limit=2')).headers['link']).toBeUndefined();
  });

  test('lead back from a page whose rows have gone', async () => {
    await database.query(
      'create table short (id int primary key); insert into short values (1), (2), (3), (4); grant select on short to anon',
    );
    await database.query("notify pgrst, 'reload schema'");
    await expect.poll(async () => (await api.request('GET', '/short')).status, { timeout: 10_000 }).toBe(200);
    const { next } = linksOf(await first('/short?limit=2'), '/short');
    await database.query('delete from short where id > 2');
    const gone = await first(next ?? '');
    expect(gone.json).toEqual([]);
    const links = linksOf(gone, '/short');
    expect(links.next).toBeNull();
    expect((await first(links.prev ?? '')).json).toEqual([{ id: 1 }, { id: 2 }]);

    await database.query('insert into short values (3), (4)');
    const two = await first(next ?? '');
    await database.query('delete from short where id < 3');
    const before = await first(linksOf(two, '/short').prev ?? '');
    expect(before.json).toEqual([]);
    expect((await first(linksOf(before, '/short').next ?? '')).json).toEqual([{ id: 3 }, { id: 4 }]);
  });
});

describe('the answer', () => {
  test.each([
    '/plain?order=id&limit=4',
    '/plain?select=rank&order=id.desc&limit=4',
    '/item?select=*,parent(*),child(text)&order=id&limit=5',
    '/item?select=label,...parent(parent_name:name),child(count)&order=id&limit=5',
    '/item?select=parent(),label,data->n,x:price::text&order=id&limit=5',
    '/item?select=id,parent!inner(name)&order=id&limit=5',
    '/item?select=child()&order=id&limit=2',
    '/precise?order=big&limit=20',
  ])('is byte for byte that of the ordinary read: %s', async (path) => {
    await database.query(`
      truncate parent, item, child;
      insert into parent values (1, 'one'), (2, null);
      insert into item (id, parent_id, at, rank, label, data, price) select n, nullif(n % 3, 0), now(), n, 'l' || n, '{"n": 1.50}', 1.10 from generate_series(1, 8) n;
      insert into child select n, 1 + n % 5, 't' from generate_series(1, 9) n;
    `);
    const [plain, paged] = await Promise.all([api.request('GET', path), first(path)]);
    expect(plain.status).toBe(200);
    expect(paged.bytes.equals(plain.bytes)).toBe(true);
    expect(linksOf(paged, path).next).not.toBeNull();
  });

  test('does not show the keys that nobody selected', async () => {
    expect((await first('/plain?select=rank&order=cursor.desc&limit=1')).json).toEqual([{ rank: 0 }]);
  });

  test('states the count of all rows, and where the first page lies', async () => {
    const headers = { Prefer: 'pagination=cursor, count=exact' };
    const one = await api.request('GET', '/plain?limit=4&rank=gt.0', { headers });
    expect([one.status, one.headers['content-range']]).toEqual([206, '0-3/6']);
    expect(one.headers['preference-applied']).toBe('count=exact, pagination=cursor');
    const two = await api.request('GET', linksOf(one, '/plain').next ?? '', { headers });
    expect([two.status, two.headers['content-range']]).toEqual([206, '*/6']);
    expect((await first('/plain?limit=4')).headers['content-range']).toBe('0-3/*');
  });

  test('holds 100 rows without a limit, and never more than db-max-rows', async () => {
    expect((await first('/large?select=id')).json).toHaveLength(100);
    const strict = await startApi(database, { 'db-max-rows': 3 });
    const pages = await walk(strict.request, '/plain?select=id&limit=5', 'next');
    expect(pages.map(({ answer }) => answer.json.length)).toEqual([3, 3, 3]);
    await strict.close();
  });

  test('comes as CSV, as one object, without nulls, and as headers alone', async () => {
    const csv = await walk(api.request, '/plain?select=id,rank&limit=5', 'next', {
      headers: { Accept: 'text/csv' },
    });
    expect(csv.map(({ answer }) => answer.body)).toEqual([
      'id,rank\n1,1\n2,2\n3,0\n4,1\n5,2',
      'id,rank\n6,0\n7,1\n8,2\n9,0',
    ]);
    const objects = await walk(api.request, '/plain?select=id&limit=1&id=lt.4', 'next', {
      headers: { Accept: 'application/vnd.pgrst.object+json' },
    });
    expect(objects.map(({ answer }) => answer.json)).toEqual([{ id: 1 }, { id: 2 }, { id: 3 }]);
    const stripped = await api.request('GET', '/keyed?limit=1', {
      headers: { ...PAGED.headers, Accept: 'application/vnd.pgrst.array+json;nulls=stripped' },
    });
    expect(stripped.json).toEqual([{ x: 1, y: 1 }]);
    const head = await api.request('HEAD', '/plain?limit=2', PAGED);
    expect([head.status, head.body]).toEqual([200, '']);
    expect(linksOf(head, '/plain').next).not.toBeNull();
  });

  test('to a read by QUERY has links for the same body', async () => {
    const body = 'select=id&order=id.desc';
    const headers = { ...PAGED.headers, 'Content-Type': 'application/x-www-form-urlencoded' };
    const one = await api.request('QUERY', '/plain?limit=2', { headers, body });
    expect(one.headers['link']).toMatch(/^<\?limit=2&cursor=[\w-]+>; rel="next"$/);
    const two = await api.request('QUERY', linksOf(one, '/plain').next ?? '', { headers, body });
    expect(two.json).toEqual([{ id: 7 }, { id: 6 }]);
  });

  test('in a batch has its links, with the values that it took from others', async () => {
    const batch = await api.request('POST', '/', {
      headers: { 'Content-Type': 'application/vnd.aura.batch+json' },
      body: JSON.stringify({
        requests: [
          { method: 'GET', path: '/plain?select=rank&id=eq.2' },
          {
            method: 'GET',
            path: '/plain?select=id&rank=lt.{#/0/body/0/rank}&limit=2',
            headers: PAGED.headers,
          },
        ],
      }),
    });
    const { headers, body } = batch.json.results[1];
    expect([body, headers.link]).toEqual([
      [{ id: 1 }, { id: 3 }],
      expect.stringMatching(/^<\?select=id&rank=lt\.2&limit=2&cursor=[\w-]+>; rel="next"$/),
    ]);
    expect((await first(linksOf({ ...batch, headers }, '/plain').next ?? '')).json).toEqual([
      { id: 4 },
      { id: 6 },
    ]);
  });

  test('to a write does not claim the preference', async () => {
    const answer = await api.request('POST', '/plain', {
      headers: { Prefer: 'pagination=cursor, tx=rollback' },
      body: {},
    });
    expect(answer.headers['preference-applied'] ?? '').not.toContain('pagination');
  });
});

describe('the order', () => {
  test('ends with the primary key in the direction of its last term', async () => {
    expect(await allRows('/plain?select=id&order=rank.desc&limit=2')).toEqual([8, 5, 2, 7, 4, 1, 9, 6, 3]);
    expect(await allRows('/plain?select=id&order=rank&limit=2')).toEqual([3, 6, 9, 1, 4, 7, 2, 5, 8]);
    expect(await allRows('/plain?select=id&limit=2')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('ends with a unique key without nulls where there is no primary key', async () => {
    expect(await allRows('/keyed?order=x.desc&limit=2', 'y')).toEqual([5, 4, 3, 2, 1]);
  });

  const PRECISE = [
    'at',
    'local',
    'price',
    'big',
    'raw',
    'mood',
    'code',
    'text',
    'pad',
    'span',
    'list',
    'place',
    'json',
    'size',
    'day',
    'json->a',
    'place->>number',
  ];
  test.each(PRECISE)('by %s loses no row between pages of one', async (column) => {
    const { rows } = await database.query('select big::text from precise order by 1');
    for (const direction of ['asc', 'desc.nullslast', 'asc.nullsfirst']) {
      const walked = await allRows(`/precise?select=big::text&order=${column}.${direction}&limit=1`, 'big');
      expect(walked.toSorted()).toEqual(rows.map(({ big }) => big));
    }
  });

  test('may be that of a view whose keys are null where a join found nothing', async () => {
    for (const order of ['side', 'side.desc', 'side.nullsfirst', 'side.desc.nullslast', 'other.desc,side']) {
      const path = `/sides?select=id&order=${order}&limit=2`;
      const { rows } = await database.query(
        `select id from sides order by ${order.replaceAll('.', ' ').replace('nulls', 'nulls ')}, id ${order === 'side.desc' || order === 'side.desc.nullslast' ? 'desc' : ''}`,
      );
      const pages = await walk(api.request, path, 'next');
      expect(
        pages.flatMap(({ answer }) => keysOf(answer.json)),
        order,
      ).toEqual(keysOf(rows));
      const back = await walk(api.request, pages.at(-1)?.path ?? '', 'prev');
      expect(
        back.toReversed().flatMap(({ answer }) => keysOf(answer.json)),
        order,
      ).toEqual(keysOf(rows));
    }
    // six rows without a key of their own: they are not left out, but said
    const one = await first('/far_side?limit=3');
    expect(keysOf(one.json)).toEqual([1, 2, 3]);
    const two = await first(linksOf(one, '/far_side').next ?? '');
    expect([two.status, two.json.code]).toEqual([400, 'AURA164']);
    const whole = await first((linksOf(one, '/far_side').next ?? '').replace('limit=3', 'limit=6'));
    expect(whole.json).toHaveLength(6);
  });

  test('is refused where nothing tells the rows apart', async () => {
    const keyless = await first('/keyless');
    expect([keyless.status, keyless.json.code]).toEqual([400, 'AURA163']);
    const doubled = await first('/doubled?limit=2');
    expect([doubled.status, doubled.json.code]).toEqual([400, 'AURA164']);
    expect((await first('/doubled?order=rank,id&limit=2')).status).toBe(200);
  });

  test('is refused over aggregates and functions', async () => {
    for (const path of [
      '/plain?select=rank,count()',
      '/item?select=...parent(name.count())',
      '/rpc/plains',
    ]) {
      const answer = await first(path);
      expect([path, answer.status, answer.json.code]).toEqual([path, 400, 'AURA162']);
    }
  });

  test('uses an index in the middle of a table', async () => {
    const headers = { ...PAGED.headers, Accept: 'application/vnd.pgrst.plan+json' };
    for (const order of ['at', 'at.desc', 'due', 'due.desc', 'due.desc.nullslast', 'status,at', 'id']) {
      const pages = [await first(`/large?select=id,due&order=${order}&limit=700`)];
      for (let page = 0; page < 8; page++) {
        pages.push(await api.request('GET', linksOf(pages.at(-1) as ApiAnswer, '/large').next ?? ''));
      }
      const links = linksOf(pages.at(-1) as ApiAnswer, '/large');
      for (const path of [links.next, links.prev]) {
        const plan = await api.request('GET', path?.replace('limit=700', 'limit=10') ?? '', { headers });
        expect(plan.body, order).toContain('"Index Cond"');
        expect(plan.body, order).not.toMatch(/Seq Scan|"Node Type": "Sort",[^}]*"large/);
      }
    }
  });
});

describe('a cursor', () => {
  const sealed = async (path: string): Promise<string> => cursorOf(linksOf(await first(path), path).next);

  test('is refused with another order or relation, and goes with other filters, columns and limits', async () => {
    const cursor = await sealed('/plain?order=rank&limit=4');
    for (const path of [
      '/plain?order=rank.desc',
      '/plain',
      '/plain?order=rank,id.desc',
      '/keyed?order=x',
      '/item?order=rank',
    ]) {
      const answer = await api.request('GET', `${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`);
      expect([path, answer.status, answer.json.code]).toEqual([path, 400, 'AURA161']);
    }
    const answer = await api.request('GET', `/plain?order=rank&select=id&id=gt.4&limit=2&cursor=${cursor}`);
    expect(answer.json).toEqual([{ id: 7 }, { id: 5 }]);
  });

  test('is refused beside offset and Range', async () => {
    const cursor = await sealed('/plain?limit=2');
    const answers = [
      await first('/plain?limit=2&offset=2'),
      await api.request('GET', `/plain?limit=2&offset=0&cursor=${cursor}`),
      await api.request('GET', `/plain?cursor=${cursor}`, { headers: { Range: '0-4' } }),
      await api.request('GET', '/plain', { headers: { ...PAGED.headers, Range: '0-4' } }),
    ];
    expect(answers.map(({ status, json }) => [status, json.code])).toEqual(
      answers.map(() => [400, 'AURA162']),
    );
  });

  test('that was changed anywhere is refused, and never answered otherwise', async () => {
    const cursor = await sealed('/precise?order=text,at&limit=7');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const changed = fc.oneof(
      fc
        .tuple(fc.nat(cursor.length - 1), fc.constantFrom(...alphabet))
        .map(([at, by]) => cursor.slice(0, at) + by + cursor.slice(at + 1)),
      fc.nat(cursor.length - 1).map((length) => cursor.slice(0, length)),
      fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 90 }),
      fc
        .string({ unit: fc.constantFrom(...alphabet, '=', '%00', '%FF', '.', '+', '%'), minLength: 1 })
        .map((end) => cursor + end),
    );
    await fc.assert(
      fc.asyncProperty(changed, async (text) => {
        fc.pre(text !== cursor && text !== '');
        const answer = await api.request('GET', `/precise?order=text,at&limit=7&cursor=${text}`);
        expect([answer.status, answer.json.code]).toEqual([
          400,
          answer.json.code === 'AURA104' ? 'AURA104' : 'AURA160',
        ]);
      }),
      { numRuns: 300 },
    );
  });

  test('of a value that its type does not have any more is an error of the client', async () => {
    const cursors = createCursors([Buffer.from(SECRET)]);
    const cursor = cursors?.open(await sealed('/precise?order=mood&limit=3'));
    const text = cursor && cursors?.seal({ ...cursor, values: ['furious', '1'] });
    const answer = await api.request('GET', `/precise?order=mood&limit=3&cursor=${text}`);
    expect([answer.status, answer.json.code]).toEqual([400, '22P02']);
  });

  test('shows nobody more than policies and grants do', async () => {
    const as = (owner: string) => ({ as: { role: 'authenticated', owner }, headers: PAGED.headers });
    const odd = await api.request('GET', '/secret?order=rank&limit=5', as('odd'));
    const next = linksOf(odd, '/secret').next ?? '';
    const even = await api.request('GET', next, as('even'));
    expect(even.json.length).toBeGreaterThan(0);
    expect(new Set(keysOf(even.json, 'owner'))).toEqual(new Set(['even']));
    const anonymous = await api.request('GET', next);
    expect([anonymous.status, anonymous.json]).toEqual([200, []]);
    const denied = await first('/partly?select=name');
    expect([denied.status, denied.json.code]).toEqual([401, '42501']);
  });

  test('is known to every process of a configuration, also to one that is started later', async () => {
    const cursor = await sealed('/plain?limit=2');
    const other = await startApi(database);
    expect((await other.request('GET', `/plain?select=id&limit=1&cursor=${cursor}`)).json).toEqual([
      { id: 3 },
    ]);
    await other.close();
  });

  test('depends on cursor-secret where there is one, and outlives a key of a set that is replaced', async () => {
    const cursor = await sealed('/plain?limit=2');
    const status = async (settings: Record<string, unknown>): Promise<number> => {
      const other = await startApi(database, settings);
      const answer = await other.request('GET', `/plain?limit=2&cursor=${cursor}`);
      await other.close();
      return answer.status;
    };
    expect(await status({ 'cursor-secret': 'another-secret-of-32-characters!' })).toBe(400);
    expect(await status({ 'cursor-secret': SECRET, 'jwt-secret': 'b'.repeat(40) })).toBe(200);
    const jwk = (text: string) => ({ kty: 'oct', alg: 'HS256', k: Buffer.from(text).toString('base64url') });
    expect(await status({ 'jwt-secret': JSON.stringify({ keys: [jwk('n'.repeat(32)), jwk(SECRET)] }) })).toBe(
      200,
    );
    expect(await status({ 'jwt-secret': JSON.stringify({ keys: [jwk('n'.repeat(32))] }) })).toBe(400);
  });

  test('needs a secret, which a public key is not', async () => {
    const key = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
    const keyless = await startApi(database, { 'jwt-secret': JSON.stringify(key) });
    const answer = await keyless.request('GET', '/plain?limit=2', PAGED);
    expect([answer.status, answer.json.code]).toEqual([400, 'AURA166']);
    await keyless.close();
  });

  test('that would be longer than a URL may be is refused before it is needed', async () => {
    await database.query(
      "truncate item cascade; insert into item (id, at, rank, label) select n, now(), n, repeat('long', 6000) from generate_series(1, 3) n",
    );
    const answer = await first('/item?select=id&order=label&limit=2');
    expect([answer.status, answer.json.code]).toEqual([400, 'AURA165']);
  });

  test('leaves a column of its name to filters', async () => {
    expect((await api.request('GET', '/plain?select=id&cursor=eq.c2')).json).toEqual([{ id: 2 }]);
    expect((await api.request('GET', '/plain?select=id&cursor=not.is.null&id=eq.3')).json).toEqual([
      { id: 3 },
    ]);
  });
});

describe('walking', () => {
  interface Case {
    readonly relation: 'item' | 'item_view' | 'pair';
    readonly path: string;
    readonly reference: string;
  }

  const few = <T>(...values: T[]) => fc.constantFrom(null, ...values);
  const rowOf = fc.record({
    parent_id: few(1, 2, 3),
    due: few('2024-01-01', '2024-01-02'),
    at: fc.constantFrom('2024-01-01T00:00:00.000001Z', '2024-01-01T00:00:00.000002Z'),
    rank: fc.integer({ min: 0, max: 3 }),
    price: few(1, 1.5, 2),
    mood: few('sad', 'so so', 'happy'),
    label: few('', 'a', 'B', 'ä', '"', "'", '\\', ','),
    data: few({ n: 1, s: 'x' }, { n: null }, { n: 'a', s: null }, {}),
    place: few({ street: null, number: null }, { street: 'a', number: null }, { street: 'a', number: 1 }),
    tags: few([], ['a'], ['a', null]),
    code: few('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'),
    flag: few(true, false),
    size: few(0.1, 0.30000000000000004, 1e300),
    pad: few('a', 'b'),
    short: few('x', 'y'),
    tiny: few('1 day', '24 hours', '1 month'),
  });

  /** Terms as a request writes them, and the expression that they mean. */
  const ITEM_TERMS: Record<string, string> = {
    ...Object.fromEntries(
      [
        'id',
        'due',
        'at',
        'rank',
        'price',
        'mood',
        'label',
        'data',
        'place',
        'tags',
        'code',
        'flag',
        'size',
        'pad',
        'short',
        'tiny',
      ].map((column) => [column, column]),
    ),
    'data->n': "data->'n'",
    'data->>s': "data->>'s'",
    'place->>number': "to_jsonb(place)->>'number'",
    'parent(name)': '(select name from parent where parent.id = parent_id)',
  };
  const TABLE_TERMS = { ...ITEM_TERMS, shout: 'upper(label)' };
  const PAIR_TERMS: Record<string, string> = { a: 'a', b: 'b', note: 'note' };

  const modifiers = fc.tuple(
    fc.constantFrom('', 'asc', 'desc'),
    fc.constantFrom('', 'nullsfirst', 'nullslast'),
  );
  const caseOf = (relation: Case['relation'], terms: Record<string, string>, key: readonly string[]) =>
    fc
      .tuple(
        fc.array(fc.tuple(fc.constantFrom(...Object.keys(terms)), modifiers), { maxLength: 4 }),
        fc.integer({ min: 1, max: 6 }),
        fc.boolean(),
      )
      .map(([order, limit, filtered]): Case => {
        const written = order.map(([term, [direction, nulls]]) =>
          [term, direction, nulls].filter(Boolean).join('.'),
        );
        const meant = order.map(([term, [direction, nulls]]) => {
          const place = nulls === '' ? '' : ` nulls ${nulls.slice('nulls'.length)}`;
          return `${terms[term]} ${direction}${place}`;
        });
        // a term that was there before orders nothing, and does not count as the last one
        const distinct = order.filter(
          ([term], index) => order.findIndex(([other]) => other === term) === index,
        );
        const last = distinct.at(-1)?.[1][0] ?? '';
        const ties = key.map((column) => `${column} ${last}`);
        const embeds = order.some(([term]) => term === 'parent(name)') ? ',parent(name)' : '';
        const filter = relation !== 'pair' && filtered ? ['rank=gte.1'] : [];
        const parameters = [
          `select=${key.join(',')}${embeds}`,
          `limit=${limit}`,
          ...filter,
          ...(written.length > 0 ? [`order=${written.join(',')}`] : []),
        ];
        return {
          relation,
          path: encodeURI(`/${relation}?${parameters.join('&')}`),
          reference: `select ${key.join(" || '/' || ")} as key from ${relation} ${filter.length > 0 ? 'where rank >= 1' : ''} order by ${[...meant, ...ties].join(', ')}`,
        };
      });
  const cases = fc.oneof(
    caseOf('item', TABLE_TERMS, ['id']),
    caseOf('item_view', ITEM_TERMS, ['id']),
    caseOf('pair', PAIR_TERMS, ['b', 'a']),
  );

  const contents = fc.record({
    rows: fc.array(rowOf, { maxLength: 24 }),
    pairs: fc.uniqueArray(fc.record({ a: fc.nat(3), b: fc.nat(3), note: few('x', 'y') }), {
      maxLength: 12,
      selector: ({ a, b }) => `${a}/${b}`,
    }),
  });

  const fill = async ({
    rows,
    pairs,
  }: {
    rows: readonly object[];
    pairs: readonly object[];
  }): Promise<void> => {
    await database.query(
      "truncate item, parent, pair, child; insert into parent values (1, 'one'), (2, 'two'), (3, null)",
    );
    await database.query('insert into item select * from jsonb_populate_recordset(null::item, $1)', [
      JSON.stringify(rows.map((row, index) => ({ ...row, id: index + 1 }))),
    ]);
    await database.query('insert into pair select * from jsonb_populate_recordset(null::pair, $1)', [
      JSON.stringify(pairs),
    ]);
  };

  const keyOf = (row: Record<string, unknown>): string =>
    'id' in row ? String(row['id']) : `${row['b']}/${row['a']}`;
  const expected = async (reference: string): Promise<string[]> =>
    (await database.query(reference)).rows.map(({ key }) => String(key));
  const walked = async (path: string, towards: 'next' | 'prev', between?: () => Promise<void>) => {
    const pages = await walk(api.request, path, towards, {}, between);
    return { last: pages.at(-1), pages: pages.map(({ answer }) => answer.json.map(keyOf) as string[]) };
  };

  test('forward and back gives exactly the rows, in their order, whatever the order is', async () => {
    await fc.assert(
      fc.asyncProperty(
        contents,
        fc.array(cases, { minLength: 1, maxLength: 3 }),
        async (content, several) => {
          await fill(content);
          for (const { path, reference } of several) {
            const all = await expected(reference);
            const forward = await walked(path, 'next');
            expect(forward.pages.flat(), path).toEqual(all);
            const back = await walked(forward.last?.path ?? '', 'prev');
            expect(back.pages.toReversed().flat(), path).toEqual(all);
          }
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);

  test('neither loses nor repeats a row while others come and go', async () => {
    const change = fc.oneof(
      fc.record({
        kind: fc.constant('insert' as const),
        row: rowOf,
        id: fc.integer({ min: -500, max: 500 }),
      }),
      fc.record({ kind: fc.constant('delete' as const), id: fc.integer({ min: 1, max: 24 }) }),
    );
    const caseOfItem = fc.oneof(caseOf('item', TABLE_TERMS, ['id']), caseOf('item_view', ITEM_TERMS, ['id']));
    await fc.assert(
      fc.asyncProperty(
        contents,
        caseOfItem,
        fc.array(change, { maxLength: 40 }),
        async (content, one, changes) => {
          await fill(content);
          const before = await expected(one.reference);
          const deleted = new Set<string>();
          const queue = [...changes];
          const between = async (): Promise<void> => {
            const next = queue.shift();
            if (next?.kind === 'delete') {
              deleted.add(String(next.id));
              await database.query('delete from item where id = $1', [next.id]);
            } else if (next) {
              const row = JSON.stringify([{ ...next.row, id: next.id }]);
              await database.query(
                'insert into item select * from jsonb_populate_recordset(null::item, $1) on conflict do nothing',
                [row],
              );
            }
          };
          const isStable = (key: string): boolean => before.includes(key) && !deleted.has(key);
          const forward = await walked(one.path, 'next', between);
          const seen = forward.pages.flat();
          expect(seen.filter(isStable)).toEqual(before.filter(isStable));
          // a row that was deleted and comes again may be met again
          const remaining = seen.filter((key) => !deleted.has(key));
          expect(new Set(remaining).size).toBe(remaining.length);
          // others may have filled the last page before the way back begins: what they push out is behind it
          const pages = (await walked(forward.last?.path ?? '', 'prev', between)).pages.toReversed();
          const back = pages.flat().filter(isStable);
          expect(back).toEqual(before.filter(isStable).slice(0, back.length));
          const passed = forward.pages.slice(0, -1).flat().filter(isStable);
          expect(back.length).toBeGreaterThanOrEqual(passed.length);
        },
      ),
      { numRuns: 30 },
    );
  }, 120_000);
});
