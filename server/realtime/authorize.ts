/**
 * What a caller may do in a private channel, asked of PostgreSQL: the policies of `realtime.messages` for `select` say
 * who may receive, those for `insert` who may send. A row of the channel is put there and looked for as the caller, or
 * put there by the caller; either way the transaction is rolled back.
 */
import { randomUUID } from 'node:crypto';
import type { ApiError } from '../errors/error.ts';
import { fromPostgres } from '../errors/postgres.ts';
import type { Outcome, Row, Step } from '../execute/step.ts';
import {
  begin,
  cleanUp,
  command,
  mayDoAnew,
  preludeOf,
  ROLLBACK,
  withLease,
} from '../execute/transaction.ts';
import { ALL_AS_TEXT } from '../execute/wire.ts';
import type { Identity } from '../identity/role.ts';
import type { RestContext } from '../rest/context.ts';

/** What a policy tells apart. */
export type Extension = 'broadcast' | 'presence';

export interface Access {
  readonly broadcast: boolean;
  readonly presence: boolean;
}

/** A message that is kept, as the caller may see it. */
export interface KeptMessage {
  readonly id: string;
  readonly event: string;
  /** The text of a JSON value. */
  readonly payload: string;
}

export interface Replay {
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly limit: number;
}

/** Asks PostgreSQL about channels. All reject with ApiError: what PostgreSQL refuses, PGRST000, 001 and 003. */
export interface Authorizer {
  readonly mayReceive: (identity: Identity, topic: string) => Promise<Access>;
  readonly maySend: (identity: Identity, topic: string, extension: Extension) => Promise<boolean>;
  /** The latest messages since then, the oldest first. */
  readonly replay: (identity: Identity, topic: string, asked: Replay) => Promise<readonly KeptMessage[]>;
}

const INSUFFICIENT_PRIVILEGE = '42501';

const stepOf = (text: string, values: Step['values'], key: string | null): Step => ({
  key,
  text,
  values,
  formats: ALL_AS_TEXT,
  binary: new Set(),
});

interface Question {
  readonly identity: Identity;
  readonly topic: string;
  /** As the login role. */
  readonly before: Step | null;
  /** As the caller; its key is without the role. */
  readonly main: Step;
}

const PROBE = 'select realtime.probe($1, $2::uuid, $3::uuid)';
const RECEIVES = `select
  exists (select from realtime.messages where id = $1::uuid),
  exists (select from realtime.messages where id = $2::uuid)`;
const SENDS = 'insert into realtime.messages (topic, extension, private) values ($1, $2, true)';
const REPLAY = `select id, event, payload
  from (
    select id, coalesce(event, '') as event, coalesce(payload, 'null') as payload, inserted_at
    from realtime.messages
    where topic = $1 and extension = 'broadcast' and private
      and inserted_at >= to_timestamp($2::bigint / 1000.0) at time zone 'utc'
    order by inserted_at desc
    limit $3::int
  ) latest
  order by inserted_at`;

/** Makes what asks, with connections of the context's pool. */
export function createAuthorizer(context: RestContext): Authorizer {
  /** The rows of the main statement; null = the caller may not run it. */
  const run = ({ identity, topic, before, main }: Question): Promise<readonly Row[] | null> => {
    const settings = context.settings();
    const { config } = settings;
    const session = context.renderSession(
      settings.sessionOf(
        identity,
        { method: 'GET', path: config.realtimePrefix, headers: {} },
        {
          schema: config.dbSchemas[0] ?? 'public',
          settings: [
            ['realtime.topic', topic],
            ['realtime.probe', 'on'],
          ],
          readOnly: false,
          preferences: { timezone: null },
        },
      ),
    );
    const { role } = identity;
    const plan = () => {
      const { steps, guard, key } = preludeOf({ session, role, preRequest: settings.preRequest, key: role });
      const first = [begin({ isolation: null, readOnly: false }), ...(before === null ? [] : [before])];
      const own = { ...main, key: key === null ? null : `${key} ${main.key}` };
      const all = [...first, ...steps, own, ROLLBACK];
      return {
        steps: config.dbPreparedStatements ? all : all.map((step) => ({ ...step, key: null })),
        guard: guard < 0 ? guard : first.length + guard,
        main: all.length - 2,
      };
    };
    const mode = { departure: null, taints: true, readOnly: false };
    return withLease(context.pool, mode, async (lease) => {
      let trip = plan();
      let outcome: Outcome = await lease.run(trip.steps);
      if (mayDoAnew(lease, settings, trip, outcome)) {
        await cleanUp(lease, outcome);
        trip = plan();
        outcome = await lease.run(trip.steps);
      }
      const { error, rows, failedAt } = outcome;
      if (!error) return rows[trip.main] ?? [];
      await cleanUp(lease, outcome);
      if (error.code === INSUFFICIENT_PRIVILEGE && failedAt === trip.main) return null;
      throw fromPostgres(error, role !== config.dbAnonRole) satisfies ApiError;
    });
  };
  const isTrue = (value: Buffer | null | undefined): boolean => value?.toString() === 't';

  return {
    mayReceive: async (identity, topic) => {
      const ids = [randomUUID(), randomUUID()];
      const rows = await run({
        identity,
        topic,
        before: { ...command(PROBE), values: [topic, ...ids] },
        main: stepOf(RECEIVES, ids, 'channel receives'),
      });
      return { broadcast: isTrue(rows?.[0]?.[0]), presence: isTrue(rows?.[0]?.[1]) };
    },
    maySend: async (identity, topic, extension) => {
      const main = stepOf(SENDS, [topic, extension], 'channel sends');
      return (await run({ identity, topic, before: null, main })) !== null;
    },
    replay: async (identity, topic, { since, limit }) => {
      const main = stepOf(REPLAY, [topic, String(since), String(limit)], 'channel replays');
      const rows = (await run({ identity, topic, before: null, main })) ?? [];
      return rows.map(([id, event, payload]) => ({
        id: id?.toString() ?? '',
        event: event?.toString() ?? '',
        payload: payload?.toString() ?? 'null',
      }));
    },
  };
}
