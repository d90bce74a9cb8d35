/**
 * GraphQL beside PostGraphile: the read workloads as the same operations on the same data, with the same tokens under
 * the same policies, in turns, so that what disturbs the machine disturbs both. Prints medians.
 *
 *   node bench/graphql.ts [--seconds 3] [--rounds 5]
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeFolder, startCluster } from './cluster.ts';
import { findLoadTool, type Load } from './load.ts';
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

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '3' }, rounds: { type: 'string', default: '5' } },
  });
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
  const folder = await makeFolder();
  const cluster = await startCluster();
  const stops: (() => Promise<void>)[] = [() => cluster.stop()];
  try {
    await cluster.admin.query(COMMENTS);
    const aura = await startServer({
      dbUri: cluster.loginUri,
      log: join(folder, 'server.log'),
      profileDir: null,
    });
    stops.unshift(() => aura.stop());
    const installed = join(folder, 'postgraphile');
    await mkdir(installed);
    const [probe] = requests('/graphql', '{ __typename }', [1, 1]);
    if (!probe) throw new Error('nothing to ask');
    say('Installing PostGraphile');
    const other = await startPostGraphile(installed, cluster.loginUri, SECRET, probe);
    stops.unshift(() => other.stop());
    const tool = await findLoadTool();
    const { signal } = new AbortController();
    const lines: string[] = [];
    for (const { name, title, target, aura: own, postgraphile, ids } of OPERATIONS) {
      const sides = [
        { origin: aura.origin, all: requests('/graphql/v1', own, ids) },
        { origin: other.origin, all: requests('/graphql', postgraphile, ids) },
      ];
      const answers = await Promise.all(
        sides.map(({ origin, all: [first] }) => (first ? check(origin, first) : null)),
      );
      if (answers[0]?.rows !== answers[1]?.rows) {
        throw new Error(`${name}: ${answers.map((each) => each?.rows).join(' and ')} rows`);
      }
      const loads: Load[] = await Promise.all(
        sides.map(({ origin, all }, index) => tool.prepare(join(folder, `${name}-${index}`), origin, all)),
      );
      const found: number[][] = [[], []];
      for (const load of loads) await load(CONNECTIONS, WARM_UP, signal);
      for (let round = 1; round <= rounds; round++) {
        for (const [index, load] of loads.entries()) {
          const { perSecond } = await load(CONNECTIONS, seconds, signal);
          found[index]?.push(perSecond);
        }
        say(`${round}/${rounds} ${name}: ${found.map((each) => each.at(-1)?.toFixed(0)).join(' and ')}/s`);
      }
      const [mine = 0, theirs = 1] = found.map(median);
      const ratio = mine / theirs;
      const judged = target === null ? '-' : `${target} ${ratio >= target ? '✓' : '✗'}`;
      lines.push(
        `| ${title} | ${answers[0]?.bytes} | ${Math.round(mine)} | ${Math.round(theirs)} | ${ratio.toFixed(1)} | ${judged} |`,
      );
    }
    process.stdout.write(
      `PostGraphile ${POSTGRAPHILE}, PostgreSQL ${cluster.version}, ${tool.version}; ${CONNECTIONS} connections, medians of ${rounds} rounds of ${seconds} s\n\n` +
        '| operation | bytes | Aura/s | PostGraphile/s | ratio | target |\n| --- | ---: | ---: | ---: | ---: | ---: |\n' +
        `${lines.join('\n')}\n`,
    );
  } finally {
    for (const stop of stops) await stop();
    await rm(folder, { recursive: true, force: true });
  }
}

await main();
