/**
 * A group of followers who are told the same: what they follow is read once for all of them, when the first one comes
 * and in the rounds of the feed that concern it. What is read, and how it is told, is said by those that extend it.
 */
import type { CostCheck } from '../execute/cost.ts';
import { decodeCost } from '../execute/result.ts';
import type { Task } from '../execute/transaction.ts';
import type { Bookmark } from './bookmark.ts';
import type { Dependence } from './dependence.ts';
import type { Feed, Round, Watcher } from './feed.ts';
import { type Change, isReset, type Oid } from './log.ts';

/** What is followed, as far as it decides who shares a group, and when that is read. */
export interface GroupPlan {
  /** Equal for those who can share one: they are told the same. */
  readonly group: string;
  readonly dependence: Dependence;
  /** How the cost of the read is found out, with the task that tells it; null = it is known, or has no limit. */
  readonly cost: { readonly task: Task; readonly check: CostCheck['check'] } | null;
}

/** Somebody who is told what a group tells. None of it may throw. */
export interface Follower<Told> {
  readonly send: (told: Told) => void;
  /** Nothing more comes. */
  readonly end: (reason: unknown) => void;
  /** The group's followers no longer belong together: each has to join anew, and is told all. */
  readonly rejoin: () => void;
}

/** Where somebody who joins was; `unknown`: it has something, and nobody knows what. Null = it has nothing. */
export type Resume = Bookmark | 'unknown' | null;

/** Somebody who wants to be in a group. */
export interface Joiner<Told> {
  readonly follower: Follower<Told>;
  readonly resume: Resume;
  /** It has been sent what it begins with, and whatever comes later will be sent. */
  readonly admitted: () => void;
  readonly refused: (error: unknown) => void;
}

/** What a group needs of those who keep it. */
export interface GroupKeeper<Plan extends GroupPlan, Told> {
  readonly feed: Feed;
  /** Plans it anew where it is out of date; `moment` is a reason to look at the tables again. */
  readonly planAnew: (plan: Plan, round: Round, moment: object | null) => Promise<Plan>;
  /** The group is no more. */
  readonly ended: (group: Group<Plan, Told>) => void;
}

/** Whoever was about to join a group has to look for another one. */
export class ScatteredError extends Error {
  override readonly name = 'ScatteredError';
}

/** Of a round, or of the first reading. */
export type Reading = Pick<Round, 'run' | 'position' | 'since'>;

const isSame = (some: ReadonlySet<Oid>, others: ReadonlySet<Oid>): boolean =>
  some.size === others.size && [...some].every((one) => others.has(one));

export abstract class Group<Plan extends GroupPlan, Told> implements Watcher {
  readonly key: string;
  readonly relations: ReadonlySet<Oid>;
  readonly wantsImages = false;
  protected readonly feed: Feed;
  protected readonly followers = new Set<Follower<Told>>();
  protected plan: Plan;
  readonly #keeper: GroupKeeper<Plan, Told>;
  readonly #joining = new Set<Joiner<Told>>();
  /** Those who were sent what they begin with before it was sure that more will come. */
  #expectant: Joiner<Told>[] = [];
  #state: 'new' | 'starting' | 'live' | 'over' = 'new';

  constructor(plan: Plan, keeper: GroupKeeper<Plan, Told>) {
    this.key = plan.group;
    this.relations = plan.dependence.relations;
    this.plan = plan;
    this.feed = keeper.feed;
    this.#keeper = keeper;
  }

  /**
   * Reads what is to be told, and changes nothing; resolves with what tells it, which must not throw.
   * @param joining those who have come by then
   * @param changes null = anything may have changed, or nothing has been read yet
   */
  protected abstract read(
    plan: Plan,
    reading: Reading,
    joining: readonly Joiner<Told>[],
    changes: readonly Change[] | null,
  ): Promise<() => void>;

