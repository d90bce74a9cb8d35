/** Streams of live queries: how they begin, go on after a break, are kept alive, and end. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Api, SECRET, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { findFreePort } from '../support/folder.ts';
import { type Following, type FollowOptions, follow } from '../support/live.ts';

const sqlFile = (name: string): string => readFileSync(new URL(`../../sql/${name}`, import.meta.url), 'utf8');

const FIXTURE = `
  ${sqlFile('realtime/capture.sql')};
  ${sqlFile('realtime/grants.sql')};
  create schema aura;
  ${sqlFile('project/ddl-notice.sql')};
  create table items (id int primary key, owner text, title text);
  create table mine (id int primary key, owner text);
  create table hidden (id int primary key, until timestamptz);
  create table log (id int generated always as identity primary key, line text);
  create table keyless (id int);
  create table unpublished (id int primary key);
  create table slow (id int primary key);
  create function think(numeric) returns bool volatile language sql as 'select true from pg_sleep($1)';
  alter table slow enable row level security;
  create policy thoughtful on slow for select using (think(0.3));
  create view seen with (security_invoker) as select * from items;
  create function words() returns setof items stable language sql as 'select * from items';
  create function shout(items) returns text stable language sql as $$ select upper($1.title) $$;
  alter table mine enable row level security;
  create policy own on mine for select using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
  alter table hidden enable row level security;
  create policy timely on hidden for select using (until > clock_timestamp());
  grant all on all tables in schema public to anon, authenticated, service_role;
  alter publication aura add table items, mine, hidden, slow;
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
  await database.query('truncate items, mine, hidden');
});

const run = (text: string): Promise<unknown> => database.query(text);
const start = async (settings: Readonly<Record<string, unknown>>): Promise<Api> => {
  const other = await startApi(database, settings);
  onTestFinished(() => other.close());
  return other;
};
const following = async (path: string, options: FollowOptions = {}, of: Api = api): Promise<Following> => {
  const found = await follow(of, path, options);
  onTestFinished(found.leave);
  return found;
};

/** A follower that was cut off, and what it has to go on with. */
const cutOff = async (path: string, options: FollowOptions = {}): Promise<FollowOptions> => {
  const one = await following(path, options);
  await one.next();
  one.leave();
  await expect.poll(() => one.isClosed()).toBe(true);
  return { ...options, lastId: one.lastId(), state: one.state() };
};
const ids = (one: Following): readonly unknown[] => one.rows().map((row) => (row as { id: number }).id);
/** Everything that comes until something surely came. */
const eventsUntil = async (one: Following, change: string): Promise<readonly string[]> => {
  await run(change);
  return one.next();
};

