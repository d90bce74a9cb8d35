/** Presence: who is there, in all processes, and who is not any more. */
import { beforeAll, expect, test } from 'vitest';
import { type Api, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { aMoment, type Client, connect, INSTALL } from './channels.ts';

let database: TestDatabase;
let one: Api;
let other: Api;
beforeAll(async () => {
  database = await createDatabase(INSTALL);
  [one, other] = await Promise.all([startApi(database), startApi(database)]);
  return async () => {
    await Promise.all([one.close(), other.close()]);
    await database.close();
  };
});

interface Meta {
  readonly phx_ref: string;
}
type State = Record<string, { metas: Meta[] }>;

/** What a client knows: the state and the differences, put together as clients do. */
function known({ heard }: Client, topic: string): Record<string, Meta[]> {
  const state: Record<string, Meta[]> = {};
  const apply = (joins: State, leaves: State): void => {
    for (const [key, { metas }] of Object.entries(joins)) {
      const added = metas.filter(({ phx_ref }) => !state[key]?.some((meta) => meta.phx_ref === phx_ref));
      state[key] = [...(state[key] ?? []), ...added];
    }
    for (const [key, { metas }] of Object.entries(leaves)) {
      const left = state[key]?.filter((meta) => !metas.some(({ phx_ref }) => phx_ref === meta.phx_ref)) ?? [];
      if (left.length > 0) state[key] = left;
      else delete state[key];
    }
  };
  for (const message of heard) {
    if (message.topic !== topic) continue;
    if (message.event === 'presence_state') apply(message.payload, {});
    else if (message.event === 'presence_diff') apply(message.payload.joins, message.payload.leaves);
  }
  return state;
}

const names = (client: Client, topic: string): string[] => Object.keys(known(client, topic)).toSorted();
const config = (key?: string) => ({ presence: { enabled: true, key } });
const track = (client: Client, topic: string, payload: unknown = {}) =>
  client.call(topic, 'presence', { type: 'presence', event: 'track', payload });

/** Waits until a client knows these to be there. */
const sees = (client: Client, topic: string, ...expected: readonly string[]): Promise<unknown> =>
  client.until(() => names(client, topic).join() === expected.join(), `${expected.join()} in ${topic}`);

test('who comes and goes is told in all processes, and to who comes later', async () => {
  const topic = 'realtime:office';
  const [ann, bob] = await Promise.all([connect(one), connect(other)]);
  await ann.join(topic, config('ann'));
  await ann.until(({ event }) => event === 'presence_state');
  expect(ann.heard.at(-1)?.payload).toEqual({});
  expect(await track(ann, topic, { at: 'desk', phx_ref: 'forged' })).toEqual({ status: 'ok', response: {} });
  await bob.join(topic, config('bob'));
  await sees(bob, topic, 'ann');
  expect(known(bob, topic)['ann']).toEqual([{ at: 'desk', phx_ref: expect.not.stringMatching('forged') }]);
  await track(bob, topic, {});
  await sees(ann, topic, 'ann', 'bob');
  ann.close();
  await sees(bob, topic, 'bob');
  await bob.call(topic, 'presence', { event: 'untrack' });
  await sees(bob, topic);
});

test('a change of what one says is one difference, and saying it again is none', async () => {
  const topic = 'realtime:moves';
  const [ann, bob] = await Promise.all([connect(one), connect(other)]);
  await bob.join(topic, config());
  await ann.join(topic, config('ann'));
  await track(ann, topic, { x: 1 });
  await track(ann, topic, { x: 2 });
  await track(ann, topic, { x: 2 });
  await track(ann, topic, { x: 3 });
  await bob.until(({ payload }) => payload.joins?.ann?.metas[0]?.x === 3);
  const differences = bob.heard
    .filter(({ event }) => event === 'presence_diff')
    .map(({ payload }) => payload);
  expect(differences.map(({ joins, leaves }) => [joins.ann?.metas[0].x, leaves.ann?.metas[0].x])).toEqual([
    [1, undefined],
    [2, 1],
    [3, 2],
  ]);
});

test('several members of one key are several', async () => {
  const topic = 'realtime:tabs';
  const [tab, second, watcher] = await Promise.all([connect(one), connect(other), connect(one)]);
  await watcher.join(topic, config());
  for (const client of [tab, second]) {
    await client.join(topic, config('ann'));
    await track(client, topic);
  }
  await watcher.until(() => known(watcher, topic)['ann']?.length === 2);
  second.close();
  await watcher.until(() => known(watcher, topic)['ann']?.length === 1);
});

test('who does not ask for presence is seen, and hears of others from when it is', async () => {
  const topic = 'realtime:blind';
  const [blind, watcher] = await Promise.all([connect(one), connect(one, { version: '1.0.0' })]);
  await watcher.join(topic, config('watcher'));
  await blind.join(topic, { presence: { enabled: false, key: 'blind' } });
  await track(watcher, topic, { x: 1 });
  await aMoment();
  expect(blind.heard.every(({ event }) => event === 'phx_reply')).toBe(true);
  await track(blind, topic);
  await sees(watcher, topic, 'blind', 'watcher');
  await track(watcher, topic, { x: 2 });
  await blind.until(
    ({ event, payload }) => event === 'presence_diff' && payload.joins.watcher?.metas[0].x === 2,
  );
  expect(blind.heard.some(({ event }) => event === 'presence_state')).toBe(false);
});

test('without a key each member has one of its own', async () => {
  const topic = 'realtime:nameless';
  const client = await connect(one);
  await client.join(topic, config(''));
  await track(client, topic);
  await client.until(() => names(client, topic).length === 1);
  expect(names(client, topic)[0]).toMatch(/^[0-9a-f-]{36}$/);
});

test('many come at once', async () => {
  const topic = 'realtime:crowd';
  const watcher = await connect(other);
  await watcher.join(topic, config());
  const crowd = await Promise.all(Array.from({ length: 40 }, () => connect(one)));
  await Promise.all(
    crowd.map(async (client, index) => {
      await client.join(topic, config(`user ${index}`));
      await track(client, topic, { text: 'ä'.repeat(500) });
    }),
  );
  await watcher.until(() => names(watcher, topic).length === 40);
  for (const client of crowd) client.close();
  await sees(watcher, topic);
  const { rows } = await database.query(`select count(*)::int from realtime.presences where topic = 'crowd'`);
  expect(rows).toEqual([{ count: 0 }]);
});

test.each([
  ['a list', []],
  ['a text', 'here'],
])('%s is refused', async (_what, payload) => {
  const client = await connect(one);
  await client.join('realtime:odd', config('odd'));
  expect(await track(client, 'realtime:odd', payload)).toEqual({
    status: 'error',
    response: { reason: 'Presence track payload must be a map' },
  });
});

test('odd texts are told as they are, and odd keys refused', async () => {
  const topic = 'realtime:odd';
  const [client, far] = await Promise.all([connect(one), connect(other)]);
  await far.join(topic, config('far'));
  await client.join(topic, config('"\\'));
  await track(client, topic, { a: '\0', b: '\ud800', c: '"}' });
  await far.until(() => known(far, topic)['"\\'] !== undefined);
  expect(known(far, topic)['"\\']).toMatchObject([{ a: '\0', b: '\ud800', c: '"}' }]);
  expect(await client.join('realtime:keys', config('\0'))).toMatchObject({ status: 'error' });
  expect(await client.join('realtime:\ud800', config())).toMatchObject({ status: 'error' });
});

test('a process that was taken for dead tells of its members again', async () => {
  const topic = 'realtime:undead';
  const [ann, bob] = await Promise.all([connect(one), connect(other)]);
  await bob.join(topic, config('bob'));
  await ann.join(topic, config('ann'));
  await track(ann, topic);
  await sees(bob, topic, 'ann');
  await database.query('select realtime.bury(array(select id from realtime.nodes))');
  await bob.until(({ event, payload }) => event === 'presence_diff' && payload.leaves.ann !== undefined);
  await sees(bob, topic, 'ann');
});
