/** `withUser` over the libraries that it knows: the same role, claims and policies as a request's. */

import { sql as drizzleSql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Kysely, sql as kyselySql, PostgresDialect } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Claims, type UserOptions, withUser } from '../../sdk/server/with-user.ts';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const SETUP = `
  create table notes (id int primary key, owner text not null);
  alter table notes enable row level security;
  create policy own on notes to authenticated
    using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
  grant all on notes to authenticated;
  insert into notes values (1, 'ada'), (2, 'o''neill \\ "x"');
  create function who() returns json language sql stable as $$
    select json_build_object(
      'user', current_user,
      'claims', current_setting('request.jwt.claims', true)::json,
      'headers', nullif(current_setting('request.headers', true), '')
    ) $$;
  grant execute on function who() to anon, authenticated;`;

/** Runs one statement and gives its rows. */
type Ask = (text: string) => Promise<readonly Record<string, unknown>[]>;
/** Does work that can ask, as somebody. */
type As = <T>(claims: Claims, work: (ask: Ask) => Promise<T>, options?: UserOptions) => Promise<T>;

let database: TestDatabase;
let api: Api;
let pool: pg.Pool;
let own: postgres.Sql;
let kysely: Kysely<Record<string, never>>;
const ways = new Map<string, As>();
beforeAll(async () => {
  database = await createDatabase(SETUP);
  api = await startApi(database);
  const connectionString = database.authenticatorUri;
  pool = new pg.Pool({ connectionString, max: 1 });
  const uri = new URL(connectionString);
  own = postgres({
    host: uri.searchParams.get('host') ?? decodeURIComponent(uri.hostname),
    port: Number(uri.port),
    database: uri.pathname.slice(1),
    username: uri.username,
    password: decodeURIComponent(uri.password),
    max: 1,
    onnotice: () => undefined,
  });
  kysely = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString, max: 1 }) }) });
  const orm = drizzle(pool);
  ways.set('pg', (claims, work, options) =>
    withUser(pool, claims, (client) => work(async (text) => (await client.query(text)).rows), options),
  );
  ways.set('postgres.js', (claims, work, options) =>
    withUser(own, claims, (sql) => work(async (text) => [...(await sql.unsafe(text))]), options),
  );
  ways.set('Kysely', (claims, work, options) =>
    withUser(
      kysely,
      claims,
      (trx) =>
        work(
          async (text) =>
            (await kyselySql<Record<string, unknown>>`${kyselySql.raw(text)}`.execute(trx)).rows,
        ),
      options,
    ),
  );
  ways.set('Drizzle', (claims, work, options) =>
    withUser(
      orm,
      claims,
      (tx) => work(async (text) => (await tx.execute(drizzleSql.raw(text))).rows),
      options,
    ),
  );
});
afterAll(async () => {
  await own.end();
  await kysely.destroy();
  await pool.end();
  await api.close();
  await database.close();
});

const as: As = (claims, work, options) => {
  const way = ways.get(current);
  if (way === undefined) throw new Error(`no way over ${current}`);
  return way(claims, work, options);
};
let current = '';

describe.each(['pg', 'postgres.js', 'Kysely', 'Drizzle'])('over %s', (name) => {
  test('role and claims are those of a request', async () => {
    current = name;
    const claims = { role: 'authenticated', sub: `o'neill \\ "x"`, more: { deep: ['ü', '$1', "'"] } };
    const rows = await as(claims, (ask) => ask('select who()'));
    expect(rows[0]?.['who']).toEqual({ user: 'authenticated', claims, headers: '{}' });
    const { json } = await api.request('GET', '/rpc/who', { as: claims });
    expect({ ...json, headers: '{}' }).toEqual(rows[0]?.['who']);
    expect(await as(claims, (ask) => ask('select id from notes'))).toEqual([{ id: 2 }]);
    expect(await as({ ...claims, sub: 'ada' }, (ask) => ask('select id from notes'))).toEqual([{ id: 1 }]);
  });

  test('nothing of it is left on the connection', async () => {
    current = name;
    await as({ role: 'authenticated', sub: 'ada' }, (ask) => ask('select 1'));
    const [row] = await as({}, (ask) => ask('select who()'), { anonRole: 'anon' });
    expect(row?.['who']).toEqual({ user: 'anon', claims: { role: 'anon' }, headers: '{}' });
  });

  test('what rejects is rolled back, what resolves stays', async () => {
    current = name;
    const ada = { role: 'authenticated', sub: 'ada' };
    const failing = as(ada, async (ask) => {
      await ask("insert into notes values (10, 'ada')");
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    await expect(as(ada, (ask) => ask("insert into notes values (11, 'bo')"))).rejects.toThrow();
    await as(ada, (ask) => ask("insert into notes values (12, 'ada')"));
    expect(await as(ada, (ask) => ask('select id from notes order by id'))).toEqual([{ id: 1 }, { id: 12 }]);
    await database.query('delete from notes where id = 12');
  });

  test('a role that the login may not become is refused by PostgreSQL', async () => {
    current = name;
    await expect(as({ role: 'postgres' }, (ask) => ask('select 1'))).rejects.toThrow();
    await expect(as({ sub: 'ada' }, (ask) => ask('select 1'))).rejects.toThrow(TypeError);
  });

  test('names are found in the schemas that are given', async () => {
    current = name;
    const rows = await as({ role: 'anon' }, (ask) => ask('show search_path'), {
      searchPath: ['public', 'Odd "x"'],
    });
    expect(rows).toEqual([{ search_path: '"public", "Odd ""x"""' }]);
  });
});

test('anything else is refused', async () => {
  await expect(withUser({} as never, { role: 'anon' }, async () => undefined)).rejects.toThrow(
    'This is neither a pool of pg',
  );
});
