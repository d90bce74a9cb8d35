/**
 * Imports: bodies of CSV and NDJSON that are written while they arrive.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type Api, type ApiAnswer, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { upload } from '../support/uploading.ts';

const SQL = readFileSync(new URL('import.sql', import.meta.url), 'utf8');
const CSV = 'text/csv; stream=true';
const NDJSON = 'application/x-ndjson';

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(SQL);
  api = await startApi(database, { 'db-schemas': 'api', 'db-tx-end': 'commit-allow-override' });
});
afterAll(async () => {
  await api.close();
  await database.close();
});
beforeEach(async () => {
  await database.query(
    `truncate api.people, api.statements, api.cells, api.wide, api.tree, api.unique_later, api.parts,
     api.columns_only, api.locked, api.closed`,
  );
});

interface Sent {
  readonly prefer?: string;
  readonly as?: string;
  readonly type?: string;
}

const send = (
  path: string,
  body: string | Buffer,
  { prefer = 'count=exact', as = 'service_role', type = CSV }: Sent = {},
  server = api,
): Promise<ApiAnswer> =>
  server.request('POST', path, { headers: { 'Content-Type': type, Prefer: prefer }, body, as });

const rows = async (query: string): Promise<unknown[][]> =>
  (await database.query(query)).rows.map((row) => Object.values(row));

const start = async (settings: Readonly<Record<string, unknown>>): Promise<Api> => {
  const other = await startApi(database, { 'db-schemas': 'api', ...settings });
  onTestFinished(() => other.close());
  return other;
};

/** What the sessions of the servers are at, but for those that wait for the next request. */
const busy = async (): Promise<unknown[]> => {
  const { rows: found } = await database.query(
    `select state from pg_stat_activity where datname = current_database() and usename = 'authenticator'
     and state <> 'idle'`,
  );
  return found.map(({ state }) => state);
};

const written = (answer: ApiAnswer): unknown[] => [
  answer.status,
  answer.headers['content-range'],
  answer.body,
];

