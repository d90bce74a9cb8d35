/**
 * Rows that have changed, as a caller may see them: by images, which say what a row was like just after the change, or
 * just before, under the policies that show such a row; or as they are now, read by their keys.
 */
import type { ReadPlan } from '../plan/types.ts';
import { column, condition, type Qualifier, where } from './filter.ts';
import type { KeyPart } from './live.ts';
import { scopeOf } from './read.ts';
import {
  compile,
  type Fragment,
  fromCatalog,
  join,
  list,
  literal,
  name,
  parameter,
  qualified,
  quoteIdentifier,
  sql,
} from './sql.ts';
import type { Statement } from './statement.ts';

/** Rows of (number, record): the number in the body's list, from 1 on; of those that the caller may see. */
export interface ChangedStatements {
  /** The body is a JSON array of rows. */
  readonly images: Statement;
  /** The body is a JSON array of keys. */
  readonly present: Statement;
}

/** A policy for reading, as the catalog has it. */
export interface ShowingPolicy {
  readonly permissive: boolean;
  /** `PUBLIC` = everyone. */
  readonly roles: readonly string[];
  readonly using: string;
}

export interface ChangedRows {
  /** Filters on a table, nothing else. */
  readonly read: ReadPlan;
  readonly key: readonly KeyPart[];
  /** Those that are told, by their names. */
  readonly columns: readonly string[];
  /** Those of the table for reading; null = none can be held against an image, where Row-Level Security applies. */
  readonly policies: readonly ShowingPolicy[] | null;
}

const KEYS = sql`aura_keys`;
const IMAGES = sql`aura_images`;
const NUMBER = sql`aura_number`;
const RECORD = sql`aura_record`;
const TRUE = sql`true`;
const FALSE = sql`false`;

const rowsOf = (fragment: Fragment): Statement => ({ ...compile(fragment), columns: [] });
const body = parameter({ kind: 'body' });

const recordOf = (of: Qualifier, columns: readonly string[]): Fragment =>
  sql`(select row_to_json(${RECORD}) from (select ${list(columns.map((one) => column(of, one)))}) ${RECORD})`;

const both = (conditions: readonly Fragment[]): Fragment =>
  conditions.length === 0 ? TRUE : sql`(${join(conditions, sql` and `)})`;

/** The role is one of those that the policy is for. */
const applies = ({ roles }: ShowingPolicy): Fragment =>
  roles.includes('PUBLIC')
    ? TRUE
    : sql`(${join(
        roles.map((role) => sql`pg_catalog.pg_has_role(current_user, ${literal(role)}, 'usage')`),
        sql` or `,
      )})`;

/**
 * Whether the policies for reading show a row, put together as PostgreSQL does it: one of the permissive ones has to,
 * and all of the restrictive ones (https://www.postgresql.org/docs/current/sql-createpolicy.html).
 */
function shown(policies: readonly ShowingPolicy[]): Fragment {
  const conditionOf = ({ using }: ShowingPolicy): Fragment => sql`(${fromCatalog(using)})`;
  const permissive = policies.filter((one) => one.permissive);
  const some =
    permissive.length === 0
      ? FALSE
      : sql`(${join(
          permissive.map((one) => sql`(${applies(one)} and ${conditionOf(one)})`),
          sql` or `,
        )})`;
  const all = policies
    .filter((one) => !one.permissive)
    .map((one) => sql`(not ${applies(one)} or ${conditionOf(one)})`);
  return both([some, ...all]);
}

/** Renders the statements. They name the table as its policies do, by its name. */
export function renderChanged({ read, key, columns, policies }: ChangedRows): ChangedStatements {
  const { source } = read;
  if (source.kind !== 'relation') throw new Error('only tables have changes');
  const scope = scopeOf(source);
  const table = qualified(source.name);
  const filters = read.where.map((logic) => condition(scope, logic));
  const same = key.map((part) => sql`${column(scope, part.name)} = ${KEYS}.${name(part.name)}`);
  const parts = key.map((part) => sql`${name(part.name)} ${fromCatalog(part.type)}`);
  const names = list([...key.map((part) => name(part.name)), NUMBER]);

  const image: Qualifier = { schema: null, relation: source.name.name };
  const text = [source.name.schema, source.name.name].map(quoteIdentifier).join('.');
  const ofImage = read.where.map((logic) => condition(image, logic));
  const told = list(
    [...new Set([...columns, ...key.map((part) => part.name)])].map((one) => column(scope, one)),
  );
  // privileges are those on the table; nothing of it is read
  const allowed = sql`not exists (select ${told} from ${table}${where([FALSE, ...filters])})`;
  const visible = sql`(not pg_catalog.row_security_active(${literal(text)}::regclass) or ${policies === null ? FALSE : shown(policies)})`;
  return {
    images: rowsOf(
      // what a filter says of a row that is not to be seen, be it an error, must not be heard
      sql`select ${NUMBER}, ${recordOf(image, columns)} from rows from (json_array_elements(${body}::json)) with ordinality as ${IMAGES} (image, ${NUMBER}) cross join lateral json_populate_record(null::${table}, ${IMAGES}.image) as ${name(source.name.name)} where case when ${visible} then ${both(ofImage)} else false end and ${allowed}`,
    ),
    present: rowsOf(
      sql`select ${NUMBER}, ${recordOf(scope, columns)} from rows from (json_to_recordset(${body}::json) as (${list(parts)})) with ordinality as ${KEYS} (${names}) join ${table} on ${both(same)}${where(filters)}`,
    ),
  };
}
