/**
 * Nested inserts and upserts: what a body of several relations writes, what it answers, and what it refuses.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const setup = readFileSync(new URL('nested.sql', import.meta.url), 'utf8');

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(setup);
  api = await startApi(database);
});
afterAll(async () => {
  await api.close();
  await database.close();
});
beforeEach(async () => {
  await database.query(`
    truncate authors, profiles, posts, comments, reactions, tags, post_tags, words, post_words, nodes, rooms, beds,
      items, ids_uuid, ids_always, ids_trigger, ids_json, ids_time, ids_numeric, ids_bytes, ids_array, ids_char,
      offices, desks, picky, picky_parts, logs, log_lines, paints, walls, "a table", "its child",
      notes, note_lines, labels, note_labels, eggs, hens, write_only, write_only_parts restart identity`);
});

const REPRESENTATION = { Prefer: 'return=representation' };

const post = (path: string, body: unknown, options: ApiRequest = {}): Promise<ApiAnswer> =>
  api.request('POST', path, { body, headers: REPRESENTATION, ...options });

const prefer = (...words: string[]) => ({
  headers: { Prefer: ['return=representation', ...words].join(', ') },
});

const rows = async (text: string): Promise<unknown[]> => (await database.query(text)).rows;
const json = async (text: string): Promise<unknown> =>
  (await database.query(`select coalesce(json_agg(t), '[]') as all from (${text}) t`)).rows[0]?.['all'];

test('children are written after their parent and get its key', async () => {
  const answer = await post('/posts', { title: 'one', comments: [{ body: 'a' }, { body: 'b' }] });
  expect(answer.json).toEqual([
    {
      id: 1,
      title: 'one',
      note: 'none',
      author_id: null,
      editor_id: null,
      views: null,
      score: null,
      meta: null,
      marks: null,
      comments: [
        { id: 1, post_id: 1, body: 'a', pinned: false },
        { id: 2, post_id: 1, body: 'b', pinned: false },
      ],
    },
  ]);
  expect(answer.status).toBe(201);
  expect(await json('select * from comments order by id')).toEqual(answer.json[0].comments);
});

test('a parent is written first, and its key flows into the row', async () => {
  const answer = await post('/posts', {
    title: 'one',
    'author:authors!posts_author_fkey': { name: 'Ann', profiles: { bio: 'writes' } },
    'editor:authors!posts_editor_fkey': null,
  });
  expect(answer.json).toMatchObject([
    {
      author_id: 1,
      editor_id: null,
      author: { id: 1, name: 'Ann', profiles: { author_id: 1, bio: 'writes' } },
      editor: null,
    },
  ]);
});

test('targets behind a junction are written and joined', async () => {
  const answer = await post('/posts', { title: 'one', tags: [{ name: 'x' }, { name: 'y' }] });
  expect(answer.json).toMatchObject([
    {
      id: 1,
      tags: [
        { id: 1, name: 'x' },
        { id: 2, name: 'y' },
      ],
    },
  ]);
  expect(await json('select post_id, tag_id from post_tags order by tag_id')).toEqual([
    { post_id: 1, tag_id: 1 },
    { post_id: 1, tag_id: 2 },
  ]);
});
