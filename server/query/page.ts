/**
 * Pages by cursor as SQL. One row more than the page is read, which tells whether there are more; beside each row
 * stand its keys as text. Comparison and order use the same operators, found by the same search path: were they
 * different ones, rows would be lost between two pages.
 *
 * What follows a position is a few ranges of the order, one after the other, each of which an index can find:
 * with nulls last, for instance, the rows above the value and then those without one. A range is only read as far
 * as those before it have left the page unfilled.
 */
import type { PageKey, PagePlan, ReadPlan } from '../plan/types.ts';
import type { Position } from '../request/ast.ts';
import { field, type Qualifier, where } from './filter.ts';
import { type SelectParts, scopeOf, selectParts } from './read.ts';
import { type Fragment, integer, join, list, name, nothing, parameter, sql } from './sql.ts';

/** A key, the way in which it is walked, and its value at the position. */
interface Step {
  readonly key: Fragment;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
  readonly nullable: boolean;
  /** Null = NULL, or no position. */
  readonly value: Fragment | null;
}

/** A part of the order: conditions that hold together, and what its rows are still to be ordered by. */
interface Range {
  readonly conditions: readonly Fragment[];
  readonly order: readonly Step[];
}

/** More of them are one condition with `or`, which no index serves but which is planned once. */
const MOST_RANGES = 4;

/** A value as parameter; inside a branch that is never taken the key tells its type. */
function valueAt(key: Fragment, { needsType }: PageKey, position: Position, index: number): Fragment | null {
  const operand = position.values[index];
  if (operand?.kind !== 'slot') return null;
  const value = parameter({ kind: 'slot', index: operand.index, form: 'text' });
  return needsType ? sql`case when false then ${key} else ${value} end` : value;
}

function steps(
  scope: Qualifier,
  { keys, position }: Pick<PagePlan, 'keys' | 'position'>,
  backwards: boolean,
): Step[] {
  return keys.map((item, index) => {
    const of = item.embedAlias === null ? scope : { schema: null, relation: item.embedAlias };
    const key = field(of, item.field);
    return {
      key,
      descending: item.descending !== backwards,
      nullsFirst: item.nullsFirst !== backwards,
      nullable: item.nullable,
      value: position && valueAt(key, item, position, index),
    };
  });
}

/** Whether the value itself is null: a composite value of nulls is `is null`, too. */
const isNull = (key: Fragment): Fragment => sql`${key} is not distinct from null`;
const isNotNull = (key: Fragment): Fragment => sql`${key} is distinct from null`;

const row = (items: readonly Fragment[]): Fragment =>
  items.length === 1 && items[0] ? items[0] : sql`(${list(items)})`;

const EQUAL = sql`=`;
const comparison = (descending: boolean, orEqual: boolean): Fragment =>
  descending ? (orEqual ? sql`<=` : sql`<`) : orEqual ? sql`>=` : sql`>`;

/**
 * The first steps that one row comparison can take: in one direction, and without nulls but for the first one,
 * whose nulls such a comparison passes over.
 */
function comparable(all: readonly Step[]): { run: readonly Step[]; values: readonly Fragment[] } {
  const values: Fragment[] = [];
  const [first] = all;
  for (const step of all) {
    if (step.value === null || step.descending !== first?.descending) break;
    if (step.nullable && step !== first) break;
    values.push(step.value);
  }
  return { run: all.slice(0, values.length), values };
}

/** Without nulls their place does not matter, and that of the direction is the one that an index has. */
const withoutNulls = (step: Step): Step => ({ ...step, nullsFirst: step.descending });

const within = (conditions: readonly Fragment[], ranges: readonly Range[]): Range[] =>
  ranges.map((range) => ({ ...range, conditions: [...conditions, ...range.conditions] }));

/** The ranges of rows from the position on, in the order in which they follow each other. */
function rangesAfter(all: readonly Step[], inclusive: boolean): Range[] {
  const [first, ...others] = all;
  if (!first) return inclusive ? [{ conditions: [], order: [] }] : [];
  const beyondNulls: Range = { conditions: [isNotNull(first.key)], order: [withoutNulls(first), ...others] };
  if (first.value === null) {
    const among = within([isNull(first.key)], rangesAfter(others, inclusive));
    return first.nullsFirst ? [...among, beyondNulls] : among;
  }
  const { run, values } = comparable(all);
  const keys = run.map(({ key }) => key);
  const compare = (operator: Fragment): Fragment => sql`${row(keys)} ${operator} ${row(values)}`;
  const rest = all.slice(run.length);
  const order = [withoutNulls(first), ...others];
  const above: Range = {
    conditions: [compare(comparison(first.descending, inclusive && rest.length === 0))],
    order,
  };
  const ranges =
    rest.length === 0 ? [above] : [...within([compare(EQUAL)], rangesAfter(rest, inclusive)), above];
  return first.nullable && !first.nullsFirst
    ? [...ranges, { conditions: [isNull(first.key)], order: others }]
    : ranges;
}

/** All rows: where an index has the first key's nulls at the other end, they are a range of their own. */
function allRanges(all: readonly Step[]): Range[] {
  const [first, ...others] = all;
  if (!first?.nullable || first.nullsFirst === first.descending) return [{ conditions: [], order: all }];
  const nulls: Range = { conditions: [isNull(first.key)], order: others };
  const values: Range = { conditions: [isNotNull(first.key)], order: [withoutNulls(first), ...others] };
  return first.nullsFirst ? [nulls, values] : [values, nulls];
}

