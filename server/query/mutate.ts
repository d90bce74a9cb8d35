/**
 * Writes as SQL: one statement from the JSON of the body to the changed rows.
 */
import type {
  DeletePlan,
  InsertPlan,
  MutatePlan,
  TargetColumn,
  UpdatePlan,
  WrittenPlan,
} from '../plan/types.ts';
import { column, condition, type Qualifier, transformed, where } from './filter.ts';
import {
  type Fragment,
  fromCatalog,
  join,
  list,
  literal,
  name,
  nothing,
  parameter,
  qualified,
  sql,
} from './sql.ts';

const BODY: Qualifier = { schema: null, relation: 'pgrst_body' };

/** PostgreSQL's functions take at most 100 arguments: 50 pairs. */
const PAIRS_A_CALL = 50;

/** One jsonb object with the defaults of all columns that have one. */
export function defaults(columns: readonly TargetColumn[]): Fragment {
  const pairs = columns.flatMap((item) =>
    item.default === null ? [] : [sql`${literal(item.name)}, ${fromCatalog(item.default)}`],
  );
  const chunks: Fragment[] = [];
  for (let at = 0; at < pairs.length; at += PAIRS_A_CALL) {
    chunks.push(sql`jsonb_build_object(${list(pairs.slice(at, at + PAIRS_A_CALL))})`);
  }
  return chunks.length === 0 ? sql`'{}'::jsonb` : join(chunks, sql` || `);
}

interface BodySource {
  readonly columns: readonly TargetColumn[];
  readonly isObject: boolean;
  readonly applyDefaults: boolean;
  /** Only the first of several rows counts. */
  readonly firstOnly: boolean;
}

/** `from ... pgrst_body`: the body's rows, typed, with defaults where asked for. */
export function fromBody({ columns, isObject, applyDefaults, firstOnly }: BodySource): Fragment {
  const body = parameter({ kind: 'body' });
  const payload = applyDefaults ? sql`(select ${body}::jsonb as data)` : sql`(select ${body}::json as data)`;
  const value = applyDefaults ? sql`pgrst_filled.data` : sql`pgrst_payload.data`;
  const filled = isObject
    ? sql`lateral (select ${defaults(columns)} || pgrst_payload.data as data) pgrst_filled, `
    : sql`lateral (select jsonb_agg(${defaults(columns)} || elem) as data from jsonb_array_elements(pgrst_payload.data) elem) pgrst_filled, `;
  return sql`from ${payload} pgrst_payload, ${applyDefaults ? filled : nothing}lateral (${typedRows(
    columns,
    value,
    {
      isObject,
      binary: applyDefaults,
      firstOnly,
    },
  )}) pgrst_body`;
}

function typedRows(
  columns: readonly TargetColumn[],
  value: Fragment,
  { isObject, binary, firstOnly }: { isObject: boolean; binary: boolean; firstOnly: boolean },
): Fragment {
  if (columns.length === 0) {
    // no column is written, but the number of rows is the body's
    if (isObject) return sql`select from (values (1)) item`;
    return binary
      ? sql`select from jsonb_array_elements(${value}) item`
      : sql`select from json_array_elements(${value}) item`;
  }
  const values = columns.map((item) =>
    item.transform === null
      ? name(item.name)
      : sql`${transformed(item.transform, name(item.name))} as ${name(item.name)}`,
  );
  const typed = list(columns.map((item) => sql`${name(item.name)} ${fromCatalog(item.type)}`));
  const records = binary
    ? isObject
      ? sql`jsonb_to_record`
      : sql`jsonb_to_recordset`
    : isObject
      ? sql`json_to_record`
      : sql`json_to_recordset`;
  const first = firstOnly ? sql` limit 1` : nothing;
  return sql`select ${list(values)} from ${records}(${value}) as item(${typed})${first}`;
}

const names = (columns: readonly { readonly name: string }[]): Fragment =>
  list(columns.map((item) => name(item.name)));

function returning(relation: Qualifier, columns: readonly string[]): Fragment {
  // without a representation nothing is returned, so that no SELECT privilege is needed
  if (columns.length === 0) return sql` returning 1`;
  return sql` returning ${list(columns.map((called) => column(relation, called)))}`;
}

/**
 * Counts inserted rows in a setting of the transaction: an upsert's RETURNING does not tell them from updated
 * ones. Always true.
 */
