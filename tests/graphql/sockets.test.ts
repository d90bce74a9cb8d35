/** Operations by WebSocket: the protocol message by message, and what breaks it. */
import { describe, expect, test } from 'vitest';
import { startApi, tokenFor } from '../support/api.ts';
import { connect, openSocket, type Socket } from './subscribers.ts';
import { SETTINGS, useRooms } from './subscription-fixture.ts';

const rooms = useRooms();
const ada = { role: 'authenticated', sub: 'ada' };

const TITLES =
  'subscription T { openCollection(orderBy: [{ id: AscNullsLast }]) { edges { node { title } } } }';
const NOTES = 'subscription { noteCollection { edges { node { title } } } }';

const subscribe = (socket: Socket, id: string, query: string, variables?: unknown): void =>
  socket.send({ type: 'subscribe', id, payload: { query, variables } });
const of = (socket: Socket, id: string) => socket.heard.filter((message) => message.id === id);
const payloads = (socket: Socket, id: string) =>
  of(socket, id)
    .filter(({ type }) => type === 'next')
    .map(({ payload }) => payload);
const answered = (socket: Socket, id: string, count: number) =>
  expect.poll(() => payloads(socket, id).length, { timeout: 5000 }).toBe(count);

describe('operations', () => {
  test('of all kinds share a connection', async () => {
    const socket = await connect(rooms.api);
    subscribe(socket, 'live', TITLES);
    await answered(socket, 'live', 1);
    subscribe(
      socket,
      'write',
      'mutation M($o: [openInsertInput!]!) { insertIntoopenCollection(objects: $o) { affectedCount } }',
      {
        o: [{ id: 1, title: 'one' }],
      },
    );
    await answered(socket, 'live', 2);
    subscribe(socket, 'read', '{ openCollection { edges { node { title } } } }');
    const data = { data: { openCollection: { edges: [{ node: { title: 'one' } }] } } };
    await socket.until(({ id, type }) => id === 'read' && type === 'complete');
    expect(of(socket, 'read')).toEqual([
      { id: 'read', type: 'next', payload: data },
      { id: 'read', type: 'complete' },
    ]);
    expect(of(socket, 'write')).toEqual([
      { id: 'write', type: 'next', payload: { data: { insertIntoopenCollection: { affectedCount: 1 } } } },
      { id: 'write', type: 'complete' },
    ]);
    expect(payloads(socket, 'live')).toEqual([{ data: { openCollection: { edges: [] } } }, data]);
  });

  test('end when the client has heard enough; an id can be used again', async () => {
    const socket = await connect(rooms.api);
    subscribe(socket, '1', TITLES);
    await answered(socket, '1', 1);
    socket.send({ type: 'complete', id: '1' });
    socket.send({ type: 'complete', id: 'unknown' });
    await rooms.run(`insert into open values (1, 'one')`);
    subscribe(socket, '1', TITLES);
    await answered(socket, '1', 2);
    expect(payloads(socket, '1')[1].data.openCollection.edges.length).toBe(1);
    socket.send({ type: 'ping' });
    await socket.until(({ type }) => type === 'pong');
    expect(of(socket, '1').length).toBe(2);
  });

  test('that are refused have errors, and leave the others alone', async () => {
    const socket = await connect(rooms.api);
    subscribe(socket, 'live', TITLES);
    for (const [id, query] of [
      ['syntax', '{'],
      ['field', 'subscription { nothing { a } }'],
      ['table', 'subscription { unseenCollection { edges { cursor } } }'],
    ] as const) {
      subscribe(socket, id, query);
      const message = await socket.until((each) => each.id === id);
      expect(message.type).toBe('error');
      expect(message.payload.length).toBe(1);
    }
    // what PostgreSQL refuses is a result
    subscribe(
      socket,
      'run',
      'mutation { insertIntoopenCollection(objects: [{ title: "x" }]) { affectedCount } }',
    );
    const { payload } = await socket.until(({ id, type }) => id === 'run' && type === 'next');
    expect([payload.data, payload.errors[0].extensions.code]).toEqual([null, '23502']);
    await rooms.run(`insert into open values (1, 'one')`);
    await answered(socket, 'live', 2);
  });

  test('numbers in variables keep their digits', async () => {
    await rooms.run(`insert into note values (9007199254740993, null, 'ada', 'large')`);
    const socket = await connect(rooms.api, { Authorization: `Bearer ${tokenFor(ada)}` });
    socket.send(
      '{"type":"subscribe","id":"n","payload":{"query":"query N($id: BigInt!) { noteByPk(id: $id) { title } }","variables":{"id":9007199254740993}}}',
    );
    await answered(socket, 'n', 1);
    expect(payloads(socket, 'n')).toEqual([{ data: { noteByPk: { title: 'large' } } }]);
  });
});

