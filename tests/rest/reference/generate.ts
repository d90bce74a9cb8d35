/** Generated reads. What an arbitrary puts together at random, `settle.ts` makes a read that the grammar accepts. */
import fc from 'fast-check';
import type {
  Column,
  ColumnKind,
  FieldItem,
  Format,
  Item,
  Logic,
  Question,
  Relationship,
  Table,
  Term,
} from './ast.ts';
import { conditionOn, fieldOf } from './conditions.ts';
import { RELATIONSHIPS, TABLES, tableCalled } from './model.ts';
import { type Draft, settle } from './settle.ts';

const DEPTH = 3;

const CASTS: Readonly<Record<ColumnKind, readonly string[]>> = {
  text: ['varchar'],
  integer: ['text', 'numeric', 'double precision'],
  numeric: ['text', 'double precision'],
  float: ['text', 'real'],
  boolean: ['text', 'int'],
  enum: ['text'],
  date: ['text', 'timestamp'],
  timestamp: ['date', 'text'],
  texts: ['text'],
  integers: ['text'],
  range: ['text'],
  json: ['text'],
  lexemes: ['text'],
};

const AGGREGATES: Readonly<Record<ColumnKind, readonly NonNullable<FieldItem['aggregate']>[]>> = {
  text: ['min', 'max', 'count'],
  integer: ['sum', 'avg', 'min', 'max', 'count'],
  numeric: ['sum', 'avg', 'min', 'max', 'count'],
  float: ['sum', 'avg', 'min', 'max', 'count'],
  boolean: ['count'],
  enum: ['min', 'max', 'count'],
  date: ['min', 'max', 'count'],
  timestamp: ['min', 'max', 'count'],
  texts: ['count'],
  integers: ['count'],
  range: ['count'],
  json: ['count'],
  lexemes: ['count'],
};

const rarely = <T>(arbitrary: fc.Arbitrary<T>, one = 4): fc.Arbitrary<T | null> =>
  fc.option(arbitrary, { nil: null, freq: one });

const fieldItem = (column: Column): fc.Arbitrary<FieldItem> =>
  fc
    .record({
      field: fieldOf(column),
      alias: rarely(fc.constantFrom('x', 'Größe', 'name'), 3),
      cast: rarely(fc.constantFrom(...CASTS[column.kind]), 3),
      aggregate: rarely(fc.constantFrom(...AGGREGATES[column.kind]), 1),
      aggregateCast: rarely(fc.constant('text'), 5),
    })
    .map((found): FieldItem => {
      const isWhole = found.field.path.length === 0;
      const aggregate = isWhole || found.aggregate === 'count' ? found.aggregate : null;
      // sums are of numbers, whatever the column was cast to
      const isNumber = aggregate === 'sum' || aggregate === 'avg';
      const isCast = isWhole && !(isNumber && found.cast === 'text');
      return { kind: 'field', ...found, cast: isCast ? found.cast : null, aggregate };
    });

/** Drafts of reads of a table, with so many levels of embeds. */
type DraftOf = (table: Table, depth: number) => fc.Arbitrary<Draft>;

function itemOf(table: Table, depth: number, draftOf: DraftOf): fc.Arbitrary<Item> {
  const own: fc.Arbitrary<Item> = fc.oneof(
    { weight: 8, arbitrary: fc.oneof(...table.columns.map(fieldItem)) },
    { weight: 1, arbitrary: fc.constant<Item>({ kind: 'star' }) },
    {
      weight: 1,
      arbitrary: fc
        .record({ alias: rarely(fc.constant('n'), 2), cast: rarely(fc.constant('text'), 3) })
        .map((found): Item => ({ kind: 'count', ...found })),
    },
  );
  const relationships = RELATIONSHIPS.filter(({ from }) => from === table.name);
  if (depth === 0 || relationships.length === 0) return own;
  const embeds = relationships.map((relationship) => embedOf(relationship, depth - 1, draftOf));
  return fc.oneof({ weight: 5, arbitrary: own }, { weight: 3, arbitrary: fc.oneof(...embeds) });
}

