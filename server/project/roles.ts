/**
 * The roles that a project runs under: made where missing, and a login for `authenticator` that works.
 */
import { readFile } from 'node:fs/promises';
import { StartError, systemCode } from '../errors/start.ts';
import { type Connection, openConnection } from '../execute/connection.ts';
import { repositoryFile } from '../host/files.ts';

/**
 * A URI to the same place for another login. By parameters, which win over what stands before the host: a URI
 * without a host (`postgresql:///name?host=/run/postgresql`) has no room for a user there.
 * @throws StartError if it is no URI
 */
export const withLogin = (uri: string, user: string, password: string): string => {
  if (!URL.canParse(uri)) {
    throw new StartError(
      '--db-uri is not a URI.',
      'Write it as postgresql://user:password@host:5432/database.',
    );
  }
  const url = new URL(uri);
  url.username = '';
  url.password = '';
  url.searchParams.set('user', user);
  url.searchParams.set('password', password);
  return url.href;
};

/** Utility statements take no parameters, so the password goes by a setting of the session. */
const SET_PASSWORD = `
do $$
begin
  execute format('alter role authenticator login noinherit password %L', current_setting('aura.password'));
end
$$;
reset aura.password`;

const setPassword = async (connection: Connection, password: string): Promise<void> => {
  await connection.query("select set_config('aura.password', $1, false)", [password]);
  await connection.query(SET_PASSWORD);
};

const canLogIn = async (uri: string): Promise<boolean> => {
  try {
    await (await openConnection(uri)).close();
    return true;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (['28P01', '28000'].includes(systemCode(cause) ?? '')) return false;
    throw error;
  }
};

/**
 * Makes the roles where they are missing, and sees to it that `authenticator` can log in.
 * @param ownsServer whether the server is this project's alone: only then may an existing role's password change
 * @param rolesFile SQL that comes with Aura and makes the roles
 * @returns the URI with which the API logs in
 * @throws StartError if roles cannot be made, or somebody else set authenticator's password
 */
export const prepareRoles = async (
  connection: Connection,
  uri: string,
  password: string,
  ownsServer: boolean,
  rolesFile = 'policies/roles.sql',
): Promise<string> => {
  const login = withLogin(uri, 'authenticator', password);
  const [found] = await connection.query("select from pg_roles where rolname = 'authenticator'");
  try {
    await connection.query("set client_min_messages = 'warning'");
    await connection.query(await readFile(repositoryFile(rolesFile), 'utf8'));
    if (found === undefined || ownsServer) await setPassword(connection, password);
  } catch (error) {
    if (systemCode(error) !== '42501') throw error;
    throw new StartError(
      `The login of --db-uri may not make the roles of a project: ${error instanceof Error ? error.message : String(error)}.`,
      `Use a login that may (a superuser, or CREATEROLE), or have ${rolesFile} run by someone who may.`,
      error,
    );
  }
  if (ownsServer || (await canLogIn(login))) return login;
  throw new StartError(
    'This server already has a role authenticator, and its password is not the one that this project keeps.',
    'If nothing else uses it, drop it (drop role authenticator) and start again; it is then made anew.',
  );
};
