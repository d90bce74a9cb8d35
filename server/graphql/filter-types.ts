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
import type { Table, TableColumn } from './model.ts';
import type { Reference } from './reference.ts';
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
  | 'overlaps'
  | 'strictlyLeft'
  | 'strictlyRight'
  | 'adjacent'
  | 'search'
  | 'jsonPath';

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

/** Filters of types that pg_graphql does not filter by, or only by equality. */
interface ExtendedFilter {
  readonly name: string;
  readonly value: ScalarName;
  readonly operators: readonly FilterOperator[];
}

const JSON_PATH = 'A SQL/JSON path that finds something in the value: `$.items[*] ? (@.price > 10)`';
const JSON_FILTER: ExtendedFilter = {
  name: 'JSON',
  value: 'JSON',
  operators: ['containedBy', 'contains', 'is', 'jsonPath'],
};
const RANGE_FILTER: ExtendedFilter = {
  name: 'Range',
  value: 'Opaque',
  operators: ['adjacent', 'containedBy', 'contains', 'eq', 'is', 'overlaps', 'strictlyLeft', 'strictlyRight'],
};
const SEARCH_FILTER: ExtendedFilter = { name: 'Search', value: 'String', operators: ['is', 'search'] };

/** The further filter of a column, by the name of its type in PostgreSQL. */
function extendedFilterOf(type: string): ExtendedFilter | null {
  if (type === 'jsonb') return JSON_FILTER;
  if (type === 'tsvector') return SEARCH_FILTER;
  return /^(?:int4|int8|num|date|ts|tstz)(?:multi)?range$/.test(type) ? RANGE_FILTER : null;
}

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
  /** All that do not depend on a table, in the schema whether used or not. */
  readonly all: readonly GraphQLInputObjectType[];
  readonly ofEnum: (model: EnumModel, type: GraphQLEnumType) => GraphQLInputObjectType;
  /** Of a scalar; some have none. */
  readonly ofScalar: (scalar: ScalarName) => GraphQLInputObjectType | undefined;
  readonly ofTable: (table: Table) => GraphQLInputObjectType;
}

const listOf = (type: GraphQLInputType): GraphQLInputType => new GraphQLList(new GraphQLNonNull(type));

/** What the filters of a schema are made with. */
export interface FilterSources {
  /** Columns have operators that pg_graphql does not have. */
  readonly isExtended: boolean;
  readonly enumOf: (model: EnumModel) => GraphQLEnumType;
  /** The references of a table that it can be filtered and ordered by. */
  readonly referencesOf: (table: Table) => readonly Reference[];
}

/** Makes the filter types of a schema. */
export function createFilterTypes({ enumOf, referencesOf, isExtended }: FilterSources): FilterTypes {
  const filterIs = new GraphQLEnumType({ name: 'FilterIs', values: { NULL: {}, NOT_NULL: {} } });
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
            if (operator === 'jsonPath') return [operator, { type: SCALARS.String, description: JSON_PATH }];
            return [operator, { type: isList || operator === 'in' ? listOf(type) : type }];
          }),
        ),
    });
  const scalars = new Map(
    Object.entries(OPERATORS).map(([name, operators]) => [
      name,
      filterOf(
        name,
        SCALARS[name as ScalarName],
        isExtended && name === 'String' ? [...operators, 'search'] : operators,
        false,
      ),
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
  const extended = new Map<ExtendedFilter, GraphQLInputObjectType>();
  const ofTableColumn = ({ column, type }: TableColumn): GraphQLInputObjectType | undefined => {
    const found = isExtended ? extendedFilterOf(column.declaredType) : null;
    if (found === null) return ofColumn(type);
    const known = extended.get(found) ?? filterOf(found.name, SCALARS[found.value], found.operators, false);
    extended.set(found, known);
    return known;
  };
  const idFilter = scalars.get('ID');
  const tables = new Map<Table, GraphQLInputObjectType>();
  const ofTable = (table: Table): GraphQLInputObjectType => {
    const known = tables.get(table);
    if (known) return known;
    const made: GraphQLInputObjectType = new GraphQLInputObjectType({
      name: `${table.name}Filter`,
      fields: () => ({
        ...relatedFields(referencesOf(table), ofTable, ofRelated),
        ...tableFilterFields(table, made, ofTableColumn, idFilter),
      }),
    });
    tables.set(table, made);
    return made;
  };
  const related = new Map<Table, GraphQLInputObjectType>();
  const ofRelated = (table: Table): GraphQLInputObjectType => {
    const known = related.get(table) ?? relatedType(table, ofTable);
    related.set(table, known);
    return known;
  };
  return {
    filterIs,
    all: [...scalars.values(), ...lists.values()],
    ofEnum,
    ofScalar: (scalar) => scalars.get(scalar),
    ofTable,
  };
}

function tableFilterFields(
  table: Table,
  own: GraphQLInputObjectType,
  ofColumn: (column: TableColumn) => GraphQLInputObjectType | undefined,
  idFilter: GraphQLInputObjectType | undefined,
): GraphQLInputFieldConfigMap {
  const fields: GraphQLInputFieldConfigMap = {};
  for (const column of table.columns) {
    const type = ofColumn(column);
    if (!column.selectable || type === undefined || !isName(column.field)) continue;
    fields[column.field] = { type, extensions: means({ kind: 'column', column }) };
  }
  if (idFilter && table.key.length > 0)
    fields['nodeId'] ??= { type: idFilter, extensions: means({ kind: 'node id', table }) };
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

/** Several conditions on the rows that refer to one. */
const relatedType = (
  table: Table,
  ofTable: (table: Table) => GraphQLInputObjectType,
): GraphQLInputObjectType =>
  new GraphQLInputObjectType({
    name: `${table.name}RelatedFilter`,
    description: `Conditions on the \`${table.name}\` records that belong to one`,
    fields: () => ({
      some: { type: ofTable(table), description: 'At least one of them matches' },
      every: { type: ofTable(table), description: 'None of them does not match' },
      none: { type: ofTable(table), description: 'None of them matches' },
    }),
  });

const relatedFields = (
  references: readonly Reference[],
  ofTable: (table: Table) => GraphQLInputObjectType,
  ofRelated: (table: Table) => GraphQLInputObjectType,
): GraphQLInputFieldConfigMap =>
  Object.fromEntries(
    references
      .filter(({ field }) => isName(field))
      .map((reference) => {
        const type = reference.toOne ? ofTable(reference.target) : ofRelated(reference.target);
        return [reference.field, { type, extensions: means({ kind: 'related', reference }) }];
      }),
  );
