/**
 * The configuration under which a project runs in development: what `aura.toml` and the environment say, with
 * the database, the addresses and, where nothing is said, the secret and the anonymous role of the project.
 */
import { parseKeys } from '../config/keys.ts';
import { type Config, loadConfig } from '../config.ts';
import type { LoadConfig } from '../settings.ts';
import type { Project } from './folder.ts';
import { type Secrets, signKey } from './secrets.ts';

export interface DevelopmentSettings {
  readonly config: Config;
  /** The same configuration with what the database says. */
  readonly load: LoadConfig;
  /** The keys for clients, or null if the project's tokens are not signed with a shared secret. */
  readonly keys: ClientKeys | null;
}

/** Keys by what they are called before the word key. */
export interface ClientKeys {
  readonly anon: string;
  readonly service: string;
  /** Those that are no tokens, where the project has such. */
  readonly publishable?: string;
  readonly secret?: string;
}

/** The bytes that sign HS256 tokens, if the configuration has such. */
export const signingSecret = (config: Config): Buffer | null => {
  const { keys } = parseKeys(config.jwtSecret ?? '', config.jwtSecretIsBase64);
  return keys.find((key) => key.secret !== null && key.algorithms.includes('HS256'))?.secret ?? null;
};

/**
 * @param loginUri the login of the API; a `db-uri` of the environment never counts in development, since it may
 * well lead to production
 */
export const loadDevelopmentSettings = (
  project: Project,
  secrets: Secrets,
  loginUri: string,
  port: number,
): DevelopmentSettings => {
  const sources = {
    env: process.env,
    file: project.settings ?? undefined,
    project: {
      place: 'aura dev',
      values: { 'docs-enabled': true, 'graphql-introspection': ['*'], 'graphql-ui': true },
    },
  };
  // every address that localhost has: IPv4's and IPv6's loopback
  const fixed = { 'db-uri': loginUri, 'server-host': 'localhost', 'server-port': port };
  const said = loadConfig({ ...sources, flags: fixed });
  const flags = {
    ...fixed,
    ...(said.jwtSecret === null ? { 'jwt-secret': secrets.jwtSecret } : {}),
    ...(said.dbAnonRole === null ? { 'db-anon-role': 'anon' } : {}),
  };
  const load: LoadConfig = (database) => loadConfig({ ...sources, flags, database });
  const config = load([]);
  const secret = signingSecret(config);
  if (secret === null) return { config, load, keys: null };
  return {
    config,
    load,
    keys: {
      anon: signKey(secret, config.dbAnonRole ?? 'anon', secrets.madeAt),
      service: signKey(secret, 'service_role', secrets.madeAt),
    },
  };
};
