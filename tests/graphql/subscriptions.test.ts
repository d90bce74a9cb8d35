/** Subscriptions: the whole answer at once, and again whenever it is another one. Over Server-Sent Events. */
import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Api, SECRET, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { connect, stream } from './subscribers.ts';
import { FIXTURE, SETTINGS, useRooms } from './subscription-fixture.ts';

const rooms = useRooms({ 'realtime-heartbeat': 1, 'graphql-introspection': '*' });
const ada = { role: 'authenticated', sub: 'ada' };
const ben = { role: 'authenticated', sub: 'ben' };

const TITLES =
  'subscription T { openCollection(orderBy: [{ id: AscNullsLast }]) { edges { node { id title } } } }';
const titlesIn = (answer: { data: { openCollection: { edges: { node: { title: string } }[] } } }) =>
  answer.data.openCollection.edges.map(({ node }) => node.title);

describe('a subscription', () => {
  test('is answered at once, and again when the answer is another one, and only then', async () => {
    await rooms.run(`insert into open values (1, 'one')`);
    const one = await stream(rooms.api, TITLES);
    expect(one.status).toBe(200);
    expect(one.incoming.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const [first] = await one.next();
    expect(first).toEqual({ data: { openCollection: { edges: [{ node: { id: 1, title: 'one' } }] } } });
    await rooms.run(`insert into open values (2, E'two\\nlines')`);
    expect(titlesIn((await one.next())[0])).toEqual(['one', 'two\nlines']);
    // nothing that it shows
    await rooms.run(`update open set title = title; insert into unseen values (1); delete from unseen`);
    await rooms.run(`delete from open where id = 1`);
    expect(titlesIn((await one.next())[0])).toEqual(['two\nlines']);
    expect(one.events.length).toBe(3);
  });

  test('of one record by its key, which may not be there, by GET', async () => {
    const query = 'subscription N($id: Int!) { openByPk(id: $id) { title __typename } }';
    const one = await stream(rooms.api, query, { variables: { id: 7 }, get: true });
    expect(await one.next()).toEqual([{ data: { openByPk: null } }]);
    await rooms.run(`insert into open values (8, 'another')`);
    await rooms.run(`insert into open values (7, 'seven')`);
    expect(await one.next()).toEqual([{ data: { openByPk: { title: 'seven', __typename: 'open' } } }]);
  });

  test('follows what is nested, filtered by and counted, each person by what the policies show', async () => {
    await rooms.run(`
      insert into room values (1, 'attic'), (2, 'cellar');
      insert into member values (1, 'ada'), (2, 'ben');
      insert into note values (1, 1, 'ada', 'a', 1), (2, 1, 'ben', 'b', 2)`);
    const query = `subscription R { roomCollection(orderBy: [{ id: AscNullsLast }]) { edges { node { name
      noteCollection { totalCount aggregate { sum { rank } } edges { node { title } } } } } } }`;
    const [one, other] = await Promise.all([
      stream(rooms.api, query, { as: ada }),
      stream(rooms.api, query, { as: ben }),
    ]);
    const room = (name: string, titles: string[], rank: number | null) => ({
      node: {
        name,
        noteCollection: {
          totalCount: titles.length,
          aggregate: { sum: { rank } },
          edges: titles.map((title) => ({ node: { title } })),
        },
      },
    });
    expect(await one.next()).toEqual([{ data: { roomCollection: { edges: [room('attic', ['a'], 1)] } } }]);
    expect(await other.next()).toEqual([{ data: { roomCollection: { edges: [room('cellar', [], null)] } } }]);
    // what a policy looks at
    await rooms.run(`insert into member values (1, 'ben')`);
    expect(await other.next()).toEqual([
      { data: { roomCollection: { edges: [room('attic', ['b'], 2), room('cellar', [], null)] } } },
    ]);
    await rooms.run(`update note set rank = 5 where id = 1`);
    expect(await one.next()).toEqual([{ data: { roomCollection: { edges: [room('attic', ['a'], 5)] } } }]);
    expect([one.events.length, other.events.length]).toEqual([2, 2]);
  });

  test('with groups, distinct rows and filters by related tables', async () => {
    const query = `subscription G { noteCollection(filter: { room: { name: { eq: "attic" } } }) {
      groups(by: [owner], having: { count: { gt: 1 } }) { edges { node { key { owner } aggregate { count } } } } } }`;
    await rooms.run(`insert into room values (1, 'attic'); insert into member values (1, 'ada');
      insert into note values (1, 1, 'ada'), (2, 1, 'ada')`);
    const one = await stream(rooms.api, query, { as: ada });
    const groups = (count: number | null) => [
      {
        data: {
          noteCollection: {
            groups: {
              edges: count === null ? [] : [{ node: { key: { owner: 'ada' }, aggregate: { count } } }],
            },
          },
        },
      },
    ];
    expect(await one.next()).toEqual(groups(2));
    await rooms.run(`insert into note values (3, 1, 'ada')`);
    expect(await one.next()).toEqual(groups(3));
    await rooms.run(`update room set name = 'cellar'`);
    expect(await one.next()).toEqual(groups(null));
  });

  test('is shared: who joins later begins with what the others have, and hears the same', async () => {
    await rooms.run(`insert into open values (1, 'one')`);
    const one = await stream(rooms.api, TITLES, { as: ada });
    await one.next();
    await rooms.run(`update open set title = 'two'`);
    await one.next();
    const other = await stream(rooms.api, TITLES, { as: ben });
    expect(titlesIn((await other.next())[0])).toEqual(['two']);
    one.leave();
    await rooms.run(`update open set title = 'three'`);
    expect(titlesIn((await other.next())[0])).toEqual(['three']);
  });

  test('keeps comments coming while nothing changes, and goes on after TRUNCATE', async () => {
    await rooms.run(`insert into open values (1, 'one')`);
    const one = await stream(rooms.api, TITLES);
    await one.next();
    await expect.poll(one.comments, { timeout: 4000 }).toBeGreaterThan(0);
    await rooms.run('truncate open');
    expect(titlesIn((await one.next())[0])).toEqual([]);
  });

  test('is read anew where the schema changes: other policies, other columns', async () => {
    await rooms.run(`insert into open values (1, 'one')`);
    const one = await stream(rooms.api, TITLES);
    await one.next();
    await rooms.run('alter policy everyone on open using (id > 1)');
    expect(titlesIn((await one.next())[0])).toEqual([]);
    await rooms.run('alter policy everyone on open using (true)');
    expect(titlesIn((await one.next())[0])).toEqual(['one']);
    await rooms.run('alter table open rename title to name');
    const [last] = await one.next();
    expect(last.errors[0].message).toContain('Cannot query field "title" on type "open"');
    await expect.poll(() => one.events.at(-1)).toBe('complete');
    await rooms.run('alter table open rename name to title');
    await expect
      .poll(async () => (await stream(rooms.api, TITLES)).next().then(([answer]) => answer.errors ?? null))
      .toBeNull();
  });

  test('ends with its token', async () => {
    const exp = Math.floor(Date.now() / 1000) - 29;
    const one = await stream(rooms.api, TITLES, { as: { ...ada, exp } });
    await one.next();
    const [last] = await one.next();
    expect(last.errors[0].extensions.code).toBe('PGRST303');
    await expect.poll(() => [one.events.at(-1), one.isClosed()]).toEqual(['complete', true]);
  });
});

test('other operations are answered by one result', async () => {
  const query = await stream(rooms.api, '{ openCollection { edges { cursor } } }');
  await expect
    .poll(() => query.events)
    .toEqual(['next {"data":{"openCollection":{"edges" : []}}}', 'complete']);
  const mutation = await stream(
    rooms.api,
    'mutation { insertIntoopenCollection(objects: [{ id: 3, title: "made" }]) { affectedCount } }',
  );
  await expect
    .poll(() => mutation.events)
    .toEqual(['next {"data":{"insertIntoopenCollection":{"affectedCount" : 1}}}', 'complete']);
});

test('what cannot be followed is told as a result', async () => {
  const errorOf = async (query: string, variables: unknown = {}) => {
    const one = await stream(rooms.api, query, { variables });
    expect(one.status).toBe(200);
    const [answer] = await one.next();
    await expect.poll(() => one.events.at(-1)).toBe('complete');
    return answer.errors[0];
  };
  expect((await errorOf('subscription { unseenCollection { edges { cursor } } }')).extensions.code).toBe(
    'AURA401',
  );
  expect((await errorOf('subscription { shownCollection { edges { cursor } } }')).message).toContain(
    'Cannot query field "shownCollection"',
  );
  expect((await errorOf('subscription {')).message).toContain('Syntax Error');
  expect((await errorOf('subscription { openCollection { totalCount } }')).message).toContain(
    'Cannot query field "totalCount"',
  );
  expect(
    (
      await errorOf(
        'subscription { openCollection { edges { cursor } } roomCollection { edges { cursor } } }',
      )
    ).message,
  ).toContain('must select only one top level field');
  expect(
    (await errorOf('subscription S($id: Int!) { openByPk(id: $id) { title } }', { id: 'x' })).message,
  ).toContain('got invalid value "x"');
  expect((await errorOf('subscription { openByPk(id: 1) @skip(if: true) { title } }')).message).toBe(
    'There is nothing to be followed',
  );
});

test('a request that is wrong as a whole is refused as every other', async () => {
  const broken = await stream(rooms.api, TITLES, { headers: { Authorization: 'Bearer nothing' } });
  expect(broken.status).toBe(401);
  const list = await stream(rooms.api, [{ query: TITLES }]);
  expect(list.status).toBe(400);
  await expect.poll(list.body).toContain('AURA300');
  const { json, status } = await rooms.api.request('POST', '/graphql/v1', { body: { query: TITLES } });
  expect(status).toBe(200);
  expect(json.errors[0].message).toBe('Subscriptions are not answered by one result');
});

test('no more are open than the setting allows', async () => {
  const api = await startApi(rooms.database, { ...SETTINGS, 'realtime-max-streams': 1 });
  const one = await stream(api, TITLES);
  await one.next();
  const other = await stream(api, TITLES);
  expect(other.status).toBe(503);
  await expect.poll(other.body).toContain('AURA404');
  one.leave();
  await expect.poll(async () => (await stream(api, TITLES)).status).toBe(200);
  await api.close();
});

test('a server that stops says so, and waits for nobody', async () => {
  const api = await startApi(rooms.database, SETTINGS);
  const one = await stream(api, TITLES);
  await one.next();
  const started = performance.now();
  await api.close();
  expect(performance.now() - started).toBeLessThan(4000);
  const [last] = await one.next();
  expect(last.errors[0].extensions.code).toBe('AURA406');
});

test('who reads slowly misses answers, and never the last one', async () => {
  await rooms.run(`insert into open select n, repeat('x', 20000) from generate_series(1, 30) n`);
  const one = await stream(rooms.api, TITLES);
  await one.next();
  one.incoming.pause();
  for (let round = 1; round <= 60; round++)
    await rooms.run(`update open set title = '${round}' || title where id = 1`);
  await rooms.run(`update open set title = 'last' where id = 1`);
  // let all rounds be over
  const other = await stream(rooms.api, TITLES, { as: ada });
  await expect.poll(async () => titlesIn((await other.next())[0])[0], { timeout: 5000 }).toBe('last');
  one.incoming.resume();
  await expect
    .poll(() => titlesIn(JSON.parse(one.events.at(-1)?.slice('next '.length) ?? '{}'))[0], { timeout: 5000 })
    .toBe('last');
  expect(one.events.length).toBeLessThan(60);
});

test('a lost connection to the database loses nothing', async () => {
  await rooms.run(`insert into open values (1, 'one')`);
  const one = await stream(rooms.api, TITLES);
  await one.next();
  await rooms.run(
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'authenticator' and datname = current_database()`,
  );
  await rooms.run(`update open set title = 'two'`);
  await expect
    .poll(() => titlesIn(JSON.parse(one.events.at(-1)?.slice('next '.length) ?? '{}')), { timeout: 10_000 })
    .toEqual(['two']);
});

describe('a secret that is another one', () => {
  const another = 'another-secret-of-the-tests-0123456789';
  const signWith = (own: Pick<TestDatabase, 'query'>, secret: string): Promise<unknown> =>
    own.query(`do $$ begin
      execute format('alter role authenticator in database %I set pgrst.jwt_secret = %L', current_database(), '${secret}');
    end $$; notify pgrst, 'reload config'`);
  const start = async (): Promise<{ own: TestDatabase; api: Api }> => {
    const own = await createDatabase(FIXTURE);
    await signWith(own, SECRET);
    const api = await startApi(own, { ...SETTINGS, 'jwt-secret': undefined });
    onTestFinished(async () => {
      await api.close();
      await own.close();
    });
    return { own, api };
  };

  test('ends what was begun with the old one', async () => {
    const { own, api } = await start();
    const one = await stream(api, TITLES, { as: ada });
    const anonymous = await stream(api, TITLES);
    const socket = await connect(api, { Authorization: `Bearer ${tokenFor(ada)}` });
    await one.next();
    await anonymous.next();
    await signWith(own, another);
    const [last] = await one.next();
    expect(last.errors[0].extensions.code).toBe('PGRST301');
    expect((await socket.closed).code).toBe(4403);
    await own.query(`insert into open values (1, 'one')`);
    expect(titlesIn((await anonymous.next())[0])).toEqual(['one']);
  });

  test('ends what is about to begin', async () => {
    const { own, api } = await start();
    const blocker = new Client(own.uri);
    await blocker.connect();
    onTestFinished(() => blocker.end());
    // planned by then, and read when the table is free again
    await (await stream(api, TITLES, { as: ada })).next();
    await blocker.query('begin; lock table open');
    const waiting = stream(api, TITLES.replace('id title', 'title id'), { as: ada });
    const isWaiting = async (): Promise<unknown> =>
      (await own.query(`select from pg_locks where not granted and relation = 'open'::regclass`)).rows.length;
    await expect.poll(isWaiting, { timeout: 4000 }).toBe(1);
    await signWith(own, another);
    const [last] = await (await waiting).next();
    expect(last.errors[0].extensions.code).toBe('PGRST301');
  });
});

test('there are none without the extensions', async () => {
  const api = await startApi(rooms.database, { 'rest-prefix': '/' });
  const { json } = await api.request('POST', '/graphql/v1', { body: { query: TITLES } });
  expect(json.errors[0].message).toContain('There are no operations of the type subscription');
  await api.close();
});
