/**
 * The session of a request: what of its identity, its HTTP and the settings PostgreSQL gets to see.
 */
import type { RoleSettings } from '../config/role-settings.ts';
import { statementTimeout } from '../config/role-settings.ts';
import type { Config } from '../config.ts';
import { Kept } from '../host/kept.ts';
import type { Identity } from '../identity/role.ts';
import type { DatabasePlan } from '../plan/types.ts';
import { type Session, searchPathOf } from '../query/session.ts';
import { decodeHeader } from '../request/header.ts';
import type { RawRequest } from '../request/raw.ts';

/** What a session depends on besides who asks; one object for all requests that are alike. */
export interface SessionPlan extends Pick<DatabasePlan, 'schema' | 'settings' | 'readOnly'> {
  readonly preferences: Pick<DatabasePlan['preferences'], 'timezone'>;
  /** Schemas that come on the search path behind `schema`. */
  readonly beside?: readonly string[];
}

/** Makes sessions under one configuration: the same one for a request that comes again, with the same objects. */
export type SessionOf = (
  identity: Identity,
  raw: Pick<RawRequest, 'method' | 'path' | 'headers'>,
  plan: SessionPlan,
) => Session;

const NONE: readonly string[] = [];

interface HeaderTexts {
  readonly headers: string;
  readonly cookies: string;
}

function headersText(headers: RawRequest['headers']): string {
  const shown: Record<string, string> = {};
  for (const name in headers) {
    if (name === 'cookie') continue;
    const value = headers[name];
    if (value !== undefined) shown[name] = decodeHeader(typeof value === 'string' ? value : value.join(', '));
  }
  return JSON.stringify(shown);
}

function cookiesText(header: string | string[] | undefined): string {
  if (header === undefined) return '{}';
  const cookies: Record<string, string> = {};
  for (const item of (typeof header === 'string' ? header : header.join(';')).split(';')) {
    const at = item.indexOf('=');
    if (at > 0) cookies[item.slice(0, at).trim()] = decodeHeader(item.slice(at + 1).trim());
  }
  return JSON.stringify(cookies);
}

/** Reads headers as SQL sees them. */
function createHeaderTexts(): (headers: RawRequest['headers']) => HeaderTexts {
  const texts = new Kept<HeaderTexts>();
  return (headers) => {
    const known = texts.get(headers);
    if (known !== undefined) return known;
    const made = { headers: headersText(headers), cookies: cookiesText(headers['cookie']) };
    texts.set(headers, made);
    return made;
  };
}

const TIMEOUT = 'statement_timeout';

/** Sessions under a configuration and the settings of its roles. */
export function createSessionOf(
  config: Pick<Config, 'dbExtraSearchPath' | 'dbStatementTimeout' | 'appSettings'>,
  roles: ReadonlyMap<string, RoleSettings>,
): SessionOf {
  const paths = new Map<string, string>();
  const searchPath = (schema: string, beside: readonly string[]): string => {
    const key = beside.length === 0 ? schema : [schema, ...beside].join('\0');
    const known = paths.get(key);
    if (known !== undefined) return known;
    const path = searchPathOf([schema, ...beside, ...config.dbExtraSearchPath]);
    paths.set(key, path);
    return path;
  };
  const byRole = new Map(
    [...roles].map(([role, { settings }]) => {
      const timeout = settings.find(([name]) => name === TIMEOUT)?.[1] ?? null;
      const others = settings.filter(
        ([name]) => name !== TIMEOUT && name !== 'search_path' && name !== 'role',
      );
      return [role, { others, timeout: statementTimeout(config.dbStatementTimeout, timeout) }] as const;
    }),
  );
  const timeoutOfAll = statementTimeout(config.dbStatementTimeout, null);

  const textsOf = createHeaderTexts();
  const make: SessionOf = (identity, raw, plan) => {
    const ofRole = byRole.get(identity.role);
    const limit = ofRole?.timeout ?? timeoutOfAll;
    const ofRoutine = plan.settings.find(([name]) => name === TIMEOUT)?.[1];
    const { timezone } = plan.preferences;
    return {
      role: identity.role,
      searchPath: searchPath(plan.schema, plan.beside ?? NONE),
      roleSettings: ofRole?.others ?? [],
      statementTimeout: ofRoutine === undefined ? limit : statementTimeout(limit / 1000, ofRoutine),
      claims: identity.claimsText,
      method: raw.method,
      path: raw.path,
      ...textsOf(raw.headers),
      settings:
        timezone === null && plan.settings.length === 0
          ? config.appSettings
          : [
              ...(timezone === null ? [] : [['timezone', timezone] as const]),
              ...plan.settings.filter(([name]) => name !== TIMEOUT),
              ...config.appSettings,
            ],
      readOnly: plan.readOnly,
      repeats: false,
    };
  };

  return keepSessions(make);
}

interface KnownSession {
  readonly identity: Identity;
  readonly session: Session;
}

/** Sessions of requests with the same headers. */
const MOST_SESSIONS = 8;

/** Makes a session once for requests that come again. */
function keepSessions(make: SessionOf): SessionOf {
  const sessions = new Kept<Map<SessionPlan, KnownSession>>();
  return (identity, raw, plan) => {
    const { headers, method, path } = raw;
    if (!sessions.keeps(headers)) return make(identity, raw, plan);
    let byPlan = sessions.get(headers);
    if (byPlan === undefined) {
      byPlan = new Map();
      sessions.set(headers, byPlan);
    }
    const known = byPlan.get(plan);
    if (known?.identity === identity && known.session.path === path && known.session.method === method) {
      return known.session;
    }
    const session = { ...make(identity, raw, plan), repeats: true };
    if (byPlan.size >= MOST_SESSIONS) byPlan.clear();
    byPlan.set(plan, { identity, session });
    return session;
  };
}
