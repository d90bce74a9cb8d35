/**
 * Every code of server/errors/codes.ts is reached by a request, or says here why none can be sent.
 */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../server/app.ts';
import { loadConfig } from '../../server/config.ts';
import { type Code, codes } from '../../server/errors/codes.ts';
import { createHttpServer } from '../../server/host/http-server.ts';
import { type Api, type ApiAnswer, type ApiRequest, tokenFor } from '../support/api.ts';
import { createDatabase } from '../support/database.ts';
import { cursorOf, linksOf } from '../support/pages.ts';
import { FIXTURE_SQL, startShop, useShop } from './fixture.ts';

const shop = useShop();
let strict: Api;
let closed: Api;
let tight: Api;
let bounded: Api;
let secretless: Api;

beforeAll(async () => {
  strict = await startShop(shop.database, {
    'db-aggregates-enabled': false,
    'db-max-embed-depth': 1,
    'db-max-filters': 2,
    'db-max-streams': 0,
    'db-pool': 1,
    'db-pool-acquisition-timeout': 1,
    'openapi-mode': 'disabled',
    'require-rls': 'enforce',
    'server-max-body-size': 100,
    'server-max-url-length': 256,
  });
  closed = await startShop(shop.database, { 'db-anon-role': '', 'jwt-secret': '' });
  tight = await startShop(shop.database, {
    'server-max-body-size': 100,
    'server-max-import-size': 1000,
    'server-stream-idle-timeout': 1,
  });
  await shop.database.query(`
    create view shop.twice as select n from shop.numbers, generate_series(1, 2);
    grant select on shop.twice to anon;
  `);
  bounded = await startShop(shop.database, { 'db-max-aggregate-cost': 1, 'server-max-url-length': 256 });
  secretless = await startShop(shop.database, { 'jwt-secret': '' });
});
afterAll(() => Promise.all([strict, closed, tight, bounded, secretless].map((api) => api.close())));

const imported = (api: Api, body: string): Promise<ApiAnswer> =>
  api.request('POST', '/numbers', { headers: { 'Content-Type': 'text/csv; stream=true' }, body });

/** The answer to bytes that are written as they stand; the connection ends with it. */
async function raw(api: Pick<Api, 'raw'>, ...parts: readonly (string | Buffer)[]): Promise<ApiAnswer> {
  const text = await api.raw(...parts);
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const [line = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 2)]),
  );
  const json = body.startsWith('{') ? JSON.parse(body) : undefined;
  return { status: Number(line.split(' ')[1]), headers, body, bytes: Buffer.from(body, 'latin1'), json };
}

const get = (path: string, headers: ApiRequest['headers'] = {}): Promise<ApiAnswer> =>
  shop.request('GET', path, { headers });
const post = (path: string, body: unknown, headers: ApiRequest['headers'] = {}): Promise<ApiAnswer> =>
  shop.request('POST', path, { body, headers });
const raise = (body: Record<string, unknown>): Promise<ApiAnswer> => post('/rpc/fail', body);
const setAnswer = (body: Record<string, unknown>): Promise<ApiAnswer> => post('/rpc/set_answer', body);
const PAGED = { Prefer: 'pagination=cursor' };
const STRICT = { Prefer: 'handling=strict, max-affected=1' };

/** Nobody may connect to the database while the work runs, and who is connected is thrown out. */
async function unreachable(work: (api: Api) => Promise<ApiAnswer>): Promise<ApiAnswer> {
  const database = await createDatabase(FIXTURE_SQL);
  const api = await startShop(database);
  const name = new URL(database.uri).pathname.slice(1);
  await shop.database.query(`alter database ${name} allow_connections false`);
  await database.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  // connections that are being closed may still be lent, once each
  let answer = await work(api);
  while (answer.json.code === 'PGRST001') answer = await work(api);
  await shop.database.query(`alter database ${name} allow_connections true`);
  await expect.poll(async () => (await api.request('GET', '/numbers?n=eq.1')).status, PATIENCE).toBe(200);
  await api.close();
  await database.close();
  return answer;
}

