/** What only a process has: signals, an orderly end, refusals to start, a log. */
import { writeFile } from 'node:fs/promises';
import { Agent, get as httpGet } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SECRET, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { findFreePort, makeFolder } from '../support/folder.ts';
import { startProcess } from '../support/process.ts';

const FIXTURE = `
  create schema api;
  grant usage on schema api to anon, authenticated;
  alter default privileges in schema api grant select on tables to anon, authenticated;
  create table api.items (id int primary key);
  alter table api.items enable row level security;
  create policy everyone on api.items using (true);
  insert into api.items values (1), (2);
  create function api.sleep(seconds float) returns int language sql as $$ select 1 from pg_sleep(seconds) $$;
  create function api.fail(words text) returns int language plpgsql as $$ begin raise '%', words; end $$;
`;

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
});
afterAll(() => database.close());

const settings = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  'db-uri': database.authenticatorUri,
  'db-schemas': 'api',
  'db-anon-role': 'anon',
  'jwt-secret': SECRET,
  'server-host': '127.0.0.1',
  'server-port': '0',
  ...more,
});
const sleeping = async (): Promise<number> => {
  const { rows } = await database.query(
    "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
  );
  return rows.length;
};
const status = async (url: string, init?: RequestInit): Promise<number> => (await fetch(url, init)).status;

describe('signals', () => {
  test('SIGUSR1 reads the schema anew, also where nobody listens for notifications', async () => {
    const aura = startProcess(settings({ 'db-channel-enabled': 'false' }));
    const late = `${await aura.origin()}/rest/v1/late`;
    await database.query('create table api.late (id int); alter table api.late enable row level security');
    onTestFinished(async () => void (await database.query('drop table api.late')));
    expect(await status(late)).toBe(404);
    aura.signal('SIGUSR1');
    await expect.poll(() => status(late)).toBe(200);
  });

  test('SIGUSR2 reads the configuration anew, the channel to listen on included; a wrong one is told and left', async () => {
    const file = join(await makeFolder(), 'aura.toml');
    await writeFile(file, 'db-max-rows = 1\ndb-channel = "first"\n');
    const aura = startProcess(settings(), file);
    const items = `${await aura.origin()}/rest/v1/items`;
    const rows = async (): Promise<number> => ((await (await fetch(items)).json()) as unknown[]).length;
    expect(await rows()).toBe(1);
    await writeFile(file, 'db-max-rows = 2\ndb-channel = "second"\n');
    aura.signal('SIGUSR2');
    await aura.printed(/"channel":"second, aura","msg":"listening for notifications"/);
    await expect.poll(rows).toBe(2);

    await writeFile(file, 'db-max-rows = 1\ndb-channel = "second"\n');
    await database.query("notify first, 'reload config'");
    await database.query("notify second, 'reload config'");
    await expect.poll(rows).toBe(1);
    expect(aura.log().filter(({ by }) => by === 'first')).toEqual([]);

    await writeFile(file, 'db-max-rows = many\n');
    aura.signal('SIGUSR2');
    await aura.printed(/"level":"error".*"msg":"configuration not reloaded"/);
    expect(await rows()).toBe(1);
  });
});

