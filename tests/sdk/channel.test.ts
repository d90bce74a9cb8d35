/** Channels through the client, over the example project. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Change, type Channel, type Client, createClient, type Presence } from '../../sdk/index.ts';
import type { Database } from '../golden/codegen/tracks.types.ts';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadLiveTracks, people } from '../support/tracks.ts';

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(await loadLiveTracks());
  api = await startApi(database);
});
afterAll(async () => {
  await api.close();
  await database.close();
});

const clientOf = (sub: string): Client<Database, 'public'> =>
  createClient<Database>(api.origin, {
    token: tokenFor({ role: 'authenticated', sub }),
    retries: { pause: 20, longest: 100 },
  });

const kept = <T extends object>(channel: Channel<T>): Channel<T> => {
  onTestFinished(() => channel.leave());
  return channel;
};

test('messages reach everybody else in the channel, and oneself where that is wished', async () => {
  const got: unknown[] = [];
  const hear = (name: string) => (payload: unknown, event: string) => void got.push([name, event, payload]);
  const one = kept(await clientOf(people.mira).channel('room', { messages: { hi: hear('one') } }));
  const two = kept(
    await clientOf(people.jonas).channel('room', {
      messages: { '*': hear('two') },
      self: true,
      acknowledge: true,
    }),
  );
  kept(await clientOf(people.jonas).channel('elsewhere', { messages: { '*': hear('nobody') } }));
  await one.send('hi', { n: 1 });
  await expect.poll(() => got).toEqual([['two', 'hi', { n: 1 }]]);
  await two.send('hi', { n: 2 });
  await expect.poll(() => got.length).toBe(3);
  expect(got).toContainEqual(['one', 'hi', { n: 2 }]);
  expect(got).toContainEqual(['two', 'hi', { n: 2 }]);
});

test('who is there is known to everybody, and who leaves is gone', async () => {
  let seen: Presence<{ name: string }> = {};
  const watcher = kept(
    await clientOf(people.mira).channel<{ name: string }>('lobby', {
      key: 'mira',
      presence: (state) => {
        seen = state;
      },
    }),
  );
  await watcher.track({ name: 'Mira' });
  const guest = kept(await clientOf(people.jonas).channel<{ name: string }>('lobby', { key: 'jonas' }));
  await guest.track({ name: 'Jonas' });
  await expect.poll(() => seen).toEqual({ mira: [{ name: 'Mira' }], jonas: [{ name: 'Jonas' }] });
  await guest.track({ name: 'Jonas, away' });
  await expect.poll(() => seen['jonas']).toEqual([{ name: 'Jonas, away' }]);
  guest.leave();
  await expect.poll(() => seen).toEqual({ mira: [{ name: 'Mira' }] });
  await watcher.untrack();
  await expect.poll(() => seen).toEqual({});
  expect(watcher.presence).toEqual({});
});

test('changes come to those who may see the row, with its type', async () => {
  const got: [string, Change<Database['public']['Tables']['tasks']['Row']>][] = [];
  const watch = async (name: string, sub: string) =>
    kept(
      await clientOf(sub).channel('changes', {
        changes: [
          { table: 'tasks', filter: 'project_id=eq.1', on: (change) => void got.push([name, change]) },
        ],
      }),
    );
  await watch('mira', people.mira);
  await watch('priya', people.priya);
  const mira = clientOf(people.mira);
  const { id } = await mira
    .from('tasks')
    .insert({ project_id: 1, title: 'Seen by Mira' })
    .select('id')
    .single()
    .orThrow();
  await mira.from('tasks').insert({ project_id: 2, title: 'Elsewhere' });
  await mira.from('tasks').update({ title: 'Changed' }).eq('id', id);
  await mira.from('tasks').delete().eq('id', id);
  await expect
    .poll(() => got.map(([name, { kind }]) => [name, kind]))
    .toEqual([
      ['mira', 'INSERT'],
      ['mira', 'UPDATE'],
      ['mira', 'DELETE'],
    ]);
  expect(got[0]?.[1].new).toMatchObject({ id, title: 'Seen by Mira', project_id: 1 });
  expect(got[1]?.[1].new?.title).toBe('Changed');
  expect(got[2]?.[1].old).toEqual({ id });
});

test('a channel that is refused says why', async () => {
  const refused = clientOf(people.mira).channel('private room', { private: true });
  await expect(refused).rejects.toMatchObject({
    name: 'AuraError',
    message: expect.stringMatching(/permission|authori/i),
  });
  const unknown = createClient(api.origin).channel('any', {
    changes: [{ table: 'nothing', on: () => undefined }],
  });
  await expect(unknown).rejects.toMatchObject({ name: 'AuraError' });
});

test('after a loss it is joined again, with what was tracked and watched', async () => {
  const sockets: WebSocket[] = [];
  const statuses: string[] = [];
  const titles: (string | undefined)[] = [];
  const aura = createClient<Database>(api.origin, {
    token: tokenFor({ role: 'authenticated', sub: people.mira }),
    retries: { pause: 20, longest: 100 },
    openSocket: (url) => {
      const socket = new WebSocket(url);
      sockets.push(socket);
      return socket;
    },
  });
  const room = kept(
    await aura.channel<{ name: string }>('again', {
      key: 'mira',
      presence: () => undefined,
      changes: [{ table: 'tasks', event: 'UPDATE', on: ({ new: row }) => void titles.push(row?.title) }],
      onStatus: (status) => void statuses.push(status),
    }),
  );
  await room.track({ name: 'Mira' });
  await expect.poll(() => room.presence).toEqual({ mira: [{ name: 'Mira' }] });
  sockets[0]?.close();
  await expect.poll(() => statuses).toEqual(['joined', 'rejoining', 'joined']);
  await expect.poll(() => room.presence).toEqual({ mira: [{ name: 'Mira' }] });
  await database.query(`update tasks set title = 'Once more' where id = 1`);
  await expect.poll(() => titles).toEqual(['Once more']);
  expect(sockets).toHaveLength(2);
});
