/**
 * The parameters of PostgREST's Swagger 2.0: those that all relations share, and those of a relation.
 */
import { readableComment } from '../catalog/protection.ts';
import type { DescribedRelation } from './model.ts';
import { formatOf } from './swagger-type.ts';

type Parameter = Readonly<Record<string, unknown>>;

const query = (name: string, description: string): Parameter => ({
  name,
  description,
  in: 'query',
  required: false,
  type: 'string',
});

const prefer = (...values: readonly string[]): Parameter => ({
  name: 'Prefer',
  description: 'Preference',
  in: 'header',
  required: false,
  type: 'string',
  ...(values.length === 0 ? {} : { enum: values }),
});

const RETURNS = ['return=representation', 'return=minimal', 'return=none'] as const;
const PAGES = 'Limiting and Pagination';

export const SHARED_PARAMETERS: Readonly<Record<string, Parameter>> = {
  preferParams: prefer(),
  preferReturn: prefer(...RETURNS),
  preferCount: prefer('count=none'),
  preferPost: prefer(...RETURNS, 'resolution=ignore-duplicates', 'resolution=merge-duplicates'),
  select: query('select', 'Filtering Columns'),
  on_conflict: query('on_conflict', 'On Conflict'),
  order: query('order', 'Ordering'),
  range: { ...query('Range', PAGES), in: 'header' },
  rangeUnit: { ...query('Range-Unit', PAGES), in: 'header', default: 'items' },
  offset: query('offset', PAGES),
  limit: query('limit', PAGES),
};

/** A relation's body, and a filter for each of its columns, under their names. */
export function relationParameters({ relation, columns }: DescribedRelation): [string, Parameter][] {
  const { name } = relation.name;
  const body: Parameter = {
    name,
    description: name,
    in: 'body',
    required: false,
    schema: { $ref: `#/definitions/${name}` },
  };
  const filters = columns.map(({ column }): [string, Parameter] => {
    const comment = readableComment(column.comment);
    return [
      filterName(name, column.name),
      {
        name: column.name,
        ...(comment === null ? {} : { description: comment }),
        in: 'query',
        required: false,
        type: 'string',
        format: formatOf(column.type),
      },
    ];
  });
  return [[bodyName(name), body], ...filters];
}

export const filterName = (relation: string, column: string): string => `rowFilter.${relation}.${column}`;
export const bodyName = (relation: string): string => `body.${relation}`;
