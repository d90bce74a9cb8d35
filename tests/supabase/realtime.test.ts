/** The channels of a Supabase project as its clients use them: its migrations, its policies, its triggers. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REALTIME_SUBSCRIBE_STATES, type RealtimeChannel, type SupabaseClient } from '@supabase/supabase-js';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { copyFixture, type Person, people, type Running, startDev } from './running.ts';

let running: Running;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  await chmod(folder, 0o755);
  await copyFixture(folder);
  running = await startDev(folder);
  return async () => {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  };
});

const clientOf = async (person?: Person): Promise<SupabaseClient> => {
  const client = running.client(person);
  // the first channel would otherwise join before the token is there
  if (person !== undefined) await client.realtime.setAuth();
  onTestFinished(async () => {
    await client.removeAllChannels();
  });
  return client;
};

const subscribed = (channel: RealtimeChannel): Promise<void> =>
  new Promise((resolve, reject) => {
    channel.subscribe((status, error) => {
      if (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED) resolve();
      else if (status !== REALTIME_SUBSCRIBE_STATES.CLOSED) reject(error ?? new Error(status));
    });
  });

test('a trigger tells the private channel of a tool, which its owner alone may join', async () => {
  const [ada, chitra] = await Promise.all([clientOf('ada'), clientOf('chitra')]);
  const config = { config: { private: true } };
  const heard: unknown[] = [];
  const channel = ada
    .channel('tool:1', config)
    .on('broadcast', { event: '*' }, ({ payload }) => heard.push(payload));
  await subscribed(channel);
  await expect(subscribed(chitra.channel('tool:1', config))).rejects.toThrow(/^Unauthorized: /);
  const loan = { tool_id: 1, period: '[2026-01-01,2026-01-02)', borrower_id: people.chitra };
  expect((await chitra.from('loans').insert(loan)).error).toBeNull();
  await expect
    .poll(() => heard)
    .toMatchObject([
      { operation: 'INSERT', table: 'loans', record: { tool_id: 1, status: 'requested' }, old_record: null },
    ]);
});

test('changes of published tables reach those who may see them', async () => {
  const [bo, anyone] = await Promise.all([clientOf('bo'), clientOf()]);
  const told: [string, string, unknown][] = [];
  const follow = (name: string, client: SupabaseClient): RealtimeChannel =>
    client
      .channel('tools')
      .on(
        'postgres_changes',
        { event: '*', schema: 'public', table: 'tools', filter: 'deposit=gt.90' },
        (change) => {
          told.push([name, change.eventType, change.eventType === 'DELETE' ? change.old : change.new]);
        },
      );
  await Promise.all([subscribed(follow('bo', bo)), subscribed(follow('anyone', anyone))]);
  const { data } = await bo
    .from('tools')
    .insert({ name: 'Saw', deposit: 99, tags: ['a', 'b'] })
    .select('id')
    .single();
  await bo.from('tools').update({ is_listed: false }).eq('id', data?.id);
  await bo.from('tools').update({ deposit: 10 }).eq('id', data?.id);
  await bo.from('tools').update({ deposit: 95 }).eq('id', data?.id);
  await bo.from('tools').delete().eq('id', data?.id);
  const of = (name: string): unknown[] =>
    told.filter(([whose]) => whose === name).map(([, type, row]) => [type, row]);
  await expect.poll(() => of('bo')).toHaveLength(4);
  expect(of('bo')).toMatchObject([
    ['INSERT', { name: 'Saw', deposit: 99, tags: ['a', 'b'], is_listed: true }],
    ['UPDATE', { is_listed: false }],
    ['UPDATE', { deposit: 95 }],
    ['DELETE', { id: data?.id }],
  ]);
  expect(of('anyone')).toMatchObject([['INSERT', { name: 'Saw' }]]);
});

test('columns can be chosen, several filters be given, and wrong ones are refused with a reason', async () => {
  const bo = await clientOf('bo');
  const told: unknown[] = [];
  const base = { event: 'UPDATE', schema: 'public', table: 'tools' } as const;
  const channel = bo
    .channel('some')
    .on(
      'postgres_changes',
      { ...base, filter: 'name=in.("Old ladder",Saw),deposit=lt.50', select: ['id', 'name'] },
      (change) => told.push(change.new),
    );
  await subscribed(channel);
  await bo.from('tools').update({ description: 'Repaired.' }).eq('id', 5);
  await expect.poll(() => told).toEqual([{ id: 5, name: 'Old ladder' }]);
  const wrong = bo
    .channel('wrong')
    .on('postgres_changes', { ...base, filter: 'nothing=eq.1' }, () => undefined);
  await expect(subscribed(wrong)).rejects.toThrow(/^42703: /);
});

test('presence and broadcasts between people', async () => {
  const [ada, bo] = await Promise.all([clientOf('ada'), clientOf('bo')]);
  const channelOf = (client: SupabaseClient, key: string): RealtimeChannel =>
    client.channel('hall', { config: { presence: { key }, broadcast: { ack: true } } });
  const [adas, bos] = [channelOf(ada, 'ada'), channelOf(bo, 'bo')];
  const heard: unknown[] = [];
  adas.on('presence', { event: 'sync' }, () => undefined);
  bos.on('broadcast', { event: 'wave' }, ({ payload }) => heard.push(payload));
  await Promise.all([subscribed(adas), subscribed(bos)]);
  expect(await bos.track({ mood: 'fine' })).toBe('ok');
  await expect.poll(() => adas.presenceState()).toMatchObject({ bo: [{ mood: 'fine' }] });
  expect(await adas.send({ type: 'broadcast', event: 'wave', payload: { to: 'bo' } })).toBe('ok');
  expect(await adas.httpSend('wave', { to: 'all' })).toEqual({ success: true });
  await expect.poll(() => heard).toEqual([{ to: 'bo' }, { to: 'all' }]);
});
