/**
 * Brings a database to where a Supabase project folder is: `roles.sql` once, each new migration in a transaction of
 * its own, each seed once. What ran is kept where Supabase's command line keeps it, which can read it and go on.
 */
import { StartError } from '../errors/start.ts';
import { type Connection, openConnection } from '../execute/connection.ts';
import type { ApplyOutcome } from './apply.ts';
import type { Script } from './folder.ts';
import { splitStatements } from './statements.ts';
import { describeLeftOut, type Lacking, type LeftOut, loadLacking } from './supabase-extensions.ts';
import type { SupabaseFolder, SupabaseMigration } from './supabase-folder.ts';
import { abandon, asLogin, beginAsOwner, runScript } from './supabase-run.ts';

const LOCK = "select pg_advisory_lock(hashtext('aura.migrations'))";
const UNLOCK = "select pg_advisory_unlock(hashtext('aura.migrations'))";
const RECORD_MIGRATION = `
  insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)`;
const RECORD_SEED = 'insert into supabase_migrations.seed_files (path, hash) values ($1, $2)';
const RECORD_ROLES = 'insert into aura.migrations (name, checksum) values ($1, $2)';
const RECORD_LEFT_OUT = `
  insert into aura.left_out (script, line, extension, statement, makes) values ($1, $2, $3, $4, $5)`;

interface State {
  /** Statements of applied migrations by version; null where whoever recorded one did not say. */
  readonly migrations: ReadonlyMap<string, readonly string[] | null>;
  /** Hashes of seeds by path. */
  readonly seeds: ReadonlyMap<string, string>;
  readonly rolesAreApplied: boolean;
  readonly leftOut: readonly LeftOut[];
}

const loadState = async (connection: Connection, folder: SupabaseFolder): Promise<State> => {
  const migrations = await connection.query(
    'select version, statements from supabase_migrations.schema_migrations order by version',
  );
  const seeds = await connection.query('select path, hash from supabase_migrations.seed_files');
  const roles = await connection.query('select from aura.migrations where name = $1', [rolesName(folder)]);
  const leftOut = await connection.query(
    'select script, line, extension, statement, makes from aura.left_out order by id',
  );
  return {
    migrations: new Map(
      migrations.map((row) => [String(row['version']), row['statements'] as readonly string[] | null]),
    ),
    seeds: new Map(seeds.map((row) => [String(row['path']), String(row['hash'])])),
    rolesAreApplied: roles.length > 0,
    leftOut: leftOut as unknown as readonly LeftOut[],
  };
};

const rolesName = ({ prefix }: SupabaseFolder): string => `${prefix}roles.sql`;

/** Supabase's command line names seeds from above its folder, which is always called so. */
const seedPath = ({ prefix }: SupabaseFolder, { name }: Script): string =>
  `supabase/${name.slice(prefix.length)}`;

const statementsOf = ({ text }: Script): readonly string[] => splitStatements(text).map((one) => one.text);

interface Work {
  readonly script: Script;
  readonly step: string;
  /** The statement that records it, and its values. */
  readonly record: readonly [text: string, values: readonly unknown[]];
}

/** One file, in one transaction with its record. What is left out is added to `all`, even if it fails. */
const applyOne = async (
  connection: Connection,
  work: Work,
  lacking: Lacking,
  all: LeftOut[],
): Promise<void> => {
  const leftOut: LeftOut[] = [];
  await beginAsOwner(connection);
  try {
    await runScript(connection, work.script, lacking, leftOut);
    await asLogin(connection, async () => {
      await connection.query(...work.record);
      for (const one of leftOut) {
        await connection.query(RECORD_LEFT_OUT, [
          one.script,
          one.line,
          one.extension,
          one.statement,
          one.makes,
        ]);
      }
    });
    await connection.query('commit');
  } catch (error) {
    await abandon(connection);
    throw error;
  } finally {
    all.push(...leftOut);
  }
};

/** An error may follow from what was left out before it, without naming it. */
const withLeftOut = (error: unknown, leftOut: readonly LeftOut[], lacking: Lacking): unknown => {
  if (!(error instanceof StartError) || leftOut.length === 0) return error;
  const notes = describeLeftOut(leftOut, lacking.isAvailable).map((note) => `  ${note}`);
  return new StartError([error.message, ...notes].join('\n'), error.hint, error.cause);
};

