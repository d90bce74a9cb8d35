/**
 * Connections as SQL: a page of rows, and what there is to say of it and of all rows.
 */
import type {
  AggregateValue,
  ConnectionPlan,
  ConnectionValue,
  EdgeValue,
  Member,
  PageInfoValue,
  RowMembers,
} from '../plan/document.ts';
import {
  allRows,
  limitedRows,
  type Needs,
  NUMBER,
  needsOf,
  type PageRows,
  pageRows,
  relatedKey,
  WHOLE,
} from './document-page.ts';
import { renderRow, renderRowValue } from './document-row.ts';
import { aggregate, orderJoins, wholeRow } from './document-source.ts';
import { amount, encoded, objectOf, own, type Rendering, type Scope, text } from './document-value.ts';
import { where } from './filter.ts';
import { renderPosition } from './page.ts';
import { type Fragment, join, literal, name, nothing, sql } from './sql.ts';

/** What connections are rendered with. */
interface PageScope {
  readonly plan: ConnectionPlan;
  readonly needs: Needs;
  readonly scope: Scope;
  readonly parent: Scope | null;
  readonly rendering: Rendering;
}

const cursorOf = ({ plan, scope }: PageScope): Fragment =>
  encoded(
    plan.keys.map(({ embedAlias, field }, index) =>
      own(scope.alias, embedAlias === null ? field.name : relatedKey(index)),
    ),
  );

const number = ({ scope }: PageScope): Fragment => own(scope.alias, NUMBER);

/** Leaves out the row behind the page. */
const onPage = (page: PageScope): Fragment =>
  page.needs.more ? sql` filter (where ${number(page)} <= ${amount(page.plan.limit)})` : nothing;

function edgeValue(value: EdgeValue, page: PageScope): Fragment {
  switch (value.kind) {
    case 'text':
      return text(value.text);
    case 'cursor':
      return cursorOf(page);
    case 'node':
      return renderRow(value.members, page.scope, page.rendering);
  }
}

function edges(members: readonly Member<EdgeValue>[], page: PageScope): Fragment {
  const order = page.plan.backwards ? sql` order by ${number(page)} desc` : nothing;
  const edge = objectOf(members, (value) => edgeValue(value, page));
  return sql`coalesce(json_agg(${edge}${order})${onPage(page)}, '[]')`;
}

/** Whether the collection has a row before the page, as it is walked. */
function isPreceded(page: PageScope): Fragment {
  const { plan, rendering } = page;
  const { position, offset, keys } = plan;
  const reasons: Fragment[] = [];
  if (offset !== null) reasons.push(sql`${amount(offset)} > 0`);
  if (position !== null) {
    const alias = rendering.alias();
    const direction = position.direction === 'after' ? 'before' : 'after';
    const behind = renderPosition({ schema: null, relation: alias }, keys, {
      ...position,
      direction,
      inclusive: true,
    });
    const { rows, conditions } = allRows(page, alias);
    reasons.push(sql`exists (select 1${rows}${orderJoins(plan, alias)}${where([...conditions, behind])})`);
  }
  return reasons.length === 0
    ? sql`false`
    : sql`count(*)${onPage(page)} > 0 and (${join(reasons, sql` or `)})`;
}

function pageInfoValue(value: PageInfoValue, page: PageScope): Fragment {
  const { backwards, limit } = page.plan;
  const at = (first: boolean): Fragment =>
    sql`(array_agg(${cursorOf(page)} order by ${number(page)}${first ? nothing : sql` desc`})${onPage(page)})[1]`;
  const following = (): Fragment => sql`count(*) > ${amount(limit)}`;
  switch (value.kind) {
    case 'text':
      return text(value.text);
    case 'start cursor':
      return at(!backwards);
    case 'end cursor':
      return at(backwards);
    case 'has next page':
      return backwards ? isPreceded(page) : following();
    case 'has previous page':
      return backwards ? following() : isPreceded(page);
  }
}

