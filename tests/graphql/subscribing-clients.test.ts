/** Clients of others: those of graphql-ws and graphql-sse, and urql with each of them and alone. */
import { Client, fetchExchange, type OperationResult, subscriptionExchange } from '@urql/core';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { tokenFor } from '../support/api.ts';
import { useRooms } from './subscription-fixture.ts';

const rooms = useRooms();
const ada = { role: 'authenticated', sub: 'ada' };
const url = (): string => `${rooms.api.origin}/graphql/v1`;
const NOTES =
  'subscription N($owner: String) { noteCollection(filter: { owner: { eq: $owner } }) { edges { node { title } } } }';

const webSocketClient = (as: () => object) => {
  const client = createWsClient({
    url: url().replace('http', 'ws'),
    webSocketImpl: WebSocket,
    connectionParams: () => ({ Authorization: `Bearer ${tokenFor(as() as Record<string, unknown>)}` }),
    retryWait: async () => undefined,
  });
  onTestFinished(() => void client.dispose());
  return client;
};

const titlesIn = (data: unknown): string[] =>
  (data as { noteCollection: { edges: { node: { title: string } }[] } }).noteCollection.edges.map(
    ({ node }) => node.title,
  );

test('graphql-ws', async () => {
  const client = webSocketClient(() => ada);
  const results = client.iterate<unknown>({ query: NOTES, variables: { owner: 'ada' } });
  expect(titlesIn((await results.next()).value?.data)).toEqual([]);
  await rooms.run(`insert into note values (1, null, 'ada', 'a'), (2, null, 'ben', 'b')`);
  expect(titlesIn((await results.next()).value?.data)).toEqual(['a']);
  await results.return?.();
  const made = client.iterate({
    query: 'mutation { updatenoteCollection(set: { title: "c" }) { affectedCount } }',
  });
  expect((await made.next()).value).toEqual({ data: { updatenoteCollection: { affectedCount: 1 } } });
  expect((await made.next()).done).toBe(true);
  const wrong = client.iterate({ query: 'subscription { nothing }' });
  await expect(wrong.next()).rejects.toMatchObject([{ message: expect.stringContaining('nothing') }]);
});

test('graphql-ws comes back with another token when the first one has ended', async () => {
  let tokens = 0;
  const client = webSocketClient(() => {
    tokens += 1;
    return tokens === 1 ? { ...ada, exp: Math.floor(Date.now() / 1000) - 29 } : ada;
  });
  const results = client.iterate<unknown>({ query: NOTES });
  expect(titlesIn((await results.next()).value?.data)).toEqual([]);
  // it is answered anew
  expect(titlesIn((await results.next()).value?.data)).toEqual([]);
  expect(tokens).toBe(2);
  await rooms.run(`insert into note values (1, null, 'ada', 'a')`);
  expect(titlesIn((await results.next()).value?.data)).toEqual(['a']);
});

test('graphql-sse', async () => {
  const client = createSseClient({
    url: url(),
    headers: () => ({ Authorization: `Bearer ${tokenFor(ada)}` }),
    retryAttempts: 0,
  });
  onTestFinished(() => client.dispose());
  const results = client.iterate<unknown>({ query: NOTES, variables: { owner: 'ada' } });
  expect(titlesIn((await results.next()).value?.data)).toEqual([]);
  await rooms.run(`insert into note values (1, null, 'ada', 'a')`);
  expect(titlesIn((await results.next()).value?.data)).toEqual(['a']);
  await results.return?.();
  const query = client.iterate({ query: '{ noteCollection { edges { node { title } } } }' });
  expect(titlesIn((await query.next()).value?.data)).toEqual(['a']);
  expect((await query.next()).done).toBe(true);
  const wrong = client.iterate({ query: 'subscription { nothing }' });
  expect((await wrong.next()).value?.errors?.[0]?.message).toContain('nothing');
  expect((await wrong.next()).done).toBe(true);
});

/** Results as they come. */
function listen(client: Client): OperationResult[] {
  const results: OperationResult[] = [];
  const { unsubscribe } = client.subscription(NOTES, { owner: 'ada' }).subscribe((result) => {
    results.push(result);
  });
  onTestFinished(unsubscribe);
  return results;
}

async function follow(results: readonly OperationResult[]): Promise<void> {
  await expect.poll(() => results.map(({ data }) => titlesIn(data))).toEqual([[]]);
  await rooms.run(`insert into note values (1, null, 'ada', 'a')`);
  await expect.poll(() => results.map(({ data }) => titlesIn(data))).toEqual([[], ['a']]);
  expect(results.every(({ error, hasNext }) => error === undefined && hasNext)).toBe(true);
}

test('urql, whose subscription exchange has a client of graphql-ws', async () => {
  const sockets = webSocketClient(() => ada);
  const client = new Client({
    url: url(),
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: (sink) => ({
            unsubscribe: sockets.subscribe(
              { query, variables: variables as Record<string, unknown> },
              { ...sink, next: (value) => sink.next(value as Parameters<typeof sink.next>[0]) },
            ),
          }),
        }),
      }),
    ],
    preferGetMethod: false,
  });
  await follow(listen(client));
});

test('urql, which fetches subscriptions itself', async () => {
  const client = new Client({
    url: url(),
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    fetchOptions: () => ({ headers: { Authorization: `Bearer ${tokenFor(ada)}` } }),
    preferGetMethod: false,
  });
  await follow(listen(client));
  // its other operations accept event streams, too, and would rather have JSON
  const { data, error } = await client
    .query('{ noteCollection { edges { node { title } } } }', {})
    .toPromise();
  expect([titlesIn(data), error]).toEqual([['a'], undefined]);
});
