/**
 * What all paths have in common: parameters, headers, errors and security, each a component that paths refer to.
 */
import type {
  HeaderObject,
  ParameterObject,
  ReferenceObject,
  ResponseObject,
  SchemaObject,
  SecuritySchemeObject,
} from 'openapi3-ts/oas31';
import { refTo } from './type-schema.ts';

const STRING: SchemaObject = { type: 'string' };
const COUNT: SchemaObject = { type: 'integer', format: 'int64', minimum: 0 };

export const SCHEMAS = {
  'rest.error': {
    type: 'object',
    description: "What went wrong, in PostgreSQL's four fields.",
    properties: {
      code: {
        type: 'string',
        description: "PGRST and AURA are the server's own codes, all others SQLSTATEs of PostgreSQL.",
      },
      message: STRING,
      details: { description: 'More of it, as text or as data; null where there is nothing more to say.' },
      hint: { type: ['string', 'null'], description: 'What to do about it.' },
    },
    required: ['code', 'message'],
  },
  'rest.filter': {
    type: 'string',
    description:
      'An operator and a value: `eq.1`, `gte.2026-01-01`, `like.A*`, `in.(1,2)`, `is.null`, `fts(english).word`, any of them behind `not.`; `eq(any).{1,2}` compares with several values.',
    pattern:
      '^(?:not\\.)*(?:(?:eq|gte?|lte?|i?like|i?match)(?:\\((?:any|all)\\))?|neq|in|is|isdistinct|cs|cd|ov|sl|sr|nx[rl]|adj|(?:plfts|phfts|wfts|fts)(?:\\([^)]*\\))?)\\.',
  },
} satisfies Record<string, SchemaObject>;

// None has an `example`: whoever tries a request out would send it along.

const query = (name: string, schema: SchemaObject, description: string): ParameterObject => ({
  name,
  in: 'query',
  schema,
  description,
});

const header = (name: string, description: string): ParameterObject => ({
  name,
  in: 'header',
  schema: STRING,
  description,
});

const prefer = (description: string): ParameterObject =>
  header('Prefer', `Preferences, separated by commas (RFC 7240). ${description}`);

const RETURN =
  '`return=representation` answers the rows, `return=headers-only` their address, `return=minimal` nothing.';

/** Parameters by the names that paths call them by. */
export const PARAMETERS = {
  select: query(
    'select',
    STRING,
    'What a row has: columns with alias (`name:column`), cast (`column::text`) and JSON path (`column->key`), related rows (`relation(column)`), aggregates (`column.sum()`). Without it, all columns; with it, the answer has what is named here.',
  ),
  order: query('order', STRING, 'Columns with their directions: `column.desc.nullslast,other`.'),
  limit: query('limit', COUNT, 'The most rows to answer.'),
  offset: query('offset', COUNT, 'How many rows to leave out at the start.'),
  and: query('and', STRING, 'Conditions that all hold: `(column.gte.1,or(column.lt.9,other.is.null))`.'),
  or: query('or', STRING, 'Conditions of which one holds: `(column.eq.1,other.eq.2)`.'),
  cursor: query(
    'cursor',
    STRING,
    'The position of a page: from a link of the page before, after `Prefer: pagination=cursor`.',
  ),
  columns: query('columns', STRING, 'The columns to write, where the body has others or not all of them.'),
  on_conflict: query(
    'on_conflict',
    STRING,
    'The columns of the unique constraint that duplicates are told by; without it, the primary key.',
  ),
  range: header('Range', 'Rows by their positions, from 0: `0-24`.'),
  'if-match': header('If-Match', 'Goes on only if the ETag is (still) one of these; else 412.'),
  'if-none-match': header('If-None-Match', 'Answers 304 if the ETag is one of these.'),
  'prefer.read': prefer(
    '`count=exact|planned|estimated` counts all rows, `pagination=cursor` links pages by cursors, `timezone=...` sets the time zone of dates.',
  ),
  'prefer.insert': prefer(
    `${RETURN} \`resolution=merge-duplicates|ignore-duplicates\` makes it an upsert, \`missing=default\` fills columns that an object lacks, \`count=exact\` counts, \`tx=rollback\` tries without keeping where the server allows it.`,
  ),
  'prefer.write': prefer(
    `${RETURN} \`handling=strict, max-affected=1\` refuses to change more rows, \`count=exact\` counts, \`missing=default\` fills columns that an object lacks, \`tx=rollback\` tries without keeping where the server allows it.`,
  ),
  'prefer.call': prefer('`count=exact` counts the rows, `timezone=...` sets the time zone of dates.'),
} satisfies Record<string, ParameterObject>;

/** What parameters of the query string are called. */
export const QUERY_PARAMETERS: readonly string[] = Object.values<ParameterObject>(PARAMETERS)
  .filter((parameter) => parameter.in === 'query')
  .map(({ name }) => name);

const headerOf = (description: string, example: string): HeaderObject => ({
  schema: STRING,
  description,
  example,
});

