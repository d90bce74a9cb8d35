/** What OpenAPI 3.1 says of tables, views, functions and types, and to whom. */
import type { OpenAPIObject, PathItemObject, SchemaObject } from 'openapi3-ts/oas31';
import { describe, expect, test } from 'vitest';
import { loadCatalog } from '../../server/catalog/load.ts';
import type { Catalog } from '../../server/catalog/types.ts';
import { renderOpenApi } from '../../server/openapi/document.ts';
import { buildModel } from '../../server/openapi/model.ts';
import { connectCatalog } from '../catalog/connect.ts';
import { startApi } from '../support/api.ts';
import { useDepot } from './fixture.ts';

const served = useDepot();

const loadDepot = async (): Promise<Catalog> => {
  const connection = await connectCatalog(served.database.uri);
  try {
    return await loadCatalog(connection.query, {
      schemas: ['depot'],
      extraSearchPath: [],
      hoistedSettings: [],
    });
  } finally {
    await connection.close();
  }
};

const schemaOf = (document: OpenAPIObject, name: string): SchemaObject => {
  const schema = document.components?.schemas?.[name];
  if (schema === undefined || '$ref' in schema) throw new Error(`${name} is no schema`);
  return schema;
};
const properties = (document: OpenAPIObject, name: string): Record<string, SchemaObject> =>
  schemaOf(document, name).properties as Record<string, SchemaObject>;
const pathOf = (document: OpenAPIObject, path: string): PathItemObject => {
  const item = document.paths?.[path];
  if (item === undefined) throw new Error(`${path} is not there`);
  return item;
};
const methodsOf = (item: PathItemObject): string[] => Object.keys(item).sort();

describe('rows', () => {
  test('have the types that JSON has of them, with null where the database allows it', async () => {
    expect(properties(await served.document('authenticated'), 'items')).toMatchObject({
      id: { type: 'integer', format: 'int64' },
      shelf_id: { type: 'string', format: 'uuid' },
      spare_shelf: { type: ['string', 'null'], format: 'uuid' },
      ratio: { type: ['number', 'null'], format: 'double' },
      past: { type: 'array', items: { $ref: '#/components/schemas/condition' } },
      meta: {},
      period: { type: ['string', 'null'] },
      made_on: { type: ['string', 'null'], format: 'date', default: '2020-01-01' },
      created_at: { type: 'string', format: 'date-time' },
    });
  });

  test('have named types by reference, with checks, labels and comments', async () => {
    const document = await served.document('authenticated');
    expect(properties(document, 'items')).toMatchObject({
      sku: { $ref: '#/components/schemas/sku', description: 'What it is ordered by.' },
      condition: { $ref: '#/components/schemas/condition', default: 'new' },
      size: { anyOf: [{ $ref: '#/components/schemas/size' }, { type: 'null' }] },
    });
    expect(schemaOf(document, 'condition')).toEqual({
      type: 'string',
      enum: ['new', 'used', 'broken'],
      description: 'How something looks.',
    });
    expect(schemaOf(document, 'sku')).toEqual({
      type: 'string',
      maxLength: 12,
      minLength: 4,
      pattern: '^[A-Z]{2}-[0-9]+$',
    });
    expect(schemaOf(document, 'share')).toEqual({ type: 'number', minimum: 0, maximum: 100 });
    expect(schemaOf(document, 'mood')).toEqual({ type: 'string', enum: ['good', 'bad'] });
    expect(schemaOf(document, 'size')).toMatchObject({
      type: 'object',
      description: 'How large something is.',
      properties: { width: { type: ['integer', 'null'] }, unit: { description: 'For instance cm.' } },
      required: ['width', 'height', 'unit'],
    });
  });

  test('say of a domain with a JSON form of its own nothing, since that may be anything', async () => {
    expect(properties(await served.document('authenticated'), 'items')['colour']).toEqual({});
  });

  test("have a column's own checks, and none whose meaning is in doubt", async () => {
    const items = properties(await served.document('authenticated'), 'items');
    expect(items['count']).toEqual({
      type: 'integer',
      format: 'int16',
      exclusiveMinimum: 0,
      exclusiveMaximum: 1000,
      default: 1,
    });
    expect(items['price']).toMatchObject({ minimum: 0, default: 9.99 });
    expect(items['kind']).toMatchObject({ enum: ['a', 'b', "it's"], default: 'a' });
    // the padding of character(3) is no part of its length, `\w` and `.` mean other things in JSON Schema
    expect(items['code']).toEqual({ type: ['string', 'null'], maxLength: 3 });
    expect(items['odd']).toEqual({ type: ['string', 'null'] });
  });

  test('of a view may be null everywhere, whatever a domain says', async () => {
    expect(properties(await served.document('authenticated'), 'items_view')).toMatchObject({
      id: { type: ['integer', 'null'] },
      share: { anyOf: [{ $ref: '#/components/schemas/share' }, { type: 'null' }] },
    });
  });

  test('embed others without embeds of their own, so that nothing leads back to itself', async () => {
    const document = await served.document('authenticated');
    expect(schemaOf(document, 'items.embedded').allOf).toEqual([{ $ref: '#/components/schemas/items' }]);
    expect(properties(document, 'items.embedded')).toMatchObject({
      items: { type: 'array', items: { $ref: '#/components/schemas/items' } },
      shelves: { description: expect.stringContaining('`shelves!items_spare(*)`') },
    });
    expect(properties(document, 'shelves.embedded')).toMatchObject({
      full_label: { type: ['string', 'null'], readOnly: true },
      keepers: { anyOf: [{ $ref: '#/components/schemas/keepers' }, { type: 'null' }] },
    });
    const leads = (name: string, trail: readonly string[]): void => {
      expect(trail, name).not.toContain(name);
      const text = JSON.stringify(document.components?.schemas?.[name]);
      for (const [, next = ''] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
        leads(next, [...trail, name]);
      }
    };
    for (const name of Object.keys(document.components?.schemas ?? {})) leads(name, []);
  });
});

