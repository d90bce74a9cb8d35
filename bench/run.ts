/**
 * The bench: workloads through HTTP, and beside them the same SQL by pgbench, round after round, so that what
 * disturbs the machine disturbs both. Prints medians; bench/README.md says how to read them.
 *
 *   npm run bench
 *   npm run bench -- --only point --seconds 2 --rounds 1
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenForInterrupt } from '../server/cli/interrupt.ts';
import { type Cluster, makeFolder, startCluster } from './cluster.ts';
import { type FloorTool, findFloorTool, runFloor, runFloorLatency } from './floor.ts';
import { findLoadTool, type Load, type LoadTool } from './load.ts';
import { writeSection } from './markdown.ts';
import {
  type AuraResult,
  CONNECTIONS,
  type FloorMeasure,
  measureAura,
  measureFloor,
  restore,
} from './measure.ts';
import { median } from './median.ts';
import { type BenchOptions, MIXED, parseOptions, USAGE } from './options.ts';
import { type Prepared, prepareWorkloads } from './prepare.ts';
import { createMeter, type Meter } from './processes.ts';
import { renderProfile } from './profile.ts';
import {
  type MemoryResult,
  type MixedFloor,
  type MixedResult,
  renderReport,
  type WorkloadResult,
} from './report.ts';
import { startServer, type TestedServer, wireRequest } from './server.ts';
import { WORKLOADS } from './workloads.ts';

/** Seconds under load before the first measurement of a workload, for the compiler and the connections. */
const WARM_UP = 2;
/** Seconds without requests before idle memory is read. */
const SETTLE = 3;
const SETTLE_AFTER_LOAD = 10;
const READERS_OF_ROWS = 2;

const commandLine = (args: readonly string[]): string =>
  args.length === 0 ? 'npm run bench' : `npm run bench -- ${args.join(' ')}`;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

