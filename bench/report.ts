/** What was measured, as Markdown: for the terminal and for README.md. */
import type { FloorLatency } from './floor.ts';
import { machine, mark, megabytes, places, table, whole } from './markdown.ts';
import type { AuraResult, CpuShare, FloorMeasure } from './measure.ts';
import { median } from './median.ts';
import type { Workload } from './workloads.ts';

export interface WorkloadResult {
  readonly workload: Workload;
  /** Bytes of an answer. */
  readonly bytes: number;
  /** One a round. */
  readonly aura: readonly AuraResult[];
  /** One a round; none without pgbench. */
  readonly floor: readonly FloorMeasure[];
}

/** The floor's small transactions without large ones beside them, and with. */
export interface MixedFloor {
  readonly alone: FloorLatency;
  readonly beside: FloorLatency;
}

export interface MixedResult {
  readonly unmixed: readonly AuraResult[];
  readonly mixed: readonly AuraResult[];
  /** One a round; none without pgbench. */
  readonly floor: readonly MixedFloor[];
}

/** Bytes of the server that are in memory. */
export interface MemoryResult {
  readonly idle: number;
  readonly peak: number;
  readonly after: number;
}

export interface BenchResult {
  readonly command: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly postgres: string;
  readonly load: string;
  /** Null = there was none. */
  readonly floor: string | null;
  readonly workloads: readonly WorkloadResult[];
  readonly mixed: MixedResult | null;
  readonly memory: MemoryResult | null;
  /** The share of the processors that went to other programs during the measurements; null = not known. */
  readonly others: number | null;
}

/** How often its unmixed value the 99th percentile may become under mixed load. */
const MIXED_LIMIT = 2;
const MOST_IDLE = 100 * 2 ** 20;
const MOST_LOADED = 200 * 2 ** 20;
/** More of the processors in other hands than this makes the numbers doubtful. */
const DISTURBED = 0.05;

const medianCpu = (results: readonly { readonly cpu: CpuShare | null }[], of: keyof CpuShare): string => {
  const values = results.flatMap(({ cpu }) => (cpu === null ? [] : [cpu[of]]));
  return values.length === 0 ? '-' : whole(median(values));
};

/** Each round's ratio: what slowed one half of a round down most likely slowed the other half, too. */
const ratiosOf = ({ aura, floor }: WorkloadResult): number[] =>
  aura.flatMap(({ perSecond }, round) => {
    const below = floor[round];
    return below === undefined ? [] : [perSecond / below.perSecond];
  });

const workloadRow = (result: WorkloadResult): readonly string[] => {
  const { workload, bytes, aura, floor } = result;
  const ratios = ratiosOf(result);
  const ratio = median(ratios);
  const spread =
    ratios.length > 1 ? ` (${places(Math.min(...ratios), 2)} to ${places(Math.max(...ratios), 2)})` : '';
  return [
    workload.title,
    whole(bytes),
    whole(median(aura.map(({ perSecond }) => perSecond))),
    floor.length === 0 ? '-' : whole(median(floor.map(({ perSecond }) => perSecond))),
    floor.length === 0 ? '-' : `${places(ratio, 2)}${spread}`,
    `${places(workload.target, 2)}${floor.length === 0 ? '' : ` ${mark(ratio >= workload.target)}`}`,
    places(median(aura.map(({ p50 }) => p50)), 2),
    places(median(aura.map(({ p99 }) => p99)), 2),
    medianCpu(aura, 'server'),
    medianCpu(aura, 'postgres'),
    medianCpu(floor, 'postgres'),
  ];
};

const HEAD = [
  'workload',
  'bytes',
  'requests/s',
  'floor/s',
  'ratio',
  'target',
  'p50 ms',
  'p99 ms',
  'server µs',
  'PostgreSQL µs',
  'floor µs',
] as const;

const renderMixed = ({ unmixed, mixed, floor }: MixedResult): string => {
  // each round's own, as with the ratios
  const times = median(mixed.map(({ p99 }, round) => p99 / (unmixed[round]?.p99 ?? Number.NaN)));
  const row = (title: string, results: readonly AuraResult[]): readonly string[] => [
    title,
    whole(median(results.map(({ perSecond }) => perSecond))),
    places(median(results.map(({ p50 }) => p50)), 2),
    places(median(results.map(({ p99 }) => p99)), 2),
  ];
  const rows = [row('alone', unmixed), row('beside two clients that read 1,000 rows', mixed)];
  const said = [
    `The 99th percentile becomes ${places(times, 2)} times as long; the limit is ${MIXED_LIMIT} ${mark(times <= MIXED_LIMIT)}.`,
  ];
  if (floor.length > 0) {
    const latencies = (title: string, of: readonly FloorLatency[]): readonly string[] => [
      title,
      '-',
      places(median(of.map(({ p50 }) => p50)), 2),
      places(median(of.map(({ p99 }) => p99)), 2),
    ];
    rows.push(
      latencies(
        'the floor alone',
        floor.map(({ alone }) => alone),
      ),
      latencies(
        'the floor beside two that read 1,000 rows',
        floor.map(({ beside }) => beside),
      ),
    );
    const own = median(floor.map(({ alone, beside }) => beside.p99 / alone.p99));
    said.push(`The floor's own becomes ${places(own, 2)} times as long.`);
  }
  return [table(['point reads', 'requests/s', 'p50 ms', 'p99 ms'], rows), '', said.join(' ')].join('\n');
};

const renderMemory = ({ idle, peak, after }: MemoryResult): string =>
  table(
    ['memory of the server', 'resident', 'target'],
    [
      ['idle, after the start', megabytes(idle), `${megabytes(MOST_IDLE)} ${mark(idle <= MOST_IDLE)}`],
      ['at most under load', megabytes(peak), `${megabytes(MOST_LOADED)} ${mark(peak <= MOST_LOADED)}`],
      ['idle again', megabytes(after), '-'],
    ],
  );

const renderMachine = ({ command, postgres, load, floor, seconds, rounds, others }: BenchResult): string => {
  const lines = [
    `\`${command}\`: medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${seconds} s each;`,
    `${machine()}, PostgreSQL ${postgres}, ${load}, ${floor ?? 'no pgbench on this machine and so no floor'}.`,
  ];
  if (others !== null && others > DISTURBED) {
    lines.push(
      `Other programs used ${whole(others * 100)} % of the processors meanwhile: measure again on a quiet machine.`,
    );
  }
  return lines.join('\n');
};

/** The whole result as Markdown. */
export const renderReport = (result: BenchResult): string => {
  const parts = [renderMachine(result)];
  if (result.workloads.length > 0) parts.push(table(HEAD, result.workloads.map(workloadRow)));
  if (result.mixed !== null) parts.push(renderMixed(result.mixed));
  if (result.memory !== null) parts.push(renderMemory(result.memory));
  else parts.push('Processor time and memory are read from /proc, which this system does not have.');
  return parts.join('\n\n');
};
