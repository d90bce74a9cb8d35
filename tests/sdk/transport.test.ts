/** How calls are sent: retries, time limits, interceptors. The server is a function here. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { AuraError, type ClientOptions, createClient, graphql, type Interceptor } from '../../sdk/index.ts';

/** Each sending of it is an answer of its own. */
type Answer = (() => Response) | Error;

/** A client whose server gives these answers, one after the other, and what was sent to it. */
const clientOf = (answers: readonly Answer[], options: ClientOptions<'public'> = {}) => {
  const sent: Request[] = [];
  const fake = vi.fn(async (request: Request): Promise<Response> => {
    sent.push(request);
    const answer = answers[Math.min(sent.length, answers.length) - 1];
    if (answer instanceof Error || answer === undefined) throw answer ?? new Error('no answer');
    return answer();
  });
  const client = createClient('http://server', { ...options, fetch: fake as unknown as typeof fetch });
  return { client, sent };
};

const rows = (): Response => Response.json([{ id: 1 }]);
const busy =
  (headers: Record<string, string> = {}) =>
  (): Response =>
    Response.json({ code: 'PGRST003', message: 'busy' }, { status: 503, headers });

/** Runs what waits, to its end. */
const settle = async <T>(promise: PromiseLike<T>): Promise<T> => {
  const settled = Promise.resolve(promise);
  settled.catch(() => undefined);
  await vi.runAllTimersAsync();
  return settled;
};

describe('retries', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  test.each([
    ['no answer', new TypeError('fetch failed')],
    ['an answer that asks for it', busy()],
  ])('a read is tried again after %s', async (_name, first) => {
    const { client, sent } = clientOf([first, rows]);
    expect((await settle(client.from('tasks').select())).data).toEqual([{ id: 1 }]);
    expect(sent).toHaveLength(2);
  });

  test('a write is not', async () => {
    for (const write of ['insert', 'update', 'delete'] as const) {
      const { client, sent } = clientOf([busy(), rows]);
      const { status, error } = await settle(client.from('tasks')[write]({}));
      expect([status, error?.code, sent.length]).toEqual([503, 'PGRST003', 1]);
    }
    const { client, sent } = clientOf([busy(), rows]);
    await settle(client.rpc('f', {}));
    expect(sent).toHaveLength(1);
  });

  test('nor is a read whose answer says what is wrong with it', async () => {
    const { client, sent } = clientOf([
      () => Response.json({ code: '42501', message: 'no' }, { status: 403 }),
    ]);
    expect((await settle(client.from('tasks').select())).status).toBe(403);
    expect(sent).toHaveLength(1);
  });

  test('they end, with the last answer or the last error', async () => {
    const { client, sent } = clientOf([busy()]);
    expect((await settle(client.from('tasks').select())).error?.code).toBe('PGRST003');
    expect(sent).toHaveLength(3);
    const lost = clientOf([new TypeError('fetch failed')], { retries: { attempts: 2 } });
    const { error, status } = await settle(lost.client.from('tasks').select());
    expect([error?.code, status, lost.sent.length]).toEqual(['NETWORK', 0, 2]);
    const once = clientOf([busy()]);
    await settle(once.client.from('tasks').select().attempts(1));
    expect(once.sent).toHaveLength(1);
  });

  test('pauses grow, and vary', async () => {
    const pauses: number[] = [];
    for (const random of [0, 1]) {
      vi.spyOn(Math, 'random').mockReturnValue(random);
      const { client } = clientOf([busy()], { retries: { attempts: 4, pause: 100, longest: 300 } });
      const start = Date.now();
      await settle(client.from('tasks').select());
      pauses.push(Date.now() - start);
    }
    expect(pauses).toEqual([0, 100 + 200 + 300]);
  });

  test.each([
    ['seconds', () => '2'],
    ['a date', () => new Date(Date.now() + 2000).toUTCString()],
  ])('Retry-After is obeyed: %s', async (_name, header) => {
    vi.setSystemTime(new Date('2026-01-01T00:00:00Z'));
    const { client } = clientOf([busy({ 'Retry-After': header() }), rows]);
    const start = Date.now();
    expect((await settle(client.from('tasks').select())).ok).toBe(true);
    expect(Date.now() - start).toBe(2000);
  });

  test('who asks to wait for longer than a client does is not asked again', async () => {
    const { client, sent } = clientOf([busy({ 'Retry-After': '600' }), rows]);
    const { status, headers } = await settle(client.from('tasks').select());
    expect([status, headers.get('retry-after'), sent.length]).toEqual([503, '600', 1]);
  });
});

describe('time', () => {
  const hanging = (request: Request): Promise<Response> =>
    new Promise((_resolve, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason), { once: true });
    });
  const client = createClient('http://server', { fetch: hanging as typeof fetch, timeout: 20 });

  test('a call that takes too long ends', async () => {
    const { error, status } = await client.from('tasks').select();
    expect([error?.code, status, error?.message]).toEqual(['TIMEOUT', 0, 'There was no answer within 20 ms']);
    const longer = await client.from('tasks').select().timeout(40);
    expect(longer.error?.message).toContain('40 ms');
  });

  test('a pause between two tries counts, too', async () => {
    const { client: other } = clientOf([busy({ 'Retry-After': '4' })], { timeout: 20 });
    expect((await other.from('tasks').select()).error?.code).toBe('TIMEOUT');
  });

  test('a call can be given up', async () => {
    const controller = new AbortController();
    const call = client.from('tasks').select().timeout(0).signal(controller.signal);
    const ended = Promise.resolve(call);
    controller.abort();
    expect((await ended).error?.code).toBe('ABORTED');
    expect((await call).error?.code).toBe('ABORTED');
  });
});

