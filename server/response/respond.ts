/**
 * Plan and result → answer: status, headers and body, as PostgREST's clients know them.
 */
import type { Readable } from 'node:stream';
import { apiError } from '../errors/codes.ts';
import type { ApiError, ErrorFields } from '../errors/error.ts';
import type { ResultSet } from '../execute/result.ts';
import type { Executed } from '../execute/transaction.ts';
import type { DatabasePlan, RelationPlan, RoutinePlan, WritePlan } from '../plan/types.ts';
import type { Preferences, Range } from '../request/ast.ts';
import { contentType } from '../request/media-type.ts';
import { encodeStrictly } from '../request/percent.ts';
import { renderApplied } from '../request/prefer.ts';
import {
  contentRange,
  type Headers,
  mergeHeaders,
  parseHeadersSetting,
  parseStatusSetting,
  rangeStatus,
} from './headers.ts';
import { type AskedPage, linkHeader } from './page.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Null = none. */
  readonly body: Buffer | null;
  /** In place of a body: what is sent while it is made. It must be read to its end, or destroyed. */
  readonly lines?: Readable;
  /** The lines go on as long as the client stays. Gives the code of what ended them, which they say; null = nothing did. */
  readonly endedBy?: () => string | null;
}

/** What of the request an answer repeats. */
export interface Asked {
  readonly range: Range;
  /** Null = no page by cursor. */
  readonly page: AskedPage | null;
  /** Parameters in alphabetical order. */
  readonly canonicalQuery: string;
}

export type Verbosity = 'verbose' | 'minimal';

const VARY = 'Accept, Prefer, Range';

/** The headers that every answer to a plan has. */
export interface PlanHeaders {
  readonly always: Headers;
  /** Those of an answer with a body. */
  readonly type: Headers;
}

/** The headers of a plan's answers, to be made once for all of them. */
export function planHeaders(plan: DatabasePlan): PlanHeaders {
  const isExplained = plan.mediaType.kind === 'plan';
  const preferences = isExplained ? {} : appliedHeader(applied(plan));
  const profile: Headers = plan.profiled ? { 'Content-Profile': plan.schema } : {};
  return {
    always: { Vary: VARY, ...preferences, ...warningHeader(plan) },
    type: { 'Content-Type': contentType(plan.mediaType), ...profile },
  };
}

const appliedHeader = (preferences: Omit<Preferences, 'invalid'>): Headers => {
  const applied = renderApplied(preferences);
  return applied === null ? {} : { 'Preference-Applied': applied };
};

/** The preferences that bear on this kind of plan. */
function applied(plan: DatabasePlan): Omit<Preferences, 'invalid'> {
  const { preferences } = plan;
  const mutation = plan.kind === 'write' ? plan.mutation : null;
  const resolves =
    plan.kind === 'write' &&
    plan.mutate.kind === 'insert' &&
    mutation === 'insert' &&
    (plan.mutate.primaryKey.length > 0 || plan.namesConflict);
  const limits = plan.kind === 'call' || mutation === 'update' || mutation === 'delete';
  return {
    ...preferences,
    resolution: resolves ? preferences.resolution : null,
    representation: mutation === null ? null : preferences.representation,
    missing: mutation === 'insert' || mutation === 'update' ? preferences.missing : null,
    maxAffected: limits ? preferences.maxAffected : null,
    pagination: plan.kind === 'read' ? preferences.pagination : null,
  };
}

const withLength = (body: Buffer): Headers => ({ 'Content-Length': String(body.length) });

/** The total that the answer states: counted, estimated, or whichever tells more. */
function totalOf(plan: RelationPlan | RoutinePlan, { result, estimate }: Executed): number | null {
  const { count } = plan.preferences;
  const { total } = result;
  if (estimate === null) return total;
  if (count === 'planned') return estimate;
  const exact = total !== null && plan.maxRows !== null && total <= plan.maxRows;
  return total === null || exact ? total : Math.max(total, estimate);
}

function outOfBounds(range: Range, total: number | null, verbosity: Verbosity): Buffer {
  const error = apiError('PGRST103', 'Requested range not satisfiable', {
    details: `An offset of ${range.offset} was requested, but there are only ${total ?? 0} rows.`,
  });
  return renderError(error, verbosity);
}

/** Behind a cursor nobody knows how many rows are before the page. */
function statedRange(
  plan: RelationPlan | RoutinePlan,
  { range }: Asked,
  page: number,
  total: number | null,
): string {
  if (plan.kind === 'read' && plan.page?.position) return contentRange(1, 0, total);
  return contentRange(range.offset, range.offset + page - 1, total);
}

const linkOf = (plan: RelationPlan, asked: Asked, result: ResultSet): string | null =>
  plan.page === null || asked.page === null ? null : linkHeader(plan.page, asked.page, result);

/** Clients and proxies refuse answers with long headers, and nobody needs this one. */
const LONGEST_LOCATION = 4096;

function contentLocation({ relation }: RelationPlan, { canonicalQuery }: Asked): string | null {
  const query = canonicalQuery === '' ? '' : `?${canonicalQuery}`;
  const location = `/${encodeStrictly(relation.name)}${query}`;
  return location.length > LONGEST_LOCATION ? null : location;
}

