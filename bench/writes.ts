/**
 * Writes of several rows: a batch beside its requests sent one by one, a nested insert beside flat ones, an update with
 * a value a row beside an update a row. Each pair writes the same; rounds interleave. Prints medians.
 *
 *   node bench/writes.ts [--seconds 3] [--rounds 3] [--write]
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Cluster, makeFolder, startCluster } from './cluster.ts';
import { findLoadTool, type Load } from './load.ts';
import { machine, megabytes, places, table, whole, writeSection } from './markdown.ts';
import { CONNECTIONS } from './measure.ts';
import { median } from './median.ts';
import { createMeter } from './processes.ts';
import { send, startServer, type TestedServer, wireRequest } from './server.ts';
import { type Call, createChance } from './workloads.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Owns the organization of projects 1 to 14. */
const MIRA = '00000000-0000-4000-8000-000000000001';
/** Different requests that the load cycles through; of a list of them, different lists. */
const DRAWN = 64;
/** Tasks of the seed that Mira may write and nobody else reads meanwhile, and rows of a bulk update. */
const FIRST_TASK = 1000;
const BULK_ROWS = 50;

const JSON_TYPE = { 'Content-Type': 'application/json' };

const call = (
  method: Call['method'],
  target: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
) => ({
  method,
  target,
  headers,
  body: body === null ? null : JSON.stringify(body),
  person: MIRA,
});

interface Side {
  readonly name: string;
  /** The requests that together are one piece of work; `n` is which. */
  readonly calls: (n: number) => readonly Call[];
}

interface Pair {
  /** Rows that a piece of work writes. */
  readonly rows: number;
  readonly sides: readonly [Side, Side];
}

const comment = (n: number) => ({ task_id: FIRST_TASK + n, body: 'Tried it on my machine. It works now.' });
const estimate = (n: number) => ({ estimate: (n % 12) + 1 });
const taskOf = (n: number) => ({ project_id: (n % 11) + 1, title: `Look into the report of ${n}` });
const COMMENTS = ['What does it say?', 'It says that it is slow.', 'Measure it, then.'];

const PAIRS: readonly Pair[] = [
  {
    rows: 2,
    sides: [
      {
        name: 'batch: read, insert, update, read',
        calls: (n) => [
          call(
            'POST',
            '/',
            {
              requests: [
                { method: 'GET', path: `/tasks?select=id,title,status&id=eq.${FIRST_TASK + n}` },
                { method: 'POST', path: '/comments', body: comment(n) },
                { method: 'PATCH', path: `/tasks?id=eq.${FIRST_TASK + n}`, body: estimate(n) },
                { method: 'GET', path: `/comments?select=id,body&task_id=eq.${FIRST_TASK + n}&limit=5` },
              ],
            },
            { 'Content-Type': 'application/vnd.aura.batch+json' },
          ),
        ],
      },
      {
        name: 'its four requests, one by one',
        calls: (n) => [
          call('GET', `/tasks?select=id,title,status&id=eq.${FIRST_TASK + n}`, null, {}),
          call('POST', '/comments', comment(n), JSON_TYPE),
          call('PATCH', `/tasks?id=eq.${FIRST_TASK + n}`, estimate(n), JSON_TYPE),
          call('GET', `/comments?select=id,body&task_id=eq.${FIRST_TASK + n}&limit=5`, null, {}),
        ],
      },
    ],
  },
  {
    rows: 4,
    sides: [
      {
        name: 'nested: a task with three comments',
        calls: (n) => [
          call('POST', '/tasks', { ...taskOf(n), comments: COMMENTS.map((body) => ({ body })) }, JSON_TYPE),
        ],
      },
      {
        name: 'a task, then three comments',
        calls: (n) => [
          call('POST', '/tasks?select=id', taskOf(n), { ...JSON_TYPE, Prefer: 'return=representation' }),
          call(
            'POST',
            '/comments',
            COMMENTS.map((body) => ({ task_id: FIRST_TASK + n, body })),
            JSON_TYPE,
          ),
        ],
      },
    ],
  },
  {
    rows: BULK_ROWS,
    sides: [
      {
        name: `update of ${BULK_ROWS} rows, a value each`,
        calls: (n) => [
          call(
            'PATCH',
            '/tasks?on=id',
            Array.from({ length: BULK_ROWS }, (_, at) => ({
              id: FIRST_TASK + n * BULK_ROWS + at,
              ...estimate(at),
            })),
            JSON_TYPE,
          ),
        ],
      },
      {
        name: 'an update a row',
        calls: (n) =>
          Array.from({ length: BULK_ROWS }, (_, at) =>
            call('PATCH', `/tasks?id=eq.${FIRST_TASK + n * BULK_ROWS + at}`, estimate(at), JSON_TYPE),
          ),
      },
    ],
  },
];

