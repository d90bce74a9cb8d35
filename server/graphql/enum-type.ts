/**
 * Enums. Their values may be written as strings, too, as pg_graphql's clients do: GraphQL itself knows only names.
 */
import { GraphQLEnumType, Kind, type ValueNode } from 'graphql';
import type { EnumModel } from './column-type.ts';

class ColumnEnumType extends GraphQLEnumType {
  override parseLiteral(node: ValueNode, variables: Parameters<GraphQLEnumType['parseLiteral']>[1]): unknown {
    const named: ValueNode =
      node.kind === Kind.STRING ? { ...node, kind: Kind.ENUM, value: node.value } : node;
    return super.parseLiteral(named, variables);
  }
}

/** Makes each enum's type once. The type's inner values are PostgreSQL's labels. */
export function createEnumTypes(): (model: EnumModel) => GraphQLEnumType {
  const known = new Map<EnumModel, GraphQLEnumType>();
  return (model) => {
    const found = known.get(model);
    if (found) return found;
    const values = Object.fromEntries(model.values.map(([name, label]) => [name, { value: label }]));
    const made = new ColumnEnumType({ name: model.name, values });
    known.set(model, made);
    return made;
  };
}
