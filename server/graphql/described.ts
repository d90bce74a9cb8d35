/** GraphQL's endpoint as OpenAPI sees it: one address; what can be asked there its own introspection says. */
import type { PathItemObject, SchemaObject } from 'openapi3-ts/oas31';
import { failureRefs } from '../openapi/convention.ts';
import type { Addition } from '../openapi/document.ts';
import { refTo } from '../openapi/type-schema.ts';

const TAG = {
  name: 'GraphQL',
  description: 'The same data under the same policies, in the shape that a query asks for.',
};

const REQUEST: SchemaObject = {
  type: 'object',
  properties: {
    query: { type: 'string', description: 'The document.' },
    variables: { type: ['object', 'null'], additionalProperties: true },
    operationName: { type: ['string', 'null'], description: 'Of several operations the one to run.' },
    extensions: { type: ['object', 'null'], additionalProperties: true },
  },
};

const RESULT: SchemaObject = {
  type: 'object',
  properties: {
    data: { type: ['object', 'null'], additionalProperties: true },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          message: { type: 'string' },
          locations: {
            type: 'array',
            items: {
              type: 'object',
              properties: { line: { type: 'integer' }, column: { type: 'integer' } },
              required: ['line', 'column'],
            },
          },
          path: { type: 'array', items: { type: ['string', 'integer'] } },
          extensions: { type: 'object', additionalProperties: true },
        },
        required: ['message'],
      },
    },
  },
};

const responses = {
  '200': {
    description: 'The result. Where an operation failed, `errors` says why.',
    content: {
      'application/json': { schema: refTo('schemas', 'graphql.result') },
      'application/graphql-response+json': { schema: refTo('schemas', 'graphql.result') },
      'text/event-stream': {
        schema: { type: 'string', description: 'Results as events `next`, of a subscription without end.' },
      },
    },
  },
  ...failureRefs('400', '401', '406', '413', '503'),
};

const inQuery = (name: string, required: boolean, description: string) => ({
  name,
  in: 'query' as const,
  required,
  description,
  schema: { type: 'string' as const },
});

const PATH: PathItemObject = {
  get: {
    operationId: 'graphqlQuery',
    tags: [TAG.name],
    summary: 'A query or a subscription',
    description: 'Mutations are sent by POST.',
    parameters: [
      inQuery('query', true, 'The document.'),
      inQuery('variables', false, 'A JSON object.'),
      inQuery('operationName', false, 'Of several operations the one to run.'),
    ],
    responses,
  },
  post: {
    operationId: 'graphql',
    tags: [TAG.name],
    summary: 'A query, a mutation or a subscription',
    description: 'One operation is one transaction.',
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: refTo('schemas', 'graphql.request'),
          example: { query: '{ __typename }' },
        },
      },
    },
    responses,
  },
};

/** What GraphQL under this prefix adds to the description of the API. */
export const describeGraphql = (prefix: string): Addition => ({
  tag: TAG,
  paths: { [prefix]: PATH },
  schemas: { 'graphql.request': REQUEST, 'graphql.result': RESULT },
});
