/**
 * Introspection, which graphql-js executes: only `__schema` and `__type` of the root, against the part of the schema
 * that is shown.
 */
import {
  execute,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import type { Variables } from './input.ts';
import type { Operation } from './operation.ts';
import type { RootEntry } from './root.ts';

/** Fields of GraphQL's own, and what contains them. */
function onlyIntrospection(set: SelectionSetNode): SelectionSetNode {
  return {
    ...set,
    selections: set.selections.flatMap((node): SelectionNode[] => {
      if (node.kind === Kind.FIELD) return /^__(?:schema|type)$/.test(node.name.value) ? [node] : [];
      if (node.kind === Kind.FRAGMENT_SPREAD) return [node];
      return [{ ...node, selectionSet: onlyIntrospection(node.selectionSet) }];
    }),
  };
}

export interface Introspected {
  /** JSON by the key of the answer. */
  readonly values: ReadonlyMap<string, string>;
  readonly errors: readonly GraphQLError[];
}

const NOTHING: Introspected = { values: new Map(), errors: [] };

/** Answers the introspection of an operation; `schema` null = it is not answered. */
export async function introspect(
  schema: GraphQLSchema | null,
  operation: Operation,
  entries: readonly RootEntry[],
  variables: Variables,
): Promise<Introspected> {
  const asked = entries.filter((entry) => entry.kind === 'introspection');
  if (asked.length === 0) return NOTHING;
  if (schema === null) {
    const errors = asked.map(
      ({ field }) => new GraphQLError(`Unknown field "${field}" on type ${operation.type.name}`),
    );
    return { values: new Map(), errors };
  }
  const { document, definition } = operation;
  const own = {
    ...definition,
    selectionSet: onlyIntrospection(definition.selectionSet),
  };
  const fragments = document.definitions
    .filter((each) => each.kind === Kind.FRAGMENT_DEFINITION)
    // fragments on the root may hold other fields beside these
    .map((each) =>
      each.typeCondition.name.value === operation.type.name
        ? { ...each, selectionSet: onlyIntrospection(each.selectionSet) }
        : each,
    );
  const result = await execute({
    schema,
    document: { ...document, definitions: [own, ...fragments] },
    variableValues: variables,
  });
  const values = new Map(
    Object.entries(result.data ?? {}).map(([key, value]) => [key, JSON.stringify(value)]),
  );
  return { values, errors: result.errors ?? [] };
}
