/**
 * The subscriptions of a process: whoever joins is led to the group that is answered the same, or begins one.
 */
import type { Feed } from '../realtime/feed.ts';
import { Keeper, type Sink } from '../realtime/keeper.ts';
import { Deadlines } from '../realtime/socket/deadlines.ts';
import type { GraphqlContext } from './serve-operation.ts';
import { SubscriptionGroup } from './subscription-group.ts';
import { planSubscription, type SubscriptionPlan, type SubscriptionQuery } from './subscription-plan.ts';

export interface Subscriptions {
  /**
   * Follows an operation. Resolves, with what ends it, when the sink has the answer and whatever comes later will come:
   * whole answers, each on one line, of which the last counts, and which must not be changed.
   * Rejects with DocumentError, GraphQLError, ApiError: what cannot be read or followed, AURA404 and 406.
   */
  readonly join: (query: SubscriptionQuery, sink: Sink<Buffer>) => Promise<() => void>;
  /** When tokens end. */
  readonly deadlines: Deadlines;
  /** Ends all, and takes nobody in any more. */
  readonly stop: () => void;
}

const LOOK_MS = 1000;

/** Another group may begin with what the one before has told. */
function withoutRepetition({ send, end }: Sink<Buffer>): Sink<Buffer> {
  let last: Buffer | null = null;
  return {
    send: (answer) => {
      if (last?.equals(answer)) return;
      last = answer;
      send(answer);
    },
    end,
  };
}

/** Makes the subscriptions of a process over its feed. */
export function createSubscriptions(context: GraphqlContext, feed: Feed): Subscriptions {
  const keeper = new Keeper<SubscriptionQuery, SubscriptionPlan, Buffer>(context, feed, {
    name: 'subscriptions',
    hint: 'Subscribe again.',
    plan: (tables, query, ask, refresh) => planSubscription(context, tables, query, ask, refresh),
    begin: (plan, its) => new SubscriptionGroup(plan, its),
    count: (subscribers, groups) => context.observe({ kind: 'subscriptions', subscribers, groups }),
  });
  const deadlines = new Deadlines();
  let resyncedAt = performance.now();
  /** Ends what is due, and has what may change unseen read anew from time to time. */
  const look = (): void => {
    deadlines.look();
    void keeper.recheck();
    const pause = context.settings().config.realtimeResyncInterval * 1000;
    const now = performance.now();
    if (pause === 0 || now - resyncedAt < pause) return;
    resyncedAt = now;
    keeper.resync(0, 1);
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return {
    join: async (query, sink) => {
      const member = await keeper.join(query, withoutRepetition(sink), null);
      return () => member.leave();
    },
    deadlines,
    stop: () => {
      clearInterval(timer);
      keeper.stop();
    },
  };
}
