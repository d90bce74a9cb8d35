/** What streams and imports need of an exchange: portals, the names of columns, numbers of rows, data for COPY. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Step } from '../../server/execute/step.ts';
import { parseDataRow } from '../../server/execute/wire.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { step, tap, textRows } from './tap.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase('create table item (id int primary key, name text)');
});
afterAll(() => database.close());

const numbers = 'select i from generate_series(1, 10) i';
const NONE: readonly never[] = [];

describe('a portal', () => {
  test('gives some rows an exchange, in the same transaction, beside other statements', async () => {
    const { exchanger } = await tap(database.uri);
    const taken: string[] = [];
    const take = (row: Buffer): void => void taken.push(String(parseDataRow(row)[0]));
    const fetch = (most: number, isOpen: boolean): Step => ({
      ...step('numbers', numbers),
      portal: { name: 'p', most, isOpen, take },
    });
    const first = await exchanger.run([step(null, 'begin'), fetch(4, false), step(null, 'select 1')]);
    expect([first.suspended, first.status, textRows(first, 1), textRows(first, 2)]).toEqual([
      true,
      'T',
      [],
      [['1']],
    ]);
    expect(taken).toEqual(['1', '2', '3', '4']);
    const second = await exchanger.run([fetch(4, true)]);
    expect([second.suspended, taken.length]).toEqual([true, 8]);
    const third = await exchanger.run([fetch(4, true), step(null, 'commit')]);
    expect([third.suspended, third.status, taken.length]).toEqual([false, 'I', 10]);
    expect(exchanger.idle).toBe(true);
  });

  test('that fails later says so, and the connection is good after a rollback', async () => {
    const { exchanger, rows } = await tap(database.uri);
    const failing = 'select 10 / (7 - i) from generate_series(1, 10) i';
    let count = 0;
    const fetch = (isOpen: boolean): Step => ({
      ...step('failing', failing),
      portal: { name: 'p', most: 5, isOpen, take: () => void count++ },
    });
    await exchanger.run([step(null, 'begin'), fetch(false)]);
    const outcome = await exchanger.run([fetch(true)]);
    expect([outcome.error?.code, outcome.status, outcome.stale, count]).toEqual(['22012', 'E', false, 6]);
    expect(await rows(step(null, 'rollback'), step(null, 'select 2'))).toEqual([['2']]);
  });

  test('waits while its connection is paused', async () => {
    const { exchanger } = await tap(database.uri);
    let bytes = 0;
    const big = `select repeat('x', 1000000) from generate_series(1, 20)`;
    const portal = {
      name: 'p',
      most: 0,
      isOpen: false,
      take: (row: Buffer): void => {
        if (bytes === 0) exchanger.pause(true);
        bytes += row.length;
      },
    };
    const running = exchanger.run([{ ...step(null, big), portal }]);
    const state = 'select wait_event from pg_stat_activity where query = $1';
    await expect
      .poll(async () => (await database.query(state, [big])).rows)
      .toEqual([{ wait_event: 'ClientWrite' }]);
    expect(bytes).toBeLessThan(5_000_000);
    exchanger.pause(false);
    await running;
    expect(bytes).toBe(20 * 1_000_006);
  });
});

test('a statement that is described tells its columns and is not run', async () => {
  const { exchanger } = await tap(database.uri);
  const outcome = await exchanger.run([
    { ...step(null, 'select 1 as "a b", null as ü, $1::int'), answers: 'columns' },
    { ...step(null, 'select from item'), answers: 'columns' },
    step(null, 'select 5'),
  ]);
  expect([0, 1, 2].map((index) => textRows(outcome, index))).toEqual([[['a b', 'ü', 'int4']], [[]], [['5']]]);
});

test('a statement tells how many rows it wrote', async () => {
  const { exchanger } = await tap(database.uri);
  const outcome = await exchanger.run([
    { ...step(null, "insert into item select i, 'x' from generate_series(1, 12) i"), answers: 'affected' },
    { ...step(null, "update item set name = 'y' where id > 10"), answers: 'affected' },
    { ...step(null, 'delete from item'), answers: 'affected' },
  ]);
  expect([0, 1, 2].map((index) => textRows(outcome, index))).toEqual([[['12']], [['2']], [['12']]]);
});

describe('COPY', () => {
  const copy = (data: string): Step => ({
    ...step(null, 'copy item from stdin (format csv)'),
    data: Buffer.from(data),
  });

  test('reads what goes with it, as often as there is something, between other statements', async () => {
    const { exchanger, rows } = await tap(database.uri);
    const large = Array.from({ length: 50_000 }, (_, index) => `${index},name ${index}\n`).join('');
    const outcome = await exchanger.run([step(null, 'begin'), copy(large), copy('50000,"x\ny"\n'), copy('')]);
    expect([outcome.error, outcome.status]).toEqual([null, 'T']);
    expect(await rows(step(null, 'select count(*), max(name) from item'))).toEqual([['50001', 'x\ny']]);
    await rows(step(null, 'rollback'));
  });

  test('that refuses says where, and what was sent behind it is passed over', async () => {
    const { exchanger, rows } = await tap(database.uri);
    const outcome = await exchanger.run([copy('1,a\nx,b\n3,c\n'), step(null, 'select 1')]);
    expect([outcome.error?.code, outcome.failedAt, outcome.status]).toEqual(['22P02', 0, 'I']);
    expect(outcome.error?.where).toContain('item, line 2');
    const unknown = await exchanger.run([
      { ...step(null, 'copy nothing from stdin'), data: Buffer.from('1\n') },
      step(null, 'select 1'),
    ]);
    expect([unknown.error?.code, textRows(unknown, 1)]).toEqual(['42P01', NONE]);
    expect(await rows(step(null, 'select 3'))).toEqual([['3']]);
  });
});
