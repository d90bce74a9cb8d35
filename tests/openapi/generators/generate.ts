/** What others make of an OpenAPI document: types for openapi-fetch, and a client by Hey API. */
import { createClient } from '@hey-api/openapi-ts';
import openapiTS, { astToString } from 'openapi-typescript';

/** The text of a module of types. */
export const generateTypes = async (document: object): Promise<string> =>
  astToString(await openapiTS(JSON.stringify(document)));

/** Writes a client's modules into a folder. */
export const generateClient = async (document: object, path: string): Promise<void> => {
  await createClient({
    input: document as Record<string, unknown>,
    output: { path, module: { extension: '.ts' } },
    plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
    logs: { level: 'silent' },
  });
};
