/**
 * The composition root: makes the rooms, wires them together, and knows the order in which they start and
 * stop. Nothing else imports across the whole house.
 */
import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { createAdminRoutes, type Readiness } from './admin/route.ts';
import { type CatalogHolder, createCatalogHolder } from './catalog/holder.ts';
import { loadCatalog } from './catalog/load.ts';
import { unprotectedRelations } from './catalog/protection.ts';
import { renderCatalog } from './catalog/render.ts';
import type { Catalog } from './catalog/types.ts';
import { maskSecrets } from './config/mask.ts';
import type { Config } from './config.ts';
import { createPool, type Pool } from './execute/pool.ts';
import { ask } from './execute/query.ts';
import { createStreamSlots } from './execute/stream.ts';
import { describeGraphql } from './graphql/described.ts';
import { loadDocuments } from './graphql/documents.ts';
import { createGraphqlServer, mountGraphql } from './graphql/mount.ts';
import type { Direct, FindDirect, Upgrade } from './host/http-server.ts';
import { createAuthenticate } from './identity/authenticate.ts';
import { createVerifier } from './identity/verify.ts';
import { displayName } from './names.ts';
import { createLog } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { fanOut, type Observe } from './observe/observation.ts';
import { createRequestId, type RequestId } from './observe/request-id.ts';
import { createReference } from './openapi/reference.ts';
import { createDescriber } from './openapi/route.ts';
import { createPreRequest } from './query/pre-request.ts';
import { createSessionRenderer } from './query/session.ts';
import { createFeed, type Feed, type FeedOptions } from './realtime/feed.ts';
import { createLive, type Live } from './realtime/live.ts';
import { mountChannels } from './realtime/mount.ts';
import { createServeLive } from './realtime/route.ts';
import { createReloader, type Reloader } from './reload.ts';
import { createCursors, cursorSecrets } from './request/cursor.ts';
import type { RawRequest } from './request/raw.ts';
import type { RestContext, RestSettings, Scene } from './rest/context.ts';
import { createRestServer, mountRest } from './rest/mount.ts';
import { Patience } from './rest/patience.ts';
import { createPlanCache } from './rest/planned.ts';
import { createSessionOf } from './rest/session.ts';
import { createSettingsHolder, type DatabaseFacts, type LoadConfig, loadDatabaseFacts } from './settings.ts';
import { checkCompiling, checkLoginRole, type StartFinding } from './start-checks.ts';

export interface App {
  /** All that the API serves; REST and GraphQL, which most requests are for, may be asked without it. */
  readonly api: Hono<{ Bindings: HttpBindings }>;
  readonly direct: FindDirect;
  /** What becomes a WebSocket; null = nothing. */
  readonly upgrade: Upgrade | null;
  readonly admin: Hono;
  readonly config: () => Config;
  readonly observe: Observe;
  /** Loads configuration and catalog, and begins to listen for reloads. Rejects where the database refuses. */
  readonly start: () => Promise<void>;
  /** What speaks against serving with this login role; known after the start. */
  readonly findings: () => readonly StartFinding[];
  readonly reload: Reloader['reload'];
  /** Ends what would not end by itself, before requests are waited for: live queries, subscriptions, WebSockets. */
  readonly release: () => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly flushLog: () => void;
}

function restSettings(config: Config, facts: DatabaseFacts, observe: Observe): RestSettings {
  return {
    config,
    options: {
      dbSchemas: config.dbSchemas,
      dbTxAllowOverride: config.dbTxEnd.endsWith('allow-override'),
      dbRootSpec: config.dbRootSpec?.name ?? null,
      openapiMode: config.openapiMode,
      dbMaxFilters: config.dbMaxFilters,
      cursors: createCursors(cursorSecrets(config)),
    },
    authenticate: createAuthenticate(config, createVerifier(config, { observe })),
    sessionOf: createSessionOf(config, facts.roles),
    importSessionOf: createSessionOf({ ...config, dbStatementTimeout: config.dbStreamTimeout }, facts.roles),
    preRequest: config.dbPreRequest === null ? null : createPreRequest(config.dbPreRequest),
    isolationOf: (role) => facts.roles.get(role)?.isolation ?? null,
  };
}

const feedOptions = (config: Config): FeedOptions => ({
  dbUri: config.dbUri,
  prepared: config.dbPreparedStatements,
  anonymous: config.dbAnonRole,
  most: config.realtimeMaxChanges,
  readTimeout: config.realtimeReadTimeout,
});

