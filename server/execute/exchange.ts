/**
 * One exchange with the server: several statements in one write, answered before ReadyForQuery.
 *
 * This works beside the pg driver on the driver's own socket. The frames that answer an exchange are taken here,
 * so that large values stay bytes; every other frame (notices, changed settings, whatever comes between
 * exchanges) goes on to the driver's parser. It leans on the driver's `connection.stream` and on its single
 * `data` listener: the driver's version is pinned, and tests/execute/exchange.test.ts watches over it.
 */
import type { Duplex } from 'node:stream';
import { PreparedStatements } from './prepared-statements.ts';
import { isReusing } from './socket.ts';
import { ConnectionLostError, DatabaseError, type Outcome, type Row, type Step } from './step.ts';
import {
  encodeValues,
  FrameReader,
  MessageWriter,
  parseAffected,
  parseColumnNames,
  parseDataRow,
  parseErrorFields,
} from './wire.ts';

interface Running {
  readonly steps: readonly Step[];
  /** Which steps use a statement that an earlier exchange prepared. */
  readonly reused: readonly boolean[];
  readonly rows: Row[][];
  /** The step that the server is at. */
  at: number;
  /** That step is bound to its values. */
  bound: boolean;
  suspended: boolean;
  /** The server has answered something. */
  begun: boolean;
  error: DatabaseError | null;
  /** The session is cleaned behind it. */
  readonly cleans: boolean;
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
const PORTAL_SUSPENDED = code('s');
const PARAMETER_DESCRIPTION = code('t');
const ROW_DESCRIPTION = code('T');
const COPY_IN = code('G');
const ERROR_RESPONSE = code('E');
const READY_FOR_QUERY = code('Z');
/** Notices and notifications come at any time. */
const ASIDE: ReadonlySet<number> = new Set([code('N'), code('A'), code('S')]);

/** The driver's connection as far as it is used here. */
export interface DriverConnection {
  readonly stream: Duplex;
}

type DataListener = (chunk: Buffer) => void;

const PARAMETER_STATUS = code('S');

/**
 * Undoes what user code has left to the session: a role (`reset all` does not reset it), settings, temporary
 * tables. A simple query, which needs no prepared statement: those may be what user code has done away with.
 */
const CLEANING = 'reset role; reset all; discard temp';

/** Values that repeat, as they go over the wire. */
const encoded = new WeakMap<Step['values'], Buffer>();

function encodedOf(values: Step['values']): Buffer {
  let bytes = encoded.get(values);
  if (bytes === undefined) {
    bytes = encodeValues(values);
    encoded.set(values, bytes);
  }
  return bytes;
}

/** Keeps a row, or hands it to whoever takes the rows of its portal. */
function takeRow(running: Running, bytes: Buffer, start: number, end: number, lent: boolean): void {
  const step = running.steps[running.at];
  if (step?.portal) step.portal.take(bytes.subarray(start, end));
  else if (step?.answers === 'nothing') return;
  else if (lent) {
    const row = Buffer.allocUnsafe(end - start);
    bytes.copy(row, 0, start, end);
    running.rows[running.at]?.push(parseDataRow(row));
  } else running.rows[running.at]?.push(parseDataRow(bytes.subarray(start, end)));
}

/** Exchanges on one connection, one at a time. */
export class Exchanger {
  readonly #stream: Duplex;
  readonly #driver: DataListener;
  readonly #writer = new MessageWriter();
  readonly #reader: FrameReader;
  readonly #prepared: PreparedStatements;
  #running: Running | null = null;
  /** As the server said last. */
  #status = 'I';
  /** User code may change the session. */
  #taints = false;
  /** It may have done so, and nothing was done about it yet. */
  #isTainted = false;
  /** The server still has to answer to a cleaning. */
  #isCleaning = false;

