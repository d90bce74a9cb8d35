/** Pieces of a report in Markdown, and the places in README.md where reports go. */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

const README = join(import.meta.dirname, 'README.md');

export const whole = (value: number): string => Math.round(value).toLocaleString('en');
export const places = (value: number, digits: number): string => value.toFixed(digits);
export const megabytes = (bytes: number): string => `${whole(bytes / 2 ** 20)} MB`;

/** A mark that says whether a target was reached. */
export const mark = (reached: boolean): string => (reached ? '✓' : '✗');

/** A table whose cells but the first of each row are numbers, in the shape that the formatter gives it. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((_cell, at) =>
    Math.max(3, ...[head, ...rows].map((cells) => cells[at]?.length ?? 0)),
  );
  const pad = (text: string, at: number): string =>
    at === 0 ? text.padEnd(widths[at] ?? 0) : text.padStart(widths[at] ?? 0);
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [head.map(pad), rule, ...rows.map((cells) => cells.map(pad))]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
};

/** The machine, in words that say nothing of whose it is. */
export const machine = (): string => {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = whole(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores (${model}), ${memory} GB, ${process.platform} ${process.arch}, Node ${process.versions.node}`;
};

/** A text with another section between the markers of that name. */
export const replaceSection = (text: string, name: string, section: string): string => {
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`The text has no ${begin} and ${end}.`);
  return `${text.slice(0, from + begin.length)}\n\n${section}\n\n${text.slice(to)}`;
};

/** Puts a section into README.md. */
export const writeSection = async (name: string, section: string): Promise<void> =>
  writeFile(README, replaceSection(await readFile(README, 'utf8'), name, section));
