/**
 * GraphQL's connections by WebSocket: who may connect, and what watches over all of them at once.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocketServer } from 'ws';
import { apiError } from '../errors/codes.ts';
import type { ApiError } from '../errors/error.ts';
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
/** A service that restarts (RFC 6455, IANA's registry of close codes). */
const RESTARTING = 1012;
const LOOK_MS = 1000;
const CLOSE_MS = 1000;

const textOf = (data: RawData): string =>
  (Buffer.isBuffer(data) ? data : Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)).toString();

function check(incoming: IncomingMessage, context: EventContext, connected: number): void {
  const { serverCorsAllowedOrigins: allowed, realtimeMaxConnections } = context.settings().config;
  const { origin } = incoming.headers;
  if (origin !== undefined && allowed.length > 0 && !allowed.includes(origin)) {
    throw apiError('AURA457', 'The origin may not connect', { details: `It is ${origin}.` });
  }
  if (connected >= realtimeMaxConnections) {
    throw apiError('AURA452', 'Too many connections', { headers: { 'Retry-After': '5' } });
  }
}

/** Makes the server. `ws` is loaded when the first client comes. */
export function createGraphqlSocketServer(context: EventContext): GraphqlSocketServer {
  const sockets = new Set<GraphqlSocket>();
  let server: Promise<WebSocketServer> | null = null;
  let looking: NodeJS.Timeout | null = null;
  let isClosed = false;

  let seen = context.settings();

  const look = (): void => {
    const settings = context.settings();
    const now = performance.now();
    for (const socket of sockets) {
      socket.checkIdle(now, settings.config.realtimeIdleTimeout * 1000);
      if (settings !== seen) void socket.recheck(settings);
    }
    seen = settings;
    if (sockets.size > 0 || looking === null) return;
    clearInterval(looking);
    looking = null;
  };

  const load = async (): Promise<WebSocketServer> => {
    const { WebSocketServer: Server } = await import('ws');
    return new Server({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: context.settings().config.realtimeMaxMessageSize,
      handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
    });
  };

  return {
    accept: async (incoming, socket, head) => {
      const lost = (): void => void socket.destroy();
      socket.on('error', lost);
      try {
        check(incoming, context, isClosed ? Number.POSITIVE_INFINITY : sockets.size);
        server ??= load();
        const websockets = await server;
        socket.off('error', lost);
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
          looking ??= setInterval(look, LOOK_MS).unref();
        });
        return null;
      } catch (error) {
        return asApiError(context.observe, error, 'websocket');
      }
    },
    close: async () => {
      isClosed = true;
      for (const socket of sockets) socket.close(RESTARTING, 'The server is being stopped');
      const patience = performance.now() + CLOSE_MS;
      while (sockets.size > 0 && performance.now() < patience) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      for (const socket of sockets) socket.terminate();
      if (looking !== null) clearInterval(looking);
      looking = null;
    },
  };
}
