/**
 * Reads as SQL: one select a relation; embeds are lateral subqueries whose rows become JSON in PostgreSQL.
 */

import type {
  Attachment,
  EmbedOutput,
  PlannedSelect,
  ReadPlan,
  Source,
  SpreadColumn,
} from '../plan/types.ts';
import type { AggregateFunction, Range } from '../request/ast.ts';
import {
  cast,
  column,
  condition,
  field,
  orderBy,
  type Qualifier,
  qualifiedColumn,
  transformed,
  where,
} from './filter.ts';
import { type Fragment, integer, join, list, name, nothing, parameter, qualified, sql } from './sql.ts';

/** The name of the rows that a write or a call left. */
export const RESULT = sql`pgrst_source`;

/** As the plan's join conditions call it; no relation is likely to have the name. */
const JUNCTION = 'pgrst_junction';

const ALL_ROWS: Range = { offset: 0, limit: null };

const AGGREGATES: Readonly<Record<AggregateFunction, Fragment>> = {
  sum: sql`sum`,
  avg: sql`avg`,
  max: sql`max`,
  min: sql`min`,
  count: sql`count`,
};

const alias = (called: string | null): Fragment => (called === null ? nothing : sql` as ${name(called)}`);

function aggregated(aggregate: AggregateFunction | null, to: string | null, value: Fragment): Fragment {
  return aggregate === null ? value : cast(to, sql`${AGGREGATES[aggregate]}(${value})`);
}

const selectValue = (of: Qualifier, item: PlannedSelect): Fragment =>
  cast(item.cast, transformed(item.field.transform, field(of, item.field)));

/** A selected field as a column of the select. */
export function selectItem(of: Qualifier, item: PlannedSelect): Fragment {
  const counted = item.aggregate === 'count' && item.field.name === '*' && !item.field.fullRow;
  const value = counted ? sql`*` : selectValue(of, item);
  return sql`${aggregated(item.aggregate, item.aggregateCast, value)}${alias(item.alias)}`;
}

/** The name under which a source's columns are in scope. */
export function scopeOf(source: Source): Qualifier {
  if (source.kind === 'relation' && source.alias === null) {
    return { schema: source.name.schema, relation: source.name.name };
  }
  return { schema: null, relation: source.alias ?? '' };
}

function from(source: Source, attachment: Attachment | null): Fragment {
  const junction = attachment?.junction;
  const beside = junction ? sql`, ${qualified(junction)} as ${name(JUNCTION)}` : nothing;
  switch (source.kind) {
    case 'relation':
      return sql` from ${qualified(source.name)}${alias(source.alias)}${beside}`;
    case 'result':
      return sql` from ${RESULT} as ${name(source.alias)}`;
    case 'computed': {
      // the cast chooses among overloads where the row comes from a common table expression; the star says that it
      // is the row, since an embed beside it may have a column of that name
      const row = sql`(${name(source.argument)}.*)::${qualified(source.argumentType)}`;
      return sql` from ${qualified(source.routine)}(${row}) as ${name(source.alias)}`;
    }
  }
}

const embedded = (embedAlias: string, called: string): Fragment =>
  called === '*' ? sql`${name(embedAlias)}.*` : sql`${name(embedAlias)}.${name(called)}`;

const isGrouped = (plan: ReadPlan): boolean =>
  plan.select.some((item) => item.aggregate !== null) ||
  plan.outputs.some(
    (output) => output.kind === 'spread' && output.columns.some((item) => item.aggregate !== null),
  );

/** An embed's value in its parent's row; grouping needs a type that can be compared. */
function outputValue(output: Extract<EmbedOutput, { kind: 'object' | 'array' }>, grouped: boolean): Fragment {
  const as = grouped ? sql`::jsonb` : nothing;
  const embed = name(output.embedAlias);
  return output.kind === 'object'
    ? sql`row_to_json(${embed}.*)${as}`
    : sql`coalesce(${embed}.${embed}, '[]')${as}`;
}

const spreadItem = (embedAlias: string, item: SpreadColumn): Fragment =>
  sql`${aggregated(item.aggregate, item.aggregateCast, embedded(embedAlias, item.name))}${alias(item.alias)}`;

function outputItems(output: EmbedOutput, grouped: boolean): Fragment[] {
  if (output.kind === 'spread') return output.columns.map((item) => spreadItem(output.embedAlias, item));
  return output.empty ? [] : [sql`${outputValue(output, grouped)} as ${name(output.key)}`];
}

function groupBy(of: Qualifier, plan: ReadPlan): Fragment {
  if (!isGrouped(plan)) return nothing;
  const terms = [
    ...plan.select.filter((item) => item.aggregate === null).map((item) => selectValue(of, item)),
    ...plan.outputs.flatMap((output) => {
      if (output.kind !== 'spread') return output.empty ? [] : [outputValue(output, true)];
      const { embedAlias, columns } = output;
      return columns.filter((item) => item.aggregate === null).map((item) => embedded(embedAlias, item.name));
    }),
  ];
  return terms.length === 0 ? nothing : sql` group by ${list(terms)}`;
}