describe('CSV as a stream', () => {
  test('is written as COPY reads it: an empty cell is null, quotes make it a text', async () => {
    const body = [
      'id,a,b,doc',
      '1,plain,"",',
      '2,,"with ""quotes"", commas","{""a"": [1, 2]}"',
      '3,"two',
      'lines",NULL,"""text"""',
      '4,Grüße 🌍, back\\slash ,null',
    ].join('\n');
    expect(written(await send('/cells', body))).toEqual([201, '*/4', '']);
    expect(await rows('select id, a, b, doc::text from api.cells order by id')).toEqual([
      [1, 'plain', '', null],
      [2, null, 'with "quotes", commas', '{"a": [1, 2]}'],
      [3, 'two\nlines', 'NULL', '"text"'],
      [4, 'Grüße 🌍', ' back\\slash ', 'null'],
    ]);
  });

  test('may have CR LF, a byte order mark, empty lines, its columns in any order, and no end of line', async () => {
    const body = '\ufeffb,id\r\n\r\none,1\r\n\r\n\r\n"two\r\nlines",2\r\n\n3,3';
    expect(written(await send('/cells', body))).toEqual([201, '*/3', '']);
    expect(await rows('select id, b from api.cells order by id')).toEqual([
      [1, 'one'],
      [2, 'two\r\nlines'],
      [3, '3'],
    ]);
    expect(written(await send('/cells', 'id,a'))).toEqual([201, '*/0', '']);
  });

  test('gets types, defaults, generated columns and triggers as any insert, by one statement', async () => {
    const body = 'id,name,born,tags,doc\n1, ada ,1815-12-10,"{a,""b c""}","{""x"": 1}"\n2,grace,,,\n';
    expect((await send('/people', body, { prefer: 'return=minimal' })).status).toBe(201);
    expect(
      await rows('select id, team, name, born::text, tags, doc, shout, added_by from api.people order by id'),
    ).toEqual([
      [1, 1, 'ada', '1815-12-10', ['a', 'b c'], { x: 1 }, 'ADA', 'service_role'],
      [2, 1, 'grace', null, null, null, 'GRACE', 'service_role'],
    ]);
    expect(await rows('select * from api.statements')).toEqual([['people', '2']]);
  });

  test('goes through views, with triggers or without, and into partitions', async () => {
    expect(written(await send('/names', 'id,name\n7,seven\n'))).toEqual([201, '*/1', '']);
    expect(await rows('select id, name from api.people')).toEqual([[7, 'seven']]);
    expect(written(await send('/any_team', 'id,name\n77,x\n'))).toEqual([201, '*/1', '']);
    expect(await rows('delete from api.teams where id = 77 returning name')).toEqual([['via view: x']]);
    expect(written(await send('/parts', 'id,kind\n1,a\n2,a\n'))).toEqual([201, '*/2', '']);
  });

  test('writes the columns that `columns` names, the others not at all', async () => {
    const body = 'id,name,team,more\n1,ada,3,x\n2,bob,4,y\n';
    expect((await send('/people', body)).json).toMatchObject({ code: 'PGRST204' });
    expect(written(await send('/people?columns=id,name', body))).toEqual([201, '*/2', '']);
    const team = 'select distinct team from api.people';
    expect(await rows(team)).toEqual([[1]]);
    await database.query('truncate api.people');
    const missing = '/people?columns=id,name,team,nick';
    const absent = 'id,name\n1,ada\n';
    expect((await send(missing, absent)).json).toMatchObject({ code: '23502' });
    const filled = await send(missing, absent, { prefer: 'missing=default, count=exact' });
    expect([...written(filled), filled.headers['preference-applied']]).toEqual([
      201,
      '*/1',
      '',
      'missing=default, count=exact',
    ]);
    expect(await rows(team)).toEqual([[1]]);
  });

  test('merges or ignores what is there already', async () => {
    await send('/people', 'id,name,nick\n1,ada,a\n2,bob,b\n');
    const body = 'id,name,nick\n2,robert,b\n3,cleo,c\n';
    expect((await send('/people', body)).json).toMatchObject({ code: '23505' });
    const ignored = await send('/people', body, { prefer: 'resolution=ignore-duplicates, count=exact' });
    expect(written(ignored)).toEqual([201, '*/1', '']);
    const merged = await send('/people?on_conflict=nick', 'id,name,nick\n2,robert,b\n3,kleo,c\n', {
      prefer: 'resolution=merge-duplicates, count=exact',
    });
    // none of them is new
    expect(written(merged)).toEqual([200, '*/2', '']);
    expect(await rows('select name from api.people order by id')).toEqual([['ada'], ['robert'], ['kleo']]);
    const twice = await send('/people', 'id,name\n5,a\n5,b\n', { prefer: 'resolution=merge-duplicates' });
    expect([twice.status, twice.json.code]).toEqual([400, '21000']);
  });

  test('is rolled back where the client prefers that', async () => {
    const answer = await send('/cells', 'id\n1\n', { prefer: 'tx=rollback, count=exact' });
    expect(written(answer)).toEqual([201, '*/1', '']);
    expect(await rows('select * from api.cells')).toEqual([]);
  });

  test('runs behind the pre-request function, whose headers it answers', async () => {
    const greeted = await start({ 'db-pre-request': 'api.hello' });
    const answer = await send('/cells', 'id\n1\n', {}, greeted);
    expect([answer.status, answer.headers['x-role']]).toEqual([201, 'service_role']);
  });
});

describe('NDJSON', () => {
  test('is written one object a line', async () => {
    const body = '{"id": 1, "a": "x", "doc": {"k":  [1]}}\n\n{"a": null, "doc": "text", "id": 2}\r\n';
    expect(written(await send('/cells', body, { type: NDJSON }))).toEqual([201, '*/2', '']);
    expect(await rows('select id, a, doc::text from api.cells order by id')).toEqual([
      [1, 'x', '{"k":  [1]}'],
      [2, null, '"text"'],
    ]);
    expect(written(await send('/cells', '', { type: NDJSON }))).toEqual([201, '*/0', '']);
  });

  test('has the same keys on each line, unless `columns` names them', async () => {
    const body = '{"id": 1, "name": "ada"}\n{"id": 2, "name": "bob", "team": 4}\n';
    expect((await send('/people', body, { type: NDJSON })).json).toMatchObject({
      code: 'PGRST102',
      message: 'All object keys must match',
      details: expect.stringContaining('line 2'),
    });
    const path = '/people?columns=id,name,team';
    const prefer = 'missing=default, count=exact';
    expect(written(await send(path, body, { type: NDJSON, prefer }))).toEqual([201, '*/2', '']);
    expect(await rows('select team from api.people order by id')).toEqual([[1], [4]]);
  });

  test('that is no JSON, or no object, is refused with its line', async () => {
    for (const [line, details] of [
      ['{"id": 2', 'Line 2 is no JSON.'],
      ['[2]', 'Line 2 is not a JSON object.'],
      ['{"id": "\u0002"}', 'Line 2 contains a control character, which JSON does not allow.'],
    ] as const) {
      const answer = await send('/cells', `{"id": 1}\n${line}\n`, { type: NDJSON });
      expect(answer.json).toMatchObject({ code: 'PGRST102', details });
      const unread = await send('/cells?columns=id', `{"id": 1}\n${line}\n`, { type: NDJSON });
      expect([unread.status, String(unread.json.details)]).toEqual([400, expect.stringMatching(/^Line 2\b/)]);
    }
    expect(await rows('select * from api.cells')).toEqual([]);
  });

  test('is read whole where its rows are asked for, and by functions', async () => {
    const answer = await send('/cells?select=id', '{"id": 1}\n{"id": 2}\n', {
      type: NDJSON,
      prefer: 'return=representation',
    });
    expect([answer.status, answer.json]).toEqual([201, [{ id: 1 }, { id: 2 }]]);
    expect((await send('/rpc/sum_of', '{"n": 5}\n', { type: NDJSON })).json).toBe(5);
  });
});

