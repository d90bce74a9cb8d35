/**
 * GraphQL, the pipeline on one screen:
 *
 *   HTTP → identity → schema of the role → operation → statements and session → transaction → answer
 */
import type { IncomingMessage } from 'node:http';
import { GraphQLError, getVariableValues } from 'graphql';
import type { Catalog } from '../catalog/types.ts';
import { apiError } from '../errors/codes.ts';
import { ApiError } from '../errors/error.ts';
import type { Departure } from '../execute/departure.ts';
import type { RestContext, RestSettings, Scene } from '../rest/context.ts';
import { answerPreflight, withCors } from '../rest/cors.ts';
import { discreet } from '../rest/discreet.ts';
import { readIncoming } from '../rest/incoming.ts';
import type { Served } from '../rest/route.ts';
import { asApiError, noCatalog } from '../rest/unforeseen.ts';
import {
  answerOf,
  dataOf,
  errorOf,
  failureOf,
  failureOfDocument,
  listOf,
  type Outcome,
  refusalOf,
} from './answer.ts';
import { documentOf, type TrustedDocuments } from './documents.ts';
import { introspect } from './introspection.ts';
import { DocumentError } from './operation.ts';
import { renderPage } from './page.ts';
import type { RoleSchema, RoleSchemas } from './prepared.ts';
import {
  type AnswerType,
  answerTypeOf,
  type GraphqlRequest,
  parseBody,
  parseQuery,
  refuseMediaType,
  wantsPage,
} from './request.ts';
import { runPrepared, type SeenRequest } from './run.ts';

/** What the route works with. */
export interface GraphqlContext extends RestContext {
  readonly schemas: RoleSchemas;
  readonly documents: TrustedDocuments;
}

interface Trace {
  role: string | null;
  sql: string | null;
}

/** Runs one operation. Rejects only with what concerns the request as a whole. */
async function runOperation(
  trusted: TrustedDocuments,
  scene: Scene,
  roleSchema: RoleSchema,
  seen: SeenRequest,
  request: GraphqlRequest,
  trace: Trace,
): Promise<Outcome> {
  const { graphqlDocumentsOnly } = scene.settings.config;
  const document = documentOf(trusted, graphqlDocumentsOnly, request);
  const operation = roleSchema.operationOf(document, request.operationName);
  if (operation.isMutation && seen.method === 'GET') {
    throw apiError('AURA304', 'Mutations cannot be sent by GET', { headers: { Allow: 'POST' } });
  }
  const { definition } = operation;
  const coerced = getVariableValues(
    roleSchema.schema,
    definition.variableDefinitions ?? [],
    request.variables,
    {
      maxErrors: 20,
    },
  );
  if (coerced.errors) throw new DocumentError(coerced.errors);
  const variables = coerced.coerced;
  const prepared = roleSchema.preparedOf(operation, variables);
  if (prepared.steps.length > 0) trace.sql = prepared.steps.map(({ statement }) => statement.text).join('; ');
  const rows = await runPrepared(scene, seen, operation, prepared, variables, (text) => {
    trace.sql = `${text}; ${trace.sql}`;
  });
  const asks = prepared.entries.some(({ kind }) => kind === 'introspection');
  const own = asks
    ? await introspect(roleSchema.introspected(), operation, prepared.entries, variables)
    : { values: new Map<string, string>(), errors: [] };
  const outcome = dataOf(prepared.entries, rows, own.values, own.errors);
  // it is a copy: what it was made of may be used again
  for (const column of rows.flat()) if (column !== null) scene.context.pool.recycle(column);
  return outcome;
}

/** What is wrong with a nested insert, or a value that nests too deeply. */
const ABOUT_BODY = /^AURA(?:103|14\d)$/;

/** A request that is wrong as a whole, or a server that cannot serve it: not an operation that failed. */
const concernsRequest = ({ code, status }: ApiError): boolean =>
  status >= 500 || status === 401 || (/^AURA[013]\d\d$/.test(code) && !ABOUT_BODY.test(code));

