/**
 * The results of a batch as one JSON document. A body that PostgreSQL made as JSON is put in byte for byte; text
 * becomes a JSON string, and anything else base64, which `"encoding": "base64"` tells.
 */
import { ApiError, type ErrorFields } from '../errors/error.ts';
import type { DatabasePlan } from '../plan/types.ts';
import type { MediaType } from '../request/ast.ts';
import { createJsonIndex, type JsonIndex } from '../request/json-text.ts';
import { mediaTypeName } from '../request/media-type.ts';
import type { Answer } from '../response/respond.ts';
import type { BatchStep } from './batch-document.ts';

/** The answer to one request of a batch. */
export interface StepResult {
  /** Its part of the document. */
  readonly pieces: readonly Buffer[];
  /** The same to look values up in. */
  readonly index: () => JsonIndex;
}

/** `proven` = it is JSON by the way it is made. */
type BodyKind = 'proven json' | 'json' | 'text' | 'bytes';

function kindOf({ mediaType, handler }: DatabasePlan): BodyKind {
  if (mediaType.kind === 'plan') return mediaType.format === 'json' ? 'proven json' : 'text';
  switch (handler.kind) {
    case 'array':
    case 'object':
    case 'geojson':
    case 'none':
      return 'proven json';
    case 'csv':
    case 'lines':
      return 'text';
    case 'custom':
      return kindOfOwn(mediaType);
  }
}

/** What somebody's own function makes: its type says what it should be. */
function kindOfOwn(mediaType: MediaType): BodyKind {
  const name = mediaTypeName(mediaType).split(';', 1)[0] ?? '';
  if (/[/+]json$/.test(name)) return 'json';
  return name.startsWith('text/') || /[/+]xml$/.test(name) ? 'text' : 'bytes';
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(body: Buffer): string | null {
  try {
    return UTF8.decode(body);
  } catch {
    return null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const NULL = Buffer.from('null');

interface Encoded {
  readonly json: Buffer;
  readonly base64: boolean;
}

function encode(body: Buffer | null, kind: BodyKind): Encoded {
  if (body === null || (body.length === 0 && kind !== 'text')) return { json: NULL, base64: false };
  if (kind === 'proven json') return { json: body, base64: false };
  const text = kind === 'bytes' ? null : textOf(body);
  if (text === null) return { json: Buffer.from(`"${body.toString('base64')}"`), base64: true };
  const asItIs = kind === 'json' && isJson(text);
  return { json: asItIs ? body : Buffer.from(JSON.stringify(text)), base64: false };
}

/** Headers of the HTTP message, which the document as a whole has. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set(['content-length', 'vary']);

function headersText({ headers }: Answer): string {
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return JSON.stringify(Object.fromEntries(named.filter(([name]) => !OF_THE_MESSAGE.has(name))));
}

const TAIL = Buffer.from('}');

/** The result of a request that was answered; `plan` null = by the catalog alone, in JSON. */
export function createResult(
  { name }: Pick<BatchStep, 'name'>,
  plan: DatabasePlan | null,
  answer: Answer,
): StepResult {
  const { json, base64 } = encode(answer.body, plan === null ? 'proven json' : kindOf(plan));
  const encoding = base64 ? '"encoding":"base64",' : '';
  const head = `{"name":${JSON.stringify(name)},"status":${answer.status},"headers":${headersText(answer)},${encoding}"body":`;
  const pieces = [Buffer.from(head), json, TAIL];
  let index: JsonIndex | null = null;
  return {
    pieces,
    index: () => {
      index ??= createJsonIndex(Buffer.concat(pieces).toString());
      return index;
    },
  };
}

const OPEN = Buffer.from('{"results":[');
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from(']}');

/** The document of all results. */
export const glue = (results: readonly StepResult[]): Buffer =>
  Buffer.concat([
    OPEN,
    ...results.flatMap(({ pieces }, at) => (at === 0 ? pieces : [COMMA, ...pieces])),
    CLOSE,
  ]);

/** A range that cannot be satisfied is answered with an error's body rather than thrown; null = it is none. */
export function errorIn(answer: Answer): ApiError | null {
  if (answer.status !== 416 || answer.body === null) return null;
  const fields: Partial<ErrorFields> = JSON.parse(answer.body.toString());
  const { code = '', message = '', details = null, hint = null } = fields;
  return new ApiError({ code, message, details, hint, status: answer.status });
}
