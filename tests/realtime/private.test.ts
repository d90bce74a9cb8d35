/** Private channels: the policies of realtime.messages say who receives and who sends. */
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Api, startApi, tokenFor } from '../support/api.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { aMoment, type Client, connect, INSTALL } from './channels.ts';

/** `room:<name>` is for who claims it; `lobby` is for all to receive; `present` for presence alone. */
const POLICIES = `
  create policy receive on realtime.messages for select to authenticated using (
    realtime.topic() = 'room:' || (current_setting('request.jwt.claims')::json->>'room')
    or (realtime.topic() = 'lobby' and extension = 'broadcast')
    or (realtime.topic() = 'present' and extension = 'presence')
  );
  create policy send on realtime.messages for insert to authenticated with check (
    realtime.topic() = 'room:' || (current_setting('request.jwt.claims')::json->>'room')
    and extension = coalesce(current_setting('request.jwt.claims')::json->>'only', extension)
  );
`;

let database: TestDatabase;
let one: Api;
let other: Api;
beforeAll(async () => {
  database = await createDatabase(`${INSTALL}; ${POLICIES}`);
  [one, other] = await Promise.all([startApi(database), startApi(database)]);
  return async () => {
    await Promise.all([one.close(), other.close()]);
    await database.close();
  };
});
beforeEach(async () => void (await database.query('delete from realtime.messages')));

const PRIVATE = { private: true };
const ROOM = 'realtime:room:a';
const MEMBER = { role: 'authenticated', room: 'a' };
const shout = (payload: unknown) => ({ type: 'broadcast', event: 'shout', payload });
const isShout = ({ event }: { event: string }): boolean => event === 'broadcast';
const shouted = ({ heard }: Client): unknown[] => heard.filter(isShout).map(({ payload }) => payload.payload);

describe('joining', () => {
  test('who may not receive is refused with a reason, and nothing is left of the question', async () => {
    const [member, stranger, anonymous] = await Promise.all([
      connect(one, { as: MEMBER }),
      connect(one, { as: { role: 'authenticated', room: 'b' } }),
      connect(one),
    ]);
    expect(await member.join(ROOM, PRIVATE)).toMatchObject({ status: 'ok' });
    const refused = {
      status: 'error',
      response: {
        reason: 'Unauthorized: You do not have permissions to read from this Channel topic: room:a',
      },
    };
    expect(await stranger.join(ROOM, PRIVATE)).toEqual(refused);
    expect(await anonymous.join(ROOM, PRIVATE)).toEqual(refused);
    const { rows } = await database.query('select count(*)::int from realtime.messages');
    expect(rows).toEqual([{ count: 0 }]);
  });

  test('a token of the join counts, and not that of the connection', async () => {
    const client = await connect(one);
    expect(await client.join(ROOM, PRIVATE, { access_token: tokenFor(MEMBER) })).toMatchObject({
      status: 'ok',
    });
    expect(await client.join('realtime:x', {}, { access_token: 'eyJhbGciOiJIUzI1NiJ9.e30.x' })).toMatchObject(
      {
        status: 'error',
        response: { reason: expect.stringMatching(/^InvalidJWTToken: /) },
      },
    );
  });

  test('private and public channels of one name are two', async () => {
    const [inside, outside] = await Promise.all([connect(one, { as: MEMBER }), connect(other)]);
    await inside.join(ROOM, { ...PRIVATE, broadcast: { ack: true } });
    await outside.join(ROOM);
    await inside.call(ROOM, 'broadcast', shout('secret'));
    outside.push(ROOM, 'broadcast', shout('forged'));
    await aMoment();
    expect(shouted(outside)).toEqual([]);
    expect(shouted(inside)).toEqual([]);
  });

  test('public channels can be refused altogether', async () => {
    const api = await startApi(database, { 'realtime-private-only': true });
    try {
      const client = await connect(api, { as: MEMBER });
      expect(await client.join('realtime:x')).toMatchObject({
        status: 'error',
        response: { reason: expect.stringMatching(/^PrivateOnly: /) },
      });
      expect(await client.join(ROOM, PRIVATE)).toMatchObject({ status: 'ok' });
      const answer = await fetch(`${api.origin}/realtime/v1/api/broadcast/x/events/e`, {
        method: 'POST',
        body: '{}',
        headers: { apikey: tokenFor('anon'), 'Content-Type': 'application/json' },
      });
      expect([answer.status, await answer.json()]).toEqual([
        403,
        expect.objectContaining({ code: 'AURA458' }),
      ]);
    } finally {
      await api.close();
    }
  });
});

