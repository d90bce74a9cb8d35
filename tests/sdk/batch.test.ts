/** Batches of Aura's client: one transaction, with values of earlier answers in later queries. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { batch, type Client, createClient } from '../../sdk/index.ts';
import type { Database } from '../golden/codegen/tracks.types.ts';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadTracks, people } from '../support/tracks.ts';

let database: TestDatabase;
let api: Api;
let mira: Client<Database, 'public'>;
beforeAll(async () => {
  database = await createDatabase(await loadTracks());
  api = await startApi(database);
  mira = createClient<Database>(api.origin, { token: tokenFor({ role: 'authenticated', sub: people.mira }) });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

test('later queries use what earlier ones answer', async () => {
  const { data, error } = await batch()
    .add(mira.from('tasks').insert({ project_id: 1, title: 'Launch' }).select('id, number'))
    .add(([tasks]) => mira.from('comments').insert([{ task_id: tasks[0].id, body: 'Who?' }]))
    .add(([tasks]) => mira.from('tasks').select('title, comments(body)').eq('id', tasks[0].id).single())
    .add(
      mira
        .from('tasks')
        .select('id')
        .in('id', [1])
        .or((c) => [c('id', 'eq', 1)])
        .maybeSingle(),
    )
    .add(([, , task]) => mira.rpc('search_tasks', { query: task.title }).select('id').limit(1))
    .add(mira.from('labels').select('id,name').eq('id', 1).csv())
    .run();
  expect(error).toBeNull();
  expect(data).toEqual([
    [{ id: expect.any(Number), number: expect.any(Number) }],
    null,
    { title: 'Launch', comments: [{ body: 'Who?' }] },
    { id: 1 },
    [{ id: expect.any(Number) }],
    expect.stringMatching(/^id,name\n1,/),
  ]);
});

test('where one fails nothing is kept', async () => {
  const { ok, error, status } = await batch({ isolation: 'serializable' })
    .add(mira.from('labels').insert({ organization_id: 1, name: 'half' }))
    .add(mira.from('labels').insert({ organization_id: 1, name: 'bug' }))
    .run();
  expect([ok, status, error?.code]).toEqual([false, 409, '23505']);
  expect(await mira.from('labels').select('id').eq('name', 'half').orThrow()).toEqual([]);
});

test('data that looks like a reference stays data', async () => {
  const custom = { $ref: '#/0/status', '{#/0/status}': '{#/0/status}' };
  const made = await batch()
    .add(mira.from('labels').select('id').eq('id', 1))
    .add(
      mira
        .from('tasks')
        .insert({ project_id: 1, title: '{#/0/status}', custom })
        .select('title, custom')
        .single(),
    )
    .add(mira.from('tasks').select('id').eq('title', '{#/0/status}').limit(2))
    .run();
  expect(made.error).toBeNull();
  expect(made.data?.[1]).toEqual({ title: '{#/0/status}', custom });
  expect(made.data?.[2]).toHaveLength(1);
  const mixed = batch()
    .add(mira.from('labels').select('id').eq('id', 1))
    .add(([labels]) => mira.from('tasks').insert({ project_id: labels[0].id, title: 'x', custom }));
  await expect(mixed.run()).rejects.toThrow('must not have keys that are called $ref');
});

test('a batch of nothing is a mistake', async () => {
  await expect(batch().run()).rejects.toThrow(TypeError);
});
