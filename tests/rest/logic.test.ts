import { expect, test } from 'vitest';
import { useShop } from './fixture.ts';

const shop = useShop();
const ids = async (...filters: string[]): Promise<unknown[]> => {
  const query = filters.map((filter) => {
    const at = filter.indexOf('=');
    return `${filter.slice(0, at)}=${encodeURIComponent(filter.slice(at + 1))}`;
  });
  const rows = await shop.get(`/books?select=id&order=id&${query.join('&')}`);
  return (rows as { id: number }[]).map(({ id }) => id);
};

test.each<[string, number[]]>([
  ['or=(id.eq.1,id.eq.2)', [1, 2]],
  ['and=(id.gt.1,id.lt.4)', [2, 3]],
  ['not.or=(id.eq.1,id.eq.2)', [3, 4, 5, 6]],
  ['not.and=(id.gt.1,id.lt.4)', [1, 4, 5, 6]],
  ['or=(id.eq.1,and(id.gt.2,id.lt.5))', [1, 3, 4]],
  ['or=(id.eq.1,not.and(id.gt.1,id.lt.6))', [1, 6]],
  ['and=(or(id.eq.1,id.eq.2),or(pages.gt.300,pages.is.null))', [1]],
  ['or=(id.not.eq.1,pages.is.null)', [2, 3, 4, 5, 6]],
  ['or=(not.and(not.or(id.eq.1)),id.eq.6)', [1, 6]],
  ['or=(id.in.(1,2),title.like.*Silence)', [1, 2, 4]],
  ['or=(title.in.("Night, \\"Rain\\"",x),id.eq.1)', [1, 3]],
  ['or=(title.eq."Night, \\"Rain\\"",id.eq.1)', [1, 3]],
  ['or=(tags.cs.{sea,quiet},id.eq.5)', [1, 5]],
  ['or=(tags.eq.{"with space"},id.eq.1)', [1, 5]],
  ['or=(about.fts(english).harbours,id.eq.6)', [1, 2, 6]],
  ['or=(title.like(any).{*Ships,The*},id.eq.6)', [1, 2, 6]],
  ['or=( id.eq.1 , id.eq.2 )', [1, 2]],
  ['or=(id.eq.1)', [1]],
  ['or=(pages.isdistinct.210,id.eq.5)', [1, 3, 4, 5, 6]],
  ['or=(genre.eq."crime, true",in_print.is.false)', [2, 4, 5]],
  ['or=(stock_range.sl."[10,12)",id.eq.6)', [1, 6]],
])('%s', async (filter, expected) => {
  expect(await ids(filter)).toEqual(expected);
});

test('trees and filters hold together, and a tree may be given twice', async () => {
  expect(await ids('or=(id.eq.1,id.eq.2,id.eq.3)', 'in_print=is.true')).toEqual([1, 3]);
  expect(await ids('or=(id.eq.1,id.eq.2)', 'or=(id.eq.2,id.eq.3)')).toEqual([2]);
});

test('trees hold on embeds, too', async () => {
  const rows = await shop.get(
    '/books?select=id,reviews(id)&id=lt.3&order=id&reviews.or=(stars.eq.5,reviewer.eq.bob)&reviews.order=id',
  );
  expect(rows).toEqual([
    { id: 1, reviews: [{ id: 1 }, { id: 2 }] },
    { id: 2, reviews: [] },
  ]);
  expect(await shop.get('/books?select=id,reviews!inner(id)&reviews.not.or=(stars.lt.5,id.eq.99)')).toEqual([
    { id: 1, reviews: [{ id: 1 }] },
  ]);
});

test('a hundred groups nest, more are refused before the parser could run out of stack', async () => {
  const nested = (depth: number): string => `${'and('.repeat(depth)}id.eq.1${')'.repeat(depth)}`;
  expect(await ids(`and=(${nested(99)})`)).toEqual([1]);
  const answer = await shop.request('GET', `/books?and=(${nested(100)})`);
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('AURA103');
});

test.each([
  'id.eq.1',
  '()',
  '(id.eq.1',
  '(id.eq.1,)',
  '(id)',
  '(id.1)',
  '(xor(id.eq.1,id.eq.2))',
  '(id.in.1)',
  '',
])('a tree that is none says what was expected: or=%s', async (tree) => {
  const answer = await shop.request('GET', `/books?or=${encodeURIComponent(tree)}`);
  expect(answer.status).toBe(400);
  expect(answer.json.code).toBe('PGRST100');
  expect(answer.json.message).toMatch(/^"failed to parse logic tree \(.*\)" \(line 1, column \d+\)$/);
});
