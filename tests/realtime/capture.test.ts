/** What is written to published tables is in the log of changes: all of it, when it is committed, and nothing else. */
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';

const sqlFile = (name: string): string =>
  readFileSync(new URL(`../../sql/realtime/${name}`, import.meta.url), 'utf8');
const CAPTURE = sqlFile('capture.sql');

const FIXTURE = `
  ${CAPTURE};
  ${sqlFile('grants.sql')};
  create table public.items (id int primary key, title text, data json);
  alter publication aura add table public.items;
  grant all on public.items to anon;
`;

let database: TestDatabase;
let clients: pg.Client[];
beforeEach(async () => {
  database = await createDatabase(FIXTURE);
  clients = [];
  return async () => {
    for (const client of clients) await client.end();
    await database.close();
  };
});

const run = (text: string): Promise<unknown> => database.query(text);

interface Change {
  readonly operation: string;
  readonly key: unknown;
  readonly new: unknown;
  readonly old: unknown;
}

/** The log from here on, of whatever table. */
const following = async (): Promise<() => Promise<readonly Change[]>> => {
  const { rows } = await database.query('select pg_current_snapshot()::text as position');
  return async () => {
    const found = await database.query(
      `select operation, key, new, old
       from realtime.changes_since(
         $1, array(select relation from realtime.tables()), array(select relation from realtime.tables())
       )`,
      [rows[0]?.['position']],
    );
    return found.rows as unknown as readonly Change[];
  };
};

const connect = async (uri: string): Promise<pg.Client> => {
  const client = new pg.Client(uri);
  await client.connect();
  clients.push(client);
  return client;
};

const brief = (changes: readonly Change[]): readonly unknown[] =>
  changes.map(({ operation, key }) => [operation, key]);

describe('a row', () => {
  test('is logged with its key and what it is now', async () => {
    const changes = await following();
    await run(`insert into items values (1, 'one', null), (2, 'two', null)`);
    await run(`update items set title = 'zwei' where id = 2`);
    await run('delete from items where id = 1');
    expect(await changes()).toEqual([
      { operation: 'insert', key: { id: 1 }, new: { id: 1, title: 'one', data: null }, old: null },
      { operation: 'insert', key: { id: 2 }, new: { id: 2, title: 'two', data: null }, old: null },
      { operation: 'update', key: { id: 2 }, new: { id: 2, title: 'zwei', data: null }, old: null },
      { operation: 'delete', key: { id: 1 }, new: null, old: { id: 1, title: 'one', data: null } },
    ]);
  });

  test('is logged as it was, too, under REPLICA IDENTITY FULL', async () => {
    await run(`insert into items values (1, 'one', null); alter table items replica identity full`);
    const changes = await following();
    await run(`update items set title = 'eins'; delete from items`);
    expect((await changes()).map(({ old }) => old)).toEqual([
      { id: 1, title: 'one', data: null },
      { id: 1, title: 'eins', data: null },
    ]);
  });

  test('whose key changes leaves and comes; keys that are swapped stay', async () => {
    // a deferrable key is none for a publication
    await run(`alter table items drop constraint items_pkey, add primary key (id) deferrable;
      alter table items replica identity full;
      insert into items values (1, 'one', null), (2, 'two', null)`);
    const changes = await following();
    await run('update items set id = 3 - id');
    await run('update items set id = 9 where id = 2');
    const found = await changes();
    expect(brief(found.slice(0, 2))).toEqual(
      expect.arrayContaining([
        ['update', { id: 1 }],
        ['update', { id: 2 }],
      ]),
    );
    expect(brief(found.slice(2))).toEqual(
      expect.arrayContaining([
        ['insert', { id: 9 }],
        ['delete', { id: 2 }],
      ]),
    );
    expect(found).toHaveLength(4);
  });

  test('may be larger than a notification, and hold JSON that jsonb does not take', async () => {
    const large = 'x'.repeat(100_000);
    await database.query(`insert into items values (1, $1, '{"a": "\\u0000"}')`, [large]);
    const { rows } = await database.query('select new::text from realtime.changes where key is not null');
    expect(rows.map((row) => row['new'])).toEqual([`{"id":1,"title":"${large}","data":{"a": "\\u0000"}}`]);
  });

  test('is logged the same whatever the session prefers', async () => {
    await run(`create table times (at timestamptz primary key, bytes bytea, length interval);
      alter publication aura add table times`);
    const changes = await following();
    await run(`set timezone = 'Asia/Tokyo'; set bytea_output = escape; set intervalstyle = iso_8601;
      insert into times values ('2026-01-01 00:00:00+00', 'a', '1 day 2 hours');
      reset timezone; reset bytea_output; reset intervalstyle`);
    expect((await changes()).map((change) => change.new)).toEqual([
      { at: '2026-01-01T00:00:00+00:00', bytes: '\\x61', length: '1 day 02:00:00' },
    ]);
  });

  test('comes by ON CONFLICT, MERGE, foreign keys and replicating sessions, too', async () => {
    await run(`create table parts (item int references items on delete cascade, no int, primary key (item, no));
      alter publication aura add table parts`);
    const changes = await following();
    await run(`insert into items values (1, 'a', null)`);
    await run(`insert into items values (1, 'b', null), (2, 'c', null)
      on conflict (id) do update set title = excluded.title`);
    await run(`merge into items using (values (2), (3)) as given (id) on items.id = given.id
      when matched then update set title = 'm' when not matched then insert values (given.id, 'n')`);
    await run(
      `set session_replication_role = replica; insert into parts values (1, 7); reset session_replication_role`,
    );
    await run('delete from items where id = 1');
    // within a statement in whatever order
    expect(
      brief(await changes())
        .map((change) => JSON.stringify(change))
        .toSorted(),
    ).toEqual([
      '["delete",{"id":1}]',
      '["delete",{"no":7,"item":1}]',
      '["insert",{"id":1}]',
      '["insert",{"id":2}]',
      '["insert",{"id":3}]',
      '["insert",{"no":7,"item":1}]',
      '["update",{"id":1}]',
      '["update",{"id":2}]',
    ]);
  });

  test('that is rolled back, to a savepoint too, is not in the log', async () => {
    const changes = await following();
    await run(`begin; insert into items values (1); savepoint one; insert into items values (2);
      rollback to one; insert into items values (3); commit`);
    await run('begin; delete from items; rollback');
    await run('update items set title = null where false');
    expect(brief(await changes())).toEqual([
      ['insert', { id: 1 }],
      ['insert', { id: 3 }],
    ]);
  });
});

