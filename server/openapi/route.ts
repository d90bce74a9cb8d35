/**
 * The description of the API at its root, of the version and in the syntax that the request asks for. A document is
 * made once per catalog, settings and what the role sees, and kept with the catalog.
 */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Catalog } from '../catalog/types.ts';
import type { Config } from '../config.ts';
import type { DocumentFormat, RootPlan } from '../plan/types.ts';
import type { Answer } from '../response/respond.ts';
import { addressOf, rootUrlOf, serverUrlOf } from './address.ts';
import { type AddPaths, renderOpenApi } from './document.ts';
import { type ApiModel, buildModel } from './model.ts';
import { renderSwagger } from './swagger.ts';

export interface Asked {
  readonly plan: RootPlan;
  readonly catalog: Catalog;
  readonly role: string;
  readonly config: Config;
}

interface Rendered {
  readonly body: Buffer;
  readonly tag: string;
}

/** Documents by what they depend on beside catalog and settings. */
type Documents = LRUCache<string, Promise<Rendered>>;

/** Some megabytes each, where there are hundreds of tables. */
const MOST_KEPT = 32;

/** 162 bits. */
const TAG_LENGTH = 27;

/** Roles come from claims: those that the database does not know see the same, and share an entry. */
const keyOf = ({ plan, catalog, role }: Asked): string =>
  JSON.stringify([
    catalog.roles.has(role) ? role : '',
    plan.schema,
    plan.document.version,
    plan.document.syntax,
  ]);

/**
 * Makes the function that answers the root of the API.
 * @param version Aura's, for `info.version`
 * @param addPaths puts in what is served beside REST
 */
export function createDescriber(version: string, addPaths: AddPaths): (asked: Asked) => Promise<Answer> {
  const kept = new WeakMap<Catalog, WeakMap<Config, Documents>>();

  const documentsOf = (catalog: Catalog, config: Config): Documents => {
    const byConfig = kept.get(catalog) ?? new WeakMap<Config, Documents>();
    kept.set(catalog, byConfig);
    const documents = byConfig.get(config) ?? new LRUCache({ max: MOST_KEPT });
    byConfig.set(config, documents);
    return documents;
  };

  const render = async ({ plan, catalog, role, config }: Asked): Promise<Rendered> => {
    const model = buildModel(catalog, {
      role,
      schema: plan.schema,
      followPrivileges: config.openapiMode === 'follow-privileges',
      requireRls: config.requireRls,
    });
    const text = await renderText(documentOf(model, plan.document, config), plan.document.syntax);
    const body = Buffer.from(text);
    return { body, tag: `"${hash('sha256', body, 'base64url').slice(0, TAG_LENGTH)}"` };
  };

  const documentOf = (model: ApiModel, { version: of }: DocumentFormat, config: Config): object =>
    of === '2.0'
      ? renderSwagger(model, {
          version,
          address: addressOf(config),
          asksForToken: config.openapiSecurityActive,
          searchPath: [model.schema, ...config.dbExtraSearchPath],
        })
      : renderOpenApi(model, {
          version,
          serverUrl: serverUrlOf(config),
          rootUrl: rootUrlOf(config),
          asksForToken: config.openapiSecurityActive || config.dbAnonRole === null,
          addPaths,
        });

  return async (asked) => {
    const { plan, catalog, config } = asked;
    const documents = documentsOf(catalog, config);
    const key = keyOf(asked);
    let rendered = documents.get(key);
    if (rendered === undefined) {
      rendered = render(asked);
      documents.set(key, rendered);
      // what failed is tried anew
      rendered.catch(() => documents.delete(key));
    }
    const { body, tag } = await rendered;
    return {
      status: 200,
      headers: {
        'Content-Type': plan.document.contentType,
        ETag: tag,
        'Cache-Control': 'private, no-cache',
        Vary: 'Accept, Accept-Profile, Authorization, apikey',
        ...(plan.profiled ? { 'Content-Profile': plan.schema } : {}),
      },
      body,
    };
  };
}

/** JSON, or YAML by a library that is loaded when somebody asks for it. */
async function renderText(document: object, syntax: DocumentFormat['syntax']): Promise<string> {
  if (syntax === 'json') return JSON.stringify(document);
  const { stringify } = await import('yaml');
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 120 });
}