const countInserted = sql`set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) + 1)::text, true) <> '0'`;
const uncountUpdated = sql`set_config('pgrst.inserted', (coalesce(nullif(current_setting('pgrst.inserted', true), '')::int, 0) - 1)::text, true) <> '-1'`;

/** The number that the upsert counted. */
export const INSERTED = sql`nullif(current_setting('pgrst.inserted', true), '')::int`;

/** Whether the insert counts inserted rows. */
export const countsInserted = (plan: MutatePlan): boolean =>
  plan.kind === 'insert' && plan.conflict?.resolution === 'merge';

function onConflict({ conflict, columns }: InsertPlan): Fragment {
  if (conflict === null || conflict.columns.length === 0) return nothing;
  const target = sql` on conflict (${list(conflict.columns.map(name))})`;
  if (conflict.resolution === 'ignore' || columns.length === 0) return sql`${target} do nothing`;
  const changes = columns.map((item) => sql`${name(item.name)} = excluded.${name(item.name)}`);
  return sql`${target} do update set ${list(changes)} where ${uncountUpdated}`;
}

function insert(plan: InsertPlan): Fragment {
  const source = {
    columns: plan.columns,
    isObject: plan.bodyIsObject,
    applyDefaults: plan.applyDefaults,
    firstOnly: false,
  };
  return sql`${renderInsert(plan, fromBody(source))}${returning(scope(plan), plan.returning)}`;
}

/** An insert that returns nothing; `from` has the typed rows, under the name `pgrst_body`. */
export function renderInsert(plan: InsertPlan, from: Fragment): Fragment {
  const { columns, relation } = plan;
  const into = columns.length === 0 ? nothing : sql` (${names(columns)})`;
  const values = list(columns.map((item) => column(BODY, item.name)));
  const counted = countsInserted(plan) ? [countInserted] : [];
  const holds = where([...counted, ...plan.conditions.map((logic) => condition(BODY, logic))]);
  return sql`insert into ${qualified(relation)}${into} select ${values} ${from}${holds}${onConflict(plan)}`;
}

const scope = ({ relation }: { relation: { schema: string; name: string } }): Qualifier => ({
  schema: relation.schema,
  relation: relation.name,
});

function update(plan: UpdatePlan): Fragment {
  const { columns, relation } = plan;
  const of = scope(plan);
  if (columns.length === 0) {
    // nothing to set; the columns are still named for what is selected from the empty result
    const needed =
      plan.returning.length === 0 ? sql`null` : list(plan.returning.map((called) => column(of, called)));
    return sql`select ${needed} from ${qualified(relation)} where false`;
  }
  const changes = columns.map((item) => sql`${name(item.name)} = ${column(BODY, item.name)}`);
  const source = {
    columns: [...plan.keys, ...columns],
    isObject: plan.bodyIsObject,
    applyDefaults: plan.applyDefaults,
    firstOnly: false,
  };
  const own = plan.keys.map((item) => sql`${column(of, item.name)} = ${column(BODY, item.name)}`);
  const holds = where([...own, ...plan.conditions.map((logic) => condition(of, logic))]);
  return sql`update ${qualified(relation)} set ${list(changes)} ${fromBody(source)}${holds}${returning(of, plan.returning)}`;
}

function remove(plan: DeletePlan): Fragment {
  const of = scope(plan);
  const holds = where(plan.conditions.map((logic) => condition(of, logic)));
  return sql`delete from ${qualified(plan.relation)}${holds}${returning(of, plan.returning)}`;
}

/** Rows that were written before, as they came back. */
function written({ columns }: WrittenPlan): Fragment {
  const body = parameter({ kind: 'body' });
  if (columns.length === 0) return sql`select from json_array_elements(${body}::json)`;
  const typed = columns.map((item) => sql`${name(item.name)} ${fromCatalog(item.type)}`);
  return sql`select ${names(columns)} from json_to_recordset(${body}::json) as pgrst_item(${list(typed)})`;
}

/** The statement that writes, returning what its answer needs. */
export function renderMutation(plan: MutatePlan): Fragment {
  switch (plan.kind) {
    case 'insert':
      return insert(plan);
    case 'update':
      return update(plan);
    case 'delete':
      return remove(plan);
    case 'written':
      return written(plan);
  }
}
