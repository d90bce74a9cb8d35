import { describe, expect, test } from 'vitest';
import { parseRoleSettings, statementTimeout } from '../../server/config/role-settings.ts';

describe('settings of roles', () => {
  test('are gathered by role, with the isolation level apart', () => {
    const roles = parseRoleSettings([
      { role: 'web', name: 'default_transaction_isolation', value: 'SERIALIZABLE' },
      { role: 'web', name: 'statement_timeout', value: '5s' },
      { role: 'web', name: 'work_mem', value: '8MB' },
      { role: 'batch', name: 'statement_timeout', value: '0' },
      { role: 'odd', name: 'default_transaction_isolation', value: 'read uncommitted' },
    ]);
    expect([...roles]).toEqual([
      [
        'web',
        {
          isolation: 'serializable',
          settings: [
            ['statement_timeout', '5s'],
            ['work_mem', '8MB'],
          ],
        },
      ],
      ['batch', { isolation: null, settings: [['statement_timeout', '0']] }],
      ['odd', { isolation: 'read committed', settings: [] }],
    ]);
  });
});

describe('the statement timeout of a request', () => {
  test.each([
    [30, null, 30_000],
    [30, '5s', 5000],
    [30, '5min', 30_000],
    [30, '250', 250],
    [30, '1500us', 2],
    [30, '0', 30_000],
    [0, '2min', 120_000],
    [0, '1 h', 3_600_000],
    [0, '0.5d', 43_200_000],
    [0, null, 0],
    [0, '0', 0],
  ])('of %s s and a role with %s is %s ms', (seconds, role, expected) => {
    expect(statementTimeout(seconds, role)).toBe(expected);
  });

  test('a value that nobody can read lifts no limit: it is a defect', () => {
    expect(() => statementTimeout(30, 'soon')).toThrow('not a time');
  });
});
