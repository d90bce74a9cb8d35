/** The rows of one table or view: where reads and writes begin. */
import { Query } from './query.ts';
import type { State } from './request.ts';
import type { AnyRelation, AnySchema, StarOf } from './types/database.ts';
import type { InsertOf, NestedInsert, UpdateOf } from './types/write.ts';

export interface UpsertOptions {
  /** The unique columns that tell which rows are there already; the primary key where there is none. */
  readonly onConflict?: string;
  /** Leaves the rows alone that are there already. */
  readonly ignoreDuplicates?: boolean;
}

/** A write, of which `select` says what it answers. */
type Write<Schema extends AnySchema, Relation extends AnyRelation> = Query<
  Schema,
  Relation,
  '*',
  StarOf<Relation>,
  null
>;

type Many<Row> = Row | readonly Row[];

/** The keys of all rows, where not all rows have the same. */
const keysOf = (rows: unknown): string | null => {
  if (!Array.isArray(rows)) return null;
  const lists = rows.map((row: object) => Object.keys(row));
  const all = new Set(lists.flat());
  return lists.every((keys) => keys.length === all.size)
    ? null
    : [...all].map((key) => `"${key.replace(/["\\]/g, '\\$&')}"`).join();
};

export class RelationClient<Schema extends AnySchema, Relation extends AnyRelation> extends Query<
  Schema,
  Relation,
  '*',
  StarOf<Relation>,
  StarOf<Relation>[]
> {
  #write(method: State['method'], body: unknown, prefer: readonly string[], onConflict?: string): never {
    const columns = keysOf(body);
    const parameters: [string, string][] = [];
    if (columns !== null) parameters.push(['columns', encodeURIComponent(columns)]);
    if (onConflict !== undefined) parameters.push(['on_conflict', encodeURIComponent(onConflict)]);
    const change = { method, body, prefer, parameters, shape: 'nothing' } as const;
    return new Query({ ...this.state, ...change }) as never;
  }

  /** What a row leaves out takes its default. */
  insert(rows: Many<InsertOf<Relation>>): Write<Schema, Relation> {
    return this.#write('POST', rows, ['missing=default']);
  }
  /** Rows with the rows that are related to them, in one transaction. */
  insertNested(rows: Many<NestedInsert<Schema, Relation>>): Write<Schema, Relation> {
    const change = { method: 'POST', body: rows, prefer: ['missing=default'], shape: 'nothing' } as const;
    return new Query<Schema, Relation, '*', StarOf<Relation>, null>({ ...this.state, ...change });
  }
  upsert(
    rows: Many<InsertOf<Relation>>,
    { onConflict, ignoreDuplicates = false }: UpsertOptions = {},
  ): Write<Schema, Relation> {
    const resolution = `resolution=${ignoreDuplicates ? 'ignore' : 'merge'}-duplicates`;
    return this.#write('POST', rows, ['missing=default', resolution], onConflict);
  }
  /** Changes the rows that the filters choose. */
  update(changes: UpdateOf<Relation>): Write<Schema, Relation> {
    return this.#write('PATCH', changes, []);
  }
  /** Deletes the rows that the filters choose. */
  delete(): Write<Schema, Relation> {
    return this.#write('DELETE', undefined, []);
  }
}
