/**
 * The same diagram as one SVG file that needs nothing else: no script, no font, no link. Tables stand in columns
 * from left to right, each to the right of what it refers to; within a column they are ordered by the middle of
 * their neighbours (the barycentre method of Sugiyama, Tagawa and Toda, 1981), and lines are drawn with crow's feet.
 */
import { diagramOf, marksOf } from './mermaid.ts';
import type { ForeignKey, Model, ModelRelation } from './model.ts';

const LINE = 18;
const HEAD = 26;
const PAD = 10;
const CHARACTER = 7.2;
const GAP = { x: 110, y: 28 } as const;
const MARGIN = 24;
const SWEEPS = 8;

interface Box {
  readonly relation: ModelRelation;
  readonly title: string;
  readonly rows: readonly { readonly name: string; readonly type: string; readonly marks: string }[];
  readonly width: number;
  readonly height: number;
  readonly rank: number;
  x: number;
  y: number;
}

interface Edge {
  readonly holder: Box;
  readonly target: Box;
  readonly foreignKey: ForeignKey;
  readonly isOptional: boolean;
}

const xml = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd');

const keyOf = (schema: string, name: string): string => JSON.stringify([schema, name]);

/** How many tables stand to the left at least; a circle of references ends where it began. */
const rankTables = (model: Model): ReadonlyMap<string, number> => {
  const diagram = diagramOf(model);
  const byKey = new Map(diagram.map(([relation, keys]) => [keyOf(relation.schema, relation.name), keys]));
  const ranks = new Map<string, number>();
  const rank = (key: string, path: ReadonlySet<string>): number => {
    const known = ranks.get(key);
    if (known !== undefined) return known;
    const inner = new Set(path).add(key);
    const below = (byKey.get(key) ?? []).map(({ target }) => keyOf(target.schema, target.name));
    const depths = below
      .filter((next) => byKey.has(next) && !inner.has(next))
      .map((next) => rank(next, inner) + 1);
    const found = Math.max(0, ...depths);
    ranks.set(key, found);
    return found;
  };
  for (const key of byKey.keys()) rank(key, new Set());
  return ranks;
};

const makeBox = (relation: ModelRelation, rank: number, defaultSchema: string | undefined): Box => {
  const title = relation.schema === defaultSchema ? relation.name : `${relation.schema}.${relation.name}`;
  const rows = relation.fields
    .toSorted((a, b) => a.position - b.position)
    .map((field) => ({
      name: field.name,
      type: `${field.declaredType}${field.acceptsNull ? '?' : ''}`,
      marks: marksOf(relation, field.name).join(' '),
    }));
  const widest = Math.max(
    title.length + 2,
    ...rows.map(({ name, type, marks }) => name.length + type.length + marks.length + 5),
  );
  return {
    relation,
    title,
    rows,
    width: Math.ceil(widest * CHARACTER) + 2 * PAD,
    height: HEAD + rows.length * LINE + PAD / 2,
    rank,
    x: 0,
    y: 0,
  };
};

/** Gives every box its place. */
const placeBoxes = (boxes: readonly Box[], edges: readonly Edge[]): void => {
  const columns = new Map<number, Box[]>();
  for (const box of boxes) columns.set(box.rank, [...(columns.get(box.rank) ?? []), box]);
  let x = MARGIN;
  for (const rank of [...columns.keys()].sort((a, b) => a - b)) {
    const column = columns.get(rank) ?? [];
    for (const box of column) box.x = x;
    x += Math.max(...column.map(({ width }) => width)) + GAP.x;
    stack(column);
  }
  const middleOf = (box: Box): number => box.y + box.height / 2;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const column of columns.values()) {
      const wished = new Map(
        column.map((box) => {
          const around = edges.flatMap(({ holder, target }) =>
            holder === box ? [middleOf(target)] : target === box ? [middleOf(holder)] : [],
          );
          const middle = around.reduce((sum, at) => sum + at, 0) / around.length;
          return [box, around.length === 0 ? middleOf(box) : middle];
        }),
      );
      column.sort(
        (a, b) =>
          (wished.get(a) ?? 0) - (wished.get(b) ?? 0) || (a.title < b.title ? -1 : Number(a.title > b.title)),
      );
      stack(column);
    }
  }
  const heights = [...columns.values()].map((column) => Math.max(...column.map((box) => box.y + box.height)));
  const tallest = Math.max(0, ...heights);
  for (const column of columns.values()) {
    const down = (tallest - Math.max(...column.map((box) => box.y + box.height))) / 2;
    for (const box of column) box.y += Math.round(down);
  }
};

const stack = (column: readonly Box[]): void => {
  let y = MARGIN;
  for (const box of column) {
    box.y = y;
    y += box.height + GAP.y;
  }
};

