/**
 * `jwt-secret` as keys: a shared secret, a JSON Web Key (RFC 7517) or a set of them. A key knows which
 * algorithms it may verify: that binding, and not the token, decides, so that a public key never serves as
 * a shared secret.
 */
import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

export type Algorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519';

/** A key that verifies tokens. */
export interface VerificationKey {
  readonly id: string | null;
  readonly algorithms: readonly Algorithm[];
  /** Secret or public, never private. */
  readonly key: KeyObject;
  /** The bytes of a shared secret; null for a public key. */
  readonly secret: Buffer | null;
}

export interface ParsedKeys {
  readonly keys: readonly VerificationKey[];
  /** What is wrong with the text, without any of it. Empty = usable. */
  readonly problems: readonly string[];
}

/** Bytes of the shortest shared secret: the size of the hash (RFC 7518, 3.2). */
export const SHORTEST_SECRET = 32;
const SHORTEST_RSA_MODULUS = 2048;

const HMAC = ['HS256', 'HS384', 'HS512'] as const;
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
const CURVES: Readonly<Record<string, readonly Algorithm[]>> = {
  'P-256': ['ES256'],
  'P-384': ['ES384'],
  'P-521': ['ES512'],
  Ed25519: ['EdDSA', 'Ed25519'],
};

const jwkSchema = z.looseObject({
  kty: z.string(),
  kid: z.string().optional(),
  alg: z.string().optional(),
  use: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
  crv: z.string().optional(),
  k: z.string().optional(),
});
type Jwk = z.infer<typeof jwkSchema>;

/** The keys of `jwt-secret`'s text. */
export function parseKeys(text: string, isBase64: boolean): ParsedKeys {
  const bytes = isBase64 ? decodeBase64(text) : Buffer.from(text, 'utf8');
  if (bytes === null)
    return { keys: [], problems: ['it is not valid base64, although jwt-secret-is-base64 is set'] };
  const json = parseJsonObject(bytes);
  if (json === null) {
    if (/-----BEGIN [A-Z ]*(?:KEY|CERTIFICATE)-----/.test(bytes.toString('latin1'))) {
      return {
        keys: [],
        problems: [
          'it is a PEM file, which would serve as a shared secret that everyone knows; convert it to a JWK',
        ],
      };
    }
    if (bytes.length < SHORTEST_SECRET) {
      return {
        keys: [],
        problems: [`the secret has ${bytes.length} bytes; it must have at least ${SHORTEST_SECRET}`],
      };
    }
    return { keys: [sharedSecret(bytes, null, ['HS256'])], problems: [] };
  }
  const list = 'keys' in json ? json['keys'] : [json];
  if (!Array.isArray(list)) return { keys: [], problems: ['its member "keys" is not a list of JWKs'] };
  const keys: VerificationKey[] = [];
  const problems: string[] = [];
  list.forEach((item, index) => {
    const place = 'keys' in json ? `key ${index + 1} of the set` : 'the JWK';
    const parsed = jwkSchema.safeParse(item);
    if (!parsed.success) {
      problems.push(`${place} is not a JWK (RFC 7517)`);
      return;
    }
    const key = parseJwk(parsed.data);
    if (typeof key === 'string') problems.push(`${place} ${key}`);
    else if (key !== null) keys.push(key);
  });
  if (keys.length === 0 && problems.length === 0) problems.push('none of its keys can verify signatures');
  return { keys, problems };
}

/** Standard or URL-safe alphabet, padding optional (`.` stands for `=` too, as PostgREST allows). */
function decodeBase64(text: string): Buffer | null {
  const standard = text.trim().replaceAll('-', '+').replaceAll('_', '/').replaceAll('.', '=');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(standard)) return null;
  const digits = standard.replaceAll('=', '').length;
  return digits % 4 === 1 ? null : Buffer.from(standard, 'base64');
}

function parseJsonObject(bytes: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    // Not JSON: the text is a shared secret.
    return null;
  }
}

const sharedSecret = (
  bytes: Buffer,
  id: string | null,
  algorithms: readonly Algorithm[],
): VerificationKey => ({
  id,
  algorithms,
  key: createSecretKey(bytes),
  secret: bytes,
});

/** A key; null for one that is not meant for signatures or is of a kind unknown here; a text says what is wrong. */
function parseJwk(jwk: Jwk): VerificationKey | string | null {
  if (jwk.use !== undefined && jwk.use !== 'sig') return null;
  if (jwk.key_ops !== undefined && !jwk.key_ops.some((use) => use === 'verify' || use === 'sign'))
    return null;
  const possible = algorithmsOf(jwk);
  if (possible === null) return null;
  const algorithms = jwk.alg === undefined ? possible : possible.filter((algorithm) => algorithm === jwk.alg);
  if (algorithms.length === 0) return null;
  if (jwk.kty === 'oct') return parseOctets(jwk, algorithms);
  try {
    const key = createPublicKey({ key: publicPart(jwk), format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && bits < SHORTEST_RSA_MODULUS) {
      return `is an RSA key of ${bits} bits; at least ${SHORTEST_RSA_MODULUS} are needed`;
    }
    return { id: jwk.kid ?? null, algorithms, key, secret: null };
  } catch {
    return `is not a valid ${jwk.kty} key`;
  }
}

function algorithmsOf(jwk: Jwk): readonly Algorithm[] | null {
  switch (jwk.kty) {
    case 'oct':
      return HMAC;
    case 'RSA':
      return RSA;
    case 'EC':
    case 'OKP':
      return CURVES[jwk.crv ?? ''] ?? null;
    default:
      return null;
  }
}

function parseOctets(jwk: Jwk, algorithms: readonly Algorithm[]): VerificationKey | string {
  const bytes = jwk.k === undefined ? null : decodeBase64(jwk.k);
  if (bytes === null) return 'has no "k" in base64';
  if (bytes.length < SHORTEST_SECRET) {
    return `has ${bytes.length} bytes; a shared secret must have at least ${SHORTEST_SECRET}`;
  }
  return sharedSecret(bytes, jwk.kid ?? null, algorithms);
}

/** The members of a public key, so that a private one is never kept. */
function publicPart(jwk: Jwk): JsonWebKey {
  const { kty, crv } = jwk;
  const member = (name: string): Record<string, string> => {
    const value = jwk[name];
    return typeof value === 'string' ? { [name]: value } : {};
  };
  return {
    kty,
    ...(crv === undefined ? {} : { crv }),
    ...member('x'),
    ...member('y'),
    ...member('n'),
    ...member('e'),
  };
}
