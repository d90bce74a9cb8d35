/**
 * The type of a connection's aggregates (pg_graphql's documentation, "Aggregates").
 */
import {
  type GraphQLFieldConfigMap,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLScalarType,
} from 'graphql';
import { withoutLength } from './column-type.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table, TableColumn } from './model.ts';
import { SCALARS } from './scalar.ts';

type Aggregate = 'sum' | 'avg' | 'min' | 'max';

const WHOLE: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint']);
const NUMERIC: ReadonlySet<string> = new Set([...WHOLE, 'real', 'double precision', 'numeric', 'money']);

/** What the least and the greatest value of a type are in GraphQL, where it is not numeric. */
const COMPARABLE: ReadonlyMap<string, GraphQLScalarType> = new Map([
  ['text', SCALARS.String],
  ['character varying', SCALARS.String],
  ['character', SCALARS.String],
  ['"char"', SCALARS.String],
  ['name', SCALARS.String],
  ['boolean', SCALARS.Boolean],
  ['date', SCALARS.Date],
  ['time without time zone', SCALARS.Time],
  ['time with time zone', SCALARS.Time],
  ['timestamp without time zone', SCALARS.Datetime],
  ['timestamp with time zone', SCALARS.Datetime],
]);

function extremeType(type: string): GraphQLScalarType | null {
  if (type === 'bigint') return SCALARS.BigInt;
  if (type === 'money') return SCALARS.Opaque;
  if (WHOLE.has(type)) return SCALARS.Int;
  if (NUMERIC.has(type)) return SCALARS.BigFloat;
  return COMPARABLE.get(type) ?? (/(?:^|\.)citext$/.test(type) ? SCALARS.String : null);
}

function resultType(aggregate: Aggregate, { column }: TableColumn): GraphQLScalarType | null {
  const type = withoutLength(column.declaredType);
  // PostgreSQL has no greatest truth value
  if (type === 'boolean') return null;
  if (aggregate === 'min' || aggregate === 'max') return extremeType(type);
  if (!NUMERIC.has(type)) return null;
  return aggregate === 'sum' && WHOLE.has(type) ? SCALARS.BigInt : SCALARS.BigFloat;
}

const WORDS = {
  sum: ['Sum', 'Summation aggregates for numeric fields', 'summation', 'Sum'],
  avg: ['Avg', 'Average aggregates for numeric fields', 'average', 'Average'],
  min: ['Min', 'Minimum aggregates for comparable fields', 'minimum', 'Minimum'],
  max: ['Max', 'Maximum aggregates for comparable fields', 'maximum', 'Maximum'],
} as const;

/** The type of `aggregate` on a table's connection. */
export function createAggregateType(table: Table): GraphQLObjectType {
  const fields: GraphQLFieldConfigMap<unknown, unknown> = {
    count: {
      type: new GraphQLNonNull(SCALARS.Int),
      description: 'The number of records matching the query',
      extensions: means({ kind: 'count' }),
    },
  };
  for (const aggregate of ['sum', 'avg', 'min', 'max'] as const) {
    const [name, description, noun, capital] = WORDS[aggregate];
    const columns = table.columns.flatMap((column) => {
      const type = column.selectable && isName(column.field) ? resultType(aggregate, column) : null;
      if (type === null) return [];
      const field = {
        type,
        description: `${capital} of ${column.field} across all matching records`,
        extensions: means({ kind: 'aggregated', column }),
      };
      return [[column.field, field] as const];
    });
    if (columns.length === 0) continue;
    fields[aggregate] = {
      type: new GraphQLObjectType({
        name: `${table.name}${name}AggregateResult`,
        description: `Result of ${noun} aggregation for \`${table.name}\``,
        fields: Object.fromEntries(columns),
      }),
      description,
      extensions: means({ kind: 'aggregated columns', aggregate }),
    };
  }
  return new GraphQLObjectType({
    name: `${table.name}Aggregate`,
    description: `Aggregate results for \`${table.name}\``,
    fields,
  });
}
