/** Nested writes in general: whatever tree is written comes back as it was written, and is there to be read. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { useNestedFixture } from './nested-fixture.ts';

const fixture = useNestedFixture();

/** Text that PostgreSQL can store. */
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((found) => found.replaceAll('\0', ''));
const value = fc
  .jsonValue({ maxDepth: 2 })
  // a zero has no sign in JSON, and no NUL is in jsonb
  .map((found) => JSON.parse(JSON.stringify(found).replaceAll('\\u0000', '')))
  .filter((found) => found !== null);

const author = fc.option(
  fc.record({ name: text, profiles: fc.option(fc.record({ bio: text }), { nil: null }) }),
  { nil: null },
);
const few = <T>(items: fc.Arbitrary<T>) => fc.array(items, { maxLength: 3 });
const comment = fc.record({ body: text, reactions: few(fc.record({ kind: text })) });
const post = fc.record({
  title: text,
  views: fc.option(fc.maxSafeInteger(), { nil: null }),
  meta: value,
  marks: fc.option(few(fc.integer({ min: -99, max: 99 })), { nil: null }),
  'author:authors!posts_author_fkey': author,
  'editor:authors!posts_editor_fkey': author,
  comments: few(comment),
  tags: few(fc.record({ name: text, hue: fc.integer({ min: 0, max: 9 }) })),
});

/** Texts that must differ are told apart by a number. */
function numbered<T>(posts: readonly T[]): T[] {
  let next = 0;
  return JSON.parse(JSON.stringify(posts), (key, found) =>
    typeof found === 'string' && (key === 'body' || key === 'name') ? `${next++} ${found}` : found,
  );
}

const inAnswer = (body: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(body).map(([key, found]) => [key.split(':')[0], found]));

const READ =
  '/posts?order=id&select=*,author:authors!posts_author_fkey(*,profiles(*)),' +
  'editor:authors!posts_editor_fkey(*,profiles(*)),comments(*,reactions(*)),tags(*)' +
  '&comments.order=id&comments.reactions.order=id&tags.order=id';

test('any tree that is written is answered as it was written, and read back as it was answered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(post, { minLength: 1, maxLength: 4 }), async (posts) => {
      const body = numbered(posts);
      await fixture.empty();
      const written = await fixture.post('/posts', body);
      expect(written.status, written.body).toBe(201);
      expect(written.json).toMatchObject(body.map(inAnswer));
      const read = await fixture.api.request('GET', READ);
      expect(read.json).toEqual(written.json);
    }),
    { numRuns: 60 },
  );
});

interface Node {
  readonly name: string;
  readonly nodes: readonly Node[];
}
const { node } = fc.letrec<{ node: Node; nodes: readonly Node[] }>((tie) => ({
  node: fc.record({ name: text, nodes: tie('nodes') }),
  nodes: fc.oneof({ maxDepth: 8 }, fc.constant([]), fc.array(tie('node'), { maxLength: 3 })),
}));

interface Row {
  readonly id: number;
  readonly parent_id: number | null;
  readonly name: string;
}
const childrenOf = (all: readonly Row[], parent: number | null): Node[] =>
  all.filter((row) => row.parent_id === parent).map(({ id, name }) => ({ name, nodes: childrenOf(all, id) }));

test('any tree of one relation is written with its branches in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(node, { minLength: 1, maxLength: 3 }), async (roots) => {
      await fixture.empty();
      const written = await fixture.post('/nodes', roots);
      expect(written.status, written.body).toBe(201);
      expect(written.json).toMatchObject(roots);
      const read = await fixture.json('select * from nodes order by id');
      expect(childrenOf(read as Row[], null)).toEqual(roots);
    }),
    { numRuns: 60 },
  );
});

/** Bodies of no particular sense, of keys that mean something here and there. */
const nonsense = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<unknown>(null, 1, -1, 'x', '', true, [], {}, 1e300, '\u0000', [[]]),
    fc.array(tie('object'), { maxLength: 2 }),
    tie('object'),
  ),
  object: fc.dictionary(
    fc.constantFrom(
      'id',
      'title',
      'comments',
      'body',
      'post_id',
      'posts',
      'tags',
      'name',
      'reactions',
      'a:authors!posts_author_fkey',
      'authors',
      'author_id',
      'nodes',
      'meta',
      'x:tags',
      'last_comment',
      ':',
      '!',
      'tags!',
      '"',
    ),
    tie('value'),
    { maxKeys: 4 },
  ),
}));

test('whatever is sent, the answer is an error with a code or everything was written', async () => {
  const words = fc.subarray([
    'resolution=merge-duplicates',
    'missing=default',
    'return=representation',
    'count=exact',
  ]);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(nonsense.object, fc.array(nonsense.object, { maxLength: 3 })),
      words,
      async (body, prefers) => {
        await fixture.empty();
        const answer = await fixture.api.request('POST', '/posts', {
          body,
          headers: { Prefer: prefers.join(', ') },
        });
        if (answer.status < 300) return;
        expect(answer.json.code, answer.body).toMatch(/^(?:PGRST\d{3}|AURA\d{3}|[0-9A-Z]{5})$/);
        // PostgreSQL's word for an upsert of one row twice, which is a 500 in flat upserts too
        if (answer.json.code !== '21000') expect(answer.status, answer.body).toBeLessThan(500);
        expect(
          await fixture.count('select from posts union all select from comments union all select from tags'),
        ).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});
