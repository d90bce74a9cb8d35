/**
 * The rows of a level as the objects that its statement reads: the body's values as they were written, beside
 * the keys of other rows, under a number.
 */
import { apiError } from '../errors/codes.ts';
import { holdsJson, type KeySource, keySources, type LevelShape, reservedPrefix } from '../plan/level.ts';
import { cannotWrite, type Place } from '../plan/place.ts';
import { kindOf } from '../request/json-text.ts';
import { keysDiffer } from '../request/payload.ts';
import { type TreeLevel, type TreeRow, whereIs } from '../request/tree.ts';

/** Rows of a level that are written together. */
export interface RowGroup {
  readonly rows: readonly TreeRow[];
  readonly columns: LevelShape['columns'];
  /** Some rows lack columns that others have. */
  readonly isMixed: boolean;
}

/** The text of another row's column. */
export type KeyOf = (source: KeySource, row: TreeRow, key: string) => string | null;

const isNull = (value: string | undefined): boolean => value === undefined || kindOf(value) === 'null';

/** Whether the source says something of the row, be it that there is no other row. */
const applies = ({ embed }: KeySource, row: TreeRow): boolean => embed === null || row.embeds.has(embed);

/** Whether the source has a row for this one. */
const hasKey = ({ embed }: KeySource, row: TreeRow): boolean =>
  embed === null || (row.embeds.get(embed) ?? null) !== null;

/** The columns that a row has, its own and those that keys fill. */
function columnsOf(row: TreeRow, sources: readonly KeySource[]): Set<string> {
  const columns = new Set(row.columns.keys());
  for (const source of sources) {
    if (applies(source, row)) for (const { column } of source.fills) columns.add(column);
  }
  return columns;
}

/** The members that fill a column, of the sources that have a row for any of these rows. */
const membersFor = (
  column: string,
  rows: readonly TreeRow[],
  sources: readonly KeySource[],
): { members: string[]; filled: (row: TreeRow) => boolean } => {
  const filling = sources.filter(({ fills }) => fills.some((fill) => fill.column === column));
  const present = filling.filter((source) => rows.some((row) => hasKey(source, row)));
  return {
    members: present.flatMap(({ fills }) =>
      fills.filter((fill) => fill.column === column).map(({ member }) => member),
    ),
    filled: (row) => present.some((source) => hasKey(source, row)),
  };
};

function groupOf(
  rows: readonly TreeRow[],
  names: readonly string[],
  sources: readonly KeySource[],
  isMixed: boolean,
): RowGroup {
  const columns = new Map(
    names.map((name) => {
      const { members, filled } = membersFor(name, rows, sources);
      return [name, { members, given: !rows.every(filled) }] as const;
    }),
  );
  return { rows, columns, isMixed };
}

/**
 * An object that holds nothing but what tells rows apart stands for the row that it tells, where a row is meant
 * that needs no other: a to-one embed, or a target behind a junction.
 */
function isReference(
  { identity, link }: Place,
  row: TreeRow,
  columns: ReadonlySet<string>,
  sources: readonly KeySource[],
): boolean {
  if (link?.kind !== 'parent' && link?.kind !== 'junction') return false;
  if (identity.length === 0 || columns.size !== identity.length) return false;
  return identity.every((name) => hasValue(row, name, sources));
}

const sameNames = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((name) => b.has(name));

/** The rows of a level by what is to be done with them. */
export interface LevelGroups {
  readonly sources: readonly KeySource[];
  /** Rows that stand for one that may exist already. */
  readonly references: RowGroup | null;
  readonly others: RowGroup | null;
}

function groupRows(level: TreeLevel<Place>, mayDiffer: boolean): LevelGroups {
  const sources = keySources(level);
  const references: TreeRow[] = [];
  const others: TreeRow[] = [];
  const union = new Set<string>();
  let first: ReadonlySet<string> | null = null;
  let isMixed = false;
  for (const row of level.rows) {
    const columns = columnsOf(row, sources);
    if (isReference(level.place, row, columns, sources)) {
      references.push(row);
      continue;
    }
    first ??= columns;
    if (!sameNames(columns, first)) {
      isMixed = true;
      if (!mayDiffer) {
        throw keysDiffer({ place: level.place.path.join('.') || 'the root', object: whereIs(row) });
      }
    }
    others.push(row);
    for (const name of columns) union.add(name);
  }
  const { identity } = level.place;
  return {
    sources,
    references: references.length === 0 ? null : groupOf(references, identity, sources, false),
    others: others.length === 0 ? null : groupOf(others, [...union].sort(), sources, isMixed),
  };
}

