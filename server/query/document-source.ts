/**
 * What the rows of documents are read from: relations, functions, groups of other rows, and of all these only the rows
 * that are distinct in some columns.
 */
import type { CountedRows, GroupAggregate, RowSource, RowsPlan } from '../plan/document.ts';
import { columnsOfGroups } from '../plan/document-columns.ts';
import { renderExpression } from './call.ts';
import { own, type Rendering, type Scope } from './document-value.ts';
import { condition, where } from './filter.ts';
import { renderKeyOrder } from './page.ts';
import { type Fragment, join, list, name, nothing, qualified, sql } from './sql.ts';

/** A row of the source as a whole, in the type that functions over it take. */
export const wholeRow = (source: RowSource, alias: string): Fragment =>
  source.kind === 'groups'
    ? name(alias)
    : sql`${name(alias)}::${qualified(source.kind === 'relation' ? source.name : source.rowType)}`;

/** ` from` a source under an alias. */
export function from(source: RowSource, alias: string, parent: Scope | null, rendering: Rendering): Fragment {
  switch (source.kind) {
    case 'relation':
      return sql` from ${qualified(source.name)} ${name(alias)}`;
    case 'computed':
      return sql` from ${qualified(source.routine)}(${parent?.row ?? sql`null`}) ${name(alias)}`;
    case 'call':
      return sql` from ${renderExpression(source.call)} ${name(alias)}`;
    case 'groups':
      return sql` from (${groups(source, parent, rendering)}) ${name(alias)}`;
  }
}

/** The conditions on the rows of a plan under an alias. */
export function conditionsOf(
  { joins, where: conditions }: RowsPlan,
  alias: string,
  parent: Scope | null,
): Fragment[] {
  const of = { schema: null, relation: alias };
  return [
    ...joins.map(([mine, other]) => sql`${own(alias, mine)} = ${own(parent?.alias ?? '', other)}`),
    ...conditions.map((logic) => condition(of, logic)),
  ];
}

/** The rows that the order needs beside those of the collection. */
export const orderJoins = ({ orderJoins: all }: CountedRows, alias: string): Fragment =>
  join(
    all.map((each) => {
      const parent = each.parent ?? alias;
      const conditions = each.joins.map(
        ([mine, other]) => sql`${own(each.alias, mine)} = ${own(parent, other)}`,
      );
      const columns = list(each.columns.map((called) => own(each.alias, called)));
      return sql` left join lateral (select ${columns} from ${qualified(each.relation)} ${name(each.alias)}${where(conditions)} limit 1) ${name(each.alias)} on true`;
    }),
    nothing,
  );

/** Rows under an alias, and the conditions that are still to be asked of them. */
export interface RenderedRows {
  readonly rows: Fragment;
  readonly conditions: readonly Fragment[];
}

/** All rows of a connection; `needed` = the columns that are asked of them, with `*` all. */
export function rowsOf(
  plan: CountedRows,
  needed: readonly string[],
  alias: string,
  parent: Scope | null,
  rendering: Rendering,
): RenderedRows {
  const { source, distinct } = plan;
  const conditions = conditionsOf(plan, alias, parent);
  const rows = from(source, alias, parent, rendering);
  if (distinct === null) return { rows, conditions };
  const items = needed.includes('*')
    ? sql`${name(alias)}.*`
    : list(needed.map((called) => own(alias, called)));
  const by = list(distinct.columns.map((called) => own(alias, called)));
  const order = renderKeyOrder({ schema: null, relation: alias }, distinct.keys, false);
  const first = sql`select distinct on (${by}) ${items}${rows}${orderJoins(plan, alias)}${where(conditions)}${order}`;
  return { rows: sql` from (${first}) ${name(alias)}`, conditions: [] };
}

const AGGREGATES = { sum: sql`sum`, avg: sql`avg`, min: sql`min`, max: sql`max` } as const;

/** An aggregate of a column, or the number of rows. */
export function aggregate(
  { function: called, column }: Omit<GroupAggregate, 'name'>,
  alias: string,
): Fragment {
  if (called === 'count' || column === null) return sql`count(*)`;
  // the average of floating point numbers would not be exact
  const cast = called === 'avg' ? sql`::numeric` : nothing;
  return sql`${AGGREGATES[called]}(${own(alias, column)}${cast})`;
}

function groups(
  source: Extract<RowSource, { kind: 'groups' }>,
  parent: Scope | null,
  rendering: Rendering,
): Fragment {
  const alias = rendering.alias();
  const { rows, conditions } = rowsOf(source.of, columnsOfGroups(source), alias, parent, rendering);
  const by = source.by.map((called) => own(alias, called));
  const aggregates = source.aggregates.map((each) => sql`${aggregate(each, alias)} as ${name(each.name)}`);
  return sql`select ${list([...by, ...aggregates])}${rows}${where(conditions)} group by ${list(by)}`;
}
