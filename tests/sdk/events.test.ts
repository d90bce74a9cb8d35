/** Server-Sent Events, however the network cuts them. */
import { expect, test } from 'vitest';
import { createEventReader } from '../../sdk/realtime/events.ts';

const STREAM = [
  ': hello\n\n',
  'event: snapshot\r\nid: 7:7:\r\ndata: {"rows":[]}\r\n\r\n',
  'data: one\ndata:two\ndata\n\n',
  'id: 8\revent: delete\rdata: {}\r\r',
  'event: nothing\n\n',
  'id: 9\n\n',
].join('');

const EVENTS = [
  { event: 'snapshot', data: '{"rows":[]}', id: '7:7:' },
  { event: 'message', data: 'one\ntwo\n', id: undefined },
  { event: 'delete', data: '{}', id: '8' },
  { event: 'message', data: '', id: '9' },
];

test('events are found however they are cut, with any of the three line breaks', () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const read = createEventReader();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...read(STREAM.slice(at, at + size)));
    expect(found).toEqual(EVENTS);
  }
});
