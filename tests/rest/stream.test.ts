/**
 * Answers that are sent while PostgreSQL makes them: as NDJSON, and as CSV where the client asks for a stream.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { parse as parseCsv } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type TakenAnswer, take } from '../support/slow-client.ts';

const SQL = readFileSync(new URL('stream.sql', import.meta.url), 'utf8');
const NDJSON = 'application/x-ndjson';
const CSV = 'text/csv; stream=true';
const OPEN_ROWS = 200_000;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(SQL);
  api = await startApi(database, { 'db-schemas': 'api', 'db-max-rows': 5 });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const start = async (settings: Readonly<Record<string, unknown>>): Promise<Api> => {
  const other = await startApi(database, { 'db-schemas': 'api', ...settings });
  onTestFinished(() => other.close());
  return other;
};

const get = (path: string, accept: string, more: ApiRequest = {}): Promise<ApiAnswer> =>
  api.request('GET', path, { ...more, headers: { Accept: accept, ...more.headers } });

const linesOf = ({ body }: ApiAnswer): unknown[] => {
  expect(body === '' || body.endsWith('\n')).toBe(true);
  return body
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
};

const idsOf = (answer: ApiAnswer): unknown[] =>
  linesOf(answer).map((row) => (row as Record<string, unknown>)['id']);

const takeStream = (path: string, port = api.port): Promise<TakenAnswer> =>
  take(port, `/rest/v1${path}`, { Accept: NDJSON });

/** What the sessions of the servers are at, but for those that wait for the next request. */
const busy = async (): Promise<unknown[]> => {
  const { rows } = await database.query(
    `select state from pg_stat_activity where datname = current_database() and usename = 'authenticator'
     and state <> 'idle'`,
  );
  return rows.map(({ state }) => state);
};

describe('NDJSON', () => {
  test('has one JSON object a line, each ended by a line feed', async () => {
    const answer = await get('/sensors?id=lt.3&order=id', NDJSON);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, `${NDJSON}; charset=utf-8`]);
    expect(answer.body).toBe(
      '{"id":0,"name":"sensor 0"}\n{"id":1,"name":"sensor 1"}\n{"id":2,"name":"sensor 2"}\n',
    );
  });

  test('keeps a value on its line that PostgreSQL stores with line breaks', async () => {
    const answer = await get('/texts?select=id,doc&order=id', NDJSON);
    expect(linesOf(answer)).toEqual([
      { id: 1, doc: { a: 1 } },
      { id: 2, doc: { a: [1, 2] } },
      { id: 3, doc: 'a\nb' },
      { id: 4, doc: null },
    ]);
  });

  test('has no line where there is no row', async () => {
    const answer = await get('/sensors?id=eq.99', NDJSON);
    expect([answer.status, answer.body]).toEqual([200, '']);
  });

  test('is filtered, ordered, cut, shaped and embedded as any read', async () => {
    const path = '/readings?id=in.(4,5,7,8)&order=id.desc&offset=1&limit=2&select=number:id,sensors(name)';
    expect(linesOf(await get(path, NDJSON))).toEqual([
      { number: 7, sensors: { name: 'sensor 7' } },
      { number: 5, sensors: { name: 'sensor 5' } },
    ]);
    const ranged = await get('/sensors?order=id', NDJSON, { headers: { Range: '4-5' } });
    expect(idsOf(ranged)).toEqual([4, 5]);
    const embedded = await get('/sensors?select=id,readings(id)&id=eq.1&readings.order=id', NDJSON);
    expect(linesOf(embedded)).toEqual([{ id: 1, readings: [1, 11, 31, 41, 61].map((id) => ({ id })) }]);
  });

  test('is chosen among several media types by their quality', async () => {
    const preferred = await get('/sensors?id=eq.1', `application/json;q=0.5, ${NDJSON}`);
    expect(preferred.headers['content-type']).toBe(`${NDJSON}; charset=utf-8`);
    const other = await get('/sensors?id=eq.1', `application/json, ${NDJSON};q=0.5`);
    expect(other.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(other.headers['vary']).toBe(preferred.headers['vary']);
  });

  test('has all rows, however many, and no more than those that the policies show to the role', async () => {
    const open = await get('/readings?select=id,secret', NDJSON);
    const rows = linesOf(open) as { id: number; secret: boolean }[];
    expect(rows.length).toBe(OPEN_ROWS);
    expect(rows.some(({ secret }) => secret)).toBe(false);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(OPEN_ROWS);
    const all = await get('/readings?select=id', NDJSON, { as: 'authenticated' });
    expect(all.body.split('\n').length - 1).toBe(300_000);
  });

  test('is refused for what require-rls does not let the role see', async () => {
    const strict = await start({ 'require-rls': 'enforce' });
    const options = { headers: { Accept: NDJSON } };
    expect((await strict.request('GET', '/readings?limit=1', options)).status).toBe(200);
    expect((await strict.request('GET', '/texts', options)).json).toMatchObject({ code: 'AURA200' });
  });
});

