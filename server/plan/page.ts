/**
 * Pages by cursor: the order of a read made total, so that the values of its keys at one row are a position
 * between all rows. To the order that was asked for it adds what tells rows apart: the primary key, or a unique key
 * without nulls.
 */
import { createHash } from 'node:crypto';
import type { Relation } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import { displayName, nameKey } from '../names.ts';
import type { PageRequest } from '../request/ast.ts';
import { isGrouped } from './aggregate.ts';
import type { PlanContext } from './context.ts';
import { planField, relationOf } from './fields.ts';
import type { PageKey, PagePlan, PlannedOrder, ReadPlan } from './types.ts';

/** Rows on a page where no limit is given. */
export const DEFAULT_PAGE_SIZE = 100;

/** AURA162. */
export const refusePage = (what: string): Error =>
  apiError('AURA162', `There are no pages by cursor over ${what}`, {
    details: 'A cursor is a position among the rows of a table or view, by a key that tells them apart.',
    hint: 'Use limit and offset, or read a view.',
  });

/**
 * Plans the page of a read; null where none is asked for. `read` is complete but for its range.
 * Throws ApiError AURA161 for a cursor of another order, AURA162 for aggregated rows, AURA163 where no key tells
 * rows apart.
 */
export function planPage(
  context: PlanContext,
  asked: PageRequest | null,
  relation: Relation,
  read: ReadPlan,
): PagePlan | null {
  if (asked === null) return null;
  if (isGrouped(read)) throw refusePage('aggregated rows');
  const terms = totalOrder(relation, read.order);
  const keys = terms.map((term) => pageKey(context, relation, read, term));
  const order = digest(relation, read, keys);
  const { position } = asked;
  if (position !== null && (position.order !== order || position.values.length !== keys.length)) {
    throw apiError('AURA161', 'The cursor belongs to another order', {
      details: 'It was made for another relation, or for its rows in another order.',
      hint: 'Send it with the relation and the order that it came from; select, filters and limit may change.',
    });
  }
  return { keys, size: pageSize(read.range.limit, context.options.dbMaxRows), order, position };
}

/** One row more than the page is read, which must still be a number that SQL takes. */
const LARGEST = 2 ** 53 - 2;

const pageSize = (limit: number | null, maxRows: number | null): number =>
  Math.min(limit ?? DEFAULT_PAGE_SIZE, maxRows ?? LARGEST, LARGEST);

const isPlain = ({ embedAlias, field }: PlannedOrder): boolean =>
  embedAlias === null && field.path.length === 0;

const sameKey = (a: PlannedOrder, b: PlannedOrder): boolean =>
  a.embedAlias === b.embedAlias &&
  a.field.name === b.field.name &&
  JSON.stringify(a.field.path) === JSON.stringify(b.field.path);

/** Keys of the relation, the best first. A view's is that of its tables, as far as it shows it. */
function uniqueKeys(relation: Relation): (readonly string[])[] {
  const inOrder = (names: readonly string[]): string[] =>
    [...names].sort(
      (a, b) => (relation.columns.get(a)?.position ?? 0) - (relation.columns.get(b)?.position ?? 0),
    );
  const primary = relation.primaryKey.length > 0 ? [inOrder(relation.primaryKey)] : [];
  const others = relation.uniqueKeys
    .filter((names) => names.every((name) => relation.columns.get(name)?.nullable === false))
    .toSorted((a, b) => a.length - b.length);
  return [...primary, ...others];
}

/** The order without what it repeats, ended by a key in the direction of its last term: one index serves both. */
function totalOrder(relation: Relation, order: readonly PlannedOrder[]): PlannedOrder[] {
  const terms = order.filter((term, index) => order.findIndex((other) => sameKey(other, term)) === index);
  const keys = uniqueKeys(relation);
  const named = new Set(terms.filter(isPlain).map(({ field }) => field.name));
  if (keys.some((key) => key.every((name) => named.has(name)))) return terms;
  const [key] = keys;
  if (!key) {
    throw apiError('AURA163', `The rows of '${displayName(relation.name)}' have no key to be paged by`, {
      details: 'Pages need a primary key, or a unique constraint over columns that are not null.',
      hint: 'Add one; a view has to show the primary keys of its tables. Without one, use limit and offset.',
    });
  }
  const direction = terms.at(-1)?.direction ?? 'asc';
  const missing = key.filter((name) => !named.has(name));
  return [
    ...terms,
    ...missing.map((name) => ({
      embedAlias: null,
      field: planField(relation, { name, path: [] }),
      direction,
      nulls: null,
    })),
  ];
}

/** Types that PostgreSQL infers for a value that is compared with one of them; others may be composite. */
const INFERRED: ReadonlySet<string> = new Set([
  'bigint',
  'boolean',
  'character varying',
  'date',
  'integer',
  'numeric',
  'smallint',
  'text',
  'timestamp with time zone',
  'timestamp without time zone',
  'uuid',
]);

/** The to-one embed whose column a key is. */
const embedOf = (read: ReadPlan, embedAlias: string): ReadPlan | undefined =>
  read.children.find(({ attachment }) => attachment?.embedAlias === embedAlias);

function typeOf(context: PlanContext, relation: Relation, read: ReadPlan, term: PlannedOrder): string | null {
  const { name, path } = term.field;
  if (path.length > 0) return null;
  if (term.embedAlias === null) {
    return relation.columns.get(name)?.type ?? relation.computedColumns.get(name)?.type ?? null;
  }
  const source = embedOf(read, term.embedAlias)?.source;
  const embedded = source?.kind === 'relation' ? relationOf(context, source.name) : undefined;
  return embedded?.columns.get(name)?.type ?? null;
}

/** What a table declares holds for its rows; what a view shows of it may be the empty side of a join. */
const mayBeNull = (relation: Relation, term: PlannedOrder): boolean => {
  const stored = relation.kind === 'table' || relation.kind === 'partitioned table';
  return !stored || !isPlain(term) || relation.columns.get(term.field.name)?.nullable !== false;
};

function pageKey(context: PlanContext, relation: Relation, read: ReadPlan, term: PlannedOrder): PageKey {
  const { embedAlias, field, direction, nulls } = term;
  const descending = direction === 'desc';
  const nullable = mayBeNull(relation, term);
  const type = typeOf(context, relation, read, term);
  return {
    embedAlias,
    field,
    descending,
    // an index serves only the place that its direction has by default: without nulls none other is needed
    nullsFirst: nullable && nulls !== null ? nulls === 'first' : descending,
    nullable,
    needsType: field.path.length === 0 && !INFERRED.has(type ?? ''),
  };
}

/** Tells whether two requests have the same order: names and types of its keys, and whose rows they order. */
function digest(relation: Relation, read: ReadPlan, keys: readonly PageKey[]): string {
  const parts = keys.map(({ embedAlias, field, descending, nullsFirst }) => {
    const embed = embedAlias === null ? undefined : embedOf(read, embedAlias);
    const through = embed && [
      embed.source.kind === 'relation' ? embed.source.name : embed.source,
      embed.attachment?.conditions.map(([inner, outer]) => [inner.column, outer.column]),
    ];
    const type = embed ? null : (relation.columns.get(field.name)?.declaredType ?? null);
    return [through ?? null, field.name, field.path, type, descending, nullsFirst];
  });
  const text = JSON.stringify([nameKey(relation.name.schema, relation.name.name), parts]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}
