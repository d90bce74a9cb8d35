/**
 * Documents as SQL: every object is built where its row is read, keys in the order of the request. Related rows are
 * subqueries in the place of their value, so that a document of any depth is one statement.
 */
import {
  type AggregateValue,
  type Amount,
  type ConnectionPlan,
  type ConnectionValue,
  columnsNeeded,
  columnsOfConnection,
  type DocumentStep,
  type DocumentWrite,
  type EdgeValue,
  type GroupsPlan,
  type Member,
  type PageInfoValue,
  type RecordPlan,
  type RootValue,
  type RowMembers,
  type RowSource,
  type RowsPlan,
  type RowValue,
  type ValueForm,
} from '../plan/document.ts';
import { renderExpression } from './call.ts';
import { column, condition, where } from './filter.ts';
import { renderMutation } from './mutate.ts';
import { renderKeyOrder, renderPosition } from './page.ts';
import { RESULT } from './read.ts';
import {
  compile,
  type Fragment,
  integer,
  join,
  list,
  literal,
  name,
  nothing,
  parameter,
  qualified,
  sql,
} from './sql.ts';
import type { Statement } from './statement.ts';

/** Rows in scope. */
interface Scope {
  readonly alias: string;
  /** The row as a whole. */
  readonly row: Fragment;
}

/** Gives each subquery a name of its own. */
type Aliases = () => string;

function createAliases(): Aliases {
  let last = 0;
  return () => {
    last += 1;
    return `pgrst_${last}`;
  };
}

const own = (alias: string, called: string): Fragment => column({ schema: null, relation: alias }, called);

const and = (conditions: readonly Fragment[]): Fragment => where(conditions);

/** PostgreSQL's functions take at most 100 arguments: 50 pairs. */
const PAIRS_A_CALL = 50;

/** A JSON object; a larger one is put together as text, which keeps its order. */
function object(pairs: readonly (readonly [key: string, value: Fragment])[]): Fragment {
  const call = (some: typeof pairs): Fragment =>
    sql`json_build_object(${list(some.map(([key, value]) => sql`${literal(key)}, ${value}`))})`;
  if (pairs.length <= PAIRS_A_CALL) return call(pairs);
  const chunks: Fragment[] = [];
  for (let at = 0; at < pairs.length; at += PAIRS_A_CALL) {
    const text = sql`${call(pairs.slice(at, at + PAIRS_A_CALL))}::text`;
    const isLast = at + PAIRS_A_CALL >= pairs.length;
    const tail = at === 0 ? text : sql`substr(${text}, 2)`;
    chunks.push(isLast ? tail : sql`left(${tail}, -1)`);
  }
  return sql`(${join(chunks, sql` || ', ' || `)})::json`;
}

const objectOf = <T>(members: readonly Member<T>[], value: (value: T) => Fragment): Fragment =>
  object(members.map((member) => [member.key, value(member.value)]));

const text = (value: string): Fragment => sql`${literal(value)}::text`;

function renamed(value: Fragment, names: readonly (readonly [string, string])[]): Fragment {
  const cases = names.map(([to, label]) => sql` when ${literal(label)} then ${literal(to)}`);
  return sql`case ${value}::text${join(cases, nothing)} else ${value}::text end`;
}

/** A value in the form that it has in JSON. */
function formed(value: Fragment, form: ValueForm): Fragment {
  switch (form.kind) {
    case 'plain':
      return value;
    case 'text':
      return sql`${value}::text`;
    case 'text list':
      return sql`${value}::text[]`;
    case 'renamed':
      return renamed(value, form.names);
    case 'renamed list':
      return sql`(select array_agg(${renamed(sql`pgrst_item`, form.names)} order by pgrst_place) from unnest(${value}) with ordinality pgrst_items (pgrst_item, pgrst_place))`;
  }
}

/** Base64 of a JSON array, on one line. */
const encoded = (items: readonly Fragment[]): Fragment =>
  sql`translate(encode(convert_to(jsonb_build_array(${list(items)})::text, 'UTF8'), 'base64'), E'\\n', '')`;

