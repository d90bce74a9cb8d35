/** Broadcasts: from member to member, by HTTP, from SQL, and from one process to another. */
import { beforeAll, describe, expect, test } from 'vitest';
import { type Api, startApi, tokenFor } from '../support/api.ts';
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

const TOPIC = 'realtime:room';
const broadcasts = ({ heard }: Client): unknown[] =>
  heard.filter(({ event }) => event === 'broadcast').map(({ payload }) => payload.payload);
const shout = (payload: unknown) => ({ type: 'broadcast', event: 'shout', payload });

/** A binary frame of a broadcast, as clients of serializer 2.0.0 write it. */
function pushFrame(
  joinRef: string,
  ref: string,
  topic: string,
  event: string,
  encoding: number,
  payload: Buffer,
): Buffer {
  const parts = [joinRef, ref, topic, event, ''].map((text) => Buffer.from(text));
  return Buffer.concat([Buffer.from([3, ...parts.map(({ length }) => length), encoding]), ...parts, payload]);
}

describe('between members', () => {
  test('all members of the channel get it, in other processes, too, but for the sender', async () => {
    const [sender, near, far, stranger] = await Promise.all([
      connect(one),
      connect(one),
      connect(other),
      connect(one),
    ]);
    for (const client of [sender, near, far])
      expect(await client.join(TOPIC)).toMatchObject({ status: 'ok' });
    await stranger.join('realtime:elsewhere');
    for (let number = 1; number <= 20; number += 1) sender.push(TOPIC, 'broadcast', shout({ number }));
    const last = ({
      event,
      payload,
    }: {
      event: string;
      payload: { payload?: { number?: number } };
    }): boolean => event === 'broadcast' && payload.payload?.number === 20;
    await Promise.all([near.until(last), far.until(last)]);
    const all = Array.from({ length: 20 }, (_, index) => ({ number: index + 1 }));
    expect(broadcasts(near)).toEqual(all);
    expect(broadcasts(far)).toEqual(all);
    await aMoment();
    expect(broadcasts(near)).toHaveLength(20);
    expect(broadcasts(far)).toHaveLength(20);
    expect(broadcasts(sender)).toEqual([]);
    expect(broadcasts(stranger)).toEqual([]);
  });

  test('the sender gets it where it asks for that, and an answer where it asks for one', async () => {
    const client = await connect(one);
    await client.join(TOPIC, { broadcast: { self: true, ack: true } });
    expect(await client.call(TOPIC, 'broadcast', shout('hello'))).toEqual({ status: 'ok', response: {} });
    expect(broadcasts(client)).toEqual(['hello']);
  });

  test('bytes and JSON in binary frames arrive as they were sent', async () => {
    const [sender, near, far, old] = await Promise.all([
      connect(one),
      connect(one),
      connect(other),
      connect(one, { version: '1.0.0' }),
    ]);
    const topic = 'realtime:größe';
    for (const client of [sender, near, far, old]) await client.join(topic);
    const bytes = Buffer.from([0, 125, 255]);
    sender.send(pushFrame('1', '7', topic, 'ereignis ü', 0, bytes));
    sender.send(pushFrame('1', '8', topic, 'ereignis ü', 1, Buffer.from('{"n": 12345678901234567890}')));
    for (const client of [near, far]) {
      await client.until(({ payload }) => payload.payload?.n !== undefined);
      expect(broadcasts(client)[0]).toEqual(bytes);
      expect(client.frames.at(-1)?.toString()).toContain('{"n": 12345678901234567890}');
      expect(client.heard.at(-1)).toMatchObject({
        topic,
        payload: { event: 'ereignis ü', type: 'broadcast' },
      });
    }
    // texts cannot hold bytes
    await old.until(({ event }) => event === 'broadcast');
    expect(old.heard.filter(({ event }) => event === 'broadcast')).toHaveLength(1);
    expect(old.frames.at(-1)).toContain('"payload":{"n": 12345678901234567890}');
  });

  test('versions meet, and what is sent beside event and payload stays', async () => {
    const [old, young] = await Promise.all([connect(one, { version: '1.0.0' }), connect(other)]);
    await old.join(TOPIC);
    await young.join(TOPIC);
    old.push(TOPIC, 'broadcast', { ...shout({ a: 1 }), more: true });
    const { payload } = await young.until(({ event }) => event === 'broadcast');
    expect(payload).toEqual({ type: 'broadcast', event: 'shout', payload: { a: 1 }, more: true });
    young.push(TOPIC, 'broadcast', shout({ b: 2 }));
    const back = await old.until(({ event }) => event === 'broadcast');
    expect(back).toMatchObject({ ref: null, payload: { event: 'shout', payload: { b: 2 } } });
  });

  test('messages that do not fit into a notification cross over in their order', async () => {
    const [sender, far] = await Promise.all([connect(one), connect(other)]);
    const topic = 'realtime:large';
    await sender.join(topic);
    await far.join(topic);
    const sizes = [10, 20_000, 5, 100_000, 1];
    for (const size of sizes) sender.push(topic, 'broadcast', shout('ä'.repeat(size)));
    await far.until(({ payload }) => payload.payload === 'ä');
    expect(broadcasts(far).map((text) => String(text).length)).toEqual(sizes);
  });

  test('what cannot be stored as text goes through all the same', async () => {
    const [sender, far] = await Promise.all([connect(one), connect(other)]);
    await sender.join(TOPIC);
    await far.join(TOPIC);
    const odd = { a: 'nul \0', b: 'half \ud800', c: '\u2028', d: '\\"' };
    sender.push(TOPIC, 'broadcast', shout(odd));
    await far.until(({ event }) => event === 'broadcast');
    expect(broadcasts(far)).toEqual([odd]);
  });
});

