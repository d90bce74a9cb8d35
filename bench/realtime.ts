/**
 * Realtime: what subscribers of one table wait for a change, what they cost idle, and what capture costs a writer.
 * Subscribers are another process (subscribers.ts); every one of them must get every change exactly once.
 *
 *   node bench/realtime.ts [--seconds 10] [--sockets 10000] [--only latency,memory,writers] [--write]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Connection, openConnection } from '../server/execute/connection.ts';
import { signToken } from '../server/identity/sign.ts';
import { type Cluster, makeFolder, startCluster } from './cluster.ts';
import { machine, megabytes, places, table, whole, writeSection } from './markdown.ts';
import { median } from './median.ts';
import { createMeter, type Meter } from './processes.ts';
import { SECRET, startServer, type TestedServer } from './server.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

const SCHEMA = `
  create table moments (id bigint generated always as identity primary key, sent bigint not null, note text);
  create table unseen (like moments including all);
  alter table moments enable row level security;
  alter table unseen enable row level security;
  create policy visible on moments for select to authenticated using (true);
  grant select on moments to authenticated;
  alter publication aura add table moments;
`;

/** Who may see the rows: everybody of the role alike, or whoever brings claims, which has to be asked for each of them. */
const POLICIES = {
  role: 'true',
  claims: "(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub') is not null",
} as const;

const INSERT = (relation: string): string =>
  `insert into ${relation} (sent, note) values ((extract(epoch from clock_timestamp()) * 1e6)::bigint, 'a note of a few words')`;

const SEND = `select realtime.send(
  jsonb_build_object('sent', (extract(epoch from clock_timestamp()) * 1e6)::bigint, 'note', 'a note of a few words'),
  'moment', 'bench', false
)`;

interface Case {
  /** `broadcast`: what is told are messages that SQL sends. */
  readonly kind: 'socket' | 'stream' | 'broadcast';
  readonly subscribers: number;
  readonly users: 'one' | 'distinct';
  readonly policy: keyof typeof POLICIES;
  /** Changes a second, each in a transaction of its own. */
  readonly rate: number;
}

const socket = (subscribers: number, users: Case['users'], policy: Case['policy'], rate: number): Case => ({
  kind: 'socket',
  subscribers,
  users,
  policy,
  rate,
});

const CASES: readonly Case[] = [
  socket(1, 'one', 'claims', 100),
  socket(1, 'one', 'claims', 1000),
  socket(100, 'one', 'claims', 100),
  socket(100, 'one', 'claims', 1000),
  socket(100, 'distinct', 'claims', 100),
  socket(1000, 'one', 'claims', 100),
  socket(1000, 'distinct', 'role', 100),
  socket(1000, 'distinct', 'claims', 10),
  socket(1000, 'distinct', 'claims', 100),
  socket(10_000, 'one', 'claims', 1),
  { ...socket(100, 'one', 'role', 100), kind: 'broadcast' },
  { ...socket(1000, 'one', 'role', 100), kind: 'broadcast' },
  { ...socket(100, 'one', 'claims', 100), kind: 'stream' },
  { ...socket(1000, 'one', 'claims', 100), kind: 'stream' },
  { ...socket(1000, 'distinct', 'claims', 100), kind: 'stream' },
];

interface Report {
  readonly received: number;
  readonly least: number;
  readonly most: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

interface Opened {
  readonly joined: number;
  readonly seconds: number;
}

/** The subscribers' process. */
class Subscribers {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(origin: string) {
    const key = signToken(SECRET, { role: 'anon', exp: FAR });
    const file = join(import.meta.dirname, 'subscribers.ts');
    this.#child = spawn(process.execPath, [file, origin, key], { stdio: ['pipe', 'pipe', 'inherit'] });
    if (!this.#child.stdout) throw new Error('The subscribers cannot be heard.');
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask<Answer>(order: object): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('The subscribers have ended.');
    return JSON.parse(value);
  }