describe('what is sent', () => {
  test('keys, tokens and headers', async () => {
    const token = 'a.b.c';
    const { client, sent } = clientOf([rows], { key: token, headers: { 'X-App': 'one' } });
    await client.from('tasks').select();
    await client.as('mine').from('tasks').select();
    await client
      .as(() => null)
      .from('tasks')
      .select();
    const opaque = clientOf([rows], { key: 'sb_publishable_x' });
    await opaque.client.from('tasks').select();
    const headers = [...sent, ...opaque.sent].map((one) => [
      one.headers.get('apikey'),
      one.headers.get('authorization'),
    ]);
    expect(headers).toEqual([
      [token, `Bearer ${token}`],
      [token, 'Bearer mine'],
      [token, null],
      ['sb_publishable_x', null],
    ]);
    expect(sent[0]?.headers.get('x-app')).toBe('one');
    expect(sent[0]?.url).toBe('http://server/rest/v1/tasks?select=*');
  });

  test('the schema, as a profile of reads and of writes', async () => {
    const { client, sent } = clientOf([rows]);
    await client.schema('archive').from('letters').select();
    await client.schema('archive').from('letters').insert({ id: 1 });
    expect(
      sent.map(({ headers }) => [headers.get('accept-profile'), headers.get('content-profile')]),
    ).toEqual([
      ['archive', null],
      [null, 'archive'],
    ]);
  });

  test('rows with different keys name them all', async () => {
    const { client, sent } = clientOf([() => new Response(null, { status: 201 })]);
    await client.from('t').insert([{ a: 1 }, { 'b"': 2 }]);
    await client.from('t').insert([{ a: 1 }, { a: 2 }]);
    expect(sent.map(({ url }) => decodeURIComponent(new URL(url).search))).toEqual([
      '?columns="a","b\\""',
      '',
    ]);
  });

  test('interceptors see requests and answers, from the outside to the inside', async () => {
    const seen: string[] = [];
    const note =
      (name: string): Interceptor =>
      async (request, next) => {
        seen.push(`${name} ${request.headers.get('x-by')}`);
        const headers = new Headers(request.headers);
        headers.set('x-by', name);
        const response = await next(new Request(request, { headers }));
        seen.push(`${name} ${response.status}`);
        return response;
      };
    const { client, sent } = clientOf([rows], { interceptors: [note('outer'), note('inner')] });
    await client.from('tasks').select();
    expect(seen).toEqual(['outer null', 'inner outer', 'inner 200', 'outer 200']);
    expect(sent[0]?.headers.get('x-by')).toBe('inner');
  });

  test('an answer that is none of ours is an error', async () => {
    for (const response of [
      () => new Response('<h1>Bad gateway</h1>', { status: 500 }),
      () => new Response('<html>', { status: 200 }),
    ]) {
      const { client } = clientOf([response]);
      const { error } = await client.from('tasks').select();
      expect(error).toBeInstanceOf(AuraError);
      expect(error?.code).toBe('ANSWER');
    }
  });
});

describe('GraphQL', () => {
  test('sends the text of a document, and gives what it is typed to', async () => {
    const { client, sent } = clientOf([() => Response.json({ data: { hello: 'you' } })], { key: 'k' });
    const node = { kind: 'Document', loc: { source: { body: 'query A { hello }' } } };
    const text = Object.assign(new String('query B { hello }'), { __apiType: undefined });
    for (const document of ['query C { hello }', node, text]) {
      const result = await graphql<{ hello: string }, { a: number }>(client, document as string, { a: 1 });
      expect(result).toEqual({ ok: true, data: { hello: 'you' }, errors: [], error: null });
    }
    const bodies: readonly { query: string; variables: unknown }[] = await Promise.all(
      sent.map(async (request) => JSON.parse(await request.text())),
    );
    expect(bodies.map(({ query }) => query)).toEqual([
      'query C { hello }',
      'query A { hello }',
      'query B { hello }',
    ]);
    expect(bodies[0]?.variables).toEqual({ a: 1 });
    expect(sent[0]?.url).toBe('http://server/graphql/v1');
    await expect(graphql(client, {} as never)).rejects.toThrow(TypeError);
  });

  test('errors without data, and beside it', async () => {
    const errors = [{ message: 'no field x', path: ['x'], extensions: { code: 'VALIDATION' } }];
    const none = await graphql(clientOf([() => Response.json({ errors }, { status: 400 })]).client, '{ x }');
    expect([none.ok, none.error?.code, none.error?.status]).toEqual([false, 'VALIDATION', 400]);
    const some = await graphql(clientOf([() => Response.json({ data: { y: 1 }, errors })]).client, '{ x y }');
    expect([some.ok, some.data, some.errors]).toEqual([true, { y: 1 }, errors]);
    const other = await graphql(clientOf([() => new Response('gone', { status: 404 })]).client, '{ x }');
    expect(other.error).toMatchObject({ code: 'ANSWER', status: 404 });
  });
});
