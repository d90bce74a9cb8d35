/**
 * Plan → the statements of a streamed answer: its rows, each of which becomes a line, and beside them what an
 * ordinary statement answers in the same row.
 */
import type { RelationPlan, RoutinePlan, StreamPlan } from '../plan/types.ts';
import { renderCall } from './call.ts';
import { renderCount, renderSelect } from './read.ts';
import { compile, type Fragment, integer, nothing, type Parameter, sql } from './sql.ts';
import { jsonRow, ROW, withResult } from './statement.ts';

/** SQL that serves every request of its shape. */
export interface PlainStatement {
  readonly text: string;
  readonly parameters: readonly Parameter[];
}

export interface StreamStatements {
  /** One column: the line of a row, as JSON or as the text form of a record. */
  readonly rows: PlainStatement;
  /** A statement whose columns are those of the lines; null where the lines name them. */
  readonly columns: PlainStatement | null;
  /** Counts the rows without a limit; null where they need not be. */
  readonly total: PlainStatement | null;
  /** Tells what the rows will cost, with their parameters; null where nobody asks. */
  readonly cost: PlainStatement | null;
}

function total(plan: RelationPlan | RoutinePlan, { maxRows }: StreamPlan): Fragment | null {
  const { count } = plan.preferences;
  if (count === 'exact') return sql`select count(*) from (${renderCount(plan.read)}) counted`;
  // an estimate needs to know only whether there are more rows than may be answered
  if (count !== 'estimated' || maxRows === null) return null;
  return sql`select count(*) from (${renderCount(plan.read)} limit ${integer(maxRows + 1)}) counted`;
}

/** Renders a plan that is streamed. */
export function renderStream(plan: RelationPlan | RoutinePlan, stream: StreamPlan): StreamStatements {
  const call = plan.kind === 'call' ? plan.call : null;
  const before = call ? withResult(renderCall(call)) : nothing;
  const isCsv = stream.format === 'csv';
  const rows = renderSelect({ ...plan.read, range: stream.range }, isCsv);
  const line = isCsv ? sql`${ROW}::text` : jsonRow(call);
  const lines = sql`${before}select ${line} from (${rows}) ${ROW}`;
  const counted = total(plan, stream);
  return {
    rows: compile(lines),
    columns: isCsv ? compile(sql`${before}${rows}`) : null,
    total: counted && compile(sql`${before}${counted}`),
    cost: plan.kind === 'read' && plan.costLimit ? compile(sql`explain (format json) ${lines}`) : null,
  };
}

/** What SQL has set for the answer: headers and status. */
export const answerSettings: string = compile(
  sql`select nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), '')`,
).text;
