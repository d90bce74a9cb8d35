/**
 * Embedding: finds, for every embed of a select, the one relationship that leads from its parent to it.
 */

import { isToOne, type JunctionRelationship, type Relationship } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import { apiError } from '../errors/codes.ts';
import { suggest, suggestOne } from '../errors/suggest.ts';
import { nameKey, type QualifiedName } from '../names.ts';
import type { SelectEmbed, SelectField, SelectItem } from '../request/ast.ts';
import type { PlanContext } from './context.ts';
import type { Attachment, QualifiedColumn, Source } from './types.ts';

/** A select with its relations found; names are as the request gave them. */
export interface EmbedNode {
  /** The embed's name in the request: what filters, orders and limits refer to. */
  readonly name: string;
  readonly alias: string | null;
  /** The relation that the columns belong to. */
  readonly relation: QualifiedName;
  readonly source: Source;
  readonly relationship: Relationship | null;
  readonly attachment: Attachment | null;
  readonly fields: readonly SelectField[];
  readonly children: readonly EmbedNode[];
}

const IDENTIFIER_BYTES = 63;

/** PostgreSQL cuts longer identifiers, and two that were cut could be the same. */
function internalAlias(name: string, suffix: string): string {
  const room = IDENTIFIER_BYTES - Buffer.byteLength(suffix);
  if (Buffer.byteLength(name) <= room) return name + suffix;
  let cut = name;
  while (Buffer.byteLength(cut) > room) cut = cut.slice(0, -1);
  return cut + suffix;
}

const isField = (item: SelectItem): item is SelectField => item.kind === 'field';
const isEmbed = (item: SelectItem): item is SelectEmbed => item.kind === 'embed';

interface Place {
  readonly schema: string;
  readonly depth: number;
  /** Counts embeds, so that every internal alias is unique in the statement. */
  readonly counter: { next: number };
}

/**
 * Resolves the embeds of a select under a root.
 * Throws PGRST200 and PGRST201 where no or no single relationship is found, AURA103 where they nest too deeply.
 */
export function planEmbeds(
  context: PlanContext,
  schema: string,
  root: { relation: QualifiedName; source: Source },
  select: readonly SelectItem[],
): EmbedNode {
  const place: Place = { schema, depth: 0, counter: { next: 1 } };
  const node = { ...root, name: root.relation.name, alias: null, relationship: null, attachment: null };
  return {
    ...node,
    fields: select.filter(isField),
    children: select.filter(isEmbed).map((item) => planEmbed(context, place, node, item)),
  };
}

type Parent = Pick<EmbedNode, 'relation' | 'source'>;

function planEmbed(context: PlanContext, above: Place, parent: Parent, item: SelectEmbed): EmbedNode {
  const place = { ...above, depth: above.depth + 1 };
  if (place.depth > context.options.dbMaxEmbedDepth) {
    throw apiError('AURA103', 'The request embeds too deeply', {
      details: `Embeds nest deeper than ${context.options.dbMaxEmbedDepth} levels.`,
      hint: 'Ask in several requests, or use a view or a function.',
    });
  }
  const relationship = findRelationship(context, place.schema, parent.relation, item);
  const serial = place.counter.next++;
  const alias = internalAlias(relationship.target.name, `_${place.depth}`);
  const source: Source =
    relationship.kind === 'computed'
      ? {
          kind: 'computed',
          routine: relationship.routine,
          argument: qualifierOf(parent.source).relation,
          argumentType: relationship.source,
          alias,
        }
      : { kind: 'relation', name: relationship.target, alias };
  const key = item.alias ?? item.target;
  const embedAlias = internalAlias(`${parent.relation.name}_${key}`, `_${serial}`);
  const node = { relation: relationship.target, source };
  return {
    ...node,
    name: item.target,
    alias: item.alias,
    relationship,
    attachment: attach(parent, alias, relationship, item, { key, embedAlias }),
    fields: item.select.filter(isField),
    children: item.select.filter(isEmbed).map((child) => planEmbed(context, place, node, child)),
  };
}

/** The name under which a source's columns are in scope. */
export function qualifierOf(source: Source): { schema: string | null; relation: string } {
  if (source.kind === 'relation' && source.alias === null) {
    return { schema: source.name.schema, relation: source.name.name };
  }
  return { schema: null, relation: source.kind === 'relation' ? (source.alias ?? '') : source.alias };
}

