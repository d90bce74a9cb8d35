/**
 * The row that every statement answers, decoded; the body stays the bytes that PostgreSQL made.
 */
import type { ResultColumn } from '../query/statement.ts';
import type { Row } from './exchange.ts';

/** What a plan came to. */
export interface ResultSet {
  /** Rows without the limit; null = not counted. */
  readonly total: number | null;
  /** Rows in the answer, or rows that were written. */
  readonly page: number;
  /** `response.headers`, as it was set. */
  readonly headers: string | null;
  /** `response.status`, as it was set. */
  readonly status: string | null;
  /** The primary key of a single inserted row. */
  readonly location: Readonly<Record<string, string | null>> | null;
  /** Rows that an upsert inserted; null = not counted. */
  readonly inserted: number | null;
  /** A page's keys by the number of their row: the first, the last, and the one behind it; null = no page, no rows. */
  readonly keys: Readonly<Record<string, readonly (string | null)[]>> | null;
  readonly body: Buffer;
}

const EMPTY = Buffer.alloc(0);

const number = (value: Buffer | null): number | null => (value ? Number(value.toString('latin1')) : null);
const text = (value: Buffer | null): string | null => (value ? value.toString() : null);
const json = (value: Buffer | null): unknown => (value ? JSON.parse(value.toString()) : null);

/** Decodes the one row of a statement. No row (a function that returns nothing) is an empty result. */
export function decodeResult(rows: readonly Row[], columns: readonly ResultColumn[]): ResultSet {
  const [row] = rows;
  const column = (name: ResultColumn): Buffer | null => {
    const index = columns.indexOf(name);
    return row && index >= 0 ? (row[index] ?? null) : null;
  };
  return {
    total: number(column('total')),
    page: number(column('page')) ?? 0,
    headers: text(column('headers')),
    status: text(column('status')),
    location: json(column('location')) as ResultSet['location'],
    inserted: number(column('inserted')),
    keys: json(column('keys')) as ResultSet['keys'],
    body: column('body') ?? EMPTY,
  };
}

/** The lines of an EXPLAIN as one body. */
export function decodePlan(rows: readonly Row[]): Buffer {
  const newline = Buffer.from('\n');
  return Buffer.concat(rows.flatMap(([line]) => [line ?? EMPTY, newline]));
}

/** What the planner expects a statement to cost, from EXPLAIN (FORMAT JSON). */
export function decodeCost(explained: Buffer): number {
  const [root] = JSON.parse(explained.toString()) as { Plan?: { 'Total Cost'?: number } }[];
  const cost = root?.Plan?.['Total Cost'];
  if (cost === undefined) throw new Error('EXPLAIN told no cost');
  return cost;
}

/** The number of rows that the planner expects, from EXPLAIN (FORMAT JSON). */
export function decodeEstimate(rows: readonly Row[]): number | null {
  const text = Buffer.concat(rows.flatMap(([line]) => (line ? [line] : []))).toString();
  const [explained] = JSON.parse(text) as { Plan?: { 'Plan Rows'?: number } }[];
  return explained?.Plan?.['Plan Rows'] ?? null;
}
