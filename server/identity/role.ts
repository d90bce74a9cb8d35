/**
 * Which role a request runs as, and the claims as SQL sees them.
 */

import { parseRolePath } from '../config/role-path.ts';
import type { Config } from '../config.ts';
import type { Claims, ParsedClaims } from './claims.ts';
import { noSuchRole } from './refusal.ts';

/** Who asks, as far as the server knows before the database is asked. Frozen and shared between requests. */
export interface Identity {
  /** The role to run as. Whether it exists and may be taken is PostgreSQL's to say. */
  readonly role: string;
  readonly claims: Claims;
  /** The text of `request.jwt.claims`: the claims as JSON, with the role. */
  readonly claimsText: string;
}

/** Whether the same is let in. */
export const isSameIdentity = (one: Identity, other: Identity): boolean =>
  one.role === other.role && one.claimsText === other.claimsText;

/** A verified token; its role is null where neither the claims nor `db-anon-role` name one. */
export type VerifiedToken = Omit<Identity, 'role'> & { readonly role: string | null };

export type RoleOf = (claims: ParsedClaims) => VerifiedToken;

/** How to find the role in claims, by `jwt-role-claim-key` with `db-anon-role` where they have none. */
export function createRoleOf(config: Pick<Config, 'jwtRoleClaimKey' | 'dbAnonRole'>): RoleOf {
  const path = parseRolePath(config.jwtRoleClaimKey);
  if (path.kind === 'invalid') throw new Error(`jwt-role-claim-key: ${path.reason}`);
  return ({ claims, text }) => {
    const found = path.select(claims);
    const role = found === undefined ? config.dbAnonRole : asRole(found);
    if (role !== null) checkRole(role);
    return Object.freeze({ role, claims, claimsText: role === null ? text : withRole(text, claims, role) });
  };
}

/** The identity of a request without a token; null where there is no anonymous role. */
export function anonymousIdentity(config: Pick<Config, 'dbAnonRole'>): Identity | null {
  const role = config.dbAnonRole;
  if (role === null) return null;
  const claims: Claims = Object.freeze({});
  return Object.freeze({ role, claims, claimsText: withRole('{}', claims, role) });
}

/** A claim that is no text stands as its JSON, as in PostgREST; PostgreSQL will hardly have such a role. */
const asRole = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/**
 * `none` is a reserved word and no role: PostgreSQL would take it as "go back to the login role". Nor can
 * a role's name be empty or hold a NUL.
 */
function checkRole(role: string): void {
  if (role === 'none' || role === '' || role.includes('\0')) throw noSuchRole(role);
}

/**
 * The payload's text with `role` as its role. It is added at the end where the claims say otherwise: of equal
 * keys the last counts, for json as for jsonb.
 */
function withRole(text: string, claims: Claims, role: string): string {
  if (claims['role'] === role && Object.hasOwn(claims, 'role')) return text;
  const open = text.trimEnd().slice(0, -1);
  const comma = Object.keys(claims).length === 0 ? '' : ',';
  return `${open}${comma}"role":${JSON.stringify(role)}}`;
}
