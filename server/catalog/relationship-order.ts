/**
 * The order of a relation's relationships, which PGRST201's `details` follow: detected ones before computed ones;
 * then by target, self or not, cardinality, constraint and columns. PostgREST sorts its own by the same criteria.
 */
import type { QualifiedName } from '../names.ts';
import type { ColumnPair, Relationship } from './types.ts';

type Key = readonly (string | number | boolean)[];

const CARDINALITIES: Readonly<Record<Relationship['kind'], number>> = {
  'one-to-many': 0,
  'many-to-one': 1,
  'one-to-one': 2,
  'many-to-many': 3,
  computed: 4,
};

/** Compares two relationships of one source. */
export const compareRelationships = (a: Relationship, b: Relationship): number => {
  const left = sortKey(a);
  const right = sortKey(b);
  for (const [i, value] of left.entries()) {
    const order = compareValues(value, right[i]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
};

const sortKey = (r: Relationship): Key => {
  switch (r.kind) {
    case 'computed':
      return [1, ...name(r.routine), ...name(r.target), r.toOne];
    case 'many-to-many':
      return [
        0,
        ...name(r.target),
        r.isSelf,
        CARDINALITIES[r.kind],
        ...name(r.junction),
        r.sourceConstraint,
        r.targetConstraint,
        ...pairs(r.sourceColumns),
        ...pairs(r.targetColumns),
        r.sourceIsView,
        r.targetIsView,
      ];
    default:
      return [
        0,
        ...name(r.target),
        r.isSelf,
        CARDINALITIES[r.kind],
        r.constraint,
        ...pairs(r.columns),
        !r.sourceHoldsKey,
        r.sourceIsView,
        r.targetIsView,
      ];
  }
};

const name = (qualified: QualifiedName): Key => [qualified.schema, qualified.name];

/** The empty text at the end makes a list come before a longer one that begins with it. */
const pairs = (columns: readonly ColumnPair[]): Key => [...columns.flat(), ''];

const compareValues = (a: Key[number], b: Key[number] | undefined): number => {
  if (b === undefined) return 1;
  return a < b ? -1 : Number(a > b);
};
