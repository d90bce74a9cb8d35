/**
 * Plan → Statement: the whole answer as one row. Every statement names its columns, so that the executor can
 * read the row without knowing what was asked, and ask for the body as bytes that pass through.
 */
import type {
  CallPlan,
  DatabasePlan,
  Handler,
  PagePlan,
  ReadPlan,
  RelationPlan,
  RoutinePlan,
  WritePlan,
} from '../plan/types.ts';
import type { MediaType } from '../request/ast.ts';
import { renderCall } from './call.ts';
import { countsInserted, INSERTED, renderMutation } from './mutate.ts';
import { renderPage } from './page.ts';
import { RESULT, renderCount, renderSelect } from './read.ts';
import {
  compile,
  type Fragment,
  integer,
  join,
  list,
  literal,
  nothing,
  type Parameter,
  qualified,
  sql,
} from './sql.ts';

/** A column of the answer's row; `body` is read as bytes, and there may be several of it. */
export type ResultColumn =
  | 'total'
  | 'page'
  | 'headers'
  | 'status'
  | 'location'
  | 'inserted'
  | 'keys'
  | 'body';

/** SQL that serves every request of its shape. */
export interface Statement {
  readonly text: string;
  readonly parameters: readonly Parameter[];
  /** Null for EXPLAIN, whose rows are the lines of the body; none where whoever asks reads the rows himself. */
  readonly columns: readonly ResultColumn[] | null;
}

/** What a plan runs: the answer, and where a count is to be estimated its EXPLAIN. */
export interface Statements {
  readonly main: Statement;
  readonly estimate: Statement | null;
  /** What tells the cost of the answer, with the same parameters; null where nobody asks. */
  readonly cost: Statement | null;
}

/** The name of a row of the answer. */
export const ROW = sql`_postgrest_t`;

type Scalar = Pick<CallPlan, 'result'> | null;

const strip = (stripped: boolean, value: Fragment): Fragment =>
  stripped ? sql`json_strip_nulls(${value})` : value;

export const isScalar = (call: Scalar): boolean =>
  call?.result === 'scalar' || call?.result === 'set of scalar';

/** A row as JSON. */
export const jsonRow = (call: Scalar): Fragment =>
  isScalar(call) ? sql`coalesce(to_json(${ROW}.pgrst_scalar), 'null')` : sql`row_to_json(${ROW})`;

function jsonBody(handler: Extract<Handler, { kind: 'array' | 'object' }>, call: Scalar): Fragment {
  const rows = strip(
    handler.stripped,
    isScalar(call) ? sql`json_agg(${ROW}.pgrst_scalar)` : sql`json_agg(${ROW})`,
  );
  const single = call?.result === 'scalar' || call?.result === 'composite';
  return handler.kind === 'object' || single
    ? sql`coalesce(${rows}->0, 'null')`
    : sql`coalesce(${rows}, '[]')`;
}

/** RFC 4180 from the text form of rows, whose quoting is the same but for doubled backslashes. */
const csvBody = sql`(
  select coalesce(string_agg(case when a.k ~ '[",\\r\\n]' then '"' || replace(a.k, '"', '""') || '"' else a.k end, ','), '')
  from (select json_object_keys(row_to_json(h)) as k from (select * from ${RESULT} limit 1) h) a
) || E'\\n' || coalesce(string_agg(replace(substring(${ROW}::text, 2, length(${ROW}::text) - 2), E'\\\\\\\\', E'\\\\'), E'\\n'), '')`;

function body(handler: Handler, call: Scalar): Fragment {
  switch (handler.kind) {
    case 'array':
    case 'object':
      return jsonBody(handler, call);
    case 'csv':
      return csvBody;
    case 'lines':
      // a line break in a value of type json is white space, and would end the line
      return handler.format === 'csv'
        ? csvBody
        : sql`coalesce(string_agg(translate(${jsonRow(call)}::text, E'\\r\\n', '  ') || E'\\n', ''), '')`;
    case 'geojson':
      return sql`json_build_object('type', 'FeatureCollection', 'features', coalesce(json_agg(ST_AsGeoJSON(${ROW})::json), '[]'))`;
    case 'custom':
      if (call?.result === 'scalar') return sql`${qualified(handler.function)}(${ROW}.pgrst_scalar)`;
      return handler.rowType === null
        ? sql`${qualified(handler.function)}(${ROW})`
        : sql`${qualified(handler.function)}(${ROW}::${qualified(handler.rowType)})`;
    case 'none':
      return sql`''::text`;
  }
}

const setting = (called: Fragment): Fragment => sql`nullif(current_setting(${called}, true), '')`;
const HEADERS = setting(sql`'response.headers'`);
const STATUS = setting(sql`'response.status'`);
const NO_TOTAL = sql`null::bigint`;

function answer(columns: readonly (readonly [ResultColumn, Fragment])[], rows: Fragment, before: Fragment) {
  const fragment = sql`${before}select ${list(columns.map(([, value]) => value))} from (${rows}) ${ROW}`;
  return { fragment, columns: columns.map(([called]) => called) };
}

/** Before a statement over the rows that a write or a call leaves. */
export const withResult = (rows: Fragment): Fragment => sql`with ${RESULT} as (${rows}) `;

