/**
 * Functions as fields (pg_graphql's documentation, "Functions" and "Computed Fields"): which have a form in GraphQL,
 * under which names, and what their results are.
 */
import type { Routine, RoutineParameter } from '../catalog/types.ts';
import { nameKey, type QualifiedName } from '../names.ts';
import { type ColumnType, inflects, withoutLength } from './column-type.ts';
import { directiveOf, textIn } from './directive.ts';
import { functionField, isName, lowerFirst, typeName } from './inflection.ts';
import { type Model, type Table, tableOf } from './model.ts';

/** What a function gives. */
export type RoutineResult =
  | { readonly kind: 'value'; readonly type: ColumnType }
  | { readonly kind: 'record'; readonly table: Table }
  | { readonly kind: 'connection'; readonly table: Table };

export interface RoutineArgument {
  readonly name: string;
  readonly parameter: RoutineParameter;
  readonly type: ColumnType;
}

/** A function that is a field of the root. */
export interface RoutineField {
  readonly field: string;
  readonly description: string | null;
  readonly routine: Routine;
  readonly arguments: readonly RoutineArgument[];
  readonly result: RoutineResult;
}

/** A function over a table's row that is a field of it. */
export interface ComputedField {
  readonly field: string;
  readonly description: string | null;
  readonly routine: QualifiedName;
  readonly result: RoutineResult;
}

const isEnumType = (type: ColumnType): boolean =>
  type.kind === 'enum' || (type.kind === 'list' && isEnumType(type.of));

/** Enums, of whatever schema, are neither taken nor given by functions. */
const isEnumName = (model: Model, type: string): boolean =>
  model.catalog.types.get(withoutLength(type).replace(/\[\]$/, ''))?.kind === 'enum';

function argumentsOf(model: Model, routine: Routine): readonly RoutineArgument[] | null {
  const inflect = inflects(model.catalog, routine.name.schema);
  const found: RoutineArgument[] = [];
  for (const parameter of routine.parameters) {
    const type = model.typeOf(parameter.type);
    const unnamed = parameter.name === '' || parameter.variadic;
    if (unnamed || type === null || isEnumType(type) || isEnumName(model, parameter.type)) return null;
    const base = model.catalog.types.get(withoutLength(parameter.type));
    if (base?.kind === 'composite') return null;
    const name = lowerFirst(typeName(parameter.name, inflect));
    if (!isName(name)) return null;
    found.push({ name, parameter, type });
  }
  return found;
}

function resultOf(model: Model, routine: Routine): RoutineResult | null {
  const { returns } = routine;
  if (returns.kind === 'composite') {
    const table = tableOf(model, returns.type);
    if (!table || returns.isDomain) return null;
    return returns.setOf && !returns.toOne ? { kind: 'connection', table } : { kind: 'record', table };
  }
  // a set of one row is still a set, and none of values that are not rows is served
  if (returns.setOf && !returns.toOne) return null;
  const type = model.typeOf(returns.declaredType);
  if (type === null || isEnumType(type) || isEnumName(model, returns.declaredType)) return null;
  return { kind: 'value', type };
}

const COLLECTION_ARGUMENTS: ReadonlySet<string> = new Set([
  'first',
  'last',
  'before',
  'after',
  'offset',
  'filter',
  'orderBy',
]);

function buildRoutineField(model: Model, routine: Routine): RoutineField | null {
  const { schema, name } = routine.name;
  if (routine.variadic || !model.judge.mayUse(schema) || !model.judge.may(routine.grants, 'EXECUTE')) {
    return null;
  }
  const given = argumentsOf(model, routine);
  const result = resultOf(model, routine);
  if (given === null || result === null) return null;
  if (result.kind === 'connection' && given.some((item) => COLLECTION_ARGUMENTS.has(item.name))) return null;
  const directive = directiveOf(routine.comment);
  const field = textIn(directive, 'name') ?? functionField(name, inflects(model.catalog, schema));
  if (!isName(field)) return null;
  return { field, description: textIn(directive, 'description'), routine, arguments: given, result };
}

/** The functions that the root has as fields, queries and mutations alike. Overloaded ones have none. */
export function buildRoutineFields(model: Model): readonly RoutineField[] {
  const byName = new Map<string, Routine[]>();
  for (const overloads of model.catalog.routines.values()) {
    for (const routine of overloads) {
      const list = byName.get(routine.name.name) ?? [];
      list.push(routine);
      byName.set(routine.name.name, list);
    }
  }
  return [...byName.values()].flatMap(([only, ...others]) =>
    only === undefined || others.length > 0 ? [] : (buildRoutineField(model, only) ?? []),
  );
}

/** The functions that a table's rows have as fields. */
export function buildComputedFields(model: Model, table: Table): readonly ComputedField[] {
  const { schema, name } = table.relation.name;
  const { judge, catalog } = model;
  const fields: ComputedField[] = [];
  const add = (routine: QualifiedName, comment: string | null, result: RoutineResult): void => {
    const directive = directiveOf(comment);
    const field = textIn(directive, 'name') ?? functionField(routine.name, inflects(catalog, routine.schema));
    if (isName(field)) fields.push({ field, description: textIn(directive, 'description'), routine, result });
  };
  for (const computed of table.relation.computedColumns.values()) {
    const { routine, type, comment, grants } = computed;
    if (!judge.mayUse(routine.schema) || !judge.may(grants, 'EXECUTE')) continue;
    const value = model.typeOf(type);
    if (value !== null) add(routine, comment, { kind: 'value', type: value });
  }
  for (const relationship of catalog.relationships.get(nameKey(schema, name)) ?? []) {
    if (relationship.kind !== 'computed' || !judge.mayUse(relationship.routine.schema)) continue;
    const { schema: at, name: called } = relationship.target;
    const keyless = relationship.toOne ? model.keyless.get(nameKey(at, called)) : undefined;
    const target = tableOf(model, relationship.target) ?? keyless;
    if (!target || !judge.may(relationship.grants, 'EXECUTE')) continue;
    const kind = relationship.toOne ? 'record' : 'connection';
    add(relationship.routine, relationship.comment, { kind, table: target });
  }
  return fields;
}
