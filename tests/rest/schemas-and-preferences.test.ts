import { expect, test } from 'vitest';
import { startShop, useShop } from './fixture.ts';

const shop = useShop();
/** Header values are bytes: this is how Node writes UTF-8. */
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
const readUtf8 = (text: string | string[] | undefined): string =>
  Buffer.from(String(text), 'latin1').toString();

// schemas --------------------------------------------------------------------------------------------------------

test('Accept-Profile chooses the schema of a read, Content-Profile that of a write', async () => {
  const read = await shop.request('GET', '/books', { headers: { 'Accept-Profile': 'archive' } });
  expect(read.json).toEqual([{ id: 1, title: 'Old Harbour', archived_at: '1980-01-01' }]);
  expect(read.headers['content-profile']).toBe('archive');
  const headers = { 'Content-Profile': 'archive', Prefer: 'return=representation, tx=rollback' };
  const written = await shop.request('POST', '/books', { body: { id: 2, title: 'x' }, headers });
  expect(written.json).toEqual([{ id: 2, title: 'x', archived_at: null }]);
  expect(written.headers['content-profile']).toBe('archive');
  const deleted = await shop.request('DELETE', '/books?id=eq.1', { headers });
  expect(deleted.json).toHaveLength(1);
  const described = await shop.request('HEAD', '/books', {
    headers: { 'Accept-Profile': 'archive', Prefer: 'count=exact' },
  });
  expect(described.headers['content-range']).toBe('0-0/1');
});

test('a schema’s name may have spaces and letters beyond ASCII', async () => {
  const name = utf8('tiefe Ablage ö');
  const path = `/${encodeURIComponent('naïve Tabelle')}`;
  const read = await shop.request('GET', path, { headers: { 'Accept-Profile': name } });
  expect([read.status, read.json]).toEqual([200, [{ id: 1, 'wert €': 'ß' }]]);
  expect(readUtf8(read.headers['content-profile'])).toBe('tiefe Ablage ö');
  expect(read.headers['content-location']).toBe('/na%C3%AFve%20Tabelle');
  const written = await shop.request('POST', path, {
    body: { id: 2, 'wert €': '名' },
    headers: { 'Content-Profile': name, Prefer: 'return=headers-only, tx=rollback' },
  });
  expect([written.status, written.headers['location']]).toEqual([201, '/na%C3%AFve%20Tabelle?id=eq.2']);
});

test('the default schema answers with its name, since there are several', async () => {
  expect((await shop.request('GET', '/books?limit=1')).headers['content-profile']).toBe('shop');
});

test('tables of another schema are not there', async () => {
  const answer = await shop.request('GET', '/authors', { headers: { 'Accept-Profile': 'archive' } });
  expect(answer.status).toBe(404);
  expect(answer.json).toMatchObject({
    code: 'PGRST205',
    message: "Could not find the table 'archive.authors' in the schema cache",
  });
});

test('functions are called in the schema of their profile', async () => {
  for (const [method, header] of [
    ['GET', 'Accept-Profile'],
    ['POST', 'Content-Profile'],
  ] as const) {
    const missing = await shop.request(method, '/rpc/titles', { headers: { [header]: 'archive' } });
    expect([missing.status, missing.json.code], method).toEqual([404, 'PGRST202']);
    const there = await shop.request(method, '/rpc/titles', { headers: { [header]: 'shop' } });
    expect(there.status, method).toBe(200);
  }
});

test('a schema that is not exposed is refused, whether it exists or not', async () => {
  for (const schema of ['internal', 'pg_catalog', 'nothing', '', 'SHOP', 'shop,archive', "shop'"]) {
    for (const [method, header] of [
      ['GET', 'Accept-Profile'],
      ['POST', 'Content-Profile'],
    ] as const) {
      const answer = await shop.request(method, '/books', { headers: { [header]: schema }, body: {} });
      expect(answer.status, schema).toBe(406);
      expect(answer.json).toEqual({
        code: 'PGRST106',
        details: null,
        hint: 'Only the following schemas are exposed: shop, archive, tiefe Ablage ö',
        message: `Invalid schema: ${schema}`,
      });
    }
  }
});

test('with a single schema an answer names it only where it was asked for, in whatever order', async () => {
  const api = await startShop(shop.database, { 'db-schemas': 'shop' });
  const profile = async (headers: Record<string, string>): Promise<unknown> =>
    (await api.request('GET', '/numbers?n=eq.1', { headers })).headers['content-profile'];
  for (let round = 0; round < 2; round++) {
    expect(await profile({})).toBeUndefined();
    expect(await profile({ 'Accept-Profile': 'shop' })).toBe('shop');
  }
  await api.close();
});

// preferences ----------------------------------------------------------------------------------------------------