interface Bench {
  readonly options: BenchOptions;
  readonly cluster: Cluster;
  readonly server: TestedServer;
  readonly meter: Meter;
  readonly floorTool: FloorTool | null;
  readonly lastComment: number;
  /** For files of the moment. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

interface Loaded extends Prepared {
  readonly load: Load;
}

const describe = ({ perSecond, p99, cpu }: AuraResult): string =>
  `${perSecond.toFixed(0)}/s, p99 ${p99.toFixed(2)} ms${cpu === null ? '' : `, ${cpu.server.toFixed(0)} µs of the server, others ${(cpu.others * 100).toFixed(0)} %`}`;

const measureRounds = async (bench: Bench, all: readonly Loaded[]): Promise<WorkloadResult[]> => {
  const { options, cluster, meter, floorTool, lastComment, signal } = bench;
  const results = all.map(({ workload, bytes }) => ({
    workload,
    bytes,
    aura: [] as AuraResult[],
    floor: [] as FloorMeasure[],
  }));
  for (let round = 1; round <= options.rounds; round++) {
    for (const [index, { workload, load, floor }] of all.entries()) {
      const result = results[index];
      if (result === undefined) continue;
      await cluster.setSynchronousCommit(workload.synchronousCommit);
      if (round === 1) await load(CONNECTIONS, WARM_UP, signal);
      await restore(cluster, workload, lastComment);
      const aura = await measureAura(meter, load, options.seconds, signal);
      result.aura.push(aura);
      say(`${round}/${options.rounds} ${workload.name}: ${describe(aura)}`);
      await restore(cluster, workload, lastComment);
      if (floorTool === null) continue;
      const below = await measureFloor(meter, floorTool, cluster, floor, options.seconds, signal);
      result.floor.push(below);
      say(`${round}/${options.rounds} ${workload.name}, floor: ${below.perSecond.toFixed(0)}/s`);
      await restore(cluster, workload, lastComment);
    }
  }
  return results;
};

/** The median of what other programs took of the processors; null where that is not known. */
const othersShare = (results: readonly WorkloadResult[], mixed: MixedResult | null): number | null => {
  const measured = [...results.flatMap(({ aura, floor }) => [...aura, ...floor]), ...(mixed?.unmixed ?? [])];
  const shares = measured.flatMap(({ cpu }) => (cpu === null ? [] : [cpu.others]));
  return shares.length === 0 ? null : median(shares);
};

/** Point reads alone, then beside clients that read many rows. */
const measureMixed = async (bench: Bench, point: Loaded, rows: Loaded): Promise<MixedResult> => {
  const { options, meter, signal } = bench;
  const unmixed: AuraResult[] = [];
  const mixed: AuraResult[] = [];
  const floor: MixedFloor[] = [];
  await point.load(CONNECTIONS, WARM_UP, signal);
  await rows.load(READERS_OF_ROWS, WARM_UP, signal);
  for (let round = 1; round <= options.rounds; round++) {
    const alone = await measureAura(meter, point.load, options.seconds, signal);
    unmixed.push(alone);
    // the readers begin first and end last
    const readers = rows.load(READERS_OF_ROWS, options.seconds + 1, signal);
    const [beside] = await Promise.all([
      sleep(300).then(() => measureAura(meter, point.load, options.seconds, signal)),
      readers,
    ]);
    mixed.push(beside);
    say(
      `${round}/${options.rounds} mixed: p99 ${alone.p99.toFixed(2)} ms alone, ${beside.p99.toFixed(2)} ms mixed`,
    );
    const below = await measureMixedFloor(bench, point, rows);
    if (below !== null) floor.push(below);
  }
  return { unmixed, mixed, floor };
};

/** The same without Aura: what the machine does to small transactions beside large ones. */
const measureMixedFloor = async (
  { options, cluster, floorTool, folder, signal }: Bench,
  point: Loaded,
  rows: Loaded,
): Promise<MixedFloor | null> => {
  if (floorTool === null) return null;
  const { seconds } = options;
  const measure = () => runFloorLatency(floorTool, cluster, point.floor, seconds, signal, folder);
  const alone = await measure();
  const readers = runFloor(floorTool, cluster, rows.floor, seconds + 1, signal, { clients: READERS_OF_ROWS });
  const [beside] = await Promise.all([sleep(300).then(measure), readers]);
  return { alone, beside };
};

const addLoad = (
  tool: LoadTool,
  origin: string,
  folder: string,
  prepared: readonly Prepared[],
): Promise<Loaded[]> =>
  Promise.all(
    prepared.map(async (each) => ({
      ...each,
      load: await tool.prepare(join(folder, each.workload.name), origin, each.calls.map(wireRequest)),
    })),
  );

/** Everything that is measured on one server. */
const measureAll = async (
  bench: Bench,
  loaded: readonly Loaded[],
): Promise<{ workloads: WorkloadResult[]; mixed: MixedResult | null; memory: MemoryResult | null }> => {
  const { options, meter, signal } = bench;
  await sleep(SETTLE * 1000, undefined, { signal });
  const idle = await meter.memory();
  const workloads = await measureRounds(
    bench,
    loaded.filter(({ workload }) => options.only.has(workload.name)),
  );
  const [point, rows] = ['point', 'rows'].map((name) =>
    loaded.find(({ workload }) => workload.name === name),
  );
  const mixed = options.only.has(MIXED) && point && rows ? await measureMixed(bench, point, rows) : null;
  const peak = await meter.memory();
  await sleep(SETTLE_AFTER_LOAD * 1000, undefined, { signal });
  const after = await meter.memory();
  const memory = idle && peak && after ? { idle: idle.now, peak: peak.peak, after: after.now } : null;
  return { workloads, mixed, memory };
};

const run = async (options: BenchOptions, folder: string, signal: AbortSignal): Promise<void> => {
  const floorTool = await findFloorTool();
  const tool = await findLoadTool();
  if (floorTool === null) say('pgbench was not found: there will be no floor.');
  say(`Starting PostgreSQL; load by ${tool.version}, floor by ${floorTool?.version ?? 'nothing'}`);
  const cluster = await startCluster();
  let server: TestedServer | null = null;
  try {
    if (options.commitDelay > 0) await cluster.slowDown(options.commitDelay);
    const [found] = await cluster.admin.query('select max(id) as last from comments');
    const lastComment = Number(found?.['last']);
    const wanted = WORKLOADS.filter(
      ({ name }) => options.only.has(name) || (options.only.has(MIXED) && ['point', 'rows'].includes(name)),
    );
    const prepared = await prepareWorkloads(cluster, folder, wanted);
    const profileDir = join(folder, 'profile');
    await mkdir(profileDir);
    server = await startServer({
      dbUri: cluster.loginUri,
      log: join(folder, 'server.log'),
      profileDir: options.profile ? profileDir : null,
    });
    const loaded = await addLoad(tool, server.origin, folder, prepared);
    const meter = createMeter(server.pid, cluster.pid);
    const bench: Bench = { options, cluster, server, meter, floorTool, lastComment, folder, signal };
    const measured = await measureAll(bench, loaded);
    const { seconds, rounds } = options;
    const report = renderReport({
      command: commandLine(process.argv.slice(2)),
      seconds,
      rounds,
      postgres: cluster.version,
      load: tool.version,
      floor: floorTool?.version ?? null,
      others: othersShare(measured.workloads, measured.mixed),
      ...measured,
    });
    process.stdout.write(`${report}\n`);
    if (options.write) await writeSection('bench', report);
    await server.stop();
    if (options.profile) process.stdout.write(`\n${await renderProfile(profileDir)}\n`);
  } finally {
    await server?.stop();
    await cluster.stop();
  }
};

const main = async (): Promise<void> => {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) {
    process.stdout.write(USAGE);
    return;
  }
  const interrupt = listenForInterrupt();
  const folder = await makeFolder();
  try {
    await run(options, folder, interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    await rm(folder, { recursive: true, force: true });
    interrupt.release();
  }
};

try {
  await main();
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
}
