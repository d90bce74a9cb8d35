/**
 * Whom PostgreSQL runs as. It refuses root, so root drops to an account that is already there: no account is
 * ever made. What that account can reach is read off the folders' modes.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartError, systemCode } from '../errors/start.ts';

/** An account of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** In order of preference; macOS has `_postgres`. */
const UNPRIVILEGED = ['postgres', '_postgres', 'nobody'];

const loadAccounts = async (): Promise<Account[]> => {
  const accounts: Account[] = [];
  for (const line of (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) continue;
    // macOS writes nobody's id as -2; the kernel means the same 32 bits without sign
    accounts.push({ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 });
  }
  return accounts;
};

/**
 * The account to drop to, or `null` if this process is not root and PostgreSQL runs as whoever runs Aura.
 * @throws StartError where root finds none
 */
export const findServerAccount = async (): Promise<Account | null> => {
  if (process.getuid?.() !== 0) return null;
  const accounts = await loadAccounts();
  for (const name of UNPRIVILEGED) {
    const account = accounts.find((each) => each.name === name && each.uid !== 0);
    if (account !== undefined) return account;
  }
  throw new StartError(
    'PostgreSQL does not run as root, and this machine has no account "postgres" or "nobody" to run it as.',
    'Start Aura as an ordinary user, or use a database that runs elsewhere: --db-uri.',
  );
};

/** The name of a user id for messages, such as `alice` or `user 1000`. */
export const accountName = async (uid: number): Promise<string> =>
  (await loadAccounts()).find((account) => account.uid === uid)?.name ?? `user ${uid}`;

/** The real path of the deepest part of a path that exists. */
const existingPart = async (path: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    return existingPart(dirname(path));
  }
};

/** Whether an account may pass through all folders above and including what exists of a path. */
export const canReach = async (account: Account, path: string): Promise<boolean> => {
  for (let folder = await existingPart(path); ; folder = dirname(folder)) {
    const { uid, gid, mode } = await stat(folder);
    const execute = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & execute) === 0) return false;
    if (dirname(folder) === folder) return true;
  }
};
