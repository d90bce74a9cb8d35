/** Types of Aura's client over the example project and the shop: what it infers, and what it refuses. Nothing runs. */
import { batch, createClient, pages, type Result } from '../../sdk/index.ts';
import type { Database as Shop } from '../golden/codegen/shop.types.ts';
import type { Database, Enums, Tables } from '../golden/codegen/tracks.types.ts';
import { same } from './expect.ts';

type Data<Q extends PromiseLike<Result<unknown>>> = NonNullable<Awaited<Q>['data']>;
type RowOf<Q extends PromiseLike<Result<unknown>>> = Data<Q> extends readonly (infer Row)[] ? Row : never;

const aura = createClient<Database>('http://127.0.0.1');
const shop = createClient<Shop, 'shop'>('http://127.0.0.1', { schema: 'shop' });

export const columns = () => {
  const star = aura.from('labels').select();
  same<RowOf<typeof star>, Tables<'labels'>>();

  const some = aura.from('tasks').select('id, title , due:due_on,status, custom->a->>b');
  type Some = {
    id: number;
    title: string;
    due: string | null;
    status: Enums<'task_status'>;
    b: string | null;
  };
  same<RowOf<typeof some>, Some>();

  const casts = aura.from('tasks').select('day:created_at::date,number::text,due_on::text,custom::json');
  same<RowOf<typeof casts>['number'], string>();
  same<RowOf<typeof casts>['due_on'], string | null>();
  same<RowOf<typeof casts>['day'], string>();

  const all = aura.from('tasks').select('*, reference');
  same<RowOf<typeof all>['reference'], string | null>();
  same<'is_overdue' extends keyof RowOf<typeof all> ? true : false, false>();

  const json = shop
    .from('customers')
    .select('settings->theme, settings->sizes->0, deep:settings->more->x, address->>city');
  same<RowOf<typeof json>['theme'], 'dark' | 'light' | null>();
  same<RowOf<typeof json>['sizes'], number | null>();
  same<RowOf<typeof json>['city'], string | null>();

  const quoted = shop.from('customers').select('"a b", it:"9 lives"');
  same<RowOf<typeof quoted>, { 'a b': string | null; it: number | null }>();

  // @ts-expect-error no such column
  aura.from('tasks').select('id, titel');
  // @ts-expect-error no such table
  aura.from('taks');
  // @ts-expect-error not closed
  aura.from('tasks').select('id, comments(body');
  // @ts-expect-error too much
  aura.from('tasks').select('id)');
  return [star, some, casts, all, json, quoted];
};

export const aggregates = () => {
  const sums = aura
    .from('tasks')
    .select('status, count(), points:estimate.sum(), first:due_on.min(), n:id.count()::text');
  type Sums = {
    status: Enums<'task_status'>;
    count: number;
    points: number | null;
    first: string | null;
    n: string;
  };
  same<RowOf<typeof sums>, Sums>();
  // @ts-expect-error no such column
  aura.from('tasks').select('estimates.sum()');
  return sums;
};

export const embeds = () => {
  const many = aura.from('tasks').select('title, comments(body, author:people(handle)), labels(name)');
  type Many = {
    title: string;
    comments: { body: string; author: { handle: string } | null }[];
    labels: { name: string }[];
  };
  same<RowOf<typeof many>, Many>();

  // policies may hide the project, unless only tasks with one are asked for
  const one = aura.from('tasks').select('project:projects(name)');
  same<RowOf<typeof one>['project'], { name: string } | null>();
  const inner = aura
    .from('tasks')
    .select('project:projects!inner(name), people!tasks_assignee_id_fkey!inner(handle)');
  same<RowOf<typeof inner>, { project: { name: string }; people: { handle: string } }>();

  // no policies in between, and a key that is not null
  const certain = shop.from('lines').select('orders(paid), amount');
  same<RowOf<typeof certain>, { orders: { paid: boolean }; amount: number }>();

  const self = aura.from('tasks').select('tasks(title), parent:parent_id(title)');
  same<RowOf<typeof self>, { tasks: { title: string }[]; parent: { title: string } | null }>();

  const spread = aura.from('projects').select('name, ...organizations(team:name), ...sprints(sprint:name)');
  same<RowOf<typeof spread>, { name: string; team: string | null; sprint: string[] }>();

  const computed = aura.from('tasks').select('latest_comment(body), comments(count)');
  type Computed = { latest_comment: { body: string } | null; comments: { count: number }[] };
  same<RowOf<typeof computed>, Computed>();

  const empty = aura.from('tasks').select('id, comments!inner()');
  same<RowOf<typeof empty>, { id: number }>();

  // @ts-expect-error two relationships lead to people
  aura.from('tasks').select('people(handle)');
  // @ts-expect-error tasks have no invoices
  aura.from('tasks').select('invoices(total)');
  // @ts-expect-error no such column of comments
  aura.from('tasks').select('id, comments(bodi)');
  return [many, one, inner, certain, self, spread, computed, empty];
};

