/** Nested upserts: rows that exist already, keys that are given, and who is joined to whom. */
import { expect, test } from 'vitest';
import { prefer, useNestedFixture } from './nested-fixture.ts';

const fixture = useNestedFixture();

test('an object with nothing but its key stands for the row that exists', async () => {
  await fixture.database.query(
    `insert into tags (name, hue) values ('old', 7); insert into authors (name) values ('Ann')`,
  );
  const answer = await fixture.post('/posts', [
    { title: 'one', 'author:authors!posts_author_fkey': { id: 1 }, tags: [{ name: 'new' }, { id: 1 }] },
    { title: 'two', 'author:authors!posts_author_fkey': { id: 1 }, tags: [{ id: 1 }] },
  ]);
  expect(answer.json).toMatchObject([
    {
      author_id: 1,
      author: { name: 'Ann' },
      tags: [
        { id: 2, name: 'new' },
        { id: 1, name: 'old', hue: 7 },
      ],
    },
    { author_id: 1, author: { name: 'Ann' }, tags: [{ id: 1, name: 'old' }] },
  ]);
  expect(await fixture.count('select from authors')).toBe(1);
});

test('what stands below such an object is written to the row that exists', async () => {
  await fixture.database.query(`insert into authors (name) values ('Ann')`);
  const answer = await fixture.post('/posts', {
    title: 'one',
    'author:authors!posts_author_fkey': { id: 1, profiles: { bio: 'x' } },
  });
  expect(answer.json).toMatchObject([
    { author: { id: 1, name: 'Ann', profiles: { author_id: 1, bio: 'x' } } },
  ]);
});

test('such an object may stand for a row of a view that takes none', async () => {
  await fixture.post('/posts', { title: 't', comments: [{ body: 'a' }] });
  const answer = await fixture.post('/reactions', { kind: 'up', short_comments: { id: 1 } });
  expect(answer.json).toMatchObject([{ comment_id: 1, short_comments: { id: 1, body: 'a' } }]);
});

test('such an object is written where no row exists', async () => {
  await fixture.database.query(`insert into words values ('old')`);
  const answer = await fixture.post('/posts', [
    { title: 'one', words: [{ word: 'new' }, { word: 'old' }] },
    { title: 'two', words: [{ word: 'new' }] },
  ]);
  expect(answer.json).toMatchObject([
    { words: [{ word: 'new' }, { word: 'old' }] },
    { words: [{ word: 'new' }] },
  ]);
  expect(await fixture.count('select from post_words')).toBe(3);
  const missing = await fixture.post('/posts', { title: 'three', tags: [{ id: 99 }] });
  expect(missing).toMatchObject({ status: 400, json: { code: '23502' } });
});

test('on_conflict of an embed says by which columns its rows are found', async () => {
  await fixture.database.query(`insert into tags (name, hue) values ('old', 7)`);
  const answer = await fixture.post('/posts?tags.on_conflict=name', {
    title: 'one',
    tags: [{ name: 'old' }, { name: 'new' }],
  });
  expect(answer.json[0].tags).toMatchObject([
    { id: 1, name: 'old', hue: 7 },
    { name: 'new', hue: null },
  ]);
});

test('resolution of an embed changes or keeps the rows that exist, and the others are inserted', async () => {
  await fixture.database.query(`insert into tags (name, hue) values ('old', 7)`);
  const tags = [
    { name: 'old', hue: 1 },
    { name: 'new', hue: 2 },
  ];
  const strict = await fixture.post('/posts?tags.on_conflict=name', { title: 'one', tags });
  expect(strict).toMatchObject({ status: 409, json: { code: '23505' } });
  const kept = await fixture.post('/posts?tags.on_conflict=name&tags.resolution=ignore-duplicates', {
    title: 'one',
    tags,
  });
  expect(kept.json[0].tags).toMatchObject([
    { name: 'old', hue: 7 },
    { name: 'new', hue: 2 },
  ]);
  const merged = await fixture.post('/posts?tags.on_conflict=name&tags.resolution=merge-duplicates', {
    title: 'two',
    tags,
  });
  expect(merged.json[0].tags).toMatchObject([
    { id: 1, name: 'old', hue: 1 },
    { name: 'new', hue: 2 },
  ]);
  expect(await fixture.count('select from post_tags')).toBe(4);
});

