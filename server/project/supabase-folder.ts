/**
 * A Supabase project folder as it lies on disk: `config.toml`, `migrations/` with timestamped names, the seeds that
 * the configuration names, `roles.sql`. It is the folder itself or its `supabase/`. Only reads.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { StartError, systemCode } from '../errors/start.ts';
import { exists, loadScript, type Script } from './folder.ts';
import { loadSupabaseConfig, type SupabaseConfig } from './supabase-config.ts';

export interface SupabaseMigration extends Script {
  /** The digits that its file's name begins with. */
  readonly version: string;
  /** The rest of the name. */
  readonly label: string;
}

export interface SupabaseFolder {
  /** Absolute: where `config.toml` and `migrations/` are. */
  readonly folder: string;
  /** For people: the `project_id`, or the name of the project's folder. */
  readonly title: string;
  /** What stands before names in messages: `supabase/`, or nothing where the folder itself was given. */
  readonly prefix: string;
  readonly config: SupabaseConfig;
  /** An `aura.toml` beside `config.toml` or above `supabase/`, for settings of Aura's own; null if there is none. */
  readonly settings: string | null;
  readonly migrations: readonly SupabaseMigration[];
  readonly seeds: readonly Script[];
  /** `roles.sql`, which runs before the first migration. */
  readonly roles: Script | null;
  /** What was left aside, in sentences. */
  readonly warnings: readonly string[];
}

const MIGRATION_NAME = /^(\d+)_(.*)\.sql$/;
/** Early versions of Supabase's command line wrote the platform's own schema into a first migration of this name. */
const OLD_INITIAL = /^(\d{14})_init\.sql$/;
const OLD_INITIAL_UNTIL = '20211209000000';

/** Other programs call their settings `config.toml`, too. */
const isSupabaseConfig = async (path: string): Promise<boolean> =>
  (await exists(path)) && /^\s*(?:project_id\s*=|\[(?:api|db|auth)\])/m.test(await readFile(path, 'utf8'));

/**
 * Where the Supabase project of a folder is, or null. A folder with `sql/` is a project of Aura's own kind.
 */
export const findSupabaseFolder = async (
  path: string,
): Promise<{ folder: string; prefix: string } | null> => {
  const folder = resolve(path);
  if (await exists(join(folder, 'sql'))) return null;
  for (const [candidate, prefix] of [
    [join(folder, 'supabase'), 'supabase/'],
    [folder, ''],
  ] as const) {
    const hasSettings = await exists(join(candidate, 'config.toml'));
    const hasMigrations = await exists(join(candidate, 'migrations'));
    const isNamed = basename(candidate) === 'supabase' && (hasSettings || hasMigrations);
    const found = isNamed || (hasSettings && hasMigrations);
    if (found || (await isSupabaseConfig(join(candidate, 'config.toml'))))
      return { folder: candidate, prefix };
  }
  return null;
};

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
};

/** A part of a pattern between slashes: `*`, `?` and `[a-z]` as in a shell, and none of them matches a slash. */
const patternOf = (part: string): RegExp => {
  const source = part.replaceAll(/\[\^?[^\]]+\]|[*?]|[.+^${}()|[\]\\]/g, (found) => {
    if (found === '*') return '[^/]*';
    if (found === '?') return '[^/]';
    return found.length > 1 ? found : `\\${found}`;
  });
  return new RegExp(`^${source}$`);
};

