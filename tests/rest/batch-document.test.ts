/** Values found in the text of JSON are those that JSON.parse finds; documents of any kind are answered. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createJsonIndex, textMembersOf } from '../../server/request/json-text.ts';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** JSON with spaces and escapes as others write them. */
const noisyJson = fc
  .tuple(fc.json({ maxDepth: 5 }), fc.constantFrom('', ' ', '\n\t', '\r\n  '), fc.boolean())
  .map(([text, space, escaped]) => {
    const written = space + JSON.stringify(JSON.parse(text), null, space) + space;
    return escaped ? written.replaceAll('a', '\\u0061').replaceAll('\\\\u0061', '\\\\a') : written;
  })
  .filter((text) => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  });

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null;

test('every value of a document is found by its path, and is the text that was written there', () => {
  fc.assert(
    fc.property(noisyJson, (text) => {
      const index = createJsonIndex(text);
      const check = (value: unknown, span: { start: number; end: number } | null): void => {
        expect(span).not.toBe(null);
        if (span === null) return;
        expect(JSON.parse(text.slice(span.start, span.end))).toEqual(value);
        if (!isContainer(value)) return;
        for (const [key, member] of Object.entries(value)) check(member, index.step(span, key));
        expect(index.step(span, Array.isArray(value) ? String(value.length) : 'no such key')).toBe(null);
      };
      check(JSON.parse(text), index.root);
    }),
  );
});

test('every object with one text in it is found, and no other', () => {
  const expected = (value: unknown): [string, string][] => {
    if (!isContainer(value)) return [];
    const entries = Object.entries(value);
    const [only] = entries;
    if (!Array.isArray(value) && entries.length === 1 && only && typeof only[1] === 'string')
      return [only as [string, string]];
    return entries.flatMap(([, member]) => expected(member));
  };
  fc.assert(
    fc.property(noisyJson, (text) => {
      const found = [...textMembersOf(text)].map(({ key, value }) => [key, value]);
      expect(found).toEqual(expected(JSON.parse(text)));
    }),
  );
});

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(
    'create table item (id int primary key, data json); grant all on item to anon',
  );
  api = await startApi(database);
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const pointer = fc.oneof(
  fc.constantFrom(
    '#/a/body/0/id',
    '#/0/status',
    '#/0/body',
    '#/a',
    '#/',
    '#',
    '#/a/body/0/data/x',
    '#/9/body',
    '#/a/headers/location',
  ),
  fc.string().map((text) => `#/${text}`),
);
const reference = pointer.map((text) => ({ $ref: text }));
const address = fc.oneof(
  fc.constantFrom('/item', '/item?select=id', '/', '/rpc/x', 'item', '', '/item?id=eq.1&limit=1'),
  fc
    .tuple(fc.constantFrom('id=eq.', 'id=in.(', 'select=', 'limit=', 'data->>x=like.', ''), pointer)
    .map(([filter, text]) => `/item?${filter}{${text}}`),
  fc.string().map((text) => `/${text}`),
);
const step = fc.record(
  {
    name: fc.oneof(fc.constantFrom('a', 'b', null, '0'), fc.string()),
    method: fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', ''),
    path: address,
    headers: fc.oneof(
      fc.constantFrom(
        {},
        { Prefer: 'return=representation' },
        { Accept: 'text/csv' },
        { 'If-Match': '*' },
        { 'If-None-Match': 'x' },
        { Range: '5-2' },
      ),
      fc.dictionary(fc.constantFrom('Prefer', 'Accept', 'Content-Type', 'Cookie'), fc.string()),
    ),
    body: fc.oneof(
      reference,
      fc.jsonValue(),
      fc.record({ id: fc.oneof(fc.nat(9), reference), data: fc.oneof(fc.jsonValue(), reference) }),
    ),
    literal: fc.boolean(),
    encoding: fc.constantFrom('base64', 'x'),
  },
  { requiredKeys: ['method', 'path'] },
);
const document = fc.record(
  {
    requests: fc.array(step, { maxLength: 4 }),
    isolation: fc.constantFrom('serializable', 'read committed', 'x'),
  },
  { requiredKeys: ['requests'] },
);

test('a document of any kind is answered with results or an error, and never with a defect', async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(document, document, fc.jsonValue()), async (value) => {
      const answer = await api.request('POST', '/', {
        headers: { 'Content-Type': 'application/vnd.aura.batch+json' },
        body: JSON.stringify(value),
      });
      expect(answer.status, `${JSON.stringify(value)} ${answer.body}`).toBeLessThan(500);
      if (answer.status === 200) expect(answer.json.results).toBeInstanceOf(Array);
      else expect(answer.json).toMatchObject({ code: expect.any(String), message: expect.any(String) });
      expect(answer.body).not.toMatch(/r[0-9a-f]{18}x/);
    }),
    { numRuns: 400 },
  );
});
