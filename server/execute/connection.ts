/**
 * One plain connection for work beside the requests: migrations, the seed, questions of the command line. The
 * pool serves requests; this runs whole scripts, as whoever the URI says.
 */
import pg from 'pg';
import { StartError } from '../errors/start.ts';
import { parseConnectionString } from './connection-string.ts';

/** A row by column names. */
export type Row = Readonly<Record<string, unknown>>;

export interface Connection {
  /**
   * Runs SQL and gives the rows of its last statement. Several statements may stand in one text if it has no
   * values; outside of a transaction they are one.
   */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs one statement and gives each row as its values in order. */
  queryValues(text: string, values: readonly unknown[]): Promise<readonly (readonly unknown[])[]>;
  close(): Promise<void>;
}

/** The driver's complaint about a connection, without what the URI holds of secrets. */
export const explainUnreachable = (error: unknown): StartError => {
  const causes = error instanceof AggregateError ? error.errors : [error];
  const said = causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))).join('; ');
  return new StartError(
    `The database cannot be reached: ${said}.`,
    'Is it running, and are host, port, user and password of the connection URI (--db-uri, AURA_DB_URI) right?',
    error,
  );
};

/**
 * Connects.
 * @throws StartError if the database cannot be reached or refuses; its `cause` is the driver's error, whose `code`
 * is an SQLSTATE or a system error's code
 */
export const openConnection = async (uri: string): Promise<Connection> => {
  const client = new pg.Client({
    ...parseConnectionString(uri),
    application_name: 'aura',
    connectionTimeoutMillis: 10_000,
  });
  // a connection lost between two queries is reported by the second one
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw explainUnreachable(error);
  }
  return {
    query: async (text, values) => {
      const result: pg.QueryResult | pg.QueryResult[] = await client.query(
        text,
        values === undefined ? undefined : [...values],
      );
      const last = Array.isArray(result) ? result.at(-1) : result;
      return last?.rows ?? [];
    },
    queryValues: async (text, values) => {
      const result = await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' });
      return result.rows;
    },
    close: () => client.end(),
  };
};