describe('a client that comes back with Last-Event-ID', () => {
  beforeEach(() => run(`insert into items values (1, 'ada', 'a'), (2, 'ben', 'b')`));

  test('goes on where it was where nothing has changed', async () => {
    const one = await following('/items', await cutOff('/items'));
    expect(await one.next()).toEqual(['resume']);
    expect(one.events[0]?.id).toBe(one.lastId());
    expect(await eventsUntil(one, `insert into items values (3)`)).toEqual(['insert {"id":3}']);
    expect(ids(one)).toEqual([1, 2, 3]);
  });

  test('goes on where it was where all that has changed is as it was', async () => {
    const before = await cutOff('/items');
    await run(`update items set title = 'x'; update items set title = case id when 1 then 'a' else 'b' end`);
    await run('insert into items values (7); delete from items where id = 7');
    const one = await following('/items', before);
    expect(await one.next()).toEqual(['resume']);
    expect(await eventsUntil(one, `insert into items values (3)`)).toEqual(['insert {"id":3}']);
  });

  test('is told of rows that have come or changed', async () => {
    const before = await cutOff('/items');
    await run(`update items set title = 'x' where id = 1; insert into items values (3, 'eve', 'c')`);
    const one = await following('/items', before);
    expect((await one.next(2)).toSorted()).toEqual(['update {"id":1}', 'update {"id":3}']);
    expect(ids(one)).toEqual([1, 2, 3]);
    expect(one.rows()[0]).toEqual({ id: 1, owner: 'ada', title: 'x' });
  });

  test('is told all where a row is gone: whether it ever was the client’s nobody knows', async () => {
    const before = await cutOff('/items');
    await run('delete from items where id = 1');
    const one = await following('/items', before);
    expect(await one.next()).toEqual(['reset']);
    expect(ids(one)).toEqual([2]);
  });

  test('is told all after a TRUNCATE, and where the log has been cut off', async () => {
    const before = await cutOff('/items');
    await run(`truncate items; insert into items values (5)`);
    expect(await (await following('/items', before)).next()).toEqual(['reset']);
    const other = await cutOff('/items');
    await run(`insert into items values (6)`);
    await run(`update realtime.changes set at = now() - interval '2 hours'; select realtime.prune(1000)`);
    const one = await following('/items', other);
    expect(await one.next()).toEqual(['reset']);
    expect(ids(one)).toEqual([5, 6]);
  });

  test('is told all where the order matters', async () => {
    const before = await cutOff('/items?order=title.desc');
    await run(`insert into items values (3, 'eve', 'c')`);
    const one = await following('/items?order=title.desc', before);
    expect(await one.next()).toEqual(['reset']);
    expect(ids(one)).toEqual([3, 2, 1]);
    const again = { lastId: one.lastId(), state: one.state() };
    one.leave();
    const other = await following('/items?order=title.desc', again);
    expect(await other.next()).toEqual(['resume']);
    await run(`insert into items values (4, 'eve', 'a')`);
    expect(await other.next()).toEqual(['insert {"id":4}']);
  });

  test('is told all where it asks for something else, or as somebody else', async () => {
    await run(`insert into mine values (1, 'ada'), (2, 'ben')`);
    const before = await cutOff('/mine', { as: { role: 'authenticated', sub: 'ada' } });
    const one = await following('/mine', { ...before, as: { role: 'authenticated', sub: 'ben' } });
    expect(await one.next()).toEqual(['reset']);
    expect(ids(one)).toEqual([2]);
    const filtered = await following('/mine?id=lt.0', before);
    expect(await filtered.next()).toEqual(['reset']);
    expect(filtered.rows()).toEqual([]);
  });

  test('is told of new rows also where a policy calls functions', async () => {
    await run('insert into slow values (1)');
    onTestFinished(() => void run('truncate slow'));
    const before = await cutOff('/slow');
    await run('insert into slow values (2)');
    const one = await following('/slow', before);
    expect(await one.next()).toEqual(['insert {"id":2}']);
    const again = { lastId: one.lastId(), state: one.state() };
    one.leave();
    await run('update slow set id = 3 where id = 2');
    expect(await (await following('/slow', again)).next()).toEqual(['reset']);
  });

  test('is told all where policies have come to bind it, though no row has changed', async () => {
    const own = await createDatabase(FIXTURE);
    const other = await startApi(own);
    onTestFinished(async () => {
      await other.close();
      await own.close();
    });
    await own.query('insert into items values (1)');
    const one = await follow(other, '/items');
    await one.next();
    one.leave();
    await expect.poll(() => one.isClosed()).toBe(true);
    await own.query('drop event trigger aura_capture; alter table items enable row level security');
    const again = await follow(other, '/items', { lastId: one.lastId(), state: one.state() });
    expect(await again.next()).toEqual(['reset']);
    expect(again.rows()).toEqual([]);
    again.leave();
  });

  test('goes on with a new token of the same person', async () => {
    const claims = { role: 'authenticated', sub: 'ada', iat: 1 };
    await run(`insert into mine values (1, 'ada')`);
    const before = await cutOff('/mine', { as: claims });
    await run(`insert into mine values (2, 'ben')`);
    await run(`insert into mine values (3, 'ada')`);
    const one = await following('/mine', {
      ...before,
      as: { ...claims, iat: 2, jti: 'x', exp: 2_000_000_000 },
    });
    expect(await one.next()).toEqual(['insert {"id":3}']);
    expect(ids(one)).toEqual([1, 3]);
    const again = { lastId: one.lastId(), state: one.state() };
    one.leave();
    await run(`insert into mine values (4, 'ada'); update mine set owner = 'eve' where id = 3`);
    const other = await following('/mine', { ...again, as: { ...claims, iat: 3 } });
    // a row that is somebody else's now: whether it was this one's the server does not know
    expect(await other.next()).toEqual(['reset']);
    expect(ids(other)).toEqual([1, 4]);
  });

  test.each(['x', '1:1:', `${'a'.repeat(22)}.0.1:1:`, `${'a'.repeat(22)}.0.900000000:900000000:`, '☃', '.'])(
    'that says %s is told all',
    async (lastId) => {
      const one = await following('/items', { lastId: encodeURI(lastId) });
      expect(await one.next()).toEqual(['reset']);
      expect(ids(one)).toEqual([1, 2]);
    },
  );

  test('finds at another server what it has left at the first', async () => {
    const other = await start({});
    const before = await cutOff('/items');
    await run(`insert into items values (3)`);
    const one = await following('/items', before, other);
    expect(await one.next()).toEqual(['insert {"id":3}']);
  });
});