describe('who connects', () => {
  test.each([
    ['among the parameters', { Authorization: `Bearer ${tokenFor(ada)}` }, {}],
    ['as headers in them', { headers: { authorization: `Bearer ${tokenFor(ada)}` } }, {}],
    ['in the request', undefined, { Authorization: `Bearer ${tokenFor(ada)}` }],
  ])('says so %s', async (_, payload, headers) => {
    await rooms.run(`insert into note values (1, null, 'ada', 'mine'), (2, null, 'ben', 'his')`);
    const socket = await openSocket(rooms.api, { headers: headers as Record<string, string> });
    socket.send({ type: 'connection_init', payload });
    subscribe(await ready(socket), 'n', NOTES);
    await answered(socket, 'n', 1);
    expect(payloads(socket, 'n')[0].data.noteCollection.edges).toEqual([{ node: { title: 'mine' } }]);
  });

  test('is refused with a token that is none, and sent away when the token ends', async () => {
    const refused = await openSocket(rooms.api);
    refused.send({ type: 'connection_init', payload: { Authorization: 'Bearer nothing' } });
    expect((await refused.closed).code).toBe(4403);
    const exp = Math.floor(Date.now() / 1000) - 29;
    const socket = await connect(rooms.api, { Authorization: `Bearer ${tokenFor({ ...ada, exp })}` });
    subscribe(socket, 'n', NOTES);
    await answered(socket, 'n', 1);
    expect(await socket.closed).toEqual({ code: 4403, reason: 'JWT expired' });
  });

  test('from a page of another origin is not let in', async () => {
    const api = await startApi(rooms.database, {
      ...SETTINGS,
      'server-cors-allowed-origins': 'https://good.example',
    });
    await expect(openSocket(api, { headers: { Origin: 'https://evil.example' } })).rejects.toThrow('403');
    const socket = await openSocket(api, { headers: { Origin: 'https://good.example' } });
    socket.client.terminate();
    await api.close();
  });
});

const ready = async (socket: Socket): Promise<Socket> => {
  await socket.until(({ type }) => type === 'connection_ack');
  return socket;
};

describe('what breaks the protocol', () => {
  test.each([
    ['no JSON', 'nothing', 4400],
    ['no type', '{}', 4400],
    ['another type', { type: 'start', id: '1' }, 4400],
    ['no id', { type: 'subscribe', payload: { query: TITLES } }, 4400],
    ['no payload', { type: 'subscribe', id: '1' }, 4400],
    ['a query that is no text', { type: 'subscribe', id: '1', payload: { query: 1 } }, 4400],
    ['a second beginning', { type: 'connection_init' }, 4429],
  ])('%s', async (_, message, code) => {
    const socket = await connect(rooms.api);
    socket.send(message);
    expect((await socket.closed).code).toBe(code);
  });

  test('an operation before the beginning, an id twice, another subprotocol', async () => {
    const early = await openSocket(rooms.api);
    subscribe(early, '1', TITLES);
    expect(await early.closed).toEqual({ code: 4401, reason: 'Unauthorized' });
    const twice = await connect(rooms.api);
    subscribe(twice, '1', TITLES);
    subscribe(twice, '1', TITLES);
    expect(await twice.closed).toEqual({ code: 4409, reason: 'Subscriber for 1 already exists' });
    await expect(openSocket(rooms.api, { protocols: ['graphql-ws'] })).rejects.toThrow('subprotocol');
    const none = await openSocket(rooms.api, { protocols: [] });
    expect((await none.closed).code).toBe(4406);
  });

  test('silence instead of a beginning', async () => {
    const socket = await openSocket(rooms.api);
    expect(await socket.closed).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
  });

  test('a message that is too large', async () => {
    const socket = await connect(rooms.api);
    subscribe(socket, '1', `{ __typename } #${'x'.repeat(300_000)}`);
    expect((await socket.closed).code).toBe(1009);
  });
});

test('limits are told', async () => {
  const api = await startApi(rooms.database, {
    ...SETTINGS,
    'graphql-max-subscriptions': 1,
    'realtime-max-connections': 1,
  });
  const socket = await connect(api);
  subscribe(socket, '1', TITLES);
  await answered(socket, '1', 1);
  subscribe(socket, '2', TITLES);
  const { payload } = await socket.until(({ id }) => id === '2');
  expect(payload[0].extensions.code).toBe('AURA404');
  await expect(openSocket(api)).rejects.toThrow('429');
  await api.close();
  expect((await socket.closed).code).toBe(1012);
});

test('a request for another protocol than WebSocket is answered like any other', async () => {
  const answer = await rooms.api.request('POST', '/graphql/v1', {
    headers: { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABk' },
    body: { query: '{ __typename }' },
  });
  expect(answer.json).toEqual({ data: { __typename: 'Query' } });
});
