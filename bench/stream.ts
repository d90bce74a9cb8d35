/**
 * Streams and imports: a million rows out as NDJSON and CSV, and in as CSV and NDJSON, beside psql's `\copy` of the
 * same rows, round after round. Prints medians, and the most memory that the server took meanwhile.
 *
 *   node bench/stream.ts [--rows 1000000] [--rounds 3] [--write]
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseArgs, promisify } from 'node:util';
import { type Cluster, makeFolder, startCluster } from './cluster.ts';
import { machine, megabytes, places, table, whole, writeSection } from './markdown.ts';
import { median } from './median.ts';
import { createMeter, type Meter } from './processes.ts';
import { startServer, type TestedServer, wireRequest } from './server.ts';

const run = promisify(execFile);
const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Somebody who may read and write everything in the tables of this bench; policies are checked all the same. */
const PERSON = '00000000-0000-4000-8000-000000000001';

const SCHEMA = `
  create table stream_source (
    id bigint primary key, org int not null, name text not null, email text, amount numeric(12, 2),
    created timestamptz not null, active boolean not null, note text
  );
  create table stream_target (like stream_source including all);
  create table stream_floor (like stream_source including all);
  alter table stream_source enable row level security;
  alter table stream_target enable row level security;
  create policy readable on stream_source for select to authenticated using (org >= 0);
  create policy writable on stream_target for insert to authenticated with check (org >= 0);
  grant select on stream_source to authenticated;
  grant insert on stream_target to authenticated;
  create role copier login bypassrls password 'copier';
  grant select on stream_source to copier;
  grant insert on stream_floor to copier;
`;

const ROWS = `
  insert into stream_source
  select i, i % 1000, 'Person Number ' || i, 'person' || i || '@example.com', (i % 100000) / 100.0,
    timestamptz '2024-01-01' + i * interval '1 second', i % 3 <> 0,
    case when i % 5 = 0 then null when i % 7 = 0 then 'said "yes", then left' else 'a note of some forty characters altogether' end
  from generate_series(1, $1::int) i`;

interface Bench {
  readonly cluster: Cluster;
  readonly server: TestedServer;
  readonly meter: Meter;
  readonly folder: string;
  readonly rows: number;
}

interface Measure {
  readonly seconds: number;
  /** Of the body, or of the file. */
  readonly bytes: number;
  /** Microseconds of processor time a row, of the server and of PostgreSQL; null where it is not known. */
  readonly cpu: { readonly server: number; readonly postgres: number } | null;
  /** Bytes of the server that were in memory at most; null where it is not known, or takes no part. */
  readonly peak: number | null;
}

interface Workload {
  readonly name: string;
  readonly aura: (bench: Bench) => Promise<number>;
  /** The same by psql, with the name of what it does. */
  readonly floor: { readonly name: string; readonly run: (bench: Bench) => Promise<number> };
}

const fileOf = ({ folder }: Pick<Bench, 'folder'>, name: string): string => join(folder, name);

/** Who runs the floor: no policy binds it. */
const COPIER = { user: 'copier', password: 'copier' };

const psql = async ({ cluster: { socketDir, port, login } }: Bench, command: string): Promise<void> => {
  const args = ['-h', socketDir, '-p', String(port), '-U', COPIER.user, '-d', login.database];
  const env = { ...process.env, PGPASSWORD: COPIER.password };
  await run('psql', [...args, '-qX', '-c', command], { env });
};

/** Reads a stream to its end, into a file if one is named; gives its bytes. */
const download = async (
  { server }: Pick<Bench, 'server'>,
  accept: string,
  file: string | null = null,
): Promise<number> => {
  const { path, headers } = wireRequest({
    method: 'GET',
    target: '/stream_source',
    headers: { Accept: accept },
    body: null,
    person: PERSON,
  });
  const outgoing = request(server.origin + path, { headers }).end();
  const [incoming] = await once(outgoing, 'response');
  if (incoming.statusCode !== 200) throw new Error(`A stream was answered ${incoming.statusCode}.`);
  if (file !== null) {
    await pipeline(incoming, createWriteStream(file));
    return (await stat(file)).size;
  }
  let bytes = 0;
  for await (const chunk of incoming) bytes += (chunk as Buffer).length;
  return bytes;
};

/** Imports a file; gives its bytes. */
const uploadFile = async (bench: Bench, name: string, type: string): Promise<number> => {
  const { server, rows } = bench;
  const { path, headers } = wireRequest({
    method: 'POST',
    target: '/stream_target',
    headers: { 'Content-Type': type, Prefer: 'count=exact' },
    body: null,
    person: PERSON,
  });
  const outgoing = request(server.origin + path, { method: 'POST', headers });
  const answered = once(outgoing, 'response');
  await pipeline(createReadStream(fileOf(bench, name)), outgoing);
  const [incoming] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  if (incoming.statusCode !== 201 || incoming.headers['content-range'] !== `*/${rows}`) {
    throw new Error(`An import was answered ${incoming.statusCode}: ${Buffer.concat(chunks)}`);
  }
  return (await stat(fileOf(bench, name))).size;
};

const copyOut = async (bench: Bench, query: string, options: string): Promise<number> => {
  const file = fileOf(bench, 'floor.out');
  await psql(bench, `\\copy (${query}) to '${file}' ${options}`);
  return (await stat(file)).size;
};

const copyIn = async (bench: Bench): Promise<number> => {
  await psql(bench, `\\copy stream_floor from '${fileOf(bench, 'rows.csv')}' csv header`);
  return (await stat(fileOf(bench, 'rows.csv'))).size;
};

const COPY_IN = { name: '\\copy from, csv', run: copyIn };

