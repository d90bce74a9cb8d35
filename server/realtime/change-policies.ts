/**
 * The policies for reading of a table, as they are now: the catalog may be older, and what is decided by them must not
 * wait for its reload.
 */
import type { Question } from '../execute/query.ts';
import type { ShowingPolicy } from '../query/changed.ts';
import type { Oid } from './log.ts';
import type { Ask } from './tables.ts';

/** Expressions print the names of what is elsewhere with their schemas. */
const PATH: Question = { text: "select set_config('search_path', 'pg_catalog, pg_temp', true)" };

/** A policy without a condition neither shows nor hides anything. */
const POLICIES = `select coalesce(json_agg(json_build_object(
    'permissive', polpermissive,
    'roles', array(
      select coalesce(rolname, 'PUBLIC') from unnest(polroles) member (id) left join pg_roles on oid = id order by 1
    ),
    'using', pg_get_expr(polqual, polrelid)
  ) order by polname), '[]')::text
  from pg_policy
  where polrelid = $1::oid and polcmd in ('r', '*') and polqual is not null`;

/** Asks for the policies of a table: a text that is another one where they are others. */
export async function askPolicies(ask: Ask, table: Oid): Promise<string> {
  const [row] = await ask(PATH, { text: POLICIES, values: [String(table)] });
  return row?.[0] ?? '[]';
}

/** Reads what was answered. */
export const parsePolicies = (text: string): readonly ShowingPolicy[] => JSON.parse(text);

/** Asks once for each table in a transaction, which is known by its function for asking. */
export function createPolicyReader(): (ask: Ask, table: Oid) => Promise<string> {
  const asked = new WeakMap<Ask, Map<Oid, Promise<string>>>();
  return (ask, table) => {
    let tables = asked.get(ask);
    if (!tables) {
      tables = new Map();
      asked.set(ask, tables);
    }
    let policies = tables.get(table);
    if (!policies) {
      policies = askPolicies(ask, table);
      tables.set(table, policies);
    }
    return policies;
  };
}
