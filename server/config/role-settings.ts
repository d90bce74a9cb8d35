/**
 * What `alter role ... set` gave to the roles that requests run as. `set role` does not apply it, so that the
 * server does, for each request.
 */

/** A row of `sql/config/role-settings.sql`. */
export interface RoleSetting {
  readonly role: string;
  readonly name: string;
  readonly value: string;
}

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

export interface RoleSettings {
  /** Of `default_transaction_isolation`; null = the server's own. */
  readonly isolation: IsolationLevel | null;
  /** All others, in the order of their names. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** The rows by role; a role without settings is absent. */
export function parseRoleSettings(rows: readonly RoleSetting[]): ReadonlyMap<string, RoleSettings> {
  const roles = new Map<string, { isolation: IsolationLevel | null; settings: [string, string][] }>();
  for (const { role, name, value } of rows) {
    const entry = roles.get(role) ?? { isolation: null, settings: [] };
    roles.set(role, entry);
    if (name === 'default_transaction_isolation') entry.isolation = isolationLevel(value);
    else entry.settings.push([name, value]);
  }
  return roles;
}

/** PostgreSQL runs `read uncommitted` as `read committed`. */
function isolationLevel(value: string): IsolationLevel {
  const level = value.toLowerCase();
  return level === 'repeatable read' || level === 'serializable' ? level : 'read committed';
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * The `statement_timeout` of a request in milliseconds, 0 = none: the shorter of `db-statement-timeout`
 * (`seconds`, 0 = none) and what the role has (`5s`, `2min`, `300`; null = nothing).
 */
export function statementTimeout(seconds: number, roleValue: string | null): number {
  const limits = [seconds * 1000, roleValue === null ? 0 : parseDuration(roleValue)].filter(
    (limit) => limit > 0,
  );
  return limits.length === 0 ? 0 : Math.min(...limits);
}

/** PostgreSQL's writing of a time: a number, with a unit or in milliseconds. */
function parseDuration(text: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(text);
  // PostgreSQL stored it, so that it can read it: what we cannot read must not lift the limit.
  if (match === null) throw new Error(`statement_timeout of a role is not a time: ${text}`);
  return Math.ceil(Number(match[1]) * (MILLISECONDS[match[2] ?? 'ms'] ?? 1));
}