/** The alias of a junction beside its target's; an embed has one at most. */
export const JUNCTION_ALIAS = 'pgrst_junction';

function attach(
  parent: Parent,
  alias: string,
  relationship: Relationship,
  item: SelectEmbed,
  names: { key: string; embedAlias: string },
): Attachment {
  const toOne = isToOne(relationship);
  const above = qualifierOf(parent.source);
  const inParent = (column: string): QualifiedColumn => ({ ...above, column });
  const inTarget = (column: string): QualifiedColumn => ({ schema: null, relation: alias, column });
  const inJunction = (column: string): QualifiedColumn => ({
    schema: null,
    relation: JUNCTION_ALIAS,
    column,
  });
  let conditions: (readonly [QualifiedColumn, QualifiedColumn])[] = [];
  if (relationship.kind === 'many-to-many') {
    conditions = [
      ...relationship.targetColumns.map(
        ([target, junction]) => [inJunction(junction), inTarget(target)] as const,
      ),
      ...relationship.sourceColumns.map(
        ([source, junction]) => [inJunction(junction), inParent(source)] as const,
      ),
    ];
  } else if (relationship.kind !== 'computed') {
    conditions = relationship.columns.map(
      ([source, target]) => [inTarget(target), inParent(source)] as const,
    );
  }
  return {
    ...names,
    toOne,
    inner: item.join === 'inner',
    spread: item.spread ? (toOne ? { kind: 'one' } : { kind: 'many', extra: [], order: [] }) : null,
    conditions,
    junction: relationship.kind === 'many-to-many' ? relationship.junction : null,
  };
}

/** Whether the foreign key has a single column, of this name at the given end. */
function hasOnlyColumn(relationship: Relationship, end: 0 | 1, name: string): boolean {
  if (relationship.kind === 'computed' || relationship.kind === 'many-to-many') return false;
  return relationship.columns.length === 1 && relationship.columns[0]?.[end] === name;
}

const isConstraint = (relationship: Relationship, name: string): boolean =>
  relationship.kind !== 'computed' &&
  relationship.kind !== 'many-to-many' &&
  relationship.constraint === name;

/**
 * Whether a relationship is what the embed means. The target is the relation's name, or for a table the
 * constraint or the column of the foreign key; a hint narrows it by constraint, column or junction.
 */
function answers(relationship: Relationship, { target, hint }: SelectEmbed): boolean {
  if (relationship.kind === 'computed') return relationship.routine.name === target;
  const byName = relationship.target.name === target;
  if (relationship.isSelf) {
    // one foreign key leads both ways: by the relation's name to the children, by the column to the parent
    if (hint !== null) {
      return byName && relationship.kind === 'one-to-many' && hasOnlyColumn(relationship, 1, hint);
    }
    return (
      (byName && relationship.kind === 'one-to-many') ||
      (relationship.kind === 'many-to-one' && hasOnlyColumn(relationship, 0, target))
    );
  }
  if (hint === null) {
    const byKey = isConstraint(relationship, target) || hasOnlyColumn(relationship, 0, target);
    return byName || (byKey && !relationship.targetIsView);
  }
  return (
    byName &&
    (isConstraint(relationship, hint) ||
      hasOnlyColumn(relationship, 0, hint) ||
      hasOnlyColumn(relationship, 1, hint) ||
      (relationship.kind === 'many-to-many' && relationship.junction.name === hint))
  );
}

/** A request embeds within its schema: what it names is the target, or the function that computes it. */
const isIn = (relationship: Relationship, schema: string): boolean =>
  (relationship.kind === 'computed' ? relationship.routine.schema : relationship.target.schema) === schema;

function findRelationship(
  context: PlanContext,
  schema: string,
  parent: QualifiedName,
  item: SelectEmbed,
): Relationship {
  const found = matchRelationship(context, schema, parent, item);
  if (found === null) throw notRelated(context, schema, parent, item);
  return found;
}

