/**
 * The metrics: a reader of observations that counts (the pool is asked when it matters), and prints itself in Prometheus' text format. PostgREST's
 * metrics keep their names; the duration of requests, and what Node tells of its process, are beyond them.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Durations, type Series } from './durations.ts';
import type { Observation, Observe, RequestObservation } from './observation.ts';
import { collectProcessMetrics } from './process-metrics.ts';

export interface Metrics {
  readonly observe: Observe;
  /** All metrics as text of the type `contentType`. */
  readonly render: () => Promise<string>;
  readonly contentType: string;
}

const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);
/** Clients may invent methods; each label value is kept for good. */
const OTHER = 'other';

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
  collectProcessMetrics(register);
  const pool = createPoolMetrics(register, poolState);
  const catalog = createCatalogMetrics(register);
  const tokens = createTokenMetrics(register);
  const realtime = createRealtimeMetrics(register);
  const channels = createChannelMetrics(register);
  const answered = createRequestMetrics(register);
  const observe: Observe = (observation) => {
    if (observation.kind === 'request') answered(observation);
    else if (observation.kind === 'token lookup' || observation.kind === 'token evicted') tokens(observation);
    else if (observation.kind === 'catalog loaded' || observation.kind === 'catalog failed')
      catalog(observation);
    else if (REALTIME.has(observation.kind)) realtime(observation);
    else if (CHANNEL_KINDS.has(observation.kind)) channels(observation);
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

/** A counter that is only added to, at no more cost than that. */
function createTally(register: Registry, name: string, help: string): { add: (amount: number) => void } {
  let total = 0;
  new Counter({
    name,
    help,
    registers: [register],
    collect() {
      this.reset();
      this.inc(total);
    },
  });
  return {
    add: (amount) => {
      total += amount;
    },
  };
}

function createTokenMetrics(register: Registry): Observe {
  const requests = createTally(
    register,
    'pgrst_jwt_cache_requests_total',
    'Tokens looked up in the cache of verified tokens.',
  );
  const hits = createTally(
    register,
    'pgrst_jwt_cache_hits_total',
    'Tokens found in the cache of verified tokens.',
  );
  const evictions = createTally(
    register,
    'pgrst_jwt_cache_evictions_total',
    'Tokens dropped from the cache to make room.',
  );
  return (observation: Observation) => {
    if (observation.kind === 'token lookup') {
      requests.add(1);
      if (observation.hit) hits.add(1);
    } else if (observation.kind === 'token evicted') evictions.add(1);
  };
}

const REALTIME: ReadonlySet<Observation['kind']> = new Set(['changes told', 'live queries', 'subscriptions']);

function createRealtimeMetrics(register: Registry): Observe {
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers: [register] });
  const followers = gauge('aura_live_queries', 'Live queries that are open.');
  const groups = gauge('aura_live_query_groups', 'Groups of live queries that are read once for all.');
  const subscribers = gauge('aura_graphql_subscriptions', 'Subscriptions of GraphQL that are open.');
  const answers = gauge(
    'aura_graphql_subscription_groups',
    'Groups of subscriptions that are read once for all.',
  );
  const changes = createTally(register, 'aura_changes_total', 'Changes that were read from the log.');
  const rounds = new Histogram({
    name: 'aura_change_rounds_seconds',
    help: 'How long it took to read changes and all that depends on them.',
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [register],
  });
  return (observation: Observation) => {
    if (observation.kind === 'changes told') {
      changes.add(observation.changes);
      rounds.observe(observation.seconds);
    } else if (observation.kind === 'live queries') {
      followers.set(observation.followers);
      groups.set(observation.groups);
    } else if (observation.kind === 'subscriptions') {
      subscribers.set(observation.subscribers);
      answers.set(observation.groups);
    }
  };
}

const CHANNEL_KINDS: ReadonlySet<Observation['kind']> = new Set([
  'socket opened',
  'socket closed',
  'channel joined',
  'channel left',
  'channel refused',
  'broadcast',
  'relay failed',
]);

function createChannelMetrics(register: Registry): Observe {
  const registers = [register];
  const sockets = new Gauge({
    name: 'aura_channel_connections',
    help: 'WebSockets of channels that are open.',
    registers,
  });
  const members = new Gauge({
    name: 'aura_channel_members',
    help: 'Channels that connections have joined.',
    registers,
  });
  const refused = createTally(
    register,
    'aura_channel_refusals_total',
    'Joins of channels that were refused.',
  );
  const messages = createTally(register, 'aura_broadcasts_total', 'Broadcasts that clients sent.');
  const delivered = createTally(
    register,
    'aura_broadcast_deliveries_total',
    'Members of this process that these were sent to.',
  );
  const failures = createTally(
    register,
    'aura_relay_failures_total',
    'Times that the other processes could not be told or heard.',
  );
  return (observation: Observation) => {
    if (observation.kind === 'broadcast') {
      messages.add(1);
      delivered.add(observation.receivers);
    } else if (observation.kind === 'socket opened') sockets.inc();
    else if (observation.kind === 'socket closed') sockets.dec();
    else if (observation.kind === 'channel joined') members.inc();
    else if (observation.kind === 'channel left') members.dec();
    else if (observation.kind === 'channel refused') refused.add(1);
    else if (observation.kind === 'relay failed') failures.add(1);
  };
}

function createRequestMetrics(register: Registry): (request: RequestObservation) => void {
  const durations = new Durations(
    register,
    'aura_http_request_duration_seconds',
    'How long requests took to be answered, by method and class of status.',
    DURATION_BUCKETS_SECONDS,
  );
  const answered = createTally(
    register,
    'aura_http_response_bytes_total',
    'Bytes of the bodies that were answered.',
  );
  // by the first digit of the status
  const seriesOf = new Map([...METHODS, OTHER].map((method) => [method, [] as Series[]]));
  return ({ method, status, seconds, bytes, isFollowed }) => {
    if (bytes !== null) answered.add(bytes);
    // how long somebody stays is no time of ours
    if (isFollowed) return;
    const label = METHODS.has(method) ? method : OTHER;
    const list = seriesOf.get(label) ?? [];
    const hundreds = Math.floor(status / 100);
    list[hundreds] ??= durations.series({ method: label, status: `${hundreds}xx` });
    list[hundreds].observe(seconds);
  };
}
