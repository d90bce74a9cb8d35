/**
 * What processes cost, from Linux's /proc (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html). Elsewhere
 * it is not known, which the report says.
 */
import { readdir, readFile } from 'node:fs/promises';

/** Microseconds of processor time so far, of user and system together. */
export interface CpuTimes {
  readonly server: number;
  /** Of all of PostgreSQL's processes, those that have ended included. */
  readonly postgres: number;
  /** Of this process, and of the programs that it has run to their end. */
  readonly bench: number;
  /** Of everything on the machine. */
  readonly busy: number;
  /** The same with the time in which a processor had nothing to do. */
  readonly all: number;
}

export interface Meter {
  /** Null where /proc is not there. */
  cpu(): Promise<CpuTimes | null>;
  /** Bytes of the server that are in memory now, and at most so far; null where /proc is not there. */
  memory(): Promise<{ readonly now: number; readonly peak: number } | null>;
}

/** Linux counts in hundredths of a second on every machine that Node runs on. */
const PER_TICK = 10_000;

interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Ticks of its own. */
  readonly own: number;
  /** Ticks of children that have ended. */
  readonly ended: number;
}

const parseStat = (text: string): Stat => {
  // the name in parentheses may hold anything, spaces and parentheses too
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number): number => fields[number - 3] ?? 0;
  return {
    pid: Number.parseInt(text, 10),
    parent: field(4),
    own: field(14) + field(15),
    ended: field(16) + field(17),
  };
};

const readStat = async (pid: string | number): Promise<Stat | null> => {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    // it has just ended
    return null;
  }
};

const childrenOf = async (parent: number): Promise<Stat[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const all = await Promise.all(pids.map(readStat));
  return all.filter((stat) => stat !== null).filter((stat) => stat.parent === parent);
};

/**
 * Ticks of a process and all its children. A child that ends meanwhile moves from one count into the other and may
 * be missed by both, so that this looks until none has.
 */
const ticksOfFamily = async (parent: number): Promise<number> => {
  for (;;) {
    const before = await readStat(parent);
    const children = await childrenOf(parent);
    const after = await readStat(parent);
    if (after === null) return 0;
    if (before?.ended === after.ended) {
      return after.own + after.ended + children.reduce((sum, child) => sum + child.own, 0);
    }
  }
};

/** Busy and all microseconds of the machine. */
const readMachine = async (): Promise<{ busy: number; all: number }> => {
  const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n', 1);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, softIrq = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * PER_TICK);
  const busy = user + nice + system + irq + softIrq + steal;
  return { busy, all: busy + idle + wait };
};

const sizeIn = (status: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;

/** Watches a server's process and a postmaster with all its children. */
export const createMeter = (server: number, postmaster: number): Meter => {
  if (process.platform !== 'linux') return { cpu: async () => null, memory: async () => null };
  return {
    cpu: async () => {
      const [own, family, self, machine] = await Promise.all([
        readStat(server),
        ticksOfFamily(postmaster),
        readStat(process.pid),
        readMachine(),
      ]);
      return {
        server: (own?.own ?? 0) * PER_TICK,
        postgres: family * PER_TICK,
        bench: ((self?.own ?? 0) + (self?.ended ?? 0)) * PER_TICK,
        ...machine,
      };
    },
    memory: async () => {
      const status = await readFile(`/proc/${server}/status`, 'utf8');
      return { now: sizeIn(status, 'VmRSS'), peak: sizeIn(status, 'VmHWM') };
    },
  };
};
