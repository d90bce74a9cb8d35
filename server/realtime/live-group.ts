/**
 * A group of followers who see the same rows of the same live query: they are read once for all of them, and what has
 * changed is told to all of them.
 */
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import { decodeCost } from '../execute/result.ts';
import type { Row } from '../execute/step.ts';
import type { Bookmark } from './bookmark.ts';
import { printBookmark } from './bookmark.ts';
import type { Feed, Round, Since, Watcher } from './feed.ts';
import {
  type Difference,
  type FoundRow,
  KnownRows,
  type LiveEvent,
  type LiveRow,
  type WholeDifference,
} from './known-rows.ts';
import type { LivePlan } from './live-plan.ts';
import type { Change, Oid } from './log.ts';
import type { Position } from './position.ts';

/** What is told in one go: up to one moment, after which a follower may go on. */
export interface LiveBatch {
  /** None, where a follower goes on with what it has. */
  readonly events: readonly LiveEvent[];
  readonly bookmark: string;
}

/** What carries a live query to one follower. Neither may throw. */
export interface LiveSink {
  readonly send: (batch: LiveBatch) => void;
  /** Nothing more comes. */
  readonly end: (reason: ApiError) => void;
}

/** Somebody who wants to be in a group. */
export interface Joiner {
  readonly sink: LiveSink;
  /** Where it was; `unknown`: it has something, and nobody knows what. Null = it has nothing. */
  readonly resume: Bookmark | 'unknown' | null;
  /** It has been sent what it begins with, and whatever comes later will be sent. */
  readonly admitted: () => void;
  readonly refused: (error: unknown) => void;
}

/** What a group needs of those who keep it. */
export interface GroupKeeper {
  readonly feed: Feed;
  /** Plans it anew where it is out of date; `moment` is a reason to look at the tables again. */
  readonly planAnew: (plan: LivePlan, round: Round, moment: object | null) => Promise<LivePlan>;
  /** The group is no more. */
  readonly ended: (group: LiveGroup) => void;
  /** Its followers no longer belong together: they have to join anew, and are told all rows. */
  readonly scattered: (members: readonly LiveSink[]) => void;
}

/** More keys than this are not read one by one. */
const MOST_KEYS = 1000;

/** AURA403. */
const tooManyRows = (most: number): Error =>
  apiError('AURA403', 'The live query has too many rows', {
    details: `At most ${most} rows are followed.`,
    hint: 'Filter them, or set a limit.',
  });

/** Why it is over. */
export const asEnd = (error: unknown): ApiError =>
  error instanceof ApiError ? error : apiError('PGRSTX00', 'Internal server error', { cause: error });

/** A line break in JSON is white space between values, and would end a line of what carries it. */
const onOneLine = (text: string): string => (/[\r\n]/.test(text) ? text.replaceAll(/[\r\n]+/g, ' ') : text);

const rowOf = ([key, row]: Row): LiveRow => ({
  key: key?.toString() ?? '',
  row: onOneLine(row?.toString() ?? 'null'),
});

const foundOf = ([key, row]: Row): FoundRow => ({
  key: key?.toString() ?? '',
  row: row ? onOneLine(row.toString()) : null,
});

const isSame = (some: ReadonlySet<Oid>, others: ReadonlySet<Oid>): boolean =>
  some.size === others.size && [...some].every((one) => others.has(one));

/** The distinct keys of changes, as a JSON array; null = too many. */
function keysOf(changes: readonly Change[]): string | null {
  const keys = new Set(changes.flatMap(({ key }) => key ?? []));
  return keys.size > MOST_KEYS ? null : `[${[...keys].join(',')}]`;
}

/** With what somebody may begin. */
interface Beginnings {
  readonly snapshot: readonly LiveEvent[];
  readonly reset: readonly LiveEvent[];
  /** From what was known to the rows as they are now. */
  readonly difference: WholeDifference;
}

const NOTHING: readonly LiveEvent[] = [];

const isReset = ({ operation }: Change): boolean => operation === 'reset';

type Reading = Pick<Round, 'run' | 'position'> & { readonly since: Since };

export class LiveGroup implements Watcher {
  readonly key: string;
  readonly relations: ReadonlySet<Oid>;
  readonly wantsImages = false;
  readonly #keeper: GroupKeeper;
  readonly #members = new Set<LiveSink>();
  readonly #joining = new Set<Joiner>();
  /** Those who were sent what they begin with before it was sure that more will come. */
  #expectant: Joiner[] = [];
  readonly #known: KnownRows;
  #plan: LivePlan;
  #state: 'new' | 'starting' | 'live' | 'over' = 'new';

