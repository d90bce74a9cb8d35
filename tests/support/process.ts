/** `aura start` as a process of its own, for what only a process has: signals, exit codes, its log. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../bin/aura.mjs', import.meta.url));

export interface AuraProcess {
  readonly pid: number;
  /** Everything printed so far, on both streams. */
  readonly output: () => string;
  /** The lines of the log, parsed. */
  readonly log: () => readonly Readonly<Record<string, unknown>>[];
  /** Resolves when the output matches; rejects when the process ends before. */
  readonly printed: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly signal: (name: NodeJS.Signals) => void;
  /** Resolves with the exit code when the process has ended. */
  readonly ended: Promise<number | null>;
  /** The API's origin, once it listens. */
  readonly origin: () => Promise<string>;
  /** The admin server's origin, once it listens. */
  readonly admin: () => Promise<string>;
}

const parseLines = (text: string): Readonly<Record<string, unknown>>[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));

/**
 * Starts with these settings as environment variables (`AURA_...`), and with a configuration file if one is named.
 * Ends with the test.
 */
export const startProcess = (settings: Readonly<Record<string, string>>, file?: string): AuraProcess => {
  const env = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [
      `AURA_${name.toUpperCase().replaceAll('-', '_')}`,
      value,
    ]),
  );
  const child = spawn(process.execPath, [PROGRAM, 'start', ...(file === undefined ? [] : [file])], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const changed = new EventTarget();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      changed.dispatchEvent(new Event('output'));
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      resolve(code);
      changed.dispatchEvent(new Event('output'));
    });
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const printed = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(output);
        if (found === null && child.exitCode === null) return;
        changed.removeEventListener('output', look);
        if (found) resolve(found);
        else reject(new Error(`the process ended with ${child.exitCode} and printed:\n${output}`));
      };
      changed.addEventListener('output', look);
      look();
    });
  const listening = async (server: string): Promise<string> => {
    const pattern = new RegExp(`"address":"([^"]+)","msg":"${server} server listening"`);
    return `http://${(await printed(pattern))[1]}`;
  };
  return {
    pid: child.pid ?? 0,
    output: () => output,
    log: () => parseLines(output.slice(0, output.lastIndexOf('\n') + 1)),
    printed,
    signal: (name) => void child.kill(name),
    ended,
    origin: () => listening('api'),
    admin: () => listening('admin'),
  };
};
