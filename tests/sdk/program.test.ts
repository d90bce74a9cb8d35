/** The example program over the example project, as Node runs it and, bundled by Vite, a real browser. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadTracks, people } from '../support/tracks.ts';
import { serveFolder } from '../support/web.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/client');
const BROWSERS = [process.env['TEST_BROWSER'] ?? '', 'chromium', 'chromium-browser', 'google-chrome'];

const BOARD = {
  project: 'Website relaunch',
  columns: { backlog: 62, todo: 89, in_progress: 49, in_review: 40, done: 391, canceled: 43 },
  due: expect.stringMatching(/^WEB-\d+ \w+/),
  moved: 'in_review',
  counted: 674,
};

let database: TestDatabase;
let api: Api;
const token = tokenFor({ role: 'authenticated', sub: people.mira });
beforeAll(async () => {
  database = await createDatabase(await loadTracks());
  api = await startApi(database, { 'db-aggregates-enabled': true });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const run = (
  program: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string | null> =>
  new Promise((resolve, reject) => {
    execFile(program, [...args], { env: { ...process.env, ...env } }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT') resolve(null);
      else reject(error);
    });
  });

test('its types are those of the example project', async () => {
  const [own, golden] = await Promise.all([
    readFile(join(EXAMPLE, 'database.ts'), 'utf8'),
    readFile(join(ROOT, 'tests/golden/codegen/tracks.types.ts'), 'utf8'),
  ]);
  expect(own).toBe(golden);
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  expect(await run(process.execPath, [tsc, '-p', EXAMPLE])).toBe('');
});

test('it runs in Node', async () => {
  const printed = await run(process.execPath, [join(EXAMPLE, 'node.ts'), api.origin], { AURA_TOKEN: token });
  expect(JSON.parse(printed ?? '')).toEqual(BOARD);
});

test('it runs in a browser, bundled by Vite', { timeout: 60_000 }, async (context) => {
  const { build } = await import('vite');
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await build({
    root: EXAMPLE,
    configFile: false,
    logLevel: 'error',
    build: { outDir: join(folder, 'made'), target: 'es2022' },
  });
  const origin = await serveFolder(join(folder, 'made'));
  const page = `${origin}/#${new URLSearchParams({ url: api.origin, token })}`;
  const args = ['--headless', '--no-sandbox', '--disable-gpu', `--user-data-dir=${join(folder, 'profile')}`];
  for (const browser of BROWSERS.filter((name) => name !== '')) {
    const shown = await run(browser, [...args, '--virtual-time-budget=15000', '--dump-dom', page]);
    if (shown === null) continue;
    expect(JSON.parse(/<output>(.*)<\/output>/s.exec(shown)?.[1] ?? '""')).toEqual(BOARD);
    return;
  }
  context.skip('there is no browser (TEST_BROWSER names one)');
});