test.each<[string, string, string | undefined]>([
  ['GET', 'count=exact', 'count=exact'],
  ['GET', 'count=planned', 'count=planned'],
  ['GET', 'return=representation', undefined],
  ['GET', 'resolution=merge-duplicates', undefined],
  ['GET', 'handling=lenient', 'handling=lenient'],
  ['GET', 'handling=strict', 'handling=strict'],
  ['GET', 'timezone=Europe/Oslo', 'timezone=Europe/Oslo'],
  ['GET', 'count=exact,count=planned', 'count=exact'],
  ['GET', 'something=else', undefined],
  ['GET', 'tx=rollback', 'tx=rollback'],
  ['GET', 'max-affected=10, handling=strict', 'handling=strict'],
  ['DELETE', 'max-affected=10, handling=strict', 'handling=strict, max-affected=10'],
  ['DELETE', 'max-affected=10', undefined],
  ['DELETE', 'missing=default', undefined],
  ['POST', 'missing=default, return=minimal', 'missing=default, return=minimal'],
  ['POST', 'return=headers-only', 'return=headers-only'],
  ['POST', 'return=headers-only, return=representation', 'return=headers-only'],
])('%s with Prefer: %s applies %s', async (method, Prefer, applied) => {
  const body = method === 'POST' ? { entry: 'x' } : undefined;
  const answer = await shop.request(method, '/log?entry=eq.x', { headers: { Prefer }, body });
  expect(answer.status).toBeLessThan(300);
  expect(answer.headers['preference-applied']).toBe(applied);
});

test('several Prefer headers are one', async () => {
  const answer = await shop.request('GET', '/numbers?limit=1', {
    headers: { Prefer: ['count=exact', 'timezone=UTC'] },
  });
  expect([answer.status, answer.headers['preference-applied']]).toEqual([206, 'count=exact, timezone=UTC']);
});

test('handling=strict refuses what is not understood, lenient lets it pass', async () => {
  const Prefer = 'handling=strict, foo, return=bar, count=many';
  for (const [method, path] of [
    ['GET', '/numbers'],
    ['POST', '/notes'],
    ['DELETE', '/notes?id=eq.0'],
    ['GET', '/rpc/titles'],
  ] as const) {
    const answer = await shop.request(method, path, {
      headers: { Prefer },
      ...(method === 'POST' ? { body: {} } : {}),
    });
    expect([answer.status, answer.json], method).toEqual([
      400,
      {
        code: 'PGRST122',
        details: 'Invalid preferences: foo, return=bar, count=many',
        hint: null,
        message: 'Invalid preferences given with handling=strict',
      },
    ]);
  }
  expect(
    (await shop.request('GET', '/numbers', { headers: { Prefer: 'foo, handling=lenient' } })).status,
  ).toBe(200);
});

test('a time zone shifts times with zone, and one that is none is refused or ignored', async () => {
  const tstz = async (Prefer: string): Promise<unknown> =>
    (await shop.request('GET', '/traps?select=tstz&id=eq.1', { headers: { Prefer } })).json[0]?.tstz;
  expect(await tstz('timezone=Asia/Tokyo')).toBe('2024-02-29T21:34:56.789012+09:00');
  expect(await tstz('timezone=America/New_York')).toBe('2024-02-29T07:34:56.789012-05:00');
  const strict = await shop.request('GET', '/numbers', {
    headers: { Prefer: 'handling=strict, timezone=Mars/Olympus' },
  });
  expect(strict.status).toBe(400);
  const lenient = await shop.request('GET', '/numbers?n=eq.1', {
    headers: { Prefer: 'timezone=Mars/Olympus' },
  });
  expect(lenient.status).toBeLessThan(500);
});

test('tx counts only where the settings let clients choose', async () => {
  await shop.database.query('truncate shop.log');
  const commits = await startShop(shop.database, { 'db-tx-end': 'commit' });
  const kept = await commits.request('POST', '/log', {
    body: { entry: 'kept' },
    headers: { Prefer: 'tx=rollback' },
  });
  expect([kept.status, kept.headers['preference-applied']]).toEqual([201, undefined]);
  await commits.close();
  const rolls = await startShop(shop.database, { 'db-tx-end': 'rollback' });
  expect((await rolls.request('POST', '/log', { body: { entry: 'lost' } })).status).toBe(201);
  await rolls.close();
  const chosen = await startShop(shop.database, { 'db-tx-end': 'rollback-allow-override' });
  expect((await chosen.request('POST', '/log', { body: { entry: 'lost' } })).status).toBe(201);
  expect(
    (await chosen.request('POST', '/log', { body: { entry: 'wanted' }, headers: { Prefer: 'tx=commit' } }))
      .status,
  ).toBe(201);
  await chosen.close();
  const { rows } = await shop.database.query('select entry from shop.log order by entry');
  expect(rows).toEqual([{ entry: 'kept' }, { entry: 'wanted' }]);
});
