/**
 * GraphQL over Server-Sent Events: a subscription is answered by a stream of results, any other operation by one of them.
 */
import { apiError } from '../errors/codes.ts';
import type { Credentials } from '../identity/authenticate.ts';
import { endOf } from '../identity/claims.ts';
import type { Answer } from '../response/respond.ts';
import type { Scene } from '../rest/context.ts';
import { asApiError } from '../rest/unforeseen.ts';
import { errorOf, type Outcome, onOneLine } from './answer.ts';
import type { GraphqlRequest } from './request.ts';
import { createResultStream, type ResultStream } from './result-stream.ts';
import type { SeenRequest } from './run.ts';
import {
  type GraphqlContext,
  operationOf,
  outcomeOfFailure,
  serveOperation,
  type Trace,
} from './serve-operation.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface EventContext extends GraphqlContext {
  readonly subscriptions: () => Subscriptions;
}

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  // proxies that collect answers would keep the events (nginx)
  'X-Accel-Buffering': 'no',
  Vary: 'Accept',
};

/** Of a subscription that has begun, whatever ends it is its last result. */
export function lastOutcome(error: unknown, scene: Scene): Outcome {
  try {
    return outcomeOfFailure(error, scene);
  } catch (failure) {
    return errorOf(asApiError(scene.context.observe, failure, 'subscription'));
  }
}

/** Serves one operation. Rejects with what concerns the request as a whole. */
export async function serveEvents(
  context: EventContext,
  scene: Scene,
  seen: SeenRequest,
  requests: GraphqlRequest | readonly GraphqlRequest[],
  trace: Trace,
): Promise<Answer> {
  if (Array.isArray(requests)) {
    throw apiError('AURA300', 'The request is not a GraphQL request', {
      details: 'A list of operations has no stream of results.',
      hint: 'Send one operation, or accept application/json.',
    });
  }
  const request = requests as GraphqlRequest;
  const { config } = scene.settings;
  const stream = createResultStream(config.realtimeHeartbeat);
  const finish = ({ body }: Outcome): void => {
    stream.send(onOneLine(body));
    stream.complete();
  };
  try {
    const roleSchema = context.schemas.of(scene.catalog, config, scene.identity.role);
    if (operationOf(context, scene, roleSchema, request).isSubscription) {
      const { authorization, apikey } = seen.headers as Credentials;
      await follow(context, scene, request, { authorization, apikey }, stream, finish);
    } else finish(await serveOperation(context, scene, roleSchema, seen, request, trace));
  } catch (error) {
    try {
      finish(outcomeOfFailure(error, scene));
    } catch (failure) {
      stream.lines.destroy();
      throw failure;
    }
  }
  return { status: 200, headers: HEADERS, body: null, lines: stream.lines };
}

/** Leads the results of a subscription into a stream, until it is closed or the token ends. */
async function follow(
  context: EventContext,
  scene: Scene,
  request: GraphqlRequest,
  credentials: Credentials,
  { lines, send }: ResultStream,
  finish: (outcome: Outcome) => void,
): Promise<void> {
  const { identity } = scene;
  const { join, deadlines } = context.subscriptions();
  const end = (reason: unknown): void => finish(lastOutcome(reason, scene));
  const leave = await join({ request, identity, credentials }, { send, end });
  const ending = {
    end: () => {
      leave();
      end(apiError('PGRST303', 'JWT expired'));
    },
  };
  deadlines.set(ending, endOf(identity.claims));
  lines.once('close', () => {
    deadlines.set(ending, null);
    leave();
  });
}
