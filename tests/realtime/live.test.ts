/** Live queries: whoever follows a read has, after each change, what the read would answer then. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type Following, type FollowOptions, follow } from '../support/live.ts';

const sqlFile = (name: string): string => readFileSync(new URL(`../../sql/${name}`, import.meta.url), 'utf8');

const FIXTURE = `
  ${sqlFile('realtime/capture.sql')};
  ${sqlFile('realtime/grants.sql')};
  create schema aura;
  ${sqlFile('project/ddl-notice.sql')};
  create table rooms (id int primary key, name text);
  create table members (room_id int references rooms, who text, primary key (room_id, who));
  create table notes (
    id bigint primary key, room_id int references rooms, owner text, title text, rank int, data json
  );
  create table open (id int primary key, title text, secret text);
  create table pairs (a int, b text, value numeric, primary key (a, b));
  create table parts (id int, region int, title text, primary key (id, region)) partition by list (region);
  create table parts_0 partition of parts for values in (0);
  create table parts_1 partition of parts for values in (1);
  create table unseen (id int primary key);
  create table exact (id numeric primary key, at timestamptz, big bigint);
  create view seen with (security_invoker) as select * from open;
  create function who() returns text stable language sql as $$
    select nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub'
  $$;
  create function shout(open) returns text stable language sql as $$ select upper($1.title) $$;
  alter table notes enable row level security;
  create policy own on notes for select using (owner = who());
  alter table open enable row level security;
  create policy everyone on open for select using (true);
  grant all on all tables in schema public to anon, authenticated;
  revoke select on open from anon;
  grant select (id, title) on open to anon;
  alter publication aura add table rooms, members, notes, open, pairs, parts, exact;
`;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
  api = await startApi(database);
});
afterAll(async () => {
  await api.close();
  await database.close();
});
beforeEach(async () => {
  await database.query('truncate rooms, members, notes, open, pairs, parts, exact');
});

const run = (text: string): Promise<unknown> => database.query(text);
const ada = { role: 'authenticated', sub: 'ada' };
const ben = { role: 'authenticated', sub: 'ben' };

const following = async (path: string, options: FollowOptions = {}, of: Api = api): Promise<Following> => {
  const found = await follow(of, path, options);
  onTestFinished(found.leave);
  return found;
};
const ids = (one: Following): readonly unknown[] =>
  one
    .rows()
    .map((row) => (row as { id: number }).id)
    .toSorted();
/** Waits until the follower has exactly what a plain read answers. */
const settle = async (one: Following, path: string, options: FollowOptions = {}): Promise<void> => {
  const read = async (): Promise<unknown> => (await api.request('GET', path, options)).json;
  await expect.poll(async () => ({ rows: one.rows() }), { timeout: 5000 }).toEqual({ rows: await read() });
};

