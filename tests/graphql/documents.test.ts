/** Trusted documents: by id, by digest, and where nothing else is run. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadDocuments } from '../../server/graphql/documents.ts';
import { PATH, useLibrary } from './fixture.ts';

const ADD = 'query Add($a: Int!) { add(a: $a) }';
const DIGEST = createHash('sha256').update(ADD).digest('hex');
const folder = mkdtempSync(join(tmpdir(), 'aura-documents-'));
const file = join(folder, 'documents.json');
writeFileSync(file, JSON.stringify({ add: ADD, [DIGEST]: ADD }));
afterAll(() => rmSync(folder, { recursive: true }));

const open = useLibrary({ 'graphql-documents': file });
const closed = useLibrary({ 'graphql-documents': file, 'graphql-documents-only': true });
const none = useLibrary();

const send = async (library: typeof open, body: unknown) => {
  const { status, json } = await library.api.request('POST', PATH, { body });
  return json.errors ? [status, json.errors[0].extensions.code, json.errors[0].message] : json.data;
};

test('are run by their id, and by the digest that clients of Apollo send', async () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: DIGEST } };
  expect(await send(open, { documentId: 'add', variables: { a: 1 } })).toEqual({ add: 2 });
  expect(await send(open, { extensions, variables: { a: 2 } })).toEqual({ add: 3 });
  const query = new URLSearchParams({ documentId: 'add', variables: '{"a":3}' });
  expect((await open.api.request('GET', `${PATH}?${query}`)).json).toEqual({ data: { add: 4 } });
});

test('others are asked for as they are', async () => {
  const missing = { extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } };
  expect(await send(open, missing)).toEqual([400, 'AURA305', 'PersistedQueryNotFound']);
  expect(await send(none, missing)).toEqual([400, 'AURA305', 'PersistedQueryNotSupported']);
  expect(await send(open, { ...missing, query: '{ add(a: 1) }' })).toEqual({ add: 2 });
});

test('others are not run where only these are', async () => {
  expect(await send(closed, { query: ADD, variables: { a: 1 } })).toEqual({ add: 2 });
  expect((await send(closed, { query: '{ add(a: 1) }' })).slice(0, 2)).toEqual([403, 'AURA306']);
});

test('a file that has none is refused at the start', () => {
  writeFileSync(join(folder, 'list.json'), '[]');
  writeFileSync(join(folder, 'number.json'), '{"a": 1}');
  expect(() => loadDocuments(join(folder, 'list.json'))).toThrow('it is no JSON object');
  expect(() => loadDocuments(join(folder, 'number.json'))).toThrow('the document a is no text');
  expect(() => loadDocuments(join(folder, 'missing.json'))).toThrow('cannot be read from');
});