test('merge-duplicates updates every level by primary key and leaves other children alone', async () => {
  await fixture.post('/posts', {
    id: 1,
    title: 'one',
    comments: [
      { id: 1, body: 'a' },
      { id: 2, body: 'b' },
    ],
  });
  const answer = await fixture.post(
    '/posts',
    {
      id: 1,
      title: 'ONE',
      comments: [
        { id: 2, body: 'B' },
        { id: 3, body: 'C' },
      ],
    },
    prefer('resolution=merge-duplicates'),
  );
  expect(answer.status).toBe(200);
  expect(answer.headers['preference-applied']).toBe('resolution=merge-duplicates, return=representation');
  expect(answer.json).toMatchObject([
    {
      id: 1,
      title: 'ONE',
      comments: [
        { id: 2, body: 'B' },
        { id: 3, body: 'C' },
      ],
    },
  ]);
  expect(await fixture.json('select id, body from comments order by id')).toEqual([
    { id: 1, body: 'a' },
    { id: 2, body: 'B' },
    { id: 3, body: 'C' },
  ]);
});

test('an upsert answers 201 when a root was inserted', async () => {
  await fixture.post('/posts', { id: 1, title: 'one' });
  const body = [1, 2].map((id) => ({ id, title: `t${id}`, comments: [{ body: `c${id}` }] }));
  const answer = await fixture.post('/posts', body, prefer('resolution=merge-duplicates'));
  expect(answer.status).toBe(201);
  expect(answer.json).toMatchObject(body);
});

test('the same parent may stand in several rows of an upsert', async () => {
  const author = { id: 5, name: 'Ann' };
  const key = 'author:authors!posts_author_fkey';
  const answer = await fixture.post(
    '/posts',
    [1, 2, 3].map((id) => ({ id, title: `t${id}`, [key]: author })),
    prefer('resolution=merge-duplicates'),
  );
  expect(answer.json).toMatchObject([1, 2, 3].map((id) => ({ id, author_id: 5, author })));
  const different = await fixture.post(
    '/posts',
    [1, 2].map((id) => ({ id, title: 't', [key]: { id: 5, name: `Ann ${id}` } })),
    prefer('resolution=merge-duplicates'),
  );
  expect(different.json.code).toBe('21000');
});

test('rows without their key are new rows, also in an upsert and also if they are alike', async () => {
  const answer = await fixture.post(
    '/posts',
    { title: 'one', comments: [{ body: 'a', reactions: [{ kind: 'x' }, { kind: 'x' }] }] },
    prefer('resolution=merge-duplicates'),
  );
  expect(answer.json[0].comments[0].reactions).toMatchObject([{ id: 1 }, { id: 2 }]);
});

test('an upsert with missing=default tells new rows that are alike from the rows that it changes', async () => {
  await fixture.post('/nodes', { id: 1000, name: 'old', nodes: [] });
  const answer = await fixture.post(
    '/nodes',
    [{ name: 'a', nodes: [] }, { name: 'a' }, { id: 1000, name: 'new' }, { id: 1000, name: 'new' }],
    prefer('resolution=merge-duplicates', 'missing=default'),
  );
  expect(answer.json).toMatchObject([{ id: 1 }, { id: 2 }, { id: 1000, name: 'new' }, { id: 1000 }]);
});

test('ignore-duplicates keeps what exists, shows it as it is, and goes on below it', async () => {
  await fixture.post('/posts', { id: 1, title: 'one', comments: [{ id: 1, body: 'a' }] });
  const answer = await fixture.post(
    '/posts',
    [
      {
        id: 1,
        title: 'ignored',
        comments: [
          { id: 1, body: 'ignored' },
          { id: 7, body: 'new' },
        ],
      },
      { id: 2, title: 'two', comments: [] },
    ],
    prefer('resolution=ignore-duplicates'),
  );
  expect(answer.status).toBe(201);
  expect(answer.json).toMatchObject([
    {
      id: 1,
      title: 'one',
      comments: [
        { id: 1, body: 'a' },
        { id: 7, post_id: 1, body: 'new' },
      ],
    },
    { id: 2, title: 'two', comments: [] },
  ]);
});

