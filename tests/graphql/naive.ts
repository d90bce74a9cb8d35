/**
 * Collections asked for at random, twice: as a GraphQL document, and in plain JavaScript over the rows that somebody
 * may see, which PostgreSQL was asked for table by table. What GraphQL answers by one statement must be the same.
 */
import fc from 'fast-check';

/** Boxes hold items, items bear marks; each row may have a number and a text. */
export const SQL = `
create schema store;
create table store.box (id int primary key, a int, t text collate "C", owner text not null);
create table store.item (id int primary key, box_id int references store.box, a int, t text collate "C", owner text not null);
create table store.mark (id int primary key, item_id int not null references store.item, a int, t text collate "C");
comment on table store.box is '@graphql({"totalCount": {"enabled": true}, "aggregate": {"enabled": true}})';
comment on table store.item is '@graphql({"totalCount": {"enabled": true}, "aggregate": {"enabled": true}})';
comment on table store.mark is '@graphql({"totalCount": {"enabled": true}, "aggregate": {"enabled": true}})';
insert into store.box select n, nullif(n % 4, 3), nullif(chr(96 + n % 4), chr(96)), 'u' || n % 3 from generate_series(1, 9) n;
insert into store.item select n, nullif(n % 10, 0), nullif(n % 5, 2), nullif(chr(96 + n % 4), chr(96)), 'u' || n % 4
  from generate_series(1, 24) n;
insert into store.mark select n, 1 + n * 7 % 24, nullif(n % 3, 1), nullif(chr(97 + n % 2), 'a') from generate_series(1, 28) n;
alter table store.box enable row level security;
alter table store.item enable row level security;
alter table store.mark enable row level security;
create function store.sub() returns text language sql stable as
  $$ select current_setting('request.jwt.claims', true)::json ->> 'sub' $$;
create policy own on store.box using (owner in (store.sub(), 'u0'));
create policy own on store.item using (owner in (store.sub(), 'u1') or exists (select from store.box b where b.id = box_id and b.a = 2));
create policy own on store.mark using (exists (select from store.item i where i.id = item_id));
grant usage on schema store to authenticated;
grant select on all tables in schema store to authenticated;
`;

type TableName = 'box' | 'item' | 'mark';
export interface Row {
  readonly id: number;
  readonly a: number | null;
  readonly t: string | null;
  readonly box_id?: number | null;
  readonly item_id?: number;
}
export type Rows = Readonly<Record<TableName, readonly Row[]>>;

interface Related {
  readonly field: string;
  readonly table: TableName;
  readonly toOne: boolean;
  readonly rows: (all: Rows, row: Row) => readonly Row[];
}

const RELATED: Readonly<Record<TableName, readonly Related[]>> = {
  box: [
    {
      field: 'itemCollection',
      table: 'item',
      toOne: false,
      rows: ({ item }, { id }) => item.filter((each) => each.box_id === id),
    },
  ],
  item: [
    {
      field: 'box',
      table: 'box',
      toOne: true,
      rows: ({ box }, { box_id }) => box.filter(({ id }) => id === box_id),
    },
    {
      field: 'markCollection',
      table: 'mark',
      toOne: false,
      rows: ({ mark }, { id }) => mark.filter((each) => each.item_id === id),
    },
  ],
  mark: [
    {
      field: 'item',
      table: 'item',
      toOne: true,
      rows: ({ item }, { item_id }) => item.filter(({ id }) => id === item_id),
    },
  ],
};

type Truth = boolean | null;

/** Something of a document with what it means. */
interface Filter {
  readonly text: string;
  readonly holds: (all: Rows, row: Row) => Truth;
}
type Compare = (a: Row, b: Row) => number;
interface Order {
  readonly text: string;
  readonly compare: (all: Rows) => Compare;
}
interface Shown<T> {
  readonly text: string;
  readonly of: (all: Rows, from: T) => unknown;
}

const and = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(null) ? null : true;
const or = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(null) ? null : false;

