/** The bench's floor runs what Aura sent: reading it off the wire, and making pgbench's scripts of it. */
import { expect, test } from 'vitest';
import { createReader, type SentStatement } from '../../bench/capture.ts';
import { renderScript } from '../../bench/floor.ts';
import { replaceSection } from '../../bench/markdown.ts';
import { ALL_AS_TEXT, MessageWriter } from '../../server/execute/wire.ts';

const startup = (): Buffer => {
  const message = Buffer.alloc(9);
  message.writeInt32BE(9, 0);
  message.writeInt32BE(196608, 4);
  return message;
};

const two = (): Buffer => {
  const writer = new MessageWriter();
  writer.parse('a0', 'select set_config($1, $2, true)');
  writer.bind('a0', ['role', 'grüße'], ALL_AS_TEXT, new Set());
  writer.execute();
  writer.parse('', 'select $1::int');
  writer.bind('', [null], { columns: 1, binary: [0] }, new Set([0]));
  writer.execute();
  writer.sync();
  return Buffer.concat([startup(), writer.take()]);
};

const SENT: readonly SentStatement[] = [
  { text: 'select set_config($1, $2, true)', values: ['role', 'grüße'] },
  { text: 'select $1::int', values: [null] },
];

test.each([1, 3, 1000])('statements are read off the wire when it brings %i bytes at a time', (size) => {
  const batches: (readonly SentStatement[])[] = [];
  const read = createReader((batch) => void batches.push(batch));
  const bytes = two();
  for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
  expect(batches).toEqual([SENT]);
});

test('a prepared statement that is bound again is read with the text it was parsed from', () => {
  const batches: (readonly SentStatement[])[] = [];
  const read = createReader((batch) => void batches.push(batch));
  read(two());
  const writer = new MessageWriter();
  writer.bind('a0', ['role', 'anon'], ALL_AS_TEXT, new Set());
  writer.execute();
  writer.sync();
  read(writer.take());
  expect(batches[1]).toEqual([{ text: 'select set_config($1, $2, true)', values: ['role', 'anon'] }]);
});

const WORKLOAD = { name: 'point', variables: { id: [1000, 5000] as const } };

test('what varies is drawn by pgbench, what does not is a constant, and all of it is one pipeline', () => {
  const sent = [
    { text: 'select set_config($1, $2, true)', values: ['role', 'authenticated'] },
    { text: 'select $1::bigint, $2', values: ['3400', 'x'] },
  ];
  const script = renderScript(WORKLOAD, sent, { id: 3400 }, 'v0');
  expect(script.text.split('\n')).toEqual([
    '\\set id random(1000, 5000)',
    '\\startpipeline',
    'select set_config(:v0_0_1, :v0_0_2, true);',
    'select :id::bigint, :v0_1_2;',
    '\\endpipeline',
    '',
  ]);
  expect(script.constants).toEqual({ v0_0_1: 'role', v0_0_2: 'authenticated', v0_1_2: 'x' });
});

test('a variable that is no parameter, or two of them, is refused: the floor would do something else', () => {
  const never = [{ text: 'select $1', values: ['1'] }];
  const twice = [{ text: 'select $1, $2', values: ['3400', '3400'] }];
  expect(() => renderScript(WORKLOAD, never, { id: 3400 }, 'v0')).toThrow('id is 0 parameters');
  expect(() => renderScript(WORKLOAD, twice, { id: 3400 }, 'v0')).toThrow('id is 2 parameters');
});

test('what pgbench cannot send is refused', () => {
  const sent = [{ text: 'select $1, $2', values: ['3400', null] }];
  expect(() => renderScript(WORKLOAD, sent, { id: 3400 }, 'v0')).toThrow('cannot send parameter 2');
});

test('a report replaces the one before it and nothing else', () => {
  const text = 'a\n<!-- bench: begin -->\n\nold\n\n<!-- bench: end -->\nb\n';
  const replaced = replaceSection(text, 'bench', 'new');
  expect(replaced).toBe('a\n<!-- bench: begin -->\n\nnew\n\n<!-- bench: end -->\nb\n');
  expect(replaceSection(replaced, 'bench', 'new')).toBe(replaced);
  expect(() => replaceSection(text, 'start', 'new')).toThrow('no <!-- start: begin -->');
});
