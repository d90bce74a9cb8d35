/** When a live query takes its connection for dead, and when it does not wait to try again. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createClient } from '../../sdk/index.ts';
import { Live } from '../../sdk/realtime/live.ts';
import { onWake } from '../../sdk/realtime/wake.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a machine that has slept is noticed, one that is only busy is not', () => {
  let woken = 0;
  const end = onWake(() => (woken += 1));
  vi.advanceTimersByTime(60_000);
  expect(woken).toBe(0);
  // the clock goes on while timers stand still
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(5000);
  expect(woken).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(woken).toBe(1);
  end();
  vi.setSystemTime(Date.now() + 3_600_000);
  vi.advanceTimersByTime(60_000);
  expect(woken).toBe(1);
});

/** A live query over streams that are written by hand. */
const createFollowed = () => {
  const requests: Request[] = [];
  const writers: WritableStreamDefaultWriter<Uint8Array>[] = [];
  const aura = createClient('http://server', {
    retries: { pause: 60_000, longest: 60_000 },
    fetch: (async (request: Request) => {
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      requests.push(request);
      writers.push(writable.getWriter());
      request.signal.addEventListener(
        'abort',
        () =>
          void writers
            .at(-1)
            ?.abort()
            .catch(() => undefined),
      );
      return new Response(readable);
    }) as typeof fetch,
  });
  const live = new Live<{ name: string }>(aura.from('labels').select('name').state);
  const say = (text: string): void => void writers.at(-1)?.write(new TextEncoder().encode(text));
  return { live, requests, say };
};

const SNAPSHOT = 'event: snapshot\nid: 1\ndata: {"keys":[{"id":1}],"rows":[{"name":"bug"}]}\n\n';

test('a stream that is silent is made anew, from where it was, and a heartbeat keeps it', async () => {
  const { live, requests, say } = createFollowed();
  await vi.advanceTimersByTimeAsync(10);
  say(SNAPSHOT);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(live.state).toMatchObject({ status: 'live', rows: [{ name: 'bug' }] });
  say(':\n\n');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(live.state.status).toBe('live');
  await vi.advanceTimersByTimeAsync(30_000);
  expect(live.state.status).toBe('reconnecting');
  expect(live.state.rows).toEqual([{ name: 'bug' }]);
  await vi.advanceTimersByTimeAsync(60_000);
  // pauses are random: it may have been silent for long enough once more
  expect(requests[1]?.headers.get('last-event-id')).toBe('1');
  live.close();
});

test('what waits to try again does so at once when the machine wakes', async () => {
  const { live, requests, say } = createFollowed();
  await vi.advanceTimersByTimeAsync(10);
  say(`${SNAPSHOT}event: end\ndata: {"code":"AURA406","message":"The server is being stopped"}\n\n`);
  await vi.advanceTimersByTimeAsync(10);
  expect(live.state).toMatchObject({ status: 'reconnecting', error: { code: 'AURA406' } });
  expect(requests).toHaveLength(1);
  vi.setSystemTime(Date.now() + 3_600_000);
  await vi.advanceTimersByTimeAsync(5000);
  expect(requests).toHaveLength(2);
  live.close();
});
