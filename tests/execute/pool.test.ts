/** The pool as requests meet it: when it is exhausted, when statements are outdated, when answers are large. */
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createPool, type Pool } from '../../server/execute/pool.ts';
import {
  runTransaction,
  runWork,
  type TransactionMode,
  type Work,
} from '../../server/execute/transaction.ts';
import type { Observation } from '../../server/observe/observation.ts';
import { type Api, type ApiAnswer, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { step, textRows } from './tap.ts';

const FIXTURE = `
  create schema api;
  grant usage on schema api to anon, authenticated;
  create table api.items (id int primary key, name text);
  insert into api.items values (1, 'one');
  grant all on api.items to anon, authenticated;
  create function api.sleep(seconds float) returns int language sql as $$ select 1 from pg_sleep(seconds) $$;
  create function api.run(command text) returns int language plpgsql as $$ begin execute command; return 1; end $$;
  create function api.much(megabytes int) returns text language sql as $$
    select string_agg(md5(i::text) || ' ☃"\\' || E'\\n', '') from generate_series(1, megabytes * 25000) i
  $$;
  create function api.echo(json) returns json language sql as $$ select $1 $$;
  create function api.filled(letter text, kilobytes int) returns text stable language sql as $$
    select repeat(letter, kilobytes * 1024)
  $$;
  create function api.size(bytea) returns text language sql as $$ select length($1) || ' ' || md5($1) $$;
`;

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
});
afterAll(() => database.close());

const start = async (settings: Readonly<Record<string, unknown>> = {}): Promise<Api> => {
  const api = await startApi(database, { 'db-schemas': 'api', ...settings });
  onTestFinished(() => api.close());
  return api;
};
const sleeping = async (): Promise<number> => {
  const { rows } = await database.query(
    "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
  );
  return rows.length;
};
const sleep = (api: Api, seconds: number): Promise<ApiAnswer> =>
  api.request('POST', '/rpc/sleep', { body: { seconds } });

describe('a pool that is exhausted', () => {
  test('refuses after the configured time and not before, with the time to come back', async () => {
    const api = await start({ 'db-pool': 2, 'db-pool-acquisition-timeout': 1 });
    const holders = [sleep(api, 2.5), sleep(api, 2.5)];
    await expect.poll(sleeping).toBe(2);
    const waiting = await Promise.all(Array.from({ length: 6 }, () => api.request('GET', '/items')));
    for (const answer of waiting) {
      expect([answer.status, answer.json.code, answer.headers['retry-after']]).toEqual([
        503,
        'PGRST003',
        '1',
      ]);
    }
    // those that held the pool go on, and so does everyone after them
    expect(await sleeping()).toBe(2);
    expect((await Promise.all(holders)).map(({ json }) => json)).toEqual([1, 1]);
    expect((await api.request('GET', '/items')).json).toEqual([{ id: 1, name: 'one' }]);
  });

  test('goes on beside what takes long', async () => {
    const api = await start({ 'db-pool': 2 });
    let isOver = false;
    const long = sleep(api, 1).then(() => {
      isOver = true;
    });
    await expect.poll(sleeping).toBe(1);
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(Array.from({ length: 10 }, () => api.request('GET', '/items')));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    }
    expect(isOver).toBe(false);
    await long;
  });

  test('serves in turn who waits less than that', async () => {
    const api = await start({ 'db-pool': 1, 'db-pool-acquisition-timeout': 10 });
    const first = sleep(api, 0.3);
    await expect.poll(sleeping).toBe(1);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => api.request('POST', '/rpc/echo', { body: { n } })),
    );
    expect(answers.map(({ json }) => json)).toEqual(Array.from({ length: 20 }, (_, n) => ({ n })));
    expect((await first).json).toBe(1);
  });

  test('ends statements that run too long, and is then free', async () => {
    const api = await start({ 'db-pool': 1, 'db-statement-timeout': 1 });
    const answer = await sleep(api, 30);
    expect([answer.status, answer.json.code]).toEqual([500, '57014']);
    expect((await api.request('GET', '/items')).status).toBe(200);
    expect(await sleeping()).toBe(0);
  });
});

describe('a database that does not answer', () => {
  test('is waited for only so long', async () => {
    const sockets = new Set<Socket>();
    const silent: Server = createServer((socket) => void sockets.add(socket));
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const told: Observation[] = [];
    const pool = makePool(`postgresql://x:y@127.0.0.1:${port}/z`, { dbPoolAcquisitionTimeout: 1 }, told);
    await expect(pool.acquire()).rejects.toMatchObject({
      code: 'PGRST000',
      status: 503,
      headers: { 'Retry-After': '1' },
    });
    expect(pool.state().reachable).toBe(false);
    expect(told.map(({ kind }) => kind)).toContain('database lost');
  });
});

