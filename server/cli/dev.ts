/**
 * `aura dev`: a project folder as a running product. In order: the database, the roles, what the folder holds,
 * the server, the banner; then the folder is watched until Ctrl-C stops it all in reverse order. Whatever fails
 * on the way is undone likewise.
 */
import { join } from 'node:path';
import { maskConnectionString } from '../config/mask.ts';
import type { Config } from '../config.ts';
import { type EmbeddedServer, startEmbedded } from '../embedded.ts';
import { openConnection } from '../execute/connection.ts';
import { freeLoopback } from '../host/port.ts';
import { type DevelopmentProject, openProject } from '../project/development.ts';
import { privateFolder } from '../project/secrets.ts';
import type { DevelopmentSettings } from '../project/settings.ts';
import type { ProjectChange } from '../project/watch.ts';
import { renderBanner } from './banner.ts';
import { renderProblem } from './problem.ts';
import { findSample } from './sample.ts';
import type { Serve } from './serve.ts';
import type { Steps } from './steps.ts';

export interface DevOptions {
  readonly projectDir: string;
  /** The API's port; null: the one that the project names. */
  readonly port: number | null;
  /** The embedded database's port; null: the one that the project names. */
  readonly dbPort: number | null;
  /** A database that runs elsewhere, as someone who may change its schema; null: the embedded one. */
  readonly dbUri: string | null;
  /** The embedded database's folder; null: within the project. */
  readonly dataDir: string | null;
}

/** What `dev` needs of the world around it. */
export interface DevContext {
  readonly version: string;
  readonly serve: Serve;
  readonly steps: Steps;
  /** Prints; standard output. */
  readonly print: (text: string) => void;
  readonly bold: (text: string) => string;
  /** Aborts when the user wants to stop. */
  readonly signal: AbortSignal;
}

interface Database {
  /** Connects someone who may change the schema. */
  readonly adminUri: string;
  /** What people connect to, for the banner. */
  readonly shownUri: string;
  readonly ownsServer: boolean;
  stop(): Promise<void>;
}

const openDatabase = async (
  options: DevOptions,
  project: DevelopmentProject,
  context: DevContext,
): Promise<Database> => {
  if (options.dbUri !== null) {
    const shownUri = maskConnectionString(options.dbUri);
    return { adminUri: options.dbUri, shownUri, ownsServer: false, stop: async () => undefined };
  }
  const start = (): Promise<EmbeddedServer> =>
    startEmbedded({
      dataDir: options.dataDir ?? join(privateFolder(project.folder), 'postgres'),
      port: options.dbPort ?? project.ports.database,
      superuser: project.superuser,
      onStep: context.steps.begin,
      onExit: () => {
        server = revive();
      },
    });
  const revive = async (): Promise<EmbeddedServer> => {
    const ended = await server;
    context.print('PostgreSQL ended without being asked to; starting it again.\n');
    try {
      await ended.stop();
      const fresh = await start();
      context.steps.finish();
      return fresh;
    } catch (error) {
      context.print(`${renderProblem(error, context.bold)}The API answers 503 until you start again.\n`);
      return ended;
    }
  };
  let server = start();
  const { superuserUri, tcpUri } = await server;
  return {
    adminUri: superuserUri,
    shownUri: tcpUri === null ? superuserUri : project.uriFor(tcpUri),
    ownsServer: true,
    stop: async () => (await server).stop(),
  };
};

/** Applies what is new in the folder; warnings that were `said` before are not repeated. Gives the names of what ran. */
const applyFolder = async (
  project: DevelopmentProject,
  database: Database,
  context: DevContext,
  said: Set<string>,
): Promise<readonly string[]> => {
  const { ran, warnings } = await project.apply(database, context.steps.begin);
  for (const warning of warnings) {
    if (!said.has(warning)) context.steps.note(warning);
    said.add(warning);
  }
  return ran;
};

