/**
 * What `aura start` refuses to start with, as pure functions over facts: guessable secrets, an admin server
 * that others can reach without a token, a login role that stands above the policies. Each finding says why
 * and what to do; all come at once. With `require-rls = off`, where the server stands in for PostgREST as
 * it was, they are warnings.
 */
import type { Catalog, Role } from './catalog/types.ts';
import { parseKeys } from './config/keys.ts';
import type { Config } from './config.ts';
import { displayName } from './names.ts';

/** One reason not to start. */
export interface StartFinding {
  readonly kind: 'refusal' | 'warning';
  readonly why: string;
  readonly remedy: string;
}

type ConfigFacts = Pick<
  Config,
  | 'jwtSecret'
  | 'jwtSecretIsBase64'
  | 'adminServerPort'
  | 'adminServerHost'
  | 'adminServerUnixSocket'
  | 'adminServerToken'
  | 'requireRls'
>;

/** Secrets that manuals, images and examples show, in lower case. */
const KNOWN_SECRETS: ReadonlySet<string> = new Set([
  'super-secret-jwt-token-with-at-least-32-characters-long',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'your-super-secret-and-long-postgres-password',
  'reallyreallyreallyreallyverysafe',
  'secret_with_at_least_32_characters',
  'this-is-a-secret-with-at-least-32-characters',
  'your-256-bit-secret',
  'a-string-secret-at-least-256-bits-long',
  'your-jwt-secret-with-at-least-32-characters',
  'your_jwt_secret_with_at_least_32_characters',
]);
const GUESSED_WORDS =
  /(?:password|passw0rd|secret|changeme|change-me|change_me|qwerty|letmein|default|example|test|admin|12345678)/g;

/** The findings that the settings alone allow. */
export function checkConfig(config: ConfigFacts): readonly StartFinding[] {
  return [...checkSecret(config), ...checkAdminServer(config)];
}

/**
 * The findings about the role that the server logs in as.
 * @param loginRole its name (`session_user`)
 */
export function checkLoginRole(
  config: Pick<Config, 'requireRls'>,
  catalog: Pick<Catalog, 'roles' | 'relations'>,
  loginRole: string,
): readonly StartFinding[] {
  const role = catalog.roles.get(loginRole);
  if (role === undefined) throw new Error(`The catalog does not know the login role ${loginRole}.`);
  const kind = severity(config);
  const findings: StartFinding[] = [];
  if (role.superuser) {
    findings.push({
      kind,
      why: `The login role "${loginRole}" is a superuser: no permission and no policy holds it back.`,
      remedy: `Create a role for the server, "create role authenticator login noinherit password '...'", grant it the roles that requests run as, and name it in db-uri.`,
    });
  } else if (role.bypassRls) {
    findings.push({
      kind,
      why: `The login role "${loginRole}" has BYPASSRLS: what runs as itself meets no policy.`,
      remedy: `Take it away with: alter role ${quoteIdentifier(loginRole)} nobypassrls.`,
    });
  }
  const owned = [...catalog.relations.values()].filter(({ owner }) => ownsAs(role, owner, catalog.roles));
  if (!role.superuser && owned.length > 0) {
    const names = owned.slice(0, 3).map(({ name }) => displayName(name));
    const more = owned.length > names.length ? ` and ${owned.length - names.length} more` : '';
    findings.push({
      kind,
      why: `The login role "${loginRole}" owns exposed relations (${names.join(', ')}${more}): policies do not bind an owner.`,
      remedy:
        'Give them to another role with "alter table ... owner to ...", and let the server log in as one that owns nothing.',
    });
  }
  return findings;
}

/**
 * What makes requests slow that need not be. PostgreSQL compiles statements that it takes for costly, which answers of
 * many parts easily are by its estimate: milliseconds of work then wait for seconds of compiling.
 */
export const checkCompiling = (compiles: boolean, loginRole: string): readonly StartFinding[] =>
  compiles
    ? [
        {
          kind: 'warning',
          why: `PostgreSQL compiles statements that look costly (jit), which often takes far longer than to run them.`,
          remedy: `Switch it off for the server: alter role ${quoteIdentifier(loginRole)} set jit = off.`,
        },
      ]
    : [];

const severity = ({ requireRls }: Pick<Config, 'requireRls'>): StartFinding['kind'] =>
  requireRls === 'off' ? 'warning' : 'refusal';

/** Whether a role is the owner or has the owner's privileges without `set role`, through any number of roles. */
function ownsAs(role: Role, owner: string, roles: ReadonlyMap<string, Role>): boolean {
  const seen = new Set([role.name]);
  const pending = [role.name];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === owner) return true;
    for (const next of roles.get(name)?.inheritsFrom ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      pending.push(next);
    }
  }
  return false;
}

/** Quoted always, so that the remedy can be pasted whatever the name. */
const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

function* checkSecret(config: ConfigFacts): Iterable<StartFinding> {
  if (config.jwtSecret === null) return;
  const secrets = sharedSecrets(config.jwtSecret, config.jwtSecretIsBase64);
  if (!secrets.some(isGuessable)) return;
  yield {
    kind: severity(config),
    why: 'jwt-secret is a secret that manuals and examples show, or a common word: whoever guesses it is any user, service_role too.',
    remedy: 'Make one with "openssl rand -base64 48", set it as jwt-secret, and sign new tokens with it.',
  };
}

/** The texts of the shared secrets in `jwt-secret`. */
const sharedSecrets = (text: string, isBase64: boolean): readonly string[] =>
  parseKeys(text, isBase64).keys.flatMap(({ secret }) => (secret === null ? [] : [secret.toString('utf8')]));

/** Known, made of few different characters, or nothing much beside words that come to everyone's mind. */
export function isGuessable(secret: string): boolean {
  const lower = secret.trim().toLowerCase();
  if (KNOWN_SECRETS.has(lower)) return true;
  const rest = lower.replaceAll(GUESSED_WORDS, '').replaceAll(/[^a-z0-9]/g, '');
  return rest.length < 8 || new Set(rest).size < 6;
}

function* checkAdminServer(config: ConfigFacts): Iterable<StartFinding> {
  const { adminServerPort: port, adminServerHost: host, adminServerToken: token } = config;
  if (port === null || config.adminServerUnixSocket !== null || token !== null || isLoopback(host)) return;
  yield {
    kind: severity(config),
    why: `The admin server would listen on ${host}:${port}, where others than this machine reach it, and asks for no token.`,
    remedy: 'Leave admin-server-host at 127.0.0.1, or set admin-server-token.',
  };
}

/** Whether an address or name means this machine only. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
