/**
 * Links relations: foreign keys, seen from both ends and through every view that shows them; many-to-many through
 * junctions; computed relationships, which replace the detected ones of their name. What is not exposed takes part
 * only as the ground that exposed views stand on.
 */
import { nameKey, type QualifiedName, sameName } from '../names.ts';
import type { GrantReader } from './grants.ts';
import { type Lineage, pickKey } from './lineage.ts';
import { append } from './multimap.ts';
import type { RawForeignKey, RawId, RawKey, RawRowFunction } from './raw.ts';
import { compareRelationships } from './relationship-order.ts';
import type { ColumnPair, ComputedRelationship, JunctionRelationship, Relationship } from './types.ts';

/** An exposed relation as linking sees it. */
export interface LinkedRelation {
  readonly name: QualifiedName;
  readonly isView: boolean;
  readonly primaryKey: readonly string[];
  readonly columnNames: ReadonlyMap<number, string>;
}

/** What linking needs; relations by their oid, exposed ones only. */
export interface LinkSources {
  readonly relations: ReadonlyMap<RawId, LinkedRelation>;
  readonly keys: readonly RawKey[];
  readonly foreignKeys: readonly RawForeignKey[];
  readonly lineage: Lineage;
  readonly rowFunctions: readonly RawRowFunction[];
  readonly schemas: readonly string[];
  readonly readGrants: GrantReader;
}

/** One end of a foreign key, on the table itself or on a view over it. */
interface End {
  readonly id: RawId;
  readonly relation: LinkedRelation;
  readonly throughView: boolean;
  readonly columns: readonly string[];
}

/** A foreign key between two exposed relations, from the end that holds it. */
interface Link {
  readonly foreignKey: RawForeignKey;
  readonly unique: boolean;
  readonly holder: End;
  readonly referenced: End;
  readonly columns: readonly ColumnPair[];
}

/** Relationships by their source's nameKey, each list in the order in which errors list them. */
export const buildRelationships = (sources: LinkSources): Map<string, readonly Relationship[]> => {
  const links = findLinks(sources);
  const bySource = new Map<string, Relationship[]>();
  const add = (relationship: Relationship): void =>
    append(bySource, nameKey(relationship.source.schema, relationship.source.name), relationship);

  for (const link of links) for (const relationship of bothDirections(link)) add(relationship);
  for (const relationship of findJunctions(links)) add(relationship);
  for (const computed of findComputed(sources)) {
    const key = nameKey(computed.source.schema, computed.source.name);
    const others = bySource.get(key) ?? [];
    const kept = others.filter(
      (other) => other.kind === 'computed' || !sameName(other.target, computed.routine),
    );
    bySource.set(key, [...kept, computed]);
  }
  for (const list of bySource.values()) list.sort(compareRelationships);
  return bySource;
};

const findLinks = (sources: LinkSources): readonly Link[] => {
  const uniqueKeys = new Map<RawId, Set<string>>();
  for (const key of sources.keys) {
    const known = uniqueKeys.get(key.relation);
    if (known === undefined) uniqueKeys.set(key.relation, new Set([columnSet(key.columns)]));
    else known.add(columnSet(key.columns));
  }
  const links: Link[] = [];
  for (const foreignKey of sources.foreignKeys) {
    const holders = findEnds(sources, foreignKey.source, foreignKey.source_columns);
    if (holders.length === 0) continue;
    const targets = findEnds(sources, foreignKey.target, foreignKey.target_columns);
    const unique = uniqueKeys.get(foreignKey.source)?.has(columnSet(foreignKey.source_columns)) ?? false;
    for (const holder of holders) {
      for (const referenced of targets) {
        const columns = holder.columns.map((name, i): ColumnPair => [name, referenced.columns[i] ?? '']);
        links.push({ foreignKey, unique, holder, referenced, columns });
      }
    }
  }
  return links;
};

const columnSet = (positions: readonly number[]): string => positions.toSorted((a, b) => a - b).join();

