/**
 * Mutations that write tables: what is written, of which rows, and what is answered of them.
 */
import type { DocumentWrite, WrittenValue } from '../plan/document.ts';
import { columnsNeeded } from '../plan/document-columns.ts';
import type { TargetColumn, WrittenPlan } from '../plan/types.ts';
import { planFilter } from './filter.ts';
import { type Input, membersOf, namesOfRows, type Variables } from './input.ts';
import { fieldColumn, type Table, type TableColumn } from './model.ts';
import { type NestedInsert, nests, planConflict, planNested } from './nested.ts';
import { type Planner, refusal, type SlotReader } from './planner.ts';
import { planRow } from './row.ts';
import { isRow, memberJson } from './row-json.ts';
import { inputsOf, objectTypeOf, planMembers, type Selected } from './selected.ts';
import { selectionsOf } from './selection.ts';

/** A write, with what differs between two requests of one structure. */
export interface PlannedWrite {
  readonly write: DocumentWrite;
  /** The JSON that is written; null = nothing. */
  readonly body: SlotReader | null;
  /** The most rows that it may affect; null = any number. */
  readonly atMost: WriteLimit | null;
  /** What is written before, by statements of its own; null = nothing. */
  readonly nested: NestedInsert | null;
}

/** How many rows a write may affect, and what it would do to them. */
export interface WriteLimit {
  readonly verb: 'update' | 'delete';
  readonly most: (variables: Variables) => number;
}

const objectJson = (columns: readonly TableColumn[], row: unknown): string => {
  const members = columns.flatMap((column) =>
    isRow(row) && row[column.field] !== undefined ? [memberJson(column, row[column.field])] : [],
  );
  return `{${members.join()}}`;
};

const rowsJson = (columns: readonly TableColumn[], rows: unknown): string =>
  `[${(rows as readonly unknown[]).map((row) => objectJson(columns, row)).join()}]`;

/** The columns of fields, in the table's order. */
const columnsOf = (table: Table, names: readonly string[]): TableColumn[] =>
  table.columns.filter((item) => names.includes(item.field) && fieldColumn(table, item.field) === item);

const targetOf = ({ column }: TableColumn): TargetColumn => ({
  name: column.name,
  type: column.declaredType,
  transform: null,
  default: column.default,
});

function planAnswer(planner: Planner, table: Table, selected: Selected) {
  const members = planMembers(
    planner,
    objectTypeOf(selected),
    selectionsOf(selected.nodes),
    (inner): WrittenValue => {
      if (inner.meaning.kind === 'affected count') return { kind: 'affected count' };
      const type = objectTypeOf(inner);
      return { kind: 'records', members: planRow(planner, table, type, selectionsOf(inner.nodes)) };
    },
  );
  const needed = members.flatMap(({ value }) =>
    value.kind === 'records' ? columnsNeeded(value.members) : [],
  );
  return { members, returning: needed.includes('*') ? ['*'] : [...new Set(needed)] };
}

/** `insertInto...Collection`. */
export function planInsert(planner: Planner, table: Table, selected: Selected): PlannedWrite {
  planner.touch(table.relation);
  const inputs = inputsOf(planner, selected);
  const objects = inputs.get('objects');
  const rows = (objects?.value ?? []) as readonly object[];
  if (!objects || rows.length === 0) throw refusal('At least one record must be provided to objects');
  const { names, isMixed } = namesOfRows(rows);
  const conflict = planConflict(inputs.get('onConflict'));
  const { members, returning } = planAnswer(planner, table, selected);
  if (nests(planner, table, names)) {
    const answered = returning.includes('*') ? [...table.relation.columns.keys()] : returning;
    const nested = planNested(planner, table, objects, inputs.get('onConflict'), answered);
    return { write: { mutate: writtenBefore(table, answered), members }, body: null, atMost: null, nested };
  }
  const columns = columnsOf(table, names);
  return {
    write: {
      mutate: {
        kind: 'insert',
        relation: table.relation.name,
        columns: columns.map(targetOf),
        bodyIsObject: false,
        conflict,
        conditions: [],
        returning,
        primaryKey: [],
        applyDefaults: isMixed,
      },
      members,
    },
    body: (variables) => rowsJson(columns, objects.read(variables)),
    atMost: null,
    nested: null,
  };
}

