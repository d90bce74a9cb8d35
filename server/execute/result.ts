/**
 * The row that every statement answers, decoded; the body stays the bytes that PostgreSQL made.
 */
import type { ResultColumn } from '../query/statement.ts';
import type { Row } from './step.ts';
import type { ResultFormats } from './wire.ts';

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

/** Where the columns of a statement's rows are, -1 = nowhere, and how they come. */
interface Layout extends Readonly<Record<ResultColumn, number>> {
  readonly formats: ResultFormats;
}

/** By the columns of a statement, which are asked for at every request. */
const layouts = new WeakMap<readonly ResultColumn[], Layout>();

function layoutOf(columns: readonly ResultColumn[]): Layout {
  const known = layouts.get(columns);
  if (known !== undefined) return known;
  const at = (name: ResultColumn): number => columns.indexOf(name);
  const layout = {
    total: at('total'),
    page: at('page'),
    headers: at('headers'),
    status: at('status'),
    location: at('location'),
    inserted: at('inserted'),
    keys: at('keys'),
    body: at('body'),
    formats: {
      columns: columns.length,
      binary: columns.flatMap((called, index) => (called === 'body' ? [index] : [])),
    },
  };
  layouts.set(columns, layout);
  return layout;
}

/** How a statement's columns are asked for: bodies as bytes, the others as text. */
export const formatsOf = (columns: readonly ResultColumn[]): ResultFormats => layoutOf(columns).formats;

const NO_ROW: Row = [];

const columnOf = (row: Row, at: number): Buffer | null => (at < 0 ? null : (row[at] ?? null));

/** Decodes the one row of a statement. No row (a function that returns nothing) is an empty result. */
export function decodeResult(rows: readonly Row[], columns: readonly ResultColumn[]): ResultSet {
  const row = rows[0] ?? NO_ROW;
  const at = layoutOf(columns);
  return {
    total: number(columnOf(row, at.total)),
    page: number(columnOf(row, at.page)) ?? 0,
    headers: text(columnOf(row, at.headers)),
    status: text(columnOf(row, at.status)),
    location: json(columnOf(row, at.location)) as ResultSet['location'],
    inserted: number(columnOf(row, at.inserted)),
    keys: json(columnOf(row, at.keys)) as ResultSet['keys'],
    body: columnOf(row, at.body) ?? EMPTY,
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
