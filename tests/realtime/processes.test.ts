/** Several processes, of which one dies, is cut off from the database, or sleeps. */
import { beforeAll, expect, test } from 'vitest';
import { type Api, SECRET, startApi } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { type AuraProcess, startProcess } from '../support/process.ts';
import { type Client, connect, INSTALL } from './channels.ts';

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  database = await createDatabase(INSTALL);
  api = await startApi(database);
  return async () => {
    await api.close();
    await database.close();
  };
});

const startOther = async (): Promise<{ process: AuraProcess; port: number }> => {
  const process = startProcess({
    'db-uri': database.authenticatorUri,
    'db-anon-role': 'anon',
    'jwt-secret': SECRET,
    'server-host': '127.0.0.1',
    'server-port': '0',
  });
  return { process, port: Number(new URL(await process.origin()).port) };
};

const PRESENT = (key: string) => ({ presence: { enabled: true, key }, broadcast: { ack: true } });
const track = (client: Client, topic: string) =>
  client.call(topic, 'presence', { event: 'track', payload: {} });
const shout = (payload: unknown) => ({ type: 'broadcast', event: 'shout', payload });
const came = (key: string) => (message: { event: string; payload: { joins?: Record<string, unknown> } }) =>
  message.event === 'presence_diff' && message.payload.joins?.[key] !== undefined;
const went = (key: string) => (message: { event: string; payload: { leaves?: Record<string, unknown> } }) =>
  message.event === 'presence_diff' && message.payload.leaves?.[key] !== undefined;
const number = (n: number) => (message: { payload: { payload?: { n?: number } } }) =>
  message.payload.payload?.n === n;

const LISTENERS = "application_name = 'aura listener' and datname = current_database()";

test('members of a process that is killed, or sleeps, disappear; who wakes is back, and the others stay', {
  timeout: 40_000,
}, async () => {
  const topic = 'realtime:killed';
  const [killed, asleep] = await Promise.all([startOther(), startOther()]);
  const [near, lost, sleeper] = await Promise.all([
    connect(api),
    connect({ port: killed.port }),
    connect({ port: asleep.port }),
  ]);
  for (const [client, key] of [
    [near, 'near'],
    [lost, 'lost'],
    [sleeper, 'sleeper'],
  ] as const) {
    await client.join(topic, PRESENT(key));
    await track(client, topic);
    await near.until(came(key));
  }
  killed.process.signal('SIGKILL');
  asleep.process.signal('SIGSTOP');
  await killed.process.ended;
  for (const key of ['lost', 'sleeper']) {
    await expect.poll(() => near.heard.some(went(key)), { timeout: 20_000, interval: 100 }).toBe(true);
  }
  expect(near.heard.some(went('near'))).toBe(false);
  const late = await connect(api);
  await late.join(topic, PRESENT('late'));
  const { payload } = await late.until(({ event }) => event === 'presence_state');
  expect(Object.keys(payload)).toEqual(['near']);
  asleep.process.signal('SIGCONT');
  await late.until(came('sleeper'));
  await near.until(({ payload }) => payload.joins?.sleeper !== undefined);
});

test('what is told while the listening connection is gone comes when it is back, once and in its order', async () => {
  const topic = 'realtime:deaf';
  const { port } = await startOther();
  const [sender, far] = await Promise.all([connect(api), connect({ port })]);
  for (const client of [sender, far]) await client.join(topic, PRESENT(''));
  await sender.call(topic, 'broadcast', shout({ n: 0 }));
  await far.until(number(0));
  for (let n = 1; n <= 60; n += 1) {
    if (n % 20 === 10)
      await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${LISTENERS}`);
    await sender.call(topic, 'broadcast', shout({ n, text: n % 7 === 0 ? 'x'.repeat(10_000) : '' }));
    await database.query(`select realtime.send($1, 'sql', 'deaf', false)`, [{ n: 1000 + n }]);
  }
  const heard = (from: number): number[] =>
    far.heard
      .filter(({ event }) => event === 'broadcast')
      .map(({ payload }) => payload.payload.n)
      .filter((n) => (from === 0 ? n < 1000 : n > 1000));
  await expect.poll(() => heard(1000).length, { timeout: 10_000 }).toBe(60);
  expect(heard(0)).toEqual(Array.from({ length: 61 }, (_, index) => index));
  expect(heard(1000)).toEqual(Array.from({ length: 60 }, (_, index) => 1001 + index));
});

test('who comes and goes meanwhile is known afterwards', async () => {
  const topic = 'realtime:meanwhile';
  const { port } = await startOther();
  const [ann, bob, far] = await Promise.all([connect(api), connect(api), connect({ port })]);
  await far.join(topic, PRESENT('far'));
  await ann.join(topic, PRESENT('ann'));
  await bob.join(topic, PRESENT('bob'));
  await track(ann, topic);
  await far.until(came('ann'));
  await database.query(`
    select pg_terminate_backend(pid) from pg_stat_activity where ${LISTENERS};
    select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'aura' and datname = current_database()`);
  ann.close();
  await expect.poll(async () => (await track(bob, topic)).status).toBe('ok');
  await far.until(came('bob'));
  await far.until(went('ann'));
});
