/**
 * What a field or an input field of the schema stands for in the database. The schema carries it, so that planning a
 * document is a walk along the schema's own types: what validation let through is resolved already.
 */
import type { GraphQLField, GraphQLInputField } from 'graphql';
import type { AggregateFunction } from '../plan/document.ts';
import type { Table, TableColumn } from './model.ts';
import type { Reference } from './reference.ts';
import type { ComputedField, RoutineField } from './routine.ts';

export type FieldMeaning =
  // of the roots
  | { readonly kind: 'collection'; readonly table: Table }
  | { readonly kind: 'by key'; readonly table: Table }
  | { readonly kind: 'by node id' }
  | { readonly kind: 'insert' | 'update' | 'update by key' | 'delete'; readonly table: Table }
  | { readonly kind: 'call'; readonly routine: RoutineField }
  // of a row
  | { readonly kind: 'column'; readonly column: TableColumn }
  | { readonly kind: 'node id'; readonly table: Table }
  | { readonly kind: 'reference'; readonly reference: Reference }
  | { readonly kind: 'computed'; readonly computed: ComputedField }
  // of a connection and what is in it
  | { readonly kind: 'edges' | 'page info' | 'total count' | 'aggregate' }
  | { readonly kind: 'groups'; readonly table: Table }
  | { readonly kind: 'group key' }
  | { readonly kind: 'cursor' | 'node' }
  | { readonly kind: 'start cursor' | 'end cursor' | 'has next page' | 'has previous page' }
  | { readonly kind: 'count' }
  | { readonly kind: 'aggregated columns'; readonly aggregate: AggregateFunction }
  | { readonly kind: 'aggregated'; readonly column: TableColumn }
  // of the answer to a write
  | { readonly kind: 'affected count' | 'records' };

/** What an input field stands for. */
export type InputMeaning =
  | { readonly kind: 'column'; readonly column: TableColumn }
  | { readonly kind: 'node id'; readonly table: Table }
  | { readonly kind: 'and' | 'or' | 'not' }
  /** Rows of another table: the one, or those for which some, all or none of the conditions hold. */
  | { readonly kind: 'related'; readonly reference: Reference }
  // of conditions on groups, and of their order
  | { readonly kind: 'group key' | 'aggregate' | 'count' }
  | { readonly kind: 'aggregated columns'; readonly aggregate: AggregateFunction };

/** What is said of the rows of another table. */
export type Quantifier = 'some' | 'every' | 'none';

const KEY = 'aura';

export const means = (meaning: FieldMeaning | InputMeaning) => ({ [KEY]: meaning });

/** Every field of the schema has a meaning; GraphQL's own (`__typename`) are not asked for one. */
export function meaningOf(field: GraphQLField<unknown, unknown>): FieldMeaning {
  const meaning = field.extensions[KEY];
  if (meaning === undefined) throw new Error(`the field ${field.name} has no meaning`);
  return meaning as FieldMeaning;
}

export function inputMeaningOf(field: GraphQLInputField): InputMeaning {
  const meaning = field.extensions[KEY];
  if (meaning === undefined) throw new Error(`the input field ${field.name} has no meaning`);
  return meaning as InputMeaning;
}
