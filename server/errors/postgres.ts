/**
 * PostgreSQL's errors as answers: its four fields pass through; here they get an HTTP status. `RAISE SQLSTATE
 * 'PGRST'` and `'PTxyz'` let functions choose their own.
 */
import { isAnswerHeader } from './answer-header.ts';
import { apiError } from './codes.ts';
import { ApiError } from './error.ts';

/** What an ErrorResponse says. */
export interface PostgresError {
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
  readonly hint: string | null;
}

/** Statuses by SQLSTATE, the longest prefix first; anything else is the client's doing: 400. */
export const sqlStatuses: readonly (readonly [prefix: string, status: number])[] = [
  ['23503', 409], // foreign_key_violation
  ['23505', 409], // unique_violation
  ['25006', 405], // read_only_sql_transaction
  ['21000', 500], // cardinality_violation
  ['42883', 404], // undefined_function
  ['42P01', 404], // undefined_table
  ['42P17', 500], // infinite_recursion in a policy
  ['53400', 500], // configuration_limit_exceeded
  ['57P01', 503], // admin_shutdown
  ['P0001', 400], // raise_exception
  ['08', 503], // connection
  ['09', 500], // triggered action
  ['0L', 403], // invalid grantor
  ['0P', 403], // invalid role specification
  ['25', 500], // invalid transaction state
  ['28', 403], // invalid authorization
  ['2D', 500], // invalid transaction termination
  ['38', 500], // external routine
  ['39', 500],
  ['3B', 500], // savepoint
  ['40', 500], // transaction rollback
  ['53', 503], // insufficient resources
  ['54001', 500], // stack depth, of a function that calls itself
  ['54', 400], // program limit: more columns, or a longer value, than PostgreSQL takes
  ['55', 500], // object not in prerequisite state
  ['57', 500], // operator intervention
  ['58', 500], // system error
  ['F0', 500], // configuration file
  ['HV', 500], // foreign data wrapper
  ['P0', 500], // PL/pgSQL
  ['XX', 500], // internal
];

function statusOf({ code, message }: PostgresError, authenticated: boolean): number {
  if (code === '42501') return authenticated ? 403 : 401;
  // the extension safeupdate refuses writes without a condition with this code
  if (code === '21000' && message.endsWith('requires a WHERE clause')) return 400;
  // an upsert whose body has one key twice
  if (code === '21000' && message.startsWith('ON CONFLICT DO UPDATE')) return 400;
  if (code === '22023' && message.startsWith('role') && message.endsWith('does not exist')) return 401;
  if (code === '42883' && message.startsWith('function xmlagg(')) return 406;
  if (code.startsWith('PT')) {
    const chosen = /^\d+$/.test(code.slice(2)) ? Number(code.slice(2)) : 500;
    return inRange(chosen) ? chosen : 500;
  }
  return sqlStatuses.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 400;
}

const inRange = (status: number): boolean => status >= 200 && status <= 599;

/** The answer to an error that PostgreSQL reported; `authenticated` = the role is not the anonymous one. */
export function fromPostgres(error: PostgresError, authenticated: boolean): ApiError {
  if (error.code === 'PGRST') return fromRaise(error);
  const status = statusOf(error, authenticated);
  return new ApiError({
    code: error.code,
    message: error.message,
    details: error.detail,
    hint: error.hint,
    status,
    headers: status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {},
    cause: error,
  });
}

const MESSAGE_HINT =
  "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.";
const DETAIL_HINT =
  "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";

const unreadable = (details: string, hint: string): ApiError =>
  apiError('PGRST121', 'Could not parse JSON in the "RAISE SQLSTATE \'PGRST\'" error', { details, hint });

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

const isOptionalText = (value: unknown): value is string | null | undefined =>
  value === undefined || value === null || typeof value === 'string';

/** `RAISE SQLSTATE 'PGRST'`: MESSAGE is the body, DETAIL status and headers, both as JSON. */
function fromRaise({ message, detail }: PostgresError): ApiError {
  const body = parseObject(message);
  const { code, message: text, details, hint } = body ?? {};
  if (
    typeof code !== 'string' ||
    typeof text !== 'string' ||
    !isOptionalText(details) ||
    !isOptionalText(hint)
  ) {
    return unreadable(`Invalid JSON value for MESSAGE: '${message}'`, MESSAGE_HINT);
  }
  if (detail === null) return unreadable('DETAIL is missing in the RAISE statement', DETAIL_HINT);
  const { status, headers } = parseObject(detail) ?? {};
  const pairs = typeof headers === 'object' && headers !== null ? Object.entries(headers) : null;
  const areHeaders =
    pairs?.every(([name, value]) => isAnswerHeader(name) && typeof value === 'string') ?? false;
  if (
    typeof status !== 'number' ||
    !Number.isInteger(status) ||
    !inRange(status) ||
    pairs === null ||
    !areHeaders
  ) {
    return unreadable(`Invalid JSON value for DETAIL: '${detail}'`, DETAIL_HINT);
  }
  return new ApiError({
    code,
    message: text,
    details: details ?? null,
    hint: hint ?? null,
    status,
    headers: Object.fromEntries(pairs as [string, string][]),
  });
}
