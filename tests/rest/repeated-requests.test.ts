/**
 * Requests of one connection. What was made of headers that come again is used again: here it is held against what
 * each request has really sent.
 */
import { Agent, request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const FIXTURE = `
  create schema api;
  grant usage on schema api to anon, authenticated;
  create table api.items (id int primary key, name text, "order of" int);
  insert into api.items select i, 'item ' || i, -i from generate_series(1, 20) i;
  grant select on api.items to anon, authenticated;
  create view api.seen with (security_invoker) as select
    1 as id,
    current_user::text as role,
    current_setting('request.jwt.claims')::json as claims,
    current_setting('request.headers')::json as headers,
    current_setting('request.cookies')::json as cookies,
    current_setting('request.path') as path,
    current_setting('statement_timeout') as timeout;
  create view api.seen_too with (security_invoker) as select * from api.seen;
  create function api.see() returns api.seen stable language sql as 'select * from api.seen';
  grant select on api.seen, api.seen_too to anon, authenticated;
`;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
  api = await startApi(database, { 'db-schemas': 'api' });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

interface Sent {
  readonly path: string;
  readonly token: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly json: any;
  readonly location: string | undefined;
  readonly link: string | undefined;
}

/** Sends requests one after the other over a single connection. */
function openConnection(port = api.port): (sent: Sent) => Promise<Answer> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return ({ path, token, headers }) =>
    new Promise((resolve, reject) => {
      const all = { ...headers, ...(token === null ? {} : { Authorization: `Bearer ${token}` }) };
      const options = { host: '127.0.0.1', port, agent, path: `/rest/v1${path}`, headers: all };
      const outgoing = httpRequest(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            json: JSON.parse(Buffer.concat(chunks).toString()),
            location: incoming.headers['content-location'] as string | undefined,
            link: incoming.headers['link'] as string | undefined,
          }),
        );
      });
      outgoing.once('error', reject);
      outgoing.end();
    });
}

const PATHS = ['/seen', '/seen_too', '/rpc/see', '/seen?id=eq.1', '/seen?select=*'];

const sent = fc.record({
  path: fc.constantFrom(...PATHS),
  who: fc.constantFrom(null, 'ada', 'bo'),
  headers: fc.constantFrom<Readonly<Record<string, string>>>(
    {},
    { 'X-Trace': 'one' },
    { 'X-Trace': 'two' },
    { Cookie: 'a=1; b=2' },
    { Cookie: 'a=2' },
    { Accept: 'application/vnd.pgrst.object+json' },
  ),
  times: fc.integer({ min: 1, max: 4 }),
});

