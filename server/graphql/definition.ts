/** The schema of all that is exposed, whoever asks, in the schema definition language. */
import { lexicographicSortSchema, printSchema } from 'graphql';
import type { Catalog } from '../catalog/types.ts';
import { judgeOfAll } from '../catalog/visible.ts';
import { buildModel } from './model.ts';
import { buildSchema } from './schema.ts';

/**
 * Prints what a role would be served that may do anything, were only these of the exposed schemas there. It is sorted:
 * one catalog gives one text. Extended, it has what `graphql-extensions` adds.
 */
export function printDefinition(catalog: Catalog, schemas: readonly string[], isExtended: boolean): string {
  const exposed = catalog.schemas.filter((schema) => schemas.includes(schema));
  const model = buildModel({ ...catalog, schemas: exposed }, judgeOfAll(exposed));
  return `${printSchema(lexicographicSortSchema(buildSchema(model, isExtended)))}\n`;
}
