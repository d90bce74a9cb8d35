/**
 * Selections: which fields an object of a type shows under which keys, fragments and directives resolved and
 * fields of one key merged (https://spec.graphql.org/October2021/#CollectFields()).
 */
import {
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Variables } from './input.ts';

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** What selections are read with. */
export interface SelectionScope {
  readonly fragments: Fragments;
  readonly variables: Variables;
}

const isIncluded = (node: SelectionNode, variables: Variables): boolean =>
  getDirectiveValues(GraphQLSkipDirective, node, variables)?.['if'] !== true &&
  getDirectiveValues(GraphQLIncludeDirective, node, variables)?.['if'] !== false;

const applies = (condition: string | undefined, type: GraphQLObjectType): boolean =>
  condition === undefined ||
  condition === type.name ||
  type.getInterfaces().some(({ name }) => name === condition);

/** The field nodes by key, in the order in which the keys first come. */
export function collectFields(
  { fragments, variables }: SelectionScope,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
): ReadonlyMap<string, readonly FieldNode[]> {
  const fields = new Map<string, FieldNode[]>();
  const visited = new Set<string>();
  const visit = (set: SelectionSetNode): void => {
    for (const node of set.selections) {
      if (!isIncluded(node, variables)) continue;
      if (node.kind === Kind.FIELD) {
        const key = node.alias?.value ?? node.name.value;
        const list = fields.get(key);
        if (list) list.push(node);
        else fields.set(key, [node]);
        continue;
      }
      if (node.kind === Kind.INLINE_FRAGMENT) {
        if (applies(node.typeCondition?.name.value, type)) visit(node.selectionSet);
        continue;
      }
      const name = node.name.value;
      const fragment = fragments.get(name);
      if (!fragment || visited.has(name)) continue;
      visited.add(name);
      if (applies(fragment.typeCondition.name.value, type)) visit(fragment.selectionSet);
    }
  };
  for (const set of sets) visit(set);
  return fields;
}

/** What is selected of a field's value, by all of its nodes. */
export const selectionsOf = (nodes: readonly FieldNode[]): readonly SelectionSetNode[] =>
  nodes.flatMap((node) => node.selectionSet ?? []);