function rowValue(value: RowValue, scope: Scope, aliases: Aliases): Fragment {
  switch (value.kind) {
    case 'text':
      return text(value.text);
    case 'column':
      return formed(own(scope.alias, value.name), value.form);
    case 'computed':
      return formed(sql`${qualified(value.routine)}(${scope.row})`, value.form);
    case 'node id': {
      const { schema, name: relation } = value.relation;
      return encoded([
        text(schema),
        text(relation),
        ...value.columns.map((called) => own(scope.alias, called)),
      ]);
    }
    case 'record':
      return record(value.record, scope, aliases);
    case 'connection':
      return connection(value.connection, scope, aliases);
  }
}

const row = (members: RowMembers, scope: Scope, aliases: Aliases): Fragment =>
  objectOf(members, (value) => rowValue(value, scope, aliases));

const rowTypeOf = (source: RowSource): Fragment =>
  qualified(source.kind === 'relation' ? source.name : source.rowType);

/** A source under an alias. */
function from(source: RowSource, alias: string, parent: Scope | null): Fragment {
  switch (source.kind) {
    case 'relation':
      return sql` from ${qualified(source.name)} ${name(alias)}`;
    case 'computed':
      return sql` from ${qualified(source.routine)}(${parent?.row ?? sql`null`}) ${name(alias)}`;
    case 'call':
      return sql` from ${renderExpression(source.call)} ${name(alias)}`;
  }
}