/** The one relationship that an embed means; null where there is none. Throws PGRST201 where there are several. */
export function matchRelationship(
  context: PlanContext,
  schema: string,
  parent: QualifiedName,
  item: SelectEmbed,
): Relationship | null {
  const all = context.catalog.relationships.get(nameKey(parent.schema, parent.name)) ?? [];
  const inSchema = all.filter((relationship) => isIn(relationship, schema));
  const found = inSchema.filter((relationship) => answers(relationship, item));
  if (found.length > 1) throw ambiguous(context, parent, item, found);
  return found[0] ?? null;
}

function notRelated(context: PlanContext, schema: string, parent: QualifiedName, item: SelectEmbed): Error {
  const usingHint = item.hint === null ? '' : ` using the hint '${item.hint}'`;
  return apiError(
    'PGRST200',
    `Could not find a relationship between '${parent.name}' and '${item.target}' in the schema cache`,
    {
      details:
        `Searched for a foreign key relationship between '${parent.name}' and '${item.target}'` +
        `${usingHint} in the schema '${schema}', but no matches were found.`,
      hint: nearestRelated(context, schema, parent, item.target),
    },
  );
}

/** A name that the role may see: of a child where the parent has relationships, else of a parent. */
function nearestRelated(
  context: PlanContext,
  schema: string,
  parent: QualifiedName,
  target: string,
): string | null {
  const { relationships } = visibleTo(context.catalog, context.role);
  const related = relationships
    .get(nameKey(parent.schema, parent.name))
    ?.filter((relationship) => isIn(relationship, schema));
  // a parent that exists was hardly misspelt
  if (context.catalog.relations.has(nameKey(parent.schema, parent.name))) {
    const names = related?.map((relationship) => relationship.target.name) ?? [];
    const [child] = suggest(target, names).filter(({ score }) => score < 1);
    return child ? `Perhaps you meant '${child.text}' instead of '${target}'.` : null;
  }
  const parents = [...relationships.values()].flatMap(([first]) =>
    first && first.source.schema === schema ? [first.source.name] : [],
  );
  const nearest = suggestOne(parent.name, parents);
  return nearest === null ? null : `Perhaps you meant '${nearest}' instead of '${parent.name}'.`;
}

const listed = (columns: readonly string[]): string => `(${columns.join(', ')})`;

function describeJunction(relationship: JunctionRelationship): string {
  const { junction, sourceConstraint, targetConstraint, sourceColumns, targetColumns } = relationship;
  return (
    `${junction.name} using ${sourceConstraint}${listed(sourceColumns.map(([, column]) => column))}` +
    ` and ${targetConstraint}${listed(targetColumns.map(([, column]) => column))}`
  );
}

function describe(relationship: Relationship): Record<string, string> {
  const { source, target, kind } = relationship;
  const embedding = `${source.name} with ${target.name}`;
  if (kind === 'computed') return { cardinality: kind, embedding, relationship: relationship.routine.name };
  if (kind === 'many-to-many') {
    return { cardinality: kind, embedding, relationship: describeJunction(relationship) };
  }
  const from = `${source.name}${listed(relationship.columns.map(([column]) => column))}`;
  const to = `${target.name}${listed(relationship.columns.map(([, column]) => column))}`;
  return { cardinality: kind, embedding, relationship: `${relationship.constraint} using ${from} and ${to}` };
}

function hintFor(relationship: Relationship): string {
  if (relationship.kind === 'computed') return `'${relationship.routine.name}'`;
  const by = relationship.kind === 'many-to-many' ? relationship.junction.name : relationship.constraint;
  return `'${relationship.target.name}!${by}'`;
}

function ambiguous(
  context: PlanContext,
  parent: QualifiedName,
  item: SelectEmbed,
  found: readonly Relationship[],
): Error {
  // a junction that the role may not see must not be named
  const visible = visibleTo(context.catalog, context.role).relationships.get(
    nameKey(parent.schema, parent.name),
  );
  const nameable = found.filter((relationship) => visible?.includes(relationship));
  return apiError(
    'PGRST201',
    `Could not embed because more than one relationship was found for '${parent.name}' and '${item.target}'`,
    {
      details: nameable.map(describe),
      hint:
        nameable.length === 0
          ? null
          : `Try changing '${item.target}' to one of the following: ${nameable.map(hintFor).join(', ')}. ` +
            "Find the desired relationship in the 'details' key.",
    },
  );
}
