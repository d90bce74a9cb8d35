/** `aura inspect`: the catalog as Aura sees it, as JSON. */
import { renderCatalog } from '../catalog/render.ts';
import { loadConfig } from '../config.ts';
import { readCatalog } from './catalog.ts';
import type { StartOptions } from './start.ts';

/**
 * The catalog of the configured database, as indented JSON with sorted keys.
 * @throws StartError if the database cannot be reached, ConfigError for wrong settings
 */
export const renderInspection = async (options: StartOptions): Promise<string> => {
  const config = loadConfig({ env: process.env, file: options.file ?? undefined, flags: options.flags });
  return `${JSON.stringify(renderCatalog(await readCatalog(config.dbUri, config)), null, 2)}\n`;
};