const and = ({ conditions }: Range): Fragment =>
  conditions.length === 0 ? sql`true` : sql`(${join(conditions, sql` and `)})`;

function rangesOf(all: readonly Step[], position: Position | null): Range[] {
  const ranges = position === null ? allRanges(all) : rangesAfter(all, position.inclusive);
  // nothing follows a row whose last key is null, with nulls last
  if (ranges.length === 0) return [{ conditions: [sql`false`], order: all }];
  if (ranges.length <= MOST_RANGES) return ranges;
  return [{ conditions: [sql`(${join(ranges.map(and), sql` or `)})`], order: all }];
}

function orderBy(order: readonly Step[]): Fragment {
  if (order.length === 0) return nothing;
  const terms = order.map(({ key, descending, nullsFirst }) => {
    const using = descending ? sql` using >` : sql` using <`;
    const place = nullsFirst ? sql` nulls first` : sql` nulls last`;
    return sql`${key}${using}${nullsFirst === descending ? nothing : place}`;
  });
  return sql` order by ${list(terms)}`;
}

/** Keys of an order, walked from their first row to the last, or back. */
export const renderKeyOrder = (scope: Qualifier, keys: readonly PageKey[], backwards: boolean): Fragment =>
  orderBy(steps(scope, { keys, position: null }, backwards));

/** That a row comes after the position, in its direction. */
export function renderPosition(scope: Qualifier, keys: readonly PageKey[], position: Position): Fragment {
  const all = steps(scope, { keys, position }, position.direction === 'before');
  const ranges = rangesAfter(all, position.inclusive);
  return ranges.length === 0 ? sql`false` : sql`(${join(ranges.map(and), sql` or `)})`;
}

/** The rows of the page and one more, in the order in which they are walked, numbered from 1. */
const PAGE = sql`pgrst_page`;
/** The row as it is answered, its keys, its number. */
const ROW = sql`pgrst_row`;
const NUMBER = sql`pgrst_number`;
const keyColumn = (index: number): Fragment => name(`pgrst_key_${index + 1}`);

/** One range's rows. The row is put together beside the keys, which need not be selected. */
function rangeRows(
  parts: SelectParts,
  keys: readonly Step[],
  { conditions, order }: Range,
  size: number,
): Fragment {
  const texts = keys.map(({ key }, index) => sql`, (${key})::text as ${keyColumn(index)}`);
  const all = where([...parts.conditions, ...conditions]);
  return sql`select ${ROW}${join(texts, nothing)}${parts.from} cross join lateral (select ${parts.items}) ${ROW}${all}${orderBy(order)} limit ${integer(size)}`;
}

const numbered = (rows: Fragment, before: Fragment): Fragment =>
  sql`select *, ${before}row_number() over () as ${NUMBER} from (${rows}) r`;

/** What precedes the statement: common table expressions, of which the last is PAGE. */
function pageRows(plan: ReadPlan, page: PagePlan, seesValues: boolean): Fragment {
  const all = steps(scopeOf(plan.source), page, page.position?.direction === 'before');
  const parts = selectParts(plan, seesValues);
  const size = page.size + 1;
  const rows = rangesOf(all, page.position).map((each) => rangeRows(parts, all, each, size));
  const [only, ...others] = rows;
  if (only !== undefined && others.length === 0) return sql`${PAGE} as (${numbered(only, nothing)})`;
  const range = (index: number): Fragment => name(`pgrst_range_${index + 1}`);
  const found: Fragment[] = [];
  const ranges = rows.map((each, index) => {
    const count = found.length === 0 ? nothing : sql`${join(found, sql` + `)}`;
    found.push(sql`(select count(*) from ${range(index)})`);
    // the inner limit is known when the statement is planned, the outer one keeps a full page from reading on
    const lazy = index === 0 ? each : sql`select * from (${each}) r limit ${integer(size)} - (${count})`;
    const before = index === 0 ? nothing : sql`${count} + `;
    return sql`${range(index)} as materialized (${numbered(lazy, before)})`;
  });
  const together = join(
    rows.map((_, index) => sql`select * from ${range(index)}`),
    sql` union all `,
  );
  return sql`${list(ranges)}, ${PAGE} as (${together})`;
}

/** A page's statement in parts. */
export interface PageParts {
  /** Common table expressions, of which `rows` is one. */
  readonly before: Fragment;
  /** The keys of the first and the last row of the page and of the one behind it, as JSON by their numbers. */
  readonly keys: Fragment;
}

/** A page: `rows` names its rows, as they are answered and in the order of the request. */
export function renderPage(plan: ReadPlan, page: PagePlan, rows: Fragment, seesValues: boolean): PageParts {
  const size = integer(page.size);
  const direction = page.position?.direction === 'before' ? sql` desc` : nothing;
  const own = sql`${rows} as (select (${ROW}).* from ${PAGE} where ${NUMBER} <= ${size} order by ${NUMBER}${direction})`;
  const values = page.keys.map((_, index) => keyColumn(index));
  const last = sql`(select count(*) from ${PAGE})`;
  return {
    before: sql`with ${pageRows(plan, page, seesValues)}, ${own} `,
    keys: sql`(select json_object_agg(${NUMBER}, array[${list(values)}]) from ${PAGE} where ${NUMBER} in (1, ${size}, ${integer(page.size + 1)}, ${last}))`,
  };
}
