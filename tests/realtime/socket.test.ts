/** The protocol: connecting, joining, leaving, heartbeats, what is wrong and what is too much. */
import { once } from 'node:events';
import { request } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { aMoment, connect, INSTALL } from './channels.ts';

let database: TestDatabase;
let api: Api;
let tight: Api;
beforeAll(async () => {
  database = await createDatabase(INSTALL);
  [api, tight] = await Promise.all([
    startApi(database, { 'api-keys': 'sb_publishable_abc=anon' }),
    startApi(database, {
      'db-anon-role': '',
      'server-cors-allowed-origins': 'https://ours.example',
      'realtime-max-connections': 3,
      'realtime-max-channels': 2,
      'realtime-max-joins': 3,
      'realtime-max-messages': 5,
      'realtime-max-message-size': 1000,
      'realtime-max-buffer': 200_000,
      'realtime-idle-timeout': 2,
    }),
  ]);
  return async () => {
    await Promise.all([api.close(), tight.close()]);
    await database.close();
  };
});

const TOPIC = 'realtime:room';
const shout = (payload: unknown) => ({ type: 'broadcast', event: 'shout', payload });

/** Asks for a WebSocket; gives the status, and the body of a refusal. */
async function upgrade(
  path: string,
  headers: Record<string, string> = {},
  on = api,
): Promise<{ status: number; body: string }> {
  const outgoing = request({
    port: on.port,
    host: '127.0.0.1',
    path,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
      ...headers,
    },
  });
  outgoing.end();
  return new Promise((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('upgrade', (_incoming, socket) => {
      socket.destroy();
      resolve({ status: 101, body: '' });
    });
    outgoing.once('response', async (incoming) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
    });
  });
}

describe('connecting', () => {
  const path = '/realtime/v1/websocket';
  const key = `apikey=${tokenFor('anon')}`;

  test.each([
    ['a token in the query', `${path}?${key}&vsn=2.0.0`, {}],
    ['a token in a header', path, { apikey: tokenFor('anon') }],
    ['a token in the header of the original', path, { 'X-Api-Key': tokenFor('anon') }],
    ['an opaque key', `${path}?apikey=sb_publishable_abc&vsn=1.0.0`, {}],
    ['nothing, where there is a role for that', path, {}],
    ['a log level', `${path}?${key}&log_level=info`, {}],
  ])('with %s', async (_what, url, headers) => {
    expect((await upgrade(url, headers as Record<string, string>)).status).toBe(101);
  });

  test.each([
    ['a version that nobody speaks', `${path}?${key}&vsn=3.0.0`, {}, 400, 'AURA450'],
    ['a forged token', `${path}?apikey=eyJhbGciOiJIUzI1NiJ9.e30.x`, {}, 401, 'PGRST301'],
    ['an expired token', `${path}?apikey=${tokenFor({ role: 'anon', exp: 1 })}`, {}, 401, 'PGRST303'],
    ['an unknown key', `${path}?apikey=sb_publishable_xyz`, {}, 401, 'PGRST301'],
  ])('%s is refused', async (_what, url, headers, status, code) => {
    const answer = await upgrade(url, headers);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toMatchObject({ code });
  });

  test('without a key and a role for that, or from a page of another origin, nobody connects', async () => {
    expect((await upgrade(path, {}, tight)).status).toBe(401);
    const foreign = await upgrade(`${path}?${key}`, { Origin: 'https://theirs.example' }, tight);
    expect([foreign.status, JSON.parse(foreign.body).code]).toEqual([403, 'AURA457']);
    expect((await upgrade(`${path}?${key}`, { Origin: 'https://ours.example' }, tight)).status).toBe(101);
  });

  test('a request that would upgrade elsewhere is answered as if it would not', async () => {
    const answer = await upgrade('/health', { Upgrade: 'h2c' });
    expect(answer).toEqual({ status: 200, body: 'ok' });
  });

  test('a handshake that is wrong is refused', async () => {
    expect((await upgrade(path, { 'Sec-WebSocket-Version': '1' })).status).toBe(400);
    expect((await upgrade(path, { 'Sec-WebSocket-Key': 'short' })).status).toBe(400);
  });
});

