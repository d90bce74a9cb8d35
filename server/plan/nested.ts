/**
 * Nested writes: an insert whose body holds, beside columns, rows of related relations. Here it is found out
 * whether a body is one (which its root's keys tell), and what the keys of its objects mean, place by place. Keys
 * at deeper places are looked at with each body: the plan of a shape knows the root only.
 */
import { isToOne, type Relation, type Relationship } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import { apiError } from '../errors/codes.ts';
import { displayName, nameKey, type QualifiedName } from '../names.ts';
import type { EmbedOption, Located, Preferences, Request, SelectEmbed } from '../request/ast.ts';
import { keysDiffer } from '../request/payload.ts';
import { parseEmbedKey } from '../request/select.ts';
import type { TreeLevel, TreeMember, TreePlace } from '../request/tree.ts';
import type { PlanContext } from './context.ts';
import { matchRelationship } from './embed.ts';
import { relationOf } from './fields.ts';
import { RESOLUTIONS, unknownColumn } from './mutate.ts';
import { notAcceptable } from './negotiate.ts';
import { refuseUnprotectedRelations } from './protect.ts';
import type { InsertPlan, NestedPlan, WritePlan, WrittenPlan } from './types.ts';

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

/** The relationship that a key means; null where it is none. Throws PGRST201 where it could be several. */
function findEmbed(
  context: PlanContext,
  schema: string,
  from: QualifiedName,
  key: string,
): { item: SelectEmbed; relationship: Relationship } | null {
  const plain = { kind: 'embed', alias: null, hint: null, join: null, spread: false, select: [] } as const;
  const asItIs = { ...plain, target: key };
  const exact = matchRelationship(context, schema, from, asItIs);
  if (exact) return { item: asItIs, relationship: exact };
  const item = parseEmbedKey(key);
  const relationship = item && matchRelationship(context, schema, from, item);
  return relationship ? { item, relationship } : null;
}

const keysOf = ({ payload, columns, contentType }: Request): readonly string[] => {
  if (payload?.kind === 'mixed json') return payload.keys;
  if (payload?.kind === 'json') return contentType.kind === 'json' ? payload.keys : [];
  return payload?.kind === 'unread json' ? (columns ?? []) : [];
};

/**
 * Of the keys of a body's objects those that are not embeds; null where none is one, so that it is an ordinary
 * insert. Throws PGRST201 for ambiguous embeds, PGRST102 for objects whose keys differ without reason, PGRST108
 * for options of embeds that the relation does not have.
 */
export function flatKeysOf(context: PlanContext, request: Request, name: QualifiedName): string[] | null {
  const relation = relationOf(context, name);
  const isColumn = (key: string): boolean =>
    relation === undefined ||
    relation.columns.has(key) ||
    findEmbed(context, request.schema, relation.name, key) === null;
  const keys = keysOf(request);
  const flat = keys.filter(isColumn);
  if (flat.length < keys.length) return flat;
  if (request.payload?.kind === 'mixed json') throw keysDiffer();
  if (relation && request.embedOptions.length > 0) {
    const root = createRoot(context, { schema: request.schema, relation, options: request.embedOptions });
    refuseUnknownOptions(root, null, request.embedOptions);
  }
  return null;
}

/** Plans a nested write by its root. Throws PGRST107 where its execution plan is asked for. */
export function planNested(
  context: PlanContext,
  request: Request,
  write: WritePlan,
  mutate: InsertPlan,
): NestedPlan {
  if (write.mediaType.kind === 'plan') throw notAcceptable(request.accept);
  // without a representation there is no handler
  const { kind } = write.handler;
  const mirrors = !request.selects && (kind === 'array' || kind === 'object');
  return {
    kind: 'nested',
    write: { ...write, mutate },
    answer: planAnswer(context, write, mutate, mirrors),
    mirrors,
    only: request.payload?.kind === 'unread json' ? request.columns : null,
    options: request.embedOptions,
  };
}

/** What an insert of the root's rows would answer, now that they are written. */
function planAnswer(
  context: PlanContext,
  write: WritePlan,
  { returning, primaryKey }: InsertPlan,
  mirrors: boolean,
): NestedPlan['answer'] {
  const relation = relationOf(context, write.relation);
  const all = returning.includes('*') ? [...(relation?.columns.keys() ?? [])] : returning;
  const columns = (mirrors ? [] : all).map((name) => ({
    name,
    type: relation?.columns.get(name)?.declaredType ?? relation?.computedColumns.get(name)?.type ?? 'text',
  }));
  const mutate: WrittenPlan = { kind: 'written', relation: write.relation, columns, primaryKey };
  return { ...write, mutate, handler: mirrors ? { kind: 'none' } : write.handler };
}

interface Rooted {
  readonly schema: string;
  readonly relation: Relation;
  readonly options: readonly Located<EmbedOption>[];
  readonly preferred?: Preferences['resolution'];
  readonly conflict?: InsertPlan['conflict'];
  readonly only?: readonly string[] | null;
}

/** The root of a body, from which its places are found. */
export function planRoot(context: PlanContext, { write, only, options }: NestedPlan): Place {
  const relation = relationOf(context, write.relation);
  // the plan was made under this catalog
  if (!relation) throw new Error(`the catalog has no ${displayName(write.relation)}`);
  return createRoot(context, {
    schema: write.schema,
    relation,
    options,
    preferred: write.preferences.resolution,
    conflict: write.mutate.conflict,
    only,
  });
}

