/** Clients as people use them: urql, whose cache asks for `__typename` everywhere, and GraphQL's own tools. */
import { Client, cacheExchange, fetchExchange, gql } from '@urql/core';
import { buildClientSchema, GraphQLObjectType, getIntrospectionQuery, printSchema } from 'graphql';
import { expect, test } from 'vitest';
import { tokenFor } from '../support/api.ts';
import { PATH, useLibrary } from './fixture.ts';

const library = useLibrary({ 'graphql-introspection': '*', 'db-tx-end': 'commit' });

const createClient = (): Client =>
  new Client({
    url: `${library.api.origin}${PATH}`,
    preferGetMethod: 'within-url-limit',
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: { headers: { Authorization: `Bearer ${tokenFor('authenticated')}` } },
  });

const AUTHOR = gql`
  fragment AuthorName on Author {
    id
    fullName
  }
`;

test('urql reads with fragments, writes, and reads anew what was written', async () => {
  const client = createClient();
  const query = gql`
    query Books($first: Int!) {
      bookCollection(first: $first) {
        edges {
          node {
            id
            author {
              ...AuthorName
            }
          }
        }
      }
    }
    ${AUTHOR}
  `;
  const first = await client.query(query, { first: 1 }).toPromise();
  expect(first.error).toBeUndefined();
  expect(first.data.bookCollection.edges[0].node).toMatchObject({
    __typename: 'Book',
    author: { __typename: 'Author', id: 1, fullName: 'Ida Berg' },
  });
  const mutation = gql`
    mutation Rename($id: Int!, $name: String!) {
      updateAuthorCollection(set: { fullName: $name }, filter: { id: { eq: $id } }) {
        records {
          ...AuthorName
        }
      }
    }
    ${AUTHOR}
  `;
  const written = await client.mutation(mutation, { id: 1, name: 'Ida B.' }).toPromise();
  expect(written.error).toBeUndefined();
  const second = await client.query(query, { first: 1 }).toPromise();
  expect(second.data.bookCollection.edges[0].node.author.fullName).toBe('Ida B.');
});

test('urql tells what PostgreSQL refused', async () => {
  const { error } = await createClient().mutation(gql('mutation { fail }'), {}).toPromise();
  expect(error?.graphQLErrors[0]?.message).toBe('no');
  expect(error?.graphQLErrors[0]?.extensions).toMatchObject({ code: 'P0001', hint: 'the hint' });
});

test('the schema has what Relay asks of connections and nodes', async () => {
  const schema = buildClientSchema(await library.data(getIntrospectionQuery()));
  expect(printSchema(schema)).toContain('interface Node {');
  const query = schema.getQueryType()?.getFields() ?? {};
  expect(query['node']?.args.map(({ name, type }) => [name, String(type)])).toEqual([['nodeId', 'ID!']]);
  const info = schema.getType('PageInfo');
  expect(info).toBeInstanceOf(GraphQLObjectType);
  expect(Object.keys((info as GraphQLObjectType).getFields()).toSorted()).toEqual([
    'endCursor',
    'hasNextPage',
    'hasPreviousPage',
    'startCursor',
  ]);
  for (const [name, { args }] of Object.entries(query).filter(([name]) => name.endsWith('Collection'))) {
    const names = args.map((argument) => argument.name);
    expect(names, name).toEqual(expect.arrayContaining(['first', 'after', 'last', 'before']));
    const connection = schema.getType(String(query[name]?.type).replace('!', '')) as GraphQLObjectType;
    expect(Object.keys(connection.getFields()), name).toEqual(expect.arrayContaining(['edges', 'pageInfo']));
    const edge = schema.getType(String(connection.getFields()['edges']?.type).replaceAll(/[[\]!]/g, ''));
    expect(Object.keys((edge as GraphQLObjectType).getFields()).toSorted(), name).toEqual(['cursor', 'node']);
  }
});
