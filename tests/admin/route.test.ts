import { describe, expect, test } from 'vitest';
import { type AdminContext, createAdminRoutes } from '../../server/admin/route.ts';
import { loadConfig } from '../../server/config.ts';
import { createMetrics } from '../../server/observe/metrics.ts';

const TOKEN = 'a-token-for-the-admin-server-0123456789';
const admin = (context: Partial<AdminContext> = {}, token: string | null = null) => {
  const app = createAdminRoutes(
    {
      live: () => true,
      ready: () => ({ ready: true, reasons: [] }),
      metrics: createMetrics(() => ({ open: 1, inUse: 0, waiting: 0, max: 8 })),
      config: () =>
        loadConfig({
          env: {
            PGRST_DB_URI: 'postgres://u:hunter2@h/d',
            PGRST_JWT_SECRET: `${'x'.repeat(20)}hunter2-hunter2`,
          },
        }),
      catalogJson: () => '{"relations":[]}',
      ...context,
    },
    token,
  );
  return (path: string, init?: RequestInit) => app.request(path, init);
};

describe('/live', () => {
  test('is 200 with an empty body while the API listens, else 500', async () => {
    const live = await admin()('/live');
    expect([live.status, await live.text()]).toEqual([200, '']);
    expect((await admin({ live: () => Promise.resolve(false) })('/live')).status).toBe(500);
  });
});

describe('/ready', () => {
  test('is 200 where requests can be served', async () => {
    const response = await admin()('/ready');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ ready: true, reasons: [] });
  });

  test('is 503 with the reasons where they cannot', async () => {
    const response = await admin({
      ready: () => ({ ready: false, reasons: ['The database cannot be reached.'] }),
    })('/ready');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, reasons: ['The database cannot be reached.'] });
  });

  test('is 200 and says so where an old catalog serves on', async () => {
    const response = await admin({ ready: () => ({ ready: true, reasons: ['The last reload failed.'] }) })(
      '/ready',
    );
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ reasons: ['The last reload failed.'] });
  });
});

describe('/metrics', () => {
  test("is text in Prometheus' format", async () => {
    const response = await admin()('/metrics');
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('pgrst_db_pool_max 8');
  });
});

describe('/config', () => {
  test('prints the settings in force without a secret', async () => {
    const text = await (await admin()('/config')).text();
    expect(text).toContain('db-uri = "postgres://u:********@h/d"');
    expect(text).not.toContain('hunter2');
  });
});

describe('/schema_cache', () => {
  test('prints the catalog as JSON', async () => {
    const response = await admin()('/schema_cache');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ relations: [] });
  });

  test('is 503 while there is none', async () => {
    expect((await admin({ catalogJson: () => null })('/schema_cache')).status).toBe(503);
  });
});

describe('the admin server', () => {
  test('answers HEAD as GET, 404 elsewhere, and lets nobody keep a copy', async () => {
    const head = await admin()('/ready', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await admin()('/')).status).toBe(404);
    expect((await admin()('/config', { method: 'POST' })).status).toBe(404);
    expect((await admin()('/config')).headers.get('cache-control')).toBe('no-store');
  });

  test('asks for its token where it has one, but not for the health checks', async () => {
    const request = admin({}, TOKEN);
    for (const path of ['/metrics', '/config', '/schema_cache']) {
      expect((await request(path)).status).toBe(401);
      expect((await request(path, { headers: { authorization: `Bearer ${TOKEN}x` } })).status).toBe(401);
      expect((await request(path, { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
    }
    expect((await request('/live')).status).toBe(200);
    expect((await request('/ready')).status).toBe(200);
  });

  test('lets nobody around the token by another spelling of the path', async () => {
    const request = admin({}, TOKEN);
    for (const path of [
      '//config',
      '/config/',
      '/./config',
      '/%63onfig',
      '/CONFIG',
      '/config?x',
      '/config/../config',
    ]) {
      const response = await request(path);
      expect([401, 404]).toContain(response.status);
    }
  });
});
