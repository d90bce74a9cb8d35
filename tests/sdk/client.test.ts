/** Aura's client against a real server over the example project. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuraError, type Client, createClient, pages } from '../../sdk/index.ts';
import type { Database } from '../golden/codegen/tracks.types.ts';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadTracks, people } from '../support/tracks.ts';

let database: TestDatabase;
let api: Api;
let anyone: Client<Database, 'public'>;
let mira: Client<Database, 'public'>;
const tokenOf = (sub: string): string => tokenFor({ role: 'authenticated', sub });
beforeAll(async () => {
  database = await createDatabase(await loadTracks());
  api = await startApi(database, { 'db-aggregates-enabled': true, 'db-plan-enabled': true });
  anyone = createClient<Database>(api.origin, { key: tokenFor('anon') });
  mira = anyone.as(tokenOf(people.mira));
});
afterAll(async () => {
  await api.close();
  await database.close();
});

describe('reading', () => {
  test('rows with columns, computed columns, JSON, embeds and aggregates', async () => {
    const { data, error } = await mira
      .from('tasks')
      .select(
        `id, day: created_at::date, reference, custom->none,
         project: projects!inner(name), comments(count), labels(name)`,
      )
      .eq('id', 1)
      .embed('labels', (rows) => rows.order('name').limit(2));
    expect(error).toBeNull();
    expect(data).toEqual([
      {
        id: 1,
        day: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
        reference: 'WEB-1',
        none: null,
        project: { name: 'Website relaunch' },
        comments: [{ count: 3 }],
        labels: [{ name: 'chore' }, { name: 'needs info' }],
      },
    ]);
  });

  test('JSON paths are called by their last key', async () => {
    const row = await mira
      .from('organizations')
      .select('settings->>week_starts, first:settings->working_days->0, settings->working_days->1')
      .eq('id', 1)
      .single()
      .orThrow();
    expect(row).toEqual({ week_starts: 'monday', first: 1, working_days: 2 });
  });

  test('filters say what they mean, whatever the value', async () => {
    const ids = async (query: { orThrow(): Promise<readonly { id: number }[]> }) =>
      (await query.orThrow()).map(({ id }) => id);
    const tasks = mira.from('tasks').select('id').lte('id', 30).order('id');
    expect(await ids(tasks.in('id', [3, 1, 2]))).toEqual([1, 2, 3]);
    expect(await ids(tasks.eq('title', 'Add, (the) "backup" \\ job & more=1;'))).toEqual([]);
    expect(await ids(tasks.in('title', ['Add the backup job', 'a,b"c\\']))).toEqual([1]);
    expect(await ids(tasks.ilike('title', '*BACKUP*'))).toContain(1);
    expect(await ids(tasks.is('parent_id', 'not_null').limit(1))).toHaveLength(1);
    expect(await ids(tasks.not('id', 'in', [1]).limit(1))).toEqual([2]);
    expect(await ids(tasks.where('search', 'wfts', { query: 'backup', config: 'english' }))).toContain(1);
    expect(
      await ids(
        tasks.or((c) => [
          c('id', 'eq', 5),
          c.and(c('id', 'gt', 1), c('title', 'in', ['a,b']), c.not(c('id', 'eq', 2))),
        ]),
      ),
    ).toEqual([5]);
    expect(
      await ids(
        tasks.or((c) => [c('title', 'eq', 'x,y)"(\\'), c.not(c.or(c('id', 'gt', 1), c('id', 'lt', 1)))]),
      ),
    ).toEqual([1]);
    const projects = mira.from('projects').select('id').order('id');
    expect(await ids(projects.where('tags', 'cs', ['security', 'platform']))).not.toEqual([]);
    expect(await ids(projects.where('tags', 'cs', ['a "b",{c}\\']))).toEqual([]);
    expect(await ids(projects.where('planned', 'ov', '[2026-01-01,2026-02-01)'))).not.toEqual([]);
    expect(
      await ids(mira.from('organizations').select('id').where('settings', 'cs', { week_starts: 'monday' })),
    ).toEqual([1]);
  });

  test('a value that is undefined is refused, not sent', () => {
    const missing: { id?: number } = {};
    expect(() =>
      mira
        .from('tasks')
        .select('id')
        .eq('id', missing.id as number),
    ).toThrow(TypeError);
  });

  test('order, limit, offset and count', async () => {
    const query = mira
      .from('tasks')
      .select('id, due_on')
      .order('due_on', { ascending: false, nulls: 'last' })
      .order('id');
    const { data, count, status } = await query.limit(2).offset(1).count();
    expect(status).toBe(206);
    expect(data).toHaveLength(2);
    expect(count).toBeGreaterThan(1000);
    expect((await query.count().head()).count).toBe(count);
    expect((await query.limit(1)).count).toBeNull();
  });

  test('one row, perhaps one row, and what is not one', async () => {
    const labels = mira.from('labels').select('id');
    expect(await labels.eq('id', 1).single().orThrow()).toEqual({ id: 1 });
    expect(await labels.eq('id', 1).maybeSingle().orThrow()).toEqual({ id: 1 });
    expect(await labels.eq('id', -1).maybeSingle().orThrow()).toBeNull();
    expect(await labels.order('id').limit(1).maybeSingle().orThrow()).toEqual({ id: 1 });
    const [none, many] = await Promise.all([labels.eq('id', -1).single(), labels.maybeSingle()]);
    expect([none.status, none.error?.code, none.data]).toEqual([406, 'PGRST116', null]);
    expect([many.status, many.error?.code]).toEqual([406, 'PGRST116']);
  });

  test('CSV and the plan', async () => {
    const csv = await mira.from('labels').select('id,name').eq('id', 1).csv().orThrow();
    expect(csv).toMatch(/^id,name\n1,/);
    const plan = await mira.from('labels').select('id').explain({ verbose: true }).orThrow();
    expect(plan).toMatchObject([{ Plan: { 'Node Type': expect.any(String) } }]);
  });

  test('pages meet every row once', async () => {
    const seen: number[] = [];
    const query = mira
      .from('tasks')
      .select('id, due_on')
      .eq('project_id', 1)
      .order('due_on', { nulls: 'first' })
      .limit(100);
    for await (const rows of pages(query)) {
      expect(rows.length).toBeLessThanOrEqual(100);
      seen.push(...rows.map(({ id }) => id));
    }
    const { count } = await mira.from('tasks').select().eq('project_id', 1).count().head();
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(count);
    await expect(pages(mira.from('tasks').select('id').offset(3)).next()).rejects.toThrow(AuraError);
  });

  test('a query that is kept can be refined in different ways', async () => {
    const base = mira.from('labels').select('id').order('id');
    const [one, two] = await Promise.all([base.eq('id', 1), base.eq('id', 2)]);
    expect([one.data, two.data]).toEqual([[{ id: 1 }], [{ id: 2 }]]);
  });
});

describe('who asks', () => {
  test('is the key, or whose token it is', async () => {
    expect((await anyone.from('labels').select('id')).error?.code).toBe('42501');
    expect((await mira.from('labels').select('id')).data).not.toEqual([]);
    let asked = 0;
    const fresh = anyone.as(async () => {
      asked += 1;
      return tokenOf(people.priya);
    });
    const [a, b] = [
      await fresh.from('labels').select('organization_id').limit(1),
      await fresh.from('labels').select('organization_id').limit(1),
    ];
    expect([a.data, b.data, asked]).toEqual([[{ organization_id: 2 }], [{ organization_id: 2 }], 2]);
  });
});

describe('errors', () => {
  test('have the four fields and the status', async () => {
    const { error, data, ok, status } = await mira.from('tasks').update({ estimate: 1000 }).eq('id', 1);
    expect([ok, data, status]).toEqual([false, null, 400]);
    expect(error).toBeInstanceOf(AuraError);
    expect(error).toMatchObject({ code: '23514', details: null, hint: null, status: 400 });
    expect(error?.message).toContain('tasks_estimate_check');
    const head = await anyone.from('labels').select().head();
    expect([head.ok, head.status, head.error?.code]).toEqual([false, 401, '42501']);
  });

  test('are thrown on request', async () => {
    const call = mira.rpc('move_task', { task_id: 0, status: 'done' }).orThrow();
    await expect(call).rejects.toMatchObject({
      code: 'PT404',
      status: 404,
      hint: expect.stringContaining('guests'),
    });
  });
});

describe('writing', () => {
  test('insert, upsert, update and delete', async () => {
    const made = await mira
      .from('labels')
      .insert([
        { organization_id: 1, name: 'first' },
        { organization_id: 1, name: 'second', color: '#000000' },
      ])
      .select('name, color')
      .orThrow();
    expect(made).toEqual([
      { name: 'first', color: '#64748b' },
      { name: 'second', color: '#000000' },
    ]);
    const row = { organization_id: 1, name: 'first', color: '#ffffff' };
    const conflict = await mira.from('labels').insert(row);
    expect([conflict.status, conflict.error?.code]).toEqual([409, '23505']);
    const upserted = mira.from('labels').upsert(row, { onConflict: 'organization_id,name' });
    expect(await upserted.select('color').single().orThrow()).toEqual({ color: '#ffffff' });
    const ignored = mira
      .from('labels')
      .upsert({ ...row, color: '#111111' }, { onConflict: 'organization_id,name', ignoreDuplicates: true });
    expect(await ignored.select('color').orThrow()).toEqual([]);
    const changed = mira.from('labels').update({ color: '#222222' }).in('name', ['first', 'second']);
    expect((await changed.maxAffected(1)).error?.code).toBe('PGRST124');
    expect((await changed.count()).count).toBe(2);
    const gone = await mira
      .from('labels')
      .delete()
      .in('name', ['first', 'second'])
      .select('name')
      .order('name');
    expect(gone.data).toEqual([{ name: 'first' }, { name: 'second' }]);
  });

  test('rows with what belongs to them', async () => {
    const { data, error } = await mira
      .from('projects')
      .insertNested({
        organization_id: 1,
        key: 'SDK',
        name: 'Client',
        tasks: [
          { title: 'One', comments: [{ body: 'Here' }], labels: [{ id: 1 }] },
          { title: 'Two', comments: [], labels: [] },
        ],
      })
      .select('key, tasks(title, comments(body), labels(id))')
      .embed('tasks', (rows) => rows.order('number'));
    expect(error).toBeNull();
    expect(data).toEqual([
      {
        key: 'SDK',
        tasks: [
          { title: 'One', comments: [{ body: 'Here' }], labels: [{ id: 1 }] },
          { title: 'Two', comments: [], labels: [] },
        ],
      },
    ]);
  });
});

describe('functions', () => {
  test('of rows are refined like rows', async () => {
    for (const get of [true, false]) {
      const query = mira
        .rpc('search_tasks', { query: 'backup' }, { get })
        .select('id, project:projects(name)')
        .eq('project_id', 1)
        .limit(1);
      expect(await query.orThrow()).toEqual([{ id: 1, project: { name: 'Website relaunch' } }]);
    }
    const load = await mira
      .rpc('workload', { organization_id: 1 })
      .order('open_tasks', { ascending: false })
      .limit(1)
      .orThrow();
    expect(load[0]?.full_name).toBe('Quinn Quist');
  });

  test('of one row give the row', async () => {
    const moved = await mira.rpc('move_task', { task_id: 2, status: 'in_review' }).orThrow();
    expect(moved.status).toBe('in_review');
  });
});