/** Headers of answers. */
export const HEADERS = {
  'content-range': headerOf(
    'The positions of the rows, and how many there are where that was asked for.',
    '0-24/3573',
  ),
  etag: headerOf('Changes with the answer; for If-Match and If-None-Match.', '"B815KUlanieX-R_T5EdwxsDqd7U"'),
  link: headerOf('The neighbours of a page by cursor (RFC 8288).', '<?limit=20&cursor=Ki9X>; rel="next"'),
  location: headerOf('The address of the row, with `return=headers-only`.', '/tasks?id=eq.1'),
  'preference-applied': headerOf('Which preferences were heeded.', 'return=representation'),
  'retry-after': headerOf('Seconds to wait.', '1'),
  'www-authenticate': headerOf('Why the token was refused.', 'Bearer error="invalid_token"'),
} satisfies Record<string, HeaderObject>;

const failure = (
  description: string,
  example: Record<string, unknown>,
  headers: readonly (keyof typeof HEADERS)[] = [],
): ResponseObject => ({
  description,
  ...(headers.length === 0 ? {} : { headers: headerRefs(...headers) }),
  content: {
    'application/json': {
      schema: refTo('schemas', 'rest.error'),
      example: { details: null, hint: null, ...example },
    },
  },
});

/** Headers of a response, by reference. */
export const headerRefs = (...names: readonly (keyof typeof HEADERS)[]): Record<string, ReferenceObject> =>
  Object.fromEntries(names.map((name) => [HEADER_NAMES[name], refTo('headers', name)]));

const HEADER_NAMES: Readonly<Record<keyof typeof HEADERS, string>> = {
  'content-range': 'Content-Range',
  etag: 'ETag',
  link: 'Link',
  location: 'Location',
  'preference-applied': 'Preference-Applied',
  'retry-after': 'Retry-After',
  'www-authenticate': 'WWW-Authenticate',
};

/** Errors by status. */
const FAILURES = {
  '400': failure('The request cannot be read, or PostgreSQL refuses a value of it.', {
    code: '22P02',
    message: 'invalid input syntax for type bigint: "x"',
  }),
  '401': failure(
    'The token is missing, expired or not to be trusted, or nobody without one may do this.',
    { code: 'PGRST303', message: 'JWT expired' },
    ['www-authenticate'],
  ),
  '403': failure('The role may not do this: a privilege is missing, or a policy forbids it.', {
    code: '42501',
    message: 'permission denied for table tasks',
  }),
  '404': failure('There is no such table, view or function.', {
    code: 'PGRST205',
    message: "Could not find the table 'public.task' in the schema cache",
    hint: "Perhaps you meant the table 'public.tasks'",
  }),
  '406': failure('Not one row where one was asked for, or no media type that is accepted.', {
    code: 'PGRST116',
    message: 'Cannot coerce the result to a single JSON object',
    details: 'The result contains 0 rows',
  }),
  '409': failure('A constraint is violated: a duplicate, or a reference to nothing.', {
    code: '23505',
    message: 'duplicate key value violates unique constraint "tasks_pkey"',
    details: 'Key (id)=(1) already exists.',
  }),
  '412': failure('If-Match or If-None-Match does not hold.', {
    code: 'AURA130',
    message: 'The condition of If-Match does not hold',
    details: 'What is there now has another entity tag.',
    hint: 'Read it again, and decide anew.',
  }),
  '413': failure('The body is too large.', {
    code: 'AURA101',
    message: 'The request body is too large',
    details: 'At most 10485760 bytes are read.',
    hint: 'Send it in parts, or raise server-max-body-size.',
  }),
  '416': failure('The range begins behind the last row.', {
    code: 'PGRST103',
    message: 'Requested range not satisfiable',
    details: 'An offset of 100 was requested, but there are only 15 rows.',
  }),
  '503': failure(
    'The database does not answer, or has no connection free. Try again.',
    { code: 'PGRST003', message: 'Timed out acquiring connection from connection pool.' },
    ['retry-after'],
  ),
} satisfies Record<string, ResponseObject>;

export type Failure = keyof typeof FAILURES;

export const RESPONSES: Record<string, ResponseObject> = Object.fromEntries(
  Object.entries(FAILURES).map(([status, response]) => [`error.${status}`, response]),
);

/** Errors of an operation, by reference. */
export const failureRefs = (...statuses: readonly Failure[]): Record<string, ReferenceObject> =>
  Object.fromEntries(statuses.map((status) => [status, refTo('responses', `error.${status}`)]));

/** Parameters by reference. Lists that do not change are made once: there are thousands of operations. */
export const parameterRefs = (...names: readonly (keyof typeof PARAMETERS)[]): readonly ReferenceObject[] =>
  names.map((name) => refTo('parameters', name));

export const SECURITY_SCHEMES: Record<string, SecuritySchemeObject> = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token whose role claim says as which role PostgreSQL runs the request.',
  },
  apikey: {
    type: 'apiKey',
    in: 'header',
    name: 'apikey',
    description: 'A key of the project, or a token. Where both are sent, the bearer token counts.',
  },
};
