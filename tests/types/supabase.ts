/**
 * Types of @supabase/supabase-js over the generated `Database`: what it infers, and what it refuses. Nothing here
 * runs; the type check of the repository is the test.
 */
import type { SupabaseClient } from '@supabase/supabase-js';
import type { Database as Shop } from '../golden/codegen/shop.types.ts';
import type {
  Constants,
  Database,
  Enums,
  Tables,
  TablesInsert,
  TablesUpdate,
} from '../golden/codegen/tracks.types.ts';
import { same } from './expect.ts';

type Data<Query extends PromiseLike<{ data: unknown }>> = NonNullable<Awaited<Query>['data']>;

export const read = (client: SupabaseClient<Database>) => {
  const rows = client.from('tasks').select('id, title, due_on, status');
  type Row = { id: number; title: string; due_on: string | null; status: Enums<'task_status'> };
  same<Data<typeof rows>, Row[]>();

  const star = client.from('labels').select();
  same<Data<typeof star>, Tables<'labels'>[]>();

  const embedded = client.from('comments').select('body, tasks(title), people(handle)');
  type Embedded = { body: string; tasks: { title: string }; people: { handle: string } | null };
  same<Data<typeof embedded>, Embedded[]>();

  const computed = client.from('tasks').select('reference, is_overdue');
  same<Data<typeof computed>, { reference: string | null; is_overdue: boolean | null }[]>();

  const all = client.from('tasks').select('*').limit(1).single();
  same<'reference' extends keyof Data<typeof all> ? true : false, false>();

  const view = client.from('project_progress').select('project_id, tasks, last_change');
  type View = { project_id: number; tasks: number; last_change: string | null };
  same<Data<typeof view>, View[]>();

  // @ts-expect-error no such table
  client.from('taks');
  return [rows, star, embedded, computed, all, view];
};

export const write = (client: SupabaseClient<Database>) => [
  client.from('labels').insert({ name: 'x', organization_id: 1 }),
  client.from('labels').update({ name: 'x' }).eq('id', 1),
  // @ts-expect-error the organization is missing
  client.from('labels').insert({ name: 'x' }),
  // @ts-expect-error PostgreSQL computes it
  client.from('tasks').update({ search: 'x' }),
  // @ts-expect-error no status
  client.from('tasks').update({ status: 'finished' }),
  // @ts-expect-error a view that takes no rows
  client.from('project_progress').insert({ project_id: 1 }),
];

export const call = (client: SupabaseClient<Database>, shop: SupabaseClient<Shop, 'shop'>) => {
  const found = client.rpc('search_tasks', { query: 'x' });
  same<Data<typeof found>[number]['title'], string>();
  const load = client.rpc('workload', { organization_id: 1 });
  same<Data<typeof load>[number]['open_tasks'], number | null>();
  const moved = client.rpc('move_task', { task_id: 1, status: 'done' });
  same<Data<typeof moved>['id'], number>();
  // @ts-expect-error no status
  client.rpc('move_task', { task_id: 1, status: 'gone' });
  const one = shop.rpc('price', { sku: 'a' });
  const many = shop.rpc('price', { sku: 'a', amount: 2 });
  same<[Data<typeof one>, Data<typeof many>], [number, number]>();
  const sums = shop.rpc('totals', { since: '2026-01-01' });
  same<Data<typeof sums>, { day: string | null; 'total sum': number | null }[]>();
  return [found, load, moved, one, many, sums];
};

same<TablesInsert<'labels'>['name'], string>();
same<TablesUpdate<'labels'>['name'], string | undefined>();
same<(typeof Constants.public.Enums.plan)[number], Enums<'plan'>>();
same<Tables<'preferences'>['theme'], 'system' | 'light' | 'dark'>();