describe('the end', () => {
  /** A request whose statement runs, on a connection that the client would keep. */
  const inFlight = async (
    origin: string,
    seconds: number,
    agent: Agent,
  ): Promise<{ answer: Promise<unknown> }> => {
    const before = await sleeping();
    const answer = new Promise<unknown>((resolve) => {
      httpGet(`${origin}/rest/v1/rpc/sleep?seconds=${seconds}`, { agent }, (incoming) => {
        let body = '';
        incoming.on('data', (chunk) => {
          body += chunk;
        });
        incoming.once('end', () => resolve([incoming.statusCode, body, incoming.headers.connection]));
      }).once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
    await expect.poll(sleeping).toBe(before + 1);
    return { answer };
  };
  const keepAlive = (): Agent => {
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    return agent;
  };

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s lets requests finish and takes no new ones',
    async (name) => {
      const aura = startProcess(settings());
      const origin = await aura.origin();
      const agent = keepAlive();
      const { answer } = await inFlight(origin, 1.5, agent);
      // another connection that a client keeps without using it
      await status(`${origin}/health`);
      aura.signal(name);
      await aura.printed(/"msg":"stopping"/);
      await expect(fetch(`${origin}/health`)).rejects.toThrow('fetch failed');
      expect(await answer).toEqual([200, '1', 'close']);
      expect(await aura.ended).toBe(0);
      expect(aura.log().at(-1)).toMatchObject({ msg: 'stopped', unfinishedRequests: 0 });
      const { rows } = await database.query(
        "select from pg_stat_activity where datname = current_database() and application_name like 'aura%'",
      );
      expect(rows).toEqual([]);
    },
  );

  test('cuts what takes longer than allowed, says how much that was, and leaves no statement behind', async () => {
    const aura = startProcess(settings({ 'server-shutdown-timeout': '0' }));
    const { answer } = await inFlight(await aura.origin(), 30, keepAlive());
    aura.signal('SIGTERM');
    expect(await aura.ended).toBe(0);
    expect(await answer).toBe('ECONNRESET');
    expect(aura.log().at(-1)).toMatchObject({ msg: 'stopped', unfinishedRequests: 1 });
    await expect.poll(sleeping).toBe(0);
  });
});

describe('the admin server', () => {
  test('tells of a server that lives, is ready, and what it has done', async () => {
    const aura = startProcess(settings({ 'admin-server-port': String(await findFreePort()) }));
    const [origin, admin] = [await aura.origin(), await aura.admin()];
    expect(await status(`${admin}/live`)).toBe(200);
    expect(await (await fetch(`${admin}/ready`)).json()).toEqual({ ready: true, reasons: [] });
    expect(await (await fetch(`${origin}/health`)).text()).toBe('ok');
    for (const path of ['/items', '/items', '/nothing']) await fetch(`${origin}/rest/v1${path}`);
    const metrics = await fetch(`${admin}/metrics`);
    expect(metrics.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await metrics.text();
    expect(text).toContain('aura_http_request_duration_seconds_count{method="GET",status="2xx"} 2');
    expect(text).toContain('aura_http_request_duration_seconds_count{method="GET",status="4xx"} 1');
    expect(text).toMatch(/^pgrst_db_pool_max 8$/m);
    expect(text).toMatch(/^pgrst_schema_cache_loads_total\{status="SUCCESS"\} 1$/m);
    // nothing of it is on the API's own port
    for (const path of ['/live', '/ready', '/metrics', '/config', '/schema_cache']) {
      expect(await status(origin + path), path).toBe(404);
    }
  });

  test('tells of a server that is not there yet', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => void sockets.add(socket));
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const aura = startProcess(
      settings({
        'db-uri': `postgresql://authenticator:hidden-word@127.0.0.1:${port}/x`,
        'admin-server-port': String(await findFreePort()),
      }),
    );
    const admin = await aura.admin();
    expect(await status(`${admin}/live`)).toBe(500);
    const ready = await fetch(`${admin}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      ready: false,
      reasons: expect.arrayContaining([
        'The API does not listen.',
        'The catalog has not been loaded yet.',
        'The connection that hears of reloads is lost; it is being restored.',
      ]),
    });
  });
});

describe('a start is refused, with the remedy,', () => {
  /** What is printed by a start that ends with 1. */
  const refusal = async (more: Readonly<Record<string, string>>): Promise<string> => {
    const aura = startProcess(settings(more));
    expect(await aura.ended, aura.output()).toBe(1);
    expect(aura.output()).not.toMatch(/"msg":"api server listening"/);
    return aura.output();
  };

  test('for a login role that is a superuser', async () => {
    const output = await refusal({ 'db-uri': database.uri });
    expect(output).toMatch(/The login role "postgres" is a superuser/);
    expect(output).toContain('create role authenticator login noinherit');
  });

  test('for a login role that owns what is exposed', async () => {
    const other = await createDatabase(`${FIXTURE}; alter table api.items owner to authenticator`);
    onTestFinished(() => other.close());
    const output = await refusal({ 'db-uri': other.authenticatorUri });
    expect(output).toContain('The login role "authenticator" owns exposed relations (api.items)');
    expect(output).toContain('alter table ... owner to ...');
  });

  test.each([
    ['short', 'too-short', /jwt-secret.*at least 32/],
    [
      'one that manuals show',
      'super-secret-jwt-token-with-at-least-32-characters-long',
      /openssl rand -base64 48/,
    ],
    ['a common word', 'passwordpasswordpasswordpassword', /openssl rand -base64 48/],
  ])('for a secret that is %s', async (_what, secret, remedy) => {
    const output = await refusal({ 'jwt-secret': secret });
    expect(output).toMatch(remedy);
    expect(output).not.toContain(secret);
  });

  test('for an admin server that anybody reaches', async () => {
    const output = await refusal({
      'admin-server-port': String(await findFreePort()),
      'admin-server-host': '0.0.0.0',
    });
    expect(output).toMatch(/The admin server would listen on 0\.0\.0\.0:\d+/);
    expect(output).toContain('set admin-server-token');
  });

  test('for everything at once', async () => {
    const output = await refusal({
      'jwt-secret': 'passwordpasswordpasswordpassword',
      'admin-server-port': String(await findFreePort()),
      'admin-server-host': '*',
    });
    expect(output).toMatch(/openssl rand[\s\S]*admin-server-token/);
  });

  test('for a database that is not there, and one that does not let it in', async () => {
    const away = await refusal({
      'db-uri': `postgresql://authenticator:hidden-word@127.0.0.1:${await findFreePort()}/x`,
    });
    expect(away).toMatch(/The database cannot be reached: connect ECONNREFUSED/);
    expect(away).toContain('AURA_DB_URI');
    const url = new URL(database.authenticatorUri);
    url.password = 'hidden-word';
    const locked = await refusal({ 'db-uri': url.href });
    expect(locked).toMatch(/password authentication failed for user "authenticator"/);
    expect(away + locked).not.toContain('hidden-word');
  });

  test('for a schema that is not there', async () => {
    expect(await refusal({ 'db-schemas': 'api,nowhere' })).toContain('The database has no schema "nowhere"');
  });
});

