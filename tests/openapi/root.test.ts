/** The root of REST: which document it answers, to whom, and when it has none to send. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { startApi } from '../support/api.ts';
import { useDepot } from './fixture.ts';

const served = useDepot({ 'require-rls': 'enforce', 'db-schemas': 'depot,hidden' });

describe('what is asked for', () => {
  const OPENAPI_3 = 'application/vnd.oai.openapi+json;version=3.1; charset=utf-8';
  test.each([
    ['*/*', '3.1.1', 'application/json; charset=utf-8'],
    ['application/json', '3.1.1', 'application/json; charset=utf-8'],
    ['application/vnd.oai.openapi+json', '3.1.1', OPENAPI_3],
    ['application/vnd.oai.openapi+json;version=3.1', '3.1.1', OPENAPI_3],
    ['application/openapi+json;version=3.1', '3.1.1', 'application/openapi+json;version=3.1; charset=utf-8'],
    ['application/openapi+json', '2.0', 'application/openapi+json; charset=utf-8'],
    ['text/csv, application/openapi+json;q=0.5', '2.0', 'application/openapi+json; charset=utf-8'],
  ])('%s is %s', async (accept, version, type) => {
    const { status, headers, body } = await served.root({ headers: { Accept: accept } });
    const document = JSON.parse(body);
    expect([status, headers['content-type'], document.openapi ?? document.swagger]).toEqual([
      200,
      type,
      version,
    ]);
  });

  test.each([
    ['application/yaml', 'application/yaml; charset=utf-8'],
    ['application/openapi+yaml', 'application/openapi+yaml;version=3.1; charset=utf-8'],
    ['application/vnd.oai.openapi', 'application/vnd.oai.openapi;version=3.1; charset=utf-8'],
  ])('%s is YAML', async (accept, type) => {
    const { headers, body } = await served.root({ headers: { Accept: accept } });
    expect(headers['content-type']).toBe(type);
    expect(body).toMatch(/^openapi: 3\.1\.1\ninfo:\n/);
  });

  test('anything else is refused', async () => {
    const { status, json } = await served.root({ headers: { Accept: 'text/html' } });
    expect([status, json.code]).toEqual([406, 'PGRST107']);
  });

  test('by openapi-version = 2.0, any is PostgREST’s', async () => {
    const api = await startApi(served.database, { 'db-schemas': 'depot', 'openapi-version': '2.0' });
    try {
      const any = await api.request('GET', '/');
      expect(any.headers['content-type']).toBe('application/openapi+json; charset=utf-8');
      expect(any.json.swagger).toBe('2.0');
      const asked = await api.request('GET', '/', {
        headers: { Accept: 'application/vnd.oai.openapi+json' },
      });
      expect(JSON.parse(asked.body).openapi).toBe('3.1.1');
    } finally {
      await api.close();
    }
  });
});

describe('an entity tag', () => {
  test('spares who has the document', async () => {
    const first = await served.root();
    const tag = String(first.headers.etag);
    expect(tag).toMatch(/^"[\w-]{27}"$/);
    const again = await served.root({ headers: { 'If-None-Match': tag } });
    expect([again.status, again.body, again.headers.etag]).toEqual([304, '', tag]);
    const yaml = await served.root({ headers: { Accept: 'application/yaml', 'If-None-Match': tag } });
    expect(yaml.status).toBe(200);
    const head = await served.api.request('HEAD', '/', { headers: { 'If-None-Match': '"other"' } });
    expect([head.status, head.body, head.headers.etag]).toEqual([200, '', tag]);
    const other = await served.root({ as: 'service_role' });
    expect(other.headers.etag).not.toBe(tag);
  });

  test('is another one when the schema is', async () => {
    const tag = (await served.root({ as: 'service_role' })).headers.etag;
    await served.database.query(`create table depot.later (id integer);
       grant select on depot.later to service_role;
       notify pgrst, 'reload schema'`);
    await expect.poll(async () => (await served.root({ as: 'service_role' })).headers.etag).not.toBe(tag);
  });
});

describe('what is not served is not described', () => {
  test('to a role that Row-Level Security binds', async () => {
    expect(Object.keys((await served.document('authenticated')).paths ?? {})).toEqual(
      expect.not.arrayContaining(['/items']),
    );
    expect(Object.keys((await served.document('authenticated')).paths ?? {})).toContain('/items_view');
    expect(Object.keys((await served.document('service_role')).paths ?? {})).toContain('/items');
  });

  test('in PostgREST’s document neither', async () => {
    const { json } = await served.root({
      headers: { Accept: 'application/openapi+json' },
      as: 'authenticated',
    });
    expect(Object.keys(json.definitions)).toEqual(['items_view']);
    expect(json.parameters).toHaveProperty(['rowFilter.items_view.id']);
    expect(json.parameters).not.toHaveProperty(['rowFilter.items.id']);
  });
});

test('another schema is described where its profile is asked for, with the header that it needs', async () => {
  const { json, headers } = await served.root({
    headers: { 'Accept-Profile': 'hidden' },
    as: 'service_role',
  });
  expect(headers['content-profile']).toBe('hidden');
  expect(json.info.title).toBe('The schema hidden');
  expect(json.components.parameters['accept-profile']).toMatchObject({
    name: 'Accept-Profile',
    required: true,
    schema: { enum: ['hidden'] },
  });
});

test('the address is that of the proxy where there is one, and else left to who has the document', async () => {
  expect((await served.document()).servers).toEqual([{ url: '/rest/v1' }]);
  const settings = { 'db-schemas': 'depot', 'openapi-server-proxy-uri': 'https://example.com/base/' };
  const api = await startApi(served.database, settings);
  try {
    expect((await api.request('GET', '/')).json.servers).toEqual([{ url: 'https://example.com/base' }]);
    const swagger = await api.request('GET', '/', { headers: { Accept: 'application/openapi+json' } });
    expect(swagger.json).toMatchObject({ host: 'example.com:443', basePath: '/base', schemes: ['https'] });
  } finally {
    await api.close();
  }
});

test('a token is said to be needed where nobody is anonymous', async () => {
  expect((await served.document()).security).toEqual([{ bearer: [] }, { apikey: [] }, {}]);
  const api = await startApi(served.database, { 'db-schemas': 'depot', 'db-anon-role': '' });
  try {
    const { json } = await api.request('GET', '/', { as: 'authenticated' });
    expect(json.security).toEqual([{ bearer: [] }, { apikey: [] }]);
  } finally {
    await api.close();
  }
});

test('a batch may ask for it, too', async () => {
  const { json } = await served.api.request('POST', '/', {
    headers: { 'Content-Type': 'application/vnd.aura.batch+json' },
    body: { requests: [{ method: 'GET', path: '/' }] },
  });
  expect(json.results[0]).toMatchObject({ status: 200, body: { openapi: '3.1.1' } });
});

describe('GraphQL', () => {
  test('is described beside REST', async () => {
    const document = await served.document('authenticated');
    const path = document.paths?.['/graphql/v1'];
    expect(Object.keys(path ?? {})).toEqual(['servers', 'get', 'post']);
    expect(path?.servers).toEqual([{ url: expect.stringMatching(/\/$/) }]);
  });

  test('is not, where it is not served', async () => {
    const api = await startApi(served.database, { 'db-schemas': 'depot', 'graphql-enabled': false });
    onTestFinished(() => api.close());
    const { json } = await api.request('GET', '/', { as: 'authenticated' });
    expect(json.paths['/graphql/v1']).toBeUndefined();
    expect(json.tags.map(({ name }: { name: string }) => name)).not.toContain('GraphQL');
  });
});
