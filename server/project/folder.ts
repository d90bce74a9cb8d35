/**
 * A project folder as it lies on disk: `aura.toml`, `sql/` (migrations, in the order of their names), `policies/`
 * (SQL that may run again and again) and `seed.sql`. Only reads; what is applied is apply.ts's business.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { StartError, systemCode } from '../errors/start.ts';

/** A file of SQL. */
export interface Script {
  /** Its path within the folder, with slashes: `sql/0001_people.sql`. */
  readonly name: string;
  readonly text: string;
  /** SHA-256 of the text, in hex. */
  readonly checksum: string;
}

export interface Project {
  /** Absolute. */
  readonly folder: string;
  /** For people: the folder's own name. */
  readonly title: string;
  /** The path of `aura.toml`, or null if there is none. */
  readonly settings: string | null;
  readonly migrations: readonly Script[];
  readonly policies: readonly Script[];
  readonly seed: Script | null;
}

const SETTINGS = 'aura.toml';
const MIGRATIONS = 'sql';
const POLICIES = 'policies';
const SEED = 'seed.sql';

/** Whether there is something at a path. */
export const exists = async (path: string): Promise<boolean> =>
  (await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  })) !== null;

/** Reads one file of a folder. */
export const loadScript = async (folder: string, name: string): Promise<Script> => {
  const text = await readFile(join(folder, name), 'utf8');
  return { name, text, checksum: createHash('sha256').update(text).digest('hex') };
};

/** The .sql files right in a subfolder, in the order of their names' code points, which no locale changes. */
const loadScripts = async (folder: string, subfolder: string): Promise<Script[]> => {
  const names = await readdir(join(folder, subfolder)).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const scripts = names.filter((name) => name.endsWith('.sql') && !name.startsWith('.')).sort();
  return Promise.all(scripts.map((name) => loadScript(folder, `${subfolder}/${name}`)));
};

/**
 * Reads a project folder.
 * @throws StartError if it is not one
 */
export const loadProject = async (path: string): Promise<Project> => {
  const folder = resolve(path);
  const [hasSettings, hasMigrations] = await Promise.all([
    exists(join(folder, SETTINGS)),
    exists(join(folder, MIGRATIONS)),
  ]);
  if (!hasSettings && !hasMigrations) {
    throw new StartError(
      `There is no project in ${folder}: it has neither ${SETTINGS} nor a folder ${MIGRATIONS}/, and no config.toml of Supabase.`,
      'Name the folder with --project-dir, such as --project-dir examples/tracks.',
    );
  }
  const [migrations, policies, hasSeed] = await Promise.all([
    loadScripts(folder, MIGRATIONS),
    loadScripts(folder, POLICIES),
    exists(join(folder, SEED)),
  ]);
  return {
    folder,
    title: basename(folder),
    settings: hasSettings ? join(folder, SETTINGS) : null,
    migrations,
    policies,
    seed: hasSeed ? await loadScript(folder, SEED) : null,
  };
};

/** Whether a path within the folder is one that a project is made of. */
export const isProjectFile = (name: string): boolean =>
  name === SEED ||
  ((name.startsWith(`${MIGRATIONS}/`) || name.startsWith(`${POLICIES}/`)) && name.endsWith('.sql'));

/** The parts of a folder to watch for changes. */
export const projectSubfolders = [MIGRATIONS, POLICIES] as const;

/** The name of the settings' file within the folder. */
export const settingsFile = SETTINGS;