function aggregateValue(value: AggregateValue, alias: string): Fragment {
  switch (value.kind) {
    case 'text':
      return text(value.text);
    case 'count':
      return aggregate({ function: 'count', column: null }, alias);
    case 'columns':
      return objectOf(value.members, (item) =>
        item.kind === 'text'
          ? text(item.text)
          : aggregate({ function: value.aggregate, column: item.column }, alias),
      );
  }
}

/** Something that is said of all rows of the connection, whatever its page. */
function overall(page: PageScope, value: (alias: string) => Fragment): Fragment {
  const alias = page.rendering.alias();
  const { rows, conditions } = allRows(page, alias);
  return sql`(select ${value(alias)}${rows}${where(conditions)})`;
}

function connectionValue(value: ConnectionValue, page: PageScope): Fragment {
  switch (value.kind) {
    case 'text':
      return text(value.text);
    case 'edges':
      return edges(value.members, page);
    case 'page info':
      return objectOf(value.members, (item) => pageInfoValue(item, page));
    case 'total count':
      return overall(page, () => sql`count(*)`);
    case 'groups':
      return renderConnection(value.groups, page.parent, page.rendering);
    case 'aggregate':
      return overall(page, (alias) => objectOf(value.members, (item) => aggregateValue(item, alias)));
  }
}

/** Longer names of columns would be cut, and a row has no more columns than this. */
const LONGEST_NAME = 63;
const MOST_COLUMNS = 1600;

/**
 * What is shown of the rows, where nothing else is asked of their page: the page's own columns can then be the keys
 * of the objects, which PostgreSQL makes of whole rows in less time. Null = it cannot.
 */
function rowsAlone({ members }: ConnectionPlan, { numbered }: Needs): RowMembers | null {
  const [edge, ...others] = members.flatMap(({ value }) => (value.kind === 'edges' ? [value] : []));
  const [node, ...more] = edge?.members ?? [];
  if (numbered || others.length > 0 || more.length > 0 || node?.value.kind !== 'node') return null;
  const shown = node.value.members;
  const fits = shown.every(({ key }) => Buffer.byteLength(key) <= LONGEST_NAME);
  return fits && shown.length <= MOST_COLUMNS ? shown : null;
}

/** The rows of the page as they are shown. */
function shownRows(page: PageRows, members: RowMembers): Fragment {
  const { plan, alias, rendering } = page;
  const scope = { alias, row: wholeRow(plan.source, alias) };
  const items = members.map(
    ({ key, value }) => sql`${renderRowValue(value, scope, rendering)} as ${name(key)}`,
  );
  return limitedRows(page, items, amount(plan.limit));
}

/** The object of a connection; `parent` = the row that it belongs to. */
export function renderConnection(plan: ConnectionPlan, parent: Scope | null, rendering: Rendering): Fragment {
  const alias = rendering.alias();
  const needs = needsOf(plan);
  const alone = rowsAlone(plan, needs);
  const rows: PageRows = { plan, alias, parent, rendering };
  if (alone !== null) {
    const page = { plan, needs, scope: { alias, row: name(alias) }, parent, rendering };
    const shown = objectOf(plan.members, (value) =>
      value.kind === 'edges'
        ? sql`coalesce(json_agg(json_build_object(${literal(value.members[0]?.key ?? '')}, ${name(alias)})), '[]')`
        : connectionValue(value, page),
    );
    return sql`(select ${shown} from (${shownRows(rows, alone)}) ${name(alias)})`;
  }
  const page: PageScope = { plan, needs, scope: { alias, row: own(alias, WHOLE) }, parent, rendering };
  const shown = objectOf(plan.members, (value) => connectionValue(value, page));
  if (!needs.page) return sql`(select ${shown})`;
  return sql`(select ${shown} from (${pageRows(rows, needs)}) ${name(alias)})`;
}
