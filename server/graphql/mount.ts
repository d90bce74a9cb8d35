/**
 * Mounts GraphQL on the HTTP server. What it takes is loaded with the first request, so that a server that is not
 * asked for GraphQL does not hold it in memory.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import { Departure } from '../execute/departure.ts';
import type { Direct } from '../host/http-server.ts';
import type { RequestId } from '../observe/request-id.ts';
import type { RestContext } from '../rest/context.ts';
import { observationOf, send } from '../rest/mount.ts';
import type { Served } from '../rest/route.ts';
import type { TrustedDocuments } from './documents.ts';

/** Serves one request. Never rejects. */
type Serve = (incoming: IncomingMessage, departure: Departure, id: string) => Promise<Served>;

async function load(context: RestContext, documents: TrustedDocuments): Promise<Serve> {
  const [{ serveGraphql }, { createRoleSchemas }] = await Promise.all([
    import('./route.ts'),
    import('./prepared.ts'),
  ]);
  const own = { ...context, documents, schemas: createRoleSchemas() };
  return (incoming, departure, id) => serveGraphql(own, incoming, departure, id);
}

/** GraphQL at a path. It writes to Node's response itself, as REST does. */
export function createGraphqlServer(
  path: string,
  context: RestContext & { readonly requestId: RequestId },
  documents: TrustedDocuments,
): Direct {
  let loading: Promise<Serve> | null = null;
  const recycle = (body: Buffer): void => context.pool.recycle(body);
  return {
    owns: (target) =>
      target.startsWith(path) && (target.length === path.length || target[path.length] === '?'),
    serve: async (incoming, outgoing) => {
      const started = performance.now();
      const trace = context.settings().config.serverTraceHeader;
      const sent = incoming.headers[trace?.toLowerCase() ?? 'x-request-id'];
      const id = context.requestId(typeof sent === 'string' ? sent : undefined);
      const departure = new Departure();
      outgoing.once('close', () => {
        if (!outgoing.writableFinished) departure.announce();
      });
      loading ??= load(context, documents);
      const serve = await loading;
      const { answer, role, sql, errorCode } = await serve(incoming, departure, id);
      const bytes = answer.body?.length ?? 0;
      context.observe(
        observationOf(incoming, { id, started, role, sql, bytes, errorCode, status: answer.status }),
      );
      send(outgoing, answer, recycle);
    },
  };
}

/** Leads what reaches the application at the path to GraphQL. */
export function mountGraphql(app: Hono<{ Bindings: HttpBindings }>, path: string, { serve }: Direct): void {
  app.all(path, async ({ env: { incoming, outgoing } }) => {
    await serve(incoming as IncomingMessage, outgoing as ServerResponse);
    return RESPONSE_ALREADY_SENT;
  });
}
