import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Catalog } from '../../server/catalog/types.ts';
import { visibleTo } from '../../server/catalog/visible.ts';
import { nameKey } from '../../server/names.ts';
import { links, loadPublisher, type PublisherFixture, relation, routines } from './fixture.ts';

let fixture: PublisherFixture;
beforeAll(async () => {
  fixture = await loadPublisher();
});
afterAll(() => fixture.close());

const seenBy = (role: string): Catalog => visibleTo(fixture.catalog, role);
const namesSeenBy = (role: string): readonly string[] =>
  [...seenBy(role).relations.values()].map((r) => r.name.name).sort();

describe('relations', () => {
  test('a role sees the relations that it has a privilege on, and those for everyone', () => {
    expect(namesSeenBy('aura_test_reader')).toEqual([
      'authors',
      'book_copy',
      'book_genres',
      'books',
      'covers',
      'genres',
      'letters',
      'reviews',
      'titles',
    ]);
  });

  test('a role without USAGE on the schema sees nothing of it', () => {
    expect(namesSeenBy('anon')).toEqual(['letters']);
    expect([...seenBy('anon').routines.keys()]).toEqual([nameKey('archive', 'found')]);
  });

  test('what a role inherits counts, from however far', () => {
    expect(relation(seenBy('aura_test_reader'), 'books').insertable).toBe(false);
    expect(relation(seenBy('aura_test_writer'), 'books').insertable).toBe(true);
    expect(relation(seenBy('aura_test_editor'), 'books').insertable).toBe(true);
    expect(namesSeenBy('aura_test_editor')).toEqual(namesSeenBy('aura_test_reader'));
  });

  test('a member that does not inherit has nothing of the role', () => {
    expect(namesSeenBy('aura_test_apart')).toEqual(['letters']);
  });

  test('the owner sees all that it owns, a superuser the catalog itself', async () => {
    expect(namesSeenBy('aura_test_owner')).toHaveLength(fixture.catalog.relations.size);
    const { rows } = await fixture.database.query('select current_user as superuser');
    expect(seenBy(String(rows[0]?.['superuser']))).toBe(fixture.catalog);
  });

  test('a role that the database does not know sees what everyone sees', () => {
    expect(namesSeenBy('no such role')).toEqual(['letters']);
    expect(seenBy('another one')).toBe(seenBy('no such role'));
  });

  test('writing asks for what the relation can and for the privilege', () => {
    expect(relation(seenBy('aura_test_writer'), 'books')).toMatchObject({
      insertable: true,
      updatable: true,
      deletable: false,
    });
    expect(relation(seenBy('aura_test_writer'), 'genres')).toMatchObject({
      insertable: false,
      updatable: false,
      deletable: true,
    });
    expect(relation(seenBy('aura_test_reader'), 'covers')).toMatchObject({
      insertable: false,
      updatable: true,
    });
    expect(relation(seenBy('aura_test_reader'), 'genres').deletable).toBe(false);
  });
});

describe('columns', () => {
  test('grants on columns show these columns alone', () => {
    const columns = (name: string) => [...relation(seenBy('aura_test_reader'), name).columns.keys()];
    expect(columns('book_copy')).toEqual(['id', 'title']);
    expect(columns('reviews')).toEqual(['id']);
    expect(columns('covers')).toEqual(['book_id', 'image']);
    expect(columns('genres')).toEqual(['id', 'name']);
  });

  test('keys with a hidden column are hidden', () => {
    expect(relation(seenBy('aura_test_reader'), 'book_copy').primaryKey).toEqual(['id']);
    expect(relation(fixture.catalog, 'reviews').uniqueKeys).toEqual([['book_id']]);
    expect(relation(seenBy('aura_test_reader'), 'reviews').uniqueKeys).toEqual([]);
  });

  test('computed columns ask for EXECUTE', () => {
    const computed = (role: string) => [...relation(seenBy(role), 'authors').computedColumns.keys()];
    expect(computed('aura_test_reader')).toEqual(['age']);
    expect(computed('aura_test_writer')).toEqual(['full_name', 'age']);
  });
});

