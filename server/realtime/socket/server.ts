/**
 * The WebSocket of channels: who may connect, and what watches over all connections at once.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RawData, WebSocketServer } from 'ws';
import { apiError } from '../../errors/codes.ts';
import type { ApiError } from '../../errors/error.ts';
import type { Identity } from '../../identity/role.ts';
import { observationOf } from '../../rest/outgoing.ts';
import { asApiError } from '../../rest/unforeseen.ts';
import { Connection } from './connection.ts';
import type { ChannelContext } from './context.ts';
import { loadWebSocketServer, OpenSockets, RESTARTING } from './open-sockets.ts';
import { Outbox } from './outbox.ts';
import { parseVersion, type Version } from './protocol.ts';
import { createRuleWatch } from './rules.ts';

export interface SocketServer {
  /** Makes a WebSocket of a request. Resolves with the refusal where that may not be; never rejects. */
  readonly accept: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => Promise<ApiError | null>;
  /** Closes all channels with an error, upon which clients join again. */
  readonly failAll: (reason: string) => void;
  /** Closes all connections. */
  readonly close: () => Promise<void>;
}

/** Room for the rest of a message beside its payload. */
const HEADER_BYTES = 8192;

const only = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** Who connects: by the headers as elsewhere, or by `apikey` in the query, since browsers cannot send headers here. */
async function identify(
  context: ChannelContext,
  { headers }: IncomingMessage,
  query: URLSearchParams,
): Promise<Identity> {
  const apikey = only(headers['x-api-key']) ?? only(headers['apikey']) ?? query.get('apikey') ?? undefined;
  const { authorization } = headers;
  return context.rest.settings().authenticate({ authorization, apikey });
}

/** What a request has to be to become a WebSocket. Rejects with ApiError. */
async function check(
  context: ChannelContext,
  incoming: IncomingMessage,
  connections: OpenSockets<Connection>,
): Promise<{ version: Version; identity: Identity }> {
  const url = incoming.url ?? '';
  const query = new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?')) : '');
  const version = parseVersion(query.get('vsn'));
  if (version === null) {
    throw apiError('AURA450', 'The version of the protocol is not known', {
      hint: 'Connect with vsn=1.0.0 or vsn=2.0.0.',
    });
  }
  connections.check(incoming);
  return { version, identity: await identify(context, incoming, query) };
}

/** Tells the log of a refusal; the query is left out, since it holds the key. */
function observeRefusal(
  { observe }: ChannelContext,
  incoming: IncomingMessage,
  started: number,
  { status, code }: ApiError,
): void {
  const facts = { status, errorCode: code, bytes: 0, id: 'websocket', started, role: null, sql: null };
  observe({ ...observationOf(incoming, facts), query: '' });
}

/** Makes the server. `ws` is loaded when the first client comes. */
export function createSocketServer(context: ChannelContext): SocketServer {
  const outbox = new Outbox();
  let server: Promise<WebSocketServer> | null = null;

  const haveRulesChanged = createRuleWatch(() => context.rest.settings());
  const connections: OpenSockets<Connection> = new OpenSockets(
    () => context.rest.settings().config,
    () => {
      context.deadlines.look();
      if (!haveRulesChanged()) return;
      for (const connection of connections) {
        connection.close(RESTARTING, 'The rules have changed: connect again');
      }
    },
  );

  const serve = (
    websockets: WebSocketServer,
    [incoming, socket, head]: readonly [IncomingMessage, Duplex, Buffer],
    version: Version,
    identity: Identity,
  ): void => {
    // it may have been changed since
    websockets.options.maxPayload = context.rest.settings().config.realtimeMaxMessageSize + HEADER_BYTES;
    websockets.handleUpgrade(incoming, socket, head, (client) => {
      // those of before nobody connected under
      if (connections.size === 0) haveRulesChanged();
      const wires = { socket: client, wire: socket, outbox };
      const connection = new Connection(context, wires, version, identity);
      connections.add(connection);
      context.observe({ kind: 'socket opened' });
      client.on('message', (data: RawData, isBinary: boolean) => connection.receive(data, isBinary));
      client.on('pong', () => connection.heard());
      client.on('ping', () => connection.heard());
      // its end follows, with a code that says it
      client.on('error', () => undefined);
      client.on('close', (code) => {
        connections.delete(connection);
        connection.ended(code);
      });
    });
  };

  return {
    accept: async (incoming, socket, head) => {
      const started = performance.now();
      try {
        const { version, identity } = await check(context, incoming, connections);
        server ??= loadWebSocketServer({});
        const websockets = await server;
        serve(websockets, [incoming, socket, head], version, identity);
        return null;
      } catch (error) {
        const refusal = asApiError(context.observe, error, 'websocket');
        observeRefusal(context, incoming, started, refusal);
        return refusal;
      }
    },
    failAll: (reason) => {
      for (const connection of connections) connection.failAll(reason);
    },
    close: () => connections.close(),
  };
}
