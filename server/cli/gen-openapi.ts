/** `aura gen openapi`: the document that the server answers, of all that is exposed, whoever asks. */
import { readFile } from 'node:fs/promises';
import type { Catalog } from '../catalog/types.ts';
import { repositoryFile } from '../host/files.ts';
import { renderOpenApi } from '../openapi/document.ts';
import { buildModel } from '../openapi/model.ts';

/** Where a server has REST unless it is told otherwise; a file knows no host. */
const REST = '/rest/v1';

/** The document as text, indented. `format` is `json` or `yaml`. */
export const describeAll = async (catalog: Catalog, schema: string, format: string): Promise<string> => {
  const { version }: { version: string } = JSON.parse(await readFile(repositoryFile('package.json'), 'utf8'));
  const model = buildModel(catalog, { role: '', schema, followPrivileges: false, requireRls: 'off' });
  const document = renderOpenApi(model, {
    version,
    serverUrl: REST,
    rootUrl: '/',
    asksForToken: false,
    addPaths: () => [],
  });
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`;
  const { stringify } = await import('yaml');
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 120 });
};
