/**
 * The changes of tables that channels follow (`postgres_changes`): each binding leads to a group for each of its
 * tables, which is shared with whoever is told the same.
 */
import { createHash } from 'node:crypto';
import type { ApiError } from '../errors/error.ts';
import type { Identity } from '../identity/role.ts';
import type { RestContext } from '../rest/context.ts';
import { type ChangeEvent, createEventMaker, type EventType } from './change-event.ts';
import { ChangeGroup, type ChangeGroupKeeper, type Follower, lost } from './change-group.ts';
import { type ChangePlan, type ChangeSources, planChanges, renewPlan, tablesOf } from './change-plan.ts';
import { createPolicyReader } from './change-policies.ts';
import type { Beginning, Feed } from './feed.ts';
import type { Frames } from './frames.ts';
import { comparePositions, type Position } from './position.ts';
import type { Binding } from './socket/join.ts';
import { createTableHolder } from './tables.ts';

/** A channel that follows changes. None of it may throw. */
export interface Subscriber {
  readonly topic: string;
  readonly tell: (frames: Frames) => void;
  /** Rows of a table may have changed in a way that is not told. */
  readonly reset: (table: string) => void;
  /** Nothing more comes. */
  readonly fail: (error: ApiError) => void;
}

/** A binding as the server knows it. */
export interface BoundBinding extends Binding {
  /** Equal for equal bindings. */
  readonly id: number;
}

export interface Subscription {
  /** In the order in which they were asked for. */
  readonly bindings: readonly BoundBinding[];
  /** Hands over what has come since, and from now on at once. */
  readonly begin: () => void;
  /**
   * The subscriber is somebody else from now on: nothing is missed, and nothing told twice. Rejects with ApiError, and
   * is then as before.
   */
  readonly become: (identity: Identity) => Promise<void>;
  readonly end: () => void;
}

export interface Changes {
  /**
   * Subscribes; everything that is committed after this resolves is told. Rejects with ApiError: what cannot be
   * followed or read, PGRST000 to 003.
   */
  readonly subscribe: (
    identity: Identity,
    bindings: readonly Binding[],
    subscriber: Subscriber,
  ) => Promise<Subscription>;
}

/** What may wait between a subscription and its beginning. */
const MOST_HELD = 10_000;

/** A number that a JavaScript client keeps whole. */
const idOf = ({ event, schema, table, filter, select }: Binding): number =>
  createHash('sha256')
    .update(JSON.stringify([event, schema, table, filter, select]))
    .digest()
    .readUIntBE(0, 6);

const NOTHING: ReadonlySet<string> = new Set();

interface Held {
  readonly event: ChangeEvent;
  readonly frames: Frames;
}

/** Tells a channel, or keeps for it what it may not be told yet. */
class Outlet {
  readonly #subscriber: Subscriber;
  #held: Held[] | null = [];
  /** Names of events that are told meanwhile. */
  #told: Set<string> | null = null;
  /** Names of events that were told before. */
  #skipped: ReadonlySet<string> = NOTHING;

  constructor(subscriber: Subscriber) {
    this.#subscriber = subscriber;
  }

  /** Notes what is told from now on. */
  record(told: Set<string>): void {
    this.#told = told;
  }

  take(event: ChangeEvent, frames: Frames): void {
    if (this.#skipped.has(event.name)) return;
    if (this.#held === null) {
      this.#told?.add(event.name);
      this.#subscriber.tell(frames);
    } else if (this.#held.length < MOST_HELD) {
      this.#held.push({ event, frames });
    } else {
      this.#subscriber.fail(lost());
    }
  }

  /** Tells what was kept, and what comes, but for what has been told already. */
  open(told: ReadonlySet<string>): void {
    const held = this.#held ?? [];
    this.#held = null;
    this.#skipped = told;
    for (const { event, frames } of held) this.take(event, frames);
  }
}

/** Memberships that were made together, under one identity. */
interface Membership {
  readonly outlet: Outlet;
  /** From the latest of these on everything is told. */
  readonly positions: readonly Position[];
  readonly groups: readonly ChangeGroup[];
  readonly leave: () => void;
}

const wants = (binding: Binding, type: EventType): boolean =>
  binding.event === null || binding.event === '*' || binding.event.toUpperCase() === type;

/** The ids of bindings that want an event, as text. */
function idsFor(bindings: readonly BoundBinding[], type: EventType): string | null {
  const ids = [...new Set(bindings.filter((one) => wants(one, type)).map(({ id }) => id))];
  return ids.length === 0 ? null : JSON.stringify(ids);
}

class ChannelSubscription implements Subscription {
  readonly bindings: readonly BoundBinding[];
  readonly #enter: (identity: Identity) => Promise<Membership>;
  #current: Membership;
  #isOver = false;

  constructor(
    bindings: readonly BoundBinding[],
    first: Membership,
    enter: (identity: Identity) => Promise<Membership>,
  ) {
    this.bindings = bindings;
    this.#current = first;
    this.#enter = enter;
  }

