/**
 * GraphQL's connections by WebSocket: who may connect, and what watches over all of them at once.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocketServer } from 'ws';
import type { ApiError } from '../errors/error.ts';
import { loadWebSocketServer, OpenSockets } from '../realtime/socket/open-sockets.ts';
import { asApiError } from '../rest/unforeseen.ts';
import type { EventContext } from './event-route.ts';
import { GraphqlSocket } from './socket.ts';

export interface GraphqlSocketServer {
  /** Makes a WebSocket of a request. Resolves with the refusal where that may not be; never rejects. */
  readonly accept: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => Promise<ApiError | null>;
  /** Closes all connections. */
  readonly close: () => Promise<void>;
}

const PROTOCOL = 'graphql-transport-ws';
const NOT_ACCEPTABLE = 4406;

const textOf = (data: RawData): string =>
  (Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)).toString();

/** Makes the server. `ws` is loaded when the first client comes. */
export function createGraphqlSocketServer(context: EventContext): GraphqlSocketServer {
  let server: Promise<WebSocketServer> | null = null;
  let seen = context.settings();

  const sockets: OpenSockets<GraphqlSocket> = new OpenSockets(
    () => context.settings().config,
    () => {
      const settings = context.settings();
      if (settings === seen) return;
      seen = settings;
      for (const socket of sockets) void socket.recheck(settings);
    },
  );
  const load = (): Promise<WebSocketServer> =>
    loadWebSocketServer({
      maxPayload: context.settings().config.realtimeMaxMessageSize,
      handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
    });

  return {
    accept: async (incoming, socket, head) => {
      try {
        sockets.check(incoming);
        server ??= load();
        const websockets = await server;
        websockets.handleUpgrade(incoming, socket, head, (client) => {
          // its end follows, with a code that says it
          client.on('error', () => undefined);
          if (client.protocol !== PROTOCOL) {
            client.close(NOT_ACCEPTABLE, 'Subprotocol not acceptable');
            return;
          }
          const made = new GraphqlSocket(context, client, incoming);
          sockets.add(made);
          context.observe({ kind: 'socket opened' });
          client.on('message', (data: RawData) => made.receive(textOf(data)));
          client.on('pong', () => made.heard());
          client.on('ping', () => made.heard());
          client.on('close', (code) => {
            sockets.delete(made);
            made.ended(code);
          });
        });
        return null;
      } catch (error) {
        return asApiError(context.observe, error, 'websocket');
      }
    },
    close: () => sockets.close(),
  };
}
