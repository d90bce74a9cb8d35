/**
 * `config.toml` of a Supabase project folder: what of it a REST server and its database need, with the defaults of
 * Supabase's command line. A value may stand as `env(NAME)`, and a variable `SUPABASE_API_PORT` wins over
 * `[api] port`; variables come from the process and from the `.env` files beside the folder, in this order.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { parse as parseToml, TomlError } from 'smol-toml';
import { boolean, integer, type Kind, list, text } from '../config/kinds.ts';
import { StartError, systemCode } from '../errors/start.ts';

export interface SupabaseConfig {
  readonly projectId: string | null;
  readonly api: {
    readonly port: number;
    readonly schemas: readonly string[];
    readonly extraSearchPath: readonly string[];
    readonly maxRows: number;
    /** Whether what is made in `public` is granted to the roles of the API by itself. */
    readonly autoExposeNewTables: boolean;
  };
  readonly db: {
    readonly port: number;
    readonly migrationsEnabled: boolean;
    /** Patterns relative to the folder, in order; none where seeding is turned off. */
    readonly seedPatterns: readonly string[];
    /** Whether the file names the patterns itself, so that one without a match is worth a word. */
    readonly seedIsExplicit: boolean;
  };
  readonly auth: {
    /** Seconds. */
    readonly jwtExpiry: number;
    readonly jwtSecret: string;
    /** Keys that the project names itself instead of having them signed; null where it does not. */
    readonly anonKey: string | null;
    readonly serviceRoleKey: string | null;
    readonly publishableKey: string;
    readonly secretKey: string;
    /** Absolute path of a file of private JWKs, or null. */
    readonly signingKeysPath: string | null;
  };
  /** What the file asks for and does not get, in sentences. */
  readonly warnings: readonly string[];
}

/** What Supabase's command line uses where a project names none. Everyone knows them: for loopback only. */
export const DEFAULT_JWT_SECRET = 'super-secret-jwt-token-with-at-least-32-characters-long';
const DEFAULT_PUBLISHABLE_KEY = 'sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH';
const DEFAULT_SECRET_KEY = 'sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz';
const WEEK = 604_800;

type Environment = Readonly<Record<string, string | undefined>>;

const readIfThere = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw error;
  }
};

/** The variables that count for a folder: the process's, then those of `.env` files, the nearest first. */
const loadEnvironment = async (folder: string, env: Environment): Promise<Environment> => {
  const stage = env['SUPABASE_ENV'] ?? 'development';
  const names = [`.env.${stage}.local`, ...(stage === 'test' ? [] : ['.env.local']), `.env.${stage}`, '.env'];
  let found: Environment = env;
  for (const place of [folder, dirname(folder)]) {
    for (const name of names) {
      const content = await readIfThere(join(place, name));
      if (content !== null) found = { ...parseEnv(content), ...found };
    }
  }
  return found;
};

/** The line of `[table] key`, for messages; null where the file writes it in another manner. */
const lineOfKey = (source: string, path: string): number | null => {
  const key = path.slice(path.lastIndexOf('.') + 1);
  const table = path.slice(0, Math.max(path.lastIndexOf('.'), 0));
  let current = '';
  for (const [index, line] of source.split('\n').entries()) {
    const header = /^\s*\[\s*([\w.]+)\s*\]/.exec(line);
    if (header !== null) current = header[1] ?? '';
    const found = /^\s*([\w.]+)\s*=/.exec(line)?.[1];
    if (found !== undefined && [current, found].filter((part) => part !== '').join('.') === path)
      return index + 1;
    if (current === table && found === key) return index + 1;
  }
  return null;
};

const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const lookUp = (document: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (isTable(value) ? value[key] : undefined), document);

/** A value by its path; `initial` where neither a variable nor the file says anything. */
type Read = <T, D>(path: string, kind: Kind<T>, initial: D) => T | D;

const createRead = (source: string, document: unknown, env: Environment, problems: string[]): Read => {
  const complain = (path: string, wrong: string): void => {
    const line = lineOfKey(source, path);
    problems.push(`${line === null ? '' : `line ${line}: `}${path}: ${wrong}`);
  };
  const substitute = (path: string, raw: unknown): unknown => {
    if (Array.isArray(raw)) return raw.map((item) => substitute(path, item));
    const name = typeof raw === 'string' ? /^env\((.*)\)$/.exec(raw)?.[1] : undefined;
    if (name === undefined) return raw;
    if ((env[name] ?? '') !== '') return env[name];
    complain(path, `the variable ${name} is not set`);
    return undefined;
  };
  return (path, kind, initial) => {
    const variable = `SUPABASE_${path.replaceAll('.', '_').toUpperCase()}`;
    const raw = env[variable] ?? substitute(path, lookUp(document, path));
    if (raw === undefined || raw === '') return initial;
    const result = kind.schema.safeParse(raw);
    if (result.success) return result.data;
    complain(path, `${result.error.issues[0]?.message ?? 'cannot be used'}; expected ${kind.allowed}`);
    return initial;
  };
};

