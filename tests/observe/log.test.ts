import { describe, expect, test } from 'vitest';
import type { Config } from '../../server/config.ts';
import { createLog } from '../../server/observe/log.ts';
import { fanOut, type Observation, type RequestObservation } from '../../server/observe/observation.ts';

type Record_ = Record<string, unknown>;

const answered = (facts: Partial<RequestObservation> = {}): RequestObservation => ({
  kind: 'request',
  id: 'r1',
  method: 'GET',
  path: '/rest/v1/tracks',
  query: 'email=eq.someone@example.com',
  status: 200,
  seconds: 0.0123456,
  bytes: 42,
  role: 'anon',
  clientAddress: '127.0.0.1',
  userAgent: 'curl',
  errorCode: null,
  sql: 'select 1',
  ...facts,
});

/** The lines that observations make, by stream. */
const logged = (
  observations: readonly Observation[],
  settings: Partial<Pick<Config, 'logLevel' | 'logQuery'>> = {},
) => {
  const lines = { access: [] as string[], diagnostics: [] as string[] };
  const log = createLog(() => ({ logLevel: 'info', logQuery: false, ...settings }), {
    access: { write: (line) => lines.access.push(line) },
    diagnostics: { write: (line) => lines.diagnostics.push(line) },
  });
  for (const observation of observations) log.observe(observation);
  return { ...lines, text: [...lines.access, ...lines.diagnostics].join('') };
};
const parse = (lines: readonly string[]): Record_[] => lines.map((line) => JSON.parse(line));

describe('answers', () => {
  test('are one JSON line each, with id, method, path, status, time, size, role and client', () => {
    const [line] = parse(logged([answered()]).access);
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      requestId: 'r1',
      method: 'GET',
      path: '/rest/v1/tracks',
      status: 200,
      durationMs: 12.346,
      bytes: 42,
      role: 'anon',
      client: '127.0.0.1',
      userAgent: 'curl',
      msg: 'request',
    });
  });

  test.each([
    ['crit', []],
    ['error', [500, 503]],
    ['warn', [400, 401, 404, 500, 503]],
    ['info', [200, 201, 304, 400, 401, 404, 500, 503]],
    ['debug', [200, 201, 304, 400, 401, 404, 500, 503]],
  ] as const)('at log-level %s are logged with status %j', (logLevel, statuses) => {
    const all = [200, 201, 304, 400, 401, 404, 500, 503].map((status) => answered({ status }));
    expect(parse(logged(all, { logLevel }).access).map(({ status }) => status)).toEqual(statuses);
  });

  test('say how grave they are, and with which code they failed', () => {
    const lines = parse(
      logged([
        answered({ status: 404, errorCode: 'PGRST205' }),
        answered({ status: 500, errorCode: 'XX000' }),
      ]).access,
    );
    expect(lines).toMatchObject([
      { level: 'warn', code: 'PGRST205' },
      { level: 'error', code: 'XX000' },
    ]);
  });

  test('hold neither query string nor SQL unless log-query is on', () => {
    expect(logged([answered()]).text).not.toMatch(/someone|select 1/);
    expect(parse(logged([answered()], { logQuery: true }).access)).toMatchObject([
      { query: 'email=eq.someone@example.com', sql: 'select 1' },
    ]);
  });

  test('hold no key or token of the query string even then', () => {
    const { text } = logged(
      [answered({ query: 'apikey=hunter2&select=*&token=hunter3&note=eyJhbGciOiJ9.eyJyb2xlIjoi.c2ln' })],
      { logQuery: true },
    );
    expect(text).not.toMatch(/hunter|eyJ/);
    expect(text).toContain('select=*');
  });

  test('follow a reload of the level at once', () => {
    let logLevel: Config['logLevel'] = 'error';
    const lines: string[] = [];
    const log = createLog(() => ({ logLevel, logQuery: false }), {
      access: { write: (line) => lines.push(line) },
    });
    log.observe(answered());
    logLevel = 'info';
    log.observe(answered());
    expect(lines).toHaveLength(1);
  });
});

