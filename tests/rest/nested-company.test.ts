/** Nested writes in large numbers and at the same time. */
import { expect, test } from 'vitest';
import { prefer, useNestedFixture } from './nested-fixture.ts';

const fixture = useNestedFixture();

test('a thousand parents with three children each, in order', async () => {
  const body = Array.from({ length: 1000 }, (_, index) => ({
    title: `post ${index}`,
    comments: ['a', 'b', 'c'].map((name) => ({ body: `${name} of ${index}` })),
  }));
  const answer = await fixture.post('/posts', body);
  expect(answer.status).toBe(201);
  expect(answer.json).toMatchObject(body);
  expect(
    await fixture.count(`select from posts join comments on post_id = posts.id
      where body not like '%of ' || substr(title, 6)`),
  ).toBe(0);
  expect(await fixture.count('select from comments')).toBe(3000);
});

test('many writers at once get their own keys', async () => {
  const write = (writer: number) =>
    fixture.post(
      '/posts',
      [0, 1].map((row) => ({
        title: `${writer}/${row}`,
        comments: [{ body: `${writer}/${row}` }],
        tags: [{ name: `${writer}/${row}` }],
      })),
    );
  const answers = await Promise.all(Array.from({ length: 40 }, (_, writer) => write(writer)));
  expect(answers.every(({ status }) => status === 201)).toBe(true);
  expect(
    await fixture.count('select from posts join comments on post_id = posts.id where body <> title'),
  ).toBe(0);
  expect(
    await fixture.count('select from posts join comments on post_id = posts.id where body = title'),
  ).toBe(80);
  expect(
    await fixture.count(
      'select from posts join post_tags on post_id = posts.id join tags on tags.id = tag_id where name <> title',
    ),
  ).toBe(0);
});

test('writers that meet at the same rows share them', async () => {
  const write = (writer: number) =>
    fixture.post('/posts?tags.on_conflict=name&tags.resolution=ignore-duplicates', {
      title: `t${writer}`,
      tags: [{ name: 'a' }, { name: 'b' }],
      words: [{ word: 'w' }],
    });
  const answers = await Promise.all(Array.from({ length: 30 }, (_, writer) => write(writer)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
  expect(await fixture.count('select from tags')).toBe(2);
  expect(await fixture.count('select from words')).toBe(1);
  expect(await fixture.count('select from post_tags')).toBe(60);
});

const tree = { name: 'a', nodes: [{ name: 'b' }] };

test('it works without prepared statements', async () => {
  const other = await fixture.serveWith({ 'db-prepared-statements': false });
  for (let turn = 0; turn < 2; turn++) {
    const answer = await other.request('POST', '/nodes', { body: tree, ...prefer() });
    expect(answer.json).toMatchObject([tree]);
  }
});

test('it works without a plan cache', async () => {
  const other = await fixture.serveWith({ 'db-plan-cache-size': 0 });
  for (let turn = 0; turn < 2; turn++) {
    const answer = await other.request('POST', '/nodes', { body: tree, ...prefer() });
    expect(answer.json).toMatchObject([tree]);
  }
});

test('what was prepared before the schema changed is prepared anew, and written once', async () => {
  for (let turn = 0; turn < 8; turn++) await fixture.post('/nodes', tree);
  await fixture.database.query('delete from nodes');
  await fixture.database.query('alter table nodes alter id type int, alter parent_id type int');
  const answer = await fixture.post('/nodes', tree);
  expect(answer).toMatchObject({ status: 201, json: [tree] });
  expect(await fixture.count('select from nodes')).toBe(2);
});
