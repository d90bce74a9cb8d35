import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadCatalog } from '../../server/catalog/load.ts';
import { nameKey } from '../../server/names.ts';
import { createDatabase } from '../support/database.ts';
import { connectCatalog } from './connect.ts';
import { column, loadPublisher, type PublisherFixture, relation } from './fixture.ts';

let fixture: PublisherFixture;
beforeAll(async () => {
  fixture = await loadPublisher();
});
afterAll(() => fixture.close());

describe('relations', () => {
  test('tables, views and foreign tables of the exposed schemas are there, partitions and private tables are not', () => {
    const kinds = [...fixture.catalog.relations.values()].map((r) => [r.name.name, r.kind]);
    expect(kinds).toEqual(expect.arrayContaining([['authors', 'table']]));
    expect(relation(fixture.catalog, 'sales').kind).toBe('partitioned table');
    expect(relation(fixture.catalog, 'writers').kind).toBe('view');
    expect(relation(fixture.catalog, 'totals').kind).toBe('materialized view');
    expect(relation(fixture.catalog, 'elsewhere').kind).toBe('foreign table');
    expect(kinds.map(([name]) => name)).not.toContain('sales_2024');
    expect(fixture.catalog.relations.has(nameKey('hidden', 'contracts'))).toBe(false);
    expect(fixture.catalog.relations.has(nameKey('public', 'contract_base'))).toBe(false);
  });

  test('comments, owner, row security and security_invoker are known', () => {
    const authors = relation(fixture.catalog, 'authors');
    expect(authors.comment).toBe('People who write');
    expect(authors.owner).toBe('aura_test_owner');
    expect(authors.rowSecurity).toEqual({ enabled: true, forced: false });
    expect(relation(fixture.catalog, 'books').rowSecurity).toEqual({ enabled: true, forced: true });
    expect(relation(fixture.catalog, 'genres').rowSecurity).toEqual({ enabled: false, forced: false });
    expect(relation(fixture.catalog, 'writer_names').securityInvoker).toBe(true);
    expect(relation(fixture.catalog, 'writers').securityInvoker).toBe(false);
    expect(fixture.catalog.schemaComments).toEqual(new Map([['api', 'What the publisher shows']]));
  });

  test.each([
    ['authors', true, true, true],
    ['sales', true, true, true],
    ['writers', true, true, true],
    ['shelf', false, false, false],
    ['totals', false, false, false],
    ['triggered', true, false, true],
    ['everyone', false, false, false],
    ['elsewhere', false, false, false],
  ])('%s: insert %s, update %s, delete %s', (name, insertable, updatable, deletable) => {
    expect(relation(fixture.catalog, name)).toMatchObject({ insertable, updatable, deletable });
  });

  test.each([
    ['authors', ['id']],
    ['editions', ['book_id', 'number']],
    ['sales', ['book_id', 'day']],
    ['genres', ['id']],
    // views: of the table below, under their own names, the first of two columns that show the same
    ['writers', ['id']],
    ['writer_names', ['writer_id']],
    ['contracts', ['id']],
    ['payments', ['bank_id', 'contract_id']],
    ['signed', ['no']],
    ['book_copy', ['id']],
    ['odd view', ['a b']],
    // a join shows the keys of both
    ['shelf', ['author_id', 'book_id']],
    // half a key is none; what goes through an unknown schema, a union or an expression ends there
    ['half_editions', []],
    ['unseen', []],
    ['everyone', []],
    ['totals', []],
    ['label_list', []],
  ])('the primary key of %s is %j', (name, key) => {
    expect(relation(fixture.catalog, name).primaryKey).toEqual(key);
  });

  test('check constraints of one column and the types of users are known', async () => {
    const other = await createDatabase(`
      create table public.checked (a int, b int, constraint positive check (a > 0), check (a < b));
      alter table public.checked add constraint later check (b < 100) not valid;
      create domain public.year as smallint default 2000 not null check (value between 1900 and 2100);
      comment on domain public.year is 'Of our era';
      create type public.point3 as (x real, y real, z public.year);
      comment on type public.point3 is 'In space';
      comment on column public.point3.z is 'When';
      create type public.size as enum ('s', 'l');
      comment on type public.size is 'Of shirts';`);
    const connection = await connectCatalog(other.uri);
    const options = { schemas: ['public'], extraSearchPath: [], hoistedSettings: [] };
    const catalog = await loadCatalog(connection.query, options);
    await connection.close();
    await other.close();
    const checked = catalog.relations.get(nameKey('public', 'checked'));
    expect(checked?.columns.get('a')?.checks).toEqual(['(a > 0)']);
    expect(checked?.columns.get('b')?.checks).toEqual([]);
    expect(catalog.types.get('public.year')).toEqual({
      kind: 'domain',
      schema: 'public',
      comment: 'Of our era',
      base: 'smallint',
      notNull: true,
      checks: ['((VALUE >= 1900) AND (VALUE <= 2100))'],
    });
    expect(catalog.types.get('public.point3')).toEqual({
      kind: 'composite',
      schema: 'public',
      comment: 'In space',
      attributes: [
        { name: 'x', type: 'real', comment: null },
        { name: 'y', type: 'real', comment: null },
        { name: 'z', type: 'public.year', comment: 'When' },
      ],
    });
    expect(catalog.types.get('public.size')).toMatchObject({
      kind: 'enum',
      schema: 'public',
      comment: 'Of shirts',
      labels: ['s', 'l'],
    });
  });

  test('unique constraints are listed without the primary key', () => {
    expect(relation(fixture.catalog, 'authors').uniqueKeys).toEqual([['name', 'born']]);
    expect(relation(fixture.catalog, 'reviews').uniqueKeys).toEqual([['book_id']]);
    expect(relation(fixture.catalog, 'covers').uniqueKeys).toEqual([]);
  });

  test('policies tell command, kind, roles and both conditions', () => {
    expect(relation(fixture.catalog, 'authors').policies).toEqual([
      {
        name: 'everyone_reads',
        command: 'select',
        permissive: true,
        roles: ['PUBLIC'],
        using: 'true',
        check: null,
      },
    ]);
    expect(relation(fixture.catalog, 'books').policies).toEqual([
      {
        name: 'adds',
        command: 'insert',
        permissive: true,
        roles: ['aura_test_writer'],
        using: null,
        check: '(price > (0)::numeric)',
      },
      {
        name: 'own rows',
        command: 'update',
        permissive: false,
        roles: ['aura_test_editor', 'aura_test_writer'],
        using: '(author_id = 1)',
        check: `(title <> ''::text)`,
      },
    ]);
  });

  test('grants name role and privilege, on relations, columns and schemas', () => {
    expect(relation(fixture.catalog, 'genres').grants).toContainEqual({
      grantee: 'aura_test_writer',
      privilege: 'DELETE',
    });
    expect(column(fixture.catalog, 'covers', 'image').grants).toEqual([
      { grantee: 'aura_test_reader', privilege: 'SELECT' },
      { grantee: 'aura_test_reader', privilege: 'UPDATE' },
    ]);
    expect(fixture.catalog.schemaGrants.get('archive')).toContainEqual({
      grantee: 'PUBLIC',
      privilege: 'USAGE',
    });
  });

  test('publications hold the exposed tables that they name, or all, or a schema', () => {
    const tables = (name: string) => fixture.catalog.publications.get(name)?.tables.map((t) => t.name);
    expect(tables('aura_test_some')).toEqual(['books', 'sales']);
    expect(tables('aura_test_schema')).toEqual(['letters']);
    expect(tables('aura_test_none')).toEqual([]);
    expect(tables('aura_test_all')).toEqual(expect.arrayContaining(['authors', 'letters', 'sales']));
    expect(tables('aura_test_all')).not.toContain('sales_2024');
    expect(tables('aura_test_all')).not.toContain('contracts');
  });

  test('roles tell from whom they inherit', async () => {
    const role = (name: string) => fixture.catalog.roles.get(`aura_test_${name}`);
    expect(role('editor')).toMatchObject({
      memberOf: ['aura_test_writer'],
      inheritsFrom: ['aura_test_writer'],
    });
    expect(role('apart')).toMatchObject({
      inherit: false,
      memberOf: ['aura_test_reader'],
      inheritsFrom: [],
    });
    expect(role('owner')).toMatchObject({ superuser: false, canLogin: false });
    const { rows } = await fixture.database.query('select current_user as superuser');
    expect(fixture.catalog.roles.get(String(rows[0]?.['superuser']))).toMatchObject({ superuser: true });
    expect(fixture.catalog.roles.get('service_role')?.bypassRls).toBe(true);
  });

  test('enums of any schema are listed', () => {
    expect(fixture.catalog.enums.get(nameKey('hidden', 'state'))).toEqual(['draft', 'out', 'sold out']);
  });
});

