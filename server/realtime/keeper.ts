/**
 * Keeps all who follow something of one kind, in groups: whoever joins is led to the group that is told the same, or
 * begins one, and is led to another one when it has come to be somebody else, or its group belongs together no more.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { ask } from '../execute/query.ts';
import type { Credentials } from '../identity/authenticate.ts';
import { type Identity, isSameIdentity } from '../identity/role.ts';
import type { RestContext, RestSettings, Scene } from '../rest/context.ts';
import type { Feed, Round } from './feed.ts';
import {
  type Follower,
  type Group,
  type GroupKeeper,
  type GroupPlan,
  type Resume,
  ScatteredError,
} from './group.ts';
import { type Ask, createTableHolder, type TableHolder } from './tables.ts';

/** What somebody follows, and who asks. */
export interface FollowedQuery {
  readonly identity: Identity;
  /** By which the identity was found, and has to be found again when the settings are others. */
  readonly credentials: Credentials;
}

/** The same, planned. It is planned anew when the catalog or the settings are others. */
export interface FollowedPlan<Query> extends GroupPlan {
  readonly query: Query;
  /** What it was planned under. */
  readonly under: Pick<Scene, 'catalog' | 'settings'>;
}

/** Of what kind that is which is followed. */
export interface Kind<Query, Plan extends GroupPlan, Told> {
  /** What it is called in errors, in the plural. */
  readonly name: string;
  /** What a client may do that is sent away because the server stops. */
  readonly hint: string;
  /**
   * Plans under the catalog and the settings of the moment. Rejects with what cannot be read or followed.
   * @param refresh what stands for the moment from which on what is known of the tables must be; null = as it is known
   */
  readonly plan: (tables: TableHolder, query: Query, ask: Ask, refresh: object | null) => Promise<Plan>;
  /** Makes the group of those who share a plan. */
  readonly begin: (plan: Plan, keeper: GroupKeeper<Plan, Told>) => Group<Plan, Told>;
  /** Is told how many follow, and in how many groups. */
  readonly count: (followers: number, groups: number) => void;
}

/** What carries what is told to one follower. Neither may throw. */
export type Sink<Told> = Pick<Follower<Told>, 'send' | 'end'>;

/** A follower: what its group tells it goes to its sink, as long as it is there. */
class Member<Query, Told> implements Follower<Told> {
  query: Query;
  group: { readonly dismiss: (member: Follower<Told>) => void } | null = null;
  /** It has been sent what it begins with; until then it looks for a group by itself. */
  isAdmitted = false;
  readonly #sink: Sink<Told>;
  readonly #left: (member: Member<Query, Told>) => void;
  readonly #scattered: (member: Member<Query, Told>) => void;
  #isGone = false;

