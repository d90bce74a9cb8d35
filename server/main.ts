/**
 * The process's entry: makes the app, listens, reacts to signals, and ends in order.
 */
import type { Server } from 'node:http';
import { type App, createApp } from './app.ts';
import { ApiError } from './errors/error.ts';
import { StartError } from './errors/start.ts';
import { explainUnreachable } from './execute/connection.ts';
import { createDrain, type Drain } from './host/drain.ts';
import { createHttpServer, type Fetch, type FindDirect, type Upgrade } from './host/http-server.ts';
import { addressesOf, listenAll } from './host/listen.ts';
import { giveBackMemory } from './host/memory.ts';
import type { LoadConfig } from './settings.ts';
import { checkConfig, type StartFinding } from './start-checks.ts';

/** A server that listens. */
export interface Running {
  /** Where the API listens: `127.0.0.1:54321`. */
  readonly addresses: readonly string[];
  /** Stops listening, lets requests in flight finish, and closes the connections. */
  close(): Promise<void>;
}

export interface ServeOptions {
  /** Whether to refuse what a production server must not have. */
  readonly checked: boolean;
  readonly version: string;
  /** Whether the log leaves out what goes as it should. */
  readonly quiet?: boolean;
  /** A key that is no secret, filled in on the page at /docs. */
  readonly docsKey?: string | null;
}

function judge(findings: readonly StartFinding[], app: App): void {
  const refusals = findings.filter(({ kind }) => kind === 'refusal');
  for (const { kind, why, remedy } of findings) {
    if (kind === 'warning') app.observe({ kind: 'warning', message: `${why} ${remedy}` });
  }
  if (refusals.length === 0) return;
  const list = refusals.map(({ why, remedy }) => `- ${why}\n  ${remedy}`).join('\n');
  throw new StartError(`Aura does not start with this configuration:\n${list}`);
}

/** Node's own limit for a request to arrive. */
const LONGEST_REQUEST_SECONDS = 300;

/** A server for the app's API or its admin routes. */
const makeServer = (
  app: App,
  fetch: App['api']['fetch'] | App['admin']['fetch'],
  more: { readonly direct?: FindDirect; readonly upgrade?: Upgrade | null } = {},
): Server =>
  createHttpServer(fetch as Fetch, {
    ...more,
    maxUrlLength: app.config().serverMaxUrlLength,
    // an import may take as long; the bodies of others are waited for less long, where they are read
    requestSeconds: Math.max(LONGEST_REQUEST_SECONDS, app.config().dbStreamTimeout),
    onDefect: (error) => app.observe({ kind: 'defect', error, requestId: null }),
  });

async function listenForAdmin(app: App): Promise<Server[]> {
  const { adminServerPort, adminServerHost, adminServerUnixSocket, adminServerUnixSocketMode } = app.config();
  if (adminServerPort === null && adminServerUnixSocket === null) return [];
  const addresses = addressesOf({
    host: adminServerHost,
    port: adminServerPort ?? 0,
    reusePort: false,
    socket: adminServerUnixSocket,
    mode: adminServerUnixSocketMode,
  });
  const { servers, shown } = await listenAll(() => makeServer(app, app.admin.fetch), addresses);
  for (const address of shown) app.observe({ kind: 'listening', server: 'admin', address });
  return servers;
}

async function listenForApi(app: App): Promise<{ servers: readonly Server[]; shown: readonly string[] }> {
  const { serverHost, serverPort, serverReuseport, serverUnixSocket, serverUnixSocketMode } = app.config();
  const addresses = addressesOf({
    host: serverHost,
    port: serverPort,
    reusePort: serverReuseport,
    socket: serverUnixSocket,
    mode: serverUnixSocketMode,
  });
  const listening = await listenAll(() => makeServer(app, app.api.fetch, app), addresses);
  for (const address of listening.shown) app.observe({ kind: 'listening', server: 'api', address });
  return listening;
}

/** Reload signals, as PostgREST has them. */
function reloadOnSignals(app: App): () => void {
  const catalog = (): void => void app.reload('catalog', 'SIGUSR1');
  const config = (): void => void app.reload('config', 'SIGUSR2');
  process.on('SIGUSR1', catalog);
  process.on('SIGUSR2', config);
  return () => {
    process.off('SIGUSR1', catalog);
    process.off('SIGUSR2', config);
  };
}

/**
 * Starts the server and resolves once it answers.
 * @throws StartError where it refuses to start, ConfigError for settings, ApiError where the database refuses
 */
export async function serve(
  loadConfig: LoadConfig,
  { checked, version, quiet, docsKey }: ServeOptions,
): Promise<Running> {
  const drains: Drain[] = [];
  let api: readonly Server[] = [];
  const app = createApp(loadConfig, {
    isLive: () => api.length > 0 && api.every(({ listening }) => listening),
    version,
    quiet: quiet ?? false,
    docsKey: docsKey ?? null,
  });
  app.observe({ kind: 'starting', version });
  try {
    if (checked) judge(checkConfig(app.config()), app);
    drains.push(...(await listenForAdmin(app)).map(createDrain));
    await app.start();
    if (checked) judge(app.findings(), app);
    giveBackMemory();
    const { servers, shown } = await listenForApi(app);
    api = servers;
    drains.push(...servers.map(createDrain));
    const forgetSignals = reloadOnSignals(app);
    return {
      addresses: shown,
      close: async () => {
        app.observe({ kind: 'stopping', signal: 'close' });
        forgetSignals();
        const { serverShutdownTimeout } = app.config();
        // they listen no longer when the first client hears of it
        const draining = drains.map((drain) => drain(serverShutdownTimeout));
        await app.release();
        const unfinished = await Promise.all(draining);
        await app.stop();
        app.observe({
          kind: 'stopped',
          unfinishedRequests: unfinished.reduce((sum, count) => sum + count, 0),
        });
        app.flushLog();
      },
    };
  } catch (error) {
    await Promise.all(drains.map((drain) => drain(0)));
    await app.stop();
    app.flushLog();
    const unreachable = error instanceof ApiError && error.code === 'PGRST000';
    throw unreachable ? explainUnreachable(error.cause) : error;
  }
}