/** What is to be done, in order. A file without a statement waits until it has one. */
const planWork = (folder: SupabaseFolder, state: State): readonly Work[] => {
  const { roles, migrations, seeds } = folder;
  const work: Work[] = [];
  if (roles !== null && !state.rolesAreApplied) {
    work.push({
      script: roles,
      step: `Applying ${roles.name}`,
      record: [RECORD_ROLES, [rolesName(folder), roles.checksum]],
    });
  }
  for (const migration of migrations.filter(({ version }) => !state.migrations.has(version))) {
    work.push({
      script: migration,
      step: `Applying ${migration.name}`,
      record: [RECORD_MIGRATION, [migration.version, migration.label, statementsOf(migration)]],
    });
  }
  for (const seed of seeds.filter((script) => !state.seeds.has(seedPath(folder, script)))) {
    work.push({
      script: seed,
      step: `Filling the database with ${seed.name}`,
      record: [RECORD_SEED, [seedPath(folder, seed), seed.checksum]],
    });
  }
  return work.filter(({ script }) => splitStatements(script.text).length > 0);
};

const wasChanged = (migration: SupabaseMigration, recorded: readonly string[] | null | undefined): boolean =>
  recorded !== null &&
  recorded !== undefined &&
  recorded.join('\n').replaceAll(/[\s;]+/g, '') !==
    statementsOf(migration)
      .join('')
      .replaceAll(/[\s;]+/g, '');

const oddities = (folder: SupabaseFolder, state: State): string[] => {
  const anew = 'it counts once you start with an empty database';
  const present = new Set(folder.migrations.map(({ version }) => version));
  const latest = [...state.migrations.keys()].at(-1) ?? '';
  return [
    ...folder.warnings,
    ...[...state.migrations.keys()]
      .filter((version) => !present.has(version) && folder.config.db.migrationsEnabled)
      .map(
        (version) =>
          `The migration ${version} was applied to this database but is no longer in the folder; what it made is still there.`,
      ),
    ...folder.migrations
      .filter((migration) => wasChanged(migration, state.migrations.get(migration.version)))
      .map(({ name }) => `${name} was changed after it had been applied; ${anew}.`),
    ...folder.migrations
      .filter(({ version }) => !state.migrations.has(version) && version < latest)
      .map(({ name }) => `${name} is older than migrations that were applied before it.`),
    ...folder.seeds
      .filter((seed) => (state.seeds.get(seedPath(folder, seed)) ?? seed.checksum) !== seed.checksum)
      .map(({ name }) => `${name} was changed after it had been applied; ${anew}.`),
  ];
};

const applyLocked = async (
  connection: Connection,
  folder: SupabaseFolder,
  onStep: (text: string) => void,
): Promise<ApplyOutcome> => {
  const state = await loadState(connection, folder);
  const lacking = await loadLacking(connection, state.leftOut);
  const ran: string[] = [];
  const leftOut = [...state.leftOut];
  for (const work of planWork(folder, state)) {
    onStep(work.step);
    try {
      await applyOne(connection, work, lacking, leftOut);
    } catch (error) {
      throw withLeftOut(error, leftOut, lacking);
    }
    ran.push(work.script.name);
  }
  const warnings = [...oddities(folder, state), ...describeLeftOut(leftOut, lacking.isAvailable)];
  return { ran, warnings };
};

/** The session's defaults, which `reset all` goes back to: `postgres` would have these. */
const withDefaults = (uri: string): string => {
  const url = new URL(uri);
  const settings = ['search_path="$user",public,extensions', 'client_min_messages=warning', 'lc_messages=C'];
  url.searchParams.set('options', settings.map((setting) => `-c ${setting}`).join(' '));
  return url.href;
};

/**
 * Applies what is new of a folder to a database that `prepareSupabaseDatabase` has prepared.
 * @param adminUri connects a superuser
 * @throws StartError naming file and line if a script fails
 */
export const applySupabaseFolder = async (
  adminUri: string,
  folder: SupabaseFolder,
  onStep: (text: string) => void,
): Promise<ApplyOutcome> => {
  const connection = await openConnection(withDefaults(adminUri));
  try {
    await connection.query(LOCK);
    return await applyLocked(connection, folder, onStep);
  } finally {
    await connection.query(UNLOCK).catch(() => undefined);
    await connection.close();
  }
};
