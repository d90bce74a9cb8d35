/**
 * What channels need of a database (sql/realtime), brought into that of a project. One that has `realtime.messages`
 * of somebody else keeps it.
 */
import { systemCode } from '../errors/start.ts';
import type { Connection } from '../execute/connection.ts';
import { repositoryFile } from '../host/files.ts';
import { OWN } from './capture.ts';
import { loadScript } from './folder.ts';

const MESSAGES = 'messages.sql';
const FILES = ['channels.sql', 'channel-grants.sql'];
const NAME = `${OWN}realtime/channels`;

/** Brings channels to a database where capture is, or up to date there. Gives what is odd, in sentences. */
export const installChannels = async (connection: Connection): Promise<readonly string[]> => {
  const [state] = await connection.query(`
    select
      to_regclass('realtime.changes') is not null as captures,
      exists (
        select from pg_class
        where oid = to_regclass('realtime.messages') and relowner::regrole::text <> 'aura_realtime'
      ) as foreign`);
  if (state?.['captures'] !== true) return [];
  const names = state['foreign'] === true ? FILES : [MESSAGES, ...FILES];
  const scripts = await Promise.all(names.map((name) => loadScript(repositoryFile('sql/realtime'), name)));
  const checksum = scripts.map((script) => script.checksum).join(' ');
  const [before] = await connection.query('select checksum from aura.migrations where name = $1', [NAME]);
  if (before?.['checksum'] === checksum) return [];
  try {
    // several statements in one text are one transaction
    await connection.query(scripts.map(({ text }) => text).join('\n'));
  } catch (error) {
    if (systemCode(error) !== '42501') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return [
      `Channels are not served, since the login of --db-uri may not install what they need: ${reason}. Have ${names.map((name) => `sql/realtime/${name}`).join(', ')} run by someone who may.`,
    ];
  }
  await connection.query(
    `insert into aura.migrations (name, checksum) values ($1, $2)
     on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()`,
    [NAME, checksum],
  );
  return [];
};
