/** Nested inserts: what a body of several relations writes, and what it answers. */
import { expect, test } from 'vitest';
import { prefer, useNestedFixture } from './nested-fixture.ts';

const fixture = useNestedFixture();

test('children are written after their parent and get its key', async () => {
  const answer = await fixture.post('/posts', { title: 'one', comments: [{ body: 'a' }, { body: 'b' }] });
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
  expect(await fixture.json('select * from comments order by id')).toEqual(answer.json[0].comments);
});

test('a parent is written first, and its key flows into the row', async () => {
  const answer = await fixture.post('/posts', {
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
  const answer = await fixture.post('/posts', { title: 'one', tags: [{ name: 'x' }, { name: 'y' }] });
  expect(answer.json).toMatchObject([
    {
      id: 1,
      tags: [
        { id: 1, name: 'x' },
        { id: 2, name: 'y' },
      ],
    },
  ]);
  expect(await fixture.json('select post_id, tag_id from post_tags order by tag_id')).toEqual([
    { post_id: 1, tag_id: 1 },
    { post_id: 1, tag_id: 2 },
  ]);
});

test('every object of an array gets its own rows, in the order of the body', async () => {
  const body = [
    { title: 'one', comments: [{ body: 'a' }] },
    { title: 'two', comments: [] },
    { title: 'three' },
    { title: 'four', comments: [{ body: 'b' }, { body: 'a' }] },
  ];
  const answer = await fixture.post('/posts', body);
  expect(answer.json).toMatchObject(body);
  expect(answer.json[2]).not.toHaveProperty('comments');
  expect(
    await fixture.json(
      'select title, body from comments join posts on posts.id = post_id order by comments.id',
    ),
  ).toEqual([
    { title: 'one', body: 'a' },
    { title: 'four', body: 'b' },
    { title: 'four', body: 'a' },
  ]);
});

test('levels nest: authors, their posts, their comments, their reactions', async () => {
  const body = {
    name: 'Ann',
    'posts!posts_author_fkey': [
      {
        title: 'one',
        comments: [
          { body: 'a', reactions: [{ kind: 'up' }, { kind: 'down' }] },
          { body: 'b', reactions: [] },
        ],
      },
    ],
  };
  const answer = await fixture.post('/authors', body);
  const { 'posts!posts_author_fkey': posts, ...author } = body;
  expect(answer.json).toMatchObject([{ ...author, posts }]);
  expect(answer.json[0].posts[0].comments[0].reactions).toEqual([
    { id: 1, comment_id: 1, kind: 'up' },
    { id: 2, comment_id: 1, kind: 'down' },
  ]);
});

test('one-to-one rows are written from either end', async () => {
  const first = await fixture.post('/authors', { name: 'Ann', profiles: { bio: 'x' } });
  expect(first.json).toMatchObject([{ id: 1, profiles: { author_id: 1, bio: 'x' } }]);
  const second = await fixture.post('/profiles', { bio: 'y', authors: { name: 'Bob' } });
  expect(second.json).toMatchObject([{ author_id: 2, bio: 'y', authors: { id: 2, name: 'Bob' } }]);
  const none = await fixture.post('/authors', { name: 'Cid', profiles: null });
  expect(none.json).toMatchObject([{ id: 3, profiles: null }]);
  expect(await fixture.count('select from profiles')).toBe(2);
});

test('composite keys flow as a whole, either way', async () => {
  const down = await fixture.post('/rooms', {
    building: 'A',
    number: 7,
    color: 'red',
    beds: [{ size: 'big' }, { size: 'small' }],
  });
  expect(down.json[0].beds).toMatchObject([
    { building: 'A', number: 7, size: 'big' },
    { building: 'A', number: 7 },
  ]);
  const up = await fixture.post('/beds', { size: 'big', rooms: { building: 'B', number: 1, color: null } });
  expect(up.json).toMatchObject([{ building: 'B', number: 1, rooms: { building: 'B', number: 1 } }]);
});

test('a tree is written through a relation that refers to itself', async () => {
  const body = {
    name: 'a',
    nodes: [{ name: 'b', nodes: [{ name: 'c' }, { name: 'd', nodes: [{ name: 'e' }] }] }],
  };
  const answer = await fixture.post('/nodes', body);
  expect(answer.json).toMatchObject([body]);
  expect(
    await fixture.json(
      'select n.name, p.name as parent from nodes n left join nodes p on p.id = n.parent_id order by 1',
    ),
  ).toEqual([
    { name: 'a', parent: null },
    { name: 'b', parent: 'a' },
    { name: 'c', parent: 'b' },
    { name: 'd', parent: 'b' },
    { name: 'e', parent: 'd' },
  ]);
});

test('a tree is written from its leaf as well', async () => {
  const answer = await fixture.post('/nodes', {
    name: 'c',
    'up:parent_id': { name: 'b', 'up:parent_id': { name: 'a' } },
  });
  expect(answer.json).toMatchObject([
    { id: 3, parent_id: 2, up: { id: 2, parent_id: 1, up: { id: 1, parent_id: null } } },
  ]);
});

test('a tree deeper than db-max-embed-depth is refused', async () => {
  let body: object = { name: 'leaf' };
  for (let depth = 0; depth < 11; depth++) body = { name: 'x', nodes: [body] };
  const answer = await fixture.post('/nodes', body);
  expect(answer).toMatchObject({ status: 400, json: { code: 'AURA103' } });
  expect(answer.json.details).toContain('10 levels');
  expect(await fixture.count('select from nodes')).toBe(0);
});

test.each([
  ['uuid', 'ids_uuid', 'uuid_id', {}],
  ['always generated identity', 'ids_always', 'always_id', {}],
  ['trigger', 'ids_trigger', 'code', {}],
  ['jsonb', 'ids_json', 'json_id', { id: { b: 1.1, a: 'x"y', n: 1.5 } }],
  ['timestamp', 'ids_time', 'time_id', {}],
  ['numeric', 'ids_numeric', 'numeric_id', { id: '12345678901234567890.12345678901234567890' }],
  ['bytea', 'ids_bytes', 'bytes_id', { id: '\\\\x00ff5c' }],
  ['array', 'ids_array', 'array_id', { id: [3, 1] }],
  ['padded', 'ids_char', 'char_id', { id: 'ab' }],
])('a key of type %s reaches the row as PostgreSQL made it', async (_type, relation, column, given) => {
  const up = await fixture.post('/items', { name: 'i', [relation]: { ...given, name: 'k' } });
  expect(up.status).toBe(201);
  const key = relation === 'ids_trigger' ? 'code' : 'id';
  expect(up.json[0][column]).toEqual(up.json[0][relation][key]);
  expect(await fixture.count(`select from items join ${relation} k on k.${key} = items.${column}`)).toBe(1);
  await fixture.database.query(`truncate items, ${relation}`);
  const down = await fixture.post(`/${relation}`, {
    ...given,
    name: 'k',
    items: [{ name: 'i' }, { name: 'j' }],
  });
  expect(down.status).toBe(201);
  expect(await fixture.count(`select from items join ${relation} k on k.${key} = items.${column}`)).toBe(2);
});

test('numbers keep their digits', async () => {
  const body =
    '{"title":"t","views":9007199254740993,"score":0.10000000000000000000001,"meta":{"n":1.10,"e":1E2},' +
    '"comments":[{"body":"a","id":9223372036854775807}]}';
  const answer = await fixture.api.request('POST', '/posts', {
    body,
    headers: { Prefer: 'return=representation', 'Content-Type': 'application/json' },
  });
  expect(answer.status).toBe(201);
  expect(answer.body).toContain('"views":9007199254740993');
  expect(answer.body).toContain('"score":0.10000000000000000000001');
  expect(answer.body).toContain('"n": 1.10');
  expect(answer.body).toContain('"id":9223372036854775807,"post_id":1');
});

test('text of every kind survives', async () => {
  const texts = [
    '',
    'quote " and \\ backslash',
    '\n\t\u2028',
    '{"not": "json"}',
    '💃🏽',
    '\ud800'.slice(0, 0),
    'ä',
    "it's",
    '$1',
    '}]',
  ];
  const answer = await fixture.post('/posts', {
    title: '{[',
    comments: texts.map((body, id) => ({ id, body: `${id}${body}` })),
  });
  expect(answer.json[0].comments.map(({ body }: { body: string }) => body)).toEqual(
    texts.map((body, id) => `${id}${body}`),
  );
});

test('columns whose values are objects or arrays stay columns', async () => {
  const meta = { comments: [{ body: 'not an embed' }], tags: { name: 'neither' } };
  const answer = await fixture.post('/posts', { title: 't', meta, marks: [1, 2], comments: [{ body: 'a' }] });
  expect(answer.json).toMatchObject([{ meta, marks: [1, 2], comments: [{ body: 'a' }] }]);
});

test('domain representations apply at every level, and to keys that flow', async () => {
  const answer = await fixture.post('/walls', {
    id: 1,
    tint: '#00ff00',
    paints: { shade: '#ff0000', name: 'red' },
  });
  expect(answer.json).toEqual([
    { id: 1, shade: '#ff0000', tint: '#00ff00', paints: { shade: '#ff0000', name: 'red' } },
  ]);
  expect(await fixture.json('select shade::int from walls')).toEqual([{ shade: 0xff0000 }]);
});

test('names that need quoting work at every level', async () => {
  const body = { '#': 1, 'a.b': 'x', select: 'y', 'kids:its child': [{ item: 'z' }] };
  const refused = await fixture.post('/a%20table', body);
  expect(refused.status).toBe(201);
  expect(refused.json).toEqual([
    { '#': 1, 'a.b': 'x', select: 'y', kids: [{ id: 1, 'the "key"': 1, item: 'z' }] },
  ]);
});

test('partitioned tables are written through their parent', async () => {
  const body = [
    { region: 'us', log_lines: [{ line: 'a' }] },
    { region: 'eu', log_lines: [{ line: 'b' }] },
  ];
  const answer = await fixture.post('/logs', body);
  expect(answer.json).toMatchObject(body);
  expect(await fixture.json('select tableoid::regclass::text as part from logs order by id')).toEqual([
    { part: 'logs_us' },
    { part: 'logs_eu' },
  ]);
});

test('views that take rows are written like tables', async () => {
  const answer = await fixture.post('/shown_posts', { title: 'one', comments: [{ body: 'a' }] });
  expect(answer.json).toMatchObject([{ id: 1, title: 'one', comments: [{ post_id: 1 }] }]);
  const triggered = await fixture.post('/posts', { title: 'one', loud_tags: [{ name: 'x' }, { name: 'y' }] });
  expect(triggered.json).toMatchObject([
    {
      loud_tags: [
        { id: 1, name: 'X' },
        { id: 2, name: 'Y' },
      ],
    },
  ]);
  expect(await fixture.count('select from post_tags')).toBe(2);
});

test('constraints that wait for the commit are checked there, and nothing is left', async () => {
  const wrong = await fixture.post('/hens', { id: 1, 'egg:eggs!hens_egg_id_fkey': { id: 1, hen_id: 2 } });
  expect(wrong).toMatchObject({ status: 409, json: { code: '23503' } });
  expect(await fixture.count('select from eggs')).toBe(0);
  const right = await fixture.post('/hens', { id: 1, 'egg:eggs!hens_egg_id_fkey': { id: 1, hen_id: 1 } });
  expect(right.json).toMatchObject([{ id: 1, egg_id: 1, egg: { id: 1, hen_id: 1 } }]);
});

test('bodies as the clients of Supabase send them, with columns, are nested too', async () => {
  const answer = await fixture.post('/posts?columns=%22title%22,%22views%22,%22comments%22', [
    { title: 'one', comments: [{ body: 'a' }] },
    { title: 'two', views: 3, ignored: 1 },
  ]);
  expect(answer.json).toMatchObject([
    { title: 'one', views: null, comments: [{ body: 'a' }] },
    { title: 'two', views: 3 },
  ]);
  const without = await fixture.post('/posts?columns=title', { title: 'three', comments: [{ body: 'a' }] });
  expect(without.json).toMatchObject([{ title: 'three' }]);
  expect(await fixture.count('select from comments')).toBe(1);
});

test('without a representation the answer is that of a flat insert', async () => {
  const body = { title: 'one', comments: [{ body: 'a' }] };
  const nothing = await fixture.post('/posts', body, { headers: {} });
  expect(nothing).toMatchObject({ status: 201, body: '' });
  expect(nothing.headers['content-range']).toBe('*/*');
  const minimal = await fixture.post('/posts', [body, body], {
    headers: { Prefer: 'return=minimal, count=exact' },
  });
  expect(minimal).toMatchObject({ status: 201, body: '' });
  expect(minimal.headers['content-range']).toBe('*/2');
  expect(minimal.headers['preference-applied']).toBe('return=minimal, count=exact');
  const headers = await fixture.post('/posts', body, { headers: { Prefer: 'return=headers-only' } });
  expect(headers).toMatchObject({ status: 201, body: '' });
  expect(headers.headers['location']).toBe('/posts?id=eq.4');
  const composite = await fixture.post(
    '/rooms',
    { building: 'A b', number: 7, beds: [{ size: 's' }] },
    { headers: { Prefer: 'return=headers-only' } },
  );
  expect(composite.headers['location']).toBe('/rooms?building=eq.A%20b&number=eq.7');
});

test('a select reads the written rows instead, with what it embeds', async () => {
  await fixture.post('/posts', { id: 5, title: 'one', comments: [{ body: 'before' }] });
  const answer = await fixture.post(
    '/posts?select=title,loud_title,n:comments(body),last_comment(body)&n.order=body',
    { id: 5, title: 'ONE', comments: [{ body: 'a' }] },
    prefer('resolution=merge-duplicates'),
  );
  expect(answer.json).toEqual([
    { title: 'ONE', loud_title: 'ONE', n: [{ body: 'a' }, { body: 'before' }], last_comment: { body: 'a' } },
  ]);
  const root = await fixture.post('/posts?select=*', {
    title: 'two',
    views: 1,
    marks: [1],
    meta: { a: [1.5] },
    comments: [],
  });
  expect(root.json).toEqual([
    {
      id: 1,
      title: 'two',
      note: 'none',
      author_id: null,
      editor_id: null,
      views: 1,
      score: null,
      meta: { a: [1.5] },
      marks: [1],
    },
  ]);
  const ordered = await fixture.post('/posts?order=title.desc', [
    { title: 'a', comments: [] },
    { title: 'b', comments: [] },
  ]);
  expect(ordered.json.map(({ title }: { title: string }) => title)).toEqual(['b', 'a']);
});

test('a select filters what it embeds', async () => {
  const body = {
    title: 'one',
    comments: [{ body: 'a' }, { body: 'b' }],
    tags: [{ name: 'x' }, { name: 'y' }],
  };
  const path = '/posts?select=title,comments(body),tags(name)&comments.body=eq.b&tags.name=in.(y,z)';
  const answer = await fixture.post(path, body);
  expect(answer.json).toEqual([{ title: 'one', comments: [{ body: 'b' }], tags: [{ name: 'y' }] }]);
});

test('one object is answered where one is asked for, and nothing is written where there are two', async () => {
  const one = { Prefer: 'return=representation', Accept: 'application/vnd.pgrst.object+json' };
  const answer = await fixture.post('/posts', [{ title: 'one', comments: [{ body: 'a' }] }], {
    headers: one,
  });
  expect(answer.json).toMatchObject({ id: 1, comments: [{ id: 1 }] });
  const two = await fixture.post(
    '/posts',
    [
      { title: 'x', comments: [] },
      { title: 'y', comments: [] },
    ],
    { headers: one },
  );
  expect(two).toMatchObject({ status: 406, json: { code: 'PGRST116' } });
  expect(await fixture.count('select from posts')).toBe(1);
});

test('nulls are stripped at every level where that is asked for', async () => {
  const headers = {
    Prefer: 'return=representation',
    Accept: 'application/vnd.pgrst.array+json;nulls=stripped',
  };
  const body = {
    title: 'one',
    'e:authors!posts_editor_fkey': null,
    'a:authors!posts_author_fkey': { name: 'Ann', email: null },
  };
  const answer = await fixture.post('/posts', body, { headers });
  expect(answer.json).toEqual([
    { id: 1, title: 'one', note: 'none', author_id: 1, a: { id: 1, name: 'Ann' } },
  ]);
});

test('other media types show the rows of the root', async () => {
  const headers = { Prefer: 'return=representation', Accept: 'text/csv' };
  const answer = await fixture.post('/posts?select=id,title', [{ title: 'one', comments: [{ body: 'a' }] }], {
    headers,
  });
  expect(answer.body).toBe('id,title\n1,one');
  const all = await fixture.post('/words', [{ word: 'w', posts: [{ title: 'x' }] }], { headers });
  expect(all.body).toBe('word\nw');
});

test('missing=default fills in the defaults of every level, missing=null nulls', async () => {
  const body = [
    { title: 'one', note: 'x', comments: [{ body: 'a', pinned: true }, { body: 'b' }] },
    { title: 'two', comments: [{ body: 'c' }] },
  ];
  const answer = await fixture.post('/posts', body, prefer('missing=default'));
  expect(answer.json).toMatchObject([
    { note: 'x', comments: [{ pinned: true }, { pinned: false }] },
    { note: 'none', comments: [{ pinned: false }] },
  ]);
  expect(answer.headers['preference-applied']).toBe('missing=default, return=representation');
  const nulls = await fixture.post(
    '/posts',
    body.map(({ comments: _, ...row }) => ({ ...row, tags: [] })),
    prefer('missing=null'),
  );
  expect(nulls.json).toMatchObject([{ note: 'x' }, { note: null }]);
});

test('missing=default leaves a parent that is null alone, and fills in one that is absent', async () => {
  await fixture.database.query(`insert into authors (name) values ('Ann')`);
  const answer = await fixture.post(
    '/visits',
    [{ authors: null }, {}, { authors: { name: 'Bob' } }, { host_id: null }],
    prefer('missing=default'),
  );
  expect(answer.json.map(({ host_id }: { host_id: unknown }) => host_id)).toEqual([null, 1, 2, null]);
});

test('tx=rollback answers what would have been and writes nothing', async () => {
  const other = await fixture.serveWith({ 'db-tx-end': 'commit-allow-override' });
  const answer = await other.request('POST', '/posts', {
    body: { title: 'one', comments: [{ body: 'a' }] },
    headers: { Prefer: 'tx=rollback, return=representation' },
  });
  expect(answer.json).toMatchObject([{ id: 1, comments: [{ post_id: 1 }] }]);
  expect(answer.headers['preference-applied']).toBe('return=representation, tx=rollback');
  expect(await fixture.count('select from posts')).toBe(0);
});

test('strict handling refuses unknown preferences', async () => {
  const answer = await fixture.post(
    '/posts',
    { title: 'x', comments: [] },
    prefer('handling=strict', 'nonsense'),
  );
  expect(answer).toMatchObject({ status: 400, json: { code: 'PGRST122' } });
});

test('the pre-request function runs once, and what it and triggers set for the answer counts', async () => {
  await fixture.database.query(`
    create table calls (n int); grant insert on calls to anon;
    create function once() returns void language sql as $$
      insert into calls values (1);
      select set_config('response.headers', '[{"X-Once": "yes"}]', true);
    $$`);
  const other = await fixture.serveWith({ 'db-pre-request': 'once' });
  const answer = await other.request('POST', '/posts', {
    body: { title: 'one', comments: [{ body: 'a', reactions: [{ kind: 'x' }] }] },
  });
  expect(answer.status).toBe(201);
  expect(answer.headers['x-once']).toBe('yes');
  expect(await fixture.count('select from calls')).toBe(1);
  await fixture.database.query('drop function once; drop table calls');
});