const OPERATORS = {
  eq: (x: number | string, y: number | string) => x === y,
  neq: (x: number | string, y: number | string) => x !== y,
  lt: (x: number | string, y: number | string) => x < y,
  lte: (x: number | string, y: number | string) => x <= y,
  gt: (x: number | string, y: number | string) => x > y,
  gte: (x: number | string, y: number | string) => x >= y,
};
const NAMES = Object.keys(OPERATORS) as (keyof typeof OPERATORS)[];

const valueFor = (column: 'id' | 'a' | 't'): fc.Arbitrary<number | string> =>
  column === 't'
    ? fc.constantFrom('a', 'b', 'c', 'zz')
    : fc.integer({ min: 0, max: column === 'a' ? 4 : 25 });
const anyColumn = fc.constantFrom('id', 'a', 't');

const comparison: fc.Arbitrary<Filter> = anyColumn.chain((column) =>
  fc.oneof(
    fc.tuple(fc.constantFrom(...NAMES), valueFor(column)).map(([operator, value]) => ({
      text: `${column}: { ${operator}: ${JSON.stringify(value)} }`,
      holds: (_: Rows, row: Row) => {
        const own = row[column];
        return own === null ? null : OPERATORS[operator](own, value);
      },
    })),
    fc.array(valueFor(column), { maxLength: 3 }).map((values) => ({
      text: `${column}: { in: ${JSON.stringify(values)} }`,
      holds: (_: Rows, row: Row) => {
        const own = row[column];
        if (values.length === 0) return false;
        return own === null ? null : values.includes(own);
      },
    })),
    fc.boolean().map((isNull) => ({
      text: `${column}: { is: ${isNull ? 'NULL' : 'NOT_NULL'} }`,
      holds: (_: Rows, row: Row) => (row[column] === null) === isNull,
    })),
  ),
);

const QUANTIFIED = {
  some: (truths: readonly Truth[]) => truths.includes(true),
  every: (truths: readonly Truth[]) => truths.every((truth) => truth === true),
  none: (truths: readonly Truth[]) => !truths.includes(true),
} as const;

/** The members of a filter on a table's rows; `depth` bounds how it nests. */
const filterOf = (table: TableName, depth: number): fc.Arbitrary<Filter> => {
  if (depth === 0) return comparison;
  const inner = filterOf(table, depth - 1);
  const few = fc.array(inner, { minLength: 1, maxLength: 3 });
  const related = fc.constantFrom(...RELATED[table]).chain(({ field, table: target, toOne, rows }) =>
    fc
      .tuple(filterOf(target, depth - 1), fc.constantFrom('some', 'every', 'none'))
      .map(([{ text, holds }, quantifier]) => ({
        text: toOne ? `${field}: { ${text} }` : `${field}: { ${quantifier}: { ${text} } }`,
        holds: (all: Rows, row: Row) => {
          const truths = rows(all, row).map((each) => holds(all, each));
          return QUANTIFIED[toOne ? 'some' : quantifier](truths);
        },
      })),
  );
  return fc.oneof(
    { weight: 3, arbitrary: comparison },
    related,
    inner.map(({ text, holds }) => ({
      text: `not: { ${text} }`,
      holds: (all: Rows, row: Row) => {
        const truth = holds(all, row);
        return truth === null ? null : !truth;
      },
    })),
    fc.tuple(fc.constantFrom('and', 'or'), few).map(([operator, children]) => ({
      text: `${operator}: [${children.map(({ text }) => `{ ${text} }`).join()}]`,
      holds: (all: Rows, row: Row) =>
        (operator === 'and' ? and : or)(children.map(({ holds }) => holds(all, row))),
    })),
  );
};

const DIRECTIONS = ['AscNullsFirst', 'AscNullsLast', 'DescNullsFirst', 'DescNullsLast'] as const;

