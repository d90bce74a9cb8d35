/** The catalog for verbs that look at a database without serving it. */
import { type CatalogStatement, loadCatalog } from '../catalog/load.ts';
import type { Catalog } from '../catalog/types.ts';
import type { Config } from '../config.ts';
import { type Connection, openConnection } from '../execute/connection.ts';

/** Runs the catalog's statement under its settings, which end with the transaction. */
const runStatement = async (
  connection: Connection,
  statement: CatalogStatement,
): Promise<readonly (readonly unknown[])[]> => {
  await connection.query('begin read only');
  try {
    for (const [name, value] of Object.entries(statement.settings)) {
      await connection.query('select set_config($1, $2, true)', [name, value]);
    }
    return await connection.queryValues(statement.text, statement.values);
  } finally {
    await connection.query('rollback');
  }
};

/** What of the settings decides how a catalog looks. */
export type CatalogSettings = Pick<Config, 'dbSchemas' | 'dbExtraSearchPath' | 'dbHoistedTxSettings'>;

/** Loads the catalog of the database at a URI. @throws StartError if it cannot be reached, MissingSchemaError */
export const readCatalog = async (uri: string, settings: CatalogSettings): Promise<Catalog> => {
  const connection = await openConnection(uri);
  try {
    return await loadCatalog((statement) => runStatement(connection, statement), {
      schemas: settings.dbSchemas,
      extraSearchPath: settings.dbExtraSearchPath,
      hoistedSettings: settings.dbHoistedTxSettings,
    });
  } finally {
    await connection.close();
  }
};
