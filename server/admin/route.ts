/**
 * The admin server's routes: `/live`, `/ready`, `/metrics`, `/config`, `/schema_cache`. They go to a port of
 * their own (`admin-server-port`), on the loopback address unless told otherwise. Nothing here prints a
 * secret; with `admin-server-token` all but the two health checks ask for it.
 */
import { Hono } from 'hono';
import { bearerAuth } from 'hono/bearer-auth';
import { type Config, dumpConfig } from '../config.ts';
import type { Metrics } from '../observe/metrics.ts';

/** Whether requests can be served well, and what is amiss. */
export interface Readiness {
  readonly ready: boolean;
  /** Sentences for the operator. A ready server has some where it goes on with an old catalog, for instance. */
  readonly reasons: readonly string[];
}

export interface AdminContext {
  /** Whether the API's own server accepts connections. */
  readonly live: () => boolean | Promise<boolean>;
  readonly ready: () => Readiness | Promise<Readiness>;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  readonly config: () => Config;
  /** The catalog as JSON text; null while there is none. */
  readonly catalogJson: () => string | null;
}

/**
 * `/live`: 200, or 500 where the API does not listen. `/ready`: 200, or 503 with the reasons. The others print
 * text; `/schema_cache` answers 503 while there is no catalog. `token`: `admin-server-token`, which holds for
 * the life of the server.
 */
export function createAdminRoutes(context: AdminContext, token: string | null): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    await next();
    c.header('Cache-Control', 'no-store');
  });
  if (token !== null) {
    for (const path of ['/metrics', '/config', '/schema_cache']) app.use(path, bearerAuth({ token }));
  }
  app.get('/live', async (c) => c.body(null, (await context.live()) ? 200 : 500));
  app.get('/ready', async (c) => {
    const { ready, reasons } = await context.ready();
    return c.json({ ready, reasons }, ready ? 200 : 503);
  });
  app.get('/metrics', async (c) =>
    c.body(await context.metrics.render(), 200, { 'Content-Type': context.metrics.contentType }),
  );
  app.get('/config', (c) => c.text(dumpConfig(context.config())));
  app.get('/schema_cache', (c) => {
    const catalog = context.catalogJson();
    return catalog === null
      ? c.json({ reasons: ['The catalog has not been loaded yet.'] }, 503)
      : c.body(catalog, 200, { 'Content-Type': 'application/json' });
  });
  return app;
}
