/**
 * What the server says to one member of a channel.
 */
import { type Frames, wireTopic } from '../frames.ts';
import { type ClientMessage, reasonOf, type ServerMessage } from './protocol.ts';

/** What carries it. */
export interface Carrier {
  readonly send: (message: ServerMessage) => void;
  readonly sendFrames: (frames: Frames) => void;
}

/** The text of an empty object. */
export const NOTHING = '{}';

export class Voice {
  readonly #carrier: Carrier;
  readonly #topic: string;
  readonly #joinRef: string | null;
  #isSilent = false;

  constructor(carrier: Carrier, topic: string, joinRef: string | null) {
    this.#carrier = carrier;
    this.#topic = topic;
    this.#joinRef = joinRef;
  }

  /** Nothing more is said. */
  silence(): void {
    this.#isSilent = true;
  }

  /** Answers a message that wants an answer; the response is the text of an object. */
  answer({ ref }: Pick<ClientMessage, 'ref'>, status: 'ok' | 'error', response: string): void {
    if (ref !== null) this.#send('phx_reply', ref, `{"status":"${status}","response":${response}}`);
  }

  refuse(message: Pick<ClientMessage, 'ref'>, reason: string): void {
    this.answer(message, 'error', reasonOf(reason));
  }

  /** Says something unasked; the payload is the text of an object. */
  push(event: string, payload: string): void {
    // Phoenix names the join where a channel ends
    const ref = event === 'phx_close' || event === 'phx_error' ? this.#joinRef : null;
    this.#send(event, ref, payload);
  }

  /** Says how the channel fares. */
  system(extension: 'system' | 'postgres_changes', status: 'ok' | 'error', message: string): void {
    this.push('system', JSON.stringify({ extension, status, message, channel: this.#topic }));
  }

  frames(frames: Frames): void {
    if (!this.#isSilent) this.#carrier.sendFrames(frames);
  }

  #send(event: string, ref: string | null, payload: string): void {
    if (this.#isSilent) return;
    this.#carrier.send({ joinRef: this.#joinRef, ref, topic: wireTopic(this.#topic), event, payload });
  }
}
