/**
 * A project folder of either kind, Aura's own or Supabase's, as the verbs of the command line need it: what it is
 * called, what its database must hold, under which settings it is served, and when it changes.
 */
import { openConnection } from '../execute/connection.ts';
import { type ApplyOutcome, applyProject } from './apply.ts';
import { isProjectFile, loadProject, projectSubfolders, settingsFile } from './folder.ts';
import { prepareRoles } from './roles.ts';
import { loadSecrets } from './secrets.ts';
import { type DevelopmentSettings, loadDevelopmentSettings } from './settings.ts';
import { applySupabaseFolder } from './supabase-apply.ts';
import { prepareSupabaseDatabase, SUPABASE_SUPERUSER, supabaseUriFor } from './supabase-database.ts';
import { findSupabaseFolder, loadSupabaseFolder, seedFolders } from './supabase-folder.ts';
import { loadSupabaseSettings } from './supabase-settings.ts';
import { type ProjectChange, watchProject } from './watch.ts';

/** A database to be prepared for a project. */
export interface ProjectDatabase {
  /** Connects someone who may change everything in it. */
  readonly adminUri: string;
  /** Whether the server is this project's alone. */
  readonly ownsServer: boolean;
}

export interface DevelopmentProject {
  /** Absolute; what Aura keeps for itself lies in its `.aura/`. */
  readonly folder: string;
  /** For people. */
  readonly title: string;
  /** Where to listen unless the command line says otherwise. */
  readonly ports: { readonly api: number; readonly database: number };
  /** The superuser of an embedded server of this project; undefined: the usual one. */
  readonly superuser?: string | undefined;
  /** What is watched, for the banner: `sql/ and policies/`. */
  readonly watched: string;
  /** The address of an embedded server for other programs, from the superuser's. */
  readonly uriFor: (tcpUri: string) => string;
  /** Makes roles, and whatever else the folder's SQL presumes. Gives the API's login and what is odd. */
  readonly prepare: (database: ProjectDatabase) => Promise<{ login: string; warnings: readonly string[] }>;
  /** The configuration for a login and a port. */
  readonly loadSettings: (login: string, port: number) => Promise<DevelopmentSettings>;
  /** Reads the folder anew and applies what is new in it; seeds too, unless only the schema is of interest. */
  readonly apply: (
    database: ProjectDatabase,
    onStep: (text: string) => void,
    options?: { readonly schemaOnly: boolean },
  ) => Promise<ApplyOutcome>;
  /** Tells of changes until the function that it gives is called. */
  readonly watch: (onChange: (change: ProjectChange) => void) => () => void;
}

const openOwn = async (path: string): Promise<DevelopmentProject> => {
  const project = await loadProject(path);
  const { folder, title } = project;
  return {
    folder,
    title,
    ports: { api: 54_321, database: 54_322 },
    watched: 'sql/ and policies/',
    uriFor: (tcpUri) => tcpUri,
    prepare: async ({ adminUri, ownsServer }) => {
      const { authenticatorPassword } = await loadSecrets(folder);
      const connection = await openConnection(adminUri);
      try {
        const login = await prepareRoles(connection, adminUri, authenticatorPassword, ownsServer);
        return { login, warnings: [] };
      } finally {
        await connection.close();
      }
    },
    loadSettings: async (login, port) =>
      loadDevelopmentSettings(project, await loadSecrets(folder), login, port),
    apply: async ({ adminUri }, onStep, { schemaOnly } = { schemaOnly: false }) => {
      const connection = await openConnection(adminUri);
      try {
        const found = await loadProject(path);
        return await applyProject(connection, schemaOnly ? { ...found, seed: null } : found, onStep);
      } finally {
        await connection.close();
      }
    },
    watch: (onChange) =>
      watchProject(
        { folder, subfolders: projectSubfolders, isScript: isProjectFile, settings: [settingsFile] },
        onChange,
      ),
  };
};

const openSupabase = async (found: {
  readonly folder: string;
  readonly prefix: string;
}): Promise<DevelopmentProject> => {
  const load = () => loadSupabaseFolder(found, process.env);
  const project = await load();
  const { folder, prefix, title, config } = project;
  const seeds = seedFolders(project);
  return {
    folder,
    title,
    ports: { api: config.api.port, database: config.db.port },
    superuser: SUPABASE_SUPERUSER,
    watched: `${prefix}migrations/`,
    uriFor: supabaseUriFor,
    prepare: async ({ adminUri, ownsServer }) => {
      const { authenticatorPassword } = await loadSecrets(folder);
      const connection = await openConnection(adminUri);
      try {
        return await prepareSupabaseDatabase(connection, adminUri, authenticatorPassword, ownsServer, config);
      } finally {
        await connection.close();
      }
    },
    loadSettings: (login, port) => loadSupabaseSettings(project, login, port),
    apply: async ({ adminUri }, onStep, { schemaOnly } = { schemaOnly: false }) => {
      const loaded = await load();
      return applySupabaseFolder(adminUri, schemaOnly ? { ...loaded, seeds: [] } : loaded, onStep);
    },
    watch: (onChange) =>
      watchProject(
        {
          folder,
          subfolders: ['migrations', ...seeds.filter((name) => name !== '' && name !== 'migrations')],
          isScript: (name) =>
            name.endsWith('.sql') &&
            (name.startsWith('migrations/') || seeds.includes(name.split('/').slice(0, -1).join('/'))),
          settings: ['config.toml', 'aura.toml', '.env'],
        },
        onChange,
      ),
  };
};

/**
 * Opens the project in a folder.
 * @throws StartError if there is none, or what it says cannot be used
 */
export const openProject = async (path: string): Promise<DevelopmentProject> => {
  const found = await findSupabaseFolder(path);
  return found === null ? openOwn(path) : openSupabase(found);
};
