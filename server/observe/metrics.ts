/**
 * The metrics: a reader of observations that counts (the pool is asked when it matters), and prints itself in Prometheus' text format. PostgREST's
 * metrics keep their names; the duration of requests, and what Node tells of its process, are beyond them.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Observation, Observe, RequestObservation } from './observation.ts';

export interface Metrics {
  readonly observe: Observe;
  /** All metrics as text of the type `contentType`. */
  readonly render: () => Promise<string>;
  readonly contentType: string;
}

const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);

/** The pool at this moment: numbers of connections and of waiting requests. */
export interface PoolState {
  readonly open: number;
  readonly inUse: number;
  readonly waiting: number;
  readonly max: number;
}

/** Metrics of one server, in a registry of their own. `poolState` is asked each time they are printed. */
export function createMetrics(poolState: () => PoolState): Metrics {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const pool = createPoolMetrics(register, poolState);
  const catalog = createCatalogMetrics(register);
  const tokens = createTokenMetrics(register);
  const answered = createRequestMetrics(register);
  const observe: Observe = (observation) => {
    if (observation.kind === 'request') answered(observation);
    else if (observation.kind === 'token lookup' || observation.kind === 'token evicted') tokens(observation);
    else if (observation.kind === 'catalog loaded' || observation.kind === 'catalog failed')
      catalog(observation);
    else pool(observation);
  };
  return { observe, render: () => register.metrics(), contentType: register.contentType };
}

function createPoolMetrics(register: Registry, poolState: () => PoolState): Observe {
  const registers = [register];
  const timeouts = new Counter({
    name: 'pgrst_db_pool_timeouts_total',
    help: 'Requests that waited for a connection of the pool in vain.',
    registers,
  });
  const gauge = (name: string, help: string, value: (state: PoolState) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value(poolState()));
      },
    });
  gauge(
    'pgrst_db_pool_available',
    'Open connections of the pool that serve no request.',
    ({ open, inUse }) => open - inUse,
  );
  gauge(
    'pgrst_db_pool_waiting',
    'Requests that wait for a connection of the pool.',
    ({ waiting }) => waiting,
  );
  gauge('pgrst_db_pool_max', 'Connections that the pool holds at most.', ({ max }) => max);
  return (observation: Observation) => {
    if (observation.kind === 'pool timeout') timeouts.inc();
  };
}

function createCatalogMetrics(register: Registry): Observe {
  const loads = new Counter({
    name: 'pgrst_schema_cache_loads_total',
    help: 'Times the catalog was loaded, by how it went.',
    labelNames: ['status'],
    registers: [register],
  });
  const seconds = new Gauge({
    name: 'pgrst_schema_cache_query_time_seconds',
    help: 'How long the last load of the catalog took.',
    registers: [register],
  });
  return (observation: Observation) => {
    if (observation.kind === 'catalog loaded') {
      loads.inc({ status: 'SUCCESS' });
      seconds.set(observation.seconds);
    } else if (observation.kind === 'catalog failed') loads.inc({ status: 'FAIL' });
  };
}

function createTokenMetrics(register: Registry): Observe {
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers: [register] });
  const requests = counter(
    'pgrst_jwt_cache_requests_total',
    'Tokens looked up in the cache of verified tokens.',
  );
  const hits = counter('pgrst_jwt_cache_hits_total', 'Tokens found in the cache of verified tokens.');
  const evictions = counter('pgrst_jwt_cache_evictions_total', 'Tokens dropped from the cache to make room.');
  return (observation: Observation) => {
    if (observation.kind === 'token lookup') {
      requests.inc();
      if (observation.hit) hits.inc();
    } else if (observation.kind === 'token evicted') evictions.inc();
  };
}

function createRequestMetrics(register: Registry): (request: RequestObservation) => void {
  const durations = new Histogram({
    name: 'aura_http_request_duration_seconds',
    help: 'How long requests took to be answered, by method and class of status.',
    labelNames: ['method', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [register],
  });
  const bytes = new Counter({
    name: 'aura_http_response_bytes_total',
    help: 'Bytes of the bodies that were answered.',
    registers: [register],
  });
  // to find the series of labels takes longer than to count
  const series = new Map<string, Histogram.Internal<'method' | 'status'>>();
  return ({ method, status, seconds, bytes: size }) => {
    // Clients may invent methods; each label value is kept for good.
    const label = METHODS.has(method) ? method : 'other';
    const hundreds = Math.floor(status / 100);
    const key = label + hundreds;
    let one = series.get(key);
    if (!one) {
      one = durations.labels({ method: label, status: `${hundreds}xx` });
      series.set(key, one);
    }
    one.observe(seconds);
    if (size !== null) bytes.inc(size);
  };
}
