/** The catalog as plain JSON, for `aura inspect` and for comparing two catalogs as text. */
import { append } from './multimap.ts';
import type { Catalog } from './types.ts';

/**
 * Plain data with sorted keys: the same catalog always gives the same text. Maps become objects, those by qualified
 * name one object a schema; sets become sorted arrays.
 */
export const renderCatalog = (catalog: Catalog): unknown => render(catalog);

const render = (value: unknown): unknown => {
  if (value instanceof Map) return renderMap(value);
  if (value instanceof Set) return [...value].sort();
  if (Array.isArray(value)) return value.map(render);
  if (typeof value !== 'object' || value === null) return value;
  return sorted(Object.entries(value).map(([key, item]) => [key, render(item)]));
};

/** Keys made of two names, as by `nameKey`, have a NUL between them. */
const renderMap = (map: ReadonlyMap<string, unknown>): unknown => {
  const entries: [string, unknown][] = [];
  const nested = new Map<string, [string, unknown][]>();
  for (const [key, item] of map) {
    const [first = '', second] = key.split('\0');
    if (second === undefined) entries.push([first, render(item)]);
    else append(nested, first, [second, render(item)]);
  }
  for (const [first, group] of nested) entries.push([first, sorted(group)]);
  return sorted(entries);
};

// `fromEntries` defines each key as its own property, also one that is named `__proto__`.
const sorted = (entries: readonly (readonly [string, unknown])[]): object =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))));
