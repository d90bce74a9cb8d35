/**
 * Rows as lines: each DataRow of one column is copied out of the frame that it came in, made a line, and collected
 * with others into chunks of a size that is worth sending.
 */

/** How a row is told: as a JSON value, or as the text form of a record, of which a line of CSV is made. */
export type LineFormat = 'json' | 'csv';

const CHUNK_BYTES = 64 * 1024;
/** The number of columns, and the length of the first one, stand before its bytes in a DataRow. */
const BEFORE_VALUE = 6;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const BACKSLASH = 0x5c;

/** Lines that wait to be sent. */
export class LineBuffer {
  readonly #format: LineFormat;
  readonly #full: Buffer[] = [];
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #end = 0;
  #bytes = 0;

  constructor(format: LineFormat) {
    this.#format = format;
  }

  /** Bytes that were added and not taken yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a whole chunk waits. */
  get isFull(): boolean {
    return this.#full.length > 0;
  }

  /** Adds the row of a DataRow's payload; nothing of it is kept. */
  add(row: Buffer): void {
    this.#reserve(row.length - BEFORE_VALUE + 1);
    const start = this.#end;
    if (this.#format === 'csv') this.#addRecord(row);
    else this.#addJson(row);
    this.#chunk[this.#end++] = LINE_FEED;
    this.#bytes += this.#end - start;
  }

  /** Puts a line before all others. */
  prepend(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    this.#full.unshift(bytes);
    this.#bytes += bytes.length;
  }

  /** The next chunk; null where none is full, unless also a smaller one is wanted. */
  take(small: boolean): Buffer | null {
    let chunk = this.#full.shift() ?? null;
    if (chunk === null && small && this.#end > 0) {
      chunk = this.#chunk.subarray(0, this.#end);
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      this.#end = 0;
    }
    this.#bytes -= chunk?.length ?? 0;
    return chunk;
  }

  /** Forgets all lines. */
  clear(): void {
    this.#full.length = 0;
    this.#end = 0;
    this.#bytes = 0;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#chunk.length) return;
    if (this.#end > 0) this.#full.push(this.#chunk.subarray(0, this.#end));
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes));
    this.#end = 0;
  }

  #addJson(row: Buffer): void {
    const start = this.#end;
    this.#end += row.copy(this.#chunk, start, BEFORE_VALUE);
    // a line break in a value of type json is white space, and would end the line
    if (row.includes(LINE_FEED, BEFORE_VALUE)) blankLineBreaks(this.#chunk, start, this.#end);
  }

  /** A record is CSV in parentheses, but that it doubles backslashes as it doubles quotes. */
  #addRecord(row: Buffer): void {
    const first = BEFORE_VALUE + 1;
    const last = row.length - 1;
    if (!row.includes(BACKSLASH, first)) {
      this.#end += row.copy(this.#chunk, this.#end, first, last);
      return;
    }
    for (let at = first; at < last; at++) {
      const byte = row[at] ?? 0;
      this.#chunk[this.#end++] = byte;
      if (byte === BACKSLASH) at += 1;
    }
  }
}

function blankLineBreaks(chunk: Buffer, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    if (chunk[at] === LINE_FEED || chunk[at] === CARRIAGE_RETURN) chunk[at] = SPACE;
  }
}

/** The first line of CSV. */
export const csvHeader = (names: readonly string[]): string =>
  names.map((name) => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name)).join(',');
