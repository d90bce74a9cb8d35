import fc from 'fast-check';
import { Parser } from 'pg-protocol/dist/parser.js';
import { serialize } from 'pg-protocol/dist/serializer.js';
import { describe, expect, test } from 'vitest';
import {
  ALL_AS_TEXT,
  FrameReader,
  MessageWriter,
  parseDataRow,
  parseErrorFields,
  type WireValue,
} from '../../server/execute/wire.ts';

/** What one call writes. */
const written = (write: (writer: MessageWriter) => void): Buffer => {
  const writer = new MessageWriter();
  write(writer);
  return Buffer.from(writer.take());
};

const NO_BINARY: ReadonlySet<number> = new Set();

/** A backend frame. */
const frame = (type: string, payload: Buffer | string = ''): Buffer => {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
};

const dataRow = (columns: readonly (string | Buffer | null)[]): Buffer => {
  const count = Buffer.alloc(2);
  count.writeInt16BE(columns.length);
  const parts = columns.flatMap((column) => {
    const length = Buffer.alloc(4);
    if (column === null) {
      length.writeInt32BE(-1);
      return [length];
    }
    const bytes = Buffer.from(column);
    length.writeInt32BE(bytes.length);
    return [length, bytes];
  });
  return frame('D', Buffer.concat([count, ...parts]));
};

type Frames = readonly (readonly [type: string, payload: string])[];

/** The frames that a reader finds in these chunks. */
const read = (chunks: readonly Buffer[]): Frames => {
  const found: [string, string][] = [];
  const reader = new FrameReader((type, bytes, start, end) =>
    found.push([String.fromCharCode(type), bytes.toString('hex', start, end)]),
  );
  for (const chunk of chunks) reader.push(chunk);
  return found;
};

describe('messages to the server', () => {
  test.each([
    ['', 'select 1'],
    ['a1', "select 'héllo ☃ 🎵'"],
    ['a2', `select '${'x'.repeat(10_000)}'`],
  ])('a statement to parse is what the driver would send', (name, text) => {
    expect(written((writer) => writer.parse(name, text))).toEqual(serialize.parse({ name, text }));
  });

  test('closing, executing and synchronising are what the driver would send', () => {
    expect(written((writer) => writer.close('a7'))).toEqual(serialize.close({ type: 'S', name: 'a7' }));
    expect(written((writer) => writer.execute())).toEqual(serialize.execute());
    expect(written((writer) => writer.sync())).toEqual(serialize.sync());
    expect(written((writer) => writer.query('reset all; select 1'))).toEqual(
      serialize.query('reset all; select 1'),
    );
  });

  /** The driver's own message says of every value in which form it is, and has one form for all columns. */
  const driversBind = (statement: string, values: readonly WireValue[]): Buffer =>
    serialize.bind({ statement, values: [...values], binary: true });

  test.each<[string, WireValue[]]>([
    ['bytes alone', [Buffer.from([0, 1, 2, 255])]],
    ['bytes among text and null', ['a', null, Buffer.from('☃'), '']],
    ['more bytes than the buffer holds at first', [Buffer.alloc(100_000, 7), 'x'.repeat(70_000)]],
  ])('values bound in both forms are what the driver would send: %s', (_what, values) => {
    const binary = new Set(values.flatMap((value, index) => (Buffer.isBuffer(value) ? [index] : [])));
    const ours = written((writer) => writer.bind('a1', values, { columns: 1, binary: [0] }, binary));
    expect(ours).toEqual(driversBind('a1', values));
  });

  test('text values are bound as the driver does it, with no word about their form', () => {
    const values = ['a', null, 'ü☃🎵', 'x'.repeat(9000), ''];
    const ours = written((writer) => writer.bind('a1', values, ALL_AS_TEXT, NO_BINARY));
    const theirs = serialize.bind({ statement: 'a1', values: [...values] });
    const names = 5 + 1 + 3;
    const forms = 2 + 2 * values.length;
    expect(ours.subarray(5, names)).toEqual(theirs.subarray(5, names));
    expect(ours.readInt16BE(names)).toBe(0);
    expect(ours.subarray(names + 2, -2)).toEqual(theirs.subarray(names + forms, -4));
    expect(ours.subarray(-2)).toEqual(Buffer.from([0, 0]));
    expect(ours.readInt32BE(1)).toBe(ours.length - 1);
  });

  test('one column can be asked for in binary form among others', () => {
    const ours = written((writer) => writer.bind('', [], { columns: 3, binary: [1] }, NO_BINARY));
    expect(ours.subarray(-8)).toEqual(Buffer.from([0, 3, 0, 0, 0, 1, 0, 0]));
  });

  test('65,535 values can be bound, and one more is refused', () => {
    const bind = (count: number) => (): Buffer =>
      written((writer) =>
        writer.bind(
          '',
          Array.from({ length: count }, () => ''),
          ALL_AS_TEXT,
          NO_BINARY,
        ),
      );
    expect(bind(65_535)().readUInt16BE(5 + 2 + 2)).toBe(65_535);
    expect(bind(65_536)).toThrow(RangeError);
  });

  test('several messages stand one behind the other, and nothing of the last exchange stays', () => {
    const writer = new MessageWriter();
    writer.parse('a1', 'x'.repeat(2_000_000));
    writer.take();
    writer.parse('a1', 'select 1');
    writer.sync();
    const both = Buffer.concat([serialize.parse({ name: 'a1', text: 'select 1' }), serialize.sync()]);
    expect(writer.take()).toEqual(both);
    writer.close('a1');
    writer.discard();
    writer.sync();
    expect(writer.take()).toEqual(serialize.sync());
  });

  test('any text comes out as its UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 3000 }))), (values) => {
        const ours = written((writer) =>
          writer.bind('s', values, { columns: 1, binary: [0] }, new Set([-1])),
        );
        expect(ours).toEqual(driversBind('s', values));
      }),
    );
  });
});

