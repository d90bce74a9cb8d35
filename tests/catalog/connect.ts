/** A connection that runs the catalog's statement: what execute/pool.ts is for the server. */
import pg from 'pg';
import type { CatalogQuery } from '../../server/catalog/load.ts';

export interface CatalogConnection {
  readonly query: CatalogQuery;
  /** Runs one statement and answers its rows as arrays, or several and answers none. */
  readonly run: (text: string) => Promise<readonly (readonly unknown[])[]>;
  close(): Promise<void>;
}

/** Connects to the database at `uri`. */
export const connectCatalog = async (uri: string): Promise<CatalogConnection> => {
  const client = new pg.Client(uri);
  await client.connect();
  return {
    query: async ({ text, values, settings }) => {
      await client.query('begin read only');
      for (const [name, value] of Object.entries(settings)) {
        await client.query('select set_config($1, $2, true)', [name, value]);
      }
      try {
        return (await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' })).rows;
      } finally {
        await client.query('rollback');
      }
    },
    run: async (text) => {
      const result: pg.QueryArrayResult<unknown[]> | unknown[] = await client.query<unknown[]>({
        text,
        rowMode: 'array',
      });
      return Array.isArray(result) ? [] : result.rows;
    },
    close: () => client.end(),
  };
};
