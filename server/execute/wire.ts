/**
 * PostgreSQL's frontend/backend protocol, version 3, as far as one exchange needs it
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html): messages to the server are written
 * into one buffer, so that a whole exchange is one write; frames from the server are cut out of the stream
 * without copying what arrives in one piece.
 */

/** A parameter's value: text, bytes (sent as text, too), or null. */
export type WireValue = string | Buffer | null;

/** How many columns come back, and which of them in binary form, by index; 0 columns = whatever there are, as text. */
export interface ResultFormats {
  readonly columns: number;
  readonly binary: readonly number[];
}

export const ALL_AS_TEXT: ResultFormats = { columns: 0, binary: [] };

const FIRST_SIZE = 4096;
/** A larger buffer is not kept for the next exchange. */
const LARGEST_KEPT = 1 << 20;

/** Writes frontend messages one after the other. */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(FIRST_SIZE);
  #end = 0;

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#end + bytes));
    this.#buffer.copy(larger, 0, 0, this.#end);
    this.#buffer = larger;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#end++] = value;
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#end = this.#buffer.writeInt16BE(value, this.#end);
  }

  /** A number of things, at most 65,535; throws RangeError beyond. */
  #count(value: number): void {
    this.#reserve(2);
    this.#end = this.#buffer.writeUInt16BE(value, this.#end);
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.#end = this.#buffer.writeInt32BE(value, this.#end);
  }

  /** Text with the NUL that ends it. */
  #cstring(text: string): void {
    this.#reserve(text.length * 3 + 1);
    this.#end += this.#buffer.write(text, this.#end, 'utf8');
    this.#buffer[this.#end++] = 0;
  }

  #begin(type: string): number {
    this.#byte(type.charCodeAt(0));
    const start = this.#end;
    this.#int32(0);
    return start;
  }

  #finish(start: number): void {
    this.#buffer.writeInt32BE(this.#end - start, start);
  }

  #value(value: WireValue): void {
    if (value === null) {
      this.#int32(-1);
    } else if (typeof value === 'string') {
      this.#reserve(4 + value.length * 3);
      const written = this.#buffer.write(value, this.#end + 4, 'utf8');
      this.#buffer.writeInt32BE(written, this.#end);
      this.#end += 4 + written;
    } else {
      this.#reserve(4 + value.length);
      this.#buffer.writeInt32BE(value.length, this.#end);
      this.#end += 4 + value.copy(this.#buffer, this.#end + 4);
    }
  }

  /** Parse: the server infers the types of all parameters. */
  parse(statement: string, text: string): void {
    const start = this.#begin('P');
    this.#cstring(statement);
    this.#cstring(text);
    this.#int16(0);
    this.#finish(start);
  }

  /**
   * Bind to a portal, ordinarily the unnamed one. Parameters go as text, but those listed in `binary`; columns come
   * back as text, but those that `formats` lists.
   */
  bind(
    statement: string,
    values: readonly WireValue[],
    formats: ResultFormats,
    binary: ReadonlySet<number>,
    portal = '',
  ): void {
    const start = this.#begin('B');
    this.#cstring(portal);
    this.#cstring(statement);
    if (binary.size === 0) {
      this.#int16(0);
    } else {
      this.#count(values.length);
      for (let index = 0; index < values.length; index++) this.#int16(binary.has(index) ? 1 : 0);
    }
    this.values(values);
    this.#formats(formats);
    this.#finish(start);
  }

  /** Bind to the unnamed portal, with values as `encodeValues` gave them. */
  bindEncoded(statement: string, values: Buffer, formats: ResultFormats): void {
    const start = this.#begin('B');
    this.#byte(0);
    this.#cstring(statement);
    this.#int16(0);
    this.#reserve(values.length);
    this.#end += values.copy(this.#buffer, this.#end);
    this.#formats(formats);
    this.#finish(start);
  }

  #formats({ columns, binary }: ResultFormats): void {
    this.#int16(columns);
    for (let column = 0; column < columns; column++) this.#int16(binary.includes(column) ? 1 : 0);
  }

  /** The part of Bind that has the values. */
  values(values: readonly WireValue[]): void {
    this.#count(values.length);
    for (const value of values) this.#value(value);
  }

  /** Execute a portal, ordinarily the unnamed one; `most` rows of it, 0 = all. */
  execute(portal = '', most = 0): void {
    const start = this.#begin('E');
    this.#cstring(portal);
    this.#int32(most);
    this.#finish(start);
  }

  /** Describe a prepared statement: its parameters and columns. */
  describe(statement: string): void {
    const start = this.#begin('D');
    this.#byte('S'.charCodeAt(0));
    this.#cstring(statement);
    this.#finish(start);
  }

  /** All that a COPY FROM STDIN reads. */
  copy(data: Buffer): void {
    const start = this.#begin('d');
    this.#reserve(data.length);
    this.#end += data.copy(this.#buffer, this.#end);
    this.#finish(start);
    this.#finish(this.#begin('c'));
  }

  /** Close a prepared statement; one that does not exist is no error. */
  close(statement: string): void {
    const start = this.#begin('C');
    this.#byte('S'.charCodeAt(0));
    this.#cstring(statement);
    this.#finish(start);
  }

  /** Statements without values, to run at once; the server answers them before the next message. */
  query(text: string): void {
    const start = this.#begin('Q');
    this.#cstring(text);
    this.#finish(start);
  }

  sync(): void {
    this.#finish(this.#begin('S'));
  }

  /** Drops everything written since the last call of `take`. */
  discard(): void {
    this.#end = 0;
  }

  /**
   * Everything written since the last call. Valid until the next message is written, which must not happen
   * before the server has answered.
   */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#end);
    this.#end = 0;
    if (this.#buffer.length > LARGEST_KEPT) this.#buffer = Buffer.allocUnsafe(FIRST_SIZE);
    return bytes;
  }
}

