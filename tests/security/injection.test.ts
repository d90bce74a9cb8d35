/**
 * No text of a request becomes SQL. Every place where text can stand gets texts that would run a function which
 * leaves a trace that no rollback removes; and names that need every kind of quotation work as names.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const FIXTURE = `
  create schema api;
  grant usage on schema api to anon, authenticated;
  create sequence api.traces;
  create function api.trip() returns int language sql security definer as $$ select nextval('api.traces')::int $$;
  create table api.items (id int primary key, name text, doc jsonb, tags text[], span int4range);
  insert into api.items values (1, 'one', '{"a": {"b": [1, 2]}}', '{x,y}', '[1,5)'), (2, 'two', null, null, null);
  create table api.parts (id int primary key, item_id int references api.items, name text);
  insert into api.parts values (1, 1, 'p');
  create function api.echo(a text default null, b text default null) returns text language sql as
    $$ select coalesce(a, '') || coalesce(b, '') $$;
  create function api.many(variadic words text[]) returns int language sql as $$ select cardinality(words) $$;
  create function api.whole(json) returns json language sql as $$ select $1 $$;
  grant all on all tables in schema api to anon, authenticated;
  grant usage on all sequences in schema api to anon, authenticated;
`;

const CALL = 'api.trip()';
/** Texts that would be SQL in one kind of quotation or another. */
const HOSTILE: readonly string[] = [
  `'`,
  `"`,
  '\\',
  `'||${CALL}||'`,
  `' || ${CALL} --`,
  `\\' || ${CALL} --`,
  `\\'||${CALL}||\\'`,
  `"||${CALL}||"`,
  `", ${CALL} as "x`,
  `"."id", ${CALL} as "x`,
  `id" = 1 or ${CALL} > 0 --`,
  `1; select ${CALL}`,
  `1; select ${CALL} --`,
  `); select ${CALL}; --`,
  `1) or (${CALL} > 0`,
  `${CALL}`,
  `(select ${CALL})`,
  `id, ${CALL}`,
  `$$||${CALL}||$$`,
  `text $$, ${CALL} $$`,
  `int) , ${CALL} , cast(1 as int`,
  `E'\\'||${CALL}||'`,
  `U&"\\0061", ${CALL}`,
  `/* */ , ${CALL} /*`,
  `x' , '{"a":1}') , ${CALL} , ('`,
  `$1`,
  `$2::text || ${CALL}`,
  `%s%I%L`,
  `\n;select ${CALL};\n`,
  `\u2019 || ${CALL} || \u2019`,
  `\ud800' || ${CALL} --`,
  `\ufeff'`,
  `${'x'.repeat(70)}' || ${CALL} --`,
  `{"a":"'||${CALL}||'"}`,
  `{${CALL}}`,
  `[1,${CALL}]`,
  `public, pg_catalog; select ${CALL}`,
];

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;
const encode = (text: string): string =>
  // what no URL can say (half a surrogate pair) goes as the bytes that it would have
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
/** Text as a header can carry it. */
const header = (text: string): string => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '_');

type Place = (text: string) => readonly [method: string, path: string, options?: ApiRequest];
const get =
  (path: (text: string) => string): Place =>
  (text) => ['GET', path(text)];