describe('ordinary CSV', () => {
  const cells = 'id,a,b,doc\n1,NULL,"NULL",\n2,,"",{}\n3,x,"a ""b""","{""a"": 1}"\n';
  const inTable = (): Promise<unknown[][]> =>
    rows('select id, a, b, doc::text from api.cells where id < 10 order by id');

  test('is imported where it is too large to be held, and means the same as a small one', async () => {
    expect(written(await send('/cells', cells, { type: 'text/csv' }))).toEqual([201, '*/3', '']);
    const small = await inTable();
    expect(small).toEqual([
      [1, null, null, '""'],
      [2, '', '', '"{}"'],
      [3, 'x', 'a "b"', '"{\\"a\\": 1}"'],
    ]);
    await database.query('truncate api.cells');
    const large = await start({ 'server-max-body-size': 1000 });
    const body = cells + Array.from({ length: 200 }, (_, index) => `${index + 10},x,y,z\n`).join('');
    expect(written(await send('/cells', body, { type: 'text/csv' }, large))).toEqual([201, '*/203', '']);
    expect(await inTable()).toEqual(small);
    await database.query('truncate api.cells');
    // a length that is not announced makes no difference
    const headers = { 'Content-Type': 'text/csv', Authorization: `Bearer ${tokenFor('service_role')}` };
    const chunked = upload(large.port, '/rest/v1/cells', headers);
    for (let at = 0; at < body.length; at += 300) await chunked.write(body.slice(at, at + 300));
    chunked.end();
    expect((await chunked.answer).status).toBe(201);
    expect(await inTable()).toEqual(small);
  });

  test('that is too large is refused where its rows are asked for, or a function is called', async () => {
    const large = await start({ 'server-max-body-size': 1000 });
    const body = `id,a\n1,${'x'.repeat(2000)}\n`;
    const representation = { type: 'text/csv', prefer: 'return=representation' };
    expect((await send('/cells', body, representation, large)).json).toMatchObject({ code: 'AURA101' });
    expect((await send('/rpc/sum_of', body, { type: 'text/csv' }, large)).json).toMatchObject({
      code: 'AURA101',
    });
    expect((await send('/cells', body, { ...representation, type: NDJSON }, large)).json).toMatchObject({
      code: 'AURA101',
    });
  });
});