function createRoot(context: PlanContext, rooted: Rooted): Place {
  const { relation, conflict, only } = rooted;
  let places = 0;

  const createPlace = (path: readonly string[], of: Relation, link: Link | null): Place => {
    const members = new Map<string, TreeMember<Place>>();
    // the key of an embed may lead to a relation that the role may not see, whose name is then not told
    const shownName = (): string => {
      const { schema, name } = of.name;
      const seen = visibleTo(context.catalog, context.role).relations.has(nameKey(schema, name));
      return link === null || seen ? name : (path.at(-1) ?? name);
    };
    const find = (key: string): TreeMember<Place> | null => {
      if (of.columns.has(key)) return { kind: 'column' };
      const found = findEmbed(context, rooted.schema, of.name, key);
      if (!found) return null;
      const name = found.item.alias ?? found.item.target;
      if (of.columns.has(name)) throw sameAsColumn(name, shownName());
      places += 1;
      if (places > MOST_PLACES) throw tooManyPlaces();
      const below = [...path, name];
      const target = embedded(context, below, found.relationship);
      const place = createPlace(below, target.relation, target.link);
      return { kind: 'embed', name, toOne: isToOne(found.relationship), place };
    };
    const member = (key: string): TreeMember<Place> => {
      let known = members.get(key);
      if (known) return known;
      const counts = link !== null || !only || only.includes(key);
      known = counts ? (find(key) ?? undefined) : { kind: 'ignored' };
      if (!known) throw unknownColumn(shownName(), key);
      members.set(key, known);
      return known;
    };
    const embedCalled = (name: string): Place | null => {
      const found = find(name);
      return found?.kind === 'embed' ? found.place : null;
    };
    const writing = link === null ? rootWriting(conflict) : embedWriting(rooted, path, of);
    return { path, relation: of, link, ...writing, member, embedCalled };
  };

  return createPlace([], relation, null);
}

type Writing = Pick<Place, 'resolution' | 'identity'>;

const rootWriting = (conflict: InsertPlan['conflict'] | undefined): Writing => ({
  resolution: conflict && conflict.columns.length > 0 ? conflict.resolution : null,
  identity: conflict?.columns ?? [],
});

const samePath = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, index) => name === b[index]);

function embedWriting({ options, preferred }: Rooted, path: readonly string[], relation: Relation): Writing {
  const own = options.filter((option) => samePath(option.path, path)).map(({ value }) => value);
  const identity = own.find((option) => option.kind === 'on_conflict')?.columns ?? relation.primaryKey;
  const chosen = own.find((option) => option.kind === 'resolution');
  const resolution = chosen ? chosen.resolution : (preferred ?? null);
  return {
    resolution: resolution !== null && identity.length > 0 ? RESOLUTIONS[resolution] : null,
    identity,
  };
}

/** The relation that an embed writes, and how. Throws AURA103, AURA200 and AURA201. */
function embedded(
  context: PlanContext,
  path: readonly string[],
  relationship: Relationship,
): { relation: Relation; link: Link } {
  const { dbMaxEmbedDepth } = context.options;
  if (path.length > dbMaxEmbedDepth) {
    throw apiError('AURA103', 'The body nests too deeply', {
      details: `Embeds nest deeper than ${dbMaxEmbedDepth} levels.`,
      hint: 'Send it in several requests.',
    });
  }
  if (relationship.kind === 'computed') {
    throw cannotWrite(path, 'It is computed by a function.');
  }
  const relation = relationOf(context, relationship.target);
  if (!relation) throw cannotWrite(path, 'Its relation is not exposed.');
  refuseUnprotectedRelations(context, [relation]);
  if (relationship.kind !== 'many-to-many') {
    const kind = relationship.sourceHoldsKey ? 'parent' : 'child';
    return { relation, link: { kind, pairs: relationship.columns } };
  }
  const junction = context.catalog.relations.get(
    nameKey(relationship.junction.schema, relationship.junction.name),
  );
  if (!junction) throw cannotWrite(path, 'Its junction is not exposed.');
  refuseUnprotectedRelations(context, [junction]);
  const { sourceColumns, targetColumns } = relationship;
  return { relation, link: { kind: 'junction', junction, above: sourceColumns, here: targetColumns } };
}

/** AURA201. */
export const cannotWrite = (path: readonly string[], details: string): Error =>
  apiError('AURA201', `Rows cannot be written as '${path.join('.')}'`, {
    details,
    hint: 'Nested bodies follow foreign keys to relations that rows can be inserted into.',
  });

const sameAsColumn = (name: string, relation: string): Error =>
  apiError('AURA140', `An embed is called '${name}' like a column of '${relation}'`, {
    hint: 'Give it another alias.',
  });

const tooManyPlaces = (): Error =>
  apiError('AURA141', 'The body has too many different embeds', {
    details: `At most ${MOST_PLACES} are written by one request.`,
    hint: 'Send it in several requests.',
  });

/**
 * Throws PGRST108 for options of embeds that are neither in the body nor could be. `level` is the body's root;
 * null = the body nests nothing.
 */
export function refuseUnknownOptions(
  root: Place,
  level: TreeLevel<Place> | null,
  options: readonly Located<EmbedOption>[],
): void {
  for (const { path } of options) {
    let place: Place = root;
    let inBody = level;
    for (const name of path) {
      inBody = inBody?.embeds.get(name) ?? null;
      const found: Place | null = inBody?.place ?? place.embedCalled(name);
      if (!found) {
        throw apiError('PGRST108', `'${name}' is not an embedded resource in this request`, {
          hint: `Verify that '${name}' is an embed of the body.`,
        });
      }
      place = found;
    }
  }
}
