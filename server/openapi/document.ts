/**
 * OpenAPI 3.1 of a schema as a role sees it. Format: https://spec.openapis.org/oas/v3.1.1.html
 *
 * Schemas lead to others in one direction only: a row to the types of its columns, a row with embeds to rows
 * without, so that no tool has to break a circle, however tables refer to each other.
 */
import type {
  OpenAPIObject,
  ParameterObject,
  PathItemObject,
  ReferenceObject,
  ResponseObject,
  TagObject,
} from 'openapi3-ts/oas31';
import { nameKey, type QualifiedName } from '../names.ts';
import { HEADERS, PARAMETERS, RESPONSES, SCHEMAS, SECURITY_SCHEMES } from './convention.ts';
import type { ApiModel, DescribedRelation } from './model.ts';
import { createNamer } from './namer.ts';
import { proseOf } from './prose.ts';
import { filterParameters, type PathContext, relationPath, rowResponses } from './relation-path.ts';
import { insertSchema, itemSchema, type RelationNames, rowSchema, updateSchema } from './relation-schema.ts';
import { BATCH_SCHEMAS, ROOT_PATH, ROOT_TAG } from './root-path.ts';
import { routinePath } from './routine-path.ts';
import { createTypeSchemas, refTo, type Schema } from './type-schema.ts';

export interface DocumentOptions {
  /** `info.version`. */
  readonly version: string;
  /** Where the paths are below. */
  readonly serverUrl: string;
  /** Whether a request without a token is refused. */
  readonly asksForToken: boolean;
  /** Adds what is served beside REST. */
  readonly addPaths: AddPaths;
}

/** What a module serves, to be merged into the document. Its paths are absolute: they do not lie below REST's. */
export type AddPaths = () => readonly Addition[];

export interface Addition {
  readonly tag: TagObject;
  readonly paths: Record<string, PathItemObject>;
  readonly schemas: Record<string, Schema>;
}

const FUNCTIONS_TAG: TagObject = { name: 'Functions', description: 'Functions of the database.' };

/** Headers that choose a schema that is not the default. */
function profilesOf({
  schema,
  schemas,
}: ApiModel): Record<'accept-profile' | 'content-profile', ParameterObject> | null {
  if (schema === schemas[0]) return null;
  const profile = (name: string): ParameterObject => ({
    name,
    in: 'header',
    required: true,
    schema: { type: 'string', enum: [schema] },
    description: 'The schema.',
  });
  return { 'accept-profile': profile('Accept-Profile'), 'content-profile': profile('Content-Profile') };
}

/** A path for a relation or a function, with what no URL can have encoded. */
const pathFor = (...segments: readonly string[]): string =>
  `/${segments.map((segment) => encodeURIComponent(segment).replaceAll('%20', ' ').replaceAll(' ', '%20')).join('/')}`;

/** Makes the document. The same model and options make the same document. */
export function renderOpenApi(model: ApiModel, options: DocumentOptions): OpenAPIObject {
  const schemas: Record<string, Schema> = { ...SCHEMAS, ...BATCH_SCHEMAS };
  const parameters: Record<string, ParameterObject> = { ...PARAMETERS };
  const responses: Record<string, ResponseObject> = { ...RESPONSES };
  const paths: Record<string, PathItemObject> = { '/': ROOT_PATH };
  const tags: TagObject[] = [];

  const profiles = profilesOf(model);
  Object.assign(parameters, profiles ?? {});
  const readProfile: ReferenceObject[] = profiles ? [refTo('parameters', 'accept-profile')] : [];
  const writeProfile: ReferenceObject[] = profiles ? [refTo('parameters', 'content-profile')] : [];

  const namer = createNamer(Object.keys(schemas));
  const operations = createNamer();
  const parameterName = createNamer(Object.keys(parameters));
  const described = new Map(
    model.relations.map((one) => [nameKey(one.relation.name.schema, one.relation.name.name), one]),
  );
  const rowName = ({ schema, name }: QualifiedName): string | null =>
    described.get(nameKey(schema, name))?.readable === true ? namer(name) : null;
  const types = createTypeSchemas(model, namer, rowName);

  for (const one of model.relations) {
    const { name } = one.relation.name;
    const context: PathContext = {
      name: operations(name),
      names: namesOf(one, namer),
      tag: name,
      mediaTypes: model.mediaTypesOf(one.relation.name),
      filterName: (column) => parameterName(`filter.${name}.${column}`),
      readProfile,
      writeProfile,
    };
    const { row, item, insert, update } = context.names;
    schemas[row] = rowSchema(one, types);
    if (item !== row) schemas[item] = itemSchema(one, row, types, rowName);
    if (insert !== null) schemas[insert] = insertSchema(one, types);
    if (update !== null) schemas[update] = updateSchema(one, types);
    Object.assign(parameters, Object.fromEntries(filterParameters(one, context)));
    Object.assign(responses, Object.fromEntries(rowResponses(one, context)));
    paths[pathFor(name)] = relationPath(one, context);
    tags.push({ name, description: tagText(one) });
  }
  const routineNames = createNamer();
  for (const overloads of model.routines) {
    const { name } = overloads[0].name;
    paths[pathFor('rpc', name)] = routinePath(overloads, {
      name: routineNames(name),
      tag: FUNCTIONS_TAG.name,
      types,
      mediaTypes: model.mediaTypesOf(overloads[0].name),
      readProfile,
      writeProfile,
    });
  }
  const additions = options.addPaths();
  for (const addition of additions) {
    Object.assign(paths, addition.paths);
    Object.assign(schemas, addition.schemas);
  }
  return {
    openapi: '3.1.1',
    info: infoOf(model, options),
    servers: [{ url: options.serverUrl }],
    tags: [
      ROOT_TAG,
      ...tags,
      ...(model.routines.length > 0 ? [FUNCTIONS_TAG] : []),
      ...additions.map(({ tag }) => tag),
    ],
    security: [{ bearer: [] }, { apikey: [] }, ...(options.asksForToken ? [] : [{}])],
    paths,
    components: {
      schemas: { ...schemas, ...types.components() },
      parameters,
      headers: HEADERS,
      responses,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

/** What PostgreSQL itself says of `public`. */
const DEFAULT_COMMENT = 'standard public schema';

function infoOf({ comment, schema }: ApiModel, { version }: DocumentOptions): OpenAPIObject['info'] {
  const { summary, description } = proseOf(comment === DEFAULT_COMMENT ? null : comment);
  return {
    title: summary ?? `The schema ${schema}`,
    description:
      description ?? 'Tables, views and functions of PostgreSQL as REST, under its own permissions.',
    version,
    // whom to ask and under which terms is nothing that the database knows
    contact: {},
    license: { name: 'Not stated', identifier: 'NOASSERTION' },
  };
}

function tagText({ relation }: DescribedRelation): string {
  const { summary } = proseOf(relation.comment);
  return summary ?? `The ${relation.kind} ${relation.name.name}.`;
}

function namesOf(
  { relation, columns, embeds, computedColumns }: DescribedRelation,
  namer: (key: string) => string,
): RelationNames {
  const { name } = relation.name;
  const row = namer(name);
  const hasMore = embeds.length > 0 || computedColumns.length > 0;
  return {
    row,
    item: hasMore ? namer(`${name}.embedded`) : row,
    insert:
      relation.insertable && columns.some(({ access }) => access.insert) ? namer(`${name}.insert`) : null,
    update:
      relation.updatable && columns.some(({ access }) => access.update) ? namer(`${name}.update`) : null,
  };
}
