/**
 * Tokens: signature, claims, role; behind a bounded cache of those that passed. jose is the authority. HS256,
 * which nearly all tokens use, goes through node:crypto instead, at a tenth of the time and without a promise;
 * tests hold its answers against jose's.
 *
 * The cache belongs to one set of keys: new settings make a new verifier, so that no token outlives its key.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { compactVerify, errors } from 'jose';
import { LRUCache } from 'lru-cache';
import { parseKeys, type VerificationKey } from '../config/keys.ts';
import type { Config } from '../config.ts';
import type { Observe } from '../observe/observation.ts';
import { checkAudience, clockRefusal, parseClaims, type TokenTimes, timesOf } from './claims.ts';
import { secretMissing, tokenError } from './refusal.ts';
import { createRoleOf, type VerifiedToken } from './role.ts';
import { type ParsedToken, parseToken } from './token.ts';

export type TokenConfig = Pick<
  Config,
  | 'jwtSecret'
  | 'jwtSecretIsBase64'
  | 'jwtAud'
  | 'jwtRoleClaimKey'
  | 'jwtCacheMaxEntries'
  | 'jwtMaxLength'
  | 'dbAnonRole'
>;

/**
 * Verifies one token; answers at once for a token of the cache and for HS256, else with a promise.
 * Throws (or rejects with) ApiError PGRST300, PGRST301, PGRST303.
 */
export type Verify = (token: string) => VerifiedToken | Promise<VerifiedToken>;

interface Options {
  readonly observe?: Observe;
  /** Milliseconds since the epoch. */
  readonly clock?: () => number;
}

interface Entry {
  readonly verified: VerifiedToken;
  readonly times: TokenTimes;
}

const HIT = Object.freeze({ kind: 'token lookup', hit: true } as const);
const MISS = Object.freeze({ kind: 'token lookup', hit: false } as const);
const EVICTED = Object.freeze({ kind: 'token evicted' } as const);

/** The verifier of these settings. Throws where `jwt-secret` is unusable, which loadConfig has ruled out. */
export function createVerifier(config: TokenConfig, options: Options = {}): Verify {
  const { observe = () => {}, clock = Date.now } = options;
  const keys = loadKeys(config);
  const roleOf = createRoleOf(config);
  const cache = createCache(config, observe);

  const accept = (token: ParsedToken): VerifiedToken => {
    const parsed = parseClaims(token.payload);
    const times = timesOf(parsed.claims);
    const refusal = clockRefusal(times, clock() / 1000);
    if (refusal !== null) throw refusal;
    checkAudience(parsed.claims, config.jwtAud);
    const verified = roleOf(parsed);
    cache?.set(token.text, { verified, times });
    return verified;
  };

  return (text) => {
    if (keys === null) throw secretMissing();
    const entry = cache?.get(text);
    if (entry !== undefined) {
      observe(HIT);
      const refusal = clockRefusal(entry.times, clock() / 1000);
      if (refusal === null) return entry.verified;
      cache?.delete(text);
      throw refusal;
    }
    if (cache !== null) observe(MISS);
    const token = parseToken(text, config.jwtMaxLength);
    const candidates = candidateKeys(keys, token);
    if (token.algorithm === 'HS256') {
      checkHmac(token, candidates);
      return accept(token);
    }
    return checkSignature(token, candidates).then(() => accept(token));
  };
}

function loadKeys(config: TokenConfig): readonly VerificationKey[] | null {
  if (config.jwtSecret === null) return null;
  const { keys, problems } = parseKeys(config.jwtSecret, config.jwtSecretIsBase64);
  if (problems.length > 0) throw new Error(`jwt-secret: ${problems.join('; ')}`);
  return keys;
}

function createCache(config: TokenConfig, observe: Observe): LRUCache<string, Entry> | null {
  if (config.jwtSecret === null || config.jwtCacheMaxEntries === 0) return null;
  return new LRUCache<string, Entry>({
    max: config.jwtCacheMaxEntries,
    dispose: (_entry, _text, reason) => {
      if (reason === 'evict') observe(EVICTED);
    },
  });
}

/** The keys that may verify this token: those of its `kid`, or all where it names none, for its algorithm. */
function candidateKeys(keys: readonly VerificationKey[], token: ParsedToken): readonly VerificationKey[] {
  const candidates = keys.filter(
    ({ id, algorithms }) =>
      (token.keyId === null || token.keyId === id) && algorithms.includes(token.algorithm),
  );
  if (candidates.length === 0) throw unsuitable('No suitable key was found to decode the JWT');
  return candidates;
}

const unsuitable = (details: string) => tokenError('No suitable key or wrong key type', details);
const noneVerifies = () => unsuitable('None of the keys was able to decode the JWT');

function checkHmac(token: ParsedToken, candidates: readonly VerificationKey[]): void {
  const given = Buffer.from(token.signature, 'latin1');
  const matches = candidates.some(({ key }) => {
    const expected = createHmac('sha256', key).update(token.signed, 'latin1').digest('base64url');
    return expected.length === given.length && timingSafeEqual(Buffer.from(expected, 'latin1'), given);
  });
  if (!matches) throw noneVerifies();
}

async function checkSignature(token: ParsedToken, candidates: readonly VerificationKey[]): Promise<void> {
  for (const { key } of candidates) {
    try {
      await compactVerify(token.text, key, { algorithms: [token.algorithm] });
      return;
    } catch (error) {
      // This key does not fit; another may. What jose does not know as an error of the token is a defect.
      if (!(error instanceof errors.JOSEError)) throw error;
    }
  }
  throw noneVerifies();
}
