/**
 * A group of followers who see the same rows of the same live query: they are read once for all of them, and what has
 * changed is told to all of them.
 */
import { apiError } from '../errors/codes.ts';
import type { Row } from '../execute/step.ts';
import { type Bookmark, printBookmark } from './bookmark.ts';
import { Group, type GroupKeeper, type Joiner, type Reading } from './group.ts';
import {
  type Difference,
  type FoundRow,
  KnownRows,
  type LiveEvent,
  type LiveRow,
  type WholeDifference,
} from './known-rows.ts';
import type { LivePlan } from './live-plan.ts';
import { type Change, isReset } from './log.ts';
import type { Position } from './position.ts';

/** What is told in one go: up to one moment, after which a follower may go on. */
export interface LiveBatch {
  /** None, where a follower goes on with what it has. */
  readonly events: readonly LiveEvent[];
  readonly bookmark: string;
}

/** More keys than this are not read one by one. */
const MOST_KEYS = 1000;

/** AURA403. */
const tooManyRows = (most: number): Error =>
  apiError('AURA403', 'The live query has too many rows', {
    details: `At most ${most} rows are followed.`,
    hint: 'Filter them, or set a limit.',
  });

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

export class LiveGroup extends Group<LivePlan, LiveBatch> {
  readonly #known: KnownRows;

  constructor(plan: LivePlan, keeper: GroupKeeper<LivePlan, LiveBatch>) {
    super(plan, keeper);
    this.#known = new KnownRows(plan.isOrdered);
  }

  protected async read(
    plan: LivePlan,
    reading: Reading,
    joining: readonly Joiner<LiveBatch>[],
    changes: readonly Change[] | null,
  ): Promise<() => void> {
    const keys = changes === null || joining.length > 0 ? null : this.#keysAlone(plan, changes);
    if (keys === null) return this.#followAll(plan, reading, joining);
    return plan.isWindow ? this.#followWindow(plan, reading, keys) : this.#followKeys(plan, reading, keys);
  }

  /** Where each of them was can be said only beside the rows as they are: in a round. */
  protected receive(): void {
    this.feed.attend(this);
  }

  /** The keys of the changes, where nothing but those rows can have changed; null otherwise. */
  #keysAlone({ dependence, skips }: LivePlan, changes: readonly Change[]): string | null {
    const { root, isSelfDependent } = dependence;
    if (skips || isSelfDependent || changes.some(({ relation }) => relation !== root.root)) return null;
    return keysOf(changes);
  }

  async #followAll(
    plan: LivePlan,
    reading: Reading,
    joining: readonly Joiner<LiveBatch>[],
  ): Promise<() => void> {
    const { rows: found } = await reading.run(plan.task('whole'));
    if (found.length > plan.most) return () => this.fail(tooManyRows(plan.most));
    const rows = found.map(rowOf);
    const difference = this.#known.compareAll(rows);
    const beginnings: Beginnings = {
      snapshot: [{ kind: 'snapshot', rows }],
      reset: [{ kind: 'reset', rows }],
      difference,
    };
    const begun = await Promise.all(
      joining.map((joiner) => this.#beginningOf(plan, reading, joiner, beginnings)),
    );
    return () => {
      this.#tell(plan, reading.position, difference);
      const bookmark = this.#bookmark(plan, reading.position);
      // one for all who begin alike, so that it is made text once
      const batches = new Map(begun.map((events) => [events, { events, bookmark }] as const));
      joining.forEach((joiner, index) => {
        const batch = batches.get(begun[index] ?? NOTHING);
        if (batch) this.welcome(joiner, batch);
      });
    };
  }

  async #followKeys(plan: LivePlan, { run, position }: Reading, keys: string): Promise<() => void> {
    const { rows } = await run(plan.task('keyed', keys));
    const difference = this.#known.compareSome(rows.map(foundOf));
    return () => {
      this.#tell(plan, position, difference);
      if (this.#known.size > plan.most) this.fail(tooManyRows(plan.most));
    };
  }

  /** A row that is neither in the window, nor could be in it, moves none of the others. */
  async #followWindow(plan: LivePlan, reading: Reading, keys: string): Promise<() => void> {
    const { rows } = await reading.run(plan.task('probe', keys));
    const matters = rows.some(([key, holds]) => holds?.toString() === 't' || this.#known.has(String(key)));
    if (matters) return this.#followAll(plan, reading, []);
    return () => {
      this.plan = plan;
    };
  }

  /** What somebody is sent to begin with. */
  async #beginningOf(
    plan: LivePlan,
    reading: Reading,
    { resume }: Joiner<LiveBatch>,
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
    this.plan = plan;
    accept();
    if (events.length === 0 || this.followers.size === 0) return;
    const batch = { events, bookmark: this.#bookmark(plan, position) };
    for (const follower of this.followers) follower.send(batch);
  }

  #bookmark({ name }: LivePlan, position: Position): string {
    return printBookmark({ query: name, state: this.#known.state(), position });
  }
}
