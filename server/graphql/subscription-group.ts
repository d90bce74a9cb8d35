/**
 * A group of subscribers who are answered the same: the answer is read once for all of them, and again in rounds in
 * which something has changed that it depends on; it is told where it is another one than before.
 */
import { ApiError } from '../errors/error.ts';
import { decodeCost } from '../execute/result.ts';
import type { Feed, Round, Watcher } from '../realtime/feed.ts';
import type { Oid } from '../realtime/log.ts';
import type { SubscriptionPlan } from './subscription-plan.ts';

/** What carries a subscription to one subscriber. Neither may throw. */
export interface SubscriptionSink {
  /** The whole answer, on one line, which later ones replace. It must not be changed. */
  readonly send: (answer: Buffer) => void;
  /** Nothing more comes. */
  readonly end: (reason: unknown) => void;
}

/** Somebody who wants to be in a group. */
export interface Joiner {
  readonly sink: SubscriptionSink;
  /** It has been sent the answer, and whatever comes later will be sent. */
  readonly admitted: () => void;
  readonly refused: (error: unknown) => void;
}

/** What a group needs of those who keep it. */
export interface GroupKeeper {
  readonly feed: Feed;
  /** Plans it anew where it is out of date; `moment` is a reason to look at the tables again. */
  readonly planAnew: (
    plan: SubscriptionPlan,
    round: Round,
    moment: object | null,
  ) => Promise<SubscriptionPlan | Unfit>;
  /** The group is no more. */
  readonly ended: (group: SubscriptionGroup) => void;
  /** Its subscribers no longer belong together: they have to join anew. */
  readonly scattered: (members: readonly SubscriptionSink[]) => void;
}

/** Why an operation cannot be planned any more: under another catalog, say. */
export interface Unfit {
  readonly reason: unknown;
}

/** Whoever was about to join a group has to look for another one. */
export class ScatteredError extends Error {
  override readonly name = 'ScatteredError';
}

/** A change of the schema is in the log before the catalog has been loaded anew; no longer than this, or not at all. */
const RELOAD_MS = 5000;

/** A name that the database does not know any more (class 42, permissions apart). */
const isOutdated = (error: unknown): boolean =>
  error instanceof ApiError && /^42/.test(error.code) && error.code !== '42501';

const isSame = (some: ReadonlySet<Oid>, others: ReadonlySet<Oid>): boolean =>
  some.size === others.size && [...some].every((one) => others.has(one));

export class SubscriptionGroup implements Watcher {
  readonly key: string;
  readonly relations: ReadonlySet<Oid>;
  readonly wantsImages = false;
  readonly #keeper: GroupKeeper;
  readonly #members = new Set<SubscriptionSink>();
  readonly #joining = new Set<Joiner>();
  #plan: SubscriptionPlan;
  /** What was told last. */
  #answer: Buffer | null = null;
  #doubting: NodeJS.Timeout | undefined;
  #state: 'new' | 'starting' | 'live' | 'over' = 'new';

  constructor(plan: SubscriptionPlan, keeper: GroupKeeper) {
    this.key = plan.group;
    this.relations = plan.dependence.relations;
    this.#plan = plan;
    this.#keeper = keeper;
  }

  /** The answer may change without a change that is followed. */
  get isOpaque(): boolean {
    return this.#plan.dependence.isOpaque;
  }

  /** Takes somebody in. */
  admit(joiner: Joiner): void {
    if (this.#state === 'over') {
      joiner.refused(new ScatteredError());
      return;
    }
    this.#joining.add(joiner);
    if (this.#state === 'new') void this.#start();
    else if (this.#state === 'live') this.#welcome();
  }

  /** Somebody has gone. */
  dismiss(sink: SubscriptionSink): void {
    this.#members.delete(sink);
    for (const joiner of this.#joining) if (joiner.sink === sink) this.#joining.delete(joiner);
    if (this.#members.size + this.#joining.size === 0 && this.#state === 'live') this.#finish();
  }

  /** Ends it for all. */
  readonly fail = (error: unknown): void => {
    if (this.#state === 'over') return;
    const members = [...this.#members];
    const joining = [...this.#joining];
    this.#finish();
    for (const sink of members) sink.end(error);
    for (const joiner of joining) joiner.refused(error);
  };

  readonly follow = async (round: Round): Promise<() => void> => {
    const isReset = !round.isComplete || round.changes.some(({ operation }) => operation === 'reset');
    const plan = await this.#keeper.planAnew(this.#plan, round, isReset ? round.position : null);
    if ('reason' in plan) return () => this.fail(plan.reason);
    if (plan.group !== this.key || !isSame(plan.dependence.relations, this.relations)) {
      return () => this.#scatter();
    }
    let answer: Buffer;
    try {
      answer = await this.#read(plan, round);
    } catch (error) {
      if (!isOutdated(error)) throw error;
      return () => this.#doubt(error);
    }
    return () => {
      clearTimeout(this.#doubting);
      this.#plan = plan;
      if (this.#answer?.equals(answer)) return;
      this.#answer = answer;
      for (const sink of [...this.#members]) sink.send(answer);
    };
  };

  async #read(plan: SubscriptionPlan, { run }: Pick<Round, 'run'>): Promise<Buffer> {
    return plan.answerOf((await run(plan.task)).rows);
  }

  /** Waits for the catalog that has what the database has now: with it everything is read anew. */
  #doubt(error: unknown): void {
    clearTimeout(this.#doubting);
    this.#doubting = setTimeout(() => this.fail(error), RELOAD_MS).unref();
  }

  /** The first reading, for those who are there by then. */
  async #start(): Promise<void> {
    this.#state = 'starting';
    const { feed } = this.#keeper;
    try {
      const position = await feed.read(async (beginning) => {
        const { cost } = this.#plan;
        if (cost !== null) cost.check(decodeCost((await beginning.run(cost.task)).result.body));
        this.#answer = await this.#read(this.#plan, beginning);
        return beginning.position;
      });
      if (this.#isOver()) return;
      await feed.watch(this, position);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.#isOver()) {
      feed.unwatch(this);
      return;
    }
    this.#state = 'live';
    this.#welcome();
    if (this.#members.size === 0) this.#finish();
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  /** What was told last is what the newcomers begin with: whatever comes later they are told with all others. */
  #welcome(): void {
    const joining = [...this.#joining];
    this.#joining.clear();
    for (const { sink, admitted } of joining) {
      this.#members.add(sink);
      if (this.#answer !== null) sink.send(this.#answer);
      admitted();
    }
  }

  #scatter(): void {
    const members = [...this.#members];
    const joining = [...this.#joining];
    this.#finish();
    this.#keeper.scattered(members);
    for (const joiner of joining) joiner.refused(new ScatteredError());
  }

  #finish(): void {
    this.#state = 'over';
    clearTimeout(this.#doubting);
    this.#members.clear();
    this.#joining.clear();
    this.#keeper.feed.unwatch(this);
    this.#keeper.ended(this);
  }
}
