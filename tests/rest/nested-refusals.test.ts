/** Nested writes that are refused: with which error, and with nothing written. */
import { expect, test } from 'vitest';
import { useNestedFixture } from './nested-fixture.ts';

const fixture = useNestedFixture();

test.each([
  [
    'a root',
    '/picky',
    [
      { name: 'a', picky_parts: [] },
      { name: 'skip', picky_parts: [] },
    ],
    '[1]',
  ],
  ['a root that others need', '/picky', { name: 'skip', picky_parts: [{ name: 'a' }] }, 'the root'],
  [
    'a child',
    '/picky',
    [
      { name: 'a', picky_parts: [{ name: 'b' }] },
      { name: 'c', picky_parts: [{ name: 'd' }, { name: 'skip' }] },
    ],
    '[1].picky_parts[1]',
  ],
  ['a parent', '/picky_parts', { name: 'a', picky: { name: 'skip' } }, 'picky'],
])('%s that a trigger skips is an error, and nothing is written', async (_what, path, body, where) => {
  for (const Prefer of ['return=representation', 'return=minimal']) {
    const answer = await fixture.post(path, body, { headers: { Prefer } });
    expect(answer).toMatchObject({ status: 409, json: { code: 'AURA143' } });
    expect(answer.json.details).toContain(`at ${where} in`);
    expect(await fixture.count('select from picky')).toBe(0);
    expect(await fixture.count('select from picky_parts')).toBe(0);
  }
});

test('a row of a junction that a trigger skips is an error, and nothing is written', async () => {
  const answer = await fixture.post('/posts', { title: 't', words: [{ word: 'a' }, { word: 'skip' }] });
  expect(answer).toMatchObject({ status: 409, json: { code: 'AURA143' } });
  expect(answer.json.details).toContain('at words[1] in');
  expect(await fixture.count('select from words')).toBe(0);
});

test.each([
  'return=representation',
  'return=minimal',
  'return=minimal, resolution=ignore-duplicates',
  'return=minimal, resolution=merge-duplicates',
])('with %s, rows whose numbers do not come back one by one are not taken for each other', async (Prefer) => {
  const body = [
    { id: 1, name: 'a', picky_parts: [{ name: 'b' }] },
    { id: 2, name: 'forge', picky_parts: [{ name: 'c' }] },
  ];
  const answer = await fixture.post('/picky', body, { headers: { Prefer } });
  expect(answer).toMatchObject({ status: 409, json: { code: 'AURA143' } });
  expect(await fixture.count('select from picky')).toBe(0);
});

