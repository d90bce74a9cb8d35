/**
 * A change in the form in which it is told. Who sees the same of it gets the same event, in whichever group that is:
 * its text, and the frames that carry it to a channel, are made once.
 */
import type { QualifiedName } from '../names.ts';
import { type Frames, pushFrames } from './frames.ts';
import type { Change } from './log.ts';

export type EventType = 'INSERT' | 'UPDATE' | 'DELETE';

export const TYPES: Readonly<Record<Exclude<Change['operation'], 'reset'>, EventType>> = {
  insert: 'INSERT',
  update: 'UPDATE',
  delete: 'DELETE',
};

/** What some may see of a change. */
export interface Seen {
  readonly table: QualifiedName;
  /** The text of `[{name, type}]`. */
  readonly columns: string;
  /** The row as JSON; null = it is gone. */
  readonly record: string | null;
  /** The row as it was; null = no more than its key is told. */
  readonly old: string | null;
}

export class ChangeEvent {
  readonly type: EventType;
  /** Another one for each row and transaction. */
  readonly name: string;
  /** The text of `data`. */
  readonly #data: string;
  readonly #frames = new Map<string, Frames>();

  constructor(type: EventType, name: string, data: string) {
    this.type = type;
    this.name = name;
    this.#data = data;
  }

  /** The frames for a channel; ids are the text of a list. */
  framesFor(topic: string, ids: string): Frames {
    const key = `${ids} ${topic}`;
    let frames = this.#frames.get(key);
    if (!frames) {
      frames = pushFrames(topic, 'postgres_changes', `{"ids":${ids},"data":${this.#data}}`);
      this.#frames.set(key, frames);
    }
    return frames;
  }
}

/** Makes the event of what some see of a change, or gives that of others who see the same; null for a reset. */
export type EventMaker = (change: Change, seen: Seen) => ChangeEvent | null;

function makeEvent({ operation, key, transaction, relation, at }: Change, seen: Seen): ChangeEvent | null {
  if (operation === 'reset' || key === null) return null;
  const type = TYPES[operation];
  const { table, columns, record, old } = seen;
  const parts = [
    `"schema":${JSON.stringify(table.schema)}`,
    `"table":${JSON.stringify(table.name)}`,
    `"commit_timestamp":${JSON.stringify(at)}`,
    `"type":"${type}"`,
    `"columns":${columns}`,
    ...(record === null ? [] : [`"record":${record}`]),
    ...(type === 'INSERT' ? [] : [`"old_record":${old ?? key}`]),
    '"errors":null',
  ];
  return new ChangeEvent(type, `${transaction} ${relation} ${type} ${key}`, `{${parts.join(',')}}`);
}

/** Remembers the events of changes as long as these are. */
export function createEventMaker(): EventMaker {
  const made = new WeakMap<Change, Map<string, ChangeEvent | null>>();
  return (change, seen) => {
    let events = made.get(change);
    if (!events) {
      events = new Map();
      made.set(change, events);
    }
    const { table, columns, record, old } = seen;
    const key = `${table.schema}.${table.name} ${record} ${old} ${columns}`;
    let event = events.get(key);
    if (event === undefined) {
      event = makeEvent(change, seen);
      events.set(key, event);
    }
    return event;
  };
}
