/**
 * Those who follow a table under one role, with the same claims where these matter, filter and columns: what has
 * changed is read once for all of them, as they may see it, and written once for all who get the same message.
 *
 * A change is told if the row that it left, or for a deletion the row that it took away, is one that they may see under
 * the policies and grants of the round's snapshot.
 */
import { apiError } from '../errors/codes.ts';
import type { ApiError } from '../errors/error.ts';
import type { ChangedStatements } from '../query/changed.ts';
import { type ChangeEvent, type EventMaker, type EventType, TYPES } from './change-event.ts';
import type { ChangePlan } from './change-plan.ts';
import type { Feed, Round, Watcher } from './feed.ts';
import type { Frames } from './frames.ts';
import { type Change, changesSince, newsSince, type Oid, POSITION, readLog } from './log.ts';
import { comparePositions, type Position } from './position.ts';

/** A channel in a group. */
export interface Follower {
  readonly topic: string;
  /** The text of the list of ids of its bindings that want an event; null = none does. */
  readonly ids: Readonly<Record<EventType, string | null>>;
  readonly tell: (event: ChangeEvent, frames: Frames) => void;
  /** Rows may have changed in a way that is not told. */
  readonly reset: (table: string) => void;
  /** Nothing more comes. */
  readonly fail: (error: ApiError) => void;
}

export interface ChangeGroupKeeper {
  readonly feed: Feed;
  readonly most: () => number;
  /** The plan where it still holds, or another one. */
  readonly planAnew: (plan: ChangePlan, round: Round) => Promise<ChangePlan>;
  readonly eventOf: EventMaker;
  readonly ended: (group: ChangeGroup) => void;
}

/** Keys or images of one statement. */
const MOST_ROWS = 1000;

/** AURA463. */
export const lost = (): ApiError =>
  apiError('AURA463', 'Changes may have been lost', {
    details: 'There were more at once than realtime-max-changes, or the log has been cut off behind them.',
    hint: 'Join again, and read the rows anew.',
  });

const changedTable = (): ApiError =>
  apiError('AURA463', 'Another policy or another table decides now', { hint: 'Join again.' });

/** Rows as JSON, by the change that they belong to. */
type Records = ReadonlyMap<Change, string>;

interface Waiting {
  readonly position: Position;
  readonly resolve: () => void;
  readonly reject: (error: ApiError) => void;
}

export class ChangeGroup implements Watcher {
  readonly key: string;
  readonly relations: ReadonlySet<Oid>;
  readonly wantsImages = true;
  readonly #keeper: ChangeGroupKeeper;
  readonly #followers = new Set<Follower>();
  #plan: ChangePlan;
  /** Everything up to here has been told. */
  #position: Position;
  #waiting: Waiting[] = [];
  #isOver = false;
  /** Resolves when what comes after its first position will arrive. */
  readonly ready: Promise<void>;

  constructor(plan: ChangePlan, position: Position, keeper: ChangeGroupKeeper) {
    this.key = plan.group;
    this.relations = new Set([plan.relation]);
    this.#plan = plan;
    this.#position = position;
    this.#keeper = keeper;
    this.ready = keeper.feed.watch(this, position);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Takes somebody in, who is told what comes after the position that this gives. */
  admit(follower: Follower): Position {
    this.#followers.add(follower);
    return this.#position;
  }

  dismiss(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size === 0) this.#finish();
  }

  /** Resolves when everything up to a position has been told. Rejects where the group ends before. */
  reach(position: Position): Promise<void> {
    if (comparePositions(this.#position, position) >= 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ position, resolve, reject });
      this.#keeper.feed.attend(this);
    });
  }

