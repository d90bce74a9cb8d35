import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isToOne } from '../../server/catalog/types.ts';
import { nameKey } from '../../server/names.ts';
import { links, loadPublisher, type PublisherFixture } from './fixture.ts';

let fixture: PublisherFixture;
beforeAll(async () => {
  fixture = await loadPublisher();
});
afterAll(() => fixture.close());

const between = (source: string, target: string): readonly string[] => links(fixture.catalog, source, target);

describe('between tables', () => {
  test('each of two foreign keys is a relationship, seen from both ends', () => {
    expect(between('books', 'authors').slice(0, 2)).toEqual([
      'authors many-to-one books_author(author_id=id)',
      'authors many-to-one books_editor(editor_id=id)',
    ]);
    expect(between('authors', 'books').slice(0, 2)).toEqual([
      'books one-to-many books_author(id=author_id)',
      'books one-to-many books_editor(id=editor_id)',
    ]);
  });

  test('a foreign key that is unique, or the primary key, makes one-to-one', () => {
    expect(between('covers', 'books')).toEqual(['books one-to-one holding covers_book(book_id=id)']);
    expect(between('books', 'covers')).toEqual(['covers one-to-one held covers_book(id=book_id)']);
    expect(between('reviews', 'books')).toEqual(['books one-to-one holding reviews_book(book_id=id)']);
  });

  test('a foreign key that is only part of a key does not make one-to-one', () => {
    expect(between('editions', 'books')).toEqual(['books many-to-one editions_book(book_id=id)']);
  });

  test('two columns pair up as the constraint says, whatever their order in the tables', () => {
    expect(between('printings', 'editions')).toEqual([
      'editions many-to-one printings_edition(of_number=number,of_book=book_id)',
    ]);
    expect(between('editions', 'printings')).toEqual([
      'printings one-to-many printings_edition(number=of_number,book_id=of_book)',
    ]);
  });

  test('a table that references itself has both directions, marked as self', () => {
    expect(between('categories', 'categories')).toEqual([
      'categories one-to-many categories_parent(id=parent_id)',
      'categories many-to-one categories_parent(parent_id=id)',
    ]);
    const found = fixture.catalog.relationships.get(nameKey('api', 'categories')) ?? [];
    expect(found.map((link) => link.isSelf)).toEqual([true, true]);
  });

  test('a junction joins what its primary key covers, and nothing through its other foreign keys', () => {
    expect(between('genres', 'books')).toEqual([
      'books many-to-many book_genres book_genres_genre(id=genre_id) book_genres_book(id=book_id)',
      'books many-to-many joined_genres book_genres_genre(id=genre_id) book_genres_book(id=book_id)',
    ]);
    expect(between('genres', 'authors')).toEqual([]);
    expect(between('authors', 'genres')).toEqual([]);
  });

  test('a private junction joins nothing', () => {
    expect(between('authors', 'books').filter((link) => link.includes('many-to-many'))).toEqual([]);
  });

  test('a partitioned table has its relationships once, its partitions have none', () => {
    expect(between('sales', 'books')).toEqual(['books many-to-one sales_book(book_id=id)']);
    expect(between('books', 'sales')).toEqual(['sales one-to-many sales_book(id=book_id)']);
    expect(fixture.catalog.relationships.has(nameKey('api', 'sales_2024'))).toBe(false);
  });

  test('relationships cross schemas', () => {
    expect(between('authors', 'letters')).toEqual(['letters one-to-many letters_author(id=author_id)']);
  });

  test('names that need quotes link like others', () => {
    const odd = `odd "table", {with} (all) \\ of 'them'`;
    expect(between(odd, odd)).toEqual([
      `${odd} one-to-many odd "key", {x} \\(a b=c,d)`,
      `${odd} many-to-one odd "key", {x} \\(c,d=a b)`,
    ]);
    expect(between('odd view', 'odd view')).toEqual([
      `odd view one-to-many odd "key", {x} \\(a b=c,d)`,
      `odd view many-to-one odd "key", {x} \\(c,d=a b)`,
    ]);
  });
});

