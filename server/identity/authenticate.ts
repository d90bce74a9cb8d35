/**
 * From a request's headers to the identity it runs as: the token of `Authorization: Bearer`, else a JWT in
 * `apikey` (as Supabase's clients send it), else nobody in particular.
 */
import type { Config } from '../config.ts';
import { tokenRequired } from './refusal.ts';
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
export function createAuthenticate(config: Pick<Config, 'dbAnonRole'>, verify: Verify): Authenticate {
  const anonymous = anonymousIdentity(config);
  return (credentials) => {
    const token = tokenOf(credentials);
    if (token === null) {
      if (anonymous === null) throw tokenRequired();
      return anonymous;
    }
    const verified = verify(token);
    return verified instanceof Promise ? verified.then(withRole) : withRole(verified);
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
