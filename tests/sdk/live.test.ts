/** Live queries through the client, over the example project. */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Client, createClient, type Live, type LiveChange } from '../../sdk/index.ts';
import type { Database } from '../golden/codegen/tracks.types.ts';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { loadLiveTracks, people } from '../support/tracks.ts';

let database: TestDatabase;
let api: Api;
const mira = (): string => tokenFor({ role: 'authenticated', sub: people.mira });
const clientOf = (token: string | (() => string), origin = api.origin): Client<Database, 'public'> =>
  createClient<Database>(origin, { token, retries: { pause: 20, longest: 100 } });

beforeAll(async () => {
  database = await createDatabase(await loadLiveTracks());
  api = await startApi(database);
});
afterAll(async () => {
  await api.close();
  await database.close();
});

/** A token that the server takes for so many seconds more: 30 seconds late is not late, since clocks differ. */
const tokenOfSeconds = (seconds: number): string =>
  tokenFor({
    role: 'authenticated',
    sub: people.mira,
    exp: Math.floor(Date.now() / 1000) - 30 + seconds,
  });

/** Closes it with the test. */
const kept = <Row>(live: Live<Row>): Live<Row> => {
  onTestFinished(() => live.close());
  return live;
};

const labelsOf = (client: Client<Database, 'public'>) =>
  client.from('labels').select('id, name').eq('organization_id', 1).order('name');

test('rows come, change and go as they do in the database, and each commit is told at once', async () => {
  const aura = clientOf(mira());
  const labels = kept(await labelsOf(aura).live());
  const told: (readonly LiveChange<{ id: number; name: string }>[])[] = [];
  labels.subscribe((_state, changes) => told.push(changes));
  const before = labels.state.rows ?? [];
  expect(before).toEqual(await labelsOf(aura).orThrow());

  await aura.from('labels').insert([
    { organization_id: 1, name: 'aaa' },
    { organization_id: 1, name: 'zzz' },
  ]);
  await expect.poll(() => labels.state.rows).toEqual(await labelsOf(aura).orThrow());
  expect(labels.state.rows?.at(0)?.name).toBe('aaa');
  expect(labels.state.rows?.at(-1)?.name).toBe('zzz');
  expect(told).toHaveLength(1);
  expect(told[0]).toHaveLength(2);

  await aura.from('labels').update({ name: 'aab' }).eq('name', 'zzz');
  await expect.poll(() => labels.state.rows?.at(1)?.name).toBe('aab');
  expect(told.at(-1)).toMatchObject([{ kind: 'update', row: { name: 'aab' }, before: { name: 'zzz' } }]);

  await aura.from('labels').delete().in('name', ['aaa', 'aab']);
  await expect.poll(() => labels.state.rows).toEqual(before);
  expect(told.at(-1)?.map(({ kind }) => kind)).toEqual(['delete', 'delete']);
  labels.close();
  expect(labels.state).toMatchObject({ status: 'closed', error: null });
});

test('the states can be iterated over, until it is closed', async () => {
  const aura = clientOf(mira());
  const one = kept(await aura.from('projects').select('name').eq('id', 2).live());
  const names: (string | undefined)[] = [];
  for await (const { rows } of one) {
    names.push(rows?.[0]?.name);
    if (names.length === 1) await aura.from('projects').update({ name: 'Renamed' }).eq('id', 2);
    else one.close();
  }
  expect(names.slice(0, 2)).toEqual([names[0], 'Renamed']);
  expect(names[0]).not.toBe('Renamed');
});

test('what is refused is refused at once', async () => {
  const anonymous = createClient<Database>(api.origin);
  await expect(anonymous.from('tasks').select('id').live()).rejects.toMatchObject({ code: '42501' });
  // @ts-expect-error there is no such column
  await expect(clientOf(mira()).from('tasks').select('nothing').live()).rejects.toMatchObject({
    status: 400,
  });
});

/** A way to the server that can be cut. */
const createDetour = async (): Promise<{
  origin: string;
  cut: () => void;
  close: (down: boolean) => void;
}> => {
  const sockets = new Set<Socket>();
  let isDown = false;
  const server: Server = createServer((near) => {
    if (isDown) {
      near.destroy();
      return;
    }
    const far = dial(api.port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  onTestFinished(() => {
    cut();
    server.close();
  });
  const address = server.address();
  return {
    origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    cut,
    close: (down) => {
      isDown = down;
      if (down) cut();
    },
  };
};

test('where the connection breaks it goes on, with what was missed', async () => {
  const detour = await createDetour();
  const aura = clientOf(mira(), detour.origin);
  const near = clientOf(mira());
  const tasks = kept(await aura.from('tasks').select('id, title').eq('project_id', 3).order('id').live());
  const statuses: string[] = [];
  tasks.subscribe(({ status }) => statuses.push(status));

  detour.close(true);
  await expect.poll(() => tasks.state.status).toBe('reconnecting');
  const { id } = await near
    .from('tasks')
    .insert({ project_id: 3, title: 'While nobody listened' })
    .select('id')
    .single()
    .orThrow();
  await near
    .from('tasks')
    .update({ title: 'Changed meanwhile' })
    .eq('project_id', 3)
    .lt('id', id)
    .limit(1)
    .order('id');
  detour.close(false);
  const expected = () => near.from('tasks').select('id, title').eq('project_id', 3).order('id').orThrow();
  await expect.poll(() => tasks.state.rows).toEqual(await expected());
  expect(tasks.state.status).toBe('live');

  detour.cut();
  await near.from('tasks').delete().eq('id', id);
  await expect.poll(() => tasks.state.rows).toEqual(await expected());
  expect(statuses).toContain('reconnecting');
});

test('when the token expires the next one is asked for', async () => {
  let asked = 0;
  const aura = clientOf(() => {
    asked += 1;
    return tokenOfSeconds(2);
  });
  const tasks = kept(await aura.from('tasks').select('id, title').eq('id', 1).live());
  await expect.poll(() => asked, { timeout: 10_000 }).toBeGreaterThan(1);
  await expect.poll(() => tasks.state.status).toBe('live');
  await database.query(`update tasks set title = 'After the first token' where id = 1`);
  await expect.poll(() => tasks.state.rows?.[0]?.title).toBe('After the first token');
});

test('a token that is not renewed ends it, with the reason', async () => {
  const token = tokenOfSeconds(2);
  const tasks = kept(await clientOf(token).from('tasks').select('id').eq('id', 1).live());
  await expect
    .poll(() => tasks.state, { timeout: 10_000 })
    .toMatchObject({
      status: 'closed',
      error: { code: 'PGRST303', status: 401 },
    });
});
