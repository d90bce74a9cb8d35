/**
 * Example values for what people try out: one that the type takes, the same every time.
 */
import type { Column } from '../catalog/types.ts';

const VALUES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['boolean', true],
  ['smallint', 1],
  ['integer', 1],
  ['bigint', 1],
  ['real', 1.5],
  ['double precision', 1.5],
  ['numeric', 9.99],
  ['uuid', '00000000-0000-4000-8000-000000000001'],
  ['date', '2026-01-31'],
  ['timestamp with time zone', '2026-01-31T12:00:00+00:00'],
  ['timestamp without time zone', '2026-01-31T12:00:00'],
  ['time without time zone', '12:00:00'],
  ['interval', '1 day'],
  ['inet', '192.0.2.1'],
  ['json', {}],
  ['jsonb', {}],
]);

/** Types that are text to anybody: others have a syntax of their own. */
const TEXTS: ReadonlySet<string> = new Set(['text', 'character varying', 'character']);

/**
 * A value for a column; undefined where none is certain to fit, as behind a domain or a check.
 */
export function exampleOf({ type, declaredType, enumLabels, checks, maxLength }: Column): unknown {
  if (enumLabels.length > 0) return enumLabels[0];
  if (checks.length > 0 || declaredType.replace(/\(.*?\)/, '') !== type) return undefined;
  if (type.endsWith('[]')) return [];
  if (TEXTS.has(type)) return 'text'.slice(0, maxLength ?? undefined);
  return VALUES.get(type);
}

/** A filter that a column takes. */
export function filterExampleOf(column: Column): string {
  const value = exampleOf({ ...column, checks: [] });
  if (typeof value === 'boolean') return `is.${value}`;
  return typeof value === 'string' || typeof value === 'number' ? `eq.${value}` : 'not.is.null';
}
