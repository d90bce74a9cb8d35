/**
 * Writes the levels of a nested body, one statement after the other: what a row refers to before it, what refers
 * to it after, so that every key is known when it is needed and was made by PostgreSQL.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { DatabaseError, type Row } from '../execute/step.ts';
import type { PlanContext } from '../plan/context.ts';
import { keysToReturn, mirroredRow, planLevel, refuseUninsertable, reservedPrefix } from '../plan/level.ts';
import type { Place } from '../plan/place.ts';
import type { LevelPlan } from '../plan/types.ts';
import { UPDATED } from '../query/nested.ts';
import { type TreeLevel, type TreeRow, whereIs } from '../request/tree.ts';
import {
  contradiction,
  createRowWriter,
  hasValue,
  isDoubtful,
  type KeyOf,
  type LevelGroups,
  mayDisagree,
  type RowGroup,
  type RowWriter,
} from './level-rows.ts';
import type { LevelStatement, LevelStatements } from './level-statements.ts';

/** A row of the database that belongs to an object of the body. */
export interface WrittenRow {
  /** In the order of its level's keys. */
  readonly keys: readonly (string | null)[];
  /** The row as JSON text; null = not asked for. */
  readonly json: string | null;
  readonly inserted: boolean;
}

export interface WrittenLevel {
  readonly keys: readonly string[];
  /** By the index of their objects; none where nothing needs to be known of a row that was there already. */
  readonly rows: (WrittenRow | undefined)[];
}

export type WrittenLevels = Map<TreeLevel<Place>, WrittenLevel>;

/** What writing needs. */
export interface Writing {
  readonly context: PlanContext;
  /** Columns of the root's rows that the answer is made of. */
  readonly answered: readonly string[];
  /** Whether each row comes back as it was written, and then whether without its nulls. */
  readonly mirror: { readonly stripped: boolean } | null;
  /** Objects that lack a column of others get its default rather than null. */
  readonly fillsDefaults: boolean;
  readonly statements: LevelStatements;
  readonly groups: ReadonlyMap<TreeLevel<Place>, LevelGroups>;
  /** Runs a statement in the transaction, with this body. */
  readonly run: (statement: LevelStatement, body: string) => Promise<readonly Row[]>;
  readonly written: WrittenLevels;
}

/** A level at work. */
interface Work {
  readonly writing: Writing;
  readonly level: TreeLevel<Place>;
  readonly groups: LevelGroups;
  readonly keyOf: KeyOf;
  readonly result: WrittenLevel;
  readonly row: LevelPlan['row'];
}

/** Writes a level and everything below it. Rejects with ApiError; the transaction must then not be committed. */
export async function writeLevel(
  writing: Writing,
  level: TreeLevel<Place>,
  above: TreeLevel<Place> | null,
): Promise<void> {
  const below = [...level.embeds.values()];
  for (const item of below) {
    if (item.place.link?.kind === 'parent') await writeLevel(writing, item, level);
  }
  if (level.rows.length > 0) await writeRows(startWork(writing, level, above));
  for (const item of below) {
    if (item.place.link?.kind === 'parent') continue;
    await writeLevel(writing, item, level);
    if (item.rows.length > 0) await writeJunction(writing, level, item);
  }
}

/** The text of a column of the row that an object became. */
function keyText(written: WrittenLevels, level: TreeLevel<Place>, row: TreeRow, key: string): string | null {
  const of = written.get(level);
  const found = of?.rows[row.index];
  if (!of || !found) throw new Error(`no row is known for ${whereIs(row)}`);
  return found.keys[of.keys.indexOf(key)] ?? null;
}

function startWork(writing: Writing, level: TreeLevel<Place>, above: TreeLevel<Place> | null): Work {
  const { context, written, mirror } = writing;
  const groups = writing.groups.get(level);
  if (!groups) throw new Error('a level was not looked at');
  const { relation, link } = level.place;
  const keys = keysToReturn(level, link === null ? writing.answered : []);
  const result: WrittenLevel = { keys, rows: new Array(level.rows.length).fill(undefined) };
  written.set(level, result);
  const keyOf: KeyOf = ({ embed }, row, key) => {
    const other = embed === null ? row.above : row.embeds.get(embed);
    const otherLevel = embed === null ? above : level.embeds.get(embed);
    if (!otherLevel || !other || !('index' in other)) throw new Error(`${whereIs(row)} has no other row`);
    return keyText(written, otherLevel, other, key);
  };
  const row = mirror && mirroredRow(context, relation, mirror.stripped);
  return { writing, level, groups, keyOf, result, row };
}

