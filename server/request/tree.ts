/**
 * A nested body → rows by their places in it. A place is the root or an embed of a place: all objects that stand
 * there, under whichever objects above them, form one level and are written together. What a member of an object
 * is (a column, an embed) is for the caller to say, who knows the catalog.
 */
import { apiError } from '../errors/codes.ts';
import { elementsOf, kindOf, membersOf } from './json-text.ts';

/** What a member of a place's objects is. */
export type TreeMember<P> =
  | { readonly kind: 'column' | 'ignored' }
  | {
      readonly kind: 'embed';
      /** Names the embed among those of its place. */
      readonly name: string;
      /** An object or null rather than an array of objects. */
      readonly toOne: boolean;
      /** One and the same for one key. */
      readonly place: P;
    };

/** A place, as far as reading needs to know it. */
export interface TreePlace<P> {
  /** Throws ApiError for keys that are nothing. */
  readonly member: (key: string) => TreeMember<P>;
}

/** An object of the body. */
export interface TreeRow {
  /** Its place among the rows of its level, from 0. */
  readonly index: number;
  /** The row that it is embedded in; null at the root. */
  readonly above: TreeRow | null;
  /** Where it stands in the body, below the row above: `.tasks[2]`. */
  readonly where: string;
  /** Values of columns as JSON text. */
  readonly columns: ReadonlyMap<string, string>;
  readonly embeds: ReadonlyMap<string, TreeRow | readonly TreeRow[] | null>;
}

/** All rows of one place, in the order of the body. */
export interface TreeLevel<P> {
  readonly place: P;
  readonly rows: readonly TreeRow[];
  readonly embeds: ReadonlyMap<string, TreeLevel<P>>;
}

/** A level while it is read. */
interface OpenLevel<P> extends TreeLevel<P> {
  readonly rows: TreeRow[];
  readonly embeds: Map<string, OpenLevel<P>>;
}

/** Where a row stands in the body, for people: `[3].tasks[0].labels[1]`. */
export function whereIs(row: TreeRow): string {
  const parts: string[] = [];
  for (let at: TreeRow | null = row; at; at = at.above) parts.unshift(at.where);
  const path = parts.join('');
  return path.startsWith('.') ? path.slice(1) : path;
}

/** The texts of an array's elements. */
const textsIn = (array: string): string[] =>
  [...elementsOf(array, 0)].map(({ start, end }) => array.slice(start, end));

const misshapen = (message: string, where: string, hint: string): Error =>
  apiError('AURA140', message, {
    details: where === '' ? null : `It stands at ${where.replace(/^\./, '')} in the body.`,
    hint,
  });

/**
 * Reads a body, an object or an array of objects, whose text is known to be JSON.
 * Throws AURA140 for values that are not what their embeds take, AURA141 for more than `mostObjects` objects, and
 * what the places throw.
 */
export function readTree<P extends TreePlace<P>>(text: string, root: P, mostObjects: number): TreeLevel<P> {
  let objects = 0;

  const openLevel = (place: P): OpenLevel<P> => ({ place, rows: [], embeds: new Map() });

  const readObject = (level: OpenLevel<P>, object: string, above: TreeRow | null, where: string): TreeRow => {
    objects += 1;
    if (objects > mostObjects) throw tooMany(mostObjects);
    const columns = new Map<string, string>();
    const embeds = new Map<string, TreeRow | readonly TreeRow[] | null>();
    const row: TreeRow = { index: level.rows.length, above, where, columns, embeds };
    level.rows.push(row);
    for (const { key, value: span } of membersOf(object, 0)) {
      const value = object.slice(span.start, span.end);
      const member = level.place.member(key);
      if (member.kind === 'column') columns.set(key, value);
      if (member.kind !== 'embed') continue;
      const { name } = member;
      const below = level.embeds.get(name) ?? openLevel(member.place);
      level.embeds.set(name, below);
      if (embeds.has(name) || below.place !== member.place) {
        throw misshapen(`Two embeds are called '${name}'`, whereIs(row), 'Give one of them an alias.');
      }
      embeds.set(name, member.toOne ? readOne(below, value, row, name) : readMany(below, value, row, name));
    }
    return row;
  };

  const readOne = (level: OpenLevel<P>, value: string, above: TreeRow, name: string): TreeRow | null => {
    const kind = kindOf(value);
    if (kind === 'object') return readObject(level, value, above, `.${name}`);
    if (kind === 'null') return null;
    throw misshapen(
      `'${name}' takes an object or null`,
      `${whereIs(above)}.${name}`,
      'It is a to-one embed.',
    );
  };

  const readMany = (level: OpenLevel<P>, value: string, above: TreeRow, name: string): TreeRow[] => {
    const elements = kindOf(value) === 'array' ? textsIn(value) : null;
    if (elements === null || elements.some((element) => kindOf(element) !== 'object')) {
      const where = `${whereIs(above)}.${name}`;
      throw misshapen(`'${name}' takes an array of objects`, where, 'It is a to-many embed.');
    }
    return elements.map((element, position) => readObject(level, element, above, `.${name}[${position}]`));
  };

  const level = openLevel(root);
  const body = text.trimStart();
  if (kindOf(body) === 'object') readObject(level, body, null, '');
  else {
    textsIn(body).forEach((element, position) => {
      readObject(level, element, null, `[${position}]`);
    });
  }
  return level;
}

const tooMany = (most: number): Error =>
  apiError('AURA141', 'The body nests too many objects', {
    details: `At most ${most} objects are written by one request.`,
    hint: 'Send them in several requests, or raise db-max-nested-objects.',
  });
