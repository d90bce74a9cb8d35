/** `aura inspect`: the catalog as Aura sees it, as JSON. */
import { type CatalogStatement, loadCatalog } from '../catalog/load.ts';
import { renderCatalog } from '../catalog/render.ts';
import { loadConfig } from '../config.ts';
import { type Connection, openConnection } from '../execute/connection.ts';
import type { StartOptions } from './start.ts';

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

/**
 * The catalog of the configured database, as indented JSON with sorted keys.
 * @throws StartError if the database cannot be reached, ConfigError for wrong settings
 */
export const renderInspection = async (options: StartOptions): Promise<string> => {
  const config = loadConfig({ env: process.env, file: options.file ?? undefined, flags: options.flags });
  const connection = await openConnection(config.dbUri);
  try {
    const catalog = await loadCatalog((statement) => runStatement(connection, statement), {
      schemas: config.dbSchemas,
      extraSearchPath: config.dbExtraSearchPath,
      hoistedSettings: config.dbHoistedTxSettings,
    });
    return `${JSON.stringify(renderCatalog(catalog), null, 2)}\n`;
  } finally {
    await connection.close();
  }
};