const port = integer(1, 65_535);
const schemaNames = list('a list of names of schemas');
const isOn = (document: unknown, path: string): boolean => lookUp(document, path) === true;

const unsupported = (document: unknown): string[] => {
  const warnings: string[] = [];
  if (isOn(document, 'api.tls.enabled'))
    warnings.push('config.toml asks for HTTPS ([api.tls]); the API is served over HTTP.');
  const providers = lookUp(document, 'auth.third_party');
  for (const [name, provider] of Object.entries(isTable(providers) ? providers : {})) {
    if (isOn(provider, 'enabled'))
      warnings.push(`Tokens of ${name} ([auth.third_party.${name}]) are not accepted yet.`);
  }
  return warnings;
};

const readDatabase = (read: Read): SupabaseConfig['db'] => {
  const enabled = read('db.seed.enabled', boolean, true);
  const patterns = read('db.seed.sql_paths', list('a list of paths or patterns'), null);
  return {
    port: read('db.port', port, 54_322),
    migrationsEnabled: read('db.migrations.enabled', boolean, true),
    seedPatterns: enabled ? (patterns ?? ['seed.sql']) : [],
    seedIsExplicit: (patterns ?? []).some((pattern) => !/^(?:\.\/)?seed\.sql$/.test(pattern)),
  };
};

const readAuth = (read: Read, folder: string): SupabaseConfig['auth'] => {
  const signingKeys = read('auth.signing_keys_path', text('the path of a file'), null);
  return {
    jwtExpiry: read('auth.jwt_expiry', integer(1, WEEK, 'seconds'), 3600),
    jwtSecret: read('auth.jwt_secret', text('a secret'), DEFAULT_JWT_SECRET),
    anonKey: read('auth.anon_key', text('a key'), null),
    serviceRoleKey: read('auth.service_role_key', text('a key'), null),
    publishableKey: read('auth.publishable_key', text('a key'), DEFAULT_PUBLISHABLE_KEY),
    secretKey: read('auth.secret_key', text('a key'), DEFAULT_SECRET_KEY),
    signingKeysPath: signingKeys === null ? null : join(folder, signingKeys),
  };
};

const parseDocument = (source: string, name: string): unknown => {
  try {
    return parseToml(source);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [first = ''] = error.message.split('\n');
    throw new StartError(`${name}, line ${error.line}: ${first}\n${error.codeblock.trimEnd()}`, null, error);
  }
};

/**
 * Reads the configuration of a folder; a folder without the file has every default.
 * @param name what to call the file in messages
 * @throws StartError with the line of everything that cannot be used
 */
export const loadSupabaseConfig = async (
  folder: string,
  name: string,
  processEnv: Environment,
): Promise<SupabaseConfig> => {
  const source = (await readIfThere(join(folder, 'config.toml'))) ?? '';
  const document = parseDocument(source, name);
  const problems: string[] = [];
  const read = createRead(source, document, await loadEnvironment(folder, processEnv), problems);
  const config: SupabaseConfig = {
    projectId: read('project_id', text(), null),
    api: {
      port: read('api.port', port, 54_321),
      schemas: read('api.schemas', schemaNames, ['public', 'graphql_public']),
      extraSearchPath: read('api.extra_search_path', schemaNames, ['public', 'extensions']),
      maxRows: read('api.max_rows', integer(0), 1000),
      autoExposeNewTables: read('api.auto_expose_new_tables', boolean, true),
    },
    db: readDatabase(read),
    auth: readAuth(read, folder),
    warnings: unsupported(document),
  };
  if (!read('api.enabled', boolean, true)) {
    problems.push(
      `line ${lineOfKey(source, 'api.enabled')}: api.enabled is false, so there is no API to serve`,
    );
  }
  if (problems.length > 0) throw new StartError(problems.map((problem) => `${name}, ${problem}`).join('\n'));
  return config;
};