  /** Sees to it that those who came after the first reading are welcomed. */
  protected abstract receive(joining: Iterable<Joiner<Told>>): void;

  /** What is told may become another without a change that is followed. */
  get isOpaque(): boolean {
    return this.plan.dependence.isOpaque;
  }

  /** Takes somebody in. */
  admit(joiner: Joiner<Told>): void {
    this.#joining.add(joiner);
    if (this.#state === 'new') void this.#start();
    else if (this.#state === 'live') this.receive(this.#joining);
  }

  /** Somebody has gone; whoever has not been admitted yet is told to look for another group. */
  dismiss(follower: Follower<Told>): void {
    this.followers.delete(follower);
    for (const joiner of [...this.#joining, ...this.#expectant]) {
      if (joiner.follower !== follower) continue;
      this.#joining.delete(joiner);
      joiner.refused(new ScatteredError());
    }
    this.#expectant = this.#expectant.filter((joiner) => joiner.follower !== follower);
    this.#finishIfEmpty();
  }

  /** Ends it for all. */
  fail(error: unknown): void {
    if (this.#state === 'over') return;
    const followers = [...this.followers];
    const joining = [...this.#joining, ...this.#expectant];
    this.finish();
    // who has not been confirmed is refused, and ended by whoever asked
    for (const joiner of joining) joiner.refused(error);
    for (const follower of followers) follower.end(error);
  }

  async follow(round: Round): Promise<() => void> {
    const { changes, isComplete, position } = round;
    const joining = [...this.#joining];
    // what is captured may be something else after DDL, which is logged as a reset
    const mayBeOther = !isComplete || changes.some(isReset);
    const plan = await this.#keeper.planAnew(this.plan, round, mayBeOther ? position : null);
    if (plan.group !== this.key || !isSame(plan.dependence.relations, this.relations)) {
      return () => this.#scatter();
    }
    return this.read(plan, round, joining, mayBeOther ? null : changes);
  }

  /** Makes a follower of one who joins, with what it begins with. */
  protected welcome(joiner: Joiner<Told>, beginning: Told): void {
    // gone meanwhile
    if (!this.#joining.delete(joiner)) return;
    this.followers.add(joiner.follower);
    joiner.follower.send(beginning);
    if (this.#state === 'live') joiner.admitted();
    else this.#expectant.push(joiner);
  }

  protected finish(): void {
    this.#state = 'over';
    this.followers.clear();
    this.#joining.clear();
    this.#expectant = [];
    this.feed.unwatch(this);
    this.#keeper.ended(this);
  }

  /** The first reading, for those who are there by now. */
  async #start(): Promise<void> {
    this.#state = 'starting';
    const joining = [...this.#joining];
    try {
      const { position, tell } = await this.feed.read(async (beginning) => {
        const { cost } = this.plan;
        if (cost !== null) cost.check(decodeCost((await beginning.run(cost.task)).result.body));
        return { position: beginning.position, tell: await this.read(this.plan, beginning, joining, null) };
      });
      if (this.#isOver()) return;
      // what comes next is told by rounds
      tell();
      if (this.#isOver()) return;
      await this.feed.watch(this, position);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.#isOver()) {
      this.feed.unwatch(this);
      return;
    }
    this.#state = 'live';
    for (const joiner of this.#expectant.splice(0)) joiner.admitted();
    if (this.#joining.size > 0) this.receive(this.#joining);
    this.#finishIfEmpty();
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  #finishIfEmpty(): void {
    if (this.followers.size + this.#joining.size === 0 && this.#state === 'live') this.finish();
  }

  #scatter(): void {
    const expectant = new Set(this.#expectant.map(({ follower }) => follower));
    const followers = [...this.followers].filter((follower) => !expectant.has(follower));
    const joining = [...this.#joining, ...this.#expectant];
    this.finish();
    for (const follower of followers) follower.rejoin();
    for (const joiner of joining) joiner.refused(new ScatteredError());
  }
}
