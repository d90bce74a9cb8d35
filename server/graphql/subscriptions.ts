/**
 * The subscriptions of a process: whoever joins is led to the group that is answered the same, or begins one.
 */
import { GraphQLError } from 'graphql';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { ask } from '../execute/query.ts';
import type { Identity } from '../identity/role.ts';
import type { Feed, Round } from '../realtime/feed.ts';
import { Deadlines } from '../realtime/socket/deadlines.ts';
import { type Ask, createTableHolder, type TableHolder } from '../realtime/tables.ts';
import type { RestSettings } from '../rest/context.ts';
import { DocumentError } from './operation.ts';
import type { GraphqlContext } from './serve-operation.ts';
import {
  type GroupKeeper,
  ScatteredError,
  SubscriptionGroup,
  type SubscriptionSink,
  type Unfit,
} from './subscription-group.ts';
import {
  isCurrent,
  planSubscription,
  type SubscriptionPlan,
  type SubscriptionQuery,
} from './subscription-plan.ts';

export interface Subscriptions {
  /**
   * Follows an operation. Resolves, with what ends it, when the sink has the answer and whatever comes later will come.
   * Rejects with DocumentError, GraphQLError, ApiError: what cannot be read or followed, AURA404 and 406.
   */
  readonly join: (query: SubscriptionQuery, sink: SubscriptionSink) => Promise<() => void>;
  /** When tokens end. */
  readonly deadlines: Deadlines;
  /** Ends all, and takes nobody in any more. */
  readonly stop: () => void;
}

const LOOK_MS = 1000;

const stopping = (): ApiError =>
  apiError('AURA406', 'The server is being stopped', { hint: 'Subscribe again.' });

/** Whether the same is let in. */
export const isSameIdentity = (one: Identity, other: Identity): boolean =>
  one.role === other.role && one.claimsText === other.claimsText;

/** A subscriber: what its group tells it goes to its sink. */
class Member implements SubscriptionSink {
  query: SubscriptionQuery;
  group: SubscriptionGroup | null = null;
  readonly #sink: SubscriptionSink;
  readonly #left: (member: Member) => void;
  #last: Buffer | null = null;
  #isGone = false;

  constructor(query: SubscriptionQuery, sink: SubscriptionSink, left: (member: Member) => void) {
    this.query = query;
    this.#sink = sink;
    this.#left = left;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  send(answer: Buffer): void {
    // another group may begin with what the one before has told
    if (this.#isGone || this.#last?.equals(answer)) return;
    this.#last = answer;
    this.#sink.send(answer);
  }

  end(reason: unknown): void {
    if (this.#isGone) return;
    this.leave();
    this.#sink.end(reason);
  }

  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.group?.dismiss(this);
    this.#left(this);
  }
}

/** Makes the subscriptions of a process over its feed. */
export const createSubscriptions = (context: GraphqlContext, feed: Feed): Subscriptions =>
  new SubscriptionKeeper(context, feed);

class SubscriptionKeeper implements Subscriptions, GroupKeeper {
  readonly feed: Feed;
  readonly deadlines = new Deadlines();
  readonly #context: GraphqlContext;
  readonly #tables: TableHolder = createTableHolder();
  readonly #groups = new Map<string, SubscriptionGroup>();
  readonly #members = new Set<Member>();
  readonly #ask: Ask;
  readonly #timer: NodeJS.Timeout;
  #settings: RestSettings;
  #resyncedAt = performance.now();
  #isStopped = false;

