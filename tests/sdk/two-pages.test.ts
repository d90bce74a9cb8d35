/** The live example in two real pages, of two people. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { startApi, tokenFor } from '../support/api.ts';
import { createDatabase } from '../support/database.ts';
import { loadLiveTracks, people } from '../support/tracks.ts';
import { serveFolder } from '../support/web.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/live');
const BROWSERS = [process.env['TEST_BROWSER'] ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'];

const openBrowser = async (): Promise<Browser | null> => {
  for (const executablePath of BROWSERS.filter((path) => path !== '')) {
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] }).catch(() => null);
    if (browser !== null) return browser;
  }
  return null;
};

test('what one does the other sees, and who is there', { timeout: 60_000 }, async (context) => {
  const browser = await openBrowser();
  if (browser === null) {
    context.skip('there is no browser (TEST_BROWSER names one)');
    return;
  }
  onTestFinished(() => browser.close());
  const database = await createDatabase(await loadLiveTracks());
  onTestFinished(() => database.close());
  const api = await startApi(database);
  onTestFinished(() => api.close());
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

  const open = async (me: string): Promise<Page> => {
    const page = await (await browser.newContext()).newPage();
    const token = tokenFor({ role: 'authenticated', sub: me });
    await page.goto(`${origin}/#${new URLSearchParams({ url: api.origin, token, me })}`);
    await page.waitForSelector('#status[data-status=live]');
    return page;
  };
  const titles = (page: Page): Promise<string[]> => page.locator('#tasks .title').allTextContents();
  const here = (page: Page): Promise<string[]> => page.locator('#people li').allTextContents();

  const mira = await open(people.mira);
  const jonas = await open(people.jonas);
  await expect.poll(() => here(mira)).toEqual(await here(jonas));
  await expect.poll(() => here(mira)).toHaveLength(2);
  expect(await titles(mira)).toEqual(await titles(jonas));

  await mira.fill('#report input', 'Two pages, <b>one</b> list');
  await mira.click('#report button');
  await expect.poll(async () => (await titles(jonas))[0]).toBe('Two pages, <b>one</b> list');
  await expect.poll(() => titles(mira)).toEqual(await titles(jonas));

  await jonas.locator('#tasks .title').first().click();
  await expect.poll(() => mira.textContent('#said')).toMatch(/^Jonas .* points at WEB-\d+$/);

  await jonas.locator('#tasks li button').first().click();
  await expect.poll(async () => (await titles(mira))[0]).not.toBe('Two pages, <b>one</b> list');
  await expect.poll(() => titles(mira)).toEqual(await titles(jonas));

  await jonas.context().setOffline(true);
  await mira.fill('#report input', 'While Jonas was away');
  await mira.click('#report button');
  await expect.poll(async () => (await titles(mira))[0]).toBe('While Jonas was away');
  await jonas.context().setOffline(false);
  await expect.poll(async () => (await titles(jonas))[0], { timeout: 20_000 }).toBe('While Jonas was away');

  await jonas.close();
  await expect.poll(() => here(mira), { timeout: 10_000 }).toHaveLength(1);
});