test('TRUNCATE says that all may have changed', async () => {
  const changes = await following();
  await run('truncate items');
  expect(brief(await changes())).toEqual([['reset', null]]);
});

test('a position misses nothing of a transaction that was open when it was taken', async () => {
  const slow = await connect(database.uri);
  await slow.query('begin; insert into items values (1)');
  await run('insert into items values (2)');
  const changes = await following();
  await run('insert into items values (3)');
  expect(brief(await changes())).toEqual([['insert', { id: 3 }]]);
  await slow.query('commit');
  expect(brief(await changes())).toEqual([
    ['insert', { id: 1 }],
    ['insert', { id: 3 }],
  ]);
});

test('a transaction notifies once, with its id', async () => {
  const listener = await connect(database.authenticatorUri);
  const heard: string[] = [];
  listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
  await listener.query('listen aura_changes');
  await run(`begin; insert into items values (1), (2); update items set title = 'x'; commit`);
  await run('insert into items values (3)');
  await listener.query('select 1');
  await expect.poll(() => heard.length).toBe(2);
  const { rows } = await database.query(
    'select distinct transaction::text from realtime.changes where key is not null order by 1',
  );
  expect(heard).toEqual(rows.map((row) => row['transaction']));
});

describe('partitions', () => {
  const PARTED = `create table parted (id int, region text, primary key (id, region)) partition by list (region);
    create table parted_a partition of parted for values in ('a');
    alter publication aura add table parted`;

  test('are logged as their table, whichever a statement names', async () => {
    await run(PARTED);
    await run(`create table parted_b partition of parted for values in ('b')`);
    const changes = await following();
    await run(`insert into parted values (1, 'a'), (2, 'b')`);
    await run(`insert into parted_b values (3, 'b')`);
    await run(`update parted set region = 'b' where id = 1`);
    await run('delete from parted where id = 2');
    expect(brief(await changes())).toEqual([
      ['insert', { id: 1, region: 'a' }],
      ['insert', { id: 2, region: 'b' }],
      ['insert', { id: 3, region: 'b' }],
      ['insert', { id: 1, region: 'b' }],
      ['delete', { id: 1, region: 'a' }],
      ['delete', { id: 2, region: 'b' }],
    ]);
    const { rows } = await database.query(
      `select count(distinct relation)::int from realtime.changes where relation = 'parted'::regclass
       union all select count(*)::int from realtime.changes where relation = 'parted_b'::regclass`,
    );
    expect(rows.map((row) => row['count'])).toEqual([1, 0]);
  });

  test('that are attached, detached or dropped say that all may have changed', async () => {
    await run(PARTED);
    await run(
      `create table other (id int, region text, primary key (id, region)); insert into other values (5, 'c')`,
    );
    for (const ddl of [
      `alter table parted attach partition other for values in ('c')`,
      'alter table parted detach partition other',
      'drop table parted_a',
    ]) {
      const changes = await following();
      await run(ddl);
      expect(
        (await changes()).map(({ operation }) => operation),
        ddl,
      ).toContain('reset');
    }
    const changes = await following();
    await run(`insert into other values (6, 'c')`);
    expect(await changes()).toEqual([]);
  });
});

