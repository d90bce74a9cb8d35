/**
 * Selected fields: what was asked for, its definition, and what it means; and the members of an object by them.
 */
import type { FieldNode, GraphQLField, GraphQLObjectType, SelectionSetNode } from 'graphql';
import { getNamedType, isObjectType } from 'graphql';
import type { Member, TextValue } from '../plan/document.ts';
import { argumentsOf, type Input } from './input.ts';
import { type FieldMeaning, meaningOf } from './meaning.ts';
import type { Planner } from './planner.ts';
import { collectFields, selectionsOf } from './selection.ts';

/** A field that was selected: its nodes, its definition, and what it means. */
export interface Selected {
  readonly nodes: readonly FieldNode[];
  readonly definition: GraphQLField<unknown, unknown>;
  readonly meaning: FieldMeaning;
}

/** The members of an object, `__typename` among them. */
export function planMembers<T>(
  planner: Planner,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
  plan: (selected: Selected) => T,
): Member<T | TextValue>[] {
  const fields = type.getFields();
  return [...collectFields(planner.scope, type, sets)].map(([key, nodes]) => {
    const name = nodes[0]?.name.value ?? '';
    const definition = fields[name];
    if (!definition) return { key, value: { kind: 'text', text: type.name } };
    return { key, value: plan({ nodes, definition, meaning: meaningOf(definition) }) };
  });
}

/** The object type of a field. */
export function objectTypeOf({ definition }: Selected): GraphQLObjectType {
  const type = getNamedType(definition.type);
  if (!isObjectType(type)) throw new Error(`the field ${definition.name} has no object type`);
  return type;
}

/** A field where its meaning has no place: the schema was built wrongly. */
export const unexpected = ({ definition, meaning }: Selected): Error =>
  new Error(`the field ${definition.name} (${meaning.kind}) is out of its place`);

/** The members of what a field's objects show. */
export const below = <T>(
  planner: Planner,
  selected: Selected,
  plan: (inner: Selected) => T,
): Member<T | TextValue>[] =>
  planMembers(planner, objectTypeOf(selected), selectionsOf(selected.nodes), plan);

/** The arguments of a field by name. */
export const inputsOf = (planner: Planner, { nodes, definition }: Selected): ReadonlyMap<string, Input> =>
  argumentsOf(nodes[0]?.arguments ?? [], definition.args, planner.scope.variables);
