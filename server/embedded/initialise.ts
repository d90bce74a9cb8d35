/**
 * Makes the data folder. initdb works in `data.new`, which becomes `data` by a rename when all is done: a start
 * that was killed half-way leaves something that the next one sweeps away.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Account } from './account.ts';
import { type Binaries, runAs } from './binaries.ts';
import { explainFailure } from './failure.ts';
import { makePrivate } from './folder.ts';

/** The file in the home that keeps the superuser's password. */
export const PASSWORD_FILE = 'password';

/** The file in the home that keeps the superuser's name; a home without it was made for `postgres`. */
export const SUPERUSER_FILE = 'superuser';

const runInitdb = async (
  binaries: Binaries,
  args: string[],
  account: Account | null,
): Promise<string | null> => {
  const child = spawn(binaries.initdb, args, { ...runAs(account), stdio: ['ignore', 'ignore', 'pipe'] });
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [stderr, code] = await Promise.all([text(child.stderr), exit]);
  return code === 0 ? null : stderr;
};

/**
 * Makes `data/` and the superuser's password in a home.
 * The collation is PostgreSQL's own C.UTF-8, so that text sorts alike on every machine.
 * @throws StartError if initdb fails
 */
export const initialise = async (
  home: string,
  binaries: Binaries,
  account: Account | null,
  superuser: string,
): Promise<void> => {
  const fresh = join(home, 'data.new');
  // initdb reads the password as PostgreSQL's account, which sees nothing else in the home
  const forInitdb = join(home, 'password.new');
  const password = randomBytes(24).toString('base64url');
  await rm(fresh, { recursive: true, force: true });
  await rm(forInitdb, { force: true });
  try {
    await makePrivate(fresh, account);
    await writeFile(forInitdb, password, { mode: 0o600, flag: 'wx' });
    if (account !== null) await chown(forInitdb, account.uid, account.gid);
    const failure = await runInitdb(
      binaries,
      [
        ...['--pgdata', fresh, '--username', superuser, '--pwfile', forInitdb],
        ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C'],
        ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
        ...['--no-sync', '--no-instructions'],
      ],
      account,
    );
    if (failure !== null) throw explainFailure(failure, "Making PostgreSQL's data folder", home);
    await writeFile(join(home, PASSWORD_FILE), password, { mode: 0o600 });
    await writeFile(join(home, SUPERUSER_FILE), superuser);
    await rename(fresh, join(home, 'data'));
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(forInitdb, { force: true });
  }
};