const PLACES: Readonly<Record<string, Place>> = {
  'a relation': get((text) => `/${encode(text)}`),
  'a function': get((text) => `/rpc/${encode(text)}`),
  'a selected column': get((text) => `/items?select=${encode(text)}`),
  'a selected column, quoted': get((text) => `/items?select=${encode(quoted(text))}`),
  'an alias': get((text) => `/items?select=${encode(text)}:name`),
  'an alias, quoted': get((text) => `/items?select=${encode(quoted(text))}:name`),
  'a cast': get((text) => `/items?select=name::${encode(text)}`),
  'a cast of an aggregate': get((text) => `/items?select=id.sum()::${encode(text)}`),
  'a JSON key': get((text) => `/items?select=doc->${encode(text)}`),
  'a JSON key, quoted': get((text) => `/items?select=doc->>${encode(quoted(text))}`),
  'an embedded relation': get((text) => `/items?select=${encode(text)}(id)`),
  'an embedded relation, quoted': get((text) => `/items?select=${encode(quoted(text))}(id)`),
  'a hint': get((text) => `/items?select=parts!${encode(quoted(text))}(id)`),
  'the alias of an embed': get((text) => `/items?select=${encode(quoted(text))}:parts(id)`),
  'a column of an embed': get((text) => `/items?select=parts(${encode(quoted(text))})`),
  'the alias in a spread': get((text) => `/parts?select=...items(${encode(quoted(text))}:name)`),
  'an order': get((text) => `/items?order=${encode(text)}`),
  'an order, quoted': get((text) => `/items?order=${encode(quoted(text))}.desc`),
  'an order by a JSON key': get((text) => `/items?order=doc->${encode(quoted(text))}`),
  'an order by an embed': get((text) => `/parts?select=id,items(id)&order=items(${encode(quoted(text))})`),
  'the direction of an order': get((text) => `/items?order=id.${encode(text)}`),
  'the column of a filter': get((text) => `/items?${encode(text)}=eq.1`),
  'the column of a filter, quoted': get((text) => `/items?${encode(quoted(text))}=eq.1`),
  'the JSON key of a filter': get((text) => `/items?doc->>${encode(quoted(text))}=eq.1`),
  'an operator': get((text) => `/items?id=${encode(text)}.1`),
  'a value': get((text) => `/items?name=eq.${encode(text)}`),
  'a number': get((text) => `/items?id=eq.${encode(text)}`),
  'a pattern': get((text) => `/items?name=like.${encode(text)}`),
  'a regular expression': get((text) => `/items?name=match.${encode(text)}`),
  'a list': get((text) => `/items?name=in.(${encode(text)})`),
  'a list, quoted': get((text) => `/items?name=in.(${encode(quoted(text))},x)`),
  'any of a list': get((text) => `/items?name=eq(any).{${encode(text)}}`),
  'an array': get((text) => `/items?tags=cs.{${encode(text)}}`),
  'a range': get((text) => `/items?span=ov.[${encode(text)},9]`),
  'what is asked to be': get((text) => `/items?name=is.${encode(text)}`),
  'the language of a full-text search': get((text) => `/items?name=fts(${encode(text)}).x`),
  'a full-text search': get((text) => `/items?name=plfts(english).${encode(text)}`),
  'a condition in a tree': get((text) => `/items?or=(${encode(quoted(text))}.eq.1,name.eq.${encode(text)})`),
  'a value in a tree': get((text) => `/items?or=(name.eq.${encode(quoted(text))},id.gt.0)`),
  'a tree': get((text) => `/items?and=${encode(text)}`),
  'a limit': get((text) => `/items?limit=${encode(text)}`),
  'an offset': get((text) => `/items?offset=${encode(text)}`),
  'an embedded limit': get((text) => `/items?select=id,parts(id)&parts.limit=${encode(text)}`),
  'a path of a filter': get((text) => `/items?select=id,parts(id)&${encode(quoted(text))}.id=eq.1`),
  'an argument': get((text) => `/rpc/echo?a=${encode(text)}`),
  'the name of an argument': get((text) => `/rpc/echo?${encode(text)}=1`),
  'a variadic argument': get((text) => `/rpc/many?words=${encode(text)}&words=x`),
  'a filter on a function': get((text) => `/rpc/echo?a=x&${encode(quoted(text))}=eq.1`),
  'columns of a write': (text) => [
    'POST',
    `/items?columns=id,${encode(quoted(text))}`,
    { body: { id: 9, [text]: 1 }, headers: { Prefer: 'tx=rollback' } },
  ],
  on_conflict: (text) => [
    'POST',
    `/items?on_conflict=${encode(quoted(text))}`,
    { body: { id: 1 }, headers: { Prefer: 'tx=rollback, resolution=merge-duplicates' } },
  ],
  'a key of the body': (text) => [
    'POST',
    '/items',
    { body: { id: 9, [text]: 'x' }, headers: { Prefer: 'tx=rollback, return=representation' } },
  ],
  'a value of the body': (text) => [
    'POST',
    '/items',
    { body: { id: 9, name: text, tags: [text] }, headers: { Prefer: 'tx=rollback, return=representation' } },
  ],
  'a value of the body, with defaults': (text) => [
    'POST',
    '/items',
    { body: [{ id: 9, name: text }], headers: { Prefer: 'tx=rollback, missing=default' } },
  ],
  'a changed value': (text) => [
    'PATCH',
    '/items?id=eq.1',
    { body: { name: text }, headers: { Prefer: 'tx=rollback' } },
  ],
  'an argument of the body': (text) => ['POST', '/rpc/echo', { body: { a: text, b: text } }],
  'the name of an argument of the body': (text) => ['POST', '/rpc/echo', { body: { [text]: 1 } }],
  'a body that is one argument': (text) => ['POST', '/rpc/whole', { body: { [text]: text } }],
  'a header of CSV': (text) => [
    'POST',
    '/items',
    {
      body: `id,"${text.replaceAll('"', '""')}"\n9,x\n`,
      headers: { 'Content-Type': 'text/csv', Prefer: 'tx=rollback' },
    },
  ],
  'a value of CSV': (text) => [
    'POST',
    '/items',
    {
      body: `id,name\n9,"${text.replaceAll('"', '""')}"\n`,
      headers: { 'Content-Type': 'text/csv', Prefer: 'tx=rollback' },
    },
  ],
  'a form': (text) => [
    'POST',
    '/rpc/echo',
    { body: `a=${encode(text)}`, headers: { 'Content-Type': 'application/x-www-form-urlencoded' } },
  ],
  'the name of a field of a form': (text) => [
    'POST',
    '/items',
    {
      body: `id=9&${encode(text)}=1`,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Prefer: 'tx=rollback' },
    },
  ],
  'Accept-Profile': (text) => ['GET', '/items', { headers: { 'Accept-Profile': header(text) } }],
  'Content-Profile': (text) => [
    'POST',
    '/items',
    { body: { id: 9 }, headers: { 'Content-Profile': header(text), Prefer: 'tx=rollback' } },
  ],
  'the time zone': (text) => ['GET', '/items', { headers: { Prefer: `timezone=${header(text)}` } }],
  Prefer: (text) => ['GET', '/items', { headers: { Prefer: `count=${header(text)}, ${header(text)}` } }],
  Accept: (text) => ['GET', '/items', { headers: { Accept: `text/${header(text)}, */*` } }],
  Range: (text) => ['GET', '/items', { headers: { Range: header(text) } }],
  'a header': (text) => ['GET', '/items', { headers: { 'X-Own': header(text) } }],
  'a cookie': (text) => ['GET', '/items', { headers: { Cookie: `${header(text)}=${header(text)}` } }],
  'a claim': (text) => ['GET', '/items', { as: { role: 'authenticated', sub: text, [text]: text } }],
  'the role': (text) => ['GET', '/items', { as: { role: text } }],
};

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
  api = await startApi(database, {
    'db-schemas': 'api',
    'db-aggregates-enabled': true,
    'db-tx-end': 'commit-allow-override',
    'server-max-url-length': 65_536,
  });
});
afterAll(async () => {
  await api?.close();
  await database?.close();
});