describe('the triggers follow', () => {
  test('the publication', async () => {
    await run('alter publication aura drop table items');
    const { rows } = await database.query(`select from pg_trigger where tgname like 'aura_capture%'`);
    expect(rows).toEqual([]);
    const changes = await following();
    await run('insert into items values (1)');
    await run('alter publication aura add table items');
    await run('insert into items values (2)');
    // what came in between is unknown
    const operations = (await changes()).map(({ operation }) => operation);
    expect(operations[0]).toBe('reset');
    expect(operations.filter((operation) => operation !== 'reset')).toEqual(['insert']);
  });

  test('renames and other keys, by themselves', async () => {
    await run('alter table items rename id to number');
    const changes = await following();
    await run('insert into items values (1)');
    expect(brief(await changes())).toEqual([['insert', { number: 1 }]]);
    await run(`delete from items; alter table items drop constraint items_pkey, add primary key (title)`);
    const later = await following();
    await run(`insert into items values (1, 'one')`);
    expect(brief(await later())).toEqual([['insert', { title: 'one' }]]);
    // without a key what is written is still written
    await run('alter table items drop constraint items_pkey');
    await run(`insert into items values (1, 'one')`);
  });

  test('nobody who turns them off', async () => {
    await run('alter table items disable trigger all');
    const changes = await following();
    await run('insert into items values (1)');
    expect(brief(await changes())).toEqual([['insert', { id: 1 }]]);
  });

  test('not what is temporary', async () => {
    const changes = await following();
    await run(
      `create temporary table items (id int primary key); insert into items values (1); drop table items`,
    );
    expect(await changes()).toEqual([]);
  });

  test('what a call asks for, where there is no event trigger', async () => {
    await run('drop event trigger aura_capture; create table late (id int primary key)');
    await run('alter publication aura add table late');
    const changes = await following();
    await run('insert into late values (1)');
    expect(await changes()).toEqual([]);
    await run('select realtime.sync()');
    await run('insert into late values (2)');
    expect(brief(await changes())).toEqual([
      ['reset', null],
      ['insert', { id: 2 }],
    ]);
  });
});

describe('what cannot be captured', () => {
  test('for a trigger of that name stops nobody else', async () => {
    await run(`alter publication aura drop table items;
      create trigger aura_capture_insert after insert on items
        for each statement execute function suppress_redundant_updates_trigger();
      alter publication aura add table items; create table other (id int primary key);
      alter publication aura add table other`);
    const { rows } = await database.query(
      `select relation::regclass::text
       from realtime.captured(array['items'::regclass::oid, 'other'::regclass::oid]) as relation`,
    );
    expect(rows).toEqual([{ relation: 'other' }]);
  });

  test('is said, and can be written to as before', async () => {
    await run(`create table keyless (id int); create table parent (id int primary key);
      create table child (primary key (id)) inherits (parent)`);
    const client = await connect(database.uri);
    const warnings: string[] = [];
    client.on('notice', ({ message }) => warnings.push(message ?? ''));
    await client.query('alter publication aura add table keyless, parent');
    expect(warnings.toSorted()).toEqual([
      'changes of public.child are not captured: it inherits, or is inherited from',
      'changes of public.keyless are not captured: it has no primary key',
      'changes of public.parent are not captured: it inherits, or is inherited from',
    ]);
    const changes = await following();
    await run('insert into keyless values (1); insert into child values (1)');
    expect(await changes()).toEqual([]);
    const { rows } = await database.query(
      `select relation::regclass::text, reason is null as captured from realtime.tables() order by 1`,
    );
    expect(rows).toEqual([
      { relation: 'child', captured: false },
      { relation: 'items', captured: true },
      { relation: 'keyless', captured: false },
      { relation: 'parent', captured: false },
    ]);
  });
});

