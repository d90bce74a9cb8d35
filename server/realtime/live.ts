/**
 * Live queries: reads that are followed. Whoever joins is led to the group that sees the same rows, or begins one.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { ask } from '../execute/query.ts';
import { claimsError } from '../identity/refusal.ts';
import type { Observe } from '../observe/observation.ts';
import type { RestContext, RestSettings } from '../rest/context.ts';
import type { Bookmark } from './bookmark.ts';
import type { Feed, Round } from './feed.ts';
import {
  asEnd,
  type GroupKeeper,
  type LiveBatch,
  LiveGroup,
  type LiveSink,
  ScatteredError,
} from './live-group.ts';
import { isCurrent, type LivePlan, type LiveQuery, planLive } from './live-plan.ts';
import { type Ask, createTableHolder, type TableHolder } from './tables.ts';

/** The live queries of a process. */
export interface Live {
  /**
   * Follows a query. Resolves, with what ends it, when the sink has what it begins with and whatever comes later will
   * come. Rejects with ApiError: what cannot be read or followed, AURA403, 404 and 406, PGRST000 to 003.
   * @param resume where the follower was; `unknown`: it has something, and nobody knows what; null = it has nothing
   */
  readonly join: (
    query: LiveQuery,
    sink: LiveSink,
    resume: Bookmark | 'unknown' | null,
  ) => Promise<() => void>;
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

const stopping = (): ApiError =>
  apiError('AURA406', 'The server is being stopped', { hint: 'Connect again with Last-Event-ID.' });

/** As tokens are accepted so long after their time, since clocks differ. */
const CLOCK_SKEW_SECONDS = 30;

/** Milliseconds until the token of the query is accepted no more; null = there is no such time. */
function timeLeft({ identity: { claims } }: LiveQuery): number | null {
  return typeof claims['exp'] === 'number' ? (claims['exp'] + CLOCK_SKEW_SECONDS) * 1000 - Date.now() : null;
}

/** A follower: what a group tells it goes to its sink, until its token expires. */
class Member implements LiveSink {
  query: LiveQuery;
  group: LiveGroup | null = null;
  /** It has been sent what it begins with; until then it looks for a group by itself. */
  isAdmitted = false;
  readonly #sink: LiveSink;
  readonly #left: (member: Member) => void;
  #expiry: NodeJS.Timeout | undefined;
  #isGone = false;