describe('diagnostics', () => {
  const vital: readonly Observation[] = [
    { kind: 'starting', version: '1.0' },
    { kind: 'listening', server: 'api', address: '127.0.0.1:3000' },
    { kind: 'database connected', version: '18.0' },
    { kind: 'pool sized', max: 8 },
    { kind: 'database lost', error: new Error('gone') },
    { kind: 'database retry', delaySeconds: 2 },
    { kind: 'listener connected', channel: 'pgrst' },
    { kind: 'listener lost', channel: 'pgrst', error: new Error('gone') },
    { kind: 'reload asked', what: 'catalog', by: 'NOTIFY' },
    { kind: 'catalog loaded', seconds: 0.0123, relations: 3, routines: 2 },
    { kind: 'catalog failed', error: new Error('bad') },
    { kind: 'config reloaded' },
    { kind: 'config rejected', error: new Error('bad') },
    { kind: 'warning', message: 'odd' },
    { kind: 'stopping', signal: 'SIGTERM' },
    { kind: 'stopped', unfinishedRequests: 0 },
  ];

  test('of start, stop and recovery are logged at every level, and not among the answers', () => {
    const { access, diagnostics } = logged(vital, { logLevel: 'crit' });
    expect(access).toEqual([]);
    expect(parse(diagnostics)).toHaveLength(vital.length);
    expect(parse(diagnostics)).toContainEqual(
      expect.objectContaining({ level: 'info', msg: 'catalog loaded', durationMs: 12.3, relations: 3 }),
    );
  });

  test('of a defect are logged from error on, with the stack and the causes', () => {
    const defect: Observation = {
      kind: 'defect',
      requestId: 'r9',
      error: new Error('outer', { cause: Object.assign(new TypeError('inner'), { code: 'E1' }) }),
    };
    expect(logged([defect], { logLevel: 'crit' }).text).toBe('');
    expect(parse(logged([defect], { logLevel: 'error' }).diagnostics)).toMatchObject([
      {
        level: 'error',
        requestId: 'r9',
        error: {
          type: 'Error',
          message: 'outer',
          stack: expect.stringContaining('log.test'),
          cause: { type: 'TypeError', message: 'inner', code: 'E1' },
        },
      },
    ]);
  });

  test('of connections are for debug alone', () => {
    const event: Observation = { kind: 'connection', event: 'established', connection: 3 };
    expect(logged([event], { logLevel: 'info' }).text).toBe('');
    expect(parse(logged([event], { logLevel: 'debug' }).diagnostics)).toMatchObject([{ connection: 3 }]);
  });

  test('of a pool that is exhausted are one line for many requests', () => {
    const timeouts: Observation[] = Array.from({ length: 50 }, () => ({ kind: 'pool timeout' }));
    expect(logged(timeouts, { logLevel: 'error' }).diagnostics).toHaveLength(1);
    expect(logged(timeouts, { logLevel: 'crit' }).diagnostics).toHaveLength(0);
  });

  test('hold no password and no token, wherever in an error they stand', () => {
    const leaky = Object.assign(new Error('cannot reach postgres://user:hunter2@host/db'), {
      input: 'postgres://user:hunter2@host/db',
      connectionString: 'password=hunter2',
      cause: new Error('bad token eyJhbGciOiJ9.eyJyb2xlIjoi.c2ln, password=hunter2'),
    });
    const { text } = logged([
      { kind: 'database lost', error: leaky },
      { kind: 'defect', error: leaky, requestId: null },
      { kind: 'warning', message: 'db-uri postgres://user:hunter2@host is odd' },
      { kind: 'catalog failed', error: 'a text with postgres://user:hunter2@host' },
    ]);
    expect(text).toContain('cannot reach postgres://user:********@host/db');
    expect(text).not.toMatch(/hunter2|eyJ/);
  });

  test('cannot be forged by what a client sends', () => {
    const { access } = logged([answered({ path: '/a\n{"level":"crit"}', userAgent: '"\u001b[31m' })]);
    expect(access.join('').trimEnd().split('\n')).toHaveLength(1);
    expect(access.join('')).not.toContain('\u001b');
  });
});

test('one observation reaches every reader', () => {
  const seen: string[] = [];
  const observe = fanOut([(o) => seen.push(`a ${o.kind}`), (o) => seen.push(`b ${o.kind}`)]);
  observe({ kind: 'pool timeout' });
  expect(seen).toEqual(['a pool timeout', 'b pool timeout']);
});