  constructor(
    query: Query,
    sink: Sink<Told>,
    left: (member: Member<Query, Told>) => void,
    scattered: (member: Member<Query, Told>) => void,
  ) {
    this.query = query;
    this.#sink = sink;
    this.#left = left;
    this.#scattered = scattered;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  send(told: Told): void {
    if (!this.#isGone) this.#sink.send(told);
  }

  end(reason: unknown): void {
    if (this.#isGone) return;
    this.leave();
    this.#sink.end(reason);
  }

  rejoin(): void {
    this.#scattered(this);
  }

  leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.group?.dismiss(this);
    this.#left(this);
  }
}

/** Somebody who has joined. */
export interface Membership {
  readonly leave: () => void;
  /** Ends it, unless it is over, and says why. */
  readonly end: (reason: unknown) => void;
}

export class Keeper<Query extends FollowedQuery, Plan extends FollowedPlan<Query>, Told>
  implements GroupKeeper<Plan, Told>
{
  readonly feed: Feed;
  readonly #context: RestContext;
  readonly #kind: Kind<Query, Plan, Told>;
  readonly #tables: TableHolder = createTableHolder();
  readonly #groups = new Map<string, Group<Plan, Told>>();
  readonly #members = new Set<Member<Query, Told>>();
  readonly #ask: Ask;
  /** By which all who follow were found to be who they are. */
  #settings: RestSettings;
  #isStopped = false;

  constructor(context: RestContext, feed: Feed, kind: Kind<Query, Plan, Told>) {
    this.#context = context;
    this.feed = feed;
    this.#kind = kind;
    this.#settings = context.settings();
    this.#ask = async (...questions) => (await ask(context.pool, questions)).at(-1) ?? [];
  }

  /**
   * Follows a query. Resolves when the sink has what it begins with and whatever comes later will come. Rejects with
   * what cannot be read or followed, AURA404 and 406.
   */
  async join(query: Query, sink: Sink<Told>, resume: Resume): Promise<Membership> {
    if (this.#isStopped) throw this.#stopping();
    const most = this.#context.settings().config.realtimeMaxStreams;
    if (this.#members.size >= most) {
      throw apiError('AURA404', `Too many ${this.#kind.name} are open`, {
        details: `At most ${most} are served at a time.`,
        headers: { 'Retry-After': '5' },
      });
    }
    const left = (member: Member<Query, Told>): void => {
      this.#members.delete(member);
      this.#count();
    };
    const member = new Member(query, sink, left, (scattered) => {
      scattered.isAdmitted = false;
      this.#admit(scattered, 'unknown').catch((error: unknown) => scattered.end(error));
    });
    this.#members.add(member);
    this.#count();
    try {
      await this.#admit(member, resume);
    } catch (error) {
      member.leave();
      throw error;
    }
    return member;
  }

  /** Looks who the followers are, by the settings of the moment: keys and roles may be others than they were. */
  async recheck(): Promise<void> {
    const settings = this.#context.settings();
    if (settings === this.#settings) return;
    this.#settings = settings;
    await Promise.all(Array.from(this.#members, (member) => this.#recheckOne(member, settings)));
  }

  /** Has groups read anew of which something may change unseen: of as many shares as there are turns, one. */
  resync(turn: number, turns: number): void {
    const opaque = [...this.#groups.values()].filter((group) => group.isOpaque);
    const due = opaque.filter((_group, index) => index % turns === turn);
    if (due.length > 0) this.feed.resync(due);
  }

  /** Ends all, and takes nobody in any more. */
  stop(): void {
    this.#isStopped = true;
    for (const group of [...this.#groups.values()]) group.fail(this.#stopping());
  }

  // what groups need

  planAnew(plan: Plan, round: Round, moment: object | null): Promise<Plan> {
    const { catalog, settings } = plan.under;
    const isCurrent = catalog === this.#context.catalog() && settings === this.#context.settings();
    if (moment === null && isCurrent) return Promise.resolve(plan);
    return this.#kind.plan(this.#tables, plan.query, round.ask, moment);
  }

  ended(group: Group<Plan, Told>): void {
    if (this.#groups.get(group.key) === group) this.#groups.delete(group.key);
    this.#count();
  }

  async #recheckOne(member: Member<Query, Told>, { authenticate }: RestSettings): Promise<void> {
    const { query } = member;
    try {
      const identity = await authenticate(query.credentials);
      if (isSameIdentity(identity, query.identity)) return;
      member.query = { ...query, identity };
      const { isAdmitted } = member;
      member.isAdmitted = false;
      member.group?.dismiss(member);
      if (isAdmitted) await this.#admit(member, 'unknown');
    } catch (error) {
      member.end(error);
    }
  }

  async #admit(member: Member<Query, Told>, resume: Resume): Promise<void> {
    const { query } = member;
    const plan = await this.#plan(query);
    if (member.isGone) return;
    // it has come to be somebody else meanwhile
    if (member.query !== query) return this.#admit(member, resume);
    const group = this.#groups.get(plan.group) ?? this.#begin(plan);
    member.group = group;
    try {
      await new Promise<void>((admitted, refused) => {
        group.admit({ follower: member, resume, admitted, refused });
      });
      member.isAdmitted = true;
    } catch (error) {
      if (!(error instanceof ScatteredError)) throw error;
      await this.#admit(member, resume);
    }
  }

  #begin(plan: Plan): Group<Plan, Told> {
    const group = this.#kind.begin(plan, this);
    this.#groups.set(plan.group, group);
    this.#count();
    return group;
  }

  /** Plans a query; a table that seems not to be captured may be so since a moment ago. */
  async #plan(query: Query): Promise<Plan> {
    try {
      return await this.#kind.plan(this.#tables, query, this.#ask, null);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'AURA401')) throw error;
      return this.#kind.plan(this.#tables, query, this.#ask, {});
    }
  }

  #stopping(): ApiError {
    return apiError('AURA406', 'The server is being stopped', { hint: this.#kind.hint });
  }

  #count(): void {
    this.#kind.count(this.#members.size, this.#groups.size);
  }
}
