/** The page at /docs, as far as it can be seen without a browser. */
import { describe, expect, test } from 'vitest';
import { createReference } from '../../server/openapi/reference.ts';
import { startApi } from '../support/api.ts';
import { useDepot } from './fixture.ts';

const served = useDepot({ 'docs-enabled': true });
const get = (path: string, origin = served.api.origin): Promise<Response> => fetch(`${origin}${path}`);

describe('the page', () => {
  test('lets scripts come from this server alone, and talk to it alone', async () => {
    const response = await get('/docs');
    const policy = response.headers.get('Content-Security-Policy') ?? '';
    expect(response.status).toBe(200);
    expect(policy.split('; ')).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
      ]),
    );
    const html = await response.text();
    expect(html).not.toMatch(/(?:src|href)="(?!\/docs\/|data:,")/);
    // a script that is code has an address; what has none is data
    expect([...html.matchAll(/<script(?![^>]*\bsrc=)([^>]*)>/g)].map(([, attributes]) => attributes)).toEqual(
      [' type="application/json" id="configuration"'],
    );
  });

  test('has everything that it names', async () => {
    const html = await (await get('/docs')).text();
    const names = [...html.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, name]) => name ?? '');
    expect(names).toHaveLength(3);
    for (const name of names) {
      const response = await get(name);
      expect([name, response.status]).toEqual([name, 200]);
      expect(response.headers.get('Content-Type')).toMatch(/^text\/(?:css|javascript); charset=utf-8$/);
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100);
    }
    expect((await get('/docs/other.js')).status).toBe(404);
    expect((await get('/docs/..%2Freference.ts')).status).toBe(404);
  });

  test('has a key filled in where there is one for everybody, which can end no script', async () => {
    const settings = { docsEnabled: true, restPrefix: '/', openapiServerProxyUri: null };
    const key = '</script><script>alert(1)</script>';
    const page = await createReference({ version: '1', key })('/docs', settings);
    const html = (await page?.text()) ?? '';
    const [, data = ''] = /<script type="application\/json"[^>]*>(.*)<\/script>/.exec(html) ?? [];
    expect(data).not.toContain('<');
    expect(JSON.parse(data)).toEqual({ rest: '/', key, version: '1' });
  });

  test('has no key filled in by `aura start`', async () => {
    expect(await (await get('/docs')).text()).toContain('"key":null');
  });

  test('may talk to where the API is said to be', async () => {
    const settings = { 'docs-enabled': true, 'openapi-server-proxy-uri': 'https://example.com/base' };
    const api = await startApi(served.database, settings);
    try {
      const policy = (await get('/docs', api.origin)).headers.get('Content-Security-Policy');
      expect(policy).toContain("connect-src 'self' https://example.com;");
    } finally {
      await api.close();
    }
  });

  test('is not there unless it is turned on', async () => {
    const api = await startApi(served.database);
    try {
      expect((await get('/docs', api.origin)).status).toBe(404);
      expect((await get('/docs/page.js', api.origin)).status).toBe(404);
    } finally {
      await api.close();
    }
  });
});
