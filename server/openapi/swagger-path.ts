/**
 * The paths of PostgREST's Swagger 2.0: relations and functions with their methods.
 */
import { readableComment } from '../catalog/protection.ts';
import type { Routine, RoutineParameter } from '../catalog/types.ts';
import type { DescribedRelation } from './model.ts';
import { proseOf } from './prose.ts';
import { bodyName, filterName } from './swagger-parameter.ts';
import { bodyType, queryType } from './swagger-type.ts';

type PathItem = Readonly<Record<string, unknown>>;

const parameter = (name: string) => ({ $ref: `#/parameters/${name}` });
const responses = (status: string, description: string) => ({ [status]: { description } });

function textOf(comment: string | null): { summary?: string; description?: string } {
  const { summary, description } = proseOf(comment);
  return {
    ...(summary === null ? {} : { summary }),
    ...(description === null ? {} : { description }),
  };
}

/** The methods of a relation that it allows and the role may use. */
export function relationPath({ relation, readable, columns }: DescribedRelation): PathItem {
  const { name } = relation.name;
  const filters = columns.map(({ column }) => parameter(filterName(name, column.name)));
  const body = parameter(bodyName(name));
  const base = { tags: [name], ...textOf(relation.comment) };
  const get = {
    ...base,
    parameters: [
      ...filters,
      ...['select', 'order', 'range', 'rangeUnit', 'offset', 'limit', 'preferCount'].map(parameter),
    ],
    responses: {
      '200': {
        description: 'OK',
        schema: { type: 'array', items: { $ref: `#/definitions/${name}` } },
      },
      ...responses('206', 'Partial Content'),
    },
  };
  const post = {
    ...base,
    parameters: [body, parameter('select'), parameter('preferPost')],
    responses: responses('201', 'Created'),
  };
  const remove = {
    ...base,
    parameters: [...filters, parameter('preferReturn')],
    responses: responses('204', 'No Content'),
  };
  const patch = { ...remove, parameters: [...filters, body, parameter('preferReturn')] };
  return {
    ...(readable ? { get } : {}),
    ...(relation.insertable ? { post } : {}),
    ...(relation.deletable ? { delete: remove } : {}),
    ...(relation.updatable ? { patch } : {}),
  };
}

const ROUTINE_TYPES = [
  'application/json',
  'application/vnd.pgrst.object+json;nulls=stripped',
  'application/vnd.pgrst.object+json',
] as const;

function queryParameter({ name, type, required, variadic }: RoutineParameter) {
  const base = { name, in: 'query', required };
  if (!variadic) return { ...base, ...queryType(type) };
  const items = queryType(type.replace(/\[\]$/, ''));
  return { ...base, type: 'array', collectionFormat: 'multi', items };
}

function argumentsSchema({ comment, parameters }: Routine) {
  const named = parameters.filter(({ name }) => name !== '');
  // a variadic parameter has what it needs when nothing is given
  const required = named.filter((one) => isRequired(one)).map(({ name }) => name);
  const description = readableComment(comment);
  return {
    type: 'object',
    ...(description === null ? {} : { description }),
    properties: Object.fromEntries(named.map(({ name, type }) => [name, bodyType(type)])),
    ...(required.length === 0 ? {} : { required }),
  };
}

const isRequired = ({ required, variadic }: RoutineParameter): boolean => required && !variadic;

/** The methods of a function: one that may write is called by POST alone. */
export function routinePath(routine: Routine): PathItem {
  const { name, comment, volatility, parameters } = routine;
  const base = {
    tags: [`(rpc) ${name.name}`],
    ...textOf(comment),
    produces: ROUTINE_TYPES,
    responses: responses('200', 'OK'),
  };
  const named = parameters.filter((one) => one.name !== '');
  const get = {
    ...base,
    parameters: named.map((one) => queryParameter({ ...one, required: isRequired(one) })),
  };
  const post = {
    ...base,
    parameters: [
      { name: 'args', in: 'body', required: true, schema: argumentsSchema(routine) },
      parameter('preferParams'),
    ],
  };
  return { ...(volatility === 'volatile' ? {} : { get }), post };
}
