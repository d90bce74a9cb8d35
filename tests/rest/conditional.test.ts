/** Conditional requests: entity tags of reads, and writes that hold only if nobody has changed the row. */
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const SETUP = `
  create schema other;
  grant usage on schema other to authenticated, anon;
  create table place (id int primary key, name text not null);
  create table document (
    id int primary key,
    owner text not null default 'ada',
    title text not null,
    hits bigint not null default 0,
    price numeric(30, 10),
    at timestamptz not null default '2026-01-01 00:00Z',
    place_id int references place
  );
  create table other.document (id int primary key, title text);
  create view titles as select id, title from document;
  create table counter (id int primary key, n int not null);
  create table outbox (id int primary key, body text);
  alter table document enable row level security;
  create policy own on document using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
  grant select, insert, update, delete on document, place, titles, outbox, other.document to authenticated;
  -- may delete and not update: nothing to lock a row with
  create table note (id int primary key, body text);
  grant select, delete on note to authenticated;
  -- writes only
  create table inbox (id int primary key, body text);
  grant insert, update on inbox to authenticated;
  grant select (id) on inbox to authenticated;

  create function touch() returns trigger language plpgsql security definer as $$
    begin
      update counter set n = n + 1 where id = 1;
      new.title := trim(new.title);
      return new;
    end
  $$;
  create trigger touch before update on document for each row execute function touch();

  create function total(a int, b int) returns int language sql immutable as $$ select a + b $$;
  create function documents() returns setof document language sql stable as $$ select * from document $$;
  create table open_log (path text);
  grant insert on open_log to authenticated;
  create function log_request() returns void language plpgsql as $$
    begin
      perform set_config('app.seen', 'yes', true);
      perform set_config('response.headers', '[{"X-Seen": "yes"}]', true);
      if current_setting('request.method') <> 'GET' then
        insert into open_log values (current_setting('request.path'));
      end if;
    end
  $$;
  -- a column that tries to make more of whoever looks at it
  create function climb(document) returns text language plpgsql as $$
    begin
      perform set_config('role', 'service_role', true);
      perform set_config('app.seen', 'climbed', true);
      return 'up';
    end
  $$;
  create function sneak(document) returns int language plpgsql security definer as $$
    begin
      update counter set n = n + 1;
      return 1;
    end
  $$;
  create function promote() returns void language plpgsql as $$
    begin
      perform set_config('role', 'authenticated', true);
      perform set_config('request.jwt.claims', '{"sub": "ada"}', true);
    end
  $$;
  create function tag_by_version() returns void language plpgsql as $$
    begin
      if current_setting('request.path') = '/place' then
        perform set_config('response.headers', '[{"etag": "\\"version-7\\""}, {"Cache-Control": "no-cache"}]', true);
      end if;
    end
  $$;
  grant execute on all functions in schema public to authenticated;
`;

const ada = { role: 'authenticated', sub: 'ada' };
const bob = { role: 'authenticated', sub: 'bob' };
const OBJECT = { Accept: 'application/vnd.pgrst.object+json' };

let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  database = await createDatabase(SETUP);
  api = await startApi(database, {
    'db-schemas': 'public, other',
    'db-pool': 8,
    'db-plan-enabled': true,
    'db-aggregates-enabled': true,
  });
});
afterAll(async () => {
  await api.close();
  await database.close();
});
beforeEach(() =>
  database.query(`
    truncate document, place, counter, outbox, other.document, note, inbox;
    insert into counter values (1, 0);
    insert into place values (1, 'Rome');
    insert into document (id, title, price, place_id) values (1, 'one', 1.50, 1), (2, 'two', null, 1), (3, 'three', 3, null);
    insert into document (id, owner, title) values (9, 'bob', 'his');
    insert into outbox values (1, 'x'), (2, 'y');
    insert into note values (1, 'a');
    insert into other.document values (1, 'other')`),
);

const ask = (method: string, path: string, options: ApiRequest = {}): Promise<ApiAnswer> =>
  api.request(method, path, { as: ada, ...options });