test.each([
  ['a scalar for a child', { title: 't', comments: 5 }, 'AURA140', 'comments'],
  ['an object for an array', { title: 't', comments: { body: 'a' } }, 'AURA140', 'comments'],
  ['null for an array', { title: 't', comments: null }, 'AURA140', 'comments'],
  ['a scalar in an array', { title: 't', comments: [{ body: 'a' }, 1] }, 'AURA140', 'comments'],
  ['an array in an array', { title: 't', comments: [[]] }, 'AURA140', 'comments'],
  ['null in an array', { title: 't', comments: [null] }, 'AURA140', 'comments'],
  ['an array for an object', { title: 't', 'a:authors!posts_author_fkey': [] }, 'AURA140', 'a'],
  ['text for an object', { title: 't', 'a:authors!posts_author_fkey': 'Ann' }, 'AURA140', 'a'],
  ['two embeds of one name', { title: 't', 'a:tags': [], 'a:words': [] }, 'AURA140', "'a'"],
  [
    'one name for different embeds',
    [
      { title: 't', 'a:tags': [] },
      { title: 't', 'a:words': [] },
    ],
    'AURA140',
    "'a'",
  ],
  ['an alias like a column', { title: 't', 'note:tags': [] }, 'AURA140', "'note'"],
  ['an unknown key', { title: 't', nothing: 1, comments: [] }, 'PGRST204', "'nothing' column of 'posts'"],
  [
    'an unknown key below',
    { title: 't', comments: [{ body: 'a', nothing: 1 }] },
    'PGRST204',
    "'nothing' column of 'comments'",
  ],
  ['an unknown hint', { title: 't', 'authors!nothing': {} }, 'PGRST204', "'authors!nothing' column"],
  ['a join in a key', { title: 't', comments: [], 'tags!inner': [] }, 'PGRST204', "'tags!inner'"],
  ['an ambiguous embed', { title: 't', authors: { name: 'x' } }, 'PGRST201', "'authors'"],
  [
    'an ambiguous embed below',
    { title: 't', comments: [{ body: 'a', posts: { title: 'x', authors: {} } }] },
    'PGRST201',
    "'authors'",
  ],
  [
    'different columns',
    { title: 't', comments: [{ body: 'a' }, { body: 'b', pinned: true }] },
    'PGRST102',
    'All object keys must match',
  ],
  [
    'different columns at the root',
    [
      { title: 't', comments: [] },
      { title: 't', views: 1 },
    ],
    'PGRST102',
    'All object keys must match',
  ],
  ['a computed relationship to many', { title: 't', my_comments: [] }, 'AURA201', 'computed by a function'],
  ['a computed relationship to one', { title: 't', last_comment: {} }, 'AURA201', 'computed by a function'],
  ['a read-only view', { title: 't', short_comments: [{ body: 'a' }] }, 'AURA201', 'The view takes no rows.'],
  ['a computed column', { title: 't', loud_title: 'T', comments: [] }, 'PGRST204', "'loud_title'"],
])('%s is refused, and nothing is written', async (_what, body, code, said) => {
  const answer = await fixture.post('/posts', body);
  expect(answer.json.code).toBe(code);
  expect(answer.status).toBe(code === 'PGRST201' ? 300 : 400);
  expect(JSON.stringify(answer.json)).toContain(said);
  expect(await fixture.count('select from posts')).toBe(0);
});

test.each([
  ['[{"title":"t","comments":[]},5]', 'PGRST102'],
  ['{"title":"t","comments":[{"body":"a"}}', 'PGRST102'],
  ['{"title":"t","comments":[{"body":"a\\u0000"}]}', '22P05'],
  ['{"title":"t","com\\u0000ments":[]}', 'PGRST204'],
])('the body %s is refused with %s', async (body, code) => {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fixture.api.request('POST', '/posts', { body, headers });
  expect(answer).toMatchObject({ status: 400, json: { code } });
});

test.each([
  ['5', 'PGRST102'],
  ['[5]', 'PGRST102'],
  ['{', 'PGRST102'],
  ['[{"comments":[5]}]', 'AURA140'],
])('with columns, the body %s is refused with %s', async (body, code) => {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fixture.api.request('POST', '/posts?columns=title,comments', { body, headers });
  expect(answer).toMatchObject({ status: 400, json: { code } });
});

test('a body that nests nothing is an ordinary insert, whatever its values look like', async () => {
  const unknown = await fixture.post('/posts', { title: 't', nothing: [{ a: 1 }] });
  expect(unknown).toMatchObject({ status: 400, json: { code: 'PGRST204' } });
  const different = await fixture.post('/posts', [{ title: 't', meta: { a: 1 } }, { title: 't' }]);
  expect(different).toMatchObject({
    status: 400,
    json: { code: 'PGRST102', message: 'All object keys must match', details: null, hint: null },
  });
  const nowhere = await fixture.post('/nowhere', [{ title: 't', meta: { a: 1 } }, { title: 't' }]);
  expect(nowhere.json.code).toBe('PGRST102');
  const csv = await fixture.api.request('POST', '/posts', {
    body: 'title,comments\nt,x',
    headers: { 'Content-Type': 'text/csv' },
  });
  expect(csv.json.code).toBe('PGRST204');
});