  end(): void {
    this.#child.stdin?.end();
  }
}

const FAR = 4_102_444_800;
const person = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

const tokens = (users: Case['users'], count: number): string[] =>
  Array.from({ length: users === 'one' ? 1 : count }, (_none, n) =>
    signToken(SECRET, { role: 'authenticated', aud: 'authenticated', sub: person(n), exp: FAR }),
  );

interface Bench {
  readonly cluster: Cluster;
  readonly server: TestedServer;
  readonly meter: Meter;
  readonly seconds: number;
  readonly sockets: number;
}

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs a statement at a rate for some seconds; gives how often. */
async function write(admin: Connection, statement: string, rate: number, seconds: number): Promise<number> {
  const began = performance.now();
  const most = rate * seconds;
  let written = 0;
  while (written < most) {
    const due = Math.min(most, Math.floor(((performance.now() - began) / 1000) * rate) + 1);
    if (written >= due) await sleep(1);
    for (; written < due; written++) await admin.query(statement);
  }
  return written;
}

/** Sees to it that nothing is on its way any more, or that too much time has passed. */
async function settle(subscribers: Subscribers, expected: number): Promise<Report> {
  for (let look = 0; ; look++) {
    const report = await subscribers.ask<Report>({ do: 'report' });
    if (report.received >= expected || look === 100) return report;
    await sleep(100);
  }
}

const USERS = { one: 'one user', distinct: 'one user each' } as const;
const SEES = { role: 'policy of the role', claims: 'policy on claims' } as const;

async function measureCase({ cluster, server, meter, seconds }: Bench, one: Case): Promise<string[]> {
  const { kind, subscribers: count, users, policy, rate } = one;
  await cluster.admin.query(`alter policy visible on moments using (${POLICIES[policy]})`);
  await cluster.admin.query('truncate moments');
  // the server hears of the policy
  await sleep(1500);
  const subscribers = new Subscribers(server.origin);
  try {
    const opened = await subscribers.ask<Opened>({ do: 'open', kind, count, tokens: tokens(users, count) });
    const statement = kind === 'broadcast' ? SEND : INSERT('moments');
    await write(cluster.admin, statement, Math.min(rate, 10), 1);
    await sleep(1000);
    await subscribers.ask({ do: 'start' });
    const before = await meter.cpu();
    const began = performance.now();
    const written = await write(cluster.admin, statement, rate, seconds);
    const report = await settle(subscribers, written * count);
    const took = (performance.now() - began) / 1000;
    const after = await meter.cpu();
    if (report.least !== written || report.most !== written) {
      throw new Error(`${written} changes, but subscribers got ${report.least} to ${report.most} of them.`);
    }
    const share = (side: 'server' | 'postgres'): string =>
      before && after ? `${whole((after[side] - before[side]) / took / 10_000)} %` : '-';
    const who = kind === 'broadcast' ? 'messages from SQL' : `${USERS[users]}, ${SEES[policy]}`;
    const name = `${whole(count)} ${kind === 'stream' ? 'stream' : 'socket'}${count === 1 ? '' : 's'}, ${who}`;
    say(`${name}, ${rate}/s: p95 ${report.p95.toFixed(1)} ms`);
    return [
      name,
      whole(rate),
      whole(report.received / took),
      ...[report.p50, report.p95, report.p99].map((value) => places(value, 1)),
      share('server'),
      share('postgres'),
      places(opened.seconds, 2),
    ];
  } finally {
    subscribers.end();
    await sleep(500);
  }
}

async function measureLatency(bench: Bench): Promise<string> {
  const rows: string[][] = [];
  for (const one of CASES) rows.push(await measureCase(bench, one));
  const head = [
    '',
    'changes/s',
    'told/s',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'server',
    'PostgreSQL',
    'joined in s',
  ];
  return table(head, rows);
}

async function measureMemory({ server, meter, sockets }: Bench): Promise<string> {
  const before = (await meter.memory())?.now ?? Number.NaN;
  const subscribers = new Subscribers(server.origin);
  try {
    const { seconds } = await subscribers.ask<Opened>({
      do: 'open',
      kind: 'socket',
      count: sockets,
      tokens: tokens('distinct', sockets),
    });
    // heartbeats of all of them, and time to collect what joining has left behind
    await sleep(30_000);
    const after = (await meter.memory())?.now ?? Number.NaN;
    const each = (after - before) / sockets / 1024;
    say(`${sockets} sockets: ${megabytes(after)}`);
    return (
      `${whole(sockets)} sockets of one user each, joined to a channel with changes in ${places(seconds, 1)} s and then idle: ` +
      `the server takes ${megabytes(after)}, ${places(each, 1)} kB a socket more than the ${megabytes(before)} before.`
    );
  } finally {
    subscribers.end();
    await sleep(2000);
  }
}

const WRITERS = 8;

/** Single-row transactions a second, by eight connections. */
async function writeAsMuch(
  connections: readonly Connection[],
  relation: string,
  seconds: number,
): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let written = 0;
  const writer = async (connection: Connection): Promise<void> => {
    while (performance.now() < end) {
      await connection.query(INSERT(relation));
      written += 1;
    }
  };
  await Promise.all(connections.map(writer));
  return written / seconds;
}

async function measureWriters({ cluster, server, seconds }: Bench): Promise<string> {
  const uri = cluster.adminUri;
  const connections = await Promise.all(Array.from({ length: WRITERS }, () => openConnection(uri)));
  const results: { unseen: number; captured: number; followed: number }[] = [];
  try {
    for (let round = 0; round < 3; round++) {
      const unseen = await writeAsMuch(connections, 'unseen', seconds / 2);
      const captured = await writeAsMuch(connections, 'moments', seconds / 2);
      const subscribers = new Subscribers(server.origin);
      await subscribers.ask({ do: 'open', kind: 'socket', count: 100, tokens: tokens('one', 1) });
      const followed = await writeAsMuch(connections, 'moments', seconds / 2);
      subscribers.end();
      await sleep(2000);
      results.push({ unseen, captured, followed });
      say(`writers: ${[unseen, captured, followed].map(whole).join(', ')}`);
    }
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
  const middle = (side: 'unseen' | 'captured' | 'followed'): string =>
    whole(median(results.map((result) => result[side])));
  return table(
    ['', 'not published', 'published', 'with 100 sockets'],
    [
      [
        `single-row inserts/s, ${WRITERS} connections`,
        middle('unseen'),
        middle('captured'),
        middle('followed'),
      ],
    ],
  );
}

const PARTS = { latency: measureLatency, memory: measureMemory, writers: measureWriters } as const;

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      sockets: { type: 'string', default: '10000' },
      only: { type: 'string', default: Object.keys(PARTS).join() },
      write: { type: 'boolean', default: false },
    },
  });
  const folder = await makeFolder();
  const cluster = await startCluster();
  try {
    await cluster.admin.query(SCHEMA);
    const server = await startServer({
      dbUri: cluster.loginUri,
      log: join(folder, 'server.log'),
      profileDir: null,
      settings: SETTINGS,
    });
    try {
      const meter = createMeter(server.pid, cluster.pid);
      const bench = {
        cluster,
        server,
        meter,
        seconds: Number(values.seconds),
        sockets: Number(values.sockets),
      };
      const chosen = values.only.split(',');
      const sections: string[] = [];
      // before anything has filled the memory
      for (const part of ['memory', 'latency', 'writers'] as const) {
        if (chosen.includes(part)) sections.push(await PARTS[part](bench));
      }
      const about = `${machine()}, PostgreSQL ${cluster.version}, shared with the subscribers and the writer.`;
      const text = `${[...sections, about].join('\n\n')}`;
      process.stdout.write(`${text}\n`);
      if (values.write) await writeSection('realtime', text);
    } finally {
      await server.stop();
    }
  } finally {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
};

/** Limits that this bench is not about. */
const SETTINGS = { AURA_DB_MAX_ROWS: '100000', AURA_REALTIME_MAX_ROWS: '100000' };

await main();
