/**
 * The log of changes as it is read: by the login role, within a snapshot, from a position on. sql/realtime/capture.sql
 * makes it.
 */
import type { Question, TextRow } from '../execute/query.ts';
import { isVisible, type Position, parsePosition, printPosition } from './position.ts';

/** A table by its `oid`; of a partitioned one the root's. */
export type Oid = number;

/** What a transaction did to a row, or (`reset`) to a table: what, row by row, is then not known. */
export interface Change {
  readonly transaction: bigint;
  readonly relation: Oid;
  readonly operation: 'insert' | 'update' | 'delete' | 'reset';
  /** The key as JSON, by column; null of a reset. */
  readonly key: string | null;
  /** The row afterwards, as JSON; null where it is gone, or where nobody asked for images. */
  readonly row: string | null;
  /** The row before, as JSON: of a deletion, and under REPLICA IDENTITY FULL; null where nobody asked for images. */
  readonly old: string | null;
  /** When it was written: ISO 8601, UTC. */
  readonly at: string;
}

/** Anything of the relation may have changed, or what is captured of it. */
export const isReset = ({ operation }: Change): boolean => operation === 'reset';

/** What is asked of the log. */
export interface LogQuestion {
  readonly since: Position;
  readonly relations: Iterable<Oid>;
  /** Those of whose changes the rows are wanted, too. */
  readonly images: Iterable<Oid>;
  /** Changes at most. */
  readonly most: number;
}

/** What the log says behind a position, in one snapshot. */
export interface LogReading {
  /** The snapshot of the reading. */
  readonly position: Position;
  /** In the order in which they were written to each row. Not all, where the log is not complete. */
  readonly changes: readonly Change[];
  /** Whether everything behind a position is there: nothing has been removed, and it was not too much. */
  readonly isCompleteSince: (since: Position) => boolean;
}

/**
 * What the transaction sees, how far the log has been cut off, and since when statistics are collected: a crash, after
 * which transactions may get numbers again that were seen before it (of those whose commit was not on disk yet), loses
 * the statistics, and an orderly end keeps them.
 */
export const POSITION: Question = {
  text: 'select pg_current_snapshot(), realtime.removed_up_to(), (select stats_reset from pg_stat_bgwriter)',
};

/** The question whose answer `readLog` takes, together with that of `POSITION`. */
export const changesSince = ({ since, relations, images, most }: LogQuestion): Question => ({
  text: `select transaction, relation, operation, key, new, old, to_json(at at time zone 'UTC') #>> '{}' || 'Z'
    from realtime.changes_since($1, $2, $3) order by id limit $4`,
  values: [
    printPosition(since),
    Array.from(relations, String),
    Array.from(images, String),
    // one more tells that there are more
    String(most + 1),
  ],
});

function changeOf([transaction, relation, operation, key, row, old, at]: TextRow): Change {
  return {
    transaction: BigInt(transaction ?? 0),
    relation: Number(relation),
    operation: operation as Change['operation'],
    key: key ?? null,
    row: row ?? null,
    old: old ?? null,
    at: at ?? '',
  };
}

/** The position of an answer to `POSITION`. */
export function readPosition([row]: readonly TextRow[]): Position {
  const position = parsePosition(row?.[0] ?? '');
  if (position === null) throw new Error(`pg_current_snapshot() is ${row?.[0]}`);
  return { ...position, epoch: row?.[2] ?? '' };
}

/** Decodes the answers to `POSITION` and `changesSince`. */
export function readLog(
  positions: readonly TextRow[],
  rows: readonly TextRow[],
  { most }: Pick<LogQuestion, 'most'>,
): LogReading {
  const position = readPosition(positions);
  const removed = positions[0]?.[1] ?? null;
  const isTooMuch = rows.length > most;
  return {
    position,
    changes: isTooMuch ? [] : rows.map(changeOf),
    isCompleteSince: (since) =>
      !isTooMuch &&
      (since.epoch === undefined || since.epoch === position.epoch) &&
      // a later one than the database knows was given by another one, or before it was restored
      since.xmax <= position.xmax &&
      (removed === null || BigInt(removed) < since.xmin),
  };
}

/** Those of the changes that were not visible at a position. */
export const newsSince = (changes: readonly Change[], since: Position): readonly Change[] =>
  changes.filter(({ transaction }) => !isVisible(transaction, since));
