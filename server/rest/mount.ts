/**
 * Mounts REST on the HTTP server: every method and path below the prefix, observed when answered.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import { apiError } from '../errors/codes.ts';
import { respondError } from '../response/respond.ts';
import type { RestContext } from './context.ts';
import { answerOn, type OutgoingContext, type Serve, send } from './outgoing.ts';
import { serveRest } from './route.ts';

/** REST on HTTP. */
export interface RestServer {
  /** Whether a request target is below the prefix, and so nobody else's. */
  readonly owns: (target: string) => boolean;
  /** Answers a request. Rejects for defects alone. */
  readonly serve: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;
  /** Answers what is below no prefix. */
  readonly refuse: (outgoing: ServerResponse) => void;
}

/**
 * REST under the prefix (`/` = everywhere). It writes to Node's response itself: the detour by way of a fetch
 * handler's Request and Response would be a tenth of the time that a small read takes of the processor.
 */
export function createRestServer(prefix: string, context: RestContext & OutgoingContext): RestServer {
  const serveOne: Serve = (incoming, departure, id) => serveRest(context, incoming, departure, id);
  return {
    owns: (target) =>
      target.startsWith(prefix) &&
      prefix !== '/' &&
      (target.length === prefix.length || target[prefix.length] === '/' || target[prefix.length] === '?'),
    serve: (incoming, outgoing) => answerOn(context, incoming, outgoing, serveOne),
    refuse: (outgoing) => {
      const error = apiError('PGRST125', 'Invalid path specified in request URL', {
        hint: `REST is served under ${prefix}.`,
      });
      send(outgoing, respondError(error, context.settings().config.clientErrorVerbosity), context.pool);
    },
  };
}

/** Leads what reaches the application to REST: all paths below the prefix, and what nobody else serves. */
export function mountRest(
  app: Hono<{ Bindings: HttpBindings }>,
  prefix: string,
  { serve, refuse }: RestServer,
): void {
  app.notFound(({ env: { outgoing } }) => {
    refuse(outgoing as ServerResponse);
    return RESPONSE_ALREADY_SENT;
  });
  const paths = prefix === '/' ? ['*'] : [prefix, `${prefix}/*`];
  for (const path of paths) {
    app.all(path, async ({ env: { incoming, outgoing } }) => {
      await serve(incoming as IncomingMessage, outgoing as ServerResponse);
      return RESPONSE_ALREADY_SENT;
    });
  }
}
