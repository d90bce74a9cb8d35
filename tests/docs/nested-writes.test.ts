/**
 * The requests of docs/nested-writes.md, in their order, against the example project. What the page shows of an
 * answer must be there; what it leaves out may be anything.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadTracks, people } from '../support/tracks.ts';

const page = readFileSync(new URL('../../docs/nested-writes.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```http\n(.*?)^```\n\n```json\n(.*?)^```/gms)].map(
  ([, request = '', answer = '']) => ({ title: request.split('\n')[0] ?? '', request, answer }),
);

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(await loadTracks());
  api = await startApi(database, { 'require-rls': 'enforce' });
});
afterAll(async () => {
  await api.close();
  await database.close();
});

test('every request of the page has an answer', () => {
  expect(examples.length).toBeGreaterThan(6);
  expect(page.match(/^```http/gm)).toHaveLength(examples.length);
});

test.each(examples)('$title', async ({ request, answer }) => {
  const [head = '', body = ''] = request.split('\n\n');
  const [line = '', ...headerLines] = head.split('\n');
  const [method = '', path = ''] = line.split(' ');
  const headers = Object.fromEntries(
    headerLines
      .map((text) => [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1).trim()] as const)
      .filter(([name]) => name !== 'Authorization'),
  );
  expect(headerLines).toContain('Authorization: Bearer $MIRA');
  const got = await api.request(method, path, {
    body: JSON.parse(body),
    headers,
    as: { role: 'authenticated', sub: people.mira },
  });
  expect(got.json).toMatchObject(JSON.parse(answer));
});
