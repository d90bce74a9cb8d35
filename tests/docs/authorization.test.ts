/**
 * The SQL of docs/authorization.md, block by block, against the example project. `-- →` says what a block
 * answers; a block without it must run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const scripts = (folder: string): string[] =>
  readdirSync(new URL(`examples/tracks/${folder}/`, root))
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => read(`examples/tracks/${folder}/${name}`));

const blocks = [...read('docs/authorization.md').matchAll(/^```sql\n(.*?)^```/gms)].map(
  ([, block = ''], index) => ({
    title: `block ${index + 1}: ${block.split('\n')[0]}`,
    block,
  }),
);

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase(
    [...scripts('sql'), ...scripts('policies'), read('examples/tracks/seed.sql')].join(
      '\nreset role; reset search_path;\n',
    ),
  );
});
afterAll(() => database.close());

test('the page has SQL to execute', () => {
  expect(blocks.length).toBeGreaterThan(8);
});

test.each(blocks)('$title', async ({ block }) => {
  const expected = /^-- → (.*)$/m.exec(block)?.[1];
  const statements = block.replace(/^rollback;\n/m, '');
  try {
    const answer = await database.query(statements).then(
      ({ rows }) => String(Object.values(rows[0] ?? {})[0]),
      (error: Error) => error.message,
    );
    expect(answer).toBe(expected ?? 'undefined');
  } finally {
    if (block.includes('rollback;')) await database.query('rollback');
  }
});
