/**
 * What a member of a channel sends: broadcasts, and what it says of itself. In a private channel PostgreSQL is asked
 * whether it may, once for each token.
 */
import type { Identity } from '../../identity/role.ts';
import type { Extension } from '../authorize.ts';
import type { Broadcast } from '../frames.ts';
import type { Member } from '../hub.ts';
import type { Place } from '../presence-copy.ts';
import { relayEntry } from '../relay-entry.ts';
import type { ChannelContext } from './context.ts';
import type { Join } from './join.ts';
import type { ClientMessage } from './protocol.ts';
import { Refusal, reasonFor } from './refusal.ts';
import { NOTHING, type Voice } from './voice.ts';

/** Who sends. */
export interface Speaker {
  readonly context: ChannelContext;
  readonly voice: Voice;
  readonly place: Place;
  readonly join: Join;
  /** Under what it is present. */
  readonly key: string;
  readonly member: number;
  /** Whom its broadcasts do not come back to. */
  readonly self: Member;
  /** Whether it may send one more message in this second. */
  readonly takesMessage: () => boolean;
  /** It is about to be present. */
  readonly appears: () => Promise<void>;
}

const sizeOf = ({ whole, payload }: Broadcast): number => Buffer.byteLength(whole ?? payload);

export class Sender {
  readonly #speaker: Speaker;
  #identity: Identity;
  /** What it may send, where that has been asked. */
  #may: Partial<Record<Extension, boolean>> = {};
  #isOver = false;

  constructor(speaker: Speaker, identity: Identity) {
    this.#speaker = speaker;
    this.#identity = identity;
  }

  /** It is somebody else from now on. */
  become(identity: Identity): void {
    this.#identity = identity;
    this.#may = {};
  }

  /** Nothing more is sent. */
  end(): void {
    this.#isOver = true;
  }

  /** Whether a broadcast can be sent, or refused, without asking PostgreSQL. */
  get isDecided(): boolean {
    return !this.#speaker.place.private || this.#may.broadcast !== undefined;
  }

  /** Sends a broadcast, or refuses it. Rejects as PostgreSQL does; throws Refusal where the channel has to end. */
  async broadcastIfAllowed(message: ClientMessage): Promise<void> {
    await this.#askFor('broadcast');
    if (!this.#isOver) this.broadcast(message);
  }

  /** The same where it is decided. Throws Refusal where the channel has to end. */
  broadcast(message: ClientMessage): void {
    const { voice, place, join, self, context, takesMessage } = this.#speaker;
    const { bus, hub, observe, rest } = context;
    if (!takesMessage()) throw new Refusal('Too many messages per second');
    if (place.private && this.#may.broadcast !== true) {
      voice.refuse(message, this.#mayNot());
      return;
    }
    const broadcast = this.#broadcastOf(message);
    if (sizeOf(broadcast) > rest.settings().config.realtimeMaxMessageSize) {
      voice.refuse(message, 'payload_size_exceeded');
      return;
    }
    const receivers = hub.deliver(broadcast, join.self ? null : self);
    observe({ kind: 'broadcast', receivers });
    const told = bus.tell(relayEntry(broadcast));
    told.then(
      () => join.ack && voice.answer(message, 'ok', NOTHING),
      (error: unknown) => voice.refuse(message, reasonFor(error, observe)),
    );
  }

  /** Takes what it says of itself, or refuses it. Rejects as `broadcastIfAllowed` does. */
  async presence(message: ClientMessage): Promise<void> {
    const { voice, place, key, member, context, takesMessage, appears } = this.#speaker;
    const { presence, rest } = context;
    const { payload } = message;
    const event = String(payload['event']).toLowerCase();
    if (!takesMessage()) throw new Refusal('Too many presence messages per second');
    if (event === 'untrack') {
      await presence.untrack(member);
      voice.answer(message, 'ok', NOTHING);
      return;
    }
    const said = payload['payload'] ?? {};
    const text = JSON.stringify(said);
    if (event !== 'track') {
      voice.refuse(message, 'UnknownPresenceEvent');
    } else if (typeof said !== 'object' || Array.isArray(said)) {
      voice.refuse(message, 'Presence track payload must be a map');
    } else if (Buffer.byteLength(text) > rest.settings().config.realtimeMaxMessageSize) {
      throw new Refusal('Track message size exceeded');
    } else if (!(await this.#askFor('presence'))) {
      voice.refuse(message, this.#mayNot());
    } else if (!this.#isOver) {
      await appears();
      await presence.track(member, place, key, text);
      voice.answer(message, 'ok', NOTHING);
    }
  }

  async #askFor(extension: Extension): Promise<boolean> {
    const { place, context } = this.#speaker;
    if (!place.private) return true;
    this.#may[extension] ??= await context.authorizer.maySend(this.#identity, place.topic, extension);
    return this.#may[extension] ?? false;
  }

  #mayNot(): string {
    return `Unauthorized: You do not have permissions to write to this Channel topic: ${this.#speaker.place.topic}`;
  }

  #broadcastOf({ payload: sent, binary }: ClientMessage): Broadcast {
    const common = { ...this.#speaker.place, id: null, replayed: false };
    if (binary !== null) return { ...common, ...binary, whole: null };
    const { type, event, payload, ...more } = sent;
    const isPlain =
      (type === undefined || type === 'broadcast') &&
      typeof event === 'string' &&
      payload !== undefined &&
      Object.keys(more).length === 0;
    return {
      ...common,
      event: typeof event === 'string' ? event : '',
      payload: JSON.stringify(payload ?? null),
      whole: isPlain ? null : JSON.stringify(sent),
    };
  }
}
