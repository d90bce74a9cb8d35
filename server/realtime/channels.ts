/**
 * Channels, put together: the WebSocket and broadcasts by HTTP on one side, PostgreSQL on the other.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ApiError } from '../errors/error.ts';
import { ask } from '../execute/query.ts';
import type { RequestId } from '../observe/request-id.ts';
import type { RestContext } from '../rest/context.ts';
import { answerOn } from '../rest/outgoing.ts';
import { createAuthorizer } from './authorize.ts';
import { createBus } from './bus.ts';
import { createChanges } from './changes.ts';
import type { Feed } from './feed.ts';
import { createBroadcastServer } from './http.ts';
import { Hub } from './hub.ts';
import { Presence } from './presence.ts';
import { parseEntry } from './relay-entry.ts';
import type { ChannelContext } from './socket/context.ts';
import { Deadlines } from './socket/deadlines.ts';
import { createSocketServer } from './socket/server.ts';

/** The channels of a process. */
export interface ChannelServer {
  /** Answers a request that is not to become a WebSocket. */
  readonly serve: (incoming: IncomingMessage, outgoing: ServerResponse) => Promise<void>;
  /** Makes a WebSocket of a request; resolves with the refusal where that may not be. */
  readonly accept: (incoming: IncomingMessage, socket: Duplex, head: Buffer) => Promise<ApiError | null>;
  /** Says goodbye to all connections. */
  readonly close: () => Promise<void>;
  /** Ends what is left, when nobody is connected any more. */
  readonly stop: () => Promise<void>;
}

export interface ChannelsOptions {
  readonly rest: RestContext;
  readonly feed: Feed;
  readonly requestId: RequestId;
}

const PRUNE_MS = 60_000;

/** Makes the channels of a process. */
export function createChannels({ rest, feed, requestId }: ChannelsOptions): ChannelServer {
  const { pool, observe } = rest;
  const node = randomUUID();
  const hub = new Hub();
  const presence = new Presence({ pool, node, observe });
  let members = 0;
  let pruning: NodeJS.Timeout | null = null;

  const bus = createBus({
    pool,
    config: () => rest.settings().config,
    node,
    onEntry: (value) => {
      const entry = parseEntry(value);
      if (entry?.kind === 'broadcast') hub.deliver(entry.broadcast, null);
      else if (entry) presence.hear(entry.changes);
    },
    onReturn: (isComplete) => {
      if (isComplete) void presence.reload();
      else sockets.failAll('Messages may have been lost while the database was away');
    },
    observe,
  });
  const prune = async (): Promise<void> => {
    const values = [`${rest.settings().config.realtimeKeepMessages} seconds`];
    try {
      await ask(pool, [{ text: 'select realtime.prune_relay()' }]);
      await ask(pool, [{ text: 'select realtime.prune_messages($1)', values }]);
    } catch (error) {
      observe({ kind: 'relay failed', error });
    }
  };
  const context: ChannelContext = {
    rest,
    hub,
    bus: {
      tell: (entry) => bus.tell(entry),
      ready: async () => {
        await bus.ready();
        pruning ??= setInterval(() => void prune(), PRUNE_MS).unref();
      },
    },
    presence,
    authorizer: createAuthorizer(rest),
    changes: createChanges(rest, feed),
    deadlines: new Deadlines(),
    observe,
    nextMember: () => {
      members += 1;
      return members;
    },
  };
  const sockets = createSocketServer(context);
  const broadcasts = createBroadcastServer(context);

  return {
    serve: (incoming, outgoing) => answerOn({ ...rest, requestId }, incoming, outgoing, broadcasts),
    accept: sockets.accept,
    close: sockets.close,
    stop: async () => {
      if (pruning !== null) clearInterval(pruning);
      await presence.close();
      await bus.close();
    },
  };
}