describe('messages', () => {
  test.each(['1.0.0', '2.0.0'] as const)('a heartbeat is answered (%s)', async (version) => {
    const client = await connect(api, { version });
    expect(await client.call('phoenix', 'heartbeat')).toEqual({ status: 'ok', response: {} });
    expect(await client.call('phoenix', 'other')).toEqual({
      status: 'error',
      response: { reason: 'unmatched topic' },
    });
  });

  test('a join names itself in what follows, and ends with a leave', async () => {
    const client = await connect(api);
    expect(await client.join(TOPIC)).toEqual({ status: 'ok', response: { postgres_changes: [] } });
    expect(client.heard[0]).toMatchObject({ joinRef: '1', ref: '1', topic: TOPIC, event: 'phx_reply' });
    expect(await client.call(TOPIC, 'phx_leave')).toEqual({ status: 'ok', response: {} });
    expect(await client.until(({ event }) => event === 'phx_close')).toMatchObject({
      joinRef: '1',
      topic: TOPIC,
    });
    expect(await client.call(TOPIC, 'broadcast', shout(1))).toEqual({
      status: 'error',
      response: { reason: 'unmatched topic' },
    });
    expect(await client.call(TOPIC, 'phx_leave')).toEqual({ status: 'ok', response: {} });
  });

  test('another join of a topic takes the place of the one before', async () => {
    const client = await connect(api);
    await client.join(TOPIC, { broadcast: { self: true } });
    await client.join(TOPIC, { broadcast: { self: true } });
    expect(await client.until(({ event }) => event === 'phx_close')).toMatchObject({ joinRef: '1' });
    // a leave of the first is not one of the second, and other messages are not held to their join
    client.send(['1', '9', TOPIC, 'phx_leave', {}]);
    client.send(['1', '10', TOPIC, 'broadcast', shout('old')]);
    client.send([null, '11', TOPIC, 'broadcast', shout('new')]);
    await client.until(({ payload }) => payload.payload === 'new');
    expect(client.heard.filter(({ event }) => event === 'broadcast')).toHaveLength(2);
    expect(client.heard.filter(({ event }) => event === 'phx_close')).toHaveLength(1);
  });

  test('a leave before the join is answered wins', async () => {
    const client = await connect(api);
    client.send(['1', '1', TOPIC, 'phx_join', {}]);
    client.send(['1', '2', TOPIC, 'phx_leave', {}]);
    await client.until(({ ref }) => ref === '2');
    await aMoment();
    expect(client.heard.map(({ ref, event }) => [ref, event])).toEqual([
      ['2', 'phx_reply'],
      ['1', 'phx_close'],
    ]);
  });

  test('booleans may be texts, and what is not known is left alone', async () => {
    const client = await connect(api);
    const config = {
      broadcast: { self: 'True', ack: 'false', more: 1 },
      presence: null,
      postgres_changes: [null],
      extra: {},
    };
    expect(await client.join(TOPIC, config, { user_token: null })).toMatchObject({ status: 'ok' });
    client.push(TOPIC, 'broadcast', shout('me'));
    await client.until(({ event }) => event === 'broadcast');
  });

  test('one is told again that messages from SQL will arrive, where one asks for that', async () => {
    const client = await connect(api);
    await client.join(TOPIC, { broadcast: { replication_ready: true } });
    expect((await client.until(({ event }) => event === 'system')).payload).toEqual({
      extension: 'system',
      status: 'ok',
      message: 'Replication connection established',
      channel: 'room',
    });
  });

  test.each([
    ['no topic', 'realtime:', {}, /^TopicNameRequired/],
    ['another topic', 'other:room', {}, /^unmatched topic/],
    ['a long topic', `realtime:${'x'.repeat(250)}`, {}, /^TopicTooLong/],
    ['NUL', 'realtime:\0', {}, /^InvalidTopic/],
    ['a wrong flag', TOPIC, { private: 'perhaps' }, /^InvalidJoinPayload: config.private/],
    ['a list', TOPIC, [], /^InvalidJoinPayload: config/],
    [
      'too many tables',
      TOPIC,
      { postgres_changes: Array(101).fill({}) },
      /^InvalidJoinPayload: config.postgres_changes/,
    ],
  ])('a join of %s is refused', async (_what, topic, config, reason) => {
    const client = await connect(api);
    expect(await client.join(topic, config)).toEqual({
      status: 'error',
      response: { reason: expect.stringMatching(reason) },
    });
  });

  test('an event that nobody knows is answered', async () => {
    const client = await connect(api);
    await client.join(TOPIC);
    expect(await client.call(TOPIC, 'dance')).toEqual({
      status: 'error',
      response: { reason: 'UnknownEvent: dance' },
    });
  });

  test.each([
    ['no JSON', 'hello'],
    ['an object for a list', '{}'],
    ['a short list', '[1,2]'],
    ['a topic that is no text', '[null,"1",7,"phx_join",{}]'],
    ['a payload that is no object', '[null,"1","realtime:a","phx_join",[]]'],
    ['an empty binary frame', Buffer.alloc(0)],
    ['a binary frame of another kind', Buffer.from([0, 1, 2])],
    ['a binary frame that ends early', Buffer.from([3, 9, 9, 9, 9, 9, 1, 65])],
    ['a binary frame with other JSON', Buffer.from([3, 0, 0, 1, 1, 0, 1, 97, 98, 123])],
    ['a binary frame of another encoding', Buffer.from([3, 0, 0, 1, 1, 0, 7, 97, 98])],
    ['a binary frame that is not UTF-8', Buffer.from([3, 0, 0, 1, 1, 0, 0, 255, 98])],
  ])('%s closes the connection with a reason', async (_what, frame) => {
    const client = await connect(api);
    client.send(frame);
    const { code, reason } = await client.closed;
    expect(code).toBe(1007);
    expect(reason).not.toBe('');
  });

  test('a frame of text that is not UTF-8 closes the connection', async () => {
    const client = await connect(api);
    client.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect((await client.closed).code).toBe(1007);
  });
});

