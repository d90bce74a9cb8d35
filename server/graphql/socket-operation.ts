/** An operation of a connection by WebSocket: its results as messages, one at a time. */
import type { WebSocket } from 'ws';
import type { ApiError } from '../errors/error.ts';
import { errorOf, type Outcome } from './answer.ts';

const END = Buffer.from('}');

/** The errors of an outcome, as JSON. */
const errorsOf = ({ body }: Outcome): string =>
  JSON.stringify((JSON.parse(body.toString()) as { errors?: unknown }).errors ?? []);

export class OperationChannel {
  readonly id: string;
  readonly #client: WebSocket;
  readonly #ended: () => void;
  readonly #name: string;
  #waiting: Buffer | null = null;
  /** What is sent when no result waits any more. */
  #last: string | null = null;
  #isSending = false;
  #isOver = false;
  #leave: (() => void) | null = null;

  constructor(client: WebSocket, id: string, ended: () => void) {
    this.id = id;
    this.#client = client;
    this.#ended = ended;
    this.#name = JSON.stringify(id);
  }

  /** What is to be done when the client wants no more; at once where it does not any more. */
  onLeave(leave: () => void): void {
    if (this.#isOver) leave();
    else this.#leave = leave;
  }

  /** The client wants no more. */
  leave(): void {
    this.#isOver = true;
    this.#waiting = null;
    const leave = this.#leave;
    this.#leave = null;
    leave?.();
  }

  /** Sends a result, in the place of one that still waits. */
  send(result: Buffer): void {
    if (this.#isOver) return;
    this.#waiting = result;
    this.#flush();
  }

  /** Sends the one result of an operation; what was not run at all is an error. */
  finish(outcome: Outcome): void {
    if (outcome.status !== 200) {
      this.fail(outcome);
      return;
    }
    this.send(outcome.body);
    this.#end(`{"id":${this.#name},"type":"complete"}`);
  }

  /** Ends the operation with the errors of an outcome. */
  fail(outcome: Outcome): void {
    this.#end(`{"id":${this.#name},"type":"error","payload":${errorsOf(outcome)}}`);
  }

  /** Ends it with an error that concerns the request as a whole. */
  refuse(error: ApiError): Outcome {
    const outcome = errorOf(error);
    this.fail(outcome);
    return outcome;
  }

  #end(last: string): void {
    if (this.#isOver) return;
    this.#last ??= last;
    this.#leave = null;
    this.#flush();
  }

  #flush(): void {
    if (this.#isOver || this.#isSending) return;
    if (this.#waiting !== null) {
      const result = this.#waiting;
      this.#waiting = null;
      this.#isSending = true;
      const head = Buffer.from(`{"id":${this.#name},"type":"next","payload":`);
      this.#client.send(Buffer.concat([head, result, END]), { binary: false }, () => {
        this.#isSending = false;
        this.#flush();
      });
    } else if (this.#last !== null) {
      this.#isOver = true;
      this.#client.send(this.#last);
      this.#ended();
    }
  }
}