function compareValues(x: unknown, y: unknown, direction: string): number {
  const first = direction.endsWith('First') ? -1 : 1;
  if (x === null || y === null) return x === y ? 0 : x === null ? first : -first;
  if (x === y) return 0;
  const less = (x as number) < (y as number) ? -1 : 1;
  return direction.startsWith('Desc') ? -less : less;
}

const term = (table: TableName): fc.Arbitrary<Order> => {
  const [one] = RELATED[table].filter(({ toOne }) => toOne);
  const own = fc.tuple(anyColumn, fc.constantFrom(...DIRECTIONS));
  const plain = own.map(([column, direction]) => ({
    text: `{ ${column}: ${direction} }`,
    compare: () => (x: Row, y: Row) => compareValues(x[column], y[column], direction),
  }));
  if (!one) return plain;
  const related = own.map(([column, direction]) => ({
    text: `{ ${one.field}: { ${column}: ${direction} } }`,
    compare: (all: Rows) => (x: Row, y: Row) => {
      const of = (row: Row) => one.rows(all, row)[0]?.[column] ?? null;
      return compareValues(of(x), of(y), direction);
    },
  }));
  return fc.oneof(plain, related);
};

/** An order of a table's rows; with equal rows the key decides. */
export const orderOf = (table: TableName): fc.Arbitrary<Order> =>
  fc.array(term(table), { maxLength: 3 }).map((terms) => ({
    text: `[${terms.map(({ text }) => text).join()}]`,
    compare: (all) => {
      const compares = terms.map(({ compare }) => compare(all));
      return (x, y) => compares.map((compare) => compare(x, y)).find((found) => found !== 0) ?? x.id - y.id;
    },
  }));

/** Fields under keys of their own, so that none is asked for twice in different ways. */
const members = <T>(arbitraries: readonly fc.Arbitrary<Shown<T>>[]): fc.Arbitrary<Shown<T>> =>
  fc.array(fc.oneof(...arbitraries), { minLength: 1, maxLength: 4 }).map((shown) => ({
    text: shown.map(({ text }, index) => `k${index}: ${text}`).join(' '),
    of: (all, from) => Object.fromEntries(shown.map(({ of }, index) => [`k${index}`, of(all, from)])),
  }));

const sumOf = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0);
};
const extreme = (values: readonly (number | string | null)[], direction: string): unknown =>
  values.filter((value) => value !== null).toSorted((x, y) => compareValues(x, y, direction))[0] ?? null;

const AGGREGATE = 'count sum { a } min { a t } max { a t }';
const aggregateOf = (rows: readonly Row[]) => {
  const [a, t] = [rows.map((row) => row.a), rows.map((row) => row.t)];
  const ends = (direction: string) => ({ a: extreme(a, direction), t: extreme(t, direction) });
  return {
    count: rows.length,
    sum: { a: sumOf(a) },
    min: ends('AscNullsLast'),
    max: ends('DescNullsLast'),
  };
};

const groupsShown: fc.Arbitrary<Shown<readonly Row[]>> = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom('a', 't'), { minLength: 1, maxLength: 2 }),
    fc.nat({ max: 3 }),
    fc.constantFrom(...DIRECTIONS),
    fc.nat({ max: 4 }),
    fc.nat({ max: 2 }),
  )
  .map(([by, least, direction, first, offset]) => ({
    text: `groups(by: [${by.join()}], having: { count: { gt: ${least} } }, orderBy: [{ aggregate: { sum: { a: ${direction} } } }], first: ${first}, offset: ${offset}) {
      edges { node { key { ${by.join(' ')} } aggregate { ${AGGREGATE} } } } totalCount pageInfo { hasNextPage } }`,
    of: (_, rows) => {
      const groups = Map.groupBy(rows, (row) => JSON.stringify(by.map((column) => row[column])));
      const found = [...groups.values()]
        .filter((group) => group.length > least)
        .toSorted((x, y) => {
          const sums = [x, y].map((group) => sumOf(group.map(({ a }) => a)));
          const bySum = compareValues(sums[0], sums[1], direction);
          if (bySum !== 0) return bySum;
          const byKey = by.map((column) => compareValues(x[0]?.[column], y[0]?.[column], 'AscNullsLast'));
          return byKey.find((each) => each !== 0) ?? 0;
        });
      return {
        edges: found.slice(offset, offset + first).map((group) => ({
          node: {
            key: Object.fromEntries(by.map((column) => [column, group[0]?.[column]])),
            aggregate: aggregateOf(group),
          },
        })),
        totalCount: found.length,
        pageInfo: { hasNextPage: found.length > offset + first },
      };
    },
  }));

