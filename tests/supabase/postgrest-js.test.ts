/** Supabase's client library, every method of its query builder, against the tests' Supabase project. */
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderToken } from '../../server/cli/token.ts';
import { auth, copyFixture, people, type Running, startDev, tokenOf } from './running.ts';

let folder: string;
let running: Running;
let anyone: SupabaseClient;
let ada: SupabaseClient;
let bo: SupabaseClient;
let chitra: SupabaseClient;
let service: SupabaseClient;

/** Methods of the query builder that no test has called yet, by name. */
const uncalled = new Map<string, () => void>();

/** Has every public method of the builders say that it was called. */
const watchBuilders = (): void => {
  const relation = createClient('http://127.0.0.1', 'none', { auth }).from('none');
  const rows = relation.select();
  const prototypes = [relation, rows].flatMap((builder) => {
    const chain: object[] = [];
    for (let next: object = builder; next !== Object.prototype; next = Object.getPrototypeOf(next))
      chain.push(next);
    return chain.slice(1);
  });
  for (const prototype of new Set(prototypes)) {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      const method: unknown = Reflect.get(prototype, name);
      if (typeof method !== 'function' || name === 'constructor' || name === 'then') continue;
      const restore = (): void => void Reflect.set(prototype, name, method);
      uncalled.set(name, restore);
      Reflect.set(prototype, name, function (this: unknown, ...values: unknown[]) {
        uncalled.delete(name);
        restore();
        return Reflect.apply(method, this, values);
      });
    }
  }
};

beforeAll(async () => {
  watchBuilders();
  folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  await chmod(folder, 0o755);
  await copyFixture(folder);
  running = await startDev(folder);
  anyone = running.client();
  ada = running.client('ada');
  bo = running.client('bo');
  chitra = running.client('chitra');
  service = createClient(running.url, running.serviceKey, { auth });
});

