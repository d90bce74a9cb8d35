/**
 * The composition root: makes the rooms, wires them together, and knows the order in which they start and
 * stop. Nothing else imports across the whole house.
 */

import type { HttpBindings } from '@hono/node-server';
import { Hono } from 'hono';
import { createAdminRoutes, type Readiness } from './admin/route.ts';
import { type CatalogHolder, createCatalogHolder } from './catalog/holder.ts';
import { loadCatalog, readCatalogStatement } from './catalog/load.ts';
import { unprotectedRelations } from './catalog/protection.ts';
import { renderCatalog } from './catalog/render.ts';
import type { Config } from './config.ts';
import { type Listener, startListening } from './execute/listen.ts';
import { createPool, type Pool } from './execute/pool.ts';
import { ask } from './execute/query.ts';
import { createAuthenticate } from './identity/authenticate.ts';
import { createVerifier } from './identity/verify.ts';
import { displayName } from './names.ts';
import { createLog, type Log } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { fanOut, type Observe } from './observe/observation.ts';
import { createRequestId } from './observe/request-id.ts';
import { createSessionRenderer } from './query/session.ts';
import { compile, qualified, sql } from './query/sql.ts';
import { createCursors, cursorSecrets } from './request/cursor.ts';
import { mountRest } from './rest/mount.ts';
import { createPlanCache } from './rest/planned.ts';
import type { RestSettings } from './rest/route.ts';
import { createSessionOf } from './rest/session.ts';
import { type DatabaseFacts, type LoadConfig, loadDatabaseFacts } from './settings.ts';
import { checkLoginRole, type StartFinding } from './start-checks.ts';

export interface App {
  readonly api: Hono<{ Bindings: HttpBindings }>;
  readonly admin: Hono;
  readonly config: () => Config;
  readonly observe: Observe;
  /** Loads configuration and catalog, and begins to listen for reloads. Rejects where the database refuses. */
  readonly start: () => Promise<void>;
  /** What speaks against serving with this login role; known after the start. */
  readonly findings: () => readonly StartFinding[];
  readonly reload: (what: 'catalog' | 'config', by: string) => Promise<void>;
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
    preRequest:
      config.dbPreRequest === null
        ? null
        : compile(sql`select from ${qualified(config.dbPreRequest)}()`).text,
    isolationOf: (role) => facts.roles.get(role)?.isolation ?? null,
  };
}

const NO_FACTS: DatabaseFacts = { settings: [], roles: new Map(), loginRole: '' };

function createHolder(pool: Pool, config: () => Config, observe: Observe): CatalogHolder {
  let statement: string | null = null;
  const load = () => {
    statement ??= readCatalogStatement();
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
  return createCatalogHolder({ load, observe });
}

/** Makes the server's rooms under a configuration, which the database may add to at the start. */
export function createApp(loadConfig: LoadConfig): App {
  let settings: RestSettings;
  let facts = NO_FACTS;
  const first = loadConfig([]);
  const log: Log = createLog(() => settings?.config ?? first);
  // the metrics ask the pool, which observes: the reader is added when both are there
  const readers: Observe[] = [log.observe];
  const observe = fanOut(readers);
  const pool = createPool(first, observe);
  const metrics: Metrics = createMetrics(() => pool.state());
  readers.push(metrics.observe);
  settings = restSettings(first, facts, observe);
  const holder = createHolder(pool, () => settings.config, observe);
  let listener: Listener | null = null;

  const reloadConfig = async (): Promise<void> => {
    try {
      const next = await loadDatabaseFacts(pool, settings.config);
      const config = loadConfig(next.settings);
      facts = next;
      settings = restSettings(config, facts, observe);
      observe({ kind: 'config reloaded' });
    } catch (error) {
      observe({ kind: 'config rejected', error });
    }
  };
  const reload = async (what: 'catalog' | 'config', by: string): Promise<void> => {
    observe({ kind: 'reload asked', what, by });
    if (what === 'config') await reloadConfig();
    // exposed schemas and the like are settings: the catalog follows them
    await holder.reload();
  };
  const onNotification = (channel: string, payload: string): void => {
    if (payload === '' || payload === 'reload config') void reload('config', channel);
    else if (payload === 'reload schema') void reload('catalog', channel);
  };
  const listen = (): void => {
    const { dbChannelEnabled, dbChannel, dbUri } = settings.config;
    if (!dbChannelEnabled) return;
    let before = false;
    listener = startListening(
      {
        dbUri,
        channels: [dbChannel, OWN_CHANNEL],
        onNotification,
        onConnected: () => {
          // what was notified while nobody listened is lost: look for oneself
          if (before) void reload('config', 'reconnect');
          before = true;
        },
      },
      observe,
    );
  };
  holder.subscribe((catalog) => warnOfUnprotected(settings.config, catalog, observe));

  const api = new Hono<{ Bindings: HttpBindings }>();
  api.get('/health', (c) => c.text('ok'));
  mountRest(api, first.restPrefix, {
    settings: () => settings,
    catalog: holder.current,
    pool,
    plans: createPlanCache(first.dbPlanCacheSize),
    renderSession: createSessionRenderer(),
    observe,
    requestId: createRequestId(),
  });

  return {
    api,
    admin: createAdminRoutes(
      {
        live: () => true,
        ready: () => readiness(holder),
        metrics,
        config: () => settings.config,
        catalogJson: () => {
          const catalog = holder.current();
          return catalog && JSON.stringify(renderCatalog(catalog));
        },
      },
      first.adminServerToken,
    ),
    config: () => settings.config,
    observe,
    start: async () => {
      facts = await loadDatabaseFacts(pool, first);
      settings = restSettings(loadConfig(facts.settings), facts, observe);
      for (const message of settings.config.warnings) observe({ kind: 'warning', message });
      holder.start();
      listen();
      await holder.first();
    },
    findings: () => {
      const catalog = holder.current();
      return catalog ? checkLoginRole(settings.config, catalog, facts.loginRole) : [];
    },
    reload,
    stop: async () => {
      await listener?.close();
      await holder.stop();
      await pool.close();
    },
    flushLog: log.flush,
  };
}

/** Beside `db-channel`: what our own event trigger notifies after DDL. */
const OWN_CHANNEL = 'aura';

function readiness(holder: CatalogHolder): Readiness {
  const state = holder.state();
  if (state.kind === 'ready') return { ready: true, reasons: [] };
  const why = state.error instanceof Error ? `: ${state.error.message}` : '';
  return state.kind === 'empty'
    ? { ready: false, reasons: [`The catalog has not been loaded yet${why}.`] }
    : { ready: false, reasons: [`The catalog could not be reloaded, an older one serves${why}.`] };
}

function warnOfUnprotected(
  config: Config,
  catalog: Parameters<typeof unprotectedRelations>[0],
  observe: Observe,
): void {
  if (config.requireRls === 'off') return;
  const names = unprotectedRelations(catalog).map(({ name }) => displayName(name));
  if (names.length === 0) return;
  const consequence = config.requireRls === 'enforce' ? 'not served to roles that it would bind' : 'served';
  observe({
    kind: 'warning',
    message: `Without Row-Level Security, ${consequence} (require-rls = ${config.requireRls}): ${names.join(', ')}`,
  });
}