describe('the log', () => {
  test('is written for whoever may write the table, and read by nobody but the server', async () => {
    const client = await connect(database.authenticatorUri);
    const changes = await following();
    await client.query('set role anon');
    await client.query('insert into items values (1)');
    expect(brief(await changes())).toEqual([['insert', { id: 1 }]]);
    for (const reading of [
      'select from realtime.changes',
      `select realtime.changes_since('1:1:', '{}', '{}')`,
      'select realtime.sync()',
      'select realtime.prune(1)',
      `select realtime.append_reset('{}')`,
    ]) {
      await client.query('set role anon');
      await expect(client.query(reading), reading).rejects.toThrow('permission denied');
      await client.query('reset role');
      if (!reading.includes('changes_since')) {
        await expect(client.query(reading), reading).rejects.toThrow('permission denied');
      }
    }
    const { rows } = await client.query(
      `select key from realtime.changes_since('1:1:', array['items'::regclass::oid], '{}') where key is not null`,
    );
    expect(rows).toEqual([{ key: { id: 1 } }]);
  });

  test('is written without the rights of whoever installed it, whatever a type brings along', async () => {
    await run(`create type mood as enum ('calm');
      create function mood_json(mood) returns json language sql as 'select to_json(current_user::text)';
      create cast (mood as json) with function mood_json(mood);
      create table moods (id int primary key, mood mood);
      alter publication aura add table moods`);
    const changes = await following();
    await run(`insert into moods values (1, 'calm')`);
    expect((await changes()).map((change) => change.new)).toEqual([{ id: 1, mood: 'aura_realtime' }]);
  });

  test('belongs to a role that may do nothing else', async () => {
    const { rows } = await database.query(
      `select distinct proowner::regrole::text as owner from pg_proc
       where pronamespace = 'realtime'::regnamespace and prosecdef and proname <> 'follow_ddl'`,
    );
    expect(rows).toEqual([{ owner: 'aura_realtime' }]);
  });

  test('is cut off by time and by number, and a position before the cut is known as such', async () => {
    await run('update realtime.settings set keep_rows = 100');
    const { rows } = await database.query('select pg_current_snapshot()::text as position');
    const before = rows[0]?.['position'];
    await run(`insert into items select n from generate_series(1, 3000) n`);
    await run('select realtime.prune(100000)');
    const isComplete = async (position: unknown): Promise<unknown> =>
      (await database.query('select realtime.removed_up_to() < pg_snapshot_xmin($1) as is', [position]))
        .rows[0]?.['is'];
    const kept = await database.query('select count(*)::int from realtime.changes');
    expect(kept.rows[0]?.['count']).toBe(100);
    expect(await isComplete(before)).toBe(false);
    const after = await database.query('select pg_current_snapshot()::text as position');
    expect(await isComplete(after.rows[0]?.['position'])).toBe(true);
    await run(`update realtime.changes set at = now() - interval '2 hours'`);
    await run('select realtime.prune(100000)');
    expect((await database.query('select from realtime.changes')).rows).toEqual([]);
    expect((await database.query('select from realtime.pruned')).rows).toHaveLength(1);
  });

  test('stays short by the writes themselves', async () => {
    await run('update realtime.settings set keep_rows = 100');
    for (let times = 0; times < 6; times += 1) {
      await run('insert into items select n from generate_series(1, 1000) n');
      await run('delete from items');
    }
    const { rows } = await database.query('select count(*)::int from realtime.changes');
    // each statement removes what was there before it, and not what it adds itself
    expect(rows[0]?.['count']).toBeLessThan(3000);
  });
});

test('installing it again changes nothing', async () => {
  const dump = async (): Promise<unknown> =>
    (
      await database.query(
        `select tgrelid::regclass::text, tgname, tgenabled from pg_trigger where tgname like 'aura%' order by 1, 2`,
      )
    ).rows;
  const before = await dump();
  await run('insert into items values (1)');
  await run(CAPTURE);
  expect(await dump()).toEqual(before);
  expect((await database.query('select from realtime.changes where key is not null')).rows).toHaveLength(1);
});

test('an owner who is no superuser can install it, without the event trigger', async () => {
  const name = `owner_${Math.random().toString(36).slice(2)}`;
  const plain = await createDatabase('create table public.notes (id int primary key)');
  onTestFinished(async () => {
    await plain.query(`reassign owned by ${name} to current_user; drop owned by ${name}; drop role ${name}`);
    await plain.close();
  });
  // what PostgreSQL gives whoever makes a role
  const { rows: found } = await plain.query(
    `select current_setting('server_version_num')::int >= 160000 as is`,
  );
  const asMaker = found[0]?.['is'] === true ? 'admin true, inherit false, set false' : 'admin option';
  await plain.query(`create role ${name} nologin createrole;
    do $$ begin execute format('grant create on database %I to ${name}', current_database()); end $$;
    alter table notes owner to ${name}; grant aura_realtime to ${name} with ${asMaker};
    set role ${name}`);
  await plain.query(CAPTURE);
  await plain.query(
    'alter publication aura add table notes; select realtime.sync(); insert into notes values (1)',
  );
  await plain.query('reset role');
  const { rows } = await plain.query('select operation from realtime.changes order by id');
  expect(rows.map((row) => row['operation'])).toEqual(['reset', 'insert']);
});