function makePool(
  dbUri: string,
  options: Partial<Parameters<typeof createPool>[0]> = {},
  told: Observation[] = [],
): Pool {
  const pool = createPool(
    {
      dbUri,
      dbPool: 1,
      dbPoolAcquisitionTimeout: 5,
      dbPoolMaxIdletime: 30,
      dbPoolMaxLifetime: 1800,
      dbMaxStatements: 100,
      ...options,
    },
    (observation) => told.push(observation),
  );
  onTestFinished(() => pool.close());
  return pool;
}

describe('a connection that is given back', () => {
  const pid = async (pool: Pool): Promise<string | null | undefined> => {
    const lease = await pool.acquire();
    const outcome = await lease.run([step(null, 'select pg_backend_pid()')]);
    lease.release();
    return textRows(outcome, 0)[0]?.[0];
  };

  test('is lent again', async () => {
    const pool = makePool(database.uri);
    expect(await pid(pool)).toBe(await pid(pool));
    expect(pool.state()).toMatchObject({ open: 1, inUse: 0, waiting: 0, max: 1, reachable: true });
  });

  test('in the middle of a transaction is closed instead', async () => {
    const pool = makePool(database.uri);
    const before = await pid(pool);
    const lease = await pool.acquire();
    await lease.run([step(null, 'begin'), step(null, 'create table left_open (id int)')]);
    lease.release();
    expect(await pid(pool)).not.toBe(before);
    expect((await database.query("select to_regclass('left_open')::text as name")).rows).toEqual([
      { name: null },
    ]);
  });

  test('while a statement runs is closed instead', async () => {
    const pool = makePool(database.uri);
    const before = await pid(pool);
    const lease = await pool.acquire();
    const running = lease.run([step(null, 'select pg_sleep(20)')]).catch((error: Error) => error.name);
    lease.release();
    expect(await running).toBe('ConnectionLostError');
    expect(await pid(pool)).not.toBe(before);
  });

  test('does not hold up the end of the pool', async () => {
    const pool = makePool(database.uri);
    const lease = await pool.acquire();
    const running = lease.run([step(null, 'select pg_sleep(20)')]).catch((error: Error) => error.name);
    const closed = pool.close();
    expect(await running).toBe('ConnectionLostError');
    lease.release();
    await closed;
  });
});

describe('connections that the server has closed while they lay idle', () => {
  test.each([['GET'], ['POST'], ['PATCH']])('are no concern of %s', async (method) => {
    const api = await start({ 'db-pool': 4 });
    const path = { GET: '/items?id=eq.1', POST: '/rpc/echo', PATCH: '/items?id=eq.1' }[method] ?? '';
    const body = { GET: undefined, POST: { id: 1 }, PATCH: { name: 'one' } }[method];
    const ask = (): Promise<ApiAnswer> => api.request(method, path, body === undefined ? {} : { body });
    // what reads may be asked again without a goodbye; what writes needs that the server has gone before
    const wait = method === 'GET' ? '' : ', 1000';
    for (let round = 0; round < 5; round++) {
      await Promise.all([ask(), ask(), ask(), ask()]);
      const closing = database.query(
        `select pg_terminate_backend(pid${wait}) from pg_stat_activity
          where datname = current_database() and application_name = 'aura'`,
      );
      const answers = await Promise.all([closing.then(ask), closing.then(ask)]);
      expect(answers.map(({ status, body: text }) => (status < 300 ? 'fine' : text))).toEqual([
        'fine',
        'fine',
      ]);
    }
  });
});