describe('a stream of CSV', () => {
  const records = (answer: ApiAnswer): string[][] => parseCsv(answer.body, { relax_column_count: false });

  test('has a header line and a line a row, with what CSV has to quote in quotes', async () => {
    const answer = await get('/texts?select=id,a,"b"&order=id', CSV);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/csv; charset=utf-8']);
    expect(records(answer)).toEqual([
      ['id', 'a', 'b'],
      ['1', 'plain', ''],
      ['2', '', 'with "quotes", commas'],
      ['3', 'two\nlines', 'back\\slash \\\\ and (parentheses)'],
      ['4', 'Grüße 🌍', ' '],
    ]);
    // null is nothing at all, an empty text is a pair of quotes: so PostgreSQL reads them, too
    expect(answer.body).toContain('\n2,,"with');
    expect(answer.body).toContain('1,plain,""\n');
  });

  test('is read by COPY as the rows that it was made of', async () => {
    const { body } = await get('/texts?order=id', CSV);
    await database.query('create table api.again (like api.texts)');
    onTestFinished(async () => void (await database.query('drop table api.again')));
    const imported = await api.request('POST', '/again', {
      headers: { 'Content-Type': CSV },
      body,
      as: 'service_role',
    });
    expect(imported.status, imported.body).toBe(404);
    await database.query(`notify pgrst, 'reload schema'`);
    const again = (): Promise<ApiAnswer> =>
      api.request('POST', '/again', { headers: { 'Content-Type': CSV }, body, as: 'service_role' });
    await expect.poll(async () => (await again()).status).toBe(201);
    const differing =
      'select from (select id, a, b, doc::text from api.texts except select id, a, b, doc::text from api.again) d';
    expect((await database.query(differing)).rows).toEqual([]);
  });

  test('has its header line also where there is no row, and quotes names that need it', async () => {
    expect((await get('/texts?id=eq.0&select=id,a', CSV)).body).toBe('id,a\n');
    const named = await get('/texts?id=eq.1&select="x,y":a', CSV);
    expect(records(named)).toEqual([['x,y'], ['plain']]);
  });

  test('has embedded rows as JSON', async () => {
    const answer = await get(
      '/sensors?id=eq.1&select=id,readings(id)&readings.limit=1&readings.order=id',
      CSV,
    );
    expect(records(answer)).toEqual([
      ['id', 'readings'],
      ['1', '[{"id": 1}]'],
    ]);
  });

  test('has all rows; the ordinary CSV stays as it was', async () => {
    expect((await get('/readings?select=id', CSV)).body.split('\n').length).toBe(OPEN_ROWS + 2);
    const ordinary = await get('/readings?select=id&order=id', 'text/csv');
    expect(ordinary.body).toBe('id\n1\n2\n4\n5\n7');
    expect(ordinary.headers['content-length']).toBe('12');
  });
});

