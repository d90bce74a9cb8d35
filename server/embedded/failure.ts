/**
 * What PostgreSQL said when it did not start, as one sentence and a remedy. Its messages are read in English:
 * the programs run under LC_ALL=C.
 */
import { StartError, systemCode } from '../errors/start.ts';

interface Cause {
  readonly pattern: RegExp;
  explain(match: RegExpMatchArray, folder: string): StartError;
}

/** For a disk that took no more, whoever noticed. */
export const diskFull = (folder: string): StartError =>
  new StartError(
    `The disk is full: PostgreSQL could not write to ${folder}.`,
    'Free some space and start again (nothing is lost), or choose another disk with --data-dir.',
  );

/** Whether a system error says that the disk is full. */
export const isDiskFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');

const CAUSES: readonly Cause[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/,
    explain: (_match, folder) => diskFull(folder),
  },
  {
    pattern: /could not bind (IPv[46]) address "([^"]+)": Address already in use/,
    explain: (match) =>
      new StartError(
        `PostgreSQL's port was taken on ${match[2]} while it started.`,
        'Choose another with --db-port.',
      ),
  },
  {
    pattern: /data directory "([^"]+)" has (wrong ownership|invalid permissions)/,
    explain: (match) =>
      new StartError(
        `The data folder ${match[1]} has ${match[2]}.`,
        'Only the account that PostgreSQL runs as may own and enter it (mode 0700); or choose another: --data-dir.',
      ),
  },
  {
    pattern: /database files are incompatible with server/,
    explain: (_match, folder) =>
      new StartError(
        `The data in ${folder} was made by another build of PostgreSQL than the embedded one.`,
        'Choose another folder with --data-dir, or another database with --db-uri.',
      ),
  },
  {
    pattern:
      /could not (?:create shared memory segment|map anonymous shared memory|resize shared memory)[^\n]*/,
    explain: (match) =>
      new StartError(
        `PostgreSQL got no shared memory: ${match[0]}.`,
        'Give the machine or container more memory (/dev/shm).',
      ),
  },
];

/**
 * @param output everything that initdb or postgres wrote
 * @param doing what was under way, for causes that have no sentence of their own
 */
export const explainFailure = (output: string, doing: string, folder: string): StartError => {
  for (const cause of CAUSES) {
    const match = output.match(cause.pattern);
    if (match !== null) return cause.explain(match, folder);
  }
  const lines = output.trim().split('\n');
  const fatal = lines.filter((line) => /FATAL|PANIC|error:/.test(line));
  const said = (fatal.length > 0 ? fatal : lines).slice(-3).join('\n  ');
  return new StartError(`${doing} failed: ${said || 'PostgreSQL said nothing'}`, `Its log is in ${folder}.`);
};
