/**
 * The input types of filters and orders (pg_graphql's documentation, "Filtering" and "Ordering").
 */
import {
  GraphQLEnumType,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
} from 'graphql';
import type { ColumnType, EnumModel, ScalarName } from './column-type.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table } from './model.ts';
import { SCALARS } from './scalar.ts';

/** The operators of a column's filter. */
export type FilterOperator =
  | 'eq'
  | 'neq'
  | 'lt'
  | 'lte'
  | 'gt'
  | 'gte'
  | 'in'
  | 'is'
  | 'startsWith'
  | 'like'
  | 'ilike'
  | 'regex'
  | 'iregex'
  | 'contains'
  | 'containedBy'
  | 'overlaps';

const ORDERED: readonly FilterOperator[] = ['eq', 'gt', 'gte', 'in', 'is', 'lt', 'lte', 'neq'];

const OPERATORS: Readonly<Partial<Record<ScalarName, readonly FilterOperator[]>>> = {
  ID: ['eq'],
  Boolean: ['eq', 'is'],
  Opaque: ['eq', 'is'],
  UUID: ['eq', 'in', 'is', 'neq'],
  Int: ORDERED,
  Float: ORDERED,
  BigInt: ORDERED,
  BigFloat: ORDERED,
  Date: ORDERED,
  Time: ORDERED,
  Datetime: ORDERED,
  String: [...ORDERED, 'startsWith', 'like', 'ilike', 'regex', 'iregex'].toSorted() as FilterOperator[],
};

const LISTED: readonly ScalarName[] = [
  'Int',
  'Float',
  'String',
  'Boolean',
  'Date',
  'Time',
  'Datetime',
  'BigInt',
  'UUID',
  'BigFloat',
];

/** The filter types of one schema. */
export interface FilterTypes {
  readonly filterIs: GraphQLEnumType;
  readonly direction: GraphQLEnumType;
  /** All that do not depend on a table, in the schema whether used or not. */
  readonly all: readonly GraphQLInputObjectType[];
  readonly ofEnum: (model: EnumModel, type: GraphQLEnumType) => GraphQLInputObjectType;
  readonly ofTable: (table: Table) => GraphQLInputObjectType;
  readonly orderOf: (table: Table) => GraphQLInputObjectType;
}

const listOf = (type: GraphQLInputType): GraphQLInputType => new GraphQLList(new GraphQLNonNull(type));

export const createDirectionType = (): GraphQLEnumType =>
  new GraphQLEnumType({
    name: 'OrderByDirection',
    description: 'Defines a per-field sorting order',
    values: {
      AscNullsFirst: { description: 'Ascending order, nulls first' },
      AscNullsLast: { description: 'Ascending order, nulls last' },
      DescNullsFirst: { description: 'Descending order, nulls first' },
      DescNullsLast: { description: 'Descending order, nulls last' },
    },
  });

/** Makes the filter types of a schema; `enumOf` gives its enums. */
export function createFilterTypes(enumOf: (model: EnumModel) => GraphQLEnumType): FilterTypes {
  const filterIs = new GraphQLEnumType({ name: 'FilterIs', values: { NULL: {}, NOT_NULL: {} } });
  const direction = createDirectionType();
  const filterOf = (
    name: string,
    type: GraphQLInputType,
    operators: readonly FilterOperator[],
    isList: boolean,
  ): GraphQLInputObjectType =>
    new GraphQLInputObjectType({
      name: `${name}Filter`,
      description: `Boolean expression comparing fields on type "${name}"`,
      fields: () =>
        Object.fromEntries(
          operators.map((operator) => {
            if (operator === 'is') return [operator, { type: filterIs }];
            return [operator, { type: isList || operator === 'in' ? listOf(type) : type }];
          }),
        ),
    });
  const scalars = new Map(
    Object.entries(OPERATORS).map(([name, operators]) => [
      name,
      filterOf(name, SCALARS[name as ScalarName], operators, false),
    ]),
  );
  const lists = new Map(
    LISTED.map((name) => [
      name as string,
      filterOf(`${name}List`, SCALARS[name], ['containedBy', 'contains', 'eq', 'is', 'overlaps'], true),
    ]),
  );
  const enums = new Map<EnumModel, GraphQLInputObjectType>();
  const ofEnum = (model: EnumModel, type: GraphQLEnumType): GraphQLInputObjectType => {
    const known = enums.get(model) ?? filterOf(type.name, type, ['eq', 'in', 'is', 'neq'], false);
    enums.set(model, known);
    return known;
  };
  const ofColumn = (type: ColumnType): GraphQLInputObjectType | undefined => {
    if (type.kind === 'enum') return ofEnum(type.enum, enumOf(type.enum));
    if (type.kind === 'scalar') return scalars.get(type.scalar);
    return type.of.kind === 'scalar' ? lists.get(type.of.scalar) : undefined;
  };
  const tables = new Map<Table, GraphQLInputObjectType>();
  const ofTable = (table: Table): GraphQLInputObjectType => {
    const known = tables.get(table);
    if (known) return known;
    const made: GraphQLInputObjectType = new GraphQLInputObjectType({
      name: `${table.name}Filter`,
      fields: () => tableFilterFields(table, made, ofColumn),
    });
    tables.set(table, made);
    return made;
  };
  return {
    filterIs,
    direction,
    all: [...scalars.values(), ...lists.values()],
    ofEnum,
    ofTable,
    orderOf: (table) => orderType(table, direction),
  };
}

function tableFilterFields(
  table: Table,
  own: GraphQLInputObjectType,
  ofColumn: (type: ColumnType) => GraphQLInputObjectType | undefined,
): GraphQLInputFieldConfigMap {
  const fields: GraphQLInputFieldConfigMap = {};
  for (const column of table.columns) {
    const type = ofColumn(column.type);
    if (!column.selectable || type === undefined || !isName(column.field)) continue;
    fields[column.field] = { type, extensions: means({ kind: 'column', column }) };
  }
  const idFilter = ofColumn({ kind: 'scalar', scalar: 'ID' });
  if (idFilter) fields['nodeId'] ??= { type: idFilter, extensions: means({ kind: 'node id', table }) };
  fields['and'] ??= {
    type: listOf(own),
    description: 'Returns true only if all its inner filters are true, otherwise returns false',
    extensions: means({ kind: 'and' }),
  };
  fields['or'] ??= {
    type: listOf(own),
    description: 'Returns true if at least one of its inner filters is true, otherwise returns false',
    extensions: means({ kind: 'or' }),
  };
  fields['not'] ??= { type: own, description: 'Negates a filter', extensions: means({ kind: 'not' }) };
  return fields;
}

const isOrdered = ({ type }: { readonly type: ColumnType }): boolean =>
  type.kind !== 'list' && !(type.kind === 'scalar' && type.scalar === 'JSON');

const orderType = (table: Table, direction: GraphQLEnumType): GraphQLInputObjectType =>
  new GraphQLInputObjectType({
    name: `${table.name}OrderBy`,
    fields: () =>
      Object.fromEntries(
        table.columns
          .filter((column) => column.selectable && isOrdered(column) && isName(column.field))
          .map((column) => [
            column.field,
            { type: direction, extensions: means({ kind: 'column', column }) },
          ]),
      ),
  });