describe('bodies', () => {
  test('must have what can neither be null nor is filled in', async () => {
    const document = await served.document('authenticated');
    expect(schemaOf(document, 'items.insert').required).toEqual(['sku', 'shelf_id']);
    expect(schemaOf(document, 'items.update').required).toBeUndefined();
    // a trigger fills in the number
    expect(schemaOf(document, 'stamped.insert').required).toBeUndefined();
  });

  test('have no generated columns and no identities, which rows have as read-only', async () => {
    const document = await served.document('authenticated');
    expect(properties(document, 'items.insert')).not.toHaveProperty('total');
    expect(properties(document, 'items.update')).not.toHaveProperty('total');
    expect(properties(document, 'keepers.insert')).not.toHaveProperty('id');
    expect(properties(document, 'items')['total']).toMatchObject({ readOnly: true });
    expect(properties(document, 'keepers')['id']).toMatchObject({ readOnly: true });
  });

  test('say what stands in for a column that is left out', async () => {
    const insert = properties(await served.document('authenticated'), 'items.insert');
    expect(insert['created_at']).toEqual({
      type: 'string',
      format: 'date-time',
      description: 'Default: `now()`.',
    });
  });
});

describe('functions', () => {
  test('have their overloads as alternatives, and answer GET where they only read', async () => {
    const document = await served.document('authenticated');
    const find = pathOf(document, '/rpc/find');
    expect(methodsOf(find)).toEqual(['get', 'post']);
    expect(find.post).toMatchObject({
      summary: 'Find items',
      description: expect.stringContaining('By their order code.'),
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: { anyOf: [{ required: ['query'] }, { required: ['query', 'most'] }] },
          },
        },
      },
      responses: {
        '200': {
          content: {
            'application/json': {
              schema: { type: 'array', items: { $ref: '#/components/schemas/items.embedded' } },
            },
          },
        },
      },
    });
    expect(find.get?.parameters).toEqual(
      expect.arrayContaining([
        { name: 'query', in: 'query', required: true, schema: { type: 'string' } },
        { name: 'most', in: 'query', schema: { type: 'integer', format: 'int32' } },
      ]),
    );
    expect(methodsOf(pathOf(document, '/rpc/move'))).toEqual(['post']);
  });

  test('have the results that they have', async () => {
    const document = await served.document('authenticated');
    const result = (name: string): unknown => {
      const response = pathOf(document, `/rpc/${name}`).post?.responses?.['200'];
      return response?.content['application/json'].schema;
    };
    expect(result('summary')).toMatchObject({
      type: ['object', 'null'],
      properties: { items: { type: ['integer', 'null'] }, worth: { type: ['number', 'null'] } },
    });
    expect(result('sizes')).toEqual({ type: 'array', items: { $ref: '#/components/schemas/size' } });
    expect(result('move')).toEqual({ type: 'null' });
    expect(result('echo')).toEqual({});
    expect(result('add')).toEqual({ type: ['integer', 'null'], format: 'int64' });
  });

  test('take a body as it is where their only parameter has no name', async () => {
    const { post } = pathOf(await served.document('authenticated'), '/rpc/echo');
    expect(post?.requestBody).toMatchObject({ content: { 'application/json': { schema: {} } } });
  });
});

