/** The server follows its database: when told, when something changes, and whatever goes wrong meanwhile. */
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Api, type ApiAnswer, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { findFreePort } from '../support/folder.ts';

const FIXTURE = `
  create schema api;
  create schema extra;
  grant usage on schema api, extra to anon;
  alter default privileges in schema api grant all on tables to anon;
  create table api.items (id int primary key);
  insert into api.items values (1), (2), (3);
  create function api.one() returns void language sql as $$ select set_config('response.headers', '[{"X-Pre": "one"}]', true) $$;
  create function api.two() returns void language sql as $$ select set_config('response.headers', '[{"X-Pre": "two"}]', true) $$;
`;
const sqlFile = (name: string): string =>
  readFileSync(new URL(`../../sql/project/${name}`, import.meta.url), 'utf8');

let database: TestDatabase;
beforeEach(async () => {
  database = await createDatabase(FIXTURE);
  return () => database.close();
});

const start = async (settings: Readonly<Record<string, unknown>> = {}): Promise<Api> => {
  const api = await startApi(database, { 'db-schemas': 'api', ...settings });
  onTestFinished(() => api.close());
  return api;
};
const status = async (api: Api, path: string): Promise<number> => (await api.request('GET', path)).status;
/** A setting of authenticator, in this database alone. */
const configure = (name: string, value: string | null): Promise<unknown> =>
  database.query(
    `do $$ begin execute format('alter role authenticator in database %I ${
      value === null ? `reset pgrst.${name}` : `set pgrst.${name} = %L`
    }', current_database()${value === null ? '' : `, $x$${value}$x$`}); end $$`,
  );
const rows = async (api: Api): Promise<number> => (await api.request('GET', '/items')).json.length;
/** Time for a reload that must not come. */
const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

describe('the schema is read anew', () => {
  test.each([
    ["notify pgrst, 'reload schema'"],
    ['notify pgrst'],
    ["notify pgrst, 'reload config'"],
    ["notify aura, 'reload schema'"],
    ['notify aura'],
  ])('after: %s', async (notify) => {
    const api = await start();
    await database.query('create table api.late (id int)');
    expect(await status(api, '/late')).toBe(404);
    await database.query(notify);
    await expect.poll(() => status(api, '/late')).toBe(200);
  });

  test('on the channel that is configured', async () => {
    const api = await start({ 'db-channel': 'Own "channel"' });
    await database.query(`create table api.late (id int); notify pgrst, 'reload schema'`);
    await moment();
    expect(await status(api, '/late')).toBe(404);
    await database.query(`notify "Own ""channel""", 'reload schema'`);
    await expect.poll(() => status(api, '/late')).toBe(200);
  });

  test('not for anything else that is said there, nor where nobody listens', async () => {
    const api = await start();
    const deaf = await start({ 'db-channel-enabled': false });
    await database.query(
      `create table api.late (id int); notify pgrst, 'hello'; notify other, 'reload schema'`,
    );
    await moment();
    expect(await status(api, '/late')).toBe(404);
    await database.query(`notify pgrst, 'reload schema'`);
    await expect.poll(() => status(api, '/late')).toBe(200);
    expect(await status(deaf, '/late')).toBe(404);
  });

  test('after a change by anybody, where the event trigger is installed', async () => {
    await database.query(sqlFile('ledger.sql'));
    await database.query(sqlFile('ddl-notice.sql'));
    const api = await start();
    await database.query('create table api.late (id int, gone int)');
    await expect.poll(() => status(api, '/late')).toBe(200);
    const paths = async (): Promise<unknown> => {
      const { json } = await api.request('GET', '/');
      return Object.keys(json.paths);
    };
    await database.query('alter table api.late rename to later');
    await expect.poll(paths).toContain('/later');
    await database.query('revoke all on api.later from anon');
    await expect.poll(paths).not.toContain('/later');
    await database.query('drop table api.later');
    await expect.poll(() => status(api, '/later')).toBe(404);

    // somebody who is no superuser and may not look into the trigger's schema
    const owner = `aura_test_ddl_${process.pid}`;
    await database.query(`create role ${owner}; grant create, usage on schema api to ${owner}`);
    try {
      await database.query(
        `set role ${owner}; create table api.theirs (id int); grant select on api.theirs to anon; reset role`,
      );
      await expect.poll(() => status(api, '/theirs')).toBe(200);
    } finally {
      await database.query(`drop owned by ${owner}; drop role ${owner}`);
    }
  });

  test('not after what changes no schema: data, temporary tables, a refreshed view', async () => {
    await database.query(sqlFile('ledger.sql'));
    await database.query(sqlFile('ddl-notice.sql'));
    await database.query('create materialized view api.kept as select 1');
    const port = await findFreePort();
    await start({ 'admin-server-port': port });
    const loads = async (): Promise<string | undefined> =>
      /pgrst_schema_cache_loads_total\{status="SUCCESS"\} (\d+)/.exec(
        await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
      )?.[1];
    await moment();
    const before = await loads();
    await database.query(
      'insert into api.items values (9); create temporary table t (id int); refresh materialized view api.kept; reindex table api.items',
    );
    await moment();
    expect(await loads()).toBe(before);
    await database.query('create table api.late (id int)');
    await expect.poll(loads).not.toBe(before);
  });
});

