import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCostGuard } from '../../server/rest/cost.ts';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** Counting all of `event` costs about 1,700 units, a row by its key less than ten. */
const SETUP = `
  create table place (id int primary key, name text);
  insert into place values (1, 'one'), (2, 'two');
  create table event (id int primary key, place_id int references place, kind text not null, size int);
  insert into event select n, 1 + n % 2, 'k' || n % 3, n % 10 from generate_series(1, 80000) n;
  create function explode(int) returns int language plpgsql volatile cost 1 as
    $$ begin raise 'the statement was run'; end $$;
  create view trap as select id, explode(id) as x from event;
  create function events() returns setof event language sql stable as 'select * from event';
  create function note_call() returns void language plpgsql as $$
    begin
      perform set_config('response.headers', coalesce(nullif(current_setting('response.headers', true), '[]'), '')
        || '[{"X-Calls": "1"}]', true);
    end $$;
  create table closed (id int primary key);
  analyze;
  grant select, update on event, place, trap to anon;
  alter table event enable row level security;
  create policy own on event using (kind = coalesce(nullif(current_setting('request.headers', true), '')::json->>'x-kind', kind));
`;

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase(SETUP);
});
afterAll(() => database.close());

async function withApi<T>(settings: Record<string, unknown>, use: (api: Api) => Promise<T>): Promise<T> {
  const api = await startApi(database, settings);
  try {
    return await use(api);
  } finally {
    await api.close();
  }
}

const LOW = { 'db-max-aggregate-cost': 500 };

describe('aggregates', () => {
  test('are there without a setting', async () => {
    const answer = await withApi({}, ({ request }) =>
      request('GET', '/event?select=kind,count()&order=kind'),
    );
    expect(answer.json).toEqual([
      { kind: 'k0', count: 26666 },
      { kind: 'k1', count: 26667 },
      { kind: 'k2', count: 26667 },
    ]);
  });

  test('that would cost too much are refused with the estimate, the limit and the setting', async () => {
    const answer = await withApi(LOW, ({ request }) => request('GET', '/event?select=count()'));
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({
      code: 'AURA150',
      message: 'The request would be too expensive',
      details: expect.stringMatching(
        /^PostgreSQL expects it to cost \d{4} units; db-max-aggregate-cost allows 500\.$/,
      ),
      hint: expect.stringContaining('index'),
    });
  });

  test('are refused before anything is run', async () => {
    const [refused, run] = await withApi(LOW, async ({ request }) => [
      await request('GET', '/trap?select=x.sum()'),
      await request('GET', '/trap?select=x.sum()&id=eq.1'),
    ]);
    expect(refused?.json.code).toBe('AURA150');
    expect([run?.status, run?.json.message]).toEqual([400, 'the statement was run']);
  });

  test('are judged by the values of the request at hand', async () => {
    await withApi(LOW, async ({ request }) => {
      expect((await request('GET', '/event?select=count()&id=gte.0')).json.code).toBe('AURA150');
      // a refusal is not remembered: it was for those values
      expect((await request('GET', '/event?select=count()&id=gte.79999')).json).toEqual([{ count: 2 }]);
    });
  });

  test('are bounded in embeds and in spreads, too', async () => {
    await withApi(LOW, async ({ request }) => {
      for (const path of ['/place?select=name,event(count)', '/event?select=size.sum(),...place(name)']) {
        expect([path, (await request('GET', path)).json.code]).toEqual([path, 'AURA150']);
      }
    });
  });

  test('have no limit of their own with 0, and are off where they are switched off', async () => {
    const open = await withApi({ 'db-max-aggregate-cost': 0 }, ({ request }) =>
      request('GET', '/event?select=count()'),
    );
    expect(open.json).toEqual([{ count: 80000 }]);
    const off = await withApi({ 'db-aggregates-enabled': false }, ({ request }) =>
      request('GET', '/event?select=count()'),
    );
    expect([off.status, off.json.code]).toEqual([400, 'PGRST123']);
  });
});

describe('db-max-cost', () => {
  test('is off by default, and bounds every read where it is set', async () => {
    const path = '/event?select=id&order=size,kind&limit=1';
    expect((await withApi(LOW, ({ request }) => request('GET', path))).status).toBe(200);
    await withApi({ 'db-max-cost': 500 }, async ({ request }) => {
      const answer = await request('GET', path);
      expect(answer.json.code).toBe('AURA150');
      expect(answer.json.details).toContain('db-max-cost allows 500');
      expect((await request('HEAD', path)).status).toBe(400);
      expect((await request('GET', '/event?select=id&order=id&limit=1')).json).toEqual([{ id: 1 }]);
    });
  });

  test('and db-max-aggregate-cost: the lower one counts for aggregates', async () => {
    const details = async (all: number, aggregates: number): Promise<string> => {
      const settings = { 'db-max-cost': all, 'db-max-aggregate-cost': aggregates };
      return (await withApi(settings, ({ request }) => request('GET', '/event?select=count()'))).json.details;
    };
    expect(await details(400, 500)).toContain('db-max-cost allows 400');
    expect(await details(500, 400)).toContain('db-max-aggregate-cost allows 400');
    expect(await details(400, 0)).toContain('db-max-cost allows 400');
  });

  test('sees the count that a request asks for', async () => {
    await withApi({ 'db-max-cost': 500 }, async ({ request }) => {
      const path = '/event?select=id&order=id&limit=1';
      const headers = { Prefer: 'count=exact' };
      expect((await request('GET', path, { headers })).json.code).toBe('AURA150');
    });
  });

  test('leaves writes and functions alone', async () => {
    await withApi({ 'db-max-cost': 1, 'db-max-aggregate-cost': 1 }, async ({ request }) => {
      expect((await request('GET', '/rpc/events?select=count()')).json).toEqual([{ count: 80000 }]);
      const write = await request('PATCH', '/event?kind=eq.k0', {
        headers: { Prefer: 'tx=rollback, count=exact' },
        body: { size: 0 },
      });
      expect([write.status, write.headers['content-range']]).toEqual([204, '0-26665/26666']);
    });
  });

  test('lets plans be looked at that it would not let run', async () => {
    await withApi({ 'db-max-cost': 500, 'db-plan-enabled': true }, async ({ request }) => {
      const plan = (options: string) =>
        request('GET', '/event?select=count()', {
          headers: { Accept: `application/vnd.pgrst.plan+json${options}` },
        });
      expect((await plan('')).status).toBe(200);
      expect((await plan('; options=analyze')).json.code).toBe('AURA150');
    });
  });
});

