/**
 * PostgreSQL's parent process on one data folder: found, started, stopped. It is known by the pid file it keeps
 * and not by being our child, because a postmaster outlives an Aura that was killed.
 */
import { spawn } from 'node:child_process';
import { open, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StartError, systemCode } from '../errors/start.ts';
import { commandLine, isAlive, waitForExit } from '../host/process.ts';
import type { Account } from './account.ts';
import { runAs } from './binaries.ts';
import { diskFull, explainFailure } from './failure.ts';

/** How to run a postmaster. */
export interface PostmasterOptions {
  readonly program: string;
  readonly data: string;
  readonly args: readonly string[];
  readonly account: Account | null;
  readonly log: string;
}

const READY_WITHIN = 60_000;
/** After a kill of the postmaster its children need a moment to notice and let the shared memory go. */
const MEMORY_FREE_WITHIN = 10_000;

/** PostgreSQL's pid file: line 1 the process, line 8 its state (see the manual's "Database File Layout"). */
const loadPidFile = async (data: string): Promise<{ pid: number; state: string } | null> => {
  try {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
    return { pid: Number(lines[0]), state: (lines[7] ?? '').trim() };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
};

/**
 * The living postmaster of a data folder, or null. A pid file whose process is gone, or is something else by
 * now, is removed: PostgreSQL itself would refuse to start beside a stranger with that id.
 */
export const findPostmaster = async (data: string): Promise<number | null> => {
  const file = await loadPidFile(data);
  if (file === null) return null;
  const command = (await isAlive(file.pid)) ? await commandLine(file.pid) : null;
  if (command?.includes('postgres') && command.includes(data)) return file.pid;
  await rm(join(data, 'postmaster.pid'), { force: true });
  return null;
};

/** Whether the postmaster of this folder was started exactly so, and takes connections. */
export const runsWith = async (options: PostmasterOptions): Promise<boolean> => {
  const written = await readFile(join(options.data, 'postmaster.opts'), 'utf8').catch(() => '');
  const wanted = `${options.program} ${options.args.map((arg) => `"${arg}"`).join(' ')}`;
  return written.trim() === wanted && (await loadPidFile(options.data))?.state === 'ready';
};

/**
 * Stops a postmaster: open connections are closed, everything is written.
 * @param signal SIGINT for that; SIGQUIT for data that is thrown away anyway
 */
export const stopPostmaster = async (pid: number, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> => {
  const send = (name: NodeJS.Signals): void => {
    try {
      process.kill(pid, name);
    } catch (error) {
      if (systemCode(error) !== 'ESRCH') throw error;
    }
  };
  send(signal);
  if (await waitForExit(pid, 30_000)) return;
  // what could not be written in time is recovered from the write-ahead log by the next start
  send('SIGQUIT');
  if (await waitForExit(pid, 10_000)) return;
  throw new StartError(`PostgreSQL (process ${pid}) does not stop.`, `Stop it by hand: kill -9 ${pid}`);
};

/** One attempt. Gives the process id, or what the log says if it ended before it was ready. */
const launch = async (options: PostmasterOptions): Promise<number | { output: string }> => {
  const log = await open(options.log, 'w', 0o600);
  try {
    const child = spawn(options.program, options.args, {
      ...runAs(options.account),
      // its own session: Ctrl-C in the terminal must reach Aura only, which then stops it in order
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    let ended = false;
    child.once('error', (error) => {
      ended = true;
      void log.write(String(error)).catch(() => undefined);
    });
    child.once('exit', () => {
      ended = true;
    });
    child.unref();
    const deadline = performance.now() + READY_WITHIN;
    while (!ended && performance.now() < deadline) {
      const file = await loadPidFile(options.data);
      if (child.pid !== undefined && file?.pid === child.pid && file.state === 'ready') return child.pid;
      await delay(5);
    }
    if (!ended && child.pid !== undefined) await stopPostmaster(child.pid, 'SIGQUIT');
    return { output: await readFile(options.log, 'utf8') };
  } finally {
    await log.close();
  }
};

/**
 * Starts the postmaster and waits until it takes connections.
 * @returns its process id
 * @throws StartError with the cause as PostgreSQL gave it
 */
export const startPostmaster = async (options: PostmasterOptions): Promise<number> => {
  const deadline = performance.now() + MEMORY_FREE_WITHIN;
  for (;;) {
    const outcome = await launch(options);
    if (typeof outcome === 'number') return outcome;
    const { output } = outcome;
    if (!output.includes('pre-existing shared memory block') || performance.now() > deadline) {
      // on a full disk the log stays empty, too
      if (output === '' && (await statfs(options.data)).bavail === 0) throw diskFull(options.data);
      throw explainFailure(output, 'Starting PostgreSQL', options.data);
    }
    await delay(50);
  }
};