async function writeRows(work: Work): Promise<void> {
  const { place } = work.level;
  const { references, others } = work.groups;
  await refuseContradictions(work);
  if (references) {
    await lookup(work, references);
    const rows = references.rows.filter((row) => !isKnown(work, row));
    const conflict = { resolution: 'ignore', columns: place.identity } as const;
    if (rows.length > 0) await writeGroup(work, { ...references, rows }, conflict);
  }
  if (others) {
    const { resolution, identity } = place;
    await writeGroup(work, others, resolution && { resolution, columns: identity });
  }
}

const planOf = ({ writing, level, result, row }: Work, group: RowGroup, conflict: LevelPlan['conflict']) =>
  planLevel(writing.context, level.place.relation, {
    columns: group.columns,
    conflict,
    applyDefaults: writing.fillsDefaults && group.isMixed,
    keys: result.keys,
    row,
  });

const writerFor = ({ level, groups: { sources }, keyOf }: Work, names: Iterable<string>): RowWriter =>
  createRowWriter(level.place, names, sources, keyOf);

const bodyOf = (rows: readonly TreeRow[], { content, numbered }: RowWriter): string =>
  `[${rows.map((row) => numbered(row, content(row))).join(',')}]`;

const isKnown = ({ result }: Work, { index }: TreeRow): boolean => result.rows[index] !== undefined;

async function writeGroup(work: Work, group: RowGroup, conflict: LevelPlan['conflict']): Promise<void> {
  const { level, writing, result } = work;
  refuseUninsertable(level.place);
  const plan = planOf(work, group, conflict);
  const writer = writerFor(work, group.columns.keys());
  const same = conflict?.resolution === 'merge' ? sameRows(work, group, writer) : NONE_REPEATED;
  const rows = same.size === 0 ? group.rows : group.rows.filter((row) => !same.has(row));
  const answers = await runLevel(work, writing.statements.write(plan), bodyOf(rows, writer));
  keep(work, answers, rows.length);
  const missing = rows.filter((row) => !isKnown(work, row));
  if (missing.length > 0) await findMissing(work, { ...group, rows: missing }, conflict);
  for (const [row, first] of same) result.rows[row.index] = result.rows[first.index];
}

const NONE_REPEATED: ReadonlyMap<TreeRow, TreeRow> = new Map();

/**
 * Rows that are the same, key included, are one row: PostgreSQL would refuse to update it twice. Gives those that
 * repeat another, with the one they repeat.
 */
function sameRows(
  { level, groups }: Work,
  { rows }: RowGroup,
  { content }: RowWriter,
): ReadonlyMap<TreeRow, TreeRow> {
  const repeated = new Map<TreeRow, TreeRow>();
  const firsts = new Map<string, TreeRow>();
  for (const row of rows) {
    // without the whole key they are different rows, whose keys are yet to be made
    if (!level.place.identity.every((name) => hasValue(row, name, groups.sources))) continue;
    const object = content(row);
    const first = firsts.get(object);
    if (first) repeated.set(row, first);
    else firsts.set(object, row);
  }
  return repeated;
}

/** What was there already and was not touched has still to give its keys, and to be shown. */
async function findMissing(work: Work, group: RowGroup, conflict: LevelPlan['conflict']): Promise<void> {
  const needsNothing = work.result.keys.length === 0 && work.row === null;
  if (conflict?.resolution === 'ignore' && needsNothing) return;
  if (conflict?.columns.every((name) => group.columns.has(name))) await lookup(work, group);
  const lost = group.rows.find((row) => !isKnown(work, row));
  if (lost) throw notWritten(lost);
}

/** Finds rows that exist already. */
async function lookup(work: Work, group: RowGroup): Promise<void> {
  const { level, writing } = work;
  const { identity } = level.place;
  const columns = new Map([...group.columns].filter(([name]) => identity.includes(name)));
  const plan = { ...planOf(work, { ...group, columns }, null), applyDefaults: false };
  const statement = writing.statements.lookup(plan, identity);
  const body = bodyOf(group.rows, writerFor(work, identity));
  keep(work, await runLevel(work, statement, body), group.rows.length);
}

