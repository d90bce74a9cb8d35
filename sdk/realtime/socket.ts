/**
 * One WebSocket for all channels of a client, in Phoenix's protocol (serializer 1.0.0) as Supabase Realtime speaks it.
 * It is there as long as a channel needs it, and made again when it breaks.
 */
import { AuraError, ownError } from '../error.ts';
import type { Connection } from '../request.ts';
import { onWake, Pause, pauseBefore } from './wake.ts';
import type { WebSocketLike } from './web-socket.ts';

export interface Message {
  readonly topic: string;
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: whoever knows the event knows its payload
  readonly payload: any;
  readonly ref: string | null;
  readonly join_ref?: string | null;
}

/** What a socket does for a channel. */
export interface Member {
  readonly topic: string;
  /** There is a connection: join. */
  readonly opened: () => void;
  /** It is gone. */
  readonly lost: (error: AuraError) => void;
  readonly received: (message: Message) => void;
  /** Another token counts from now on. */
  readonly refreshed: (token: string | null) => void;
}

const HEARTBEAT = 25_000;
/** Milliseconds for the answer to a message. */
const PATIENCE = 10_000;
const OPEN = 1;

interface Waiting {
  readonly topic: string;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: AuraError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** What a refusal says, in the forms in which it may come. */
export const refusalOf = (response: unknown): AuraError => {
  const { code, reason, message, details, hint } = (response ?? {}) as Record<string, unknown>;
  const said = text(message) ?? text(reason) ?? (JSON.stringify(response) as string | undefined) ?? '';
  return new AuraError({
    code: text(code) ?? /^(\w{5,8}): /.exec(said)?.[1] ?? 'REFUSED',
    message: said,
    details: details ?? null,
    hint: text(hint),
    status: 0,
  });
};

export class Socket {
  readonly #connection: Connection;
  readonly #members = new Set<Member>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #pause = new Pause();
  #endWake: (() => void) | null = null;
  #socket: WebSocketLike | null = null;
  #isRunning = false;
  #serial = 0;
  #token: string | null = null;
  #lastMessage = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** The current token, for joins. */
  get token(): string | null {
    return this.#token;
  }

  nextRef(): string {
    return String(++this.#serial);
  }

  add(member: Member): void {
    this.#members.add(member);
    if (this.#socket?.readyState === OPEN) member.opened();
    if (!this.#isRunning) void this.#run();
  }

  remove(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    this.#socket?.close(1000, 'no channel is left');
    this.#pause.end();
  }

  /** Whether a message could be sent now. */
  get isOpen(): boolean {
    return this.#socket?.readyState === OPEN;
  }

  /** Sends a message without waiting for an answer. */
  post(topic: string, event: string, payload: unknown, joinRef: string | null, ref = this.nextRef()): void {
    this.#socket?.send(JSON.stringify({ topic, event, payload, ref, join_ref: joinRef }));
  }

  /** Sends a message and gives what is answered. @throws AuraError */
  ask(
    topic: string,
    event: string,
    payload: unknown,
    joinRef: string | null,
    ref = this.nextRef(),
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) {
        reject(ownError('NETWORK', 'There is no connection'));
        return;
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(ref);
        reject(ownError('TIMEOUT', `There was no answer within ${PATIENCE} ms`));
      }, PATIENCE);
      this.#waiting.set(ref, { topic, resolve, reject, timer });
      this.post(topic, event, payload, joinRef, ref);
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#endWake = onWake(() => {
      // what was said while nobody was there may be lost: a question shows whether the line is
      if (this.isOpen && Date.now() - this.#lastMessage > HEARTBEAT) void this.#beat();
      this.#pause.end();
    });
    for (let attempt = 0; this.#members.size > 0; attempt++) {
      let error: AuraError;
      try {
        error = await this.#connect(() => {
          attempt = 0;
        });
      } catch (cause) {
        error = cause instanceof AuraError ? cause : ownError('NETWORK', String(cause), 0, cause);
      }
      this.#socket = null;
      for (const [ref, { reject, timer }] of this.#waiting) {
        clearTimeout(timer);
        this.#waiting.delete(ref);
        reject(error);
      }
      for (const member of [...this.#members]) member.lost(error);
      if (this.#members.size === 0) break;
      await this.#pause.wait(pauseBefore(attempt, this.#connection.retries));
    }
    this.#endWake?.();
    this.#isRunning = false;
    // one that came in between
    if (this.#members.size > 0) void this.#run();
  }

  async #readToken(): Promise<{ token: string | null; key: string | null }> {
    const headers = await this.#connection.headers();
    const token = headers.get('authorization')?.replace(/^Bearer /i, '') ?? null;
    return { token, key: headers.get('apikey') };
  }

  /** One connection; resolves with what ended it. */
  async #connect(onOpen: () => void): Promise<AuraError> {
    const { token, key } = await this.#readToken();
    this.#token = token;
    const url = new URL(this.#connection.socketUrl());
    url.searchParams.set('vsn', '1.0.0');
    // the project's key, which every copy of the program carries; who asks is said in the joins
    if (key !== null) url.searchParams.set('apikey', key);
    const socket = this.#connection.openSocket(url.href);
    this.#socket = socket;
    const beat = setInterval(() => void this.#beat(), HEARTBEAT);
    const patience = setTimeout(() => socket.close(), PATIENCE);
    try {
      return await new Promise<AuraError>((resolve) => {
        socket.onopen = () => {
          clearTimeout(patience);
          onOpen();
          this.#lastMessage = Date.now();
          for (const member of [...this.#members]) member.opened();
        };
        socket.onmessage = ({ data }: { readonly data: unknown }) => {
          this.#lastMessage = Date.now();
          if (typeof data === 'string') this.#receive(JSON.parse(data));
        };
        socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
          const said = reason === '' ? '' : `: ${reason}`;
          resolve(ownError('NETWORK', `The connection was closed (${code})${said}`));
        };
        // a close follows, which says more
        socket.onerror = () => undefined;
      });
    } finally {
      clearInterval(beat);
      clearTimeout(patience);
    }
  }

  /** Asks whether the other side is there, and hands on the token where it is a new one. */
  async #beat(): Promise<void> {
    const socket = this.#socket;
    if (socket?.readyState !== OPEN) return;
    try {
      await this.ask('phoenix', 'heartbeat', {}, null);
      const { token } = await this.#readToken();
      if (token === this.#token || socket !== this.#socket) return;
      this.#token = token;
      for (const member of [...this.#members]) member.refreshed(token);
    } catch {
      // silent, or without a token: begun anew, which tells what is wrong
      if (socket === this.#socket) socket.close();
    }
  }

  #receive(message: Message): void {
    const { topic, event, payload, ref } = message;
    if (event === 'phx_reply' && ref !== null) {
      const waiting = this.#waiting.get(ref);
      if (!waiting) return;
      clearTimeout(waiting.timer);
      this.#waiting.delete(ref);
      if (payload.status === 'ok') waiting.resolve(payload.response);
      else waiting.reject(refusalOf(payload.response));
      return;
    }
    for (const member of [...this.#members]) if (member.topic === topic) member.received(message);
  }
}
