/** Conditions within `or` and `and`. */
import type { AnyRelation } from './types/database.ts';
import type { ColumnName, OperatorFor, ValueFor } from './types/filter.ts';
import { condition } from './value.ts';

/** A condition within `or` and `and`. */
export interface Condition {
  readonly text: string;
}

/** Makes conditions: `c('estimate', 'gt', 8)`. */
export interface Conditions<Relation extends AnyRelation> {
  <Column extends ColumnName<Relation>, Op extends OperatorFor<Relation, Column>>(
    column: Column,
    operator: Op,
    value: ValueFor<Relation, Column, Op>,
  ): Condition;
  and(...conditions: readonly Condition[]): Condition;
  or(...conditions: readonly Condition[]): Condition;
  not(condition: Condition): Condition;
}

/** What makes them. */
export const conditions = <Relation extends AnyRelation>(): Conditions<Relation> => {
  const make = (column: string, operator: string, value: unknown): Condition => ({
    text: `${encodeURIComponent(column)}.${condition(operator, value, true)}`,
  });
  const group =
    (name: string) =>
    (...parts: readonly Condition[]): Condition => ({
      text: `${name}(${parts.map(({ text }) => text).join()})`,
    });
  const not = ({ text }: Condition): Condition => ({
    text: /^(?:and|or)\(/.test(text) ? `not.${text}` : text.replace('.', '.not.'),
  });
  return Object.assign(make, { and: group('and'), or: group('or'), not });
};