/**
 * The rows of all levels by what is to be done with them. `mayDiffer`: it is known what a column is to be that an
 * object at this place does not have. Throws PGRST102 where objects have different columns and it is not.
 */
export function groupLevels(
  root: TreeLevel<Place>,
  mayDiffer: (place: Place) => boolean,
): Map<TreeLevel<Place>, LevelGroups> {
  const groups = new Map<TreeLevel<Place>, LevelGroups>();
  const visit = (level: TreeLevel<Place>): void => {
    groups.set(level, groupRows(level, mayDiffer(level.place)));
    for (const below of level.embeds.values()) visit(below);
  };
  visit(root);
  return groups;
}

/** Whether a row has a value for the column, its own or another row's key. */
export const hasValue = (row: TreeRow, column: string, sources: readonly KeySource[]): boolean =>
  !isNull(row.columns.get(column)) ||
  sources.some((source) => hasKey(source, row) && source.fills.some((fill) => fill.column === column));

/** Writes rows as JSON objects: what is in them, and their number before it. */
export interface RowWriter {
  /** `,"a":1,"b":2}`. Throws AURA201 for keys that are null. */
  readonly content: (row: TreeRow) => string;
  readonly numbered: (row: TreeRow, content: string) => string;
}

/** A writer of rows with these columns, beside the keys that fill them. */
export function createRowWriter(
  { relation, path }: Place,
  columns: Iterable<string>,
  sources: readonly KeySource[],
  keyOf: KeyOf,
): RowWriter {
  const own = [...columns].map((name) => ({ name, start: `${JSON.stringify(name)}:` }));
  const filled = sources.map((source) => ({
    source,
    fills: source.fills.map(({ column, key, member }) => {
      return { column, key, start: `${JSON.stringify(member)}:`, asItIs: holdsJson(relation, column) };
    }),
  }));
  const start = `{${JSON.stringify(reservedPrefix(relation))}:`;
  const content = (row: TreeRow): string => {
    let text = '';
    let absent: Set<string> | null = null;
    for (const { source, fills } of filled) {
      if (!applies(source, row)) continue;
      if (!hasKey(source, row)) {
        absent ??= new Set();
        for (const { column } of fills) absent.add(column);
        continue;
      }
      for (const { key, start: named, asItIs } of fills) {
        const value = keyOf(source, row, key);
        if (value === null) throw cannotWrite(path, `'${key}' is null in the row that it refers to.`);
        text += `,${named}${asItIs ? value : JSON.stringify(value)}`;
      }
    }
    for (const { name, start: named } of own) {
      const value = row.columns.get(name) ?? (absent?.has(name) ? 'null' : undefined);
      if (value !== undefined) text += `,${named}${value}`;
    }
    return `${text}}`;
  };
  return { content, numbered: (row, text) => `${start}${row.index + 1}${text}` };
}

/** AURA142. */
export const contradiction = (row: TreeRow): Error =>
  apiError('AURA142', 'A row is joined to another one than its columns say', {
    details: `It stands at ${whereIs(row) || 'the root'} in the body.`,
    hint: 'Leave out the columns that hold the key: they are filled from the other row.',
  });

/** The text behind a JSON value, to compare it with a key's. */
function textOf(value: string): string {
  return value.startsWith('"') ? String(JSON.parse(value)) : value;
}

/** Whether a column of these rows could have several sources at all. */
export function mayDisagree(rows: readonly TreeRow[], sources: readonly KeySource[]): boolean {
  const filled = sources.flatMap(({ fills }) => fills.map(({ column }) => column));
  if (new Set(filled).size < filled.length) return true;
  return rows.some((row) => filled.some((column) => row.columns.has(column)));
}

/**
 * Whether two sources seem to give a column of the row different values; only PostgreSQL can tell by its types.
 * Throws AURA142 for an embed that is null where the columns that refer to it are all given.
 */
export function isDoubtful(row: TreeRow, sources: readonly KeySource[], keyOf: KeyOf): boolean {
  const values = new Map<string, string>();
  for (const [column, value] of row.columns) if (!isNull(value)) values.set(column, textOf(value));
  let doubtful = false;
  for (const source of sources) {
    if (!hasKey(source, row)) continue;
    for (const { column, key } of source.fills) {
      const text = keyOf(source, row, key);
      if (text === null) continue;
      doubtful ||= (values.get(column) ?? text) !== text;
      values.set(column, text);
    }
  }
  for (const source of sources) {
    const none = applies(source, row) && !hasKey(source, row);
    if (none && source.fills.every(({ column }) => values.has(column))) throw contradiction(row);
  }
  return doubtful;
}
