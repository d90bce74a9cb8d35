/**
 * Inserts whose objects hold, beside columns, objects of related tables: the body of a nested write as REST has it,
 * whose embeds are called by their fields. What nests is known by the schema; places, levels and their statements are
 * those of every nested write.
 */
import { type GraphQLInputObjectType, type GraphQLSchema, getNamedType, isInputObjectType } from 'graphql';
import { reservedPrefix } from '../plan/level.ts';
import { createRoot, type Embed, type Place, type Writing } from '../plan/place.ts';
import type { InsertPlan } from '../plan/types.ts';
import type { Input } from './input.ts';
import { inputMeaningOf } from './meaning.ts';
import { fieldColumn, type Table, tableOf } from './model.ts';
import { type Planner, refusal, type SlotReader } from './planner.ts';
import type { Reference } from './reference.ts';
import { isRow, memberJson } from './row-json.ts';

/** An insert of several tables, before its body is known. */
export interface NestedInsert {
  /** Its body as JSON. */
  readonly body: SlotReader;
  /** Makes the places anew for each body: they count what it nests. Throws ApiError. */
  readonly createRoot: () => Place;
  /** The columns of the root's rows that are answered. */
  readonly answered: readonly string[];
}

/** What becomes of rows that exist already, at a place and below it. */
interface Conflict {
  readonly fields?: readonly string[] | null;
  readonly action?: 'merge' | 'ignore' | null;
  readonly related?: Readonly<Record<string, Conflict | null>> | null;
}

/** What becomes of rows that exist already. Throws GraphQLError for an action without fields. */
function writingOf({ fields, action }: Conflict): InsertPlan['conflict'] {
  if (fields && fields.length > 0) return { resolution: action ?? 'merge', columns: fields };
  if (action) {
    throw refusal(
      'onConflict has an action and no fields',
      'Name the fields by which a record is found to exist.',
    );
  }
  return null;
}

/** `onConflict` at the root. Throws GraphQLError where it does not say enough, there or below. */
export function planConflict(input: Input | undefined): InsertPlan['conflict'] {
  const conflict = (input?.value ?? {}) as Conflict;
  const check = (each: Conflict): void => {
    writingOf(each);
    for (const below of Object.values(each.related ?? {})) if (below) check(below);
  };
  check(conflict);
  return writingOf(conflict);
}

/** The conflict at a path of embeds; null = nothing is said of it. */
const conflictAt = (conflict: Conflict, path: readonly string[]): Conflict | null =>
  path.reduce<Conflict | null>((above, field) => above?.related?.[field] ?? null, conflict);

const insertInput = (schema: GraphQLSchema, { name }: Table): GraphQLInputObjectType | null => {
  const type = schema.getType(`${name}InsertInput`);
  return isInputObjectType(type) ? type : null;
};

/** The reference that a field of an insert's objects leads along; null = it is a column's. */
function referenceOf(type: GraphQLInputObjectType | null, field: string): Reference | null {
  const found = type?.getFields()[field];
  const meaning = found && inputMeaningOf(found);
  return meaning?.kind === 'related' ? meaning.reference : null;
}

/** Whether any of these fields holds objects of another table. */
export const nests = ({ schema }: Planner, table: Table, fields: readonly string[]): boolean =>
  fields.some((field) => referenceOf(insertInput(schema, table), field) !== null);

/** An object as JSON; keys of embeds begin with what no column's name begins with. */
function objectJson(type: GraphQLInputObjectType | null, table: Table, row: unknown): string {
  if (!isRow(row) || type === null) throw new Error('an object of an insert is none');
  const prefix = reservedPrefix(table.relation);
  const members = Object.entries(row).flatMap(([field, value]) => {
    const reference = referenceOf(type, field);
    if (reference === null) {
      const column = fieldColumn(table, field);
      return column ? [memberJson(column, value)] : [];
    }
    const { target, toOne } = reference;
    const below = getNamedType(type.getFields()[field]?.type);
    const inner = (item: unknown): string =>
      objectJson(isInputObjectType(below) ? below : null, target, item);
    // no list says nothing; no object says that there is none
    if (value === null && !toOne) return [];
    const text = value === null ? 'null' : toOne ? inner(value) : `[${listOf(value).map(inner).join()}]`;
    return [`${JSON.stringify(prefix + field)}:${text}`];
  });
  return `{${members.join()}}`;
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** What a reference embeds. */
const embedOf = ({ field, target, toOne, holdsKey, columns }: Reference): Embed => ({
  name: field,
  toOne,
  target: () => ({
    relation: target.relation,
    link: { kind: holdsKey ? 'parent' : 'child', pairs: columns },
  }),
});

/** Plans a nested insert of these objects. */
export function planNested(
  planner: Planner,
  table: Table,
  objects: Input,
  onConflict: Input | undefined,
  answered: readonly string[],
): NestedInsert {
  const { schema, model, context } = planner;
  const type = insertInput(schema, table);
  const conflict = (onConflict?.value ?? {}) as Conflict;
  const writingAt = (path: readonly string[], keys: readonly string[]): Writing => {
    const found = writingOf(conflictAt(conflict, path) ?? {});
    return { resolution: found?.resolution ?? null, identity: found?.columns ?? keys };
  };
  return {
    answered,
    body: (variables) =>
      `[${listOf(objects.read(variables))
        .map((row) => objectJson(type, table, row))
        .join()}]`,
    createRoot: () =>
      createRoot(context, table.relation, {
        embedOf: (of, _path, key) => {
          const holder = tableOf(model, of.name);
          const prefix = reservedPrefix(of);
          if (!holder || !key.startsWith(prefix)) return null;
          const reference = referenceOf(insertInput(schema, holder), key.slice(prefix.length));
          return reference && embedOf(reference);
        },
        writingOf: (path, { primaryKey }) => writingAt(path, path.length === 0 ? [] : primaryKey),
        only: null,
      }),
  };
}