  readonly fail = (error: ApiError): void => {
    if (this.#isOver) return;
    const followers = [...this.#followers];
    this.#followers.clear();
    this.#finish();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    for (const follower of followers) follower.fail(error);
  };

  async follow(round: Round): Promise<() => void> {
    const plan = await this.#keeper.planAnew(this.#plan, round);
    // a group is known by its key: who would belong to another one has to join anew
    if (plan.group !== this.key || plan.relation !== this.#plan.relation) {
      return () => this.fail(changedTable());
    }
    const changes = await this.#changesOf(round);
    if (changes === null) return () => this.fail(lost());
    const wanted = changes.filter((change) => change.operation !== 'reset' && this.#wants(change.operation));
    const [records, before] = await Promise.all([
      this.#records(plan, wanted, round),
      this.#recordsBefore(plan, wanted, round),
    ]);
    const events = wanted.flatMap(
      (change) => this.#eventOf(plan, change, records.get(change), before.get(change)) ?? [],
    );
    const isReset = changes.some(({ operation }) => operation === 'reset');
    return () => this.#tell(plan, round.position, events, isReset);
  }

  #finish(): void {
    this.#isOver = true;
    this.#keeper.feed.unwatch(this);
    this.#keeper.ended(this);
    // nobody is left who could miss anything
    if (this.#followers.size === 0) for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #wants(operation: Exclude<Change['operation'], 'reset'>): boolean {
    const type = TYPES[operation];
    for (const { ids } of this.#followers) if (ids[type] !== null) return true;
    return false;
  }

  /** What has changed; null = it is not known any more. */
  async #changesOf(round: Round): Promise<readonly Change[] | null> {
    if (round.isComplete) return round.changes;
    // the catalog is another one, or there were too many changes, of this table or of others
    const question = {
      since: round.from,
      relations: this.relations,
      images: this.relations,
      most: this.#keeper.most(),
    };
    const places = await round.ask(POSITION);
    const log = readLog(places, await round.ask(changesSince(question)), question);
    return log.isCompleteSince(round.from) ? newsSince(log.changes, round.from) : null;
  }

  /** The rows that changes left, or took away, of those that may be seen. */
  async #records(plan: ChangePlan, changes: readonly Change[], round: Round): Promise<Records> {
    if (plan.isComputed) {
      const left = changes.filter(({ operation }) => operation !== 'delete');
      const gone = changes.filter(({ operation }) => operation === 'delete');
      const [present, images] = await Promise.all([
        this.#read(plan, 'present', left, ({ key }) => key, round),
        this.#read(plan, 'images', gone, ({ old }) => old, round),
      ]);
      return new Map([...present, ...images]);
    }
    const image = ({ operation, row, old }: Change): string | null => (operation === 'delete' ? old : row);
    return this.#read(plan, 'images', changes, image, round);
  }

  /** Rows before they were updated, of those that may be seen. */
  #recordsBefore(plan: ChangePlan, changes: readonly Change[], round: Round): Promise<Records> {
    const updated = changes.filter(({ operation, old }) => operation === 'update' && old !== null);
    return this.#read(plan, 'images', plan.isFull ? updated : [], ({ old }) => old, round);
  }

  async #read(
    plan: ChangePlan,
    statement: keyof ChangedStatements,
    changes: readonly Change[],
    textOf: (change: Change) => string | null,
    round: Round,
  ): Promise<Records> {
    const found = new Map<Change, string>();
    for (let at = 0; at < changes.length; at += MOST_ROWS) {
      const part = changes.slice(at, at + MOST_ROWS);
      const list = `[${part.map((change) => textOf(change) ?? 'null').join(',')}]`;
      const { rows } = await round.run(plan.task(statement, list));
      for (const [number, record] of rows) {
        const change = part[Number(number?.toString()) - 1];
        if (change && record) found.set(change, record.toString());
      }
    }
    return found;
  }

  /** A change as those may hear of it who see these rows; null = they may not. */
  #eventOf(
    plan: ChangePlan,
    change: Change,
    record: string | undefined,
    before: string | undefined,
  ): ChangeEvent | null {
    if (record === undefined) return null;
    const old = change.operation === 'delete' ? record : before;
    const { table } = plan.spec;
    return this.#keeper.eventOf(change, {
      table,
      columns: plan.columns,
      record: change.operation === 'delete' ? null : record,
      old: plan.isFull && old !== undefined ? old : null,
    });
  }

  #tell(plan: ChangePlan, position: Position, events: readonly ChangeEvent[], isReset: boolean): void {
    this.#plan = plan;
    this.#position = position;
    for (const event of events) this.#tellOne(event);
    if (isReset) {
      const { schema, name } = plan.spec.table;
      for (const follower of [...this.#followers]) follower.reset(`${schema}.${name}`);
    }
    const reached = this.#waiting.filter((one) => comparePositions(position, one.position) >= 0);
    this.#waiting = this.#waiting.filter((one) => !reached.includes(one));
    for (const { resolve } of reached) resolve();
    if (this.#waiting.length > 0) this.#keeper.feed.attend(this);
  }

  #tellOne(event: ChangeEvent): void {
    for (const { topic, ids, tell } of [...this.#followers]) {
      const list = ids[event.type];
      if (list !== null) tell(event, event.framesFor(topic, list));
    }
  }
}