describe('sending', () => {
  test('who may send reaches the members of all processes', async () => {
    const [sender, far] = await Promise.all([connect(one, { as: MEMBER }), connect(other, { as: MEMBER })]);
    for (const client of [sender, far]) await client.join(ROOM, { ...PRIVATE, broadcast: { ack: true } });
    for (const n of [1, 2, 3]) sender.push(ROOM, 'broadcast', shout(n));
    expect(await sender.call(ROOM, 'broadcast', shout(4))).toMatchObject({ status: 'ok' });
    await far.until(({ payload }) => payload.payload === 4);
    expect(shouted(far)).toEqual([1, 2, 3, 4]);
  });

  test('who may only receive is told so, and nobody hears it', async () => {
    const [listener, other] = await Promise.all([
      connect(one, { as: MEMBER }),
      connect(one, { as: { role: 'authenticated' } }),
    ]);
    for (const client of [listener, other])
      expect(await client.join('realtime:lobby', PRIVATE)).toMatchObject({ status: 'ok' });
    expect(await listener.call('realtime:lobby', 'broadcast', shout('x'))).toEqual({
      status: 'error',
      response: { reason: 'Unauthorized: You do not have permissions to write to this Channel topic: lobby' },
    });
    await aMoment();
    expect(shouted(other)).toEqual([]);
  });

  test('policies tell broadcast from presence', async () => {
    const client = await connect(one, { as: { ...MEMBER, only: 'presence' } });
    await client.join(ROOM, { ...PRIVATE, presence: { enabled: true } });
    expect(await client.call(ROOM, 'broadcast', shout('x'))).toMatchObject({ status: 'error' });
    expect(await client.call(ROOM, 'presence', { event: 'track', payload: {} })).toMatchObject({
      status: 'ok',
    });
    const watcher = await connect(one, { as: { role: 'authenticated' } });
    expect(await watcher.join('realtime:lobby', { ...PRIVATE, presence: { enabled: true } })).toMatchObject({
      status: 'ok',
    });
    await aMoment();
    expect(watcher.heard.map(({ event }) => event)).toEqual(['phx_reply']);
    expect(await watcher.join('realtime:present', { ...PRIVATE, presence: { enabled: true } })).toMatchObject(
      { status: 'ok' },
    );
    await watcher.until(({ event }) => event === 'presence_state');
    await database.query(`select realtime.send('{}', 'x', 'present')`);
    await aMoment();
    expect(shouted(watcher)).toEqual([]);
  });

  test('by HTTP, too', async () => {
    const client = await connect(other, { as: MEMBER });
    await client.join(ROOM, PRIVATE);
    const send = (as: Record<string, unknown>) =>
      fetch(`${one.origin}/realtime/v1/api/broadcast`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${tokenFor(as)}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({
          messages: [{ topic: 'room:a', event: 'e', payload: { by: as['room'] }, private: true }],
        }),
      });
    expect((await send({ role: 'authenticated', room: 'b' })).status).toBe(403);
    expect((await send(MEMBER)).status).toBe(202);
    await client.until(isShout);
    expect(shouted(client)).toEqual([{ by: 'a' }]);
  });

  test('triggers tell of rows', async () => {
    await database.query(`
      create table if not exists notes (id int primary key, room text);
      create or replace function tell() returns trigger language plpgsql security definer as $$
      begin
        perform realtime.broadcast_changes(
          'room:' || coalesce(new.room, old.room), tg_op, tg_op, tg_table_name, tg_table_schema, new, old
        );
        return null;
      end $$;
      create or replace trigger tell after insert or update or delete on notes for each row execute function tell()`);
    const [near, far, stranger] = await Promise.all([
      connect(one, { as: MEMBER }),
      connect(other, { as: MEMBER }),
      connect(one, { as: { role: 'authenticated', room: 'b' } }),
    ]);
    for (const client of [near, far]) await client.join(ROOM, PRIVATE);
    await stranger.join('realtime:room:b', PRIVATE);
    await database.query(`insert into notes values (1, 'a'); update notes set id = 2; delete from notes`);
    for (const client of [near, far]) {
      await client.until(({ payload }) => payload.event === 'DELETE');
      expect(shouted(client)).toMatchObject([
        {
          operation: 'INSERT',
          table: 'notes',
          schema: 'public',
          record: { id: 1, room: 'a' },
          old_record: null,
        },
        { operation: 'UPDATE', record: { id: 2 }, old_record: { id: 1 } },
        { operation: 'DELETE', record: null, old_record: { id: 2 } },
      ]);
    }
    expect(shouted(stranger)).toEqual([]);
  });
});