const tagOf = async (path: string, headers: Record<string, string> = {}): Promise<string> => {
  const { status, headers: got } = await ask('GET', path, { headers });
  expect([200, 206]).toContain(status);
  expect(got.etag).toMatch(/^"[\w-]{27}(?:\.[\w-]{6})?(?::\d+)?"$/);
  return got.etag ?? '';
};
const title = async (id: number): Promise<unknown> =>
  (await database.query('select title from document where id = $1', [id])).rows[0]?.['title'];

describe('reads', () => {
  test('equal answers have equal tags, others have others', async () => {
    const paths = [
      '/document?order=id',
      '/document?id=eq.1',
      '/document?id=eq.2',
      '/document?id=eq.1&select=id',
      '/place',
    ];
    const tags = await Promise.all(paths.map((path) => tagOf(path)));
    expect(new Set(tags).size).toBe(paths.length);
    expect(await Promise.all(paths.map((path) => tagOf(path)))).toEqual(tags);
    await database.query(`update document set title = 'new' where id = 2`);
    const changed = await Promise.all(paths.map((path) => tagOf(path)));
    expect(changed.map((tag, index) => tag !== tags[index])).toEqual([true, false, true, false, false]);
  });

  test('who sees other rows has other tags', async () => {
    const mine = await ask('GET', '/document');
    const his = await ask('GET', '/document', { as: bob });
    expect(his.headers.etag).not.toBe(mine.headers.etag);
  });

  test('other media types of the same rows have other tags, even where their bytes are equal', async () => {
    await database.query(
      'delete from document; insert into document (id, title, price, place_id) values (1, $$x$$, 1, 1)',
    );
    const json = await ask('GET', '/document?select=id');
    const stripped = await ask('GET', '/document?select=id', {
      headers: { Accept: 'application/vnd.pgrst.array+json;nulls=stripped' },
    });
    expect(stripped.body).toBe(json.body);
    expect(stripped.headers.etag).not.toBe(json.headers.etag);
    const types = ['text/csv', 'application/vnd.pgrst.object+json', 'application/json'];
    const tags = await Promise.all(types.map((Accept) => tagOf('/document?select=id', { Accept })));
    expect(new Set(tags).size).toBe(3);
  });

  test('a client that has the answer gets 304 with nothing but what keeps it fresh', async () => {
    const path = '/document?select=id,title&order=id&limit=2';
    const full = await ask('GET', path);
    const tag = full.headers.etag ?? '';
    for (const value of [tag, `W/${tag}`, `"x", ${tag}`, `W/"y" ,,${tag},`, '*']) {
      const answer = await ask('GET', path, { headers: { 'If-None-Match': value } });
      expect(answer.status, value).toBe(304);
      expect(answer.bytes.length).toBe(0);
      expect(answer.headers.etag).toBe(tag);
      expect(answer.headers.vary).toBe(full.headers.vary);
      expect(answer.headers['content-location']).toBe(full.headers['content-location']);
      for (const name of ['content-type', 'content-length', 'content-range']) {
        expect(answer.headers).not.toHaveProperty(name);
      }
    }
    for (const value of ['"x"', `"${tag}"`, tag.slice(1, -1), '', 'W/', '"a', `${tag} ${tag}`]) {
      const answer = await ask('GET', path, { headers: { 'If-None-Match': value } });
      expect(answer.status, value).toBe(200);
      expect(answer.body).toBe(full.body);
    }
    await database.query(`update document set title = 'new' where id = 1`);
    expect((await ask('GET', path, { headers: { 'If-None-Match': tag } })).status).toBe(200);
  });

  test('HEAD has the tag of the GET where it is asked about one, and stays cheap otherwise', async () => {
    const tag = await tagOf('/document?order=id');
    const plain = await ask('HEAD', '/document?order=id');
    expect(plain.headers).not.toHaveProperty('etag');
    const fresh = await ask('HEAD', '/document?order=id', {
      headers: { 'If-None-Match': '"x"', Range: '0-0' },
    });
    expect([fresh.status, fresh.headers.etag, fresh.body]).toEqual([200, tag, '']);
    expect(fresh.headers['content-range']).toBe('0-2/*');
    const known = await ask('HEAD', '/document?order=id', { headers: { 'If-None-Match': tag } });
    expect([known.status, known.headers.etag]).toEqual([304, tag]);
    const lost = await ask('HEAD', '/document?order=id', { headers: { 'If-Match': '"x"' } });
    expect(lost.status).toBe(412);
  });

  test('a total that was asked for is part of the tag, and no hindrance to a write', async () => {
    const path = '/document?order=id&limit=1';
    const count = { Prefer: 'count=exact' };
    const tag = await tagOf(path, count);
    expect(tag).toMatch(/:3"$/);
    await database.query('delete from document where id = 3');
    const answer = await ask('GET', path, { headers: { ...count, 'If-None-Match': tag } });
    expect([answer.status, answer.headers['content-range']]).toEqual([206, '0-0/2']);
    const uncounted = await ask('GET', path, { headers: { 'If-None-Match': tag } });
    expect(uncounted.status).toBe(200);
    const patched = await ask('PATCH', '/document?id=eq.1', {
      headers: { 'If-Match': await tagOf('/document?id=eq.1', count) },
      body: { title: 'new' },
    });
    expect(patched.status).toBe(204);
  });

  test('If-Match holds a read to what its client has seen', async () => {
    const path = '/document?id=eq.1';
    const tag = await tagOf(path);
    expect((await ask('GET', path, { headers: { 'If-Match': tag } })).status).toBe(200);
    expect((await ask('GET', path, { headers: { 'If-Match': '*' } })).status).toBe(200);
    for (const value of ['"x"', `W/${tag}`]) {
      const answer = await ask('GET', path, { headers: { 'If-Match': value } });
      expect(answer.status).toBe(412);
      expect(answer.json).toMatchObject({ code: 'AURA130' });
    }
  });

  test('a tag that SQL sets is the one that counts', async () => {
    const own = await startApi(database, { 'db-pre-request': 'tag_by_version' });
    try {
      const answer = await own.request('GET', '/place', { as: ada });
      expect(answer.headers.etag).toBe('"version-7"');
      const known = await own.request('GET', '/place', {
        as: ada,
        headers: { 'If-None-Match': '"version-7"' },
      });
      expect([known.status, known.headers['cache-control']]).toEqual([304, 'no-cache']);
      const patch = (tag: string) =>
        own.request('PATCH', '/place?id=eq.1', {
          as: ada,
          headers: { 'If-Match': tag },
          body: { name: 'x' },
        });
      expect((await patch('"version-6"')).status).toBe(412);
      expect((await patch('"version-7"')).status).toBe(204);
    } finally {
      await own.close();
    }
  });

  test('what is no representation of rows has no tag', async () => {
    const without: [string, string, Record<string, string>?][] = [
      ['GET', '/rpc/documents'],
      ['GET', '/rpc/total?a=1&b=2'],
      ['GET', '/document?offset=10', { Prefer: 'count=exact' }],
      ['GET', '/nowhere'],
      ['GET', '/document', { Accept: 'application/vnd.pgrst.plan' }],
      ['OPTIONS', '/document'],
      ['PATCH', '/document?id=eq.1&select=id', { Prefer: 'return=representation' }],
    ];
    for (const [method, path, headers = {}] of without) {
      const body = method === 'PATCH' ? { body: { title: 'x' } } : {};
      const answer = await ask(method, path, { headers, ...body });
      expect(answer.headers, `${method} ${path}`).not.toHaveProperty('etag');
    }
    const called = await ask('GET', '/rpc/documents', { headers: { 'If-None-Match': '*' } });
    expect(called.status).toBe(200);
  });

  test('tags can be switched off, and If-Match is heeded all the same', async () => {
    const tag = await tagOf('/document?id=eq.1');
    const own = await startApi(database, { 'server-etag-enabled': false });
    try {
      const answer = await own.request('GET', '/document?id=eq.1', {
        as: ada,
        headers: { 'If-None-Match': tag },
      });
      expect(answer.status).toBe(200);
      expect(answer.headers).not.toHaveProperty('etag');
      const patch = (headers: Record<string, string>) =>
        own.request('PATCH', '/document?id=eq.1', { as: ada, headers, body: { title: 'new' } });
      expect((await patch({ 'If-Match': '"x"' })).status).toBe(412);
      const kept = await patch({ 'If-Match': tag });
      expect(kept.status).toBe(204);
      expect(kept.headers).not.toHaveProperty('etag');
    } finally {
      await own.close();
    }
  });

  test('browsers may read the tag', async () => {
    const answer = await ask('GET', '/document', { headers: { Origin: 'https://example.com' } });
    const exposed = answer.headers['access-control-expose-headers']?.split(', ');
    expect(exposed).toContain('ETag');
    expect(exposed).toContain('Content-Range');
    const call = await ask('GET', '/rpc/total?a=1&b=2', { headers: { Origin: 'https://example.com' } });
    expect(call.headers['access-control-expose-headers']?.split(', ')).not.toContain('ETag');
  });
});

describe('writes', () => {
  const writes: [method: string, path: string, more: ApiRequest, after: unknown][] = [
    ['PATCH', '/document?id=eq.1', { body: { title: 'new' } }, 'new'],
    [
      'PATCH',
      '/document?id=eq.1&select=id,title,place(name)',
      { body: { title: 'new' }, headers: { Prefer: 'return=representation' } },
      'new',
    ],
    ['PATCH', '/document?id=eq.1&order=id&limit=1', { body: { title: 'new' }, headers: OBJECT }, 'new'],
    ['PUT', '/document?id=eq.1', { body: { id: 1, title: 'new' } }, 'new'],
    ['DELETE', '/document?id=eq.1', {}, undefined],
    ['DELETE', '/titles?id=eq.1', {}, undefined],
  ];
  test.each(writes)(
    '%s %s is carried out only on the row that was read',
    async (method, path, more, after) => {
      const accept = more.headers?.['Accept'];
      const seen = await tagOf(path, typeof accept === 'string' ? { Accept: accept } : {});
      const send = (tag: string) =>
        ask(method, path, { ...more, headers: { ...more.headers, 'If-Match': tag } });
      for (const tag of ['"x"', `W/${seen}`, `"x", W/${seen}`]) {
        const lost = await send(tag);
        expect(lost.status, lost.body).toBe(412);
        expect(lost.json).toEqual({
          code: 'AURA130',
          message: 'The condition of If-Match does not hold',
          details: 'What is there now has another entity tag.',
          hint: 'Read it again, and decide anew.',
        });
        expect(await title(1)).toBe('one');
      }
      const kept = await send(`"x", ${seen}`);
      expect(kept.status, kept.body).toBeLessThan(205);
      expect(await title(1)).toBe(after);
      expect((await send(seen)).status).toBe(412);
    },
  );

  test('the answer to a PATCH carries the tag of the row as it is now, triggers included', async () => {
    const path = '/document?id=eq.1&select=id,title';
    const first = await ask('PATCH', path, {
      headers: { 'If-Match': await tagOf(path) },
      body: { title: '  padded ' },
    });
    expect(first.headers.etag).toBe(await tagOf(path));
    const second = await ask('PATCH', path, {
      headers: { 'If-Match': first.headers.etag ?? '' },
      body: { title: 'again' },
    });
    expect(second.status).toBe(204);
    const moved = await ask('PATCH', '/document?title=eq.again', {
      headers: { 'If-Match': '*' },
      body: { title: 'gone' },
    });
    expect(moved.status).toBe(204);
    expect(moved.headers).not.toHaveProperty('etag');
  });

  test('what is embedded is part of what was read', async () => {
    const path = '/document?id=eq.1&select=id,place(name)';
    const seen = await tagOf(path);
    await database.query(`update place set name = 'Oslo'`);
    const answer = await ask('PATCH', path, { headers: { 'If-Match': seen }, body: { title: 'new' } });
    expect(answer.status).toBe(412);
  });

  test('the time zone of the request is that of the comparison', async () => {
    const zone = { Prefer: 'timezone=Asia/Tokyo' };
    const seen = await tagOf('/document?id=eq.1', zone);
    expect(seen).not.toBe(await tagOf('/document?id=eq.1'));
    const send = (headers: Record<string, string>) =>
      ask('PATCH', '/document?id=eq.1', { headers: { ...headers, 'If-Match': seen }, body: { hits: 1 } });
    expect((await send({})).status).toBe(412);
    expect((await send(zone)).status).toBe(204);
  });

  test('the schema is that of the write', async () => {
    const seen = await tagOf('/document?id=eq.1', { 'Accept-Profile': 'other' });
    const answer = await ask('PATCH', '/document?id=eq.1', {
      headers: { 'Content-Profile': 'other', 'If-Match': seen },
      body: { title: 'new' },
    });
    expect(answer.status, answer.body).toBe(204);
  });

  test('If-Match: * holds wherever there is a row, and nowhere else', async () => {
    const send = (method: string, id: number, body?: object) =>
      ask(method, `/document?id=eq.${id}`, { headers: { 'If-Match': '*' }, ...(body && { body }) });
    expect((await send('PATCH', 1, { title: 'new' })).status).toBe(204);
    expect((await send('PUT', 2, { id: 2, title: 'put' })).status).toBe(204);
    for (const [method, body] of [
      ['PATCH', { title: 'x' }],
      ['PUT', { id: 5, title: 'x' }],
      ['DELETE', undefined],
    ] as const) {
      const answer = await send(method, 5, body);
      expect(answer.status).toBe(412);
      expect(answer.json).toMatchObject({ code: 'AURA130', details: 'There is no such row.' });
    }
    expect(await title(5)).toBe(undefined);
  });

  test('If-None-Match: * creates a row with PUT, and never replaces one', async () => {
    const put = (id: number) =>
      ask('PUT', `/document?id=eq.${id}&select=id`, {
        headers: { 'If-None-Match': '*', Prefer: 'return=representation' },
        body: { id, title: 'put' },
      });
    const created = await put(5);
    expect([created.status, created.body]).toEqual([201, '[{"id":5}]']);
    const again = await put(5);
    expect(again.status).toBe(412);
    expect(again.json).toMatchObject({ code: 'AURA130', details: 'There is such a row already.' });
    expect((await put(1)).status).toBe(412);
    expect(await title(1)).toBe('one');
  });

  test('If-None-Match with tags refuses a write on what the client has', async () => {
    const path = '/document?id=eq.1';
    const seen = await tagOf(path);
    const send = (tag: string) =>
      ask('PATCH', path, { headers: { 'If-None-Match': tag }, body: { title: 'new' } });
    expect((await send(`W/${seen}`)).status).toBe(412);
    expect((await send('"x"')).status).toBe(204);
  });

  test('what one may not see is not there, and tells nothing', async () => {
    const his = await api.request('GET', '/document?id=eq.9', { as: bob });
    const tag = his.headers.etag ?? '';
    for (const value of [tag, '*', '"x"']) {
      const answer = await ask('DELETE', '/document?id=eq.9', { headers: { 'If-Match': value } });
      expect(answer.json).toMatchObject({ code: 'AURA130', details: 'There is no such row.' });
    }
    const closed = await ask('PATCH', '/inbox?id=eq.1', {
      headers: { 'If-Match': '*' },
      body: { body: 'x' },
    });
    expect(closed.json).toMatchObject({ code: '42501' });
    expect(await title(9)).toBe('his');
  });

  test('whoever may delete and not update can delete under a condition', async () => {
    const seen = await tagOf('/note?id=eq.1');
    expect((await ask('DELETE', '/note?id=eq.1', { headers: { 'If-Match': '"x"' } })).status).toBe(412);
    expect((await ask('DELETE', '/note?id=eq.1', { headers: { 'If-Match': seen } })).status).toBe(204);
  });

  const several: [string, string, object?][] = [
    ['PATCH', '/document?id=in.(1,2)', { title: 'x' }],
    ['PATCH', '/document?id=in.(1,2)&limit=1', { title: 'x' }],
    ['PATCH', '/document?select=count()', { title: 'x' }],
    ['PATCH', '/document?id=in.(1,3)&select=*,place!inner(*)', { title: 'x' }],
    ['DELETE', '/document'],
  ];
  test.each(several)('%s %s has several rows, which no condition is for', async (method, path, body) => {
    for (const condition of [{ 'If-Match': '*' }, { 'If-None-Match': '"x"' }]) {
      const answer = await ask(method, path, { headers: condition, ...(body && { body }) });
      expect(answer.status, answer.body).toBe(400);
      expect(answer.json).toMatchObject({ code: 'AURA131' });
    }
    expect([await title(1), await title(2), await title(3)]).toEqual(['one', 'two', 'three']);
  });

  test('a limit of rows does not hide that there are several', async () => {
    const own = await startApi(database, { 'db-max-rows': 1 });
    try {
      const answer = await own.request('DELETE', '/document', { as: ada, headers: { 'If-Match': '*' } });
      expect(answer.json).toMatchObject({ code: 'AURA131' });
    } finally {
      await own.close();
    }
  });

  const unsuited: [what: string, method: string, path: string, more: ApiRequest][] = [
    ['an insert', 'POST', '/document', { headers: { 'If-None-Match': '*' }, body: { id: 7, title: 'x' } }],
    [
      'a nested write',
      'POST',
      '/place',
      { headers: { 'If-Match': '*' }, body: { id: 5, name: 'x', document: [{ id: 7, title: 'x' }] } },
    ],
    ['a call', 'POST', '/rpc/total', { headers: { 'If-Match': '*' }, body: { a: 1, b: 2 } }],
    ['a call by GET', 'GET', '/rpc/total?a=1&b=2', { headers: { 'If-Match': '"x"' } }],
    ['a stream', 'GET', '/document', { headers: { 'If-Match': '"x"', Accept: 'application/x-ndjson' } }],
    ['a plan', 'GET', '/document', { headers: { 'If-Match': '"x"', Accept: 'application/vnd.pgrst.plan' } }],
    [
      'the plan of a write',
      'DELETE',
      '/document?id=eq.1',
      { headers: { 'If-Match': '*', Accept: 'application/vnd.pgrst.plan' } },
    ],
    [
      'an update with a value a row',
      'PATCH',
      '/document?on=id',
      { headers: { 'If-Match': '*' }, body: [{ id: 1, title: 'x' }] },
    ],
    [
      'a tag without quotes',
      'PATCH',
      '/document?id=eq.1',
      { headers: { 'If-Match': 'x' }, body: { title: 'x' } },
    ],
    ['an empty condition', 'DELETE', '/document?id=eq.1', { headers: { 'If-Match': '' } }],
    ['a broken list', 'DELETE', '/document?id=eq.1', { headers: { 'If-None-Match': '"x" "y"' } }],
  ];
  test.each(unsuited)(
    '%s is refused, rather than carried out without its condition',
    async (_, method, path, more) => {
      const answer = await ask(method, path, more);
      expect(answer.status).toBe(400);
      expect(answer.json).toMatchObject({ code: 'AURA132' });
      expect(answer.json.details).toEqual(expect.any(String));
      expect(await title(1)).toBe('one');
      expect(await title(7)).toBe(undefined);
    },
  );

  test('other preferences hold as ever', async () => {
    const path = '/document?id=eq.1&select=id';
    const answer = await ask('PATCH', path, {
      headers: { 'If-Match': await tagOf(path), Prefer: 'max-affected=0, handling=strict' },
      body: { title: 'new' },
    });
    expect(answer.json).toMatchObject({ code: 'PGRST124' });
    expect(await title(1)).toBe('one');
    const own = await startApi(database, { 'db-tx-end': 'rollback' });
    try {
      const rolled = await own.request('PATCH', path, {
        as: ada,
        headers: { 'If-Match': '*' },
        body: { title: 'new' },
      });
      expect(rolled.status).toBe(204);
      expect(rolled.headers).not.toHaveProperty('etag');
      expect(await title(1)).toBe('one');
    } finally {
      await own.close();
    }
  });

  test('a look leaves nothing behind: the write is what it would be alone', async () => {
    // hits may be changed, and place_id may not
    await database.query(`
      revoke update on document from authenticated;
      grant update (title) on document to authenticated`);
    try {
      const path = '/document?id=eq.1&select=id,climb';
      const tag = await tagOf(path);
      const send = (body: object) => ask('PATCH', path, { headers: { 'If-Match': tag }, body });
      const refused = await send({ hits: 5 });
      expect(refused.json).toMatchObject({ code: '42501' });
      expect((await send({ title: 'new' })).status).toBe(204);
    } finally {
      await database.query('grant update on document to authenticated');
    }
    const sneaking = await ask('PATCH', '/document?id=eq.1&select=id,sneak', {
      headers: { 'If-Match': '*' },
      body: { title: 'new' },
    });
    expect(sneaking.json).toMatchObject({ code: '25006' });
    expect((await database.query('select n from counter')).rows).toEqual([{ n: 1 }]);
  });

  test('the pre-request function is called once, and what it sets holds for the write', async () => {
    await database.query('truncate open_log');
    const own = await startApi(database, { 'db-pre-request': 'log_request' });
    try {
      const path = '/document?id=eq.1&select=id,title';
      const read = await own.request('GET', path, { as: ada });
      const answer = await own.request('PATCH', path, {
        as: ada,
        headers: { 'If-Match': read.headers.etag ?? '' },
        body: { title: 'new' },
      });
      expect([answer.status, answer.headers['x-seen']]).toEqual([204, 'yes']);
      expect((await database.query('select path from open_log')).rows).toEqual([{ path: '/document' }]);
    } finally {
      await own.close();
    }
  });

  test('look and write are made as whom the pre-request function makes of the caller', async () => {
    const own = await startApi(database, { 'db-pre-request': 'promote', 'db-pool': 1 });
    const path = '/document?id=eq.1&select=id,title';
    try {
      for (let round = 0; round < 3; round += 1) {
        const { etag = '' } = (await own.request('GET', path)).headers;
        const send = () =>
          own.request('PATCH', path, { headers: { 'If-Match': etag }, body: { title: `${round}` } });
        expect((await send()).status).toBe(204);
        expect((await send()).status).toBe(412);
      }
    } finally {
      await own.close();
    }
    expect(await title(1)).toBe('2');
  });

  test('a batch holds to the conditions of its requests', async () => {
    const path = '/document?id=eq.1&select=id,title';
    const tag = await tagOf(path);
    const send = (requests: readonly unknown[], isolation?: string) =>
      ask('POST', '/', {
        headers: { 'Content-Type': 'application/vnd.aura.batch+json' },
        body: JSON.stringify({ requests, ...(isolation && { isolation }) }),
      });
    const patch = (value: string) => ({
      method: 'PATCH',
      path,
      headers: { 'If-Match': value },
      body: { title: 'new' },
    });
    const other = { method: 'PATCH', path: '/document?id=eq.2', body: { title: 'new' } };
    const lost = await send([other, patch('"x"')]);
    expect(lost.status).toBe(412);
    expect(lost.json).toMatchObject({ code: 'AURA130', step: { index: 1 } });
    expect(await title(2)).toBe('two');
    expect((await send([patch(tag)], 'read committed')).json).toMatchObject({ code: 'AURA126' });
    const kept = await send([other, { method: 'GET', path, headers: { 'If-None-Match': tag } }, patch(tag)]);
    expect(kept.status, kept.body).toBe(200);
    expect(kept.json.results[1]).toMatchObject({ status: 304, body: null, headers: { etag: tag } });
    expect(kept.json.results[2].headers.etag).toBe(await tagOf(path));
    expect(await title(1)).toBe('new');
  });
});

describe('nobody comes in between', () => {
  test('of many who saw the same row and write at once, one writes, and the others are told', async () => {
    for (const path of ['/document?id=eq.1&select=id,title,hits', '/document?id=eq.2']) {
      let seen = await tagOf(path);
      for (let round = 0; round < 5; round += 1) {
        const answers = await Promise.all(
          Array.from({ length: 12 }, (_, index) =>
            ask('PATCH', path, {
              headers: { 'If-Match': seen },
              body: { title: `round ${round} of ${index}` },
            }),
          ),
        );
        const statuses = answers.map(({ status }) => status).sort();
        expect(statuses).toEqual([204, ...Array.from({ length: 11 }, () => 412)]);
        seen = answers.find(({ status }) => status === 204)?.headers.etag ?? '';
        expect(seen).toBe(await tagOf(path));
      }
    }
  });

  test('of many who create the same row at once, one does', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        ask('PUT', '/outbox?id=eq.77', {
          headers: { 'If-None-Match': '*' },
          body: { id: 77, body: `${index}` },
        }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      204,
      ...Array.from({ length: 11 }, () => 412),
    ]);
  });

  /** Runs `meanwhile` in a transaction that has written already when the request looks, and commits when it waits. */
  const during = async (meanwhile: string, request: () => Promise<ApiAnswer>): Promise<ApiAnswer> => {
    const other = new pg.Client(database.uri);
    await other.connect();
    try {
      await other.query(`begin; ${meanwhile}`);
      const answer = request();
      for (;;) {
        const { rows } = await database.query(
          `select from pg_locks join pg_stat_activity using (pid) where not granted and datname = current_database()`,
        );
        if (rows.length > 0) break;
      }
      await other.query('commit');
      return await answer;
    } finally {
      await other.end();
    }
  };

  test('a change that commits between look and write is seen', async () => {
    const path = '/document?id=eq.1';
    const seen = await tagOf(path);
    const answer = await during(`update document set title = 'meanwhile' where id = 1`, () =>
      ask('PATCH', path, { headers: { 'If-Match': seen }, body: { title: 'mine' } }),
    );
    expect(answer.status, answer.body).toBe(412);
    expect(answer.json).toMatchObject({ code: 'AURA130' });
    expect(await title(1)).toBe('meanwhile');
  });

  test('a row that is deleted between look and write is gone', async () => {
    const seen = await tagOf('/outbox?id=eq.1');
    const answer = await during('delete from outbox where id = 1', () =>
      ask('DELETE', '/outbox?id=eq.1', { headers: { 'If-Match': seen } }),
    );
    expect(answer.json).toMatchObject({ code: 'AURA130', details: 'There is no such row.' });
  });

  test('a row that appears between look and write is not replaced', async () => {
    const answer = await during(`insert into outbox values (5, 'theirs')`, () =>
      ask('PUT', '/outbox?id=eq.5', { headers: { 'If-None-Match': '*' }, body: { id: 5, body: 'mine' } }),
    );
    expect(answer.status, answer.body).toBe(412);
    expect((await database.query('select body from outbox where id = 5')).rows).toEqual([{ body: 'theirs' }]);
  });

  test('a change elsewhere that the write runs into is no change of the row', async () => {
    const path = '/document?id=eq.1';
    const seen = await tagOf(path);
    // the trigger of document counts in this row
    const answer = await during('update counter set n = n + 100 where id = 1', () =>
      ask('PATCH', path, { headers: { 'If-Match': seen }, body: { title: 'mine' } }),
    );
    expect(answer.status, answer.body).toBe(204);
    expect((await database.query('select n from counter')).rows).toEqual([{ n: 101 }]);
  });

  test('writes to different rows do not disturb each other', async () => {
    const ids = [1, 2, 3];
    const tags = await Promise.all(ids.map((id) => tagOf(`/document?id=eq.${id}`)));
    const answers = await Promise.all(
      ids.map((id, index) =>
        ask('PATCH', `/document?id=eq.${id}`, {
          headers: { 'If-Match': tags[index] ?? '' },
          body: { hits: 5 },
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
  });
});
