/** One measurement: Aura under load, or the floor, with what the processes spent on it. */
import type { Cluster } from './cluster.ts';
import { type Floor, type FloorTool, runFloor } from './floor.ts';
import type { Load } from './load.ts';
import type { CpuTimes, Meter } from './processes.ts';
import type { Workload } from './workloads.ts';

/** Requests over as many connections at once. */
export const CONNECTIONS = 16;

export interface CpuShare {
  /** Microseconds a request. */
  readonly server: number;
  readonly postgres: number;
  /** The part of the processors, 0 to 1, that programs had which are none of ours. */
  readonly others: number;
}

export interface AuraResult {
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly cpu: CpuShare | null;
}

export interface FloorMeasure {
  readonly perSecond: number;
  readonly cpu: CpuShare | null;
}

const spent = async <T>(
  meter: Meter,
  work: () => Promise<T>,
  count: (result: T) => number,
): Promise<{ result: T; cpu: CpuShare | null }> => {
  const before = await meter.cpu();
  const result = await work();
  const after = await meter.cpu();
  if (before === null || after === null) return { result, cpu: null };
  const during = (name: keyof CpuTimes): number => after[name] - before[name];
  const ours = during('server') + during('postgres') + during('bench');
  const cpu = {
    server: during('server') / count(result),
    postgres: during('postgres') / count(result),
    others: Math.max(0, during('busy') - ours) / during('all'),
  };
  return { result, cpu };
};

export const measureAura = async (
  meter: Meter,
  load: Load,
  seconds: number,
  signal: AbortSignal,
): Promise<AuraResult> => {
  const { result, cpu } = await spent(
    meter,
    () => load(CONNECTIONS, seconds, signal),
    ({ requests }) => requests,
  );
  return { perSecond: result.perSecond, p50: result.p50, p99: result.p99, cpu };
};

export const measureFloor = async (
  meter: Meter,
  tool: FloorTool,
  cluster: Cluster,
  floor: Floor,
  seconds: number,
  signal: AbortSignal,
): Promise<FloorMeasure> => {
  const { result, cpu } = await spent(
    meter,
    () => runFloor(tool, cluster, floor, seconds, signal),
    ({ transactions }) => transactions,
  );
  return { perSecond: result.perSecond, cpu };
};

/** Takes away what inserts have left, so that each measurement begins with the same tables. */
export const restore = async ({ admin }: Cluster, workload: Workload, lastComment: number): Promise<void> => {
  if (!workload.inserts) return;
  await admin.query('delete from comments where id > $1', [lastComment]);
  // people and tasks were locked by the foreign keys' checks, which left marks on their rows
  for (const table of ['comments', 'tasks', 'people']) await admin.query(`vacuum (analyze) ${table}`);
  await admin.query('checkpoint');
};