  constructor(context: GraphqlContext, feed: Feed) {
    this.#context = context;
    this.#settings = context.settings();
    this.feed = feed;
    this.#ask = async (...questions) => (await ask(context.pool, questions)).at(-1) ?? [];
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  readonly join: Subscriptions['join'] = async (query, sink) => {
    if (this.#isStopped) throw stopping();
    const most = this.#context.settings().config.realtimeMaxStreams;
    if (this.#members.size >= most) {
      throw apiError('AURA404', 'Too many subscriptions are open', {
        details: `At most ${most} are served at a time.`,
        headers: { 'Retry-After': '5' },
      });
    }
    const member = new Member(query, sink, (gone) => {
      this.#members.delete(gone);
      this.#count();
    });
    this.#members.add(member);
    this.#count();
    try {
      await this.#admit(member);
    } catch (error) {
      member.leave();
      throw error;
    }
    return () => member.leave();
  };

  readonly stop = (): void => {
    this.#isStopped = true;
    clearInterval(this.#timer);
    for (const group of [...this.#groups.values()]) group.fail(stopping());
  };

  // what groups need

  async planAnew(
    plan: SubscriptionPlan,
    round: Round,
    moment: object | null,
  ): Promise<SubscriptionPlan | Unfit> {
    if (moment === null && isCurrent(plan, this.#context)) return plan;
    try {
      return await planSubscription(this.#context, this.#tables, plan.query, round.ask, moment);
    } catch (reason) {
      // what PostgreSQL refuses, and a connection that is lost, is the round's to see to
      const isUnfit =
        reason instanceof DocumentError ||
        reason instanceof GraphQLError ||
        (reason instanceof ApiError && reason.code.startsWith('AURA'));
      if (isUnfit) return { reason };
      throw reason;
    }
  }

  ended(group: SubscriptionGroup): void {
    if (this.#groups.get(group.key) === group) this.#groups.delete(group.key);
    this.#count();
  }

  scattered(members: readonly SubscriptionSink[]): void {
    for (const member of members) {
      if (member instanceof Member) this.#admit(member).catch((error: unknown) => member.end(error));
    }
  }

  async #admit(member: Member): Promise<void> {
    const plan = await this.#plan(member.query);
    if (member.isGone) return;
    let group = this.#groups.get(plan.group);
    if (group === undefined) {
      group = new SubscriptionGroup(plan, this);
      this.#groups.set(plan.group, group);
      this.#count();
    }
    const joined = group;
    member.group = joined;
    try {
      await new Promise<void>((admitted, refused) => {
        joined.admit({ sink: member, admitted, refused });
      });
    } catch (error) {
      if (!(error instanceof ScatteredError)) throw error;
      await this.#admit(member);
    }
  }

  /** Looks who the subscriber is by other settings: keys and roles may be others than they were. */
  async #recheck(member: Member, { authenticate }: RestSettings): Promise<void> {
    const { query } = member;
    try {
      const identity = await authenticate(query.credentials);
      if (isSameIdentity(identity, query.identity)) return;
      member.query = { ...query, identity };
      member.group?.dismiss(member);
      await this.#admit(member);
    } catch (error) {
      member.end(error);
    }
  }

  /** Plans an operation; a table that seems not to be captured may be so since a moment ago. */
  async #plan(query: SubscriptionQuery): Promise<SubscriptionPlan> {
    try {
      return await planSubscription(this.#context, this.#tables, query, this.#ask, null);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'AURA401')) throw error;
      return planSubscription(this.#context, this.#tables, query, this.#ask, {});
    }
  }

  /** Ends what is due, and has what may change unseen read anew from time to time. */
  #look(): void {
    this.deadlines.look();
    const settings = this.#context.settings();
    if (settings !== this.#settings) {
      this.#settings = settings;
      for (const member of this.#members) void this.#recheck(member, settings);
    }
    const pause = settings.config.realtimeResyncInterval * 1000;
    const now = performance.now();
    if (pause === 0 || now - this.#resyncedAt < pause) return;
    this.#resyncedAt = now;
    const due = [...this.#groups.values()].filter((group) => group.isOpaque);
    if (due.length > 0) this.feed.resync(due);
  }

  #count(): void {
    this.#context.observe({
      kind: 'subscriptions',
      subscribers: this.#members.size,
      groups: this.#groups.size,
    });
  }
}
