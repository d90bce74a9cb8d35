/**
 * All settings: the tables of the sections, composed; the loading of a configuration from its sources; and
 * its dump. Loading reports every problem at once. The result is a frozen plain object that is passed on and
 * never imported as a value.
 */
import { readFileSync } from 'node:fs';
import { channelSettings } from './config/channels.ts';
import { databaseSettings } from './config/database.ts';
import { graphqlSettings } from './config/graphql.ts';
import { httpSettings } from './config/http.ts';
import { jwtSettings } from './config/jwt.ts';
import { parseKeys } from './config/keys.ts';
import { quoted } from './config/kinds.ts';
import { maskConnectionString } from './config/mask.ts';
import { realtimeSettings } from './config/realtime.ts';
import { propertyOf, type Section, type Setting, type ValuesOf } from './config/setting.ts';
import {
  type DatabaseSetting,
  environmentSource,
  fileSource,
  flagSource,
  parseDatabaseSettings,
  type Raw,
  type Source,
} from './config/sources.ts';
import { suggestOne } from './errors/suggest.ts';

/** Every setting by its name, section by section. */
export const settings = {
  ...databaseSettings,
  ...jwtSettings,
  ...httpSettings,
  ...graphqlSettings,
  ...channelSettings,
  ...realtimeSettings,
} as const;

/** The effective settings; a property is the setting's name in camelCase: `db-schemas` → `dbSchemas`. */
export interface Config extends ValuesOf<typeof settings> {
  /** `app.settings.*` with their full names, sorted; each becomes a setting of every transaction. */
  readonly appSettings: readonly (readonly [name: string, value: string])[];
  /** What loading found odd and went on with: unknown names, deprecated forms. To be logged. */
  readonly warnings: readonly string[];
}

/** One thing that is wrong with one setting. */
export interface ConfigProblem {
  readonly setting: string;
  /** Where the value came from: `environment variable AURA_DB_POOL`, `file aura.toml`. */
  readonly source: string;
  readonly wrong: string;
  readonly allowed: string;
}

/** A configuration that cannot be used; the message lists every problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(
      ({ setting, source, wrong, allowed }) => `- ${setting} (${source}): ${wrong}; expected ${allowed}`,
    );
    super(`The configuration has ${problems.length} problem(s):\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

export interface ConfigSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path of a configuration file: `.toml`, or PostgREST's format. */
  readonly file?: string | undefined;
  /** What the project says in a file of another program: by setting name, below everything else. */
  readonly project?:
    | { readonly place: string; readonly values: Readonly<Record<string, unknown>> }
    | undefined;
  /** By setting name; they win over everything. */
  readonly flags?: Readonly<Record<string, unknown>> | undefined;
  /** The rows of `sql/config/settings.sql`; they win over environment and file. */
  readonly database?: readonly DatabaseSetting[] | undefined;
}

const sections: Section = settings;

/** What `sql/config/settings.sql` looks for, as its first parameter: `pgrst.db_schemas`, `aura.db_schemas` ... */
export const databaseSettingNames: readonly string[] = Object.entries(sections)
  .filter(([, setting]) => setting.inDatabase)
  .flatMap(([name, setting]) => [name, ...setting.aliases])
  .flatMap((name) => [`pgrst.${name.replaceAll('-', '_')}`, `aura.${name.replaceAll('-', '_')}`]);

/**
 * The configuration from its sources: flags over database over environment over file over project over defaults.
 * Throws ConfigError with everything that is wrong.
 */
export function loadConfig(sources: ConfigSources): Config {
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  const file = loadFile(sources, problems);
  const environment = environmentSource(sources.env);
  const database = onlyAllowedInDatabase(parseDatabaseSettings(sources.database ?? []));
  const flags = flagSource(sources.flags ?? {});
  const project = projectSource(sources.project);
  const ordered: readonly Source[] = [flags, database, environment, file, project];

  const values: Record<string, unknown> = {};
  const places = new Map<string, string>();
  for (const [name, setting] of Object.entries(sections)) {
    const found = findRaw(name, setting, ordered);
    values[propertyOf(name)] = readValue(name, setting, found, problems);
    if (found !== null) places.set(name, found.place);
  }
  values['appSettings'] = appSettings(ordered);
  const config = values as unknown as Config;
  const resolved = resolveFiles(config, places, problems);
  checkTogether(resolved, places, problems, warnings);
  warnUnknown([flags, environment, file], warnings);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze({ ...resolved, warnings: Object.freeze(warnings) });
}

function loadFile({ file, env }: ConfigSources, problems: ConfigProblem[]): Source {
  if (file === undefined) return new Map();
  try {
    return fileSource(file, env);
  } catch (error) {
    problems.push({
      setting: 'configuration file',
      source: file,
      wrong: error instanceof Error ? error.message : String(error),
      allowed: 'a readable file in TOML (.toml) or in the key = value format of PostgREST',
    });
    return new Map();
  }
}

const projectSource = (project: ConfigSources['project']): Source =>
  new Map(
    Object.entries(project?.values ?? {}).map(([name, value]) => [
      name,
      { value, place: project?.place ?? '' },
    ]),
  );

