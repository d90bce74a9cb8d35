/** Nested writes under policies and grants: as if each table were written alone, and all or nothing. */
import { expect, test } from 'vitest';
import { prefer, useNestedFixture } from './nested-fixture.ts';

const fixture = useNestedFixture();

const ann = { as: { role: 'authenticated', sub: 'ann' } };
const bob = { as: { role: 'authenticated', sub: 'bob' } };

test('policies see the rows of the levels before, and admit what they admit to everyone', async () => {
  const answer = await fixture.api.request('POST', '/notes?select=id,title,owner', {
    ...ann,
    body: { title: 'mine', note_lines: [{ line: 'a' }], 'labels!note_labels': [{ owner: 'ann', name: 'x' }] },
    ...prefer(),
  });
  expect(answer.json).toEqual([{ id: 1, title: 'mine', owner: 'ann' }]);
  expect(await fixture.count('select from note_lines')).toBe(1);
  expect(await fixture.count('select from note_labels')).toBe(1);
});

const NOTHING_WRITTEN = `select from notes union all select from note_lines
  union all select from labels union all select from note_labels`;

test.each([
  ['a child', '/notes', { title: 't', note_lines: [{ line: 'a' }, { line: 'refused' }] }, 'note_lines'],
  [
    'a target behind a junction',
    '/notes',
    { title: 't', 'labels!note_labels': [{ owner: 'bob', name: 'x' }] },
    'labels',
  ],
  ['a parent', '/note_lines', { line: 'a', notes: { title: 't', owner: 'bob' } }, 'notes'],
])('%s that policies refuse leaves nothing behind', async (_what, path, body, place) => {
  const answer = await fixture.api.request('POST', path, { ...ann, body });
  expect(answer).toMatchObject({ status: 403, json: { code: '42501' } });
  expect(answer.json.hint).toBe(`This happened while '${place}' was written.`);
  expect(await fixture.count(NOTHING_WRITTEN)).toBe(0);
});

test('a row that its writer may not see can be written where it is not asked back', async () => {
  const body = { title: 't', note_lines: [{ line: 'a', hidden: true }] };
  const seen = await fixture.api.request('POST', '/note_lines', {
    ...ann,
    body: { line: 'a', hidden: true, notes: { title: 't' } },
    headers: { Prefer: 'return=headers-only' },
  });
  expect(seen).toMatchObject({ status: 403, json: { code: '42501' } });
  expect(await fixture.count(NOTHING_WRITTEN)).toBe(0);
  const unseen = await fixture.api.request('POST', '/notes', { ...ann, body });
  expect(unseen.status).toBe(201);
  expect(await fixture.count('select from note_lines where hidden')).toBe(1);
});

test('grants on columns hold at every level', async () => {
  const secret = await fixture.api.request('POST', '/notes', {
    ...ann,
    body: { title: 't', secret: 's', note_lines: [{ line: 'a' }] },
  });
  expect(secret).toMatchObject({ status: 403, json: { code: '42501' } });
  const below = await fixture.api.request('POST', '/note_lines', {
    ...ann,
    body: { line: 'a', notes: { title: 't', secret: 's' } },
  });
  expect(below).toMatchObject({ status: 403, json: { code: '42501' } });
  const shown = await fixture.api.request('POST', '/note_lines', {
    ...ann,
    body: { line: 'a', notes: { title: 't' } },
    ...prefer(),
  });
  expect(shown).toMatchObject({ status: 403, json: { code: '42501' } });
  const anonymous = await fixture.post('/notes', { title: 't', note_lines: [] });
  expect(anonymous).toMatchObject({ status: 401, json: { code: '42501' } });
  expect(await fixture.count('select from notes')).toBe(0);
});