describe('relationships', () => {
  test('both ends and the columns between them must be seen', () => {
    const seen = seenBy('aura_test_reader');
    expect(links(seen, 'books', 'covers')).toEqual(['covers one-to-one held covers_book(id=book_id)']);
    expect(links(seen, 'books', 'reviews')).toEqual([]);
    expect(links(seen, 'books', 'editions')).toEqual([]);
    expect(links(seen, 'book_copy', 'authors')).toEqual([]);
  });

  test('a hidden junction joins nothing', () => {
    expect(links(fixture.catalog, 'genres', 'books')).toHaveLength(2);
    expect(links(seenBy('aura_test_reader'), 'genres', 'books')).toEqual([
      'books many-to-many book_genres book_genres_genre(id=genre_id) book_genres_book(id=book_id)',
    ]);
  });

  test('computed ones ask for EXECUTE', () => {
    expect(links(seenBy('aura_test_reader'), 'authors', 'books').slice(2)).toEqual([
      'books computed api.latest_books many',
    ]);
    expect(links(seenBy('aura_test_owner'), 'authors', 'books').slice(2)).toEqual([
      'books computed api.best_book one',
      'books computed api.latest_books many',
    ]);
  });
});

test('routines are seen by EXECUTE, which everyone has where nothing was revoked', () => {
  expect(routines(seenBy('aura_test_reader'), 'add')).toHaveLength(2);
  expect(routines(seenBy('aura_test_writer'), 'add')).toHaveLength(3);
  expect(routines(seenBy('aura_test_reader'), 'table_of')).toHaveLength(1);
});

test('publications name visible tables only', () => {
  const tables = seenBy('aura_test_reader').publications.get('aura_test_some')?.tables;
  expect(tables?.map((t) => t.name)).toEqual(['books']);
});

test('members of pg_read_all_data and pg_write_all_data see every relation', () => {
  const role = (name: string, inheritsFrom: readonly string[]) => ({
    name,
    superuser: false,
    bypassRls: false,
    inherit: true,
    canLogin: false,
    memberOf: inheritsFrom,
    inheritsFrom,
  });
  const roles = new Map([
    ['all_reader', role('all_reader', ['pg_read_all_data'])],
    ['all_writer', role('all_writer', ['pg_write_all_data'])],
  ]);
  const catalog = { ...fixture.catalog, roles };
  expect(visibleTo(catalog, 'all_reader').relations.size).toBe(fixture.catalog.relations.size);
  expect(relation(visibleTo(catalog, 'all_reader'), 'books').insertable).toBe(false);
  expect(relation(visibleTo(catalog, 'all_writer'), 'books').insertable).toBe(true);
});

test('what a role sees agrees with PostgreSQL’s own answer for every relation, column and function', async () => {
  for (const role of [
    'aura_test_reader',
    'aura_test_writer',
    'aura_test_editor',
    'aura_test_apart',
    'anon',
  ]) {
    const seen = seenBy(role);
    const { rows } = await fixture.database.query(
      `select n.nspname as schema, c.relname as relation, a.attname as column
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname in ('api', 'archive') and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
         and a.attnum > 0 and not a.attisdropped
         and has_schema_privilege($1, n.oid, 'usage')
         and has_column_privilege($1, c.oid, a.attnum, 'select, insert, update')
       order by 1, 2, 3`,
      [role],
    );
    const ours = [...seen.relations.values()].flatMap((r) =>
      [...r.columns.keys()].map((name) => ({ schema: r.name.schema, relation: r.name.name, column: name })),
    );
    const byText = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    expect(ours.sort(byText)).toEqual(rows.sort(byText));

    const executable = await fixture.database.query(
      `select count(*)::int as n from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname in ('api', 'archive') and p.prokind = 'f' and has_schema_privilege($1, n.oid, 'usage')
         and has_function_privilege($1, p.oid, 'execute') and p.proname in ('add', 'table_of', 'found', 'serial')`,
      [role],
    );
    const names = new Set(['add', 'table_of', 'found', 'serial']);
    const ourRoutines = [...seen.routines.values()].flat().filter((r) => names.has(r.name.name));
    expect(ourRoutines).toHaveLength(Number(executable.rows[0]?.['n']));
  }
});

test('the same catalog and role give the same object', () => {
  expect(seenBy('aura_test_reader')).toBe(seenBy('aura_test_reader'));
  expect(visibleTo({ ...fixture.catalog }, 'aura_test_reader')).not.toBe(seenBy('aura_test_reader'));
});