const drawBox = (box: Box): string => {
  const { x, y, width, height, title, rows } = box;
  const said = box.relation.comment === null ? '' : `<title>${xml(box.relation.comment)}</title>`;
  const lines = rows.map(({ name, type, marks }, i) => {
    const at = y + HEAD + i * LINE + 13;
    const mark = marks === '' ? '' : ` <tspan class="m">${xml(marks)}</tspan>`;
    return (
      `    <text x="${x + PAD}" y="${at}">${xml(name)}${mark}</text>\n` +
      `    <text x="${x + width - PAD}" y="${at}" class="t">${xml(type)}</text>`
    );
  });
  return [
    `  <g>${said}`,
    `    <rect x="${x}" y="${y}" width="${width}" height="${height}" rx="5" class="b"/>`,
    `    <path d="M${x} ${y + HEAD - 4}h${width}" class="s"/>`,
    `    <text x="${x + PAD}" y="${y + 16}" class="h">${xml(title)}</text>`,
    ...lines,
    '  </g>',
  ].join('\n');
};

const rowMiddle = (box: Box, column: string): number => {
  const index = Math.max(
    0,
    box.rows.findIndex(({ name }) => name === column),
  );
  return box.y + HEAD + index * LINE + 9;
};

/** From the key's first column to the column that it refers to. */
const drawEdge = ({ holder, target, foreignKey, isOptional }: Edge): string => {
  const fromY = rowMiddle(holder, foreignKey.columns[0] ?? '');
  const toY = rowMiddle(target, foreignKey.targetColumns[0] ?? '');
  const isLeft = target.x + target.width <= holder.x;
  const fromX = isLeft ? holder.x : holder.x + holder.width;
  // in the same column, or further right where references run in a circle: around the right side
  const toX = target.x + target.width;
  const out = isLeft ? -1 : 1;
  const bend = isLeft ? Math.max(40, (fromX - toX) / 2) : 60;
  const path = `M${fromX} ${fromY}C${fromX + out * bend} ${fromY} ${toX + bend} ${toY} ${toX} ${toY}`;
  const foot = foreignKey.isOneToOne
    ? `M${fromX + out * 9} ${fromY - 5}v10`
    : `M${fromX} ${fromY - 5}L${fromX + out * 10} ${fromY}L${fromX} ${fromY + 5}`;
  const one = isOptional ? '' : `M${toX + 6} ${toY - 5}v10`;
  const none = isOptional ? `<circle cx="${toX + 7}" cy="${toY}" r="4" class="o"/>` : '';
  const label = `${holder.title} (${foreignKey.columns.join(', ')}) → ${target.title}`;
  return `  <g><title>${xml(label)}</title><path d="${path}${foot}${one}" class="e"/>${none}</g>`;
};

const STYLE = `
    text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #1f2937; }
    .h { font-weight: 700; }
    .t { text-anchor: end; fill: #6b7280; }
    .m { fill: #0f766e; font-size: 10px; }
    .b { fill: #fff; stroke: #9ca3af; }
    .s { stroke: #e5e7eb; fill: none; }
    .e { stroke: #6b7280; fill: none; }
    .o { stroke: #6b7280; fill: #fff; }
    .p { fill: #f9fafb; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e5e7eb; } .t { fill: #9ca3af; } .m { fill: #5eead4; } .p { fill: #111827; }
      .b { fill: #1f2937; stroke: #4b5563; } .s { stroke: #374151; } .e, .o { stroke: #9ca3af; } .o { fill: #111827; }
    }
  `;

/** The diagram as an SVG document. */
export const printSvg = (model: Model): string => {
  const ranks = rankTables(model);
  const defaultSchema = model.schemas[0]?.name;
  const boxes = new Map(
    diagramOf(model).map(([relation]) => {
      const key = keyOf(relation.schema, relation.name);
      return [key, makeBox(relation, ranks.get(key) ?? 0, defaultSchema)];
    }),
  );
  const edges = [...boxes.values()].flatMap((holder) =>
    holder.relation.foreignKeys
      .filter(({ throughView }) => !throughView)
      .flatMap((foreignKey): Edge[] => {
        const target = boxes.get(keyOf(foreignKey.target.schema, foreignKey.target.name));
        const isOptional = holder.relation.fields.some(
          (field) => foreignKey.columns.includes(field.name) && field.nullable,
        );
        return target === undefined ? [] : [{ holder, target, foreignKey, isOptional }];
      }),
  );
  const placed = [...boxes.values()];
  placeBoxes(placed, edges);
  const width = Math.max(0, ...placed.map((box) => box.x + box.width)) + MARGIN + 60;
  const height = Math.max(0, ...placed.map((box) => box.y + box.height)) + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `  <style>${STYLE}</style>`,
    `  <rect width="${width}" height="${height}" class="p"/>`,
    ...edges.map(drawEdge),
    ...placed.map(drawBox),
    '</svg>',
    '',
  ].join('\n');
};