describe('replay', () => {
  const replay = (since: number, limit?: number) => ({ ...PRIVATE, broadcast: { replay: { since, limit } } });

  test('the latest messages come again, the oldest first, marked and once', async () => {
    await database.query(`
      select realtime.send(jsonb_build_object('n', n), 'kept', 'room:a') from generate_series(1, 5) n;
      update realtime.messages set inserted_at = inserted_at + (payload->>'n')::int * interval '1 ms';
      select realtime.send('{"n": 0}', 'kept', 'room:b')`);
    await database.query(`insert into realtime.messages (topic, extension, event, payload, private, inserted_at)
      values ('room:a', 'broadcast', 'kept', '{"n": -1}', true, now() at time zone 'utc' - interval '1 hour')`);
    const client = await connect(one, { as: MEMBER });
    expect(await client.join(ROOM, replay(Date.now() - 60_000, 3))).toMatchObject({ status: 'ok' });
    await database.query(`select realtime.send('{"n": 6}', 'kept', 'room:a')`);
    await client.until(({ payload }) => payload.payload?.n === 6);
    const kept = client.heard.filter(isShout);
    expect(kept.map(({ payload }) => payload.payload.n)).toEqual([3, 4, 5, 6]);
    expect(kept[0]?.payload).toMatchObject({ event: 'kept', type: 'broadcast', meta: { replayed: true } });
    expect(kept[3]?.payload.meta.replayed).toBeUndefined();
  });

  test.each([
    ['a public channel', { broadcast: { replay: { since: 0 } } }],
    ['a time that is none', replay(-1)],
    ['a text', { ...PRIVATE, broadcast: { replay: { since: 'yesterday' } } }],
  ])('%s is refused', async (_what, config) => {
    const client = await connect(one, { as: MEMBER });
    expect(await client.join(ROOM, config)).toMatchObject({ status: 'error' });
  });

  test('who may not receive broadcasts gets none again', async () => {
    await database.query(`select realtime.send('{}', 'kept', 'present')`);
    const client = await connect(one, { as: MEMBER });
    const config = { ...replay(0), presence: { enabled: true } };
    await client.join('realtime:present', config);
    await aMoment();
    expect(shouted(client)).toEqual([]);
  });

  test('old messages are removed', async () => {
    await database.query(`insert into realtime.messages (topic, extension, inserted_at)
      values ('a', 'broadcast', now() at time zone 'utc' - interval '73 hours'), ('b', 'broadcast', now() at time zone 'utc' - interval '71 hours')`);
    await database.query(`set role authenticator; select realtime.prune_messages('72 hours'); reset role`);
    expect((await database.query('select topic from realtime.messages')).rows).toEqual([{ topic: 'b' }]);
  });
});

