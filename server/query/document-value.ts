/**
 * Values of documents as SQL: JSON objects with keys in the order of the request, and the forms that values have in them.
 */
import type { Amount, ConnectionPlan, Member, ValueForm } from '../plan/document.ts';
import { column } from './filter.ts';
import { type Fragment, integer, join, list, literal, nothing, parameter, sql } from './sql.ts';

/** Rows in scope. */
export interface Scope {
  readonly alias: string;
  /** The row as a whole. */
  readonly row: Fragment;
}

/** What the parts of one statement are rendered with. */
export interface Rendering {
  /** Gives each subquery a name of its own. */
  readonly alias: () => string;
  /** Renders a connection of a row; null = of the root. */
  readonly connection: (plan: ConnectionPlan, parent: Scope | null, rendering: Rendering) => Fragment;
}

/** A column of rows in scope. */
export const own = (alias: string, called: string): Fragment =>
  column({ schema: null, relation: alias }, called);

/** PostgreSQL's functions take at most 100 arguments: 50 pairs. */
const PAIRS_A_CALL = 50;

/** A JSON object; a larger one is put together as text, which keeps its order. */
function object(pairs: readonly (readonly [key: string, value: Fragment])[]): Fragment {
  const call = (some: typeof pairs): Fragment =>
    sql`json_build_object(${list(some.map(([key, value]) => sql`${literal(key)}, ${value}`))})`;
  if (pairs.length <= PAIRS_A_CALL) return call(pairs);
  const chunks: Fragment[] = [];
  for (let at = 0; at < pairs.length; at += PAIRS_A_CALL) {
    const some = sql`${call(pairs.slice(at, at + PAIRS_A_CALL))}::text`;
    const isLast = at + PAIRS_A_CALL >= pairs.length;
    const tail = at === 0 ? some : sql`substr(${some}, 2)`;
    chunks.push(isLast ? tail : sql`left(${tail}, -1)`);
  }
  return sql`(${join(chunks, sql` || ', ' || `)})::json`;
}

/** The JSON object of members. */
export const objectOf = <T>(members: readonly Member<T>[], value: (value: T) => Fragment): Fragment =>
  object(members.map((member) => [member.key, value(member.value)]));

export const text = (value: string): Fragment => sql`${literal(value)}::text`;

function renamed(value: Fragment, names: readonly (readonly [string, string])[]): Fragment {
  const cases = names.map(([to, label]) => sql` when ${literal(label)} then ${literal(to)}`);
  return sql`case ${value}::text${join(cases, nothing)} else ${value}::text end`;
}

/** A value in the form that it has in JSON. */
export function formed(value: Fragment, form: ValueForm): Fragment {
  switch (form.kind) {
    case 'plain':
      return value;
    case 'text':
      return sql`${value}::text`;
    case 'text list':
      return sql`${value}::text[]`;
    case 'renamed':
      return renamed(value, form.names);
    case 'renamed list':
      return sql`(select array_agg(${renamed(sql`pgrst_item`, form.names)} order by pgrst_place) from unnest(${value}) with ordinality pgrst_items (pgrst_item, pgrst_place))`;
  }
}

/** Base64 of a JSON array, on one line. */
export const encoded = (items: readonly Fragment[]): Fragment =>
  sql`translate(encode(convert_to(jsonb_build_array(${list(items)})::text, 'UTF8'), 'base64'), E'\\n', '')`;

export const amount = (value: Amount): Fragment =>
  value.kind === 'number'
    ? integer(value.value)
    : sql`${parameter({ kind: 'slot', index: value.index, form: 'text' })}::bigint`;