describe('a role', () => {
  test('is told of what it may use, and of nothing else', async () => {
    const [anon, authenticated] = [await served.document(), await served.document('authenticated')];
    expect(methodsOf(pathOf(anon, '/items'))).toEqual(['get']);
    expect(methodsOf(pathOf(authenticated, '/items'))).toEqual(['delete', 'get', 'patch', 'post', 'put']);
    expect(methodsOf(pathOf(authenticated, '/counts'))).toEqual(['get']);
    expect(Object.keys(properties(anon, 'keepers'))).toEqual(['id', 'name']);
    expect(Object.keys(properties(anon, 'keepers.insert'))).toEqual(['name']);
    expect(anon.paths).not.toHaveProperty('/items_view');
    expect(anon.components?.schemas).not.toHaveProperty('mood');
    for (const document of [anon, authenticated]) {
      const text = JSON.stringify(document);
      expect(text).not.toMatch(/secrets|secret_of|hidden|Nobody is told/);
    }
    expect(JSON.stringify(await served.document('service_role'))).toMatch(/secret_of/);
  });
});

test('modules add what they serve, at the root and not below REST', async () => {
  const catalog = await loadDepot();
  const model = buildModel(catalog, {
    role: 'authenticated',
    schema: 'depot',
    followPrivileges: true,
    requireRls: 'off',
  });
  const token = { type: 'object' } as const;
  const document = renderOpenApi(model, {
    version: '1',
    serverUrl: '/rest/v1',
    rootUrl: '/',
    asksForToken: false,
    addPaths: () => [
      { tag: { name: 'Auth' }, paths: { '/auth/v1/token': { post: {} } }, schemas: { 'auth.token': token } },
    ],
  });
  expect(document.tags?.at(-1)).toEqual({ name: 'Auth' });
  expect(pathOf(document, '/auth/v1/token')).toEqual({ servers: [{ url: '/' }], post: {} });
  expect(schemaOf(document, 'auth.token')).toBe(token);
});

test('everything exposed is described to anybody by openapi-mode = ignore-privileges', async () => {
  const settings = { 'db-schemas': 'depot', 'openapi-mode': 'ignore-privileges' };
  const api = await startApi(served.database, settings);
  try {
    const { json } = await api.request('GET', '/');
    expect(methodsOf(pathOf(json, '/secrets'))).toEqual(['delete', 'get', 'patch', 'post', 'put']);
    expect(Object.keys(properties(json, 'keepers'))).toContain('secret');
    expect(json.paths).toHaveProperty(['/rpc/secret_of']);
  } finally {
    await api.close();
  }
});

test('names that no component may have are written otherwise, and the path as a URL has it', async () => {
  const document = await served.document('authenticated');
  expect(properties(document, 'Mixed_N_me_x')).toHaveProperty('a b');
  const { get } = pathOf(document, `/${encodeURIComponent('Mixed Näme/x')}`);
  expect(get?.operationId).toBe('read_Mixed_N_me_x');
  const { status } = await served.api.request('GET', `/${encodeURIComponent('Mixed Näme/x')}`, {
    as: 'authenticated',
  });
  expect(status).toBe(200);
});

test('names that mean something to JavaScript are names like others', async () => {
  const api = await startApi(served.database, { 'db-schemas': 'pitfalls' });
  try {
    const { json } = await api.request('GET', '/', { as: 'authenticated' });
    expect(Object.keys(json.components.schemas)).toContain('__proto__');
    expect(Object.keys(json.paths)).toContain('/__proto__');
    const schema = new Map<string, SchemaObject>(Object.entries(json.components.schemas)).get('__proto__');
    expect(Object.keys(schema?.properties ?? {})).toEqual(['__proto__', 'constructor']);
  } finally {
    await api.close();
  }
});

test('tags are told apart, whatever a table is called', async () => {
  const names = (await served.document('authenticated')).tags?.map(({ name }) => name) ?? [];
  expect(names).toEqual(expect.arrayContaining(['API', 'API (table)']));
  expect(new Set(names).size).toBe(names.length);
});

test('the schema comment is title and description', async () => {
  expect((await served.document()).info).toMatchObject({
    title: 'Depot API',
    description: 'What lies where, and who fetches it.',
  });
});
