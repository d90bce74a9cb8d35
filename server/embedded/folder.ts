/**
 * The folders of the embedded server. Its home holds the data (`data/`), the superuser's password, the log and
 * the lock; where root started Aura the home stays root's and only `data/` and `socket/` belong to PostgreSQL's
 * account. A home that the account cannot reach is kept elsewhere, always at the same place.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, lstat, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { StartError, systemCode } from '../errors/start.ts';
import { type Account, accountName, canReach } from './account.ts';

/** The major version of the embedded PostgreSQL, as PG_VERSION has it. */
export const MAJOR = '18';

const OTHER_FOLDER = 'Choose another folder with --data-dir, or another database with --db-uri.';

/** Whether a folder is there, is this process's own, and nobody else may write to it. */
const isOurs = async (path: string): Promise<boolean> => {
  const found = await lstat(path);
  return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
};

/**
 * A folder of this name that the account can reach and nobody but us can change.
 * @throws StartError if this machine has no place for it
 */
export const reachableFolder = async (account: Account | null, name: string): Promise<string> => {
  const bases =
    account === null
      ? [join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'aura'), join(tmpdir(), 'aura')]
      : ['/var/lib/aura', join(tmpdir(), 'aura')];
  for (const base of bases) {
    try {
      await mkdir(base, { recursive: true, mode: 0o755 });
    } catch (error) {
      // a read-only system has no /var/lib to write to: the next place
      if (['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) continue;
      throw error;
    }
    if ((await isOurs(base)) && (account === null || (await canReach(account, base))))
      return join(base, name);
  }
  throw new StartError(
    `There is no folder that PostgreSQL${account === null ? '' : ` (as user ${account.name})`} can reach; tried ${bases.join(' and ')}.`,
    OTHER_FOLDER,
  );
};

/** The home to use for a requested one: itself, or its stand-in where the account cannot reach it. */
export const placeHome = async (requested: string, account: Account | null): Promise<string> => {
  const home = resolve(requested);
  // data that is there is never replaced by an empty folder elsewhere: whose it is will be looked at next
  if (account === null || existsSync(join(home, 'data')) || (await canReach(account, home))) return home;
  const hash = createHash('sha256').update(home).digest('hex').slice(0, 12);
  // .../tracks/.aura/postgres is known as tracks
  const telling = home.split(sep).findLast((part) => part !== 'postgres' && !part.startsWith('.'));
  return reachableFolder(account, `${(telling ?? '').replaceAll(/[^\w-]/g, '')}-${hash}`);
};

const requireOwner = async (path: string, uid: number): Promise<void> => {
  const found = await stat(path);
  if (found.uid === uid) return;
  const [has, wants] = await Promise.all([accountName(found.uid), accountName(uid)]);
  throw new StartError(
    `The data folder ${path} belongs to ${has}, but here it must belong to ${wants}.`,
    `Start Aura as ${has}, give the folder away (chown -R ${wants} ${path}), or choose another: --data-dir.`,
  );
};

const requireVersion = async (data: string): Promise<void> => {
  const version = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim();
  if (version === MAJOR) return;
  throw new StartError(
    `The data folder ${data} was made by PostgreSQL ${version}; the embedded server is PostgreSQL ${MAJOR} and cannot read it.`,
    `Dump it with PostgreSQL ${version} and load it into a new folder (--data-dir), or run that server and use --db-uri.`,
  );
};

/**
 * Makes the home if need be and checks that it can be used.
 * @returns whether it already holds data
 * @throws StartError for a wrong owner, another version's data, or a folder of something else
 */
export const openHome = async (home: string, account: Account | null): Promise<boolean> => {
  const self = process.getuid?.() ?? 0;
  try {
    await mkdir(home, { recursive: true, mode: account === null ? 0o700 : 0o711 });
  } catch (error) {
    throw new StartError(`The data folder ${home} cannot be made: ${String(error)}.`, OTHER_FOLDER, error);
  }
  await requireOwner(home, self);
  const entries = await readdir(home);
  if (entries.includes('PG_VERSION')) {
    await requireVersion(home);
    throw new StartError(
      `The folder ${home} is a PostgreSQL data folder that Aura did not make.`,
      OTHER_FOLDER,
    );
  }
  if (entries.includes('data')) {
    await requireOwner(join(home, 'data'), account?.uid ?? self);
    await requireVersion(join(home, 'data'));
    return true;
  }
  const strangers = entries.filter((name) => !OWN_ENTRIES.has(name));
  if (strangers.length === 0) return false;
  throw new StartError(
    `The data folder ${home} holds other files (${strangers.slice(0, 3).join(', ')}).`,
    OTHER_FOLDER,
  );
};

const OWN_ENTRIES = new Set(['data.new', 'password', 'password.new', 'postgres.log', 'lock', 'socket']);

/**
 * Makes a folder that only PostgreSQL's account can enter, or takes the one that is there if it is that.
 * @throws StartError if something else has the name
 */
export const makePrivate = async (path: string, account: Account | null): Promise<void> => {
  const self = process.getuid?.() ?? 0;
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    // in the system's temporary folder anybody may have made it, or a link that leads elsewhere
    const found = await lstat(path);
    if (found.isDirectory() && [self, account?.uid ?? self].includes(found.uid)) return;
    throw new StartError(
      `${path} is in the way: it belongs to ${await accountName(found.uid)}.`,
      'Remove it.',
    );
  }
  if (account !== null) await chown(path, account.uid, account.gid);
};
