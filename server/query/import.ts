/**
 * Imports as SQL: COPY into a temporary table whose columns have the types of the target's, and one insert from
 * there. COPY into the target itself knows neither Row-Level Security nor views nor `on conflict`; an insert knows
 * them all, and checks every row as if it had come alone.
 */
import type { InsertPlan, TargetColumn } from '../plan/types.ts';
import { transformed } from './filter.ts';
import { defaults, INSERTED, renderInsert } from './mutate.ts';
import { compile, constant, type Fragment, fromCatalog, list, literal, name, nothing, sql } from './sql.ts';

/** What the records of the body are. */
export type ImportSource =
  | {
      readonly kind: 'csv';
      /** Names of the header line, each once. */
      readonly header: readonly string[];
      /**
       * How a cell is read: as PostgREST reads CSV (NULL is null, JSON columns get a JSON string), or as COPY does
       * (a cell with nothing in it is null, JSON columns get JSON).
       */
      readonly reading: 'postgrest' | 'copy';
    }
  /** One JSON object a line; `separator` is between the number of the line and the object. */
  | { readonly kind: 'ndjson'; readonly separator: string };

/** The statements of an import, in the order in which they run. */
export interface ImportStatements {
  /** Makes the table that the records are copied into; it goes with the transaction. */
  readonly create: string;
  /** Refuses what the role may not do, before anything was sent. */
  readonly check: string;
  /** Copies a batch of records, each behind the number of its line. */
  readonly copy: string;
  readonly insert: string;
  /** The same for the lines after the first parameter and up to the second. */
  readonly insertLines: string;
  /** `response.headers`, `response.status`, and how many rows an upsert inserted. */
  readonly settings: string;
}

/** COPY says in its messages where it is. */
const TABLE_NAME = 'aura_import';
const TABLE = sql`pg_temp.${name(TABLE_NAME)}`;

/** The line of its data that COPY complains of, from the context of its error: `COPY aura_import, line 3, column a`. */
export function lineOf(where: string | null): number | null {
  const digits = where?.split(TABLE_NAME)[1]?.match(/^\D*(\d+)/)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** The column that COPY complains of, as far as it names one in English. */
export const columnOf = (where: string | null): string | null =>
  /, column (.+?): /.exec(where?.split(TABLE_NAME)[1] ?? '')?.[1] ?? null;

/** A name that none of the others is. */
const unlike = (names: readonly string[], wanted: string): string =>
  names.includes(wanted) ? unlike(names, `${wanted}_`) : wanted;

interface Staged {
  /** Definitions of the columns behind the line's number. */
  readonly columns: readonly Fragment[];
  readonly copyOptions: Fragment;
  /** The typed values of the target's columns. */
  readonly from: (condition: Fragment) => Fragment;
}

/** PostgREST makes CSV JSON, in which every value is a string. */
const isJsonString = (item: TargetColumn): boolean =>
  item.transform !== null || item.type === 'json' || item.type === 'jsonb';

const missing = (item: TargetColumn, applyDefaults: boolean): Fragment =>
  applyDefaults && item.default !== null ? fromCatalog(item.default) : sql`null::${fromCatalog(item.type)}`;

function stageCsv(plan: InsertPlan, source: Extract<ImportSource, { kind: 'csv' }>, line: Fragment): Staged {
  const { header, reading } = source;
  const asText = (item: TargetColumn): boolean => reading === 'postgrest' && isJsonString(item);
  const columns = header.map((called, index) => {
    const item = plan.columns.find((column) => column.name === called);
    // what is not written is only passed over, whatever it is called
    if (!item) return { called: unlike(header, `aura_unused_${index}`), type: sql`text` };
    return { called, type: asText(item) ? sql`text` : fromCatalog(item.type) };
  });
  const value = (item: TargetColumn): Fragment => {
    if (!header.includes(item.name)) return missing(item, plan.applyDefaults);
    const cell = name(item.name);
    const json = item.type === 'jsonb' ? sql`to_jsonb(${cell})` : sql`to_json(${cell})`;
    return transformed(item.transform, asText(item) ? json : cell);
  };
  const nulls =
    reading === 'copy' || header.length === 0
      ? nothing
      : sql`, null 'NULL', force_null (${list(columns.map(({ called }) => name(called)))})`;
  const values = list([line, ...plan.columns.map((item) => sql`${value(item)} as ${name(item.name)}`)]);
  return {
    columns: columns.map(({ called, type }) => sql`${name(called)} ${type}`),
    copyOptions: sql`format csv${nulls}`,
    from: (condition) => sql`from (select ${values} from ${TABLE}${condition}) pgrst_body`,
  };
}

function stageNdjson(plan: InsertPlan, source: Extract<ImportSource, { kind: 'ndjson' }>): Staged {
  const { columns, applyDefaults } = plan;
  const typed = list(columns.map((item) => sql`${name(item.name)} ${fromCatalog(item.type)}`));
  const values = list(
    columns.map((item) => sql`${transformed(item.transform, name(item.name))} as ${name(item.name)}`),
  );
  const record = applyDefaults
    ? sql`jsonb_to_record(${defaults(columns)} || doc::jsonb)`
    : sql`json_to_record(doc)`;
  const objects =
    columns.length === 0
      ? nothing
      : sql`, lateral (select ${values} from ${record} as item(${typed})) pgrst_body`;
  return {
    columns: [sql`doc json`],
    // neither quote nor separator is in any JSON
    copyOptions: sql`format csv, delimiter ${literal(source.separator)}, quote ${literal('\x01')}`,
    from: (condition) => sql`from (select * from ${TABLE}${condition}) records${objects}`,
  };
}

/** Renders an import. The plan must have no conditions of its own. */
export function renderImport(plan: InsertPlan, source: ImportSource): ImportStatements {
  const line = name(unlike(source.kind === 'csv' ? source.header : ['doc'], 'aura_line'));
  const staged = source.kind === 'csv' ? stageCsv(plan, source, line) : stageNdjson(plan, source);
  const definitions = list([sql`${line} ${sql`bigint`}`, ...staged.columns]);
  const insert = renderInsert(plan, staged.from(nothing));
  const bound = constant(null);
  const part = staged.from(sql` where ${line} > ${bound} and ${line} <= ${bound}`);
  const text = (fragment: Fragment): string => compile(fragment).text;
  return {
    create: text(sql`create temporary table ${TABLE} (${definitions}) on commit drop`),
    check: text(sql`explain ${insert}`),
    copy: text(sql`copy ${TABLE} from stdin (${staged.copyOptions}, encoding 'UTF8')`),
    insert: text(insert),
    insertLines: text(renderInsert(plan, part)),
    settings: text(
      sql`select nullif(current_setting('response.headers', true), ''), nullif(current_setting('response.status', true), ''), ${INSERTED}`,
    ),
  };
}