/** After a reload: keys, policies, columns and roles may be others than those that follow changes were told. */
function readAnew(live: Live, feed: Feed): void {
  void live.recheck();
  feed.resync();
}

/** Finds the first that owns a target. */
const finderOf =
  (owners: readonly Direct[]): FindDirect =>
  (target) => {
    for (const owner of owners) if (owner.owns(target)) return owner;
    return null;
  };

/** Asks the first that would upgrade the request; null = there is none. */
function upgradeOf(upgrades: readonly Upgrade[]): Upgrade | null {
  const find = (request: Parameters<Upgrade['upgrades']>[0]): Upgrade | undefined =>
    upgrades.find((upgrade) => upgrade.upgrades(request));
  if (upgrades.length === 0) return null;
  return {
    upgrades: (request) => find(request) !== undefined,
    accept: async (incoming, socket, head) => (await find(incoming)?.accept(incoming, socket, head)) ?? null,
  };
}

/** The API's routes beside those of REST and GraphQL. */
function createApi(version: string, docsKey: AppOptions['docsKey'], config: () => Config): App['api'] {
  const api: App['api'] = new Hono();
  api.get('/health', (c) => c.text('ok'));
  const reference = createReference({ version, key: docsKey });
  for (const path of ['/docs', '/docs/*']) {
    api.get(path, async (c, next) => (await reference(c.req.path, config())) ?? next());
  }
  return api;
}

function createHolder(pool: Pool, config: () => Config, observe: Observe): CatalogHolder {
  const load = (): Promise<Catalog> => {
    const { dbSchemas, dbExtraSearchPath, dbHoistedTxSettings } = config();
    return loadCatalog(
      async ({ text, values, settings }) => {
        const set = Object.entries(settings).map(([name, value]) => ({
          text: 'select set_config($1, $2, true)',
          values: [name, value],
        }));
        const answers = await ask(pool, [...set, { text, values: values as readonly string[][] }]);
        return answers.at(-1) ?? [];
      },
      { schemas: dbSchemas, extraSearchPath: dbExtraSearchPath, hoistedSettings: dbHoistedTxSettings },
    );
  };
  const holder = createCatalogHolder({ load, observe });
  holder.subscribe((catalog) => warnOfUnprotected(config(), catalog, observe));
  return holder;
}

export interface AppOptions {
  /** Whether the API's own server accepts connections. */
  readonly isLive: () => boolean;
  /** Aura's. */
  readonly version: string;
  /** Whether the log leaves out what goes as it should. */
  readonly quiet: boolean;
  /** A key that is no secret, filled in on the page at /docs; null = none. */
  readonly docsKey: string | null;
}

/** What answers requests, each below its own prefix; null = it is switched off. */
const createServers = (
  first: Config,
  context: RestContext & { readonly requestId: RequestId },
  feed: Feed,
) => ({
  rest: createRestServer(first.restPrefix, context),
  graphql: first.graphqlEnabled
    ? createGraphqlServer(first.graphqlPrefix, context, loadDocuments(first.graphqlDocuments), feed)
    : null,
  channels: first.realtimeEnabled
    ? mountChannels({ prefix: first.realtimePrefix, rest: context, feed, requestId: context.requestId })
    : null,
});