describe('two servers of one database', () => {
  test('tell the same', async () => {
    const other = await start({});
    const [one, two] = [await following('/items'), await following('/items', {}, other)];
    await one.next();
    await two.next();
    for (let id = 0; id < 20; id += 1) await run(`insert into items values (${id})`);
    await expect.poll(() => [one.state().size, two.state().size]).toEqual([20, 20]);
    expect(one.state()).toEqual(two.state());
  });
});

describe('a stream', () => {
  test('is kept alive by comments', async () => {
    const quick = await start({ 'realtime-heartbeat': 1 });
    const one = await following('/items', {}, quick);
    await expect.poll(() => one.comments(), { timeout: 4000 }).toBeGreaterThanOrEqual(2);
    expect(one.events).toHaveLength(1);
  });

  test('ends with its token, and says so', async () => {
    const now = Math.floor(Date.now() / 1000);
    // tokens are taken for 30 seconds after their time
    const one = await following('/items', { as: { role: 'authenticated', exp: now - 28 } });
    const other = await following('/items', { as: { role: 'authenticated', exp: now + 60 } });
    expect(await one.next()).toEqual(['snapshot']);
    await expect.poll(() => one.isClosed(), { timeout: 4000 }).toBe(true);
    expect(one.events.at(-1)).toEqual({
      ...{ event: 'end', id: null },
      data: { code: 'PGRST303', message: 'JWT expired', details: null, hint: null },
    });
    expect(other.isClosed()).toBe(false);
  });

  test('ends when the secret that its token was signed with is another one', async () => {
    const own = await createDatabase(FIXTURE);
    const signWith = (secret: string): Promise<unknown> =>
      own.query(`do $$ begin
        execute format('alter role authenticator in database %I set pgrst.jwt_secret = %L', current_database(), '${secret}');
      end $$; notify pgrst, 'reload config'`);
    await signWith(SECRET);
    const other = await startApi(own, { 'jwt-secret': undefined });
    onTestFinished(async () => {
      await other.close();
      await own.close();
    });
    const one = await follow(other, '/items', { as: 'authenticated' });
    const anonymous = await follow(other, '/items');
    await one.next();
    await signWith('another-secret-of-the-tests-0123456789');
    await expect.poll(() => one.isClosed()).toBe(true);
    expect(one.events.at(-1)).toMatchObject({ event: 'end', data: { code: 'PGRST301' } });
    await own.query('insert into items values (1)');
    expect(await anonymous.next(2)).toEqual(['snapshot', 'insert {"id":1}']);
    anonymous.leave();
  });

  test('ends when the server is stopped, and says so', async () => {
    const other = await startApi(database);
    const one = await following('/items', {}, other);
    await one.next();
    const started = performance.now();
    await other.close();
    expect(performance.now() - started).toBeLessThan(3000);
    expect(one.events.at(-1)).toMatchObject({ event: 'end', data: { code: 'AURA406' } });
  });

  test('ends where its rows become too many, and is refused where they are', async () => {
    const small = await start({ 'realtime-max-rows': 3 });
    await run('insert into items select n from generate_series(1, 3) n');
    const [one, windowed] = [
      await following('/items', {}, small),
      await following('/items?limit=2&order=id', {}, small),
    ];
    await one.next();
    await run('insert into items values (4)');
    await expect.poll(() => one.events.at(-1)?.data.code).toBe('AURA403');
    const refused = await following('/items', {}, small);
    expect([refused.status, refused.refusal.code]).toEqual([400, 'AURA403']);
    expect(ids(windowed)).toEqual([1, 2]);
    const capped = await start({ 'db-max-rows': 2 });
    expect((await following('/items', {}, capped)).refusal).toMatchObject({
      details: 'At most 2 rows are followed.',
    });
  });

  test('is refused where too many are open, and taken when one has gone', async () => {
    const small = await start({ 'realtime-max-streams': 2 });
    const one = await following('/items', {}, small);
    const two = await following('/mine', {}, small);
    const refused = await following('/items', {}, small);
    expect([refused.status, refused.refusal.code, refused.headers['retry-after']]).toEqual([
      503,
      'AURA404',
      '5',
    ]);
    one.leave();
    await expect.poll(async () => (await following('/items', {}, small)).status).toBe(200);
    expect(two.isClosed()).toBe(false);
  });

  test('is cut off where its client does not read, and another one is not', async () => {
    const small = await start({ 'realtime-max-buffer': 100_000 });
    const slow = await following('/items', { paused: true }, small);
    const quick = await following('/items', {}, small);
    await quick.next();
    for (let round = 0; round < 25; round += 1) {
      await run(
        `insert into items select ${round} * 100 + n, 'x', repeat('long ', 2000) from generate_series(1, 100) n`,
      );
      await expect.poll(() => quick.state().size).toBe((round + 1) * 100);
    }
    // its last words lie behind what it has not read yet
    let text = '';
    slow.incoming.on('data', (chunk: string) => {
      text = `${text}${chunk}`.slice(-2000);
    });
    await expect.poll(() => slow.isClosed(), { timeout: 4000 }).toBe(true);
    expect(text).toContain('event: end\ndata: {"code":"AURA405"');
    expect(quick.isClosed()).toBe(false);
  }, 20_000);

  test('of a group that nobody is in any more costs nothing', async () => {
    const one = await following('/items');
    await one.next();
    one.leave();
    await expect.poll(() => one.isClosed()).toBe(true);
    const again = await following('/items');
    expect(await again.next()).toEqual(['snapshot']);
  });

  test('carries CORS, timings and the trace as other answers do', async () => {
    const other = await start({ 'server-timing-enabled': true, 'server-trace-header': 'X-Trace' });
    const one = await following(
      '/items',
      { headers: { Origin: 'https://a.example', 'X-Trace': 'abc' } },
      other,
    );
    expect(one.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'x-trace': 'abc',
      'server-timing': expect.stringMatching(/^jwt;dur=.*transaction;dur=/),
    });
  });
});

