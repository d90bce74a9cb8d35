/**
 * The document of a batch → its requests, with everything checked that can be without the database: what it may
 * hold, which headers, which references. Bodies stay the text that they are in the document.
 */
import type { IsolationLevel } from '../config/role-settings.ts';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { createJsonIndex, type JsonIndex, type Span } from '../request/json-text.ts';
import { parseMediaType } from '../request/media-type.ts';
import { decodeText } from '../request/payload.ts';
import type { RawRequest } from '../request/raw.ts';
import {
  type AddressTemplate,
  type BodyTemplate,
  type Earlier,
  parseAddress,
  parseBody,
} from './batch-reference.ts';

/** One request of a batch. */
export interface BatchStep {
  readonly index: number;
  readonly name: string | null;
  readonly method: string;
  readonly address: AddressTemplate;
  /** Names in lower case, values as Node reads them. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON; null = none. */
  readonly body: BodyTemplate | null;
  readonly form: BodyForm;
}

/** What a request's body becomes: itself, the text of a JSON string, or the bytes that one encodes. */
export type BodyForm = 'json' | 'text' | 'base64';

export interface Batch {
  /** Null = not chosen. */
  readonly isolation: IsolationLevel | null;
  readonly steps: readonly BatchStep[];
}

export const BATCH_TYPE = 'application/vnd.aura.batch+json';

const isBatchType = (type: string): boolean => type.split(';', 1)[0]?.trim().toLowerCase() === BATCH_TYPE;

/** Whether a request is a batch. */
export const isBatch = ({ method, path, headers }: RawRequest): boolean =>
  method === 'POST' && path === '/' && isBatchType(String(headers['content-type'] ?? ''));

const malformed = (details: string, hint: string | null = null): ApiError =>
  apiError('AURA120', 'The batch is malformed', { details, hint });

/** The error, saying where in the batch it happened; `step` null = in none of its requests. */
export function atStep(error: unknown, step: Pick<BatchStep, 'index' | 'name'> | null): unknown {
  if (!(error instanceof ApiError) || Object.hasOwn(error.more, 'step')) return error;
  const { code, message, details, hint, status, headers } = error;
  const where = step && { index: step.index, name: step.name };
  return new ApiError({
    code,
    message,
    details,
    hint,
    status,
    headers,
    more: { ...error.more, step: where },
    cause: error,
  });
}

type Members = Readonly<Record<string, unknown>>;

function membersOf(value: unknown, what: string, known: readonly string[]): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(`${what} is not an object.`);
  }
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw malformed(`${what} has '${unknown}', which means nothing.`, `It may have: ${known.join(', ')}.`);
  }
  return value as Members;
}

const ISOLATION: readonly unknown[] = ['read committed', 'repeatable read', 'serializable'];

function isolationOf(value: unknown): IsolationLevel | null {
  if (value === undefined) return null;
  if (!ISOLATION.includes(value)) {
    throw malformed('The isolation is no isolation level.', `It may be: ${ISOLATION.join(', ')}.`);
  }
  return value as IsolationLevel;
}

/** What a request of a batch may say for itself; anything else is told about the batch as a whole. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-profile',
  'content-profile',
  'content-type',
  'if-match',
  'if-none-match',
  'prefer',
  'range',
  'range-unit',
]);

export const isOwnHeader = (name: string): boolean => OWN_HEADERS.has(name);

/** Headers are bytes, and Node's are Latin-1: what was written in the document is UTF-8. */
const asHeader = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

function headersOf(value: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  if (value === undefined) return headers;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed('The headers are not an object.');
  }
  for (const [written, text] of Object.entries(value)) {
    const name = written.toLowerCase();
    if (!OWN_HEADERS.has(name)) {
      throw apiError('AURA124', `The header ${written} belongs to the whole batch`, {
        details: `A request of a batch may bring: ${[...OWN_HEADERS].join(', ')}.`,
        hint: 'Send it with the batch: it counts for all of its requests.',
      });
    }
    if (Object.hasOwn(headers, name)) throw malformed(`The header ${written} is there twice.`);
    if (typeof text !== 'string' || /[\r\n\0]/.test(text)) {
      throw malformed(`The header ${written} is not a line of text.`);
    }
    headers[name] = asHeader(text);
  }
  return headers;
}

function textOf(members: Members, key: string, what: string): string {
  const value = members[key];
  if (typeof value !== 'string') throw malformed(`The ${key} is not ${what}.`);
  return value;
}