const nodeOf = (table: TableName, depth: number): fc.Arbitrary<Shown<Row>> => {
  const column = anyColumn.map((name): Shown<Row> => ({ text: name, of: (_, row) => row[name] }));
  if (depth === 0) return members([column]);
  const related = RELATED[table].map(({ field, table: target, toOne, rows }) =>
    toOne
      ? nodeOf(target, depth - 1).map(
          ({ text, of }): Shown<Row> => ({
            text: `${field} { ${text} }`,
            of: (all, row) => {
              const [found] = rows(all, row);
              return found === undefined ? null : of(all, found);
            },
          }),
        )
      : collectionOf(target, depth - 1).map(
          ({ text, of }): Shown<Row> => ({
            text: `${field}${text}`,
            of: (all, row) => of(all, rows(all, row)),
          }),
        ),
  );
  return members([column, ...related]);
};

/** The arguments and the selection of a collection of these rows. */
export const collectionOf = (table: TableName, depth: number): fc.Arbitrary<Shown<readonly Row[]>> =>
  fc
    .record({
      filter: fc.option(filterOf(table, depth), { nil: null }),
      order: orderOf(table),
      distinct: fc.option(fc.uniqueArray(fc.constantFrom('a', 't'), { minLength: 1 }), {
        nil: null,
        freq: 3,
      }),
      size: fc.nat({ max: 6 }),
      offset: fc.option(fc.nat({ max: 3 }), { nil: null }),
      backwards: fc.boolean(),
      node: nodeOf(table, depth),
      groups: fc.option(groupsShown, { nil: null }),
    })
    .map(({ filter, order, distinct, size, offset, backwards, node, groups }) => {
      const skip = backwards ? 0 : (offset ?? 0);
      const args = [
        filter && `filter: { ${filter.text} }`,
        `orderBy: ${order.text}`,
        distinct && `distinctOn: [${distinct.join()}]`,
        backwards ? `last: ${size}` : `first: ${size}`,
        !backwards && offset !== null && `offset: ${offset}`,
      ].filter((each) => typeof each === 'string');
      return {
        text: `(${args.join(', ')}) { edges { node { ${node.text} } } totalCount aggregate { ${AGGREGATE} }
          pageInfo { hasNextPage hasPreviousPage } ${groups?.text ?? ''} }`,
        of: (all, from) => {
          const compare = order.compare(all);
          const held = from
            .filter((row) => filter === null || filter.holds(all, row) === true)
            .toSorted(compare);
          const rows = distinct
            ? [
                ...Map.groupBy(held, (row) => JSON.stringify(distinct.map((column) => row[column]))).values(),
              ].flatMap(([first]) => first ?? [])
            : held;
          const sorted = rows.toSorted(compare);
          const page = backwards
            ? sorted.slice(Math.max(0, sorted.length - size))
            : sorted.slice(skip, skip + size);
          return {
            edges: page.map((row) => ({ node: node.of(all, row) })),
            totalCount: rows.length,
            aggregate: aggregateOf(rows),
            pageInfo: backwards
              ? { hasNextPage: false, hasPreviousPage: sorted.length > size }
              : { hasNextPage: sorted.length > skip + size, hasPreviousPage: page.length > 0 && skip > 0 },
            ...(groups ? { groups: groups.of(all, rows) } : {}),
          };
        },
      };
    });