test("nobody joins to, changes or learns of another's rows", async () => {
  await fixture.database.query(
    `insert into notes (id, owner, title) values (7, 'bob', 'his'); insert into labels (id, owner, name) values (7, 'bob', 'his')`,
  );
  const note = (body: object, words: string) =>
    fixture.api.request('POST', '/notes', { ...ann, body, headers: { Prefer: `return=minimal, ${words}` } });
  const joined = await note(
    { title: 't', 'labels!note_labels': [{ id: 7 }] },
    'resolution=ignore-duplicates',
  );
  expect(joined.status).toBeGreaterThanOrEqual(400);
  const upserted = await note(
    { id: 7, title: 'MINE', note_lines: [{ line: 'a' }] },
    'resolution=merge-duplicates',
  );
  expect(upserted).toMatchObject({ status: 403, json: { code: '42501' } });
  const ignored = await note(
    { id: 7, title: 't', owner: 'ann', note_lines: [{ line: 'a' }] },
    'resolution=ignore-duplicates',
  );
  expect(ignored).toMatchObject({ status: 409, json: { code: 'AURA143' } });
  expect(await fixture.json('select id, owner, title from notes')).toEqual([
    { id: 7, owner: 'bob', title: 'his' },
  ]);
  expect(await fixture.count('select from note_labels')).toBe(0);
  expect(await fixture.count('select from note_lines')).toBe(0);
});

test('two users write at the same time, each under their own policies', async () => {
  const write = (user: typeof ann, owner: string, index: number) =>
    fixture.api.request('POST', '/notes?select=id,owner', {
      ...user,
      body: {
        title: `${owner} ${index}`,
        note_lines: [{ line: owner }, { line: owner }],
        'labels!note_labels': [{ owner, name: `${owner} ${index}` }],
      },
      ...prefer(),
    });
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) => [write(ann, 'ann', index), write(bob, 'bob', index)]).flat(),
  );
  expect(answers.every(({ status }) => status === 201)).toBe(true);
  expect(
    await fixture.json(`select owner, count(distinct notes.id), count(*) filter (where line = owner) as own from notes
      join note_lines on note_id = notes.id group by owner order by owner`),
  ).toEqual([
    { owner: 'ann', count: 30, own: 60 },
    { owner: 'bob', count: 30, own: 60 },
  ]);
});

test('where nothing is asked back, INSERT and SELECT on the keys that flow are all the rights it takes', async () => {
  const body = { id: 1, name: 'x', write_only_parts: [{ id: 1, name: 'y' }] };
  const answer = await fixture.post('/write_only', body, { headers: { Prefer: 'return=minimal' } });
  expect(answer.status).toBe(201);
  const shown = await fixture.post('/write_only', { ...body, id: 2 });
  expect(shown).toMatchObject({ status: 401, json: { code: '42501' } });
  expect(await fixture.count('select from write_only_parts')).toBe(1);
});

test('with require-rls = enforce every relation that is written must be protected', async () => {
  const enforced = await fixture.serveWith({ 'require-rls': 'enforce' });
  const send = (body: object) => enforced.request('POST', '/notes', { ...ann, body });
  expect((await send({ title: 't', note_lines: [{ line: 'a' }], 'labels!note_labels': [] })).status).toBe(
    201,
  );
  const embed = await send({ title: 't', drafts: [{ text: 'x' }] });
  expect(embed).toMatchObject({ status: 403, json: { code: 'AURA200' } });
  const junction = await send({ title: 't', 'labels!open_note_labels': [] });
  expect(junction).toMatchObject({ status: 403, json: { code: 'AURA200' } });
});

test('no error names a relation that the role may not see', async () => {
  const answer = await fixture.post('/posts', { title: 't', 'x:hidden_remarks': [{ y: 1 }] });
  expect(answer.json.message).toBe("Could not find the 'y' column of 'x' in the schema cache");
});

test('every level runs under the role that the pre-request function chose', async () => {
  await fixture.database.query(`
    create function choose() returns void language plpgsql as $$
    begin
      if current_setting('request.headers')::json ->> 'x-role' is not null then
        perform set_config('role', current_setting('request.headers')::json ->> 'x-role', true);
      end if;
    end $$`);
  const choosing = await fixture.serveWith({ 'db-pre-request': 'choose', 'db-pool': 1 });
  const send = (headers: Record<string, string>, as: string) =>
    choosing.request('POST', '/notes', {
      headers,
      as: { role: as, sub: 'ann' },
      body: { title: 't', note_lines: [{ line: 'a' }] },
    });
  for (let turn = 0; turn < 3; turn++) {
    expect((await send({ 'X-Role': 'authenticated' }, 'anon')).status).toBe(201);
    expect((await send({}, 'anon')).status).toBe(401);
    expect((await send({}, 'authenticated')).status).toBe(201);
    expect((await send({ 'X-Role': 'anon' }, 'authenticated')).status).toBe(403);
  }
  expect(await fixture.count('select from note_lines')).toBe(6);
  await fixture.database.query('drop function choose');
});
