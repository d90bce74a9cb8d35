/**
 * A read as those need it who follow it: its rows one by one, each with its key, which the select need not have; all
 * of them, or only those of given keys. A row is the JSON that the ordinary answer has in its array.
 */
import type { ReadPlan } from '../plan/types.ts';
import { column, orderBy, where } from './filter.ts';
import { scopeOf, selectParts } from './read.ts';
import {
  compile,
  type Fragment,
  fromCatalog,
  integer,
  list,
  literal,
  name,
  nothing,
  parameter,
  sql,
} from './sql.ts';
import type { Statement } from './statement.ts';

/** A column by which rows are told apart; the type as PostgreSQL prints it. */
export interface KeyPart {
  readonly name: string;
  readonly type: string;
}

/** Statements whose rows are read as they come. Keys are JSON objects as text, as the session prints them. */
export interface LiveStatements {
  /** Rows of (key, row): all that the read has, in its order, and no more than the most that are allowed and one. */
  readonly whole: Statement;
  /** For each key in the body, a JSON array of objects: (key, row), the row null where the read does not have it. */
  readonly keyed: Statement;
  /** The same, but only whether the read's conditions hold for the row: (key, boolean). */
  readonly probe: Statement;
}

const KEYS = sql`aura_keys`;
const ROW = sql`aura_row`;

const keyOf = (parts: readonly KeyPart[], of: (part: KeyPart) => Fragment): Fragment =>
  sql`jsonb_build_object(${list(parts.flatMap((part) => [literal(part.name), of(part)]))})`;

/** The rows of keys that come in the body. */
const given = (parts: readonly KeyPart[]): Fragment =>
  sql`jsonb_to_recordset(${parameter({ kind: 'body' })}::jsonb) as ${KEYS}(${list(
    parts.map((part) => sql`${name(part.name)} ${fromCatalog(part.type)}`),
  )})`;

const rowsOf = (fragment: Fragment): Statement => ({ ...compile(fragment), columns: [] });

/** Renders the statements of a read of a table; `most` rows are allowed. */
export function renderLive(plan: ReadPlan, key: readonly KeyPart[], most: number): LiveStatements {
  const scope = scopeOf(plan.source);
  const { items, from, conditions } = selectParts(plan, false);
  const row = sql`(select row_to_json(${ROW}) from (select ${items}) ${ROW})`;
  const { limit, offset } = plan.range;
  const own = limit !== null && Number.isSafeInteger(limit) ? Math.min(limit, most + 1) : most + 1;
  const skipped = offset === 0 ? nothing : sql` offset ${parameter({ kind: 'offset' })}`;
  const ownKey = keyOf(key, (part) => column(scope, part.name));
  const givenKey = keyOf(key, (part) => sql`${KEYS}.${name(part.name)}`);
  const same = key.map((part) => sql`${column(scope, part.name)} = ${KEYS}.${name(part.name)}`);
  const those = sql`${from}${where([...conditions, ...same])}`;
  return {
    whole: rowsOf(
      sql`select ${ownKey}, ${row}${from}${where(conditions)}${orderBy(scope, plan.order)} limit ${integer(own)}${skipped}`,
    ),
    keyed: rowsOf(sql`select ${givenKey}, (select ${row}${those}) from ${given(key)}`),
    probe: rowsOf(sql`select ${givenKey}, exists (select${those}) from ${given(key)}`),
  };
}
