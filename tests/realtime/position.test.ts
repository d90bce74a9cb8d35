/** Positions, held against what PostgreSQL itself says of its snapshots. */
import { expect, test } from 'vitest';
import {
  comparePositions,
  isVisible,
  type Position,
  parsePosition,
  printPosition,
} from '../../server/realtime/position.ts';
import { createDatabase } from '../support/database.ts';

const at = (text: string): Position => {
  const position = parsePosition(text);
  if (position === null) throw new Error(`${text} is no position`);
  return position;
};

test('a transaction is visible where PostgreSQL says so', async () => {
  const database = await createDatabase();
  const snapshots = ['10:10:', '10:20:', '10:20:10,13,19', '18446744073709551600:18446744073709551610:'];
  for (const snapshot of snapshots) {
    const { rows } = await database.query(
      `select t::text as transaction, pg_visible_in_snapshot(t::xid8, $1) as is
       from unnest(array['3', '9', '10', '11', '13', '18', '19', '20', '21', '18446744073709551605']) t`,
      [snapshot],
    );
    for (const { transaction, is } of rows) {
      expect(isVisible(BigInt(String(transaction)), at(snapshot)), `${transaction} in ${snapshot}`).toBe(is);
    }
    expect(printPosition(at(snapshot))).toBe(snapshot);
  }
  await database.close();
});

test('what PostgreSQL would not print is no position', () => {
  const wrong = ['', '1', '1:2', '0:1:', '3:2:', '1:2:2', '5:9:4', '5:9:7,6', '5:9:6,6', '5:9:6,', ' 1:2:'];
  wrong.push("1:2:'", '1:18446744073709551616:', '999999999999999999999:999999999999999999999:', '-1:2:');
  expect(wrong.filter((text) => parsePosition(text) !== null)).toEqual([]);
});

test('positions are in the order of time', () => {
  const ascending = ['5:5:', '5:9:5,7', '5:9:5', '9:9:', '9:12:9,10,11', '12:12:'];
  expect(ascending.toReversed().map(at).toSorted(comparePositions).map(printPosition)).toEqual(ascending);
});
