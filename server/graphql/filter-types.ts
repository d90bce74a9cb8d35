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

const ENUM_OPERATORS: readonly FilterOperator[] = ['eq', 'in', 'is', 'neq'];
const LIST_OPERATORS: readonly FilterOperator[] = ['containedBy', 'contains', 'eq', 'is', 'overlaps'];

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
  readonly ofEnum: (model: EnumModel) => GraphQLInputObjectType;
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
export function createFilterTypes(sources: FilterSources): FilterTypes {
  const { filterIs, scalars, lists, ofEnum, ofColumn } = createColumnFilters(sources);
  return {
    filterIs,
    all: [...scalars.values(), ...lists.values()],
    ofEnum,
    ofScalar: (scalar) => scalars.get(scalar),
    ofTable: createTableFilters(sources, ofColumn, scalars.get('ID')),
  };
}

/** Makes what there is to make for a key once. */
function once<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const known = made.get(key) ?? make(key);
    made.set(key, known);
    return known;
  };
}

interface ColumnFilters {
  readonly filterIs: GraphQLEnumType;
  /** By the names of scalars, and of the scalars that lists are of. */
  readonly scalars: ReadonlyMap<string, GraphQLInputObjectType>;
  readonly lists: ReadonlyMap<string, GraphQLInputObjectType>;
  readonly ofEnum: (model: EnumModel) => GraphQLInputObjectType;
  /** Undefined: it cannot be filtered by. */
  readonly ofColumn: (column: TableColumn) => GraphQLInputObjectType | undefined;
}

function createColumnFilters({ enumOf, isExtended }: FilterSources): ColumnFilters {
  const filterIs = new GraphQLEnumType({ name: 'FilterIs', values: { NULL: {}, NOT_NULL: {} } });
  const scalars = new Map(
    Object.entries(OPERATORS).map(([name, known]) => {
      const operators: typeof known = isExtended && name === 'String' ? [...known, 'search'] : known;
      return [name, comparisonType(name, SCALARS[name as ScalarName], operators, filterIs)];
    }),
  );
  const lists = new Map(
    LISTED.map((name) => [
      name as string,
      comparisonType(`${name}List`, listOf(SCALARS[name]), LIST_OPERATORS, filterIs),
    ]),
  );
  const ofEnum = once((model: EnumModel) => {
    const type = enumOf(model);
    return comparisonType(type.name, type, ENUM_OPERATORS, filterIs);
  });
  const ofExtended = once(({ name, value, operators }: ExtendedFilter) =>
    comparisonType(name, SCALARS[value], operators, filterIs),
  );
  const ofType = (type: ColumnType): GraphQLInputObjectType | undefined => {
    if (type.kind === 'enum') return ofEnum(type.enum);
    if (type.kind === 'scalar') return scalars.get(type.scalar);
    return type.of.kind === 'scalar' ? lists.get(type.of.scalar) : undefined;
  };
  const ofColumn = ({ column, type }: TableColumn): GraphQLInputObjectType | undefined => {
    const extended = isExtended ? extendedFilterOf(column.declaredType) : null;
    return extended === null ? ofType(type) : ofExtended(extended);
  };
  return { filterIs, scalars, lists, ofEnum, ofColumn };
}

/** Comparisons with values of a type. */
const comparisonType = (
  name: string,
  type: GraphQLInputType,
  operators: readonly FilterOperator[],
  filterIs: GraphQLEnumType,
): GraphQLInputObjectType =>
  new GraphQLInputObjectType({
    name: `${name}Filter`,
    description: `Boolean expression comparing fields on type "${name}"`,
    fields: () =>
      Object.fromEntries(
        operators.map((operator) => {
          if (operator === 'is') return [operator, { type: filterIs }];
          if (operator === 'jsonPath') return [operator, { type: SCALARS.String, description: JSON_PATH }];
          return [operator, { type: operator === 'in' ? listOf(type) : type }];
        }),
      ),
  });

function createTableFilters(
  { referencesOf }: FilterSources,
  ofColumn: ColumnFilters['ofColumn'],
  idFilter: GraphQLInputObjectType | undefined,
): FilterTypes['ofTable'] {
  const ofTable: FilterTypes['ofTable'] = once((table) => {
    const made: GraphQLInputObjectType = new GraphQLInputObjectType({
      name: `${table.name}Filter`,
      fields: () => ({
        ...relatedFields(referencesOf(table), ofTable, ofRelated),
        ...tableFilterFields(table, made, ofColumn, idFilter),
      }),
    });
    return made;
  });
  const ofRelated = once((table: Table) => relatedType(table, ofTable));
  return ofTable;
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
