/**
 * One Aura per data folder: a file that names the process which has it. A holder that died (`kill -9`, power)
 * is recognised by its process id and start time together, so that a reused id does not keep the folder shut.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { StartError, systemCode } from '../errors/start.ts';
import { processBirth } from '../host/process.ts';

const loadHolder = async (file: string): Promise<{ pid: number; birth: string } | null> => {
  try {
    const [pid, ...birth] = (await readFile(file, 'utf8')).trim().split(' ');
    return { pid: Number(pid), birth: birth.join(' ') };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
};

/**
 * Takes the lock.
 * @returns a function that gives it back
 * @throws StartError while a living process has it
 */
export const holdLock = async (file: string): Promise<() => Promise<void>> => {
  const mine = `${process.pid} ${await processBirth(process.pid)}`;
  for (;;) {
    try {
      await writeFile(file, mine, { flag: 'wx', mode: 0o600 });
      return () => rm(file, { force: true });
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    const holder = await loadHolder(file);
    if (holder !== null && (await processBirth(holder.pid)) === holder.birth) {
      throw new StartError(
        `Another Aura (process ${holder.pid}) is using this data folder: it holds ${file}.`,
        'Stop it first, or choose another folder with --data-dir.',
      );
    }
    await rm(file, { force: true });
  }
};