describe('by HTTP', () => {
  const send = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${one.origin}/realtime/v1/api/broadcast${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', apikey: tokenFor('anon'), ...headers },
      body: typeof body === 'string' || body instanceof Blob ? body : JSON.stringify(body),
    });

  test('a list of messages reaches the members of all processes', async () => {
    const [near, far] = await Promise.all([connect(one), connect(other)]);
    for (const client of [near, far]) await client.join('realtime:http');
    const answer = await send('', {
      messages: [
        { topic: 'http', event: 'a', payload: { n: 1 } },
        { topic: 'nobody', event: 'a', payload: {} },
        { topic: 'http', event: 'b', payload: { n: 2 }, private: false },
      ],
    });
    expect(answer.status).toBe(202);
    for (const client of [near, far]) {
      await client.until(({ payload }) => payload.event === 'b');
      expect(broadcasts(client)).toEqual([{ n: 1 }, { n: 2 }]);
    }
  });

  test('one message goes to the path of its topic and event, as JSON or as bytes', async () => {
    const client = await connect(other);
    await client.join('realtime:a/b');
    expect((await send('/a%2Fb/events/say%20it', { n: 1 })).status).toBe(202);
    const bytes = new Uint8Array([1, 0, 255]);
    const headers = { 'Content-Type': 'application/octet-stream' };
    expect((await send('/a%2Fb/events/bytes', new Blob([bytes]), headers)).status).toBe(202);
    await client.until(({ payload }) => payload.event === 'bytes');
    expect(broadcasts(client)).toEqual([{ n: 1 }, Buffer.from(bytes)]);
  });

  test.each([
    ['no JSON', '', '{', {}, 422, 'AURA453'],
    ['no list', '', { messages: 1 }, {}, 422, 'AURA453'],
    ['no topic', '', { messages: [{ event: 'a', payload: 1 }] }, {}, 422, 'AURA453'],
    ['NUL in a topic', '', { messages: [{ topic: 'a\0', event: 'a', payload: 1 }] }, {}, 422, 'AURA453'],
    [
      'too many messages',
      '',
      { messages: Array(101).fill({ topic: 't', event: 'e', payload: 1 }) },
      {},
      429,
      'AURA452',
    ],
    ['a large message', '/t/events/e', { a: 'x'.repeat(262_144) }, {}, 413, 'AURA454'],
    ['text', '/t/events/e', 'hello', { 'Content-Type': 'text/plain' }, 415, 'AURA461'],
    ['a wrong key', '', { messages: [] }, { apikey: 'eyJhbGciOiJIUzI1NiJ9.e30.x' }, 401, 'PGRST301'],
    ['no policy that allows it', '/t/events/e?private=true', {}, {}, 403, 'AURA455'],
    ['another path', '/t', {}, {}, 404, 'AURA459'],
  ])('%s is refused', async (_what, path, body, headers, status, code) => {
    const answer = await send(path, body, headers as Record<string, string>);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ code });
  });

  test('other methods and paths are refused, and browsers are answered', async () => {
    const url = `${one.origin}/realtime/v1`;
    const headers = { apikey: tokenFor('anon') };
    const refusal = async (path: string, init: RequestInit): Promise<unknown> => {
      const answer = await fetch(`${url}${path}`, { headers, ...init });
      return [answer.status, (await answer.json()).code];
    };
    const body = '{"messages":[]}';
    expect(await refusal('/api/broadcast', { method: 'PUT', body })).toEqual([405, 'AURA460']);
    expect(await refusal('/websocket', {})).toEqual([426, 'AURA456']);
    const preflight = await fetch(`${url}/api/broadcast`, {
      method: 'OPTIONS',
      headers: { Origin: 'https://a.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('from SQL', () => {
  test('what is sent arrives when the transaction commits, with its digits, and never when it is rolled back', async () => {
    const [near, far] = await Promise.all([connect(one), connect(other)]);
    for (const client of [near, far]) await client.join('realtime:sql');
    await database.query(`begin; select realtime.send('{"n": 0}', 'gone', 'sql', false); rollback`);
    await database.query(`
      select realtime.send('{"n": 12345678901234567890}', 'first', 'sql', false);
      select realtime.send(jsonb_build_object('text', repeat('x', 20000)), 'second', 'sql', false)`);
    for (const client of [near, far]) {
      await client.until(({ payload }) => payload.event === 'second');
      const [first, second] = client.heard.filter(({ event }) => event === 'broadcast');
      expect(first?.payload.event).toBe('first');
      expect(first?.payload.meta.id).toBe(first?.payload.payload.id);
      expect(second?.payload.payload.text).toHaveLength(20_000);
      expect(client.frames.some((frame) => frame.toString().includes('12345678901234567890'))).toBe(true);
    }
  });

  test('what is private does not reach the public channel of the name', async () => {
    const client = await connect(one);
    await client.join('realtime:sql');
    await database.query(
      `select realtime.send('{}', 'private', 'sql', true); select realtime.send('{}', 'public', 'sql', false)`,
    );
    await client.until(({ payload }) => payload.event === 'public');
    expect(broadcasts(client)).toHaveLength(1);
  });
});
