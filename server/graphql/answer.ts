/**
 * Answers: the JSON of PostgreSQL and of introspection put together, or errors.
 */
import type { GraphQLError } from 'graphql';
import type { ApiError } from '../errors/error.ts';
import type { Answer } from '../response/respond.ts';
import type { AnswerType } from './request.ts';
import type { RootEntry } from './root.ts';

/** What became of one operation. */
export interface Outcome {
  readonly body: Buffer;
  /** For clients that know what a status of GraphQL's own media type means. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly errorCode: string | null;
}

const NULL = Buffer.from('null');

const failed = (errors: readonly GraphQLError[]): Outcome => ({
  body: Buffer.from(JSON.stringify({ data: null, errors })),
  status: 200,
  headers: {},
  errorCode: 'GRAPHQL_REFUSED',
});

/** `{"data":{...}}`; an entry whose introspection is not answered is left out. */
export function dataOf(
  entries: readonly RootEntry[],
  rows: readonly (readonly (Buffer | null)[])[],
  introspected: ReadonlyMap<string, string>,
  errors: readonly GraphQLError[],
): Outcome {
  const isAnswered = (entry: RootEntry): boolean =>
    entry.kind !== 'introspection' || introspected.has(entry.key);
  if (!entries.some(isAnswered)) return failed(errors);
  const pieces: (string | Buffer)[] = [];
  let text = '{"data":{';
  let isFirst = true;
  for (const entry of entries) {
    const own = entry.kind === 'introspection' ? introspected.get(entry.key) : undefined;
    if (entry.kind === 'introspection' && own === undefined) continue;
    text += `${isFirst ? '' : ','}${JSON.stringify(entry.key)}:`;
    isFirst = false;
    if (entry.kind === 'text') text += JSON.stringify(entry.text);
    else if (entry.kind === 'introspection') text += own;
    else {
      pieces.push(text, rows[entry.step]?.[entry.column] ?? NULL);
      text = '';
    }
  }
  pieces.push(errors.length === 0 ? `${text}}}` : `${text}},"errors":${JSON.stringify(errors)}}`);
  return { body: concat(pieces), status: 200, headers: NO_HEADERS, errorCode: null };
}

const NO_HEADERS = {};

/** Texts and bytes in one buffer. */
function concat(pieces: readonly (string | Buffer)[]): Buffer {
  let size = 0;
  for (const piece of pieces) size += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
  const whole = Buffer.allocUnsafe(size);
  let at = 0;
  for (const piece of pieces)
    at += typeof piece === 'string' ? whole.write(piece, at) : piece.copy(whole, at);
  return whole;
}

const LINE_FEED = 0x0a;
const BLANK = 0x20;

/** Puts JSON on one line: a line break in it is white space between values, and would end what carries it. */
export function onOneLine(json: Buffer): Buffer {
  for (let at = json.indexOf(LINE_FEED); at >= 0; at = json.indexOf(LINE_FEED, at + 1)) json[at] = BLANK;
  return json;
}

/** Refusals of a request that was not run, with the places in the document that they are about. */
export const refusalOf = (errors: readonly GraphQLError[]): Outcome => ({
  body: Buffer.from(JSON.stringify({ errors })),
  status: 400,
  headers: {},
  errorCode: 'GRAPHQL_VALIDATION',
});

/** A refusal in the form that GraphQL's errors have. */
export const formatted = ({ message, code, details, hint }: ApiError) => ({
  message,
  extensions: {
    code,
    ...(details === null ? {} : { details }),
    ...(hint === null ? {} : { hint }),
  },
});

/** An operation that failed while it was run. */
export const failureOf = (error: ApiError): Outcome => ({
  body: Buffer.from(JSON.stringify({ data: null, errors: [formatted(error)] })),
  status: 200,
  headers: {},
  errorCode: error.code,
});

/** A request that could not be served at all: who asks is not known, or the database is not there. */
export const errorOf = (error: ApiError): Outcome => ({
  body: Buffer.from(JSON.stringify({ errors: [formatted(error)] })),
  status: error.status,
  headers: error.headers,
  errorCode: error.code,
});

/** An operation that failed by what it asks for beyond what types can say. */
export const failureOfDocument = (error: GraphQLError): Outcome => failed([error]);

/** Several outcomes as one list. */
export function listOf(outcomes: readonly Outcome[]): Outcome {
  const pieces = outcomes.flatMap(({ body }, index) => [Buffer.from(index === 0 ? '[' : ','), body]);
  return {
    body: Buffer.concat([...pieces, Buffer.from(']')]),
    status: 200,
    headers: {},
    errorCode: outcomes.find(({ errorCode }) => errorCode !== null)?.errorCode ?? null,
  };
}

/** A document that cannot be run is answered 200 where the media type is plain JSON. */
const statusFor = ({ status }: Outcome, type: AnswerType): number =>
  type === 'application/json' && status === 400 ? 200 : status;

/** An outcome as HTTP. `isRequest` = the request itself is at fault, whatever the media type. */
export const answerOf = (outcome: Outcome, type: AnswerType, isRequest = false): Answer => ({
  status: isRequest ? outcome.status : statusFor(outcome, type),
  headers: {
    ...outcome.headers,
    'Content-Type': `${type}; charset=utf-8`,
    'Content-Length': String(outcome.body.length),
    Vary: 'Accept',
  },
  body: outcome.body,
});
