/** PostgreSQL crashes and comes back: channels, presence and changes go on by themselves. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startEmbedded } from '../../server/embedded.ts';
import { startApi } from '../support/api.ts';
import { type Client, connect, INSTALL } from './channels.ts';

/** A server of its own: all connections of one that crashes end. */
async function startServer(): Promise<{
  uri: string;
  authenticatorUri: string;
  superuser: () => Promise<pg.Client>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'aura-test-'));
  await chmod(folder, 0o755);
  // as durable as in production: what was committed is there afterwards
  const server = await startEmbedded({ dataDir: join(folder, 'pg'), port: null, throwaway: false });
  onTestFinished(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const uri = server.superuserUri;
  const url = new URL(uri);
  url.username = 'authenticator';
  url.password = 'secret';
  const superuser = async (): Promise<pg.Client> => {
    const client = new pg.Client(uri);
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  return { uri, authenticatorUri: url.href, superuser };
}

const SETUP = `
  create role anon nologin;
  create role authenticated nologin;
  create role service_role nologin bypassrls;
  create role authenticator login noinherit password 'secret';
  grant anon, authenticated, service_role to authenticator;
  ${INSTALL};
  create table items (id int primary key);
  alter table items enable row level security;
  create policy everyone on items for select using (true);
  grant select on items to anon;
  alter publication aura add table items;
`;

const TOPIC = 'realtime:room';
const config = (key: string) => ({
  presence: { enabled: true, key },
  broadcast: { ack: true },
});
const FOLLOWED = 'realtime:items';
const FOLLOWING = { postgres_changes: [{ event: 'INSERT', schema: 'public', table: 'items' }] };
const present = ({ heard }: Client): string[] => {
  const keys = new Set<string>();
  for (const { event, payload } of heard) {
    if (event === 'presence_state') for (const key of Object.keys(payload)) keys.add(key);
    if (event !== 'presence_diff') continue;
    for (const key of Object.keys(payload.leaves)) if (payload.joins[key] === undefined) keys.delete(key);
    for (const key of Object.keys(payload.joins)) keys.add(key);
  }
  return [...keys].toSorted();
};

test('no message is lost, who is there is known again, and who follows changes is told to begin anew', {
  timeout: 60_000,
}, async () => {
  const server = await startServer();
  let writer = await server.superuser();
  await writer.query(SETUP);
  const apis = await Promise.all([startApi(server), startApi(server)]);
  onTestFinished(async () => {
    await Promise.all(apis.map((api) => api.close()));
  });
  const [one, other] = await Promise.all(apis.map((api) => connect(api)));
  if (!one || !other) throw new Error('there are two');
  for (const [client, key] of [
    [one, 'one'],
    [other, 'other'],
  ] as const) {
    await client.join(TOPIC, config(key));
    await client.call(TOPIC, 'presence', { event: 'track', payload: {} });
  }
  await other.join(FOLLOWED, FOLLOWING);
  const acknowledged: number[] = [];
  const committed: number[] = [];
  for (let n = 1; n <= 60; n += 1) {
    const answer = await one.call(TOPIC, 'broadcast', { type: 'broadcast', event: 'e', payload: { n } });
    if (answer.status === 'ok') acknowledged.push(n);
    try {
      await writer.query('insert into items values ($1)', [n]);
      committed.push(n);
    } catch {
      writer = await expect
        .poll(() => server.superuser().catch(() => null), { timeout: 10_000 })
        .not.toBeNull()
        .then(server.superuser);
    }
    if (n === 20) {
      const { rows } = await writer.query(
        "select pid from pg_stat_activity where application_name = 'aura' limit 1",
      );
      // PostgreSQL takes it for a crash of all, and begins anew
      process.kill(rows[0].pid, 'SIGKILL');
    }
  }
  const told = (): number[] => other.heard.flatMap(({ payload }) => payload.data?.record?.id ?? []);
  const heard = (): number[] => other.heard.flatMap(({ payload }) => payload.payload?.n ?? []);
  // after a crash transactions may have numbers that were seen before: what is new cannot be told from them
  await other.until(({ event, topic }) => event === 'phx_error' && topic === FOLLOWED);
  expect(told()).toEqual(committed.slice(0, told().length));
  expect(told().length).toBeGreaterThanOrEqual(15);
  await expect.poll(async () => (await other.join(FOLLOWED, FOLLOWING)).status).toBe('ok');
  await writer.query('insert into items values (1000)');
  await other.until(({ payload }) => payload.data?.record?.id === 1000);
  await expect
    .poll(() => heard().filter((n) => acknowledged.includes(n)), { timeout: 10_000 })
    .toEqual(acknowledged);
  expect(new Set(heard()).size).toBe(heard().length);
  for (const client of [one, other]) {
    await expect.poll(() => present(client), { timeout: 10_000 }).toEqual(['one', 'other']);
    expect(client.heard.some(({ event, topic }) => event === 'phx_error' && topic === TOPIC)).toBe(false);
  }
  await writer.end();
});
