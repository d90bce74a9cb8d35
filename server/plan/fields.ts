/**
 * Fields: what a name in a select, filter or order stands for in its relation. A name that the catalog does
 * not know stays as it is: it may be a computed column, and PostgreSQL tells where it is not.
 */

import { type Column, type Relation, representationKey } from '../catalog/types.ts';
import { nameKey, type QualifiedName } from '../names.ts';
import type { Field, Filter, Logic, OrderTerm, SelectField } from '../request/ast.ts';
import type { PlanContext } from './context.ts';
import type { PlannedField, PlannedLogic, PlannedOrder, PlannedSelect, TargetColumn } from './types.ts';

/** The relation that a name belongs to, if the catalog has it. */
export const relationOf = (context: PlanContext, name: QualifiedName): Relation | undefined =>
  context.catalog.relations.get(nameKey(name.schema, name.name));

const transformFrom = (context: PlanContext, source: string, target: string): string | null =>
  context.catalog.representations.get(representationKey(source, target))?.function ?? null;

const isJson = (column: Column | undefined): boolean =>
  column?.declaredType === 'json' || column?.declaredType === 'jsonb';

/** A field without representation: as orders use it. */
export function planField(relation: Relation | undefined, field: Field): PlannedField {
  const column = relation?.columns.get(field.name);
  return {
    name: field.name,
    path: field.path,
    toJson: field.path.length > 0 && !isJson(column),
    transform: null,
    fullRow: false,
  };
}

const transformOut = (context: PlanContext, column: Column | undefined): string | null =>
  column === undefined ? null : transformFrom(context, column.declaredType, 'json');

/** A selected field, in the representation that its domain has in JSON. */
export function planSelect(
  context: PlanContext,
  relation: Relation | undefined,
  item: SelectField,
): PlannedSelect {
  const { alias, cast, aggregate, aggregateCast } = item;
  const transform = transformOut(context, relation?.columns.get(item.field.name));
  return { field: { ...planField(relation, item.field), transform }, alias, cast, aggregate, aggregateCast };
}

/** All columns, one by one. */
export const allColumns = (context: PlanContext, relation: Relation): PlannedSelect[] =>
  [...relation.columns.values()].map((column) => ({
    field: {
      name: column.name,
      path: [],
      toJson: false,
      transform: transformOut(context, column),
      fullRow: false,
    },
    alias: null,
    cast: null,
    aggregate: null,
    aggregateCast: null,
  }));

/** Whether any column of the relation has a representation in JSON of its own. */
export const hasRepresentations = (context: PlanContext, relation: Relation): boolean =>
  context.catalog.representations.size > 0 &&
  [...relation.columns.values()].some((column) => transformOut(context, column) !== null);

function planFilter(context: PlanContext, relation: Relation | undefined, filter: Filter): PlannedLogic {
  const column = relation?.columns.get(filter.field.name);
  const transform = column === undefined ? null : transformFrom(context, 'text', column.declaredType);
  const type = column?.type ?? relation?.computedColumns.get(filter.field.name)?.type;
  return {
    kind: 'filter',
    field: { ...planField(relation, filter.field), transform },
    toTsVector: filter.comparison.kind === 'full-text' && type !== 'tsvector',
    negated: filter.negated,
    comparison: filter.comparison,
  };
}

/** A condition on a relation's own columns. */
export const planLogic = (
  context: PlanContext,
  relation: Relation | undefined,
  logic: Logic,
): PlannedLogic =>
  logic.kind === 'filter'
    ? planFilter(context, relation, logic)
    : { ...logic, children: logic.children.map((child) => planLogic(context, relation, child)) };

/** An order term; one over an embed is completed when the embeds are known. */
export const planOrder = (relation: Relation | undefined, term: OrderTerm): PlannedOrder => ({
  embedAlias: term.relation,
  field: planField(term.relation === null ? relation : undefined, term.field),
  direction: term.direction,
  nulls: term.nulls,
});

/** A column that a JSON body fills, read in its domain's representation where it has one. */
export function planTarget(context: PlanContext, column: Column): TargetColumn {
  const transform = transformFrom(context, 'json', column.declaredType);
  return {
    name: column.name,
    type: transform === null ? column.declaredType : 'json',
    transform,
    default: column.default,
  };
}
