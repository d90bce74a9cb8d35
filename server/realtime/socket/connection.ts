/**
 * One WebSocket: messages come in and go to its channels, and what goes out is bounded. There are many of them, so
 * that each holds as little as it can; timers belong to the server.
 */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Identity } from '../../identity/role.ts';
import type { Frames } from '../frames.ts';
import { Channel, type ChannelOwner } from './channel.ts';
import type { ChannelContext } from './context.ts';
import type { Outbox } from './outbox.ts';
import {
  type ClientMessage,
  decodeBinary,
  decodeText,
  encodeText,
  FrameError,
  frameOf,
  isStorable,
  reasonOf,
  type ServerMessage,
  type Version,
} from './protocol.ts';
import { NOTHING } from './voice.ts';

/** Codes of RFC 6455 section 7.4.1. */
const GOING_AWAY = 1001;
const INVALID_FRAME = 1007;
const TOO_SLOW = 1013;

/** For a client that does not answer the goodbye. */
const GOODBYE_MS = 5000;

/** So long may more wait to be sent than `realtime-max-buffer`. */
const PATIENCE_MS = 5000;
/** So many times that is too much at once. */
const MUCH = 8;

/** A bound on how often something may happen: so many a second, and as many at once. */
interface Bucket {
  left: number;
  at: number;
}

