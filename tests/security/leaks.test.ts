/** Nothing of one request is left for the next, however it ended. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** Everything that a request could find of another one; who connects, and through which process, aside. */
const STATE = `
  select json_build_object(
    'claims', current_setting('request.jwt.claims', true), 'method', current_setting('request.method', true),
    'path', current_setting('request.path', true), 'cookies', current_setting('request.cookies', true),
    'headers', (nullif(current_setting('request.headers', true), '')::jsonb - 'host' - 'connection'),
    'role', current_setting('role'), 'user', current_user, 'search_path', current_setting('search_path'),
    'statement_timeout', current_setting('statement_timeout'), 'timezone', current_setting('timezone'),
    'lock_timeout', current_setting('lock_timeout'), 'datestyle', current_setting('datestyle'),
    'read_only', current_setting('transaction_read_only'), 'isolation', current_setting('transaction_isolation'),
    'default_read_only', current_setting('default_transaction_read_only'),
    'default_isolation', current_setting('default_transaction_isolation'),
    'work_mem', current_setting('work_mem'), 'row_security', current_setting('row_security'),
    'response_headers', current_setting('response.headers', true),
    'response_status', current_setting('response.status', true),
    'inserted', current_setting('pgrst.inserted', true), 'own', nullif(current_setting('app.own', true), ''),
    'temporary', (select count(*) from pg_class where relnamespace = pg_my_temp_schema())
  )`;

const FIXTURE = `
  create schema api;
  create schema other;
  grant usage on schema api, other to anon, authenticated;
  create table api.items (id int primary key, name text);
  create table api.parents (id int primary key);
  create table api.children (
    id int primary key,
    parent_id int references api.parents deferrable initially deferred
  );
  create table api.smeared (id int primary key);
  grant all on all tables in schema api to anon, authenticated;
  create view api.state_view as ${STATE} as state;
  grant select on api.state_view to anon, authenticated;
  create function api.state() returns json language sql as $$ ${STATE} $$;

  create function api.respond() returns int language sql as $$
    select set_config('response.headers', '[{"X-Left": "over"}]', true);
    select set_config('response.status', '207', true);
    select 1;
  $$;
  create function api.smear(name text, value text) returns text language sql as $$
    select set_config(name, value, false)
  $$;
  create function api.smear_and_fail(name text, value text) returns text language plpgsql as $$
    begin perform set_config(name, value, false); raise 'on purpose'; end $$;
  create function api.run(command text) returns int language plpgsql as $$ begin execute command; return 1; end $$;
  create function api.sleep(seconds float) returns int language sql as $$ select 1 from pg_sleep(seconds) $$;
  create function api.write(id int) returns int language sql as $$ insert into api.items values (id) returning id $$;
  create function api.hasty() returns text language sql
    set statement_timeout = '1234ms' as $$ select current_setting('statement_timeout') $$;
  create function api.strict() returns text language sql
    set default_transaction_isolation = 'serializable' as $$ select current_setting('transaction_isolation') $$;
  create function api.smearing() returns trigger language plpgsql as $$
    begin
      perform set_config('timezone', 'Asia/Tokyo', false), set_config('app.own', 'by trigger', false),
        set_config('search_path', 'other', false), set_config('request.jwt.claims', '{"role":"x"}', false);
      return new;
    end $$;
  create trigger smearing before insert on api.smeared for each row execute function api.smearing();

  create function other.pre_request() returns void language plpgsql as $$
    declare wish text := current_setting('request.headers')::json ->> 'x-wish';
    begin
      if wish = 'fail' then
        perform set_config('app.own', 'pre', false), set_config('response.status', '299', true);
        raise sqlstate 'PT418' using message = 'short and stout';
      elsif wish = 'smear' then
        perform set_config('app.own', 'pre', false), set_config('timezone', 'Asia/Tokyo', false);
      elsif wish = 'write' then
        insert into api.items values (77, 'by pre-request');
      end if;
    end $$;
`;

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
});
afterAll(() => database.close());

const SETTINGS = {
  'db-schemas': 'api,other',
  'db-pool': 1,
  'db-pre-request': 'other.pre_request',
  'db-tx-end': 'commit-allow-override',
  'app.settings.fixed': 'as configured',
};
const outcome = ({ status, json }: ApiAnswer): unknown => (status < 300 ? status : [status, json?.code]);
const call = (api: Api, name: string, body: unknown, options: ApiRequest = {}): Promise<ApiAnswer> =>
  api.request('POST', `/rpc/${name}`, { ...options, body });

