/**
 * What the parts of a schema are made with, shared between the files that make them.
 */
import {
  type GraphQLEnumType,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLInterfaceType,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLOutputType,
} from 'graphql';
import type { ColumnType, EnumModel } from './column-type.ts';
import type { FilterTypes } from './filter-types.ts';
import type { Model, Table } from './model.ts';
import type { OrderTypes } from './order-types.ts';
import type { Reference } from './reference.ts';
import type { RoutineResult } from './routine.ts';

export const required = <T extends GraphQLOutputType & GraphQLInputType>(type: T): GraphQLNonNull<T> =>
  new GraphQLNonNull(type);

/** The object types of one table. */
export interface TableTypes {
  readonly node: GraphQLObjectType;
  readonly connection: GraphQLObjectType;
  readonly insertInput: GraphQLInputObjectType;
  readonly updateInput: GraphQLInputObjectType;
  readonly insertResponse: GraphQLObjectType;
  readonly updateResponse: GraphQLObjectType;
  readonly deleteResponse: GraphQLObjectType;
}

/** What the parts of a schema are made with. */
export interface SchemaParts {
  readonly model: Model;
  readonly filters: FilterTypes;
  readonly orders: OrderTypes;
  readonly typesOf: (table: Table) => TableTypes;
  readonly enumOf: (model: EnumModel) => GraphQLEnumType;
  /** The schema has what pg_graphql has not. */
  readonly isExtended: boolean;
  /** The type of `onConflict`. */
  readonly conflictOf: (table: Table) => GraphQLInputObjectType;
  /** How a table refers to others, and others to it. */
  readonly referencesOf: (table: Table) => readonly Reference[];
  readonly node: GraphQLInterfaceType;
  readonly pageInfo: GraphQLObjectType;
  /** The type of a column's or a parameter's value, null allowed. */
  readonly valueType: (type: ColumnType) => GraphQLInputType & GraphQLOutputType;
  readonly collectionArguments: (table: Table) => GraphQLFieldConfigArgumentMap;
  readonly resultType: (result: RoutineResult) => GraphQLOutputType;
}
