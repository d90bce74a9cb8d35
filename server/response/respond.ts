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

function typeHeaders(plan: DatabasePlan): Headers {
  const profile: Headers = plan.profiled ? { 'Content-Profile': plan.schema } : {};
  return { 'Content-Type': contentType(plan.mediaType), ...profile };
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

function pageHeaders(plan: RelationPlan | RoutinePlan, asked: Asked, result: ResultSet): Headers {
  if (plan.kind !== 'read' || plan.page === null || asked.page === null) return {};
  const link = linkHeader(plan.page, asked.page, result);
  return link === null ? {} : { Link: link };
}

/** Clients and proxies refuse answers with long headers, and nobody needs this one. */
const LONGEST_LOCATION = 4096;

function contentLocation({ relation }: RelationPlan, { canonicalQuery }: Asked): Headers {
  const query = canonicalQuery === '' ? '' : `?${canonicalQuery}`;
  const location = `/${encode(relation.name)}${query}`;
  return location.length > LONGEST_LOCATION ? {} : { 'Content-Location': location };
}

function respondRows(
  plan: RelationPlan | RoutinePlan,
  asked: Asked,
  executed: Executed,
  verbosity: Verbosity,
): Answer {
  const { range } = asked;
  const { page, body } = executed.result;
  const total = totalOf(plan, executed);
  const status = rangeStatus(range, page, total);
  const content = status === 416 ? outOfBounds(range, total, verbosity) : body;
  const headers = {
    'Content-Range': statedRange(plan, asked, page, total),
    ...(plan.kind === 'read' ? contentLocation(plan, asked) : {}),
    ...pageHeaders(plan, asked, executed.result),
    ...appliedHeader(applied(plan)),
  };
  if (plan.kind === 'call' && plan.call.returnsVoid) return { status: 204, headers, body: null };
  const type = status === 416 ? { ...typeHeaders(plan), 'Content-Type': JSON_TYPE } : typeHeaders(plan);
  if (plan.head) return { status, headers: { ...headers, ...type }, body: null };
  return { status, headers: { ...headers, ...withLength(content), ...type }, body: content };
}

const countOf = (plan: WritePlan, { page }: ResultSet): number | null => {
  const { count } = plan.preferences;
  return count === 'exact' || count === 'estimated' ? page : null;
};

const encode = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );

function locationHeader(plan: WritePlan, { location }: ResultSet): Headers {
  if (location === null) return {};
  const query = Object.entries(location).map(
    ([key, value]) => `${encode(key)}=${encode(value === null ? 'is.null' : `eq.${value}`)}`,
  );
  return { Location: `/${encode(plan.relation.name)}?${query.join('&')}` };
}

function respondInsert(plan: WritePlan, result: ResultSet): Answer {
  const { inserted } = result;
  const merged = plan.preferences.resolution === 'merge-duplicates' && (inserted ?? 0) <= 0;
  const headers = {
    ...locationHeader(plan, result),
    'Content-Range': contentRange(1, 0, countOf(plan, result)),
    ...appliedHeader(applied(plan)),
  };
  const status = merged ? 200 : 201;
  if (plan.preferences.representation !== 'full') {
    return { status, headers: { ...headers, 'Content-Length': '0' }, body: null };
  }
  return {
    status,
    headers: { ...headers, ...withLength(result.body), ...typeHeaders(plan) },
    body: result.body,
  };
}

/** The range that an update or delete states; none for PUT. */
function writtenRange(plan: WritePlan, result: ResultSet): Headers {
  const count = countOf(plan, result);
  if (plan.mutation === 'update') return { 'Content-Range': contentRange(0, result.page - 1, count) };
  return plan.mutation === 'delete' ? { 'Content-Range': contentRange(1, 0, count) } : {};
}

function respondWrite(plan: WritePlan, result: ResultSet): Answer {
  if (plan.mutation === 'insert') return respondInsert(plan, result);
  const headers = { ...writtenRange(plan, result), ...appliedHeader(applied(plan)) };
  if (plan.preferences.representation !== 'full') return { status: 204, headers, body: null };
  const created = plan.mutation === 'upsert' && (result.inserted ?? 0) > 0;
  return {
    status: created ? 201 : 200,
    headers: { ...headers, ...withLength(result.body), ...typeHeaders(plan) },
    body: result.body,
  };
}

function respondPlan(plan: DatabasePlan, { body }: ResultSet): Answer {
  return { status: 200, headers: { ...withLength(body), ...typeHeaders(plan) }, body };
}

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
export function respond(plan: DatabasePlan, asked: Asked, executed: Executed, verbosity: Verbosity): Answer {
  const { result } = executed;
  let answer: Answer;
  if (plan.mediaType.kind === 'plan') answer = respondPlan(plan, result);
  else if (plan.kind === 'write') answer = respondWrite(plan, result);
  else answer = respondRows(plan, asked, executed, verbosity);
  const status = parseStatusSetting(result.status) ?? answer.status;
  const headers = mergeHeaders(
    { Vary: VARY, ...answer.headers, ...warningHeader(plan) },
    parseHeadersSetting(result.headers),
  );
  return { status, headers, body: answer.body };
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