describe('what cannot be followed is refused with a reason', () => {
  test.each([
    ['/words', 'AURA400'],
    ['/rpc/words', 'AURA400'],
    ['/', 'AURA400'],
    ['/seen', 'AURA400'],
    ['/items?select=count()', 'AURA400'],
    ['/unpublished', 'AURA401'],
    ['/nowhere', 'PGRST205'],
    ['/items?nothing=eq.1', '42703'],
    ['/items?id=eq.x', '22P02'],
    ['/items?select=id&limit=-1', 'PGRST103'],
  ])('%s', async (path, code) => {
    const other = await start({ 'db-aggregates-enabled': true });
    const refused = await following(path, {}, other);
    expect(refused.status).toBeGreaterThanOrEqual(400);
    expect(refused.refusal.code).toBe(path === '/words' ? 'PGRST205' : code);
  });

  test('pages by cursor', async () => {
    const refused = await following('/items', { headers: { Prefer: 'pagination=cursor' } });
    expect(refused.refusal).toMatchObject({ code: 'AURA400', details: 'It is a page by cursor.' });
  });

  test('other methods do not answer with events', async () => {
    for (const [method, path] of [
      ['HEAD', '/items'],
      ['POST', '/rpc/words'],
    ] as const) {
      const { status } = await api.request(method, path, { headers: { Accept: 'text/event-stream' } });
      expect(status).toBe(406);
    }
    const json = await api.request('GET', '/items', {
      headers: { Accept: 'application/json, text/event-stream;q=0.5' },
    });
    expect(json.json).toEqual([]);
  });

  test('databases without the log', async () => {
    const bare = await createDatabase('create table items (id int primary key); grant all on items to anon');
    const other = await startApi(bare);
    onTestFinished(async () => {
      await other.close();
      await bare.close();
    });
    const refused = await follow(other, '/items');
    expect([refused.status, refused.refusal.code]).toEqual([501, 'AURA402']);
  });

  test('tokens that are not good', async () => {
    const refused = await following('/items', { headers: { Authorization: 'Bearer eyJ.x.y' } });
    expect([refused.status, refused.refusal.code]).toEqual([401, 'PGRST301']);
  });

  test('statements that cost too much', async () => {
    await run('insert into items select n from generate_series(1, 5000) n; analyze items');
    const other = await start({ 'db-max-cost': 10 });
    const refused = await following('/items?title=like.*x*', {}, other);
    expect(refused.refusal.code).toBe('AURA150');
  });
});