/** The total without a limit, and whether it differs from the number of rows in the answer. */
function total(plan: RelationPlan | RoutinePlan, page: Fragment): Fragment {
  const { count } = plan.preferences;
  if (count !== 'exact' && count !== 'estimated') return NO_TOTAL;
  const { range } = plan.read;
  if (range.limit === null && range.offset === 0 && plan.maxRows === null) return page;
  // an estimate needs to know only whether there are more rows than may be answered
  const enough =
    count === 'estimated' && plan.maxRows !== null ? sql` limit ${integer(plan.maxRows + 1)}` : nothing;
  return sql`(select count(*) from (${renderCount(plan.read)}${enough}) counted)`;
}

const COUNT = sql`count(*)`;

const isCsv = (handler: Handler): boolean =>
  handler.kind === 'csv' || (handler.kind === 'lines' && handler.format === 'csv');

/** Handlers that see embeds as values rather than as part of a document. */
const seesValues = (handler: Handler): boolean => isCsv(handler) || handler.kind === 'custom';

function pageStatement(plan: RelationPlan, page: PagePlan) {
  const { before, keys } = renderPage(plan.read, page, RESULT, seesValues(plan.handler));
  const columns = [
    ['total', total(plan, COUNT)],
    ['page', COUNT],
    ['keys', keys],
    ['body', body(plan.handler, null)],
    ['headers', HEADERS],
    ['status', STATUS],
  ] as const;
  return answer(columns, sql`select * from ${RESULT}`, before);
}

function readStatement(plan: RelationPlan) {
  if (plan.page !== null) return pageStatement(plan, plan.page);
  const rows = renderSelect(plan.read, seesValues(plan.handler));
  const twice = isCsv(plan.handler);
  const columns = [
    ['total', total(plan, COUNT)],
    ['page', COUNT],
    ['body', body(plan.handler, null)],
    ['headers', HEADERS],
    ['status', STATUS],
  ] as const;
  return twice
    ? answer(columns, sql`select * from ${RESULT}`, withResult(rows))
    : answer(columns, rows, nothing);
}

function callStatement(plan: RoutinePlan) {
  const single = plan.call.result === 'scalar' || plan.call.result === 'composite';
  const page = single ? sql`1` : COUNT;
  const columns = [
    ['total', total(plan, page)],
    ['page', page],
    ['body', body(plan.handler, plan.call)],
    ['headers', HEADERS],
    ['status', STATUS],
  ] as const;
  return answer(
    columns,
    renderSelect(plan.read, seesValues(plan.handler)),
    withResult(renderCall(plan.call)),
  );
}

/** The primary key of a single written row as JSON, for the Location header. */
function location(plan: WritePlan): Fragment {
  const { mutate } = plan;
  if (
    (mutate.kind !== 'insert' && mutate.kind !== 'written') ||
    plan.preferences.representation !== 'headers-only'
  )
    return sql`null::json`;
  if (mutate.primaryKey.length === 0) return sql`null::json`;
  const keys = list(mutate.primaryKey.map(literal));
  return sql`case when count(*) = 1 then (
    select json_object_agg(pair.key, pair.value)
    from (select row_to_json(r) as data from ${RESULT} r limit 1) d, json_each_text(d.data) pair
    where pair.key in (${keys})
  ) end`;
}

function writeStatement(plan: WritePlan) {
  const columns = [
    ['total', NO_TOTAL],
    ['page', COUNT],
    ['location', location(plan)],
    ['body', body(plan.handler, null)],
    ['headers', HEADERS],
    ['status', STATUS],
    ['inserted', countsInserted(plan.mutate) ? INSERTED : sql`null::int`],
  ] as const;
  // without a representation the select's columns may not have been returned
  const rows =
    plan.handler.kind === 'none'
      ? sql`select * from ${RESULT}`
      : renderSelect(plan.read, seesValues(plan.handler));
  return answer(columns, rows, withResult(renderMutation(plan.mutate)));
}

function explain(fragment: Fragment, type: Extract<MediaType, { kind: 'plan' }>): Fragment {
  const words = {
    analyze: sql`analyze`,
    verbose: sql`verbose`,
    settings: sql`settings`,
    buffers: sql`buffers`,
    wal: sql`wal`,
  };
  const format = type.format === 'json' ? sql`format json` : sql`format text`;
  const options = join([format, ...type.options.map((option) => words[option])], sql`, `);
  return sql`explain (${options}) ${fragment}`;
}

const estimateOf = (plan: ReadPlan): Statement => ({
  ...compile(sql`explain (format json) ${renderCount(plan)}`),
  columns: null,
});

/** An EXPLAIN costs nothing worth a limit, unless it runs what it explains. */
function costOf(plan: DatabasePlan, fragment: Fragment): Statement | null {
  if (plan.kind !== 'read' || plan.costLimit === null) return null;
  if (plan.mediaType.kind === 'plan' && !plan.mediaType.options.includes('analyze')) return null;
  return { ...compile(sql`explain (format json) ${fragment}`), columns: null };
}

/** Renders a plan. */
export function renderStatements(plan: DatabasePlan): Statements {
  const { fragment, columns } =
    plan.kind === 'read'
      ? readStatement(plan)
      : plan.kind === 'write'
        ? writeStatement(plan)
        : callStatement(plan);
  const cost = costOf(plan, fragment);
  if (plan.mediaType.kind === 'plan') {
    return { main: { ...compile(explain(fragment, plan.mediaType)), columns: null }, estimate: null, cost };
  }
  const { count } = plan.preferences;
  const estimated = plan.kind === 'read' && (count === 'planned' || count === 'estimated');
  return {
    main: { ...compile(fragment), columns },
    estimate: estimated ? estimateOf(plan.read) : null,
    cost,
  };
}
