/**
 * The settings of a request's transaction: who asks, with which claims, how. One prepared statement sets them
 * all, and every one on every request, since a custom setting is `''` and not NULL after its first use and
 * user code may have set it for the whole session. It must run before the statement that it is for is parsed:
 * the role decides over permissions, and policies read the claims.
 */
import { compile, type Fragment, list, parameter, quoteIdentifier, sql } from './sql.ts';

type Setting = readonly [name: string, value: string];

/** What the transaction of one request runs under. */
export interface Session {
  readonly role: string;
  /** The schema of the request and the extra search path. */
  readonly searchPath: string;
  /** Settings of the role itself, which `set role` does not apply. They are set as the login role. */
  readonly roleSettings: readonly Setting[];
  /** Milliseconds; 0 = no limit. */
  readonly statementTimeout: number;
  readonly claims: string;
  readonly method: string;
  readonly path: string;
  /** JSON objects. */
  readonly headers: string;
  readonly cookies: string;
  /** Time zone, settings of the called function, `app.settings.*`. */
  readonly settings: readonly Setting[];
  readonly readOnly: boolean;
  /** The same object serves several requests. */
  readonly repeats: boolean;
}

/** The statement and its values. */
export interface SessionStatement {
  /** Equal for equal texts. */
  readonly key: string;
  readonly text: string;
  readonly values: readonly string[];
  /** The same object serves several requests. */
  readonly repeats?: boolean;
}

/** A search path of these schemas. */
export const searchPathOf = (schemas: readonly string[]): string => schemas.map(quoteIdentifier).join(', ');

const fixed = (called: Fragment): Fragment =>
  sql`set_config(${called}, ${parameter({ kind: 'constant', value: null })}, true)`;

const named: Fragment = sql`set_config(${parameter({ kind: 'constant', value: null })}, ${parameter({
  kind: 'constant',
  value: null,
})}, true)`;

/** In the order in which `renderSession` gives their values. */
const FIXED_AFTER_ROLE_SETTINGS: readonly Fragment[] = [
  sql`'statement_timeout'`,
  sql`'role'`,
  sql`'request.jwt.claims'`,
  sql`'request.method'`,
  sql`'request.path'`,
  sql`'request.headers'`,
  sql`'request.cookies'`,
].map(fixed);

/** What a request may leave behind for its answer; nothing of the last one may still be there. */
const CLEARED: readonly Fragment[] = [
  sql`'response.headers'`,
  sql`'response.status'`,
  sql`'pgrst.inserted'`,
].map((called) => sql`set_config(${called}, '', true)`);

const READ_ONLY = sql`set_config('transaction_read_only', 'on', true)`;

/** PostgreSQL's functions take at most 100 arguments. */
const MOST_ARGUMENTS = 100;

/** Numbers come back instead of the values, which would travel for nothing. */
function textFor(roleSettings: number, settings: number, readOnly: boolean): string {
  const all = [
    fixed(sql`'search_path'`),
    ...Array.from({ length: roleSettings }, () => named),
    ...FIXED_AFTER_ROLE_SETTINGS,
    ...CLEARED,
    ...Array.from({ length: settings }, () => named),
    ...(readOnly ? [READ_ONLY] : []),
  ];
  const calls: Fragment[] = [];
  for (let at = 0; at < all.length; at += MOST_ARGUMENTS) {
    calls.push(sql`num_nulls(${list(all.slice(at, at + MOST_ARGUMENTS))})`);
  }
  return compile(sql`select ${list(calls)}`).text;
}

/** A maker of session statements, which remembers the texts that it has made, and the statements of sessions that repeat. */
export function createSessionRenderer(): (session: Session) => SessionStatement {
  const texts = new Map<string, string>();
  const statements = new WeakMap<Session, SessionStatement>();
  return (session) => {
    if (!session.repeats) return render(session, texts);
    let statement = statements.get(session);
    if (statement === undefined) {
      statement = render(session, texts);
      statements.set(session, statement);
    }
    return statement;
  };
}

function render(session: Session, texts: Map<string, string>): SessionStatement {
  const { roleSettings, settings, readOnly } = session;
  const key = `session ${roleSettings.length} ${settings.length} ${readOnly ? 'read' : 'write'}`;
  let text = texts.get(key);
  if (text === undefined) {
    text = textFor(roleSettings.length, settings.length, readOnly);
    texts.set(key, text);
  }
  const values = [session.searchPath];
  for (const [name, value] of roleSettings) values.push(name, value);
  values.push(
    String(session.statementTimeout),
    session.role,
    session.claims,
    session.method,
    session.path,
    session.headers,
    session.cookies,
  );
  for (const [name, value] of settings) values.push(name, value);
  return { key, text, values, repeats: session.repeats };
}
