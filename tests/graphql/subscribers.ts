/** Subscribers as tests need them: over Server-Sent Events as they are, and by WebSocket message by message. */
import { type IncomingMessage, request } from 'node:http';
import { expect, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { type Api, type ApiRequest, tokenFor } from '../support/api.ts';

export const PATH = '/graphql/v1';

export interface Streamed {
  readonly status: number;
  readonly incoming: IncomingMessage;
  /** What came, whole: `next {"data":...}`, `complete`. */
  readonly events: string[];
  /** Comments: heartbeats. */
  readonly comments: () => number;
  /** The next results that were not asked for yet; waits until there are so many. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly next: (count?: number) => Promise<any[]>;
  readonly isClosed: () => boolean;
  /** The body of what is no stream. */
  readonly body: () => string;
  readonly leave: () => void;
}

export interface StreamOptions extends Pick<ApiRequest, 'as' | 'headers'> {
  readonly variables?: unknown;
  /** Sends the operation in the query string. */
  readonly get?: boolean;
}

/** Sends an operation that is to be answered by events. */
export async function stream(api: Api, query: unknown, options: StreamOptions = {}): Promise<Streamed> {
  const { as, headers = {}, variables, get = false } = options;
  const body = JSON.stringify(typeof query === 'string' ? { query, variables } : query);
  const search = new URLSearchParams({ query: String(query), variables: JSON.stringify(variables ?? {}) });
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      `${api.origin}${PATH}${get ? `?${search}` : ''}`,
      {
        agent: false,
        method: get ? 'GET' : 'POST',
        headers: {
          Accept: 'text/event-stream',
          ...(get ? {} : { 'Content-Type': 'application/json' }),
          ...(as === undefined ? {} : { Authorization: `Bearer ${tokenFor(as)}` }),
          ...(headers as Record<string, string>),
        },
      },
      resolve,
    );
    outgoing.once('error', reject);
    outgoing.end(get ? undefined : body);
  });
  const leave = (): void => void incoming.destroy();
  onTestFinished(leave);
  const events: string[] = [];
  let [text, rest, comments, taken, isClosed] = ['', '', 0, 0, false];
  incoming.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    rest += chunk.toString();
    const blocks = rest.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      if (block.startsWith(':')) {
        comments += 1;
        continue;
      }
      const [event = '', data = '', ...more] = block.split('\n');
      expect(more).toEqual([]);
      events.push(`${event.slice('event: '.length)} ${data.slice('data: '.length)}`.trimEnd());
    }
  });
  incoming.once('error', () => undefined);
  incoming.once('close', () => {
    isClosed = true;
  });
  return {
    status: incoming.statusCode ?? 0,
    incoming,
    events,
    comments: () => comments,
    isClosed: () => isClosed,
    body: () => text,
    leave,
    next: async (count = 1) => {
      await expect.poll(() => events.length - taken, { timeout: 5000 }).toBeGreaterThanOrEqual(count);
      const found = events.slice(taken, taken + count);
      taken += count;
      return found.map((event) => {
        expect(event).toMatch(/^next /);
        return JSON.parse(event.slice('next '.length));
      });
    },
  };
}

export interface Socket {
  readonly client: WebSocket;
  // biome-ignore lint/suspicious/noExplicitAny: a test says itself what shape it expects
  readonly heard: any[];
  readonly send: (message: unknown) => void;
  /** The first message, of those that came and will come, for which this holds. */
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  readonly until: (holds: (message: any) => boolean) => Promise<any>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

export interface SocketOptions {
  readonly protocols?: readonly string[];
  readonly headers?: Record<string, string>;
}

/** Opens a WebSocket. Rejects with the status of a refusal. */
export async function openSocket(api: Api, options: SocketOptions = {}): Promise<Socket> {
  const { protocols = ['graphql-transport-ws'], headers = {} } = options;
  const client = new WebSocket(`${api.origin.replace('http', 'ws')}${PATH}`, [...protocols], { headers });
  onTestFinished(() => client.terminate());
  const heard: unknown[] = [];
  client.on('message', (data: Buffer) => heard.push(JSON.parse(data.toString())));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    client.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise<void>((resolve, reject) => {
    client.once('open', () => resolve());
    client.once('error', reject);
  });
  return {
    client,
    heard,
    closed,
    send: (message) => client.send(typeof message === 'string' ? message : JSON.stringify(message)),
    until: async (holds) => {
      await expect.poll(() => heard.some(holds), { timeout: 5000 }).toBe(true);
      return heard.find(holds);
    },
  };
}

/** Opens one, and says who connects. */
export async function connect(api: Api, payload?: unknown): Promise<Socket> {
  const socket = await openSocket(api);
  socket.send({ type: 'connection_init', ...(payload === undefined ? {} : { payload }) });
  await socket.until(({ type }) => type === 'connection_ack');
  return socket;
}
