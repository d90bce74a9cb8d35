/** Supabase's client with the generated types, over the example project: what it infers is what comes. */
import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { customersRow } from '../golden/codegen/shop.zod.ts';
import type { Database } from '../golden/codegen/tracks.types.ts';
import { commentsRow, labelsRow, projectProgressRow, tasksRow } from '../golden/codegen/tracks.zod.ts';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadTracks, people } from '../support/tracks.ts';

let database: TestDatabase;
let api: Api;
let client: SupabaseClient<Database>;
beforeAll(async () => {
  database = await createDatabase(await loadTracks());
  api = await startApi(database, { 'db-aggregates-enabled': true });
  client = createClient<Database>(api.origin, tokenFor({ role: 'authenticated', sub: people.mira }), {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

test('reads, embeds, computed columns and views', async () => {
  const { data, error } = await client
    .from('tasks')
    .select('id, title, reference, due_on, comments(body), labels(name)')
    .eq('id', 1)
    .single();
  expect(error).toBeNull();
  const title: string | undefined = data?.title;
  expect([title, data?.reference, data?.comments.length]).toEqual(['Add the backup job', 'WEB-1', 3]);
  const { data: progress } = await client
    .from('project_progress')
    .select('tasks')
    .eq('project_id', 1)
    .single();
  const tasks: number | undefined = progress?.tasks;
  expect(tasks).toBeGreaterThan(0);
});

test('writes and functions', async () => {
  const { data: label, error } = await client
    .from('labels')
    .insert({ organization_id: 1, name: 'typed' })
    .select()
    .single();
  expect(error).toBeNull();
  expect(label?.color).toBe('#64748b');
  const { data: found } = await client.rpc('search_tasks', { query: 'backup' }).limit(1);
  expect(found?.[0]?.title).toContain('backup');
  const { data: moved } = await client.rpc('move_task', { task_id: 1, status: 'in_review' });
  expect(moved?.status).toBe('in_review');
});

test.each([
  ['tasks', tasksRow],
  ['comments', commentsRow],
  ['labels', labelsRow],
  ['project_progress', projectProgressRow],
] as const)('every row of %s is what its Zod schema says', async (relation, schema) => {
  const { json } = await api.request('GET', `/${relation}?limit=200`, {
    as: { role: 'authenticated', sub: people.mira },
  });
  expect(json.length).toBeGreaterThan(0);
  for (const row of json) {
    expect(schema.safeParse(row).error).toBeUndefined();
    expect(Object.keys(row).toSorted()).toEqual(Object.keys(schema.shape).toSorted());
  }
  expect(customersRow.safeParse(json[0]).success).toBe(false);
});