/** Begins a request and hangs up when the statement runs. */
const abandon = async (api: Api, path: string): Promise<void> => {
  const socket = api.socket();
  socket.on('error', () => undefined);
  socket.write(`GET /rest/v1${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await expect.poll(() => running()).toBe(1);
  socket.destroy();
};
/** The number of statements of the API that sleep. */
const running = async (): Promise<number> => {
  const { rows } = await database.query(
    "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
  );
  return rows.length;
};
const terminate = (): Promise<unknown> =>
  database.query(
    "select pg_terminate_backend(pid, 1000) from pg_stat_activity where datname = current_database() and application_name = 'aura'",
  );

type Offence = (api: Api) => Promise<unknown>;
const OFFENCES: readonly (readonly [what: string, offend: Offence, expected: unknown])[] = [
  [
    'another user with claims, headers, cookies, a time zone and a schema',
    (api) =>
      api
        .request('GET', '/state_view?select=state', {
          as: { role: 'authenticated', sub: 'mira', tenant: 7 },
          headers: { Cookie: 'session=abc; theme=dark', 'X-Own': 'mine', Prefer: 'timezone=Asia/Tokyo' },
        })
        .then(({ json }) => [json[0].state.timezone, json[0].state.cookies, json[0].state.user]),
    ['Asia/Tokyo', '{"session":"abc","theme":"dark"}', 'authenticated'],
  ],
  ['headers and a status of the answer', (api) => call(api, 'respond', {}).then(outcome), 207],
  [
    'an upsert that counts what it inserts',
    (api) =>
      api
        .request('POST', '/items', {
          body: [{ id: 1, name: 'a' }],
          headers: { Prefer: 'resolution=merge-duplicates' },
        })
        .then(({ status }) => status < 300),
    true,
  ],
  [
    'a value that cannot be read',
    (api) => api.request('GET', '/items?id=eq.x').then(outcome),
    [400, '22P02'],
  ],
  ['a table that is not there', (api) => api.request('GET', '/itms').then(outcome), [404, 'PGRST205']],
  ['a column that is not there', (api) => api.request('GET', '/items?x=eq.1').then(outcome), [400, '42703']],
  [
    'a function that fails after it has set something for the session',
    (api) => call(api, 'smear_and_fail', { name: 'app.own', value: 'x' }).then(outcome),
    [400, 'P0001'],
  ],
  [
    'a pre-request function that fails',
    (api) => api.request('GET', '/items', { headers: { 'X-Wish': 'fail' } }).then(outcome),
    [418, 'PT418'],
  ],
  [
    'a pre-request function that sets something for the session',
    (api) => api.request('GET', '/items', { headers: { 'X-Wish': 'smear' } }).then(outcome),
    200,
  ],
  ...(
    [
      ['request.jwt.claims', '{"role":"service_role","sub":"x"}'],
      ['request.headers', '{"x-own":"x"}'],
      ['request.cookies', '{"a":"b"}'],
      ['request.method', 'DELETE'],
      ['request.path', '/elsewhere'],
      ['role', 'authenticated'],
      ['search_path', 'other'],
      ['statement_timeout', '1h'],
      ['lock_timeout', '1h'],
      ['timezone', 'Asia/Tokyo'],
      ['datestyle', 'German'],
      ['work_mem', '123MB'],
      ['row_security', 'off'],
      ['response.headers', '[{"X-Left":"over"}]'],
      ['response.status', '299'],
      ['pgrst.inserted', '7'],
      ['app.own', 'left over'],
      ['app.settings.fixed', 'changed'],
      ['default_transaction_read_only', 'on'],
      ['default_transaction_isolation', 'serializable'],
      ['client_min_messages', 'debug5'],
      ['standard_conforming_strings', 'off'],
      ['bytea_output', 'escape'],
    ] as const
  ).map(
    ([name, value]) =>
      [
        `a function that sets ${name} for the session`,
        (api: Api) => call(api, 'smear', { name, value }).then(({ status }) => status < 300),
        true,
      ] as const,
  ),
  [
    'a function called by GET that sets something for the session',
    (api) => api.request('GET', '/rpc/smear?name=app.own&value=x').then(outcome),
    200,
  ],
  ...(
    [
      'set role authenticated',
      'reset role',
      'set session authorization default',
      'reset all',
      'discard plans',
      'discard temporary',
      'deallocate all',
      'set session characteristics as transaction isolation level serializable',
      'set session characteristics as transaction read only',
      'create temporary table items as select 7 as id',
      'prepare stolen as select 1',
    ] as const
  ).map(
    (command) =>
      [
        `a function that runs: ${command}`,
        (api: Api) => call(api, 'run', { command }).then(outcome),
        200,
      ] as const,
  ),
  ['triggers', (api) => api.request('POST', '/smeared', { body: { id: 1 } }).then(outcome), 201],
  ['a function with settings of its own', (api) => call(api, 'hasty', {}).then(({ json }) => json), '1234ms'],
  [
    'a function with an isolation level',
    (api) => call(api, 'strict', {}).then(({ json }) => json),
    'serializable',
  ],
  [
    'a write that is taken back',
    (api) =>
      api.request('POST', '/items', { body: { id: 50 }, headers: { Prefer: 'tx=rollback' } }).then(outcome),
    201,
  ],
  [
    'a write that is refused when its result is seen',
    (api) =>
      api
        .request('PATCH', '/items?id=eq.0', {
          body: { name: 'x' },
          headers: { Accept: 'application/vnd.pgrst.object+json', Prefer: 'return=representation' },
        })
        .then(outcome),
    [406, 'PGRST116'],
  ],
  [
    'a write that affects too many rows',
    async (api) => {
      await database.query('insert into api.items values (1)');
      const headers = { Prefer: 'max-affected=0, handling=strict' };
      return outcome(await api.request('PATCH', '/items?id=gt.0', { body: { name: 'x' }, headers }));
    },
    [400, 'PGRST124'],
  ],
  [
    'a constraint that fails at the end',
    (api) => api.request('POST', '/children', { body: { id: 1, parent_id: 9 } }).then(outcome),
    [409, '23503'],
  ],
  ['a write by GET', (api) => api.request('GET', '/rpc/write?id=60').then(outcome), [405, '25006']],
  [
    'a role that nobody may take',
    (api) => api.request('GET', '/items', { as: 'pg_monitor' }).then(outcome),
    [403, '42501'],
  ],
  [
    'a client that hangs up while its statement runs',
    async (api) => {
      await abandon(api, '/rpc/sleep?seconds=20');
      await expect.poll(() => running()).toBe(0);
    },
    undefined,
  ],
  [
    'a connection that the server closes amid a statement',
    async (api) => {
      const answer = call(api, 'sleep', { seconds: 20 });
      await expect.poll(() => running()).toBe(1);
      await terminate();
      const { headers, ...rest } = await answer;
      expect(headers['retry-after']).toBe('1');
      return outcome({ headers, ...rest });
    },
    [503, 'PGRST001'],
  ],
  [
    'a connection that the server closes while it is idle',
    async () => {
      await terminate();
    },
    undefined,
  ],
];

describe.each([[true], [false]])('with prepared statements: %s, nothing is left of', (preparedStatements) => {
  let api: Api;
  let baseline: unknown[];
  beforeAll(async () => {
    api = await startApi(database, { ...SETTINGS, 'db-prepared-statements': preparedStatements });
    baseline = await states();
  });
  afterAll(() => api?.close());

  /** What requests of three kinds find. */
  const states = async (): Promise<unknown[]> => [
    (await api.request('GET', '/state_view?select=state')).json,
    (await call(api, 'state', {})).json,
    (await api.request('GET', '/rpc/state')).json,
  ];

  test.each(OFFENCES)('%s', async (_what, offend, expected) => {
    await database.query('delete from api.items; delete from api.smeared');
    expect(await offend(api)).toEqual(expected);
    const answer = await api.request('GET', '/state_view?select=state');
    expect(answer.headers['x-left']).toBeUndefined();
    expect([answer.status, answer.json, ...(await states())]).toEqual([200, baseline[0], ...baseline]);
    // and once more, now that the connection has been cleaned if it had to be
    expect(await states()).toEqual(baseline);
  });
});

describe('what a request finds', () => {
  test('is its own: every setting, also those that say nothing', async () => {
    const api = await startApi(database, SETTINGS);
    try {
      const { json } = await api.request('GET', '/state_view?select=state');
      expect(json[0].state).toMatchObject({
        claims: '{"role":"anon"}',
        method: 'GET',
        path: '/state_view',
        cookies: '{}',
        headers: {},
        role: 'anon',
        user: 'anon',
        search_path: '"api", "public"',
        statement_timeout: '30s',
        read_only: 'on',
        isolation: 'read committed',
        response_headers: '',
        response_status: '',
        inserted: '',
        own: null,
      });
      const other = await api.request('POST', '/rpc/state', {
        as: { role: 'authenticated', sub: 'mira' },
        body: {},
        headers: { 'X-Own': 'é', Cookie: 'a=1; b=2' },
      });
      expect(other.json).toMatchObject({
        method: 'POST',
        path: '/rpc/state',
        read_only: 'off',
        cookies: '{"a":"1","b":"2"}',
        user: 'authenticated',
      });
      expect(JSON.parse(other.json.claims)).toEqual({ role: 'authenticated', sub: 'mira' });
    } finally {
      await api.close();
    }
  });

  test('holds with more settings than a function of PostgreSQL has arguments', async () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`app.settings.s${n}`, `v${n}`]));
    const api = await startApi(database, { ...SETTINGS, ...many });
    try {
      const answer = await call(api, 'run', {
        command: `do $x$ begin assert current_setting('app.settings.s0') = 'v0' and current_setting('app.settings.s149') = 'v149'
          and current_setting('role') = 'anon' and current_setting('request.method') = 'POST'; end $x$`,
      });
      expect(outcome(answer)).toBe(200);
    } finally {
      await api.close();
    }
  });
});

describe('a request that may only read', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi(database, SETTINGS);
    await database.query('delete from api.items');
  });
  afterAll(() => api?.close());

  test.each([
    ['GET', '/rpc/write?id=1', {}],
    ['HEAD', '/rpc/write?id=1', {}],
    ['GET', `/rpc/run?command=${encodeURIComponent('insert into api.items values (1)')}`, {}],
    [
      'GET',
      `/rpc/run?command=${encodeURIComponent("do $x$ begin perform set_config('transaction_read_only', 'off', true); insert into api.items values (1); end $x$")}`,
      {},
    ],
    ['GET', '/items', { 'X-Wish': 'write' }],
    ['HEAD', '/items', { 'X-Wish': 'write' }],
  ])('writes nothing: %s %s', async (method, path, headers) => {
    const { status } = await api.request(method, path, { headers });
    expect([405, 500]).toContain(status);
    expect((await database.query('select from api.items')).rows).toEqual([]);
  });

  test('a write beside it may call the same functions', async () => {
    expect((await call(api, 'write', { id: 1 })).json).toBe(1);
    const answer = await api.request('POST', '/items', { body: { id: 2 }, headers: { 'X-Wish': 'write' } });
    expect(outcome(answer)).toBe(201);
    expect((await database.query('select id from api.items order by id')).rows).toEqual([
      { id: 1 },
      { id: 2 },
      { id: 77 },
    ]);
  });
});

describe('the end of a transaction', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi(database, SETTINGS);
  });
  afterAll(() => api?.close());
  const children = async (): Promise<unknown[]> => (await database.query('select id from api.children')).rows;

  test.each([
    ['POST', '/children', { id: 1, parent_id: 9 }, 'return=minimal'],
    ['POST', '/children', { id: 1, parent_id: 9 }, 'return=representation'],
    ['POST', '/children', { id: 1, parent_id: 9 }, 'return=headers-only'],
    ['POST', '/children', [{ id: 1, parent_id: 9 }], 'resolution=merge-duplicates'],
    ['POST', '/children', { id: 1, parent_id: 9 }, 'tx=rollback'],
    ['PUT', '/children?id=eq.1', { id: 1, parent_id: 9 }, 'return=representation'],
    ['POST', '/rpc/run', { command: 'insert into api.children values (1, 9)' }, 'return=minimal'],
  ])('is where deferred constraints fail: %s %s %j (%s) is refused', async (method, path, body, prefer) => {
    const answer = await api.request(method, path, { body, headers: { Prefer: prefer } });
    expect([answer.status, answer.json?.code, answer.headers['location']]).toEqual([409, '23503', undefined]);
    expect(await children()).toEqual([]);
  });

  test.each([
    ['POST', '/items', { id: 9 }],
    ['PATCH', '/items?id=eq.5', { name: 'changed' }],
    ['PUT', '/items?id=eq.5', { id: 5, name: 'changed' }],
    ['DELETE', '/items?id=eq.5', undefined],
    ['POST', '/rpc/write', { id: 9 }],
  ])('can take everything back: %s %s', async (method, path, body) => {
    await database.query("delete from api.items; insert into api.items values (5, 'before')");
    const options = body === undefined ? {} : { body };
    const asked = await api.request(method, path, {
      ...options,
      headers: { Prefer: 'tx=rollback, return=representation' },
    });
    expect([asked.status < 300, asked.headers['preference-applied']]).toEqual([
      true,
      expect.stringContaining('tx=rollback'),
    ]);
    const always = await startApi(database, { ...SETTINGS, 'db-tx-end': 'rollback' });
    try {
      expect(
        (await always.request(method, path, { ...options, headers: { Prefer: 'tx=commit' } })).status,
      ).toBeLessThan(300);
    } finally {
      await always.close();
    }
    expect((await database.query('select id, name from api.items')).rows).toEqual([
      { id: 5, name: 'before' },
    ]);
  });

  test('a row that a refused write has touched is free again', async () => {
    await database.query("delete from api.items; insert into api.items values (5, 'before')");
    const headers = { Prefer: 'max-affected=0, handling=strict' };
    for (let round = 0; round < 3; round++) {
      const refused = await api.request('PATCH', '/items?id=eq.5', { body: { name: 'x' }, headers });
      expect(outcome(refused)).toEqual([400, 'PGRST124']);
    }
    await database.query("set lock_timeout = '1s'; update api.items set name = 'mine'; reset lock_timeout");
  });
});

describe('isolation', () => {
  test('is what the role has, or else what the function has', async () => {
    const role = `aura_test_serious_${process.pid}`;
    await database.query(`
      create role ${role} nologin; grant ${role} to authenticator; grant usage on schema api to ${role};
      grant select on all tables in schema api to ${role};
      alter role ${role} set default_transaction_isolation = 'repeatable read'`);
    const api = await startApi(database, { ...SETTINGS, 'db-pre-request': '' });
    const isolation = async (as?: string): Promise<unknown[]> => {
      const options = as === undefined ? {} : { as };
      return [
        (await api.request('GET', '/state_view?select=state->>isolation', options)).json[0].isolation,
        (await call(api, 'state', {}, options)).json.isolation,
        (await call(api, 'strict', {}, options)).json,
      ];
    };
    try {
      for (let round = 0; round < 2; round++) {
        expect(await isolation(role)).toEqual(['repeatable read', 'repeatable read', 'serializable']);
        expect(await isolation()).toEqual(['read committed', 'read committed', 'serializable']);
      }
    } finally {
      await api.close();
      await database.query(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

describe('clients that hang up', () => {
  test('end their statement, and what they had waiting never runs', async () => {
    const api = await startApi(database, { ...SETTINGS, 'db-pool': 1 });
    try {
      await database.query('delete from api.items');
      const first = call(api, 'sleep', { seconds: 0.5 });
      await expect.poll(() => running()).toBe(1);
      const socket = api.socket();
      socket.write(
        'POST /rest/v1/items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"id":1}',
      );
      // it waits for the one connection
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.destroy();
      expect((await first).json).toBe(1);
      expect((await api.request('GET', '/items')).json).toEqual([]);
      expect((await database.query('select from api.items')).rows).toEqual([]);
    } finally {
      await api.close();
    }
  });

  test('by the dozen leave a pool that serves', async () => {
    const api = await startApi(database, { ...SETTINGS, 'db-pool': 2 });
    try {
      for (let round = 0; round < 10; round++) {
        const sockets = Array.from({ length: 4 }, () => api.socket());
        for (const socket of sockets) {
          socket.on('error', () => undefined);
          socket.write('GET /rest/v1/rpc/sleep?seconds=20 HTTP/1.1\r\nHost: x\r\n\r\n');
        }
        await expect.poll(() => running()).toBe(2);
        for (const socket of sockets) socket.destroy();
        expect(outcome(await api.request('GET', '/items'))).toBe(200);
      }
      await expect.poll(() => running()).toBe(0);
    } finally {
      await api.close();
    }
  });
});
