/**
 * GraphQL beside PostGraphile: the read workloads as the same operations on the same data, with the same tokens under
 * the same policies, in turns, so that what disturbs the machine disturbs both. Prints medians; `--write` puts them
 * into README.md.
 *
 *   node bench/graphql.ts [--seconds 3] [--rounds 5] [--write]
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Cluster, makeFolder, startCluster } from './cluster.ts';
import { findLoadTool, type Load, type LoadTool } from './load.ts';
import { machine, mark, places, table, whole, writeSection } from './markdown.ts';
import { median } from './median.ts';
import { POSTGRAPHILE, startPostGraphile } from './postgraphile.ts';
import { SECRET, send, startServer, type WireRequest, wireRequest } from './server.ts';
import { createChance, MIRA } from './workloads.ts';

const CONNECTIONS = 16;
const WARM_UP = 2;
const DRAWN = 1000;

interface Operation {
  readonly name: string;
  readonly title: string;
  /** How many times as many requests as PostGraphile answers. */
  readonly target: number | null;
  readonly aura: string;
  readonly postgraphile: string;
  /** Values of the variable `$id`, from and to. */
  readonly ids: readonly [number, number];
}

const OPERATIONS: readonly Operation[] = [
  {
    name: 'point',
    title: 'point read',
    target: 4,
    aura: 'query T($id: BigInt!) { tasksByPk(id: $id) { id number title description status priority assignee_id estimate due_on created_at updated_at completed_at } }',
    postgraphile:
      'query T($id: BigInt!) { taskByRowId(rowId: $id) { rowId number title description status priority assigneeId estimate dueOn createdAt updatedAt completedAt } }',
    ids: [1000, 5000],
  },
  {
    name: 'list',
    title: 'list, 20 rows',
    target: null,
    aura: 'query T($id: BigInt!) { tasksCollection(first: 20, filter: { project_id: { eq: $id } }, orderBy: [{ number: AscNullsLast }]) { edges { node { id number title status priority due_on } } } }',
    postgraphile:
      'query T($id: BigInt!) { allTasks(first: 20, condition: { projectId: $id }, orderBy: [NUMBER_ASC]) { edges { node { rowId number title status priority dueOn } } } }',
    ids: [1, 11],
  },
  {
    name: 'nested',
    title: '10 parents with author and comments',
    target: 2.5,
    aura: 'query T($id: BigInt!) { tasksCollection(first: 10, filter: { project_id: { eq: $id } }, orderBy: [{ number: AscNullsLast }]) { edges { node { id number title reporter { id handle full_name } commentsCollection { edges { node { id body created_at } } } } } } }',
    postgraphile:
      'query T($id: BigInt!) { allTasks(first: 10, condition: { projectId: $id }, orderBy: [NUMBER_ASC]) { edges { node { rowId number title personByReporterId { rowId handle fullName } commentsByTaskIdAndOrganizationId { edges { node { rowId body createdAt } } } } } } }',
    ids: [1, 11],
  },
  {
    name: 'rows',
    title: '1,000 rows of about 300 bytes',
    target: null,
    aura: 'query T($id: BigInt!) { tasksCollection(first: 1000, filter: { organization_id: { eq: $id } }) { edges { node { id number title description status priority assignee_id due_on created_at } } } }',
    postgraphile:
      'query T($id: BigInt!) { allTasks(first: 1000, condition: { organizationId: $id }) { edges { node { rowId number title description status priority assigneeId dueOn createdAt } } } }',
    ids: [1, 1],
  },
];

/** What the schema says for pages as large as these, and for the name of a relation. */
const COMMENTS = `
  comment on schema public is '@graphql({"max_rows": 1000})';
  comment on constraint tasks_reporter_id_fkey on tasks is '@graphql({"foreign_name": "reporter"})';
`;

const requests = (path: string, query: string, [from, to]: readonly [number, number]): WireRequest[] => {
  const chance = createChance(20);
  return Array.from({ length: DRAWN }, () => ({
    ...wireRequest({
      method: 'POST',
      target: '',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query, variables: { id: String(chance(from, to)) } }),
      person: MIRA,
    }),
    path,
  }));
};

/** Both must answer the same number of rows, or something else is measured. */
const rowsIn = (body: Buffer): number =>
  body.toString().match(/"node"|"taskByRowId"|"tasksByPk"/g)?.length ?? 0;

const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function check(origin: string, request: WireRequest): Promise<{ rows: number; bytes: number }> {
  const { status, body } = await send(origin, request);
  if (status !== 200 || body.toString().includes('"errors"')) {
    throw new Error(`answered ${status}: ${body.toString().slice(0, 1000)}`);
  }
  return { rows: rowsIn(body), bytes: body.length };
}

