/**
 * GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/): what a request asks for, and in which media
 * type it is to be answered.
 */
import { apiError } from '../errors/codes.ts';
import { documentIdOf } from './documents.ts';

/** The parameters of one operation. */
export interface GraphqlRequest {
  readonly query: string | null;
  /** Names a trusted document. */
  readonly documentId: string | null;
  readonly operationName: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** The media types of an answer. Only the first one's status says whether the operation was run. */
export type AnswerType = 'application/graphql-response+json' | 'application/json';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const malformed = (details: string): Error =>
  apiError('AURA300', 'The request is not a GraphQL request', {
    details,
    hint: 'Send a JSON object with query and, where needed, variables and operationName.',
  });

function optionalObject(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (isObject(value)) return value;
  throw malformed(`${name} is no object.`);
}

/** An operation as clients write it. Throws AURA300. */
export function requestOf(value: unknown): GraphqlRequest {
  if (!isObject(value)) throw malformed('It is no JSON object.');
  const { query, operationName, variables, extensions: more, documentId } = value;
  const extensions = optionalObject(more, 'extensions');
  if (query !== undefined && query !== null && typeof query !== 'string')
    throw malformed('query is no string.');
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') {
    throw malformed('operationName is no string.');
  }
  return {
    query: query ?? null,
    operationName: operationName ?? null,
    variables: optionalObject(variables, 'variables'),
    documentId: documentIdOf(documentId, extensions),
  };
}

const MANY_DIGITS = /[\d.]{16}/;

/** A number with more digits than JavaScript keeps comes as the text that it was written as. */
function keepDigits(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && String(value) !== source && source.length > 15
    ? source
    : value;
}

/** JSON whose numbers keep their digits. Throws AURA300. */
export function parseJson(text: string, what: string): unknown {
  try {
    return MANY_DIGITS.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
  } catch (error) {
    throw malformed(`${what} is not JSON: ${error instanceof Error ? error.message : 'it cannot be read'}.`);
  }
}

/** The operations of a body: one, or a list of at most `most`. */
export function parseBody(body: Buffer, most: number): GraphqlRequest | readonly GraphqlRequest[] {
  const value = parseJson(body.toString('utf8'), 'The body');
  if (!Array.isArray(value)) return requestOf(value);
  if (value.length === 0) throw malformed('The list of operations is empty.');
  if (value.length > most) {
    throw apiError('AURA301', `A request may hold ${most} operations, this one has ${value.length}`, {
      hint: 'Send several requests; graphql-max-batch has the limit.',
    });
  }
  return value.map(requestOf);
}

/** The operation of a query string. */
export function parseQuery(query: string): GraphqlRequest {
  const parameters = new URLSearchParams(query);
  const json = (name: string): unknown => {
    const text = parameters.get(name);
    return text === null || text === '' ? undefined : parseJson(text, name);
  };
  return requestOf({
    query: parameters.get('query') ?? undefined,
    documentId: parameters.get('documentId') ?? undefined,
    operationName: parameters.get('operationName') || undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  });
}

/** Throws AURA302 for a body that is no JSON in UTF-8. */
export function refuseMediaType(contentType: string | undefined): void {
  if (contentType === 'application/json') return;
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((item) => item.trim()).find((item) => item.startsWith('charset='));
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset);
  if (type.trim() === 'application/json' && isUtf8) return;
  throw apiError('AURA302', `Content-Type not acceptable: ${contentType ?? 'none'}`, {
    hint: 'Send the request as application/json in UTF-8.',
  });
}

interface Range {
  readonly type: string;
  readonly quality: number;
}

function rangesOf(accept: string): Range[] {
  return accept.split(',').flatMap((item) => {
    const [type = '', ...parameters] = item.trim().toLowerCase().split(';');
    const weight = parameters.map((each) => each.trim()).find((each) => each.startsWith('q='));
    const quality = weight === undefined ? 1 : Number(weight.slice(2));
    return type === '' || Number.isNaN(quality) ? [] : [{ type: type.trim(), quality }];
  });
}

const OFFERED: readonly AnswerType[] = ['application/graphql-response+json', 'application/json'];

/** The best media type that the client accepts. Without an Accept header that is JSON. Throws AURA303. */
export function answerTypeOf(accept: string | undefined): AnswerType {
  if (accept === undefined || accept.trim() === '') return 'application/json';
  const ranges = rangesOf(accept).filter(({ quality }) => quality > 0);
  const best = ranges.toSorted((a, b) => b.quality - a.quality);
  for (const { type } of best) {
    const found = OFFERED.find((offered) => offered === type);
    if (found) return found;
    if (type === '*/*' || type === 'application/*') return 'application/json';
  }
  throw apiError('AURA303', `None of these types are available: ${accept}`, {
    hint: 'Accept application/graphql-response+json or application/json.',
  });
}

const EVENTS = 'text/event-stream';

/** Whether the client would rather have a stream of results than any of the other types. */
export function wantsEvents(accept: string | undefined): boolean {
  if (accept?.includes(EVENTS) !== true) return false;
  const ranges = rangesOf(accept).filter(({ quality }) => quality > 0);
  const best = ranges.toSorted((a, b) => b.quality - a.quality);
  const first = best.find(({ type }) => type === EVENTS || OFFERED.some((offered) => offered === type));
  return first?.type === EVENTS;
}

/** Whether a browser asks for a page rather than for an answer. */
export const wantsPage = (method: string, accept: string | undefined, query: string): boolean =>
  method === 'GET' &&
  /\btext\/html\b/i.test(accept ?? '') &&
  !/graphql-response\+json|application\/json/i.test(accept ?? '') &&
  !/(?:^|&)query=/.test(query);
