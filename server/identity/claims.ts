/**
 * The claims of a token whose signature is good: read from its payload, and checked for time and audience.
 */
import type { ApiError } from '../errors/error.ts';
import { claimsError } from './refusal.ts';

/** A JWT's claims, frozen through and through. */
export type Claims = Readonly<Record<string, unknown>>;

export interface ParsedClaims {
  readonly claims: Claims;
  /** The payload's own text: its numbers keep the digits that a JavaScript number would lose. */
  readonly text: string;
}

/** Seconds since the epoch; undefined where the token does not say. */
export interface TokenTimes {
  readonly expires: number | undefined;
  readonly notBefore: number | undefined;
  readonly issued: number | undefined;
}

const CLOCK_SKEW_SECONDS = 30;
const DEEPEST = 64;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The claims of a payload; throws PGRST303 where it is not a JSON object of bearable depth. */
export function parseClaims(payload: Buffer): ParsedClaims {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(payload);
    value = JSON.parse(text);
  } catch {
    throw claimsError('Parsing claims failed');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !freezeDeep(value, DEEPEST)) {
    throw claimsError('Parsing claims failed');
  }
  return { claims: value as Claims, text };
}

/** Freezes a JSON value; false where it nests deeper than `levels`. */
function freezeDeep(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (levels === 0) return false;
  Object.freeze(value);
  return Object.values(value).every((inner) => freezeDeep(inner, levels - 1));
}

/** The times of a token, whose claims must be numbers where they are there and not null; throws PGRST303. */
export function timesOf(claims: Claims): TokenTimes {
  const numberOf = (name: 'exp' | 'nbf' | 'iat'): number | undefined => {
    const value = claims[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'number') throw claimsError(`The JWT '${name}' claim must be a number`);
    return value;
  };
  return { expires: numberOf('exp'), notBefore: numberOf('nbf'), issued: numberOf('iat') };
}

/** Why a token with these times is not valid at `now` (seconds since the epoch); null where it is. */
export function clockRefusal(times: TokenTimes, now: number): ApiError | null {
  const second = Math.floor(now);
  const { expires, notBefore, issued } = times;
  if (expires !== undefined && expires < second - CLOCK_SKEW_SECONDS) return claimsError('JWT expired');
  if (notBefore !== undefined && notBefore > second + CLOCK_SKEW_SECONDS)
    return claimsError('JWT not yet valid');
  if (issued !== undefined && issued > second + CLOCK_SKEW_SECONDS)
    return claimsError('JWT issued at future');
  return null;
}

/** When a token with these claims is no longer taken, in seconds since the epoch; null = never. */
export function endOf({ exp }: Claims): number | null {
  return typeof exp === 'number' ? exp + CLOCK_SKEW_SECONDS + 1 : null;
}

/**
 * Throws PGRST303 where the token is meant for somebody else. Without `aud`, or with null or an empty list
 * there, it is meant for everyone; without `audience` (`jwt-aud`) every token is for us.
 */
export function checkAudience(claims: Claims, audience: string | null): void {
  const claimed = claims['aud'];
  if (claimed === undefined || claimed === null) return;
  const list: readonly unknown[] = Array.isArray(claimed) ? claimed : [claimed];
  if (!list.every((item) => typeof item === 'string')) {
    throw claimsError("The JWT 'aud' claim must be a string or an array of strings");
  }
  if (audience !== null && list.length > 0 && !list.includes(audience))
    throw claimsError('JWT not in audience');
}
