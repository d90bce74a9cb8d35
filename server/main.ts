/**
 * The process's entry: makes the app, listens, reacts to signals, and ends in order.
 */
import type { Server } from 'node:http';
import { type App, createApp } from './app.ts';
import { StartError } from './errors/start.ts';
import { createHttpServer, type Fetch } from './host/http-server.ts';
import { addressesOf, listenAll } from './host/listen.ts';
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

/** A server for the app's API or its admin routes. */
const makeServer = (app: App, routes: Pick<App['api'], 'fetch'> | Pick<App['admin'], 'fetch'>): Server =>
  createHttpServer(routes.fetch as Fetch, {
    maxUrlLength: app.config().serverMaxUrlLength,
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
  const { servers, shown } = await listenAll(() => makeServer(app, app.admin), addresses);
  for (const address of shown) app.observe({ kind: 'listening', server: 'admin', address });
  return servers;
}

/** Ends when the last request is answered, or cuts what takes longer than allowed. */
async function drain(servers: readonly Server[], seconds: number): Promise<void> {
  const closed = Promise.all(
    servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve());
          server.closeIdleConnections();
        }),
    ),
  );
  let timer: NodeJS.Timeout | undefined;
  const cut = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      for (const server of servers) server.closeAllConnections();
      resolve();
    }, seconds * 1000);
  });
  await Promise.race([closed, cut]);
  clearTimeout(timer);
  await closed;
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
export async function serve(loadConfig: LoadConfig, { checked, version }: ServeOptions): Promise<Running> {
  const app = createApp(loadConfig);
  app.observe({ kind: 'starting', version });
  let servers: Server[] = [];
  try {
    if (checked) judge(checkConfig(app.config()), app);
    const admin = await listenForAdmin(app);
    servers = [...admin];
    await app.start();
    if (checked) judge(app.findings(), app);
    const { serverHost, serverPort, serverReuseport, serverUnixSocket, serverUnixSocketMode } = app.config();
    const listening = await listenAll(
      () => makeServer(app, app.api),
      addressesOf({
        host: serverHost,
        port: serverPort,
        reusePort: serverReuseport,
        socket: serverUnixSocket,
        mode: serverUnixSocketMode,
      }),
    );
    servers.push(...listening.servers);
    for (const address of listening.shown) app.observe({ kind: 'listening', server: 'api', address });
    const forgetSignals = reloadOnSignals(app);
    return {
      addresses: listening.shown,
      close: async () => {
        app.observe({ kind: 'stopping', signal: 'close' });
        forgetSignals();
        await drain(servers, app.config().serverShutdownTimeout);
        await app.stop();
        app.observe({ kind: 'stopped', unfinishedRequests: 0 });
        app.flushLog();
      },
    };
  } catch (error) {
    await drain(servers, 0);
    await app.stop();
    app.flushLog();
    throw error;
  }
}