describe('a row that is refused', () => {
  const before = 'id,name,nick,team\n1,ada,a,1\n2,"bob\nthe builder",b,2\n\n';
  const refusals: readonly (readonly [what: string, record: string, code: string, details: string])[] = [
    ['no number', 'x3,cleo,c,1', '22P02', 'Line 6 of the body, column id.'],
    ['too few cells', '3,cleo', '22P04', 'Line 6 of the body.'],
    ['too many cells', '3,cleo,c,1,5', '22P04', 'Line 6 of the body.'],
    ['a missing value', '3,,c,1', '23502', 'Line 6 of the body: Failing row contains'],
    ['a failed check', '3,nobody,c,1', '23514', 'Line 6 of the body: Failing row contains'],
    ['a key of an earlier row', '1,cleo,c,1', '23505', 'Line 6 of the body: Key (id)=(1) already exists.'],
    [
      'a value of an earlier row',
      '3,cleo,b,1',
      '23505',
      'Line 6 of the body: Key (nick)=(b) already exists.',
    ],
    ['a reference to nothing', '3,cleo,c,99', '23503', 'Line 6 of the body: Key (team)=(99) is not present'],
    ['a trigger that objects', '3,mallory,c,1', 'P0001', 'Line 6 of the body.'],
  ];
  test.each(refusals)(
    'for %s is named by its line, and nothing is written',
    async (_, record, code, details) => {
      const after = Array.from({ length: 5000 }, (__, index) => `${index + 10},name,,1\n`).join('');
      const answer = await send('/people', `${before}${record}\n${after}`);
      expect(answer.json).toMatchObject({ code, details: expect.stringContaining(details) });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(await rows('select id from api.people')).toEqual([]);
      expect(await rows('select * from api.statements')).toEqual([]);
    },
  );

  test('by a policy is named by its line', async () => {
    const answer = await send('/people', 'id,name,team\n1,ada,4\n2,bob,5\n3,cleo,1\n', {
      as: 'authenticated',
    });
    expect([answer.status, answer.json]).toEqual([
      403,
      {
        code: '42501',
        message: 'new row violates row-level security policy for table "people"',
        details: 'Line 3 of the body.',
        hint: null,
      },
    ]);
    expect(await rows('select id from api.people')).toEqual([]);
    const allowed = await send('/people', 'id,name,team\n1,ada,4\n3,cleo,1\n', { as: 'authenticated' });
    expect(written(allowed)).toEqual([201, '*/2', '']);
  });

  test('keeps the hint of who refused it', async () => {
    const answer = await send('/people', 'id,name\n1,mallory\n');
    expect(answer.json).toMatchObject({ hint: 'Ask for another name.', details: 'Line 2 of the body.' });
  });

  test('far behind, in a later batch, has its line in the whole body', async () => {
    const lines = Array.from({ length: 60_000 }, (_, index) => `${index},1,name ${index},`);
    lines[54_321] = '54321,x,name,';
    const parsed = await send('/wide', `id,org,name,note\n${lines.join('\n')}\n`);
    expect(parsed.json).toMatchObject({ code: '22P02', details: 'Line 54323 of the body, column org.' });
    lines[54_321] = '77,1,name,';
    const unique = await send('/wide', `id,org,name,note\n${lines.join('\n')}\n`);
    expect(unique.json.details).toBe('Line 54323 of the body: Key (id)=(77) already exists.');
    expect(await rows('select count(*)::int from api.wide')).toEqual([[0]]);
  });

  test('may refer to a later one: all of them are one statement', async () => {
    expect((await send('/tree', 'id,parent\n1,3\n2,1\n3,\n')).status).toBe(201);
    const answer = await send('/tree', 'id,parent\n4,5\n5,6\n6,99\n');
    expect(answer.json.code).toBe('23503');
    expect(answer.json.details).toContain('Key (parent)=(99) is not present');
    expect(await rows('select id from api.tree order by id')).toEqual([[1], [2], [3]]);
  });

  test('only at the end of the transaction has no line, and nothing stays either', async () => {
    const answer = await send('/unique_later', 'id\n1\n2\n1\n');
    expect([answer.status, answer.json.code]).toEqual([409, '23505']);
    expect(await rows('select * from api.unique_later')).toEqual([]);
  });

  test('is none where the statement itself is refused', async () => {
    const answer = await send('/closed', 'id\n1\n2\n3\n');
    expect(answer.json).toMatchObject({ code: 'P0001', message: 'closed', details: null });
  });
});

describe('a body that cannot be read', () => {
  test.each([
    ['nothing at all', '', 'The CSV has no header line', null],
    ['two columns of one name', 'id,id\n1,1\n', 'The CSV could not be read', 'one name'],
    ['a quote without end', 'id,a\n1,"x\n2,y\n', 'The CSV could not be read', 'line 2 does not end'],
    ['lines that end with CR alone', 'id,a\r1,x\r', 'The CSV could not be read', 'CR'],
  ])('%s is refused', async (_, body, message, details) => {
    const answer = await send('/cells', body);
    expect([answer.status, answer.json.code, answer.json.message]).toEqual([400, 'PGRST102', message]);
    if (details !== null) expect(answer.json.details).toContain(details);
  });

  test('what is no UTF-8 is refused with its line', async () => {
    const answer = await send('/cells', Buffer.from('id,a\n1,x\n2,\xff\n', 'latin1'));
    expect(answer.json).toMatchObject({ code: '22021', details: 'Line 3 of the body.' });
  });

  test('a backslash and a point do not end it', async () => {
    expect(written(await send('/cells?columns=a,id', 'a,id\n\\.,1\nb,2\n'))).toEqual([201, '*/2', '']);
    const alone = await send('/unique_later', 'id\n1\n\\.\n2\n');
    expect(alone.json).toMatchObject({ code: '22P02', details: 'Line 3 of the body, column id.' });
  });
});

