/**
 * From a request's headers to the identity it runs as: the token of `Authorization: Bearer`, else a JWT or a key of
 * the settings in `apikey` (as Supabase's clients send it), else nobody in particular.
 */
import { createHash } from 'node:crypto';
import type { Config } from '../config.ts';
import { Kept } from '../host/kept.ts';
import { tokenRequired, unknownKey } from './refusal.ts';
import { anonymousIdentity, type Identity, type VerifiedToken } from './role.ts';
import type { Verify } from './verify.ts';

/** The two headers that can carry a token, as they came; absent = undefined. */
export interface Credentials {
  readonly authorization?: string | undefined;
  readonly apikey?: string | undefined;
}

/** Who sends these headers. Answers at once wherever `verify` does. Throws or rejects with ApiError PGRST300 to PGRST303. */
export type Authenticate = (credentials: Credentials) => Identity | Promise<Identity>;

/** The authentication of these settings. */
export function createAuthenticate(
  config: Pick<Config, 'dbAnonRole' | 'apiKeys'>,
  verify: Verify,
): Authenticate {
  const anonymous = anonymousIdentity(config);
  const identityOf = createKeys(config.apiKeys);
  // a text is hashed once, however often it is looked for
  const tokens = new Kept<string | null>();
  return (credentials) => {
    const byKey = identityOf(credentials);
    if (byKey !== null) return byKey;
    let token = tokens.get(credentials);
    if (token === undefined) {
      token = tokenOf(credentials);
      tokens.set(credentials, token);
    }
    if (token === null) {
      if (anonymous === null) throw tokenRequired();
      return anonymous;
    }
    const verified = verify(token);
    return verified instanceof Promise ? verified.then(withRole) : withRole(verified);
  };
}

/** The marks of keys that are no tokens, as Supabase makes them. */
const OPAQUE = /^sb_(?:publishable|secret)_/;

const digest = (key: string): string => createHash('sha256').update(key).digest('base64');

/**
 * Who brings one of the keys of `api-keys`; null for whoever brings none. A client that has no token yet sends its
 * key in both headers. Compared by digest, so that the time it takes tells nothing of a key.
 */
function createKeys(apiKeys: readonly string[]): (credentials: Credentials) => Identity | null {
  if (apiKeys.length === 0) return () => null;
  const identities = new Map(
    apiKeys.map((item) => {
      const at = item.indexOf('=');
      return [digest(item.slice(0, at)), anonymousIdentity({ dbAnonRole: item.slice(at + 1) })];
    }),
  );
  return ({ authorization, apikey }) => {
    if (authorization?.startsWith('Bearer ey')) return null;
    const bearer = /^bearer\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1];
    const key = bearer ?? (authorization === undefined ? apikey : undefined);
    if (key === undefined || key.startsWith('ey')) return null;
    const identity = identities.get(digest(key)) ?? null;
    if (identity === null && OPAQUE.test(key)) throw unknownKey();
    return identity;
  };
}

function withRole(verified: VerifiedToken): Identity {
  if (!hasRole(verified)) throw tokenRequired();
  return verified;
}

const hasRole = (verified: VerifiedToken): verified is Identity => verified.role !== null;

/**
 * The token that these headers carry; null = none. Another scheme than Bearer is no token of ours and leaves
 * the request anonymous; Bearer with nothing behind it is an empty token, which is then refused.
 */
export function tokenOf({ authorization, apikey }: Credentials): string | null {
  if (authorization !== undefined) {
    if (authorization.startsWith('Bearer ey')) return authorization.slice('Bearer '.length);
    const bearer = /^bearer(?:\s+(.*))?$/is.exec(authorization);
    return bearer === null ? null : (bearer[1] ?? '');
  }
  return apikey !== undefined && looksLikeJwt(apikey) ? apikey : null;
}

/** Three parts, of which the first can be a JSON object: other keys than JWTs are somebody else's. */
const looksLikeJwt = (text: string): boolean => /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/.test(text);