const STORED = `
  select (select last_value from api.traces)::int as traces, (select is_called from api.traces) as tripped,
    (select count(*) from api.items)::int as items, (select count(*) from api.parts)::int as parts`;
const UNTOUCHED = { traces: 1, tripped: false, items: 2, parts: 1 };

describe('hostile text does nothing as', () => {
  afterEach(async () => {
    expect((await database.query(STORED)).rows).toEqual([UNTOUCHED]);
  });

  test.each(Object.entries(PLACES))('%s', async (_name, place) => {
    const answers = await Promise.all(
      HOSTILE.map(async (text): Promise<readonly [string, ApiAnswer]> => {
        const [method, path, options] = place(text);
        return [text, await api.request(method, path, options)];
      }),
    );
    for (const [text, { status, body }] of answers) {
      expect(status, `${text}: ${body}`).toBeLessThan(500);
      // PostgreSQL may find a name or a type unknown, but must never have found a function call in it
      expect(body, text).not.toMatch(/trip" does not exist|function trip/);
    }
  });
});

test('the trap works: a function that is called leaves its trace', async () => {
  const other = await createDatabase(FIXTURE);
  const open = await startApi(other, { 'db-schemas': 'api', 'db-tx-end': 'commit-allow-override' });
  try {
    await open.request('POST', '/rpc/trip', { body: {}, headers: { Prefer: 'tx=rollback' } });
    expect((await other.query(STORED)).rows).toEqual([{ ...UNTOUCHED, tripped: true }]);
  } finally {
    await open.close();
    await other.close();
  }
});

describe('text comes back as it was sent', () => {
  test.each(HOSTILE.map((text) => [text]))('%j', async (text) => {
    const sound = Buffer.from(text).toString();
    const options = { headers: { Prefer: 'tx=rollback, return=representation' } };
    const inserted = await api.request('POST', '/items?select=name,tags', {
      ...options,
      body: { id: 9, name: sound, tags: [sound] },
    });
    expect(inserted.json).toEqual([{ name: sound, tags: [sound] }]);
    expect((await api.request('GET', `/rpc/echo?a=${encode(sound)}`)).json).toBe(sound);
    expect((await api.request('GET', `/rpc/many?words=${encode(sound)}&words=x`)).json).toBe(2);
    const aliased = await api.request('GET', `/items?select=${encode(quoted(sound))}:name&id=eq.1`);
    // PostgreSQL cuts names after 63 bytes
    const alias = Buffer.from(sound)
      .subarray(0, 63)
      .toString()
      .replace(/\ufffd+$/, '');
    expect(aliased.json).toEqual([{ [alias]: 'one' }]);
  });
});

/** Names that need quotation; the last two would be fields and paths if they were not. */
const NAMES = [
  `a"b`,
  `c'd`,
  'e\\f',
  `g\\'h`,
  'i$j',
  'ü ☃',
  'select',
  'k.l',
  'm->n',
  'o,p',
  'q(r)',
  `s"";t`,
  ' u ',
  '%v',
  '$1',
];
const ODD = `
  create schema "a""b'c\\d";
  grant usage on schema "a""b'c\\d" to anon;
  create table "a""b'c\\d"."t ""1'\\" (
    id int primary key, ${NAMES.map((name) => `"${name.replaceAll('"', '""')}" text unique`).join(', ')}
  );
  create table "a""b'c\\d"."child'\\" (
    id int primary key, "ref ""'\\" int constraint "fk ""'\\" references "a""b'c\\d"."t ""1'\\"
  );
  create function "a""b'c\\d"."f ""'\\"("arg ""'\\" text) returns text language sql as $$ select $1 $$;
  grant all on all tables in schema "a""b'c\\d" to anon;
  insert into "a""b'c\\d"."t ""1'\\" (id) values (1);
  insert into "a""b'c\\d"."child'\\" values (1, 1);