/** Where two sources seem to disagree on a column, PostgreSQL is asked. Throws AURA142. */
async function refuseContradictions(work: Work): Promise<void> {
  const { level, groups, keyOf, writing } = work;
  const { sources } = groups;
  if (!mayDisagree(level.rows, sources)) return;
  const rows = level.rows.filter((row) => isDoubtful(row, sources, keyOf));
  if (rows.length === 0) return;
  const columns = new Map<string, { members: string[]; given: boolean }>();
  for (const { column, member } of sources.flatMap(({ fills }) => fills)) {
    const members = columns.get(column)?.members ?? [];
    columns.set(column, { members: [...members, member], given: true });
  }
  const plan = planOf(work, { rows, columns, isMixed: false }, null);
  const statement = writing.statements.contradictions(plan);
  const [found] = await runLevel(work, statement, bodyOf(rows, writerFor(work, columns.keys())));
  const wrong = level.rows[Number(found?.[0]) - 1];
  if (wrong) throw contradiction(wrong);
}

/** Remembers the rows that came back, by their numbers. */
function keep({ result, level }: Work, answers: readonly Row[], most: number): void {
  const seen = new Set<number>();
  for (const [number, ...values] of answers) {
    const text = number?.toString('latin1') ?? '';
    const index = Number.parseInt(text, 10) - 1;
    const row = level.rows[index];
    if (!row || seen.has(index) || answers.length > most) throw notWritten(row ?? level.rows[0] ?? null);
    seen.add(index);
    const texts = values.map((value) => value?.toString() ?? null);
    result.rows[index] = {
      keys: texts.slice(0, result.keys.length),
      json: texts[result.keys.length] ?? null,
      inserted: !text.includes(UPDATED),
    };
  }
}

const notWritten = (row: TreeRow | null): Error =>
  apiError('AURA143', 'An object of the body did not become a row of its own', {
    details: `It stands at ${(row && whereIs(row)) || 'the root'} in the body. Nothing was written.`,
    hint: 'A trigger skipped it, or a row with its key exists already and cannot be seen.',
  });

/** Writes the rows of a junction, which join a level to the one above it. */
async function writeJunction(
  writing: Writing,
  above: TreeLevel<Place>,
  level: TreeLevel<Place>,
): Promise<void> {
  const { link, resolution } = level.place;
  if (link?.kind !== 'junction') return;
  const { junction } = link;
  const number = reservedPrefix(junction);
  const sides = [
    ...link.above.map(([key, column]) => ({ of: above, key, column })),
    ...link.here.map(([key, column]) => ({ of: level, key, column })),
  ].map((side, index) => ({ ...side, member: `${number}${index}` }));
  const columns = new Map(
    sides.map(({ column }) => {
      const members = sides.filter((side) => side.column === column).map(({ member }) => member);
      return [column, { members, given: false }] as const;
    }),
  );
  // a row that was there already may have been joined already
  const mayBeJoined = resolution !== null || above.place.resolution !== null;
  const conflict = mayBeJoined ? ({ resolution: 'ignore', columns: junction.primaryKey } as const) : null;
  const shape = { columns, conflict, applyDefaults: false, keys: [], row: null };
  const plan = planLevel(writing.context, junction, shape);
  const objects = level.rows.map((row) => {
    const values = sides.map(({ of, key, member }) => {
      const from = of === above ? row.above : row;
      const text = from && keyText(writing.written, of, from, key);
      return `${JSON.stringify(member)}:${JSON.stringify(text)}`;
    });
    return `{${JSON.stringify(number)}:${row.index + 1},${values.join(',')}}`;
  });
  const statement = writing.statements.write(plan);
  const joined = await runAt(writing, level.place, statement, `[${objects.join(',')}]`);
  if (mayBeJoined) return;
  const numbers = new Set(joined.map(([number]) => Number(number?.toString('latin1'))));
  const lost = level.rows.find(({ index }) => !numbers.has(index + 1));
  if (lost) throw notWritten(lost);
}

const runLevel = ({ writing, level }: Work, statement: LevelStatement, body: string) =>
  runAt(writing, level.place, statement, body);

/** Runs a statement; what PostgreSQL refuses says where it did, unless it has a hint of its own. */
async function runAt(
  { run }: Writing,
  { path }: Place,
  statement: LevelStatement,
  body: string,
): Promise<readonly Row[]> {
  try {
    return await run(statement, body);
  } catch (error) {
    const isPostgres = error instanceof ApiError && error.cause instanceof DatabaseError;
    if (!isPostgres || error.hint !== null || path.length === 0) throw error;
    const { code, message, status, details, headers, cause } = error;
    const hint = `This happened while '${path.join('.')}' was written.`;
    throw new ApiError({ code, message, status, details, hint, headers, cause });
  }
}
