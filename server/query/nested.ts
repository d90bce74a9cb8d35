/**
 * Levels of a nested write as SQL. Each row comes as a JSON object with a number, and comes back with it.
 *
 * How a returned row is known to be the one of its object: the scan of the body puts each row's number into a
 * setting as the row leaves it, and RETURNING reads the setting. PostgreSQL takes one row through the whole
 * statement before it asks the scan for the next, so the number read is the row's own. Were rows ever held back,
 * each would read a number not below its own and the last number would be read twice at least: where all numbers
 * come back once, each stands with its row. Whoever runs the statement checks that.
 */
import type { LevelColumn, LevelPlan } from '../plan/types.ts';
import { column, type Qualifier, transformed, where } from './filter.ts';
import { defaults } from './mutate.ts';
import { selectItem } from './read.ts';
import {
  compile,
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
import type { Statement } from './statement.ts';

const ITEM: Qualifier = { schema: null, relation: 'pgrst_item' };
const WRITTEN: Qualifier = { schema: null, relation: 'pgrst_written' };
// not pgrst_: the columns behind it are a table's, which a hint must not tell
const FOUND: Qualifier = { schema: null, relation: 'aura_found' };
const BODY = parameter({ kind: 'body' });

/** The setting that holds the number of the row at hand. */
const ROW_NUMBER = sql`'aura.row'`;
/** Behind the number of a row that was there before. */
export const UPDATED = 'u';

/** A row's value for a column: of another row's key, or the body's own. */
function columnValue({ name: called, members, given }: LevelColumn): Fragment {
  const values = members.map((member) => column(ITEM, member));
  if (given) values.push(transformed(given.transform, column(ITEM, called)));
  const [only, another] = values;
  return only && !another ? only : sql`coalesce(${list(values)})`;
}

/** `from ... pgrst_item`: the objects as typed rows, in their order. */
function items({ columns, number, applyDefaults }: LevelPlan): Fragment {
  const typed = list([
    sql`${name(number)} integer`,
    ...columns.flatMap(({ name: called, type, members, given }) => [
      ...members.map((member) => sql`${name(member)} ${fromCatalog(type)}`),
      ...(given ? [sql`${name(called)} ${fromCatalog(given.type)}`] : []),
    ]),
  ]);
  const item = sql`${name(ITEM.relation)}(${typed})`;
  if (!applyDefaults) return sql` from json_to_recordset(${BODY}::json) as ${item}`;
  const filled = sql`${defaults(columns.flatMap(({ given }) => given ?? []))} || pgrst_object.value`;
  return sql` from jsonb_array_elements(${BODY}::jsonb) pgrst_object(value), jsonb_to_record(${filled}) as ${item}`;
}

const numberOf = (of: Qualifier, { number }: LevelPlan): Fragment => column(of, number);

/** What comes back of a row: its number, its keys, the row itself. */
function answer(level: LevelPlan, of: Qualifier, number: Fragment): Fragment {
  const { keys, row } = level;
  const parts = [number, ...keys.map((key) => column(of, key))];
  if (row) {
    const object = sql`row_to_json(pgrst_row)`;
    const shown = row.stripped ? sql`json_strip_nulls(${object})` : object;
    const selected = list(row.select.map((item) => selectItem(of, item)));
    parts.push(sql`(select ${shown} from (select ${selected}) pgrst_row)`);
  }
  return list(parts);
}

function onConflict({ conflict, columns }: LevelPlan): Fragment {
  if (!conflict) return nothing;
  const target = sql` on conflict (${list(conflict.columns.map(name))})`;
  if (conflict.resolution === 'ignore' || columns.length === 0) return sql`${target} do nothing`;
  const changes = columns.map((item) => sql`${name(item.name)} = excluded.${name(item.name)}`);
  const marked = sql`set_config(${ROW_NUMBER}, current_setting(${ROW_NUMBER}) || ${literal(UPDATED)}, true)`;
  return sql`${target} do update set ${list(changes)} where ${marked} is not null`;
}

const statement = (fragment: Fragment): Statement => ({ ...compile(fragment), columns: [] });

/** Writes the rows; each comes back as its number (with a mark if it was there before), keys, row. */
export function renderLevel(level: LevelPlan): Statement {
  const { relation, columns, keys, row } = level;
  const into = columns.length === 0 ? nothing : sql` (${list(columns.map((item) => name(item.name)))})`;
  const values = list(columns.map(columnValue));
  const numbered = sql`set_config(${ROW_NUMBER}, ${numberOf(ITEM, level)}::text, true) is not null`;
  const needed = new Set([...keys, ...(row?.select ?? []).map((item) => item.field.name)]);
  const target: Qualifier = { schema: relation.schema, relation: relation.name };
  const returned = list([
    ...[...needed].map((called) => column(target, called)),
    sql`current_setting(${ROW_NUMBER}) as ${name(level.number)}`,
  ]);
  const insert = sql`insert into ${qualified(relation)}${into} select ${values}${items(level)}${where([numbered])}${onConflict(
    level,
  )} returning ${returned}`;
  const result = answer(level, WRITTEN, numberOf(WRITTEN, level));
  return statement(
    sql`with ${name(WRITTEN.relation)} as (${insert}) select ${result} from ${name(WRITTEN.relation)}`,
  );
}

/** Finds the rows that are there already by these columns; each comes back as `renderLevel`'s do. */
export function renderLookup(level: LevelPlan, by: readonly string[]): Statement {
  const same = level.columns
    .filter((item) => by.includes(item.name))
    .map((item) => sql`${column(FOUND, item.name)} = ${columnValue(item)}`);
  const result = answer(level, FOUND, numberOf(ITEM, level));
  return statement(
    sql`select ${result}${items(level)} join ${qualified(level.relation)} as ${name(FOUND.relation)} on ${join(
      same,
      sql` and `,
    )}`,
  );
}

/** Finds rows for which two sources give a column different values: their numbers come back. */
export function renderContradictions(level: LevelPlan): Statement {
  const pairs = level.columns.flatMap(({ name: called, members, given }) => {
    const values = members.map((member) => column(ITEM, member));
    if (given) values.push(transformed(given.transform, column(ITEM, called)));
    return values.flatMap((one, index) =>
      values.slice(index + 1).map((other) => sql`not (${one} = ${other})`),
    );
  });
  const number = numberOf(ITEM, level);
  return statement(
    sql`select ${number}${items({ ...level, applyDefaults: false })} where ${join(pairs, sql` or `)} order by 1 limit 1`,
  );
}
