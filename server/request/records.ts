/**
 * Cuts a body of CSV or NDJSON into records while it arrives. Nothing in a record is read, but where it ends: each
 * is passed on as it came, behind the number of its line, many of them in a batch. Empty lines are left out.
 *
 * What comes out is CSV for PostgreSQL's COPY: `7,Ada,"Lovelace\n"`. For NDJSON the separator is a byte that JSON
 * does not contain.
 */
import { apiError } from '../errors/codes.ts';

export type RecordFormat = 'csv' | 'ndjson';

/** Separates the number of the line from the record. */
export const SEPARATORS: Readonly<Record<RecordFormat, string>> = { csv: ',', ndjson: '\x02' };

/** Whole records, each ended by a line feed. */
export interface RecordBatch {
  /** Valid until the next batch is taken. */
  readonly data: Buffer;
  /** The body's lines where its first and its last record begin. */
  readonly first: number;
  readonly last: number;
  /** The line of the body where the record begins whose text has the n-th line of `data`, from 1. */
  readonly lineAt: (line: number) => number | null;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

const FIRST_SIZE = 64 * 1024;

const withoutMark = (text: Buffer): Buffer =>
  text.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK)
    ? text.subarray(BYTE_ORDER_MARK.length)
    : text;

export interface RecordOptions {
  readonly format: RecordFormat;
  /** Bytes of the longest record that is taken. */
  readonly longest: number;
  /** Sees each record but a header, without the end of its line; may throw. */
  readonly check: ((record: Buffer, line: number) => void) | null;
}

/** Takes the pieces of a body, gives batches of its records. */
export class RecordCutter {
  readonly #options: RecordOptions;
  readonly #separator: Buffer;
  #out = Buffer.allocUnsafeSlow(FIRST_SIZE);
  /** Has the last batch, and will have the next but one. */
  #spare = Buffer.allocUnsafeSlow(FIRST_SIZE);
  #end = 0;
  /** Where the record that is being read begins: its number, and its own text. */
  #start = 0;
  #text = 0;
  #inRecord = false;
  #inQuotes = false;
  /** Lines of the body that have ended. */
  #lines = 0;
  /** The line where the record begins. */
  #line = 1;
  #first: Buffer | null = null;
  /** Of each record of the batch: its line, and the line of `data` with which it ends. */
  #starts: number[] = [];
  #ends: number[] = [];
  #dataLines = 0;

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#separator = Buffer.from(SEPARATORS[options.format]);
  }

  /** The first record, the header line of CSV; null as long as it is not there. */
  get first(): Buffer | null {
    return this.#first;
  }

  /** Bytes of the records that are complete. */
  get bytes(): number {
    return this.#start;
  }

  /** Takes the next piece of the body. Throws ApiError PGRST102 and AURA111. */
  push(piece: Buffer): void {
    let at = 0;
    while (at < piece.length) at = this.#takeLine(piece, at);
  }

  /** The body has ended: so has its last record. */
  end(): void {
    if (this.#inQuotes) {
      throw apiError('PGRST102', 'The CSV could not be read', {
        details: `A quote in the record of line ${this.#line} does not end.`,
      });
    }
    if (this.#inRecord) this.#endRecord();
  }

  /** The complete records since the last time; null where there are none. */
  take(): RecordBatch | null {
    const [first] = this.#starts;
    const last = this.#starts.at(-1);
    if (first === undefined || last === undefined) return null;
    const data = this.#out.subarray(0, this.#start);
    const rest = this.#out.subarray(this.#start, this.#end);
    const next = this.#spare.length < rest.length ? Buffer.allocUnsafeSlow(rest.length * 2) : this.#spare;
    this.#spare = this.#out;
    this.#out = next;
    this.#end = rest.copy(next);
    this.#text -= this.#start;
    this.#start = 0;
    const [starts, ends] = [this.#starts, this.#ends];
    this.#starts = [];
    this.#ends = [];
    this.#dataLines = 0;
    return { data, first, last, lineAt: (line) => starts[ends.findIndex((end) => end >= line)] ?? null };
  }

  /** Takes what the piece has of a line; gives where the next one begins. */
  #takeLine(piece: Buffer, from: number): number {
    const csv = this.#options.format === 'csv';
    let at = from;
    for (; at < piece.length; at++) {
      const byte = piece[at] ?? 0;
      if (byte === LINE_FEED) break;
      if (csv) this.#inQuotes = this.#inQuotes !== (byte === QUOTE);
      else if (byte < SPACE && byte !== TAB && byte !== CARRIAGE_RETURN) throw this.#controlCharacter();
    }
    if (at > from) this.#copy(piece, from, at);
    if (at === piece.length) return at;
    this.#lines += 1;
    if (this.#inQuotes) {
      this.#copy(piece, at, at + 1);
      this.#dataLines += 1;
    } else if (this.#inRecord) {
      this.#endRecord();
    }
    return at + 1;
  }

  #copy(piece: Buffer, from: number, to: number): void {
    if (!this.#inRecord) this.#beginRecord();
    const length = to - from;
    if (this.#end - this.#text + length > this.#options.longest) throw this.#tooLong();
    this.#reserve(length);
    piece.copy(this.#out, this.#end, from, to);
    this.#end += length;
  }

  #beginRecord(): void {
    this.#inRecord = true;
    this.#line = this.#lines + 1;
    if (!this.#isHeader()) {
      const number = String(this.#line);
      this.#reserve(number.length + 1);
      this.#end += this.#out.write(number, this.#end, 'latin1');
      this.#end += this.#separator.copy(this.#out, this.#end);
    }
    this.#text = this.#end;
  }

  #isHeader = (): boolean => this.#options.format === 'csv' && this.#first === null;

  #endRecord(): void {
    this.#inRecord = false;
    if (this.#end > this.#text && this.#out[this.#end - 1] === CARRIAGE_RETURN) this.#end -= 1;
    const record = this.#out.subarray(this.#text, this.#end);
    if (record.length === 0) {
      this.#end = this.#start;
      return;
    }
    const isHeader = this.#isHeader();
    if (!isHeader) this.#options.check?.(record, this.#line);
    this.#first ??= Buffer.from(withoutMark(record));
    if (isHeader) {
      this.#end = this.#start;
      this.#dataLines = 0;
      return;
    }
    this.#reserve(1);
    this.#out[this.#end++] = LINE_FEED;
    this.#start = this.#end;
    this.#dataLines += 1;
    this.#starts.push(this.#line);
    this.#ends.push(this.#dataLines);
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#end + bytes));
    this.#out.copy(larger, 0, 0, this.#end);
    this.#out = larger;
  }

  #tooLong(): Error {
    return apiError('AURA111', 'A record of the body is too long', {
      details: `The record of line ${this.#line} has more than ${this.#options.longest} bytes.`,
      hint: 'Is a quote missing that ends a value? If not, raise server-max-body-size.',
    });
  }

  #controlCharacter(): Error {
    return apiError('PGRST102', 'Empty or invalid json', {
      details: `Line ${this.#lines + 1} contains a control character, which JSON does not allow.`,
    });
  }
}