export const filters = () => [
  aura.from('tasks').select('id').eq('status', 'todo').gte('estimate', 3).ilike('title', '*x*'),
  aura.from('tasks').select('id').in('priority', ['high', 'urgent']).is('due_on', null),
  aura
    .from('projects')
    .select('id')
    .where('tags', 'cs', ['security'])
    .where('planned', 'ov', '[2026-01-01,2026-02-01)'),
  aura.from('tasks').select('id').where('search', 'wfts', { query: 'backup', config: 'english' }),
  aura.from('tasks').select('id').eq('custom->>size', 'L').not('status', 'in', ['done']),
  aura
    .from('tasks')
    .select('id')
    .or((c) => [c('status', 'eq', 'todo'), c.and(c('estimate', 'gt', 8), c.not(c('id', 'eq', 1)))]),
  aura
    .from('tasks')
    .select('id, who:people!tasks_assignee_id_fkey(handle)')
    .embed('who', (rows) => rows.eq('handle', 'mira')),
  aura
    .from('tasks')
    .select('comments(body)')
    .embed('comments', (rows) => rows.order('created_at').limit(1)),
  // @ts-expect-error numbers are no patterns
  aura.from('tasks').select('id').like('estimate', '1%'),
  // @ts-expect-error no status
  aura.from('tasks').select('id').eq('status', 'gone'),
  // @ts-expect-error a number
  aura.from('tasks').select('id').eq('estimate', 'three'),
  // @ts-expect-error a list
  aura.from('tasks').select('id').in('id', 1),
  // @ts-expect-error texts contain no texts
  aura.from('tasks').select('id').where('title', 'cs', 'x'),
  // @ts-expect-error only truths are true
  aura.from('tasks').select('id').is('title', true),
  // @ts-expect-error no such column
  aura.from('tasks').select('id').order('titel'),
  aura
    .from('tasks')
    .select('comments(body)')
    // @ts-expect-error no such column of comments
    .embed('comments', (rows) => rows.eq('handle', 'x')),
  aura
    .from('tasks')
    .select('id')
    // @ts-expect-error no such status, within or
    .or((c) => [c('status', 'eq', 'gone')]),
];

export const results = async () => {
  const { data, error } = await aura.from('labels').select('name').eq('id', 1).single();
  if (error === null) same<typeof data, { name: string }>();
  else same<typeof data, null>();
  same<Data<ReturnType<typeof rows>>, { name: string }[]>();
  const maybe = await aura.from('labels').select('name').maybeSingle();
  if (maybe.ok) same<typeof maybe.data, { name: string } | null>();
  same<Awaited<ReturnType<ReturnType<typeof rows>['orThrow']>>, { name: string }[]>();
  const text = await aura.from('labels').select('name').csv().orThrow();
  same<typeof text, string>();
  for await (const page of pages(aura.from('labels').select('name').limit(10)))
    same<typeof page, { name: string }[]>();
};
const rows = () => aura.from('labels').select('name');

export const writes = () => {
  const silent = aura.from('labels').insert({ name: 'x', organization_id: 1 });
  same<Awaited<typeof silent>['data'], null>();
  const shown = aura
    .from('labels')
    .insert([{ name: 'x', organization_id: 1 }])
    .select('id');
  same<RowOf<typeof shown>, { id: number }>();
  return [
    silent,
    shown,
    aura.from('labels').upsert({ name: 'x', organization_id: 1 }, { onConflict: 'organization_id,name' }),
    aura.from('labels').update({ color: '#000000' }).eq('id', 1).maxAffected(1),
    aura.from('labels').delete().eq('id', 1),
    aura.from('projects').insertNested({ key: 'A', tasks: [{ title: 'x', comments: [{ body: 'y' }] }] }),
    // @ts-expect-error the organization is missing
    aura.from('labels').insert({ name: 'x' }),
    // @ts-expect-error PostgreSQL computes it
    aura.from('tasks').update({ search: 'x' }),
    // @ts-expect-error no such column
    aura.from('labels').update({ colour: '#000000' }),
    // @ts-expect-error a view that takes no rows
    aura.from('project_progress').insert({ tasks: 1 }),
    // @ts-expect-error a comment has a text
    aura.from('projects').insertNested({ key: 'A', tasks: [{ title: 'x', comments: [{ body: 1 }] }] }),
  ];
};

export const functions = () => {
  const found = aura
    .rpc('search_tasks', { query: 'x' }, { get: true })
    .select('id, project:projects(name)')
    .eq('status', 'todo');
  same<RowOf<typeof found>, { id: number; project: { name: string } | null }>();
  const load = aura.rpc('workload', { organization_id: 1 }).order('open_tasks');
  same<RowOf<typeof load>['points'], number | null>();
  const moved = aura.rpc('move_task', { task_id: 1, status: 'done' });
  same<Data<typeof moved>['title'], string>();
  const [one, many] = [shop.rpc('price', { sku: 'a' }), shop.rpc('price', { sku: 'a', amount: 2 })];
  same<Data<typeof one> | Data<typeof many>, number>();
  const nothing = shop.rpc('ping');
  same<Awaited<typeof nothing>['data'], null>();
  // @ts-expect-error no such function
  aura.rpc('search');
  // @ts-expect-error no such status
  aura.rpc('move_task', { task_id: 1, status: 'gone' });
  // @ts-expect-error a day without an amount
  shop.rpc('price', { sku: 'a', day: '2026-01-01' });
  // @ts-expect-error what is asked for is missing
  aura.rpc('search_tasks');
  return [found, load, moved, one, many, nothing];
};

export const together = async () => {
  const result = await batch()
    .add(aura.from('labels').insert({ name: 'x', organization_id: 1 }).select('id'))
    .add(([labels]) => aura.from('task_labels').insert({ task_id: 1, label_id: labels[0].id }))
    .add(([labels]) => aura.from('labels').select('name').eq('id', labels[0].id).single())
    .run();
  if (result.ok) same<typeof result.data, [{ id: number }[], null, { name: string }]>();
  batch()
    .add(aura.from('labels').select('name'))
    // @ts-expect-error a name is no number
    .add(([labels]) => aura.from('labels').select().eq('id', labels[0].name));
};

export const untyped = async () => {
  const client = createClient('http://127.0.0.1');
  const { data } = await client.from('anything').select('a, b:c->d, e(f)').eq('x', 1);
  same<typeof data, { a: unknown; b: unknown; e: unknown }[] | null>();
};
