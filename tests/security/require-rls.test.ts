/** What no policy protects is not served, unless its comment says why it may be; and no hint tells of hidden names. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type ApiAnswer, type ApiRequest, SECRET, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startProcess } from '../support/process.ts';

const FIXTURE = `
  create schema api;
  grant usage on schema api to anon, authenticated, service_role;

  create table api.guarded (id int primary key, name text default 'g');
  alter table api.guarded enable row level security;
  create policy everyone on api.guarded using (true) with check (true);
  create table api.bare (id int primary key, guarded_id int references api.guarded, name text default 'b');
  create table api.labels (id int primary key, name text);
  alter table api.labels enable row level security;
  create policy everyone on api.labels using (true);
  create table api.bare_junction (
    guarded_id int references api.guarded, label_id int references api.labels, primary key (guarded_id, label_id)
  );
  create table api.parts (id int) partition by list (id);
  create table api.parts_1 partition of api.parts for values in (1);

  create view api.as_caller with (security_invoker = on) as select * from api.guarded;
  create view api.as_owner as select * from api.guarded;
  create materialized view api.kept as select * from api.guarded;
  create foreign data wrapper nowhere;
  create server nowhere foreign data wrapper nowhere;
  create foreign table api.distant (id int) server nowhere;

  create table api.waived (id int primary key, name text default 'w');
  comment on table api.waived is 'Countries. @aura(waive-rls: "the same public list for everyone")';
  create view api.waived_view as select * from api.guarded;
  comment on view api.waived_view is '@aura(waive-rls: "totals only")';
  create materialized view api.waived_kept as select 1 as id;
  comment on materialized view api.waived_kept is '@aura(waive-rls: "no personal data")';
  create table api.no_reason (id int);
  comment on table api.no_reason is '@aura(waive-rls: "  ")';
  create table api.no_words (id int);
  comment on table api.no_words is '@aura(waive-rls)';

  insert into api.guarded values (1); insert into api.bare values (1, 1); insert into api.waived values (1);
  insert into api.labels values (1, 'l'); insert into api.bare_junction values (1, 1);

  create function api.bare_of(api.guarded) returns setof api.bare stable language sql as
    $$ select * from api.bare where guarded_id = $1.id $$;
  grant all on all tables in schema api to anon, authenticated, service_role;
`;

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(FIXTURE);
  api = await startApi(database, { 'db-schemas': 'api', 'require-rls': 'enforce' });
});
afterAll(async () => {
  await api?.close();
  await database?.close();
});

const outcome = ({ status, json }: ApiAnswer): unknown => (status < 300 ? status : [status, json?.code]);
const get = async (path: string, as?: ApiRequest['as'], on = api): Promise<unknown> =>
  outcome(await on.request('GET', path, as === undefined ? {} : { as }));

const UNPROTECTED = [
  '/bare',
  '/as_owner',
  '/kept',
  '/distant',
  '/parts',
  '/no_reason',
  '/no_words',
  '/bare_junction',
];
const SERVED = ['/guarded', '/as_caller', '/waived', '/waived_view', '/waived_kept', '/labels'];

describe('with require-rls = enforce', () => {
  test.each(UNPROTECTED)('%s is not served to roles that policies bind', async (path) => {
    expect(await get(path)).toEqual([403, 'AURA200']);
    expect(await get(path, 'authenticated')).toEqual([403, 'AURA200']);
    expect((await api.request('HEAD', path)).status).toBe(403);
  });

  test.each(SERVED)('%s is served', async (path) => {
    expect(await get(path)).toBe(200);
    expect(await get(path, 'authenticated')).toBe(200);
  });

  test('a role that policies do not bind gets everything', async () => {
    for (const path of [...UNPROTECTED, ...SERVED]) {
      // the foreign table has no other end: what is refused is not its protection
      const expected = path === '/distant' ? [500, '55000'] : 200;
      expect(await get(path, 'service_role'), path).toEqual(expected);
    }
    expect(await get('/guarded?select=id,bare(id),labels(name)', 'service_role')).toBe(200);
  });

  test.each([
    ['POST', '/bare', { id: 2 }],
    ['POST', '/no_reason', { id: 2 }],
    ['PATCH', '/bare?id=eq.1', { name: 'x' }],
    ['PUT', '/bare?id=eq.1', { id: 1, guarded_id: 1, name: 'x' }],
    ['DELETE', '/bare?id=eq.1', undefined],
    ['PATCH', '/as_owner?id=eq.1', { name: 'x' }],
  ])('%s %s writes nothing', async (method, path, body) => {
    const answer = await api.request(method, path, body === undefined ? {} : { body });
    expect(outcome(answer)).toEqual([403, 'AURA200']);
    const { rows } = await database.query(`
      select (select jsonb_agg(b) from api.bare b) as bare, (select count(*)::int from api.no_reason) as none,
        (select jsonb_agg(g) from api.guarded g) as guarded`);
    expect(rows).toEqual([
      {
        bare: [{ id: 1, guarded_id: 1, name: 'b' }],
        none: 0,
        guarded: [{ id: 1, name: 'g' }],
      },
    ]);
  });

  test.each([
    ['an embedded child', '/guarded?select=id,bare(id)'],
    ['a spread child', '/guarded?select=id,...bare(name)'],
    ['an embedded child that must be there', '/guarded?select=id,bare!inner(id)'],
    ['a child that is only counted', '/guarded?select=id,bare(count)'],
    ['a child that only filters', '/guarded?select=id,bare()&bare=not.is.null'],
    ['the far end of a nested embed', '/labels?select=name,guarded(id,bare(id))'],
    ['a junction', '/guarded?select=id,labels(name)'],
    ['an embed of a written row', '/guarded?select=id,bare(id)&id=eq.0'],
  ])('%s that is not protected is not served either', async (_what, path) => {
    expect(await get(path)).toEqual([403, 'AURA200']);
    const written = await api.request('PATCH', path, {
      body: { name: 'x' },
      headers: { Prefer: 'return=representation' },
    });
    expect(outcome(written)).toEqual([403, 'AURA200']);
    expect((await database.query('select name from api.guarded')).rows).toEqual([{ name: 'g' }]);
  });

  test('a function over such a table is served: it is code, and says itself whom it serves', async () => {
    expect(await get('/guarded?select=id,bare_of(id)')).toBe(200);
  });

  test('the refusal says what to do', async () => {
    const { json } = await api.request('GET', '/bare');
    expect(json).toEqual({
      code: 'AURA200',
      message: "The table 'api.bare' is not protected",
      details:
        'With require-rls = enforce, roles that Row-Level Security binds get protected relations only.',
      hint: `Enable Row-Level Security on it and write policies, or waive the rule: comment on ... is '@aura(waive-rls: "why everyone may see it")'.`,
    });
    expect((await api.request('GET', '/as_owner')).json.hint).toMatch(/security_invoker = true/);
    expect((await api.request('GET', '/kept')).json.hint).toMatch(/^A materialized view knows no policies/);
  });

  test('a table is served as soon as its protection has been read', async () => {
    const own = await createDatabase(FIXTURE);
    const following = await startApi(own, { 'db-schemas': 'api', 'require-rls': 'enforce' });
    try {
      expect(await get('/no_words', undefined, following)).toEqual([403, 'AURA200']);
      await own.query(`alter table api.no_words enable row level security; notify pgrst, 'reload schema'`);
      await expect.poll(() => get('/no_words', undefined, following)).toBe(200);
      await own.query(`comment on table api.waived is 'Countries.'; notify pgrst, 'reload schema'`);
      await expect.poll(() => get('/waived', undefined, following)).toEqual([403, 'AURA200']);
    } finally {
      await following.close();
      await own.close();
    }
  });
});

describe('with require-rls = off', () => {
  test('everything is served that grants allow', async () => {
    const off = await startApi(database, { 'db-schemas': 'api', 'require-rls': 'off' });
    try {
      for (const path of [...UNPROTECTED, ...SERVED].filter((one) => one !== '/distant')) {
        expect(await get(path, undefined, off), path).toBe(200);
      }
      expect(await get('/guarded?select=id,bare(id),labels(name)', undefined, off)).toBe(200);
    } finally {
      await off.close();
    }
  });
});

describe('with require-rls = warn', () => {
  test('everything is served, and the log names what is not protected', async () => {
    const aura = startProcess({
      'db-uri': database.authenticatorUri,
      'db-schemas': 'api',
      'db-anon-role': 'anon',
      'jwt-secret': SECRET,
      'require-rls': 'warn',
      'server-port': '0',
      'server-host': '127.0.0.1',
    });
    const origin = await aura.origin();
    for (const path of ['/bare', '/as_owner', '/kept', '/guarded?select=id,bare(id),labels(name)']) {
      expect((await fetch(`${origin}/rest/v1${path}`)).status, path).toBe(200);
    }
    const [warning] = aura.log().filter(({ msg }) => String(msg).startsWith('Without Row-Level Security'));
    expect(warning?.['level']).toBe('warn');
    const named = String(warning?.['msg']).split('): ')[1]?.split(', ').sort();
    expect(named).toEqual(UNPROTECTED.map((path) => path.replace('/', 'api.')).sort());
  });
});

describe('hints', () => {
  const HIDDEN = `
    create schema api;
    grant usage on schema api to anon, service_role;
    create table api.people (id int primary key, name text, private_income int);
    grant select (id, name) on api.people to anon;
    create table api.pets (id int primary key, person_id int references api.people, vet_person_id int);
    alter table api.pets add constraint vet foreign key (vet_person_id) references api.people;
    create table api.petz_internal (id int primary key, person_id int references api.people);
    create table api.shifts (id int primary key, person_id int references api.people, boss_person_id int);
    alter table api.shifts add constraint boss foreign key (boss_person_id) references api.people;
    grant select (id, person_id) on api.shifts to anon;
    create function api.hidden_report(amount int) returns int language sql as 'select 1';
    create function api.sum_of(a int) returns int language sql as 'select 1';
    create function api.sum_of(a text) returns int language sql as 'select 1';
    create function api.sum_of(a int, secret_argument int) returns int language sql as 'select 1';
    revoke execute on all functions in schema api from public;
    grant execute on function api.sum_of(int) to anon;
    grant all on all tables in schema api to service_role;
    grant execute on all functions in schema api to service_role;
    grant select on api.pets to service_role;
  `;
  let own: TestDatabase;
  let hidden: Api;
  beforeAll(async () => {
    own = await createDatabase(HIDDEN);
    hidden = await startApi(own, { 'db-schemas': 'api' });
  });
  afterAll(async () => {
    await hidden?.close();
    await own?.close();
  });
  const SECRETS = /petz_internal|pets|hidden_report|amount|secret_argument|private_income|boss|vet/;

  test.each<[code: string, path: string, service: RegExp]>([
    ['PGRST205', '/petz_interna', /petz_internal/],
    ['PGRST205', '/pet', /pets/],
    ['PGRST200', '/people?select=name,petz_interna(id)', /petz_internal/],
    ['PGRST201', '/shifts?select=id,people(name)', /boss/],
    ['PGRST201', '/people?select=name,shifts(id)', /boss/],
    ['PGRST202', '/rpc/hidden_repor?amount=1', /hidden_report/],
    ['PGRST202', '/rpc/hidden_report?amoun=1', /hidden_report\(amount\)/],
    ['PGRST202', '/rpc/sum_of?a=1&secret_argumen=2', /secret_argument/],
    ['PGRST203', '/rpc/sum_of?a=1', /a => text/],
    ['42703', '/people?select=name,private_incom', /private_income/],
    ['42703', '/people?select=name&private_incom=gt.1', /private_income/],
    ['42703', '/people?select=name&order=private_incom', /private_income/],
    ['42703', '/shifts?select=id,people!shifts_person_id_fkey(name,private_incom)', /private_income/],
  ])('of %s for %s name only what the role may see', async (code, path, service) => {
    const typed = decodeURIComponent(path);
    const anon = await hidden.request('GET', path);
    expect(anon.json?.code, anon.body).toBe(code);
    const { hint, details, message } = anon.json;
    const told = [JSON.stringify(details), hint, message].map((text) => String(text ?? '')).join('\n');
    // what the request says itself may come back to it
    const words = told.match(/\w+/g)?.filter((word) => !typed.includes(word)) ?? [];
    expect(words.filter((word) => SECRETS.test(word))).toEqual([]);
    if (code === 'PGRST203') expect(told).not.toContain('a => text');

    const all = await hidden.request('GET', path, { as: 'service_role' });
    expect(all.json?.code, all.body).toBe(code);
    expect(all.body).toMatch(service);
  });

  test('of require-rls do not name a junction that the role may not see', async () => {
    const other = await createDatabase(`${FIXTURE}; revoke all on api.bare_junction from anon`);
    const strict = await startApi(other, { 'db-schemas': 'api', 'require-rls': 'enforce' });
    try {
      const { json } = await strict.request('GET', '/guarded?select=id,labels(name)');
      expect(json).toMatchObject({
        code: 'AURA200',
        message: 'A relation that the request needs is not protected',
        hint: null,
      });
    } finally {
      await strict.close();
      await other.close();
    }
  });
});
