/** The hooks for React, rendered to text and, for what happens over time, in a document of their own making. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createElement, type FunctionComponent } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';
import { createClient } from '../../sdk/index.ts';
import { queryKey, queryOptions, useMutation, useQuery } from '../../sdk/react/hooks.ts';
import type { Database } from '../golden/codegen/tracks.types.ts';

const sent: Request[] = [];
const answers = new Map<string, () => Response>([
  ['GET /rest/v1/labels', () => Response.json([{ name: 'bug' }])],
  ['POST /rest/v1/labels', () => new Response(null, { status: 201 })],
  ['GET /rest/v1/tasks', () => Response.json({ code: '42501', message: 'not for you' }, { status: 403 })],
]);
const aura = createClient<Database>('http://server', {
  fetch: (async (request: Request) => {
    sent.push(request);
    return (
      answers.get(`${request.method} ${new URL(request.url).pathname}`)?.() ??
      new Response(null, { status: 404 })
    );
  }) as typeof fetch,
});
const labels = aura.from('labels').select('name');

const render = (client: QueryClient, component: FunctionComponent): string =>
  renderToString(createElement(QueryClientProvider, { client }, createElement(component)));

test('a query that is there is shown, with its type', async () => {
  const client = new QueryClient();
  await client.prefetchQuery(queryOptions(labels));
  const Labels = () => {
    const { data, isPending } = useQuery(labels);
    const names: readonly string[] | undefined = data?.map(({ name }) => name);
    return createElement('p', null, isPending ? 'wait' : names?.join());
  };
  expect(render(client, Labels)).toBe('<p>bug</p>');
  expect(render(new QueryClient(), Labels)).toBe('<p>wait</p>');
});

test('an error is the error of the server', async () => {
  const client = new QueryClient();
  const tasks = aura.from('tasks').select('id');
  const before = sent.length;
  await expect(client.fetchQuery(queryOptions(tasks))).rejects.toMatchObject({ code: '42501', status: 403 });
  expect(sent.length).toBe(before + 1);
});

test('keys tell queries and clients apart, and hold no token', () => {
  const keys = [
    labels,
    labels.limit(1),
    labels.single(),
    aura.as('secret-token').from('labels').select('name'),
  ].map(queryKey);
  expect(new Set(keys.map((key) => JSON.stringify(key))).size).toBe(4);
  expect(JSON.stringify(keys)).not.toContain('secret-token');
  expect(queryKey(aura.from('labels').select('name'))).toEqual(queryKey(labels));
});

test('a mutation has the queries of what it wrote asked again', async () => {
  const client = new QueryClient();
  await client.prefetchQuery(queryOptions(labels));
  let add: ((name: string) => Promise<null>) | undefined;
  const Form = () => {
    const { mutateAsync } = useMutation((name: string) =>
      aura.from('labels').insert({ organization_id: 1, name }),
    );
    add = mutateAsync;
    return null;
  };
  render(client, Form);
  expect(client.getQueryState(queryKey(labels))?.isInvalidated).toBe(false);
  await add?.('new');
  expect(await sent.at(-1)?.json()).toEqual({ organization_id: 1, name: 'new' });
  expect(client.getQueryState(queryKey(labels))?.isInvalidated).toBe(true);
});
