/**
 * Where `aura gen` has its catalog from: a database that runs, the migrations of a project folder (applied to an
 * embedded PostgreSQL that is thrown away), or a file of `aura inspect`. Each can be watched.
 */
import { watch } from 'node:fs';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { readSavedCatalog, SavedCatalogError } from '../../codegen/index.ts';
import type { Catalog } from '../catalog/types.ts';
import { loadConfig } from '../config.ts';
import { startEmbedded } from '../embedded.ts';
import { StartError, systemCode } from '../errors/start.ts';
import { type DevelopmentProject, openProject } from '../project/development.ts';
import { readCatalog } from './catalog.ts';
import type { StartOptions } from './start.ts';

export interface CatalogSource {
  /** For people: `the migrations in examples/tracks`. */
  readonly title: string;
  readonly load: () => Promise<Catalog>;
  /** Calls back when there may be something new, until the function that it gives is called. */
  readonly watch: (onChange: () => void) => () => void;
}

/** Milliseconds: how often a database is asked, and how long a file must be quiet. */
const POLL = 2000;
const QUIET = 100;

const openDatabase = (options: StartOptions): CatalogSource => {
  const config = loadConfig({ env: process.env, file: options.file ?? undefined, flags: options.flags });
  return {
    title: 'the database',
    load: () => readCatalog(config.dbUri, config),
    // not every database has the event trigger that would tell
    watch: (onChange) => {
      const timer = setInterval(onChange, POLL);
      return () => clearInterval(timer);
    },
  };
};

/** Applies the folder to an empty database and reads what came of it. */
const loadFromMigrations = async (
  project: DevelopmentProject,
  onStep: (text: string) => void,
): Promise<Catalog> => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-gen-'));
  try {
    // as root: for PostgreSQL's account to pass through
    await chmod(folder, 0o755);
    const server = await startEmbedded({
      dataDir: join(folder, 'pg'),
      port: null,
      superuser: project.superuser,
      throwaway: true,
      onStep,
    });
    try {
      const database = { adminUri: server.superuserUri, ownsServer: true };
      const { login } = await project.prepare(database);
      await project.apply(database, onStep, { schemaOnly: true });
      const { config } = await project.loadSettings(login, 0);
      return await readCatalog(login, config);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const openFolder = async (path: string, onStep: (text: string) => void): Promise<CatalogSource> => {
  const project = await openProject(path);
  return {
    title: `the migrations in ${path}`,
    load: () => loadFromMigrations(project, onStep),
    watch: (onChange) => project.watch(() => onChange()),
  };
};

const openFile = (path: string): CatalogSource => ({
  title: path,
  load: async () => {
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
      throw new StartError(`There is no file ${path}.`, 'Write one with aura inspect.', error);
    });
    try {
      return readSavedCatalog(text);
    } catch (error) {
      if (!(error instanceof SavedCatalogError)) throw error;
      throw new StartError(`${path} cannot be used.`, error.message, error);
    }
  },
  // the folder: editors and shells put a new file in the place of the old one
  watch: (onChange) => {
    let timer: NodeJS.Timeout | undefined;
    const watcher = watch(dirname(path), (_event, name) => {
      if (name !== basename(path)) return;
      clearTimeout(timer);
      timer = setTimeout(onChange, QUIET);
    });
    return () => {
      clearTimeout(timer);
      watcher.close();
    };
  },
});

export interface SourceOptions {
  /** A file of `aura inspect`. */
  readonly catalog: string | null;
  /** A project folder. */
  readonly projectDir: string | null;
  /** The settings, where neither is given. */
  readonly settings: StartOptions;
}

/** @throws StartError, ConfigError */
export const openSource = async (
  { catalog, projectDir, settings }: SourceOptions,
  onStep: (text: string) => void,
): Promise<CatalogSource> => {
  if (catalog !== null && projectDir !== null) {
    throw new StartError('The schema can come from one place only.', 'Leave out --catalog or --project-dir.');
  }
  if (catalog !== null) return openFile(catalog);
  return projectDir === null ? openDatabase(settings) : openFolder(projectDir, onStep);
};