/** Makes the server's rooms under a configuration, which the database may add to at the start. */
export function createApp(loadConfig: LoadConfig, { isLive, version, quiet, docsKey }: AppOptions): App {
  // the log and the metrics read what they in turn are told of: readers are added when both are there
  const readers: Observe[] = [];
  const observe = fanOut(readers);
  const settings = createSettingsHolder(
    loadConfig,
    (config) => loadDatabaseFacts(pool, config),
    (config, facts) => restSettings(config, facts, observe),
    observe,
  );
  const config = (): Config => settings.current().config;
  const first = config();
  const log = createLog(config, { quiet });
  readers.push(log.observe);
  const pool = createPool(first, observe);
  const metrics = createMetrics(pool.state);
  readers.push(metrics.observe);
  const holder = createHolder(pool, config, observe);
  const reloader = createReloader(settings, holder, observe);
  const feed = createFeed(pool, () => feedOptions(config()), observe);

  const api = createApi(version, docsKey, config);
  const context = {
    settings: () => settings.current().derived,
    catalog: holder.current,
    pool,
    streams: createStreamSlots(),
    patience: new Patience(),
    plans: createPlanCache(first.dbPlanCacheSize),
    renderSession: createSessionRenderer(),
    describe: createDescriber(version, () =>
      first.graphqlEnabled ? [describeGraphql(first.graphqlPrefix)] : [],
    ),
    // the two know each other: it plans reads as REST does
    serveLive: (scene: Scene, raw: RawRequest) => serveLive(scene, raw),
    observe,
    requestId: createRequestId(),
  };
  const live = createLive(context, feed, observe);
  const serveLive = createServeLive(live);
  holder.subscribe(() => readAnew(live, feed));
  const { rest, graphql, channels } = createServers(first, context, feed);
  const owners: readonly Direct[] = [channels, rest, graphql].filter((owner) => owner !== null);
  // before REST, which may have everything
  if (graphql) mountGraphql(api, first.graphqlPrefix, graphql);
  mountRest(api, first.restPrefix, rest);
  const admin = createAdmin({ isLive, holder, reloader, pool }, metrics, config);
  return {
    api,
    direct: finderOf(owners),
    upgrade: upgradeOf([channels, graphql].filter((owner) => owner !== null)),
    admin,
    config,
    observe,
    start: async () => {
      await reloader.start();
      live.start();
      for (const message of config().warnings) observe({ kind: 'warning', message });
    },
    findings: () => {
      const catalog = holder.current();
      const { loginRole, compiles } = settings.current().facts;
      return catalog
        ? [...checkLoginRole(config(), catalog, loginRole), ...checkCompiling(compiles, loginRole)]
        : [];
    },
    reload: reloader.reload,
    release: async () => {
      live.stop();
      await Promise.all([channels?.close(), graphql?.close()]);
    },
    stop: async () => {
      live.stop();
      await channels?.stop();
      await reloader.stop();
      await feed.stop();
      await pool.close();
    },
    flushLog: log.flush,
  };
}

interface Vitals {
  readonly isLive: () => boolean;
  readonly holder: CatalogHolder;
  readonly reloader: Reloader;
  readonly pool: Pool;
}

/** The admin server's routes; its token is that of the start. */
function createAdmin(vitals: Vitals, metrics: Metrics, config: () => Config): Hono {
  const { isLive, holder } = vitals;
  const sources = {
    live: isLive,
    ready: () => readiness(vitals),
    metrics,
    config,
    catalogJson: () => {
      const catalog = holder.current();
      return catalog && JSON.stringify(renderCatalog(catalog));
    },
  };
  return createAdminRoutes(sources, config().adminServerToken);
}

/**
 * Whether the server should get requests. What hinders none of them is a reason to look, not one to take all
 * servers away at once. Nothing that is said is a secret, since it asks for no token.
 */
async function readiness({ isLive, holder, reloader, pool }: Vitals): Promise<Readiness> {
  const state = holder.state();
  const why =
    state.kind !== 'ready' && state.error instanceof Error ? `: ${maskSecrets(state.error.message)}` : '';
  const hindrances: string[] = [];
  if (!isLive()) hindrances.push('The API does not listen.');
  if (state.kind === 'empty') hindrances.push(`The catalog has not been loaded yet${why}.`);
  else if (!(await isReachable(pool, reloader.hears()))) hindrances.push('The database cannot be reached.');
  const oddities: string[] = [];
  if (state.kind === 'stale') oddities.push(`The catalog could not be reloaded, an older one serves${why}.`);
  if (!reloader.hears()) {
    oddities.push('The connection that hears of reloads is lost; it is being restored.');
  }
  return { ready: hindrances.length === 0, reasons: [...hindrances, ...oddities] };
}

/** Asks, where there is a reason to doubt: a server without requests would not notice otherwise. */
async function isReachable(pool: Pool, isHeard: boolean): Promise<boolean> {
  if (isHeard && pool.state().reachable) return true;
  try {
    await ask(pool, [{ text: 'select' }]);
    return true;
  } catch {
    // the pool has observed why
    return false;
  }
}

function warnOfUnprotected(config: Config, catalog: Catalog, observe: Observe): void {
  if (config.requireRls === 'off') return;
  const names = unprotectedRelations(catalog).map(({ name }) => displayName(name));
  if (names.length === 0) return;
  const consequence = config.requireRls === 'enforce' ? 'not served to roles that it would bind' : 'served';
  observe({
    kind: 'warning',
    message: `Without Row-Level Security, ${consequence} (require-rls = ${config.requireRls}): ${names.join(', ')}`,
  });
}
