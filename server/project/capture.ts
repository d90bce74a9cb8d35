/**
 * The capture of changes (sql/realtime): brought into the database of a project, and kept in step with its
 * publications where no event trigger does that.
 */
import { readFile } from 'node:fs/promises';
import { systemCode } from '../errors/start.ts';
import type { Connection } from '../execute/connection.ts';
import { repositoryFile } from '../host/files.ts';
import { loadScript } from './folder.ts';

/** What records of Aura's own scripts in `aura.migrations` begin with. */
export const OWN = 'aura:';

const FILE = 'capture.sql';
const NAME = `${OWN}realtime/${FILE}`;

/** Brings capture to a database, or up to date there. Gives what is odd, in sentences. */
export const installCapture = async (connection: Connection): Promise<readonly string[]> => {
  const { text, checksum } = await loadScript(repositoryFile('sql/realtime'), FILE);
  const [before] = await connection.query('select checksum from aura.migrations where name = $1', [NAME]);
  if (before?.['checksum'] === checksum) return [];
  try {
    // several statements in one text are one transaction
    await connection.query(text);
    await connection.query(await readFile(repositoryFile('sql/realtime/grants.sql'), 'utf8'));
  } catch (error) {
    if (systemCode(error) !== '42501') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return [
      `Changes of tables are not captured, since the login of --db-uri may not install that: ${reason}. Have sql/realtime/${FILE} run by someone who may.`,
    ];
  }
  await connection.query(
    `insert into aura.migrations (name, checksum) values ($1, $2)
     on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()`,
    [NAME, checksum],
  );
  return [];
};

/** Makes the triggers what the publications say, where capture is installed. */
export const followPublications = async (connection: Connection): Promise<void> => {
  const [found] = await connection.query(
    "select to_regprocedure('realtime.sync()') is not null as installed",
  );
  if (found?.['installed'] === true) await connection.query('select realtime.sync()');
};
