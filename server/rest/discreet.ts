/**
 * PostgreSQL suggests columns whose names are near to one that does not exist, without asking whether the role may
 * see them. Here such a hint is left out where it names what the role's grants do not reach.
 */
import type { Catalog } from '../catalog/types.ts';
import { visibleTo } from '../catalog/visible.ts';
import { ApiError } from '../errors/error.ts';

const UNDEFINED_COLUMN = '42703';

/** Names that the server itself gives to rows of bodies and functions: whoever sees these sees their columns. */
const OWN_ALIAS = /^pgrst_/;

/** Whether a suggestion, `alias.column`, is of a relation whose column the role may see. */
function isVisible(suggestion: string, catalog: Catalog, role: string): boolean {
  if (OWN_ALIAS.test(suggestion)) return true;
  for (const { name, columns, computedColumns } of visibleTo(catalog, role).relations.values()) {
    if (!suggestion.startsWith(name.name)) continue;
    // an embed's alias is its relation's name and a number
    const column = /^(?:_\d+)?\.(.*)$/s.exec(suggestion.slice(name.name.length))?.[1];
    if (column !== undefined && (columns.has(column) || computedColumns.has(column))) return true;
  }
  return false;
}

/** The error without a hint that would tell of a column which the role may not see. */
export function discreet(error: ApiError, catalog: Catalog | null, role: string | null): ApiError {
  if (error.code !== UNDEFINED_COLUMN || error.hint === null) return error;
  const suggestions = [...error.hint.matchAll(/"([^"]*(?:""[^"]*)*)"/g)].map(([, text]) => text ?? '');
  const known = catalog !== null && role !== null;
  if (known && suggestions.every((text) => isVisible(text, catalog, role))) return error;
  const { code, message, details, status, headers, more, cause } = error;
  return new ApiError({ code, message, details, hint: null, status, headers, more, cause });
}
