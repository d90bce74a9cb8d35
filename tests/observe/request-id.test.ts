import { describe, expect, test } from 'vitest';
import { createRequestId } from '../../server/observe/request-id.ts';

describe('the id of a request', () => {
  test('is what the client sent where that can serve as one', () => {
    const requestId = createRequestId();
    for (const sent of ['abc', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'x'.repeat(128)]) {
      expect(requestId(sent)).toBe(sent);
    }
  });

  test.each([undefined, '', 'x'.repeat(129), 'with space', 'new\nline', 'ümlaut', '\u001b[31m'])(
    'is our own where the client sent %j',
    (sent) => {
      expect(createRequestId()(sent)).toMatch(/^[0-9a-f]{16}-1$/);
    },
  );

  test('is never the same twice, nor in two processes', () => {
    const one = createRequestId();
    const two = createRequestId();
    const ids = Array.from({ length: 1000 }, () => [one(undefined), two(undefined)]).flat();
    expect(new Set(ids).size).toBe(2000);
  });
});
