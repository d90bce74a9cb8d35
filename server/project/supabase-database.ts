/**
 * The database that the SQL of a Supabase project presumes: roles, privileges, the schemas of the services
 * (sql/supabase, in our own words). Each file runs where it is new or has changed; on a database that Supabase has
 * made itself nothing is touched, and the start refused.
 */
import { readdir, readFile } from 'node:fs/promises';
import { settings } from '../config.ts';
import { StartError } from '../errors/start.ts';
import type { Connection } from '../execute/connection.ts';
import { repositoryFile } from '../host/files.ts';
import { installCapture } from './capture.ts';
import { installChannels } from './channels.ts';
import { loadScript } from './folder.ts';
import { prepareRoles } from './roles.ts';
import type { SupabaseConfig } from './supabase-config.ts';
import { describeLeftOut, type LeftOut, loadLacking } from './supabase-extensions.ts';

/** The superuser of a server that Aura runs for such a project, as in Supabase's image. */
export const SUPABASE_SUPERUSER = 'supabase_admin';
/** The password that Supabase's command line gives `postgres`; on loopback only, and no superuser here. */
const POSTGRES_PASSWORD = 'postgres';

const ROLES = '1-roles.sql';
const EXTENSIONS = ['pgcrypto', 'uuid-ossp'];

/** @throws StartError unless this is a database that may become a Supabase project's */
const requireOwnDatabase = async (connection: Connection): Promise<void> => {
  const [facts] = await connection.query(`
    select
      (select rolsuper from pg_roles where rolname = current_user) as superuser,
      to_regclass('auth.users') is not null and to_regclass('aura.migrations') is null as foreign`);
  if (facts?.['foreign'] === true) {
    throw new StartError(
      'This database has a schema auth that Aura did not make: it looks like one of Supabase itself.',
      'Name an empty database with --db-uri, or none for the embedded one. To serve this one as it is, use `aura start`, which changes nothing.',
    );
  }
  if (facts?.['superuser'] !== true) {
    throw new StartError(
      'The roles and schemas of a Supabase project take a superuser, and the login of --db-uri is none.',
      'Use a superuser of a server for development, or leave --db-uri out for the embedded one.',
    );
  }
};

const runFiles = async (connection: Connection, folder: string): Promise<void> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql') && name !== ROLES).sort();
  for (const name of names) {
    const { text, checksum } = await loadScript(folder, name);
    const recorded = `aura:supabase/${name}`;
    const [before] = await connection.query('select checksum from aura.migrations where name = $1', [
      recorded,
    ]);
    if (before?.['checksum'] === checksum) continue;
    // several statements in one text are one transaction
    await connection.query(text);
    await connection.query(
      `insert into aura.migrations (name, checksum) values ($1, $2)
       on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()`,
      [recorded, checksum],
    );
  }
};

/** Every parameter that names a setting of the API, so that `postgres` may set it on roles. */
const GRANT_PARAMETERS = `
  do $$
  declare
    parameter text;
  begin
    foreach parameter in array string_to_array(current_setting('aura.parameters'), ',') loop
      if not has_parameter_privilege('postgres', parameter, 'set') then
        execute format('grant set on parameter %s to postgres', parameter);
      end if;
    end loop;
  end
  $$;
  reset aura.parameters`;

const grantParameters = async (connection: Connection): Promise<void> => {
  const names = Object.keys(settings).map((name) => name.replaceAll('-', '_'));
  const parameters = names.flatMap((name) => [`pgrst.${name}`, `aura.${name}`]);
  await connection.query("select set_config('aura.parameters', $1, false)", [parameters.join(',')]);
  await connection.query(GRANT_PARAMETERS);
};

/** What new tables, sequences and functions of `postgres` in `public` grant by themselves. */
const setDefaultPrivileges = async (connection: Connection, expose: boolean): Promise<void> => {
  const change = expose ? 'grant all on' : 'revoke all on';
  const roles = `${expose ? 'to' : 'from'} anon, authenticated, service_role`;
  for (const kind of ['tables', 'sequences', 'routines']) {
    await connection.query(
      `alter default privileges for role postgres in schema public ${change} ${kind} ${roles}`,
    );
  }
};

const createExtensions = async (connection: Connection): Promise<readonly string[]> => {
  const lacking = await loadLacking(connection, []);
  const leftOut: LeftOut[] = [];
  for (const extension of EXTENSIONS) {
    const statement = `create extension if not exists "${extension}" with schema extensions`;
    if (lacking.isAvailable(extension)) await connection.query(statement);
    else leftOut.push({ script: 'sql/supabase', line: 1, extension, statement, makes: [] });
  }
  return describeLeftOut(leftOut, lacking.isAvailable);
};

/** What only a server of the project's own gets: the password that everyone knows, and the settings of the database. */
const OWN_SERVER = `
  do $$
  begin
    execute format('alter role postgres password %L', current_setting('aura.password'));
    execute format('alter database %I owner to postgres', current_database());
    execute format(
      'alter database %I set "app.settings.jwt_secret" to %L', current_database(), current_setting('aura.jwt_secret')
    );
    execute format(
      'alter database %I set "app.settings.jwt_exp" to %L', current_database(), current_setting('aura.jwt_exp')
    );
  end
  $$;
  reset aura.password;
  reset aura.jwt_secret;
  reset aura.jwt_exp`;

const ownServer = async (connection: Connection, auth: SupabaseConfig['auth']): Promise<void> => {
  await connection.query(
    "select set_config('aura.password', $1, false), set_config('aura.jwt_secret', $2, false), set_config('aura.jwt_exp', $3, false)",
    [POSTGRES_PASSWORD, auth.jwtSecret, String(auth.jwtExpiry)],
  );
  await connection.query(OWN_SERVER);
};

export interface PreparedDatabase {
  /** Connects the API. */
  readonly login: string;
  readonly warnings: readonly string[];
}

/**
 * Makes the database of a Supabase project, or brings it up to date.
 * @param connection a superuser's
 * @param uri where it leads
 * @param password for `authenticator`
 * @param ownsServer whether the server is this project's alone
 */
export const prepareSupabaseDatabase = async (
  connection: Connection,
  uri: string,
  password: string,
  ownsServer: boolean,
  config: SupabaseConfig,
): Promise<PreparedDatabase> => {
  await requireOwnDatabase(connection);
  const login = await prepareRoles(connection, uri, password, ownsServer, `sql/supabase/${ROLES}`);
  if (ownsServer) await ownServer(connection, config.auth);
  for (const file of ['ledger.sql', 'ddl-notice.sql']) {
    await connection.query(await readFile(repositoryFile(`sql/project/${file}`), 'utf8'));
  }
  await runFiles(connection, repositoryFile('sql/supabase'));
  const capture = [...(await installCapture(connection)), ...(await installChannels(connection))];
  await grantParameters(connection);
  await setDefaultPrivileges(connection, config.api.autoExposeNewTables);
  return { login, warnings: [...capture, ...(await createExtensions(connection))] };
};

/** The address of a server of ours for tools: as `postgres`, with the password that they expect. */
export const supabaseUriFor = (tcpUri: string): string => {
  const url = new URL(tcpUri);
  url.username = 'postgres';
  url.password = POSTGRES_PASSWORD;
  return url.href;
};
