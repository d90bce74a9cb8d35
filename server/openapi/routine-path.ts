/**
 * The path of a function in OpenAPI 3.1. Overloads share it: their arguments and results are alternatives.
 */
import type {
  MediaTypeObject,
  OperationObject,
  ParameterObject,
  PathItemObject,
  ReferenceObject,
  RequestBodyObject,
  ResponseObject,
} from 'openapi3-ts/oas31';
import type { Routine, RoutineParameter } from '../catalog/types.ts';
import type { QualifiedName } from '../names.ts';
import { failureRefs, headerRefs, parameterRefs } from './convention.ts';
import { proseOf } from './prose.ts';
import { orNull, requiredOf, type Schema, type TypeSchemas } from './type-schema.ts';

export type Overloads = readonly [Routine, ...Routine[]];

/** What the parts of a path need to know. */
export interface RoutineContext {
  readonly name: string;
  readonly tag: string;
  readonly types: TypeSchemas;
  /** The schema of a relation's rows with their embeds, for functions that return such. */
  readonly itemOf: (name: QualifiedName) => Schema | null;
  readonly mediaTypes: readonly string[];
  readonly readProfile: readonly ReferenceObject[];
  readonly writeProfile: readonly ReferenceObject[];
}

const named = ({ parameters }: Routine): readonly RoutineParameter[] =>
  parameters.filter(({ name }) => name !== '');

const isRequired = ({ required, variadic }: RoutineParameter): boolean => required && !variadic;

/** A function whose only parameter has no name takes the body as it is. */
const takesBody = ({ parameters: [first, ...others] }: Routine): boolean =>
  first !== undefined && first.name === '' && others.length === 0;

const signatureOf = (routine: Routine): string =>
  `\`${routine.name.name}(${routine.parameters
    .map(({ name, type, required }) => `${name === '' ? '' : `${name} `}${type}${required ? '' : ' = …'}`)
    .join(', ')})\``;

/** Several schemas for one thing, each once. */
function anyOf(schemas: readonly Schema[]): Schema {
  const different = [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
  const [only, ...others] = different;
  return only !== undefined && others.length === 0 ? only : { anyOf: different };
}

const argumentsSchema = (routine: Routine, types: TypeSchemas): Schema => ({
  type: 'object',
  properties: Object.fromEntries(named(routine).map(({ name, type }) => [name, orNull(types.of(type))])),
  ...requiredOf(
    named(routine)
      .filter(isRequired)
      .map(({ name }) => name),
  ),
});

/** The media type of a body that is the only argument. */
const BODY_TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  jsonb: 'application/json',
  text: 'text/plain',
  xml: 'text/xml',
  bytea: 'application/octet-stream',
};

function requestBody(overloads: Overloads, types: TypeSchemas): RequestBodyObject | null {
  const content: Record<string, MediaTypeObject> = {};
  for (const routine of overloads.filter(takesBody)) {
    const type = routine.parameters[0]?.type ?? 'json';
    const mediaType = BODY_TYPES[type] ?? 'application/json';
    content[mediaType] = { schema: mediaType === 'application/json' ? {} : { type: 'string' } };
  }
  const byName = overloads.filter((routine) => named(routine).length > 0);
  if (byName.length > 0) {
    const schema = anyOf(byName.map((routine) => argumentsSchema(routine, types)));
    content['application/json'] ??= { schema };
  }
  if (Object.keys(content).length === 0) return null;
  const required = overloads.every(({ parameters }) => parameters.some(isRequired));
  return { required, description: 'The arguments by their names.', content };
}

/** What one call answers. */
function resultSchema({ returns }: Routine, { types, itemOf }: RoutineContext): Schema {
  const { outputs, declaredType, setOf, isDomain, kind, type } = returns;
  if (declaredType === 'void') return { type: 'null' };
  const value = (): Schema => {
    if (outputs.length > 0 && declaredType === 'record') {
      return {
        type: 'object',
        properties: Object.fromEntries(outputs.map(({ name, type }) => [name, orNull(types.of(type))])),
        ...requiredOf(outputs.map(({ name }) => name)),
      };
    }
    return (isDomain ? null : itemOf(type)) ?? types.of(declaredType);
  };
  if (!setOf) return orNull(value());
  return { type: 'array', items: kind === 'composite' ? value() : orNull(value()) };
}

