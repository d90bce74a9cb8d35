/**
 * For programs that speak to PostgreSQL themselves: a transaction under exactly the role and the claims under which
 * the server would run a request, so that the same policies hold. Works with what runs SQL already: pg, postgres.js,
 * Kysely and Drizzle, none of which is imported.
 */

/** What a token says; `role` is the role to run as. */
export interface Claims {
  readonly role?: string;
  readonly [claim: string]: unknown;
}

export interface UserOptions {
  /** The role of claims that name none, as `db-anon-role` of the server; without it such claims are refused. */
  readonly anonRole?: string;
  /** Schemas to find names in, as `db-schemas` and `db-extra-search-path` have them; the login's own where not said. */
  readonly searchPath?: readonly string[];
}

/** A pool of pg: `new Pool()`. */
export interface PgPool<Client extends PgClient> {
  connect(): Promise<Client>;
}
export interface PgClient {
  query(text: string): Promise<unknown>;
  release(error?: Error | boolean): void;
}

/** postgres.js: `postgres()`. */
export interface PostgresSql<Transaction extends PostgresTransaction> {
  begin<T>(work: (transaction: Transaction) => T | Promise<T>): Promise<unknown>;
}
export interface PostgresTransaction {
  unsafe(text: string): PromiseLike<unknown>;
}

/** Both have a second form of their method, of which inference alone would look at the last. */
type ClientOf<Pool> = Pool extends { connect: { (): Promise<infer Client>; (callback: never): unknown } }
  ? Client
  : PgClient;
type TransactionOf<Sql> = Sql extends {
  begin: {
    (work: (transaction: infer Transaction) => never): unknown;
    (options: string, work: never): unknown;
  };
}
  ? Transaction
  : PostgresTransaction;

/** Kysely: `new Kysely()`. */
export interface KyselyDatabase<Transaction extends KyselyTransaction> {
  transaction(): { execute<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> };
}
export interface KyselyTransaction {
  executeQuery(query: never): Promise<unknown>;
}

/** Drizzle: `drizzle()` over pg or postgres.js. */
export interface DrizzleDatabase<Transaction extends DrizzleTransaction> {
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
}
export interface DrizzleTransaction {
  execute(query: string): PromiseLike<unknown>;
}

/**
 * A text as an SQL expression. In hexadecimal there is nothing that could end the literal, whatever the session makes
 * of backslashes: three of the four libraries take no parameters here.
 */
const expression = (text: string): string => {
  const hex = Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
  return `convert_from(decode('${hex}', 'hex'), 'UTF8')`;
};

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** One statement that sets everything for the transaction; what belongs to a request only is empty. */
const statementFor = (claims: Claims, { anonRole, searchPath }: UserOptions): string => {
  const role = claims.role ?? anonRole;
  if (typeof role !== 'string' || role === '') {
    throw new TypeError('The claims name no role, and there is no anonRole to take in its place.');
  }
  const settings: (readonly [name: string, value: string])[] = [
    ...(searchPath === undefined ? [] : [['search_path', searchPath.map(quoted).join(', ')] as const]),
    ['request.jwt.claims', JSON.stringify({ ...claims, role })],
    ['request.method', ''],
    ['request.path', ''],
    ['request.headers', '{}'],
    ['request.cookies', '{}'],
    ['role', role],
  ];
  const calls = settings.map(([name, value]) => `set_config('${name}', ${expression(value)}, true)`);
  return `select ${calls.join(', ')}`;
};

const usePg = async <Client extends PgClient, T>(
  pool: PgPool<Client>,
  statement: string,
  work: (client: Client) => Promise<T>,
): Promise<T> => {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    await client.query(statement);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    // a connection that cannot even roll back must not be used again, least of all under this role
    await client.query('rollback').catch((second: Error) => {
      broken = second;
    });
    throw error;
  } finally {
    client.release(broken);
  }
};

/** What Kysely runs: a compiled query, as its plugins and drivers see it. */
const kyselyQuery = (sql: string): object => ({
  sql,
  parameters: [],
  query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
  queryId: { queryId: 'aura-with-user' },
});

/**
 * Runs work in a transaction under a role and claims. It is committed when the work resolves, and rolled back when it
 * rejects; the settings end with it.
 *
 * The login has to be a member of the role (as `authenticator` is), and what the work runs has to go through the
 * transaction that it is given.
 *
 * @throws TypeError where no role is named; what the library and the work reject with
 * @example
 * const tasks = await withUser(pool, claims, (client) => client.query('select title from tasks'));
 */
export function withUser<Pool extends PgPool<PgClient>, T>(
  pool: Pool,
  claims: Claims,
  work: (client: ClientOf<Pool>) => Promise<T>,
  options?: UserOptions,
): Promise<T>;
export function withUser<Sql extends PostgresSql<PostgresTransaction>, T>(
  sql: Sql,
  claims: Claims,
  work: (transaction: TransactionOf<Sql>) => Promise<T>,
  options?: UserOptions,
): Promise<T>;
export function withUser<Transaction extends KyselyTransaction, T>(
  database: KyselyDatabase<Transaction>,
  claims: Claims,
  work: (transaction: Transaction) => Promise<T>,
  options?: UserOptions,
): Promise<T>;
export function withUser<Transaction extends DrizzleTransaction, T>(
  database: DrizzleDatabase<Transaction>,
  claims: Claims,
  work: (transaction: Transaction) => Promise<T>,
  options?: UserOptions,
): Promise<T>;
export async function withUser<T>(
  over: object,
  claims: Claims,
  work: (transaction: never) => Promise<T>,
  options: UserOptions = {},
): Promise<T> {
  const statement = statementFor(claims, options);
  if (isPostgresJs(over)) {
    return (await over.begin(async (transaction) => {
      await transaction.unsafe(statement);
      return work(transaction as never);
    })) as T;
  }
  if (isKysely(over)) {
    return over.transaction().execute(async (transaction) => {
      await transaction.executeQuery(kyselyQuery(statement) as never);
      return work(transaction as never);
    });
  }
  if (isDrizzle(over)) {
    return over.transaction(async (transaction) => {
      await transaction.execute(statement);
      return work(transaction as never);
    });
  }
  if (isPg(over)) return usePg(over, statement, (client) => work(client as never));
  throw new TypeError('This is neither a pool of pg, nor postgres.js, Kysely or Drizzle.');
}

const has = (over: object, name: string): boolean => typeof Reflect.get(over, name) === 'function';

const isPostgresJs = (over: object): over is PostgresSql<PostgresTransaction> =>
  has(over, 'begin') && has(over, 'unsafe');
const isKysely = (over: object): over is KyselyDatabase<KyselyTransaction> =>
  has(over, 'transaction') && has(over, 'selectFrom');
const isDrizzle = (over: object): over is DrizzleDatabase<DrizzleTransaction> =>
  has(over, 'transaction') && has(over, 'execute');
const isPg = (over: object): over is PgPool<PgClient> => has(over, 'connect') && has(over, 'query');