const prepare = async (
  port: number,
  project: DevelopmentProject,
  database: Database,
  context: DevContext,
): Promise<DevelopmentSettings> => {
  const { login, warnings } = await project.prepare(database);
  for (const warning of warnings) context.steps.note(warning);
  return project.loadSettings(login, port);
};

const printBanner = async (
  project: DevelopmentProject,
  database: Database,
  { config, keys }: DevelopmentSettings,
  context: DevContext,
): Promise<void> => {
  const origin = `http://127.0.0.1:${config.serverPort}`;
  const restUrl = origin + (config.restPrefix === '/' ? '' : config.restPrefix);
  const connection = await openConnection(database.adminUri);
  try {
    const sample = await findSample(connection, config, restUrl);
    const banner = renderBanner(
      {
        title: project.title,
        version: context.version,
        watched: project.watched,
        places: [
          ['REST', restUrl],
          ...(config.graphqlEnabled ? [['GraphQL', origin + config.graphqlPrefix] as const] : []),
          ...(config.docsEnabled ? [['docs', `${origin}/docs`] as const] : []),
          ['health', `${origin}/health`],
          ['database', database.shownUri],
        ],
        keys,
        sampleUrl: sample.url,
        sampleIsPublic: sample.isPublic,
      },
      context.bold,
    );
    context.print(banner);
  } finally {
    await connection.close();
  }
};

/** Settings too, which a migration may have set on a role: no event trigger tells of that. */
const ASK_FOR_RELOAD = "select pg_notify($1, 'reload config')";

/** Applies changes of the folder one after the other and has the server read the schema anew. */
const createUpdater = (
  project: DevelopmentProject,
  database: Database,
  config: Config,
  context: DevContext,
  said: Set<string>,
): ((change: ProjectChange) => void) => {
  const update = async (): Promise<void> => {
    const ran = await applyFolder(project, database, context, said);
    if (ran.length === 0) return;
    const connection = await openConnection(database.adminUri);
    try {
      await connection.query(ASK_FOR_RELOAD, [config.dbChannel]);
    } finally {
      await connection.close();
    }
    context.steps.finish();
    context.steps.note(`Applied ${ran.length === 1 ? ran[0] : `${ran.length} files`}; the API follows.`);
  };
  let last: Promise<void> = Promise.resolve();
  return (change) => {
    if (change.settings !== null) {
      context.steps.note(`${change.settings} changed: start again for it to count.`);
    }
    if (!change.scripts) return;
    last = last.then(update).catch((error: unknown) => {
      context.steps.fail();
      context.print(`${renderProblem(error, context.bold)}The API goes on with what was there before.\n`);
    });
  };
};

/**
 * Runs until the signal aborts.
 * @throws StartError, ConfigError for what the user can mend
 */
export const runDev = async (options: DevOptions, context: DevContext): Promise<void> => {
  const undo: (() => Promise<void>)[] = [];
  const { signal, steps } = context;
  try {
    const project = await openProject(options.projectDir);
    const port = options.port ?? project.ports.api;
    await freeLoopback(port, 'Stop it, or choose another port for the API with --port.');
    const database = await openDatabase(options, project, context);
    undo.push(database.stop);
    signal.throwIfAborted();
    const settings = await prepare(port, project, database, context);
    signal.throwIfAborted();
    const said = new Set<string>();
    await applyFolder(project, database, context, said);
    signal.throwIfAborted();
    steps.begin('Starting the API');
    const docsKey = settings.keys?.anon ?? null;
    const running = await context.serve(settings.load, { checked: false, quiet: true, docsKey });
    undo.push(running.close);
    const unwatch = project.watch(createUpdater(project, database, settings.config, context, said));
    undo.push(async () => unwatch());
    steps.finish();
    await printBanner(project, database, settings, context);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    steps.begin('Stopping');
  } catch (error) {
    if (!signal.aborted) {
      steps.fail();
      throw error;
    }
  } finally {
    for (const stop of undo.reverse()) await stop();
    steps.finish();
  }
};