test('conditions are refused as they are for any insert', async () => {
  const answer = await fixture.post(
    '/posts',
    { title: 't', comments: [] },
    { headers: { 'If-None-Match': '*' } },
  );
  expect(answer).toMatchObject({ status: 400, json: { code: 'AURA132' } });
});

test('other methods do not nest', async () => {
  const body = { id: 1, title: 't', comments: [] };
  const patch = await fixture.api.request('PATCH', '/posts?id=eq.1', { body });
  expect(patch.json.code).toBe('PGRST204');
  const put = await fixture.api.request('PUT', '/posts?id=eq.1', { body });
  expect(put.json.code).toBe('PGRST204');
});

test('options of embeds that do not exist are refused, also where nothing is nested', async () => {
  for (const body of [{ title: 't' }, { title: 't', comments: [] }]) {
    for (const option of ['nothing.on_conflict=id', 'comments.nothing.resolution=none']) {
      const answer = await fixture.post(`/posts?${option}`, body);
      expect(answer).toMatchObject({ status: 400, json: { code: 'PGRST108' } });
      expect(answer.json.message).toContain("'nothing'");
    }
    const unused = await fixture.post(
      '/posts?comments.reactions.on_conflict=id&tags.resolution=ignore-duplicates',
      body,
    );
    expect(unused.status).toBe(201);
  }
  const wrong = await fixture.post('/posts?tags.resolution=whatever', { title: 't', tags: [] });
  expect(wrong.json.code).toBe('PGRST100');
  const column = await fixture.post('/posts?tags.on_conflict=hue&tags.resolution=merge-duplicates', {
    title: 't',
    tags: [{ hue: 1, name: 'x' }],
  });
  expect(column.json.code).toBe('42P10');
});

test('the number of objects is limited', async () => {
  const small = await fixture.serveWith({ 'db-max-nested-objects': 5 });
  const send = (count: number) =>
    small.request('POST', '/posts', {
      body: { title: 't', tags: Array.from({ length: count }, (_, id) => ({ name: `${id}` })) },
    });
  expect((await send(4)).status).toBe(201);
  const answer = await send(5);
  expect(answer).toMatchObject({
    status: 413,
    json: { code: 'AURA141', details: 'At most 5 objects are written by one request.' },
  });
});

test('the number of different embeds is limited', async () => {
  const body = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`a${index}:tags`, []]));
  const answer = await fixture.post('/posts', { title: 't', ...body });
  expect(answer).toMatchObject({ status: 413, json: { code: 'AURA141' } });
});

test('the execution plan of a nested write is not to be had', async () => {
  const plans = await fixture.serveWith({ 'db-plan-enabled': true });
  const answer = await plans.request('POST', '/posts', {
    body: { title: 't', comments: [] },
    headers: { Accept: 'application/vnd.pgrst.plan' },
  });
  expect(answer).toMatchObject({ status: 406, json: { code: 'PGRST107' } });
});

test('an error of PostgreSQL says in its hint where it happened, unless it has a hint', async () => {
  const body = (kind: string) => ({ title: 't', 'notes:comments': [{ body: 'a', reactions: [{ kind }] }] });
  const answer = await fixture.post('/posts', body('forbidden'));
  expect(answer).toMatchObject({ status: 400, json: { code: '23514' } });
  expect(answer.json.hint).toBe("This happened while 'notes.reactions' was written.");
  expect(answer.json.details).toContain('Failing row');
  const root = await fixture.post('/posts', { title: null, comments: [] });
  expect(root.json).toMatchObject({ code: '23502', hint: null });
  const type = await fixture.post('/posts', { title: 't', comments: [{ body: 'a', pinned: 'perhaps' }] });
  expect(type.json).toMatchObject({ code: '22P02', hint: "This happened while 'comments' was written." });
  expect(await fixture.count('select from posts')).toBe(0);
});
