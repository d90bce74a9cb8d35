/** The hooks for what is live: rendered to text, and the store behind them over time. */
import { createElement, type FunctionComponent } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test, vi } from 'vitest';
import { createClient } from '../../sdk/index.ts';
import { useChannel } from '../../sdk/react/channel.ts';
import { LiveStore, useLiveQuery } from '../../sdk/react/live.ts';
import type { Database } from '../golden/codegen/tracks.types.ts';

interface Opened {
  readonly url: string;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A client whose streams are written by hand. */
const createHand = () => {
  const opened: Opened[] = [];
  const aura = createClient<Database>('http://server', {
    fetch: (async (request: Request) => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writer = writable.getWriter();
      opened.push({
        url: request.url,
        say: (text) => void writer.write(new TextEncoder().encode(text)),
        signal: request.signal,
      });
      return new Response(readable, { headers: { 'content-type': 'text/event-stream' } });
    }) as typeof fetch,
  });
  return { aura, opened };
};

const SNAPSHOT = 'event: snapshot\nid: 1\ndata: {"keys":[{"id":1}],"rows":[{"name":"bug"}]}\n\n';

test('components that ask the same share a stream, which ends a while behind the last of them', async () => {
  const { aura, opened } = createHand();
  const store = new LiveStore();
  const ask = () => store.of(aura.from('labels').select('name'));
  let renderings = 0;
  const leave = [ask(), ask()].map(({ subscribe }) => subscribe(() => (renderings += 1)));
  expect(ask().get()).toEqual({ rows: undefined, status: 'connecting', error: null });
  await expect.poll(() => opened.length).toBe(1);
  opened[0]?.say(SNAPSHOT);
  await expect.poll(() => ask().get().rows).toEqual([{ name: 'bug' }]);
  expect(ask().get()).toBe(ask().get());
  expect(renderings).toBe(2);

  leave[0]?.();
  opened[0]?.say('event: insert\nid: 2\ndata: {"key":{"id":2},"row":{"name":"docs"}}\n\n');
  await expect.poll(() => ask().get().rows).toEqual([{ name: 'bug' }, { name: 'docs' }]);
  expect(renderings).toBe(3);
  expect(opened[0]?.signal.aborted).toBe(false);

  vi.useFakeTimers();
  try {
    leave[1]?.();
    // somebody else comes in time, and goes
    const last = ask().subscribe(() => undefined);
    vi.advanceTimersByTime(2000);
    expect(opened[0]?.signal.aborted).toBe(false);
    last();
    vi.advanceTimersByTime(2000);
  } finally {
    vi.useRealTimers();
  }
  expect(opened[0]?.signal.aborted).toBe(true);
  expect(ask().get().rows).toBeUndefined();
  expect(opened).toHaveLength(1);
});

test('other queries and other clients have streams of their own', async () => {
  const { aura, opened } = createHand();
  const store = new LiveStore();
  const ends = [
    store.of(aura.from('labels').select('name')),
    store.of(aura.from('labels').select('id')),
    store.of(aura.as('somebody').from('labels').select('name')),
  ].map(({ subscribe }) => subscribe(() => undefined));
  await expect.poll(() => opened.length).toBe(3);
  for (const end of ends) end();
});

test('on a server they wait', () => {
  const { aura, opened } = createHand();
  const Page: FunctionComponent = () => {
    const { rows, status } = useLiveQuery(aura.from('labels').select('name'));
    const { status: room, here } = useChannel(aura, 'room');
    return createElement('p', null, `${rows?.length} ${status} ${room} ${Object.keys(here).length}`);
  };
  expect(renderToString(createElement(Page))).toBe('<p>undefined connecting joining 0</p>');
  expect(opened).toEqual([]);
});
