/**
 * Runs a file of a Supabase project as its own database would: as the role `postgres`, in one transaction. What
 * Supabase's extensions let that role do although it is no superuser (install extensions, make event triggers) is
 * done for it. A statement that needs an extension which this server lacks is left out and reported.
 */
import type { Connection } from '../execute/connection.ts';
import type { Script } from './folder.ts';
import { explainStatementError, isDatabaseError } from './script-error.ts';
import { leadingWords, lineOf, type Statement, splitStatements, tokensOf } from './statements.ts';
import { extensionOf, type Lacking, type LeftOut, madeBy } from './supabase-extensions.ts';

/** Statements by what has to be done about them. */
type StatementKind = 'ordinary' | 'begin' | 'commit' | 'rollback' | 'extension' | 'privileged';

/** Which kind a statement is of. `privileged`: what Supabase lets `postgres` do although only a superuser may. */
const kindOf = ({ text }: Statement): StatementKind => {
  const words = leadingWords(text, 4);
  const [first = '', second = '', third = ''] = words;
  switch (first) {
    case 'begin':
      return 'begin';
    case 'start':
      return second === 'transaction' ? 'begin' : 'ordinary';
    case 'commit':
    case 'end':
      return second === 'prepared' ? 'ordinary' : 'commit';
    case 'rollback':
    case 'abort':
      return words.includes('to') || second === 'prepared' ? 'ordinary' : 'rollback';
    case 'create':
      if (second === 'event' && third === 'trigger') return 'privileged';
      if (second === 'publication' && isForMany(text)) return 'privileged';
      return second === 'extension' ? 'extension' : 'ordinary';
    case 'alter':
    case 'drop':
      if (second === 'event' && third === 'trigger') return 'privileged';
      return second === 'extension' ? 'extension' : 'ordinary';
    case 'comment':
      return second === 'on' && third === 'extension' ? 'extension' : 'ordinary';
    default:
      return 'ordinary';
  }
};

/** Whether a publication is to hold all tables, or those of a schema. */
const isForMany = (text: string): boolean => {
  const words = [...tokensOf(text)].map(({ value }) => value).join(' ');
  return /\bfor (?:all tables|tables in schema)\b/.test(words);
};

/** As the login: the superuser. */
const AS_LOGIN = 'reset session authorization';
const AS_OWNER = 'set session authorization postgres';

/** Puts the session as a new one of `postgres` would be: whatever a file has set is gone. */
export const beginAsOwner = async (connection: Connection): Promise<void> => {
  await connection.query(`${AS_LOGIN}; reset all; ${AS_OWNER}; begin`);
};

/** Runs something as the login, within the transaction. If it fails, so does the transaction. */
export const asLogin = async <T>(connection: Connection, work: () => Promise<T>): Promise<T> => {
  await connection.query(AS_LOGIN);
  const result = await work();
  await connection.query(AS_OWNER);
  return result;
};

/** Undoes all, if the connection still lives: if not, the first error says so. */
export const abandon = async (connection: Connection): Promise<void> => {
  await connection.query(`rollback; ${AS_LOGIN}; reset all`).catch(() => undefined);
};

/** `postgres` may use the foreign data wrappers of extensions that were installed for it. */
const GRANT_WRAPPERS = `
  do $$
  declare
    wrapper name;
  begin
    for wrapper in select fdwname from pg_foreign_data_wrapper loop
      execute format('grant usage on foreign data wrapper %I to postgres', wrapper);
    end loop;
  end
  $$`;

interface Run {
  readonly connection: Connection;
  readonly script: Script;
  readonly lacking: Lacking;
  readonly leftOut: LeftOut[];
  /** The line of the last `commit` in the file; null while nothing of it can stay if it fails. */
  committedAt: number | null;
}

const fail = (run: Run, statement: Statement, error: unknown, prefix = ''): never => {
  throw explainStatementError(run.script, statement, error, { committedAt: run.committedAt, prefix });
};

const leaveOut = (run: Run, statement: Statement, extension: string): void => {
  const { script, lacking, leftOut } = run;
  const one: LeftOut = {
    script: script.name,
    line: lineOf(script.text, statement.start),
    extension,
    statement: statement.text,
    makes: madeBy(statement.text),
  };
  lacking.note(one);
  leftOut.push(one);
};

/** In one trip with the statement. It is undone alone where it is to be left out: sequences would not run back. */
const SAVEPOINT = 'savepoint aura;';

const runOrdinary = async (run: Run, statement: Statement): Promise<void> => {
  const { connection, lacking } = run;
  try {
    await connection.query(`${SAVEPOINT}${statement.text};release aura`);
  } catch (error) {
    const extension = isDatabaseError(error) ? lacking.reasonFor(error.code, error.message) : null;
    if (extension === null) return fail(run, statement, error, SAVEPOINT);
    await connection.query('rollback to aura; release aura');
    leaveOut(run, statement, extension);
  }
};

const runAsLogin = async (run: Run, statement: Statement): Promise<void> => {
  try {
    await asLogin(run.connection, () => run.connection.query(statement.text));
  } catch (error) {
    fail(run, statement, error);
  }
};

const runExtension = async (run: Run, statement: Statement): Promise<void> => {
  const { connection, lacking } = run;
  const extension = extensionOf(statement.text) ?? '';
  const isDrop = leadingWords(statement.text, 1)[0] === 'drop';
  if (isDrop || lacking.isAvailable(extension)) {
    await runAsLogin(run, statement);
    await asLogin(connection, () => connection.query(GRANT_WRAPPERS));
  } else if (!lacking.isProvided(extension)) {
    leaveOut(run, statement, extension);
  }
};

const runSpecial = async (run: Run, statement: Statement, kind: StatementKind): Promise<void> => {
  switch (kind) {
    case 'extension':
      return runExtension(run, statement);
    case 'privileged':
      return runAsLogin(run, statement);
    case 'commit':
    case 'rollback': {
      // the file ends a transaction: the next one begins at once, since a file never runs without
      await run.connection.query(kind).catch((error: unknown) => fail(run, statement, error));
      if (kind === 'commit') run.committedAt = lineOf(run.script.text, statement.start);
      await run.connection.query('begin');
      return;
    }
    // it has begun already
    default:
  }
};

/**
 * Runs a script within the transaction that `beginAsOwner` began. What the script begins and commits itself is
 * committed.
 * @returns what was left out
 * @throws StartError naming file and line
 */
export const runScript = async (
  connection: Connection,
  script: Script,
  lacking: Lacking,
): Promise<readonly LeftOut[]> => {
  const run: Run = { connection, script, lacking, leftOut: [], committedAt: null };
  for (const statement of splitStatements(script.text)) {
    const kind = kindOf(statement);
    if (kind === 'ordinary') await runOrdinary(run, statement);
    else await runSpecial(run, statement, kind);
  }
  return run.leftOut;
};
