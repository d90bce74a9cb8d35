import { describe, expect, test } from 'vitest';
import { csvHeader, LineBuffer, type LineFormat } from '../../server/execute/lines.ts';
import { nextBatch } from '../../server/execute/stream.ts';

/** A DataRow of one column, as it lies in a frame. */
const row = (text: string): Buffer => {
  const value = Buffer.from(text);
  const head = Buffer.alloc(6);
  head.writeInt16BE(1, 0);
  head.writeInt32BE(value.length, 2);
  return Buffer.concat([head, value]);
};

const takeAll = (lines: LineBuffer): string => {
  const chunks: Buffer[] = [];
  for (let chunk = lines.take(true); chunk !== null; chunk = lines.take(true)) chunks.push(chunk);
  expect(lines.bytes).toBe(0);
  return Buffer.concat(chunks).toString();
};

const linesOf = (format: LineFormat, ...texts: readonly string[]): string => {
  const lines = new LineBuffer(format);
  for (const text of texts) lines.add(row(text));
  return takeAll(lines);
};

describe('lines', () => {
  test('of JSON are the values as they came, but for line breaks, which can only be white space', () => {
    expect(linesOf('json', '{"a":1}', 'null', '{"a":\r\n [1,\n2]}')).toBe('{"a":1}\nnull\n{"a":   [1, 2]}\n');
  });

  test('of CSV are records without parentheses and without doubled backslashes', () => {
    expect(linesOf('csv', '(1,a,)', '("a""b","c\\\\d",)', '("\\\\\\\\")', '()')).toBe(
      '1,a,\n"a""b","c\\d",\n"\\\\"\n\n',
    );
  });

  test('are whole and in order, however long they are, and chunks are of a size worth sending', () => {
    const lines = new LineBuffer('json');
    const texts = Array.from({ length: 3000 }, (_, index) => `"${index}${'x'.repeat(index % 200)}"`);
    texts[1000] = `"${'y'.repeat(300_000)}"`;
    const chunks: Buffer[] = [];
    for (const text of texts) {
      lines.add(row(text));
      while (lines.isFull) chunks.push(lines.take(false) ?? Buffer.alloc(0));
    }
    expect(lines.take(false)).toBeNull();
    expect(chunks.map(({ length }) => length).every((length) => length > 65_000 || length === 0)).toBe(false);
    expect(chunks.length).toBeLessThan(15);
    chunks.push(lines.take(true) ?? Buffer.alloc(0));
    expect(Buffer.concat(chunks).toString()).toBe(texts.map((text) => `${text}\n`).join(''));
    expect(lines.bytes).toBe(0);
  });

  test('that were handed out do not change when more are added', () => {
    const lines = new LineBuffer('json');
    lines.add(row('1'));
    const first = lines.take(true);
    lines.add(row('2'));
    expect([first?.toString(), lines.take(true)?.toString()]).toEqual(['1\n', '2\n']);
  });

  test('begin with what is put before them, and can be forgotten', () => {
    const lines = new LineBuffer('csv');
    lines.add(row('(old)'));
    lines.clear();
    lines.add(row('(1)'));
    lines.prepend(csvHeader(['id', 'a,b', 'say "x"']));
    expect(takeAll(lines)).toBe('id,"a,b","say ""x"""\n1\n');
  });
});

describe('the next batch', () => {
  test('has as many rows as make a quarter of a megabyte, or half a second', () => {
    expect(nextBatch(1000, 262_144, 10)).toBe(1000);
    expect(nextBatch(1000, 524_288, 10)).toBe(500);
    expect(nextBatch(1000, 1000, 5000)).toBe(100);
  });

  test('grows by steps, is never empty and never without end', () => {
    expect(nextBatch(50, 500, 0)).toBe(400);
    expect(nextBatch(5000, 5000, 0)).toBe(10_000);
    expect(nextBatch(50, 500_000_000, 60_000)).toBe(1);
  });
});
