/** Results as events: of those that a client does not take in time only the last one is kept. */
import { expect, test } from 'vitest';
import { createResultStream } from '../../server/graphql/result-stream.ts';

test('a thousand results that nobody reads are one or two', async () => {
  const { lines, send, complete } = createResultStream(60);
  for (let index = 1; index <= 1000; index++)
    send(Buffer.from(`{"index":${index},"pad":"${'x'.repeat(100_000)}"}`));
  expect(lines.readableLength).toBeLessThan(300_000);
  complete();
  const chunks: Buffer[] = [];
  for await (const chunk of lines) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  expect([...text.matchAll(/"index":(\d+)/g)].map(([, index]) => Number(index))).toEqual([1, 1000]);
  expect(text.endsWith('event: complete\ndata: \n\n')).toBe(true);
});

test('what was sent before the end comes before it', async () => {
  const { lines, send, complete } = createResultStream(60);
  send(Buffer.from('{"data":1}'));
  complete();
  send(Buffer.from('{"data":2}'));
  let text = '';
  for await (const chunk of lines) text += chunk;
  expect(text).toBe('event: next\ndata: {"data":1}\n\nevent: complete\ndata: \n\n');
});