/** One operation on both sides, ready to be sent. */
interface Race {
  readonly operation: Operation;
  readonly bytes: number;
  /** Aura, PostGraphile. */
  readonly loads: readonly [Load, Load];
  /** Requests a second, one a round. */
  readonly found: readonly [number[], number[]];
}

async function prepareRace(
  tool: LoadTool,
  folder: string,
  origins: readonly [aura: string, postgraphile: string],
  operation: Operation,
): Promise<Race> {
  const { name, aura, postgraphile, ids } = operation;
  const sides = [requests('/graphql/v1', aura, ids), requests('/graphql', postgraphile, ids)] as const;
  const answer = async (side: 0 | 1) => {
    const [first] = sides[side];
    if (!first) throw new Error('nothing to ask');
    return check(origins[side], first);
  };
  const [own, other] = [await answer(0), await answer(1)];
  if (own.rows !== other.rows) throw new Error(`${name}: ${own.rows} and ${other.rows} rows`);
  const load = (side: 0 | 1): Promise<Load> =>
    tool.prepare(join(folder, `${name}-${side}`), origins[side], sides[side]);
  return { operation, bytes: own.bytes, loads: [await load(0), await load(1)], found: [[], []] };
}

async function run(races: readonly Race[], seconds: number, rounds: number): Promise<void> {
  const { signal } = new AbortController();
  for (const { loads } of races) for (const load of loads) await load(CONNECTIONS, WARM_UP, signal);
  for (let round = 1; round <= rounds; round++) {
    for (const { operation, loads, found } of races) {
      for (const side of [0, 1] as const) {
        found[side].push((await loads[side](CONNECTIONS, seconds, signal)).perSecond);
      }
      say(
        `${round}/${rounds} ${operation.name}: ${found.map((each) => each.at(-1)?.toFixed(0)).join(' and ')}/s`,
      );
    }
  }
}

const HEAD = ['operation', 'bytes', 'Aura/s', 'PostGraphile/s', 'ratio', 'target'];

function raceRow({ operation: { title, target }, bytes, found: [own, other] }: Race): readonly string[] {
  // each round's: what slowed one half of a round down most likely slowed the other half, too
  const ratios = own.map((perSecond, round) => perSecond / (other[round] ?? Number.NaN));
  const ratio = median(ratios);
  const spread =
    ratios.length > 1 ? ` (${places(Math.min(...ratios), 1)} to ${places(Math.max(...ratios), 1)})` : '';
  return [
    title,
    whole(bytes),
    whole(median(own)),
    whole(median(other)),
    `${places(ratio, 1)}${spread}`,
    target === null ? '-' : `${places(target, 1)} ${mark(ratio >= target)}`,
  ];
}

async function measure(cluster: Cluster, folder: string, seconds: number, rounds: number): Promise<string> {
  await cluster.admin.query(COMMENTS);
  const log = join(folder, 'server.log');
  const aura = await startServer({ dbUri: cluster.loginUri, log, profileDir: null });
  const stops = [aura.stop];
  try {
    const installed = join(folder, 'postgraphile');
    await mkdir(installed);
    const [probe] = requests('/graphql', '{ __typename }', [1, 1]);
    if (!probe) throw new Error('nothing to ask');
    say('Installing PostGraphile');
    const other = await startPostGraphile(installed, cluster.loginUri, SECRET, probe);
    stops.unshift(other.stop);
    const tool = await findLoadTool();
    const races: Race[] = [];
    for (const operation of OPERATIONS) {
      races.push(await prepareRace(tool, folder, [aura.origin, other.origin], operation));
    }
    await run(races, seconds, rounds);
    const about = `\`node bench/graphql.ts\`: medians of ${rounds} rounds of ${seconds} s each, ${CONNECTIONS} connections; PostGraphile ${POSTGRAPHILE}, PostgreSQL ${cluster.version}, ${tool.version}; ${machine()}.`;
    return `${table(HEAD, races.map(raceRow))}\n\n${about}`;
  } finally {
    for (const stop of stops) await stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '5' },
      write: { type: 'boolean', default: false },
    },
  });
  const folder = await makeFolder();
  const cluster = await startCluster();
  try {
    const report = await measure(cluster, folder, Number(values.seconds), Number(values.rounds));
    process.stdout.write(`${report}\n`);
    if (values.write) await writeSection('graphql', report);
  } finally {
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