describe('bounds and counts', () => {
  test('db-max-rows bounds ordinary answers, db-max-stream-rows bounds streams', async () => {
    expect((await get('/readings?select=id', 'application/json')).json.length).toBe(5);
    const bounded = await start({ 'db-max-rows': 5, 'db-max-stream-rows': 1234 });
    const answer = await bounded.request('GET', '/readings?select=id', { headers: { Accept: NDJSON } });
    expect(linesOf(answer).length).toBe(1234);
    const less = await bounded.request('GET', '/readings?select=id&limit=7', { headers: { Accept: NDJSON } });
    expect(linesOf(less).length).toBe(7);
  });

  const range = async (path: string, prefer: string, accept = NDJSON): Promise<unknown[]> => {
    const { status, headers } = await get(path, accept, { headers: { Prefer: prefer } });
    return [status, headers['content-range'], headers['preference-applied']];
  };

  test('without a count nobody knows where the stream will end', async () => {
    const { headers } = await get('/sensors', NDJSON);
    expect([headers['content-range'], headers['content-length']]).toEqual(['*/*', undefined]);
  });

  test('an exact count says at the beginning which rows come, of how many', async () => {
    expect(await range('/sensors', 'count=exact')).toEqual([200, '0-9/10', 'count=exact']);
    expect(await range('/sensors?limit=4&offset=2', 'count=exact')).toEqual([206, '2-5/10', 'count=exact']);
    expect(await range('/sensors?limit=4&offset=8', 'count=exact', CSV)).toEqual([
      206,
      '8-9/10',
      'count=exact',
    ]);
    expect(await range('/rpc/readings_of?sensor=1', 'count=exact')).toEqual([
      200,
      '0-19999/20000',
      'count=exact',
    ]);
  });

  test('an offset beyond the end is refused as in any read', async () => {
    const answer = await get('/sensors?offset=11', NDJSON, { headers: { Prefer: 'count=exact' } });
    expect([answer.status, answer.headers['content-range']]).toEqual([416, '*/10']);
    expect(answer.json).toMatchObject({ code: 'PGRST103' });
  });

  test('a planned count is no promise of a last row', async () => {
    const [status, contentRange, applied] = await range('/readings', 'count=planned');
    expect([status, applied]).toEqual([200, 'count=planned']);
    expect(contentRange).toMatch(/^\*\/\d{4,}$/);
  });

  test('HEAD has the headers of the stream and none of its lines', async () => {
    for (const path of ['/readings?select=id', '/sensors?limit=4', '/rpc/labelled']) {
      const headers = { Accept: NDJSON, Prefer: 'count=exact' };
      const [head, full] = [
        await api.request('HEAD', path, { headers }),
        await api.request('GET', path, { headers }),
      ];
      expect(head.body).toBe('');
      expect(full.body).not.toBe('');
      const comparable = ({ status, headers: { date, 'transfer-encoding': _, ...rest } }: ApiAnswer) => ({
        status,
        ...rest,
      });
      expect(comparable(head)).toEqual(comparable(full));
    }
    await expect.poll(busy).toEqual([]);
  });
});

describe('what a stream cannot be', () => {
  test('compared with what the client has: it has no tag, and holds no condition', async () => {
    const tagged = await get('/sensors', 'application/json');
    expect(tagged.headers['etag']).toBeDefined();
    const streamed = await get('/sensors', NDJSON, { headers: { 'If-None-Match': '*' } });
    expect([streamed.status, streamed.headers['etag'], idsOf(streamed).length]).toEqual([200, undefined, 10]);
    const conditional = await get('/sensors', NDJSON, { headers: { 'If-Match': '*' } });
    expect([conditional.status, conditional.json.code]).toEqual([400, 'AURA132']);
    const head = { Accept: NDJSON, 'If-None-Match': '*' };
    expect((await api.request('HEAD', '/readings', { headers: head })).status).toBe(200);
    await expect.poll(busy).toEqual([]);
  });

  test('a page by cursor: it is answered whole, with its links', async () => {
    const page = await get('/readings?select=id&limit=3', NDJSON, {
      headers: { Prefer: 'pagination=cursor' },
    });
    expect([page.status, idsOf(page)]).toEqual([200, [1, 2, 4]]);
    expect(page.headers['link']).toContain('rel="next"');
    expect(page.headers['content-length']).toBe(String(page.bytes.length));
  });

  test('a way around the bound on cost', async () => {
    const cheap = await start({ 'db-max-cost': 1000, 'db-aggregates-enabled': true });
    const refused = await cheap.request('GET', '/readings', { headers: { Accept: NDJSON } });
    expect([refused.status, refused.json.code]).toEqual([400, 'AURA150']);
    for (let round = 0; round < 3; round++) {
      const small = await cheap.request('GET', '/readings?id=lt.9&order=id', { headers: { Accept: NDJSON } });
      expect([small.status, idsOf(small)]).toEqual([200, [1, 2, 4, 5, 7, 8]]);
    }
    await expect.poll(busy).toEqual([]);
  });
});

describe('what SQL sets', () => {
  test('headers and the status that a function sets before its first row are those of the stream', async () => {
    const answer = await get('/rpc/labelled', NDJSON);
    expect([answer.status, answer.headers['x-label']]).toEqual([299, 'seven']);
    expect(linesOf(answer).length).toBe(7);
  });

  test('the pre-request function runs before the stream, as its role', async () => {
    const greeted = await start({ 'db-pre-request': 'api.greet' });
    for (const as of ['authenticated', 'service_role']) {
      const answer = await greeted.request('GET', '/sensors?limit=1', { headers: { Accept: NDJSON }, as });
      expect([answer.status, answer.headers['x-role']]).toEqual([200, as]);
    }
  });
});