describe('requests of one connection', () => {
  test('are each seen as they were sent, however often any of them comes again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(sent, { minLength: 1, maxLength: 12 }), async (list) => {
        const ask = openConnection();
        for (const { path, who, headers, times } of list) {
          const claims = { role: 'authenticated', sub: who };
          const token = who === null ? null : tokenFor(claims);
          for (let time = 0; time < times; time++) {
            const { status, json } = await ask({ path, token, headers });
            expect(status).toBe(200);
            const [seen] = [json].flat();
            expect(seen.role).toBe(who === null ? 'anon' : 'authenticated');
            expect(seen.claims).toEqual(who === null ? { role: 'anon' } : claims);
            expect(seen.path).toBe(path.split('?')[0]);
            const { Cookie: cookie, ...others } = headers;
            expect(seen.cookies).toEqual(
              Object.fromEntries(
                (cookie ?? '').split('; ').flatMap((one) => (one === '' ? [] : [one.split('=')])),
              ),
            );
            for (const [name, value] of Object.entries(others)) {
              expect(seen.headers[name.toLowerCase()]).toBe(value);
            }
            expect(Object.keys(seen.headers).sort()).toEqual(
              [
                ...Object.keys(others).map((name) => name.toLowerCase()),
                ...(token === null ? [] : ['authorization']),
                ...['connection', 'host'],
              ].sort(),
            );
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test('are each seen as they were sent where they do not wait for one another', async () => {
    const one = (trace: string, last: boolean): string =>
      `GET /rest/v1/seen HTTP/1.1\r\nHost: x\r\nX-Trace: ${trace}\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
    const traces = ['a', 'a', 'b', 'b', 'a', 'c'];
    const answers = await api.raw(
      traces.map((trace, index) => one(trace, index === traces.length - 1)).join(''),
    );
    expect([...answers.matchAll(/"x-trace":"(\w)"/g)].map(([, trace]) => trace)).toEqual(traces);
  });

  test('are refused from the moment on in which their token has expired', async () => {
    const ask = openConnection();
    const token = tokenFor({ role: 'authenticated', exp: Math.floor(Date.now() / 1000) - 29 });
    const request = { path: '/seen', token, headers: {} };
    for (let time = 0; time < 3; time++) expect((await ask(request)).status).toBe(200);
    // thirty seconds of patience are over
    await expect.poll(async () => (await ask(request)).status, { timeout: 4000 }).toBe(401);
  });

  test('run under the settings of the moment', async () => {
    const own = await startApi(database, { 'db-schemas': 'api' });
    onTestFinished(() => own.close());
    const ask = openConnection(own.port);
    const request = { path: '/seen', token: tokenFor('authenticated'), headers: {} };
    const timeout = async (): Promise<string> => (await ask(request)).json[0].timeout;
    for (let time = 0; time < 3; time++) expect(await timeout()).toBe('30s');
    await database.query("alter role authenticated set statement_timeout = '7s'");
    onTestFinished(
      async () => void (await database.query('alter role authenticated reset statement_timeout')),
    );
    await database.query("notify pgrst, 'reload config'");
    await expect.poll(timeout).toBe('7s');
  });
});

describe('reads of one shape', () => {
  test('each name their own place', async () => {
    const ask = openConnection();
    const read = (query: string) => ask({ path: `/items?${query}`, token: null, headers: {} });
    for (const [query, location, ids] of [
      ['id=eq.3&select=id', '/items?id=eq.3&select=id', [3]],
      ['id=eq.4&select=id', '/items?id=eq.4&select=id', [4]],
      ['select=id&id=eq.4', '/items?id=eq.4&select=id', [4]],
      ['select=id&order=id&limit=1&offset=', '/items?limit=1&offset=&order=id&select=id', [1]],
      ['select=id&order=id&limit=1&offset=0', '/items?limit=1&offset=0&order=id&select=id', [1]],
      ['select=id&order=id&offset=17', '/items?offset=17&order=id&select=id', [18, 19, 20]],
      ['select=id&order=id&offset=18', '/items?offset=18&order=id&select=id', [19, 20]],
      ['select=id&id=gt.2&id=lt.4', '/items?id=gt.2,lt.4&select=id', [3]],
      ['select=id&id=gt.3&id=lt.5', '/items?id=gt.3,lt.5&select=id', [4]],
      ['select=id&name=eq.item+7', '/items?name=eq.item%207&select=id', [7]],
      ['select=id&name=eq.item%208', '/items?name=eq.item%208&select=id', [8]],
      ['select=id&id=in.(1,2)', '/items?id=in.%281%2C2%29&select=id', [1, 2]],
      ['select=id&id=in.(2,3)', '/items?id=in.%282%2C3%29&select=id', [2, 3]],
      ['select=id&order+of=eq.-5', '/items?order%20of=eq.-5&select=id', [5]],
      ['select=id&order+of=eq.-6', '/items?order%20of=eq.-6&select=id', [6]],
    ] as const) {
      const answer = await read(query);
      expect([query, answer.location]).toEqual([query, location]);
      expect(answer.json.map(({ id }: { id: number }) => id)).toEqual(ids);
    }
  });

  test('and so do those of pages, wherever their cursors stand', async () => {
    const ask = openConnection();
    const cursorOf = async (headers: Readonly<Record<string, string>>, cursor: string): Promise<string> => {
      const path = `/items?select=id&order=id&id=gt.3&limit=2${cursor}`;
      const { link } = await ask({ path, token: null, headers });
      return /[?&]cursor=([^&>]+)[^>]*>; rel="next"/.exec(link ?? '')?.[1] ?? 'none';
    };
    const first = await cursorOf({ Prefer: 'pagination=cursor' }, '');
    const second = await cursorOf({}, `&cursor=${first}`);
    for (const [cursor, ids] of [
      [first, [6, 7]],
      [second, [8, 9]],
    ] as const) {
      for (const id of [3, 4]) {
        for (const query of [
          `select=id&order=id&limit=2&id=gt.${id}&cursor=${cursor}`,
          `cursor=${cursor}&select=id&order=id&limit=2&id=gt.${id}`,
          `select=id&cursor=${cursor}&order=id&limit=2&id=gt.${id}`,
        ]) {
          const { status, location, json } = await ask({ path: `/items?${query}`, token: null, headers: {} });
          expect([status, json]).toEqual([200, ids.map((each) => ({ id: each }))]);
          expect(location).toBe(`/items?cursor=${cursor}&id=gt.${id}&limit=2&order=id&select=id`);
        }
      }
    }
  });
});