describe('what no change tells of', () => {
  test('is read anew from time to time', async () => {
    const other = await start({ 'realtime-resync-interval': 1 });
    await run(`insert into hidden values (1, clock_timestamp() + interval '1 second'), (2, 'infinity')`);
    const one = await following('/hidden?select=id', { as: 'authenticated' }, other);
    expect(await one.next()).toEqual(['snapshot']);
    expect(one.rows()).toHaveLength(2);
    await expect.poll(() => one.events.length, { timeout: 6000 }).toBe(2);
    expect(ids(one)).toEqual([2]);
  });
});

describe('db-pre-request', () => {
  test('is run before each reading, sees no headers, and what it raises ends the stream', async () => {
    await run(`
      create table doors (open bool); insert into doors values (true); grant select on doors to anon;
      create function check_door() returns void language plpgsql as $$ begin
        if not (select open from doors) then
          raise sqlstate 'PT418' using message = 'closed';
        end if;
        if current_setting('request.headers', true) like '%secret%' then
          raise exception 'a header is seen';
        end if;
      end $$;
    `);
    const other = await start({ 'db-pre-request': 'public.check_door' });
    const one = await following('/items', { headers: { 'X-My': 'secret' } }, other);
    expect(await one.next()).toEqual(['snapshot']);
    await run('insert into items values (1)');
    expect(await one.next()).toEqual(['insert {"id":1}']);
    await run('update doors set open = false; insert into items values (2)');
    await expect.poll(() => one.isClosed()).toBe(true);
    expect(one.events.at(-1)).toMatchObject({ event: 'end', data: { code: 'PT418', message: 'closed' } });
    const refused = await following('/items', {}, other);
    expect(refused.status).toBe(418);
  });
});

test('whose reading takes too long is ended, and the others go on', async () => {
  const other = await start({ 'realtime-read-timeout': 1, 'log-level': 'crit' });
  const [slow, quick] = [await following('/slow', {}, other), await following('/items', {}, other)];
  await slow.next();
  await quick.next();
  await run('insert into slow select n from generate_series(1, 20) n; insert into items values (1)');
  await expect.poll(() => slow.events.at(-1)?.data.code).toBe('57014');
  expect(await quick.next()).toEqual(['insert {"id":1}']);
  await run('truncate slow');
});

test('a table that is locked keeps only its own followers waiting', async () => {
  const [locked, free] = [await following('/mine', { as: 'service_role' }), await following('/items')];
  await locked.next();
  await free.next();
  const migration = new pg.Client(database.uri);
  await migration.connect();
  await migration.query(`begin; insert into mine values (1); lock table mine in access exclusive mode`);
  // whoever follows both tables in one round comes upon the lock
  await database.query(`select realtime.append_reset(array['mine'::regclass::oid, 'items'::regclass::oid])`);
  for (let id = 1; id <= 3; id += 1) {
    await run(`insert into items values (${id})`);
    expect(await free.next()).toEqual([`insert {"id":${id}}`]);
  }
  expect(locked.events).toHaveLength(1);
  await migration.query('commit');
  await migration.end();
  expect(await locked.next()).toEqual(['insert {"id":1}']);
  expect(locked.isClosed()).toBe(false);
});

test('those who see the same are one group, and the metrics tell so', async () => {
  const adminPort = await findFreePort();
  const other = await start({ 'admin-server-port': adminPort });
  const users = Array.from({ length: 6 }, (_, index) => ({ role: 'authenticated', sub: `user ${index}` }));
  const all: Following[] = [];
  // nothing asks who they are; a policy asks each of them
  for (const as of users)
    all.push(await following('/items', { as }, other), await following('/mine', { as }, other));
  for (const one of all) await one.next();
  await run('insert into items values (1)');
  for (const one of all) if (one.path === '/items') expect(await one.next()).toEqual(['insert {"id":1}']);
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const text = await metrics();
  for (const line of ['aura_live_queries 12', 'aura_live_query_groups 7', 'aura_changes_total 1']) {
    expect(text).toContain(`\n${line}\n`);
  }
  expect(text).toMatch(/\naura_change_rounds_seconds_count [1-9]/);
  for (const one of all) one.leave();
  await expect.poll(metrics).toContain('\naura_live_queries 0\n');
  const after = await metrics();
  expect(after).toContain('\naura_live_query_groups 0\n');
  // how long they stayed is none of the times of answers
  expect(after).not.toMatch(/aura_http_request_duration_seconds_count\{method="GET"/);
});