/** The files that a pattern names, relative to a folder, in the order of their names. */
const expandPattern = async (folder: string, pattern: string): Promise<readonly string[]> => {
  let found: readonly string[] = [''];
  for (const part of posix.normalize(pattern).split('/')) {
    const next = await Promise.all(
      found.map(async (path) => {
        const under = (name: string): string => (path === '' ? name : `${path}/${name}`);
        if (!/[*?[]/.test(part)) return (await exists(join(folder, under(part)))) ? [under(part)] : [];
        const matcher = patternOf(part);
        const names = (await namesIn(join(folder, path))).filter((name) => matcher.test(name));
        return names.filter((name) => !name.startsWith('.') || part.startsWith('.')).map(under);
      }),
    );
    found = next.flat();
  }
  return [...found].sort();
};

interface Found {
  readonly folder: string;
  readonly prefix: string;
}

/** Reads a file of the folder and names it as messages shall. */
const loadNamed = async ({ folder, prefix }: Found, name: string): Promise<Script> => ({
  ...(await loadScript(folder, name)),
  name: prefix + name,
});

const loadMigrations = async (found: Found, warnings: string[]): Promise<SupabaseMigration[]> => {
  const migrations: SupabaseMigration[] = [];
  const byVersion = new Map<string, string>();
  const names = (await namesIn(join(found.folder, 'migrations'))).filter(
    (name) => name.endsWith('.sql') && !name.startsWith('.'),
  );
  for (const [index, name] of names.entries()) {
    const [, version = '', label = ''] = MIGRATION_NAME.exec(name) ?? [];
    const path = `migrations/${name}`;
    if (version === '') {
      warnings.push(`${found.prefix}${path} is not applied: its name is not <timestamp>_<name>.sql.`);
      continue;
    }
    if (index === 0 && OLD_INITIAL.test(name) && version < OLD_INITIAL_UNTIL) {
      warnings.push(
        `${found.prefix}${path} is not applied: in this place it is the platform's own schema of 2021.`,
      );
      continue;
    }
    const other = byVersion.get(version);
    if (other !== undefined) {
      throw new StartError(
        `${found.prefix}${path} and ${found.prefix}${other} have the same version ${version}.`,
        'Give one of them another timestamp: a version is applied once.',
      );
    }
    byVersion.set(version, path);
    migrations.push({ ...(await loadNamed(found, path)), version, label });
  }
  return migrations;
};

const loadSeeds = async (found: Found, config: SupabaseConfig, warnings: string[]): Promise<Script[]> => {
  const paths: string[] = [];
  for (const pattern of config.db.seedPatterns) {
    const matches = await expandPattern(found.folder, pattern);
    if (matches.length === 0 && config.db.seedIsExplicit) {
      warnings.push(`No file matches ${pattern}, which [db.seed] sql_paths names.`);
    }
    paths.push(...matches.filter((path) => !paths.includes(path)));
  }
  return Promise.all(paths.map((path) => loadNamed(found, path)));
};

const firstThere = async (paths: readonly string[]): Promise<string | null> => {
  for (const path of paths) if (await exists(path)) return path;
  return null;
};

/**
 * Reads the project.
 * @param found where `findSupabaseFolder` found it
 * @throws StartError naming file and line of what cannot be used
 */
export const loadSupabaseFolder = async (
  found: Found,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SupabaseFolder> => {
  const { folder, prefix } = found;
  const config = await loadSupabaseConfig(folder, `${prefix}config.toml`, env);
  const warnings = [...config.warnings];
  const ownName = basename(folder) === 'supabase' ? basename(dirname(folder)) : basename(folder);
  return {
    folder,
    prefix,
    title: config.projectId ?? ownName,
    config,
    settings: await firstThere([
      join(folder, 'aura.toml'),
      ...(prefix === '' ? [] : [join(dirname(folder), 'aura.toml')]),
    ]),
    migrations: config.db.migrationsEnabled ? await loadMigrations(found, warnings) : [],
    seeds: await loadSeeds(found, config, warnings),
    roles: (await exists(join(folder, 'roles.sql'))) ? await loadNamed(found, 'roles.sql') : null,
    warnings,
  };
};

/** The folders that seeds lie in, relative to the project's and with slashes; the empty text is the project's own. */
export const seedFolders = ({ prefix, seeds }: SupabaseFolder): readonly string[] => [
  ...new Set(
    seeds
      .map(({ name }) => posix.dirname(name.slice(prefix.length)))
      .map((name) => (name === '.' ? '' : name))
      .filter((name) => !name.startsWith('..')),
  ),
];