describe('tokens', () => {
  const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;
  /** A token is taken for half a minute longer than it says. */
  const LEEWAY = 30;
  const ended = ({ event, payload }: { event: string; payload: { message?: string } }): boolean =>
    event === 'system' && payload.message?.startsWith('Token has expired') === true;

  test('the end of the token closes the channel with a reason, and the others stay', async () => {
    const client = await connect(one);
    await client.join('realtime:stays');
    const token = tokenFor({ ...MEMBER, exp: inSeconds(2 - LEEWAY) });
    expect(await client.join(ROOM, PRIVATE, { access_token: token })).toMatchObject({ status: 'ok' });
    const { payload } = await client.until(ended);
    expect(payload).toEqual({
      extension: 'system',
      status: 'error',
      message: expect.stringMatching(/^Token has expired 3\d seconds ago$/),
      channel: 'room:a',
    });
    await client.until(({ event, topic }) => event === 'phx_close' && topic === ROOM);
    expect(await client.call(ROOM, 'broadcast', shout(1))).toMatchObject({
      response: { reason: 'unmatched topic' },
    });
    expect(client.heard.some(({ event, topic }) => event === 'phx_close' && topic !== ROOM)).toBe(false);
  });

  test('a new token in time lets it go on', async () => {
    const client = await connect(one);
    const token = (exp: number) => ({ access_token: tokenFor({ ...MEMBER, exp }) });
    await client.join(ROOM, PRIVATE, token(inSeconds(2 - LEEWAY)));
    client.push(ROOM, 'access_token', token(inSeconds(3600)));
    await aMoment(3500);
    expect(client.heard.some(ended)).toBe(false);
    await database.query(`select realtime.send('{}', 'x', 'room:a')`);
    await client.until(isShout);
  });

  test('a token that may no longer receive closes the channel', async () => {
    const client = await connect(one, { as: MEMBER });
    await client.join(ROOM, PRIVATE);
    client.push(ROOM, 'access_token', { access_token: tokenFor({ role: 'authenticated', room: 'b' }) });
    const { payload } = await client.until(({ event }) => event === 'system');
    expect(payload).toMatchObject({ status: 'error', message: expect.stringContaining('room:a') });
    await client.until(({ event }) => event === 'phx_close');
  });

  test('what may be sent is asked anew', async () => {
    const client = await connect(one, { as: MEMBER });
    await client.join(ROOM, { ...PRIVATE, broadcast: { ack: true } });
    expect(await client.call(ROOM, 'broadcast', shout(1))).toMatchObject({ status: 'ok' });
    client.push(ROOM, 'access_token', { access_token: tokenFor({ ...MEMBER, only: 'presence' }) });
    expect(await client.call(ROOM, 'broadcast', shout(2))).toMatchObject({ status: 'error' });
  });

  test('a token that has ended before is refused, and a key that is none is that of the connection', async () => {
    const client = await connect(one, { as: MEMBER });
    const old = { access_token: tokenFor({ ...MEMBER, exp: inSeconds(-100) }) };
    expect(await client.join(ROOM, PRIVATE, old)).toMatchObject({
      status: 'error',
      response: { reason: expect.stringMatching(/^InvalidJWTToken: Token has expired 10\d seconds ago$/) },
    });
    expect(await client.join(ROOM, PRIVATE, { access_token: 'sb_publishable_x' })).toMatchObject({
      status: 'ok',
    });
    client.push(ROOM, 'access_token', { access_token: 'sb_publishable_y' });
    client.push(ROOM, 'access_token', { access_token: null });
    client.push(ROOM, 'access_token', old);
    const { payload } = await client.until(({ event }) => event === 'system');
    expect(payload.message).toMatch(/^Token has expired 10\d seconds ago$/);
  });

  test('a forged token closes the channel', async () => {
    const client = await connect(one, { as: MEMBER });
    await client.join(ROOM, PRIVATE);
    client.push(ROOM, 'access_token', { access_token: 'eyJhbGciOiJIUzI1NiJ9.e30.x' });
    const { payload } = await client.until(({ event }) => event === 'system');
    expect(payload.message).toMatch(/^InvalidJWTToken: /);
    await client.until(({ event }) => event === 'phx_close');
  });
});