/** What the database may set; the rest is ignored there, as PostgREST does. */
function onlyAllowedInDatabase(source: Source): Source {
  const allowed = new Set(databaseSettingNames);
  return new Map([...source].filter(([name]) => allowed.has(`aura.${name.replaceAll('-', '_')}`)));
}

function findRaw(name: string, setting: Setting<unknown>, ordered: readonly Source[]): Raw | null {
  for (const candidate of [name, ...setting.aliases]) {
    for (const source of ordered) {
      const raw = source.get(candidate);
      if (raw === undefined) continue;
      if (raw.value === '' && !setting.keepsEmpty) break;
      return raw;
    }
  }
  return null;
}

function readValue(
  name: string,
  setting: Setting<unknown>,
  raw: Raw | null,
  problems: ConfigProblem[],
): unknown {
  if (raw === null) return setting.default;
  const result = setting.kind.schema.safeParse(raw.value);
  if (result.success) return result.data;
  const wrong = setting.secret ? 'its value cannot be used' : (result.error.issues[0]?.message ?? 'invalid');
  problems.push({ setting: name, source: raw.place, wrong, allowed: setting.kind.allowed });
  return setting.default;
}

/** `app.settings.*` of all sources, sorted by name. PostgreSQL's setting names know no case. */
function appSettings(ordered: readonly Source[]): Config['appSettings'] {
  const found = new Map<string, string>();
  for (const source of ordered.toReversed()) {
    for (const [name, { value }] of source) {
      if (name.startsWith('app.settings.')) found.set(name.toLowerCase(), String(value));
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Puts the contents of files in place of `@file`. */
function resolveFiles(
  config: Config,
  places: ReadonlyMap<string, string>,
  problems: ConfigProblem[],
): Config {
  const read = (setting: 'db-uri' | 'jwt-secret', value: string): string => {
    if (!value.startsWith('@')) return value;
    try {
      return readFileSync(value.slice(1), 'utf8');
    } catch (error) {
      problems.push({
        setting,
        source: places.get(setting) ?? 'default',
        wrong: `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`,
        allowed: 'the name of a readable file after @',
      });
      return '';
    }
  };
  return {
    ...config,
    dbUri: read('db-uri', config.dbUri).trim(),
    jwtSecret: config.jwtSecret === null ? null : read('jwt-secret', config.jwtSecret).replace(/\n$/, ''),
  };
}

/** What no setting can tell alone. */
function checkTogether(
  config: Config,
  places: ReadonlyMap<string, string>,
  problems: ConfigProblem[],
  warnings: string[],
): void {
  const sourceOf = (name: string): string => places.get(name) ?? 'default';
  if (
    config.adminServerPort !== null &&
    config.adminServerPort === config.serverPort &&
    config.serverPort !== 0
  ) {
    problems.push({
      setting: 'admin-server-port',
      source: sourceOf('admin-server-port'),
      wrong: `got ${config.adminServerPort}, the same as server-port`,
      allowed: 'a port of its own',
    });
  }
  if (config.jwtSecret !== null && problems.every(({ setting }) => setting !== 'jwt-secret')) {
    for (const wrong of parseKeys(config.jwtSecret, config.jwtSecretIsBase64).problems) {
      problems.push({
        setting: 'jwt-secret',
        source: sourceOf('jwt-secret'),
        wrong,
        allowed: settings['jwt-secret'].kind.allowed,
      });
    }
  }
  if (!config.jwtRoleClaimKey.startsWith('$')) {
    warnings.push(
      `jwt-role-claim-key (${sourceOf('jwt-role-claim-key')}): the form ${config.jwtRoleClaimKey} is deprecated; write it as a JSONPath, for instance $.role`,
    );
  }
}

/** Names that no setting has; those of PostgREST's prefix may belong to another version of it and pass. */
function warnUnknown(sources: readonly Source[], warnings: string[]): void {
  const names = Object.keys(sections);
  const known = new Set(Object.entries(sections).flatMap(([name, { aliases }]) => [name, ...aliases]));
  for (const source of sources) {
    for (const [name, { place }] of source) {
      if (
        known.has(name) ||
        name.startsWith('app.settings.') ||
        place.startsWith('environment variable PGRST_')
      )
        continue;
      const nearest = suggestOne(name, names);
      warnings.push(
        `${place}: there is no setting ${name}${nearest === null ? '' : `; did you mean ${nearest}?`}`,
      );
    }
  }
}

/**
 * The effective settings as a configuration file, sorted, without secrets: passwords inside `db-uri` are
 * masked, other secrets and the values of `app.settings.*` wholly.
 */
export function dumpConfig(config: Config): string {
  const values = config as unknown as Readonly<Record<string, unknown>>;
  const lines = Object.entries(sections).map(
    ([name, setting]) => `${name} = ${rendered(name, setting, values[propertyOf(name)])}`,
  );
  for (const [name] of config.appSettings) lines.push(`${name} = ${quoted(MASK)}`);
  return `${lines.sort().join('\n')}\n`;
}

const MASK = '********';

function rendered(name: string, setting: Setting<unknown>, value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return '""';
  if (name === 'db-uri') return quoted(maskConnectionString(String(value)));
  if (setting.secret) return quoted(MASK);
  // `$` starts an interpolation in a configuration file, so that it is doubled where the text is read again.
  return setting.kind.render(value).replaceAll('$', '$$$$');
}
