/**
 * The statements of sql/config against PostgreSQL: what the database says of settings becomes configuration.
 */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRoleSettings, type RoleSetting } from '../../server/config/role-settings.ts';
import type { DatabaseSetting } from '../../server/config/sources.ts';
import { type Config, databaseSettingNames, loadConfig } from '../../server/config.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const sql = (name: string): string =>
  readFileSync(new URL(`../../sql/config/${name}.sql`, import.meta.url), 'utf8');

let database: TestDatabase;
let client: pg.Client;
// Roles belong to the whole server: this one is the test's alone, since others log in as authenticator.
const role = `settings_login_${process.pid}`;

beforeAll(async () => {
  database = await createDatabase();
  await database.query(`
    create role ${role} noinherit;
    create role ${role}_web; create role ${role}_batch; create role ${role}_stranger;
    grant ${role}_web, ${role}_batch to ${role};
    alter role ${role}_web set statement_timeout = '5s';
    alter role ${role}_web set default_transaction_isolation = 'serializable';
    alter role ${role}_web set log_statement = 'all';
    alter role ${role}_batch set work_mem = '8MB';
    alter role ${role}_stranger set work_mem = '9MB';
    create schema api;
    create function api.pre_config() returns void language sql as $$
      select set_config('pgrst.db_max_rows', '5', true), set_config('pgrst.jwt_aud', 'by function', true);
    $$;
    grant usage on schema api to ${role};
    alter role ${role} set pgrst.db_schemas = 'a=b, c';
    alter role ${role} set pgrst.jwt_aud = 'by role';
    alter role ${role} set pgrst.server_port = '1';
    alter role ${role} set aura.db_max_filters = '7';
  `);
  await database.query(`
    do $$ begin
      execute format('alter role ${role} in database %I set pgrst.jwt_aud = %L', current_database(), 'by role in database');
      execute format('alter database %I set pgrst.db_anon_role = %L', current_database(), 'by database');
    end $$;
  `);
  // As if the role had logged in itself.
  client = new pg.Client(database.uri);
  await client.connect();
  await client.query(`set session authorization ${role}`);
});
afterAll(async () => {
  await client.end();
  await database.query(
    `drop owned by ${role}; drop role ${role}_web, ${role}_batch, ${role}_stranger; drop role ${role};`,
  );
  await database.close();
});

/** The configuration that the database gives, with or without its function. */
const loadFromDatabase = async (preConfig: boolean): Promise<Config> => {
  await client.query('begin');
  if (preConfig) await client.query('select api.pre_config()');
  const { rows } = await client.query<DatabaseSetting>(sql('settings'), [databaseSettingNames, preConfig]);
  await client.query('commit');
  return loadConfig({ env: { PGRST_DB_MAX_ROWS: '1', PGRST_SERVER_PORT: '2' }, database: rows });
};

describe('settings in the database', () => {
  test('of the login role win over the environment, those for this database most of all', async () => {
    expect(await loadFromDatabase(false)).toMatchObject({
      dbSchemas: ['a=b', 'c'],
      jwtAud: 'by role in database',
      dbMaxFilters: 7,
      dbMaxRows: 1,
      dbAnonRole: null,
      serverPort: 2,
    });
  });

  test('by a function count where the role has none of its own', async () => {
    expect(await loadFromDatabase(true)).toMatchObject({ dbMaxRows: 5, jwtAud: 'by role in database' });
  });

  test('of the roles that requests run as are found, but for those that only a superuser may set', async () => {
    const { rows } = await client.query<RoleSetting>(sql('role-settings'));
    expect([...parseRoleSettings(rows)]).toEqual([
      [`${role}_batch`, { isolation: null, settings: [['work_mem', '8MB']] }],
      [`${role}_web`, { isolation: 'serializable', settings: [['statement_timeout', '5s']] }],
    ]);
  });
});
