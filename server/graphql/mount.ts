/**
 * Mounts GraphQL on the HTTP server. What it takes is loaded with the first request, so that a server that is not
 * asked for GraphQL does not hold it in memory.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import type { Direct, Upgrade } from '../host/http-server.ts';
import type { Feed } from '../realtime/feed.ts';
import type { RestContext } from '../rest/context.ts';
import { answerOn, type OutgoingContext, type Serve } from '../rest/outgoing.ts';
import type { TrustedDocuments } from './documents.ts';
import type { GraphqlSocketServer } from './socket-server.ts';
import type { Subscriptions } from './subscriptions.ts';

/** GraphQL at a path: over HTTP, and by WebSocket. */
export interface GraphqlServer extends Direct, Upgrade {
  /** Ends subscriptions, and says goodbye to all connections. */
  readonly close: () => Promise<void>;
}

interface Loaded {
  readonly serve: Serve;
  readonly sockets: GraphqlSocketServer;
  /** Null = nobody has subscribed yet. */
  readonly subscriptions: () => Subscriptions | null;
}

async function load(context: RestContext, documents: TrustedDocuments, feed: Feed): Promise<Loaded> {
  const [route, prepared, subscriptions, socketServer] = await Promise.all([
    import('./route.ts'),
    import('./prepared.ts'),
    import('./subscriptions.ts'),
    import('./socket-server.ts'),
  ]);
  const base = { ...context, documents, schemas: prepared.createRoleSchemas() };
  let made: Subscriptions | null = null;
  const own = {
    ...base,
    subscriptions: (): Subscriptions => {
      made ??= subscriptions.createSubscriptions(base, feed);
      return made;
    },
  };
  return {
    serve: (incoming, departure, id) => route.serveGraphql(own, incoming, departure, id),
    sockets: socketServer.createGraphqlSocketServer(own),
    subscriptions: () => made,
  };
}

/** GraphQL at a path. It writes to Node's response itself, as REST does. */
export function createGraphqlServer(
  path: string,
  context: RestContext & OutgoingContext,
  documents: TrustedDocuments,
  feed: Feed,
): GraphqlServer {
  let loading: Promise<Loaded> | null = null;
  const loaded = (): Promise<Loaded> => {
    loading ??= load(context, documents, feed);
    return loading;
  };
  let serve: Serve = async (...request) => {
    const { serve: serveNow } = await loaded();
    serve = serveNow;
    return serveNow(...request);
  };
  const owns = (target: string): boolean =>
    target.startsWith(path) && (target.length === path.length || target[path.length] === '?');
  return {
    owns,
    serve: (incoming, outgoing) => answerOn(context, incoming, outgoing, serve),
    // others may be meant by it, HTTP/2 for instance
    upgrades: ({ url = '', headers }) => owns(url) && /\bwebsocket\b/i.test(headers.upgrade ?? ''),
    accept: async (incoming, socket, head) => (await loaded()).sockets.accept(incoming, socket, head),
    close: async () => {
      if (loading === null) return;
      const { subscriptions, sockets } = await loading;
      subscriptions()?.stop();
      await sockets.close();
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
