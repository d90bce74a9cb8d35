/**
 * The root of REST in OpenAPI 3.1: this document, and batches.
 */
import type { PathItemObject, ResponseObject, SchemaObject } from 'openapi3-ts/oas31';
import { failureRefs, headerRefs, parameterRefs } from './convention.ts';
import { refTo } from './type-schema.ts';

export const ROOT_TAG = { name: 'API', description: 'The API as a whole: its description, and batches.' };

const HEADERS_OF_STEP: SchemaObject = {
  type: 'object',
  additionalProperties: { type: 'string' },
};

export const BATCH_SCHEMAS: Record<string, SchemaObject> = {
  'rest.batch': {
    type: 'object',
    description: 'Requests that run in one transaction.',
    properties: {
      requests: { type: 'array', minItems: 1, items: refTo('schemas', 'rest.batch.request') },
      isolation: { type: 'string', enum: ['read committed', 'repeatable read', 'serializable'] },
    },
    required: ['requests'],
  },
  'rest.batch.request': {
    type: 'object',
    properties: {
      method: { type: 'string', description: 'As in HTTP.' },
      path: {
        type: 'string',
        description:
          'With its query, from the root of REST on; `{#/name/body/0/id}` is a value of an answer before.',
      },
      name: { type: 'string', description: 'What later requests call it.' },
      headers: HEADERS_OF_STEP,
      body: {
        description:
          'JSON as it is, anything else as a string; `{"$ref": "#/name/body/0/id"}` is a value of an answer before.',
      },
      encoding: {
        type: 'string',
        enum: ['base64'],
        description: 'Where the string of the body is that of bytes.',
      },
      literal: { type: 'boolean', description: 'Sends the body as it is, without looking for references.' },
    },
    required: ['method', 'path'],
  },
  'rest.batch.results': {
    type: 'object',
    properties: { results: { type: 'array', items: refTo('schemas', 'rest.batch.result') } },
    required: ['results'],
  },
  'rest.batch.result': {
    type: 'object',
    properties: {
      name: { type: ['string', 'null'] },
      status: { type: 'integer' },
      headers: {
        type: 'object',
        description: 'Names in lower case.',
        additionalProperties: true,
      },
      body: { description: 'JSON as it is, anything else as a string; null = none.' },
      encoding: { type: 'string', enum: ['base64'], description: 'Where the body is that of bytes.' },
    },
    required: ['name', 'status', 'headers', 'body'],
  },
};

const DOCUMENT: ResponseObject = {
  description: 'The document.',
  headers: headerRefs('etag'),
  content: {
    'application/json': { schema: { type: 'object' } },
    'application/vnd.oai.openapi+json': { schema: { type: 'object' } },
    'application/yaml': { schema: { type: 'string' } },
    'application/openapi+json': {
      schema: { type: 'object', description: 'Swagger 2.0, as PostgREST has it.' },
    },
  },
};

const EXAMPLE = {
  requests: [{ method: 'GET', path: '/' }],
};

export const ROOT_PATH: PathItemObject = {
  get: {
    operationId: 'describe',
    tags: [ROOT_TAG.name],
    summary: 'This document',
    description: 'Describes what the caller may use, as OpenAPI 3.1 in JSON or YAML, or as Swagger 2.0.',
    parameters: [...parameterRefs('if-none-match')],
    responses: {
      '200': DOCUMENT,
      '304': { description: 'Nothing has changed.' },
      ...failureRefs('401', '404', '406', '503'),
    },
  },
  post: {
    operationId: 'batch',
    tags: [ROOT_TAG.name],
    summary: 'Several requests in one transaction',
    description: 'All of them happen, or none. The error is that of the first request that fails.',
    requestBody: {
      required: true,
      content: {
        'application/vnd.aura.batch+json': { schema: refTo('schemas', 'rest.batch'), example: EXAMPLE },
      },
    },
    responses: {
      '200': {
        description: 'The answers, in order.',
        content: { 'application/json': { schema: refTo('schemas', 'rest.batch.results') } },
      },
      ...failureRefs('400', '401', '403', '404', '406', '409', '412', '413', '503'),
    },
  },
};
