/** `distinctOn`: of the rows with equal values in some fields the first one, in the order of the collection. */
import { type GraphQLInputType, getNamedType } from 'graphql';
import type { DistinctRows } from '../plan/document.ts';
import { isFieldEnum } from './field-enum.ts';
import type { Input } from './input.ts';
import type { Table } from './model.ts';
import { keyOfColumn, type PlannedOrder } from './order.ts';

/** Plans it; null where no fields are named, or the argument is a function's own of that name. */
export function planDistinct(
  table: Table,
  type: GraphQLInputType | undefined,
  input: Input | undefined,
  { keys }: PlannedOrder,
): DistinctRows | null {
  if (type === undefined || !isFieldEnum(getNamedType(type).name)) return null;
  const names = [...new Set((input?.value ?? []) as readonly string[])];
  if (names.length === 0) return null;
  // what the order says of these columns holds; rows of the answer are then in the order of the index, too
  const own = keys.filter(({ embedAlias, field }) => embedAlias === null && names.includes(field.name));
  const others = names.filter((name) => own.every(({ field }) => field.name !== name));
  const first = [...own, ...others.map((name) => keyOfColumn(table, name))];
  return { columns: names, keys: [...first, ...keys.filter((key) => !own.includes(key))] };
}