const PATIENCE = { timeout: 10_000 };
const NAPPING = `datname = current_database() and state = 'active' and query like '%"nap"%' and pid <> pg_backend_pid()`;

/** Ends a nap, once it has begun, with its connection. */
const wake = (): Promise<unknown> =>
  expect
    .poll(async () => {
      const { rows } = await shop.database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where ${NAPPING}`,
      );
      return rows.length;
    }, PATIENCE)
    .toBe(1);

async function lostWhileRunning(): Promise<ApiAnswer> {
  const answer = post('/rpc/nap', { seconds: 20 });
  await wake();
  return answer;
}

async function beforeTheCatalog(): Promise<ApiAnswer> {
  const flags = { 'db-uri': shop.database.authenticatorUri, 'db-anon-role': 'anon', 'log-level': 'crit' };
  const app = createApp(() => loadConfig({ env: {}, flags }), {
    isLive: () => true,
    version: 'test',
    quiet: true,
    docsKey: null,
  });
  const server = createHttpServer(app.api.fetch as Parameters<typeof createHttpServer>[0], {
    maxUrlLength: 1000,
    onDefect: () => undefined,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const response = await fetch(`http://127.0.0.1:${port}/rest/v1/books`);
  const body = await response.text();
  server.close();
  await app.stop();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body,
    bytes: Buffer.from(body),
    json: JSON.parse(body),
  };
}

async function poolExhausted(): Promise<ApiAnswer> {
  const busy = strict.request('POST', '/rpc/nap', { body: { seconds: 20 } });
  const napping = async (): Promise<number> =>
    (await shop.database.query(`select from pg_stat_activity where ${NAPPING}`)).rows.length;
  await expect.poll(napping, PATIENCE).toBe(1);
  const answer = await strict.request('GET', '/rpc/add?a=1');
  await wake();
  await busy;
  return answer;
}

async function tooSlow(): Promise<ApiAnswer> {
  const server = createHttpServer(() => new Response('never'), {
    maxUrlLength: 1000,
    onDefect: () => undefined,
  });
  // as Node does after a minute
  server.on('connection', (socket) =>
    server.emit('clientError', Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const read = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      const socket = connect(port, '127.0.0.1');
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.once('close', () => resolve(Buffer.concat(chunks).toString()));
      socket.once('error', reject);
    });
  const answer = await raw({ raw: read });
  server.close();
  return answer;
}

const CLOSE = 'Host: x\r\nConnection: close\r\n\r\n';

