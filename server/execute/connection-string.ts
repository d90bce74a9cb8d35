/**
 * `db-uri`, in libpq's two forms (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING):
 * a URI is the driver's to read, `keyword=value` pairs are made into its settings here.
 */

/** What the driver takes. */
export interface ConnectionSettings {
  readonly connectionString?: string;
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly ssl?: boolean | { readonly rejectUnauthorized: boolean };
}

const PAIR = /\s*([\w-]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)*))/gy;

const SSL: Readonly<Record<string, ConnectionSettings['ssl']>> = {
  disable: false,
  allow: false,
  prefer: false,
  require: { rejectUnauthorized: false },
  'verify-ca': true,
  'verify-full': true,
};

function parsePairs(text: string): Map<string, string> {
  const pairs = new Map<string, string>();
  let end = 0;
  for (const found of text.matchAll(PAIR)) {
    pairs.set(found[1] ?? '', (found[2] ?? found[3] ?? '').replace(/\\(.)/g, '$1'));
    end = found.index + found[0].length;
  }
  if (text.slice(end).trim() !== '') throw new Error('db-uri is neither a URI nor keyword=value pairs');
  return pairs;
}

/** The driver's settings for a connection string. */
export function parseConnectionString(text: string): ConnectionSettings {
  if (text === '' || /^postgres(?:ql)?:\/\//.test(text)) {
    // a URI without anything means the environment's PG* variables
    return /^postgres(?:ql)?:\/\/$/.test(text) || text === '' ? {} : { connectionString: text };
  }
  const pairs = parsePairs(text);
  const host = pairs.get('host') ?? pairs.get('hostaddr');
  const port = pairs.get('port');
  const user = pairs.get('user');
  const password = pairs.get('password');
  const database = pairs.get('dbname');
  const ssl = SSL[pairs.get('sslmode') ?? ''];
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ...(ssl === undefined ? {} : { ssl }),
  };
}