test('written again with ignore-duplicates, a body changes nothing', async () => {
  const body = {
    id: 1,
    title: 'one',
    'author:authors!posts_author_fkey': { id: 1, name: 'Ann' },
    tags: [{ id: 1, name: 'x' }],
    words: [{ word: 'w' }],
    comments: [{ id: 1, body: 'a', reactions: [{ id: 1, kind: 'up' }] }],
  };
  const state =
    'select (select json_agg(p) from posts p) p, (select json_agg(t) from post_tags t) t, (select json_agg(c) from comments c) c';
  const first = await fixture.post('/posts', body, prefer('resolution=ignore-duplicates'));
  const before = await fixture.json(state);
  const second = await fixture.post('/posts', body, prefer('resolution=ignore-duplicates'));
  expect(second.json).toEqual(first.json);
  expect(await fixture.json(state)).toEqual(before);
});

test('rows that exist are joined to existing rows once', async () => {
  const body = { id: 1, title: 'one', tags: [{ id: 1, name: 'x' }] };
  await fixture.post('/posts', body);
  const again = await fixture.post('/posts', body, prefer('resolution=merge-duplicates'));
  expect(again.status).toBe(200);
  expect(await fixture.count('select from post_tags')).toBe(1);
  const twice = await fixture.post('/posts', { title: 'two', tags: [{ id: 1 }, { id: 1 }] });
  expect(twice).toMatchObject({ status: 409, json: { code: '23505' } });
});

test('a row may repeat the key that flows, in whatever form', async () => {
  const answer = await fixture.post('/rooms', {
    building: 'A',
    number: 7,
    color: null,
    beds: [{ size: 's', building: 'A', number: '07' }],
  });
  expect(answer.json[0].beds).toMatchObject([{ building: 'A', number: 7 }]);
  await fixture.database.query(`insert into authors (name) values ('Ann')`);
  const up = await fixture.post('/posts', {
    title: 't',
    author_id: '1',
    'author:authors!posts_author_fkey': { id: 1 },
  });
  expect(up.json).toMatchObject([{ author_id: 1 }]);
});

test.each([
  [
    'a child',
    '/posts',
    {
      id: 1,
      title: 't',
      comments: [
        { body: 'a', post_id: 1 },
        { body: 'b', post_id: 2 },
      ],
    },
    'comments[1]',
  ],
  [
    'a row beside its parent',
    '/posts',
    [{ title: 't', author_id: 8, 'author:authors!posts_author_fkey': { id: 9, name: 'x' } }],
    '[0]',
  ],
  [
    'a row without its parent',
    '/posts',
    { title: 't', author_id: 8, 'author:authors!posts_author_fkey': null },
    'the root',
  ],
])('%s that gives another key than the one that flows is refused', async (_what, path, body, where) => {
  const answer = await fixture.post(path, body);
  expect(answer).toMatchObject({ status: 400, json: { code: 'AURA142' } });
  expect(answer.json.details).toContain(`at ${where} in`);
  expect(await fixture.count('select from posts')).toBe(0);
});

test('rows with a parent and rows with a key of their own stand side by side', async () => {
  await fixture.database.query(`insert into authors (name) values ('Ann')`);
  const answer = await fixture.post('/posts', [
    { title: 'a', 'author:authors!posts_author_fkey': { name: 'Bob' } },
    { title: 'b', author_id: 1 },
    { title: 'c', author_id: null },
    { title: 'd', 'author:authors!posts_author_fkey': null },
  ]);
  expect(answer.json.map(({ author_id }: { author_id: unknown }) => author_id)).toEqual([2, 1, null, null]);
});

test('a row whose key is null can have no rows that refer to it', async () => {
  const answer = await fixture.post('/offices', { id: 1, code: null, desks: [{ id: 1 }] });
  expect(answer).toMatchObject({ status: 400, json: { code: 'AURA201' } });
  expect(answer.json.details).toContain("'code' is null");
  expect(await fixture.count('select from offices')).toBe(0);
});
