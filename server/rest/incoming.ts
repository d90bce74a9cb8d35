/**
 * Node's request → RawRequest: the URL and the body within their limits.
 */
import type { IncomingMessage } from 'node:http';
import { apiError } from '../errors/codes.ts';
import { parseMediaType } from '../request/media-type.ts';
import { decodeText } from '../request/payload.ts';
import type { RawRequest } from '../request/raw.ts';
import type { Patience } from './patience.ts';
import { bodyCut, createUpload, type Upload, type UploadLimits } from './upload.ts';

/** What requests are read within. */
export interface IncomingLimits extends UploadLimits {
  /** Bytes. */
  readonly serverMaxBodySize: number;
  readonly serverMaxUrlLength: number;
}

/** A request, and the body of one that is an import: it has not been read. */
export interface IncomingRequest extends RawRequest {
  readonly upload: Upload | null;
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

/** As long as Node gives a whole request; imports, which PostgreSQL slows down, have a limit of their own. */
const BODY_SECONDS = 300;

const tooSlow = (): Error =>
  apiError('AURA012', 'The request did not arrive in time', {
    details: `After ${BODY_SECONDS} seconds there was still some missing.`,
    headers: { Connection: 'close' },
  });

/** What becomes of a body. Both may throw. */
interface BodyUse<T> {
  readonly whole: (body: Buffer) => T;
  /** It is larger than it may be; these are the pieces that have been read. */
  readonly overflow: (pieces: readonly Buffer[]) => T;
}

/** Reads a body within a limit. Rejects with AURA012, AURA105, and what its use throws. */
function readBody<T>(
  incoming: IncomingMessage,
  limit: number,
  patience: Patience,
  { whole, overflow }: BodyUse<T>,
): Promise<T> {
  const announced = Number(incoming.headers['content-length'] ?? Number.NaN);
  return new Promise((resolve, reject) => {
    const settle = <Read>(use: (read: Read) => T, read: Read): void => {
      try {
        resolve(use(read));
      } catch (error) {
        reject(error);
      }
    };
    if (announced === 0 || announced > limit) {
      if (announced === 0) settle(whole, EMPTY);
      else settle(overflow, []);
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const late = (): void => reject(tooSlow());
    patience.add(late, BODY_SECONDS);
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= limit) return;
      patience.delete(late);
      incoming.pause();
      incoming.off('data', take);
      settle(overflow, chunks);
    };
    const cut = (): void => {
      patience.delete(late);
      reject(bodyCut());
    };
    incoming.on('data', take);
    incoming.on('end', () => {
      patience.delete(late);
      settle(whole, chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    });
    incoming.on('aborted', cut);
    incoming.on('error', cut);
  });
}

const IMPORTABLE = /^(?:text\/csv|application\/x-ndjson)\b/i;

/**
 * How the body of a request is an import: whatever its size, or only where it is too large to be held. Rows to be
 * answered are none's: they would be held, too.
 */
function importOf(incoming: IncomingMessage, path: string): 'always' | 'large' | 'never' {
  const type = incoming.headers['content-type'];
  if (incoming.method !== 'POST' || type === undefined || path.startsWith('/rpc/')) return 'never';
  if (!IMPORTABLE.test(type)) return 'never';
  const wanted = String(incoming.headers['prefer'] ?? '');
  if (/\breturn=(?:representation|headers-only)\b/.test(wanted)) return 'never';
  return parseMediaType(type).kind === 'csv' ? 'large' : 'always';
}

/** A query string is parsed, which costs more than to hand a body on: it may be only some times as long as a URL. */
const URLS_A_BODY = 16;

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

/** Reads the body as far as it is read at once. */
function readWithin(
  incoming: IncomingMessage,
  { method, path, query, headers }: Omit<RawRequest, 'body'>,
  byBody: boolean,
  limits: IncomingLimits,
  patience: Patience,
): Promise<IncomingRequest> {
  const imports = byBody ? 'never' : importOf(incoming, path);
  const importing = (pieces: readonly Buffer[]): IncomingRequest => {
    const upload = createUpload(incoming, pieces, limits);
    return { method, path, query, headers, body: EMPTY, upload };
  };
  if (imports === 'always') return Promise.resolve(importing([]));
  const [limit, setting] = byBody
    ? [limits.serverMaxUrlLength * URLS_A_BODY, 'server-max-url-length']
    : [limits.serverMaxBodySize, 'server-max-body-size'];
  return readBody<IncomingRequest>(incoming, limit, patience, {
    whole: (body) => {
      const request = { method, path, query, headers, body, upload: null };
      return byBody ? { ...asRead(request), upload: null } : request;
    },
    overflow: (pieces) => {
      if (imports === 'never') throw tooLarge(limit, setting);
      return importing(pieces);
    },
  });
}

/** The path and query of a request target, which for a proxy begins with the host (RFC 9112 section 3.2.2). */
const targetOf = (url: string): string =>
  url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '') || '/';

/**
 * Reads a request, at once where it has no body. Throws or rejects with ApiError AURA012, 100, 101, 104, 105 and 106.
 */
export function readIncoming(
  incoming: IncomingMessage,
  prefix: string,
  limits: IncomingLimits,
  patience: Patience,
): IncomingRequest | Promise<IncomingRequest> {
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
  const path = belowPrefix(at < 0 ? url : url.slice(0, at), prefix);
  const query = at < 0 ? '' : url.slice(at + 1);
  const { headers } = incoming;
  if (!WITH_BODY.has(method)) return { method, path, query, headers, body: EMPTY, upload: null };
  return readWithin(incoming, { method, path, query, headers }, byBody, limits, patience);
}