/** The relations on which one side of a foreign key shows whole: the table, and views over it at any distance. */
const findEnds = (sources: LinkSources, table: RawId, key: readonly number[]): readonly End[] => {
  const ends: End[] = [];
  const add = (
    id: RawId,
    relation: LinkedRelation,
    positions: readonly number[],
    throughView: boolean,
  ): void => {
    const columns = positions.flatMap((position) => relation.columnNames.get(position) ?? []);
    if (columns.length === key.length) ends.push({ id, relation, throughView, columns });
  };
  const own = sources.relations.get(table);
  if (own !== undefined) add(table, own, key, false);
  for (const [id, shown] of sources.lineage.get(table) ?? []) {
    const view = sources.relations.get(id);
    if (view === undefined) continue;
    for (const positions of pickKey(shown, key)) add(id, view, positions, true);
  }
  return ends;
};

const bothDirections = ({
  foreignKey,
  unique,
  holder,
  referenced,
  columns,
}: Link): readonly Relationship[] => {
  const isSelf = holder.id === referenced.id;
  const constraint = foreignKey.name;
  const { comment } = foreignKey;
  return [
    {
      kind: unique ? 'one-to-one' : 'many-to-one',
      source: holder.relation.name,
      target: referenced.relation.name,
      isSelf,
      sourceIsView: holder.throughView,
      targetIsView: referenced.throughView,
      sourceHoldsKey: true,
      constraint,
      comment,
      columns,
    },
    {
      kind: unique ? 'one-to-one' : 'one-to-many',
      source: referenced.relation.name,
      target: holder.relation.name,
      isSelf,
      sourceIsView: referenced.throughView,
      targetIsView: holder.throughView,
      sourceHoldsKey: false,
      constraint,
      comment,
      columns: columns.map(swap),
    },
  ];
};

const swap = ([source, target]: ColumnPair): ColumnPair => [target, source];

/** Each two different foreign keys of one relation whose columns are all part of its primary key. */
const findJunctions = (links: readonly Link[]): readonly JunctionRelationship[] => {
  const byHolder = new Map<RawId, Link[]>();
  for (const link of links) {
    const { relation, id, columns } = link.holder;
    if (link.unique || !columns.every((column) => relation.primaryKey.includes(column))) continue;
    append(byHolder, id, link);
  }
  const junctions: JunctionRelationship[] = [];
  for (const list of byHolder.values()) {
    for (const a of list) {
      for (const b of list) {
        // One key seen through several columns of a view joins a row with itself only.
        if (a.foreignKey === b.foreignKey) continue;
        junctions.push({
          kind: 'many-to-many',
          source: a.referenced.relation.name,
          target: b.referenced.relation.name,
          isSelf: a.referenced.id === b.referenced.id,
          sourceIsView: a.referenced.throughView,
          targetIsView: b.referenced.throughView,
          junction: a.holder.relation.name,
          sourceConstraint: a.foreignKey.name,
          targetConstraint: b.foreignKey.name,
          sourceColumns: a.columns.map(swap),
          targetColumns: b.columns.map(swap),
        });
      }
    }
  }
  return junctions;
};

const findComputed = (sources: LinkSources): readonly ComputedRelationship[] =>
  sources.rowFunctions.flatMap((fn) => {
    const source = sources.relations.get(fn.source);
    const target = fn.target === null ? undefined : sources.relations.get(fn.target);
    // A function of the extra search path can be a computed column, but relationships are exposed by their schema.
    if (source === undefined || target === undefined || !sources.schemas.includes(fn.schema)) return [];
    return [
      {
        kind: 'computed' as const,
        source: source.name,
        target: target.name,
        isSelf: fn.source === fn.target,
        sourceIsView: source.isView,
        targetIsView: target.isView,
        routine: { schema: fn.schema, name: fn.name },
        toOne: !fn.returns_set || fn.rows === 1,
        comment: fn.comment,
        grants: sources.readGrants(fn.acl),
      },
    ];
  });
