/**
 * The answer that has the structure of the body: each object's row, with the rows of its embeds where they stood.
 */
import type { Place } from '../plan/place.ts';
import type { TreeLevel, TreeRow } from '../request/tree.ts';
import type { WrittenLevels } from './level.ts';

/** The written rows as JSON text, nested as in the body: an array, or for `asObject` its only element. */
export function renderMirror(
  root: TreeLevel<Place>,
  written: WrittenLevels,
  { asObject, stripped }: { readonly asObject: boolean; readonly stripped: boolean },
): Buffer {
  const renderRow = (level: TreeLevel<Place>, row: TreeRow): string => {
    const object = written.get(level)?.rows[row.index]?.json;
    if (object === undefined || object === null) throw new Error('a row was not returned');
    const members: string[] = [];
    for (const [name, value] of row.embeds) {
      const below = level.embeds.get(name);
      if (!below || (value === null && stripped)) continue;
      members.push(`${JSON.stringify(name)}:${renderEmbed(below, value)}`);
    }
    if (members.length === 0) return object;
    const columns = object.slice(0, object.lastIndexOf('}'));
    return `${columns}${columns.length > 1 ? ',' : ''}${members.join(',')}}`;
  };
  const renderEmbed = (level: TreeLevel<Place>, value: TreeRow | readonly TreeRow[] | null): string => {
    if (value === null) return 'null';
    return 'index' in value ? renderRow(level, value) : renderRows(level, value);
  };
  const renderRows = (level: TreeLevel<Place>, rows: readonly TreeRow[]): string =>
    `[${rows.map((row) => renderRow(level, row)).join(',')}]`;

  const [first] = root.rows;
  return Buffer.from(asObject && first ? renderRow(root, first) : renderRows(root, root.rows));
}