`;

describe.each([['on'], ['off']])(
  'names that need quotation work (standard_conforming_strings %s)',
  (conforming) => {
    let odd: TestDatabase;
    let oddApi: Api;
    const table = `/${encode(`t "1'\\`)}`;
    beforeAll(async () => {
      odd = await createDatabase(ODD);
      await odd.query(
        `do $$ begin execute format('alter database %I set standard_conforming_strings = ${conforming}', current_database()); end $$`,
      );
      oddApi = await startApi(odd, { 'db-schemas': `a"b'c\\d`, 'db-extra-search-path': '' });
    });
    afterAll(async () => {
      await oddApi?.close();
      await odd?.close();
    });

    test.each(NAMES.map((name, index) => [name, index + 10]))('as a column: %s', async (name, id) => {
      const column = encode(quoted(name));
      const prefer = { Prefer: 'return=representation' };
      const value = `it's "${name}" \\ `;
      const inserted = await oddApi.request('POST', `${table}?select=${column}`, {
        body: { id, [name]: value },
        headers: prefer,
      });
      expect([inserted.status, inserted.json], inserted.body).toEqual([201, [{ [name]: value }]]);
      const found = await oddApi.request(
        'GET',
        `${table}?select=id,${column}&${column}=eq.${encode(value)}&order=${column}.desc`,
      );
      expect(found.json, found.body).toEqual([{ id, [name]: value }]);
      const inTree = await oddApi.request(
        'GET',
        `${table}?select=id&or=(${column}.eq.${encode(quoted(value))},id.eq.0)`,
      );
      expect(inTree.json, inTree.body).toEqual([{ id }]);
      const merged = await oddApi.request(
        'POST',
        `${table}?on_conflict=${column}&columns=id,${column}&select=id,${column}`,
        {
          body: [{ id, [name]: value }],
          headers: { Prefer: 'return=representation, resolution=merge-duplicates' },
        },
      );
      expect(merged.json, merged.body).toEqual([{ id, [name]: value }]);
      const changed = await oddApi.request(
        'PATCH',
        `${table}?${column}=eq.${encode(value)}&select=${column}`,
        {
          body: { [name]: 'changed' },
          headers: { Prefer: 'return=representation, missing=default' },
        },
      );
      expect(changed.json, changed.body).toEqual([{ [name]: 'changed' }]);
      const csv = await oddApi.request('GET', `${table}?select=${column}&id=eq.${id}`, {
        headers: { Accept: 'text/csv' },
      });
      expect(csv.body).toBe(`${/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name}\nchanged`);
      expect((await oddApi.request('DELETE', `${table}?id=eq.${id}`)).status).toBe(204);
    });

    test('as a relation, a constraint, a function and an argument', async () => {
      const embedded = await oddApi.request(
        'GET',
        `/${encode(`child'\\`)}?select=id,${encode(quoted(`t "1'\\`))}!${encode(quoted(`fk "'\\`))}(id)`,
      );
      expect(embedded.json, embedded.body).toEqual([{ id: 1, [`t "1'\\`]: { id: 1 } }]);
      const called = await oddApi.request('POST', `/rpc/${encode(`f "'\\`)}`, {
        body: { [`arg "'\\`]: `x'\\"` },
      });
      expect(called.json, called.body).toBe(`x'\\"`);
      const got = await oddApi.request('GET', `/rpc/${encode(`f "'\\`)}?${encode(quoted(`arg "'\\`))}=y`);
      expect(got.json, got.body).toBe('y');
    });

    test('as a key of JSON', async () => {
      const keys = [`'`, `\\`, `\\'`, `"`, `a'||'b`];
      const json = JSON.stringify(Object.fromEntries(keys.map((key) => [key, `value of ${key}`])));
      await odd.query(`create table "a""b'c\\d".docs (doc jsonb); grant select on "a""b'c\\d".docs to anon`);
      await odd.query(`insert into "a""b'c\\d".docs values ($1)`, [json]);
      await odd.query(`notify pgrst, 'reload schema'`);
      await expect.poll(async () => (await oddApi.request('GET', '/docs')).status).toBe(200);
      for (const key of keys) {
        const path = `doc->>${encode(quoted(key))}`;
        const answer = await oddApi.request(
          'GET',
          `/docs?select=v:${path}&${path}=eq.${encode(`value of ${key}`)}`,
        );
        expect(answer.json, answer.body).toEqual([{ v: `value of ${key}` }]);
      }
    });
  },
);

