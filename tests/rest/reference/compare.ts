/** Answers made comparable: lists without a total order are sorted, numbers keep their digits. */
import type { Item, Read } from './ast.ts';
import { isEmbed, keyOf, nameOf } from './ast.ts';

/** A number without an exponent, which jsonb writes out and json does not: `1.5e+3` is `1500`. */
function written(source: string): string {
  const [, sign = '', whole = '', fraction = '', exponent] =
    /^(-?)(\d+)(?:\.(\d+))?[eE]([-+]?\d+)$/.exec(source) ?? [];
  if (exponent === undefined) return source;
  const power = Number(exponent);
  const digits = whole.padStart(1 - power, '0') + fraction.padEnd(power, '0');
  const point = digits.length - Math.max(fraction.length - power, 0);
  const [before, after] = [digits.slice(0, point), digits.slice(point)];
  return `${sign}${before}${after === '' ? '' : `.${after}`}`;
}

/** Parses JSON with each number as its text, which is exact. */
export const parseExactly = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? `number ${written(context?.source ?? '')}` : value,
  );

type Canonical = (value: unknown) => unknown;

/** JSON with keys in one order. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, sorted(inner)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
};

const compareText = (a: unknown, b: unknown): number => {
  const [first, second] = [JSON.stringify(a), JSON.stringify(b)];
  return first < second ? -1 : first > second ? 1 : 0;
};

const listOf =
  (each: Canonical): Canonical =>
  (value) =>
    Array.isArray(value) ? value.map(each) : value;

/** How the value of each key is made comparable; a spread's are its parent's. */
const keysOf = (items: readonly Item[]): (readonly [key: string, canonical: Canonical])[] =>
  items.flatMap((item): (readonly [string, Canonical])[] => {
    if (item.kind === 'star') return [];
    if (!isEmbed(item)) return [[keyOf(item), sorted]];
    if (item.empty) return [];
    const { relationship, read, spread } = item;
    if (spread) {
      return keysOf(read.items).map(([key, each]) => [key, relationship.toOne ? each : listOf(each)]);
    }
    return [[nameOf(item), relationship.toOne ? objectOf(read) : rowsOf(read)]];
  });

function objectOf(read: Read): Canonical {
  const keys = new Map(keysOf(read.items));
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return sorted(
      Object.fromEntries(
        Object.entries(value).map(([key, inner]) => [key, (keys.get(key) ?? sorted)(inner)]),
      ),
    );
  };
}

/** Makes the rows of a read comparable. */
export function rowsOf(read: Read): Canonical {
  const object = objectOf(read);
  return (value) => {
    if (!Array.isArray(value)) return value;
    const rows = value.map(object);
    return read.isTotal ? rows : rows.sort(compareText);
  };
}

/** Takes keys whose value is null out of all objects, as `nulls=stripped` asks. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}