function limitOffset(range: Range, isRoot: boolean): Fragment {
  const limit =
    range.limit !== null && Number.isSafeInteger(range.limit) ? sql` limit ${integer(range.limit)}` : nothing;
  if (range.offset === 0) return limit;
  const skipped = isRoot ? parameter({ kind: 'offset' }) : integer(range.offset);
  return sql`${limit} offset ${skipped}`;
}

/** The columns of one value list of a to-many spread, each aggregated in the spread's order. */
function spreadAggregates(child: ReadPlan, output: Extract<EmbedOutput, { kind: 'spread' }>): Fragment {
  const spread = child.attachment?.spread;
  if (spread?.kind !== 'many') return nothing;
  const order = orderBy({ schema: null, relation: output.embedAlias }, spread.order);
  const items = output.columns.map((item) => {
    const value = embedded(output.embedAlias, item.name);
    return sql`, coalesce(json_agg(${value}${order}), '[]')::jsonb as ${name(item.alias ?? item.name)}`;
  });
  return join(items, nothing);
}

function joinOf(child: ReadPlan, output: EmbedOutput, grouped: boolean): Fragment {
  const { attachment } = child;
  if (!attachment) return nothing;
  const embed = name(attachment.embedAlias);
  const how = attachment.inner ? sql` join lateral ` : sql` left join lateral `;
  // what a to-one spread lifts into a grouped row is grouped by, too
  const rows = renderSelect(child, grouped && attachment.spread?.kind === 'one');
  if (attachment.toOne) return sql`${how}(${rows}) as ${embed} on true`;
  const more = output.kind === 'spread' ? spreadAggregates(child, output) : nothing;
  // only a parent with rows to embed survives an inner join
  const on = attachment.inner ? sql`${embed}.${embed} is not null` : sql`true`;
  return sql`${how}(select json_agg(${embed}) as ${embed}${more} from (${rows}) as ${embed}) as ${embed} on ${on}`;
}

/** A select in parts, for those who put it together in another way. */
export interface SelectParts {
  readonly items: Fragment;
  /** With the joins of the embeds. */
  readonly from: Fragment;
  readonly conditions: readonly Fragment[];
}

/**
 * What a plan selects, from what, under which conditions. `comparable`: embeds are jsonb, which can be grouped by
 * and prints as PostgREST's handlers know it, at the price of being parsed.
 */
export function selectParts(plan: ReadPlan, comparable: boolean): SelectParts {
  const scope = scopeOf(plan.source);
  const grouped = comparable || isGrouped(plan);
  const spread = plan.attachment?.spread;
  const extra = spread?.kind === 'many' ? spread.extra : [];
  const items = [
    ...plan.select.map((item) => selectItem(scope, item)),
    ...extra.map(({ embedAlias, select }) =>
      selectItem(embedAlias === null ? scope : { schema: null, relation: embedAlias }, select),
    ),
    ...plan.outputs.flatMap((output) => outputItems(output, grouped)),
  ];
  const all = plan.select.length === 0 && plan.children.length === 0 ? [column(scope, '*'), ...items] : items;
  const joins = plan.outputs.map((output, index) => {
    const child = plan.children[index];
    return child ? joinOf(child, output, grouped) : nothing;
  });
  return {
    items: list(all),
    from: sql`${from(plan.source, plan.attachment)}${join(joins, nothing)}`,
    conditions: conditions(plan, scope),
  };
}

/** The select that a plan means, embeds included. */
export function renderSelect(plan: ReadPlan, comparable = false): Fragment {
  const scope = scopeOf(plan.source);
  const parts = selectParts(plan, comparable);
  return sql`select ${parts.items}${parts.from}${where(parts.conditions)}${groupBy(scope, plan)}${orderBy(
    scope,
    plan.order,
  )}${limitOffset(plan.range, plan.attachment === null)}`;
}

const joinConditions = (plan: ReadPlan): Fragment[] =>
  (plan.attachment?.conditions ?? []).map(
    ([inner, outer]) => sql`${qualifiedColumn(inner)} = ${qualifiedColumn(outer)}`,
  );

const conditions = (plan: ReadPlan, scope: Qualifier): Fragment[] => [
  ...plan.where.map((logic) => condition(scope, logic)),
  ...joinConditions(plan),
];

/**
 * Selects something for each row of the root, its own limits aside. Inner embeds and null filters on embeds become
 * `exists`, since a join could multiply what is counted; groups are counted as they are selected.
 */
export function renderCount(plan: ReadPlan): Fragment {
  const range = plan.attachment === null ? ALL_ROWS : plan.range;
  if (isGrouped(plan)) return renderSelect({ ...plan, order: [], range });
  const scope = scopeOf(plan.source);
  const exists = (child: ReadPlan): Fragment => sql`exists (${renderCount(child)})`;
  const inner = plan.children.filter((child) => child.attachment?.inner);
  const all = [
    ...plan.where.map((logic) =>
      condition(scope, logic, (embedAlias, negated) => {
        const child = plan.children.find((item) => item.attachment?.embedAlias === embedAlias);
        if (!child) throw new Error(`the plan has no embed ${embedAlias}`);
        return negated ? exists(child) : sql`not ${exists(child)}`;
      }),
    ),
    ...joinConditions(plan),
    ...inner.map(exists),
  ];
  return sql`select 1${from(plan.source, plan.attachment)}${where(all)}${limitOffset(range, false)}`;
}