function conditionsOf(
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

/** A row that a function gives as null has no column that is not null. */
function record(plan: RecordPlan, parent: Scope | null, aliases: Aliases): Fragment {
  const alias = aliases();
  const scope = { alias, row: sql`${name(alias)}::${rowTypeOf(plan.source)}` };
  const given = plan.source.kind === 'relation' ? [] : [sql`not (${name(alias)} is null)`];
  const conditions = [...conditionsOf(plan, alias, parent), ...given];
  return sql`(select ${row(plan.members, scope, aliases)}${from(plan.source, alias, parent)}${and(conditions)} limit 1)`;
}

const amount = (value: Amount): Fragment =>
  value.kind === 'number'
    ? integer(value.value)
    : sql`${parameter({ kind: 'slot', index: value.index, form: 'text' })}::bigint`;

/** The number of a row on its page, and the row as a whole. */
const NUMBER = 'pgrst_number';
const WHOLE = 'pgrst_row';

/** What the members of a connection need of its page. */
function needsOf({ members, backwards, keys }: ConnectionPlan) {
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

type Needs = ReturnType<typeof needsOf>;

/** The rows that the order needs beside those of the collection. */
const orderJoins = ({ orderJoins: all }: ConnectionPlan, alias: string): Fragment =>
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

/** The name of a key that is no column of the rows. */
const relatedKey = (index: number): string => `pgrst_key_${index + 1}`;

/** The rows of a connection under an alias, and the conditions that are still to be asked of them. */
function rowsOf(plan: ConnectionPlan, alias: string, parent: Scope | null) {
  const { source, distinct } = plan;
  const conditions = conditionsOf(plan, alias, parent);
  if (distinct === null) return { rows: from(source, alias, parent), conditions };
  const needed = columnsOfConnection(plan);
  const items = needed.includes('*')
    ? sql`${name(alias)}.*`
    : list(needed.map((called) => own(alias, called)));
  const by = list(distinct.columns.map((called) => own(alias, called)));
  const order = renderKeyOrder({ schema: null, relation: alias }, distinct.keys, false);
  const first = sql`select distinct on (${by}) ${items}${from(source, alias, parent)}${orderJoins(plan, alias)}${and(conditions)}${order}`;
  return { rows: sql` from (${first}) ${name(alias)}`, conditions: [] };
}

/** So many of the rows, in the order in which they are walked. */
function limitedRows(
  plan: ConnectionPlan,
  items: readonly Fragment[],
  most: Fragment,
  alias: string,
  parent: Scope | null,
): Fragment {
  const of = { schema: null, relation: alias };
  const { keys, position, backwards, offset } = plan;
  const { rows, conditions: held } = rowsOf(plan, alias, parent);
  const conditions = [...held, ...(position === null ? [] : [renderPosition(of, keys, position)])];
  const skip = offset === null ? nothing : sql` offset ${amount(offset)}`;
  return sql`select ${list(items)}${rows}${orderJoins(plan, alias)}${and(conditions)}${renderKeyOrder(of, keys, backwards)} limit ${most}${skip}`;
}

/** The rows of the page with what is needed of them. */
function pageRows(plan: ConnectionPlan, needs: Needs, parent: Scope | null, alias: string): Fragment {
  const { keys, limit, source } = plan;
  const items = [
    ...needs.columns.map((called) => own(alias, called)),
    ...keys.flatMap(({ embedAlias, field }, index) =>
      embedAlias === null || !needs.relatedKeys
        ? []
        : [sql`${own(embedAlias, field.name)} as ${name(relatedKey(index))}`],
    ),
    ...(needs.whole ? [sql`${name(alias)}::${rowTypeOf(source)} as ${name(WHOLE)}`] : []),
  ];
  const most = needs.more ? sql`${amount(limit)} + 1` : amount(limit);
  const rows = limitedRows(plan, items, most, alias, parent);
  return needs.numbered
    ? sql`select *, row_number() over () as ${name(NUMBER)} from (${rows}) ${name(alias)}`
    : rows;
}

/** What connections are rendered with. */
interface PageScope {
  readonly plan: ConnectionPlan;
  readonly needs: Needs;
  readonly scope: Scope;
  readonly parent: Scope | null;
  readonly aliases: Aliases;
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
      return row(value.members, page.scope, page.aliases);
  }
}

function edges(members: readonly Member<EdgeValue>[], page: PageScope): Fragment {
  const order = page.plan.backwards ? sql` order by ${number(page)} desc` : nothing;
  const edge = objectOf(members, (value) => edgeValue(value, page));
  return sql`coalesce(json_agg(${edge}${order})${onPage(page)}, '[]')`;
}

/** Whether the collection has a row before the page, as it is walked. */
function isPreceded({ plan, parent, aliases }: PageScope): Fragment {
  const { position, offset, keys } = plan;
  const reasons: Fragment[] = [];
  if (offset !== null) reasons.push(sql`${amount(offset)} > 0`);
  if (position !== null) {
    const alias = aliases();
    const direction = position.direction === 'after' ? 'before' : 'after';
    const behind = renderPosition({ schema: null, relation: alias }, keys, {
      ...position,
      direction,
      inclusive: true,
    });
    const { rows, conditions } = rowsOf(plan, alias, parent);
    reasons.push(sql`exists (select 1${rows}${orderJoins(plan, alias)}${and([...conditions, behind])})`);
  }
  return reasons.length === 0 ? sql`false` : sql`count(*) > 0 and (${join(reasons, sql` or `)})`;
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

const AGGREGATES = { sum: sql`sum`, avg: sql`avg`, min: sql`min`, max: sql`max` } as const;

function aggregateValue(value: AggregateValue, alias: string): Fragment {
  switch (value.kind) {
    case 'text':
      return text(value.text);
    case 'count':
      return sql`count(*)`;
    case 'columns':
      return objectOf(value.members, (item) => {
        if (item.kind === 'text') return text(item.text);
        // the average of floating point numbers would not be exact
        const cast = value.aggregate === 'avg' ? sql`::numeric` : nothing;
        return sql`${AGGREGATES[value.aggregate]}(${own(alias, item.column)}${cast})`;
      });
  }
}

/** Something that is said of all rows of the connection, whatever its page. */
function overall({ plan, parent, aliases }: PageScope, value: (alias: string) => Fragment): Fragment {
  const alias = aliases();
  const { rows, conditions } = rowsOf(plan, alias, parent);
  return sql`(select ${value(alias)}${rows}${and(conditions)})`;
}

const GROUP = 'pgrst_group';

function groups({ by, limit, offset, members }: GroupsPlan, { plan, parent, aliases }: PageScope): Fragment {
  const alias = aliases();
  const { rows, conditions } = rowsOf(plan, alias, parent);
  const columns = list(by.map((called) => own(alias, called)));
  const shown = objectOf(members, (value) => {
    switch (value.kind) {
      case 'text':
        return text(value.text);
      case 'key':
        return objectOf(value.members, (item) =>
          item.kind === 'text' ? text(item.text) : formed(own(alias, item.name), item.form),
        );
      case 'aggregate':
        return objectOf(value.members, (item) => aggregateValue(item, alias));
    }
  });
  const skip = offset === null ? nothing : sql` offset ${amount(offset)}`;
  const page = sql`select ${shown} as ${name(GROUP)}${rows}${and(conditions)} group by ${columns} order by ${columns} limit ${amount(limit)}${skip}`;
  return sql`(select coalesce(json_agg(${name(GROUP)}), '[]') from (${page}) ${name(aliases())})`;
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
      return groups(value.groups, page);
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
function shownRows(
  plan: ConnectionPlan,
  members: RowMembers,
  alias: string,
  parent: Scope | null,
  aliases: Aliases,
): Fragment {
  const scope = { alias, row: sql`${name(alias)}::${rowTypeOf(plan.source)}` };
  const items = members.map(({ key, value }) => sql`${rowValue(value, scope, aliases)} as ${name(key)}`);
  return limitedRows(plan, items, amount(plan.limit), alias, parent);
}

function connection(plan: ConnectionPlan, parent: Scope | null, aliases: Aliases): Fragment {
  const alias = aliases();
  const needs = needsOf(plan);
  const alone = rowsAlone(plan, needs);
  if (alone !== null) {
    const rows = shownRows(plan, alone, alias, parent, aliases);
    const page = { plan, needs, scope: { alias, row: name(alias) }, parent, aliases };
    const shown = objectOf(plan.members, (value) =>
      value.kind === 'edges'
        ? sql`coalesce(json_agg(json_build_object(${literal(value.members[0]?.key ?? '')}, ${name(alias)})), '[]')`
        : connectionValue(value, page),
    );
    return sql`(select ${shown} from (${rows}) ${name(alias)})`;
  }
  const scope = { alias, row: own(alias, WHOLE) };
  const page: PageScope = { plan, needs, scope, parent, aliases };
  const shown = objectOf(plan.members, (value) => connectionValue(value, page));
  if (!needs.page) return sql`(select ${shown})`;
  return sql`(select ${shown} from (${pageRows(plan, needs, parent, alias)}) ${name(alias)})`;
}

function rootValue(value: RootValue, aliases: Aliases): Fragment {
  switch (value.kind) {
    case 'connection':
      return connection(value.connection, null, aliases);
    case 'record':
      return record(value.record, null, aliases);
    case 'scalar':
      return sql`to_json(${formed(renderExpression(value.scalar.call), value.scalar.form)})`;
  }
}

function write({ mutate, members }: DocumentWrite, aliases: Aliases): Fragment {
  const alias = aliases();
  const scope = { alias, row: sql`${name(alias)}::${qualified(mutate.relation)}` };
  const shown = objectOf(members, (value) => {
    switch (value.kind) {
      case 'text':
        return text(value.text);
      case 'affected count':
        return sql`count(*)`;
      case 'records':
        return sql`coalesce(json_agg(${row(value.members, scope, aliases)}), '[]')`;
    }
  });
  return sql`with ${RESULT} as (${renderMutation(mutate)}) select count(*), ${shown} from ${RESULT} ${name(alias)}`;
}

/** Renders a step: JSON columns for the values of a read; for a write the number of its rows and one JSON column. */
export function renderDocument(step: DocumentStep): Statement {
  if (step.kind === 'write') {
    return { ...compile(write(step.write, createAliases())), columns: ['page', 'body'] };
  }
  return { ...compile(read(step.values)), columns: step.values.map(() => 'body' as const) };
}

function read(values: readonly RootValue[]): Fragment {
  const aliases = createAliases();
  return sql`select ${list(values.map((value) => rootValue(value, aliases)))}`;
}

/** What tells the cost of a read, with the same parameters. */
export const renderDocumentCost = (values: readonly RootValue[]): Statement => ({
  ...compile(sql`explain (format json) ${read(values)}`),
  columns: null,
});
