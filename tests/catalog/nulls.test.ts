/**
 * Which columns of views the catalog claims to hold no nulls. Every claim is also tried on rows that would break it
 * if it could be broken: tables that are empty, without partners, or have nulls wherever a column allows them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../../server/catalog/load.ts';
import type { Catalog } from '../../server/catalog/types.ts';
import { nameKey } from '../../server/names.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { connectCatalog } from './connect.ts';

/** View, its query, and the columns that hold no nulls. */
const VIEWS: readonly (readonly [name: string, query: string, never: readonly string[]])[] = [
  ['plain', 'select id, name, note from parents', ['id', 'name']],
  ['renamed', 'select name as id, note as name, id as note from parents', ['id', 'note']],
  ['of_view', 'select id as parent, name, note from plain', ['parent', 'name']],
  ['of_hidden_view', 'select id from hidden.seen', []],
  ['expression', "select id + 0 as id, lower(name) as name, name || '' as label from parents", []],
  [
    'inner_join',
    'select p.id, c.id as child, c.note from parents p join children c on c.parent_id = p.id',
    ['id', 'child'],
  ],
  ['using_join', 'select id, p.name, c.note from parents p join children c using (id)', ['id', 'name']],
  [
    'left_join',
    'select p.id, c.id as child, c.parent_id from parents p left join children c on c.parent_id = p.id',
    ['id'],
  ],
  [
    'right_join',
    'select p.id, c.id as child from parents p right join children c on c.parent_id = p.id',
    ['child'],
  ],
  [
    'full_join',
    'select p.id, c.id as child, id from parents p full join children c using (id)'.replace(
      ', id from',
      ' from',
    ),
    [],
  ],
  [
    'left_using',
    'select id, p.name as label, c.parent_id from parents p left join children c using (id)',
    ['id', 'label'],
  ],
  ['full_using', 'select id from parents full join children using (id)', []],
  [
    'nested_left',
    'select p.id, c.id as child, q.id as other from parents p left join (children c join parents q on q.id = c.parent_id) on c.parent_id = p.id',
    ['id'],
  ],
  [
    'lateral_left',
    'select p.id, l.id as child from parents p left join lateral (select c.id from children c where c.parent_id = p.id) l on true',
    ['id'],
  ],
  ['of_left_join', 'select id, child from left_join', ['id']],
  ['left_of_view', 'select p.id, v.id as other from parents p left join plain v on v.id = p.id + 1', ['id']],
  ['union_view', 'select id, name from parents union all select null, name from parents', []],
  ['sub_union', 'select u.id from (select id from parents union all select null) u', []],
  ['subquery', 'select s.id from (select id from parents) s', []],
  [
    'common_table',
    'with q as (select p.id, c.id as child from parents p left join children c on c.parent_id = p.id) select q.id, q.child, p.name from q, parents p',
    ['name'],
  ],
  [
    'sublink',
    'select (select c.id from children c where c.parent_id = p.id limit 1) as child, p.id from parents p',
    ['id'],
  ],
  [
    'grouped',
    'select id, name, note, max(note) as top, count(*) as n, count(note) as m from parents group by id, name',
    ['id', 'name', 'n', 'm'],
  ],
  [
    'grouped_left',
    'select p.id, c.parent_id, count(c.id) as n from parents p left join children c on c.parent_id = p.id group by p.id, c.parent_id',
    ['id', 'n'],
  ],
  ['rolled', 'select id, name, count(*) as n from parents group by rollup (id, name)', ['n']],
  ['cubed', 'select name, count(*) as n from parents group by cube (name)', ['n']],
  ['sets', 'select id, name from parents group by grouping sets ((id), (name))', []],
  [
    'filtered_count',
    'select name, count(*) filter (where note is not null) as n, sum(id) as total from parents group by name',
    ['name', 'n'],
  ],
  ['distinct_on', 'select distinct on (name) id, name, note from parents order by name, id', ['id', 'name']],
  [
    'constants',
    "select 1 as one, 'x'::text as word, null::int as nothing, true as yes from parents",
    ['one', 'word', 'yes'],
  ],
  ['of_row', 'select p as whole, p.id from parents p', ['id']],
  ['heirs', 'select id, extra from elders', []],
  ['only_elders', 'select id from only elders', []],
  ['of_parts', 'select id, day from parts', ['id', 'day']],
  ['domains', 'select d.required, d.id from domained d', ['id']],
  ['left_domains', 'select d.required from parents p left join domained d on d.id = p.id + 1', []],
  ['of_table_function', 'select f.id from hidden.rows_of() f', []],
  ['of_values', 'select v.id from (values (1), (null)) v (id)', []],
  ['ordered', 'select name from parents order by note, id', ['name']],
  [
    'odd names',
    'select id as "a } :rtekind 0 :relid {", name as "TARGETENTRY :expr {VAR", note as "RANGETBLENTRY \\{" from parents "x } {RANGETBLENTRY "',
    ['a } :rtekind 0 :relid {', 'TARGETENTRY :expr {VAR'],
  ],
];