describe('columns', () => {
  test.each([
    ['authors', 'name', 'character varying', 'character varying(80)', 80],
    ['authors', 'initials', 'character', 'character(3)', 3],
    ['authors', 'marks', 'bit', 'bit(4)', 4],
    ['authors', 'note', 'character varying', 'api.short_text', 30],
    // through two domains to what is built in
    ['authors', 'work_mail', 'text', 'public.work_email', null],
    ['authors', 'country', 'api.country', 'api.country', null],
    // a domain over a type that is not built in keeps its name
    ['books', 'state', 'api.state', 'api.state', null],
    ['books', 'price', 'numeric', 'numeric(8,2)', null],
    ['books', 'tags', 'text[]', 'text[]', null],
    ['books', 'size', 'api.measure', 'api.measure', null],
  ])('%s.%s is of type %s, declared as %s, of length %s', (table, name, type, declaredType, maxLength) => {
    expect(column(fixture.catalog, table, name)).toMatchObject({ type, declaredType, maxLength });
  });

  test.each([
    ['authors', 'country', `'pt'::api.country`],
    ['authors', 'born', 'CURRENT_DATE'],
    ['authors', 'work_mail', `'nobody@example.org'::text`],
    ['authors', 'label', null],
    ['authors', 'id', null],
    ['authors', 'mail', null],
    ['books', 'id', `nextval('api.books_id_seq')`],
    ['books', 'serial_number', `nextval('api.books_serial_number_seq'::regclass)`],
    ['books', 'price', '0'],
  ])('the default of %s.%s is %s', (table, name, value) => {
    expect(column(fixture.catalog, table, name).default).toBe(value);
  });

  test('identities and generated columns say what they are', () => {
    expect(column(fixture.catalog, 'authors', 'id').identity).toBe('always');
    expect(column(fixture.catalog, 'books', 'id').identity).toBe('by default');
    expect(column(fixture.catalog, 'books', 'title').identity).toBeNull();
    expect(column(fixture.catalog, 'authors', 'label').generated).toBe('stored');
    expect(column(fixture.catalog, 'authors', 'name').generated).toBeNull();
  });

  test('not null of the column and of its domain both count', () => {
    expect(column(fixture.catalog, 'authors', 'name').nullable).toBe(false);
    expect(column(fixture.catalog, 'authors', 'work_mail').nullable).toBe(false);
    expect(column(fixture.catalog, 'authors', 'mail').nullable).toBe(true);
  });

  test('enums, and domains over enums, list their labels in order', () => {
    expect(column(fixture.catalog, 'authors', 'country').enumLabels).toEqual(['pt', 'br', 'ao']);
    expect(column(fixture.catalog, 'books', 'state').enumLabels).toEqual(['draft', 'out', 'sold out']);
    expect(column(fixture.catalog, 'books', 'title').enumLabels).toEqual([]);
  });

  test('columns come in table order, dropped ones leave a gap in the positions', () => {
    const { columns } = relation(fixture.catalog, 'authors');
    expect([...columns.keys()].slice(-3)).toEqual(['country', 'label', 'born']);
    expect(columns.get('label')?.position).toBe(9);
    expect(columns.get('born')?.position).toBe(11);
    expect(columns.has('dropped')).toBe(false);
    expect(columns.get('born')?.comment).toBe('Day of birth');
  });

  test('names that need quotes come as PostgreSQL stores them', () => {
    const odd = relation(fixture.catalog, `odd "table", {with} (all) \\ of 'them'`);
    expect([...odd.columns.keys()]).toEqual([
      'a b',
      'c,d',
      '{e}',
      'f"g',
      'h\\i',
      '\\{',
      '} :resorigtbl 1 :resorigcol 1 {',
      'ação 日本',
    ]);
    expect(odd.columns.get('{e}')?.comment).toBe('a "quoted" \\ comment');
  });

  test('functions over one row are computed columns, the schema before the search path, none hidden by a column', () => {
    const computed = [...relation(fixture.catalog, 'authors').computedColumns.values()];
    expect(computed).toEqual([
      expect.objectContaining({
        name: 'full_name',
        routine: { schema: 'api', name: 'full_name' },
        type: 'text',
      }),
      expect.objectContaining({ name: 'age', routine: { schema: 'public', name: 'age' }, type: 'integer' }),
    ]);
    expect([...relation(fixture.catalog, 'books').computedColumns.keys()]).toEqual(['first_author']);
  });
});
