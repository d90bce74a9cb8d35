/**
 * A PostgreSQL for the tests of one file, set up as `aura dev` sets up the one of a Supabase project; a database of
 * its own for each test.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { type EmbeddedServer, startEmbedded } from '../../server/embedded.ts';
import type { ApplyOutcome } from '../../server/project/apply.ts';
import { type DevelopmentProject, openProject } from '../../server/project/development.ts';
import { SUPABASE_SUPERUSER } from '../../server/project/supabase-database.ts';
import { makeFolder, writeFiles } from '../support/folder.ts';

export interface Bench {
  /** The folder that holds `supabase/`. */
  readonly folder: string;
  readonly adminUri: string;
  /** Writes files below `supabase/`. */
  write(files: Readonly<Record<string, string>>): Promise<void>;
  open(): Promise<DevelopmentProject>;
  /** Prepares the database, where that has not happened yet, and applies what is new in the folder. */
  apply(): Promise<ApplyOutcome>;
  /** Runs SQL as the superuser, or as `postgres`, or under claims as the role that they name. */
  rows(text: string, as?: 'postgres' | Readonly<Record<string, string>>): Promise<readonly unknown[]>;
}

const below = (files: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`supabase/${name}`, text]));

/** Rows of the last statement. */
export const query = async (uri: string, text: string): Promise<readonly unknown[]> => {
  const client = new pg.Client(uri);
  await client.connect();
  try {
    const result: pg.QueryResult | pg.QueryResult[] = await client.query(text);
    return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
  } finally {
    await client.end();
  }
};

const asRole = (as: 'postgres' | Readonly<Record<string, string>>): string =>
  as === 'postgres'
    ? 'set session authorization postgres'
    : `select set_config('request.jwt.claims', '${JSON.stringify(as)}', false); set role ${as['role']}`;

/**
 * Makes a project folder beside a database that has been prepared for such projects, or is quite empty, or is shared by
 * the tests that change nothing in it.
 */
export type SetUp = (
  files: Readonly<Record<string, string>>,
  start?: 'prepared' | 'empty' | 'shared',
) => Promise<Bench>;

/** A database that is prepared once and copied for each test. */
const TEMPLATE = 'prepared';

/** Call at the top of a test file. */
export const useSupabaseServer = (): SetUp => {
  let home: string;
  let server: EmbeddedServer;
  const uriOf = (database: string): string => {
    const url = new URL(server.superuserUri);
    url.pathname = `/${database}`;
    return url.href;
  };
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'aura-test-'));
    await chmod(home, 0o755);
    const superuser = SUPABASE_SUPERUSER;
    server = await startEmbedded({ dataDir: join(home, 'pg'), port: null, throwaway: true, superuser });
    await query(server.superuserUri, `create database ${TEMPLATE}`);
    await writeFiles(home, below({ 'config.toml': '' }));
    await (await openProject(home)).prepare({ adminUri: uriOf(TEMPLATE), ownsServer: true });
  });
  afterAll(async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });
  return async (files, start = 'prepared') => {
    const folder = await makeFolder();
    await writeFiles(folder, below({ 'config.toml': 'project_id = "test"\n', ...files }));
    const name = start === 'shared' ? TEMPLATE : `t_${randomBytes(5).toString('hex')}`;
    if (start !== 'shared') {
      const template = start === 'prepared' ? TEMPLATE : 'template1';
      await query(server.superuserUri, `create database ${name} template ${template} strategy file_copy`);
      onTestFinished(async () => {
        await query(server.superuserUri, `drop database ${name} with (force)`);
      });
    }
    const adminUri = uriOf(name);
    const database = { adminUri, ownsServer: true };
    let isPrepared = false;
    return {
      folder,
      adminUri,
      write: (more) => writeFiles(folder, below(more)),
      open: () => openProject(folder),
      apply: async () => {
        const project = await openProject(folder);
        const warnings = isPrepared ? [] : (await project.prepare(database)).warnings;
        isPrepared = true;
        const outcome = await project.apply(database, () => undefined);
        return { ...outcome, warnings: [...warnings, ...outcome.warnings] };
      },
      rows: (text, as) => query(adminUri, as === undefined ? text : `${asRole(as)}; ${text}`),
    };
  };
};