async function outcomeOf(
  trusted: TrustedDocuments,
  scene: Scene,
  roleSchema: RoleSchema,
  seen: SeenRequest,
  request: GraphqlRequest,
  trace: Trace,
): Promise<Outcome> {
  try {
    return await runOperation(trusted, scene, roleSchema, seen, request, trace);
  } catch (error) {
    if (error instanceof DocumentError) return refusalOf(error.errors);
    if (error instanceof GraphQLError) return failureOfDocument(error);
    if (error instanceof ApiError && !concernsRequest(error)) {
      return failureOf(discreet(error, scene.catalog, scene.identity.role));
    }
    throw error;
  }
}

interface Asked {
  readonly seen: SeenRequest;
  readonly requests: GraphqlRequest | readonly GraphqlRequest[];
}

async function readAsked(settings: RestSettings, incoming: IncomingMessage): Promise<Asked> {
  const { config } = settings;
  const raw = await readIncoming(incoming, config.graphqlPrefix, config);
  const seen: SeenRequest = { method: raw.method, path: raw.path, headers: raw.headers };
  if (raw.method === 'GET') return { seen, requests: parseQuery(raw.query) };
  if (raw.method !== 'POST') {
    throw apiError('AURA304', `GraphQL is not served by ${raw.method}`, { headers: { Allow: 'GET, POST' } });
  }
  refuseMediaType(incoming.headers['content-type']);
  return { seen, requests: parseBody(raw.body, config.graphqlMaxBatch) };
}

async function serve(
  context: GraphqlContext,
  settings: RestSettings,
  incoming: IncomingMessage,
  departure: Departure,
  trace: Trace,
): Promise<Outcome> {
  const { authorization, apikey } = incoming.headers as { authorization?: string; apikey?: string };
  const identity = await settings.authenticate({
    ...(authorization === undefined ? {} : { authorization }),
    ...(apikey === undefined ? {} : { apikey }),
  });
  trace.role = identity.role;
  const catalog: Catalog | null = context.catalog();
  if (!catalog) throw noCatalog();
  const { seen, requests } = await readAsked(settings, incoming);
  const scene: Scene = { context, settings, catalog, identity, departure };
  const roleSchema = context.schemas.of(catalog, settings.config, identity.role);
  if (!Array.isArray(requests)) {
    return outcomeOf(context.documents, scene, roleSchema, seen, requests as GraphqlRequest, trace);
  }
  const outcomes: Outcome[] = [];
  // one after the other: a list must not take more connections than other requests
  for (const request of requests as readonly GraphqlRequest[]) {
    outcomes.push(await outcomeOf(context.documents, scene, roleSchema, seen, request, trace));
  }
  return listOf(outcomes);
}

/** Serves one request. Never rejects: what goes wrong is an answer, too. */
export async function serveGraphql(
  context: GraphqlContext,
  incoming: IncomingMessage,
  departure: Departure,
  requestId: string,
): Promise<Served> {
  const settings = context.settings();
  const allowed = settings.config.serverCorsAllowedOrigins;
  const preflight = answerPreflight(incoming.method ?? '', incoming.headers, allowed);
  if (preflight) return { answer: preflight, role: null, errorCode: null, sql: null };
  const at = incoming.url?.indexOf('?') ?? -1;
  const query = at < 0 ? '' : (incoming.url?.slice(at + 1) ?? '');
  if (settings.config.graphqlUi && wantsPage(incoming.method ?? '', incoming.headers.accept, query)) {
    const answer = await renderPage(settings.config.graphqlPrefix);
    return { answer, role: null, errorCode: null, sql: null };
  }
  const trace: Trace = { role: null, sql: null };
  let type: AnswerType = 'application/json';
  let outcome: Outcome;
  let isRequest = false;
  try {
    type = answerTypeOf(incoming.headers.accept);
    outcome = await serve(context, settings, incoming, departure, trace);
  } catch (error) {
    isRequest = true;
    outcome = errorOf(asApiError(context.observe, error, requestId));
  }
  const answer = answerOf(outcome, type, isRequest);
  return {
    answer: withCors(answer, incoming.headers.origin, allowed),
    role: trace.role,
    errorCode: outcome.errorCode,
    sql: trace.sql,
  };
}
