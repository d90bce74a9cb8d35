/**
 * The configuration under which a Supabase project runs in development: `config.toml` below whatever else says
 * something (the database with `alter role authenticator set pgrst.*`, the environment, an `aura.toml`), and the keys
 * that its clients have: those that everyone knows, unless the project names a secret of its own.
 */
import { readFile } from 'node:fs/promises';
import { loadConfig } from '../config.ts';
import { StartError } from '../errors/start.ts';
import { isSigningKey, type PrivateJwk, signToken, signTokenWithKey } from '../identity/sign.ts';
import type { LoadConfig } from '../settings.ts';
import { type DevelopmentSettings, signingSecret } from './settings.ts';
import type { SupabaseConfig } from './supabase-config.ts';
import type { SupabaseFolder } from './supabase-folder.ts';

/** When the demo keys end; what they are signed over is fixed, so that they are the same everywhere. */
const DEMO_EXPIRY = 1_983_812_996;
const TEN_YEARS = 10 * 365 * 86_400;

const isKeyList = (value: unknown): value is readonly PrivateJwk[] =>
  Array.isArray(value) && value.every((key) => typeof key === 'object' && key !== null);

/** The project's private keys; none where it signs with a shared secret. */
const loadSigningKeys = async (path: string | null): Promise<readonly PrivateJwk[]> => {
  if (path === null) return [];
  try {
    const keys: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isKeyList(keys) && keys.length > 0 && keys.every(isSigningKey)) return keys;
  } catch (error) {
    throw new StartError(
      `The signing keys in ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      'Make them anew with: supabase gen signing-key --algorithm ES256.',
      error,
    );
  }
  throw new StartError(
    `${path} does not hold a list of private JSON Web Keys for ES256 or RS256.`,
    'Make them anew with: supabase gen signing-key --algorithm ES256.',
  );
};

/** What verifies tokens, as `jwt-secret` takes it. Of private keys only the public part is looked at. */
const renderSecret = (auth: SupabaseConfig['auth'], keys: readonly PrivateJwk[]): string =>
  keys.length === 0 ? auth.jwtSecret : JSON.stringify({ keys });

/** Signs the claims of a key for a role. */
type SignKey = (role: string) => string;

const signWith =
  (auth: SupabaseConfig['auth'], [key]: readonly PrivateJwk[]): SignKey =>
  (role) =>
    key === undefined
      ? signToken(auth.jwtSecret, { iss: 'supabase-demo', role, exp: DEMO_EXPIRY })
      : signTokenWithKey(key, { iss: 'supabase-demo', role, exp: now() + TEN_YEARS });

const now = (): number => Math.floor(Date.now() / 1000);

/**
 * @param loginUri the login of the API; a `db-uri` of the environment never counts in development, since it may
 * well lead to production
 */
export const loadSupabaseSettings = async (
  folder: SupabaseFolder,
  loginUri: string,
  port: number,
): Promise<DevelopmentSettings> => {
  const { api, auth } = folder.config;
  const keys = await loadSigningKeys(auth.signingKeysPath);
  const projectSecret = renderSecret(auth, keys);
  const sources = {
    env: process.env,
    file: folder.settings ?? undefined,
    project: {
      place: `file ${folder.prefix}config.toml`,
      values: {
        'db-schemas': api.schemas,
        'db-extra-search-path': api.extraSearchPath,
        'db-max-rows': api.maxRows,
        'db-anon-role': 'anon',
        'jwt-secret': projectSecret,
        'api-keys': [`${auth.publishableKey}=anon`, `${auth.secretKey}=service_role`],
        'require-rls': 'warn',
        'graphql-introspection': ['*'],
        'graphql-ui': true,
        'docs-enabled': true,
        // what reads the root there knows no other
        'openapi-version': '2.0',
      },
    },
    flags: { 'db-uri': loginUri, 'server-host': 'localhost', 'server-port': port },
  };
  const load: LoadConfig = (database) => loadConfig({ ...sources, database });
  const config = load([]);
  const opaque = { publishable: auth.publishableKey, secret: auth.secretKey };
  if (config.jwtSecret === projectSecret) {
    const sign = signWith(auth, keys);
    return {
      config,
      load,
      keys: {
        anon: auth.anonKey ?? sign('anon'),
        service: auth.serviceRoleKey ?? sign('service_role'),
        ...opaque,
      },
    };
  }
  // another secret (AURA_JWT_SECRET, say): keys of the project would be refused
  const secret = signingSecret(config);
  if (secret === null) return { config, load, keys: null };
  const sign = (role: string): string => signToken(secret, { iss: 'aura', role, exp: now() + TEN_YEARS });
  return { config, load, keys: { anon: sign('anon'), service: sign('service_role'), ...opaque } };
};
