/**
 * What `select` can embed into the rows of a relation, by the texts that name it: the target, a foreign key or its
 * column, and `target!hint`. These are the rules of plan/embed.ts turned around, so that a client's types need only
 * look a text up. Keys that several relationships answer to are there too, with the hints that tell them apart.
 */
import { type Catalog, isToOne, type Relation, type Relationship } from '../server/catalog/types.ts';
import { nameKey } from '../server/names.ts';
import type { Embed } from './model.ts';

const onlyColumn = (relationship: Relationship, end: 0 | 1): readonly string[] =>
  relationship.kind === 'computed' ||
  relationship.kind === 'many-to-many' ||
  relationship.columns.length !== 1
    ? []
    : relationship.columns.map((pair) => pair[end]);

/** The texts that a relationship answers to. */
const keysOf = (relationship: Relationship): readonly string[] => {
  if (relationship.kind === 'computed') return [relationship.routine.name];
  const target = relationship.target.name;
  if (relationship.isSelf) {
    // by the relation's name a row's children, by the column its parent
    if (relationship.kind === 'one-to-many') {
      return [target, ...onlyColumn(relationship, 1).map((column) => `${target}!${column}`)];
    }
    return relationship.kind === 'many-to-one' ? onlyColumn(relationship, 0) : [];
  }
  if (relationship.kind === 'many-to-many') return [target, `${target}!${relationship.junction.name}`];
  const columns = [...onlyColumn(relationship, 0), ...onlyColumn(relationship, 1)];
  const hinted = [relationship.constraint, ...columns].map((hint) => `${target}!${hint}`);
  const own = relationship.targetIsView ? [] : [relationship.constraint, ...onlyColumn(relationship, 0)];
  return [...new Set([target, ...hinted, ...own])];
};

/**
 * Whether there is a row for certain: the key has no nulls, and Row-Level Security does not hide what it leads to.
 * A view on either end may leave out rows.
 */
const isCertain = (
  catalog: Catalog,
  source: Relation,
  relationship: Relationship,
  trustsKeys: boolean,
): boolean => {
  if (relationship.kind === 'computed' || relationship.kind === 'many-to-many') return false;
  if (!relationship.sourceHoldsKey) return false;
  const hasKey = relationship.columns.every(([column]) => source.columns.get(column)?.neverNull === true);
  const target = catalog.relations.get(nameKey(relationship.target.schema, relationship.target.name));
  if (!hasKey || target === undefined || relationship.targetIsView) return false;
  return trustsKeys || !target.rowSecurity.enabled;
};

/** The text that leads to this relationship and to no other of its target. */
const hintOf = (relationship: Relationship): string => {
  if (relationship.kind === 'computed') return relationship.routine.name;
  const by = relationship.kind === 'many-to-many' ? relationship.junction.name : relationship.constraint;
  return `${relationship.target.name}!${by}`;
};

/** Sorted by key. */
export const buildEmbeds = (catalog: Catalog, relation: Relation, trustsKeys: boolean): readonly Embed[] => {
  const { schema, name } = relation.name;
  const byKey = new Map<string, Relationship[]>();
  for (const relationship of catalog.relationships.get(nameKey(schema, name)) ?? []) {
    const home = relationship.kind === 'computed' ? relationship.routine : relationship.target;
    if (home.schema !== schema || relationship.target.schema !== schema) continue;
    for (const key of keysOf(relationship)) byKey.set(key, [...(byKey.get(key) ?? []), relationship]);
  }
  return [...byKey]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, found]): Embed => {
      const [first, second] = found;
      if (first === undefined || second !== undefined) {
        const hints = [...new Set(found.map(hintOf))].toSorted();
        return { key, target: first?.target.name ?? '', cardinality: 'ambiguous', hints };
      }
      const one = isCertain(catalog, relation, first, trustsKeys) ? 'one' : 'maybe';
      return { key, target: first.target.name, cardinality: isToOne(first) ? one : 'many', hints: [] };
    });
};
