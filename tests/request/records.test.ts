import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type RecordBatch,
  RecordCutter,
  type RecordFormat,
  SEPARATORS,
} from '../../server/request/records.ts';

const cutter = (format: RecordFormat, longest = 1_000_000): RecordCutter =>
  new RecordCutter({ format, longest, check: null });

/** All that comes out of a body that arrives in these pieces. */
function cut(
  format: RecordFormat,
  pieces: readonly Buffer[],
  takes = false,
): { first: string | null; data: string } {
  const records = cutter(format);
  const out: string[] = [];
  const take = (): void => {
    const batch = records.take();
    if (batch) out.push(batch.data.toString());
  };
  for (const piece of pieces) {
    records.push(piece);
    if (takes) take();
  }
  records.end();
  take();
  return { first: records.first?.toString() ?? null, data: out.join('') };
}

test('records stand behind their lines, empty lines are gone, line ends are one line feed', () => {
  const body = '\ufeffid,a\r\n\r\n1,x\r\n"2","two\r\n\r\nlines"\n\n\n3,"q""q\n"\r\n4,last';
  expect(cut('csv', [Buffer.from(body)])).toEqual({
    first: 'id,a',
    data: '3,1,x\n4,"2","two\r\n\r\nlines"\n9,3,"q""q\n"\n11,4,last\n',
  });
  expect(cut('ndjson', [Buffer.from('\n{"a":"\\""}\r\n\n{"b":1}')])).toEqual({
    first: '{"a":"\\""}',
    data: `2${SEPARATORS.ndjson}{"a":"\\""}\n4${SEPARATORS.ndjson}{"b":1}\n`,
  });
  expect(cut('csv', [])).toEqual({ first: null, data: '' });
});

test('it makes no difference where a body is cut into pieces', () => {
  const text = fc
    .array(fc.constantFrom('a', ',', '"', '\n', '\r\n', '\n\n', 'Ü', '🌍', '1,"x"', '"\n"', ' '), {
      maxLength: 40,
    })
    .map((parts) => parts.join(''))
    // a quote that does not end is refused
    .filter((body) => (body.split('"').length - 1) % 2 === 0);
  fc.assert(
    fc.property(text, fc.array(fc.nat(80), { maxLength: 6 }), fc.boolean(), (body, cuts, takes) => {
      const bytes = Buffer.from(body);
      const at = [
        0,
        ...cuts.map((cutAt) => Math.min(cutAt, bytes.length)).sort((a, b) => a - b),
        bytes.length,
      ];
      const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      expect(cut('csv', pieces, takes)).toEqual(cut('csv', [bytes]));
    }),
  );
});

test('a batch knows its lines, also those inside of records', () => {
  const records = cutter('csv');
  records.push(Buffer.from('id,a\n1,"x\ny\nz"\n\n2,b\n3,"half'));
  const batch = records.take() as RecordBatch;
  expect([batch.first, batch.last]).toEqual([2, 6]);
  // data has the lines 1 to 3 for the first record, and 4 for the second
  expect([1, 2, 3, 4, 5].map(batch.lineAt)).toEqual([2, 2, 2, 6, null]);
  expect(records.take()).toBeNull();
  records.push(Buffer.from('"\n4,c\n'));
  const next = records.take() as RecordBatch;
  expect([next.first, next.last, next.lineAt(2)]).toEqual([7, 8, 8]);
  expect(next.data.toString()).toBe('7,3,"half"\n8,4,c\n');
});

test('a record that is too long is refused by its line, and so is a quote without end', () => {
  const records = cutter('csv', 10);
  records.push(Buffer.from('id\n1234567890\n\n'));
  expect(() => records.push(Buffer.from('"12345678901'))).toThrow('A record of the body is too long');
  const open = cutter('csv');
  open.push(Buffer.from('id\n1\n"2\n3\n'));
  expect(() => open.end()).toThrow('The CSV could not be read');
});

test('each record is shown to the check, without its line end', () => {
  const seen: unknown[] = [];
  const records = new RecordCutter({
    format: 'ndjson',
    longest: 100,
    check: (record, line) => seen.push([line, record.toString()]),
  });
  records.push(Buffer.from('{"a":1}\r\n\n{"a":'));
  records.push(Buffer.from('2}'));
  records.end();
  expect(seen).toEqual([
    [1, '{"a":1}'],
    [3, '{"a":2}'],
  ]);
});
