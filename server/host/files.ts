/**
 * Where the SQL files lie that come with Aura. `server/` sits at the root of the repository and in `dist/` of the
 * package; `sql/` and `policies/` are at the root of both.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root folder: the nearest one above with a package.json. */
export const repositoryFolder = (): string => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
};

/** The absolute path of a file that comes with Aura, such as `policies/roles.sql`. */
export const repositoryFile = (name: string): string => join(repositoryFolder(), name);
