/**
 * Positions in the log of changes: PostgreSQL's `pg_snapshot`, which says of every transaction whether what it wrote
 * was visible (https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT). Two snapshots of
 * one database are always in order: whatever the earlier one saw the later one sees, too.
 */

/** A snapshot. Transactions below `xmin` have ended, those from `xmax` on had not begun, `running` are in between. */
export interface Position {
  readonly xmin: bigint;
  readonly xmax: bigint;
  /** Ascending. */
  readonly running: readonly bigint[];
  /** When the server last came back from a crash, as far as the position knows: transactions are counted anew then. */
  readonly epoch?: string;
}

/** `xid8` has 64 bits. */
const LAST = 2n ** 64n - 1n;
/** Digits of the largest. */
const FORM = /^(\d{1,20}):(\d{1,20}):((?:\d{1,20}(?:,\d{1,20})*)?)$/;

/**
 * Reads what PostgreSQL prints for a snapshot; null for what it would not print.
 *
 * @example
 * parsePosition('10:14:10,12')?.running; // [10n, 12n]
 */
export function parsePosition(text: string): Position | null {
  const [, low, high, list] = FORM.exec(text) ?? [];
  if (low === undefined || high === undefined || list === undefined) return null;
  const xmin = BigInt(low);
  const xmax = BigInt(high);
  const running = list === '' ? [] : list.split(',').map(BigInt);
  if (xmin === 0n || xmin > xmax || xmax > LAST) return null;
  const isAscending = running.every((one, index) => one > (running[index - 1] ?? xmin - 1n) && one < xmax);
  return isAscending ? { xmin, xmax, running } : null;
}

/** As PostgreSQL prints it. */
export const printPosition = ({ xmin, xmax, running }: Position): string =>
  `${xmin}:${xmax}:${running.join(',')}`;

/** Whether a transaction that is committed was so at the position: its changes are not news there. */
export function isVisible(transaction: bigint, { xmin, xmax, running }: Position): boolean {
  if (transaction < xmin) return true;
  return transaction < xmax && !running.includes(transaction);
}

/** Orders positions of one database by their age, the oldest first. */
export function comparePositions(one: Position, other: Position): number {
  if (one.xmin !== other.xmin) return one.xmin < other.xmin ? -1 : 1;
  if (one.xmax !== other.xmax) return one.xmax < other.xmax ? -1 : 1;
  return other.running.length - one.running.length;
}
