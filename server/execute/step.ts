/**
 * What an exchange with the server runs, and what comes of it.
 */
import type { ResultFormats, WireValue } from './wire.ts';

/** A statement to run. */
export interface Step {
  /** What the prepared statement is kept under on this connection; null = prepare it for this time only. */
  readonly key: string | null;
  readonly text: string;
  readonly values: readonly WireValue[];
  readonly formats: ResultFormats;
  /** Indexes of values that are sent in binary form. */
  readonly binary: ReadonlySet<number>;
  /** The list of its values, all of them text, is used again and again. */
  readonly repeats?: boolean;
  /** Runs it through a portal of its own, whose rows are taken as they come. */
  readonly portal?: Portal;
  /** It begins a transaction that the exchange may leave open. */
  readonly begins?: boolean;
  /** What a COPY FROM STDIN reads. */
  readonly data?: Buffer;
  /**
   * Other rows than those of the statement: one with the names of its columns, for which it is not run, one with the
   * number of rows that it wrote, or none.
   */
  readonly answers?: 'columns' | 'affected' | 'nothing';
}

/** A statement that stops after some rows, to be run on in a later exchange of the same transaction. */
export interface Portal {
  readonly name: string;
  /** Rows of this exchange. */
  readonly most: number;
  /** It was opened by an earlier exchange. */
  readonly isOpen: boolean;
  /** Takes a DataRow, which is valid only until this returns; must not throw. */
  readonly take: (row: Buffer) => void;
}

export type Row = readonly (Buffer | null)[];

/** The server's ErrorResponse. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  /** SQLSTATE. */
  readonly code: string;
  readonly detail: string | null;
  readonly hint: string | null;
  /** CONTEXT: where it happened, in the language of the server. */
  readonly where: string | null;

  constructor(fields: Readonly<Record<string, string>>) {
    super(fields['M'] ?? 'unknown error');
    this.code = fields['C'] ?? 'XX000';
    this.detail = fields['D'] ?? null;
    this.hint = fields['H'] ?? null;
    this.where = fields['W'] ?? null;
  }
}

/** The connection ended before the server had answered. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
  /**
   * How far the exchange had come: `unsent`, or the server said goodbye before anything else, so that nothing of it
   * was done; `unanswered`, without a word; `begun`.
   */
  readonly progress: 'unsent' | 'unanswered' | 'begun';

  constructor(message: string, progress: ConnectionLostError['progress'], cause?: unknown) {
    super(message, { cause });
    this.progress = progress;
  }
}

/** What an exchange came to. */
export interface Outcome {
  /** The rows of each step that was run. */
  readonly rows: readonly (readonly Row[])[];
  /** The first error, after which no step was run. */
  readonly error: DatabaseError | null;
  /** The step that it came from; their number where it came with the end of the transaction, or not at all. */
  readonly failedAt: number;
  /**
   * A statement that had been prepared before was refused when it was bound: what it was prepared for may have
   * changed since, or it is gone.
   */
  readonly stale: boolean;
  /** A portal has more rows. */
  readonly suspended: boolean;
  /** `I` idle, `T` in a transaction, `E` in a failed one. */
  readonly status: string;
}
