/** PostgREST's document, Swagger 2.0, as those who depend on it read it. */
import { describe, expect, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { useDepot } from './fixture.ts';

const served = useDepot({ 'openapi-version': '2.0', 'rest-prefix': '/' });

// biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
const document = async (): Promise<any> => (await served.root({ as: 'authenticated' })).json;

test('the head of it', async () => {
  const { swagger, info, host, basePath, schemes, produces, externalDocs, securityDefinitions } =
    await document();
  expect({ swagger, host, basePath, schemes }).toEqual({
    swagger: '2.0',
    host: '127.0.0.1:0',
    basePath: '/',
    schemes: ['http'],
  });
  expect(info).toEqual({
    title: 'Depot API',
    description: 'What lies where, and who fetches it.',
    version: 'test',
  });
  expect(produces).toContain('application/vnd.pgrst.object+json;nulls=stripped');
  expect(externalDocs.description).toBe('PostgREST Documentation');
  expect(securityDefinitions).toBeUndefined();
});

describe('definitions', () => {
  test('have formats that are PostgreSQL’s types, notes of keys, labels, lengths and defaults', async () => {
    const { items, shelves } = (await document()).definitions;
    expect(items.required).toContain('sku');
    expect(items.properties).toMatchObject({
      id: {
        type: 'integer',
        format: 'int64',
        description: 'Note:\nThis is a Primary Key.<pk/>',
      },
      shelf_id: {
        type: 'string',
        format: 'uuid',
        description: "Note:\nThis is a Foreign Key to `shelves.id`.<fk table='shelves' column='id'/>",
      },
      sku: {
        type: 'string',
        format: 'character varying',
        maxLength: 12,
        description: 'What it is ordered by.',
      },
      condition: { format: 'depot.condition', enum: ['new', 'used', 'broken'], default: 'new' },
      past: { type: 'array', format: 'depot.condition[]', items: { type: 'string' } },
      count: { type: 'integer', format: 'int32', default: 1 },
      price: { type: 'number', format: 'numeric', default: 9.99 },
      made_on: { type: 'string', format: 'date', default: '2020-01-01' },
      created_at: { type: 'string', format: 'timestamp with time zone', default: 'now()' },
    });
    expect(items.properties.meta).toEqual({ format: 'jsonb' });
    expect(shelves.properties.id.default).toBe('gen_random_uuid()');
  });
});

describe('paths', () => {
  test('of relations have filters and shared parameters by reference', async () => {
    const { paths, parameters } = await document();
    const { get, post, patch, delete: remove } = paths['/shelves'];
    const names = (of: { parameters: { $ref: string }[] }): string[] =>
      of.parameters.map(({ $ref }) => $ref.replace('#/parameters/', ''));
    const filters = ['id', 'label', 'keeper_id', 'best_item', 'opened_at', 'closes'].map(
      (name) => `rowFilter.shelves.${name}`,
    );
    expect(names(get).slice(0, 7)).toEqual([...filters, 'select']);
    expect(names(post)).toEqual(['body.shelves', 'select', 'preferPost']);
    expect(names(patch)).toEqual([...filters, 'body.shelves', 'preferReturn']);
    expect(names(remove)).toEqual([...filters, 'preferReturn']);
    for (const name of [get, post, patch, remove].flatMap(names)) expect(parameters).toHaveProperty([name]);
    expect(parameters['body.shelves']).toEqual({
      name: 'shelves',
      description: 'shelves',
      in: 'body',
      required: false,
      schema: { $ref: '#/definitions/shelves' },
    });
    expect(paths['/keepers'].get).toMatchObject({
      tags: ['keepers'],
      summary: 'Who keeps things.',
      description: 'Each keeper has a shelf.',
    });
  });

  test('of functions have arguments with types that are named as the search path allows', async () => {
    await served.database.query(
      `create function depot.worse(than depot.condition, mail text[]) returns depot.condition
         language sql stable as $$ select than $$;
       notify pgrst, 'reload schema'`,
    );
    await expect.poll(async () => (await document()).paths['/rpc/worse']).toBeDefined();
    const { get, post } = (await document()).paths['/rpc/worse'];
    expect(get.tags).toEqual(['(rpc) worse']);
    expect(get.parameters).toEqual([
      { name: 'than', in: 'query', required: true, type: 'string', format: 'condition' },
      { name: 'mail', in: 'query', required: true, type: 'string', format: 'text[]' },
    ]);
    expect(post.parameters[0].schema).toEqual({
      type: 'object',
      required: ['than', 'mail'],
      properties: {
        than: { type: 'string', format: 'condition' },
        mail: { type: 'array', format: 'text[]', items: { type: 'string' } },
      },
    });
  });
});

test('openapi-security-active asks for a token', async () => {
  const settings = { 'db-schemas': 'depot', 'openapi-version': '2.0', 'openapi-security-active': true };
  const api = await startApi(served.database, settings);
  try {
    const { json } = await api.request('GET', '/');
    expect(json.security).toEqual([{ JWT: [] }]);
    expect(json.securityDefinitions.JWT).toMatchObject({
      type: 'apiKey',
      in: 'header',
      name: 'Authorization',
    });
  } finally {
    await api.close();
  }
});