describe('frames from the server', () => {
  const stream = Buffer.concat([
    frame('1'),
    frame('2'),
    dataRow(['1', null, 'a longer value, with ☃']),
    frame('S', 'TimeZone\0UTC\0'),
    frame('C', 'SELECT 1\0'),
    frame('Z', 'I'),
  ]);
  const whole = read([stream]);

  test('are found in a stream that arrives in one piece', () => {
    expect(whole.map(([type]) => type).join('')).toBe('12DSCZ');
    expect(whole.at(-1)).toEqual(['Z', '49']);
  });

  test('are the same wherever the stream is cut once', () => {
    for (let at = 0; at <= stream.length; at++) {
      expect(read([stream.subarray(0, at), stream.subarray(at)]), `cut at ${at}`).toEqual(whole);
    }
  });

  test('are the same wherever the stream is cut twice', () => {
    for (let first = 0; first <= stream.length; first++) {
      for (let second = first; second <= stream.length; second++) {
        const chunks = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)];
        expect(read(chunks), `cut at ${first} and ${second}`).toEqual(whole);
      }
    }
  });

  test('are the same when every byte comes alone', () => {
    expect(read([...stream].map((byte) => Buffer.from([byte])))).toEqual(whole);
  });

  test('of any sizes come out of any chunks', () => {
    const frames = fc.array(fc.tuple(fc.constantFrom('D', 'C', 'N'), fc.uint8Array({ maxLength: 300 })));
    fc.assert(
      fc.property(frames, fc.array(fc.nat(400)), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(([type, payload]) => frame(type, Buffer.from(payload))));
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of cuts) {
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        chunks.push(bytes.subarray(at));
        expect(read(chunks)).toEqual(
          sent.map(([type, payload]) => [type, Buffer.from(payload).toString('hex')]),
        );
      }),
    );
  });

  test("rows and errors read as the driver's parser reads them", () => {
    const error = frame('E', 'SERROR\0VERROR\0C42P01\0Mrelation "é" does not exist\0Hlook\0P15\0\0');
    const messages: unknown[] = [];
    const parser = new Parser();
    const columns = ['1', null, '', 'ü☃'];
    parser.parse(Buffer.concat([dataRow(columns), error]), (message) => messages.push(message));
    const [row, problem] = messages as [{ fields: (string | null)[] }, Record<string, unknown>];

    const ours = parseDataRow(dataRow(columns).subarray(5)).map((column) => column?.toString() ?? null);
    expect(ours).toEqual(row.fields);
    const fields = parseErrorFields(error.subarray(5));
    expect([fields['C'], fields['M'], fields['H'], fields['D']]).toEqual([
      problem['code'],
      problem['message'],
      problem['hint'],
      undefined,
    ]);
  });
});