test('what an import cannot do is said', async () => {
  const nested = await send('/teams?columns=id,name,people', '{"id": 11, "name": "x", "people": []}\n', {
    type: NDJSON,
  });
  expect([nested.status, nested.json.code]).toEqual([400, 'PGRST127']);
  const conditional = await api.request('POST', '/cells', {
    headers: { 'Content-Type': CSV, 'If-Match': '*' },
    body: 'id\n1\n',
    as: 'service_role',
  });
  expect([conditional.status, conditional.json.code]).toEqual([400, 'AURA132']);
  expect(await rows('select * from api.cells')).toEqual([]);
});

describe('privileges', () => {
  test('of columns bind an import', async () => {
    const as = 'authenticated';
    expect((await send('/columns_only', 'id,open\n1,x\n', { as, prefer: 'return=minimal' })).status).toBe(
      201,
    );
    const refused = await send('/columns_only', 'id,closed\n2,x\n', { as });
    expect([refused.status, refused.json.code]).toEqual([403, '42501']);
    expect(await rows('select id, open from api.columns_only')).toEqual([[1, 'x']]);
  });

  test('that the role does not have are missed before the body is sent', async () => {
    const headers = { 'Content-Type': CSV, Authorization: `Bearer ${tokenFor('authenticated')}` };
    const sending = upload(api.port, '/rest/v1/locked', headers);
    await sending.write('id\n1\n');
    sending.end();
    expect(await sending.answer).toMatchObject({ status: 403, json: { code: '42501' } });
    const anonymous = await api.request('POST', '/people', {
      headers: { 'Content-Type': CSV },
      body: 'id\n1\n',
    });
    expect([anonymous.status, anonymous.json.details]).toEqual([401, null]);
  });

  test('require-rls holds', async () => {
    const strict = await start({ 'require-rls': 'enforce' });
    const answer = await send('/cells', 'id\n1\n', { as: 'authenticated' }, strict);
    expect(answer.json).toMatchObject({ code: 'AURA200' });
    const people = await send('/people', 'id,name\n1,ada\n', { as: 'authenticated' }, strict);
    expect(people.status).toBe(201);
  });

  test('without TEMPORARY on the database it is said what is missing', async () => {
    const name = new URL(database.uri).pathname.slice(1);
    await database.query(`revoke temporary on database ${name} from public`);
    onTestFinished(async () => void (await database.query(`grant temporary on database ${name} to public`)));
    const answer = await send('/cells', 'id\n1\n');
    expect(answer.json).toMatchObject({ code: '42501', hint: expect.stringContaining('TEMPORARY') });
    await database.query(`grant temporary on database ${name} to service_role`);
    expect((await send('/cells', 'id\n1\n')).status).toBe(201);
  });

  test('nothing of an import is left in its session', async () => {
    const alone = await start({ 'db-pool': 1 });
    for (const id of [1, 2]) {
      expect((await send('/cells', `id\n${id}\n`, {}, alone)).status).toBe(201);
      expect((await send('/cells', 'id\nx\n', {}, alone)).status).toBe(400);
    }
    expect(await rows(`select relname from pg_class where relname like 'aura_import%'`)).toEqual([]);
    await expect.poll(busy).toEqual([]);
  });
});

