/**
 * Node's request → RawRequest: the URL and the body within their limits.
 */
import type { IncomingMessage } from 'node:http';
import { apiError } from '../errors/codes.ts';
import type { RawRequest } from '../request/http.ts';
import { decodeText } from '../request/payload.ts';

export interface IncomingLimits {
  /** Bytes. */
  readonly serverMaxBodySize: number;
  readonly serverMaxUrlLength: number;
}

const EMPTY = Buffer.alloc(0);
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PATCH', 'PUT', 'QUERY']);

const tooLarge = (limit: number, setting: string): Error =>
  apiError('AURA101', 'The request body is too large', {
    details: `At most ${limit} bytes are read.`,
    hint: `Send it in parts, or raise ${setting}.`,
    // the rest of the body is not read, so that the connection cannot be used again
    headers: { Connection: 'close' },
  });

function readBody(incoming: IncomingMessage, limit: number, setting: string): Promise<Buffer> {
  const announced = Number(incoming.headers['content-length'] ?? Number.NaN);
  if (announced === 0) return Promise.resolve(EMPTY);
  return new Promise((resolve, reject) => {
    if (announced > limit) {
      reject(tooLarge(limit, setting));
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        incoming.pause();
        reject(tooLarge(limit, setting));
        return;
      }
      chunks.push(chunk);
    });
    incoming.once('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const cut = (): void =>
      reject(apiError('AURA105', 'The request body ended early', { hint: 'Send the request again.' }));
    incoming.once('aborted', cut);
    incoming.once('error', cut);
  });
}

/** A query string is parsed, which costs more than to hand a body on: it may be only some times as long as a URL. */
const URLS_A_BODY = 16;

const readWithin = (incoming: IncomingMessage, byBody: boolean, limits: IncomingLimits): Promise<Buffer> =>
  byBody
    ? readBody(incoming, limits.serverMaxUrlLength * URLS_A_BODY, 'server-max-url-length')
    : readBody(incoming, limits.serverMaxBodySize, 'server-max-body-size');

/**
 * A read whose parameters do not fit into a URL: POST with `X-HTTP-Method-Override: GET`, or QUERY. Its body is
 * the query string, added to the URL's.
 */
function readsByBody(method: string, override: string | string[] | undefined): boolean {
  if (method === 'QUERY') return true;
  if (method !== 'POST' || override === undefined) return false;
  if (String(override).toUpperCase() === 'GET') return true;
  throw apiError('AURA106', 'The method cannot be overridden this way', {
    details: `X-HTTP-Method-Override is ${override}.`,
    hint: 'Only GET can be asked for, with its parameters in the body.',
  });
}

function asRead(raw: RawRequest): RawRequest {
  const type = String(raw.headers['content-type'] ?? FORM);
  if (!type.toLowerCase().startsWith(FORM)) {
    throw apiError('AURA106', `The parameters of a read cannot come as ${type}`, {
      hint: `Send them as ${FORM}.`,
    });
  }
  const inBody = decodeText(raw.body).trim();
  const query = [raw.query, inBody].filter((part) => part !== '').join('&');
  return { ...raw, method: 'GET', query, ownQuery: raw.query, body: EMPTY };
}

const FORM = 'application/x-www-form-urlencoded';

/** The part of a path behind the mount point (`/rest/v1`, or `/` for everything). */
const belowPrefix = (path: string, prefix: string): string =>
  prefix === '/' ? path : path.slice(prefix.length) || '/';

/** The path and query of a request target, which for a proxy begins with the host (RFC 9112 section 3.2.2). */
const targetOf = (url: string): string =>
  url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '') || '/';

/**
 * Reads a request. Rejects with ApiError AURA100, 101, 104, 105 and 106.
 */
export async function readIncoming(
  incoming: IncomingMessage,
  prefix: string,
  limits: IncomingLimits,
): Promise<RawRequest> {
  const url = targetOf(incoming.url ?? '/');
  if (url.length > limits.serverMaxUrlLength) {
    throw apiError('AURA100', 'The URL is too long', {
      details: `It has ${url.length} characters, at most ${limits.serverMaxUrlLength} are read.`,
      hint: 'Shorten it, or raise server-max-url-length.',
      headers: { Connection: 'close' },
    });
  }
  const method = incoming.method ?? 'GET';
  const at = url.indexOf('?');
  const byBody = readsByBody(method, incoming.headers['x-http-method-override']);
  const raw: RawRequest = {
    method,
    path: belowPrefix(at < 0 ? url : url.slice(0, at), prefix),
    query: at < 0 ? '' : url.slice(at + 1),
    headers: incoming.headers,
    body: WITH_BODY.has(method) ? await readWithin(incoming, byBody, limits) : EMPTY,
  };
  return byBody ? asRead(raw) : raw;
}