  /**
   * Taps the connection of a driver's client that has connected and is idle. `allocate` makes the buffers that large
   * rows are kept in.
   */
  constructor(connection: DriverConnection, mostPrepared: number, allocate?: (bytes: number) => Buffer) {
    this.#reader = new FrameReader(
      (type, bytes, start, end, lent) => this.#receive(type, bytes, start, end, lent),
      allocate,
    );
    this.#stream = connection.stream;
    this.#prepared = new PreparedStatements(mostPrepared);
    const [listener, ...others] = this.#stream.listeners('data');
    if (!listener || others.length > 0) throw new Error('the driver listens to its socket in an unknown way');
    this.#driver = listener as DataListener;
    this.#stream.removeListener('data', this.#driver);
    // always cut into frames, so that one which begins in an exchange may end after it
    this.#stream.on('data', (chunk: Buffer) => this.#reader.push(chunk));
    // the frames are read where they lie: what is kept of them is copied
    if (isReusing(this.#stream)) this.#stream.reuse();
    this.#stream.once('close', () => this.#lost());
  }

  /** Fit for whoever comes next: no exchange runs and no transaction is open. */
  get idle(): boolean {
    return this.#running === null && this.#status === 'I' && !this.#stream.destroyed;
  }

  /** Stops reading what the server sends, so that the server has to wait, or goes on. */
  pause(paused: boolean): void {
    if (paused) this.#stream.pause();
    else this.#stream.resume();
  }

  /**
   * Until `settle` user code may change the session. It is cleaned behind each exchange, in the same write and without
   * that anybody waits for it; where a transaction may stay open, before the next exchange outside of one.
   */
  taint(): void {
    this.#taints = true;
  }

  /** Whoever ran exchanges here is done. */
  settle(): void {
    this.#taints = false;
  }

  /**
   * Runs the steps; they are one transaction unless one of them begins its own. Rejects with
   * ConnectionLostError; what the server refuses is in the outcome.
   */
  run(steps: readonly Step[]): Promise<Outcome> {
    if (this.#running) throw new Error('an exchange is already running on this connection');
    return new Promise((resolve, reject) => {
      if (this.#stream.destroyed) {
        reject(new ConnectionLostError('the connection is closed', 'unsent'));
        return;
      }
      const isOutside = this.#status === 'I';
      const cleansBefore = this.#isTainted && isOutside;
      const cleans = this.#taints && isOutside && !steps.some(({ begins }) => begins === true);
      try {
        const reused = this.#writeAll(steps, cleansBefore, cleans);
        const rows: Row[][] = [];
        for (let step = 0; step < steps.length; step++) rows.push([]);
        this.#running = {
          steps,
          reused,
          rows,
          at: 0,
          bound: false,
          suspended: false,
          begun: false,
          error: null,
          cleans,
          resolve,
          reject,
        };
      } catch (error) {
        // nothing was sent: what was noted as prepared is not
        this.#writer.discard();
        this.forget(steps);
        this.#prepared.closeAgain();
        reject(error);
        return;
      }
      if (cleansBefore) {
        this.#isTainted = false;
        this.#isCleaning = true;
      }
      if (this.#taints && !cleans) this.#isTainted = true;
      this.#stream.write(this.#writer.take());
    });
  }

  /** Writes the exchange; gives which of the steps find their statement prepared. */
  #writeAll(steps: readonly Step[], cleansBefore: boolean, cleansBehind: boolean): boolean[] {
    for (const name of this.#prepared.closeUnwanted()) this.#writer.close(name);
    // a transaction of its own, which an error of the steps does not undo
    if (cleansBefore) this.#writer.query(CLEANING);
    const reused: boolean[] = [];
    for (const step of steps) reused.push(this.#write(step));
    this.#writer.sync();
    if (cleansBehind) this.#writer.query(CLEANING);
    return reused;
  }

  #write(step: Step): boolean {
    const { key, portal } = step;
    if (portal?.isOpen) {
      this.#writer.execute(portal.name, portal.most);
      return false;
    }
    const known = key === null ? undefined : this.#prepared.use(key);
    let name = known ?? '';
    if (known === undefined) {
      if (key !== null) name = this.#prepared.add(key, (oldest) => this.#writer.close(oldest));
      this.#writer.parse(name, step.text);
    }
    if (step.answers === 'columns') {
      this.#writer.describe(name);
    } else {
      if (step.repeats === true) this.#writer.bindEncoded(name, encodedOf(step.values), step.formats);
      else this.#writer.bind(name, step.values, step.formats, step.binary, portal?.name);
      this.#writer.execute(portal?.name, portal?.most);
      if (step.data) this.#writer.copy(step.data);
    }
    return known !== undefined;
  }

  /** Forgets prepared statements, so that they are parsed anew at their next use. */
  forget(steps: readonly Step[]): void {
    for (const { key } of steps) if (key !== null) this.#prepared.forget(key);
  }

  #receive(type: number, bytes: Buffer, start: number, end: number, lent: boolean): void {
    // given up, with more in the piece that was read
    if (this.#stream.destroyed) return;
    const running = this.#running;
    if ((this.#isCleaning && !ASIDE.has(type)) || !running) {
      this.#receiveAside(type, bytes.subarray(start, end));
      return;
    }
    if (!running.begun && type !== ERROR_RESPONSE && !ASIDE.has(type)) running.begun = true;
    switch (type) {
      case DATA_ROW:
        takeRow(running, bytes, start, end, lent);
        break;
      case COMMAND_COMPLETE:
        if (running.steps[running.at]?.answers === 'affected') {
          running.rows[running.at]?.push([parseAffected(bytes.subarray(start, end))]);
        }
        this.#stepDone(running);
        break;
      case EMPTY_QUERY:
        this.#stepDone(running);
        break;
      case BIND_COMPLETE:
        running.bound = true;
        break;
      case CLOSE_COMPLETE:
        this.#prepared.closed();
        break;
      case PARSE_COMPLETE:
      case PARAMETER_DESCRIPTION:
      case COPY_IN:
        break;
      case ROW_DESCRIPTION:
        running.rows[running.at]?.push(parseColumnNames(bytes.subarray(start, end)));
        this.#stepDone(running);
        break;
      case PORTAL_SUSPENDED:
        running.suspended = true;
        this.#stepDone(running);
        break;
      case ERROR_RESPONSE:
        running.error ??= new DatabaseError(parseErrorFields(bytes.subarray(start, end)));
        break;
      case READY_FOR_QUERY:
        this.#ready(running, String.fromCharCode(bytes[start] ?? 0));
        break;
      default:
        this.#receiveAside(type, bytes.subarray(start, end));
    }
  }

  /** What belongs to no exchange, or to a cleaning. */
  #receiveAside(type: number, payload: Buffer): void {
    if (this.#isCleaning && !ASIDE.has(type)) {
      this.#receiveCleaning(type, payload);
      return;
    }
    // those of a transaction are told only where they outlast it, or the trip
    if (type === PARAMETER_STATUS && this.#running !== null && !this.#isCleaning) this.#isTainted = true;
    this.#passOn(type, payload);
  }

  #stepDone(running: Running): void {
    running.at += 1;
    running.bound = false;
  }

  #ready(running: Running, status: string): void {
    this.#status = status;
    this.#running = null;
    const { rows, error, at, bound, reused, cleans } = running;
    if (cleans) {
      this.#isTainted = false;
      this.#isCleaning = true;
    }
    if (error) {
      // the server has skipped what came after the error: those statements were perhaps never parsed
      this.forget(running.steps.slice(at));
      this.#prepared.closeAgain();
    }
    running.resolve({
      rows,
      error,
      failedAt: at,
      stale: error !== null && !bound && reused[at] === true,
      suspended: running.suspended,
      status,
    });
  }

  /** What answers a cleaning, which nobody waits for. */
  #receiveCleaning(type: number, payload: Buffer): void {
    if (type === READY_FOR_QUERY) this.#isCleaning = false;
    if (type !== ERROR_RESPONSE) return;
    const error = new DatabaseError(parseErrorFields(payload));
    // what comes next finds out, or its place is taken: a session that cannot be cleaned serves nobody
    this.#stream.destroy(error);
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
    if (!running) return;
    const { error, begun } = running;
    // answers come in order: what was done before the goodbye would have been told before it
    const progress = begun ? 'begun' : error === null ? 'unanswered' : 'unsent';
    running.reject(new ConnectionLostError(error?.message ?? 'the connection was closed', progress, error));
  }
}