describe('a read whose cost is asked for', () => {
  test('is under its role, claims and policies', async () => {
    await withApi(LOW, async ({ request }) => {
      const denied = await request('GET', '/closed?select=count()');
      expect([denied.status, denied.json.code]).toEqual([401, '42501']);
      const own = await request('GET', '/event?select=count()&id=lte.6', { headers: { 'X-Kind': 'k1' } });
      expect(own.json).toEqual([{ count: 2 }]);
    });
  });

  test('may be one of a batch', async () => {
    await withApi({ ...LOW, 'db-pre-request': 'note_call' }, async ({ request }) => {
      const batch = (...paths: string[]) =>
        request('POST', '/', {
          headers: { 'Content-Type': 'application/vnd.aura.batch+json' },
          body: JSON.stringify({ requests: paths.map((path) => ({ method: 'GET', path })) }),
        });
      const cheap = await batch('/event?select=id&id=eq.1', '/event?select=id.max()&id=lt.{#/0/body/0/id}');
      expect(cheap.json.results[1].body).toEqual([{ max: null }]);
      expect(cheap.json.results[1].headers['x-calls']).toBe('1');
      const dear = await batch('/event?select=id&id=eq.1', '/event?select=count()&id=gte.{#/0/body/0/id}');
      expect([dear.status, dear.json.code]).toEqual([400, 'AURA150']);
    });
  });

  test('calls the pre-request function once and keeps what it set', async () => {
    await withApi({ ...LOW, 'db-pre-request': 'note_call' }, async ({ request }) => {
      for (const time of ['first', 'second']) {
        const answer = await request('GET', '/event?select=count()&id=eq.1');
        expect([time, answer.status, answer.headers['x-calls']]).toEqual([time, 200, '1']);
      }
    });
  });

  test('has the answer of any other: one object, a count, a page, without prepared statements', async () => {
    const settings = { 'db-max-cost': 2000, 'db-prepared-statements': false };
    await withApi(settings, async ({ request }) => {
      const object = { Accept: 'application/vnd.pgrst.object+json' };
      expect((await request('GET', '/place?id=eq.1', { headers: object })).json).toEqual({
        id: 1,
        name: 'one',
      });
      expect((await request('GET', '/place', { headers: object })).status).toBe(406);
      const counted = await request('GET', '/place?limit=1', { headers: { Prefer: 'count=planned' } });
      expect(counted.headers['content-range']).toBe('0-0/2');
      const page = await request('GET', '/event?select=id&limit=2', {
        headers: { Prefer: 'pagination=cursor' },
      });
      expect([page.json, page.headers['link']]).toEqual([[{ id: 1 }, { id: 2 }], expect.any(String)]);
    });
  });

  test('is explained once and then known', async () => {
    const target = new URL(database.authenticatorUri);
    const folder = decodeURIComponent(target.hostname);
    let sent = '';
    const proxy = createServer((client) => {
      const upstream = folder.startsWith('/')
        ? connect(`${folder}/.s.PGSQL.${target.port}`)
        : connect(Number(target.port), folder);
      client.on('data', (chunk) => {
        sent += chunk.toString('latin1');
      });
      client.pipe(upstream).pipe(client);
      for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = proxy.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const through = `postgresql://${target.username}:${target.password}@127.0.0.1:${port}${target.pathname}`;
    const explained = (): number => sent.split('explain (format json)').length - 1;
    await withApi({ ...LOW, 'db-uri': through }, async ({ request }) => {
      await request('GET', '/event?select=id&limit=1');
      expect(explained()).toBe(0);
      for (const id of [1, 2, 3]) await request('GET', `/event?select=count()&id=eq.${id}`);
      expect(explained()).toBe(1);
      for (const id of [1, 2]) await request('GET', `/event?select=size.sum()&id=gt.${id}`);
      expect(explained()).toBe(3);
    });
    proxy.close();
  });

  test('is explained again when the estimate has aged', () => {
    let now = 0;
    const guard = createCostGuard({ most: 10, setting: 'db-max-cost' }, () => now);
    expect(guard?.isUnknown()).toBe(true);
    guard?.check(10);
    expect(guard?.isUnknown()).toBe(false);
    now = 10 * 60 * 1000;
    expect(guard?.isUnknown()).toBe(true);
    expect(() => guard?.check(11)).toThrow('too expensive');
    expect(guard?.isUnknown()).toBe(true);
  });
});
