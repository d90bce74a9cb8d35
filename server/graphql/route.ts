/**
 * GraphQL over HTTP, the pipeline on one screen:
 *
 *   HTTP → identity → schema of the role → operation → statements and session → transaction → answer
 */
import type { IncomingMessage } from 'node:http';
import { apiError } from '../errors/codes.ts';
import type { Departure } from '../execute/departure.ts';
import type { RawRequest } from '../request/raw.ts';
import type { Answer } from '../response/respond.ts';
import type { RestSettings, Scene } from '../rest/context.ts';
import { answerPreflight, withCors } from '../rest/cors.ts';
import { readIncoming } from '../rest/incoming.ts';
import type { Served } from '../rest/outgoing.ts';
import { asApiError, noCatalog } from '../rest/unforeseen.ts';
import { answerOf, errorOf, listOf, type Outcome } from './answer.ts';
import { type EventContext, serveEvents } from './event-route.ts';
import { renderPage } from './page.ts';
import {
  type AnswerType,
  answerTypeOf,
  type GraphqlRequest,
  parseBody,
  parseQuery,
  refuseMediaType,
  wantsEvents,
  wantsPage,
} from './request.ts';
import type { SeenRequest } from './run.ts';
import { serveOperation, type Trace } from './serve-operation.ts';

interface Asked {
  readonly seen: SeenRequest;
  readonly requests: GraphqlRequest | readonly GraphqlRequest[];
}

/** What a request asks for. Throws ApiError. */
function askedOf({ config }: RestSettings, raw: RawRequest): Asked {
  const seen: SeenRequest = { method: raw.method, path: raw.path, headers: raw.headers };
  if (raw.method === 'GET') return { seen, requests: parseQuery(raw.query) };
  if (raw.method !== 'POST') {
    throw apiError('AURA304', `GraphQL is not served by ${raw.method}`, { headers: { Allow: 'GET, POST' } });
  }
  refuseMediaType(raw.headers['content-type']?.toString());
  return { seen, requests: parseBody(raw.body, config.graphqlMaxBatch) };
}

/** Runs what is asked for. Rejects with what concerns the request as a whole. */
function serve(
  context: EventContext,
  scene: Scene,
  { seen, requests }: Asked,
  trace: Trace,
): Promise<Outcome> {
  const { catalog, settings, identity } = scene;
  const roleSchema = context.schemas.of(catalog, settings.config, identity.role);
  const serveOne = (request: GraphqlRequest): Promise<Outcome> =>
    serveOperation(context, scene, roleSchema, seen, request, trace);
  return Array.isArray(requests) ? serveList(requests, serveOne) : serveOne(requests as GraphqlRequest);
}

/** One after the other: a list must not take more connections than other requests. */
async function serveList(
  requests: readonly GraphqlRequest[],
  serveOne: (request: GraphqlRequest) => Promise<Outcome>,
): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const request of requests) outcomes.push(await serveOne(request));
  return listOf(outcomes);
}

/** Serves one request. Never rejects: what goes wrong is an answer, too. */
export async function serveGraphql(
  context: EventContext,
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
  const shared = (answer: Answer): Answer => withCors(answer, incoming.headers.origin, allowed);
  try {
    const isStream = wantsEvents(incoming.headers.accept);
    if (!isStream) type = answerTypeOf(incoming.headers.accept);
    const authenticated = settings.authenticate(
      incoming.headers as { authorization?: string; apikey?: string },
    );
    // most are known at once: to wait would be a turn of the event loop's queue
    const identity = authenticated instanceof Promise ? await authenticated : authenticated;
    trace.role = identity.role;
    const catalog = context.catalog();
    if (!catalog) throw noCatalog();
    const scene: Scene = { context, settings, catalog, identity, departure };
    const { config } = settings;
    const reading = readIncoming(incoming, config.graphqlPrefix, config, context.patience);
    const asked = askedOf(settings, reading instanceof Promise ? await reading : reading);
    if (isStream) {
      const answer = await serveEvents(context, scene, asked.seen, asked.requests, trace);
      return { answer: shared(answer), role: trace.role, errorCode: null, sql: trace.sql };
    }
    outcome = await serve(context, scene, asked, trace);
  } catch (error) {
    isRequest = true;
    outcome = errorOf(asApiError(context.observe, error, requestId));
  }
  const answer = answerOf(outcome, type, isRequest);
  return {
    answer: shared(answer),
    role: trace.role,
    errorCode: outcome.errorCode,
    sql: trace.sql,
  };
}
