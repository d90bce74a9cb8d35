/**
 * The rows on a page of a connection as SQL: which of all rows, and what is read of them.
 */
import type { ConnectionPlan, PageInfoValue } from '../plan/document.ts';
import { columnsNeeded, columnsOfConnection } from '../plan/document-columns.ts';
import { orderJoins, type RenderedRows, rowsOf, wholeRow } from './document-source.ts';
import { amount, own, type Rendering, type Scope } from './document-value.ts';
import { where } from './filter.ts';
import { renderKeyOrder, renderPosition } from './page.ts';
import { type Fragment, list, name, nothing, sql } from './sql.ts';

/** The number of a row on its page. */
export const NUMBER = 'pgrst_number';
/** The row as a whole. */
export const WHOLE = 'pgrst_row';

/** What the members of a connection need of its page. */
export function needsOf({ members, backwards, keys }: ConnectionPlan) {
  const edges = members.flatMap(({ value }) => (value.kind === 'edges' ? value.members : []));
  const info = members.flatMap(({ value }) => (value.kind === 'page info' ? value.members : []));
  const asks = (kind: PageInfoValue['kind']): boolean => info.some(({ value }) => value.kind === kind);
  const cursors = asks('start cursor') || asks('end cursor');
  const nodes = edges.flatMap(({ value }) => (value.kind === 'node' ? columnsNeeded(value.members) : []));
  const byKey = cursors || edges.some(({ value }) => value.kind === 'cursor');
  const ownKeys = keys.flatMap(({ embedAlias, field }) => (embedAlias === null ? [field.name] : []));
  const more = asks(backwards ? 'has previous page' : 'has next page');
  return {
    page: members.some(({ value }) => value.kind === 'edges' || value.kind === 'page info'),
    columns: [...new Set([...nodes, ...(byKey ? ownKeys : [])])].filter((called) => called !== '*'),
    relatedKeys: byKey,
    whole: nodes.includes('*'),
    more,
    numbered: more || cursors || backwards,
  };
}

export type Needs = ReturnType<typeof needsOf>;

/** The name of a key that is no column of the rows. */
export const relatedKey = (index: number): string => `pgrst_key_${index + 1}`;

/** Where the rows of a page stand: their alias, the row that they belong to, what they are rendered with. */
export interface PageRows {
  readonly plan: ConnectionPlan;
  readonly alias: string;
  readonly parent: Scope | null;
  readonly rendering: Rendering;
}

/** All rows of the connection, under an alias, and the conditions that are still to be asked of them. */
export const allRows = ({ plan, parent, rendering }: Omit<PageRows, 'alias'>, alias: string): RenderedRows =>
  rowsOf(plan, columnsOfConnection(plan), alias, parent, rendering);

/** So many of the rows, in the order in which they are walked. */
export function limitedRows(page: PageRows, items: readonly Fragment[], most: Fragment): Fragment {
  const { plan, alias } = page;
  const of = { schema: null, relation: alias };
  const { keys, position, backwards, offset } = plan;
  const { rows, conditions: held } = allRows(page, alias);
  const conditions = [...held, ...(position === null ? [] : [renderPosition(of, keys, position)])];
  const skip = offset === null ? nothing : sql` offset ${amount(offset)}`;
  return sql`select ${list(items)}${rows}${orderJoins(plan, alias)}${where(conditions)}${renderKeyOrder(of, keys, backwards)} limit ${most}${skip}`;
}

/** The rows of the page with what is needed of them. */
export function pageRows(page: PageRows, needs: Needs): Fragment {
  const { plan, alias } = page;
  const { keys, limit, source } = plan;
  const items = [
    ...needs.columns.map((called) => own(alias, called)),
    ...keys.flatMap(({ embedAlias, field }, index) =>
      embedAlias === null || !needs.relatedKeys
        ? []
        : [sql`${own(embedAlias, field.name)} as ${name(relatedKey(index))}`],
    ),
    ...(needs.whole ? [sql`${wholeRow(source, alias)} as ${name(WHOLE)}`] : []),
  ];
  const most = needs.more ? sql`${amount(limit)} + 1` : amount(limit);
  const rows = limitedRows(page, items, most);
  return needs.numbered
    ? sql`select *, row_number() over () as ${name(NUMBER)} from (${rows}) ${name(alias)}`
    : rows;
}
