/**
 * Where the columns of views come from. A view's rewrite rule names the relation right behind each column; where
 * that is a view again we go on, down to the tables. Keys of those tables then show through the view: its primary
 * key, and the ends of foreign keys, once for every way to pick a view column per key column.
 */
import type { RawId, RawViewColumn } from './raw.ts';

/** A column of a view that shows one of a relation. */
type Step = RawViewColumn & { readonly relation: RawId; readonly column: number };

const isStep = (row: RawViewColumn): row is Step => row.relation !== null;

/** What a view shows of one relation below it: that relation's column positions to its own, ascending. */
export type Shown = ReadonlyMap<number, readonly number[]>;

/** For each relation, the views that show something of it. */
export type Lineage = ReadonlyMap<RawId, ReadonlyMap<RawId, Shown>>;

/** Follows every column of the given views; columns of views that `columns` does not speak of end there. */
export const buildLineage = (columns: readonly RawViewColumn[]): Lineage => {
  const rows = columns.filter(isStep);
  const behind = new Map<string, Step>();
  for (const row of rows) behind.set(columnKey(row.view, row.position), row);

  const lineage = new Map<RawId, Map<RawId, Map<number, number[]>>>();
  for (const row of rows) {
    const passed = new Set<string>();
    let step: Step | undefined = row;
    while (step !== undefined) {
      const views = entry(lineage, step.relation, () => new Map<RawId, Map<number, number[]>>());
      const shown = entry(views, row.view, () => new Map<number, number[]>());
      entry(shown, step.column, (): number[] => []).push(row.position);
      const key = columnKey(step.relation, step.column);
      // PostgreSQL lets two views be replaced so that they read each other, and fails only when one is read.
      if (passed.has(key)) break;
      passed.add(key);
      step = behind.get(key);
    }
  }
  return lineage;
};

/**
 * Tells whether a column of a view holds no nulls, through views of views. PostgreSQL proves the single steps
 * (sql/catalog/view-columns.sql); what it does not speak of may be null.
 */
export const createNullJudge = (
  columns: readonly RawViewColumn[],
): ((view: RawId, position: number) => boolean) => {
  const byColumn = new Map(columns.map((row) => [columnKey(row.view, row.position), row]));
  return (view, position) => {
    const passed = new Set<RawViewColumn>();
    let row = byColumn.get(columnKey(view, position));
    while (row?.nulls === 'b' && isStep(row) && !passed.has(row)) {
      passed.add(row);
      row = byColumn.get(columnKey(row.relation, row.column));
    }
    return row?.nulls === 'n';
  };
};

/**
 * All ways to find the columns of a key in a view: lists of view columns in the key's order. Empty when the view
 * does not show the whole key.
 */
export const pickKey = (shown: Shown, key: readonly number[]): readonly (readonly number[])[] => {
  let picks: readonly (readonly number[])[] = [[]];
  for (const column of key) {
    const choices = shown.get(column) ?? [];
    picks = picks.flatMap((pick) => choices.map((choice) => [...pick, choice]));
  }
  return picks;
};

const columnKey = (relation: RawId, column: number): string => `${relation}.${column}`;

const entry = <K, V>(map: Map<K, V>, key: K, create: () => V): V => {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
};