describe('limits', () => {
  const ours = { as: 'anon', headers: { Origin: 'https://ours.example' } };

  test('connections', async () => {
    const clients = await Promise.all([connect(tight, ours), connect(tight, ours), connect(tight, ours)]);
    const answer = await upgrade(`/realtime/v1/websocket?apikey=${tokenFor('anon')}`, {}, tight);
    expect([answer.status, JSON.parse(answer.body).code]).toEqual([429, 'AURA452']);
    for (const client of clients) client.close();
    await Promise.all(clients.map((client) => client.closed));
    await expect
      .poll(
        async () => (await upgrade(`/realtime/v1/websocket?apikey=${tokenFor('anon')}`, {}, tight)).status,
      )
      .toBe(101);
  });

  test('channels of a connection', async () => {
    const client = await connect(tight, ours);
    await client.join('realtime:1');
    await client.join('realtime:2');
    expect(await client.join('realtime:3')).toEqual({
      status: 'error',
      response: { reason: 'ChannelRateLimitReached: Too many channels' },
    });
  });

  test('joins of a connection', async () => {
    const client = await connect(tight, ours);
    for (let count = 0; count < 3; count += 1) await client.join(TOPIC);
    expect(await client.join(TOPIC)).toEqual({
      status: 'error',
      response: { reason: 'ClientJoinRateLimitReached: Too many joins per second' },
    });
  });

  test('messages of a connection', async () => {
    const client = await connect(tight, ours);
    await client.join(TOPIC);
    for (let count = 0; count < 7; count += 1) client.push(TOPIC, 'broadcast', shout(count));
    const { payload } = await client.until(({ event }) => event === 'system');
    expect(payload).toEqual({
      extension: 'system',
      status: 'error',
      message: 'Too many messages per second',
      channel: 'room',
    });
    await client.until(({ event }) => event === 'phx_close');
  });

  test('the size of a message', async () => {
    const client = await connect(tight, ours);
    await client.join(TOPIC, { broadcast: { ack: true } });
    expect(await client.call(TOPIC, 'broadcast', shout('x'.repeat(2000)))).toEqual({
      status: 'error',
      response: { reason: 'payload_size_exceeded' },
    });
    client.push(TOPIC, 'broadcast', shout('x'.repeat(20_000)));
    expect((await client.closed).code).toBe(1009);
  });

  test('silence: a client that lives is asked, and one that does not answer is cut off', async () => {
    const lively = await connect(tight, ours);
    const url = `ws://127.0.0.1:${tight.port}/realtime/v1/websocket?apikey=${tokenFor('anon')}`;
    const mute = new WebSocket(url, { autoPong: false });
    await once(mute, 'open');
    const [code] = await once(mute, 'close');
    expect(code).toBe(1001);
    expect(lively.socket.readyState).toBe(WebSocket.OPEN);
  });

  test('a client that does not read is cut off, and the others are not held up', async () => {
    const [slow, quick, sender] = await Promise.all([
      connect(tight, ours),
      connect(tight, ours),
      connect(api),
    ]);
    for (const client of [slow, quick]) await client.join(TOPIC);
    await sender.join(TOPIC, { broadcast: { ack: true } });
    slow.socket.pause();
    for (let count = 0; count < 60; count += 1) {
      await sender.call(TOPIC, 'broadcast', shout({ count, text: 'x'.repeat(200_000) }));
    }
    await quick.until(({ payload }) => payload.payload?.count === 59);
    slow.socket.resume();
    const { code } = await slow.closed;
    expect([1013, 1006]).toContain(code);
    expect(slow.heard.length).toBeLessThan(60);
  });
});

