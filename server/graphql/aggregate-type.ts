/**
 * The type of a connection's aggregates (pg_graphql's documentation, "Aggregates").
 */
import { type GraphQLFieldConfigMap, GraphQLNonNull, GraphQLObjectType } from 'graphql';
import type { AggregateFunction } from '../plan/document.ts';
import { type ScalarName, withoutLength } from './column-type.ts';
import { isName } from './inflection.ts';
import { means } from './meaning.ts';
import type { Table, TableColumn } from './model.ts';
import { SCALARS } from './scalar.ts';

const WHOLE: ReadonlySet<string> = new Set(['smallint', 'integer', 'bigint']);
const NUMERIC: ReadonlySet<string> = new Set([...WHOLE, 'real', 'double precision', 'numeric', 'money']);

/** What the least and the greatest value of a type are in GraphQL, where it is not numeric. */
const COMPARABLE: ReadonlyMap<string, ScalarName> = new Map([
  ['text', 'String'],
  ['character varying', 'String'],
  ['character', 'String'],
  ['"char"', 'String'],
  ['name', 'String'],
  ['boolean', 'Boolean'],
  ['date', 'Date'],
  ['time without time zone', 'Time'],
  ['time with time zone', 'Time'],
  ['timestamp without time zone', 'Datetime'],
  ['timestamp with time zone', 'Datetime'],
]);

function extremeType(type: string): ScalarName | null {
  if (type === 'bigint') return 'BigInt';
  if (type === 'money') return 'Opaque';
  if (WHOLE.has(type)) return 'Int';
  if (NUMERIC.has(type)) return 'BigFloat';
  return COMPARABLE.get(type) ?? (/(?:^|\.)citext$/.test(type) ? 'String' : null);
}

function resultType(aggregate: AggregateFunction, { column }: TableColumn): ScalarName | null {
  const type = withoutLength(column.declaredType);
  // PostgreSQL has no greatest truth value
  if (type === 'boolean') return null;
  if (aggregate === 'min' || aggregate === 'max') return extremeType(type);
  if (!NUMERIC.has(type)) return null;
  return aggregate === 'sum' && WHOLE.has(type) ? 'BigInt' : 'BigFloat';
}

const WORDS = {
  sum: ['Sum', 'Summation aggregates for numeric fields', 'summation', 'Sum'],
  avg: ['Avg', 'Average aggregates for numeric fields', 'average', 'Average'],
  min: ['Min', 'Minimum aggregates for comparable fields', 'minimum', 'Minimum'],
  max: ['Max', 'Maximum aggregates for comparable fields', 'maximum', 'Maximum'],
} as const;

/** A column that an aggregate can be made of, and the scalar that it then is. */
export interface AggregatedColumn {
  readonly column: TableColumn;
  readonly scalar: ScalarName;
}

/** The aggregates that a table's columns have; none that has no columns. */
export const aggregatesOf = (
  table: Table,
): readonly (readonly [aggregate: AggregateFunction, columns: readonly AggregatedColumn[]])[] =>
  (['sum', 'avg', 'min', 'max'] as const)
    .map((aggregate) => {
      const columns = table.columns.flatMap((column) => {
        const scalar = column.selectable && isName(column.field) ? resultType(aggregate, column) : null;
        return scalar === null ? [] : [{ column, scalar }];
      });
      return [aggregate, columns] as const;
    })
    .filter(([, columns]) => columns.length > 0);

/** What the types of an aggregate are called. */
export const aggregateName = (aggregate: AggregateFunction): string => WORDS[aggregate][0];

/** The type of `aggregate` on a table's connection. */
export function createAggregateType(table: Table): GraphQLObjectType {
  const fields: GraphQLFieldConfigMap<unknown, unknown> = {
    count: {
      type: new GraphQLNonNull(SCALARS.Int),
      description: 'The number of records matching the query',
      extensions: means({ kind: 'count' }),
    },
  };
  for (const [aggregate, columns] of aggregatesOf(table)) {
    const [name, description, noun, capital] = WORDS[aggregate];
    fields[aggregate] = {
      type: new GraphQLObjectType({
        name: `${table.name}${name}AggregateResult`,
        description: `Result of ${noun} aggregation for \`${table.name}\``,
        fields: Object.fromEntries(
          columns.map(({ column, scalar }) => [
            column.field,
            {
              type: SCALARS[scalar],
              description: `${capital} of ${column.field} across all matching records`,
              extensions: means({ kind: 'aggregated', column }),
            },
          ]),
        ),
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
