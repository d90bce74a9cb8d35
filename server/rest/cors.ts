/**
 * Cross-Origin Resource Sharing (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Headers } from '../response/headers.ts';
import type { Answer } from '../response/respond.ts';

const METHODS = 'GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD';
const SIMPLE_HEADERS = ['Accept', 'Accept-Language', 'Content-Language'];
const EXPOSED =
  'Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit';
/** Headers that PostgREST's answers do not have. */
const OURS = ['ETag', 'Link'] as const;
const DAY_IN_SECONDS = 86_400;

/** Who may read the answer; none where the origin is not allowed. An empty list allows every origin. */
function allowOrigin(origin: string, allowed: readonly string[]): Headers | null {
  if (allowed.length === 0) return { 'Access-Control-Allow-Origin': '*' };
  if (!allowed.includes(origin)) return null;
  return { 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true' };
}

/** The answer to a preflight request; null where it is none. */
export function answerPreflight(
  method: string,
  headers: IncomingHttpHeaders,
  allowed: readonly string[],
): Answer | null {
  const { origin } = headers;
  if (
    method !== 'OPTIONS' ||
    origin === undefined ||
    headers['access-control-request-method'] === undefined
  ) {
    return null;
  }
  const origins = allowOrigin(origin, allowed);
  const vary: Headers = { Vary: 'Origin', 'Content-Length': '0' };
  if (!origins) return { status: 200, headers: vary, body: null };
  const asked = headers['access-control-request-headers']?.split(',').map((name) => name.trim()) ?? [];
  return {
    status: 200,
    headers: {
      ...vary,
      ...origins,
      'Access-Control-Allow-Methods': METHODS,
      'Access-Control-Allow-Headers': ['Authorization', ...asked, ...SIMPLE_HEADERS].join(', '),
      'Access-Control-Max-Age': String(DAY_IN_SECONDS),
    },
    body: null,
  };
}

/** Adds what browsers need to a request's answer. */
export function withCors(answer: Answer, origin: string | undefined, allowed: readonly string[]): Answer {
  if (allowed.length === 0 && origin === undefined) return answer;
  const own = { ...answer.headers };
  if (allowed.length > 0) {
    delete own['Access-Control-Allow-Origin'];
    // the answer depends on the origin: a cache must not give it to another one
    own['Vary'] = [own['Vary'] ?? [], 'Origin'].flat().join(', ');
  }
  const origins = origin === undefined ? null : allowOrigin(origin, allowed);
  if (!origins) return { ...answer, headers: own };
  const exposed: Headers = { 'Access-Control-Expose-Headers': EXPOSED };
  // a second line of the same list, so that the first one is PostgREST's
  const ours = OURS.filter((name) => own[name] !== undefined);
  if (ours.length > 0) exposed['access-control-expose-headers'] = ours.join(', ');
  return { ...answer, headers: { ...own, ...origins, ...exposed } };
}