test('without the schema of channels a join is refused with a remedy', async () => {
  const empty = await createDatabase();
  const bare = await startApi(empty);
  try {
    const client = await connect(bare);
    expect(await client.join(TOPIC)).toMatchObject({
      status: 'error',
      response: { reason: expect.stringMatching(/^AURA451: .*channels\.sql/) },
    });
  } finally {
    await bare.close();
    await empty.close();
  }
});

test('where channels are switched off the path is REST, which knows it not', async () => {
  const off = await startApi(database, { 'realtime-enabled': false });
  try {
    expect((await upgrade('/realtime/v1/websocket', {}, off)).status).toBe(404);
  } finally {
    await off.close();
  }
});

test('where the rules change nobody stays, and other settings leave connections alone', async () => {
  const own = await createDatabase(INSTALL);
  const server = await startApi(own);
  const set = (name: string, value: string) =>
    own.query(`
      do $$ begin
        execute format('alter role authenticator in database %I set aura.${name} = %L', current_database(), '${value}');
      end $$;
      notify pgrst, 'reload config'`);
  try {
    const client = await connect(server);
    await client.join(TOPIC);
    await set('openapi_mode', 'disabled');
    await aMoment(1500);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    await set('realtime_private_only', 'true');
    expect((await client.closed).code).toBe(1012);
    expect(await (await connect(server)).join(TOPIC)).toMatchObject({ status: 'error' });
  } finally {
    await server.close();
    await own.close();
  }
});

test('a server that stops says goodbye', async () => {
  const brief = await startApi(database);
  const client = await connect(brief);
  await client.join(TOPIC);
  await brief.close();
  expect(await client.closed).toEqual({ code: 1012, reason: 'The server is being stopped' });
});

test('who breaks off while it is decided whether they may connect harms nobody', async () => {
  const fresh = await startApi(database);
  try {
    for (const path of ['/realtime/v1/websocket?vsn=1.0.0', '/graphql/v1']) {
      const sockets = Array.from({ length: 20 }, () => fresh.socket());
      for (const socket of sockets) {
        socket.on('error', () => undefined);
        const head = `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`;
        socket.write(
          `${head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
        );
      }
      await aMoment();
      for (const socket of sockets) socket.resetAndDestroy();
    }
    const client = await connect(fresh);
    expect(await client.join(TOPIC)).toMatchObject({ status: 'ok' });
  } finally {
    await fresh.close();
  }
});
