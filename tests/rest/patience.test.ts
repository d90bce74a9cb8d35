/** The one look after all who wait; with a clock of the test's own, since the patience of bodies is five minutes. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Patience } from '../../server/rest/patience.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
afterEach(() => void vi.useRealTimers());

test('who waits is called once, when the time is over and not before', () => {
  const patience = new Patience();
  const late = vi.fn();
  const later = vi.fn();
  patience.add(late, 3);
  vi.advanceTimersByTime(2000);
  patience.add(later, 3);
  vi.advanceTimersByTime(900);
  expect(late).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1100);
  expect(late).toHaveBeenCalledTimes(1);
  expect(later).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(late).toHaveBeenCalledTimes(1);
  expect(later).toHaveBeenCalledTimes(1);
});

test('who has what it waited for is forgotten, and nobody looks where nobody waits', () => {
  const patience = new Patience();
  const late = vi.fn();
  patience.add(late, 3);
  expect(vi.getTimerCount()).toBe(1);
  patience.delete(late);
  vi.advanceTimersByTime(10_000);
  expect(late).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
  patience.add(late, 3);
  vi.advanceTimersByTime(10_000);
  expect(late).toHaveBeenCalledTimes(1);
});