describe('statements that DDL has outdated', () => {
  const NAME = { Prefer: 'return=representation' };

  test('are prepared anew without a word', async () => {
    const api = await start({ 'db-pool': 1 });
    const requests = (): Promise<ApiAnswer>[] => [
      api.request('GET', '/grown?id=eq.1'),
      api.request('GET', '/grown?select=id,name&id=eq.1'),
      api.request('GET', '/grown?id=eq.1', { headers: { Accept: 'text/csv' } }),
      api.request('GET', '/grown?id=eq.1', { headers: { Prefer: 'count=planned' } }),
      api.request('PATCH', '/grown?id=eq.1', { body: { name: 'n' }, headers: NAME }),
      api.request('PATCH', '/grown?id=eq.1', {
        body: { name: 'n' },
        headers: { ...NAME, Accept: 'application/vnd.pgrst.object+json' },
      }),
      api.request('POST', '/grown?on_conflict=id', {
        body: [{ id: 1, name: 'n' }],
        headers: { Prefer: 'resolution=merge-duplicates, return=representation' },
      }),
    ];
    const all = async (): Promise<unknown[]> => {
      const answers: ApiAnswer[] = [];
      for (const request of requests()) answers.push(await request);
      return answers.map(({ status, json, body }) => [status, json ?? body]);
    };
    await database.query(`
      create table api.grown (id int primary key, name text); insert into api.grown values (1, 'n');
      grant all on api.grown to anon; notify pgrst, 'reload schema'`);
    await expect.poll(async () => (await api.request('GET', '/grown')).status).toBe(200);
    const row = { id: 1, name: 'n' };
    const expected = (one: object, csv: string): unknown[] => [
      [200, [one]],
      [200, [row]],
      [200, csv],
      [206, [one]],
      [200, [one]],
      [200, one],
      [200, [one]],
    ];
    const [first] = [await all(), await all()];
    expect(first).toEqual(expected(row, 'id,name\n1,n').with(3, [200, [row]]));

    await database.query('alter table api.grown add more int default 7');
    const grown = { ...row, more: 7 };
    expect(await all()).toMatchObject([
      [200, [grown]],
      [200, [row]],
      [200, 'id,name,more\n1,n,7'],
      [200, [grown]],
      [200, [grown]],
      [200, grown],
      [200, [grown]],
    ]);
    // the values of every statement are now of another type
    await database.query('alter table api.grown alter id type text, alter name type varchar(5)');
    expect((await api.request('GET', '/grown?id=eq.1')).json).toEqual([{ ...grown, id: '1' }]);
    await database.query("notify pgrst, 'reload schema'");
    await expect
      .poll(async () => (await all()).map((answer) => (answer as [number])[0]))
      .toEqual(Array(7).fill(200));
    await database.query('drop table api.grown; create table api.grown (name text, id int primary key)');
    await database.query("grant all on api.grown to anon; insert into api.grown values ('n', 1)");
    expect((await api.request('GET', '/grown?id=eq.1')).json).toEqual([{ name: 'n', id: 1 }]);
  });

  test.each([['deallocate all'], ['discard plans']])(
    'and those that %s has taken away, too',
    async (command) => {
      const api = await start({ 'db-pool': 1 });
      const both = async (): Promise<unknown[]> => [
        (await api.request('GET', '/items?id=eq.1')).json,
        (
          await api.request('PATCH', '/items?id=eq.1', {
            body: { name: 'one' },
            headers: { ...NAME, Accept: 'application/vnd.pgrst.object+json' },
          })
        ).json,
      ];
      const row = { id: 1, name: 'one' };
      for (let round = 0; round < 3; round++) {
        expect(await both()).toEqual([[row], row]);
        expect((await api.request('POST', '/rpc/run', { body: { command } })).json).toBe(1);
      }
      expect(await both()).toEqual([[row], row]);
    },
  );

  const MODE: TransactionMode = {
    isolation: null,
    readOnly: false,
    rollback: false,
    authenticated: true,
    prepared: true,
    taints: false,
    departure: null,
  };

  /** Work of one statement whose result is the rows' text, as EXPLAIN's is. */
  const workOf = (key: string, text: string): Work => ({
    task: {
      session: { key: 'session', text: "select set_config('app.x', $1, true)", values: ['x'] },
      role: 'anon',
      preRequest: null,
      statements: { main: { text, parameters: [], columns: null }, estimate: null, cost: null },
      key,
      values: [],
      estimateValues: [],
      binary: new Set(),
      readOnly: false,
      looks: false,
    },
    mode: MODE,
    verify: null,
  });

  test('whose result has changed run again, alone and in a transaction, and write once', async () => {
    const pool = makePool(database.uri);
    await database.query('create table star (id int); create table log (n int); insert into star values (1)');
    const star = workOf('k', 'select * from star');
    const insert = workOf('i', 'insert into log values (1) returning n');
    const inTransaction = (): Promise<string> =>
      runTransaction(pool, MODE, async ({ run }) => {
        await run(insert.task);
        return (await run(star.task)).result.body.toString();
      });
    expect((await runWork(pool, star)).result.body.toString()).toBe('1\n');
    expect(await inTransaction()).toBe('1\n');
    await database.query("alter table star add b text default 'b'");
    expect((await runWork(pool, star)).result.body.toString()).toBe('1\n');
    await database.query('alter table star alter id type text');
    expect(await inTransaction()).toBe('1\n');
    const serializable = await runWork(pool, { ...star, mode: { ...MODE, isolation: 'serializable' } });
    expect(serializable.result.body.toString()).toBe('1\n');
    await database.query('alter table star drop b');
    const verified = await runWork(pool, { ...star, verify: () => undefined });
    expect(verified.result.body.toString()).toBe('1\n');
    expect((await database.query('select count(*)::int as n from log')).rows).toEqual([{ n: 2 }]);
  });

  test('are told apart from statements that are wrong: those fail once', async () => {
    const pool = makePool(database.uri);
    await expect(runWork(pool, workOf('w', 'select nothing'))).rejects.toMatchObject({ code: '42703' });
    await database.query('create table gone (id int)');
    const work = workOf('g', 'select id from gone');
    await runWork(pool, work);
    await database.query('drop table gone');
    await expect(runWork(pool, work)).rejects.toMatchObject({ code: '42P01' });
    await expect(runWork(pool, workOf('z', 'select 1 / 0'))).rejects.toMatchObject({ code: '22012' });
    expect(pool.state()).toMatchObject({ open: 1, inUse: 0 });
  });
});

