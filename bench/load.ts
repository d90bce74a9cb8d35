/**
 * The load: requests over kept-alive connections, each sent when the one before was answered. By wrk if it is on
 * PATH; else by autocannon, which takes far more of the machine for itself, so that the numbers come out lower.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { WireRequest } from './server.ts';

const run = promisify(execFile);

export interface LoadResult {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** A generator of load. */
export interface LoadTool {
  /** Such as `wrk 4.1.0`. */
  readonly version: string;
  /** Puts the requests into a form that it reads, in a file of this name without an ending. */
  prepare(path: string, origin: string, requests: readonly WireRequest[]): Promise<Load>;
}

/**
 * Sends the prepared requests, one after the other and from the first again, for some seconds.
 * @throws Error if one of them is not answered with success
 */
export type Load = (connections: number, seconds: number, signal: AbortSignal) => Promise<LoadResult>;

/** A string as Lua reads it, whatever bytes it holds. */
const luaString = (text: string): string =>
  `"${Buffer.from(text)
    .toString('latin1')
    .replace(/[^\w !#-[\]-~]/g, (byte) => `\\${String(byte.charCodeAt(0)).padStart(3, '0')}`)}"`;

const luaTable = (requests: readonly WireRequest[]): string => {
  const rows = requests.map(({ method, path, headers, body }) => {
    const fields = Object.entries(headers).map(
      ([name, value]) => `[${luaString(name)}] = ${luaString(value)}`,
    );
    const content = body === null ? 'nil' : luaString(body);
    return `{ method = ${luaString(method)}, path = ${luaString(path)}, headers = { ${fields.join(', ')} }, body = ${content} }`;
  });
  return `return {\n${rows.join(',\n')}\n}\n`;
};

const requireSuccess = (requests: number, failures: Readonly<Record<string, number>>): void => {
  const said = Object.entries(failures).filter(([, count]) => count > 0);
  if (said.length > 0 || requests === 0) {
    throw new Error(`of ${requests} requests: ${said.map(([what, count]) => `${count} ${what}`).join(', ')}`);
  }
};

interface WrkCounts {
  readonly requests: number;
  readonly microseconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly refused: number;
  readonly broken: number;
  readonly late: number;
}

const wrk = (version: string): LoadTool => ({
  version,
  prepare: async (path, origin, requests) => {
    const file = `${path}.lua`;
    await writeFile(file, luaTable(requests));
    return async (connections, seconds, signal) => {
      const args = [
        ...['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s'],
        ...['-s', join(import.meta.dirname, 'wrk.lua'), origin, '--', file],
      ];
      const { stdout } = await run('wrk', args, { signal });
      const line = /^RESULT (.*)$/m.exec(stdout)?.[1];
      if (line === undefined) throw new Error(`wrk said:\n${stdout}`);
      const { requests: count, microseconds, p50, p99, ...failures } = JSON.parse(line) as WrkCounts;
      const { refused, broken, late } = failures;
      requireSuccess(count, { refused, broken, late });
      return {
        requests: count,
        perSecond: (count * 1e6) / microseconds,
        p50: p50 / 1000,
        p99: p99 / 1000,
      };
    };
  },
});

interface AutocannonCounts {
  readonly duration: number;
  readonly requests: { readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly non2xx: number;
  readonly errors: number;
  readonly timeouts: number;
}

/** The part of an HTTP archive that autocannon reads (http://www.softwareishard.com/blog/har-12-spec/). */
const archive = (origin: string, requests: readonly WireRequest[]): string => {
  const entries = requests.map(({ method, path, headers, body }) => ({
    request: {
      method,
      url: origin + path,
      headers: Object.entries(headers).map(([name, value]) => ({ name, value })),
      ...(body === null ? {} : { postData: { mimeType: headers['Content-Type'], text: body } }),
    },
  }));
  return JSON.stringify({ log: { version: '1.2', creator: { name: 'bench', version: '1' }, entries } });
};

const autocannon = (program: string, version: string): LoadTool => ({
  version,
  prepare: async (path, origin, requests) => {
    const file = `${path}.har`;
    await writeFile(file, archive(origin, requests));
    return async (connections, seconds, signal) => {
      const args = [
        ...[program, '--json', '-c', String(connections), '-d', String(seconds)],
        ...['--har', file, origin],
      ];
      const { stdout } = await run(process.execPath, args, { signal });
      const counts = JSON.parse(stdout) as AutocannonCounts;
      const { duration, requests: sent, latency, non2xx, errors, timeouts } = counts;
      requireSuccess(sent.total, { refused: non2xx, broken: errors - timeouts, late: timeouts });
      return {
        requests: sent.total,
        perSecond: sent.total / duration,
        p50: latency.p50,
        p99: latency.p99,
      };
    };
  },
});

const findWrk = async (): Promise<string | null> => {
  try {
    await run('wrk', ['--version']);
  } catch (error) {
    // it says its version with a usage and exit code 1
    const said = String((error as { stdout?: string }).stdout ?? '');
    return said.startsWith('wrk ') ? `wrk ${/\d+\.\d+(\.\d+)?/.exec(said)?.[0] ?? ''}` : null;
  }
  return 'wrk';
};

/** The load generator to use: `wrk`, or where that is not there, autocannon. */
export const findLoadTool = async (): Promise<LoadTool> => {
  const version = await findWrk();
  if (version !== null) return wrk(version);
  const manifest = createRequire(import.meta.url).resolve('autocannon/package.json');
  const { default: found } = (await import(manifest, { with: { type: 'json' } })) as {
    default: { version: string };
  };
  return autocannon(join(dirname(manifest), 'autocannon.js'), `autocannon ${found.version}`);
};