function takes(bucket: Bucket, rate: number): boolean {
  const now = performance.now();
  bucket.left = Math.min(rate, bucket.left + ((now - bucket.at) / 1000) * rate);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

const TOPIC = 'realtime:';
const HEARTBEAT_TOPIC = 'phoenix';

export class Connection implements ChannelOwner {
  readonly version: Version;
  /** Of the key that it connected with. */
  readonly identity: Identity;
  readonly context: ChannelContext;
  readonly #socket: WebSocket;
  /** What is below it: messages are framed here, and often for many connections at once. */
  readonly #wire: Duplex;
  readonly #outbox: Outbox;
  readonly #openedAt = performance.now();
  /** By topic; null = none yet. */
  #channels: Map<string, Channel> | null = null;
  readonly #joins: Bucket = { left: 1, at: 0 };
  readonly #messages: Bucket = { left: 1, at: 0 };
  #heardAt = performance.now();
  #isAsked = false;
  /** More waits to be sent than may; null = it does not. */
  #fullSince: number | null = null;
  #reason: string | null = null;
  #isClosing = false;

  constructor(
    context: ChannelContext,
    { socket, wire, outbox }: { readonly socket: WebSocket; readonly wire: Duplex; readonly outbox: Outbox },
    version: Version,
    identity: Identity,
  ) {
    this.context = context;
    this.#socket = socket;
    this.#wire = wire;
    this.#outbox = outbox;
    this.version = version;
    this.identity = identity;
  }

  /** How many channels it has joined. */
  get channels(): number {
    return this.#channels?.size ?? 0;
  }

  /** Takes a frame. */
  receive(data: RawData, isBinary: boolean): void {
    this.heard();
    if (this.#isClosing) return;
    let message: ClientMessage;
    try {
      const bytes = Buffer.isBuffer(data)
        ? data
        : Array.isArray(data)
          ? Buffer.concat(data)
          : Buffer.from(data);
      message = isBinary ? decodeBinary(this.version, bytes) : decodeText(this.version, bytes.toString());
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.close(INVALID_FRAME, error.message);
      return;
    }
    this.#route(message);
  }

  /** The client lives. */
  heard(): void {
    this.#heardAt = performance.now();
    this.#isAsked = false;
  }

  /** Asks a client that says nothing, and closes the connection of one that has said nothing for longer. */
  checkIdle(now: number, timeoutMs: number): void {
    const silence = now - this.#heardAt;
    if (silence > timeoutMs) {
      this.close(GOING_AWAY, 'Nothing was heard for too long');
    } else if (silence > timeoutMs / 2 && !this.#isAsked) {
      this.#isAsked = true;
      this.#socket.ping();
    }
  }

  send(message: ServerMessage): void {
    this.#write(frameOf(encodeText(this.version, message)));
  }

  sendFrames(frames: Frames): void {
    const frame = frames.of(this.version);
    if (frame !== null) this.#write(frame);
  }

  /** Whether it may send one more message in this second. */
  takesMessage(): boolean {
    return takes(this.#messages, this.context.rest.settings().config.realtimeMaxMessages);
  }

  /** A channel has ended. */
  forget(channel: Channel): void {
    if (this.#channels?.get(channel.topic) === channel) this.#channels.delete(channel.topic);
  }

  /** Says goodbye, with a reason of at most 123 bytes. */
  close(code: number, reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#reason = reason;
    this.#socket.close(code, Buffer.from(reason).subarray(0, 123).toString());
    this.#leaveAll();
    setTimeout(() => this.#socket.terminate(), GOODBYE_MS).unref();
  }

  /** Closes all its channels with an error, upon which clients join again. */
  failAll(reason: string): void {
    for (const channel of [...(this.#channels?.values() ?? [])]) channel.fail(reason);
  }

  /** Cuts it off. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** The socket has ended. */
  ended(code: number): void {
    this.#isClosing = true;
    this.#leaveAll();
    const seconds = (performance.now() - this.#openedAt) / 1000;
    this.context.observe({ kind: 'socket closed', code, reason: this.#reason, seconds });
  }

  #leaveAll(): void {
    const channels = [...(this.#channels?.values() ?? [])];
    this.#channels = null;
    for (const channel of channels) channel.leave();
  }

  #write(frame: Buffer): void {
    if (this.#isClosing || !this.#wire.writable) return;
    const waiting = this.#wire.writableLength;
    // what is told in one moment is as much as it is, and its memory that of all who get it
    if (this.#outbox.hold(this.#wire) && this.#isTooSlow(waiting)) {
      this.close(TOO_SLOW, 'The connection takes its messages too slowly');
      return;
    }
    this.#wire.write(frame);
  }

  /** Whether more waits to be sent than may, for some time, or much more. */
  #isTooSlow(waiting: number): boolean {
    const most = this.context.rest.settings().config.realtimeMaxBuffer;
    if (waiting <= most) {
      this.#fullSince = null;
      return false;
    }
    const now = performance.now();
    this.#fullSince ??= now;
    return waiting > most * MUCH || now - this.#fullSince > PATIENCE_MS;
  }

  #reply({ ref, topic, joinRef }: ClientMessage, status: 'ok' | 'error', response: string): void {
    if (ref === null) return;
    const payload = `{"status":"${status}","response":${response}}`;
    this.send({ joinRef, ref, topic, event: 'phx_reply', payload });
  }

  #route(message: ClientMessage): void {
    const { topic, event, joinRef } = message;
    if (topic === HEARTBEAT_TOPIC) {
      if (event === 'heartbeat') this.#reply(message, 'ok', NOTHING);
      else this.#reply(message, 'error', reasonOf('unmatched topic'));
      return;
    }
    if (event === 'phx_join') {
      this.#join(message);
      return;
    }
    const channel = this.#channels?.get(topic.slice(TOPIC.length));
    // as in Phoenix, only a leave is held to its join
    const isOwn = event !== 'phx_leave' || joinRef === null || joinRef === channel?.joinRef;
    if (channel && topic.startsWith(TOPIC) && isOwn) {
      channel.receive(message);
    } else if (event === 'phx_leave') {
      // it has left already
      this.#reply(message, 'ok', NOTHING);
    } else {
      this.#reply(message, 'error', reasonOf('unmatched topic'));
    }
  }

  #join(message: ClientMessage): void {
    const reason = this.#joinRefusal(message);
    if (reason !== null) {
      this.context.observe({ kind: 'channel refused', reason });
      this.#reply(message, 'error', reasonOf(reason));
      return;
    }
    const topic = message.topic.slice(TOPIC.length);
    this.#channels ??= new Map();
    this.#channels.get(topic)?.replaced();
    const channel = new Channel(this, topic, message.joinRef ?? message.ref);
    this.#channels.set(topic, channel);
    void channel.join(message);
  }

  /** Why a join is refused before anything is asked; null = it is not. */
  #joinRefusal({ topic }: ClientMessage): string | null {
    const { realtimeMaxChannels, realtimeMaxJoins } = this.context.rest.settings().config;
    if (!topic.startsWith(TOPIC)) return 'unmatched topic';
    const name = topic.slice(TOPIC.length);
    if (name === '') return 'TopicNameRequired: You must provide a topic name';
    if (Buffer.byteLength(topic) > LONGEST_TOPIC) return `TopicTooLong: At most ${LONGEST_TOPIC} bytes`;
    if (!isStorable(name)) return 'InvalidTopic: A topic cannot contain NUL or half a character';
    if (!takes(this.#joins, realtimeMaxJoins)) return 'ClientJoinRateLimitReached: Too many joins per second';
    if (this.channels >= realtimeMaxChannels && !this.#channels?.has(name)) {
      return 'ChannelRateLimitReached: Too many channels';
    }
    return null;
  }
}

/** What the length of a binary frame's topic can say. */
const LONGEST_TOPIC = 255;
