/**
 * The open WebSockets of one server, whatever they speak: whether another one may come, what watches over all of them at
 * once, and how they end.
 */
import type { IncomingMessage } from 'node:http';
import type { ServerOptions, WebSocketServer } from 'ws';
import type { Config } from '../../config.ts';
import { apiError } from '../../errors/codes.ts';

/** One of them, as far as that goes. */
export interface OpenSocket {
  /** Asks a client that says nothing, and closes the connection of one that has said nothing for longer. */
  readonly checkIdle: (now: number, timeoutMs: number) => void;
  readonly close: (code: number, reason: string) => void;
  /** Cuts it off. */
  readonly terminate: () => void;
}

/** A service that restarts (RFC 6455, IANA's registry of close codes). */
export const RESTARTING = 1012;
const LOOK_MS = 1000;
const CLOSE_MS = 1000;

type Limits = Pick<Config, 'realtimeIdleTimeout' | 'realtimeMaxConnections' | 'serverCorsAllowedOrigins'>;

/** Loads `ws`, which nobody needs before the first client comes. */
export async function loadWebSocketServer(options: ServerOptions): Promise<WebSocketServer> {
  const { WebSocketServer: Server } = await import('ws');
  return new Server({ ...options, noServer: true, clientTracking: false, perMessageDeflate: false });
}

export class OpenSockets<S extends OpenSocket> implements Iterable<S> {
  readonly #all = new Set<S>();
  readonly #limits: () => Limits;
  readonly #look: () => void;
  #looking: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** `look` is called each second, as long as there are any. */
  constructor(limits: () => Limits, look: () => void) {
    this.#limits = limits;
    this.#look = look;
  }

  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<S> {
    return this.#all.values();
  }

  /** Refuses a request that may not become one of them. Throws ApiError AURA452 and 457. */
  check({ headers: { origin } }: IncomingMessage): void {
    const { realtimeMaxConnections, serverCorsAllowedOrigins: allowed } = this.#limits();
    if (origin !== undefined && allowed.length > 0 && !allowed.includes(origin)) {
      throw apiError('AURA457', 'The origin may not connect', { details: `It is ${origin}.` });
    }
    if (this.#isClosed || this.#all.size >= realtimeMaxConnections) {
      throw apiError('AURA452', 'Too many connections', { headers: { 'Retry-After': '5' } });
    }
  }

  add(socket: S): void {
    this.#all.add(socket);
    this.#looking ??= setInterval(() => this.#lookAtAll(), LOOK_MS).unref();
  }

  delete(socket: S): void {
    this.#all.delete(socket);
  }

  /** Says goodbye to all, and cuts off who does not answer in time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const socket of this.#all) socket.close(RESTARTING, 'The server is being stopped');
    const patience = performance.now() + CLOSE_MS;
    while (this.#all.size > 0 && performance.now() < patience) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const socket of this.#all) socket.terminate();
    this.#rest();
  }

  #lookAtAll(): void {
    this.#look();
    const timeout = this.#limits().realtimeIdleTimeout * 1000;
    const now = performance.now();
    for (const socket of this.#all) socket.checkIdle(now, timeout);
    if (this.#all.size === 0) this.#rest();
  }

  #rest(): void {
    if (this.#looking !== null) clearInterval(this.#looking);
    this.#looking = null;
  }
}