/** Rows that statements of their own have written: they come in the body of what answers. */
const writtenBefore = ({ relation }: Table, columns: readonly string[]): WrittenPlan => ({
  kind: 'written',
  relation: relation.name,
  columns: columns.map((name) => ({ name, type: relation.columns.get(name)?.declaredType ?? 'text' })),
  primaryKey: [],
});

function amountOf(input: Input | undefined): (variables: Variables) => number {
  return (variables) => {
    const value = input?.read(variables);
    if (typeof value !== 'number') throw refusal('`atMost` must be a number');
    return value;
  };
}

/** The conditions of `filter`. */
const filterOf = (planner: Planner, table: Table, selected: Selected, input: Input | undefined) => {
  const type = selected.definition.args.find(({ name }) => name === 'filter')?.type;
  return type ? planFilter(planner, table, type, input) : [];
};

/** `update...Collection`. */
export function planUpdate(planner: Planner, table: Table, selected: Selected): PlannedWrite {
  planner.touch(table.relation);
  const inputs = inputsOf(planner, selected);
  const set = inputs.get('set');
  const columns = columnsOf(table, set ? membersOf(set).map(([name]) => name) : []);
  if (!set || columns.length === 0) throw refusal('At least one mapping must be provided to set argument');
  const { members, returning } = planAnswer(planner, table, selected);
  return {
    write: {
      mutate: {
        kind: 'update',
        relation: table.relation.name,
        columns: columns.map(targetOf),
        keys: [],
        bodyIsObject: true,
        conditions: filterOf(planner, table, selected, inputs.get('filter')),
        returning,
        applyDefaults: false,
      },
      members,
    },
    body: (variables) => objectJson(columns, set.read(variables)),
    atMost: { verb: 'update', most: amountOf(inputs.get('atMost')) },
    nested: null,
  };
}

/** `update...CollectionByPk`. */
export function planUpdateByKey(planner: Planner, table: Table, selected: Selected): PlannedWrite {
  planner.touch(table.relation);
  const objects = inputsOf(planner, selected).get('objects');
  const { names, isMixed } = namesOfRows((objects?.value ?? []) as readonly object[]);
  if (isMixed) {
    throw refusal(
      'The objects have different fields',
      'A field that is not there would have to become null or stay as it is; send them in two updates.',
    );
  }
  const columns = columnsOf(table, names);
  const written = columns.filter((column) => !table.key.includes(column));
  if (!objects || written.length === 0) throw refusal('At least one mapping must be provided in each object');
  const { members, returning } = planAnswer(planner, table, selected);
  return {
    write: {
      mutate: {
        kind: 'update',
        relation: table.relation.name,
        columns: written.map(targetOf),
        keys: table.key.map(targetOf),
        bodyIsObject: false,
        conditions: [],
        returning,
        applyDefaults: false,
      },
      members,
    },
    body: (variables) => rowsJson(columns, objects.read(variables)),
    atMost: null,
    nested: null,
  };
}

/** `deleteFrom...Collection`. */
export function planDelete(planner: Planner, table: Table, selected: Selected): PlannedWrite {
  planner.touch(table.relation);
  const inputs = inputsOf(planner, selected);
  const { members, returning } = planAnswer(planner, table, selected);
  return {
    write: {
      mutate: {
        kind: 'delete',
        relation: table.relation.name,
        conditions: filterOf(planner, table, selected, inputs.get('filter')),
        returning,
      },
      members,
    },
    body: null,
    atMost: { verb: 'delete', most: amountOf(inputs.get('atMost')) },
    nested: null,
  };
}