function response(overloads: Overloads, context: RoutineContext): ResponseObject {
  const schema = anyOf(overloads.map((routine) => resultSchema(routine, context)));
  const sets = overloads.filter(({ returns }) => returns.setOf);
  const rows = sets.map(({ returns, ...rest }) =>
    resultSchema({ ...rest, returns: { ...returns, setOf: false } }, context),
  );
  const more: Record<string, MediaTypeObject> =
    rows.length === 0
      ? {}
      : {
          'application/vnd.pgrst.object+json': { schema: anyOf(rows) },
          'text/csv': { schema: { type: 'string' } },
          'application/x-ndjson': { schema: anyOf(rows) },
        };
  const own = Object.fromEntries(context.mediaTypes.map((type) => [type, { schema: {} }]));
  return {
    description: 'The result.',
    headers: HEADERS,
    content: { 'application/json': { schema }, ...more, ...own },
  };
}

/** Arguments in the query string, of all overloads together: required is what all of them require. */
function queryParameters(overloads: Overloads, types: TypeSchemas): ParameterObject[] {
  const all = new Map<string, RoutineParameter[]>();
  for (const parameter of overloads.flatMap(named)) {
    all.set(parameter.name, [...(all.get(parameter.name) ?? []), parameter]);
  }
  return [...all].map(([name, found]) => {
    const required = found.length === overloads.length && found.every(isRequired);
    const schema = anyOf(
      found.map(({ type, variadic }): Schema => {
        if (variadic) return types.of(type);
        // an array or an object is written as PostgreSQL writes it
        return type.endsWith('[]') || type.startsWith('json')
          ? { type: 'string', description: `As PostgreSQL reads ${type}.` }
          : types.of(type);
      }),
    );
    return { name, in: 'query', ...(required ? { required } : {}), schema };
  });
}

const SHAPING = parameterRefs('select', 'order', 'limit', 'offset');
const CALLING = parameterRefs('prefer.call');
const CALL_FAILURES = failureRefs('400', '401', '403', '404', '406', '409', '413', '503');
const GET_FAILURES = failureRefs('400', '401', '403', '404', '406', '503');
const HEADERS = headerRefs('content-range', 'preference-applied');

/** The operations of a function: those that only read answer GET as well. */
export function routinePath(overloads: Overloads, context: RoutineContext): PathItemObject {
  const [first] = overloads;
  const { name, tag, types, readProfile, writeProfile } = context;
  const prose = overloads.map(({ comment }) => proseOf(comment));
  const summary = prose.find((one) => one.summary !== null)?.summary ?? `Call ${first.name.name}`;
  const texts = prose.flatMap(({ description }) => description ?? []);
  const description = [...new Set(texts), `Calls ${overloads.map(signatureOf).join(' or ')}.`].join('\n\n');
  const reads = overloads.filter(({ volatility }) => volatility !== 'volatile');
  const isSet = overloads.some(({ returns }) => returns.setOf);
  const shaping = isSet ? SHAPING : [];
  const operation = (verb: string, rest: Omit<OperationObject, 'summary'>): OperationObject => ({
    operationId: `${verb}_${name}`,
    tags: [tag],
    summary,
    description,
    ...rest,
  });
  const body = requestBody(overloads, types);
  const post = operation('call', {
    parameters: [...shaping, ...CALLING, ...writeProfile],
    ...(body === null ? {} : { requestBody: body }),
    responses: {
      '200': response(overloads, context),
      ...(overloads.some(({ returns }) => returns.declaredType === 'void')
        ? { '204': { description: 'Done; the function returns nothing.' } }
        : {}),
      ...CALL_FAILURES,
    },
  });
  const [firstRead, ...otherReads] = reads;
  if (firstRead === undefined) return { post };
  const readable: Overloads = [firstRead, ...otherReads];
  const get = operation('get', {
    parameters: [...queryParameters(readable, types), ...shaping, ...CALLING, ...readProfile],
    responses: {
      '200': response(readable, context),
      ...GET_FAILURES,
    },
  });
  return { get, post };
}