interface Loaded {
  readonly side: Side;
  readonly load: Load;
  /** Requests of a piece of work. */
  readonly requests: number;
}

interface Measured {
  /** Pieces of work a second. */
  readonly perSecond: number;
  /** Microseconds a piece of work, of the server and of PostgreSQL; null where it is not known. */
  readonly cpu: { readonly server: number; readonly postgres: number } | null;
}

const prepare = async (server: TestedServer, folder: string): Promise<Loaded[][]> => {
  const tool = await findLoadTool();
  const prepareSide = async (side: Side, file: string): Promise<Loaded> => {
    const chance = createChance(7);
    const drawn = Array.from({ length: DRAWN }, () => side.calls(chance(0, DRAWN - 1)));
    const [first = []] = drawn;
    for (const one of first) {
      const { status, body } = await send(server.origin, wireRequest(one));
      if (status >= 300) throw new Error(`${side.name} was answered ${status}: ${body.toString()}`);
      if (body.includes('"status":4')) throw new Error(`${side.name}: ${body.toString()}`);
    }
    const load = await tool.prepare(join(folder, file), server.origin, drawn.flat().map(wireRequest));
    return { side, load, requests: first.length };
  };
  return Promise.all(
    PAIRS.map(({ sides }, pair) =>
      Promise.all(sides.map((side, index) => prepareSide(side, `pair-${pair}-${index}`))),
    ),
  );
};

/** What has been written is not to slow down what is written later. */
const tidy = async ({ admin }: Cluster, last: { readonly task: number; readonly comment: number }) => {
  await admin.query('delete from comments where id > $1', [last.comment]);
  await admin.query('delete from tasks where id > $1', [last.task]);
  for (const name of ['comments', 'tasks']) await admin.query(`vacuum (analyze) ${name}`);
  await admin.query('checkpoint');
};

const lastOf = async ({ admin }: Cluster): Promise<{ task: number; comment: number }> => {
  const [row] = await admin.query(
    'select (select max(id) from tasks) as task, (select max(id) from comments) as comment',
  );
  return { task: Number(row?.['task']), comment: Number(row?.['comment']) };
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '3' },
      write: { type: 'boolean', default: false },
    },
  });
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
  const { signal } = new AbortController();
  const folder = await makeFolder();
  const cluster = await startCluster();
  try {
    const last = await lastOf(cluster);
    const log = join(folder, 'server.log');
    const server = await startServer({ dbUri: cluster.loginUri, log, profileDir: null });
    try {
      const meter = createMeter(server.pid, cluster.pid);
      const pairs = await prepare(server, folder);
      const results = new Map<Side, Measured[]>();
      for (let round = 0; round <= rounds; round++) {
        for (const { side, load, requests } of pairs.flat()) {
          await tidy(cluster, last);
          const before = await meter.cpu();
          const run = await load(CONNECTIONS, seconds, signal);
          const after = await meter.cpu();
          const pieces = run.requests / requests;
          const measured = {
            perSecond: run.perSecond / requests,
            cpu: before &&
              after && {
                server: (after.server - before.server) / pieces,
                postgres: (after.postgres - before.postgres) / pieces,
              },
          };
          say(`${round}/${rounds} ${side.name}: ${measured.perSecond.toFixed(0)}/s`);
          // the first round is for the compiler and the connections
          if (round > 0) results.set(side, [...(results.get(side) ?? []), measured]);
        }
      }
      const middle = (side: Side, value: (one: Measured) => number): number =>
        median((results.get(side) ?? []).map(value));
      const lines = PAIRS.flatMap(({ rows, sides }) =>
        sides.map((side, index) => {
          const rate = middle(side, (one) => one.perSecond);
          const other = middle(sides[1], (one) => one.perSecond);
          return [
            side.name,
            whole(rate),
            whole(rate * rows),
            index === 0 ? places(rate / other, 2) : '-',
            whole(middle(side, (one) => one.cpu?.server ?? Number.NaN)),
            whole(middle(side, (one) => one.cpu?.postgres ?? Number.NaN)),
          ];
        }),
      );
      const head = ['', 'a second', 'rows/s', 'ratio', 'server µs', 'PostgreSQL µs'];
      const peak = (await meter.memory())?.peak;
      const memory = peak === undefined ? '' : ` The server's memory at most: ${megabytes(peak)}.`;
      const about = `\`node bench/writes.ts\`: medians of ${rounds} rounds of ${seconds} s each, ${CONNECTIONS} connections; ${machine()}, PostgreSQL ${cluster.version}.${memory}`;
      const report = `${table(head, lines)}\n\n${about}`;
      process.stdout.write(`${report}\n`);
      if (values.write) await writeSection('writes', report);
    } finally {
      await server.stop();
    }
  } finally {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

await main();
