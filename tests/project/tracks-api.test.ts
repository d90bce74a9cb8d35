/** The requests that the example's README shows, through the whole server. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../server/config.ts';
import { signToken } from '../../server/identity/sign.ts';
import { type Running, serve } from '../../server/main.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { findFreePort } from '../support/folder.ts';
import { loadTracks, people } from '../support/tracks.ts';

const SECRET = 'N0t-guessable-9f8e7d6c5b4a39281706f5e4d3c2b1a0';
const readme = readFileSync(join(import.meta.dirname, '../../examples/tracks/README.md'), 'utf8');
const requests = readme.split('\n').filter((line) => line.startsWith('/'));

let database: TestDatabase;
let running: Running;
let restUrl: string;

beforeAll(async () => {
  database = await createDatabase(await loadTracks());
  const port = await findFreePort();
  const flags = {
    'db-uri': database.authenticatorUri,
    'db-anon-role': 'anon',
    'jwt-secret': SECRET,
    'server-port': port,
    'server-host': '127.0.0.1',
    'log-level': 'crit',
  };
  running = await serve((settings) => loadConfig({ env: {}, flags, database: settings }), {
    checked: true,
    version: 'test',
  });
  restUrl = `http://127.0.0.1:${port}/rest/v1`;
});

afterAll(async () => {
  await running.close();
  await database.close();
});

const ask = async (path: string, token?: string): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(restUrl + path, token === undefined ? {} : { headers: { apikey: token } });
  return { status: response.status, body: await response.json() };
};

test('the README shows requests', () => {
  expect(requests.length).toBeGreaterThan(5);
});

test.each(requests)('a member and a back end get rows for %s', async (path) => {
  const tokens = [{ role: 'authenticated', sub: people.jonas }, { role: 'service_role' }].map((claims) =>
    signToken(SECRET, claims),
  );
  for (const token of tokens) {
    const { status, body } = await ask(path, token);
    expect({ status, body }).toMatchObject({ status: 200 });
    expect(body).not.toEqual([]);
  }
});

test('a visitor gets what is published, and no more', async () => {
  const [first = ''] = requests;
  const { status, body } = await ask(first);
  expect(status).toBe(200);
  expect(body).toHaveLength(5);
  expect((await ask('/tasks?limit=1')).body).toMatchObject({ code: '42501' });
});

test('members of two organizations get different rows of the same request', async () => {
  const organizationsOf = async (sub: string): Promise<unknown> =>
    (
      await ask(
        '/organizations?select=slug,projects(key)&projects.limit=1&projects.visibility=eq.private',
        signToken(SECRET, { role: 'authenticated', sub }),
      )
    ).body;
  expect(await organizationsOf(people.jonas)).toEqual([
    { slug: 'lighthouse', projects: [{ key: expect.any(String) }] },
  ]);
  expect(await organizationsOf(people.priya)).toEqual([
    { slug: 'lighthouse', projects: [] },
    { slug: 'harbor', projects: [{ key: expect.any(String) }] },
  ]);
});
