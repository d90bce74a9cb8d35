/**
 * One operation, however it came: read, prepared and run; what goes wrong with it is an outcome, too.
 */
import { GraphQLError, getVariableValues, isNonNullType, isScalarType } from 'graphql';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import type { RestContext, Scene } from '../rest/context.ts';
import { discreet } from '../rest/discreet.ts';
import { dataOf, failureOf, failureOfDocument, type Outcome, refusalOf } from './answer.ts';
import { documentOf, type TrustedDocuments } from './documents.ts';
import type { Variables } from './input.ts';
import { introspect } from './introspection.ts';
import { DocumentError, type Operation } from './operation.ts';
import type { Prepared, RoleSchema, RoleSchemas } from './prepared.ts';
import type { GraphqlRequest } from './request.ts';
import { runPrepared, type SeenRequest } from './run.ts';

/** What GraphQL works with. */
export interface GraphqlContext extends RestContext {
  readonly schemas: RoleSchemas;
  readonly documents: TrustedDocuments;
}

/** What the log is told. */
export interface Trace {
  role: string | null;
  sql: string | null;
}

/** An operation with the values of its variables, ready to be run. */
export interface ReadyOperation {
  readonly operation: Operation;
  readonly variables: Variables;
  readonly prepared: Prepared;
}

/** The operation that a request asks for. Throws DocumentError, ApiError AURA300, 305 and 306. */
export function operationOf(
  { documents }: Pick<GraphqlContext, 'documents'>,
  { settings }: Pick<Scene, 'settings'>,
  roleSchema: RoleSchema,
  request: GraphqlRequest,
): Operation {
  const document = documentOf(documents, settings.config.graphqlDocumentsOnly, request);
  return roleSchema.operationOf(document, request.operationName);
}

/** The values of variables, which are scalars and all given, as `getVariableValues` reads them; null = it has to. */
function readScalars({ variables }: Operation, given: GraphqlRequest['variables']): Variables | null {
  const values: Record<string, unknown> = {};
  for (const [name, type] of variables) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const scalar = isNonNullType(type) ? type.ofType : type;
    if (value === undefined || value === null || !isScalarType(scalar)) return null;
    try {
      const read = scalar.parseValue(value);
      if (read === undefined) return null;
      values[name] = read;
    } catch {
      // what is wrong with it is told where all are read
      return null;
    }
  }
  return values;
}

/** Prepares an operation with variables. Throws DocumentError, GraphQLError and ApiError. */
export function prepareOperation(
  roleSchema: RoleSchema,
  operation: Operation,
  given: GraphqlRequest['variables'],
): ReadyOperation {
  let variables = readScalars(operation, given);
  if (variables === null) {
    const defined = operation.definition.variableDefinitions ?? [];
    const { coerced, errors } = getVariableValues(roleSchema.schema, defined, given, { maxErrors: 20 });
    if (errors) throw new DocumentError(errors);
    variables = coerced;
  }
  return { operation, variables, prepared: roleSchema.preparedOf(operation, variables) };
}

const textOf = (steps: Prepared['steps']): string | null => {
  const [first, ...others] = steps;
  if (first === undefined || others.length === 0) return first?.statement.text ?? null;
  return steps.map(({ statement }) => statement.text).join('; ');
};

async function run(
  scene: Scene,
  roleSchema: RoleSchema,
  seen: SeenRequest,
  operation: Operation,
  given: GraphqlRequest['variables'],
  trace: Trace,
): Promise<Outcome> {
  const { prepared, variables } = prepareOperation(roleSchema, operation, given);
  trace.sql = textOf(prepared.steps) ?? trace.sql;
  const rows = await runPrepared(scene, seen, operation, prepared, variables, (text) => {
    trace.sql = `${text}; ${trace.sql}`;
  });
  const asks = prepared.entries.some(({ kind }) => kind === 'introspection');
  const own = asks
    ? await introspect(roleSchema.introspected(), operation, prepared.entries, variables)
    : NOT_INTROSPECTED;
  const outcome = dataOf(prepared.entries, rows, own.values, own.errors);
  // it is a copy: what it was made of may be used again
  for (const row of rows) for (const column of row) if (column !== null) scene.context.pool.recycle(column);
  return outcome;
}

const NOT_INTROSPECTED = { values: new Map<string, string>(), errors: [] };

/** What is wrong with a nested insert, or a value that nests too deeply. */
const ABOUT_BODY = /^AURA(?:103|14\d)$/;

/** A request that is wrong as a whole, or a server that cannot serve it: not an operation that failed. */
const concernsRequest = ({ code, status }: ApiError): boolean =>
  status >= 500 || status === 401 || (/^AURA[013]\d\d$/.test(code) && !ABOUT_BODY.test(code));

/** What became of an operation that failed. Throws what concerns the request as a whole. */
export function outcomeOfFailure(error: unknown, { catalog, identity }: Scene): Outcome {
  if (error instanceof DocumentError) return refusalOf(error.errors);
  if (error instanceof GraphQLError) return failureOfDocument(error);
  if (error instanceof ApiError && !concernsRequest(error)) {
    return failureOf(discreet(error, catalog, identity.role));
  }
  throw error;
}

const notHere = (): DocumentError =>
  new DocumentError([
    new GraphQLError('Subscriptions are not answered by one result', {
      extensions: { hint: 'Accept text/event-stream, or connect by WebSocket (graphql-transport-ws).' },
    }),
  ]);

/** Runs one operation with one result. Rejects only with what concerns the request as a whole. */
export async function serveOperation(
  context: GraphqlContext,
  scene: Scene,
  roleSchema: RoleSchema,
  seen: SeenRequest,
  request: GraphqlRequest,
  trace: Trace,
): Promise<Outcome> {
  try {
    const operation = operationOf(context, scene, roleSchema, request);
    if (operation.isSubscription) throw notHere();
    if (operation.isMutation && seen.method === 'GET') {
      throw apiError('AURA304', 'Mutations cannot be sent by GET', { headers: { Allow: 'POST' } });
    }
    return await run(scene, roleSchema, seen, operation, request.variables, trace);
  } catch (error) {
    return outcomeOfFailure(error, scene);
  }
}
