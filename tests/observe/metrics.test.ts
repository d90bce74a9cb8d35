import { describe, expect, test } from 'vitest';
import { createMetrics, type PoolState } from '../../server/observe/metrics.ts';
import type { RequestObservation } from '../../server/observe/observation.ts';

const IDLE: PoolState = { open: 0, inUse: 0, waiting: 0, max: 8 };
const answered = (
  method: string,
  status: number,
  seconds: number,
  bytes: number | null,
): RequestObservation => ({
  kind: 'request',
  id: 'r',
  method,
  path: '/x',
  query: '',
  status,
  seconds,
  bytes,
  role: null,
  clientAddress: null,
  userAgent: null,
  errorCode: null,
  sql: null,
});
const samples = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('metrics', () => {
  test("have PostgREST's names and types", async () => {
    const text = await createMetrics(() => IDLE).render();
    for (const [name, type] of [
      ['pgrst_schema_cache_query_time_seconds', 'gauge'],
      ['pgrst_schema_cache_loads_total', 'counter'],
      ['pgrst_db_pool_timeouts_total', 'counter'],
      ['pgrst_db_pool_available', 'gauge'],
      ['pgrst_db_pool_waiting', 'gauge'],
      ['pgrst_db_pool_max', 'gauge'],
      ['pgrst_jwt_cache_requests_total', 'counter'],
      ['pgrst_jwt_cache_hits_total', 'counter'],
      ['pgrst_jwt_cache_evictions_total', 'counter'],
    ]) {
      expect(text).toContain(`# TYPE ${name} ${type}`);
    }
  });

  test('tell of the process: memory and the delay of its event loop', async () => {
    const text = await createMetrics(() => IDLE).render();
    expect(text).toMatch(/^process_resident_memory_bytes \d+/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  });

  test('tell how the pool is at the moment they are printed', async () => {
    let state = IDLE;
    const { render, observe } = createMetrics(() => state);
    state = { open: 5, inUse: 3, waiting: 2, max: 8 };
    observe({ kind: 'pool timeout' });
    expect(samples(await render())).toEqual(
      expect.arrayContaining([
        'pgrst_db_pool_available 2',
        'pgrst_db_pool_waiting 2',
        'pgrst_db_pool_max 8',
        'pgrst_db_pool_timeouts_total 1',
      ]),
    );
  });

  test('count loads of the catalog by how they went, and keep the time of the last', async () => {
    const { render, observe } = createMetrics(() => IDLE);
    observe({ kind: 'catalog loaded', seconds: 0.5, relations: 1, routines: 1 });
    observe({ kind: 'catalog loaded', seconds: 0.25, relations: 1, routines: 1 });
    observe({ kind: 'catalog failed', error: new Error('x') });
    expect(samples(await render())).toEqual(
      expect.arrayContaining([
        'pgrst_schema_cache_loads_total{status="SUCCESS"} 2',
        'pgrst_schema_cache_loads_total{status="FAIL"} 1',
        'pgrst_schema_cache_query_time_seconds 0.25',
      ]),
    );
  });

  test('count lookups, hits and evictions of tokens', async () => {
    const { render, observe } = createMetrics(() => IDLE);
    observe({ kind: 'token lookup', hit: false });
    observe({ kind: 'token lookup', hit: true });
    observe({ kind: 'token lookup', hit: true });
    observe({ kind: 'token evicted' });
    expect(samples(await render())).toEqual(
      expect.arrayContaining([
        'pgrst_jwt_cache_requests_total 3',
        'pgrst_jwt_cache_hits_total 2',
        'pgrst_jwt_cache_evictions_total 1',
      ]),
    );
  });

  test('sort answers by method, class of status and time', async () => {
    const { render, observe } = createMetrics(() => IDLE);
    observe(answered('GET', 200, 0.004, 100));
    observe(answered('GET', 206, 0.2, 50));
    observe(answered('POST', 409, 0.01, null));
    expect(samples(await render())).toEqual(
      expect.arrayContaining([
        'aura_http_request_duration_seconds_bucket{le="0.005",method="GET",status="2xx"} 1',
        'aura_http_request_duration_seconds_bucket{le="0.25",method="GET",status="2xx"} 2',
        'aura_http_request_duration_seconds_count{method="GET",status="2xx"} 2',
        'aura_http_request_duration_seconds_count{method="POST",status="4xx"} 1',
        'aura_http_response_bytes_total 150',
      ]),
    );
  });

  test('do not grow with the methods that clients invent', async () => {
    const { render, observe } = createMetrics(() => IDLE);
    for (let i = 0; i < 20; i++) observe(answered(`METHOD${i}`, 405, 0.001, 0));
    const counts = samples(await render()).filter((line) =>
      line.startsWith('aura_http_request_duration_seconds_count'),
    );
    expect(counts).toEqual(['aura_http_request_duration_seconds_count{method="other",status="4xx"} 20']);
  });

  test('of two servers in one process do not mix', async () => {
    const one = createMetrics(() => IDLE);
    const two = createMetrics(() => IDLE);
    one.observe({ kind: 'token evicted' });
    expect(await two.render()).toContain('pgrst_jwt_cache_evictions_total 0');
  });
});