  constructor(query: LiveQuery, sink: LiveSink, left: (member: Member) => void) {
    this.query = query;
    this.#sink = sink;
    this.#left = left;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  send(batch: LiveBatch): void {
    if (!this.#isGone) this.#sink.send(batch);
  }

  end(reason: ApiError): void {
    if (this.#isGone) return;
    this.leave();
    this.#sink.end(reason);
  }

  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    clearTimeout(this.#expiry);
    this.group?.dismiss(this);
    this.#left(this);
  }

  /** Ends it when its token does. */
  expire(): void {
    const left = timeLeft(this.query);
    if (this.#isGone || left === null) return;
    this.#expiry = setTimeout(
      () => {
        if (left > LONGEST_TIMEOUT_MS) this.expire();
        else this.end(claimsError('JWT expired'));
      },
      Math.max(0, Math.min(left, LONGEST_TIMEOUT_MS)),
    );
    this.#expiry.unref();
  }
}

/** Makes the live queries of a process over its feed. */
export function createLive(context: RestContext, feed: Feed, observe: Observe): Live {
  return new LiveQueries(context, feed, observe);
}

class LiveQueries implements Live, GroupKeeper {
  readonly feed: Feed;
  readonly #context: RestContext;
  readonly #observe: Observe;
  readonly #tables: TableHolder = createTableHolder();
  readonly #groups = new Map<string, LiveGroup>();
  readonly #members = new Set<Member>();
  readonly #ask: Ask;
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;
  /** By which all who follow were found to be who they are. */
  #settings: RestSettings;
  #isStopped = false;

  constructor(context: RestContext, feed: Feed, observe: Observe) {
    this.#context = context;
    this.feed = feed;
    this.#observe = observe;
    this.#settings = context.settings();
    this.#ask = async (...questions) => (await ask(context.pool, questions)).at(-1) ?? [];
  }

  async join(query: LiveQuery, sink: LiveSink, resume: Bookmark | 'unknown' | null): Promise<() => void> {
    if (this.#isStopped) throw stopping();
    const most = this.#context.settings().config.realtimeMaxStreams;
    if (this.#members.size >= most) {
      throw apiError('AURA404', 'Too many live queries are open', {
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
      await this.#admit(member, resume);
    } catch (error) {
      member.leave();
      throw error;
    }
    member.expire();
    return () => member.leave();
  }

  async recheck(): Promise<void> {
    const settings = this.#context.settings();
    if (settings === this.#settings) return;
    this.#settings = settings;
    await Promise.all(Array.from(this.#members, (member) => this.#recheckOne(member, settings)));
  }

  start(): void {
    const wait = (): void => {
      const { realtimeResyncInterval } = this.#context.settings().config;
      const pause = realtimeResyncInterval === 0 ? 1000 : (realtimeResyncInterval * 1000) / TURNS;
      this.#timer = setTimeout(() => {
        if (realtimeResyncInterval > 0) this.#resyncSome();
        wait();
      }, pause);
      this.#timer.unref();
    };
    wait();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const group of [...this.#groups.values()]) group.fail(stopping());
  }

  // what groups need

  planAnew(plan: LivePlan, round: Round, moment: object | null): Promise<LivePlan> {
    if (moment === null && isCurrent(plan, this.#context)) return Promise.resolve(plan);
    return planLive(this.#context, this.#tables, plan.query, round.ask, moment);
  }

  ended(group: LiveGroup): void {
    if (this.#groups.get(group.key) === group) this.#groups.delete(group.key);
    this.#count();
  }

  scattered(members: readonly LiveSink[]): void {
    for (const member of members) {
      if (member instanceof Member) {
        member.isAdmitted = false;
        this.#admit(member, 'unknown').catch((error: unknown) => member.end(asEnd(error)));
      }
    }
  }

  async #recheckOne(member: Member, { authenticate }: RestSettings): Promise<void> {
    const { query } = member;
    try {
      const identity = await authenticate(query.credentials);
      if (identity.role === query.identity.role && identity.claimsText === query.identity.claimsText) return;
      member.query = { ...query, identity };
      const { isAdmitted } = member;
      member.isAdmitted = false;
      member.group?.dismiss(member);
      if (isAdmitted) await this.#admit(member, 'unknown');
    } catch (error) {
      member.end(asEnd(error));
    }
  }

  async #admit(member: Member, resume: Bookmark | 'unknown' | null): Promise<void> {
    const { query } = member;
    const plan = await this.#plan(query);
    if (member.isGone) return;
    // it has come to be somebody else meanwhile
    if (member.query !== query) return this.#admit(member, resume);
    let group = this.#groups.get(plan.group);
    if (group === undefined) {
      group = new LiveGroup(plan, this);
      this.#groups.set(plan.group, group);
      this.#count();
    }
    const joined = group;
    member.group = joined;
    try {
      await new Promise<void>((admitted, refused) => {
        joined.admit({ sink: member, resume, admitted, refused });
      });
      member.isAdmitted = true;
    } catch (error) {
      if (!(error instanceof ScatteredError)) throw error;
      await this.#admit(member, resume);
    }
  }

  /** Plans a query; a table that seems not to be captured may be so since a moment ago. */
  async #plan(query: LiveQuery): Promise<LivePlan> {
    try {
      return await planLive(this.#context, this.#tables, query, this.#ask, null);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'AURA401')) throw error;
      return planLive(this.#context, this.#tables, query, this.#ask, {});
    }
  }

  #resyncSome(): void {
    this.#turn = (this.#turn + 1) % TURNS;
    const due: LiveGroup[] = [];
    let at = 0;
    for (const group of this.#groups.values()) {
      if (!group.isOpaque) continue;
      if (at % TURNS === this.#turn) due.push(group);
      at += 1;
    }
    if (due.length > 0) this.feed.resync(due);
  }

  #count(): void {
    this.#observe({ kind: 'live queries', followers: this.#members.size, groups: this.#groups.size });
  }
}
