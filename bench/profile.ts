/**
 * Where the server's time went, from V8's sampling profile
 * (https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const SHOWN = 40;

/** A place in the sources, without the way to it. */
const place = (url: string, line: number): string => {
  if (url === '') return '';
  const short = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/(server|bin)\//, '$1/');
  return ` ${short}:${line + 1}`;
};

/** Functions by their own time, as lines of `share milliseconds name place`; the start is in it, too. */
export const renderProfile = async (folder: string): Promise<string> => {
  const [file] = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'));
  if (file === undefined) throw new Error('The server has left no profile.');
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(join(folder, file), 'utf8')) as Profile;
  const own = new Map<number, number>();
  for (const [index, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  const byFunction = new Map<string, number>();
  for (const { id, callFrame } of nodes) {
    const name = `${callFrame.functionName || '(anonymous)'}${place(callFrame.url, callFrame.lineNumber)}`;
    byFunction.set(name, (byFunction.get(name) ?? 0) + (own.get(id) ?? 0));
  }
  const busy = [...byFunction].filter(([name]) => name !== '(idle)').toSorted(([, a], [, b]) => b - a);
  const total = busy.reduce((sum, [, time]) => sum + time, 0);
  return busy
    .slice(0, SHOWN)
    .map(
      ([name, time]) =>
        `${((time / total) * 100).toFixed(1).padStart(5)} % ${(time / 1000).toFixed(0).padStart(7)} ms  ${name}`,
    )
    .join('\n');
};
