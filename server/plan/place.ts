/**
 * Places of nested writes: the root of a body and the embeds below it, each with its relation and how its rows are
 * joined to those above them. How keys name embeds is the matter of who reads the body; what may nest, and how deeply,
 * is the same for all.
 */
import type { Relation } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import { apiError } from '../errors/codes.ts';
import { nameKey } from '../names.ts';
import type { TreeMember, TreePlace } from '../request/tree.ts';
import type { PlanContext } from './context.ts';
import { unknownColumn } from './mutate.ts';
import { refuseUnprotectedRelations } from './protect.ts';

type Pair = readonly [here: string, there: string];

/** How the rows of a place are joined to the rows above them. */
export type Link =
  /** The row above holds the key: this one is written first. Pairs: column above, column here. */
  | { readonly kind: 'parent'; readonly pairs: readonly Pair[] }
  /** This row holds the key: it is written after. Pairs: column above, column here. */
  | { readonly kind: 'child'; readonly pairs: readonly Pair[] }
  /** Rows of a junction join both. Pairs: column above or here, column of the junction. */
  | {
      readonly kind: 'junction';
      readonly junction: Relation;
      readonly above: readonly Pair[];
      readonly here: readonly Pair[];
    };

/** The root of a nested body, or an embed of a place. */
export interface Place extends TreePlace<Place> {
  /** Names of embeds from the root. */
  readonly path: readonly string[];
  readonly relation: Relation;
  /** Null at the root. */
  readonly link: Link | null;
  /** What becomes of rows that exist already. */
  readonly resolution: 'merge' | 'ignore' | null;
  /** The columns that tell which row exists already; empty where nothing does. */
  readonly identity: readonly string[];
  /** The embed of this name, if the relation has one that may be called so without being in the body. */
  readonly embedCalled: (name: string) => Place | null;
}

/** More places than a sensible body has; each costs at least one statement. */
const MOST_PLACES = 100;

/** What becomes of the rows of a place that exist already, and how they are found. */
export type Writing = Pick<Place, 'resolution' | 'identity'>;

/** The relation that an embed writes, and how its rows are joined to those above them. */
export interface EmbedTarget {
  readonly relation: Relation;
  readonly link: Link;
}

/** An embed that a key of an object means. */
export interface Embed {
  readonly name: string;
  readonly toOne: boolean;
  /** Throws AURA201 where nothing can be written to it. */
  readonly target: () => EmbedTarget;
}

/** How a body is read. */
export interface PlaceRules {
  /** The embed that a key means in the objects of a relation at this path; null = none. Throws ApiError. */
  readonly embedOf: (of: Relation, path: readonly string[], key: string) => Embed | null;
  /** An empty path is the root. */
  readonly writingOf: (path: readonly string[], relation: Relation) => Writing;
  /** Keys of the root's objects that count; null = all. */
  readonly only: readonly string[] | null;
}

/**
 * The root of a body. Its places throw AURA103 where they nest too deeply,
 * AURA141 where there are too many, AURA200 for relations without protection, PGRST204 for keys that are nothing.
 */
export function createRoot(context: PlanContext, relation: Relation, rules: PlaceRules): Place {
  let places = 0;

  const createPlace = (path: readonly string[], of: Relation, link: Link | null): Place => {
    const members = new Map<string, TreeMember<Place>>();
    const find = (key: string): TreeMember<Place> | null => {
      if (of.columns.has(key)) return { kind: 'column' };
      const embed = rules.embedOf(of, path, key);
      if (!embed) return null;
      const { name, toOne } = embed;
      places += 1;
      if (places > MOST_PLACES) throw tooManyPlaces();
      const below = [...path, name];
      refuseDeep(context, below);
      const target = embed.target();
      refuseUnprotectedRelations(context, relationsOf(target));
      return { kind: 'embed', name, toOne, place: createPlace(below, target.relation, target.link) };
    };
    const member = (key: string): TreeMember<Place> => {
      let known = members.get(key);
      if (known) return known;
      const counts = link !== null || rules.only === null || rules.only.includes(key);
      known = counts ? (find(key) ?? undefined) : { kind: 'ignored' };
      if (!known) throw unknownColumn(shownName(context, of, path), key);
      members.set(key, known);
      return known;
    };
    const embedCalled = (name: string): Place | null => {
      const found = find(name);
      return found?.kind === 'embed' ? found.place : null;
    };
    return { path, relation: of, link, ...rules.writingOf(path, of), member, embedCalled };
  };

  return createPlace([], relation, null);
}

/** The key of an embed may lead to a relation that the role may not see, whose name is then not told. */
export function shownName(context: PlanContext, { name }: Relation, path: readonly string[]): string {
  const seen = visibleTo(context.catalog, context.role).relations.has(nameKey(name.schema, name.name));
  return seen ? name.name : (path.at(-1) ?? name.name);
}

const relationsOf = ({ relation, link }: EmbedTarget): Relation[] =>
  link.kind === 'junction' ? [relation, link.junction] : [relation];

function refuseDeep({ options: { dbMaxEmbedDepth } }: PlanContext, path: readonly string[]): void {
  if (path.length <= dbMaxEmbedDepth) return;
  throw apiError('AURA103', 'The body nests too deeply', {
    details: `Embeds nest deeper than ${dbMaxEmbedDepth} levels.`,
    hint: 'Send it in several requests.',
  });
}

/** AURA201. */
export const cannotWrite = (path: readonly string[], details: string): Error =>
  apiError('AURA201', `Rows cannot be written as '${path.join('.')}'`, {
    details,
    hint: 'Nested bodies follow foreign keys to relations that rows can be inserted into.',
  });

const tooManyPlaces = (): Error =>
  apiError('AURA141', 'The body has too many different embeds', {
    details: `At most ${MOST_PLACES} are written by one request.`,
    hint: 'Send it in several requests.',
  });
