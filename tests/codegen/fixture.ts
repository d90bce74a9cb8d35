/** Catalogs for the tests of code generation: of the shop in fixture.sql, and of the example project. */
import { readFileSync } from 'node:fs';
import { buildModel, type Model } from '../../codegen/index.ts';
import { loadCatalog } from '../../server/catalog/load.ts';
import type { Catalog } from '../../server/catalog/types.ts';
import { connectCatalog } from '../catalog/connect.ts';
import { createDatabase } from '../support/database.ts';
import { loadTracks } from '../support/tracks.ts';

export const SHOP_SQL = readFileSync(new URL('fixture.sql', import.meta.url), 'utf8');

export const catalogOf = async (setupSql: string, schemas: readonly string[]): Promise<Catalog> => {
  const database = await createDatabase(setupSql);
  const connection = await connectCatalog(database.uri);
  try {
    return await loadCatalog(connection.query, { schemas, extraSearchPath: [], hoistedSettings: [] });
  } finally {
    await connection.close();
    await database.close();
  }
};

export const shopCatalog = (): Promise<Catalog> => catalogOf(SHOP_SQL, ['shop']);
export const tracksCatalog = async (): Promise<Catalog> => catalogOf(await loadTracks(), ['public']);

export const modelOf = (catalog: Catalog, options: { readonly trustForeignKeys?: boolean } = {}): Model =>
  buildModel(catalog, { schemas: [], trustForeignKeys: options.trustForeignKeys ?? false });
