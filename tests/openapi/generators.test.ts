/**
 * What generators make of the document works: their types accept what is right and refuse what is wrong, and their
 * clients talk to the server that the document came from.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import createFetchClient from 'openapi-fetch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tokenFor } from '../support/api.ts';
import { useDepot } from './fixture.ts';
import { generateClient, generateTypes } from './generators/generate.ts';

const ROOT = join(import.meta.dirname, '../..');
const SHELF = '00000000-0000-4000-8000-000000000001';
const served = useDepot({ 'db-tx-end': 'commit' });
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aura-openapi-'));
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The messages of the compiler about a file of the folder. */
async function check(file: string, text: string): Promise<string> {
  await writeFile(join(folder, file), text);
  const options = ['--noEmit', '--strict', '--skipLibCheck'];
  const modules = ['--module', 'nodenext', '--target', 'esnext', '--allowImportingTsExtensions'];
  const types = ['--ignoreConfig', '--lib', 'esnext,dom,dom.iterable'];
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  try {
    return execFileSync(compiler, [...options, ...modules, ...types, file], { cwd: folder }).toString();
  } catch (error) {
    return String((error as { stdout?: Buffer }).stdout);
  }
}

const WITH_FETCH = `
import createClient from 'openapi-fetch';
import type { paths } from './depot.d.ts';
const { GET, POST, PATCH } = createClient<paths, 'application/json'>({ baseUrl: '' });

const { data, error } = await GET('/items', { params: { query: { id: 'eq.1', select: '*,shelves(*)' } } });
if (error) {
  const code: string = error.code;
} else {
  const item = data[0]!;
  const sku: string = item.sku;
  const condition: 'new' | 'used' | 'broken' = item.condition;
  const price: number | null = item.price;
  const width: number | null | undefined = item.size?.width;
  // @ts-expect-error it may be null
  const certain: number = item.price;
  // @ts-expect-error there is no such column
  item.weight;
}
await POST('/items', { body: { sku: 'AB-9', shelf_id: '${SHELF}', kind: "it's" } });
// @ts-expect-error sku must be given
await POST('/items', { body: { shelf_id: '${SHELF}' } });
// @ts-expect-error no such condition
await PATCH('/items', { params: { query: { id: 'eq.1' } }, body: { condition: 'lost' } });
await PATCH('/items', { params: { query: { id: 'eq.1' } }, body: { condition: 'used', parent_id: null } });
await POST('/stamped', { body: { id: 1 } });
await POST('/rpc/find', { body: { query: 'AB%' } });
await POST('/rpc/find', { body: { query: 'AB%', most: 1 } });
// @ts-expect-error an argument is missing
await POST('/rpc/move', { body: { item: 1 } });
// @ts-expect-error a view of groups takes no rows
await POST('/counts', { body: {} });
// @ts-expect-error nobody is told of it
await GET('/secrets', {});
`;

describe('openapi-typescript and openapi-fetch', () => {
  test('its types accept what is right and refuse what is wrong', async () => {
    await writeFile(join(folder, 'depot.d.ts'), await generateTypes(await served.document('authenticated')));
    expect(await check('fetch.ts', WITH_FETCH)).toBe('');
    expect(
      await check('fetch.ts', `${WITH_FETCH}\nconst wrong: number = await GET('/items', {});`),
    ).toContain('fetch.ts');
  });

  test('its client reads, writes and calls', async () => {
    const { GET, POST, PATCH } = createFetchClient<Record<string, Record<string, never>>>({
      baseUrl: `${served.api.origin}/rest/v1`,
      headers: { Authorization: `Bearer ${tokenFor('authenticated')}` },
    }) as unknown as Record<'GET' | 'POST' | 'PATCH', (path: string, init: object) => Promise<Called>>;
    const read = await GET('/items', {
      params: { query: { id: 'eq.1', select: 'sku,shelves!items_shelf_id_fkey(label)' } },
    });
    expect(read.data).toEqual([{ sku: 'AB-1', shelves: { label: 'top' } }]);
    const written = await POST('/items', {
      params: { header: { Prefer: 'return=representation' } },
      body: { sku: 'AB-9', shelf_id: SHELF, kind: "it's" },
    });
    expect(written.data).toMatchObject([{ sku: 'AB-9', condition: 'new', total: 9.99 }]);
    const updated = await PATCH('/items', {
      params: { query: { sku: 'eq.AB-9' } },
      body: { condition: 'used' },
    });
    expect(updated.response.status).toBe(204);
    const found = await POST('/rpc/find', { body: { query: 'AB%', most: 1 } });
    expect(found.data).toHaveLength(1);
    const refused = await POST('/items', { body: { shelf_id: SHELF } });
    expect(refused.error).toMatchObject({ code: '23502' });
  });
});

interface Called {
  readonly data?: unknown;
  readonly error?: unknown;
  readonly response: Response;
}

/** What a generated client gives. */
type Operation = (options: object) => Promise<Called>;

const WITH_HEY_API = `
import { readItems, insertItems, callFind } from './client/sdk.gen.ts';
const { data } = await readItems({ query: { id: 'eq.1', order: 'id' } });
const condition: 'new' | 'used' | 'broken' | undefined = data?.[0]?.condition;
// @ts-expect-error it may be null
const certain: number = data![0]!.price;
await insertItems({ body: { sku: 'AB-9', shelf_id: '${SHELF}' } });
// @ts-expect-error sku must be given
await insertItems({ body: { shelf_id: '${SHELF}' } });
await callFind({ body: { query: 'AB%', most: 1 } });
`;

describe('Hey API', () => {
  test('its client is typed, and reads, writes and calls', async () => {
    await generateClient(await served.document('authenticated'), join(folder, 'client'));
    expect(await check('hey.ts', WITH_HEY_API)).toBe('');
    const sdk: Record<'readItems' | 'insertItems' | 'callFind' | 'readMixedNMeX', Operation> = await import(
      join(folder, 'client/sdk.gen.ts')
    );
    const { client } = await import(join(folder, 'client/client.gen.ts'));
    client.setConfig({ baseUrl: `${served.api.origin}/rest/v1`, auth: () => tokenFor('authenticated') });
    expect((await sdk.readItems({ query: { sku: 'eq.AB-1', select: 'id,size' } })).data).toEqual([
      { id: 1, size: { width: 1, height: 2.5, unit: 'cm' } },
    ]);
    const body = { sku: 'XY-1', shelf_id: SHELF };
    expect((await sdk.insertItems({ body })).response.status).toBe(201);
    expect((await sdk.callFind({ body: { query: 'XY%' } })).data).toMatchObject([body]);
    expect((await sdk.readMixedNMeX({})).data).toEqual([]);
  });
});
