/**
 * A first question for the API: a relation that the anonymous role may read and that shows it rows, found by
 * asking the API itself, so that the line in the banner works.
 */
import type { Config } from '../config.ts';
import type { Connection } from '../execute/connection.ts';

export interface Sample {
  readonly url: string;
  readonly isPublic: boolean;
}

/** Relations of the default schema that a role may read, the fullest first. */
const READABLE = `
  select relation.relname as name
  from pg_class as relation
  where relation.relnamespace = to_regnamespace(quote_ident($1))
    and relation.relkind in ('r', 'p', 'v', 'm', 'f')
    and (
      has_table_privilege($2, relation.oid, 'select')
      or has_any_column_privilege($2, relation.oid, 'select')
    )
  order by relation.reltuples desc, relation.relname
  limit 5`;

const readable = async (connection: Connection, schema: string, role: string): Promise<string[]> =>
  (await connection.query(READABLE, [schema, role])).map((row) => String(row['name']));

const showsRows = async (url: string): Promise<boolean> => {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
  const body: unknown = response.ok ? await response.json() : null;
  return Array.isArray(body) && body.length > 0;
};

/**
 * The sample for a running API.
 * @param restUrl where REST is served, without a slash at its end
 */
export const findSample = async (
  connection: Connection,
  config: Config,
  restUrl: string,
): Promise<Sample> => {
  const schema = config.dbSchemas[0] ?? 'public';
  const urlOf = (name: string): string => `${restUrl}/${encodeURIComponent(name)}?limit=3`;
  for (const name of await readable(connection, schema, config.dbAnonRole ?? 'anon')) {
    if (await showsRows(urlOf(name))) return { url: urlOf(name), isPublic: true };
  }
  const [any] = await readable(connection, schema, 'service_role');
  return any === undefined ? { url: `${restUrl}/`, isPublic: true } : { url: urlOf(any), isPublic: false };
};