describe('a live query', () => {
  test('begins with a snapshot and goes on with what changes', async () => {
    await run(`insert into open values (1, 'one'), (2, 'two')`);
    const one = await following('/open?select=title', { as: 'authenticated' });
    expect(one.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(one.headers['cache-control']).toBe('no-store');
    expect(await one.next()).toEqual(['snapshot']);
    expect(one.events[0]?.data).toEqual({
      keys: [{ id: 1 }, { id: 2 }],
      rows: [{ title: 'one' }, { title: 'two' }],
    });
    await run(`insert into open values (3, 'three')`);
    expect(await one.next()).toEqual(['insert {"id":3}']);
    expect(one.events.at(-1)?.data).toEqual({ key: { id: 3 }, row: { title: 'three' } });
    await run(`update open set title = 'zwei' where id = 2`);
    expect(await one.next()).toEqual(['update {"id":2}']);
    await run('delete from open where id = 1');
    expect(await one.next()).toEqual(['delete {"id":1}']);
    expect(one.events.at(-1)?.data).toEqual({ key: { id: 1 } });
  });

  test('tells of rows that enter and leave its filter, and of no others', async () => {
    await run(`insert into open values (1, 'a'), (2, 'b')`);
    const one = await following('/open?title=eq.a', { as: 'authenticated' });
    await one.next();
    await run(`update open set title = 'c' where id = 2`);
    await run(`update open set title = 'a' where id = 2`);
    expect(await one.next()).toEqual(['insert {"id":2}']);
    await run(
      `update open set title = 'b' where id = 1; insert into open values (3, 'b'); delete from open where id = 3`,
    );
    await run(`insert into open values (4, 'a')`);
    expect(await one.next(2)).toEqual(['delete {"id":1}', 'insert {"id":4}']);
  });

  test('says nothing of a change that its rows do not show', async () => {
    await run(`insert into open values (1, 'a', 'x')`);
    const one = await following('/open?select=title', { as: 'authenticated' });
    await one.next();
    await run(`update open set secret = 'y'`);
    await run(`update open set title = 'b'`);
    expect(await one.next()).toEqual(['update {"id":1}']);
  });

  test('tells a transaction as a whole, and only its end leads on', async () => {
    const one = await following('/open', { as: 'authenticated' });
    await one.next();
    await run(
      `begin; insert into open select n, 'n' from generate_series(1, 30) n; delete from open where id = 5; commit`,
    );
    expect(await one.next(29)).toHaveLength(29);
    const ids = one.events.slice(1).map(({ id }) => id !== null);
    expect(ids.indexOf(true)).toBe(28);
  });

  test('is not disturbed by what is rolled back', async () => {
    const one = await following('/open', { as: 'authenticated' });
    await one.next();
    await run(`begin; insert into open values (1); rollback`);
    await run(
      `begin; insert into open values (2); savepoint s; insert into open values (3); rollback to s; commit`,
    );
    expect(await one.next()).toEqual(['insert {"id":2}']);
  });

  test('of the anonymous role has what that may read', async () => {
    const one = await following('/open?select=id,title');
    expect(await one.next()).toEqual(['snapshot']);
    const refused = await following('/open');
    expect([refused.status, refused.refusal.code]).toEqual([401, '42501']);
    await run(`insert into open values (1, 'one', 'secret')`);
    expect(await one.next()).toEqual(['insert {"id":1}']);
    expect(one.rows()).toEqual([{ id: 1, title: 'one' }]);
  });

  test('follows keys that change, and keys of several columns', async () => {
    await run(`insert into pairs values (1, 'x', 1)`);
    const one = await following('/pairs');
    await one.next();
    await run(`update pairs set b = 'y"\\' where a = 1`);
    expect((await one.next(2)).toSorted()).toEqual([
      'delete {"a":1,"b":"x"}',
      'insert {"a":1,"b":"y\\"\\\\"}',
    ]);
    await run(`update pairs set value = 2`);
    expect(await one.next()).toEqual(['update {"a":1,"b":"y\\"\\\\"}']);
    await settle(one, '/pairs');
  });

  test('keeps the digits of numbers, and the time zone of its request', async () => {
    await run(
      `insert into exact values (12345678901234567890.5000, '2024-01-01T00:00Z', 9223372036854775807)`,
    );
    const options = { headers: { Prefer: 'timezone=Asia/Tokyo' } };
    const one = await following('/exact', options);
    await one.next();
    const expected = [
      '{"id": 12345678901234567890.5000}',
      '{"id":12345678901234567890.5000,"at":"2024-01-01T09:00:00+09:00","big":9223372036854775807}',
    ];
    expect([...one.state()].flat()).toEqual(expected);
    await run('update exact set big = big - 1');
    await one.next();
    expect([...one.state()].flat()).toEqual([expected[0], expected[1]?.replace('5807}', '5806}')]);
    await run('delete from exact');
    await one.next();
    expect(one.state().size).toBe(0);
  });

  test('carries rows of any size, and line breaks in them', async () => {
    const one = await following('/notes', { as: ada });
    await one.next();
    await run(`insert into notes values (1, null, 'ada', repeat('long ', 50000), 1, E'{"a":\\n\\r\\n1}')`);
    expect(await one.next()).toEqual(['insert {"id":1}']);
    await settle(one, '/notes', { as: ada });
  });

  test('follows a partitioned table, whichever partition is written', async () => {
    const one = await following('/parts?order=id');
    await one.next();
    await run(`insert into parts values (1, 0, 'a'), (2, 1, 'b')`);
    expect((await one.next(2)).length).toBe(2);
    await run(`update parts set region = 1 where id = 1; update parts_1 set title = 'c' where id = 2`);
    await settle(one, '/parts?order=id');
    await run('create table parts_2 partition of parts for values in (2)');
    await run(`insert into parts_2 values (3, 2, 'd'); drop table parts_0; truncate parts_1`);
    await expect.poll(() => one.rows()).toEqual([{ id: 3, region: 2, title: 'd' }]);
  });

  test('is emptied by TRUNCATE', async () => {
    await run(`insert into open values (1, 'one'), (2, 'two')`);
    const one = await following('/open', { as: 'authenticated' });
    await one.next();
    await run('truncate open');
    expect(await one.next(2)).toEqual(['delete {"id":1}', 'delete {"id":2}']);
    await run(`insert into open values (1, 'again')`);
    expect(await one.next()).toEqual(['insert {"id":1}']);
  });

  test('survives transactions with more changes than are told one by one', async () => {
    const small = await startApi(database, { 'realtime-max-changes': 50 });
    onTestFinished(small.close);
    const one = await following('/open?order=id', { as: 'authenticated' }, small);
    await one.next();
    await run(`insert into open select n, 'n' from generate_series(1, 3000) n`);
    await run('delete from open where id % 3 = 0');
    await settle(one, '/open?order=id', { as: 'authenticated' });
  });
});

describe('order, limit and offset', () => {
  test('rows come at their place and leave when others push them out', async () => {
    await run(`insert into open values (1, 'b'), (2, 'd'), (3, 'f'), (4, 'h')`);
    const path = '/open?select=title&order=title&limit=3';
    const one = await following(path, { as: 'authenticated' });
    await one.next();
    await run(`insert into open values (5, 'c')`);
    expect(await one.next(2)).toEqual(['delete {"id":3}', 'insert {"id":5}']);
    expect(one.events.at(-1)?.data.after).toEqual({ id: 1 });
    await run(`update open set title = 'a' where id = 2`);
    expect(await one.next()).toEqual(['update {"id":2}']);
    expect(one.events.at(-1)?.data.after).toBe(null);
    await run(`delete from open where id = 1`);
    await settle(one, path, { as: 'authenticated' });
    // none of the first three
    await run(`insert into open values (9, 'z')`);
    await run(`delete from open where id = 5`);
    await settle(one, path, { as: 'authenticated' });
    expect(one.events.some(({ data }) => data.key?.id === 9)).toBe(false);
  });

  test('an offset is followed, too', async () => {
    await run(`insert into open select n, chr(96 + n) from generate_series(1, 9) n`);
    const path = '/open?order=title.desc&limit=3&offset=2';
    const one = await following(path, { as: 'authenticated' });
    await one.next();
    await run(`insert into open values (10, 'zz')`);
    await settle(one, path, { as: 'authenticated' });
    await run(`delete from open where id in (5, 8)`);
    await settle(one, path, { as: 'authenticated' });
    // one that was skipped, and that nobody knows of
    await run('delete from open where id = 10');
    await settle(one, path, { as: 'authenticated' });
  });
});

describe('embeds', () => {
  test('a parent is told again when a child changes', async () => {
    await run(`insert into rooms values (1, 'A'), (2, 'B'); insert into members values (1, 'ada')`);
    const path = '/rooms?select=name,members(who)&order=id';
    const one = await following(path);
    await one.next();
    await run(`insert into members values (2, 'ben')`);
    expect(await one.next()).toEqual(['update {"id":2}']);
    expect(one.events.at(-1)?.data.row).toEqual({ name: 'B', members: [{ who: 'ben' }] });
    await run(`update members set room_id = 1 where who = 'ben'`);
    await settle(one, path);
    await run('truncate members');
    await settle(one, path);
  });

  test('inner embeds, their filters, and orders by them hold', async () => {
    await run(`insert into rooms values (1, 'A'), (2, 'B'), (3, 'C')`);
    await run(`insert into notes select n, 1 + n % 3, 'ada', 't' || n, n from generate_series(1, 6) n`);
    const path = '/notes?select=id,rooms!inner(name)&rooms.name=neq.C&order=rooms(name).desc,id';
    const one = await following(path, { as: ada });
    await one.next();
    await run(`update rooms set name = 'C' where id = 1`);
    await settle(one, path, { as: ada });
    await run(`update rooms set name = 'Z' where id = 1; delete from notes where id = 3`);
    await settle(one, path, { as: ada });
  });

  test('of what is not captured are refused', async () => {
    await run(
      'alter table open add column room_id int references rooms; grant select on open to authenticated',
    );
    await expect
      .poll(
        async () => (await api.request('GET', '/open?select=id,rooms(id)', { as: 'authenticated' })).status,
      )
      .toBe(200);
    await run('alter publication aura drop table rooms');
    const refused = await following('/open?select=id,rooms(id)', { as: 'authenticated' });
    await run('alter publication aura add table rooms; alter table open drop column room_id');
    expect(refused.refusal).toMatchObject({
      code: 'AURA401',
      hint: 'alter publication aura add table public.rooms;',
    });
  });
});

describe('Row-Level Security', () => {
  test('everyone is told of the own rows, and nobody of those of others', async () => {
    const [a, b, nobody] = [
      await following('/notes', { as: ada }),
      await following('/notes', { as: ben }),
      await following('/notes'),
    ];
    for (const one of [a, b, nobody]) await one.next();
    await run(
      `insert into notes (id, owner, title) values (1, 'ada', 'x'), (2, 'ben', 'y'), (3, 'eve', 'z')`,
    );
    expect(await a.next()).toEqual(['insert {"id":1}']);
    expect(await b.next()).toEqual(['insert {"id":2}']);
    await run(`update notes set owner = 'ben' where id = 1`);
    expect(await a.next()).toEqual(['delete {"id":1}']);
    expect(await b.next()).toEqual(['insert {"id":1}']);
    await run(`delete from notes`);
    expect((await b.next(2)).toSorted()).toEqual(['delete {"id":1}', 'delete {"id":2}']);
    await run(`insert into notes (id, owner) values (9, 'ada')`);
    expect(await a.next()).toEqual(['insert {"id":9}']);
    expect(nobody.events.length).toBe(1);
  });

  test('a policy that reads another table lets rows come and go when that changes', async () => {
    await run(`
      create policy members on notes for select
        using (exists (select from members m where m.room_id = notes.room_id and m.who = who()));
      insert into rooms values (1, 'A'), (2, 'B');
      insert into notes (id, room_id, owner) values (1, 1, 'eve'), (2, 2, 'eve'), (3, 2, 'ada');
    `);
    onTestFinished(() => void run('drop policy members on notes'));
    const one = await following('/notes?select=id', { as: ada });
    await one.next();
    await run(`insert into members values (1, 'ada')`);
    await expect.poll(() => ids(one)).toEqual([1, 3]);
    await run(`delete from members; insert into members values (2, 'ada')`);
    await expect.poll(() => ids(one)).toEqual([2, 3]);
  });

  test('a policy that is changed, added or dropped takes effect', async () => {
    await run(`insert into open values (1, 'mine'), (2, 'yours')`);
    const one = await following('/open?select=id&order=id', { as: ada });
    await one.next();
    onTestFinished(async () => {
      await run('drop policy if exists fewer on open; drop policy if exists everyone on open');
      await run('create policy everyone on open for select using (true)');
    });
    await run(`create policy fewer on open as restrictive for select using (title = 'mine')`);
    await expect.poll(() => one.rows()).toEqual([{ id: 1 }]);
    await run(`alter policy fewer on open using (title <> who())`);
    await expect.poll(() => one.rows()).toEqual([{ id: 1 }, { id: 2 }]);
    await run(`update open set title = 'ada' where id = 2`);
    await expect.poll(() => one.rows()).toEqual([{ id: 1 }]);
    await run('drop policy everyone on open');
    await expect.poll(() => one.rows()).toEqual([]);
  });

  test('those who saw the same part when a policy comes to ask who they are', async () => {
    await run(`insert into open values (1, 'ada'), (2, 'ben')`);
    const [a, b] = [await following('/open', { as: ada }), await following('/open', { as: ben })];
    await a.next();
    await b.next();
    onTestFinished(() => void run('alter policy everyone on open using (true)'));
    await run('alter policy everyone on open using (title = who())');
    await expect.poll(() => [ids(a), ids(b)]).toEqual([[1], [2]]);
    const [since, other] = [a.events.length, b.events.length];
    await run(`insert into open values (3, 'ben'), (4, 'ada')`);
    await expect
      .poll(() => [ids(a), ids(b)])
      .toEqual([
        [1, 4],
        [2, 3],
      ]);
    expect(JSON.stringify(a.events.slice(since))).not.toContain('ben');
    expect(JSON.stringify(b.events.slice(other))).not.toContain('ada');
  });

  test('a grant that is taken away ends the stream with the reason', async () => {
    const one = await following('/pairs', { as: 'authenticated' });
    await one.next();
    onTestFinished(() => void run('grant all on pairs to authenticated'));
    await run('revoke select on pairs from authenticated');
    await expect.poll(() => one.isClosed()).toBe(true);
    expect(one.events.at(-1)).toMatchObject({ event: 'end', data: { code: '42501' } });
  });
});

describe('the table as it is', () => {
  test('new columns come with the rows, and lost ones go', async () => {
    await run('create table forms (id int primary key, a int); grant all on forms to anon');
    await run('insert into forms values (1, 2); alter publication aura add table forms');
    await expect.poll(async () => (await api.request('GET', '/forms')).status).toBe(200);
    const one = await following('/forms');
    await one.next();
    await run(`alter table forms add column b text default 'new'`);
    await expect.poll(() => one.rows()).toEqual([{ id: 1, a: 2, b: 'new' }]);
    await run('alter table forms drop column a');
    await expect.poll(() => one.rows()).toEqual([{ id: 1, b: 'new' }]);
    await run('alter publication aura drop table forms');
    await expect.poll(() => one.events.at(-1)?.data.code).toBe('AURA401');
    await run('drop table forms');
  });
});