const embedOf = (relationship: Relationship, depth: number, draftOf: DraftOf): fc.Arbitrary<Item> =>
  fc
    .record({
      alias: rarely(fc.constant('e'), 3),
      spread: fc.nat(3).map((found) => found === 3),
      inner: fc.nat(3).map((found) => found === 3),
      empty: fc.nat(7).map((found) => found === 7),
      read: draftOf(tableCalled(relationship.to), depth),
    })
    // the draft becomes a read when the whole is settled
    .map((found) => ({ kind: 'embed', relationship, ...found }) as Item);

const nullEmbed: fc.Arbitrary<Logic> = fc
  .record({ embed: fc.nat(3), negated: fc.boolean(), word: fc.boolean() })
  .map((found): Logic => ({ kind: 'null embed', ...found }));

function logicOf(columns: readonly Column[]): fc.Arbitrary<Logic> {
  const condition = conditionOn(columns);
  const leaf = fc.oneof({ weight: 6, arbitrary: condition }, { weight: 1, arbitrary: nullEmbed });
  const { tree } = fc.letrec<{ tree: Logic; branch: Logic }>((tie) => ({
    branch: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('tree')),
    tree: fc
      .record({
        operator: fc.constantFrom('and' as const, 'or' as const),
        negated: fc.boolean(),
        children: fc.array(tie('branch'), { minLength: 1, maxLength: 3 }),
      })
      .map((found): Logic => ({ kind: 'tree', ...found })),
  }));
  return fc.oneof(
    { weight: 4, arbitrary: condition },
    { weight: 1, arbitrary: nullEmbed },
    { weight: 2, arbitrary: tree },
  );
}

const termOf = (columns: readonly Column[]): fc.Arbitrary<Term> =>
  fc.record({
    embed: rarely(fc.nat(3), 3),
    field: fc.oneof(...columns.map(fieldOf)),
    direction: fc.constantFrom(null, 'asc' as const, 'desc' as const),
    nulls: fc.constantFrom(null, 'first' as const, 'last' as const),
  });

const makeDraft = (table: Table, depth: number, draftOf: DraftOf): fc.Arbitrary<Draft> =>
  fc.record({
    table: fc.constant(table),
    items: fc.array(itemOf(table, depth, draftOf), { minLength: 1, maxLength: depth === DEPTH ? 6 : 4 }),
    where: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 3, arbitrary: fc.array(logicOf(table.columns), { minLength: 1, maxLength: 2 }) },
    ),
    order: fc.array(termOf(table.columns), { maxLength: 2 }),
    isTotal: fc.boolean(),
    limit: rarely(fc.integer({ min: 0, max: 4 }), 3),
    offset: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 4 }) },
    ),
    groups: fc.nat(5).map((found) => found === 5),
  });

/** Arbitraries are many and alike: each is made once. */
function createDrafts(): DraftOf {
  const made = new Map<string, fc.Arbitrary<Draft>>();
  const draftOf: DraftOf = (table, depth) => {
    const key = `${table.name} ${depth}`;
    const draft = made.get(key) ?? makeDraft(table, depth, draftOf);
    made.set(key, draft);
    return draft;
  };
  return draftOf;
}

/** Drafts of the root's reads, by table. */
const roots = (): fc.Arbitrary<Draft>[] => {
  const draftOf = createDrafts();
  return TABLES.map((table) => draftOf(table, DEPTH));
};

/** Anything that can be asked. */
export const question: fc.Arbitrary<Question> = fc
  .record({
    draft: fc.oneof(...roots()),
    user: fc.constantFrom(null, 'ada', 'bob'),
    format: fc.oneof(
      { weight: 5, arbitrary: fc.constant<Format>('array') },
      { weight: 1, arbitrary: fc.constantFrom<Format>('object', 'stripped array', 'stripped object') },
    ),
    counts: fc.boolean(),
    isHead: fc.nat(15).map((found) => found === 15),
    byRange: fc.boolean(),
  })
  .map(({ draft, byRange, ...how }) => {
    const read = settle(draft);
    // a header is heeded with GET alone, and cannot ask for no rows
    const canBe = !how.isHead && read.limit !== 0 && (read.limit !== null || read.offset > 0);
    return { ...how, read, byRange: byRange && canBe };
  });
