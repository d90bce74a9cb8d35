/**
 * A relation's rows in PostgREST's Swagger 2.0.
 */
import { readableComment } from '../catalog/protection.ts';
import type { Column, Relationship } from '../catalog/types.ts';
import { constantBoolean, constantNumber, constantText } from './default-value.ts';
import type { DescribedColumn, DescribedRelation } from './model.ts';
import { bodyType } from './swagger-type.ts';

const isView = (relationship: Relationship): boolean => relationship.targetIsView;

/** The column that a column alone refers to; of several, a table's before a view's. */
function referenceOf(
  { relationships }: DescribedRelation,
  column: Column,
): { table: string; column: string } | null {
  const found = relationships.flatMap((one) => {
    if (one.kind !== 'many-to-one' && (one.kind !== 'one-to-one' || !one.sourceHoldsKey)) return [];
    const [pair, ...more] = one.columns;
    return pair?.[0] === column.name && more.length === 0 ? [{ one, to: pair[1] }] : [];
  });
  const best = found.find(({ one }) => !isView(one)) ?? found[0];
  return best === undefined ? null : { table: best.one.target.name, column: best.to };
}

function descriptionOf(relation: DescribedRelation, { column, isKey }: DescribedColumn): string | null {
  const reference = referenceOf(relation, column);
  const notes = [
    ...(isKey ? ['This is a Primary Key.<pk/>'] : []),
    ...(reference === null
      ? []
      : [
          `This is a Foreign Key to \`${reference.table}.${reference.column}\`.<fk table='${reference.table}' column='${reference.column}'/>`,
        ]),
  ];
  const note = notes.length === 0 ? null : `Note:\n${notes.join('\n')}`;
  const parts = [readableComment(column.comment), note].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join('\n\n');
}

/** The default: a constant by its value, any other expression as it stands where the type is text. */
function defaultOf({ default: expression, type }: Column): unknown {
  if (expression === null) return undefined;
  switch (bodyType(type).type) {
    case 'boolean':
      return constantBoolean(expression) ?? undefined;
    case 'integer':
    case 'number':
      return constantNumber(expression) ?? undefined;
    case 'string':
      return constantText(expression) ?? expression;
    default:
      return undefined;
  }
}

function propertyOf(relation: DescribedRelation, described: DescribedColumn): Record<string, unknown> {
  const { column } = described;
  const description = descriptionOf(relation, described);
  const initial = defaultOf(column);
  return {
    ...bodyType(column.type),
    ...(column.maxLength === null ? {} : { maxLength: column.maxLength }),
    ...(column.enumLabels.length === 0 ? {} : { enum: column.enumLabels }),
    ...(initial === undefined ? {} : { default: initial }),
    ...(description === null ? {} : { description }),
  };
}

/** The definition of a relation's rows. */
export function definitionOf(described: DescribedRelation): Record<string, unknown> {
  const { relation, columns } = described;
  const required = columns.filter(({ column }) => !column.nullable).map(({ column }) => column.name);
  const comment = readableComment(relation.comment);
  return {
    ...(comment === null ? {} : { description: comment }),
    type: 'object',
    properties: Object.fromEntries(columns.map((one) => [one.column.name, propertyOf(described, one)])),
    ...(required.length === 0 ? {} : { required }),
  };
}
