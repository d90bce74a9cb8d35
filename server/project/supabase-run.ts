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
type StatementKind = 'ordinary' | 'begin' | 'commit' | 'rollback' | 'alone' | 'extension' | 'privileged';

/**
 * Which kind a statement is of. `privileged`: what Supabase lets `postgres` do although only a superuser may;
 * `alone`: what PostgreSQL runs outside of transactions only.
 */
const kindOf = ({ text }: Statement): StatementKind => {
  const words = leadingWords(text, 4);
  const [first = '', second = '', third = ''] = words;
  if (first === 'vacuum' || isConcurrent(words, text)) return 'alone';
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
      if (second === 'publication' || (second === 'event' && third === 'trigger')) return 'privileged';
      return second === 'extension' ? 'extension' : 'ordinary';
    case 'comment':
      return second === 'on' && third === 'extension' ? 'extension' : 'ordinary';
    default:
      return 'ordinary';
  }
};

/** Whether an index is to be made, dropped or made anew beside other work, or a partition taken off so. */
const isConcurrent = ([first = '', second = '', third = '']: readonly string[], text: string): boolean => {
  const concerns = first === 'create' && second === 'unique' ? third : second;
  if (first === 'reindex' || (['create', 'drop'].includes(first) && concerns === 'index')) {
    return hasWord(text, 'concurrently');
  }
  return first === 'alter' && second === 'table' && hasWord(text, 'detach') && hasWord(text, 'concurrently');
};

const hasWord = (text: string, word: string): boolean => {
  for (const { kind, value } of tokensOf(text)) if (kind === 'word' && value === word) return true;
  return false;
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
  await connection.query(`${AS_LOGIN}; reset all; ${AS_OWNER}`);
  // in one message with the others, it would make them part of the transaction: a rollback would undo them
  await connection.query('begin');
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
  /** The line before which all is committed; null while nothing of the file can stay if it fails. */
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

/** Leaves a statement out if that is what its error asks for; else ends the run with the error. */
const judge = (run: Run, statement: Statement, error: unknown, prefix: string): void => {
  const extension = isDatabaseError(error) ? run.lacking.reasonFor(error.code, error.message) : null;
  if (extension === null) fail(run, statement, error, prefix);
  else leaveOut(run, statement, extension);
};

const runOrdinary = async (run: Run, statement: Statement): Promise<void> => {
  try {
    await run.connection.query(`${SAVEPOINT}${statement.text};release aura`);
  } catch (error) {
    judge(run, statement, error, SAVEPOINT);
    await run.connection.query('rollback to aura; release aura');
  }
};

const runAsLogin = (run: Run, statement: Statement): Promise<void> =>
  asLogin(run.connection, () => runOrdinary(run, statement));

/** Whoever ends a transaction begins the next one: a file never runs without. */
const endTransaction = async (run: Run, statement: Statement, how: 'commit' | 'rollback'): Promise<void> => {
  try {
    await run.connection.query(how);
  } catch (error) {
    fail(run, statement, error);
  }
};

/** Between two transactions. */
const runAlone = async (run: Run, statement: Statement): Promise<void> => {
  const { connection, script } = run;
  await endTransaction(run, statement, 'commit');
  const before = lineOf(script.text, statement.start);
  if (script.text.slice(0, statement.start).trim() !== '') run.committedAt = before;
  try {
    await connection.query(statement.text);
    run.committedAt = lineOf(script.text, statement.end) + 1;
  } catch (error) {
    judge(run, statement, error, '');
  }
};

const runExtension = async (run: Run, statement: Statement): Promise<void> => {
  const { connection, lacking } = run;
  const extension = extensionOf(statement.text) ?? '';
  const isHarmless = leadingWords(statement.text, 3).join(' ') === 'drop extension if';
  if (isHarmless || lacking.isAvailable(extension)) {
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
    case 'alone':
      await runAlone(run, statement);
      break;
    case 'commit':
    case 'rollback':
      await endTransaction(run, statement, kind);
      if (kind === 'commit') run.committedAt = lineOf(run.script.text, statement.end) + 1;
      break;
    default: // it has begun already
      return;
  }
  await run.connection.query('begin');
};

/**
 * Runs a script within the transaction that `beginAsOwner` began. What the script begins and commits itself is
 * committed.
 * @param leftOut what is left out is added here
 * @throws StartError naming file and line
 */
export const runScript = async (
  connection: Connection,
  script: Script,
  lacking: Lacking,
  leftOut: LeftOut[],
): Promise<void> => {
  const run: Run = { connection, script, lacking, leftOut, committedAt: null };
  for (const statement of splitStatements(script.text)) {
    const kind = kindOf(statement);
    if (kind === 'ordinary') await runOrdinary(run, statement);
    else await runSpecial(run, statement, kind);
  }
};
