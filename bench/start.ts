/**
 * How long `aura dev` takes from its start to its banner, on a copy of the example project: the first time, when
 * it makes the database, and later times; and how much memory its process has then, idle and under load.
 *
 *   node bench/start.ts [--runs 5] [--seconds 5] [--write]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { listenForInterrupt } from '../server/cli/interrupt.ts';
import { EXAMPLE, makeFolder } from './cluster.ts';
import { findLoadTool, type LoadTool } from './load.ts';
import { machine, mark, megabytes, places, table, writeSection } from './markdown.ts';
import { CONNECTIONS } from './measure.ts';
import { median } from './median.ts';
import { createMeter } from './processes.ts';
import { findFreePort } from './server.ts';

const LAUNCHER = join(import.meta.dirname, '../bin/aura.mjs');
/** The last line of the banner. */
const READY = 'Ctrl-C stops everything';
const PATIENCE = 120_000;
/** Seconds without requests before idle memory is read. */
const SETTLE = 5;

interface StartResult {
  /** Milliseconds. */
  readonly first: number;
  readonly later: number;
  readonly stop: number;
  readonly runs: number;
  /** Bytes that are in memory; null where that is not known. */
  readonly memory: { readonly idle: number; readonly peak: number } | null;
}

interface Running {
  readonly child: ChildProcess;
  /** Milliseconds until the banner. */
  readonly took: number;
  readonly banner: string;
}

const start = async (
  project: string,
  port: number,
  dbPort: number,
  signal: AbortSignal,
): Promise<Running> => {
  const began = performance.now();
  const args = ['dev', '--project-dir', project, '--port', String(port), '--db-port', String(dbPort)];
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGINT',
  });
  let said = '';
  const banner = new Promise<number>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      said += chunk.toString();
      if (said.includes(READY)) resolve(performance.now());
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.once('exit', () => reject(new Error(`aura dev ended:\n${said}`)));
  });
  const late = AbortSignal.timeout(PATIENCE);
  try {
    const at = await Promise.race([
      banner,
      once(late, 'abort').then(() => Promise.reject(new Error(`aura dev has no banner yet:\n${said}`))),
    ]);
    return { child, took: at - began, banner: said };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
};

const stop = async ({ child }: Running): Promise<number> => {
  const began = performance.now();
  if (child.exitCode !== null || child.signalCode !== null) return 0;
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  await ended;
  return performance.now() - began;
};

/** Memory of the running server: idle, then at most while it answers point reads and long lists. */
const measureMemory = async (
  { child, banner }: Running,
  folder: string,
  tool: LoadTool,
  port: number,
  seconds: number,
  signal: AbortSignal,
): Promise<{ idle: number; peak: number } | null> => {
  const meter = createMeter(child.pid ?? 0, 0);
  await sleep(SETTLE * 1000, undefined, { signal });
  const idle = await meter.memory();
  const apikey = /service(?:_role)? key\s+(\S+)/.exec(banner)?.[1];
  if (apikey === undefined) throw new Error(`The banner names no service key:\n${banner}`);
  for (const path of ['/rest/v1/tasks?id=eq.100', '/rest/v1/tasks?limit=1000']) {
    const request = { method: 'GET', path, headers: { apikey }, body: null };
    const load = await tool.prepare(join(folder, 'start'), `http://127.0.0.1:${port}`, [request]);
    await load(CONNECTIONS, seconds, signal);
  }
  const peak = await meter.memory();
  return idle && peak ? { idle: idle.now, peak: peak.peak } : null;
};

const measure = async (
  folder: string,
  runs: number,
  seconds: number,
  signal: AbortSignal,
): Promise<StartResult> => {
  const project = join(folder, 'tracks');
  await cp(EXAMPLE, project, {
    recursive: true,
    // a database that was made there is not the example's
    filter: (path) => !path.includes('.aura'),
  });
  await chmod(project, 0o755);
  const [port, dbPort] = await Promise.all([findFreePort(), findFreePort()]);
  const tool = await findLoadTool();
  const first = await start(project, port, dbPort, signal);
  process.stderr.write(`first: ${first.took.toFixed(0)} ms\n`);
  const stops = [await stop(first)];
  const later: number[] = [];
  let memory: StartResult['memory'] = null;
  for (let run = 1; run <= runs; run++) {
    const running = await start(project, port, dbPort, signal);
    try {
      process.stderr.write(`later, ${run}/${runs}: ${running.took.toFixed(0)} ms\n`);
      later.push(running.took);
      if (run === runs) memory = await measureMemory(running, folder, tool, port, seconds, signal);
    } finally {
      stops.push(await stop(running));
    }
  }
  return { first: first.took, later: median(later), runs, stop: median(stops), memory };
};

const render = ({ first, later, stop: stopping, runs, memory }: StartResult): string => {
  const seconds = (ms: number): string => `${places(ms / 1000, 2)} s`;
  const rows = [
    ['first start: database, migrations, policies, seed', seconds(first), `15 s ${mark(first <= 15_000)}`],
    [`later starts, median of ${runs}`, seconds(later), `3 s ${mark(later <= 3000)}`],
    ['stop', seconds(stopping), '-'],
  ];
  if (memory !== null) {
    const { idle, peak } = memory;
    rows.push(['memory, idle', megabytes(idle), `150 MB ${mark(idle <= 150 * 2 ** 20)}`]);
    rows.push(['memory, at most under load', megabytes(peak), `200 MB ${mark(peak <= 200 * 2 ** 20)}`]);
  }
  return `\`node bench/start.ts\`; ${machine()}.\n\n${table(['`aura dev`', 'measured', 'target'], rows)}`;
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      write: { type: 'boolean', default: false },
    },
  });
  const interrupt = listenForInterrupt();
  const folder = await makeFolder();
  try {
    const report = render(
      await measure(folder, Number(values.runs), Number(values.seconds), interrupt.signal),
    );
    process.stdout.write(`${report}\n`);
    if (values.write) await writeSection('start', report);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    await rm(folder, { recursive: true, force: true });
    interrupt.release();
  }
};

await main();
