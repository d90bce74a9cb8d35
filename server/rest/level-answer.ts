/**
 * What is answered of a nested write's root: its rows as the statement of the answer reads them.
 */
import { holdsJson } from '../plan/level.ts';
import type { Place } from '../plan/place.ts';
import type { TreeLevel } from '../request/tree.ts';
import type { WrittenLevels } from './level.ts';

/** The root's rows as objects of the columns that the answer needs. */
export function answeredRows(
  root: TreeLevel<Place>,
  written: WrittenLevels,
  columns: readonly string[],
): string {
  const { relation } = root.place;
  const { keys, rows } = written.get(root) ?? { keys: [], rows: [] };
  const positions = columns.map((name) => ({
    name: JSON.stringify(name),
    at: keys.indexOf(name),
    asItIs: holdsJson(relation, name),
  }));
  const objects = rows.map((row) => {
    const members = positions.map(({ name, at, asItIs }) => {
      const text = row?.keys[at] ?? null;
      return `${name}:${asItIs && text !== null ? text : JSON.stringify(text)}`;
    });
    return `{${members.join(',')}}`;
  });
  return `[${objects.join(',')}]`;
}
