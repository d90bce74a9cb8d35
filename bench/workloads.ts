/**
 * The workloads, as requests against the example project. The same numbers vary in Aura's requests and in the
 * floor's transactions, evenly over the same ranges; what varies otherwise (the bodies of inserts, and who sends
 * them) is a list of variants, of which each side picks one at random.
 */

export interface Call {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Path and query below the REST prefix. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** The `sub` claim of whoever asks. */
  readonly person: string;
}

/** Values of the variables by name. */
export type Values = Readonly<Record<string, number>>;

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** What the ratio to the floor must reach. */
  readonly target: number;
  readonly synchronousCommit: boolean;
  /** Whether it adds comments, which are deleted again after each measurement. */
  readonly inserts: boolean;
  /** Rows of each answer. */
  readonly rows: number;
  /** What varies, by name: from, to. No two ranges and no constant of the request share a number. */
  readonly variables: Readonly<Record<string, readonly [number, number]>>;
  readonly variants: readonly ((values: Values) => Call)[];
}

/** Owns Lighthouse, the organization of projects 1 to 14, and so sees all that is read here. */
export const MIRA = '00000000-0000-4000-8000-000000000001';
/** Owns the other organization, and must see nothing of it. */
export const OUTSIDER = '00000000-0000-4000-8000-000000000003';
/** Members of Lighthouse. */
const TEAM = [1, 2, 5, 6, 7, 10, 11, 15].map(
  (number) => `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`,
);

/** Within the seed's tasks of Lighthouse. */
const TASK_IDS = [1000, 5000] as const;
/** Tasks of projects that no other workload reads, so that inserts do not change what the reads cost. */
const FIRST_COMMENTED = 7231;

const TASK =
  'id,number,title,description,status,priority,assignee_id,estimate,due_on,created_at,updated_at,completed_at';

const read = (target: string): Call => ({ method: 'GET', target, headers: {}, body: null, person: MIRA });

const only = (values: Values, name: string): number => {
  const value = values[name];
  if (value === undefined) throw new Error(`no value for ${name}`);
  return value;
};

const insert = (person: string, index: number) => (): Call => ({
  method: 'POST',
  target: '/comments?select=id,task_id,author_id,body,created_at',
  headers: { 'Content-Type': 'application/json', Prefer: 'return=representation' },
  body: JSON.stringify({
    task_id: FIRST_COMMENTED + index,
    body: 'Tried it on my machine. The second attempt works. Moving it on.',
  }),
  person,
});

const READ = { synchronousCommit: true, inserts: false } as const;
const INSERT = { inserts: true, rows: 1, variables: {}, variants: TEAM.map(insert) } as const;

export const WORKLOADS: readonly Workload[] = [
  {
    ...READ,
    name: 'point',
    title: 'point read',
    target: 0.42,
    rows: 1,
    variables: { id: TASK_IDS },
    variants: [(values) => read(`/tasks?select=${TASK}&id=eq.${only(values, 'id')}`)],
  },
  {
    ...READ,
    name: 'list',
    title: 'filtered list, 20 rows',
    target: 0.5,
    rows: 20,
    variables: { project: [1, 11], number: [20, 150] },
    variants: [
      (values) =>
        read(
          `/tasks?select=id,number,title,status,priority,due_on&project_id=eq.${only(values, 'project')}` +
            `&number=gt.${only(values, 'number')}&status=in.(done,canceled)&order=number&limit=20`,
        ),
    ],
  },
  {
    ...READ,
    name: 'embed',
    title: '10 parents with author and comments',
    target: 0.6,
    rows: 10,
    variables: { project: [1, 11], number: [20, 250] },
    variants: [
      (values) =>
        read(
          '/tasks?select=id,number,title,author:people!reporter_id(id,handle,full_name),comments(id,body,created_at)' +
            `&project_id=eq.${only(values, 'project')}&number=gt.${only(values, 'number')}&order=number&limit=10`,
        ),
    ],
  },
  {
    ...READ,
    name: 'rows',
    title: '1,000 rows of about 300 bytes',
    target: 0.9,
    rows: 1000,
    variables: { id: TASK_IDS },
    variants: [
      (values) =>
        read(
          `/tasks?select=id,number,title,description,status,priority,assignee_id,due_on,created_at&id=gt.${only(values, 'id')}&order=id&limit=1000`,
        ),
    ],
  },
  {
    ...INSERT,
    name: 'insert',
    title: 'insert returning',
    target: 0.8,
    synchronousCommit: true,
  },
  {
    ...INSERT,
    name: 'insert-async',
    title: 'insert returning, `synchronous_commit` off',
    target: 0.35,
    synchronousCommit: false,
  },
];

/** The calls of a workload at these values of its variables, one a variant. */
export const callsAt = (workload: Workload, values: Values): readonly Call[] =>
  workload.variants.map((variant) => variant(values));

/** Repeatable chance (https://en.wikipedia.org/wiki/Linear_congruential_generator). */
export const createChance = (seed: number): ((from: number, to: number) => number) => {
  let state = seed;
  return (from, to) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return from + Math.floor((state / 2 ** 32) * (to - from + 1));
  };
};

/** So many calls with values drawn at random, the same at each run of the bench. */
export const drawCalls = (workload: Workload, count: number): readonly Call[] => {
  const chance = createChance(20);
  return Array.from({ length: count }, () => {
    const values = Object.fromEntries(
      Object.entries(workload.variables).map(([name, [from, to]]) => [name, chance(from, to)]),
    );
    const calls = callsAt(workload, values);
    const call = calls[chance(0, calls.length - 1)];
    if (call === undefined) throw new Error(`${workload.name} has no variants`);
    return call;
  });
};
