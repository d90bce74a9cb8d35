import { expect, test } from 'vitest';
import { useShop } from './fixture.ts';

const shop = useShop();
const ids = async (query: string): Promise<unknown[]> =>
  ((await shop.get(`/books?select=id&order=id&${query}`)) as { id: number }[]).map(({ id }) => id);

test.each<[string, number[]]>([
  ['attributes->>cover=eq.hard', [1]],
  ['attributes->size->>w=eq.12', [1, 5]],
  ['attributes->size->w=eq.12', [1, 5]],
  ['attributes->size->w=gt.15', [2]],
  ['attributes->langs->>0=eq.en', [1, 2]],
  ['attributes->langs->>-1=eq.no', [1]],
  ['attributes->langs=eq.["en"]', [2]],
  ['attributes->1->deep->>0=eq.true', [6]],
  ['attributes->>note=is.null', [1, 2, 3, 4, 5, 6]],
  ['attributes->note=is.null', [1, 2, 3, 4, 6]],
  ['attributes->>cover=in.(soft,hard)', [1, 2]],
  ['attributes->>cover=like.*ar*', [1]],
  ['attributes->>"cover"=eq.soft', [2]],
  ['attributes=cs.{"cover":"soft"}', [2]],
  ['tags->>0=eq.sea', [1, 2]],
  ['or=(attributes->>cover.eq.soft,attributes->size->>w.eq.12)', [1, 2, 5]],
  ['not.and=(attributes->>cover.eq.soft,id.eq.2)', [1, 3, 4, 5, 6]],
])('a filter on a path: %s', async (query, expected) => {
  expect(await ids(encodeURI(query))).toEqual(expected);
});

test('a path orders, with nulls where they are wanted', async () => {
  const order = (query: string): Promise<unknown> =>
    shop.get(`/books?select=id&id=in.(1,2,5)&order=${query}`);
  expect(await order('attributes->size->>w.desc,id.desc')).toEqual([{ id: 2 }, { id: 5 }, { id: 1 }]);
  expect(await order('attributes->size->h.asc.nullsfirst')).toEqual([{ id: 5 }, { id: 1 }, { id: 2 }]);
  expect(await order('attributes->>cover.desc.nullslast')).toEqual([{ id: 2 }, { id: 1 }, { id: 5 }]);
});

test('a path into a value that is no document is null or PostgreSQL’s error, never a defect', async () => {
  expect(await shop.get('/books?select=x:title->y&id=eq.1')).toEqual([{ x: null }]);
  expect(await shop.get('/numbers?select=x:n->0->1&n=eq.1')).toEqual([{ x: null }]);
  const far = await shop.request('GET', '/books?select=attributes->99999999999999999999');
  expect(far.status).toBe(400);
  expect(far.json.code).toBe('22003');
});

test('quotes and backslashes in a key are part of the key', async () => {
  for (const key of [`it's`, 'back\\\\slash', '\\"quoted\\"', "'; drop table books; --", '%', '$1']) {
    const answer = await shop.request(
      'GET',
      `/books?select=${encodeURIComponent(`x:attributes->"${key}"`)}&id=eq.1`,
    );
    expect(answer.status, key).toBe(200);
    expect(answer.json, key).toEqual([{ x: null }]);
  }
});

test('a path may be long', async () => {
  const path = Array.from({ length: 200 }, () => '->a').join('');
  expect(await shop.get(`/books?select=x:attributes${path}&id=eq.1`)).toEqual([{ x: null }]);
});

test('an index may be the last of an embed’s columns', async () => {
  expect(await shop.get(encodeURI('/reviews?select=id,books(title,tags->-1)&id=eq.1'))).toEqual([
    { id: 1, books: { title: 'The Quiet Harbour', tags: 'quiet' } },
  ]);
  expect(await shop.get(encodeURI('/reviews?select=id,books(tags->>0)&id=eq.3'))).toEqual([
    { id: 3, books: { tags: 'sea' } },
  ]);
});
