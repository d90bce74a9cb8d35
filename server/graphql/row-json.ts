/** Rows of inputs as the JSON that PostgreSQL reads into its columns. */
import type { ColumnType } from './column-type.ts';
import type { TableColumn } from './model.ts';
import { refusal } from './planner.ts';

/** Whether a value is an object. */
export const isRow = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A value as the JSON that PostgreSQL reads into its column: strings for what JSON's numbers would not keep. */
function jsonOf(type: ColumnType, value: unknown, field: string): string {
  if (value === null || value === undefined) return 'null';
  if (type.kind === 'list') {
    const items = Array.isArray(value) ? value : [value];
    return `[${items.map((item) => jsonOf(type.of, item, field)).join()}]`;
  }
  if (type.kind === 'enum' || type.scalar !== 'JSON') return JSON.stringify(value);
  const text = String(value);
  try {
    JSON.parse(text);
  } catch {
    throw refusal(`The value of \`${field}\` is not JSON`, 'Send JSON serialized as a string.');
  }
  return text;
}

/** A column's member of a row's object. Throws GraphQLError for JSON that is none. */
export const memberJson = ({ field, column, type }: TableColumn, value: unknown): string =>
  `${JSON.stringify(column.name)}:${jsonOf(type, value, field)}`;
