/**
 * Relay: its compiler reads the schema that `aura gen graphql` prints, and what it makes of fragments with
 * connections, pagination and refetching is run, sent by the digests that it persists.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadCatalog } from '../../server/catalog/load.ts';
import { printDefinition } from '../../server/graphql/definition.ts';
import { connectCatalog } from '../catalog/connect.ts';
import { type Api, startApi } from '../support/api.ts';
import { writeFiles } from '../support/folder.ts';
import { PATH, SETTINGS, useLibrary } from './fixture.ts';

const library = useLibrary();
const titleOf = (edge: { node: { title: string } }): string => edge.node.title;
const run = promisify(execFile);
const compiler = join(import.meta.dirname, '../../node_modules/relay-compiler/cli.js');

const CONFIG = {
  src: './src',
  schema: './schema.graphql',
  language: 'typescript',
  eagerEsModules: true,
  schemaConfig: { nodeInterfaceIdField: 'nodeId', nodeInterfaceIdVariableName: 'nodeId' },
  persistConfig: { file: './documents.json', algorithm: 'SHA256' },
};

/** The nodeId of the author 1. */
const AUTHOR = Buffer.from('["lib", "author", 1]').toString('base64');

const SOURCE = `
import { graphql } from 'relay-runtime';

graphql\`
  query shelvesQuery($count: Int!, $author: ID!) {
    ...shelves_books @arguments(count: $count)
    node(nodeId: $author) {
      ...shelves_author @alias
    }
  }
\`;

graphql\`
  fragment shelves_books on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "Cursor" })
  @refetchable(queryName: "shelvesBooksPaginationQuery") {
    bookCollection(first: $count, after: $cursor, orderBy: [{ title: AscNullsLast }])
    @connection(key: "shelves_bookCollection") {
      edges {
        node {
          title
          author {
            ...shelves_name
          }
        }
      }
    }
  }
\`;

graphql\`
  fragment shelves_name on Author {
    fullName
  }
\`;

graphql\`
  fragment shelves_author on Author
  @argumentDefinitions(count: { type: "Int", defaultValue: 1 }, cursor: { type: "Cursor" })
  @refetchable(queryName: "shelvesAuthorPaginationQuery") {
    ...shelves_name
    bookCollection(last: $count, before: $cursor) @connection(key: "shelves_author_bookCollection") {
      edges {
        node {
          title
        }
      }
    }
  }
\`;

graphql\`
  mutation shelvesAddMutation($objects: [AuthorInsertInput!]!, $connections: [ID!]!) {
    insertIntoAuthorCollection(objects: $objects) {
      records @appendNode(connections: $connections, edgeTypeName: "AuthorEdge") {
        ...shelves_name
      }
    }
  }
\`;
`;

let folder: string;
let api: Api;
let documents: Readonly<Record<string, string>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  const connection = await connectCatalog(library.database.uri);
  const catalog = await loadCatalog(connection.query, {
    schemas: ['lib', 'annex'],
    extraSearchPath: [],
    hoistedSettings: [],
  });
  await connection.close();
  const persisted = join(folder, 'documents.json');
  await writeFiles(folder, {
    'schema.graphql': printDefinition(catalog, catalog.schemas, false),
    'src/shelves.ts': SOURCE,
    'documents.json': '{}',
    'relay.config.json': JSON.stringify(CONFIG),
  });
  await run(process.execPath, [compiler, '--noWatchman', 'relay.config.json'], { cwd: folder });
  documents = JSON.parse(await readFile(persisted, 'utf8'));
  api = await startApi(library.database, {
    ...SETTINGS,
    'graphql-documents': persisted,
    'graphql-documents-only': true,
  });
}, 30_000);
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the operation of a name as Relay's network layer would: by its digest. */
const send = async (name: string, variables: Readonly<Record<string, unknown>>) => {
  const found = Object.entries(documents).find(([, text]) => text.includes(`${name}(`));
  const { json } = await api.request('POST', PATH, {
    as: 'authenticated',
    body: { documentId: found?.[0], variables },
  });
  expect(json.errors).toBeUndefined();
  return json.data;
};

test('every operation is compiled, those of refetchable fragments, too', () => {
  const names = Object.values(documents).map((text) => /(?:query|mutation) (\w+)/.exec(text)?.[1]);
  expect(names.toSorted()).toEqual([
    'shelvesAddMutation',
    'shelvesAuthorPaginationQuery',
    'shelvesBooksPaginationQuery',
    'shelvesQuery',
  ]);
});

test('a connection is read and walked on from its cursor', async () => {
  const first = await send('shelvesQuery', { count: 2, author: AUTHOR });
  expect(first.bookCollection.edges.map(titleOf)).toEqual(['Large', 'More']);
  expect(first.bookCollection.edges[0].node).toMatchObject({
    __typename: 'Book',
    author: { fullName: 'Pat Neil' },
  });
  const { pageInfo } = first.bookCollection;
  expect(pageInfo.hasNextPage).toBe(true);
  const next = await send('shelvesBooksPaginationQuery', { count: 2, cursor: pageInfo.endCursor });
  expect(next.bookCollection.edges.map(titleOf)).toEqual(['Night', 'Quiet Harbour']);
});

test('a fragment of a node is refetched by its id, walking backwards', async () => {
  const { node } = await send('shelvesQuery', { count: 1, author: AUTHOR });
  expect(node).toMatchObject({ __typename: 'Author', nodeId: AUTHOR, fullName: 'Ida Berg' });
  expect(node.bookCollection.edges.map(titleOf)).toEqual(['Ships']);
  const { startCursor, hasPreviousPage } = node.bookCollection.pageInfo;
  expect(hasPreviousPage).toBe(true);
  const next = await send('shelvesAuthorPaginationQuery', {
    nodeId: AUTHOR,
    count: 1,
    cursor: startCursor,
  });
  expect(next.node.bookCollection.edges.map(titleOf)).toEqual(['Quiet Harbour']);
  expect(next.node.bookCollection.pageInfo.hasPreviousPage).toBe(false);
});

test('what a mutation adds has what Relay puts into connections', async () => {
  const data = await send('shelvesAddMutation', { objects: [{ id: 50, fullName: 'New' }] });
  const [record] = data.insertIntoAuthorCollection.records;
  expect(record).toEqual({ fullName: 'New', nodeId: expect.any(String) });
});