describe('through views', () => {
  test('a view has the relationships of its table under the names of its columns, at any distance', () => {
    expect(between('writers', 'letters')).toEqual(['letters one-to-many letters_author(id=author_id)']);
    expect(between('writer_names', 'letters')).toEqual([
      'letters one-to-many letters_author(writer_id=author_id)',
    ]);
    expect(between('book_copy', 'writer_names')).toEqual([
      'writer_names many-to-one books_author(author_id=writer_id)',
    ]);
  });

  test('a key shown twice is a relationship each', () => {
    expect(between('titles', 'authors')).toEqual([
      'authors many-to-one books_author(by_author=id)',
      'authors many-to-one books_author(written_by=id)',
    ]);
    expect(between('writers', 'titles')).toEqual([
      'titles one-to-many books_author(id=by_author)',
      'titles one-to-many books_author(id=written_by)',
    ]);
  });

  test('only the view itself counts, not the subqueries in it', () => {
    // the join shows author_id of authors and book_id of books, and no foreign key of books
    expect(between('shelf', 'authors')).toEqual([]);
    expect(between('shelf', 'covers')).toEqual(['covers one-to-one held covers_book(book_id=book_id)']);
    expect(between('editions', 'shelf')).toEqual(['shelf many-to-one editions_book(book_id=book_id)']);
  });

  test('one-to-one stays one-to-one', () => {
    expect(between('covers', 'book_copy')).toEqual(['book_copy one-to-one holding covers_book(book_id=id)']);
    expect(between('titles', 'reviews')).toEqual(['reviews one-to-one held reviews_book(id=book_id)']);
  });

  test('views over private tables link where the tables do', () => {
    expect(between('contracts', 'authors')).toEqual(['authors many-to-one contracts_author(author_id=id)']);
    expect(between('payments', 'contracts')).toEqual([
      'contracts many-to-one payments_contract(contract_id=id)',
    ]);
  });

  test('a view of a schema on the extra search path passes its columns on, one of any other schema does not', () => {
    expect(between('signed', 'authors')).toEqual(['authors many-to-one contracts_author(signer=id)']);
    expect(between('signed', 'payments')).toEqual(['payments one-to-many payments_contract(no=contract_id)']);
    expect(links(fixture.catalog, 'unseen')).toEqual([]);
  });

  test('half of a key, a union and an expression link nothing', () => {
    for (const view of ['half_editions', 'everyone', 'label_list']) {
      expect(links(fixture.catalog, view)).toEqual([]);
    }
  });

  test('ends through a view say so', () => {
    const found = (fixture.catalog.relationships.get(nameKey('api', 'writers')) ?? []).filter(
      (link) => link.target.name === 'titles' || link.target.name === 'letters',
    );
    expect(found.map((link) => [link.sourceIsView, link.targetIsView, link.isSelf])).toEqual([
      [true, true, false],
      [true, true, false],
      [true, false, false],
    ]);
  });
});

describe('computed', () => {
  test('a function from row to rows is a relationship, to one where it returns no set or one row', () => {
    expect(between('authors', 'books').slice(2)).toEqual([
      'books computed api.best_book one',
      'books computed api.latest_books many',
    ]);
    expect(between('books', 'authors').slice(2)).toEqual(['authors computed api.first_author one']);
    const toOne = (fixture.catalog.relationships.get(nameKey('api', 'authors')) ?? []).filter(isToOne);
    expect(toOne.map((link) => (link.kind === 'computed' ? link.routine.name : ''))).toEqual(['best_book']);
  });

  test('a function named like its target replaces the detected relationships to it', () => {
    expect(between('books', 'genres')).toEqual(['genres computed api.genres many']);
    expect(between('titles', 'genres')).toHaveLength(2);
  });

  test('a function of an unexposed schema is none', () => {
    expect(
      links(fixture.catalog, 'authors').filter(
        (link) => link.includes('computed') && link.includes('titles'),
      ),
    ).toEqual([]);
  });
});

test('relationships of one relation come by target, cardinality and constraint, computed ones last', () => {
  expect(links(fixture.catalog, 'book_genres')).toEqual([
    'authors many-to-one book_genres_author(added_by=id)',
    'book_copy many-to-one book_genres_book(book_id=id)',
    'books many-to-one book_genres_book(book_id=id)',
    'genres many-to-one book_genres_genre(genre_id=id)',
    'shelf many-to-one book_genres_author(added_by=author_id)',
    'shelf many-to-one book_genres_book(book_id=book_id)',
    'titles many-to-one book_genres_book(book_id=id)',
    'writer_names many-to-one book_genres_author(added_by=writer_id)',
    'writers many-to-one book_genres_author(added_by=id)',
  ]);
  const books = links(fixture.catalog, 'books');
  expect(books.slice(-2)).toEqual([
    'authors computed api.first_author one',
    'genres computed api.genres many',
  ]);
});
