/**
 * A token's text as the parts of a signed JWT (RFC 7515, compact form). Nothing is verified here; what
 * cannot be a signed token in its one canonical spelling is refused before any key is looked at.
 */
import type { Algorithm } from '../config/keys.ts';
import type { ApiError } from '../errors/error.ts';
import { tokenError } from './refusal.ts';

export interface ParsedToken {
  readonly text: string;
  readonly algorithm: Algorithm;
  /** The header's `kid`; null where it has none. */
  readonly keyId: string | null;
  /** What the signature is over: header and payload as they are written. */
  readonly signed: string;
  readonly signature: string;
  /** The payload's bytes. */
  readonly payload: Buffer;
}

const ALGORITHMS: ReadonlySet<string> = new Set<Algorithm>([
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]);

const undecodable = (): ApiError => tokenError('JWT cryptographic operation failed');

/** Splits and decodes a token of at most `maxLength` characters; throws PGRST301. */
export function parseToken(text: string, maxLength: number): ParsedToken {
  if (text === '') throw tokenError('Empty JWT is sent in Authorization header');
  if (text.length > maxLength) {
    throw tokenError(
      `The JWT is longer than ${maxLength} characters`,
      null,
      'The setting jwt-max-length is the limit.',
    );
  }
  const parts = text.split('.');
  if (parts.length !== 3) throw tokenError(`Expected 3 parts in JWT; got ${parts.length}`);
  const [head = '', body = '', signature = ''] = parts;
  const header = parseHeader(decodePart(head));
  const payload = decodePart(body);
  decodePart(signature);
  if (header.alg === 'none') {
    throw tokenError(
      'Wrong or unsupported encoding algorithm',
      "JWT is unsecured but expected 'alg' was not 'none'",
    );
  }
  // Extensions that must be understood (RFC 7515, 4.1.11), and encrypted tokens: there are none here.
  if ('crit' in header || 'enc' in header) throw undecodable();
  const keyId = header.kid ?? null;
  if (typeof header.alg !== 'string' || !ALGORITHMS.has(header.alg)) throw undecodable();
  if (keyId !== null && typeof keyId !== 'string') throw undecodable();
  return {
    text,
    algorithm: header.alg as Algorithm,
    keyId,
    signed: text.slice(0, text.length - signature.length - 1),
    signature,
    payload,
  };
}

/**
 * The bytes of a part. Only the one spelling that encoding them gives is taken: a decoder drops stray
 * characters and the unused bits of the last one, so that many texts would pass for one token.
 */
function decodePart(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw undecodable();
  return bytes;
}

interface Header {
  readonly alg?: unknown;
  readonly kid?: unknown;
}

function parseHeader(bytes: Buffer): Header {
  let header: unknown;
  try {
    header = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw undecodable();
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) throw undecodable();
  return header;
}
