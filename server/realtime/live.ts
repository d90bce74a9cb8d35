/**
 * Live queries: reads that are followed. Whoever joins is led to the group that sees the same rows, or begins one.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { claimsError } from '../identity/refusal.ts';
import type { RestContext } from '../rest/context.ts';
import type { Feed } from './feed.ts';
import type { Resume } from './group.ts';
import { Keeper } from './keeper.ts';
import { type LiveBatch, LiveGroup } from './live-group.ts';
import { type LivePlan, type LiveQuery, planLive } from './live-plan.ts';

/** What carries a live query to one follower. Neither may throw. */
export interface LiveSink {
  readonly send: (batch: LiveBatch) => void;
  /** Nothing more comes. */
  readonly end: (reason: ApiError) => void;
}

/** The live queries of a process. */
export interface Live {
  /**
   * Follows a query. Resolves, with what ends it, when the sink has what it begins with and whatever comes later will
   * come. Rejects with ApiError: what cannot be read or followed, AURA403, 404 and 406, PGRST000 to 003.
   */
  readonly join: (query: LiveQuery, sink: LiveSink, resume: Resume) => Promise<() => void>;
  /** Looks who the followers are, by the settings of the moment: keys and roles may be others than they were. */
  readonly recheck: () => Promise<void>;
  /** Has what may change unseen be read anew, from time to time. Ends when the followers are sent away. */
  readonly start: () => void;
  /** Ends all, and takes nobody in any more. */
  readonly stop: () => void;
}

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** Those that have to be read anew from time to time are so in turns. */
const TURNS = 10;

/** Why it is over. */
const asEnd = (error: unknown): ApiError =>
  error instanceof ApiError ? error : apiError('PGRSTX00', 'Internal server error', { cause: error });

/** As tokens are accepted so long after their time, since clocks differ. */
const CLOCK_SKEW_SECONDS = 30;

/** Milliseconds until the token of the query is accepted no more; null = there is no such time. */
function timeLeft({ identity: { claims } }: LiveQuery): number | null {
  return typeof claims['exp'] === 'number' ? (claims['exp'] + CLOCK_SKEW_SECONDS) * 1000 - Date.now() : null;
}

/** Calls back when the token of the query is accepted no more; gives what calls that off. */
function expire(query: LiveQuery, expired: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const left = timeLeft(query);
    if (left === null) return;
    const next = left > LONGEST_TIMEOUT_MS ? wait : expired;
    timer = setTimeout(next, Math.max(0, Math.min(left, LONGEST_TIMEOUT_MS))).unref();
  };
  wait();
  return () => clearTimeout(timer);
}

/** Makes the live queries of a process over its feed. */
export function createLive(context: RestContext, feed: Feed): Live {
  const keeper = new Keeper<LiveQuery, LivePlan, LiveBatch>(context, feed, {
    name: 'live queries',
    hint: 'Connect again with Last-Event-ID.',
    plan: (tables, query, ask, refresh) => planLive(context, tables, query, ask, refresh),
    begin: (plan, its) => new LiveGroup(plan, its),
    count: (followers, groups) => context.observe({ kind: 'live queries', followers, groups }),
  });
  let timer: NodeJS.Timeout | undefined;
  let turn = 0;
  const start = (): void => {
    const { realtimeResyncInterval } = context.settings().config;
    const pause = realtimeResyncInterval === 0 ? 1000 : (realtimeResyncInterval * 1000) / TURNS;
    timer = setTimeout(() => {
      if (realtimeResyncInterval > 0) {
        turn = (turn + 1) % TURNS;
        keeper.resync(turn, TURNS);
      }
      start();
    }, pause).unref();
  };
  return {
    join: async (query, sink, resume) => {
      const end = (reason: unknown): void => sink.end(asEnd(reason));
      const member = await keeper.join(query, { send: sink.send, end }, resume);
      const forget = expire(query, () => member.end(claimsError('JWT expired')));
      return () => {
        forget();
        member.leave();
      };
    },
    recheck: () => keeper.recheck(),
    start,
    stop: () => {
      clearTimeout(timer);
      keeper.stop();
    },
  };
}
