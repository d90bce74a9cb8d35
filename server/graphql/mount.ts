/**
 * Mounts GraphQL on the HTTP server. What it takes is loaded with the first request, so that a server that is not
 * asked for GraphQL does not hold it in memory.
 */
import type { HttpBindings } from '@hono/node-server';
import type { Hono } from 'hono';
import type { RequestId } from '../observe/request-id.ts';
import type { RestContext } from '../rest/context.ts';
import { observationOf, toResponse } from '../rest/mount.ts';
import type { Served } from '../rest/route.ts';

type Incoming = HttpBindings['incoming'];

/** Serves one request. Never rejects. */
type Serve = (incoming: Incoming, signal: AbortSignal, id: string) => Promise<Served>;

async function load(context: RestContext): Promise<Serve> {
  const [{ serveGraphql }, { createRoleSchemas }] = await Promise.all([
    import('./route.ts'),
    import('./prepared.ts'),
  ]);
  const own = { ...context, schemas: createRoleSchemas() };
  return (incoming, signal, id) => serveGraphql(own, incoming, signal, id);
}

/** Serves GraphQL at the path. */
export function mountGraphql(
  app: Hono<{ Bindings: HttpBindings }>,
  path: string,
  context: RestContext & { readonly requestId: RequestId },
): void {
  let loading: Promise<Serve> | null = null;
  app.all(path, async (c) => {
    const { incoming, outgoing } = c.env;
    const started = performance.now();
    const trace = context.settings().config.serverTraceHeader;
    const sent = incoming.headers[trace?.toLowerCase() ?? 'x-request-id'];
    const id = context.requestId(typeof sent === 'string' ? sent : undefined);
    const gone = new AbortController();
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) gone.abort();
    });
    loading ??= load(context);
    const serve = await loading;
    const { answer, role, sql, errorCode } = await serve(incoming, gone.signal, id);
    const bytes = answer.body?.length ?? 0;
    context.observe(
      observationOf(incoming, { id, started, role, sql, bytes, errorCode, status: answer.status }),
    );
    return toResponse(answer);
  });
}
