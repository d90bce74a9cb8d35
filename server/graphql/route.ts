/**
 * GraphQL over HTTP, the pipeline on one screen:
 *
 *   HTTP → identity → schema of the role → operation → statements and session → transaction → answer
 */
import type { IncomingMessage } from 'node:http';
import { apiError } from '../errors/codes.ts';
import type { Departure } from '../execute/departure.ts';
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

/** Who asks, and what of. Rejects with ApiError. */
async function readScene(
  context: EventContext,
  settings: RestSettings,
  incoming: IncomingMessage,
  departure: Departure,
  trace: Trace,
): Promise<Scene> {
  const identity = await settings.authenticate(
    incoming.headers as { authorization?: string; apikey?: string },
  );
  trace.role = identity.role;
  const catalog = context.catalog();
  if (!catalog) throw noCatalog();
  return { context, settings, catalog, identity, departure };
}

async function serve(
  context: EventContext,
  scene: Scene,
  { seen, requests }: Asked,
  trace: Trace,
): Promise<Outcome> {
  const { catalog, settings, identity } = scene;
  const roleSchema = context.schemas.of(catalog, settings.config, identity.role);
  if (!Array.isArray(requests)) {
    return serveOperation(context, scene, roleSchema, seen, requests as GraphqlRequest, trace);
  }
  const outcomes: Outcome[] = [];
  // one after the other: a list must not take more connections than other requests
  for (const request of requests as readonly GraphqlRequest[]) {
    outcomes.push(await serveOperation(context, scene, roleSchema, seen, request, trace));
  }
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
    const scene = await readScene(context, settings, incoming, departure, trace);
    const asked = await readAsked(settings, incoming);
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
