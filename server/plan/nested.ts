/**
 * Nested writes: an insert whose body holds, beside columns, rows of related relations. Here it is found out
 * whether a body is one (which its root's keys tell), and what the keys of its objects mean, place by place. Keys
 * at deeper places are looked at with each body: the plan of a shape knows the root only.
 */
import { isToOne, type Relation, type Relationship } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import { displayName, type QualifiedName } from '../names.ts';
import type { EmbedOption, Located, Preferences, Request, SelectEmbed } from '../request/ast.ts';
import { keysDiffer } from '../request/payload.ts';
import { parseEmbedKey } from '../request/select.ts';
import type { TreeLevel } from '../request/tree.ts';
import type { PlanContext } from './context.ts';
import { matchRelationship } from './embed.ts';
import { relationOf } from './fields.ts';
import { RESOLUTIONS } from './mutate.ts';
import { notAcceptable } from './negotiate.ts';
import { cannotWrite, createRoot, type EmbedTarget, type Place, shownName, type Writing } from './place.ts';
import type { InsertPlan, NestedPlan, WritePlan, WrittenPlan } from './types.ts';

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
    const root = createRestRoot(context, { schema: request.schema, relation, options: request.embedOptions });
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
  return createRestRoot(context, {
    schema: write.schema,
    relation,
    options,
    preferred: write.preferences.resolution,
    conflict: write.mutate.conflict,
    only,
  });
}

/** The root of a body whose keys are called as in `select`. */
function createRestRoot(context: PlanContext, rooted: Rooted): Place {
  const { schema, relation, conflict, only = null } = rooted;
  return createRoot(context, relation, {
    embedOf: (of, path, key) => {
      const found = findEmbed(context, schema, of.name, key);
      if (!found) return null;
      const { item, relationship } = found;
      const name = item.alias ?? item.target;
      if (of.columns.has(name)) throw sameAsColumn(name, shownName(context, of, path));
      return {
        name,
        toOne: isToOne(relationship),
        target: () => embedded(context, [...path, name], relationship),
      };
    },
    writingOf: (path, of) => (path.length === 0 ? rootWriting(conflict) : embedWriting(rooted, path, of)),
    only,
  });
}

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

const sameAsColumn = (name: string, relation: string): Error =>
  apiError('AURA140', `An embed is called '${name}' like a column of '${relation}'`, {
    hint: 'Give it another alias.',
  });

/** The relation that an embed writes, and how. Throws AURA201. */
function embedded(context: PlanContext, path: readonly string[], relationship: Relationship): EmbedTarget {
  if (relationship.kind === 'computed') throw cannotWrite(path, 'It is computed by a function.');
  const relation = relationOf(context, relationship.target);
  if (!relation) throw cannotWrite(path, 'Its relation is not exposed.');
  if (relationship.kind !== 'many-to-many') {
    const kind = relationship.sourceHoldsKey ? 'parent' : 'child';
    return { relation, link: { kind, pairs: relationship.columns } };
  }
  const junction = relationOf(context, relationship.junction);
  if (!junction) throw cannotWrite(path, 'Its junction is not exposed.');
  const { sourceColumns, targetColumns } = relationship;
  return { relation, link: { kind: 'junction', junction, above: sourceColumns, here: targetColumns } };
}

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