describe('settings in the database', () => {
  test('hold from the start, and change when they are read anew', async () => {
    await configure('db_max_rows', '2');
    const api = await start();
    expect(await rows(api)).toBe(2);
    await configure('db_max_rows', '1');
    await database.query("notify pgrst, 'reload schema'");
    await moment();
    expect(await rows(api)).toBe(2);
    await database.query("notify pgrst, 'reload config'");
    await expect.poll(() => rows(api)).toBe(1);
    await configure('db_max_rows', null);
    await database.query('notify pgrst');
    await expect.poll(() => rows(api)).toBe(3);
  });

  test('that cannot be used leave those before in force', async () => {
    await configure('db_max_rows', '2');
    const api = await start();
    await configure('db_max_rows', 'many');
    await database.query("create table api.late (id int); notify pgrst, 'reload config'");
    // the schema is followed all the same
    await expect.poll(() => status(api, '/late')).toBe(200);
    expect(await rows(api)).toBe(2);
  });

  test('expose other schemas', async () => {
    await database.query('create table extra.more (id int); grant select on extra.more to anon');
    await configure('db_schemas', 'api');
    const api = await startApi(database);
    onTestFinished(() => api.close());
    const more = (): Promise<ApiAnswer> =>
      api.request('GET', '/more', { headers: { 'Accept-Profile': 'extra' } });
    expect((await more()).status).toBe(406);
    await configure('db_schemas', 'api,extra');
    await database.query("notify pgrst, 'reload config'");
    await expect.poll(async () => (await more()).status).toBe(200);
  });

  test('name another function to call before each request: the one before is not called any more', async () => {
    await configure('db_pre_request', 'api.one');
    const api = await start({ 'db-pool': 1 });
    const called = async (): Promise<unknown> => (await api.request('GET', '/items')).headers['x-pre'];
    expect([await called(), await called()]).toEqual(['one', 'one']);
    await configure('db_pre_request', 'api.two');
    await database.query("notify pgrst, 'reload config'");
    await expect.poll(called).toBe('two');
    await configure('db_pre_request', null);
    await database.query("notify pgrst, 'reload config'");
    await expect.poll(called).toBe(undefined);
  });

  test('of the last of many notifications are those that hold', async () => {
    const api = await start();
    for (let limit = 1; limit <= 20; limit++) {
      await configure('db_max_rows', String(limit % 3));
      await database.query("notify pgrst, 'reload config'");
    }
    await expect.poll(() => rows(api)).toBe(2);
    await moment();
    expect(await rows(api)).toBe(2);
  });
});

describe('while the schema is read', () => {
  test('no request waits or fails', async () => {
    const api = await start();
    let running = true;
    const statuses = new Map<number, number>();
    const client = async (): Promise<void> => {
      while (running) {
        const { status: found } = await api.request('GET', '/items?select=id&order=id');
        statuses.set(found, (statuses.get(found) ?? 0) + 1);
      }
    };
    const clients = Array.from({ length: 6 }, client);
    for (let round = 0; round < 15; round++) {
      await database.query(`
        create table api.t${round} (id int); alter table api.items add c${round} int;
        comment on table api.items is 'round ${round}'; drop table api.t${round}; notify pgrst`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await database.query("create table api.last (id int); notify pgrst, 'reload schema'");
    await expect.poll(() => status(api, '/last')).toBe(200);
    running = false;
    await Promise.all(clients);
    expect([...statuses.keys()]).toEqual([200]);
    expect(statuses.get(200)).toBeGreaterThan(20);
  });

  test('a failure leaves what was read before, is told by /ready, and mended by itself', async () => {
    const port = await findFreePort();
    const api = await start({ 'db-schemas': 'api,extra', 'admin-server-port': port });
    const ready = async (): Promise<{ status: number; reasons: readonly string[] }> => {
      const answer = await fetch(`http://127.0.0.1:${port}/ready`);
      return { status: answer.status, ...((await answer.json()) as { reasons: string[] }) };
    };
    expect(await ready()).toMatchObject({ status: 200, reasons: [] });
    await database.query("drop schema extra; create table api.late (id int); notify pgrst, 'reload schema'");
    await expect.poll(ready).toEqual({
      ready: true,
      status: 200,
      reasons: [expect.stringMatching(/could not be reloaded, an older one serves: .* no schema "extra"/)],
    });
    expect([await status(api, '/items'), await status(api, '/late')]).toEqual([200, 404]);
    expect((await fetch(`${api.origin}/health`)).status).toBe(200);
    // nobody notifies: the next attempt is the server's own
    await database.query('create schema extra');
    await expect.poll(async () => (await ready()).reasons).toEqual([]);
    expect(await status(api, '/late')).toBe(200);
  });
});

describe('the connection that listens', () => {
  test('comes back when it is lost, and what changed meanwhile is read', async () => {
    const port = await findFreePort();
    const api = await start({ 'admin-server-port': port });
    const listeners = async (): Promise<number> =>
      (
        await database.query(
          "select from pg_stat_activity where application_name = 'aura listener' and datname = current_database()",
        )
      ).rows.length;
    for (const table of ['first', 'second']) {
      await database.query(`
        select pg_terminate_backend(pid, 1000) from pg_stat_activity
          where application_name = 'aura listener' and datname = current_database();
        create table api.${table} (id int); notify pgrst, 'reload schema'`);
      await expect.poll(() => status(api, `/${table}`)).toBe(200);
    }
    expect(await listeners()).toBe(1);
    expect((await fetch(`http://127.0.0.1:${port}/ready`)).status).toBe(200);
  });

  test('is there before the first catalog: no change falls in between', async () => {
    await database.query(sqlFile('ledger.sql'));
    await database.query(sqlFile('ddl-notice.sql'));
    for (let round = 0; round < 5; round++) {
      const starting = start();
      const changing = database.query(`create table api.t${round} (id int)`);
      const [api] = await Promise.all([starting, changing]);
      await expect.poll(() => status(api, `/t${round}`)).toBe(200);
    }
  });
});
