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
import { createNamer, type Namer } from './namer.ts';
import { proseOf } from './prose.ts';
import { filterParameters, type PathContext, relationPath, rowResponses } from './relation-path.ts';
import { insertSchema, itemSchema, type RelationNames, rowSchema, updateSchema } from './relation-schema.ts';
import { BATCH_SCHEMAS, ROOT_PATH, ROOT_TAG } from './root-path.ts';
import { type RoutineContext, routinePath } from './routine-path.ts';
import { createTypeSchemas, refTo, type Schema, type TypeSchemas } from './type-schema.ts';

export interface DocumentOptions {
  /** `info.version`. */
  readonly version: string;
  /** Where the paths are below. */
  readonly serverUrl: string;
  /** Where the paths of modules are below. */
  readonly rootUrl: string;
  /** Whether a request without a token is refused. */
  readonly asksForToken: boolean;
  /** Adds what is served beside REST. */
  readonly addPaths: AddPaths;
}

/** What modules serve beside REST, to be merged into the document. */
export type AddPaths = () => readonly Addition[];

export interface Addition {
  readonly tag: TagObject;
  /** By their whole paths, `/auth/v1/token`, which do not lie below REST's. */
  readonly paths: Readonly<Record<string, PathItemObject>>;
  /** By names that begin with the module's and a dot. */
  readonly schemas: Readonly<Record<string, Schema>>;
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

/** A path for a relation or a function. */
const pathFor = (...segments: readonly string[]): string => `/${segments.map(encodeURIComponent).join('/')}`;

/** What grows while the model is walked through; any name may be a key. */
interface Draft {
  readonly schemas: Map<string, Schema>;
  readonly parameters: Map<string, ParameterObject>;
  readonly responses: Map<string, ResponseObject>;
  readonly paths: Map<string, PathItemObject>;
  readonly tags: TagObject[];
}

function startDraft(profiles: ReturnType<typeof profilesOf>): Draft {
  return {
    schemas: new Map<string, Schema>(Object.entries({ ...SCHEMAS, ...BATCH_SCHEMAS })),
    parameters: new Map<string, ParameterObject>(Object.entries({ ...PARAMETERS, ...profiles })),
    responses: new Map(Object.entries(RESPONSES)),
    paths: new Map([['/', ROOT_PATH]]),
    tags: [ROOT_TAG],
  };
}

/** Makes the document. The same model and options make the same document. */
export function renderOpenApi(model: ApiModel, options: DocumentOptions): OpenAPIObject {
  const profiles = profilesOf(model);
  const draft = startDraft(profiles);
  const headers = {
    readProfile: profiles ? [refTo('parameters', 'accept-profile')] : [],
    writeProfile: profiles ? [refTo('parameters', 'content-profile')] : [],
  };
  const schemaName = createNamer(draft.schemas.keys());
  const described = new Map(
    model.relations.map((one) => [nameKey(one.relation.name.schema, one.relation.name.name), one]),
  );
  const rowName = ({ schema, name }: QualifiedName): string | null =>
    described.get(nameKey(schema, name))?.readable === true ? schemaName(name) : null;
  const types = createTypeSchemas(model, schemaName, rowName);
  addRelations(draft, model, headers, { schemaName, rowName, types });
  const itemOf = (name: QualifiedName): Schema | null => {
    const one = described.get(nameKey(name.schema, name.name));
    return one?.readable === true ? refTo('schemas', namesOf(one, schemaName).item) : null;
  };
  addRoutines(draft, model, headers, { types, itemOf });
  for (const { tag, paths, schemas } of options.addPaths()) {
    draft.tags.push(tag);
    const servers = [{ url: options.rootUrl }];
    for (const [path, item] of Object.entries(paths)) draft.paths.set(path, { servers, ...item });
    for (const [name, schema] of Object.entries(schemas)) draft.schemas.set(name, schema);
  }
  return {
    openapi: '3.1.1',
    info: infoOf(model, options),
    servers: [{ url: options.serverUrl }],
    tags: draft.tags,
    security: [{ bearer: [] }, { apikey: [] }, ...(options.asksForToken ? [] : [{}])],
    paths: Object.fromEntries(draft.paths),
    components: {
      schemas: Object.fromEntries([...draft.schemas, ...types.components()]),
      parameters: Object.fromEntries(draft.parameters),
      headers: HEADERS,
      responses: Object.fromEntries(draft.responses),
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

interface Profiles {
  readonly readProfile: readonly ReferenceObject[];
  readonly writeProfile: readonly ReferenceObject[];
}

interface SchemaNames {
  readonly schemaName: Namer;
  readonly rowName: (name: QualifiedName) => string | null;
  readonly types: TypeSchemas;
}

function addRelations(
  draft: Draft,
  model: ApiModel,
  profiles: Profiles,
  { schemaName, rowName, types }: SchemaNames,
): void {
  const { schemas, parameters, responses, paths, tags } = draft;
  const operationName = createNamer();
  const parameterName = createNamer(parameters.keys());
  for (const one of model.relations) {
    const { name } = one.relation.name;
    const names = namesOf(one, schemaName);
    const tag = tagOf(one);
    const context: PathContext = {
      ...profiles,
      names,
      name: operationName(name),
      tag: tag.name,
      mediaTypes: model.mediaTypesOf(one.relation.name),
      filterName: (column) => parameterName(`filter.${name}.${column}`),
    };
    const { row, item, insert, update } = names;
    schemas.set(row, rowSchema(one, types));
    if (item !== row) schemas.set(item, itemSchema(one, row, types, rowName));
    if (insert !== null) schemas.set(insert, insertSchema(one, types));
    if (update !== null) schemas.set(update, updateSchema(one, types));
    for (const [key, parameter] of filterParameters(one, context)) parameters.set(key, parameter);
    for (const [key, response] of rowResponses(one, context)) responses.set(key, response);
    paths.set(pathFor(name), relationPath(one, context));
    tags.push(tag);
  }
}

function addRoutines(
  { paths, tags }: Draft,
  { routines, mediaTypesOf }: ApiModel,
  profiles: Profiles,
  schemas: Pick<RoutineContext, 'types' | 'itemOf'>,
): void {
  if (routines.length > 0) tags.push(FUNCTIONS_TAG);
  const operationName = createNamer();
  for (const overloads of routines) {
    const [{ name }] = overloads;
    paths.set(
      pathFor('rpc', name.name),
      routinePath(overloads, {
        ...profiles,
        ...schemas,
        name: operationName(name.name),
        tag: FUNCTIONS_TAG.name,
        mediaTypes: mediaTypesOf(name),
      }),
    );
  }
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

/** A relation's tag, which may not be called like one of ours. */
function tagOf({ relation }: DescribedRelation): TagObject {
  const { name } = relation.name;
  const isTaken = name === ROOT_TAG.name || name === FUNCTIONS_TAG.name;
  const { summary } = proseOf(relation.comment);
  return {
    name: isTaken ? `${name} (${relation.kind})` : name,
    description: summary ?? `The ${relation.kind} ${name}.`,
  };
}

function namesOf(
  { relation, columns, embeds, computedColumns }: DescribedRelation,
  namer: Namer,
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
