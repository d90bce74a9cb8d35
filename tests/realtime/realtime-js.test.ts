/** Supabase's own client, as it comes from npm. */
import { REALTIME_SUBSCRIBE_STATES, type RealtimeChannel, RealtimeClient } from '@supabase/realtime-js';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { INSTALL } from './channels.ts';

let database: TestDatabase;
let api: Api;
let other: Api;
beforeAll(async () => {
  database = await createDatabase(`${INSTALL};
    create policy receive on realtime.messages for select to authenticated using (realtime.topic() like 'ours%');
    create policy send on realtime.messages for insert to authenticated with check (realtime.topic() like 'ours%');`);
  [api, other] = await Promise.all([startApi(database), startApi(database)]);
  return async () => {
    await Promise.all([api.close(), other.close()]);
    await database.close();
  };
});

type Version = '1.0.0' | '2.0.0';

function client(on: Api, vsn: Version = '2.0.0', as = 'anon'): RealtimeClient {
  const made = new RealtimeClient(`${on.origin.replace('http', 'ws')}/realtime/v1`, {
    vsn,
    params: { apikey: tokenFor(as) },
    timeout: 5000,
    // biome-ignore lint/suspicious/noExplicitAny: types of ws and of the browser differ in events
    transport: WebSocket as any,
  });
  onTestFinished(async () => {
    await made.removeAllChannels();
  });
  return made;
}

const subscribed = (channel: RealtimeChannel): Promise<RealtimeChannel> =>
  new Promise((resolve, reject) => {
    channel.subscribe((status, error) => {
      if (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED) resolve(channel);
      else if (status !== REALTIME_SUBSCRIBE_STATES.CLOSED) reject(error ?? new Error(status));
    });
  });

/** What a channel hears, and a promise of so much of it. */
function hearing(
  channel: RealtimeChannel,
  event: string,
): { list: unknown[]; until: (count: number) => Promise<unknown[]> } {
  const list: unknown[] = [];
  channel.on('broadcast', { event }, ({ payload }) => list.push(payload));
  return {
    list,
    until: async (count) => {
      await expect.poll(() => list.length, { timeout: 5000 }).toBeGreaterThanOrEqual(count);
      return list;
    },
  };
}

describe.each(['1.0.0', '2.0.0'] as const)('serializer %s', (vsn) => {
  test('broadcasts reach both versions in both processes, itself included, with an answer', async () => {
    const config = { config: { broadcast: { self: true, ack: true } } };
    const channels = [client(api, vsn), client(other, '1.0.0'), client(other, '2.0.0')].map((one) =>
      one.channel('room', config),
    );
    const heard = channels.map((channel) => hearing(channel, 'shout'));
    await Promise.all(channels.map(subscribed));
    const message = { text: 'hällo', nested: [{ a: null }] };
    expect(await channels[0]?.send({ type: 'broadcast', event: 'shout', payload: message })).toBe('ok');
    for (const { until } of heard) expect(await until(1)).toEqual([message]);
  });

  test('presence: state, joins and leaves', async () => {
    const [ann, bob] = [
      client(api, vsn).channel('office', { config: { presence: { key: 'ann' } } }),
      client(other, vsn).channel('office', { config: { presence: { key: 'bob' } } }),
    ];
    const events: string[] = [];
    ann
      .on('presence', { event: 'join' }, ({ key }) => events.push(`join ${key}`))
      .on('presence', { event: 'leave' }, ({ key }) => events.push(`leave ${key}`))
      .on('presence', { event: 'sync' }, () => undefined);
    bob.on('presence', { event: 'sync' }, () => undefined);
    await Promise.all([ann, bob].map(subscribed));
    expect(await ann.track({ at: 'desk' })).toBe('ok');
    expect(await bob.track({ at: 'door' })).toBe('ok');
    for (const channel of [ann, bob]) {
      await expect.poll(() => Object.keys(channel.presenceState()).toSorted()).toEqual(['ann', 'bob']);
      expect(channel.presenceState()['bob']).toEqual([{ at: 'door', presence_ref: expect.any(String) }]);
    }
    expect(await bob.untrack()).toBe('ok');
    await expect.poll(() => events).toEqual(['join ann', 'join bob', 'leave bob']);
  });
});

test('bytes go through', async () => {
  const channel = client(api).channel('bytes', { config: { broadcast: { self: true, ack: true } } });
  const { until } = hearing(channel, 'raw');
  await subscribed(channel);
  const bytes = new Uint8Array([125, 255, 0]).buffer;
  expect(await channel.send({ type: 'broadcast', event: 'raw', payload: bytes })).toBe('ok');
  const [got] = await until(1);
  expect([...new Uint8Array(got as ArrayBuffer)]).toEqual([125, 255, 0]);
});

test('messages by HTTP, from who has not joined', async () => {
  const channel = client(api).channel('posted');
  const { until } = hearing(channel, 'e');
  await subscribed(channel);
  const outside = client(other).channel('posted');
  expect(await outside.httpSend('e', { n: 1 })).toEqual({ success: true });
  expect(await outside.send({ type: 'broadcast', event: 'e', payload: { n: 2 } })).toBe('ok');
  expect(await until(2)).toEqual([{ n: 1 }, { n: 2 }]);
});

test('private channels take the token that is set, and are refused without one', async () => {
  const user = client(api);
  await user.setAuth(tokenFor('authenticated'));
  const config = { config: { private: true, broadcast: { self: true, ack: true } } };
  const channel = user.channel('ours', config);
  const { until } = hearing(channel, 'e');
  await subscribed(channel);
  expect(await channel.send({ type: 'broadcast', event: 'e', payload: { n: 1 } })).toBe('ok');
  await database.query(`select realtime.send('{"n": 2}', 'e', 'ours')`);
  expect(await until(2)).toMatchObject([{ n: 1 }, { n: 2 }]);
  await expect(subscribed(client(api).channel('ours', config))).rejects.toThrow(/^Unauthorized: /);
  await expect(subscribed(user.channel('theirs', config))).rejects.toThrow(/^Unauthorized: /);
});

test('it comes back by itself after the server was away, and goes on', async () => {
  const brief = await startApi(database);
  const port = brief.port;
  const channel = client(brief).channel('again');
  const { until } = hearing(channel, 'e');
  await subscribed(channel);
  await brief.close();
  const next = await startApi(database, { 'server-port': port });
  try {
    await expect.poll(() => channel.state, { timeout: 8000 }).not.toBe('joined');
    await expect.poll(() => channel.state, { timeout: 8000 }).toBe('joined');
    await client(next).channel('again').httpSend('e', { n: 1 });
    expect(await until(1)).toEqual([{ n: 1 }]);
  } finally {
    await next.close();
  }
}, 20_000);
