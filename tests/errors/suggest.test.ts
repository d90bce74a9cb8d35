import fc from 'fast-check';
import { expect, test } from 'vitest';
import { suggest, suggestOne } from '../../server/errors/suggest.ts';

const NAMES = [
  'authors',
  'author_profiles',
  'books',
  'book_authors',
  'publishers',
  'reviews',
  'Ärzte',
  '名前表',
];

test.each([
  ['author', 'authors'],
  ['boks', 'books'],
  ['publisher', 'publishers'],
  ['reveiws', 'reviews'],
  ['BOOKS', 'books'],
  ['bookauthors', 'book_authors'],
  ['ärzte', 'Ärzte'],
  ['名前', '名前表'],
])('%s was probably meant to be %s', (wanted, expected) => {
  expect(suggestOne(wanted, NAMES)).toBe(expected);
});

test.each(['zzz', 'x', '', '%', '日'])('%j resembles nothing', (wanted) => {
  expect(suggestOne(wanted, NAMES)).toBeNull();
});

test('the same but for case is certain, and stands alone', () => {
  expect(suggest('Books', NAMES)).toEqual([{ text: 'books', score: 1 }]);
});

test('without candidates there is no suggestion', () => {
  expect(suggest('books', [])).toEqual([]);
});

test('suggestions come best first, are candidates, and score between the minimum and 1', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string(), { maxLength: 20 }), (wanted, candidates) => {
      const found = suggest(wanted, candidates, 0.4);
      for (const { text, score } of found) {
        expect(candidates).toContain(text);
        expect(score).toBeGreaterThanOrEqual(0.4);
        expect(score).toBeLessThanOrEqual(1);
      }
      const scores = found.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    }),
    { seed: 1, numRuns: 300 },
  );
});