/** A request that is answered with the code, the test that has one, or the reason why none can be sent. */
const cases: Readonly<Record<Code, (() => Promise<ApiAnswer>) | string>> = {
  AURA010: () => raw(shop.api, `GET /rest/v1/books HTTP/9.9\r\n${CLOSE}`),
  AURA011: () => raw(shop.api, `GET /rest/v1/books HTTP/1.1\r\nX-Long: ${'x'.repeat(98_400)}\r\n${CLOSE}`),
  AURA012: tooSlow,
  AURA120: 'tests/rest/batch-refusals.test.ts',
  AURA121: 'tests/rest/batch-refusals.test.ts',
  AURA122: 'tests/rest/batch-references.test.ts',
  AURA123: 'tests/rest/batch-references.test.ts',
  AURA124: 'tests/rest/batch-transaction.test.ts',
  AURA125: 'tests/rest/batch-refusals.test.ts',
  AURA126: 'tests/rest/batch-transaction.test.ts',
  AURA127: 'tests/rest/batch-refusals.test.ts',
  AURA128: 'tests/rest/batch-refusals.test.ts',
  AURA140: 'tests/rest/nested-refusals.test.ts',
  AURA141: 'tests/rest/nested-refusals.test.ts',
  AURA142: 'tests/rest/nested-upsert.test.ts',
  AURA143: 'tests/rest/nested-refusals.test.ts',
  AURA201: 'tests/rest/nested-refusals.test.ts',
  AURA300: 'tests/graphql/http.test.ts',
  AURA301: 'tests/graphql/http.test.ts',
  AURA302: 'tests/graphql/http.test.ts',
  AURA303: 'tests/graphql/http.test.ts',
  AURA304: 'tests/graphql/http.test.ts',
  AURA305: 'tests/graphql/documents.test.ts',
  AURA306: 'tests/graphql/documents.test.ts',
  AURA400: 'tests/realtime/live-streams.test.ts',
  AURA401: 'tests/realtime/live-streams.test.ts',
  AURA402: 'tests/realtime/live-streams.test.ts',
  AURA403: 'tests/realtime/live-streams.test.ts',
  AURA404: 'tests/realtime/live-streams.test.ts',
  AURA405: 'tests/realtime/live-streams.test.ts',
  AURA406: 'tests/realtime/live-streams.test.ts',
  AURA450: 'tests/realtime/socket.test.ts',
  AURA451: 'tests/realtime/socket.test.ts',
  AURA452: 'tests/realtime/broadcast.test.ts',
  AURA453: 'tests/realtime/broadcast.test.ts',
  AURA454: 'tests/realtime/broadcast.test.ts',
  AURA455: 'tests/realtime/broadcast.test.ts',
  AURA456: 'tests/realtime/broadcast.test.ts',
  AURA457: 'tests/realtime/socket.test.ts',
  AURA458: 'tests/realtime/private.test.ts',
  AURA459: 'tests/realtime/broadcast.test.ts',
  AURA460: 'tests/realtime/broadcast.test.ts',
  AURA461: 'tests/realtime/broadcast.test.ts',
  AURA462: 'tests/realtime/changes.test.ts',
  AURA463: 'tests/realtime/changes.test.ts',
  AURA130: 'tests/rest/conditional.test.ts',
  AURA131: 'tests/rest/conditional.test.ts',
  AURA132: 'tests/rest/conditional.test.ts',
  AURA001: 'Whoever it is for has gone away: only the log shows it.',
  AURA002: () => imported(strict, 'n\n1\n'),
  AURA003: () =>
    raw(
      tight,
      'POST /rest/v1/numbers HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9\r\n\r\n{"n":',
    ),
  PGRST000: () => unreachable((api) => api.request('GET', '/books')),
  PGRST001: lostWhileRunning,
  PGRST002: beforeTheCatalog,
  PGRST003: poolExhausted,
  PGRST100: () => get('/books?id=1'),
  PGRST101: () => shop.request('PUT', '/rpc/add'),
  PGRST102: () => post('/books', '{', { 'Content-Type': 'application/json' }),
  PGRST103: () => get('/books', { Range: '5-2' }),
  PGRST105: () => shop.request('PUT', '/parts', { body: {} }),
  PGRST106: () => get('/books', { 'Accept-Profile': 'internal' }),
  PGRST107: () => get('/books', { Accept: 'image/png' }),
  PGRST108: () => get('/books?reviews.stars=eq.1'),
  PGRST111: () => setAnswer({ headers: 'x' }),
  PGRST112: () => setAnswer({ status: 'x' }),
  PGRST114: () =>
    shop.request('PUT', '/parts?kind=eq.a&number=eq.1&limit=1', { body: { kind: 'a', number: 1 } }),
  PGRST115: () => shop.request('PUT', '/parts?kind=eq.a&number=eq.2', { body: { kind: 'a', number: 1 } }),
  PGRST116: () => get('/books', { Accept: 'application/vnd.pgrst.object+json' }),
  PGRST117: () => raw(shop.api, `PROPFIND /rest/v1/books HTTP/1.1\r\n${CLOSE}`),
  PGRST118: () => get('/books?select=id,reviews(id)&order=reviews(id)'),
  PGRST120: () => get('/books?select=id,reviews(id)&reviews=eq.1'),
  PGRST121: () => raise({ code: 'PGRST', message: 'x' }),
  PGRST122: () => get('/books', { Prefer: 'handling=strict, what' }),
  PGRST123: () => strict.request('GET', '/books?select=count()'),
  PGRST124: () => shop.request('DELETE', '/numbers', { headers: STRICT }),
  PGRST125: () => get('/one/two/three'),
  PGRST126: () => strict.request('GET', '/'),
  PGRST127: () => get('/publishers?select=...books(id.max())'),
  PGRST128: () => post('/rpc/add', { a: 1 }, STRICT),
  AURA100: () => strict.request('GET', `/books?title=eq.${'x'.repeat(300)}`),
  AURA101: () => strict.request('POST', '/books', { body: { title: 'x'.repeat(200) } }),
  AURA102: () => strict.request('GET', '/books?id=gt.1&id=gt.2&id=gt.3'),
  AURA103: () => strict.request('GET', '/books?select=reviews(books(id))'),
  AURA104: () => get('/books?title=eq.%FF'),
  AURA105: async () => {
    const half = `POST /rest/v1/books HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"id":`;
    const socket = shop.api.socket();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.end(half);
    await once(socket, 'close');
    return raw({ raw: () => Promise.resolve(Buffer.concat(chunks).toString()) });
  },
  AURA106: () => post('/books', '', { 'X-HTTP-Method-Override': 'DELETE' }),
  AURA107: () =>
    shop.request('PATCH', '/notes?on=id', {
      body: [
        { id: 1, title: 'a' },
        { id: 1, title: 'b' },
      ],
    }),
  AURA110: () => imported(tight, `n\n${'1\n'.repeat(500)}`),
  AURA111: () => imported(tight, `n,word\n1,"${'x'.repeat(200)}`),
  AURA160: () => get('/numbers?cursor=x'),
  AURA161: async () => {
    const { next } = linksOf(await get('/numbers?limit=1', PAGED), '/numbers');
    return get(`/numbers?order=word&cursor=${cursorOf(next)}`);
  },
  AURA162: () => get('/numbers?offset=1', PAGED),
  AURA163: () => get('/log', PAGED),
  AURA164: () => bounded.request('GET', '/twice?limit=1', { headers: PAGED }),
  AURA165: () => bounded.request('GET', `/numbers?limit=1&word=neq.${'x'.repeat(200)}`, { headers: PAGED }),
  AURA166: () => secretless.request('GET', '/numbers', { headers: PAGED }),
  AURA150: () => bounded.request('GET', '/numbers?select=word,count()'),
  AURA200: () => strict.request('GET', '/books'),
  PGRST200: () => get('/books?select=nothing(id)'),
  PGRST201: () => get('/books?select=authors(id)'),
  PGRST202: () => get('/rpc/nothing'),
  PGRST203: () => get('/rpc/same?a=1'),
  PGRST204: () => post('/books', { nothing: 1 }),
  PGRST205: () => get('/nothing'),
  PGRST300: () => closed.request('GET', '/books', { as: 'anon' }),
  PGRST301: () => get('/books', { Authorization: 'Bearer x' }),
  PGRST302: () => closed.request('GET', '/books'),
  PGRST303: () => get('/books', { Authorization: `Bearer ${tokenFor({ role: 'anon', exp: 1 })}` }),
  PGRSTX00: 'It is what a defect is answered with: no request is known that finds one.',
};

describe.each(Object.keys(codes) as Code[])('%s', (code) => {
  const reach = cases[code];
  if (typeof reach === 'string' && reach.startsWith('tests/')) {
    test(`is answered in ${reach}`, () => {
      expect(readFileSync(new URL(`../../${reach}`, import.meta.url), 'utf8')).toContain(code);
    });
    return;
  }
  if (typeof reach === 'string') {
    test(`is out of reach: ${reach}`, () => expect(reach.length).toBeGreaterThan(20));
    return;
  }
  test('is answered with its status, in its four fields', async () => {
    const answer = await reach();
    expect(answer.json, answer.body).toMatchObject({ code, message: expect.stringMatching(/\S/) });
    expect(Object.keys(answer.json)).toEqual(['code', 'details', 'hint', 'message']);
    expect(answer.status).toBe(codes[code].status);
    expect(answer.headers['proxy-status']).toBe(`PostgREST; error=${code}`);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    const retries = code.startsWith('PGRST00') || code === 'AURA002';
    expect(answer.headers['retry-after']).toBe(retries ? '1' : undefined);
    // what says nothing to the client says it in the documentation
    expect(codes[code].remedy).toMatch(/\.$/);
  });
});
