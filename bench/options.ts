/** The bench's command line. */
import { parseArgs } from 'node:util';
import { WORKLOADS } from './workloads.ts';

export interface BenchOptions {
  /** Names of the workloads to run; `mixed` is one of them. */
  readonly only: ReadonlySet<string>;
  /** Seconds of one measurement. */
  readonly seconds: number;
  readonly rounds: number;
  /** Whether the table goes into README.md. */
  readonly write: boolean;
  /** Microseconds that a commit waits longer for the disk than this machine's takes. */
  readonly commitDelay: number;
  /** Whether the server runs under the sampling profiler. */
  readonly profile: boolean;
}

export const MIXED = 'mixed';

export const USAGE = `npm run bench -- [options]

  --only NAMES    some of ${[...WORKLOADS.map(({ name }) => name), MIXED].join(', ')}, with commas between
  --seconds N     how long each measurement takes (default 3)
  --rounds N      how often each is repeated, of which the median counts (default 5)
  --write         put the table into bench/README.md
  --commit-delay N
                  microseconds that a commit waits longer, as on a slower disk (default 0)
  --profile       run the server under V8's sampling profiler and list where its time went
  --help          this text
`;

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} takes a whole number above 0, not ${JSON.stringify(text)}.`);
};

/**
 * Reads the arguments behind the script's name; null = only the usage was asked for.
 * @throws Error with one sentence for what it does not understand
 */
export const parseOptions = (argv: readonly string[]): BenchOptions | null => {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '5' },
      write: { type: 'boolean', default: false },
      'commit-delay': { type: 'string', default: '0' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const known = [...WORKLOADS.map(({ name }) => name), MIXED];
  const only = values.only?.split(',').map((name) => name.trim()) ?? known;
  for (const name of only) {
    if (!known.includes(name)) {
      throw new Error(`There is no workload ${JSON.stringify(name)}; there are ${known.join(', ')}.`);
    }
  }
  return {
    only: new Set(only),
    seconds: positive('seconds', values.seconds),
    rounds: positive('rounds', values.rounds),
    write: values.write,
    commitDelay: Number(values['commit-delay']),
    profile: values.profile,
  };
};