afterAll(async () => {
  await running.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The ids that a query over tools gives, in order. */
const ids = async (query: PromiseLike<{ data: unknown; error: unknown }>): Promise<unknown> => {
  const { data, error } = await query;
  expect(error).toBeNull();
  return (data as { id: number }[]).map(({ id }) => id);
};

const tools = () => anyone.from('tools').select('id').order('id');

describe('who asks', () => {
  const whoAmI = async (client: SupabaseClient) => (await client.rpc('who_am_i')).data;

  test('a client with the demo key is anon', async () => {
    expect(await whoAmI(anyone)).toEqual({ id: null, role: 'anon', email: null, user: 'anon' });
  });

  test('a client without any header is anon', async () => {
    const response = await fetch(`${running.url}/rest/v1/rpc/who_am_i`);
    expect(await response.json()).toMatchObject({ role: 'anon', user: 'anon' });
  });

  test('somebody who is signed in is that person for auth.uid() and auth.email()', async () => {
    expect(await whoAmI(bo)).toEqual({
      id: people.bo,
      role: 'authenticated',
      email: 'bo@example.org',
      user: 'authenticated',
    });
  });

  test('the service key is bound by no policy', async () => {
    expect(await whoAmI(service)).toMatchObject({ role: 'service_role' });
    expect((await service.from('tools').select('*', { count: 'exact', head: true })).count).toBe(5);
    expect((await anyone.from('tools').select('*', { count: 'exact', head: true })).count).toBe(4);
  });

  test.each([
    ['sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH', 'anon'],
    ['sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz', 'service_role'],
  ])('the key %s is %s', async (key, role) => {
    expect(await whoAmI(createClient(running.url, key, { auth }))).toMatchObject({ role });
    const signedIn = createClient(running.url, key, { auth, accessToken: async () => tokenOf('bo') });
    expect(await whoAmI(signedIn)).toMatchObject({ id: people.bo, user: 'authenticated' });
  });

  test('aura token signs for the project', async () => {
    const token = await renderToken({
      projectDir: folder,
      role: 'authenticated',
      sub: people.bo,
      claims: {},
      expires: 60,
    });
    const client = createClient(running.url, running.anonKey, { auth, accessToken: async () => token });
    expect(await whoAmI(client)).toMatchObject({ id: people.bo, user: 'authenticated' });
  });

  test('a key of another project is refused', async () => {
    const { error, status } = await createClient(running.url, 'sb_secret_another', { auth })
      .from('tools')
      .select();
    expect([status, error?.code]).toEqual([401, 'PGRST301']);
  });
});

describe('filters', () => {
  test.each<[string, () => ReturnType<typeof tools>, number[]]>([
    ['eq', () => tools().eq('id', 2), [2]],
    ['neq', () => tools().neq('name', 'Hammer drill'), [1, 2, 4]],
    ['gt', () => tools().gt('deposit', 20), [1, 3]],
    ['gte', () => tools().gte('deposit', 20), [1, 2, 3]],
    ['lt', () => tools().lt('deposit', 20), [4]],
    ['lte', () => tools().lte('deposit', 20), [2, 4]],
    ['like', () => tools().like('name', '%drill'), [2, 3]],
    ['likeAllOf', () => tools().likeAllOf('name', ['%drill', 'H%']), [3]],
    ['likeAnyOf', () => tools().likeAnyOf('name', ['%mower', 'H%']), [1, 3]],
    ['ilike', () => tools().ilike('name', 'HAMMER%'), [3]],
    ['ilikeAllOf', () => tools().ilikeAllOf('name', ['%DRILL', 'c%']), [2]],
    ['ilikeAnyOf', () => tools().ilikeAnyOf('name', ['%MOWER', 'wheel%']), [1, 4]],
    ['regexMatch', () => tools().regexMatch('name', '^[HL]'), [1, 3]],
    ['regexIMatch', () => tools().regexIMatch('name', '^[hw]'), [3, 4]],
    ['is null', () => tools().is('available', null), [4]],
    ['is true', () => tools().is('is_listed', true), [1, 2, 3, 4]],
    ['isDistinct', () => tools().isDistinct('category_id', 2), [1, 4]],
    ['in', () => tools().in('name', ['Hammer drill', 'Wheelbarrow', 'a,b', '(c)', 'd"e']), [3, 4]],
    ['notIn', () => tools().notIn('id', [1, 2]), [3, 4]],
    ['contains of an array', () => tools().contains('tags', ['workshop', 'loud']), [3]],
    ['contains of jsonb', () => tools().contains('details', { brand: 'Blue' }), [2, 3]],
    ['contains of a range', () => tools().contains('available', '[2024-02-10,2024-02-11)'), [2, 3]],
    ['containedBy of an array', () => tools().containedBy('tags', ['garden', 'petrol', 'x']), [1, 4]],
    ['containedBy of jsonb', () => tools().containedBy('details', { brand: 'Blue', weight: 2 }), [2, 4]],
    ['containedBy of a range', () => tools().containedBy('available', '[2024-01-01,2024-12-01)'), [1, 3]],
    ['rangeGt', () => tools().rangeGt('available', '[2024-01-01,2024-03-01)'), [1]],
    ['rangeGte', () => tools().rangeGte('available', '[2024-02-01,2024-02-02)'), [1, 3]],
    ['rangeLt', () => tools().rangeLt('available', '[2024-03-01,2024-03-05)'), [3]],
    ['rangeLte', () => tools().rangeLte('available', '[2024-01-01,2024-10-01)'), [1, 3]],
    ['rangeAdjacent', () => tools().rangeAdjacent('available', '[2024-03-01,2024-04-01)'), [1, 3]],
    ['overlaps of an array', () => tools().overlaps('tags', ['petrol', 'loud']), [1, 3]],
    ['overlaps of a range', () => tools().overlaps('available', '[2024-02-15,2024-03-15)'), [2, 3]],
    ['textSearch', () => tools().textSearch('search', "'lawn' & 'petrol'"), [1]],
    [
      'textSearch plain',
      () => tools().textSearch('search', 'lawns mowing', { type: 'plain', config: 'english' }),
      [1],
    ],
    [
      'textSearch phrase',
      () => tools().textSearch('search', 'concrete wall', { type: 'phrase', config: 'english' }),
      [3],
    ],
    [
      'textSearch websearch',
      () => tools().textSearch('search', 'drill -loud', { type: 'websearch', config: 'english' }),
      [2],
    ],
    ['match', () => tools().match({ name: 'Wheelbarrow', deposit: 0 }), [4]],
    ['not', () => tools().not('available', 'is', null), [1, 2, 3]],
    ['not in', () => tools().not('id', 'in', '(1,2)'), [3, 4]],
    ['not of an array', () => tools().not('tags', 'cs', '{garden}'), [2, 3]],
    ['or', () => tools().or('name.eq.Wheelbarrow,deposit.gt.40'), [1, 4]],
    ['or with and and not', () => tools().or('id.eq.4,and(deposit.gte.20,not.and(id.eq.1))'), [2, 3, 4]],
    [
      'several at once',
      () => tools().gt('deposit', 0).lt('deposit', 40).eq('tags->>0', 'workshop').or('id.gt.0'),
      [2, 3],
    ],
    ['filter', () => tools().filter('details->>brand', 'eq', 'Green'), [1]],
    ['filter with a list', () => tools().filter('id', 'in', '(1,4)'), [1, 4]],
    ['a path into jsonb', () => tools().eq('details->manual->pages', 12), [1]],
    ['like over a computed column', () => tools().like('label', '%(20.00)'), [2]],
  ])('%s', async (_name, query, expected) => {
    expect(await ids(query())).toEqual(expected);
  });

  test('filters on an embedded table', async () => {
    const { data } = await anyone
      .from('profiles')
      .select('username, tools!tools_owner_id_fkey(id)')
      .eq('tools.category_id', 2)
      .gte('tools.deposit', 20)
      .order('username');
    expect(data).toEqual([
      { username: 'ada', tools: [{ id: 2 }] },
      { username: 'bo_s', tools: [{ id: 3 }] },
      { username: 'chitra', tools: [] },
    ]);
  });

  test('or on an embedded table', async () => {
    const { data } = await anyone
      .from('profiles')
      .select('username, tools!tools_owner_id_fkey(id)')
      .or('id.eq.1,deposit.eq.0', { referencedTable: 'tools' })
      .order('username')
      .limit(2);
    expect(data).toEqual([
      { username: 'ada', tools: [{ id: 1 }] },
      { username: 'bo_s', tools: [{ id: 4 }] },
    ]);
  });

  test('a column that is not there is an error with its name', async () => {
    const { data, error, status, count } = await anyone.from('tools').select('id').eq('nmae', 'x');
    expect({ data, status, count }).toEqual({ data: null, status: 400, count: null });
    expect(error).toMatchObject({ code: '42703', message: 'column tools.nmae does not exist' });
  });
});

describe('select', () => {
  test('all columns, with their types in JSON', async () => {
    const { data, error, status, statusText } = await anyone.from('tools').select().eq('id', 3);
    expect({ error, status, statusText }).toEqual({ error: null, status: 200, statusText: 'OK' });
    expect(data).toEqual([
      {
        id: 3,
        owner_id: people.bo,
        category_id: 2,
        name: 'Hammer drill',
        description: 'For concrete walls; loud.',
        deposit: 35.5,
        tags: ['workshop', 'loud'],
        details: { brand: 'Blue', weight: 5 },
        available: '[2024-02-01,2024-03-01)',
        is_listed: true,
        created_at: '2024-01-12T08:00:00+00:00',
        search: expect.any(String),
      },
    ]);
  });

  test('aliases, casts, paths, computed columns', async () => {
    const { data } = await anyone
      .from('tools')
      .select(`
        title: name,
        deposit::text,
        brand: details->>brand,
        pages: details->manual->pages,
        first: tags->>0,
        label
      `)
      .eq('id', 1);
    expect(data).toEqual([
      {
        title: 'Lawn mower',
        deposit: '50.00',
        brand: 'Green',
        pages: 12,
        first: 'garden',
        label: 'Lawn mower (50.00)',
      },
    ]);
  });

  test.each(['exact', 'planned', 'estimated'] as const)('count: %s', async (count) => {
    const answer = await anyone.from('categories').select('*', { count }).range(0, 1);
    expect(answer.data).toHaveLength(2);
    if (count === 'exact') expect(answer).toMatchObject({ count: 3, status: 206 });
    else expect(answer.count).toBeGreaterThan(1);
  });

  test('head: only the count', async () => {
    const { data, count, status } = await anyone
      .from('categories')
      .select('*', { count: 'exact', head: true });
    expect({ data, count, status }).toEqual({ data: null, count: 3, status: 200 });
  });

  test('embedding: to one, to many, through a hint, nested, spread, inner', async () => {
    const { data, error } = await ada
      .from('loans')
      .select(`
        status,
        tool: tools!inner(name, ...categories(category: name, parent: parent_id(name)), owner: profiles!tools_owner_id_fkey(username)),
        borrower: profiles!loans_borrower_id_fkey(username),
        approver: approved_by(username)
      `)
      .eq('tool.owner.username', 'ada')
      .eq('tool.id', 1)
      .order('created_at');
    expect(error).toBeNull();
    expect(data).toEqual([
      {
        status: 'returned',
        tool: {
          name: 'Lawn mower',
          category: 'Mowing',
          parent: { name: 'Garden' },
          owner: { username: 'ada' },
        },
        borrower: { username: 'bo_s' },
        approver: { username: 'ada' },
      },
    ]);
  });

  test('an embedding that is ambiguous names the ways', async () => {
    const { error, status } = await ada.from('loans').select('id, profiles(username)');
    expect(status).toBe(300);
    expect(error).toMatchObject({
      code: 'PGRST201',
      hint: expect.stringContaining('loans_borrower_id_fkey'),
    });
  });

  test('aggregates, which a setting of the database turned on', async () => {
    const { data } = await anyone.from('reviews').select('tool_id, stars.avg(), n: count()').order('tool_id');
    expect(data).toEqual([
      { tool_id: 1, avg: 4, n: 2 },
      { tool_id: 2, avg: 4, n: 1 },
    ]);
  });

  test('a view shows what its reader may see', async () => {
    const overview = () =>
      anyone.from('tool_overview').select('id, owner, reviews, stars').order('id').limit(2);
    expect((await overview()).data).toEqual([
      { id: 1, owner: 'ada', reviews: 2, stars: 4 },
      { id: 2, owner: 'ada', reviews: 1, stars: 4 },
    ]);
  });

  test('another schema', async () => {
    const { data } = await service.schema('reports').from('loans_by_status').select().order('status');
    expect(data).toEqual([
      { status: 'requested', loans: 1 },
      { status: 'lent', loans: 1 },
      { status: 'returned', loans: 1 },
    ]);
    expect((await anyone.schema('auth').from('users').select()).error).toMatchObject({ code: 'PGRST106' });
  });
});

describe('shaping the answer', () => {
  test('order: direction, nulls, several columns, an embedded table, a column of a parent', async () => {
    const order = (options: Parameters<ReturnType<typeof tools>['order']>[1]) =>
      ids(anyone.from('tools').select('id').order('available', options).order('id'));
    expect(await order({ ascending: false, nullsFirst: false })).toEqual([1, 3, 2, 4]);
    expect(await order({ nullsFirst: true })).toEqual([4, 2, 3, 1]);
    const { data } = await anyone
      .from('profiles')
      .select('tools!tools_owner_id_fkey(id)')
      .eq('username', 'ada')
      .order('deposit', { referencedTable: 'tools' })
      .order('id', { referencedTable: 'tools' })
      .single();
    expect(data).toEqual({ tools: [{ id: 2 }, { id: 1 }] });
    expect(
      await ids(
        anyone
          .from('tools')
          .select('id, profiles!tools_owner_id_fkey(username)')
          .order('profiles(username)', { ascending: false })
          .order('id'),
      ),
    ).toEqual([3, 4, 1, 2]);
  });

  test('limit and range, also of an embedded table', async () => {
    expect(await ids(tools().limit(2))).toEqual([1, 2]);
    expect(await ids(tools().range(1, 2))).toEqual([2, 3]);
    const { data } = await anyone
      .from('profiles')
      .select('tools!tools_owner_id_fkey(id)')
      .eq('username', 'ada')
      .order('id', { referencedTable: 'tools' })
      .limit(1, { referencedTable: 'tools' })
      .single();
    expect(data).toEqual({ tools: [{ id: 1 }] });
    const second = await anyone
      .from('profiles')
      .select('tools!tools_owner_id_fkey(id)')
      .eq('username', 'ada')
      .order('id', { referencedTable: 'tools' })
      .range(1, 1, { referencedTable: 'tools' })
      .single();
    expect(second.data).toEqual({ tools: [{ id: 2 }] });
  });

  test('a range beyond the end, with a count, is 416', async () => {
    const { status, error } = await anyone.from('tools').select('id', { count: 'exact' }).range(100, 110);
    expect([status, error?.code]).toEqual([416, 'PGRST103']);
  });

  test('single gives an object, and an error unless there is exactly one', async () => {
    expect((await tools().eq('id', 1).single()).data).toEqual({ id: 1 });
    expect((await tools().single()).error).toMatchObject({
      code: 'PGRST116',
      details: 'The result contains 4 rows',
    });
    expect((await tools().eq('id', 99).single()).status).toBe(406);
  });

  test('maybeSingle gives an object or nothing', async () => {
    expect((await tools().eq('id', 1).maybeSingle()).data).toEqual({ id: 1 });
    expect(await tools().eq('id', 99).maybeSingle()).toMatchObject({ data: null, error: null, status: 200 });
    expect((await tools().maybeSingle()).error?.code).toBe('PGRST116');
  });

  test('csv', async () => {
    const { data } = await anyone.from('reviews').select('stars,body').order('stars').csv();
    expect(data).toBe('stars,body\n3,\n4,"Strong, ""quiet"", light."\n5,"Mows like new."');
  });

  test('geojson asks for PostGIS, which this server lacks', async () => {
    const { error, status } = await anyone.from('categories').select('id').geojson();
    expect(status).toBe(404);
    expect(error).toMatchObject({ code: '42883', message: expect.stringMatching(/st_asgeojson/i) });
  });

  test('stripNulls leaves out what is null', async () => {
    const { data } = await anyone.from('reviews').select('stars, body').eq('stars', 3).stripNulls();
    expect(data).toEqual([{ stars: 3 }]);
    const one = await anyone.from('reviews').select('stars, body').eq('stars', 3).stripNulls().single();
    expect(one.data).toEqual({ stars: 3 });
  });

  test('explain, which a setting of the database turned on', async () => {
    const asText = await tools().explain({
      analyze: true,
      verbose: true,
      buffers: true,
      settings: true,
      wal: true,
    });
    expect(asText.data).toMatch(/Aggregate|Result/);
    expect(asText.data).toContain('Execution Time');
    const asJson = await tools().explain({ format: 'json' });
    expect(asJson.data).toEqual([{ Plan: expect.objectContaining({ 'Node Type': expect.any(String) }) }]);
  });

  test('returns and overrideTypes change types only', async () => {
    expect((await tools().eq('id', 1).returns<{ id: number }[]>()).data).toEqual([{ id: 1 }]);
    expect((await tools().eq('id', 1).overrideTypes<{ id: number }[]>()).data).toEqual([{ id: 1 }]);
  });

  test('setHeader, retry', async () => {
    expect(await tools().limit(1).setHeader('Prefer', 'count=exact').retry(false)).toMatchObject({
      data: [{ id: 1 }],
      count: 4,
    });
  });

  test('abortSignal ends the request', async () => {
    const { error } = await tools().abortSignal(AbortSignal.abort());
    expect(error?.message).toMatch(/abort/i);
  });

  test('throwOnError throws the error', async () => {
    await expect(anyone.from('nothing').select().throwOnError()).rejects.toMatchObject({
      name: 'PostgrestError',
      code: 'PGRST205',
    });
  });
});

describe('insert', () => {
  test('without an answer, and with one', async () => {
    const silent = await bo.from('wishes').insert({ wish: 'a kettle' });
    expect(silent).toMatchObject({ data: null, error: null, status: 201 });
    const { data, status } = await bo
      .from('wishes')
      .insert([{ wish: 'a tent' }, { wish: 'a canoe' }], { count: 'exact' })
      .select('wish, member_id');
    expect(status).toBe(201);
    expect(data).toEqual([
      { wish: 'a tent', member_id: people.bo },
      { wish: 'a canoe', member_id: people.bo },
    ]);
    expect((await bo.from('wishes').select('wish').order('id')).data).toHaveLength(3);
    expect((await ada.from('wishes').select('wish')).data).toEqual([]);
  });

  test('defaultToNull: false takes the defaults where one row has no value', async () => {
    const rows = [
      { name: 'Saw', description: 'Sharp.' },
      { name: 'Rake', deposit: 3 },
    ];
    const missing = await bo.from('tools').insert(rows).select('name').rollback();
    expect(missing.error).toMatchObject({ code: '23502' });
    const { data, error } = await bo
      .from('tools')
      .insert(rows, { defaultToNull: false, count: 'exact' })
      .select('name, description, deposit, owner_id')
      .rollback();
    expect(error).toBeNull();
    expect(data).toEqual([
      { name: 'Saw', description: 'Sharp.', deposit: 0, owner_id: people.bo },
      { name: 'Rake', description: '', deposit: 3, owner_id: people.bo },
    ]);
  });

  test('rollback shows what would be and keeps nothing', async () => {
    const { data } = await bo.from('tools').insert({ name: 'Dry run' }).select('name').rollback();
    expect(data).toEqual([{ name: 'Dry run' }]);
    expect((await bo.from('tools').select().eq('name', 'Dry run')).data).toEqual([]);
  });

  test('a policy forbids what it forbids', async () => {
    const { error, status } = await bo.from('tools').insert({ name: 'Mine?', owner_id: people.ada });
    expect([status, error?.code]).toEqual([403, '42501']);
    const anonymous = await anyone.from('tools').insert({ name: 'Mine?', owner_id: people.ada });
    expect([anonymous.status, anonymous.error?.code]).toEqual([401, '42501']);
  });

  test('a constraint is named', async () => {
    const { error, status } = await bo.from('tools').insert({ name: 'Free money', deposit: -1 });
    expect(status).toBe(400);
    expect(error).toMatchObject({ code: '23514', message: expect.stringContaining('tools_deposit_check') });
  });

  test('embedding in what is returned', async () => {
    const { data } = await bo
      .from('tools')
      .insert({ name: 'Spade', category_id: 1 })
      .select('name, categories(name), profiles!tools_owner_id_fkey(username)')
      .rollback()
      .single();
    expect(data).toEqual({ name: 'Spade', categories: { name: 'Garden' }, profiles: { username: 'bo_s' } });
  });
});

describe('upsert', () => {
  const review = { tool_id: 3, author_id: people.chitra };

  test('onConflict updates, ignoreDuplicates leaves alone', async () => {
    const reviews = () => chitra.from('reviews');
    const first = await reviews()
      .upsert({ ...review, stars: 2 })
      .select('stars')
      .single();
    expect(first).toMatchObject({ data: { stars: 2 }, status: 201 });
    const again = await reviews()
      .upsert({ ...review, stars: 4 }, { onConflict: 'tool_id,author_id', count: 'exact' })
      .select('stars');
    expect(again).toMatchObject({ data: [{ stars: 4 }], status: 200 });
    const ignored = await reviews()
      .upsert({ ...review, stars: 1 }, { onConflict: 'tool_id,author_id', ignoreDuplicates: true })
      .select('stars');
    expect(ignored.data).toEqual([]);
    expect((await reviews().select('stars').match(review)).data).toEqual([{ stars: 4 }]);
  });

  test('several rows with defaultToNull: false', async () => {
    const { data, error } = await bo
      .from('tools')
      .upsert(
        [
          { id: 4, name: 'Wheelbarrow, red' },
          { id: 5, name: 'Ladder', description: 'Good as new.' },
        ],
        { defaultToNull: false },
      )
      .select('id, name, description')
      .order('id')
      .rollback();
    expect(error).toBeNull();
    expect(data).toEqual([
      { id: 4, name: 'Wheelbarrow, red', description: '' },
      { id: 5, name: 'Ladder', description: 'Good as new.' },
    ]);
  });
});

describe('update and delete', () => {
  test('update of what one may change, with a count', async () => {
    const answer = await bo
      .from('tools')
      .update({ deposit: 36 }, { count: 'exact' })
      .in('id', [1, 3])
      .select('id, deposit')
      .rollback();
    expect(answer).toMatchObject({ data: [{ id: 3, deposit: 36 }], count: 1, status: 200 });
    const silent = await bo.from('tools').update({ deposit: 36 }).eq('id', 1);
    expect(silent).toMatchObject({ data: null, error: null, status: 204 });
    expect((await anyone.from('tools').select('deposit').eq('id', 1).single()).data).toEqual({ deposit: 50 });
  });

  test('a steward of app_metadata may change what is not theirs', async () => {
    const { data } = await ada.from('tools').update({ is_listed: true }).eq('id', 5).select('id').rollback();
    expect(data).toEqual([{ id: 5 }]);
  });

  test('delete, with an order of what is returned', async () => {
    const { data, count } = await bo
      .from('tools')
      .delete({ count: 'exact' })
      .gt('id', 3)
      .select('id')
      .order('id', { ascending: false })
      .rollback();
    expect({ data, count }).toEqual({ data: [{ id: 5 }, { id: 4 }], count: 2 });
    expect(await bo.from('tools').delete().eq('id', 1)).toMatchObject({ status: 204, error: null });
    expect((await bo.from('tools').select().eq('id', 1)).data).toHaveLength(1);
  });

  test('maxAffected undoes what touches more', async () => {
    const typed = createClient<{
      __InternalSupabase: { PostgrestVersion: '14.1' };
      public: {
        Tables: {
          tools: {
            Row: { id: number; deposit: number };
            Insert: { deposit?: number };
            Update: { deposit?: number };
            Relationships: [];
          };
        };
        Views: Record<never, never>;
        Functions: Record<never, never>;
      };
    }>(running.url, running.anonKey, { auth, accessToken: async () => tokenOf('bo') });
    const { error, status } = await typed.from('tools').update({ deposit: 1 }).gte('id', 3).maxAffected(2);
    expect([status, error?.code]).toEqual([400, 'PGRST124']);
    expect((await bo.from('tools').select('id').eq('deposit', 1)).data).toEqual([]);
    const fits = await typed
      .from('tools')
      .update({ deposit: 1 })
      .gte('id', 3)
      .maxAffected(3)
      .select('id')
      .rollback();
    expect(fits.data).toHaveLength(3);
  });
});

describe('functions', () => {
  test('arguments by name, defaults, lists', async () => {
    expect((await anyone.rpc('add', { a: 2, b: 3 })).data).toBe(5);
    expect((await anyone.rpc('add', { a: 2 })).data).toBe(3);
    expect((await anyone.rpc('total', { numbers: [1, 2, 3] })).data).toBe(6);
    expect((await anyone.rpc('echo', { any: ['thing', { at: 'all' }] })).data).toEqual({
      any: ['thing', { at: 'all' }],
    });
    expect(await anyone.rpc('do_nothing')).toMatchObject({ data: null, error: null, status: 204 });
  });

  test('get: true, head: true, count', async () => {
    expect((await anyone.rpc('add', { a: 2, b: 3 }, { get: true })).data).toBe(5);
    expect((await anyone.rpc('largest', { numbers: [1, 3, 2] }, { get: true })).data).toBe(3);
    const head = await anyone.rpc('search_tools', { query: 'drill' }, { head: true, count: 'exact' });
    expect(head).toMatchObject({ data: null, count: 2, status: 200 });
    const counted = await anyone.rpc('search_tools', { query: 'drill' }, { count: 'exact' }).limit(1);
    expect(counted).toMatchObject({ count: 2, status: 206 });
  });

  test('a function that gives tables is filtered, ordered, embedded, as a table is', async () => {
    const { data, error } = await anyone
      .rpc('search_tools', { query: 'drill or mower' })
      .select('id, profiles!tools_owner_id_fkey(username), reviews(stars)')
      .lt('deposit', 40)
      .order('deposit', { ascending: false })
      .limit(1);
    expect(error).toBeNull();
    expect(data).toEqual([{ id: 3, profiles: { username: 'bo_s' }, reviews: [{ stars: 4 }] }]);
  });

  test('an operator of an extension on the search path', async () => {
    const { data } = await anyone.rpc('similar_tools', { name: 'hamer dril' }).limit(1).single();
    expect(data).toMatchObject({ id: 3, name: 'Hammer drill' });
  });

  test('a function of another schema', async () => {
    expect((await service.schema('reports').rpc('busiest_tool')).data).toBe('Lawn mower');
  });

  test('a function writes as whoever calls it, and its trigger tells the owner', async () => {
    const { data, error } = await chitra
      .rpc('request_loan', { tool: 2, first_day: '2024-07-01', last_day: '2024-07-03' })
      .select('tool_id, status, period, borrower_id')
      .single();
    expect(error).toBeNull();
    expect(data).toEqual({
      tool_id: 2,
      status: 'requested',
      period: '[2024-07-01,2024-07-04)',
      borrower_id: people.chitra,
    });
    expect(
      (await chitra.from('loans').delete().eq('period', '[2024-07-01,2024-07-04)').select('status')).data,
    ).toEqual([{ status: 'requested' }]);
  });

  test('a function says itself what is wrong', async () => {
    const days = { tool: 2, first_day: '2024-07-03', last_day: '2024-07-01' };
    const { error, status } = await chitra.rpc('request_loan', days);
    expect(status).toBe(422);
    expect(error).toMatchObject({ message: 'A loan ends after it begins', hint: 'Swap the days.' });
  });

  test('a function that is not there is an error with the nearest one', async () => {
    const { error, status } = await anyone.rpc('serch_tools', { query: 'x' });
    expect(status).toBe(404);
    expect(error).toMatchObject({ code: 'PGRST202', hint: expect.stringContaining('search_tools') });
  });
});

describe('docs/supabase-projects.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/supabase-projects.md'), 'utf8');
  const examples = [...page.matchAll(/^```js\n(.*?)^```\n\n```json\n(.*?)^```$/gms)];
  const AsyncFunction: FunctionConstructor = Object.getPrototypeOf(async () => undefined).constructor;

  test.each(examples.map(([, code = '', answer = ''], index) => ({ index, code, answer })))(
    'example $index answers as it says',
    async ({ code, answer }) => {
      const run = AsyncFunction('supabase', 'signedIn', `${code}; return data;`);
      expect(await Reflect.apply(run, undefined, [anyone, bo])).toEqual(JSON.parse(answer));
    },
  );

  test('its table names every key that is read, and no other', () => {
    const source = readFileSync(join(import.meta.dirname, '../../server/project/supabase-config.ts'), 'utf8');
    const keys = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, key]) => key).sort();
    const [, table = ''] = /^\| key .*?$(.*?)\n\n/ms.exec(page) ?? [];
    const named = table.split('\n').flatMap((row) => keys(row.split('|')[1] ?? '', /`([\w.]+)`/g));
    expect(named.sort()).toEqual(keys(source, /\bread\('([\w.]+)'/g));
  });
});

test('no method of the query builder was left out above', () => {
  expect([...uncalled.keys()]).toEqual([]);
});
