/**
 * Brings a database to where the project folder is: new migrations, each in a transaction of its own; the
 * policies, all in one, whenever one of them or the schema changed; the seed, once. What ran is kept in
 * `aura.migrations`. An advisory lock lets one process at a time do this; what is up to date costs one question.
 */
import { readFile } from 'node:fs/promises';
import { StartError } from '../errors/start.ts';
import type { Connection } from '../execute/connection.ts';
import { repositoryFile } from '../host/files.ts';
import { followPublications, installCapture, OWN } from './capture.ts';
import { installChannels } from './channels.ts';
import type { Project, Script } from './folder.ts';
import { explainScriptError } from './script-error.ts';

export interface ApplyOutcome {
  /** Names of the scripts that ran now, in order. */
  readonly ran: readonly string[];
  /** What is odd but hinders nothing, in sentences. */
  readonly warnings: readonly string[];
}

interface Applied {
  readonly checksum: string;
  readonly at: Date;
}

const LOCK = "select pg_advisory_lock(hashtext('aura.migrations'))";
const UNLOCK = "select pg_advisory_unlock(hashtext('aura.migrations'))";
const RECORD = `
  insert into aura.migrations (name, checksum) values ($1, $2)
  on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()`;

const loadApplied = async (connection: Connection): Promise<ReadonlyMap<string, Applied>> => {
  const rows = await connection.query('select name, checksum, applied_at from aura.migrations');
  return new Map(
    rows.map((row) => [
      String(row['name']),
      { checksum: String(row['checksum']), at: new Date(String(row['applied_at'])) },
    ]),
  );
};

/** A migration that ran is history: another text under its name would never run. */
const requireUnchanged = (project: Project, applied: ReadonlyMap<string, Applied>): void => {
  for (const script of project.migrations) {
    const before = applied.get(script.name);
    if (before === undefined || before.checksum === script.checksum) continue;
    throw new StartError(
      `${script.name} was changed after it had been applied (on ${before.at.toISOString().slice(0, 16).replace('T', ' ')} UTC), so its new text never ran.`,
      'Put the old text back and write the change as a new file behind the last one; or start with an empty database.',
    );
  }
};

/** Runs scripts in one transaction and records each. Nothing of it stays if one fails. */
const runTogether = async (connection: Connection, scripts: readonly Script[]): Promise<void> => {
  await connection.query('begin');
  try {
    for (const script of scripts) {
      try {
        await connection.query(script.text);
      } catch (error) {
        throw explainScriptError(script, error);
      }
      // a script may have changed either for the rest of the session
      await connection.query('reset role; reset search_path');
      await connection.query(RECORD, [script.name, script.checksum]);
    }
    await connection.query('commit');
  } catch (error) {
    // if the connection itself is gone the first error says so
    await connection.query('rollback').catch(() => undefined);
    throw error;
  }
};

const oddities = (project: Project, applied: ReadonlyMap<string, Applied>): string[] => {
  const present = new Set([...project.migrations, ...project.policies].map((script) => script.name));
  const gone = [...applied.keys()].filter(
    (name) => name !== project.seed?.name && !present.has(name) && !name.startsWith(OWN),
  );
  const warnings = gone.map(
    (name) =>
      `${name} was applied to this database but is no longer in the folder; what it made is still there.`,
  );
  const seed = project.seed === null ? undefined : applied.get(project.seed.name);
  if (seed !== undefined && seed.checksum !== project.seed?.checksum) {
    warnings.push(
      `${project.seed?.name} changed, but it runs only once; start with an empty database to run it again.`,
    );
  }
  return warnings;
};

const applyLocked = async (
  connection: Connection,
  project: Project,
  onStep: (text: string) => void,
): Promise<ApplyOutcome> => {
  for (const file of ['ledger.sql', 'ddl-notice.sql']) {
    await connection.query(await readFile(repositoryFile(`sql/project/${file}`), 'utf8'));
  }
  const capture = [...(await installCapture(connection)), ...(await installChannels(connection))];
  const applied = await loadApplied(connection);
  requireUnchanged(project, applied);
  const ran: string[] = [];
  const run = async (scripts: readonly Script[], step: string): Promise<void> => {
    onStep(step);
    await runTogether(connection, scripts);
    ran.push(...scripts.map((script) => script.name));
  };
  for (const script of project.migrations.filter(({ name }) => !applied.has(name))) {
    await run([script], `Applying ${script.name}`);
  }
  const changed = project.policies.some(({ name, checksum }) => applied.get(name)?.checksum !== checksum);
  // a new table may be meant by `grant ... on all tables`, so that a migration runs the policies again
  if (changed || (ran.length > 0 && project.policies.length > 0)) {
    await run(project.policies, `Applying ${project.policies.length} files of policies`);
  }
  if (project.seed !== null && !applied.has(project.seed.name)) {
    await run([project.seed], 'Filling the database with seed.sql');
  }
  if (ran.length > 0) await followPublications(connection);
  return { ran, warnings: [...capture, ...oddities(project, applied)] };
};

/**
 * Applies what is new of a project. The connection must be one that may change the schema.
 * @throws StartError naming file and line if a script fails, or the remedy if history was rewritten
 */
export const applyProject = async (
  connection: Connection,
  project: Project,
  onStep: (text: string) => void = () => undefined,
): Promise<ApplyOutcome> => {
  await connection.query("set client_min_messages = 'warning'");
  await connection.query(LOCK);
  try {
    return await applyLocked(connection, project, onStep);
  } finally {
    await connection.query(UNLOCK);
  }
};