describe('a client', () => {
  const begin = (server = api) =>
    upload(server.port, '/rest/v1/wide', {
      'Content-Type': CSV,
      Authorization: `Bearer ${tokenFor('service_role')}`,
    });
  const records = (from: number, count: number): string =>
    Array.from({ length: count }, (_, index) => `${from + index},1,name,${'note '.repeat(10)}\n`).join('');

  test('that goes away in the middle leaves nothing behind', async () => {
    const sending = begin();
    await sending.write('id,org,name,note\n');
    for (let at = 0; at < 10; at++) await sending.write(records(at * 5000, 5000));
    await expect.poll(busy).toEqual(['idle in transaction']);
    sending.leave();
    await expect.poll(busy, { timeout: 10_000 }).toEqual([]);
    expect(await rows('select count(*)::int from api.wide')).toEqual([[0]]);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => api.request('GET', '/teams', { as: 'service_role' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
  });

  test('that goes away while its rows are inserted leaves nothing behind', async () => {
    const headers = { 'Content-Type': CSV, Authorization: `Bearer ${tokenFor('service_role')}` };
    const sending = upload(api.port, '/rest/v1/slow', headers);
    await sending.write(`id\n${Array.from({ length: 1000 }, (_, index) => `${index}\n`).join('')}`);
    sending.end();
    const inserts = `select from pg_stat_activity where state = 'active' and query like 'insert into "api"."slow"%'`;
    await expect.poll(async () => (await database.query(inserts)).rows.length).toBe(1);
    sending.leave();
    await expect.poll(busy).toEqual([]);
    expect(await rows('select * from api.slow')).toEqual([]);
  });

  test('that is slow is waited for, whatever the time that a statement has', async () => {
    const hasty = await start({ 'db-statement-timeout': 1 });
    const sending = begin(hasty);
    await sending.write(`id,org,name,note\n${records(0, 20_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await sending.write(records(20_000, 10));
    sending.end();
    expect((await sending.answer).status).toBe(201);
    expect(await rows('select count(*)::int from api.wide')).toEqual([[20_010]]);
  });

  test('that sends nothing any more is given up', async () => {
    const impatient = await start({ 'server-stream-idle-timeout': 1 });
    const sending = begin(impatient);
    await sending.write(`id,org,name,note\n${records(0, 20_000)}`);
    expect(await sending.answer).toMatchObject({ status: 408, json: { code: 'AURA003' } });
    await expect.poll(busy).toEqual([]);
    expect(await rows('select count(*)::int from api.wide')).toEqual([[0]]);
  });

  test('that sends too much is refused, and nothing of it stays', async () => {
    const small = await start({ 'server-max-import-size': 1_000_000 });
    const announced = await send('/wide', `id,org,name,note\n${records(0, 30_000)}`, {}, small);
    expect([announced.status, announced.json.code]).toEqual([413, 'AURA110']);
    const sending = begin(small);
    await sending.write('id,org,name,note\n');
    for (let at = 0; at < 6; at++) await sending.write(records(at * 5000, 5000));
    sending.end();
    expect(await sending.answer).toMatchObject({ status: 413, json: { code: 'AURA110' } });
    await expect.poll(busy).toEqual([]);
    expect(await rows('select count(*)::int from api.wide')).toEqual([[0]]);
  });

  test('that reads its answer only when it has sent everything gets it, and may go on', async () => {
    const body = `id,org,name,note\nx,1,a,b\n${records(0, 100_000)}`;
    const refused = await send('/wide', body);
    expect(refused.json).toMatchObject({ code: '22P02', details: 'Line 2 of the body, column id.' });
    expect(refused.headers['connection']).toBe('keep-alive');
  });

  test('finds ordinary requests served while imports run, and is told when there are too many', async () => {
    const few = await start({ 'db-pool': 2 });
    const sending = begin(few);
    await sending.write(`id,org,name,note\n${records(0, 20_000)}`);
    await expect.poll(busy).toEqual(['idle in transaction']);
    const second = await send('/wide', 'id,org,name\n1,1,x\n', {}, few);
    expect([second.status, second.json.code, second.headers['retry-after']]).toEqual([503, 'AURA002', '1']);
    expect((await few.request('GET', '/teams', { as: 'service_role' })).status).toBe(200);
    sending.end();
    expect((await sending.answer).status).toBe(201);
    expect((await send('/wide', 'id,org,name\n-1,1,x\n', {}, few)).status).toBe(201);
  });

  test('may send 300,000 rows through a memory that stays the same', async () => {
    const sendAll = async (from: number, watch: () => void): Promise<number> => {
      const sending = begin();
      await sending.write('id,org,name,note\n');
      for (let at = 0; at < 300; at++) {
        await sending.write(records(from + at * 1000, 1000));
        watch();
      }
      sending.end();
      return (await sending.answer).status;
    };
    expect(await sendAll(0, () => undefined)).toBe(201);
    const before = process.memoryUsage.rss();
    let most = 0;
    expect(
      await sendAll(1_000_000, () => {
        most = Math.max(most, process.memoryUsage.rss());
      }),
    ).toBe(201);
    expect(await rows('select count(*)::int from api.wide')).toEqual([[600_000]]);
    // server and client are in this process
    expect(most - before).toBeLessThan(60_000_000);
  });
});
