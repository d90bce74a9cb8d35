/**
 * Facts about other processes of this machine: is it alive, what is it, is it the same one as before. Linux
 * answers from /proc; elsewhere `ps` does. A zombie counts as dead: it holds nothing any more.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const ps = async (pid: number, column: string): Promise<string | null> => {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', `${column}=`, '-p', String(pid)]);
    return stdout.trim() || null;
  } catch {
    // ps exits with 1 where no such process is
    return null;
  }
};

/** The fields of /proc/PID/stat after the command's name, which may itself hold spaces and parentheses. */
const stat = async (pid: number): Promise<string[] | null> => {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
};

/**
 * A text that tells one process from any other that later gets the same id: its start time. `null` when no such
 * process is alive.
 */
export const processBirth = async (pid: number): Promise<string | null> => {
  if (process.platform !== 'linux') {
    const [state, birth] = await Promise.all([ps(pid, 'state'), ps(pid, 'lstart')]);
    return state === null || state.startsWith('Z') ? null : birth;
  }
  const fields = await stat(pid);
  return fields === null || fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
};

/** Whether a process of this id is there and is not a zombie. */
export const isAlive = async (pid: number): Promise<boolean> => (await processBirth(pid)) !== null;

/** The command line of a process, arguments separated by one space; `null` when it is gone. */
export const commandLine = async (pid: number): Promise<string | null> => {
  if (process.platform !== 'linux') return ps(pid, 'command');
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ').trim() || null;
  } catch {
    return null;
  }
};

/**
 * Waits until a process is gone.
 * @param milliseconds how long at most
 * @returns whether it went
 */
export const waitForExit = async (pid: number, milliseconds: number): Promise<boolean> => {
  const deadline = performance.now() + milliseconds;
  while (await isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await delay(10);
  }
  return true;
};