test('a pre-request function that changes the role changes whose rows are streamed', async () => {
  const changing = await start({ 'db-pre-request': 'api.become' });
  for (let round = 0; round < 3; round++) {
    const answer = await changing.request('GET', '/readings?id=lt.10&select=id&order=id', {
      headers: { Accept: NDJSON },
    });
    expect(idsOf(answer)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  }
});

describe('functions', () => {
  test('a set is a line a row, of scalars a line a value', async () => {
    const rows = await get('/rpc/readings_of?sensor=3&select=id&order=id&id=lt.60', NDJSON);
    expect(idsOf(rows)).toEqual([13, 23, 43, 53]);
    expect((await get('/rpc/squares?upto=3', NDJSON)).body).toBe('1\nnull\n9\n');
    expect((await get('/rpc/squares?upto=3', CSV)).body).toBe('pgrst_scalar\n1\n\n9\n');
    expect((await get('/rpc/answer', NDJSON)).body).toBe('42\n');
  });

  test('one that may write is answered when it is committed, within db-max-rows', async () => {
    const headers = { Accept: NDJSON };
    const posted = await api.request('POST', '/rpc/note', {
      headers,
      body: { what: 'x' },
      as: 'service_role',
    });
    expect([posted.status, posted.body]).toEqual([200, '{"id":1,"what":"x"}\n']);
    expect(posted.headers['content-length']).toBe(String(posted.bytes.length));
    const stable = await api.request('POST', '/rpc/squares', { headers, body: { upto: 1000 } });
    expect(linesOf(stable).length).toBe(1000);
  });

  test('what a write leaves is told in lines, too', async () => {
    const headers = { Accept: NDJSON, Prefer: 'return=representation' };
    const body = [{ what: 'a' }, { what: 'b' }];
    const written = await api.request('POST', '/log?select=what', { headers, body, as: 'service_role' });
    expect([written.status, written.body]).toEqual([201, '{"what":"a"}\n{"what":"b"}\n']);
  });
});

describe('errors', () => {
  test('before the first rows are an ordinary answer', async () => {
    const answer = await get('/broken_at_once', NDJSON);
    expect([answer.status, answer.json.code]).toEqual([400, '22012']);
    expect((await get('/sensors?nothing=eq.1', NDJSON)).json).toMatchObject({ code: '42703' });
    expect((await get('/nothing', CSV)).json).toMatchObject({ code: 'PGRST205' });
    const denied = await get('/log', NDJSON);
    expect(denied.status).toBe(200);
    await expect.poll(busy).toEqual([]);
  });

  test('in the middle break the connection off, so that what came is not taken for everything', async () => {
    const stream = await takeStream('/broken');
    expect(stream.status).toBe(200);
    await expect(stream.rest()).rejects.toThrow('aborted');
    await expect.poll(busy).toEqual([]);
    // the connections are as good as before
    for (let round = 0; round < 8; round++)
      expect((await get('/sensors', 'application/json')).status).toBe(200);
  });

  test('in the middle reset the connection of a client that cannot tell an end from a break', async () => {
    const request = `GET /rest/v1/broken HTTP/1.0\r\nHost: x\r\nAccept: ${NDJSON}\r\n\r\n`;
    const socket = api.socket().resume();
    socket.write(request);
    await expect(once(socket, 'end')).rejects.toThrow('ECONNRESET');
    const whole = await api.raw(request.replace('broken', 'sensors?id=eq.1'));
    expect(whole).toMatch(/\r\n\r\n\{"id":1,"name":"sensor 1"\}\n$/);
  });
});

describe('a slow client', () => {
  test('makes PostgreSQL wait, and gets everything in the end', async () => {
    const stream = await takeStream('/readings?select=id,note&order=id');
    const first = await stream.next();
    // a portal that nobody fetches from; were the rows in memory, the transaction would have ended
    await expect.poll(busy).toEqual(['idle in transaction']);
    const rest = await stream.rest();
    expect((String(first) + rest).split('\n').length - 1).toBe(OPEN_ROWS);
    await expect.poll(busy).toEqual([]);
  });

  test('does not use up the time that its statement has', async () => {
    const hasty = await start({ 'db-statement-timeout': 1 });
    const stream = await takeStream('/readings?select=id,note', hasty.port);
    await stream.next();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect((await stream.rest()).length).toBeGreaterThan(10_000_000);
    const slow = await takeStream('/sleepy?limit=100', hasty.port);
    expect(slow.status).toBe(500);
    expect(JSON.parse(await slow.rest())).toMatchObject({ code: '57014' });
  });

  test('that takes nothing at all is cut off', async () => {
    const impatient = await start({ 'server-stream-idle-timeout': 1 });
    const stream = await takeStream('/readings', impatient.port);
    await stream.next();
    await expect.poll(busy).toEqual(['idle in transaction']);
    await expect.poll(busy, { timeout: 10_000 }).toEqual([]);
    await expect(stream.rest()).rejects.toThrow('aborted');
  });

  test('is cut off when the stream has taken all the time that it may', async () => {
    const brief = await start({ 'db-stream-timeout': 1 });
    const stream = await takeStream('/sleepy?limit=1000', brief.port);
    expect(stream.status).toBe(408);
    await expect.poll(busy, { timeout: 10_000 }).toEqual([]);
  });
});

test('a connection that the server closed while it lay idle is replaced unnoticed', async () => {
  const alone = await start({ 'db-pool': 1 });
  const headers = { Accept: NDJSON };
  for (let round = 0; round < 2; round++) {
    expect((await alone.request('GET', '/sensors', { headers })).status).toBe(200);
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and usename = 'authenticator' and state = 'idle' and query not like 'listen%'`,
    );
  }
  expect((await alone.request('GET', '/sensors', { headers })).status).toBe(200);
});

describe('a client that goes away', () => {
  test('while PostgreSQL works cancels the statement', async () => {
    const stream = await takeStream('/sleepy');
    await stream.next();
    await expect.poll(busy).toEqual(['active']);
    stream.leave();
    await expect.poll(busy, { timeout: 10_000 }).toEqual([]);
  });

  test('while PostgreSQL waits ends the transaction', async () => {
    const stream = await takeStream('/readings');
    await stream.next();
    await expect.poll(busy).toEqual(['idle in transaction']);
    stream.leave();
    await expect.poll(busy, { timeout: 10_000 }).toEqual([]);
  });

  test('before the first row leaves nothing behind, and the pool is whole', async () => {
    const socket = api.socket();
    socket.write(`GET /rest/v1/sleepy HTTP/1.1\r\nHost: x\r\nAccept: ${NDJSON}\r\n\r\n`);
    await expect.poll(busy).toEqual(['active']);
    socket.destroy();
    await expect.poll(busy, { timeout: 10_000 }).toEqual([]);
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => get('/readings?select=id&limit=1', 'application/json')),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
  });
});

describe('many streams', () => {
  test('leave half of the connections to ordinary requests', async () => {
    const streams = [await takeStream('/readings'), await takeStream('/readings')];
    const third = await takeStream('/sensors');
    expect([third.status, third.headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(await third.rest())).toMatchObject({ code: 'AURA002' });
    expect((await get('/sensors', 'application/json')).status).toBe(200);
    await streams[0]?.rest();
    expect((await takeStream('/sensors?limit=1')).status).toBe(200);
    streams[1]?.leave();
    await expect.poll(busy).toEqual([]);
    const again = await Promise.all([get('/sensors', NDJSON), get('/sensors', CSV)]);
    expect(again.map(({ status }) => status)).toEqual([200, 200]);
  });

  test('are as many as db-max-streams says', async () => {
    const few = await start({ 'db-max-streams': 1 });
    const stream = await takeStream('/readings', few.port);
    expect((await takeStream('/sensors', few.port)).status).toBe(503);
    stream.leave();
    await expect.poll(async () => (await takeStream('/sensors', few.port)).status).toBe(200);
  });

  test('that cannot be opened take no place', async () => {
    for (let round = 0; round < 5; round++) {
      expect((await get('/broken_at_once', NDJSON)).status).toBe(400);
      expect((await get('/sensors?offset=99', NDJSON, { headers: { Prefer: 'count=exact' } })).status).toBe(
        416,
      );
    }
    await expect.poll(async () => (await get('/sensors', NDJSON)).status).toBe(200);
  });
});

test('memory does not grow with the stream', async () => {
  const path = '/readings?select=id,note,sensor,secret,again:note,once_more:note';
  const headers = { Accept: NDJSON, Authorization: `Bearer ${tokenFor('authenticated')}` };
  const whole = async (watch: () => void): Promise<number> => {
    const stream = await take(api.port, `/rest/v1${path}`, headers);
    let bytes = 0;
    for (let piece = await stream.next(); piece !== null; piece = await stream.next()) {
      bytes += piece.length;
      watch();
    }
    return bytes;
  };
  await whole(() => undefined);
  const before = process.memoryUsage().rss;
  let most = 0;
  const bytes = await whole(() => {
    most = Math.max(most, process.memoryUsage.rss());
  });
  expect(bytes).toBeGreaterThan(90_000_000);
  // server and client are in this process
  expect(most - before).toBeLessThan(60_000_000);
});