/** Values of Bind that are sent again and again, encoded once. */
export function encodeValues(values: readonly WireValue[]): Buffer {
  const writer = new MessageWriter();
  writer.values(values);
  return Buffer.from(writer.take());
}

const HEADER = 5;

/** A frame that goes on in the next chunk. */
interface Partial {
  readonly type: number;
  /** Its whole payload, as far as it has arrived. */
  readonly payload: Buffer;
  filled: number;
}

/**
 * Takes a frame: its type, and the bytes that its payload lies in, from `start` to `end`. A payload that is `lent` is
 * a part of what is being read, and valid only until this returns.
 */
export type TakeFrame = (type: number, bytes: Buffer, start: number, end: number, lent: boolean) => void;

/** Cuts the server's stream into frames. */
export class FrameReader {
  readonly #onFrame: TakeFrame;
  readonly #allocate: (bytes: number) => Buffer;
  /** Less than a header, left from the last chunk. */
  #rest: Buffer | null = null;
  #partial: Partial | null = null;

  /** `allocate` makes the buffers of payloads that arrive in several pieces. */
  constructor(onFrame: TakeFrame, allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow) {
    this.#onFrame = onFrame;
    this.#allocate = allocate;
  }

  /** Takes the next bytes of the stream, cut anywhere; they are not kept. */
  push(received: Buffer): void {
    let chunk = received;
    if (this.#rest) {
      chunk = Buffer.concat([this.#rest, received]);
      this.#rest = null;
    }
    let at = this.#continue(chunk);
    while (at < chunk.length) {
      if (chunk.length - at < HEADER) {
        this.#rest = Buffer.from(chunk.subarray(at));
        return;
      }
      const type = chunk[at] ?? 0;
      const length = chunk.readInt32BE(at + 1) - 4;
      const start = at + HEADER;
      at = start + length;
      if (at <= chunk.length) {
        this.#onFrame(type, chunk, start, at, true);
      } else {
        const payload = this.#allocate(length);
        this.#partial = { type, payload, filled: chunk.copy(payload, 0, start) };
      }
    }
  }

  /** Completes the frame that the last chunk left open; gives where the next one begins. */
  #continue(chunk: Buffer): number {
    const partial = this.#partial;
    if (!partial) return 0;
    const { type, payload } = partial;
    const copied = chunk.copy(payload, partial.filled);
    partial.filled += copied;
    if (partial.filled === payload.length) {
      this.#partial = null;
      this.#onFrame(type, payload, 0, payload.length, false);
    }
    return copied;
  }
}

/** The fields of an ErrorResponse by their one-letter names (`C` SQLSTATE, `M` message ...). */
export function parseErrorFields(payload: Buffer): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const item of payload.toString('utf8').split('\0')) {
    if (item !== '') fields[item.charAt(0)] = item.slice(1);
  }
  return fields;
}

/** The columns of a DataRow, as parts of its buffer. */
export function parseDataRow(payload: Buffer): (Buffer | null)[] {
  const count = payload.readInt16BE(0);
  const columns: (Buffer | null)[] = [];
  let at = 2;
  for (let index = 0; index < count; index++) {
    const length = payload.readInt32BE(at);
    at += 4;
    if (length < 0) {
      columns.push(null);
    } else {
      columns.push(payload.subarray(at, at + length));
      at += length;
    }
  }
  return columns;
}

/** The names of the columns in a RowDescription. */
export function parseColumnNames(payload: Buffer): Buffer[] {
  const names: Buffer[] = [];
  const count = payload.readInt16BE(0);
  let at = 2;
  for (let index = 0; index < count; index++) {
    const end = payload.indexOf(0, at);
    names.push(Buffer.from(payload.subarray(at, end)));
    // table, column, type, size, modifier, format
    at = end + 19;
  }
  return names;
}

/** The number of rows in the tag of a CommandComplete (`INSERT 0 5`), as its digits. */
export const parseAffected = (payload: Buffer): Buffer =>
  Buffer.from(/(\d+)\0$/.exec(payload.toString('latin1'))?.[1] ?? '0');
