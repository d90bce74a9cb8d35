/**
 * The floor: pgbench runs the statements that Aura sent, prepared, in one pipeline and so in one implicit
 * transaction, with as many clients as Aura has connections. Nothing that serves HTTP can be faster. That the
 * transaction is one shows by itself: without the role of the first statement the second one is refused.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SentStatement } from './capture.ts';
import type { Cluster } from './cluster.ts';
import type { Values, Workload } from './workloads.ts';

const run = promisify(execFile);

const CLIENTS = 8;
const PROGRAMS = [
  'pgbench',
  ...[18, 17, 16, 15, 14].map((major) => `/usr/lib/postgresql/${major}/bin/pgbench`),
];

export interface FloorTool {
  readonly program: string;
  /** Such as `pgbench 15.20`. */
  readonly version: string;
}

/** A transaction as pgbench takes it. */
export interface FloorScript {
  readonly text: string;
  /** Values of the parameters that stay the same, by the variables' names. */
  readonly constants: Readonly<Record<string, string>>;
}

/** The scripts of a workload, in files. */
export interface Floor {
  readonly files: readonly string[];
  readonly constants: Readonly<Record<string, string>>;
}

export interface FloorResult {
  readonly transactions: number;
  readonly perSecond: number;
}

/** Milliseconds of the transactions of a run. */
export interface FloorLatency {
  readonly p50: number;
  readonly p99: number;
}

/** pgbench 14 or later, from PATH or where Debian keeps it; null = there is none. */
export const findFloorTool = async (): Promise<FloorTool | null> => {
  for (const program of PROGRAMS) {
    try {
      const { stdout } = await run(program, ['--version']);
      const version = /\d+(\.\d+)*/.exec(stdout)?.[0] ?? '';
      if (Number.parseInt(version, 10) >= 14) return { program, version: `pgbench ${version}` };
    } catch {
      // not there: the next place
    }
  }
  return null;
};

/**
 * The script of one variant.
 * @param sent what Aura sent when the variables had the values `at`
 * @param prefix begins the names of this script's constants
 * @throws Error if a variable is not exactly one of the parameters, so that the two would not do the same
 */
export const renderScript = (
  { name, variables }: Pick<Workload, 'name' | 'variables'>,
  sent: readonly SentStatement[],
  at: Values,
  prefix: string,
): FloorScript => {
  const constants: Record<string, string> = {};
  const used = new Map(Object.keys(variables).map((variable) => [variable, 0]));
  const statements = sent.map(({ text, values }, statement) =>
    text.replace(/\$(\d+)/g, (_found, number: string) => {
      const value = values[Number(number) - 1];
      // pgbench has neither NULL nor an empty text for its variables
      if (value === undefined || value === null || value === '') {
        throw new Error(`${name}: pgbench cannot send parameter ${number} of: ${text}`);
      }
      const variable = Object.keys(variables).find((each) => String(at[each]) === value);
      if (variable !== undefined) {
        used.set(variable, (used.get(variable) ?? 0) + 1);
        return `:${variable}`;
      }
      const constant = `${prefix}_${statement}_${number}`;
      constants[constant] = value;
      return `:${constant}`;
    }),
  );
  for (const [variable, times] of used) {
    if (times !== 1) throw new Error(`${name}: ${variable} is ${times} parameters of what Aura sent`);
  }
  const draws = Object.entries(variables).map(
    ([variable, [from, to]]) => `\\set ${variable} random(${from}, ${to})`,
  );
  const lines = [...draws, '\\startpipeline', ...statements.map((text) => `${text};`), '\\endpipeline', ''];
  return { text: lines.join('\n'), constants };
};

/** Puts a workload's scripts into a folder. */
export const writeFloor = async (
  folder: string,
  workload: Workload,
  scripts: readonly FloorScript[],
): Promise<Floor> => {
  const files: string[] = [];
  for (const [index, { text }] of scripts.entries()) {
    const file = join(folder, `${workload.name}-${index}.sql`);
    await writeFile(file, text);
    files.push(file);
  }
  return { files, constants: Object.assign({}, ...scripts.map(({ constants }) => constants)) };
};

/**
 * Runs a workload's transactions for some seconds, by as many clients as the server has connections if none are given,
 * and keeps a log of them where one is named.
 * @throws Error with pgbench's own words if one fails
 */
export const runFloor = async (
  tool: FloorTool,
  { socketDir, port, login }: Cluster,
  { files, constants }: Floor,
  seconds: number,
  signal: AbortSignal,
  { clients = CLIENTS, log }: { readonly clients?: number; readonly log?: string } = {},
): Promise<FloorResult> => {
  const { stdout } = await run(
    tool.program,
    [
      ...['-n', '-M', 'prepared', '-c', String(clients), '-j', '1', '-T', String(seconds)],
      ...(log === undefined ? [] : ['-l', `--log-prefix=${log}`]),
      ...['-h', socketDir, '-p', String(port), '-U', login.user],
      ...files.flatMap((file) => ['-f', file]),
      ...Object.entries(constants).flatMap(([name, value]) => ['-D', `${name}=${value}`]),
      login.database,
    ],
    { env: { ...process.env, PGPASSWORD: login.password }, signal },
  );
  const transactions = Number(/actually processed: (\d+)/.exec(stdout)?.[1]);
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]);
  if (!(transactions > 0 && perSecond > 0)) throw new Error(`pgbench said:\n${stdout}`);
  return { transactions, perSecond };
};

/** The same, with what the log of each transaction tells. */
export const runFloorLatency = async (
  tool: FloorTool,
  cluster: Cluster,
  floor: Floor,
  seconds: number,
  signal: AbortSignal,
  folder: string,
): Promise<FloorLatency> => {
  const log = join(folder, 'pgbench-log');
  await runFloor(tool, cluster, floor, seconds, signal, { log });
  const [name] = (await readdir(folder)).filter((file) => file.startsWith('pgbench-log'));
  if (name === undefined) throw new Error('pgbench has kept no log');
  const lines = (await readFile(join(folder, name), 'utf8')).trimEnd().split('\n');
  await rm(join(folder, name));
  // client, number, microseconds, ...
  const times = lines.map((line) => Number(line.split(' ')[2]) / 1000).toSorted((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
};