describe('large bodies', () => {
  test('of 20 MB come as PostgreSQL made them, byte for byte, several at once', async () => {
    const api = await start({ 'db-pool': 2 });
    const expected = await database.query(
      'select md5(to_json(api.much(20))::text), octet_length(to_json(api.much(20))::text)',
    );
    const [{ md5, octet_length: length }] = expected.rows as [{ md5: string; octet_length: number }];
    expect(length).toBeGreaterThan(20_000_000);
    const { createHash } = await import('node:crypto');
    const answers = await Promise.all(
      [1, 2, 3].map(() => api.request('POST', '/rpc/much', { body: { megabytes: 20 } })),
    );
    for (const { bytes, headers } of answers) {
      expect([bytes.length, createHash('md5').update(bytes).digest('hex')]).toEqual([length, md5]);
      expect(headers['content-length']).toBe(String(length));
    }
    // small ones after large ones are whole, too
    expect((await api.request('GET', '/items')).json).toEqual([{ id: 1, name: 'one' }]);
  });

  test('share their memory with nobody, however slowly they are read', async () => {
    const api = await start({ 'db-pool': 3 });
    const path = (letter: string, kilobytes: number): string =>
      `/rpc/filled?letter=${letter}&kilobytes=${kilobytes}`;
    const letters = [...'abcdefghijklmnopqrstuvwx'];
    // more than what the sockets hold, so that most of it waits in the server
    const slow = ['UVWX', 'YZAB'].map((word) => {
      const socket = api.socket();
      socket.pause();
      const heads = [...word].map((letter) => `GET /rest/v1${path(letter, 4000)} HTTP/1.1\r\nHost: x\r\n`);
      socket.write(`${heads.join('\r\n')}Connection: close\r\n\r\n`);
      return { word, socket };
    });
    const sizeOf = (n: number): number => (n % 4 === 0 ? 2100 : 40) + n * 10;
    for (let round = 0; round < 4; round++) {
      const answers = await Promise.all(
        letters.map((letter, n) => api.request('GET', path(letter, sizeOf(n)))),
      );
      for (const [n, { json }] of answers.entries()) {
        expect(json === letters[n]?.repeat(sizeOf(n) * 1024)).toBe(true);
      }
    }
    for (const { word, socket } of slow) {
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      const bodies = [...text.matchAll(/\r\n\r\n"(\w*)"/g)].map(([, body]) => body);
      expect(bodies.length).toBe(word.length);
      for (const [n, body] of bodies.entries()) expect(body === word[n]?.repeat(4000 * 1024)).toBe(true);
    }
  });

  test('go to PostgreSQL as they came', async () => {
    const api = await start({ 'server-max-body-size': 30_000_000 });
    const rows = Array.from({ length: 60_000 }, (_, n) => ({ n, text: `"é☃"\\ ${'x'.repeat(100)}` }));
    const json = JSON.stringify(rows);
    const answer = await api.request('POST', '/rpc/echo', {
      body: json,
      headers: { 'Content-Type': 'application/json' },
    });
    expect(answer.status).toBe(200);
    expect(answer.body === json).toBe(true);
    const { createHash, randomBytes } = await import('node:crypto');
    const bytes = randomBytes(5_000_000);
    const sized = await api.request('POST', '/rpc/size', {
      body: bytes,
      headers: { 'Content-Type': 'application/octet-stream' },
    });
    expect(sized.json).toBe(`${bytes.length} ${createHash('md5').update(bytes).digest('hex')}`);
  });
});