const WORKLOADS: readonly Workload[] = [
  {
    name: 'out, NDJSON',
    aura: (bench) => download(bench, 'application/x-ndjson'),
    floor: {
      name: '\\copy to, row_to_json',
      run: (bench) => copyOut(bench, 'select row_to_json(t) from stream_source t', ''),
    },
  },
  {
    name: 'out, CSV',
    aura: (bench) => download(bench, 'text/csv; stream=true'),
    floor: {
      name: '\\copy to, csv',
      run: (bench) => copyOut(bench, 'select * from stream_source', 'csv header'),
    },
  },
  {
    name: 'in, CSV',
    aura: (bench) => uploadFile(bench, 'rows.csv', 'text/csv; stream=true'),
    floor: COPY_IN,
  },
  {
    name: 'in, NDJSON',
    aura: (bench) => uploadFile(bench, 'rows.ndjson', 'application/x-ndjson'),
    floor: COPY_IN,
  },
];

/** Linux starts counting the most memory anew (https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html). */
const forgetPeak = (pid: number): Promise<void> =>
  writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined);

const measure = async (bench: Bench, work: (bench: Bench) => Promise<number>): Promise<Measure> => {
  const { cluster, server, meter, rows } = bench;
  await cluster.admin.query('truncate stream_target, stream_floor');
  await cluster.admin.query('checkpoint');
  await forgetPeak(server.pid);
  const before = await meter.cpu();
  const began = performance.now();
  const bytes = await work(bench);
  const seconds = (performance.now() - began) / 1000;
  const after = await meter.cpu();
  const cpu =
    before && after
      ? { server: (after.server - before.server) / rows, postgres: (after.postgres - before.postgres) / rows }
      : null;
  return { seconds, bytes, cpu, peak: (await meter.memory())?.peak ?? null };
};

const middle = <T>(all: readonly Measure[], value: (measured: Measure) => T): number =>
  median(all.map((measured) => Number(value(measured) ?? Number.NaN)));

const cell = (value: number, digits: number): string => (Number.isNaN(value) ? '-' : places(value, digits));

function renderRows(rows: number, name: string, measured: readonly Measure[], isAura: boolean): string[] {
  const seconds = middle(measured, (one) => one.seconds);
  const peak = isAura ? middle(measured, (one) => one.peak) : Number.NaN;
  return [
    name,
    cell(seconds, 2),
    whole(rows / seconds),
    whole(middle(measured, (one) => one.bytes) / seconds / 1e6),
    isAura
      ? cell(
          middle(measured, (one) => one.cpu?.server),
          2,
        )
      : '-',
    cell(
      middle(measured, (one) => one.cpu?.postgres),
      2,
    ),
    Number.isNaN(peak) ? '-' : megabytes(peak),
  ];
}

const HEAD = ['', 'seconds', 'rows/s', 'MB/s', 'server µs/row', 'PostgreSQL µs/row', 'peak memory'];

const hasPsql = async (): Promise<boolean> =>
  run('psql', ['--version']).then(
    () => true,
    () => false,
  );

async function measureAll(bench: Bench, rounds: number, withFloor: boolean): Promise<string> {
  const idle = (await bench.meter.memory())?.now ?? Number.NaN;
  const results = WORKLOADS.map(() => ({ aura: [] as Measure[], floor: [] as Measure[] }));
  for (let round = 1; round <= rounds; round++) {
    for (const [index, { name, aura, floor }] of WORKLOADS.entries()) {
      const streamed = await measure(bench, aura);
      results[index]?.aura.push(streamed);
      say(`${round}/${rounds} ${name}: ${streamed.seconds.toFixed(2)} s`);
      if (!withFloor) continue;
      const copied = await measure(bench, floor.run);
      results[index]?.floor.push(copied);
      say(`${round}/${rounds} ${floor.name}: ${copied.seconds.toFixed(2)} s`);
    }
  }
  const lines = WORKLOADS.flatMap(({ name, floor }, index) => {
    const { aura = [], floor: copied = [] } = results[index] ?? {};
    const own = renderRows(bench.rows, name, aura, true);
    return withFloor ? [own, renderRows(bench.rows, floor.name, copied, false)] : [own];
  });
  const about = `${whole(bench.rows)} rows of eight columns, medians of ${rounds} rounds. ${machine()}, PostgreSQL ${bench.cluster.version}. The server's memory before the first of them: ${megabytes(idle)}.`;
  return `${table(HEAD, lines)}\n\n${about}`;
}

async function prepare(cluster: Cluster, rows: number): Promise<void> {
  await cluster.admin.query(SCHEMA);
  await cluster.admin.query(ROWS, [rows]);
  await cluster.admin.query('vacuum (analyze, freeze) stream_source');
}

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      write: { type: 'boolean', default: false },
    },
  });
  const [rows, rounds] = [Number(values.rows), Number(values.rounds)];
  const folder = await makeFolder();
  const cluster = await startCluster();
  try {
    await prepare(cluster, rows);
    const server = await startServer({
      dbUri: cluster.loginUri,
      log: join(folder, 'server.log'),
      profileDir: null,
    });
    try {
      const meter = createMeter(server.pid, cluster.pid);
      const bench: Bench = { cluster, server, meter, folder, rows };
      const withFloor = await hasPsql();
      // what is imported is what was exported
      for (const [name, accept] of [
        ['rows.csv', 'text/csv; stream=true'],
        ['rows.ndjson', 'application/x-ndjson'],
      ] as const) {
        await download(bench, accept, fileOf(bench, name));
      }
      const report = await measureAll(bench, rounds, withFloor);
      process.stdout.write(`${report}\n`);
      if (values.write) await writeSection('stream', report);
    } finally {
      await server.stop();
    }
  } finally {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

await main();