const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS']);
const TEXT_KINDS: ReadonlySet<string> = new Set(['text', 'csv', 'xml', 'form', 'bytes']);

function formOf(encoding: unknown, type: string | undefined): BodyForm {
  if (encoding !== undefined && encoding !== 'base64') {
    throw malformed('The encoding is not base64.', 'Leave it out for JSON and for text.');
  }
  if (encoding === 'base64') return 'base64';
  return type !== undefined && TEXT_KINDS.has(parseMediaType(type).kind) ? 'text' : 'json';
}

const STEP_KEYS = ['name', 'method', 'path', 'headers', 'body', 'encoding', 'literal'] as const;

function readStep(value: unknown, text: JsonIndex, at: Span, earlier: Earlier): Omit<BatchStep, 'name'> {
  const members = membersOf(value, 'The request', STEP_KEYS);
  const { index } = earlier;
  const method = textOf(members, 'method', 'a method');
  const path = textOf(members, 'path', 'a path');
  if (!path.startsWith('/')) {
    throw malformed(
      'The path does not begin with /.',
      'Write it from the root of REST on, such as /tasks?id=eq.1.',
    );
  }
  const headers = headersOf(members['headers']);
  if (isBatchType(headers['content-type'] ?? '')) {
    throw apiError('AURA125', 'A batch cannot hold a batch', {
      hint: 'Put the requests of the inner one into the outer one.',
    });
  }
  const literal = members['literal'] ?? false;
  if (typeof literal !== 'boolean') throw malformed('Literal is not true or false.');
  const span = text.step(at, 'body');
  if (span && WITHOUT_BODY.has(method)) {
    throw malformed(`A ${method} has no body.`, 'Put its parameters into the path.');
  }
  const json = span && text.text.slice(span.start, span.end);
  const body = json === null ? null : literal ? { text: json, places: [] } : parseBody(json, earlier);
  return {
    index,
    method,
    address: parseAddress(path, earlier),
    headers,
    body,
    form: formOf(members['encoding'], headers['content-type']),
  };
}

/** Names are told from numbers, which every request has. */
function nameOf(value: unknown): string | null {
  const name: unknown =
    typeof value === 'object' && value !== null && 'name' in value ? value.name : undefined;
  if (name === undefined || name === null) return null;
  if (typeof name !== 'string' || name === '' || /^\d+$/.test(name)) {
    throw malformed('The name is not a text, is empty, or is a number.');
  }
  return name;
}

/** Calls `read` for each request; what it throws says which one it was. */
function eachStep<T>(requests: readonly unknown[], read: (request: unknown, index: number) => T): T[] {
  return requests.map((request, index) => {
    try {
      return read(request, index);
    } catch (error) {
      throw atStep(error, { index, name: shownName(request) });
    }
  });
}

const shownName = (request: unknown): string | null => {
  try {
    return nameOf(request);
  } catch {
    return null;
  }
};

function readDocument(text: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw malformed('It is not JSON.');
    throw error;
  }
  return membersOf(value, 'The document', ['isolation', 'requests']);
}

/**
 * Reads the document of a batch.
 * Throws AURA104 and AURA120 to AURA125, which name the request where it is one's fault.
 */
export function parseBatch(body: Buffer, mostSteps: number): Batch {
  const text = decodeText(body);
  const document = readDocument(text);
  const isolation = isolationOf(document['isolation']);
  const { requests } = document as { requests?: unknown };
  if (!Array.isArray(requests)) throw malformed('The requests are not an array.');
  if (requests.length > mostSteps) {
    throw apiError('AURA121', 'The batch has too many requests', {
      details: `It has ${requests.length} requests, at most ${mostSteps} are run.`,
      hint: 'Send several batches, or raise server-max-batch-steps.',
    });
  }
  const names = new Map<string, number>();
  const named = eachStep(requests, (request, at) => {
    const name = nameOf(request);
    if (name !== null && names.has(name)) throw malformed(`The name '${name}' is there twice.`);
    if (name !== null) names.set(name, at);
    return name;
  });
  const index = createJsonIndex(text);
  const list = index.step(index.root, 'requests');
  const steps = eachStep(requests, (request, at) => {
    const span = list && index.step(list, String(at));
    if (!span) throw new Error('a request of the batch was not found in its text');
    return { ...readStep(request, index, span, { names, index: at }), name: named[at] ?? null };
  });
  return { isolation, steps };
}