const MORE = `
  create function instead() returns trigger language plpgsql as $$ begin return null; end $$;
  create view triggered as select id, name from parents;
  create trigger instead instead of insert on triggered for each row execute function instead();
  create view ruled as select id, name from parents;
  create rule instead as on delete to ruled do instead nothing;
  create materialized view kept as select id, name from parents;
  create view of_kept as select id from kept;
  create view circle_a as select 1 as id;
  create view circle_b as select id from circle_a;
  create or replace view circle_a as select id from circle_b;`;

const SCHEMA = `
  create schema hidden;
  create table parents (id int primary key, name text not null, note text);
  create table children (id int primary key, parent_id int references parents, note text);
  create table elders (id int not null, extra text);
  create table juniors () inherits (elders);
  create table parts (id int not null, day date not null) partition by range (day);
  create table parts_1 partition of parts for values from ('2026-01-01') to ('2027-01-01');
  create domain required as int not null;
  create table domained (id int primary key, required required);
  insert into parents values (1, 'a', null), (2, 'b', 'n'), (3, 'b', null);
  insert into children values (10, 1, null), (11, null, null), (12, 2, 'x'), (1, 1, null);
  insert into elders values (2, null);
  insert into juniors values (1, null);
  insert into parts values (1, '2026-05-05');
  insert into domained values (7, 7);
  create function hidden.rows_of() returns setof parents language sql as 'select null::int, null::text, null::text';
  create view hidden.seen as select id from parents;
  ${VIEWS.map(([name, query]) => `create view "${name}" as ${query};`).join('\n')}
  ${MORE}`;

let database: TestDatabase;
let catalog: Catalog;
beforeAll(async () => {
  database = await createDatabase(SCHEMA);
  const connection = await connectCatalog(database.uri);
  catalog = await loadCatalog(connection.query, {
    schemas: ['public'],
    extraSearchPath: [],
    hoistedSettings: [],
  });
  await connection.close();
});
afterAll(() => database.close());

const neverNull = (view: string): readonly string[] =>
  [...(catalog.relations.get(nameKey('public', view))?.columns.values() ?? [])]
    .filter((column) => column.neverNull)
    .map((column) => column.name);

describe('columns of views that hold no nulls', () => {
  test.each(VIEWS)('%s: %s', async (name, _query, never) => {
    const found = neverNull(name).toSorted();
    // PostgreSQL 15 does not say what an outer join adds nulls to: there, fewer are found
    if (catalog.serverVersion < 160_000) expect(never).toEqual(expect.arrayContaining([...found]));
    else expect(found).toEqual(never.toSorted());
    const { rows } = await database.query(`select * from "${name}"`);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) for (const column of never) expect(row[column], column).not.toBeNull();
  });

  test('what a trigger or a rule answers in place of rows is not known', () => {
    expect(neverNull('triggered')).toEqual([]);
    expect(neverNull('ruled')).toEqual([]);
  });

  test('a materialized view may be older than the constraint', () => {
    expect(neverNull('kept')).toEqual([]);
    expect(neverNull('of_kept')).toEqual([]);
  });

  test('views that read each other prove nothing', () => {
    expect(neverNull('circle_a')).toEqual([]);
    expect(neverNull('circle_b')).toEqual([]);
  });

  test('a table has what it declares', () => {
    expect(neverNull('parents')).toEqual(['id', 'name']);
    expect(neverNull('domained')).toEqual(['id', 'required']);
  });

  test('NOT NULL that was not validated counts for neither table nor view', async (context) => {
    context.skip(catalog.serverVersion < 180_000, 'there is no such constraint before PostgreSQL 18');
    const other = await createDatabase(`
      create table late (id int, sure int not null);
      insert into late values (null, 1);
      alter table late add constraint later not null id not valid;
      create view lately as select id, sure from late;`);
    const connection = await connectCatalog(other.uri);
    const loaded = await loadCatalog(connection.query, {
      schemas: ['public'],
      extraSearchPath: [],
      hoistedSettings: [],
    });
    await connection.close();
    await other.close();
    for (const name of ['late', 'lately']) {
      const columns = loaded.relations.get(nameKey('public', name))?.columns;
      expect([columns?.get('id')?.neverNull, columns?.get('sure')?.neverNull]).toEqual([false, true]);
    }
  });
});