  begin(): void {
    this.#current.outlet.open(NOTHING);
  }

  async become(identity: Identity): Promise<void> {
    const before = this.#current;
    const told = new Set<string>();
    before.outlet.record(told);
    const after = await this.#enter(identity);
    const [latest] = after.positions.toSorted((one, another) => comparePositions(another, one));
    try {
      // what was committed before the new one had entered is told to the old one
      if (latest) await Promise.all(before.groups.map((group) => group.reach(latest)));
    } catch (error) {
      after.leave();
      throw error;
    }
    before.leave();
    if (this.#isOver) {
      after.leave();
      return;
    }
    this.#current = after;
    after.outlet.open(told);
  }

  end(): void {
    this.#isOver = true;
    this.#current.leave();
  }
}

/** What bindings lead to, at a snapshot. */
interface Planned {
  /** One plan for each group, with the bindings that it is for. */
  readonly plans: ReadonlyMap<ChangePlan, readonly BoundBinding[]>;
  readonly position: Position;
}

/** Plans what the bindings ask for, and has PostgreSQL check it. */
async function planBindings(
  context: RestContext,
  sources: ChangeSources,
  identity: Identity,
  bindings: readonly BoundBinding[],
  { ask, run, position }: Beginning,
): Promise<Planned> {
  const byGroup = new Map<string, ChangePlan>();
  const plans = new Map<ChangePlan, BoundBinding[]>();
  for (const binding of bindings) {
    for (const table of await tablesOf(context, sources, binding, identity, ask)) {
      const { filter, select } = binding;
      const spec = { table, filter: filter === '' ? null : filter, select, identity };
      const made = await planChanges(context, sources, spec, ask);
      const known = byGroup.get(made.group) ?? made;
      byGroup.set(made.group, known);
      plans.set(known, [...(plans.get(known) ?? []), binding]);
    }
  }
  // nothing is read: whether it may be, and whether columns and values are right
  await Promise.all(
    [...plans.keys()].flatMap((plan) => [run(plan.task('present', '[]')), run(plan.task('images', '[]'))]),
  );
  return { plans, position };
}

/** A subscriber as the group of some of its bindings knows it. */
const followerFor = (
  { topic, reset, fail }: Subscriber,
  outlet: Outlet,
  bindings: readonly BoundBinding[],
): Follower => ({
  topic,
  ids: {
    INSERT: idsFor(bindings, 'INSERT'),
    UPDATE: idsFor(bindings, 'UPDATE'),
    DELETE: idsFor(bindings, 'DELETE'),
  },
  tell: (event, frames) => outlet.take(event, frames),
  reset,
  fail,
});

/** Makes what channels subscribe to. */
export function createChanges(context: RestContext, feed: Feed): Changes {
  const sources = { tables: createTableHolder(), policiesOf: createPolicyReader() };
  const groups = new Map<string, ChangeGroup>();
  const keeper: ChangeGroupKeeper = {
    feed,
    most: () => context.settings().config.realtimeMaxChanges,
    planAnew: (plan, { ask }) => renewPlan(context, sources, plan, ask),
    eventOf: createEventMaker(),
    ended: (group) => {
      if (groups.get(group.key) === group) groups.delete(group.key);
    },
  };

  /** The group of a plan; one that is made for it tells what comes after the position. */
  const groupFor = (plan: ChangePlan, position: Position): ChangeGroup => {
    const known = groups.get(plan.group);
    if (known && !known.isOver) return known;
    const made = new ChangeGroup(plan, position, keeper);
    groups.set(plan.group, made);
    return made;
  };

  const enter = async (
    identity: Identity,
    bindings: readonly BoundBinding[],
    subscriber: Subscriber,
  ): Promise<Membership> => {
    const outlet = new Outlet(subscriber);
    const { plans, position } = await feed.read((beginning) =>
      planBindings(context, sources, identity, bindings, beginning),
    );
    const entered = Array.from(plans, ([plan, own]) => {
      const group = groupFor(plan, position);
      const follower = followerFor(subscriber, outlet, own);
      return { group, follower, position: group.admit(follower) };
    });
    const leave = (): void => {
      for (const { group, follower } of entered) group.dismiss(follower);
    };
    const members = entered.map(({ group }) => group);
    try {
      await Promise.all(members.map((group) => group.ready));
    } catch (error) {
      leave();
      throw error;
    }
    return { outlet, positions: entered.map((one) => one.position), groups: members, leave };
  };

  return {
    subscribe: async (identity, asked, subscriber) => {
      const bindings = asked.map((binding) => ({ ...binding, id: idOf(binding) }));
      const enterAs = (other: Identity): Promise<Membership> => enter(other, bindings, subscriber);
      return new ChannelSubscription(bindings, await enterAs(identity), enterAs);
    },
  };
}