function respondRows(
  plan: RelationPlan | RoutinePlan,
  { always, type }: PlanHeaders,
  asked: Asked,
  executed: Executed,
  verbosity: Verbosity,
): Answer {
  const { range } = asked;
  const { page, body } = executed.result;
  const total = totalOf(plan, executed);
  const status = rangeStatus(range, page, total);
  const content = status === 416 ? outOfBounds(range, total, verbosity) : body;
  const headers: Headers = { ...always, 'Content-Range': statedRange(plan, asked, page, total) };
  if (plan.kind === 'read') {
    const location = contentLocation(plan, asked);
    if (location !== null) headers['Content-Location'] = location;
    const link = linkOf(plan, asked, executed.result);
    if (link !== null) headers['Link'] = link;
  }
  if (plan.kind === 'call' && plan.call.returnsVoid) return { status: 204, headers, body: null };
  Object.assign(headers, type);
  if (status === 416) headers['Content-Type'] = JSON_TYPE;
  if (plan.head) return { status, headers, body: null };
  headers['Content-Length'] = String(content.length);
  return { status, headers, body: content };
}

const countOf = (plan: WritePlan, { page }: ResultSet): number | null => {
  const { count } = plan.preferences;
  return count === 'exact' || count === 'estimated' ? page : null;
};

function locationHeader(plan: WritePlan, { location }: ResultSet): Headers {
  if (location === null) return {};
  const query = Object.entries(location).map(
    ([key, value]) => `${encodeStrictly(key)}=${encodeStrictly(value === null ? 'is.null' : `eq.${value}`)}`,
  );
  return { Location: `/${encodeStrictly(plan.relation.name)}?${query.join('&')}` };
}

function respondInsert(plan: WritePlan, { always, type }: PlanHeaders, result: ResultSet): Answer {
  const { inserted } = result;
  const merged = plan.preferences.resolution === 'merge-duplicates' && (inserted ?? 0) <= 0;
  const headers = {
    ...always,
    ...locationHeader(plan, result),
    'Content-Range': contentRange(1, 0, countOf(plan, result)),
  };
  const status = merged ? 200 : 201;
  if (plan.preferences.representation !== 'full') {
    return { status, headers: { ...headers, 'Content-Length': '0' }, body: null };
  }
  return {
    status,
    headers: { ...headers, ...withLength(result.body), ...type },
    body: result.body,
  };
}

/** The range that an update or delete states; none for PUT. */
function writtenRange(plan: WritePlan, result: ResultSet): Headers {
  const count = countOf(plan, result);
  if (plan.mutation === 'update') return { 'Content-Range': contentRange(0, result.page - 1, count) };
  return plan.mutation === 'delete' ? { 'Content-Range': contentRange(1, 0, count) } : {};
}

function respondWrite(plan: WritePlan, fixed: PlanHeaders, result: ResultSet): Answer {
  if (plan.mutation === 'insert') return respondInsert(plan, fixed, result);
  const headers = { ...fixed.always, ...writtenRange(plan, result) };
  if (plan.preferences.representation !== 'full') return { status: 204, headers, body: null };
  const created = plan.mutation === 'upsert' && (result.inserted ?? 0) > 0;
  return {
    status: created ? 201 : 200,
    headers: { ...headers, ...withLength(result.body), ...fixed.type },
    body: result.body,
  };
}

const respondPlan = ({ always, type }: PlanHeaders, { body }: ResultSet): Answer => ({
  status: 200,
  headers: { ...always, ...withLength(body), ...type },
  body,
});

/** The version of PostgREST whose behaviour this is: its clients read it in warnings. */
const POSTGREST_VERSION = '16.2';

function warningHeader({ legacyNames }: DatabasePlan): Headers {
  if (legacyNames.length === 0) return {};
  const changes = legacyNames.map(([name, alias]) => `\`${name}\` to \`${alias}\``).join(', ');
  const text =
    'Embedded resource was referenced by relation name even though it has an alias. ' +
    'This is deprecated and will stop working in a future release. ' +
    `Update ${changes} in query string filters, orders or limits.`;
  return { Warning: `299 PostgRESTv${POSTGREST_VERSION} "${text}"` };
}

/** The answer to a plan that was executed. Throws PGRST111 and 112 for settings that SQL set wrongly. */
export function respond(
  plan: DatabasePlan,
  fixed: PlanHeaders,
  asked: Asked,
  executed: Executed,
  verbosity: Verbosity,
): Answer {
  const { result } = executed;
  let answer: Answer;
  if (plan.mediaType.kind === 'plan') answer = respondPlan(fixed, result);
  else if (plan.kind === 'write') answer = respondWrite(plan, fixed, result);
  else answer = respondRows(plan, fixed, asked, executed, verbosity);
  if (result.status === null && result.headers === null) return answer;
  return {
    status: parseStatusSetting(result.status) ?? answer.status,
    headers: mergeHeaders(answer.headers, parseHeadersSetting(result.headers)),
    body: answer.body,
  };
}

/** The answer to OPTIONS. */
export const respondAllow = (allow: string): Answer => ({
  status: 200,
  headers: { Allow: allow, 'Access-Control-Allow-Origin': '*', 'Content-Length': '0', Vary: VARY },
  body: null,
});

const JSON_TYPE = 'application/json; charset=utf-8';

function renderError(error: ApiError, verbosity: Verbosity): Buffer {
  const fields: Partial<ErrorFields> =
    verbosity === 'minimal' ? { code: error.code, message: error.message } : error.fields();
  return Buffer.from(JSON.stringify({ ...fields, ...error.more }));
}

/** The answer to an error. */
export function respondError(error: ApiError, verbosity: Verbosity): Answer {
  const body = renderError(error, verbosity);
  return {
    status: error.status,
    headers: {
      'Content-Type': JSON_TYPE,
      ...withLength(body),
      'Proxy-Status': `PostgREST; error=${error.code}`,
      ...error.headers,
    },
    body,
  };
}