  constructor(plan: LivePlan, keeper: GroupKeeper) {
    this.key = plan.group;
    this.relations = plan.dependence.relations;
    this.#plan = plan;
    this.#keeper = keeper;
    this.#known = new KnownRows(plan.isOrdered);
  }

  /** Rows may come and go without a change that is followed. */
  get isOpaque(): boolean {
    return this.#plan.dependence.isOpaque;
  }

  /** Takes somebody in. */
  admit(joiner: Joiner): void {
    this.#joining.add(joiner);
    if (this.#state === 'new') void this.#start();
    else if (this.#state === 'live') this.#keeper.feed.attend(this);
  }

  /** Somebody has gone; whoever has not been admitted yet is told to look for another group. */
  dismiss(sink: LiveSink): void {
    this.#members.delete(sink);
    for (const joiner of [...this.#joining, ...this.#expectant]) {
      if (joiner.sink !== sink) continue;
      this.#joining.delete(joiner);
      joiner.refused(new ScatteredError());
    }
    this.#expectant = this.#expectant.filter((joiner) => joiner.sink !== sink);
    if (this.#members.size + this.#joining.size === 0 && this.#state === 'live') this.#finish();
  }

  /** Ends it for all. */
  readonly fail = (error: unknown): void => {
    if (this.#state === 'over') return;
    const members = [...this.#members];
    const joining = [...this.#joining, ...this.#expectant];
    this.#finish();
    // who has not been confirmed is refused, and ended by whoever asked
    for (const joiner of joining) joiner.refused(error);
    for (const sink of members) sink.end(asEnd(error));
  };

  readonly follow = async (round: Round): Promise<() => void> => {
    const { changes, isComplete } = round;
    const joining = [...this.#joining];
    // what is captured may be something else after DDL, which is logged as a reset
    const mayBeOther = !isComplete || changes.some(isReset);
    const plan = mayBeOther
      ? await this.#keeper.planAnew(this.#plan, round, round.position)
      : await this.#keeper.planAnew(this.#plan, round, null);
    if (plan.group !== this.key || !isSame(plan.dependence.relations, this.relations)) {
      return () => this.#scatter();
    }
    const keys = mayBeOther || joining.length > 0 ? null : this.#keysAlone(plan, changes);
    if (keys === null) return this.#followAll(plan, round, joining);
    return plan.isWindow ? this.#followWindow(plan, round, keys) : this.#followKeys(plan, round, keys);
  };

  /** The first reading, for those who are there by now. */
  async #start(): Promise<void> {
    this.#state = 'starting';
    const joining = [...this.#joining];
    const { feed } = this.#keeper;
    try {
      const { position, tell } = await feed.read(async (beginning) => {
        const { cost } = this.#plan;
        if (cost !== null) cost.check(decodeCost((await beginning.run(cost.task)).result.body));
        return { position: beginning.position, tell: await this.#followAll(this.#plan, beginning, joining) };
      });
      if (this.#isOver()) return;
      // what comes next is told to them by rounds
      tell();
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
    this.#confirm();
    if (this.#joining.size > 0) feed.attend(this);
    else if (this.#members.size === 0) this.#finish();
  }

  #confirm(): void {
    for (const joiner of this.#expectant.splice(0)) joiner.admitted();
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  /** The keys of the changes, where nothing but those rows can have changed; null otherwise. */
  #keysAlone({ dependence, skips }: LivePlan, changes: readonly Change[]): string | null {
    const { root, isSelfDependent } = dependence;
    if (skips || isSelfDependent || changes.some(({ relation }) => relation !== root.root)) return null;
    return keysOf(changes);
  }

  async #followAll(plan: LivePlan, reading: Reading, joining: readonly Joiner[]): Promise<() => void> {
    const { rows: found } = await reading.run(plan.task('whole'));
    if (found.length > plan.most) return () => this.fail(tooManyRows(plan.most));
    const rows = found.map(rowOf);
    const difference = this.#known.compareAll(rows);
    const beginnings: Beginnings = {
      snapshot: [{ kind: 'snapshot', rows }],
      reset: [{ kind: 'reset', rows }],
      difference,
    };
    const welcomes = await Promise.all(
      joining.map((joiner) => this.#welcome(plan, reading, joiner, beginnings)),
    );
    return () => {
      this.#tell(plan, reading.position, difference);
      const bookmark = this.#bookmark(plan, reading.position);
      // one for all who begin alike, so that it is made text once
      const batches = new Map(welcomes.map((events) => [events, { events, bookmark }] as const));
      joining.forEach((joiner, index) => {
        const batch = batches.get(welcomes[index] ?? NOTHING);
        // gone meanwhile
        if (!this.#joining.delete(joiner) || batch === undefined) return;
        this.#members.add(joiner.sink);
        joiner.sink.send(batch);
        this.#expectant.push(joiner);
      });
      if (this.#state === 'live') this.#confirm();
    };
  }

  async #followKeys(plan: LivePlan, { run, position }: Round, keys: string): Promise<() => void> {
    const { rows } = await run(plan.task('keyed', keys));
    const difference = this.#known.compareSome(rows.map(foundOf));
    return () => {
      this.#tell(plan, position, difference);
      if (this.#known.size > plan.most) this.fail(tooManyRows(plan.most));
    };
  }

  /** A row that is neither in the window, nor could be in it, moves none of the others. */
  async #followWindow(plan: LivePlan, round: Round, keys: string): Promise<() => void> {
    const { rows } = await round.run(plan.task('probe', keys));
    const matters = rows.some(([key, holds]) => holds?.toString() === 't' || this.#known.has(String(key)));
    if (matters) return this.#followAll(plan, round, []);
    return () => {
      this.#plan = plan;
    };
  }

  /** What somebody is sent to begin with. */
  async #welcome(
    plan: LivePlan,
    reading: Reading,
    { resume }: Joiner,
    { snapshot, reset, difference }: Beginnings,
  ): Promise<readonly LiveEvent[]> {
    if (resume === null) return snapshot;
    if (resume === 'unknown') return reset;
    if (resume.state === difference.state()) return NOTHING;
    return (await this.#missed(plan, reading, resume, difference)) ?? reset;
  }

  /**
   * What somebody has missed since a bookmark; null where that cannot be said row by row. Of a row that is not there
   * now nobody knows whether it ever was for this follower, who then is told all rows instead of its key.
   */
  async #missed(
    plan: LivePlan,
    reading: Reading,
    resume: Bookmark,
    difference: WholeDifference,
  ): Promise<readonly LiveEvent[] | null> {
    const { root, isOpaque } = plan.dependence;
    if (plan.isWindow) return null;
    const log = await reading.since(resume.position, this.relations);
    if (!log.isCompleteSince(resume.position)) return null;
    const keys = keysOf(log.changes.filter(({ relation }) => relation === root.root));
    if (keys === null) return null;
    const { rows } = await reading.run(plan.task('keyed', keys));
    const found = rows.map(foundOf);
    const there = found.flatMap(({ key, row }) => (row === null ? [] : [{ key, row }]));
    // what it has is what there is but for these: then they are all that it has missed
    if (there.length > 0 && resume.state === difference.stateWithout(there)) {
      return there.map((row) => ({ kind: 'insert', ...row }));
    }
    // otherwise nothing else may have changed than these rows, as far as that can be known
    const areAlone = this.#keysAlone(plan, log.changes) !== null && !log.changes.some(isReset);
    if (isOpaque || !areAlone || resume.query !== plan.name) return null;
    if (there.length === 0 || there.length < found.length) return null;
    return there.map((row) => ({ kind: 'update', ...row }));
  }

  #tell(plan: LivePlan, position: Position, { events, accept }: Difference): void {
    this.#plan = plan;
    accept();
    if (events.length === 0 || this.#members.size === 0) return;
    const batch = { events, bookmark: this.#bookmark(plan, position) };
    for (const sink of this.#members) sink.send(batch);
  }

  #bookmark({ name }: LivePlan, position: Position): string {
    return printBookmark({ query: name, state: this.#known.state(), position });
  }

  #scatter(): void {
    const expectant = new Set(this.#expectant.map(({ sink }) => sink));
    const members = [...this.#members].filter((sink) => !expectant.has(sink));
    const joining = [...this.#joining, ...this.#expectant];
    this.#finish();
    this.#keeper.scattered(members);
    for (const joiner of joining) joiner.refused(new ScatteredError());
  }

  #finish(): void {
    this.#state = 'over';
    this.#members.clear();
    this.#joining.clear();
    this.#expectant = [];
    this.#keeper.feed.unwatch(this);
    this.#keeper.ended(this);
  }
}

/** Whoever was about to join a group has to look for another one. */
export class ScatteredError extends Error {
  override readonly name = 'ScatteredError';
}
