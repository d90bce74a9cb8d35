import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CatalogQuery, loadCatalog, MissingSchemaError } from '../../server/catalog/load.ts';
import { nameKey } from '../../server/names.ts';
import { createDatabase } from '../support/database.ts';
import { type CatalogConnection, connectCatalog } from './connect.ts';
import { FIXTURE_OPTIONS, loadPublisher, type PublisherFixture } from './fixture.ts';
import { makeLargeSchema } from './large.ts';

let fixture: PublisherFixture;
let connection: CatalogConnection;
beforeAll(async () => {
  fixture = await loadPublisher();
  connection = await connectCatalog(fixture.database.uri);
});
afterAll(async () => {
  await connection.close();
  await fixture.close();
});

describe('loading', () => {
  test('takes one statement', async () => {
    let statements = 0;
    const counting: CatalogQuery = (statement) => {
      statements += 1;
      return connection.query(statement);
    };
    await loadCatalog(counting, FIXTURE_OPTIONS);
    expect(statements).toBe(1);
  });

  test('gives the same to the login role as to a superuser', async () => {
    const catalog = await loadCatalog(connection.query, FIXTURE_OPTIONS);
    expect(catalog).toEqual(fixture.catalog);
  });

  test('names the exposed schemas that do not exist', async () => {
    const options = { ...FIXTURE_OPTIONS, schemas: ['api', 'API', 'nowhere'] };
    const failure = await loadCatalog(connection.query, options).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MissingSchemaError);
    expect(failure).toMatchObject({ schemas: ['API', 'nowhere'] });
    expect(String(failure)).toContain('"API", "nowhere"');
    expect(String(failure)).toContain('db-schemas');
  });

  test('does without schemas of the extra search path that do not exist', async () => {
    const options = { ...FIXTURE_OPTIONS, extraSearchPath: ['nowhere', 'public'] };
    const catalog = await loadCatalog(connection.query, options);
    expect(catalog.relations).toEqual(fixture.catalog.relations);
  });

  test('exposes the schemas in the order of the setting and nothing else', async () => {
    const options = { ...FIXTURE_OPTIONS, schemas: ['hidden', 'archive'] };
    const catalog = await loadCatalog(connection.query, options);
    expect(catalog.schemas).toEqual(['hidden', 'archive']);
    expect(new Set([...catalog.relations.values()].map((r) => r.name.schema))).toEqual(
      new Set(['hidden', 'archive']),
    );
    expect(catalog.routines.has(nameKey('api', 'add'))).toBe(false);
    expect(catalog.relationships.has(nameKey('archive', 'letters'))).toBe(false);
  });

  test('refuses to read under another search path than its own', async () => {
    const careless: CatalogQuery = (statement) => connection.query({ ...statement, settings: {} });
    await expect(loadCatalog(careless, FIXTURE_OPTIONS)).rejects.toThrow('search path');
  });

  test('does not touch the settings of the session', async () => {
    await loadCatalog(connection.query, FIXTURE_OPTIONS);
    const [row] = await connection.query({
      text: `select current_setting('search_path'), current_setting('jit')`,
      values: [],
      settings: {},
    });
    const { rows } = await fixture.database.query(
      `select current_setting('search_path') as path, current_setting('jit') as jit`,
    );
    expect(row).toEqual([rows[0]?.['path'], rows[0]?.['jit']]);
  });

  test('is not led astray by objects that users named like PostgreSQL’s', async () => {
    const database = await createDatabase(`
      create table public.pg_class (oid int);
      create function public.format_type(oid, int) returns text language sql as $$ select 'fooled' $$;
      create function public.split_part(text, text, int) returns text language sql as $$ select 'fooled' $$;
      create schema api;
      create table api.things (id int primary key);
      create view api.views as select id from api.things;
    `);
    const misled = await connectCatalog(`${database.uri}?options=-c%20search_path%3Dpublic,pg_catalog`);
    await misled.run('create temporary table pg_attribute (attrelid oid)');
    expect(await misled.run(`select format_type(23, null)`)).toEqual([['fooled']]);
    const catalog = await loadCatalog(misled.query, {
      schemas: ['api'],
      extraSearchPath: ['public'],
      hoistedSettings: [],
    });
    expect(catalog.relations.get(nameKey('api', 'things'))?.columns.get('id')?.type).toBe('integer');
    expect(catalog.relations.get(nameKey('api', 'views'))?.primaryKey).toEqual(['id']);
    await misled.close();
    await database.close();
  });
});

describe('the catalog', () => {
  test('is frozen to its depths', () => {
    const open: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      if (!Object.isFrozen(value)) open.push(path);
      const entries = value instanceof Map || value instanceof Set ? value.entries() : Object.entries(value);
      for (const [key, item] of entries) visit(item, `${path}/${String(key)}`);
    };
    visit(fixture.catalog, '');
    expect(open).toEqual([]);
  });
});

test('a thousand tables, two thousand functions and two hundred views load and link', async () => {
  const database = await createDatabase();
  await makeLargeSchema(database.query, { tables: 1000, functions: 2000, views: 200 });
  const own = await connectCatalog(database.authenticatorUri);
  const catalog = await loadCatalog(own.query, {
    schemas: ['large'],
    extraSearchPath: [],
    hoistedSettings: [],
  });
  await own.close();
  await database.close();
  expect(catalog.relations.size).toBe(1200);
  expect(catalog.routines.size).toBe(2000);
  const relationOf = (name: string) => catalog.relations.get(nameKey('large', name));
  expect(relationOf('t999')?.columns.size).toBe(10);
  expect(relationOf('v200')?.primaryKey).toEqual(['id']);
  const kinds = (name: string) =>
    catalog.relationships.get(nameKey('large', name))?.map((r) => `${r.kind} ${r.target.name}`);
  expect(kinds('t999')).toEqual(['many-to-one t998']);
  // t500 references t499, is referenced by t501, and nothing that a view shows
  expect(kinds('t500')).toEqual(['many-to-one t499', 'one-to-many t501']);
  // v10 stands on t10, which references t9, the ground of v9, and is referenced by t11, the ground of v11
  expect(kinds('v10')).toEqual(['one-to-many t11', 'many-to-one t9', 'one-to-many v11', 'many-to-one v9']);
});
