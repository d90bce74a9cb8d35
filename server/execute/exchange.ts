/**
 * One exchange with the server: several statements in one write, answered before ReadyForQuery.
 *
 * This works beside the pg driver on the driver's own socket. While an exchange runs, the frames that answer
 * it are taken here, so that large values stay bytes; every other frame (notices, changed settings) goes on to
 * the driver's parser. It leans on the driver's `connection.stream` and on its single `data` listener: the
 * driver's version is pinned, and tests/execute/exchange.test.ts watches over it.
 */
import type { Duplex } from 'node:stream';
import {
  FrameReader,
  MessageWriter,
  parseDataRow,
  parseErrorFields,
  type ResultFormats,
  type WireValue,
} from './wire.ts';

/** A statement to run. */
export interface Step {
  /** What the prepared statement is kept under on this connection; null = prepare it for this time only. */
  readonly key: string | null;
  readonly text: string;
  readonly values: readonly WireValue[];
  readonly formats: ResultFormats;
  /** Indexes of values that are sent in binary form. */
  readonly binary: ReadonlySet<number>;
}

export type Row = readonly (Buffer | null)[];

/** The server's ErrorResponse. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  /** SQLSTATE. */
  readonly code: string;
  readonly detail: string | null;
  readonly hint: string | null;

  constructor(fields: Readonly<Record<string, string>>) {
    super(fields['M'] ?? 'unknown error');
    this.code = fields['C'] ?? 'XX000';
    this.detail = fields['D'] ?? null;
    this.hint = fields['H'] ?? null;
  }
}

/** The connection ended before the server had answered. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/** What an exchange came to. */
export interface Outcome {
  /** The rows of each step that was run. */
  readonly rows: readonly (readonly Row[])[];
  /** The first error, after which no step was run. */
  readonly error: DatabaseError | null;
  /** `I` idle, `T` in a transaction, `E` in a failed one. */
  readonly status: string;
}

interface Running {
  readonly steps: readonly Step[];
  readonly rows: Row[][];
  at: number;
  error: DatabaseError | null;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: Error) => void;
}

const code = (letter: string): number => letter.charCodeAt(0);
const PARSE_COMPLETE = code('1');
const BIND_COMPLETE = code('2');
const CLOSE_COMPLETE = code('3');
const DATA_ROW = code('D');
const COMMAND_COMPLETE = code('C');
const EMPTY_QUERY = code('I');
const ERROR_RESPONSE = code('E');
const READY_FOR_QUERY = code('Z');

/** The driver's connection as far as it is used here. */
export interface DriverConnection {
  readonly stream: Duplex;
}

type DataListener = (chunk: Buffer) => void;

/** Exchanges on one connection, one at a time. */
export class Exchanger {
  readonly #stream: Duplex;
  readonly #driver: DataListener;
  readonly #writer = new MessageWriter();
  readonly #reader = new FrameReader((type, payload) => this.#receive(type, payload));
  /** Prepared statements by key, the least recently used first. */
  readonly #prepared = new Map<string, string>();
  readonly #mostPrepared: number;
  #serial = 0;
  #running: Running | null = null;

  /** Taps the connection of a driver's client that has connected and is idle. */
  constructor(connection: DriverConnection, mostPrepared: number) {
    this.#stream = connection.stream;
    this.#mostPrepared = mostPrepared;
    const [listener, ...others] = this.#stream.listeners('data');
    if (!listener || others.length > 0) throw new Error('the driver listens to its socket in an unknown way');
    this.#driver = listener as DataListener;
    this.#stream.removeListener('data', this.#driver);
    this.#stream.on('data', (chunk: Buffer) => {
      if (this.#running) this.#reader.push(chunk);
      else this.#driver(chunk);
    });
    this.#stream.once('close', () => this.#lost());
  }

  /**
   * Runs the steps; they are one transaction unless one of them begins its own. Rejects with
   * ConnectionLostError; what the server refuses is in the outcome.
   */
  run(steps: readonly Step[]): Promise<Outcome> {
    if (this.#running) throw new Error('an exchange is already running on this connection');
    return new Promise((resolve, reject) => {
      if (this.#stream.destroyed) {
        reject(new ConnectionLostError('the connection is closed'));
        return;
      }
      this.#running = { steps, rows: steps.map(() => []), at: 0, error: null, resolve, reject };
      for (const step of steps) this.#write(step);
      this.#writer.sync();
      this.#stream.write(this.#writer.take());
    });
  }

  #write(step: Step): void {
    const { key } = step;
    let name = key === null ? '' : this.#prepared.get(key);
    if (key === null || name === undefined) {
      name = key === null ? '' : this.#makeName(key);
      this.#writer.parse(name, step.text);
    } else {
      // used again: to the end of the queue
      this.#prepared.delete(key);
      this.#prepared.set(key, name);
    }
    this.#writer.bind(name, step.values, step.formats, step.binary);
    this.#writer.execute();
  }

  /** A name never used before on this connection, in the place of the least used one if there are too many. */
  #makeName(key: string): string {
    for (const [oldest, name] of this.#prepared) {
      if (this.#prepared.size < this.#mostPrepared) break;
      this.#prepared.delete(oldest);
      this.#writer.close(name);
    }
    const name = `a${this.#serial++}`;
    this.#prepared.set(key, name);
    return name;
  }

  /** Forgets prepared statements, so that they are parsed anew at their next use. */
  forget(steps: readonly Step[]): void {
    for (const { key } of steps) {
      const name = key === null ? undefined : this.#prepared.get(key);
      if (key === null || name === undefined) continue;
      this.#prepared.delete(key);
      this.#writer.close(name);
    }
  }

  #receive(type: number, payload: Buffer): void {
    const running = this.#running;
    if (!running) return;
    switch (type) {
      case DATA_ROW:
        running.rows[running.at]?.push(parseDataRow(payload));
        break;
      case COMMAND_COMPLETE:
      case EMPTY_QUERY:
        running.at += 1;
        break;
      case PARSE_COMPLETE:
      case BIND_COMPLETE:
      case CLOSE_COMPLETE:
        break;
      case ERROR_RESPONSE:
        running.error ??= new DatabaseError(parseErrorFields(payload));
        break;
      case READY_FOR_QUERY:
        this.#finish(running, String.fromCharCode(payload[0] ?? 0));
        break;
      default:
        this.#passOn(type, payload);
    }
  }

  #finish(running: Running, status: string): void {
    this.#running = null;
    // the server has skipped what came after the error: those statements were perhaps never parsed
    if (running.error) this.forget(running.steps.slice(running.at));
    running.resolve({ rows: running.rows, error: running.error, status });
  }

  /** A frame that is none of ours, for the driver's parser. */
  #passOn(type: number, payload: Buffer): void {
    const frame = Buffer.allocUnsafe(payload.length + 5);
    frame[0] = type;
    frame.writeInt32BE(payload.length + 4, 1);
    payload.copy(frame, 5);
    this.#driver(frame);
  }

  #lost(): void {
    const running = this.#running;
    this.#running = null;
    // what the server said before it hung up explains more than that it did
    running?.reject(
      new ConnectionLostError(running.error?.message ?? 'the connection was closed', {
        cause: running.error,
      }),
    );
  }
}