describe('roles of tokens', () => {
  test.each<[unknown, number]>([
    ['none', 401],
    ['NONE', 401],
    ['', 401],
    ['anon ', 401],
    ['anon; reset role', 401],
    ['"anon"', 401],
    [`anon', true), set_config('role', 'postgres`, 401],
    ['default', 401],
    ['current_user', 401],
    ['public', 401],
    ['postgres', 403],
    ['pg_read_all_data', 403],
    ['anon\0', 401],
    ['x'.repeat(100), 401],
    [7, 401],
    [true, 401],
    [['anon'], 401],
    [{ toString: 'anon' }, 401],
  ])('%j is refused', async (role, status) => {
    const answer = await api.request('GET', '/items', { as: { role } });
    expect(answer.status, answer.body).toBe(status);
    expect(['22023', '42501']).toContain(answer.json.code);
  });

  test('a role whose name needs quotation is one like any other', async () => {
    const name = `aura "test's" \\ ${process.pid}`;
    const identifier = `"${name.replaceAll('"', '""')}"`;
    await database.query(`
      create role ${identifier} nologin; grant ${identifier} to authenticator;
      grant usage on schema api to ${identifier}; grant select on api.items to ${identifier};`);
    try {
      const answer = await api.request('GET', '/items?select=id&order=id', { as: name });
      expect([answer.status, answer.json]).toEqual([200, [{ id: 1 }, { id: 2 }]]);
    } finally {
      await database.query(`drop owned by ${identifier}; drop role ${identifier}`);
    }
  });
});
