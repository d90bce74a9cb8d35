/**
 * What the planning of one operation works with: the schema's model, the selections, and the slots that its values
 * are put into.
 */
import { GraphQLError, type GraphQLSchema } from 'graphql';
import type { Relation } from '../catalog/types.ts';
import type { PlanContext } from '../plan/context.ts';
import type { Operand } from '../request/ast.ts';
import type { Input, Variables } from './input.ts';
import type { Model } from './model.ts';
import type { SelectionScope } from './selection.ts';

/** Gives a slot's value in a request; null = NULL. */
export type SlotReader = (variables: Variables) => string | null;

export interface Planner {
  readonly schema: GraphQLSchema;
  readonly model: Model;
  readonly context: PlanContext;
  readonly scope: SelectionScope;
  /** Puts a value into the next slot. */
  readonly slot: (read: SlotReader) => Extract<Operand, { kind: 'slot' }>;
  /** A name that no other rows of the statement have. */
  readonly alias: () => string;
  /** Notes that the statement needs a relation. */
  readonly touch: (relation: Relation) => void;
}

/** A refusal of something that the types of the schema cannot forbid. */
export const refusal = (message: string, hint: string | null = null): GraphQLError =>
  new GraphQLError(message, hint === null ? {} : { extensions: { hint } });

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** An array literal as PostgreSQL reads it. */
function arrayText(items: readonly unknown[]): string {
  const parts = items.map((item) => {
    if (item === null || item === undefined) return 'NULL';
    return Array.isArray(item) ? arrayText(item) : quoted(String(item));
  });
  return `{${parts.join(',')}}`;
}

/** A leaf, or a list of leaves, as the text that PostgreSQL reads. */
export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return Array.isArray(value) ? arrayText(value) : String(value);
}

/** A slot with the text of an input's value. */
export const slotOf = (planner: Planner, input: Input): Extract<Operand, { kind: 'slot' }> =>
  planner.slot((variables) => textOf(input.read(variables)));