describe('the log', () => {
  test('holds no token, password, key or secret, at the level that tells most', async () => {
    const password = 'Pa55-word-of-the-login';
    const login = `aura_test_log_${process.pid}`;
    await database.query(
      `create role ${login} login noinherit password '${password}'; grant anon, authenticated to ${login}`,
    );
    onTestFinished(async () => void (await database.query(`drop role ${login}`)));
    const url = new URL(database.authenticatorUri);
    url.username = login;
    url.password = password;
    const adminToken = 'admin-token-0123456789-abcdefghijklmnop';
    const file = join(await makeFolder(), 'aura.toml');
    await writeFile(file, '');
    const aura = startProcess(
      settings({
        'db-uri': url.href,
        'admin-server-port': String(await findFreePort()),
        'admin-server-token': adminToken,
        'log-level': 'debug',
        'log-query': 'true',
      }),
      file,
    );
    const [origin, admin] = [await aura.origin(), await aura.admin()];
    const rest = `${origin}/rest/v1`;
    const tokens = {
      good: tokenFor({ role: 'authenticated', email: 'mira@example.com' }),
      expired: tokenFor({ role: 'authenticated', exp: 1 }),
      unknown: tokenFor('no_such_role'),
      forged: `${tokenFor('service_role').slice(0, -5)}AAAAA`,
      broken: 'eyJhbGciOiJIUzI1NiJ9.not-a-payload.signature-of-it',
      opaque: 'sb_secret_0123456789abcdefghijklmnop',
      basic: Buffer.from('mira:basic-password-of-mira').toString('base64'),
      cookie: 'cookie-session-of-mira',
      inBody: 'secret-in-the-body-of-a-write',
    };
    const asks: Promise<Response>[] = [];
    for (const token of [
      tokens.good,
      tokens.expired,
      tokens.unknown,
      tokens.forged,
      tokens.broken,
      tokens.opaque,
    ]) {
      asks.push(fetch(`${rest}/items`, { headers: { Authorization: `Bearer ${token}` } }));
      asks.push(fetch(`${rest}/items`, { headers: { apikey: token } }));
      asks.push(fetch(`${rest}/items?apikey=${token}&id=eq.1`));
      asks.push(fetch(`${rest}/items?access_token=${token}`));
    }
    asks.push(
      fetch(`${rest}/items`, {
        headers: { Authorization: `Basic ${tokens.basic}`, Cookie: `sid=${tokens.cookie}` },
      }),
    );
    asks.push(
      fetch(`${rest}/rpc/fail`, {
        method: 'POST',
        body: JSON.stringify({ words: tokens.inBody }),
        headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${tokens.good}` },
      }),
    );
    asks.push(
      fetch(`${rest}/rpc/fail`, {
        method: 'POST',
        body: `{"words": "${tokens.inBody}`,
        headers: { 'Content-Type': 'application/json' },
      }),
    );
    for (const path of ['/metrics', '/config', '/schema_cache']) {
      asks.push(fetch(admin + path, { headers: { Authorization: `Bearer ${adminToken}` } }));
      asks.push(fetch(admin + path, { headers: { Authorization: `Bearer ${adminToken}x` } }));
    }
    const answers = await Promise.all(asks);
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200, 400, 401]));
    for (const [index, answer] of answers.entries()) {
      if (index >= asks.length - 6)
        expect(await answer.text()).not.toMatch(new RegExp(`${password}|${SECRET}|${adminToken}`));
    }

    // the database refuses the login from now on: what is said of that must not say how it tried
    await database.query(`alter role ${login} password 'another one'`);
    // one may have been on its way while the password changed
    const refused = async (): Promise<number> => {
      await database.query(
        "select pg_terminate_backend(pid, 1000) from pg_stat_activity where datname = current_database() and application_name like 'aura%'",
      );
      return status(`${rest}/items`);
    };
    await expect.poll(refused).toBe(503);
    await aura.printed(/"msg":"database lost"/);
    await aura.printed(/"msg":"notifications lost"/);
    await writeFile(
      file,
      `jwt-secret = "short"\ndb-uri = "postgresql://x:${password}@h/d"\ndb-max-rows = "many"`,
    );
    aura.signal('SIGUSR2');
    await aura.printed(/"msg":"configuration not reloaded"/);
    aura.signal('SIGTERM');
    await aura.ended;

    const output = aura.output();
    expect(aura.log().filter(({ msg }) => msg === 'request').length).toBeGreaterThanOrEqual(27);
    expect(output).toMatch(/"level":"debug"/);
    const secrets = [password, 'another one', SECRET, adminToken, encodeURIComponent(password)];
    for (const token of Object.values(tokens)) secrets.push(token);
    for (const token of [tokens.good, tokens.expired, tokens.unknown, tokens.forged]) {
      secrets.push(...token.split('.').slice(1));
    }
    expect(secrets.filter((secret) => output.includes(secret))).toEqual([]);
  });
});
